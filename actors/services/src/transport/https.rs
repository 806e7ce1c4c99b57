//! The transport of a live machine: https to public addresses, and nothing else.
//!
//! Three guards, since each misses something alone: the request's URL has a host *name* on its
//! platform's list (the permit saw to that), the resolver gives only public addresses, and the
//! address it gave is the one that is dialled, so that a second lookup cannot differ. No proxy: it
//! would resolve for us.

use std::sync::OnceLock;

use async_trait::async_trait;
use mm_core::error::TransportFault;
use mm_permit::Cleared;

use super::{
    CONNECT_TIMEOUT, READ_TIMEOUT, RawAnswer, TOTAL_TIMEOUT, Transport, reading, resolve::PublicOnly,
};

/// Dials the world.
#[derive(Debug, Default)]
pub struct Https {
    // Building a client reads the machine's trust store (80 ms): done once, when first needed.
    client: OnceLock<Option<reqwest::Client>>,
}

impl Https {
    fn client(&self) -> Result<&reqwest::Client, TransportFault> {
        let built = self.client.get_or_init(|| {
            // A second installation is refused and harmless: the first stands.
            let _ = rustls::crypto::ring::default_provider().install_default();
            build().inspect_err(|error| tracing::error!(%error, "no https client could be built")).ok()
        });
        built.as_ref().ok_or(TransportFault::Tls)
    }
}

fn build() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .https_only(true)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .dns_resolver(PublicOnly)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .timeout(TOTAL_TIMEOUT)
        .pool_max_idle_per_host(2)
        .build()
}

#[async_trait]
impl Transport for Https {
    async fn exchange(&self, cleared: Cleared) -> Result<RawAnswer, TransportFault> {
        let url = cleared.request().url().as_str().to_owned();
        reading::exchange(self.client()?, &url, None, cleared).await
    }
}
