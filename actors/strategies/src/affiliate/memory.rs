//! What outlives a run.

use std::collections::BTreeMap;

use mm_sdk::{Digest, Moment, Validators, encode};
use serde::{Deserialize, Serialize};

use super::known::Known;
use super::site_memory::SiteKnown;

/// The schema of [`Snapshot`], raised when its shape changes.
pub const SNAPSHOT_VERSION: u16 = 2;

/// The most commissions of a network that are remembered. Those not read for longest are forgotten first; told again
/// they are known again.
const COMMISSIONS_MAX: usize = 30_000;
/// The most bytes of all networks together in a snapshot, which has 16 MiB at most; each has the same share.
const NETWORKS_BYTES_MAX: usize = 9 << 20;

/// What outlives a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// By platform.
    pub networks: BTreeMap<String, Network>,
    /// The owner's site.
    pub site: SiteKnown,
    /// By what its pages were judged; see [`Own::judge`](crate::site::page::Own::judge).
    pub judge: Option<Digest>,
}

/// What is known of a network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Network {
    /// By number; see [`Window`](crate::network::Window).
    pub windows: BTreeMap<u32, WindowKnown>,
    /// By the network's own reference.
    pub commissions: BTreeMap<String, Known>,
}

/// What is known of a window.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WindowKnown {
    /// When it was last read to its end.
    pub read_at: Option<Moment>,
    /// When it was last tried.
    pub tried_at: Option<Moment>,
    /// Where its reading goes on; `None` at the beginning.
    pub next: Option<String>,
    /// Whether something in it is not decided, or could not be understood, as of its last whole reading.
    pub open: bool,
    /// The same of the reading that is under way.
    pub open_so_far: bool,
    /// Whether the read of `next` failed the last time.
    pub failed: bool,
}

impl Snapshot {
    /// From now on pages are judged by `judge`. "Not modified" speaks of what was judged before: by another judge each
    /// page is read whole once more.
    pub fn judge_by(&mut self, judge: Digest) {
        if self.judge == Some(judge) {
            return;
        }
        self.judge = Some(judge);
        self.site.pages.values_mut().for_each(|page| page.validators = Validators::default());
    }

    /// Keeps the memory within its bounds. Windows before `first` are forgotten; how many commissions were. Of what was
    /// forgotten a part may be told again soon and another rest in a settled window, so none rests then.
    pub fn forget(&mut self, platform: &str, first: u32) -> usize {
        let share = NETWORKS_BYTES_MAX / self.networks.len().max(1);
        let Some(network) = self.networks.get_mut(platform) else { return 0 };
        network.windows.retain(|number, _| *number >= first);
        let mut oldest: Vec<(Moment, String, usize)> = (network.commissions.iter())
            .map(|(name, known)| (known.at(), name.clone(), bytes(&(name, known))))
            .collect();
        oldest.sort_unstable();
        let mut left = network.commissions.len();
        let mut held = bytes(&network.windows) + oldest.iter().map(|(.., bytes)| bytes).sum::<usize>();
        let mut over = 0;
        for (_, name, bytes) in oldest {
            if left <= COMMISSIONS_MAX && held <= share {
                break;
            }
            network.commissions.remove(&name);
            (left, held, over) = (left - 1, held - bytes, over + 1);
        }
        if over > 0 {
            network.windows.values_mut().for_each(|window| window.read_at = None);
        }
        over
    }
}

/// What the codec makes of it, in bytes; of what is too large for it, more than there may be.
fn bytes<T: Serialize>(value: &T) -> usize {
    encode(value).map_or(NETWORKS_BYTES_MAX, |bytes| bytes.len())
}
