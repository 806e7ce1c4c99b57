//! The outside as a test scripts it, and the log of all it was asked: the oracle.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use mm_core::action::Method;
use mm_core::error::TransportFault;
use mm_core::moment::Moment;
use mm_permit::Cleared;

use super::seams::SimClock;
use crate::transport::{RawAnswer, TOTAL_TIMEOUT, Transport};

/// One request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// When.
    pub at: Moment,
    /// The method.
    pub method: Method,
    /// The whole URL.
    pub url: String,
    /// The headers, sorted, with credentials as they came over the wire.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The action that it was cleared for.
    pub action: String,
    /// How many requests came before it, over all lives.
    pub nth: usize,
}

impl Request {
    /// The path of its URL, with the query.
    pub fn path(&self) -> &str {
        let rest = self.url.strip_prefix("https://").unwrap_or(&self.url);
        rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default()
    }
}

/// What the outside does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    result: Result<RawAnswer, TransportFault>,
    after: Duration,
}

impl Said {
    /// An answer of this status, with a body.
    pub fn status(status: u16, body: &str) -> Self {
        let answer = RawAnswer { status, headers: Vec::new(), body: body.as_bytes().to_vec() };
        Self { result: Ok(answer), after: Duration::ZERO }
    }

    /// No answer.
    pub fn fault(fault: TransportFault) -> Self {
        Self { result: Err(fault), after: Duration::ZERO }
    }

    /// A redirect.
    pub fn redirect(status: u16, to: &str) -> Self {
        Self::status(status, "").header("location", to)
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Ok(answer) = &mut self.result {
            answer.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Only after so long; over [`TOTAL_TIMEOUT`] the exchange times out.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.after = wait;
        self
    }
}

type Answers = Arc<dyn Fn(&Request) -> Said + Send + Sync>;

#[derive(Clone)]
struct Inner {
    answers: Answers,
    log: Vec<Request>,
    clock: Option<Arc<SimClock>>,
}

/// The outside. Clones are the same one.
#[derive(Clone)]
pub struct World {
    inner: Arc<Mutex<Inner>>,
    jumps: Arc<AtomicI64>,
}

impl Default for World {
    fn default() -> Self {
        let answers: Answers = Arc::new(|request| Said::status(200, request.path()));
        let inner = Inner { answers, log: Vec::new(), clock: None };
        Self { inner: Arc::new(Mutex::new(inner)), jumps: Arc::default() }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("log", &self.lock().log).finish_non_exhaustive()
    }
}

impl World {
    /// From now on requests are answered by `answers`.
    pub fn answer(&self, answers: impl Fn(&Request) -> Said + Send + Sync + 'static) {
        self.lock().answers = Arc::new(answers);
    }

    /// All requests so far, over all lives.
    pub fn log(&self) -> Vec<Request> {
        self.lock().log.clone()
    }

    /// How many requests came so far.
    pub fn count(&self) -> usize {
        self.lock().log.len()
    }

    /// Method and path of each request so far.
    pub fn paths(&self) -> Vec<String> {
        self.lock().log.iter().map(|request| format!("{} {}", request.method, request.path())).collect()
    }

    /// Moves the wall clock of this life by so many milliseconds; the next life begins there.
    pub fn jump(&self, ms: i64) {
        self.jumps.fetch_add(ms, Ordering::SeqCst);
    }

    pub(super) fn jumps(&self) -> Arc<AtomicI64> {
        self.jumps.clone()
    }

    pub(super) fn set_clock(&self, clock: Arc<SimClock>) {
        self.lock().clock = Some(clock);
    }

    pub(super) fn fork(&self) -> Self {
        let inner = self.lock().clone();
        Self { inner: Arc::new(Mutex::new(inner)), jumps: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Transport for World {
    async fn exchange(&self, cleared: Cleared) -> Result<RawAnswer, TransportFault> {
        let (answers, request) = {
            let mut inner = self.lock();
            let (asked, filled) = (cleared.request(), cleared.fill());
            let request = Request {
                at: inner.clock.as_ref().map(|clock| clock.now()).unwrap_or_default(),
                method: asked.method(),
                url: asked.url().as_str().to_owned(),
                headers: filled
                    .headers()
                    .map(|(name, value, _)| (name.to_owned(), value.to_owned()))
                    .collect(),
                body: filled.body().to_vec(),
                action: cleared.action().to_string(),
                nth: inner.log.len(),
            };
            inner.log.push(request.clone());
            (inner.answers.clone(), request)
        };
        let said = answers(&request);
        if said.after > TOTAL_TIMEOUT {
            // As every transport does.
            tokio::time::sleep(TOTAL_TIMEOUT).await;
            return Err(TransportFault::Timeout);
        }
        if said.after > Duration::ZERO {
            tokio::time::sleep(said.after).await;
        }
        said.result
    }
}
