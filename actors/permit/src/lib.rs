//! The one constructor of a [`Permit`]: the proof that exactly these bytes may be sent once.
//!
//! A room of its own so that the compiler guards it: the fields are private here, and only the
//! `services` room depends on this crate. A permit is minted from a judgement that permits, is
//! bound to the hash of one request and to the hosts of its rule pack, expires, works once, is
//! neither `Clone` nor storable. What transports take is not a permit but a [`Cleared`] request,
//! which only [`Permit::clear`] makes, after every check; so nothing can be dialled without one.
//! Credentials stand in it beside the request and are put in their slots by [`Cleared::fill`], which
//! a transport calls while it writes.
//!
//! Nothing here touches a clock or a socket. When a check fails, nothing has left.
//!
//! Where the rules ask, the mint wants a person's yes ([`Approved`]) to exactly this request under exactly
//! these rules; a yes to other bytes is worth nothing here. What a person must do himself gets no
//! permit at all.
//!
//! A permit cannot be copied or stored, is used by whoever takes it, and neither a judgement nor a cleared request can be made by hand:
//!
//! ```compile_fail
//! fn twice(permit: mm_permit::Permit) -> (mm_permit::Permit, mm_permit::Permit) {
//!     (permit.clone(), permit)
//! }
//! ```
//!
//! ```
//! // What stands in the refused examples below compiles for what may be kept.
//! fn keep<T: serde::Serialize>(_: T) {}
//! fn read_back<T: for<'a> serde::Deserialize<'a>>() {}
//! fn store(request: mm_core::action::Request) {
//!     keep(request);
//!     read_back::<mm_core::action::Request>();
//! }
//! ```
//!
//! ```compile_fail
//! fn keep<T: serde::Serialize>(_: T) {}
//! fn store(permit: mm_permit::Permit) {
//!     keep(permit)
//! }
//! ```
//!
//! ```compile_fail
//! fn read_back<T: for<'a> serde::Deserialize<'a>>() {}
//! fn load() {
//!     read_back::<mm_permit::Permit>()
//! }
//! ```
//!
//! ```
//! // And this is what may be done with one: it is handed on, once.
//! fn hand_on(permit: mm_permit::Permit, cleared: mm_permit::Cleared) {
//!     fn send(_: mm_permit::Permit, _: mm_permit::Cleared) {}
//!     send(permit, cleared);
//! }
//! ```
//!
//! ```compile_fail
//! fn send_twice(permit: mm_permit::Permit) {
//!     fn send(_: mm_permit::Permit) {}
//!     send(permit);
//!     send(permit);
//! }
//! ```
//!
//! ```compile_fail
//! fn mint_by_hand(permit: mm_permit::Permit) -> mm_permit::Permit {
//!     mm_permit::Permit { used: false, ..permit }
//! }
//! ```
//!
//! ```compile_fail
//! fn dial_twice(cleared: mm_permit::Cleared) {
//!     fn dial(_: mm_permit::Cleared) {}
//!     dial(cleared);
//!     dial(cleared);
//! }
//! ```
//!
//! ```compile_fail
//! use mm_core::approval::Approved;
//! fn say_yes_to_something_else(yes: Approved, other: &mm_core::action::Request) -> Approved {
//!     Approved { request: other.asked_hash(), ..yes }
//! }
//! ```
//!
//! ```compile_fail
//! fn judge_for_oneself(judgement: mm_core::rule::Judgement) -> mm_core::rule::Judgement {
//!     mm_core::rule::Judgement { verdict: mm_core::rule::Verdict::Permit, ..judgement }
//! }
//! ```
//!
//! ```compile_fail
//! fn forge(request: mm_core::action::Request) -> mm_permit::Cleared {
//!     mm_permit::Cleared { request }
//! }
//! ```

use std::time::Duration;

use mm_core::action::{Action, Request};
use mm_core::approval::{Approved, NotApproved};
use mm_core::digest::Digest;
use mm_core::id::{ActionId, Epoch};
use mm_core::moment::Moment;
use mm_core::rule::{Judgement, Verdict};
use mm_core::secret::Secret;
use mm_core::vault::{BadSlot, Slot};

/// How long a permit lives: long enough to be handed on, too short to be judged by old rules.
pub const PERMIT_LIFETIME: Duration = Duration::from_secs(30);

/// The two clocks' readings at one instant. A permit expires by whichever says so first, so that
/// neither a stepped wall clock nor a suspended machine keeps one alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Wall-clock time.
    pub wall: Moment,
    /// Monotonic time since an arbitrary start.
    pub mono: Duration,
}

/// Makes permits. One for each process, held by the compliance service.
#[derive(Debug)]
pub struct Mint {
    epoch: Epoch,
    minted: u64,
}

/// Why no permit was made, or why one was not honoured. Each means that nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The judgement does not permit, and no approval answers its `ask`.
    #[error("no permit: the verdict is {}", .0.as_str())]
    Verdict(Verdict),
    /// A person was asked, and this is no yes to what is to be sent.
    #[error("no permit")]
    NotApproved(#[source] NotApproved),
    /// A slot of the request has no secret.
    #[error("the request has the slot {0}, and there is no secret for it")]
    Unfilled(String),
    /// What begins like a slot and is none, or stands where no secret may, must not leave.
    #[error("the request has a credential slot that cannot be filled")]
    BadSlot(#[source] BadSlot),
    /// The URL's host is none of its platform's.
    #[error("no permit: {0} is not a host of this platform's rule pack")]
    Host(String),
    /// The permit was used before.
    #[error("this permit has been used; one permit sends one request")]
    Used,
    /// The permit is too old.
    #[error("this permit expired before its request was sent; the action must be judged again")]
    Expired,
    /// The request is not the one that was judged.
    #[error("this permit is for another request; not one byte may change after the judgement")]
    Changed,
}

/// What a permit is made for.
#[derive(Debug)]
pub struct Terms<'a> {
    /// The action that was judged.
    pub action: &'a Action,
    /// The action's id.
    pub id: &'a ActionId,
    /// The request as it will be sent, obligations in place.
    pub request: &'a Request,
    /// The generation of the breaker that admitted it.
    pub breaker_generation: u64,
    /// The person's yes, if one was given.
    pub approval: Option<&'a Approved>,
    /// Readings of the clocks.
    pub now: Now,
}

