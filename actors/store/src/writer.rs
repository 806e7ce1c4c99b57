//! The one writer: takes what is waiting, commits it as a group, answers.
//!
//! Threaded, it has an OS thread of its own, because a commit blocks for milliseconds. Inline, it
//! runs on its caller. When the disk fails it is poisoned: those who wait are told `Unknown`, those
//! who come later `Stopped`, and `on_fatal` is called once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::answers::{AnswerJob, AnswerResult};
use crate::apply::Applier;
use crate::change::Change;
use crate::error::{CommitError, FatalStoreError, OpenError, StorageFault};
use crate::store::{Committed, OnFatal};

/// The most changes in one transaction.
pub const GROUP_MAX: usize = 64;

type CommitResult = Result<Committed, CommitError>;

/// Where an answer goes: to a task or to a thread.
pub enum Reply<T> {
    Task(oneshot::Sender<T>),
    Thread(mpsc::SyncSender<T>),
}

impl<T> Reply<T> {
    /// A caller that went away is no error: what it asked for is done all the same.
    fn send(self, value: T) {
        match self {
            Reply::Task(reply) => drop(reply.send(value)),
            Reply::Thread(reply) => drop(reply.send(value)),
        }
    }
}

enum Request {
    Commit(Change, Reply<CommitResult>),
    Answers(AnswerJob, Reply<Result<AnswerResult, CommitError>>),
    Stop,
}

/// What must not go on once the disk has failed.
struct Fuse {
    running: AtomicBool,
    on_fatal: OnFatal,
}

impl Fuse {
    /// Stops the store for good. Called before anyone waiting is answered.
    fn blow(&self, error: &StorageFault) {
        if self.running.swap(false, Ordering::AcqRel) {
            (self.on_fatal)(FatalStoreError::new(error, error.is_full()));
        }
    }
}

/// The working part: the open database, and the fuse.
struct Core {
    applier: Applier,
    fuse: Arc<Fuse>,
}

impl Core {
    fn commit(&mut self, changes: Vec<Change>) -> Vec<CommitResult> {
        let count = changes.len();
        if !self.fuse.running.load(Ordering::Acquire) {
            return vec![Err(CommitError::Stopped); count];
        }
        match self.applier.commit(changes) {
            Ok(results) => results,
            Err(error) => {
                self.fuse.blow(&error);
                vec![Err(CommitError::Unknown); count]
            }
        }
    }

    fn answers(&mut self, jobs: Vec<AnswerJob>) -> Result<AnswerResult, CommitError> {
        if !self.fuse.running.load(Ordering::Acquire) {
            return Err(CommitError::Stopped);
        }
        AnswerJob::run(jobs, self.applier.database()).map_err(|error| {
            self.fuse.blow(&error);
            CommitError::Unknown
        })
    }
}

enum Place {
    Thread { requests: Mutex<Option<Sender<Request>>>, thread: Mutex<Option<JoinHandle<()>>> },
    // `None` once stopped, so that the database can close.
    Inline(Mutex<Option<Core>>),
}

/// The handle to the writer.
pub struct Writer {
    place: Place,
    fuse: Arc<Fuse>,
}

impl Writer {
    pub fn inline(applier: Applier, on_fatal: OnFatal) -> Writer {
        let fuse = Arc::new(Fuse { running: AtomicBool::new(true), on_fatal });
        let core = Core { applier, fuse: fuse.clone() };
        Writer { place: Place::Inline(Mutex::new(Some(core))), fuse }
    }

    pub fn threaded(applier: Applier, on_fatal: OnFatal) -> Result<Writer, OpenError> {
        let fuse = Arc::new(Fuse { running: AtomicBool::new(true), on_fatal });
        let core = Core { applier, fuse: fuse.clone() };
        let (requests, inbox) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("mm-store-writer".to_owned())
            .spawn(move || work(core, &inbox))
            .map_err(OpenError::Thread)?;
        let place = Place::Thread { requests: Mutex::new(Some(requests)), thread: Mutex::new(Some(thread)) };
        Ok(Writer { place, fuse })
    }

    pub fn is_running(&self) -> bool {
        self.fuse.running.load(Ordering::Acquire)
    }

    pub async fn commit(&self, change: Change) -> CommitResult {
        match &self.place {
            Place::Inline(core) => inline(core, |core| one(core.commit(vec![change])))?,
            Place::Thread { requests, .. } => {
                let (reply, answer) = oneshot::channel();
                send(requests, Request::Commit(change, Reply::Task(reply)))?;
                answer.await.unwrap_or(Err(CommitError::Unknown))
            }
        }
    }

    pub fn commit_blocking(&self, change: Change) -> CommitResult {
        match &self.place {
            Place::Inline(core) => inline(core, |core| one(core.commit(vec![change])))?,
            Place::Thread { requests, .. } => {
                let (reply, answer) = mpsc::sync_channel(1);
                send(requests, Request::Commit(change, Reply::Thread(reply)))?;
                answer.recv().unwrap_or(Err(CommitError::Unknown))
            }
        }
    }

    pub async fn answers(&self, job: AnswerJob) -> Result<AnswerResult, CommitError> {
        match &self.place {
            Place::Inline(core) => inline(core, |core| core.answers(vec![job]))?,
            Place::Thread { requests, .. } => {
                let (reply, answer) = oneshot::channel();
                send(requests, Request::Answers(job, Reply::Task(reply)))?;
                answer.await.unwrap_or(Err(CommitError::Unknown))
            }
        }
    }

