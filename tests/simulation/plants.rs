//! Bugs planted from outside, through the seams: what a checker must notice to be worth anything.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mm_core::error::TransportFault;
use mm_core::moment::Moment;
use mm_core::seams::{Clock, SharedClock};
use mm_permit::Cleared;
use mm_services::transport::{RawAnswer, Transport};
use money_machine::machine::Seams;
use money_machine::rules::FixedRules;
use money_machine::sandbox::Sandbox;
use money_machine::sandbox::message::Request;
use money_machine::simulation::check::SCOPE_PACK as PACK;

/// Sends every so many-th request twice, and tells nobody.
struct Twice {
    inner: Arc<dyn Transport>,
    sandbox: Arc<Sandbox>,
    clock: SharedClock,
    every: u64,
    sent: AtomicU64,
}

#[async_trait]
impl Transport for Twice {
    async fn exchange(&self, cleared: Cleared) -> Result<RawAnswer, TransportFault> {
        let again = Request::get(cleared.request().url().as_str());
        let result = self.inner.exchange(cleared).await;
        if self.sent.fetch_add(1, Ordering::Relaxed) % self.every == self.every - 1 {
            drop(self.sandbox.answer(again, self.clock.wall().unix_ms()));
        }
        result
    }
}

pub fn sends_twice(sandbox: Arc<Sandbox>, every: u64) -> impl Fn(Seams) -> Seams {
    move |seams| {
        let (inner, clock) = (seams.transport.clone(), seams.clock.clone());
        let (sandbox, sent) = (sandbox.clone(), AtomicU64::new(0));
        Seams { transport: Arc::new(Twice { inner, sandbox, clock, every, sent }), ..seams }
    }
}

/// Says "not modified" to every read that asks for what is new.
struct NeverModified(Arc<dyn Transport>);

#[async_trait]
impl Transport for NeverModified {
    async fn exchange(&self, cleared: Cleared) -> Result<RawAnswer, TransportFault> {
        let conditional = cleared.request().headers().iter().any(|(name, _)| name == "if-none-match");
        let answer = self.0.exchange(cleared).await?;
        Ok(if conditional { RawAnswer { status: 304, body: Vec::new(), ..answer } } else { answer })
    }
}

pub fn never_modified(seams: Seams) -> Seams {
    Seams { transport: Arc::new(NeverModified(seams.transport.clone())), ..seams }
}

/// Gives every body without its last programme, as whole JSON: something is forgotten on the way.
struct Forgets(Arc<dyn Transport>);

#[async_trait]
impl Transport for Forgets {
    async fn exchange(&self, cleared: Cleared) -> Result<RawAnswer, TransportFault> {
        let mut answer = self.0.exchange(cleared).await?;
        if let Ok(serde_json::Value::Array(mut programmes)) = serde_json::from_slice(&answer.body) {
            programmes.pop();
            answer.body = serde_json::Value::Array(programmes).to_string().into_bytes();
        }
        Ok(answer)
    }
}

pub fn forgets(seams: Seams) -> Seams {
    Seams { transport: Arc::new(Forgets(seams.transport.clone())), ..seams }
}

/// The built-in packs with other numbers in their limits.
pub fn other_limits(seams: Seams) -> Seams {
    let mut rules = FixedRules::built_in();
    for (_, text) in rules.0.iter_mut().filter(|(name, _)| name == PACK) {
        *text = text.replace("max = 10\n", "max = 1000\n").replace("max = 60\n", "max = 6000\n");
    }
    Seams { rules: Arc::new(rules), ..seams }
}

/// The built-in packs, but every URL of another host is permitted too.
pub fn permits_everything(seams: Seams) -> Seams {
    let mut rules = FixedRules::built_in();
    for (_, text) in rules.0.iter_mut().filter(|(name, _)| name == PACK) {
        *text = text.replace(
            "[\"raw.githubusercontent.com\"]",
            "[\"raw.githubusercontent.com\", \"elsewhere.example\"]",
        );
        *text = text.replacen("url = [", "url = [\n  \"https://elsewhere.example/scope.json\",", 1);
    }
    Seams { rules: Arc::new(rules), ..seams }
}

/// No pack at all.
pub fn no_rules(seams: Seams) -> Seams {
    Seams { rules: Arc::new(FixedRules(Vec::new())), ..seams }
}

/// A clock that is set back once, by so much, at a moment, and stays wrong.
struct SetBack {
    inner: SharedClock,
    at: Moment,
    by: Duration,
}

impl Clock for SetBack {
    fn wall(&self) -> Moment {
        let wall = self.inner.wall();
        if wall < self.at { wall } else { wall.minus(self.by) }
    }

    fn mono(&self) -> Duration {
        self.inner.mono()
    }
}

pub fn set_back(at: Moment, by: Duration) -> impl Fn(Seams) -> Seams {
    move |seams| {
        let inner = seams.clock.clone();
        Seams { clock: Arc::new(SetBack { inner, at, by }), ..seams }
    }
}

/// Gives the whole answer of the request before: answers are crossed.
struct Crossed {
    inner: Arc<dyn Transport>,
    before: Mutex<Option<RawAnswer>>,
}

#[async_trait]
impl Transport for Crossed {
    async fn exchange(&self, cleared: Cleared) -> Result<RawAnswer, TransportFault> {
        let answer = self.inner.exchange(cleared).await?;
        let before = self.before.lock().unwrap().replace(answer.clone());
        Ok(before.unwrap_or(answer))
    }
}

pub fn crossed(seams: Seams) -> Seams {
    let (inner, before) = (seams.transport.clone(), Mutex::new(None));
    Seams { transport: Arc::new(Crossed { inner, before }), ..seams }
}
