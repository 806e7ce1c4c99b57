//! What outlives a run.

use std::collections::{BTreeMap, BTreeSet};

use mm_sdk::policy::Policy;
use mm_sdk::{ActionId, Digest, Moment, Validators};
use serde::{Deserialize, Serialize};

use super::board::Board;
use super::facts::{CommentFacts, IssueFacts, RepositoryFacts};
use crate::github::IssuePlace;

/// The schema of [`Snapshot`], raised when its shape changes.
pub const SNAPSHOT_VERSION: u16 = 2;

/// The most issues that are remembered. Those never looked at are forgotten first, for a search lists them again;
/// then those not looked at for longest, but none that was told as open or accepted, or has an attempt or a claim.
const ISSUES_MAX: usize = 2000;

/// The most repositories that are remembered.
const REPOSITORIES_MAX: usize = 1000;

/// What outlives a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// The owner's own name on GitHub.
    pub viewer: Option<Kept<String>>,
    /// By GitHub's own number of the issue.
    pub issues: BTreeMap<u64, KnownIssue>,
    /// By name in small letters.
    pub repositories: BTreeMap<String, KnownRepository>,
    /// What became of the comments, by issue.
    pub attempts: BTreeMap<u64, Attempt>,
    /// What became of the claims, by issue.
    pub claims: BTreeMap<u64, Claim>,
    /// The issues on which Algora's installed app spoke, which reads the text of pull requests.
    pub by_app: BTreeSet<u64>,
    /// When the owner's pull request for an issue was last looked for and not found.
    pub sought: BTreeMap<u64, Moment>,
}

/// [`Snapshot`] in its first version: without claims.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct First {
    /// As today.
    pub viewer: Option<Kept<String>>,
    /// As today.
    pub issues: BTreeMap<u64, KnownIssue>,
    /// As today.
    pub repositories: BTreeMap<String, KnownRepository>,
    /// As today.
    pub attempts: BTreeMap<u64, Attempt>,
}

impl From<First> for Snapshot {
    fn from(first: First) -> Self {
        let First { viewer, mut issues, repositories, attempts } = first;
        for known in issues.values_mut() {
            // Which of the bot's names spoke was not kept: the comments are read whole once more.
            if let Some(comments) = &mut known.comments {
                comments.validators = Validators::default();
            }
        }
        Self { viewer, issues, repositories, attempts, ..Self::default() }
    }
}

/// Something that was read, with what makes the next read conditional on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept<T> {
    /// What was taken from the answer.
    pub value: T,
    /// The answer's validators; none where the next read must be a whole one.
    pub validators: Validators,
    /// The recorded answer.
    pub evidence: Digest,
    /// When it was last true.
    pub at: Moment,
}

/// What is known of an issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownIssue {
    /// Where it is; after a rename, where it is now.
    pub place: IssuePlace,
    /// Where it was first found.
    pub found_as: IssuePlace,
    /// The change of it that a search last told of.
    pub seen_update: Moment,
    /// When it was last tried to look at it.
    pub tried_at: Option<Moment>,
    /// Whether that was a whole look.
    pub looked: bool,
    /// The issue.
    pub issue: Option<Kept<IssueFacts>>,
    /// Its comments.
    pub comments: Option<Kept<CommentFacts>>,
    /// As what it was last told.
    pub told: Told,
    /// The digest of what was last told, so that the same is not told again.
    pub told_digest: Option<Digest>,
}

impl KnownIssue {
    /// One of which only the place and the latest change are known.
    pub fn found(place: IssuePlace, seen_update: Moment) -> Self {
        Self {
            found_as: place.clone(),
            place,
            seen_update,
            tried_at: None,
            looked: false,
            issue: None,
            comments: None,
            told: Told::Nothing,
            told_digest: None,
        }
    }

    /// Whether it was told as a chance to earn, and was not seen to end.
    pub fn is_told_open(&self) -> bool {
        self.told == Told::Bounty && self.issue.as_ref().is_some_and(|kept| kept.value.open)
    }
}

/// As what an issue was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Told {
    /// Not at all.
    Nothing,
    /// Listed as refused, with the reason.
    Refused,
    /// As a chance to earn.
    Bounty,
}

