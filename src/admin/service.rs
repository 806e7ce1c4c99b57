//! The admin as an actor: its socket lives exactly as long as one incarnation.

use std::sync::Arc;
use std::time::Duration;

use mm_supervision::{Backoff, ChildSpec, Component, Fault, Handle, Inspect, Restart, child};

use super::Ops;
use super::serve::{self, Server};

/// Requests in hand may take so long once a stop was asked for.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// The root's first child.
pub struct AdminService {
    ops: Arc<Ops>,
}

/// What it is sent: by its own server, which ended.
pub struct Msg {
    why: String,
}

impl Inspect for Msg {
    fn kind(&self) -> &'static str {
        "server-ended"
    }
}

impl AdminService {
    /// The admin's row of the tree.
    pub fn row(ops: Arc<Ops>) -> ChildSpec {
        let make = move || AdminService { ops: ops.clone() };
        let about = "answers the operator, also while all else is down";
        child("admin", about, Restart::Permanent, STOP_WITHIN, &Handle::new(), make)
            .with_backoff(Backoff::between(Duration::from_millis(100), Duration::from_secs(30)))
            .as_way_in()
    }
}

impl Component for AdminService {
    type Msg = Msg;
    /// Dropped, however this incarnation ends, it takes the server down.
    type State = Option<Server>;

    async fn init(&self, me: Handle<Msg>) -> Result<Option<Server>, Fault> {
        let Some(socket) = &self.ops.socket else { return Ok(None) };
        let ended = move |why: String| drop(me.cast(Msg { why }));
        Ok(Some(serve::listen(self.ops.clone(), socket, ended)?))
    }

    async fn handle(&self, _me: &Handle<Msg>, msg: Msg, _: &mut Option<Server>) -> Result<(), Fault> {
        Err(Fault::transient(format!("the admin's server ended: {}", msg.why)))
    }

    async fn stop(&self, server: Option<Server>) {
        if let Some(server) = server {
            server.stop().await;
        }
    }
}
