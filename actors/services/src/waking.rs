//! What wakes an actor beside its mailbox: an alarm clock with an ear for news, and rounds of work that hold
//! up no message.
//!
//! Both belong to an actor's state and end with it. A word that finds the mailbox full is dropped: what
//! filled it wakes the actor as well, and it sets its alarm clock anew. They touch the runtime's timer alone.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use mm_supervision::{Fault, Handle, Inspect};
use tokio::task::JoinSet;

/// An alarm clock with an ear for news.
#[derive(Default)]
pub(crate) struct Waker(JoinSet<()>);

impl Waker {
    /// Sends `word` to `me` after `wait`, or as soon as there is news: only then if there is no `wait`.
    /// What was set before is forgotten.
    pub(crate) fn set<M: Inspect + Send + 'static>(
        &mut self,
        me: &Handle<M>,
        word: M,
        wait: Option<Duration>,
        news: impl Future<Output = ()> + Send + 'static,
    ) {
        let me = me.clone();
        self.0.abort_all();
        while self.0.try_join_next().is_some() {}
        self.0.spawn(async move {
            match wait {
                // Either way there is something to look at.
                Some(wait) => drop(tokio::time::timeout(wait, news).await),
                None => news.await,
            }
            drop(me.cast(word));
        });
    }
}

/// Rounds of work, one at a time.
#[derive(Default)]
pub(crate) struct Rounds {
    round: JoinSet<()>,
    /// Whether there was news since it began.
    again: bool,
}

impl Rounds {
    /// Whether a round may begin. While one is under way it is noted that another is wanted.
    pub(crate) fn may_begin(&mut self) -> bool {
        self.again = !self.round.is_empty();
        !self.again
    }

    /// Begins a round. Its end, or a bug if it panics, is sent to `me` as `rested` words it.
    pub(crate) fn begin<M: Inspect + Send + 'static>(
        &mut self,
        me: &Handle<M>,
        round: impl Future<Output = Result<(), Fault>> + Send + 'static,
        rested: fn(Result<(), Fault>) -> M,
    ) {
        let me = me.clone();
        self.round.spawn(async move {
            let ended = AssertUnwindSafe(round).catch_unwind().await;
            let ended = ended.unwrap_or_else(|_| Err(Fault::bug("a round of its work panicked")));
            drop(me.cast(rested(ended)));
        });
    }

    /// A round has said that it ended. Gives whether another was wanted meanwhile.
    pub(crate) async fn ended(&mut self) -> bool {
        // It has ended but for its last word.
        while self.round.join_next().await.is_some() {}
        std::mem::take(&mut self.again)
    }
}
