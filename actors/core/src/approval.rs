//! Approvals: what a person is asked, what he said, and what his yes is good for.
//!
//! ```text
//! waiting ── approve, edit ──▶ approved ── intent on record ──▶ sent
//!    │                            ├── rules or bytes changed ──▶ superseded, and asked anew
//!    │                            ◀── provably nothing left, and the way may be free later ── sent
//!    ├── approve, where he must act himself ──▶ handed ──▶ done | not done
//!    ├── reject ──▶ rejected        (also while it is approved and has not left)
//!    └── time ──▶ expired           (likewise)
//! ```
//!
//! A yes ([`Approved`]) is good for one request's hash under the rules that asked, until a moment. Only
//! an approval that stands at `approved` gives one; it cannot be written down or made by hand:
//!
//! ```compile_fail
//! fn forge(id: mm_core::id::ActionId) -> mm_core::approval::Approved {
//!     mm_core::approval::Approved { id }
//! }
//! ```
//!
//! ```
//! fn read_back<T: for<'a> serde::Deserialize<'a>>() {}
//! read_back::<mm_core::approval::Approval>();
//! ```
//!
//! ```compile_fail
//! fn read_back<T: for<'a> serde::Deserialize<'a>>() {}
//! read_back::<mm_core::approval::Approved>();
//! ```
//!
//! Pure: moments come in, and whoever keeps it writes it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::ActionId;
use crate::moment::Moment;

/// An item that nobody decides on ends after so long.
pub const EXPIRES_AFTER: Duration = Duration::from_secs(72 * 3600);

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has said anything.
    Waiting,
    /// A person said yes; it will be sent.
    Approved,
    /// A person said yes and acts himself, on the platform.
    Handed,
    /// Its intent is on record: what becomes of it stands in its action.
    Sent,
    /// The person says that he did it.
    Done,
    /// The person says that he did not do it.
    NotDone,
    /// A person said no.
    Rejected,
    /// Nobody decided in time, or it could not be sent in time.
    Expired,
    /// The rules or the request changed; another item asks.
    Superseded,
}

impl State {
    /// Every state, in the order in which it is stored.
    pub const ALL: [State; 9] = [
        State::Waiting,
        State::Approved,
        State::Handed,
        State::Sent,
        State::Done,
        State::NotDone,
        State::Rejected,
        State::Expired,
        State::Superseded,
    ];

    /// The state in words.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Approved => "approved",
            State::Handed => "handed",
            State::Sent => "sent",
            State::Done => "done",
            State::NotDone => "not-done",
            State::Rejected => "rejected",
            State::Expired => "expired",
            State::Superseded => "superseded",
        }
    }

    /// Whether something may still come of it.
    pub fn is_open(self) -> bool {
        matches!(self, State::Waiting | State::Approved | State::Handed)
    }
}

/// What happens to an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A person says yes to what it shows.
    Approve,
    /// A person says yes to other bytes, which were judged: their hash, and the digest of the ruling.
    Edit {
        /// [`Request::asked_hash`](crate::action::Request::asked_hash) of what will be sent.
        request: Digest,
        /// The digest of the judgement that asks about, or permits, it.
        ruling: Digest,
    },
    /// A person says no.
    Reject,
    /// A person says that he did it.
    Done,
    /// A person says that he did not do it.
    NotDone,
    /// Its intent goes on record.
    Send,
    /// Of what was to be sent nothing has left, and it may be sent later: the yes stands as it was given.
    NotSent,
    /// Its time has passed.
    Expire,
    /// The rules or the request are others now, or what it was about is over.
    Supersede,
}

/// Who said something of an item, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Who: `operator (uid 1000)`.
    pub by: String,
    /// When.
    pub at: Moment,
    /// The state that it led to.
    pub state: State,
    /// Why, if a reason was given.
    pub reason: Option<String>,
}

/// Why an item does not take a word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It stands elsewhere.
    #[error("it is {}, and takes no such word", .0.as_str())]
    State(State),
    /// Its time has passed.
    #[error("it expired at {0}; whoever proposed it must propose it again")]
    Expired(Moment),
    /// It is not for its owner to act on himself.
    #[error("it is sent by the machine: approve or reject it; `done` is for what you do yourself")]
    NotByOwner,
    /// Where a person must act himself there is nothing to edit.
    #[error("you do this yourself on the platform, so there is nothing to edit here")]
    NothingToEdit,
}

/// One question to a person, and what was said to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Where it stands.
    pub state: State,
    /// Whether a person must act on the platform himself.
    pub by_owner: bool,
    /// [`Request::asked_hash`](crate::action::Request::asked_hash) of what is asked about; of the edited
    /// one, once it is edited.
    pub request: Digest,
    /// The digest of the judgement that asks.
    pub ruling: Digest,
    /// When it was asked.
    pub asked_at: Moment,
    /// When the question ends by itself.
    pub expires: Moment,
    /// When it would be of no use any more, if whoever proposed it said so.
    pub deadline: Option<Moment>,
    /// Every word that was said, the first first.
    pub said: Vec<Said>,
}

impl Approval {
    /// A question asked at `now`.
    pub fn ask(
        request: Digest,
        ruling: Digest,
        by_owner: bool,
        now: Moment,
        deadline: Option<Moment>,
    ) -> Self {
        let usual = now.plus(EXPIRES_AFTER);
        let expires = deadline.map_or(usual, |deadline| deadline.min(usual));
        Self {
            state: State::Waiting,
            by_owner,
            request,
            ruling,
            asked_at: now,
            expires,
            deadline,
            said: Vec::new(),
        }
    }

