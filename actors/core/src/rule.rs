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
//! - *Unknown is not met, and unknown is not excluded.* Where the owner's country is not known, a
//!   permit that needs a country does not hold and an ask or a forbid that names one does.
//! - *A file cut short permits nothing more.* A permit must name its URLs and its `User-Agent`, and
//!   its file a limit, so that what a torn file lost is a mistake and not a wider permit.
//! - *Old rules lose their force.* A rule not reviewed for [`REVIEW_DAYS`] days asks where it
//!   permitted. A review later than the moment judged at (a replayed past) is not old.

mod judge;
mod lint;
mod mistake;
mod parse;
mod parts;
mod table;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::{ActionKind, Method};
use crate::digest::Digest;
use crate::id::{AccountId, PlatformId, Space};
use crate::limit::{LimitScope, Quota};
use crate::moment::Moment;
use crate::url::LogicalUrl;

pub use judge::{DecidingRule, Judged, Judgement};
pub use lint::Lint;
pub use mistake::RuleError;
pub use parse::MAX_FILE_BYTES;

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

/// Whether a rule speaks of acts with an account, without one, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountNeed {
    /// Either way.
    #[default]
    Any,
    /// Only acts done with an account.
    Required,
    /// Only acts done without one.
    None,
}

/// A URL that a rule names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UrlPattern {
    /// Exactly this one, query included.
    Exact(LogicalUrl),
    /// Every URL that begins so; written with a `*` at its end. The host is always whole.
    Prefix(LogicalUrl),
}

impl UrlPattern {
    /// Whether `url` is meant.
    pub fn matches(&self, url: &LogicalUrl) -> bool {
        match self {
            UrlPattern::Exact(exact) => exact == url,
            UrlPattern::Prefix(prefix) => url.as_str().starts_with(prefix.as_str()),
        }
    }

    /// The URL, without the `*`.
    pub fn url(&self) -> &LogicalUrl {
        match self {
            UrlPattern::Exact(url) | UrlPattern::Prefix(url) => url,
        }
    }
}

/// When a rule speaks. An empty list is no condition; every condition must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Conditions {
    /// The methods meant.
    pub methods: Vec<Method>,
    /// The hosts meant, in lower case.
    pub hosts: Vec<String>,
    /// The URLs meant.
    pub urls: Vec<UrlPattern>,
    /// The owner's countries meant (ISO 3166-1 alpha-2, upper case).
    pub countries: Vec<String>,
    /// With or without an account.
    pub account: AccountNeed,
    /// Only acts that change something (`true`), only reads (`false`), or both.
    pub mutating: Option<bool>,
}

/// What must be done along with an act that these rules allow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Obligations {
    /// The `User-Agent` to state, ready to send.
    pub user_agent: Option<String>,
    /// Headers to send, names in lower case, sorted, each once.
    pub headers: Vec<(String, String)>,
    /// Sentences that a published text must hold.
    pub disclosures: Vec<String>,
    /// `rel` values that a published link must carry.
    pub rel: Vec<String>,
    /// The least pause before another act of the kind at the platform, in milliseconds.
    pub pause_ms_min: u64,
}

impl Obligations {
    /// All that must stand in the request's head, the `User-Agent` among it.
    pub fn all_headers(&self) -> Vec<(String, String)> {
        let agent = self.user_agent.iter().map(|agent| ("user-agent".to_owned(), agent.clone()));
        agent.chain(self.headers.iter().cloned()).collect()
    }

    /// The least pause, as a duration.
    pub fn pause_min(&self) -> Duration {
        Duration::from_millis(self.pause_ms_min)
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
}

/// A limit that a rule file sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitRule {
    /// The kind of act it counts; `None` for all kinds together (`*`).
    pub kind: Option<ActionKind>,
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
    platform: PlatformId,
    action: ActionKind,
    method: Method,
    url: LogicalUrl,
    account: bool,
    country: Option<String>,
    verdict: Verdict,
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
            .filter(|limit| limit.kind.as_ref().is_none_or(|own| own == kind))
            .filter_map(|limit| {
                let per = Duration::from_millis(limit.per_ms);
                let kind = limit.kind.as_ref();
                Quota::of_platform(limit.scope, platform, kind, account, space, limit.max, per)
            })
            .collect()
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
