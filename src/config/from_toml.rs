//! TOML text into a [`Node`] tree. A syntax error does not hide the ones after it.

use toml::de::{DeTable, DeValue};

use super::mistakes::Mistake;
use super::node::{Entry, Node, Origin, Value};

/// So many syntax errors of one file are told; a file with more is probably no TOML at all.
const ENOUGH: usize = 20;

/// Reads what can be read; every syntax error is in the list.
pub(crate) fn read(text: &str, file: &Origin) -> (Vec<Entry>, Vec<Mistake>) {
    let lines = Lines::new(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    let mistakes = errors
        .iter()
        .take(ENOUGH)
        .map(|error| {
            let line = error.span().map_or(0, |span| lines.of(span.start));
            let wrong = error.message().lines().collect::<Vec<_>>().join(", ");
            let key = lines.key_on(text, line);
            let (wrong, right) = match wrong.as_str() {
                "duplicate key" => ("is given twice".to_owned(), "keep one of the two"),
                quotes if quotes.starts_with("string values must be quoted") => {
                    ("has a text without quotes".to_owned(), "put \"…\" around it")
                }
                _ => (format!("does not read as TOML: {wrong}"), "write `key = value` under a `[section]`"),
            };
            Mistake::new(&file.at(line), &key, wrong, right)
        })
        .collect();
    (entries(table.get_ref(), file, &lines), mistakes)
}

fn entries(table: &DeTable<'_>, file: &Origin, lines: &Lines) -> Vec<Entry> {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            at: file.at(lines.of(key.span().start)),
            node: Node {
                value: convert(value.get_ref(), file, lines),
                origin: file.at(lines.of(value.span().start)),
            },
        })
        .collect();
    entries.sort_by_key(|entry| entry.at.line());
    entries
}

fn convert(value: &DeValue<'_>, file: &Origin, lines: &Lines) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(truth) => Value::Bool(*truth),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(int) => Value::Int(int),
            Err(_) => Value::Odd(number.to_string()),
        },
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(float) if float.is_finite() => Value::Float(float),
            _ => Value::Odd(number.to_string()),
        },
        DeValue::Datetime(date) => Value::Odd(date.to_string()),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| Node {
                    value: convert(item.get_ref(), file, lines),
                    origin: file.at(lines.of(item.span().start)),
                })
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(entries(table, file, lines)),
    }
}

/// From byte offsets to lines.
pub(crate) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub fn new(text: &str) -> Lines {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Lines { starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// The line, counted from 1, that holds the byte at `offset`.
    pub fn of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// The dotted key a line seems to be about, to name it in a message about its syntax.
    fn key_on(&self, text: &str, line: usize) -> String {
        let header = |line: &str| {
            Some(line.trim().strip_prefix('[')?.split(']').next()?.trim_matches('[').trim().to_owned())
        };
        let lines: Vec<&str> = text.lines().take(line).collect();
        let Some((last, above)) = lines.split_last() else { return String::new() };
        let key = match (header(last), last.split_once('=')) {
            (Some(section), _) => section,
            (None, Some((key, _))) => {
                let section = above.iter().rev().find_map(|line| header(line)).unwrap_or_default();
                super::walk::join(&section, key.trim())
            }
            (None, None) => String::new(),
        };
        let bare = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if key.chars().all(bare) { key } else { String::new() }
    }
}
