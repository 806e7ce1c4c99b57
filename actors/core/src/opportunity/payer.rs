//! What the own ledger knows of one payer: how often it paid, and how long that took.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::late::Chase;
use crate::digest::Digest;
use crate::id::EarningId;
use crate::ledger::{Earning, Stage};
use crate::moment::Moment;

const DAY_S: u64 = 24 * 3600;
/// So many payments of one payer are remembered; of more, the oldest that are over are forgotten.
pub(super) const PAYMENTS_MAX: usize = 400;
/// So many payments of one payer are remembered if none of them is over: its row stays well under what is
/// stored of one. Of more, the newest are forgotten here; the ledger knows them.
pub(super) const OPEN_MAX: usize = 1_200;
/// So many drafts to one payer are remembered, beside those by which a payment is not chased twice.
pub(super) const CHASES_MAX: usize = 24;

/// One payment of a payer, as the ledger tells it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Since when it is claimed or approved, by the reports.
    pub asked: Option<Moment>,
    /// When it was paid, by the first report that says so.
    pub paid: Option<Moment>,
    /// Whether it was taken back after it was approved or paid.
    pub taken_back: bool,
}

/// What is known of one payer. Row id: [`Payer::id_of`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payer {
    /// On which platform.
    pub platform: String,
    /// As the platform names it; empty for the platform itself.
    pub name: String,
    /// Its payments, by earning.
    pub payments: BTreeMap<EarningId, Payment>,
    /// What was drafted to it about late ones, oldest first.
    pub chases: Vec<Chase>,
    /// When anything of it last changed.
    pub updated_at: Moment,
}

impl Payment {
    /// What an earning's reports say of it.
    pub fn of(earning: &Earning) -> Self {
        let mut payment = Payment::default();
        for step in &earning.steps {
            let Payment { asked, paid, .. } = payment;
            payment = match step.stage {
                Stage::Expected => Payment::default(),
                Stage::Claimed | Stage::Approved => {
                    Payment { asked: asked.or(Some(step.as_of)), ..Payment::default() }
                }
                Stage::Paid | Stage::Cleared => {
                    Payment { asked, paid: paid.or(Some(step.as_of)), taken_back: false }
                }
                Stage::Reversed => Payment { taken_back: asked.or(paid).is_some(), ..Payment::default() },
            };
        }
        payment
    }

    /// How long it took.
    pub fn waited(&self) -> Option<Duration> {
        Some(self.paid?.since(self.asked?))
    }

    fn is_over(&self) -> bool {
        self.paid.is_some() || self.asked.is_none()
    }
}

impl Payer {
    /// A payer of which nothing is known.
    pub fn new(platform: &str, name: &str, now: Moment) -> Self {
        Self {
            platform: platform.to_owned(),
            name: name.to_owned(),
            payments: BTreeMap::new(),
            chases: Vec::new(),
            updated_at: now,
        }
    }

    /// The row id of a payer. Platforms do not tell names by their capitals, so neither is done here.
    pub fn id_of(platform: &str, name: &str) -> String {
        let name = name.to_lowercase();
        Digest::of_fields("mm-payer-1", [platform.as_bytes(), name.as_bytes()]).short(24)
    }

    /// Takes an earning in, as it stands; the same again changes nothing. What was drafted about it ends with
    /// what it was about.
    pub fn take(&mut self, earning: &Earning, now: Moment) {
        let payment = Payment::of(earning);
        self.payments.insert(earning.id.clone(), payment);
        if payment.is_over() {
            self.chases
                .iter_mut()
                .filter(|chase| chase.earning == earning.id)
                .for_each(|chase| chase.over(now));
        }
        self.updated_at = now;
        while self.payments.len() > PAYMENTS_MAX {
            let over = self.payments.iter().filter(|(_, payment)| payment.is_over());
            let oldest = over.min_by_key(|(_, payment)| payment.paid).map(|(id, _)| id.clone());
            let Some(oldest) = oldest else { break };
            self.payments.remove(&oldest);
        }
        while self.payments.len() > OPEN_MAX {
            let newest = self.payments.iter().max_by_key(|(_, payment)| payment.asked);
            let Some(newest) = newest.map(|(id, _)| id.clone()) else { break };
            self.payments.remove(&newest);
        }
    }

