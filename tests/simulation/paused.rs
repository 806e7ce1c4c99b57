//! The runtime of a simulated machine: one thread, paused time.
//!
//! tokio pauses time only when it is built with its feature `test-util`. `cargo test --workspace` builds
//! it so (other members ask for it); building this package's tests alone needs
//! `--features tokio/test-util`. Without it the simulated tests skip aloud instead of taking a week.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::{Builder, Runtime};

static CANNOT: AtomicBool = AtomicBool::new(false);

/// Stands in where tokio's own method of this name is not built: an inherent method comes first.
#[allow(dead_code, reason = "used only where tokio is built without test-util")]
trait NoPause {
    fn start_paused(&mut self, paused: bool) -> &mut Self;
}

impl NoPause for Builder {
    fn start_paused(&mut self, _: bool) -> &mut Self {
        CANNOT.store(true, Ordering::Relaxed);
        self
    }
}

/// A runtime whose time is paused, if tokio can.
pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime without sockets")
}

/// Whether it can. If not, that is said aloud.
pub fn can_pause() -> bool {
    drop(runtime());
    let can = !CANNOT.load(Ordering::Relaxed);
    if !can {
        eprintln!("SKIPPED: tokio is built without `test-util`; add `--features tokio/test-util`");
    }
    can
}
