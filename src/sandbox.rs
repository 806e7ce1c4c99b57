//! The sandbox: it answers in the place of the outside platforms, so that the daemon can run, be tested
//! and be killed without one packet leaving this machine.
//!
//! One piece of code, request in and response out ([`Sandbox::answer`]). Simulated tests call it in
//! process; `run --sandbox` puts the [`listener`] in front of it, on loopback only. It uses no type of
//! the connectors on purpose: two readings of one document find each other's mistakes.
//!
//! It may touch: the recordings it was given (read), its oracle file (append) and, in `listener`, one
//! loopback socket. It takes no time from any clock; the caller says what time it is.
//!
//! When it fails: starting is refused with a [`recordings::RecordingsError`] or [`oracle::OracleError`]
//! that names the file and line. While it runs, a trouble of its own (oracle file not writable, recorded
//! body gone) is answered as status 503 with one sentence; it never makes up an answer instead.

pub mod boards;
pub mod conditional;
pub mod faults;
pub mod github;
pub mod hunting;
pub mod listener;
pub mod message;
pub mod networks;
pub mod oracle;
pub mod practice;
pub mod recordings;
mod scatter;
pub mod site;
pub mod world;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use boards::Boards;
use conditional::Validators;
use faults::{Fault, FaultMix, Faults};
use github::{Edited, Github, Issue, Limits, Posted, Repo};
use hunting::Hunting;
use message::{Request, Response};
use networks::{Listed, Network, Networks, Sale};
use oracle::{Oracle, OracleError, Received};
use practice::Practice;
use recordings::{Recordings, RecordingsError};
use world::{Feed, Rendered, World};

/// Everything the sandbox can answer from, and what it remembers of having been asked.
///
/// `Send + Sync`; requests are answered one after another, so the log has one order.
#[derive(Debug)]
pub struct Sandbox {
    source: Source,
    inner: Mutex<Inner>,
}

/// Where the answers come from: data the project made itself, or recorded answers.
#[derive(Debug)]
enum Source {
    Made(World),
    Recorded(Recordings),
}

#[derive(Debug, Default)]
struct Inner {
    oracle: Oracle,
    faults: Faults,
    practice: Practice,
    github: Github,
    boards: Boards,
    hunting: Hunting,
    networks: Networks,
    /// The newest rendering of each made feed, so that a poll does not write it anew.
    rendered: Vec<Rendered>,
}

impl Sandbox {
    /// A sandbox that serves made data, the same for the same seed at the same time.
    pub fn new(seed: u64) -> Self {
        Self::of_world(World::new(seed))
    }

    /// A sandbox that serves this made world.
    pub fn of_world(world: World) -> Self {
        Self { source: Source::Made(world), inner: Mutex::default() }
    }

    /// A sandbox that replays recorded answers by time; see [`recordings`] for the manifest's format.
    pub fn with_recordings(manifest: &Path) -> Result<Self, RecordingsError> {
        Ok(Self { source: Source::Recorded(Recordings::load(manifest)?), inner: Mutex::default() })
    }

    /// Also appends every received request, fsynced before it is answered, to this file: the ground
    /// truth of a kill test. What the file already holds counts as received earlier.
    pub fn with_oracle(self, file: &Path) -> Result<Self, OracleError> {
        let (oracle, earlier) = Oracle::open(file)?;
        {
            let mut inner = self.lock();
            inner.oracle = oracle;
            for received in earlier.iter().filter(|received| received.reached) {
                inner.practice.remember(received);
                if let Source::Made(world) = &self.source {
                    inner.github.remember(world.seed(), received);
                    inner.boards.remember(world.seed(), received);
                }
            }
        }
        Ok(self)
    }

    /// Answers one request as the platform behind its URL would at `now_ms` (milliseconds since 1970).
    ///
    /// The request is in the log, and in the oracle file, before anything is answered.
    pub fn answer(&self, request: Request, now_ms: i64) -> Response {
        let mut inner = self.lock();
        let fault = inner.faults.pick(&request, now_ms);
        let reached = fault.as_ref().is_none_or(Fault::lets_through);
        let received = Received::of(&request, now_ms, fault.as_ref(), reached);
        let received = received.by(account_of(&request));
        if let Err(problem) = inner.oracle.record(received) {
            return Response::trouble(&problem);
        }
        let answer = match &fault {
            Some(fault) if !reached => fault.instead(&request),
            Some(fault) => fault.spoil(self.platform(&mut inner, &request, now_ms)),
            None => self.platform(&mut inner, &request, now_ms),
        };
        let said_ms = now_ms.saturating_add(fault.map_or(0, |fault| fault.clock_off_ms()));
        answer.or_header("date", &conditional::http_date(said_ms))
    }

    /// What the platform itself says, no fault in between.
    fn platform(&self, inner: &mut Inner, request: &Request, now_ms: i64) -> Response {
        let world = match &self.source {
            Source::Recorded(recordings) => return recordings.answer(request, now_ms),
            Source::Made(world) => world,
        };
        if Practice::is_at(&request.url) {
            return inner.practice.answer(request);
        }
        if Github::is_at(&request.url) {
            return inner.github.answer(world.seed(), request, now_ms);
        }
        if Boards::is_at(&request.url) {
            return inner.boards.answer(world.seed(), request, now_ms);
        }
        if Networks::is_at(&request.url) {
            return inner.networks.answer(world.seed(), request, now_ms);
        }
        if site::is_at(&request.url) {
            return site::answer(request, now_ms);
        }
        if Hunting::is_at(&request.url) {
            return inner.hunting.answer(world, request, now_ms);
        }
        let Some(feed) = Feed::of_url(&request.url) else {
            return Response::not_found(&request.url);
        };
        if request.method != "GET" && request.method != "HEAD" {
            return Response::text(405, "405: method not allowed").with_header("allow", "GET, HEAD");
        }
        let rendered = inner.rendered(world, feed, now_ms);
        let validators =
            Validators { etag: Some(rendered.etag.clone()), modified_ms: Some(rendered.modified_ms) };
        validators.answer(request, || {
            Response::text(200, rendered.body.clone()).with_header("cache-control", "max-age=300")
        })
    }

