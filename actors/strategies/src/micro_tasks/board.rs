//! Boards: who vouches for a bounty, what his bot says, and who only looks like it.
//!
//! Algora's bot writes one of two texts (algora-io/algora, `notify_bounty.ex`) and edits its comment in
//! place when the sum changes; several bounties may stand on one issue. Its name with `[bot]` cannot be
//! had by a person. Opire's sum is told on its own site alone and is a pledge: its label is a hint, and no
//! sum is shown for it.

use mm_sdk::{Moment, Untrusted};
use serde::{Deserialize, Serialize};

use super::amount::{self, Amount};
use crate::github::shape::{Comment, User};

/// A board that lives on GitHub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Board {
    /// algora.io
    Algora,
    /// opire.dev
    Opire,
}

impl Board {
    /// The board's name as a platform.
    pub fn name(self) -> &'static str {
        match self {
            Board::Algora => "algora",
            Board::Opire => "opire",
        }
    }

    /// What one writes in a comment to say that one works on issue `number`.
    pub fn claim(self, number: u64) -> String {
        match self {
            Board::Algora => format!("/attempt #{number}"),
            Board::Opire => "/try".to_owned(),
        }
    }

    /// The board whose label one of these is.
    pub fn of_labels<'a>(labels: impl IntoIterator<Item = &'a Untrusted>) -> Option<Self> {
        let mut labels = labels.into_iter();
        labels.find_map(|label| match () {
            () if label.is("💎 Bounty") => Some(Board::Algora),
            () if label.is("💰 Opire Reward") => Some(Board::Opire),
            () => None,
        })
    }
}

/// The name of Algora's bot where its app is installed.
const ALGORA_APP: &str = "algora-pbc[bot]";

/// The names of Algora's bot, each with the kinds of account it has.
const ALGORA: [(&str, &[&str]); 2] =
    [(ALGORA_APP, &["Bot"]), ("algora-pbc", &["User", "Bot", "Organization"])];

/// Whether a comment's author is Algora's bot.
pub fn is_algora(author: &User) -> bool {
    ALGORA.iter().any(|(login, kinds)| author.is(login) && kinds.iter().any(|kind| author.kind.is(kind)))
}

/// Whether the author's name is made to be taken for the bot's.
pub fn looks_like_algora(author: &User) -> bool {
    let near = |login: &str| author.login.impersonates(login) && !author.is(login);
    let holds = author.login.line(60).to_ascii_lowercase().contains("algora");
    !is_algora(author) && (holds || ALGORA.iter().any(|(login, _)| near(login) || author.is(login)))
}

/// One bounty that the bot told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounty {
    /// Who pays; one harmless line.
    pub sponsor: String,
    /// How much.
    pub amount: Amount,
    /// When that was last said.
    pub said_at: Moment,
    /// The comment that said it.
    pub comment: u64,
}

/// What the bot says in all its comments on an issue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Said {
    /// One for each sponsor: what was said of him last.
    pub bounties: Vec<Bounty>,
    /// It was paid out already.
    pub awarded: bool,
    /// It spoke as the app that is installed there, and so reads pull requests. Kept beside the issues.
    #[serde(skip)]
    pub by_app: bool,
    /// It spoke of a bounty, and the sum could not be read; a sentence each.
    pub unread: Vec<String>,
}

impl Said {
    /// Takes in one comment of the bot's.
    pub fn take(&mut self, comment: &Comment) {
        for line in comment.body.read().lines().map(str::trim).filter(|line| !line.starts_with('>')) {
            self.awarded |= is_award(line);
            self.by_app |= comment.author.is(ALGORA_APP);
            match announcement(line) {
                Some(Some((sponsor, amount))) => {
                    self.put(Bounty { sponsor, amount, said_at: comment.updated_at, comment: comment.id })
                }
                Some(None) => {
                    let line = Untrusted::new(line).line(80);
                    self.unread
                        .push(format!("the sum in the bot's comment {} cannot be read: {line}", comment.id));
                }
                None => {}
            }
        }
    }

    /// The same sponsor again: what was said last holds.
    fn put(&mut self, bounty: Bounty) {
        match self.bounties.iter_mut().find(|other| other.sponsor.eq_ignore_ascii_case(&bounty.sponsor)) {
            Some(earlier) if (earlier.said_at, earlier.comment) <= (bounty.said_at, bounty.comment) => {
                *earlier = bounty;
            }
            Some(_) => {}
            None => self.bounties.push(bounty),
        }
    }
}

/// Whether a text announces a bounty in the bot's words: from anybody else that is a trap.
pub fn announces(text: &str) -> bool {
    text.lines().map(str::trim).any(|line| !line.starts_with('>') && announcement(line).is_some())
}

fn is_award(line: &str) -> bool {
    line.contains("has been awarded")
}

/// Sponsor and sum, if this line announces a bounty; `Some(None)` if it does and the sum cannot be read.
fn announcement(line: &str) -> Option<Option<(String, Amount)>> {
    let line = line.trim_start_matches('#').trim();
    let rest = line.strip_prefix('💎')?.trim();
    if let Some((sponsor, offer)) = rest.split_once(" is offering a ") {
        let offer = offer.contains("bounty").then(|| amount::first(offer))?;
        return Some(offer.map(|amount| (name(sponsor.trim_matches('*')), amount)));
    }
    let (sum, sponsor) = rest.split_once("bounty")?;
    let sponsor =
        sponsor.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or("", |(name, _)| name);
    let sponsor = name(sponsor.trim_start_matches('•'));
    Some(amount::first(sum).map(|amount| (sponsor, amount)))
}

fn name(text: &str) -> String {
    Untrusted::new(text.trim()).line(60)
}
