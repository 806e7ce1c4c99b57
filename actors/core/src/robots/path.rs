//! Paths and the patterns that are held against them: `*` is anything, a last `$` is the end.

use std::borrow::Cow;

/// How percent-encodings are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// As they stand, their hex digits in capitals; a rule's own non-ASCII is encoded.
    AsWritten,
    /// Those of unreserved signs are taken away first, on both sides (RFC 9309, 2.2.2).
    Decoded,
}

impl Reading {
    /// A request's path in this reading.
    pub(super) fn of_path(self, path: &str) -> Vec<u8> {
        match self {
            Reading::AsWritten => capitals(path.as_bytes()),
            Reading::Decoded => decoded(&capitals(encoded(path).as_bytes())),
        }
    }

    fn of_rule(self, path: &str) -> Vec<u8> {
        let written = capitals(encoded(path).as_bytes());
        match self {
            Reading::AsWritten => written,
            Reading::Decoded => decoded(&written),
        }
    }
}

/// What stands behind `Allow:` or `Disallow:`.
pub(super) struct Pattern {
    bytes: Vec<u8>,
    length: usize,
}

impl Pattern {
    pub(super) fn new(path: &str, reading: Reading) -> Self {
        let bytes = reading.of_rule(path);
        Self { length: bytes.len(), bytes }
    }

    /// How specific it is: its length in bytes. An empty one says nothing.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// For `…/index.htm…`: the folder alone, to its end.
    pub(super) fn folder(&self) -> Option<Self> {
        let slash = self.bytes.iter().rposition(|byte| *byte == b'/')?;
        let (folder, name) = self.bytes.split_at(slash + 1);
        name.starts_with(b"index.htm").then(|| {
            let bytes = [folder, b"$"].concat();
            Self { length: bytes.len(), bytes }
        })
    }

    /// Whether the path begins as the pattern says. In time of at most pattern × path, and without
    /// going back further than the last `*`.
    pub(super) fn matches(&self, path: &[u8]) -> bool {
        let (pattern, whole) = match self.bytes.split_last() {
            Some((b'$', rest)) => (rest, true),
            _ => (self.bytes.as_slice(), false),
        };
        let (mut at, mut want) = (0, 0);
        let mut last_star: Option<(usize, usize)> = None;
        loop {
            match (pattern.get(want), path.get(at)) {
                (None, None) => return true,
                (None, Some(_)) if !whole => return true,
                (Some(b'*'), _) => {
                    last_star = Some((want, at));
                    want += 1;
                    continue;
                }
                (Some(sign), Some(byte)) if sign == byte => {
                    (at, want) = (at + 1, want + 1);
                    continue;
                }
                _ => {}
            }
            // The last star takes one more sign, if there is one.
            match last_star {
                Some((star, from)) if from < path.len() => {
                    last_star = Some((star, from + 1));
                    (at, want) = (from + 1, star + 1);
                }
                _ => return false,
            }
        }
    }
}

/// What is not ASCII, percent-encoded.
fn encoded(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii() {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    Cow::Owned(out)
}

/// The two hex digits behind a `%`, in capitals.
fn capitals(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for at in 0..out.len() {
        if out.get(at) == Some(&b'%')
            && let Some(digits) = out.get_mut(at + 1..at + 3)
            && digits.iter().all(u8::is_ascii_hexdigit)
        {
            digits.make_ascii_uppercase();
        }
    }
    out
}

/// Encodings of unreserved signs (RFC 3986, 2.3) taken away; `%2F`, `%2A` and `%24` stay what they are.
fn decoded(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let sign = (*byte == b'%').then(|| bytes.get(at + 1..at + 3)).flatten().and_then(hex);
        match sign {
            Some(sign) if sign.is_ascii_alphanumeric() || b"-._~".contains(&sign) => {
                out.push(sign);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}

fn hex(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    u8::from_str_radix(text, 16).ok()
}
