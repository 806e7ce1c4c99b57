//! `[resources]`: where the gates close that hold every run back.

use mm_core::gate::Thresholds;

use super::mistakes::Mistake;
use super::walk::Draft;

/// The thresholds as they are written; 0 switches one off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    /// Percent of `some avg10`.
    pub cpu_pressure: u64,
    /// Percent of `full avg10`.
    pub memory_pressure: u64,
    /// Percent of `full avg10`.
    pub io_pressure: u64,
    /// Of the daemon itself.
    pub memory_mib: u64,
    /// From here on, runs are cancelled.
    pub cancel_mib: u64,
    /// On the disk of the data directory.
    pub disk_free_mib: u64,
}

impl Resources {
    pub(super) fn blank() -> Resources {
        Resources {
            cpu_pressure: 1,
            memory_pressure: 1,
            io_pressure: 1,
            memory_mib: 1,
            cancel_mib: 1,
            disk_free_mib: 1,
        }
    }

    /// As the services see it.
    pub fn thresholds(&self) -> Thresholds {
        Thresholds {
            cpu_percent: self.cpu_pressure,
            memory_percent: self.memory_pressure,
            io_percent: self.io_pressure,
            own_memory_bytes: self.memory_mib << 20,
            cancel_bytes: self.cancel_mib << 20,
            disk_free_bytes: self.disk_free_mib << 20,
        }
    }
}

impl Draft<'_> {
    /// Runs are cancelled when holding them back was not enough, so that threshold is the higher one.
    pub(super) fn check_resources(&mut self) {
        const KEY: &str = "resources.cancel_mib";
        let Resources { memory_mib, cancel_mib, .. } = self.config.resources;
        let Some(setting) = self.settings.get(KEY).filter(|_| cancel_mib > 0 && cancel_mib <= memory_mib)
        else {
            return;
        };
        let wrong = format!("is {cancel_mib}, which is not above `resources.memory_mib` ({memory_mib})");
        self.mistakes.push(Mistake::new(&setting.origin, KEY, wrong, "write a larger number, or 0 for none"));
    }
}
