//! Rule files that a test can change while the machine runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{HOST, PLATFORM};
use crate::shared::RuleSource;

#[derive(Debug, Default, Clone)]
struct Inner {
    files: BTreeMap<String, String>,
    stamp: u64,
    unreadable: Option<String>,
    /// Called whenever the stamp is asked for: after so many more questions the files change.
    later: Option<(u32, BTreeMap<String, String>)>,
}

/// The rule files. Clones are the same ones.
#[derive(Debug, Clone, Default)]
pub struct RuleFiles(Arc<Mutex<Inner>>);

impl RuleFiles {
    /// Writes a file.
    pub fn put(&self, name: &str, text: &str) {
        let mut inner = self.lock();
        inner.files.insert(name.to_owned(), text.to_owned());
        inner.stamp += 1;
    }

    /// Removes a file.
    pub fn remove(&self, name: &str) {
        let mut inner = self.lock();
        inner.files.remove(name);
        inner.stamp += 1;
    }

    /// Makes the files unreadable, with this sentence, or readable again.
    pub fn unreadable(&self, why: Option<&str>) {
        let mut inner = self.lock();
        inner.unreadable = why.map(str::to_owned);
        inner.stamp += 1;
    }

    /// Replaces a file after compliance has looked `looks` more times.
    pub fn put_after(&self, looks: u32, name: &str, text: &str) {
        let mut inner = self.lock();
        let mut files = inner.files.clone();
        files.insert(name.to_owned(), text.to_owned());
        inner.later = Some((looks, files));
    }

    pub(super) fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.lock().clone())))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RuleSource for RuleFiles {
    fn stamp(&self) -> u64 {
        let mut inner = self.lock();
        match inner.later.take() {
            Some((0, files)) => {
                inner.files = files;
                inner.stamp += 1;
            }
            Some((looks, files)) => inner.later = Some((looks - 1, files)),
            None => {}
        }
        inner.stamp
    }

    fn read(&self) -> Result<Vec<(String, String)>, String> {
        let inner = self.lock();
        match &inner.unreadable {
            Some(why) => Err(why.clone()),
            None => Ok(inner.files.iter().map(|(name, text)| (name.clone(), text.clone())).collect()),
        }
    }

    fn place(&self) -> String {
        "etc/rules".to_owned()
    }
}

/// A pack for [`PLATFORM`]: reads of [`HOST`] and posts to its `/post` are permitted, `ask` is asked (reads
/// of everything, posts to `/ask`),
/// and at most `max` acts in `per` are done.
pub fn pack(max: u32, per: &str) -> String {
    let rule = |id: &str, action: &str, verdict: &str, method: &str, path: &str| {
        format!(
            r#"
[[rule]]
id = "{PLATFORM}/{id}"
action = "{action}"
verdict = "{verdict}"
reason = "made for a test"
source = "https://{HOST}/terms"
clause = "you may"
certainty = "primary"
reviewed = 2026-11-22
[rule.conditions]
method = ["{method}"]
url = ["https://{HOST}/{path}*"]
[rule.obligations]
user_agent = "money-machine-test"
"#
        )
    };
    [
        format!(
            "[pack]\nplatform = \"{PLATFORM}\"\nversion = 1\nhosts = [\"{HOST}\", \"other.{HOST}\"]\nabout = \"a test\"\n"
        ),
        rule("read", "read", "permit", "GET", ""),
        rule("post", "post", "permit", "POST", "post"),
        rule("ask", "ask", "ask", "GET", ""),
        rule("ask-post", "ask", "ask", "POST", "ask"),
        format!(
            "\n[[limit]]\nkind = \"*\"\nscope = \"platform\"\nmax = {max}\nper = \"{per}\"\nsource = \"a test\"\n"
        ),
    ]
    .concat()
}
