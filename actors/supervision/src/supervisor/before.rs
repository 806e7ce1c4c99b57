//! How a child goes on from its last life, be it of its supervisor or of the whole process.

use std::time::Duration;

use super::child::{Child, Held};
use super::{Started, SupMsg, purse};
use crate::event::What;
use crate::handle::Handle;

/// How a child that is added goes on from its last life.
pub(super) enum Before {
    Nothing,
    Isolated(Option<String>),
    Tripped(String),
    /// In the wait before its next try.
    Waits(Duration),
}

impl Child {
    /// How it stood in the last life, as the store has it. What the store cannot say keeps it down, except
    /// for the way in: an operator may have put it aside, or its budget may be spent.
    pub(super) async fn before(&mut self, supervisor_pays: bool) -> Before {
        let asked = purse::store(&self.place).standing(&self.place.node.path);
        let standing = match purse::ask(&self.place, asked).await {
            Ok(standing) => standing,
            Err(why) if self.purse.is_some() => return Before::Tripped(why),
            Err(_) if self.spec.way_in => return Before::Nothing,
            Err(_) => return Before::Isolated(None),
        };
        let next_ms = standing.next_try_ms.filter(|_| self.purse.is_some() || supervisor_pays);
        if self.purse.is_some() || supervisor_pays {
            self.attempts = standing.attempt;
        }
        if let Some(purse) = &mut self.purse {
            purse.begin(&standing);
            self.tripped = standing.tripped.map(|(why, _)| why);
        }
        match (standing.isolated, &self.tripped) {
            (Some((reason, _)), _) if !self.spec.way_in => Before::Isolated(Some(reason)),
            (_, Some(why)) => Before::Tripped(why.clone()),
            _ => self.still_waits(next_ms).map_or(Before::Nothing, Before::Waits),
        }
    }

    /// What is left of the wait of the last life. A clock that was put back makes none longer than the
    /// back-off's cap.
    fn still_waits(&self, next_ms: Option<i64>) -> Option<Duration> {
        let left_ms = next_ms?.saturating_sub(self.place.tree.now_ms());
        let left = Duration::from_millis(u64::try_from(left_ms).ok()?).min(self.spec.backoff.cap);
        (!left.is_zero()).then_some(left)
    }

    /// Goes on as before; `None` if it is free to start.
    pub(super) fn go_on(&mut self, before: Before, supervisor: &Handle<SupMsg>) -> Option<Started> {
        match before {
            Before::Nothing => None,
            Before::Isolated(reason) => {
                self.hold(Held::Isolated, reason.as_deref().unwrap_or("the store cannot say how it stood"));
                if let Some(reason) = reason {
                    self.place.emit(What::Isolated { reason });
                }
                Some(Started::Isolated)
            }
            Before::Tripped(why) => {
                self.hold(Held::Tripped, &why);
                self.place.emit(What::Tripped { why: why.clone() });
                self.tripped = Some(why);
                Some(Started::Tripped)
            }
            Before::Waits(left) => {
                self.wait(left, supervisor);
                Some(Started::Retrying)
            }
        }
    }
}