    /// The item after `event`. `by` and `reason` go on record.
    ///
    /// # Errors
    /// [`NotTaken`] says why it stays as it is.
    pub fn after(
        &self,
        event: &Event,
        by: &str,
        reason: Option<&str>,
        now: Moment,
    ) -> Result<Approval, NotTaken> {
        let mut after = self.clone();
        after.state = self.next(event, now)?;
        if let Event::Edit { request, ruling } = event {
            (after.request, after.ruling) = (*request, *ruling);
        }
        let reason = reason.map(str::to_owned);
        after.said.push(Said { by: by.to_owned(), at: now, state: after.state, reason });
        Ok(after)
    }

    fn next(&self, event: &Event, now: Moment) -> Result<State, NotTaken> {
        let yes = matches!(event, Event::Approve | Event::Edit { .. });
        match (self.state, event) {
            (State::Waiting, _) if yes && now >= self.expires => Err(NotTaken::Expired(self.expires)),
            (State::Waiting, Event::Edit { .. }) if self.by_owner => Err(NotTaken::NothingToEdit),
            (State::Waiting, _) if yes && self.by_owner => Ok(State::Handed),
            (State::Waiting, _) if yes => Ok(State::Approved),
            (State::Waiting | State::Approved, Event::Reject) => Ok(State::Rejected),
            (State::Waiting | State::Approved, Event::Expire) => Ok(State::Expired),
            (State::Waiting | State::Approved, Event::Supersede) => Ok(State::Superseded),
            // What its owner took on himself does not end by time, and is over with what it was about.
            (State::Handed, Event::Supersede) if self.by_owner => Ok(State::Superseded),
            (State::Approved, Event::Send) => Ok(State::Sent),
            (State::Sent, Event::NotSent) => Ok(State::Approved),
            // Said at once, without the word before it, it means the same.
            (State::Waiting | State::Handed, Event::Done) if self.by_owner => Ok(State::Done),
            (State::Waiting | State::Handed, Event::NotDone) if self.by_owner => Ok(State::NotDone),
            (State::Waiting | State::Approved, Event::Done | Event::NotDone) => Err(NotTaken::NotByOwner),
            (state, _) => Err(NotTaken::State(state)),
        }
    }

    /// The person's yes to what action `id` would send, if it stands.
    pub fn answer(&self, id: &ActionId) -> Option<Approved> {
        let said = self.yes().filter(|_| self.state == State::Approved)?;
        Some(Approved {
            id: id.clone(),
            request: self.request,
            ruling: self.ruling,
            by: said.by.clone(),
            at: said.at,
            until: self.useful_until(said.at),
        })
    }

    /// What the person said. That his yes stands again, the machine says later.
    fn yes(&self) -> Option<&Said> {
        self.said.iter().find(|said| said.state == State::Approved)
    }

    /// Until when a yes of `at` is good.
    fn useful_until(&self, at: Moment) -> Moment {
        self.deadline.unwrap_or_else(|| at.plus(EXPIRES_AFTER))
    }

    /// When it ends by itself as it stands now; `None` if it waits for its owner's word alone, or is over.
    pub fn ends_at(&self) -> Option<Moment> {
        match self.state {
            State::Waiting => Some(self.expires),
            State::Approved => self.yes().map(|said| self.useful_until(said.at)),
            _ => None,
        }
    }
}

/// A person's yes to one request under certain rules. Neither stored nor made anywhere but in
/// [`Approval::answer`]; what is stored is the approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    id: ActionId,
    request: Digest,
    ruling: Digest,
    by: String,
    at: Moment,
    until: Moment,
}

/// Why a yes is none to this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotApproved {
    /// It was given to another action.
    #[error("the approval is another action's, {0}")]
    Action(ActionId),
    /// Other bytes were approved.
    #[error("the request is not the one that was approved")]
    Request,
    /// The rules ask for other reasons than then.
    #[error("the rules that ask have changed since it was approved")]
    Rules,
    /// It is too old.
    #[error("the approval was good until {0}")]
    Old(Moment),
}

impl Approved {
    /// Whether it is a yes to `request` ([`Request::asked_hash`](crate::action::Request::asked_hash)) of
    /// action `id`, asked about under `ruling`, at `now`.
    ///
    /// # Errors
    /// [`NotApproved`] names the first thing that differs.
    pub fn covers(
        &self,
        id: &ActionId,
        request: Digest,
        ruling: Digest,
        now: Moment,
    ) -> Result<(), NotApproved> {
        if self.id != *id {
            return Err(NotApproved::Action(self.id.clone()));
        }
        if self.request != request {
            return Err(NotApproved::Request);
        }
        if self.ruling != ruling {
            return Err(NotApproved::Rules);
        }
        if now >= self.until {
            return Err(NotApproved::Old(self.until));
        }
        Ok(())
    }

    /// The action that it was given to.
    pub fn action(&self) -> &ActionId {
        &self.id
    }

    /// The hash of what was approved.
    pub fn request(&self) -> Digest {
        self.request
    }

    /// Who said it.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// When.
    pub fn at(&self) -> Moment {
        self.at
    }
}

#[cfg(test)]
mod tests;
