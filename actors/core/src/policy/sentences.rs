//! A markup text as sentences, each with its line and the heading it stands under.
//!
//! Good enough for Markdown, reStructuredText and plain text: a heading, a list item, a table row and a
//! paragraph each end a sentence, as do `.`, `!` and `?` before a space. What stands in a fenced block of
//! code is an example and no rule, and is left out.

/// One sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sentence {
    /// As it stands, without the marks of the markup in front, in one line.
    pub(super) text: String,
    /// The line on which it begins, from 1.
    pub(super) line: u32,
    /// The headings above it, the nearest last; for a heading, those above it.
    pub(super) headings: Vec<String>,
    /// Whether it stands in a comment that a reader does not see.
    pub(super) hidden: bool,
    /// Whether it is a heading.
    pub(super) is_heading: bool,
}

/// A block of lines that belong together.
#[derive(Default)]
struct Block {
    text: String,
    /// Where in `text` each line begins, and its number.
    lines: Vec<(usize, u32)>,
    hidden: bool,
}

/// Reads a text to its end.
#[derive(Default)]
struct Reader {
    found: Vec<Sentence>,
    block: Block,
    /// Level and words of the headings in force.
    headings: Vec<(usize, String)>,
    /// The fence that closes the block of code we are in.
    fence: Option<&'static str>,
    in_comment: bool,
}

/// The sentences of `text`.
pub(super) fn sentences(text: &str) -> Vec<Sentence> {
    let mut reader = Reader::default();
    for (n, line) in text.lines().enumerate() {
        reader.take(line, u32::try_from(n + 1).unwrap_or(u32::MAX));
    }
    reader.end_block();
    reader.found
}

impl Reader {
    fn take(&mut self, line: &str, number: u32) {
        let trimmed = line.trim();
        if let Some(fence) = self.fence {
            if trimmed.starts_with(fence) {
                self.fence = None;
            }
            return;
        }
        let opens = ["```", "~~~"].into_iter().find(|fence| trimmed.starts_with(fence));
        if let (Some(fence), false) = (opens, self.in_comment) {
            self.end_block();
            self.fence = Some(fence);
            return;
        }
        self.take_parts(trimmed, number);
    }

    /// Splits a line where a comment begins or ends.
    fn take_parts(&mut self, line: &str, number: u32) {
        let mut rest = line;
        loop {
            let mark = if self.in_comment { "-->" } else { "<!--" };
            let Some((before, after)) = rest.split_once(mark) else { break };
            self.take_text(before, number);
            self.end_block();
            self.in_comment = !self.in_comment;
            rest = after;
        }
        self.take_text(rest, number);
    }

    fn take_text(&mut self, text: &str, number: u32) {
        let text = text.trim();
        if text.is_empty() || is_rule(text) {
            self.underlined(text);
            return self.end_block();
        }
        let bare = text.trim_start_matches(['>', ' ', '\t']);
        let level = bare.bytes().take_while(|b| *b == b'#').count();
        if (1..=6).contains(&level) && bare.as_bytes().get(level).is_none_or(|b| *b == b' ') {
            self.end_block();
            return self.heading(level, bare.get(level..).unwrap_or_default().trim(), number);
        }
        let item = after_bullet(bare);
        if item.is_some() || bare.starts_with('|') {
            self.end_block();
        }
        self.block.hidden = self.in_comment;
        let block = &mut self.block;
        if !block.text.is_empty() {
            block.text.push(' ');
        }
        block.lines.push((block.text.len(), number));
        block.text.push_str(item.unwrap_or(bare).trim());
    }

    /// A line of `===` or `---` under one line of text makes that a heading.
    fn underlined(&mut self, rule: &str) {
        let level = match rule.chars().next() {
            Some('=') => 1,
            Some('-' | '~' | '^') => 2,
            _ => return,
        };
        if let [(_, number)] = self.block.lines.as_slice() {
            let (number, text) = (*number, std::mem::take(&mut self.block.text));
            self.block = Block::default();
            self.heading(level, &text, number);
        }
    }

    fn heading(&mut self, level: usize, text: &str, line: u32) {
        self.headings.retain(|(other, _)| *other < level);
        let text = text.trim_end_matches('#').trim().to_owned();
        let headings = self.headings.iter().map(|(_, heading)| heading.clone()).collect();
        let hidden = self.in_comment;
        self.found.push(Sentence { text: text.clone(), line, headings, hidden, is_heading: true });
        if !hidden {
            self.headings.push((level, text));
        }
    }

    fn end_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        let headings: Vec<String> = self.headings.iter().map(|(_, heading)| heading.clone()).collect();
        for (from, to) in split(&block.text) {
            let text = block.text.get(from..to).unwrap_or_default();
            let skipped = text.len() - text.trim_start().len();
            if text.trim().is_empty() {
                continue;
            }
            let line = block.lines.iter().rfind(|(at, _)| *at <= from + skipped).map_or(1, |(_, line)| *line);
            let (text, hidden) = (text.trim().to_owned(), block.hidden);
            self.found.push(Sentence { text, line, headings: headings.clone(), hidden, is_heading: false });
        }
    }
}

/// `---`, `***`, `===`: a line of nothing else.
fn is_rule(text: &str) -> bool {
    let first = text.chars().next();
    text.len() >= 3
        && first.is_some_and(|c| "-=*_~^".contains(c))
        && text.chars().all(|c| Some(c) == first || c == ' ')
}

/// What follows the bullet or number of a list item.
fn after_bullet(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix(['-', '*', '+', '•']) {
        return rest.strip_prefix(' ').map(|rest| rest.trim_start_matches("[ ] ").trim_start_matches("[x] "));
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = text.get(digits..)?;
    if (1..=3).contains(&digits) { rest.strip_prefix(". ").or_else(|| rest.strip_prefix(") ")) } else { None }
}

/// Abbreviations whose dot ends no sentence.
const ABBREVIATIONS: [&str; 8] = ["e.g", "i.e", "etc", "vs", "cf", "a.k.a", "approx", "incl"];

/// Where the sentences of a block begin and end.
fn split(text: &str) -> Vec<(usize, usize)> {
    let mut ends = Vec::new();
    let mut from = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let ends_here = match c {
            '!' | '?' | '。' => true,
            '.' => {
                let word =
                    text.get(from..at).unwrap_or_default().rsplit([' ', '(']).next().unwrap_or_default();
                !ABBREVIATIONS.contains(&word.to_ascii_lowercase().as_str())
            }
            _ => false,
        };
        let after = chars.peek().map(|(_, next)| *next);
        let closes = after.is_none_or(|next| next.is_whitespace() || "*_\")”'".contains(next));
        if ends_here && closes {
            let to = at + c.len_utf8();
            ends.push((from, to));
            from = to;
        }
    }
    ends.push((from, text.len()));
    ends
}

/// Words that any English text of some length has.
const COMMON: [&str; 12] = ["the", "to", "and", "you", "a", "of", "is", "in", "please", "we", "for", "your"];

/// Whether the text reads like English: a text of a few words is taken for it.
pub(super) fn is_english(text: &str) -> bool {
    let mut words = 0_usize;
    let mut common = 0_usize;
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        words += 1;
        common += usize::from(COMMON.iter().any(|other| word.eq_ignore_ascii_case(other)));
    }
    let letters = text.chars().filter(|c| c.is_alphabetic());
    let (latin, all) =
        letters.fold((0_usize, 0_usize), |(latin, all), c| (latin + usize::from(c.is_ascii()), all + 1));
    (words < 20 || common * 20 >= words) && latin * 2 >= all
}
