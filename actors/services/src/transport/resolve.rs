//! The resolver of the live transport: it knows no private addresses.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::is_public;

/// A resolver that knows no private addresses.
#[derive(Debug, Clone, Copy)]
pub(super) struct PublicOnly;

/// The resolver's refusal; `reading` recognises it in a connection error's chain.
#[derive(Debug, thiserror::Error)]
#[error("its name leads to no public address")]
pub(super) struct NoPublicAddress;

/// The name did not resolve at all.
#[derive(Debug, thiserror::Error)]
#[error("its name does not resolve")]
pub(super) struct NameUnknown(#[source] std::io::Error);

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(NameUnknown)?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(NoPublicAddress.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_home_is_not_resolved() {
        let result = PublicOnly.resolve("localhost".parse().unwrap()).await;
        assert!(result.is_err_and(|error| error.is::<NoPublicAddress>()));
    }
}
