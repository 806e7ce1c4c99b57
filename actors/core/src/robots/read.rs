//! The lines of a robots.txt: what its writers meant, mistakes included.

/// The longest line that is read; what lies beyond is cut off.
const LINE_BYTES_MAX: usize = 16 << 10;

/// A line that says something.
pub(super) enum Line {
    /// `User-agent`, in lower case: the letters, `_` and `-` that a product token is made of.
    Agent(String),
    /// `Allow` or `Disallow`.
    Rule {
        /// Which of the two.
        allow: bool,
        /// Its path as it stands; what is not UTF-8 is percent-encoded.
        path: String,
    },
}

/// The lines of a file that say something. A byte-order mark, whole or cut, is passed over.
pub(super) fn lines(file: &[u8]) -> impl Iterator<Item = Line> {
    let marks = [0xef, 0xbb, 0xbf];
    let mark = file.iter().zip(marks).take_while(|(byte, mark)| **byte == *mark).count();
    let file = file.get(mark..).unwrap_or_default();
    file.split(|byte| matches!(byte, b'\n' | b'\r')).filter_map(line)
}

fn line(bytes: &[u8]) -> Option<Line> {
    let bytes = bytes.get(..bytes.len().min(LINE_BYTES_MAX))?;
    let said = bytes.split(|byte| *byte == b'#').next()?.trim_ascii();
    let (key, value) = key_and_value(said)?;
    let key = key.to_ascii_lowercase();
    let is = |names: &[&str]| names.iter().any(|name| key.starts_with(name.as_bytes()));
    if is(&["user-agent", "useragent", "user agent"]) {
        return Some(Line::Agent(product(value)));
    }
    let allow = is(&["allow"]);
    // The misspellings that Google's own parser takes for it.
    let disallow = is(&["disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw"]);
    (allow || disallow).then(|| Line::Rule { allow, path: text(value) })
}

/// `key: value`. Who forgot the colon is understood where nothing but two words stand there.
fn key_and_value(said: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(at) = said.iter().position(|byte| *byte == b':') {
        let (key, value) = said.split_at(at);
        return Some((key.trim_ascii(), value.get(1..)?.trim_ascii()));
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let (key, value) = said.split_at(said.iter().position(blank)?);
    let value = value.trim_ascii();
    (!value.is_empty() && !value.iter().any(blank)).then_some((key, value))
}

/// The product token at the start of a value: `FooBot/1.2` and `Foo Bot` are `foobot` and `foo`.
fn product(value: &[u8]) -> String {
    if value.first() == Some(&b'*') && value.get(1).is_none_or(u8::is_ascii_whitespace) {
        return "*".to_owned();
    }
    let token = |byte: &&u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-');
    value.iter().take_while(token).map(|byte| char::from(byte.to_ascii_lowercase())).collect()
}

fn text(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => value.iter().fold(String::new(), |mut out, byte| {
            if byte.is_ascii() {
                out.push(char::from(*byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
            out
        }),
    }
}
