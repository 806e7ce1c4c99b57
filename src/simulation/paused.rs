//! The runtime of a simulated machine: one thread, paused time. It opens no socket.

use tokio::runtime::{Builder, Runtime};

/// A runtime whose time is paused.
///
/// # Panics
/// Never: without sockets there is nothing that it could lack.
pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime without sockets")
}
