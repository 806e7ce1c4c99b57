//! The last look before the first byte: whether the permit still lives now that the connection stands.
//!
//! Between the clearing of a request and its first byte lie a name lookup and a handshake, and a process
//! that is stopped or suspended there goes on as if nothing had been. So a connection is handed over only
//! while the permit of the exchange that asked for it lives. Who dials sets the check around the exchange
//! ([`while_live`]); a connection that no exchange waits for any more is given up.

use std::future::{Future, Ready, ready};
use std::sync::Arc;

use tower::util::AndThenLayer;

type Live = Arc<dyn Fn() -> bool + Send + Sync>;
type Boxed = Box<dyn std::error::Error + Send + Sync>;

tokio::task_local! {
    static LIVE: Live;
}

/// The permit was over before the connection stood, or nobody waits for it any more.
#[derive(Debug, thiserror::Error)]
#[error("the permit was over before the connection stood")]
pub(super) struct PermitOver;

/// Runs one exchange; its connection is used only while `live` says so.
pub(crate) async fn while_live<F: Future>(
    live: impl Fn() -> bool + Send + Sync + 'static,
    exchange: F,
) -> F::Output {
    LIVE.scope(Arc::new(live), exchange).await
}

/// Hands a new connection over, or drops it.
pub(super) fn last_look<C>() -> AndThenLayer<impl Fn(C) -> Ready<Result<C, Boxed>> + Clone + Send + Sync> {
    AndThenLayer::new(|connection| {
        let live = LIVE.try_with(|live| live()).unwrap_or(false);
        ready(if live { Ok(connection) } else { Err(PermitOver.into()) })
    })
}
