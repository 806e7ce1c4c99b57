//! Compliance: rules in, a verdict out.
//!
//! A rule is data (`config/rules/PLATFORM.toml`, one file a platform, and `law-*.toml` for what
//! holds everywhere) with a source, a quoted clause and a date of review. [`RuleSet::parse`] reads
//! the files and tells every mistake at once; [`RuleSet::judge`] is a pure function of an action,
//! the rules and a moment. Nothing here reads a file or a clock, and nothing here can permit by
//! accident: what no rule of the platform's own file permits is not permitted.
//!
//! ## Design notes
//!
//! - *Forbid wins over ask, ask over permit*, whatever the order of rules or files.
//! - *A law never permits.* A rule of a `law-*` file may forbid, ask or oblige; the permit must come
//!   from the platform's own file, so that an unknown platform is never permitted by a general rule.
//! - *What lifts the default deny names URLs.* A rule without them may forbid or tighten what another rule
//!   speaks of, but an `ask` that speaks wherever a word stands in a text opens no path by itself.
//! - *Unknown is not met, and unknown is not excluded.* Where the owner's country, a fact or the text is
//!   not known, a permit that needs it does not hold, and an ask, a forbid or a law that names it does.
//! - *Duties are checked, not trusted.* What a rule obliges a published text to hold is looked for in the
//!   text that would be sent. Missing, the act is forbidden; in a text that nobody knows, it is asked.
//! - *A file cut short permits nothing more.* A permit must name its URLs and its `User-Agent`, and
//!   its file a limit, so that what a torn file lost is a mistake and not a wider permit.
//! - *Old rules lose their force.* A rule not reviewed for [`REVIEW_DAYS`] days asks where it
//!   permitted. A review later than the moment judged at (a replayed past) is not old.

mod condition;
mod duty;
mod entries;
mod inputs;
mod judge;
mod lint;
mod mistake;
mod obligation;
mod page;
mod parse;
mod parts;
mod shown;
mod strict_json;
mod table;
mod text;
mod visible;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::{ActionKind, Request};
use crate::digest::Digest;
use crate::id::{AccountId, PlatformId, Space};
use crate::limit::{LimitScope, Quota};
use crate::moment::Moment;

pub use condition::{AccountNeed, Automation, Conditions, TextConditions, UrlPattern};
pub use inputs::Inputs;
pub use judge::{DecidingRule, Judged, Judgement};
pub use lint::Lint;
pub use mistake::RuleError;
pub use obligation::Obligations;
pub use page::NEAR_CHARS;
pub use parse::MAX_FILE_BYTES;
pub use shown::{Shown, ShownLink, names_money};
pub use text::{Content, Format, TEXT_BYTES_MAX, Text, TextPlace};

/// After how many days without a review a rule loses its power to permit.
pub const REVIEW_DAYS: u64 = 180;

/// Where rule files lie in the project; messages name them so.
pub const RULES_FOLDER: &str = "config/rules";

/// What compliance says to an action. The order is that of strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may be done.
    Permit,
    /// A person must decide.
    Ask,
    /// It is not done.
    Forbid,
}

impl Verdict {
    /// The verdict in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Permit => "permit",
            Verdict::Ask => "ask",
            Verdict::Forbid => "forbid",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How sure we are that the rule says what its source says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Read in the platform's own text.
    Primary,
    /// Read in somebody else's account of it.
    Secondary,
    /// From memory, or a judgement of ours.
    Unchecked,
}

impl Certainty {
    /// The certainty in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Certainty::Primary => "primary",
            Certainty::Secondary => "secondary",
            Certainty::Unchecked => "unchecked",
        }
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name, once in all files.
    pub id: String,
    /// The platform it speaks of; `None` for a law.
    pub platform: Option<PlatformId>,
    /// The kind of act it speaks of; `None` for every kind (`*`).
    pub action: Option<ActionKind>,
    /// When it speaks.
    pub conditions: Conditions,
    /// What it says.
    pub verdict: Verdict,
    /// With `ask`: not only decided but also done by a person, on the platform itself.
    pub by_owner: bool,
    /// One line for people.
    pub reason: String,
    /// What it obliges to.
    pub obligations: Obligations,
    /// Where it is written: a URL or the name of a text.
    pub source: String,
    /// The sentence of the source that it rests on, quoted.
    pub clause: String,
    /// How sure that is.
    pub certainty: Certainty,
    /// The beginning (UTC) of the day on which a person last compared it with its source.
    pub reviewed: Moment,
    /// The file it stands in, and the line.
    pub file: String,
    /// The line of its `[[rule]]`, from 1.
    pub line: usize,
}

impl Rule {
    /// Whether it is older than its review allows at `at`.
    pub fn is_stale(&self, at: Moment) -> bool {
        at.since(self.reviewed) > Duration::from_secs(REVIEW_DAYS * 86_400)
    }

