//! The sandbox's transport: it can dial one listener on this machine and nothing else.
//!
//! The request's logical host travels in `Host`, so that the sandbox knows whom to answer for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use async_trait::async_trait;
use mm_core::error::TransportFault;
use mm_permit::Cleared;

use super::{CONNECT_TIMEOUT, READ_TIMEOUT, RawAnswer, TOTAL_TIMEOUT, Transport, reading};

/// Dials the sandbox on this machine's loopback address.
#[derive(Debug)]
pub struct Loopback {
    port: u16,
    client: reqwest::Client,
}

impl Loopback {
    /// A transport to the sandbox that listens on `port` of 127.0.0.1.
    ///
    /// # Errors
    /// If the HTTP client cannot be built.
    pub fn to(port: u16) -> Result<Self, reqwest::Error> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .tls_certs_only([])
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .build()?;
        Ok(Self { port, client })
    }
}

#[async_trait]
impl Transport for Loopback {
    async fn exchange(&self, cleared: Cleared) -> Result<RawAnswer, TransportFault> {
        let listener = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.port);
        let url = format!("http://{listener}{}", cleared.request().url().path_and_query());
        let host = cleared.request().url().host().to_owned();
        reading::exchange(&self.client, &url, Some(&host), cleared).await
    }
}
