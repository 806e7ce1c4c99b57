//! What a repository says of contributions in which software had a hand: read from its own files, and
//! quoted.
//!
//! The words decide nothing by themselves: the stance goes to the owner with the sentences it rests on,
//! each with its file and line. Where the words can be read in two ways, the stricter reading is taken: a
//! chance that is passed over costs less than a ban. Pure; it reads English alone and says so where a
//! text is not.
//!
//! | stance | when |
//! |---|---|
//! | [`Stance::Deny`] | a sentence refuses such contributions without a condition that could be met |
//! | [`Stance::Unclear`] | a refusal with an exception, a mention that is neither yes nor no, a policy that lies elsewhere, a file that could not be read, or no file at all |
//! | [`Stance::Warn`] | there are conditions (disclose, understand, have it reviewed), or rules for contributors that say nothing of it |
//! | [`Stance::Allow`] | a sentence allows it and none sets a condition |
//!
//! ## Design notes
//!
//! Rules for contributors that say nothing of software (`CONTRIBUTING.md`, `AGENTS.md`) are a warning and
//! not unclear: somebody wrote down what he minds, and this was not it. A code of conduct alone is unclear.
//! What stands in a comment of the markup, which a reader does not see, can refuse or warn but never
//! allow.

mod sentences;
#[cfg(test)]
mod tests;
mod words;

use serde::{Deserialize, Serialize};

use crate::untrusted::Untrusted;
use sentences::{Sentence, sentences};
use words::{Place, Says, says};

/// The most quotes that are kept, the gravest first.
const QUOTES_MAX: usize = 8;

/// The most characters of a quoted sentence.
const QUOTE_CHARS_MAX: usize = 300;

/// The most bytes of a file that are read; the rest of a longer one is as good as unread.
pub const FILE_BYTES_MAX: usize = 256 << 10;

/// What a repository thinks of it. Ordered from the mildest to the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stance {
    /// It says that such contributions are taken.
    Allow,
    /// There are conditions, or rules that are silent about it.
    Warn,
    /// A person must read it.
    Unclear,
    /// It does not take them.
    Deny,
}

impl Stance {
    /// The stance as rules ask for it: the fact `repository-policy`.
    pub fn as_str(self) -> &'static str {
        match self {
            Stance::Allow => "allow",
            Stance::Warn => "warn",
            Stance::Unclear => "unclear",
            Stance::Deny => "deny",
        }
    }
}

/// A file that was found in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File<'a> {
    /// Its path: `.github/CONTRIBUTING.md`.
    pub path: &'a str,
    /// Its text; `None` if it is there and could not be read.
    pub text: Option<&'a str>,
}

/// A sentence that counted, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The file.
    pub path: String,
    /// The line on which it begins, from 1.
    pub line: u32,
    /// The sentence, one harmless line.
    pub text: String,
    /// What it was taken to mean.
    pub meant: Stance,
}

impl std::fmt::Display for Quote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: “{}”", self.path, self.line, self.text)
    }
}

/// What was made of a repository's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The stance.
    pub stance: Stance,
    /// Why, in one line.
    pub why: String,
    /// What it rests on.
    pub quotes: Vec<Quote>,
    /// What the owner should look at before he decides; empty where nothing is left to look at.
    pub checklist: Vec<String>,
}

impl Policy {
    /// The lines an owner is shown with an act that rests on this.
    pub fn notes(&self) -> Vec<String> {
        let head = format!("repository policy: {} ({})", self.stance.as_str(), self.why);
        let quotes = self.quotes.iter().map(Quote::to_string);
        let checks = self.checklist.iter().map(|check| format!("check: {check}"));
        std::iter::once(head).chain(quotes).chain(checks).collect()
    }
}

/// Whether a file of this name may hold such a policy, whatever folder it is in.
pub fn is_policy_file(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let (stem, ending) = lower.rsplit_once('.').unwrap_or((&lower, ""));
    let stem = stem.replace(['-', '_', ' '], "");
    let readable =
        matches!(ending, "" | "md" | "markdown" | "mdx" | "rst" | "txt" | "adoc" | "asciidoc" | "org");
    let named =
        ["contributing", "agents", "codeofconduct", "covenant", "contributingguide", "contributorcovenant"];
    readable && (named.contains(&stem.as_str()) || is_about_ai(&stem))
}

/// `ai_policy`, `llm-usage-policy`, `ai`, `genai`: by name about nothing else.
fn is_about_ai(stem: &str) -> bool {
    let subject = ["ai", "llm", "llms", "genai", "generativeai", "aillm"];
    let ends = [
        "",
        "policy",
        "usage",
        "usagepolicy",
        "guidelines",
        "contributions",
        "contributing",
        "disclosure",
        "rules",
    ];
    subject.iter().any(|subject| ends.iter().any(|end| stem.strip_prefix(subject) == Some(end)))
}

/// The last part of a path without its ending, in lower case and without separators.
fn stem_of(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    name.split('.').next().unwrap_or_default().replace(['-', '_', ' '], "")
}

