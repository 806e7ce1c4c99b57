//! One exchange over reqwest: the request as it was cleared, the answer up to its limit.

use std::error::Error as _;

use mm_core::action::Method;
use mm_core::error::TransportFault;
use mm_permit::Cleared;
use reqwest::header::HeaderValue;

use super::RawAnswer;
use super::resolve::{NameUnknown, NoPublicAddress};

/// No answer has longer headers than this altogether; servers themselves take 8 to 64 KiB.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Sends what was cleared to `url` (with `host` as its `Host`, where that differs).
pub(super) async fn exchange(
    client: &reqwest::Client,
    url: &str,
    host: Option<&str>,
    cleared: Cleared,
) -> Result<RawAnswer, TransportFault> {
    let request = cleared.request();
    let mut builder = client.request(method(request.method()), url);
    if let Some(host) = host {
        builder = builder.header("host", host);
    }
    builder = written(builder, &cleared)?;
    let response = builder.send().await.map_err(fault)?;
    let status = response.status().as_u16();
    let headers = head(&response)?;
    let packed = headers.iter().any(|(name, value)| name == "content-encoding" && value != "identity");
    let body = read(response, cleared.answer_bytes_max()).await?;
    // What is still packed was packed in a way that was not offered, or twice: nobody here can read it.
    if packed && !body.is_empty() {
        return Err(TransportFault::BadEncoding);
    }
    Ok(RawAnswer { status, headers, body })
}

/// Headers and body with their credentials. reqwest keeps its copy until it is sent, and wipes none.
fn written(
    mut builder: reqwest::RequestBuilder,
    cleared: &Cleared,
) -> Result<reqwest::RequestBuilder, TransportFault> {
    let filled = cleared.fill();
    for (name, value, secret) in filled.headers() {
        // What a permit cleared is well-formed.
        let mut value = HeaderValue::from_str(value).map_err(|_| TransportFault::Connect)?;
        value.set_sensitive(secret);
        builder = builder.header(name, value);
    }
    Ok(if filled.body().is_empty() { builder } else { builder.body(filled.body().to_vec()) })
}

/// The headers of an answer, if they are of a bearable length.
fn head(response: &reqwest::Response) -> Result<Vec<(String, String)>, TransportFault> {
    let all = response.headers();
    if all.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>() > HEAD_BYTES_MAX {
        return Err(TransportFault::TooLarge { max_bytes: HEAD_BYTES_MAX as u64 });
    }
    let text = all.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    Ok(text.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// Reads a body piece by piece and stops at the limit: what is endless or unpacks to more than it
/// may is never held in memory.
async fn read(mut response: reqwest::Response, bytes_max: u64) -> Result<Vec<u8>, TransportFault> {
    let expected = response.content_length().unwrap_or(0);
    if expected > bytes_max {
        return Err(TransportFault::TooLarge { max_bytes: bytes_max });
    }
    // A length that is only claimed takes no memory.
    let mut body = Vec::with_capacity(usize::try_from(expected).unwrap_or(0).min(64 << 10));
    while let Some(piece) = response.chunk().await.map_err(fault)? {
        if (body.len() + piece.len()) as u64 > bytes_max {
            return Err(TransportFault::TooLarge { max_bytes: bytes_max });
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Head => reqwest::Method::HEAD,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}

/// What a reqwest error is. Its text may hold the URL with its query, so none of it is kept.
fn fault(error: reqwest::Error) -> TransportFault {
    if has_cause::<NoPublicAddress>(&error) {
        TransportFault::ForbiddenAddress
    } else if error.is_timeout() {
        TransportFault::Timeout
    } else if error.is_connect() && has_cause::<rustls::Error>(&error) {
        // Later, while the answer is read, the same error means that the request has left.
        TransportFault::Tls
    } else if has_cause::<NameUnknown>(&error) {
        TransportFault::Dns
    } else if error.is_connect() {
        TransportFault::Connect
    } else if error.is_decode() {
        TransportFault::BadEncoding
    } else if error.is_body() {
        TransportFault::Truncated
    } else {
        TransportFault::Reset
    }
}

fn has_cause<E: std::error::Error + 'static>(error: &reqwest::Error) -> bool {
    let mut next = error.source();
    while let Some(cause) = next {
        if cause.is::<E>() {
            return true;
        }
        // An io::Error hides the error it was made of from `source`.
        if let Some(io) = cause.downcast_ref::<std::io::Error>()
            && io.get_ref().is_some_and(|inner| inner.is::<E>())
        {
            return true;
        }
        next = cause.source();
    }
    false
}
