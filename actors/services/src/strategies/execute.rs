//! One execution of a strategy, on its own thread: from a fresh value to what it gave.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use mm_core::error::ErrorClass;
use mm_sdk::{Context, Drafts, Fault, Interrupt, Report, Strategy};
use mm_supervision::panics::{self, caught};

use super::backend::RunBackend;

/// The characters of a panic's own words that are kept.
const SAID_CHARS_MAX: usize = 300;

/// What a run's thread gives back.
pub enum RunEnd {
    /// It ended well.
    Finished {
        /// In its own words.
        report: Report,
        /// To be committed.
        drafts: Drafts,
    },
    /// It ended with an error.
    Failed {
        /// What kind of trouble.
        class: ErrorClass,
        /// One sentence.
        sentence: String,
    },
    /// It panicked: a bug, or an input that the strategy does not bear.
    Panicked(Panic),
    /// Its deadline passed.
    DeadlinePassed,
    /// It cannot be resumed: it proposes something else than before.
    Diverged(String),
}

/// What is known of a panic.
pub struct Panic {
    /// Its own words.
    pub said: String,
    /// Where in the source.
    pub location: Option<String>,
    /// The stack.
    pub backtrace: Option<String>,
}

impl Panic {
    /// One of which no more is known than this.
    pub(super) fn saying(said: &str) -> Self {
        Self { said: said.to_owned(), location: None, backtrace: None }
    }
}

impl From<panics::Panic> for Panic {
    fn from(panic: panics::Panic) -> Self {
        let said = panic.text.chars().take(SAID_CHARS_MAX).collect();
        Self { said, location: panic.location, backtrace: panic.backtrace.map(|stack| stack.to_string()) }
    }
}

/// Executes one run to its end or its deadline. Panics are caught: a bug in a strategy is an error
/// of its run.
pub(super) async fn execute(
    make: crate::shared::StrategyFactory,
    config: serde_json::Value,
    mut backend: RunBackend,
    within: Duration,
) -> RunEnd {
    let run = async {
        let mut strategy = make();
        if let Err(sentence) = strategy.initialise(&config) {
            return Err(Fault::fatal(sentence));
        }
        let mut cx = Context::new(&mut backend);
        let result = phases(strategy.as_mut(), &mut cx).await;
        let drafts = cx.into_drafts();
        strategy.shutdown().await;
        result.map(|report| (report, drafts))
    };
    let mut run = Box::pin(run);
    let ended = tokio::time::timeout(within, catching(run.as_mut())).await;
    // What is cut off is dropped here, and that is the strategy's code too.
    if let Err(panic) = caught(|| drop(run)) {
        return RunEnd::Panicked(panic.into());
    }
    match (backend.interrupt.take(), ended) {
        (Some(Interrupt::Diverged(step)), _) => RunEnd::Diverged(step),
        // The strategy's own mistake, which comes again each time.
        (Some(twice @ Interrupt::DuplicateStep(_)), _) => {
            RunEnd::Failed { class: ErrorClass::Fatal, sentence: twice.to_string() }
        }
        (Some(ended), _) => RunEnd::Failed { class: ErrorClass::Transient, sentence: ended.to_string() },
        (None, Err(_)) => RunEnd::DeadlinePassed,
        (None, Ok(Ok(Ok((report, drafts))))) => RunEnd::Finished { report, drafts },
        (None, Ok(Ok(Err(fault)))) => RunEnd::Failed { class: fault.class, sentence: fault.sentence },
        (None, Ok(Err(panic))) => RunEnd::Panicked(panic),
    }
}

/// Polls to the end, or to a panic.
async fn catching<T>(run: impl Future<Output = T>) -> Result<T, Panic> {
    let mut run = pin!(run);
    poll_fn(|cx| match caught(|| run.as_mut().poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
        // Its stack becomes text here, on the run's own thread: that takes a while.
        Err(panic) => Poll::Ready(Err(Panic::from(panic))),
    })
    .await
}

async fn phases(strategy: &mut dyn Strategy, cx: &mut Context<'_>) -> Result<Report, Fault> {
    strategy.validate(cx).await?;
    strategy.execute(cx).await
}