/// Reads the files of one repository. Their order does not matter.
pub fn read(files: &[File<'_>]) -> Policy {
    let mut files = files.to_vec();
    files.sort_by_key(|file| file.path);
    let mut found: Vec<(Says, Quote)> = files.iter().flat_map(said_in).collect();
    let unread = files.iter().filter(|file| !is_whole(file)).map(|file| file.path);
    let unread: Vec<&str> = unread.collect();
    let (stance, why) = weigh(&files, &found, &unread);
    // The gravest first; within the same, by file and line. A yes stands before what only speaks of it: it decided.
    let decided = |says: Says| stance == Stance::Allow && says == Says::Allows;
    found.sort_by_key(|(says, _)| std::cmp::Reverse((decided(*says), *says)));
    let quotes = found.into_iter().map(|(_, quote)| quote).take(QUOTES_MAX).collect();
    Policy { stance, why, quotes, checklist: checklist(stance, &files, &unread) }
}

/// The stance of everything together, and why.
fn weigh(files: &[File<'_>], found: &[(Says, Quote)], unread: &[&str]) -> (Stance, String) {
    let has = |what: Says| found.iter().any(|(says, _)| *says == what);
    let stems: Vec<String> = files.iter().map(|file| stem_of(file.path)).collect();
    let rules = stems.iter().any(|stem| stem.starts_with("contributing") || stem == "agents");
    let foreign = files.iter().filter_map(|file| file.text).any(|text| !sentences::is_english(text));
    let (stance, why) = if has(Says::Refuses) {
        (Stance::Deny, "it does not take such contributions")
    } else if !unread.is_empty() {
        (Stance::Unclear, "not all of its files could be read")
    } else if has(Says::RefusesBut) {
        (Stance::Unclear, "it refuses, with an exception")
    } else if has(Says::Elsewhere) {
        (Stance::Unclear, "its policy is told elsewhere")
    } else if has(Says::Conditions) {
        (Stance::Warn, "it sets conditions")
    } else if has(Says::Allows) {
        (Stance::Allow, "it allows such contributions")
    } else if has(Says::Mentions) {
        (Stance::Unclear, "it speaks of it without a yes or a no")
    } else if foreign {
        (Stance::Unclear, "its files seem not to be in English")
    } else if stems.iter().any(|stem| is_about_ai(stem)) {
        (Stance::Unclear, "its policy says nothing that is understood here")
    } else if rules {
        (Stance::Warn, "its rules for contributors do not speak of it")
    } else {
        (Stance::Unclear, "it has no rules for contributors")
    };
    (stance, why.to_owned())
}

/// What one file says, in the order of its lines.
fn said_in(file: &File<'_>) -> Vec<(Says, Quote)> {
    let Some(text) = file.text else { return Vec::new() };
    let about_ai = is_about_ai(&stem_of(file.path));
    let sentences = sentences(within(text));
    let mut found = Vec::new();
    for (n, sentence) in sentences.iter().enumerate() {
        let before = n.checked_sub(1).and_then(|n| sentences.get(n)).filter(|before| !before.is_heading);
        let place = Place { before, after: sentences.get(n + 1), about_ai };
        if let Some(says) = says(sentence, place) {
            found.push((says, quote(file.path, sentence, says)));
        }
    }
    found
}

fn quote(path: &str, sentence: &Sentence, says: Says) -> Quote {
    let meant = match says {
        Says::Refuses => Stance::Deny,
        Says::RefusesBut | Says::Elsewhere | Says::Mentions => Stance::Unclear,
        Says::Conditions => Stance::Warn,
        Says::Allows => Stance::Allow,
    };
    let text = Untrusted::new(sentence.text.as_str()).line(QUOTE_CHARS_MAX);
    Quote { path: Untrusted::new(path).line(120), line: sentence.line, text, meant }
}

/// The part of a text that is read.
fn within(text: &str) -> &str {
    let mut end = text.len().min(FILE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn is_whole(file: &File<'_>) -> bool {
    file.text.is_some_and(|text| text.len() <= FILE_BYTES_MAX)
}

/// What a person should look at.
fn checklist(stance: Stance, files: &[File<'_>], unread: &[&str]) -> Vec<String> {
    let mut checks = Vec::new();
    if matches!(stance, Stance::Allow | Stance::Deny) {
        return checks;
    }
    for path in unread {
        checks.push(format!("read {}, which could not be read here", Untrusted::new(*path).line(120)));
    }
    if stance == Stance::Unclear {
        let read: Vec<String> = files.iter().map(|file| Untrusted::new(file.path).line(120)).collect();
        checks.push(match read.as_slice() {
            [] => "look in the README, the wiki and pinned issues for rules on contributions".to_owned(),
            paths => format!("read in full: {}", paths.join(", ")),
        });
        checks.push("look at how the last pull requests made with AI tools were answered".to_owned());
        checks.push("if it is still open, ask the maintainers before anything is posted".to_owned());
    } else {
        checks.push("meet every condition that is quoted, and say so where it asks for it".to_owned());
    }
    checks.push("be able to explain every line that you hand in".to_owned());
    checks
}
