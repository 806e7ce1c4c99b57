//! What is wrong in a rule file, and where.

use std::fmt;

/// A mistake in a rule file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleError {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The key, with the tables it stands in: `rule.conditions.url`.
    pub key: String,
    /// What is wrong and what would be right.
    pub sentence: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.key, self.sentence)
    }
}

impl std::error::Error for RuleError {}
