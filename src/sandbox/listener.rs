//! The sandbox as a server: plain HTTP/1.1 on a free port of 127.0.0.1, and nowhere else.
//!
//! The asker sends the logical host in `x-forwarded-host` or `host`; the logical URL is put together as
//! `https://HOST/PATH`. Delays are waited for real, endless bodies are sent in chunks as fast as they
//! are taken, a body that breaks ends short of its announced length, and a lost answer is a reset.
//!
//! Touches one loopback socket and, for delays, tokio's timer; the time of day comes from the caller.
//! When it fails: not getting a port is an `io::Error`; a request body over 16 MiB is answered 413.

mod connection;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body as AxumBody, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request as HttpRequest, StatusCode, Uri};
use axum::response::{IntoResponse, Response as HttpResponse};
use futures_util::{StreamExt, stream};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use super::Sandbox;
use super::message::{Body, Request, Response, logical};
use connection::{Breakable, Breaker};

/// The largest request body that is taken.
pub const LONGEST_REQUEST_BYTES: usize = 16 * 1024 * 1024;

/// How long [`Listening::stop`] waits for answers under way.
const GRACE: Duration = Duration::from_millis(500);

/// Tells the time of day in milliseconds since 1970.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// A running listener. Dropping it stops it as well, without waiting.
#[derive(Debug)]
pub struct Listening {
    /// Where it listens: always 127.0.0.1.
    pub addr: SocketAddr,
    shutdown: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Listening {
    /// Takes no more requests and waits shortly for answers under way. Endless ones are left to end
    /// with their asker.
    pub async fn stop(mut self) {
        if let Some(shutdown) = self.shutdown.take() {
            // An error means that the task has ended already.
            let _ = shutdown.send(());
        }
        if tokio::time::timeout(GRACE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

#[derive(Clone)]
struct Shared {
    sandbox: Arc<Sandbox>,
    now: Now,
}

/// Starts listening on a free loopback port. Needs a tokio runtime with I/O and time.
pub async fn serve(sandbox: Arc<Sandbox>, now: Now) -> io::Result<Listening> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let addr = listener.local_addr()?;
    let app = Router::new()
        .fallback(handle)
        .with_state(Shared { sandbox, now })
        .into_make_service_with_connect_info::<Breaker>();
    let (shutdown, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        let server = axum::serve(Breakable(listener), app).with_graceful_shutdown(async move {
            // The sender gone means the same as a message.
            let _ = stopped.await;
        });
        // axum's own accept loop handles every error of a single connection; it never returns one.
        let _ = server.await;
    });
    Ok(Listening { addr, shutdown: Some(shutdown), task })
}

async fn handle(
    State(shared): State<Shared>,
    ConnectInfo(breaker): ConnectInfo<Breaker>,
    request: HttpRequest<AxumBody>,
) -> HttpResponse {
    let Some(request) = received(request).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "413: over 16 MiB").into_response();
    };
    // The oracle file is fsynced in there, which may take its time.
    let answered = spawn_blocking(move || shared.sandbox.answer(request, (shared.now)())).await;
    match answered {
        Ok(answer) => sent(answer, breaker).await,
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "503: the sandbox failed").into_response(),
    }
}

/// The request in the sandbox's own words.
async fn received(request: HttpRequest<AxumBody>) -> Option<Request> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, LONGEST_REQUEST_BYTES).await.ok()?;
    let headers = head.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    Some(Request {
        method: head.method.as_str().to_owned(),
        url: logical_url(&head.headers, &head.uri),
        headers: headers.collect(),
        body: body.to_vec(),
    })
}

fn logical_url(headers: &HeaderMap, uri: &Uri) -> String {
    let named = ["x-forwarded-host", "host"].into_iter();
    let host = named.filter_map(|name| headers.get(name)?.to_str().ok()).next();
    let host = host.or_else(|| uri.authority().map(|authority| authority.as_str()));
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    logical(&format!("https://{}{path}", host.unwrap_or("unknown.invalid")))
}

/// Waits as the answer says, then hands it to the server.
async fn sent(answer: Response, breaker: Breaker) -> HttpResponse {
    if !answer.delay.before_head.is_zero() {
        tokio::time::sleep(answer.delay.before_head).await;
    }
    let pause = answer.delay.before_piece;
    let body = match answer.body {
        Body::Bytes(bytes) => AxumBody::from(bytes),
        Body::Stream(pieces) => AxumBody::from_stream(stream::iter(pieces).then(move |piece| async move {
            if pause.is_zero() {
                // Lets others run between two pieces of an endless body.
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(pause).await;
            }
            Ok::<_, io::Error>(piece)
        })),
        Body::Broken(first) => {
            let first = stream::once(async move { Ok(first) });
            let broken = stream::once(async move {
                // Only once the first bytes are on their way.
                tokio::task::yield_now().await;
                Err(io::Error::from(io::ErrorKind::ConnectionReset))
            });
            AxumBody::from_stream(first.chain(broken))
        }
        Body::NoAnswer => {
            breaker.break_now();
            AxumBody::empty()
        }
    };
    let mut response = HttpResponse::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests;