impl Mint {
    /// The mint of this process. `epoch` numbers its permits.
    pub fn new(epoch: Epoch) -> Self {
        Self { epoch, minted: 0 }
    }

    /// Makes a permit from a judgement.
    ///
    /// # Errors
    /// [`Refused::Verdict`] unless the verdict is `permit`, or `ask` with a person's yes;
    /// [`Refused::NotApproved`] if that is no yes to this request of this action under this judgement;
    /// [`Refused::Host`] if the request goes to a host that the deciding rule pack does not name.
    pub fn mint(&mut self, judgement: &Judgement, terms: Terms<'_>) -> Result<Permit, Refused> {
        let asked = terms.request.asked_hash();
        match (judgement.verdict, terms.approval) {
            (Verdict::Permit, None) => {}
            // The rules do not ask any more; what was approved is still all that is sent.
            (Verdict::Permit, Some(yes)) if yes.request() == asked => {}
            (Verdict::Permit, Some(_)) => return Err(Refused::NotApproved(NotApproved::Request)),
            (Verdict::Ask, Some(yes)) if !judgement.by_owner => {
                let covered = yes.covers(terms.id, asked, judgement.digest(), terms.now.wall);
                covered.map_err(Refused::NotApproved)?;
            }
            (verdict, _) => return Err(Refused::Verdict(verdict)),
        }
        let host = terms.request.url().host();
        if !judgement.hosts.iter().any(|allowed| allowed == host) {
            return Err(Refused::Host(host.to_owned()));
        }
        self.minted += 1;
        Ok(Permit {
            number: (self.epoch, self.minted),
            action: terms.id.clone(),
            hash: terms.request.hash(),
            answer_bytes_max: terms.action.answer_bytes_max,
            breaker_generation: terms.breaker_generation,
            minted: terms.now,
            used: false,
        })
    }
}

/// The proof, made by compliance, that exactly these bytes may be sent once.
#[derive(Debug)]
#[must_use = "a permit that is not used was minted for nothing"]
pub struct Permit {
    number: (Epoch, u64),
    action: ActionId,
    hash: Digest,
    answer_bytes_max: u64,
    breaker_generation: u64,
    minted: Now,
    used: bool,
}

impl Permit {
    /// The action it was made for.
    pub fn action(&self) -> &ActionId {
        &self.action
    }

    /// The generation of the breaker that admitted it; an answer is reported under this number.
    pub fn breaker_generation(&self) -> u64 {
        self.breaker_generation
    }

    /// `EPOCH-N`, for records.
    pub fn number(&self) -> String {
        format!("{}-{}", self.number.0, self.number.1)
    }

    /// Uses the permit up for `request`, whose slots are filled from `secrets` while it is written to the
    /// wire. This is the last check before the socket.
    ///
    /// # Errors
    /// [`Refused`] if it was used, has expired, is for another request, or has a slot that cannot be
    /// filled. A refused request has used the permit up too.
    pub fn clear(
        &mut self,
        request: Request,
        secrets: Vec<(Slot, Secret)>,
        now: Now,
    ) -> Result<Cleared, Refused> {
        if std::mem::replace(&mut self.used, true) {
            return Err(Refused::Used);
        }
        if is_over(self.minted, now) {
            return Err(Refused::Expired);
        }
        if request.hash() != self.hash {
            return Err(Refused::Changed);
        }
        for slot in slots(&request).map_err(Refused::BadSlot)? {
            if !secrets.iter().any(|(own, _)| *own == slot) {
                return Err(Refused::Unfilled(slot.to_string()));
            }
        }
        let Self { action, answer_bytes_max, minted, .. } = self;
        let (action, answer_bytes_max, minted) = (action.clone(), *answer_bytes_max, *minted);
        let cleared = Cleared { request, secrets, action, answer_bytes_max, minted };
        // Tried now, so that no transport ever stands before a slot it cannot fill.
        cleared.filled().map_err(Refused::BadSlot)?;
        Ok(cleared)
    }
}

/// The credential slots of a request, wherever they stand in its headers and its body.
///
/// # Errors
/// [`BadSlot`] if something begins like a slot and is none.
pub fn slots(request: &Request) -> Result<Vec<Slot>, BadSlot> {
    let mut found = Slot::all_in(request.body())?;
    for (_, value) in request.headers() {
        found.extend(Slot::all_in(value.as_bytes())?);
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Whether a permit of `minted` is too old at `now`, or a clock went back meanwhile.
fn is_over(minted: Now, now: Now) -> bool {
    let lived = now.mono.saturating_sub(minted.mono);
    now.wall < minted.wall || lived > PERMIT_LIFETIME || now.wall.since(minted.wall) > PERMIT_LIFETIME
}

mod cleared;

pub use cleared::{Cleared, Filled};

#[cfg(test)]
mod tests;
