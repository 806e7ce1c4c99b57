//! The socket: bound for this user alone, and every caller's user checked.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderValue, Method, Response, StatusCode, Uri, header};
use axum::serve::{IncomingStream, Listener};
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio::net::unix::SocketAddr;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use zeroize::Zeroize as _;

use super::answer::answer_to;
use super::connection::Connection;
use super::trace::Tracing;
use super::{DOCUMENT_BYTES_MAX, Ops, STAMP_HEADER};
use crate::views::{Problem, Question};

/// No word of an operator is longer, bytes.
const BODY_MAX: usize = 64 << 10;
/// A document comes in hex, with some words round it.
const DOCUMENT_BODY_MAX: usize = 2 * DOCUMENT_BYTES_MAX + BODY_MAX;

/// Why a request is not answered. Whether the whole daemon stops or an operator restarts the admin, it
/// does not know.
const STOPPING: &str = "the admin is stopping";

/// Why the socket could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Something that is no socket lies in its place.
    #[error("`{}` is in the way and is no socket: move it elsewhere", .0.display())]
    InTheWay(PathBuf),
    /// The system refuses.
    #[error("could not listen at `{}`; the directory must be writable", path.display())]
    Bind {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// A running server. Dropped, it ends: no new callers, and every connection is cut.
pub struct Server {
    socket: PathBuf,
    stop: Option<watch::Sender<()>>,
    /// Every request in hand holds a receiver of it, a trace until its last line.
    in_hand: watch::Sender<()>,
    task: JoinHandle<()>,
    /// Every connection holds a receiver of it, and ends with it.
    _alive: watch::Sender<()>,
}

/// Requests in hand get so long to be answered once they are told to end.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// What has been answered gets so long to be written. A caller of this computer takes no time.
const WRITTEN_WITHIN: Duration = Duration::from_millis(200);

impl Server {
    /// Ends it and waits until it has. Who has not asked anything (or only half of it), or does not read
    /// the answer, is not waited for.
    pub async fn stop(mut self) {
        self.stop = None;
        let quiet = async {
            // A trace whose reader has stopped reading never comes to its end.
            let _ = tokio::time::timeout(ANSWERED_WITHIN, self.in_hand.closed()).await;
            tokio::time::sleep(WRITTEN_WITHIN).await;
        };
        tokio::select! {
            // Only an abort of the whole runtime could make this an error.
            _ = &mut self.task => {}
            () = quiet => {}
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop = None;
        self.task.abort();
        // The next incarnation, or the next daemon, binds it again.
        drop(std::fs::remove_file(&self.socket));
    }
}

/// Listens at `socket`; `ended` is told if the server ends by itself.
pub fn listen(
    ops: Arc<Ops>,
    socket: &Path,
    ended: impl FnOnce(String) + Send + 'static,
) -> Result<Server, ListenError> {
    let listener = bind(socket)?;
    let ((stop, stopped), (in_hand, _), (alive, living)) =
        (watch::channel(()), watch::channel(()), watch::channel(()));
    let served = Served { ops, stopped: stopped.clone(), in_hand: in_hand.clone() };
    let document = axum::routing::any(request).layer(DefaultBodyLimit::max(DOCUMENT_BODY_MAX));
    let app = Router::new().route("/earnings/record", document).fallback(request);
    let app = app.layer(DefaultBodyLimit::max(BODY_MAX)).with_state(served);
    let app = app.into_make_service_with_connect_info::<Peer>();
    let mut told = stopped.clone();
    let server = axum::serve(Ours { listener, uid: rustix::process::getuid().as_raw(), living }, app)
        .with_graceful_shutdown(async move { while told.changed().await.is_ok() {} });
    let task = tokio::spawn(async move {
        let result = server.await;
        if stopped.has_changed().is_ok() {
            ended(result.err().map_or_else(|| "no reason given".to_owned(), |error| error.to_string()));
        }
    });
    Ok(Server { socket: socket.to_owned(), stop: Some(stop), in_hand, task, _alive: alive })
}

/// Binds the socket with mode 0600. The data directory's lock is held by this daemon, so a socket
/// that is already there is a dead daemon's.
fn bind(path: &Path) -> Result<UnixListener, ListenError> {
    let failed = |source| ListenError::Bind { path: path.to_owned(), source };
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => std::fs::remove_file(path).map_err(failed)?,
        Ok(_) => return Err(ListenError::InTheWay(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    // Between these two lines others could connect where the directory lets them; their user is
    // checked all the same.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

/// A listener that hangs up on other users.
struct Ours {
    listener: UnixListener,
    uid: u32,
    /// Open as long as the server lives.
    living: watch::Receiver<()>,
}

impl Listener for Ours {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, addr)) => match stream.peer_cred() {
                    Ok(peer) if peer.uid() == self.uid || peer.uid() == 0 => {
                        return (Connection::new(stream, self.living.clone()), addr);
                    }
                    Ok(peer) => {
                        tracing::warn!(uid = peer.uid(), "another user was turned away from the admin socket")
                    }
                    Err(error) => tracing::warn!(%error, "a caller of the admin socket could not be told"),
                },
                Err(error) => {
                    // Out of file descriptors, mostly: waiting lets some go.
                    tracing::warn!(%error, "the admin socket could not take a caller");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Who calls, as the system says.
#[derive(Debug, Clone)]
struct Peer(String);

impl Connected<IncomingStream<'_, Ours>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Ours>) -> Self {
        let peer = stream.io().peer_cred().ok();
        let pid = peer.and_then(|peer| peer.pid()).map(|pid| format!(", pid {pid}")).unwrap_or_default();
        Peer(peer.map_or("operator".to_owned(), |peer| format!("operator (uid {}{pid})", peer.uid())))
    }
}

#[derive(Clone)]
struct Served {
    ops: Arc<Ops>,
    stopped: watch::Receiver<()>,
    in_hand: watch::Sender<()>,
}

async fn request(
    State(served): State<Served>,
    ConnectInfo(Peer(by)): ConnectInfo<Peer>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response<Body> {
    let in_hand = served.in_hand.subscribe();
    let Served { ops, mut stopped, .. } = served;
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let stopping = || (503, json!({ "error": STOPPING, "stamp": ops.info.stamp.as_str() }));
    if method == Method::GET && uri.path() == "/actors/trace" {
        return match trace(&ops, &by, target).await {
            Ok(tracing) => lines(&ops, tracing, stopped, in_hand),
            Err(problem) => {
                let sentence = json!({ "error": problem.to_string(), "stamp": ops.info.stamp.as_str() });
                respond(&ops, problem.status(), &sentence)
            }
        };
    }
    let read = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&body) };
    // It may have brought a secret. What the HTTP library has read it into is out of reach.
    if let Ok(mut bytes) = body.try_into_mut() {
        bytes.as_mut().zeroize();
    }
    let Ok(mut body) = read else {
        return respond(
            &ops,
            400,
            &json!({ "error": "the body is no JSON", "stamp": ops.info.stamp.as_str() }),
        );
    };
    let (status, answer) = tokio::select! {
        answered = answer_to(&ops, &by, method.as_str(), target, &body) => answered,
        _ = stopped.changed() => stopping(),
    };
    crate::cli::wipe(&mut body);
    respond(&ops, status, &answer)
}

async fn trace(ops: &Ops, by: &str, target: &str) -> Result<Tracing, Problem> {
    super::trace::open(ops, by, &Question::parse(target)?).await
}

/// A trace as it goes on. Its end is the reader's, its own, or the server's; until then it is in hand.
fn lines(
    ops: &Ops,
    tracing: Tracing,
    stopped: watch::Receiver<()>,
    in_hand: watch::Receiver<()>,
) -> Response<Body> {
    let next = |(mut tracing, mut stopped, in_hand): (Tracing, watch::Receiver<()>, watch::Receiver<()>)| async move {
        let line = tokio::select! {
            biased;
            _ = stopped.changed(), if !tracing.has_ended() => {
                Some(tracing.end(format!("the trace ended: {STOPPING}")).await)
            }
            line = tracing.next() => line,
        };
        Some((Ok::<_, std::convert::Infallible>(format!("{}\n", line?)), (tracing, stopped, in_hand)))
    };
    let mut response =
        Response::new(Body::from_stream(futures_util::stream::unfold((tracing, stopped, in_hand), next)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(STAMP_HEADER, HeaderValue::from_static(ops.info.stamp.as_str()));
    response
}

fn respond(ops: &Ops, status: u16, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(STAMP_HEADER, HeaderValue::from_static(ops.info.stamp.as_str()));
    response
}
