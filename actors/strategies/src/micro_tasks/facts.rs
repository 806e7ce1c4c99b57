//! What is known of an issue, of its comments and of its repository: small, and enough to assess it again
//! when GitHub says that nothing has changed.

use std::collections::BTreeSet;

use mm_sdk::{Moment, Untrusted};
use serde::{Deserialize, Serialize};

use super::amount::{self, Amount};
use super::board::{self, Board, Said};
use super::trap::{self, Kind, Trap};
use crate::github::IssuePlace;
use crate::github::shape::{Comment, Issue, Repository};

/// The most traps kept of one source.
const TRAPS_MAX: usize = 8;

/// What is known of an issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueFacts {
    /// Where it is.
    pub place: IssuePlace,
    /// The title, one harmless line.
    pub title: String,
    /// Whether it is open, and an issue.
    pub open: bool,
    /// Whether only members may comment.
    pub locked: bool,
    /// How many are assigned.
    pub assignees: u32,
    /// Who opened it.
    pub author: String,
    /// The board whose label it has.
    pub board: Option<Board>,
    /// Sums in its title and labels, where anybody may have put them.
    pub hints: Vec<Amount>,
    /// What is wrong with its words.
    pub traps: Vec<Trap>,
    /// When it was opened.
    pub created_at: Moment,
    /// When it last changed.
    pub updated_at: Moment,
}

impl IssueFacts {
    /// Takes from an issue what matters.
    pub fn of(issue: &Issue) -> Self {
        let title = issue.title.line(160);
        let labels = issue.labels.iter().map(|label| label.line(60));
        let hints = std::iter::once(title.clone()).chain(labels).flat_map(|text| amount::all(&text));
        let mut traps = trap::in_text(issue.text.read(), "the issue");
        traps.truncate(TRAPS_MAX);
        Self {
            place: issue.place.clone(),
            open: issue.open && !issue.is_pull_request,
            locked: issue.locked,
            assignees: u32::try_from(issue.assignees).unwrap_or(u32::MAX),
            author: issue.author.login.line(60),
            board: Board::of_labels(&issue.labels),
            hints: hints.take(8).collect(),
            traps,
            title,
            created_at: issue.created_at,
            updated_at: issue.updated_at,
        }
    }
}

/// What is known of the comments on an issue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CommentFacts {
    /// What the board's bot says.
    pub said: Said,
    /// Who said that he works on it, but for the owner.
    pub attempts: BTreeSet<String>,
    /// The owner's own comment that says so.
    pub own: Option<u64>,
    /// What is wrong with what others wrote.
    pub traps: Vec<Trap>,
    /// Comments that could not be read: while there is one, nothing is told as open or proposed.
    pub unread: u32,
}

impl CommentFacts {
    /// Takes in one comment. `owner` is the owner's own name on GitHub, if it is known.
    pub fn take(&mut self, comment: &Comment, owner: Option<&str>) {
        if board::is_algora(&comment.author) {
            return self.said.take(comment);
        }
        let body = comment.body.read();
        let own = owner.is_some_and(|owner| comment.author.is(owner));
        if claims(body) {
            match own {
                true => self.own = Some(comment.id),
                false => _ = self.attempts.insert(comment.author.login.line(60)),
            }
        }
        if own || self.traps.len() >= TRAPS_MAX {
            return;
        }
        let who = format!("a comment by {}", comment.author.login.line(40));
        if board::announces(body)
            || (board::looks_like_algora(&comment.author) && amount::first(body).is_some())
        {
            let why = format!("{who} announces a bounty and is not the bot's");
            self.traps.push(Trap::new(Kind::Impostor, why));
        }
        self.traps.extend(trap::in_text(body, &who));
    }
}

/// Whether a comment says that its author works on the issue: a line that begins with the board's word.
fn claims(body: &str) -> bool {
    body.lines().any(|line| {
        let word = line.split_whitespace().next().unwrap_or_default();
        word.eq_ignore_ascii_case("/attempt") || word.eq_ignore_ascii_case("/try")
    })
}

/// What is known of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryFacts {
    /// Whose it is.
    pub owner: String,
    /// Whether a person owns it.
    pub is_personal: bool,
    /// Its stars.
    pub stars: u64,
    /// When it was made.
    pub created_at: Moment,
    /// Whether nothing can be changed there, or nobody can see it.
    pub closed: bool,
    /// Whether it is a copy.
    pub fork: bool,
}

impl RepositoryFacts {
    /// Takes from a repository what matters.
    pub fn of(repository: &Repository) -> Self {
        Self {
            owner: Untrusted::new(repository.name.owner()).line(60),
            is_personal: repository.is_personal,
            stars: repository.stars,
            created_at: repository.created_at,
            closed: repository.frozen || repository.private,
            fork: repository.fork,
        }
    }
}
