//! Which actors and kinds of message a trace is about.

/// `PATH` or `PATH:KIND`. In a path, `*` is one segment or a part of one, `**` any number of segments,
/// also none; in a kind, `*` is any run of letters. Nothing else is special.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    path: String,
    kind: Option<String>,
}

impl Pattern {
    /// `None` when there is no path, or nothing after the colon.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (path, kind) = match text.trim().split_once(':') {
            Some((path, kind)) => (path, Some(kind)),
            None => (text.trim(), None),
        };
        if path.split('/').any(str::is_empty) || kind.is_some_and(str::is_empty) {
            return None;
        }
        Some(Self { path: path.to_owned(), kind: kind.map(str::to_owned) })
    }

    pub(super) fn matches_path(&self, path: &str) -> bool {
        let pattern: Vec<&str> = self.path.split('/').collect();
        let path: Vec<&str> = path.split('/').collect();
        matches(&pattern, &path, |part| *part == "**", |part, segment| word(part, segment))
    }

    pub(super) fn matches_kind(&self, kind: &str) -> bool {
        self.kind.as_ref().is_none_or(|pattern| word(pattern, kind))
    }
}

fn word(pattern: &str, text: &str) -> bool {
    matches(pattern.as_bytes(), text.as_bytes(), |part| *part == b'*', |part, letter| part == letter)
}

/// The usual glob over any items, with one place to go back to: no pattern makes it slow.
fn matches<P, T>(
    pattern: &[P],
    text: &[T],
    is_any: impl Fn(&P) -> bool,
    fits: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while let Some(item) = text.get(seen) {
        match pattern.get(at) {
            Some(part) if is_any(part) => {
                at += 1;
                back = Some((at, seen));
            }
            Some(part) if fits(part, item) => {
                at += 1;
                seen += 1;
            }
            _ => match &mut back {
                Some((after, from)) => {
                    *from += 1;
                    (at, seen) = (*after, *from);
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(is_any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matches_what() {
        let table = [
            ("kernel", "kernel", true),
            ("kernel", "kernel/audit", false),
            ("kernel/audit", "kernel", false),
            ("kernel/*", "kernel/audit", true),
            ("kernel/*", "kernel", false),
            ("kernel/*", "kernel/a/b", false),
            ("*/audit", "kernel/audit", true),
            ("kernel/aud*", "kernel/audit", true),
            ("kernel/*d*t", "kernel/audit", true),
            ("kernel/*x", "kernel/audit", false),
            ("**", "root", true),
            ("**", "kernel/a/b", true),
            ("kernel/**", "kernel", true),
            ("kernel/**", "kernel/a/b", true),
            ("kernel/**", "kernels", false),
            ("**/b", "b", true),
            ("**/b", "kernel/a/b", true),
            ("**/b", "kernel/b/a", false),
            ("kernel/**/b", "kernel/b", true),
            ("kernel/**/b", "kernel/x/y/b", true),
            ("kernel/**/b/*", "kernel/x/b/b/z", true),
            ("kernel/a?", "kernel/ab", false),
        ];
        for (pattern, path, expected) in table {
            assert_eq!(Pattern::parse(pattern).unwrap().matches_path(path), expected, "{pattern} {path}");
        }
        for (pattern, kind, expected) in [
            ("**", "append", true),
            ("**:append", "append", true),
            ("**:append", "appended", false),
            ("**:app*", "appended", true),
            ("**:*", "append", true),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().matches_kind(kind), expected, "{pattern} {kind}");
        }
        for nothing in ["", " ", ":kind", "kernel:", "kernel//audit", "/kernel", "kernel/"] {
            assert_eq!(Pattern::parse(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn no_pattern_is_slow() {
        let pattern = format!("{}b", "*a".repeat(200));
        assert!(!Pattern::parse(&pattern).unwrap().matches_path(&"a".repeat(20_000)));
    }
}