/// What is known of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KnownRepository {
    /// What kind it is.
    pub facts: Option<Kept<RepositoryFacts>>,
    /// What it says of such work, as of its topmost folder's version.
    pub policy: Option<Kept<Policy>>,
}

/// A comment that says that the owner works on an issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Where it was proposed.
    pub place: IssuePlace,
    /// On which board.
    pub board: Board,
    /// The action that it became; `None` if none was needed.
    pub action: Option<ActionId>,
    /// How it stands.
    pub stage: Stage,
    /// Since when.
    pub at: Moment,
}

/// A claim in the owner's own pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The pull request.
    pub pull: IssuePlace,
    /// The action that it became; `None` if none was needed.
    pub action: Option<ActionId>,
    /// How it stands.
    pub stage: Stage,
    /// The text that it would replace; `None` where it is a comment.
    pub text: Option<Digest>,
    /// Since when.
    pub at: Moment,
}

/// How an attempt or a claim stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// It waits for the owner, or for a slot.
    Waiting,
    /// It is there: the comment's number, 0 where none is known or it is no comment.
    There(u64),
    /// It was not made, and is not proposed again by itself; why.
    Over(String),
}

impl Snapshot {
    /// What is known of a repository.
    pub fn repository(&self, name: &str) -> Option<&KnownRepository> {
        self.repositories.get(&name.to_ascii_lowercase())
    }

    /// The same, to be renewed.
    pub fn repository_mut(&mut self, name: &str) -> &mut KnownRepository {
        self.repositories.entry(name.to_ascii_lowercase()).or_default()
    }

    /// Has all comments read whole once more: which of them are the owner's was told by another name, or by none.
    pub fn forget_whose_comments(&mut self) {
        for comments in self.issues.values_mut().filter_map(|known| known.comments.as_mut()) {
            comments.validators = Validators::default();
        }
    }

    /// The owner's own name.
    pub fn owner(&self) -> Option<&str> {
        self.viewer.as_ref().map(|viewer| viewer.value.as_str())
    }

    /// The told ones that are too many to be watched, those not looked at for longest first. What the owner accepted
    /// is not among them.
    pub fn too_many(&self, accepted: &[u64]) -> Vec<u64> {
        let told = self.issues.values().filter(|known| known.is_told_open()).count();
        let mut oldest: Vec<(Option<Moment>, u64)> = (self.issues.iter())
            .filter(|(id, known)| known.is_told_open() && !self.is_the_owners(**id, accepted))
            .map(|(id, known)| (known.tried_at, *id))
            .collect();
        oldest.sort_unstable();
        oldest.into_iter().take(told.saturating_sub(ISSUES_MAX)).map(|(_, id)| id).collect()
    }

    /// Whether the owner accepted it, or something was proposed for it.
    fn is_the_owners(&self, id: u64, accepted: &[u64]) -> bool {
        accepted.contains(&id) || self.attempts.contains_key(&id) || self.claims.contains_key(&id)
    }

    /// Keeps the memory within its bounds.
    pub fn forget(&mut self, accepted: &[u64]) {
        let over = self.issues.len().saturating_sub(ISSUES_MAX);
        let mut oldest: Vec<(bool, Moment, u64)> = (self.issues.iter())
            .filter(|(id, known)| !known.is_told_open() && !self.is_the_owners(**id, accepted))
            .map(|(id, known)| (known.tried_at.is_some(), known.tried_at.unwrap_or(known.seen_update), *id))
            .collect();
        oldest.sort_unstable();
        for (_, _, id) in oldest.into_iter().take(over) {
            self.issues.remove(&id);
        }
        self.by_app.retain(|id| self.issues.contains_key(id));
        self.sought.retain(|id, _| self.issues.contains_key(id));
        if self.repositories.len() > REPOSITORIES_MAX {
            let named: BTreeSet<String> = self
                .issues
                .values()
                .map(|known| known.place.repository.as_str().to_ascii_lowercase())
                .collect();
            self.repositories.retain(|name, _| named.contains(name));
        }
    }
}