    /// Whether the default deny gives way where it speaks: it is the platform's own, and names the URLs it
    /// speaks of or forbids.
    fn opens(&self) -> bool {
        self.platform.is_some() && (self.verdict == Verdict::Forbid || !self.conditions.urls.is_empty())
    }
}

/// A limit that a rule file sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitRule {
    /// The kind of act it counts, `a+b` for several counted together; `None` for all kinds (`*`).
    pub kind: Option<ActionKind>,
    /// The kinds one by one; empty for all.
    pub kinds: Vec<ActionKind>,
    /// Whether it counts acts with an account, without one, or both.
    pub account: AccountNeed,
    /// Whom it counts for.
    pub scope: LimitScope,
    /// The most acts in any window.
    pub max: u32,
    /// The length of the window, in milliseconds.
    pub per_ms: u64,
    /// Where the limit is written.
    pub source: String,
}

/// A case that a rule file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    inputs: Inputs,
    verdict: Verdict,
    by_owner: Option<bool>,
    file: String,
    line: usize,
}

/// One rule file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// The platform; `None` for a `law-*` file.
    pub platform: Option<PlatformId>,
    /// The file's name.
    pub file: String,
    /// The file's own version number.
    pub version: u32,
    /// The hosts that the platform's actions may go to.
    pub hosts: Vec<String>,
    /// What the platform is.
    pub about: String,
    /// The rules, in the order of the file.
    pub rules: Vec<Rule>,
    /// The limits, in the order of the file.
    pub limits: Vec<LimitRule>,
    /// Where the texts of its acts stand.
    pub contents: Vec<Content>,
    examples: Vec<Example>,
}

/// All rules, read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSet {
    packs: Vec<Pack>,
    version: Digest,
}

impl RuleSet {
    /// Reads rule files, given as (file name, content). The order of files does not matter.
    ///
    /// # Errors
    /// Every mistake in every file, with its file, line and key.
    pub fn parse(files: &[(String, String)]) -> Result<Self, Vec<RuleError>> {
        let packs = parse::parse(files)?;
        Ok(Self { packs, version: parse::version(files) })
    }

    /// The hash of what the files hold. A stored decision names it, so that it can be replayed.
    pub fn version(&self) -> Digest {
        self.version
    }

    /// The rule files, laws first, then by platform.
    pub fn packs(&self) -> &[Pack] {
        &self.packs
    }

    /// The file of one platform.
    pub fn pack(&self, platform: &PlatformId) -> Option<&Pack> {
        self.packs.iter().find(|pack| pack.platform.as_ref() == Some(platform))
    }

    /// The platforms that have a file.
    pub fn platforms(&self) -> impl Iterator<Item = &PlatformId> {
        self.packs.iter().filter_map(|pack| pack.platform.as_ref())
    }

    /// Every rule.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.packs.iter().flat_map(|pack| &pack.rules)
    }

    /// The quotas that one act is charged to. A limit per account counts for nobody where there
    /// is no account.
    pub fn quotas(
        &self,
        platform: &PlatformId,
        kind: &ActionKind,
        account: Option<&AccountId>,
        space: &Space,
    ) -> Vec<Quota> {
        let limits = self.pack(platform).map(|pack| pack.limits.as_slice()).unwrap_or_default();
        limits
            .iter()
            .filter(|limit| limit.kinds.is_empty() || limit.kinds.contains(kind))
            .filter(|limit| limit.account.fits(account.is_some()))
            .filter_map(|limit| {
                let per = Duration::from_millis(limit.per_ms);
                let kind = limit.kind.as_ref();
                Quota::of_platform(limit.scope, platform, kind, account, space, limit.max, per)
            })
            .collect()
    }

    /// The text that an act would publish by `request`, where the platform's file says it stands.
    pub fn text_of(&self, platform: &PlatformId, kind: &ActionKind, request: &Request) -> Text {
        text::of(self.pack(platform).map_or(&[], |pack| &pack.contents), kind, request)
    }

    /// The rules whose last review is too old at `now`: those that no longer permit.
    pub fn stale(&self, now: Moment) -> impl Iterator<Item = &Rule> {
        self.rules().filter(move |rule| rule.is_stale(now))
    }

    /// What the owner should look at: old reviews, weak sources, files without examples.
    pub fn lint(&self, now: Moment) -> Vec<Lint> {
        lint::lint(self, now)
    }

    /// Judges every example that the files hold, strictly, on the day of the newest review.
    /// Returns the ones that came out otherwise.
    pub fn run_examples(&self) -> Vec<Lint> {
        lint::run_examples(self)
    }

    /// The verdict on one action, the rules that decided, and what they oblige to. In strict mode
    /// what no rule speaks of is forbidden, otherwise a person is asked; it is never permitted.
    pub fn judge(&self, judged: &Judged<'_>, strict: bool) -> Judgement {
        judge::judge(self, judged, strict)
    }
}

#[cfg(test)]
mod tests;
