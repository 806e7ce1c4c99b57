//! Secrets that are looked for, in every clothing that a secret may wear on its way out.

use std::collections::BTreeSet;
use std::path::Path;

/// A secret of one field, known by no other text.
#[derive(Debug, Clone)]
pub struct Canary {
    /// Where it was put.
    pub name: String,
    /// It.
    pub text: String,
}

impl Canary {
    /// The canary of a field. Its text has signs that every encoding writes in its own way.
    pub fn of(name: &str) -> Self {
        let tail: u64 = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self { name: name.to_owned(), text: format!("CANARY/{tail:016x}+q=&z") }
    }

    /// One that the machine made.
    pub fn made(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.to_owned() }
    }

    /// Its forms: as it is, in hex, percent-encoded, escaped in JSON, and in base 64 wherever in a longer
    /// text it may stand (`user:secret`).
    fn forms(&self) -> Vec<(&'static str, Vec<u8>)> {
        let bytes = self.text.as_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let percent = |lower: bool| -> String {
            let one = |byte: &u8| match byte {
                byte if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) => {
                    char::from(*byte).to_string()
                }
                byte if lower => format!("%{byte:02x}"),
                byte => format!("%{byte:02X}"),
            };
            bytes.iter().map(one).collect()
        };
        let json = serde_json::to_string(&self.text).unwrap_or_default().trim_matches('"').to_owned();
        let mut forms = vec![
            ("plain", bytes.to_vec()),
            ("hex", hex.clone().into_bytes()),
            ("HEX", hex.to_uppercase().into_bytes()),
            ("percent", percent(false).into_bytes()),
            ("percent, lower", percent(true).into_bytes()),
            ("JSON", json.into_bytes()),
        ];
        for before in 0..3 {
            let all = base64(&[&vec![b'x'; before][..], bytes].concat());
            // The first and the last signs belong to the neighbours too.
            let from = [0, 2, 3].get(before).copied().unwrap_or(0);
            let inner = all.get(from..all.len() - 4).unwrap_or_default().to_owned();
            forms.push(("base 64", inner.clone().into_bytes()));
            forms.push(("base 64 for URLs", inner.replace('+', "-").replace('/', "_").into_bytes()));
        }
        forms
    }

    /// The form in which it stands in `bytes`, and the text before it.
    pub fn found_in(&self, bytes: &[u8]) -> Option<String> {
        Net::of(std::slice::from_ref(self)).catch(bytes).pop()
    }
}

/// All forms of all canaries, looked for in one pass: there are some hundreds of them, and megabytes to
/// look through.
struct Net<'a> {
    forms: Vec<(&'a Canary, &'static str, Vec<u8>)>,
    /// The forms by their first two bytes.
    begin: Vec<Vec<usize>>,
}

impl<'a> Net<'a> {
    fn of(canaries: &'a [Canary]) -> Self {
        let all =
            |canary: &'a Canary| canary.forms().into_iter().map(move |(form, text)| (canary, form, text));
        let forms: Vec<_> = canaries.iter().flat_map(all).collect();
        let mut begin = vec![Vec::new(); 1 << 16];
        for (place, (_, _, text)) in forms.iter().enumerate() {
            begin[usize::from(text[0]) << 8 | usize::from(text[1])].push(place);
        }
        Self { forms, begin }
    }

    /// Each canary that stands in `bytes`, once.
    fn catch(&self, bytes: &[u8]) -> Vec<String> {
        let (mut found, mut caught) = (Vec::new(), BTreeSet::new());
        let (mut two, mut at) = (0, 0);
        // A plain loop: in a build for tests an iterator costs more than what it looks at.
        while at < bytes.len() {
            two = (two << 8 | usize::from(bytes[at])) & 0xffff;
            if !self.begin[two].is_empty() && at > 0 {
                for (canary, form, text) in self.begin[two].iter().filter_map(|place| self.forms.get(*place))
                {
                    if bytes[at - 1..].starts_with(text) && caught.insert(&canary.name) {
                        let around = String::from_utf8_lossy(&bytes[(at - 1).saturating_sub(60)..at - 1]);
                        found.push(format!("{} as {form} after {around:?}", canary.name));
                    }
                }
            }
            at += 1;
        }
        found
    }
}

/// All canaries that stand in `bytes`.
pub fn leaks(canaries: &[Canary], place: &str, bytes: &[u8]) -> Vec<String> {
    Net::of(canaries).catch(bytes).into_iter().map(|found| format!("{place}: {found}")).collect()
}

/// The same for every file under a directory.
pub fn leaks_in_files(canaries: &[Canary], dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(leaks_in_files(canaries, &path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            found.extend(leaks(canaries, &path.display().to_string(), &bytes));
        }
    }
    found
}

pub fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let at = |n: usize| three.get(n).copied().map_or(0, u32::from);
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for n in 0..4 {
            let sign = SIGNS[(bits >> (18 - 6 * n) & 63) as usize];
            out.push(if n > three.len() { '=' } else { char::from(sign) });
        }
    }
    out
}
