//! The resolver of the live transport: it knows no private addresses.
//!
//! What it gives is what is dialled, so that a second lookup cannot differ. A name of which even one
//! address is not public is refused as a whole: no public service has such a one, and to pick the
//! others would let whoever answers for the name choose by the order of its answers.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::is_public;

/// Names to addresses: the machine's own resolver, or a test's.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// All addresses of `host`, in the order to be tried.
    ///
    /// # Errors
    /// If the name does not resolve.
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of the machine (`/etc/resolv.conf`, `/etc/hosts`).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// A resolver that knows no private addresses.
#[derive(Clone)]
pub(super) struct PublicOnly(pub(super) Arc<dyn Lookup>);

/// The resolver's refusal; `reading` recognises it in a connection error's chain.
#[derive(Debug, thiserror::Error)]
#[error("its name leads to an address that is not public")]
pub(super) struct NoPublicAddress;

/// The name did not resolve at all.
#[derive(Debug, thiserror::Error)]
#[error("its name does not resolve")]
pub(super) struct NameUnknown(#[source] io::Error);

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = self.0.clone();
        Box::pin(async move {
            let found = lookup.addresses(name.as_str()).await.map_err(NameUnknown)?;
            if found.is_empty() || !found.iter().all(|address| is_public(*address)) {
                return Err(NoPublicAddress.into());
            }
            let sockets: Vec<SocketAddr> = found.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
            Ok(Box::new(sockets.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Gives its answers one after another, the last for ever.
    struct Answers(Mutex<Vec<Vec<IpAddr>>>);

    #[async_trait]
    impl Lookup for Answers {
        async fn addresses(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
            let mut answers = self.0.lock().unwrap();
            Ok(if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })
        }
    }

    fn answering(answers: &[&[&str]]) -> PublicOnly {
        let of = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        PublicOnly(Arc::new(Answers(Mutex::new(answers.iter().map(of).collect()))))
    }

    async fn resolved(resolver: &PublicOnly) -> Result<Vec<IpAddr>, bool> {
        let name = "platform.example".parse().unwrap();
        let result = resolver.resolve(name).await;
        result
            .map(|found| found.map(|socket| socket.ip()).collect())
            .map_err(|error| error.is::<NoPublicAddress>())
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_not_resolved() {
        let resolver = PublicOnly(Arc::new(SystemLookup));
        let result = resolver.resolve("localhost".parse().unwrap()).await;
        assert!(result.is_err_and(|error| error.is::<NoPublicAddress>()));
    }

    #[tokio::test]
    async fn one_address_that_is_not_public_spoils_the_name() {
        for mixed in [
            &["10.0.0.1"][..],
            &["1.1.1.1", "10.0.0.1"],
            &["127.0.0.1", "1.1.1.1"],
            &["2606:50c0:8000::154", "fd00::1"],
            &["1.1.1.1", "::ffff:169.254.169.254"],
            &["64:ff9b::a00:1"],
            &[],
        ] {
            assert_eq!(resolved(&answering(&[mixed])).await, Err(true), "{mixed:?}");
        }
        let good = &["1.1.1.1", "2606:50c0:8000::154", "64:ff9b::101:101"];
        assert_eq!(resolved(&answering(&[good])).await.unwrap().len(), 3);
    }

    /// Rebinding: the name leads to a public address when it is looked at, and home when it is dialled.
    /// There is one lookup for one dial, and each is judged.
    #[tokio::test]
    async fn a_name_that_changes_its_mind_is_judged_each_time() {
        let resolver = answering(&[&["1.1.1.1"], &["127.0.0.1"]]);
        assert_eq!(resolved(&resolver).await, Ok(vec!["1.1.1.1".parse().unwrap()]));
        assert_eq!(resolved(&resolver).await, Err(true));
    }
}
