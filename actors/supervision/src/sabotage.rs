//! Ways to break an actor from outside, for tests of what follows. Only there with the feature `testing`;
//! without it the host has no code for it.
//!
//! Whoever plans a sabotage is asked before every `init`, message and `stop` of every actor of the tree,
//! supervisors among them, and says what happens instead of it.

use std::time::Duration;

use crate::fault::Fault;
use crate::seams::{nanoseconds, real_mono_ns};

/// Decides who breaks, when and how. Asked from the actor's own task; must not block.
pub trait Sabotage: Send + Sync {
    /// What happens now instead of the actor's own code; `None` lets it be. `kind` is the message's, and
    /// `None` in [`When::Init`] and [`When::Stop`].
    fn plan(&self, path: &str, when: When, kind: Option<&'static str>) -> Option<How>;
}

/// At what an actor is disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// In place of its `init`.
    Init,
    /// In place of handling one message, which is dropped.
    Handle,
    /// In place of its `stop`; its state is dropped.
    Stop,
}

/// How an actor is disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It returns a fault (a bug).
    Fail,
    /// It panics.
    Panic,
    /// It awaits for ever; a kill ends it.
    Hang,
    /// It does not yield for so long by the real clock, and then goes on with its own code.
    Spin(Duration),
    /// It is killed, and never gets further.
    KillSelf,
}

/// Does what was planned; `kill` kills the actor.
pub(crate) async fn carry_out(how: How, when: When, kill: impl Fn() + Send) -> Result<(), Fault> {
    match how {
        How::Fail => return Err(Fault::bug(format!("sabotaged while in {when:?}"))),
        How::Panic => panic!("sabotaged while in {when:?}"),
        How::Hang => std::future::pending().await,
        How::Spin(long) => {
            let now_ns = real_mono_ns();
            while now_ns() < nanoseconds(long) {
                std::hint::spin_loop();
            }
        }
        How::KillSelf => {
            kill();
            std::future::pending().await
        }
    }
    Ok(())
}
