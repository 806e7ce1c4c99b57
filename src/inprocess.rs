//! The transport of simulated machines: it calls the sandbox, without a socket.
//!
//! The one file that knows both the road's words for a request and the sandbox's.

use std::io::Read;
use std::sync::Arc;

use async_trait::async_trait;
use mm_core::error::TransportFault;
use mm_core::seams::SharedClock;
use mm_permit::Cleared;
use mm_services::transport::{RawAnswer, TOTAL_TIMEOUT, Transport};

use crate::sandbox::Sandbox;
use crate::sandbox::message::{Body, Request, Response};

/// Hands requests to a sandbox in this process.
pub struct InProcess {
    sandbox: Arc<Sandbox>,
    clock: SharedClock,
}

impl InProcess {
    /// A transport to `sandbox`, whose time is `clock`'s.
    pub fn to(sandbox: Arc<Sandbox>, clock: SharedClock) -> Self {
        Self { sandbox, clock }
    }
}

#[async_trait]
impl Transport for InProcess {
    async fn exchange(&self, cleared: Cleared) -> Result<RawAnswer, TransportFault> {
        let request = cleared.request();
        let filled = cleared.fill();
        let asked = Request {
            method: request.method().as_str().to_owned(),
            url: request.url().as_str().to_owned(),
            headers: filled.headers().map(|(name, value, _)| (name.to_owned(), value.to_owned())).collect(),
            body: filled.body().to_vec(),
        };
        let response = self.sandbox.answer(asked, self.clock.wall().unix_ms());
        let reading = read(response, cleared.answer_bytes_max());
        tokio::time::timeout(TOTAL_TIMEOUT, reading).await.unwrap_or(Err(TransportFault::Timeout))
    }
}

async fn read(response: Response, bytes_max: u64) -> Result<RawAnswer, TransportFault> {
    tokio::time::sleep(response.delay.before_head).await;
    let too_large = TransportFault::TooLarge { max_bytes: bytes_max };
    let body = match response.body {
        Body::Bytes(bytes) if bytes.len() as u64 > bytes_max => return Err(too_large),
        Body::Bytes(bytes) => bytes.to_vec(),
        Body::Broken(_) | Body::NoAnswer => return Err(TransportFault::Reset),
        Body::Stream(pieces) => {
            let mut body = Vec::new();
            for piece in pieces {
                tokio::time::sleep(response.delay.before_piece).await;
                body.extend_from_slice(&piece);
                if body.len() as u64 > bytes_max {
                    return Err(too_large);
                }
            }
            body
        }
    };
    let zipped = response.headers.iter().any(|(name, value)| name == "content-encoding" && value == "gzip");
    let body = if zipped { unzip(&body, bytes_max)? } else { body };
    Ok(RawAnswer { status: response.status, headers: response.headers, body })
}

fn unzip(body: &[u8], bytes_max: u64) -> Result<Vec<u8>, TransportFault> {
    let mut plain = Vec::new();
    let read = flate2::read::GzDecoder::new(body).take(bytes_max + 1).read_to_end(&mut plain);
    read.map_err(|_| TransportFault::BadEncoding)?;
    if plain.len() as u64 > bytes_max {
        return Err(TransportFault::TooLarge { max_bytes: bytes_max });
    }
    Ok(plain)
}
