//! The sales that the made networks know of: a pure function of seed and time.

use super::super::scatter::{below, scatter};

/// A sale may come in each slot of so many milliseconds: six hours.
const SLOT_MS: i64 = 6 * 3_600_000;
const DAY_MS: i64 = 86_400_000;
/// What sets the sales apart from all else that is made of the seed.
const SALT: u64 = 0x0061_6666;
const CURRENCIES: [&str; 3] = ["USD", "EUR", "GBP"];

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Network {
    /// Impact.com.
    Impact,
    /// Awin.
    Awin,
    /// CJ.
    Cj,
}

/// How a sale stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nobody has decided on it.
    Pending,
    /// The advertiser owes it.
    Approved,
    /// The network has paid it.
    Paid,
    /// It was taken back.
    Reversed,
}

/// A sale with a commission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// Where.
    pub network: Network,
    /// Its number there.
    pub id: u64,
    /// When it was made; milliseconds since 1970.
    pub at_ms: i64,
    /// What it paid at first, in cents.
    pub cents: i64,
    /// In which currency.
    pub currency: &'static str,
    decided_ms: i64,
    taken_back_ms: Option<i64>,
    /// A correction: when, and by how many cents.
    corrected: Option<(i64, i64)>,
}

impl Sale {
    /// The sales of a network from one moment up to another, oldest first; none after `now_ms`.
    pub fn between(seed: u64, network: Network, from_ms: i64, until_ms: i64, now_ms: i64) -> Vec<Self> {
        let slots = from_ms.div_euclid(SLOT_MS)..=until_ms.div_euclid(SLOT_MS);
        let sales = slots.filter_map(|slot| Self::in_slot(seed, network, slot));
        sales.filter(|sale| (from_ms..until_ms).contains(&sale.at_ms) && sale.at_ms <= now_ms).collect()
    }

    /// The sale of this number.
    pub fn numbered(seed: u64, network: Network, id: u64) -> Option<Self> {
        Self::in_slot(seed, network, i64::try_from(id).ok()?)
    }

    /// What the network calls it.
    pub fn reference(&self) -> String {
        match self.network {
            Network::Impact => format!("1000.{}.{}", 4_000 + self.id % 97, self.id),
            Network::Awin | Network::Cj => self.id.to_string(),
        }
    }

    fn in_slot(seed: u64, network: Network, slot: i64) -> Option<Self> {
        let number = u64::try_from(slot).ok()?;
        let dice = |what: u64| scatter(&[seed, SALT, network as u64, number, what]);
        let of = |what: u64, bound: u32| i64::try_from(dice(what) % u64::from(bound)).unwrap_or(0);
        if of(0, 10) >= 6 {
            return None;
        }
        let at_ms = slot * SLOT_MS + of(1, 21_600) * 1_000;
        let cents = 5 + of(2, 20_000);
        let decided_ms = at_ms + (10 + of(3, 50)) * DAY_MS;
        let taken_back_ms = match of(4, 10) {
            0 => Some(decided_ms),
            1 => Some(decided_ms + (5 + of(5, 30)) * DAY_MS),
            _ => None,
        };
        let corrected = (of(6, 6) == 0).then(|| (at_ms + 5 * DAY_MS, of(7, 4_000) - 3 * cents / 4));
        // A correction takes no more than there is; CJ takes a sale back by one that takes all.
        let corrected = corrected.map(|(when, by)| (when, by.max(1 - cents)));
        let currency = match network {
            Network::Cj => "USD",
            _ => CURRENCIES.get(below(dice(8), CURRENCIES.len())).copied().unwrap_or("USD"),
        };
        Some(Self { network, id: number, at_ms, cents, currency, decided_ms, taken_back_ms, corrected })
    }

    /// How it stands.
    pub fn standing(&self, now_ms: i64) -> Standing {
        match self.taken_back_ms {
            Some(when) if now_ms >= when => Standing::Reversed,
            _ if now_ms < self.decided_ms => Standing::Pending,
            _ if self.network == Network::Awin && now_ms >= self.decided_ms + 30 * DAY_MS => Standing::Paid,
            _ => Standing::Approved,
        }
    }

    /// What it pays as it stands, in cents; nothing once it was taken back.
    pub fn pays(&self, now_ms: i64) -> i64 {
        if self.standing(now_ms) == Standing::Reversed { 0 } else { self.gross(now_ms) }
    }

    /// What it would pay were it not taken back.
    pub fn gross(&self, now_ms: i64) -> i64 {
        let by = self.corrected.filter(|(when, _)| now_ms >= *when).map_or(0, |(_, by)| by);
        self.cents + by
    }

    /// When it was decided on, if it was.
    pub(super) fn decided_ms(&self, now_ms: i64) -> Option<i64> {
        (now_ms >= self.decided_ms).then_some(self.decided_ms)
    }

    /// The corrections so far, each with when it was made and by how many cents: the last may take all back.
    pub fn corrections(&self, now_ms: i64) -> Vec<(i64, i64)> {
        let mut made: Vec<(i64, i64)> =
            self.corrected.filter(|(when, _)| now_ms >= *when).into_iter().collect();
        if let Some(when) = self.taken_back_ms.filter(|when| now_ms >= *when) {
            made.push((when, -self.gross(when.max(self.at_ms + 5 * DAY_MS))));
        }
        made
    }
}
