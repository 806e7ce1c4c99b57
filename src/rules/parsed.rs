//! Rule files that are parsed once as long as they stay as they are.
//!
//! The files are read at each question, which is cheap, and compared with those parsed last: their names
//! and their bytes, so that not even a change within one tick of the file system's clock is missed. What
//! cannot be read or parsed is told each time, in one sentence.

use std::sync::{Arc, Mutex, PoisonError};

use mm_core::rule::RuleSet;
use mm_services::RuleSource;

/// The rules, or every mistake in them in one sentence.
pub type Parsed = Result<Arc<RuleSet>, String>;

/// Rule files: each one's name and text.
type Files = Vec<(String, String)>;

/// The rules that were parsed last, and from which files.
#[derive(Default)]
pub struct ParsedRules(Mutex<Option<(Files, Parsed)>>);

impl ParsedRules {
    /// The rules as they are in `source` now.
    ///
    /// # Errors
    /// Every mistake, or why the files cannot be read.
    pub fn of(&self, source: &dyn RuleSource) -> Parsed {
        let files = source.read()?;
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, parsed)) = last.as_ref().filter(|(before, _)| *before == files) {
            return parsed.clone();
        }
        let parsed = parse(&files);
        *last = Some((files, parsed.clone()));
        parsed
    }
}

/// The rules in these files.
///
/// # Errors
/// Every mistake.
pub fn parse(files: &[(String, String)]) -> Parsed {
    RuleSet::parse(files).map(Arc::new).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        lines.join("; ")
    })
}
