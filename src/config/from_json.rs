//! JSON text into a [`Node`] tree that knows its lines.
//!
//! serde_json keeps neither lines nor duplicate keys, so this is a small reader of our own. It goes on
//! after a mistake, and takes three things strict JSON does not, because hand-written samples have
//! them: text in single quotes, a comma after the last item, and `//` comments. It never panics and
//! never nests deeper than [`DEPTH`].

use super::from_toml::Lines;
use super::mistakes::Mistake;
use super::node::{Entry, Node, Origin, Value, short};

/// Deeper nesting than this is refused.
const DEPTH: usize = 64;
/// After so many syntax mistakes the rest of the file is not looked at.
const ENOUGH: usize = 20;

/// Reads what can be read; every syntax error is in the list.
pub(crate) fn read(text: &str, file: &Origin) -> (Vec<Entry>, Vec<Mistake>) {
    let mut reader = Reader {
        text,
        at: 0,
        lines: Lines::new(text),
        file,
        mistakes: Vec::new(),
        ended: false,
        path: Vec::new(),
    };
    reader.space();
    let entries = if reader.peek() == Some('{') {
        reader.object(0)
    } else {
        reader.wrong("does not begin with `{`", "write the whole configuration as one object `{ … }`");
        return (Vec::new(), reader.mistakes);
    };
    reader.space();
    if reader.peek().is_some() && reader.mistakes.is_empty() {
        reader.wrong("goes on after its closing `}`", "keep one object in the file");
    }
    (entries, reader.mistakes)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    lines: Lines,
    file: &'a Origin,
    mistakes: Vec<Mistake>,
    /// The end came too early and that has been said.
    ended: bool,
    /// The keys of the objects we are in.
    path: Vec<String>,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.bump();
        }
        found
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> String {
        let taken: String = self.rest().chars().take_while(|c| keep(*c)).collect();
        self.at += taken.len();
        taken
    }

    fn space(&mut self) {
        loop {
            self.take_while(char::is_whitespace);
            if !self.rest().starts_with("//") {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }

    fn here(&self) -> Origin {
        self.file.at(self.lines.of(self.at.min(self.text.len().saturating_sub(1))))
    }

    fn wrong(&mut self, wrong: impl Into<String>, right: &str) {
        let here = self.here();
        self.wrong_at(&here, wrong, right);
    }

    /// The key of a mistake in the syntax is the one whose value we are in.
    fn wrong_at(&mut self, at: &Origin, wrong: impl Into<String>, right: &str) {
        self.mistakes.push(Mistake::new(at, &self.path.join("."), wrong, right));
    }

    fn too_early(&mut self, wrong: &str, right: &str) {
        if !std::mem::replace(&mut self.ended, true) {
            self.wrong(wrong, right);
        }
    }

    fn hopeless(&self) -> bool {
        self.mistakes.len() >= ENOUGH
    }

    fn object(&mut self, depth: usize) -> Vec<Entry> {
        self.eat('{');
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            self.space();
            match self.peek() {
                None => {
                    self.too_early("ends inside an object", "close every `{` with `}`");
                    return entries;
                }
                Some('}') => {
                    self.bump();
                    return entries;
                }
                Some(_) if self.hopeless() => return entries,
                Some(_) => {}
            }
            let at = self.here();
            let Some(key) = self.key() else {
                self.wrong("has something else where a key should be", "write `\"key\": value`");
                self.skip();
                self.eat(',');
                continue;
            };
            self.space();
            if !self.eat(':') {
                let wrong = format!("has no `:` after the key `{}`", short(&key));
                self.wrong(wrong, "write `\"key\": value`");
                self.skip();
                self.eat(',');
                continue;
            }
            self.path.push(key.clone());
            let node = self.node(depth);
            let full = self.path.join(".");
            self.path.pop();
            if entries.iter().any(|entry| entry.key == key) {
                self.mistakes.push(Mistake::new(&at, &full, "is given twice", "keep one of the two"));
            } else {
                entries.push(Entry { key, at, node });
            }
            self.comma('}');
        }
    }

    /// What stands between two items: a comma, or the end.
    fn comma(&mut self, end: char) {
        let line = self.here();
        self.space();
        if self.eat(',') || self.peek() == Some(end) || self.peek().is_none() {
            return;
        }
        self.wrong_at(&line, "has no comma after a value", "write a comma between items");
        if matches!(self.peek(), Some('}' | ']' | ':')) {
            self.bump(); // the wrong closing sign: passing it is what moves us on
        }
    }

    fn key(&mut self) -> Option<String> {
        match self.peek()? {
            '"' | '\'' => self.string(),
            c if c.is_alphanumeric() || c == '_' => {
                let key = self.take_while(|c| c.is_alphanumeric() || c == '_' || c == '-');
                let wrong = format!("has the key `{}` without quotes", short(&key));
                self.wrong(wrong, &format!("write `\"{}\"`", short(&key)));
                Some(key)
            }
            _ => None,
        }
    }

    fn node(&mut self, depth: usize) -> Node {
        self.space();
        let origin = self.here();
        let value = self.value(depth);
        Node { value, origin }
    }

    fn value(&mut self, depth: usize) -> Value {
        if depth >= DEPTH {
            self.too_early("nests too deeply", "keep to 64 levels");
            self.at = self.text.len();
            return Value::Null;
        }
        match self.peek() {
            Some('{') => Value::Table(self.object(depth + 1)),
            Some('[') => Value::List(self.list(depth + 1)),
            Some('"' | '\'') => self.string().map_or(Value::Null, Value::Text),
            _ => self.word(),
        }
    }

    fn list(&mut self, depth: usize) -> Vec<Node> {
        self.eat('[');
        let mut items = Vec::new();
        loop {
            self.space();
            match self.peek() {
                None => {
                    self.too_early("ends inside a list", "close every `[` with `]`");
                    return items;
                }
                Some(']') => {
                    self.bump();
                    return items;
                }
                Some(_) if self.hopeless() => return items,
                Some(_) => {}
            }
            items.push(self.node(depth));
            self.comma(']');
        }
    }

    /// A number, a truth value, null, or a bare word that is none of these.
    fn word(&mut self) -> Value {
        let start = self.here();
        let word = self.take_while(|c| !c.is_whitespace() && !",:[]{}\"'".contains(c));
        match word.as_str() {
            "true" => return Value::Bool(true),
            "false" => return Value::Bool(false),
            "null" => return Value::Null,
            _ => {}
        }
        let is_number = serde_json::from_str::<serde_json::Number>(&word).is_ok();
        if let Ok(int) = word.parse::<i64>()
            && is_number
        {
            return Value::Int(int);
        }
        match word.parse::<f64>() {
            Ok(float) if is_number && word.contains(['.', 'e', 'E']) => return Value::Float(float),
            Ok(_) if is_number => return Value::Odd(word),
            _ => {}
        }
        let wrong = if word.is_empty() {
            "has no value where one should be".to_owned()
        } else {
            format!("has the bare word `{}`", short(&word))
        };
        self.wrong_at(&start, wrong, "write a text in quotes, a number, true or false");
        if word.is_empty() && !matches!(self.peek(), Some(',' | '}' | ']')) {
            self.bump();
        }
        Value::Null
    }

    fn string(&mut self) -> Option<String> {
        let start = self.here();
        let quote = self.bump()?;
        let mut out = String::new();
        loop {
            match self.bump() {
                Some(c) if c == quote => return Some(out),
                Some('\\') => match self.escape() {
                    Some(c) => out.push(c),
                    None => self.wrong("has an unknown escape in a text", "use \\\" \\\\ \\n \\t or \\uXXXX"),
                },
                Some('\n') | None => {
                    self.wrong_at(
                        &start,
                        "has a text that does not end",
                        "close the quotes on the same line",
                    );
                    return Some(out);
                }
                Some(c) => out.push(c),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        match self.bump()? {
            'n' => Some('\n'),
            't' => Some('\t'),
            'r' => Some('\r'),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'u' => {
                let high = self.hex4()?;
                if (0xD800..0xDC00).contains(&high) && self.rest().starts_with("\\u") {
                    self.at += 2;
                    let low = self.hex4()?;
                    return char::decode_utf16([high, low]).next()?.ok();
                }
                char::from_u32(u32::from(high))
            }
            c @ ('"' | '\'' | '\\' | '/') => Some(c),
            _ => None,
        }
    }

    fn hex4(&mut self) -> Option<u16> {
        let digits = self.rest().get(..4)?;
        let value = u16::from_str_radix(digits, 16).ok()?;
        self.at += 4;
        Some(value)
    }

    /// Passes over what cannot be read, up to something that ends an item.
    fn skip(&mut self) {
        let skipped = self.take_while(|c| !",}]\n".contains(c));
        if skipped.is_empty() && matches!(self.peek(), Some(']' | '\n')) {
            self.bump();
        }
    }
}
