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
    let own = |id: &str, action: &str, verdict: &str, method: &str, path: &str| {
        rule(&format!("{PLATFORM}/{id}"), action, verdict, method, &format!("https://{HOST}/{path}*"))
    };
    [
        head(PLATFORM, &[HOST, &format!("other.{HOST}")]),
        own("read", "read", "permit", "GET", ""),
        own("post", "post", "permit", "POST", "post"),
        own("ask", "ask", "ask", "GET", ""),
        own("ask-post", "ask", "ask", "POST", "ask"),
        limit(max, per),
    ]
    .concat()
}

/// How a pack for `platform` begins.
pub fn head(platform: &str, hosts: &[&str]) -> String {
    format!("[pack]\nplatform = \"{platform}\"\nversion = 1\nhosts = {hosts:?}\nabout = \"a test\"\n")
}

/// A rule of a pack: what it says of requests with `method` to `url`.
pub fn rule(id: &str, action: &str, verdict: &str, method: &str, url: &str) -> String {
    format!(
        r#"
[[rule]]
id = "{id}"
action = "{action}"
verdict = "{verdict}"
reason = "made for a test"
source = "https://{HOST}/terms"
clause = "you may"
certainty = "primary"
reviewed = 2026-11-22
[rule.conditions]
method = ["{method}"]
url = ["{url}"]
[rule.obligations]
user_agent = "money-machine-test"
"#
    )
}

/// The end of a pack: at most `max` acts in `per`.
pub fn limit(max: u32, per: &str) -> String {
    format!(
        "\n[[limit]]\nkind = \"*\"\nscope = \"platform\"\nmax = {max}\nper = \"{per}\"\nsource = \"a test\"\n"
    )
}
