//! One execution of a strategy, on its own thread: from a fresh value to what it gave.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use mm_core::error::ErrorClass;
use mm_sdk::{Context, Drafts, Fault, Interrupt, Report, Strategy};

use super::backend::RunBackend;

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

/// Executes one run to its end or its deadline. Panics are caught: a bug in a strategy is an error
/// of its run.
pub(super) async fn execute(
    make: crate::shared::StrategyFactory,
    config: serde_json::Value,
    mut backend: RunBackend,
    within: Duration,
) -> RunEnd {
    let run = AssertUnwindSafe(async {
        let mut strategy = make();
        if let Err(sentence) = strategy.initialise(&config) {
            return Err(Fault::fatal(sentence));
        }
        let mut cx = Context::new(&mut backend);
        let result = phases(strategy.as_mut(), &mut cx).await;
        let drafts = cx.into_drafts();
        strategy.shutdown().await;
        result.map(|report| (report, drafts))
    });
    let ended = tokio::time::timeout(within, run.catch_unwind()).await;
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
        (None, Ok(Err(panic))) => RunEnd::Panicked(Panic::saying(&said(&*panic))),
    }
}

async fn phases(strategy: &mut dyn Strategy, cx: &mut Context<'_>) -> Result<Report, Fault> {
    strategy.validate(cx).await?;
    strategy.execute(cx).await
}

/// What a panic said, if it said it in text.
pub(super) fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").chars().take(300).collect()
}
