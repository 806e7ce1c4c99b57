//! Why a walk down the road ends, or pauses, before an answer.

use mm_core::moment::Moment;
use mm_core::run::Refusal;
use mm_supervision::Fault;

use crate::compliance::Ruling;

/// Why the road ends before an answer.
pub(super) enum Halt {
    /// The action is not done.
    Refused(Refusal),
    /// The action waits for its owner.
    Asked(Box<Ruling>),
    /// It may go well later.
    Again { not_before: Moment, refusal: Refusal },
    /// The run was fenced off; nothing is written any more.
    Fenced,
    /// The machine itself failed.
    Broken(Fault),
}

impl<E: Into<Fault>> From<E> for Halt {
    fn from(error: E) -> Self {
        Halt::Broken(error.into())
    }
}
