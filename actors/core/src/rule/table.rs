//! Reads a TOML table key by key, remembers what nobody asked for, and keeps every mistake.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::RuleError;

/// Where mistakes of one file go.
pub(super) struct Mistakes<'f> {
    pub file: &'f str,
    pub text: &'f str,
    pub found: Vec<RuleError>,
}

impl Mistakes<'_> {
    /// The line (from 1) of a byte offset.
    pub fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        1 + before.iter().filter(|&&byte| byte == b'\n').count()
    }

    pub fn add(&mut self, at: usize, key: &str, sentence: impl Into<String>) {
        let line = self.line(at);
        self.found.push(RuleError {
            file: self.file.to_owned(),
            line,
            key: key.to_owned(),
            sentence: sentence.into(),
        });
    }
}

/// A table that is being read; `name` is what messages call it (`rule`, `rule.conditions`).
pub(super) struct Table<'t> {
    name: String,
    span: Range<usize>,
    table: &'t DeTable<'t>,
    known: Vec<&'static str>,
}

/// A value with the offset at which it stands.
pub(super) type At<T> = (T, usize);

impl<'t> Table<'t> {
    pub fn new(name: impl Into<String>, span: Range<usize>, table: &'t DeTable<'t>) -> Self {
        Self { name: name.into(), span, table, known: Vec::new() }
    }

    /// Where the table begins.
    pub fn at(&self) -> usize {
        self.span.start
    }

    pub fn key(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    fn get(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.table.get(key)
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str, out: &mut Mistakes<'_>) {
        let sentence = format!("this is {}, and {wanted} is wanted", kind(value.get_ref()));
        out.add(value.span().start, &self.key(key), sentence);
    }

    /// Whether the key is there, right or wrong.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A text that may be missing.
    pub fn text(&mut self, key: &'static str, out: &mut Mistakes<'_>) -> Option<At<String>> {
        let value = self.get(key)?;
        match value.get_ref().as_str() {
            Some(text) => Some((text.to_owned(), value.span().start)),
            None => {
                self.wrong(key, value, "a text in quotes", out);
                None
            }
        }
    }

    /// A text that must be there and must say something.
    pub fn needed(&mut self, key: &'static str, out: &mut Mistakes<'_>) -> Option<At<String>> {
        if self.table.get(key).is_none() {
            self.known.push(key);
            out.add(self.at(), &self.key(key), format!("`{key}` is missing"));
            return None;
        }
        let (text, at) = self.text(key, out)?;
        if text.trim().is_empty() {
            out.add(at, &self.key(key), format!("`{key}` says nothing"));
            return None;
        }
        Some((text, at))
    }

    /// A whole number from `least` up; `None` if it is missing or wrong.
    pub fn number(&mut self, key: &'static str, least: u64, out: &mut Mistakes<'_>) -> Option<u64> {
        let value = self.get(key)?;
        let number =
            value.get_ref().as_integer().and_then(|i| i64::from_str_radix(i.as_str(), i.radix()).ok());
        match number.and_then(|n| u64::try_from(n).ok()).filter(|&n| n >= least) {
            Some(number) => Some(number),
            None => {
                let wanted = format!("a whole number from {least} up");
                match number {
                    Some(n) => out.add(value.span().start, &self.key(key), format!("{n} is not {wanted}")),
                    None => self.wrong(key, value, &wanted, out),
                }
                None
            }
        }
    }

    /// Yes or no.
    pub fn flag(&mut self, key: &'static str, out: &mut Mistakes<'_>) -> Option<bool> {
        let value = self.get(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong(key, value, "true or false", out);
        }
        flag
    }

    /// A date as TOML writes it, or in quotes; as text.
    pub fn date(&mut self, key: &'static str, out: &mut Mistakes<'_>) -> Option<At<String>> {
        let Some(value) = self.get(key) else {
            out.add(self.at(), &self.key(key), format!("`{key}` is missing"));
            return None;
        };
        let text = match value.get_ref() {
            DeValue::Datetime(date) => date.to_string(),
            DeValue::String(text) => text.to_string(),
            _ => {
                self.wrong(key, value, "a date like 2026-11-22", out);
                return None;
            }
        };
        Some((text, value.span().start))
    }

    /// A list of texts, or one text; empty if it is missing.
    pub fn texts(&mut self, key: &'static str, out: &mut Mistakes<'_>) -> Vec<At<String>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        if let Some(text) = value.get_ref().as_str() {
            return vec![(text.to_owned(), value.span().start)];
        }
        let Some(list) = value.get_ref().as_array() else {
            self.wrong(key, value, "a list of texts", out);
            return Vec::new();
        };
        if list.is_empty() {
            out.add(value.span().start, &self.key(key), "an empty list says nothing; leave the key out");
        }
        let mut texts = Vec::new();
        for item in list.iter() {
            match item.get_ref().as_str() {
                Some(text) => texts.push((text.to_owned(), item.span().start)),
                None => self.wrong(key, item, "a text in quotes", out),
            }
        }
        texts
    }

