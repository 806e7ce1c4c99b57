//! robots.txt (RFC 9309): may this path be fetched?
//!
//! Pure. [`Robots::parse`] reads a file, [`Robots::allows`] answers for one path; [`Fetched::standing`]
//! says what a failed or missing file means. The service `robots` fetches and keeps; the road asks.
//!
//! ## Design notes
//!
//! - *Ours, since no library passes.* Google's conformance set (141 expectations) was run through the
//!   two that are kept: `robotxt` 0.7.0 passes 125 and `texting_robots` 0.2.2 passes 130; both allow
//!   what the set forbids (`User-agent: FOO BAR` is missed and the file ignored).
//! - *Two readings, and both must allow.* The set compares percent-encodings as they are written, the
//!   RFC (2.2.2) decodes those of unreserved signs first. A file that forbids `/%70rivate` is obeyed at
//!   `/private` too, and one that allows by one reading alone allows nothing.
//! - *What cannot be read forbids nothing* within a file, as the RFC has it (2.2.4); a file that could
//!   not be had forbids everything.

use std::time::Duration;

mod path;
mod read;

use path::{Pattern, Reading};
use read::Line;

/// What is read of a file; RFC 9309, 2.5 asks for at least 500 KiB.
pub const BYTES_MAX: usize = 1 << 20;
/// How long a file may be gone by (RFC 9309, 2.4).
pub const CACHE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Redirects that are followed to a file (RFC 9309, 2.3.1.2).
pub const REDIRECTS_MAX: u32 = 5;

/// One `allow` or `disallow`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    allow: bool,
    path: String,
}

/// The rules of a group for the agents that it names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Group {
    /// In lower case; `*` is everybody.
    agents: Vec<String>,
    rules: Vec<Rule>,
}

/// A robots.txt, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Robots {
    groups: Vec<Group>,
}

impl Robots {
    /// Reads a file; what lies beyond [`BYTES_MAX`] is not looked at.
    pub fn parse(file: &[u8]) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        // Agents one after another share a group; the first rule ends their list.
        let mut naming = false;
        for line in read::lines(file.get(..BYTES_MAX).unwrap_or(file)) {
            match line {
                Line::Agent(agent) => {
                    if !naming {
                        groups.push(Group::default());
                    }
                    naming = true;
                    if let Some(group) = groups.last_mut() {
                        group.agents.push(agent);
                    }
                }
                Line::Rule { allow, path } => {
                    naming = false;
                    // A rule before the first agent is nobody's.
                    if let Some(group) = groups.last_mut() {
                        group.rules.push(Rule { allow, path });
                    }
                }
            }
        }
        Self { groups }
    }

    /// Whether `agent` (a product token such as `money-machine`) may fetch `path`: path and query as
    /// they stand in the request, beginning with `/`.
    pub fn allows(&self, agent: &str, path: &str) -> bool {
        let path = if path.is_empty() { "/" } else { path };
        // The file itself may always be fetched (RFC 9309, 2.2.2).
        if path == "/robots.txt" {
            return true;
        }
        let rules = self.rules_for(agent);
        [Reading::AsWritten, Reading::Decoded].into_iter().all(|reading| decide(&rules, path, reading))
    }

    /// The rules of all groups that name the agent, or else of those for everybody (RFC 9309, 2.2.1).
    fn rules_for(&self, agent: &str) -> Vec<&Rule> {
        let of = |wanted: &str| -> Option<Vec<&Rule>> {
            let mut groups =
                self.groups.iter().filter(|group| group.agents.iter().any(|a| a == wanted)).peekable();
            groups.peek()?;
            Some(groups.flat_map(|group| &group.rules).collect())
        };
        of(&agent.to_ascii_lowercase()).or_else(|| of("*")).unwrap_or_default()
    }
}

/// The longest match decides, allow on a tie, and what nothing speaks of is allowed.
fn decide(rules: &[&Rule], path: &str, reading: Reading) -> bool {
    let path = reading.of_path(path);
    let longest = |allow: bool| {
        let of = rules.iter().filter(|rule| rule.allow == allow);
        of.filter_map(|rule| {
            let pattern = Pattern::new(&rule.path, reading);
            // `index.html` is how a folder's own page is often named.
            let index = allow.then(|| pattern.folder()).flatten();
            let length = |pattern: &Pattern| pattern.matches(&path).then(|| pattern.len());
            length(&pattern).or_else(|| index.as_ref().and_then(length))
        })
        .max()
    };
    longest(true).unwrap_or(0) >= longest(false).unwrap_or(0)
}

/// What came when a robots.txt was asked for, redirects followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched<'a> {
    /// An answer with a status and a body.
    Answer(u16, &'a [u8]),
    /// No answer: no connection, no time, too many redirects, a page that is cut off.
    Unreachable,
}

/// What a robots.txt, or its absence, means for its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// There is none: no restrictions (RFC 9309, 2.3.1.3).
    Open,
    /// It could not be had: nothing may be fetched (2.3.1.4).
    Closed,
    /// These rules.
    Rules(Robots),
}

impl Fetched<'_> {
    /// What it means. 429 is "not now" and closes, like a server's error: it is no word that there are
    /// no rules. A redirect that is left over leads nowhere and counts as not there (2.3.1.2).
    pub fn standing(&self) -> Standing {
        match *self {
            Fetched::Answer(200..=299, body) => Standing::Rules(Robots::parse(body)),
            Fetched::Answer(429, _) | Fetched::Unreachable => Standing::Closed,
            Fetched::Answer(300..=499, _) => Standing::Open,
            Fetched::Answer(..) => Standing::Closed,
        }
    }
}

impl Standing {
    /// Whether `agent` may fetch `path`.
    pub fn allows(&self, agent: &str, path: &str) -> bool {
        match self {
            Standing::Open => true,
            Standing::Closed => path == "/robots.txt",
            Standing::Rules(robots) => robots.allows(agent, path),
        }
    }
}

#[cfg(test)]
mod tests;
