//! Asks a running daemon: HTTP over the Unix socket of its data directory.
//!
//! It may touch that socket and nothing else. The socket may lie in a directory that others can
//! write to, so it only talks to a daemon of the same user (or of root).
//!
//! When it fails: [`AskError::NoDaemon`] where nothing listens, with how to start one; else what the
//! daemon said, or that it did not answer in time.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use crate::admin::STAMP_HEADER;
use crate::views::Question;

/// A daemon that does not answer in this time is stuck.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// Verifying a chain of millions of entries takes minutes.
const VERIFY_WITHIN: Duration = Duration::from_secs(660);
/// A test of the alert command is answered when the command has ended; it may take five minutes.
const TEST_WITHIN: Duration = Duration::from_secs(330);

/// A way to one data directory's daemon.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

/// What a daemon answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub body: Value,
    /// `live` or `sandbox`.
    pub stamp: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nothing listens.
    #[error("no daemon answers at `{}`; start one with `money-machine run`, or name its directory with --data-dir", .0.display())]
    NoDaemon(PathBuf),
    /// Somebody else's socket.
    #[error("the socket `{}` belongs to another user (uid {uid}); nothing was said to it", path.display())]
    Foreign { path: PathBuf, uid: u32 },
    /// It listens and is silent.
    #[error("the daemon at `{}` did not answer within {} s; its log may say why", path.display(), within.as_secs())]
    TimedOut { path: PathBuf, within: Duration },
    /// The daemon refuses; its own sentence.
    #[error("{sentence}")]
    Refused { status: u16, sentence: String },
    /// The connection broke.
    #[error("the exchange with the daemon at `{}` failed", path.display())]
    Broken {
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// How long the answer may take.
fn within(question: &Question) -> Duration {
    match question.path().as_slice() {
        path if path.contains(&"verify") => VERIFY_WITHIN,
        ["alerts", "test"] => TEST_WITHIN,
        _ => ANSWER_WITHIN,
    }
}

impl Client {
    /// A way to the daemon that listens at `socket`.
    pub fn new(socket: &Path) -> Client {
        Client { socket: socket.to_owned() }
    }

    /// Asks something that changes nothing.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn get(&self, question: &Question) -> Result<Answer, AskError> {
        self.ask("GET", question, &Value::Null)
    }

    /// Says something.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn post(&self, question: &Question, body: &Value) -> Result<Answer, AskError> {
        self.ask("POST", question, body)
    }

    fn ask(&self, method: &str, question: &Question, body: &Value) -> Result<Answer, AskError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| self.broken(error))?;
        runtime.block_on(self.asked(method, question, body))
    }

    /// Asks something that changes nothing, from within a runtime.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn fetch(&self, question: &Question) -> Result<Answer, AskError> {
        self.asked("GET", question, &Value::Null).await
    }

    async fn asked(&self, method: &str, question: &Question, body: &Value) -> Result<Answer, AskError> {
        let within = within(question);
        let target = question.target();
        let exchange = self.exchange(method, &target, body);
        let timed_out = |_| AskError::TimedOut { path: self.socket.clone(), within };
        tokio::time::timeout(within, exchange).await.map_err(timed_out)?
    }

    async fn exchange(&self, method: &str, target: &str, body: &Value) -> Result<Answer, AskError> {
        let (response, talk) = self.begin(method, target, body).await?;
        let answer = self.whole(response).await;
        talk.abort();
        answer
    }

    /// Asks for lines of JSON and hands over each as it comes, until the daemon ends them, `each` has
    /// had enough, or the future is dropped; in all three cases the daemon is told by the end of the
    /// connection. `told` is called with the stamp before the first.
    ///
    /// # Errors
    /// [`AskError`]; the daemon's own sentence where it refuses.
    pub async fn stream(
        &self,
        question: &Question,
        told: impl FnOnce(&str),
        mut each: impl FnMut(Value) -> ControlFlow<()>,
    ) -> Result<(), AskError> {
        let target = question.target();
        let beginning = self.begin("GET", &target, &Value::Null);
        let timed_out = |_| AskError::TimedOut { path: self.socket.clone(), within: ANSWER_WITHIN };
        let (response, talk) = tokio::time::timeout(ANSWER_WITHIN, beginning).await.map_err(timed_out)??;
        let _hangs_up = HangsUp(talk);
        if !response.status().is_success() {
            return self.whole(response).await.map(drop);
        }
        told(stamp(&response));
        let mut body = response.into_body();
        let mut waiting = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.broken(error))?;
            let Ok(piece) = frame.into_data() else { continue };
            waiting.extend_from_slice(&piece);
            while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = waiting.drain(..=end).collect();
                let value = serde_json::from_slice(&line).map_err(|error| self.broken(error))?;
                if each(value).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Sends a request and waits for the head of its answer; the task ends with the connection.
    async fn begin(
        &self,
        method: &str,
        target: &str,
        body: &Value,
    ) -> Result<(Response<Incoming>, JoinHandle<hyper::Result<()>>), AskError> {
        let stream = self.connect().await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.broken(error))?;
        let talk = tokio::spawn(connection);
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(hyper::header::HOST, "money-machine")
            .body(Full::new(Bytes::from(bytes)))
            .map_err(|error| self.broken(error))?;
        let response = sender.send_request(request).await.map_err(|error| self.broken(error))?;
        Ok((response, talk))
    }

    /// The whole answer, or the daemon's own sentence.
    async fn whole(&self, response: Response<Incoming>) -> Result<Answer, AskError> {
        let (status, stamp) = (response.status(), stamp(&response).to_owned());
        let bytes = response.into_body().collect().await.map_err(|error| self.broken(error))?.to_bytes();
        let body: Value = serde_json::from_slice(&bytes).map_err(|error| self.broken(error))?;
        if status.is_success() {
            return Ok(Answer { body, stamp });
        }
        let sentence = body.get("error").and_then(Value::as_str).unwrap_or("it gave no reason").to_owned();
        Err(AskError::Refused { status: status.as_u16(), sentence })
    }

    async fn connect(&self) -> Result<UnixStream, AskError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory => {
                AskError::NoDaemon(self.socket.clone())
            }
            _ => self.broken(error),
        })?;
        let uid = stream.peer_cred().map_err(|error| self.broken(error))?.uid();
        if uid != 0 && uid != rustix::process::getuid().as_raw() {
            return Err(AskError::Foreign { path: self.socket.clone(), uid });
        }
        Ok(stream)
    }

    fn broken(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> AskError {
        AskError::Broken { path: self.socket.clone(), source: source.into() }
    }
}

/// A connection that ends with its user.
struct HangsUp(JoinHandle<hyper::Result<()>>);

impl Drop for HangsUp {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn stamp(response: &Response<Incoming>) -> &str {
    response.headers().get(STAMP_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