    /// A table of texts, as pairs.
    pub fn pairs(&mut self, key: &'static str, out: &mut Mistakes<'_>) -> Vec<(String, At<String>)> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(key, value, "a table of texts", out);
            return Vec::new();
        };
        let mut pairs = Vec::new();
        for (name, item) in table.iter() {
            match item.get_ref().as_str() {
                Some(text) => pairs.push((name.get_ref().to_string(), (text.to_owned(), item.span().start))),
                None => self.wrong(key, item, "a text in quotes", out),
            }
        }
        pairs
    }

    /// All that stands in the table, each a list of texts or one text; the names are the file's own.
    pub fn lists(&self, out: &mut Mistakes<'_>) -> Vec<(String, Vec<At<String>>)> {
        let mut lists = Vec::new();
        for (name, value) in self.table.iter() {
            let key: &str = name.get_ref();
            let items = match value.get_ref() {
                DeValue::Array(list) => list.iter().collect(),
                _ => vec![value],
            };
            if items.is_empty() {
                out.add(value.span().start, &self.key(key), "an empty list says nothing; leave the key out");
            }
            let mut texts = Vec::new();
            for item in items {
                match item.get_ref().as_str() {
                    Some(text) => texts.push((text.to_owned(), item.span().start)),
                    None => self.wrong(key, item, "a text in quotes", out),
                }
            }
            lists.push((key.to_owned(), texts));
        }
        lists
    }

    /// A table in this one.
    pub fn table(&mut self, key: &'static str, out: &mut Mistakes<'_>) -> Option<Table<'t>> {
        let value = self.get(key)?;
        match value.get_ref().as_table() {
            Some(table) => Some(Table::new(self.key(key), value.span(), table)),
            None => {
                self.wrong(key, value, "a table", out);
                None
            }
        }
    }

    /// The tables of a `[[key]]`.
    pub fn tables(&mut self, key: &'static str, out: &mut Mistakes<'_>) -> Vec<Table<'t>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            self.wrong(key, value, &format!("a list of tables headed [[{key}]]"), out);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in list.iter() {
            match item.get_ref().as_table() {
                Some(table) => tables.push(Table::new(self.key(key), item.span(), table)),
                None => self.wrong(key, item, "a table", out),
            }
        }
        tables
    }

    /// Tells of every key that nobody asked for.
    pub fn end(self, out: &mut Mistakes<'_>) {
        for key in self.table.keys() {
            let text: &str = key.get_ref();
            if self.known.contains(&text) {
                continue;
            }
            let near = self.known.iter().min_by_key(|known| distance(known, text));
            let near = near.filter(|known| distance(known, text) <= 1 + text.len() / 3);
            let sentence = match near {
                Some(near) => format!("there is no key `{text}` here; did you mean `{near}`?"),
                None => format!("there is no key `{text}` here; the keys are {}", self.known.join(", ")),
            };
            out.add(key.span().start, &self.key(text), sentence);
        }
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Levenshtein's distance, in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut corner = i;
        let mut next = vec![left];
        for (y, &up) in b.iter().zip(row.iter().skip(1)) {
            left = (up + 1).min(left + 1).min(corner + usize::from(x != *y));
            corner = up;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn distances_are_levenshteins() {
        for (a, b, d) in
            [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("url", "urls", 1), ("ab", "ba", 2)]
        {
            assert_eq!((distance(a, b), distance(b, a)), (d, d), "{a} {b}");
        }
    }
}
