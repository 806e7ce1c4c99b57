//! The parts of Markdown that are no text of their own: code, pictures, targets and definitions.
//!
//! Pure. Each function looks at the beginning of what is left and says how many bytes it takes. Where a
//! page might show it or not, it is taken, so that less counts as seen.

use super::tags::decoded;

/// What stands in a code span or between fences, and the bytes of it with its marks.
pub(super) fn code(rest: &str) -> Option<(&str, usize)> {
    let marks = rest.len() - rest.trim_start_matches('`').len();
    let inner = rest.get(marks..)?;
    let mut from = 0;
    loop {
        let at = from + inner.get(from..)?.find('`')?;
        let run = inner.get(at..)?;
        let run = run.len() - run.trim_start_matches('`').len();
        if run == marks {
            let code = inner.get(..at)?;
            // A span ends with its paragraph, what is between fences does not.
            let ends = marks < 3 && code.lines().skip(1).any(|line| line.trim().is_empty());
            return (!ends).then_some((code, 2 * marks + at));
        }
        from = at + run;
    }
}

/// The longest name of a definition, in characters; CommonMark sets it.
const NAME_CHARS_MAX: usize = 999;
/// The longest text of a picture, or target with its title, that is looked through, in characters: one that
/// goes on takes all.
const TEXT_CHARS_MAX: usize = 5_000;

/// The bytes of `[…]` with its marks. Brackets within it nest, escaped ones do not count.
fn bracketed(rest: &str) -> Option<usize> {
    let (mut depth, mut escaped) = (0_usize, false);
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => depth += 1,
            ']' if depth == 1 => return Some(at + 1),
            ']' => depth = depth.checked_sub(1)?,
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// At most so many characters of a text.
fn first(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// The source of a picture `![alt](source)`, empty where another place names it (`![alt][name]`), and the
/// bytes of all of it.
pub(super) fn picture(rest: &str) -> Option<(String, usize)> {
    let inner = rest.get(1..)?;
    let Some(alt) = bracketed(first(inner, TEXT_CHARS_MAX)).map(|used| used + 1) else {
        let goes_on = first(inner, TEXT_CHARS_MAX).len() < inner.len();
        return goes_on.then(|| (String::new(), rest.len()));
    };
    let after = rest.get(alt..)?;
    if let Some((source, used)) = target(after) {
        return Some((source, alt + used));
    }
    let name = bracketed(first(after, NAME_CHARS_MAX));
    Some((String::new(), alt + name.unwrap_or(0)))
}

/// The target in `(target "title")`, and the bytes of all of it.
pub(super) fn target(rest: &str) -> Option<(String, usize)> {
    let all = rest.strip_prefix('(')?;
    let inner = first(all, TEXT_CHARS_MAX);
    let (mut depth, mut escaped) = (0_usize, false);
    let end = inner.find(|c: char| {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' if depth == 0 => return true,
            ')' => depth -= 1,
            _ => {}
        }
        false
    });
    // Brackets that do not close: what the first one closes is taken.
    match end.or_else(|| inner.find(')')) {
        Some(end) => Some((first_word(inner.get(..end)?), end + 2)),
        None => (inner.len() < all.len()).then(|| (first_word(inner), rest.len())),
    }
}

/// The target of a definition, `[name]: target "title"`, and the bytes of all of it. Both may stand on
/// lines of their own.
pub(super) fn definition(rest: &str) -> Option<(String, usize)> {
    let name = bracketed(first(rest, NAME_CHARS_MAX + 2))?;
    let inner = rest.get(name..)?.strip_prefix(':')?;
    let blank = |text: &str| text.len() - text.trim_start_matches([' ', '\t']).len();
    let mut from = blank(inner);
    if inner.get(from..)?.starts_with(['\n', '\r']) {
        from = inner.get(from..)?.find('\n').map_or(inner.len(), |at| from + at + 1);
    }
    let line =
        |from: usize| inner.get(from..).and_then(|rest| rest.find('\n')).map_or(inner.len(), |at| from + at);
    let mut end = line(from);
    let target = first_word(inner.get(from..end)?);
    let next = inner.get(end..)?.trim_start();
    if let Some(mark) = next.chars().next().filter(|mark| "\"'(".contains(*mark)) {
        let closes = if mark == '(' { ')' } else { mark };
        let title = next.get(1..)?.find(closes).map(|at| inner.len() - next.len() + 1 + at);
        end = title.map_or(end, line);
    }
    Some((target, name + 1 + end))
}

/// A target as it stands first in `text`, without its marks, escapes and entities.
fn first_word(text: &str) -> String {
    let text = text.trim();
    let word = match text.strip_prefix('<') {
        Some(inner) => inner.split('>').next(),
        None => text.split_whitespace().next(),
    };
    let mut out = String::new();
    let mut chars = word.unwrap_or_default().chars().peekable();
    while let Some(c) = chars.next() {
        let escape = c == '\\' && chars.peek().is_some_and(char::is_ascii_punctuation);
        out.extend(if escape { chars.next() } else { Some(c) });
    }
    decoded(&out)
}
