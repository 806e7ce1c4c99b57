//! The books hold of HackerOne every bounty that was awarded there, once, to the cent and in its currency, as far as
//! it is on its way; and nothing else.
//!
//! The sandbox says what a hunter was awarded, when that became an earning and when it was paid out. What must be in
//! the books is what was so when a run that ended well read all three lists without a fault; what came later may be.
//! A payout of earnings in several currencies is not to be told apart by its sum, so nothing must be called paid by
//! it. It touches nothing.

use mm_core::ledger::{Earning, Source, Stage};
use mm_core::moment::Moment;

use super::evidence::Evidence;
use super::ledger::{CENT, units_of};
use crate::sandbox::Sandbox;
use crate::sandbox::hunting::Awarded;
use crate::sandbox::oracle::Received;

/// The platform, as the books name it.
const PLATFORM: &str = "hackerone";
/// The strategy that reads it.
const READER: &str = "bug-bounty";
/// The lists of which all must be read.
const LISTS: [&str; 3] = ["/me/reports?", "/payments/earnings?", "/payments/payouts?"];
/// Runs that are looked through for the last whole reading; what is older is not asked for.
const READS_LOOKED_AT: usize = 48;
/// Where it lies.
const API: &str = "https://api.hackerone.com/v1/hackers";

/// What was awarded to the login that asks.
#[derive(Debug, Default)]
pub(super) struct Hunter {
    login: Option<String>,
    awarded: Vec<Awarded>,
}

impl Hunter {
    /// Takes in what was asked since, and what is so now.
    pub(super) fn take(&mut self, sandbox: &Sandbox, log: &[Received], now: Moment) {
        let asks = log.iter().rev().find(|request| request.url.starts_with(API));
        self.login = asks.and_then(|request| request.account.clone()).or(self.login.take());
        if let Some(login) = &self.login {
            self.awarded = sandbox.awarded(login, now.unix_ms());
        }
    }
}

/// What is wrong with what the books hold of HackerOne. It is looked at when all is judged.
pub fn awarded(e: &Evidence) -> Vec<String> {
    if e.since().is_some() || e.hunter.login.is_none() {
        return Vec::new();
    }
    let read_at = read_at(e);
    let mut booked: Vec<Earning> = e.rows::<Earning>().into_values().collect();
    booked.retain(|one| one.platform.as_str() == PLATFORM && !is_of_owner(one));
    let mut wrong = Vec::new();
    for one in &e.hunter.awarded {
        let reference = format!("bounty-{}", one.bounty);
        let own: Vec<&Earning> = booked.iter().filter(|row| row.reference == reference).collect();
        let least = read_at.and_then(|at| least(one, at));
        wrong.extend(judge(one, &own, least, e.now).map(|said| format!("{reference} {said}")));
    }
    let is_known =
        |row: &Earning| e.hunter.awarded.iter().any(|one| row.reference == format!("bounty-{}", one.bounty));
    let unknown = booked.iter().filter(|row| !is_known(row));
    wrong.extend(unknown.map(|row| format!("{} was never awarded", row.reference)));
    wrong
}

fn is_of_owner(earning: &Earning) -> bool {
    earning.last.as_ref().is_some_and(|last| last.evidence.source == Source::Owner)
}

/// When a run that ended well has last read all lists without a fault: the first of these reads.
fn read_at(e: &Evidence) -> Option<i64> {
    let own = e.told.values().filter(|told| told.strategy == READER);
    let mut runs: Vec<_> = own.filter_map(|told| told.succeeded.zip(told.taken_up)).collect();
    runs.sort_unstable();
    let asked = |list: &str, from: Moment, until: Moment| {
        let asked =
            e.received.iter().filter(|one| (from.unix_ms() + 1..until.unix_ms()).contains(&one.at_ms));
        let of_list = asked.filter(|one| one.url.strip_prefix(API).is_some_and(|at| at.starts_with(list)));
        let ends = of_list.map(|one| one.fault.is_none().then_some(one.at_ms));
        ends.reduce(|first, next| Some(first?.min(next?))).flatten()
    };
    runs.into_iter().rev().take(READS_LOOKED_AT).find_map(|(until, from)| {
        let reads: Option<Vec<i64>> = LISTS.iter().map(|list| asked(list, from, until)).collect();
        reads?.into_iter().min()
    })
}

/// How far it must be where all was read at that moment.
fn least(one: &Awarded, at_ms: i64) -> Option<Stage> {
    let by_then = |when: Option<i64>| when.is_some_and(|when| when <= at_ms);
    match () {
        () if by_then(one.paid_ms) && !one.paid_mixed => Some(Stage::Paid),
        () if by_then(one.earned_ms) => Some(Stage::Approved),
        () if one.at_ms <= at_ms => Some(Stage::Expected),
        () => None,
    }
}

/// How far it can be.
fn most(one: &Awarded, now: Moment) -> Stage {
    let by_now = |when: Option<i64>| when.is_some_and(|when| when <= now.unix_ms());
    match () {
        () if by_now(one.paid_ms) => Stage::Paid,
        () if by_now(one.earned_ms) => Stage::Approved,
        () => Stage::Expected,
    }
}

fn judge(one: &Awarded, own: &[&Earning], least: Option<Stage>, now: Moment) -> Option<String> {
    let [row] = own else {
        let times = own.len();
        return (times > 1 || least.is_some()).then(|| format!("is in the books {times} times"));
    };
    let last = row.last.as_ref()?;
    let same = units_of(&last.amount) == i128::from(one.cents) * CENT;
    let same = same && last.amount.currency().code() == one.currency && last.fee.is_none();
    let most = most(one, now);
    let far = least.is_none_or(|least| least <= last.stage) && last.stage <= most;
    let said = || {
        let (cents, currency) = (one.cents, one.currency);
        format!(
            "is {} of {} in the books, and is {most} of {cents} cents {currency}",
            last.stage, last.amount
        )
    };
    (!same || !far).then(said)
}
