//! What business code implements; ractor's own trait never leaves this room.

use std::future::Future;

use crate::fault::Fault;
use crate::handle::Handle;
use crate::inspect::Inspect;

/// The behaviour of one actor. The value carries its arguments and is made afresh for every incarnation
/// by the factory given to [`child`](crate::child); what must change lives in `State`.
///
/// A panic in any of these is caught and ends the incarnation. A kill takes effect at the next `await`.
pub trait Component: Send + Sync + 'static {
    /// What it receives.
    type Msg: Inspect;
    /// What one incarnation knows; dropped before the next one starts.
    type State: Send + 'static;

    /// Prepares the state. The supervisor waits for it, at most the child's `start_within`. `me` may
    /// already be sent to: such messages are handled once this is done.
    fn init(&self, me: Handle<Self::Msg>) -> impl Future<Output = Result<Self::State, Fault>> + Send;

    /// Handles one message. A fault ends the incarnation and drops what is left in the mailbox.
    fn handle(
        &self,
        me: &Handle<Self::Msg>,
        msg: Self::Msg,
        state: &mut Self::State,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// The ordered goodbye: after the message in hand, within the child's `stop_within`. Not called
    /// after a fault, a panic or a kill.
    fn stop(&self, state: Self::State) -> impl Future<Output = ()> + Send {
        async move { drop(state) }
    }

    /// What may be shown of the state in `actors show`: named values, short, nothing secret. By
    /// allow-list: what is not named here stays inside. Asked between two messages; it must be quick. A
    /// panic in it ends nothing.
    fn status(&self, _state: &Self::State) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Bytes that the state holds beyond its own size (what its collections point to), as far as it is
    /// worth knowing. Asked after `init`, after every 64th message and with `status`; it must be quick.
    fn memory_bytes(&self, _state: &Self::State) -> Option<u64> {
        None
    }
}