    /// From now on every request whose URL contains `url_contains` meets this fault. The rule added
    /// last is looked at first.
    pub fn set_fault(&self, url_contains: &str, fault: Fault) {
        self.lock().faults.add(url_contains, fault, None);
    }

    /// As [`Sandbox::set_fault`], for the next `times` matching requests only.
    pub fn set_fault_times(&self, url_contains: &str, fault: Fault, times: u32) {
        self.lock().faults.add(url_contains, fault, Some(times));
    }

    /// A seeded random share of all requests meets one of the mix's faults; `None` ends it.
    pub fn set_mix(&self, mix: Option<FaultMix>) {
        self.lock().faults.set_mix(mix);
    }

    /// No fault any more, the mix included.
    pub fn clear_faults(&self) {
        self.lock().faults = Faults::default();
    }

    /// Other budgets at GitHub than its own.
    pub fn set_github_limits(&self, limits: Limits) {
        self.lock().github.set_limits(limits);
    }

    /// How long after `/attempt` the pull request for an issue is opened, in milliseconds; below 0 it was
    /// there before.
    pub fn set_github_pulls_after(&self, after_ms: i64) {
        self.lock().github.set_pulls_after(after_ms);
    }

    /// The texts of pull requests that were written anew at GitHub, oldest first.
    pub fn github_edited(&self) -> Vec<Edited> {
        self.lock().github.edited().to_vec()
    }

    /// The comments that were posted at GitHub, oldest first.
    pub fn github_posted(&self) -> Vec<Posted> {
        self.lock().github.posted().to_vec()
    }

    /// The bids that were made at Freelancer.com, oldest first.
    pub fn freelancer_bids(&self) -> Vec<boards::Bid> {
        self.lock().boards.bids().to_vec()
    }

    /// Something happens now to every hunter at HackerOne.
    pub fn hackerone(&self, turn: hunting::Turn, now_ms: i64) {
        self.lock().hunting.turn(turn, now_ms);
    }

    /// What is truly so at HackerOne: what a hunter was awarded. Nothing when recordings are replayed.
    pub fn awarded(&self, login: &str, now_ms: i64) -> Vec<hunting::Awarded> {
        let of = |world: &World| self.lock().hunting.awarded(world.seed(), login, now_ms);
        self.world().map(of).unwrap_or_default()
    }

    /// What is truly so at GitHub: every bounty that a search can show, newest first, traps and all.
    /// Nothing when recordings are replayed.
    pub fn github_bounties(&self, now_ms: i64) -> Vec<(Repo, Issue)> {
        self.world().map(|world| github::bounties(world.seed(), now_ms)).unwrap_or_default()
    }

    /// What is truly so at an affiliate network: the sales of the last `days` days, oldest first. Nothing when
    /// recordings are replayed.
    pub fn sales(&self, network: Network, days: u32, now_ms: i64) -> Vec<Sale> {
        let from_ms = now_ms - i64::from(days) * 86_400_000;
        let sales = |world: &World| Sale::between(world.seed(), network, from_ms, now_ms, now_ms);
        self.world().map(sales).unwrap_or_default()
    }

    /// The lists of sales that the affiliate networks gave since so many of them, oldest first.
    pub fn sales_listed(&self, since: usize) -> Vec<Listed> {
        self.lock().networks.listed().get(since..).unwrap_or_default().to_vec()
    }

    /// The requests received since the start, oldest first; at most the newest
    /// [`oracle::KEPT_IN_MEMORY`]. Compare with [`Sandbox::received_total`] before counting on all.
    pub fn received(&self) -> Vec<Received> {
        self.lock().oracle.recent()
    }

    /// The newest so many of them, oldest first.
    pub fn received_last(&self, count: usize) -> Vec<Received> {
        self.lock().oracle.last(count)
    }

    /// How many requests were received since the start.
    pub fn received_total(&self) -> u64 {
        self.lock().oracle.total()
    }

    /// The made world, or `None` when recordings are replayed.
    pub fn world(&self) -> Option<&World> {
        match &self.source {
            Source::Made(world) => Some(world),
            Source::Recorded(_) => None,
        }
    }

    /// The recordings, or `None` when made data is served.
    pub fn recordings(&self) -> Option<&Recordings> {
        match &self.source {
            Source::Made(_) => None,
            Source::Recorded(recordings) => Some(recordings),
        }
    }

    /// A panic elsewhere leaves nothing half done in here, so a poisoned lock is used as it is.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The login a request is made with.
fn account_of(request: &Request) -> Option<String> {
    let github = Github::account_of(request).or_else(|| Boards::account_of(request));
    github.or_else(|| Hunting::account_of(request))
}

impl Inner {
    /// The feed as it is now, rendered at most once per change.
    fn rendered(&mut self, world: &World, feed: Feed, now_ms: i64) -> Rendered {
        let tick = world.tick_of(now_ms);
        let fresh = |kept: &&Rendered| kept.feed == feed && kept.tick == tick;
        if let Some(kept) = self.rendered.iter().find(fresh) {
            return kept.clone();
        }
        let rendered = world.render(feed, now_ms);
        self.rendered.retain(|kept| kept.feed != feed);
        self.rendered.push(rendered.clone());
        rendered
    }
}

#[cfg(test)]
mod tests;
