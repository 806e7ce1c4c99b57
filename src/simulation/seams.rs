//! The simulated seams: a clock that follows the paused runtime, entropy from a seed, and a wire on
//! which everything takes a while. They touch nothing outside and cannot fail.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use mm_core::error::TransportFault;
use mm_core::moment::Moment;
use mm_core::seams::{Clock, Entropy, SplitMix64};
use mm_permit::Cleared;
use mm_services::transport::{RawAnswer, Transport};

use super::recorder::Recorder;
use crate::inprocess::InProcess;

/// The longest that a request takes to the platform, and an answer back.
pub const LAG_MAX: Duration = Duration::from_millis(400);

/// Wall time derived from the runtime's. It is read inside the runtime only.
pub(super) struct SimClock {
    base: Moment,
    began: tokio::time::Instant,
}

impl SimClock {
    /// A clock that shows `base` now.
    pub(super) fn from(base: Moment) -> Self {
        Self { base, began: tokio::time::Instant::now() }
    }
}

impl Clock for SimClock {
    fn wall(&self) -> Moment {
        self.base.plus(self.mono())
    }

    fn mono(&self) -> Duration {
        self.began.elapsed()
    }
}

/// Bytes from a seed. They go on over restarts, as those of an operating system do.
pub(super) struct SimEntropy(Mutex<SplitMix64>);

impl SimEntropy {
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new(SplitMix64(seed)))
    }
}

impl Entropy for SimEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&numbers.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// The way to the sandbox: slow, and overheard by the recorder.
pub(super) struct Wire {
    pub(super) inner: InProcess,
    pub(super) recorder: Recorder,
    /// How many requests were made, over all starts of the machine.
    pub(super) requests: Arc<AtomicU64>,
    pub(super) seed: u64,
}

#[async_trait]
impl Transport for Wire {
    async fn exchange(&self, cleared: Cleared) -> Result<RawAnswer, TransportFault> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut lags = SplitMix64(self.seed ^ number.wrapping_mul(0x9e37_79b9));
        let mut lag = || LAG_MAX.mul_f64((lags.next_u64() >> 11) as f64 / (1u64 << 53) as f64);
        let (there, back) = (lag(), lag());
        tokio::time::sleep(there).await;
        let (method, url) = (cleared.request().method(), cleared.request().url().as_str().to_owned());
        self.recorder.line(format!("send {number} {method} {url}"));
        let result = self.inner.exchange(cleared).await;
        match &result {
            Ok(answer) => {
                self.recorder.line(format!("got {number} {} {} bytes", answer.status, answer.body.len()));
            }
            Err(fault) => self.recorder.line(format!("got {number} fault {fault}")),
        }
        tokio::time::sleep(back).await;
        result
    }
}