    pub fn answers_blocking(&self, job: AnswerJob) -> Result<AnswerResult, CommitError> {
        match &self.place {
            Place::Inline(core) => inline(core, |core| core.answers(vec![job]))?,
            Place::Thread { requests, .. } => {
                let (reply, answer) = mpsc::sync_channel(1);
                send(requests, Request::Answers(job, Reply::Thread(reply)))?;
                answer.recv().unwrap_or(Err(CommitError::Unknown))
            }
        }
    }

    /// Works off what is waiting, lets the database go, and ends the thread. A second call does nothing.
    pub fn stop(&self) {
        match &self.place {
            Place::Inline(core) => drop(lock(core).take()),
            Place::Thread { requests, thread } => {
                if let Some(requests) = lock(requests).take() {
                    let _ = requests.send(Request::Stop);
                }
                let thread = lock(thread).take();
                // `on_fatal` runs on the writer's thread and may hold the last handle.
                if let Some(thread) = thread.filter(|t| t.thread().id() != std::thread::current().id()) {
                    let _ = thread.join();
                }
            }
        }
        self.fuse.running.store(false, Ordering::Release);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn inline<T>(core: &Mutex<Option<Core>>, act: impl FnOnce(&mut Core) -> T) -> Result<T, CommitError> {
    lock(core).as_mut().map(act).ok_or(CommitError::Stopped)
}

fn one(results: Vec<CommitResult>) -> CommitResult {
    results.into_iter().next().unwrap_or(Err(CommitError::Unknown))
}

fn send(requests: &Mutex<Option<Sender<Request>>>, request: Request) -> Result<(), CommitError> {
    let guard = lock(requests);
    guard.as_ref().ok_or(CommitError::Stopped)?.send(request).map_err(|_| CommitError::Stopped)
}

/// A writer that panics must not leave a machine behind that believes it is writing.
struct PanicGuard(Arc<Fuse>);

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() && self.0.running.swap(false, Ordering::AcqRel) {
            let chain = "the writer panicked".to_owned();
            (self.0.on_fatal)(FatalStoreError { chain, disk_full: false });
        }
    }
}

fn work(mut core: Core, inbox: &Receiver<Request>) {
    let _guard = PanicGuard(core.fuse.clone());
    let mut waiting = VecDeque::new();
    loop {
        if waiting.is_empty() {
            let Ok(request) = inbox.recv() else { return };
            waiting.push_back(request);
        }
        waiting.extend(inbox.try_iter().take(GROUP_MAX.saturating_sub(waiting.len())));
        let Round { puts, changes, last } = Round::take(&mut waiting);
        if !puts.is_empty() {
            let (jobs, replies): (Vec<_>, Vec<_>) = puts.into_iter().unzip();
            let result = core.answers(jobs);
            replies.into_iter().for_each(|reply| reply.send(result.clone()));
        }
        if !changes.is_empty() {
            let (changes, replies): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
            let results = core.commit(changes);
            replies.into_iter().zip(results).for_each(|(reply, result)| reply.send(result));
        }
        match last {
            Some(Request::Answers(job, reply)) => reply.send(core.answers(vec![job])),
            Some(Request::Stop) => return,
            Some(Request::Commit(..)) | None => {}
        }
    }
}

/// What is done in one go: the answers that wait, then the changes. Answers are put ahead of changes
/// that came before them, so that they do not cut a group in two; nobody can refer to an answer before
/// its put has returned, so nobody sees the difference. Nothing overtakes a removal or the stop.
struct Round {
    puts: Vec<(AnswerJob, Reply<Result<AnswerResult, CommitError>>)>,
    changes: Vec<(Change, Reply<CommitResult>)>,
    last: Option<Request>,
}

impl Round {
    fn take(waiting: &mut VecDeque<Request>) -> Self {
        let mut round = Self { puts: Vec::new(), changes: Vec::new(), last: None };
        while let Some(request) = waiting.pop_front() {
            match request {
                Request::Commit(change, reply) => round.changes.push((change, reply)),
                Request::Answers(job, reply) if job.is_put() => round.puts.push((job, reply)),
                last => {
                    round.last = Some(last);
                    break;
                }
            }
        }
        round
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SharedMemory;
    use crate::tests::{entropy, entry, open, put};

    /// Operations on the disk for `count` changes that all wait when the writer looks.
    fn operations(count: usize) -> u64 {
        let memory = SharedMemory::new();
        let store = open(&memory);
        let db = store.inner.db.read().unwrap().clone().unwrap();
        let applier = Applier::new(db, store.epoch(), entropy(), Default::default());
        let fuse = Arc::new(Fuse { running: AtomicBool::new(true), on_fatal: Arc::new(|_| {}) });
        let (requests, inbox) = mpsc::channel();
        let mut answers = Vec::new();
        for n in 0..count {
            let (reply, answer) = mpsc::sync_channel(1);
            requests
                .send(Request::Commit(put(&n.to_string(), n).audit(entry(n as i64)), Reply::Thread(reply)))
                .unwrap();
            answers.push(answer);
        }
        requests.send(Request::Stop).unwrap();
        let before = memory.ops();
        work(Core { applier, fuse }, &inbox);
        for (n, answer) in answers.into_iter().enumerate() {
            let seq = n as u64 + 1;
            assert_eq!(answer.recv().unwrap().unwrap().seqs, Some(seq..=seq), "in the order they came");
        }
        memory.ops() - before
    }

    #[test]
    fn what_is_waiting_goes_into_one_transaction_and_no_more_than_a_group() {
        let one = operations(1);
        let (group, two) = (operations(GROUP_MAX), operations(GROUP_MAX + 1));
        assert!(group < 4 * one, "{one} operations for one change, {group} for a group");
        assert!(two > group, "{group} {two}");
    }
}