    /// Whether one more draft to it is of use: nobody reads a hundred of them, and its row is bounded.
    pub fn has_room(&self, now: Moment) -> bool {
        self.chases.iter().filter(|chase| !self.is_past(chase, now)).count() < CHASES_MAX
    }

    /// Puts a draft to it on record.
    pub fn chase(&mut self, chase: Chase, now: Moment) {
        self.chases.push(chase);
        self.updated_at = now;
        while self.chases.len() > CHASES_MAX {
            let Some(over) = self.chases.iter().position(|chase| self.is_past(chase, now)) else { break };
            self.chases.remove(over);
        }
    }

    /// Whether nothing is decided by a draft any more: a word on one of this period stands for its period.
    fn is_past(&self, chase: &Chase, now: Moment) -> bool {
        let paid = || self.payments.get(&chase.earning).is_some_and(Payment::is_over);
        !chase.item.state.is_open() && (!chase.rests(now) || paid())
    }

    /// Whether anything is known here of an earning.
    pub fn knows(&self, earning: &EarningId) -> bool {
        self.payments.contains_key(earning) || self.chases.iter().any(|chase| chase.earning == *earning)
    }

    /// Takes what `other` knows of an earning, of which it was found that this one pays it. A draft that both
    /// have stays where it is, and ends there.
    pub fn take_over(&mut self, other: &mut Payer, earning: &EarningId, now: Moment) {
        if let Some(payment) = other.payments.remove(earning) {
            self.payments.entry(earning.clone()).or_insert(payment);
        }
        for mut chase in std::mem::take(&mut other.chases) {
            let twice = self.chases.iter().any(|own| own.id == chase.id);
            if chase.earning != *earning || twice {
                if twice {
                    chase.over(now);
                }
                other.chases.push(chase);
            } else {
                self.chases.push(chase);
            }
        }
        (self.updated_at, other.updated_at) = (now, now);
    }

    /// How often it paid.
    pub fn paid(&self) -> u32 {
        self.count(|payment| payment.paid.is_some())
    }

    /// How often it took back what it had promised.
    pub fn taken_back(&self) -> u32 {
        self.count(|payment| payment.taken_back)
    }

    /// How many payments of it are asked for and have not come.
    pub fn owed(&self) -> u32 {
        self.count(|payment| payment.asked.is_some() && payment.paid.is_none())
    }

    fn count(&self, which: impl Fn(&Payment) -> bool) -> u32 {
        u32::try_from(self.payments.values().filter(|payment| which(payment)).count()).unwrap_or(u32::MAX)
    }

    /// The longest it took to pay: whoever once took a month is not late after three weeks.
    pub fn usual(&self) -> Option<Duration> {
        self.payments.values().filter_map(Payment::waited).max()
    }

    /// What the ledger says of it, a line each.
    pub fn reasons(&self) -> Vec<String> {
        let times = |n: u32| if n == 1 { "once".to_owned() } else { format!("{n} times") };
        let mut reasons = Vec::new();
        if self.paid() > 0 {
            let wait = self.usual().map_or(String::new(), |wait| match wait.as_secs().div_ceil(DAY_S) {
                0 | 1 => ", within a day".to_owned(),
                days => format!(", at the longest after {days} days"),
            });
            reasons.push(format!("it has paid you {}{wait}", times(self.paid())));
        }
        if self.taken_back() > 0 {
            reasons.push(format!("it took back what it had promised you {}", times(self.taken_back())));
        }
        if self.owed() > 0 {
            reasons.push(format!("{} of its payments to you are outstanding", self.owed()));
        }
        reasons
    }
}
