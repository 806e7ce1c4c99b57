//! The transport of a live machine: https to public addresses, and nothing else.
//!
//! Three guards, since each misses something alone: the request's URL has a host *name* on its
//! platform's list (the permit saw to that), the resolver gives only public addresses, and the
//! address it gave is the one that is dialled, so that a second lookup cannot differ. No proxy: it
//! would resolve for us.

use std::fmt;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use mm_core::error::TransportFault;
use mm_permit::Cleared;

use super::{
    CONNECT_TIMEOUT, Lookup, READ_TIMEOUT, RawAnswer, SystemLookup, TOTAL_TIMEOUT, Transport, reading,
    resolve::PublicOnly,
};

/// Dials the world.
pub struct Https {
    lookup: Arc<dyn Lookup>,
    // Building a client reads the machine's trust store (80 ms): done once, when first needed.
    client: OnceLock<Option<reqwest::Client>>,
}

impl Default for Https {
    fn default() -> Self {
        Self::resolving(Arc::new(SystemLookup))
    }
}

impl fmt::Debug for Https {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Https").finish_non_exhaustive()
    }
}

impl Https {
    /// With another resolver than the machine's. What it gives is judged all the same.
    pub fn resolving(lookup: Arc<dyn Lookup>) -> Self {
        Self { lookup, client: OnceLock::new() }
    }

    fn client(&self) -> Result<&reqwest::Client, TransportFault> {
        let built = self.client.get_or_init(|| {
            // A second installation is refused and harmless: the first stands.
            let _ = rustls::crypto::ring::default_provider().install_default();
            build(self.lookup.clone())
                .inspect_err(|error| tracing::error!(%error, "no https client could be built"))
                .ok()
        });
        built.as_ref().ok_or(TransportFault::Tls)
    }
}

fn build(lookup: Arc<dyn Lookup>) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .https_only(true)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .dns_resolver(PublicOnly(lookup))
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
