//! Why a walk down the road ends, or pauses, before an answer.

use mm_core::action::Request;
use mm_core::id::ActionId;
use mm_core::moment::Moment;
use mm_core::run::{Refusal, StepOutcome};
use mm_supervision::Fault;

use crate::compliance::Ruling;

/// Why the road ends before an answer.
pub(super) enum Halt {
    /// The action is not done.
    Refused(Refusal),
    /// The action waits for its owner, who would see this request.
    Asked(Box<(Ruling, Request)>),
    /// There is no way now. Whatever changes something waits until then; what reads is refused.
    Later { not_before: Moment, refusal: Refusal },
    /// The very same change was proposed before, by this action, and this is what became of it.
    Known(ActionId, StepOutcome),
    /// It may go well later, in this walk.
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
