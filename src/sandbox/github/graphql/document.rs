//! A query as text: one operation, its fields, their arguments, fragments written in place. Whatever else GraphQL
//! has (named fragments, aliases, directives) is a mistake here.
//!
//! Touches nothing.

use serde_json::Value;

/// How deep a query may go.
const DEEP: usize = 12;

/// What an argument is given.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Argument {
    Variable(String),
    Value(Value),
}

/// A field, or a fragment written in place.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Field {
    pub(super) name: String,
    /// Only of this type.
    pub(super) on: Option<String>,
    pub(super) arguments: Vec<(String, Argument)>,
    pub(super) inner: Vec<Field>,
}

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document {
    pub(super) name: Option<String>,
    pub(super) fields: Vec<Field>,
}

struct Reader {
    tokens: Vec<String>,
    at: usize,
}

impl Document {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { tokens: tokens(text), at: 0 };
        let mut name = None;
        match reader.next().as_deref() {
            Some("{") => reader.at = 0,
            Some("query") => {
                if reader.peek().is_some_and(is_name) {
                    name = reader.next();
                }
                if reader.peek() == Some("(") {
                    while reader.next().ok_or("Expected )")? != ")" {}
                }
            }
            other => return Err(format!("Expected a query, actual: {}", other.unwrap_or("nothing"))),
        }
        let fields = reader.fields(0)?;
        match reader.next() {
            None => Ok(Self { name, fields }),
            Some(more) => Err(format!("Expected one query, actual: {more}")),
        }
    }
}

impl Reader {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.at).map(String::as_str)
    }

    fn next(&mut self) -> Option<String> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn expect(&mut self, wanted: &str) -> Result<(), String> {
        match self.next() {
            Some(token) if token == wanted => Ok(()),
            other => Err(format!("Expected {wanted}, actual: {}", other.as_deref().unwrap_or("nothing"))),
        }
    }

    fn name(&mut self) -> Result<String, String> {
        let token = self.next().unwrap_or_default();
        if is_name(&token) { Ok(token) } else { Err(format!("Expected a name, actual: {token}")) }
    }

    fn fields(&mut self, depth: usize) -> Result<Vec<Field>, String> {
        if depth > DEEP {
            return Err(format!("Query has a depth over {DEEP}"));
        }
        self.expect("{")?;
        let mut fields = Vec::new();
        while self.peek() != Some("}") {
            fields.push(self.field(depth)?);
        }
        self.expect("}")?;
        Ok(fields)
    }

    fn field(&mut self, depth: usize) -> Result<Field, String> {
        if self.peek() == Some("...") {
            self.expect("...")?;
            self.expect("on")?;
            let on = Some(self.name()?);
            return Ok(Field { on, inner: self.fields(depth + 1)?, ..Field::default() });
        }
        let mut field = Field { name: self.name()?, ..Field::default() };
        if self.peek() == Some("(") {
            self.expect("(")?;
            while self.peek() != Some(")") {
                let name = self.name()?;
                self.expect(":")?;
                field.arguments.push((name, self.argument()?));
            }
            self.expect(")")?;
        }
        if self.peek() == Some("{") {
            field.inner = self.fields(depth + 1)?;
        }
        Ok(field)
    }

    fn argument(&mut self) -> Result<Argument, String> {
        let token = self.next().ok_or("Expected a value")?;
        if let Some(name) = token.strip_prefix('$') {
            return Ok(Argument::Variable(name.to_owned()));
        }
        // A word such as `ALL` is an enum's; numbers, texts and truths are as in JSON.
        let value = serde_json::from_str(&token).or_else(|_| {
            if is_name(&token) {
                Ok(Value::String(token.clone()))
            } else {
                Err(format!("Expected a value, actual: {token}"))
            }
        })?;
        Ok(Argument::Value(value))
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let mut token = String::from(c);
        match c {
            _ if c.is_whitespace() || c == ',' => continue,
            '#' => {
                while chars.next_if(|c| *c != '\n').is_some() {}
                continue;
            }
            '"' => {
                let mut escaped = false;
                for c in chars.by_ref() {
                    token.push(c);
                    if c == '"' && !escaped {
                        break;
                    }
                    escaped = c == '\\' && !escaped;
                }
            }
            '.' => {
                while let Some(dot) = chars.next_if_eq(&'.') {
                    token.push(dot);
                }
            }
            _ if c == '$' || c == '-' || c == '_' || c.is_ascii_alphanumeric() => {
                while let Some(c) = chars.next_if(|c| *c == '_' || *c == '.' || c.is_ascii_alphanumeric()) {
                    token.push(c);
                }
            }
            _ => {}
        }
        tokens.push(token);
    }
    tokens
}
