//! The seams of a real machine: its clock, its randomness, and its look at memory and disk.
//!
//! This file and nothing else reads the time of day, the operating system's entropy and `/proc`.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mm_core::moment::Moment;
use mm_core::seams::{Clock, Entropy, Rng, SplitMix64};
use mm_services::resources::{Probe, Usage};
use ring::rand::{SecureRandom, SystemRandom};

/// The machine's clock. With `--as-of` its wall time starts there and goes on by itself.
pub struct SystemClock {
    began: Instant,
    as_of: Option<Moment>,
}

impl SystemClock {
    /// A clock; its monotonic time starts now.
    #[expect(clippy::disallowed_methods, reason = "the one seam where the machine reads its clock")]
    pub fn new(as_of: Option<Moment>) -> Self {
        Self { began: Instant::now(), as_of }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one seam where the machine reads its clock")]
    fn wall(&self) -> Moment {
        if let Some(as_of) = self.as_of {
            return as_of.plus(self.began.elapsed());
        }
        // Before 1970 is a clock that was never set: then everything is due, and nothing is old.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Moment::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn mono(&self) -> Duration {
        self.began.elapsed()
    }

    fn boot(&self) -> Duration {
        let since = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        // The kernel counts it up from zero.
        let (secs, nanos) = (u64::try_from(since.tv_sec), u32::try_from(since.tv_nsec));
        Duration::new(secs.unwrap_or_default(), nanos.unwrap_or_default())
    }
}

/// The operating system's entropy.
pub struct SystemEntropy(SystemRandom);

impl SystemEntropy {
    /// Entropy from the operating system.
    #[expect(clippy::new_without_default, reason = "a default should not open anything")]
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        // getrandom(2) fails only where the kernel has none at all; a salt that can be guessed
        // would be worse than no process.
        self.0.fill(buffer).expect("the operating system has entropy");
    }
}

/// Numbers for jitter and for runs' seeds.
pub struct SeededRng(Mutex<SplitMix64>);

impl SeededRng {
    /// Numbers from a seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(SplitMix64(seed)))
    }

    /// Numbers from unpredictable beginnings.
    pub fn from_entropy(entropy: &dyn Entropy) -> Self {
        let mut seed = [0u8; 8];
        entropy.fill(&mut seed);
        Self::new(u64::from_le_bytes(seed))
    }
}

impl Rng for SeededRng {
    fn next_u64(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next_u64()
    }
}

/// Looks at this process and at the disk of its data directory.
pub struct SystemProbe {
    /// The data directory.
    pub data_dir: PathBuf,
}

impl Probe for SystemProbe {
    fn look(&self) -> Usage {
        Usage { resident_bytes: resident_bytes(), disk_free_bytes: disk_free_bytes(&self.data_dir) }
    }
}

/// Resident memory of this process, where `/proc` tells it.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Free bytes for us on the disk that holds `path`.
pub fn disk_free_bytes(path: &std::path::Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}
