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
        Usage {
            cpu_some: pressure("cpu", "some"),
            memory_full: pressure("memory", "full"),
            io_full: pressure("io", "full"),
            resident_bytes: resident_bytes(),
            disk_free_bytes: disk_free_bytes(&self.data_dir),
        }
    }
}

/// `avg10` of one line of `/proc/pressure/WHAT`, in hundredths of a percent; `None` where the kernel has no
/// such figures or does not tell us.
fn pressure(what: &str, line: &str) -> Option<u64> {
    avg10(&std::fs::read_to_string(format!("/proc/pressure/{what}")).ok()?, line)
}

/// Reads `some avg10=0.12 avg60=0.00 avg300=0.00 total=1234` (Documentation/accounting/psi.rst).
fn avg10(text: &str, line: &str) -> Option<u64> {
    let mut words = text.lines().find_map(|row| row.strip_prefix(line)?.strip_prefix(' '))?.split(' ');
    let (whole, part) = words.find_map(|word| word.strip_prefix("avg10="))?.split_once('.')?;
    let digits = part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_digit());
    let (whole, part): (u64, u64) = (whole.parse().ok()?, part.parse().ok().filter(|_| digits)?);
    (whole <= 100).then_some(whole * 100 + part)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_is_read_as_the_kernel_writes_it_and_not_guessed() {
        let text = "some avg10=9.05 avg60=95.69 avg300=56.46 total=24102074935\n\
                    full avg10=100.00 avg60=0.00 avg300=0.00 total=0\n";
        assert_eq!((avg10(text, "some"), avg10(text, "full")), (Some(905), Some(10_000)));
        for odd in [
            "",
            "some",
            "some avg10=",
            "some avg10=1",
            "some avg10=1.5",
            "some avg10=-1.00",
            "some avg10=200.00",
            "some avg10=1.+5",
            "somewhat avg10=1.00",
            "full avg60=1.00",
        ] {
            assert_eq!(avg10(odd, "some"), None, "{odd}");
        }
    }

    #[test]
    fn a_look_at_this_machine_agrees_with_what_its_kernel_has() {
        let look = SystemProbe { data_dir: std::env::temp_dir() }.look();
        assert_eq!(look.cpu_some.is_some(), std::fs::read_to_string("/proc/pressure/cpu").is_ok());
        assert_eq!(look.memory_full.is_some(), std::fs::read_to_string("/proc/pressure/memory").is_ok());
        assert!(look.resident_bytes.is_some_and(|bytes| bytes > 1 << 20));
        assert!(look.disk_free_bytes.is_some());
    }
}
