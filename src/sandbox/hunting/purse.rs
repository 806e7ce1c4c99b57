//! What a hunter at HackerOne has reported, was awarded, has earned and was paid.
//!
//! A report comes every five days; a day later it is triaged, and on the next a bounty may be awarded. Six hours
//! after that it is an earning. Every fourteen days all that is held is paid out. Amounts are cents.

use super::super::scatter::{of_text, scatter};
use super::{DAY_MS, EPOCH_MS};

const HOUR_MS: i64 = 3_600_000;
const REPORT_EVERY_MS: i64 = 5 * DAY_MS;
const PAID_EVERY_MS: i64 = 14 * DAY_MS;
/// A retest is paid so much, in dollars.
const RETEST: i64 = 5_000;

/// Something that a test lets happen now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// A bounty of so many cents is awarded for a report; it is no earning yet.
    Award(i64),
    /// What was awarded by a test is earned.
    Credit,
    /// All that is held is paid out.
    PayOut,
}

/// What tests let happen, oldest first.
#[derive(Debug, Default)]
pub(super) struct Purse {
    turns: Vec<(i64, Turn)>,
}

/// A report, with its bounty if one was awarded.
#[derive(Debug, Clone)]
pub(super) struct Report {
    pub(super) id: u64,
    pub(super) filed_ms: i64,
    pub(super) state: &'static str,
    pub(super) bounty: Option<Bounty>,
}

/// A bounty.
#[derive(Debug, Clone)]
pub(super) struct Bounty {
    pub(super) id: u64,
    pub(super) cents: i64,
    pub(super) bonus: i64,
    pub(super) euros: bool,
    pub(super) at_ms: i64,
}

impl Bounty {
    /// What it is in dollars, bonus and all: what is held and paid out.
    fn dollars(&self) -> i64 {
        let all = self.cents + self.bonus;
        if self.euros { all * 108 / 100 } else { all }
    }
}

/// An earning: of a bounty, or of a retest, which has none.
#[derive(Debug, Clone)]
pub(super) struct Earning {
    pub(super) id: String,
    pub(super) at_ms: i64,
    pub(super) report: u64,
    pub(super) bounty: Option<Bounty>,
}

impl Earning {
    /// Its own figure: dollars, without a bonus.
    pub(super) fn amount(&self) -> i64 {
        match &self.bounty {
            Some(bounty) if bounty.euros => bounty.cents * 108 / 100,
            Some(bounty) => bounty.cents,
            None => RETEST,
        }
    }

    fn held(&self) -> i64 {
        self.bounty.as_ref().map_or(RETEST, Bounty::dollars)
    }
}

/// What a hunter has at a moment.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Newest first, as lists are.
    pub(super) reports: Vec<Report>,
    pub(super) earnings: Vec<Earning>,
    /// When, and how many cents of dollars.
    pub(super) payouts: Vec<(i64, i64)>,
    /// What is held, in cents of dollars.
    pub(super) balance: i64,
}

/// A bounty, and what became of it so far; milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awarded {
    /// Its number.
    pub bounty: u64,
    /// What was awarded, its bonus with it.
    pub cents: i64,
    /// In which currency.
    pub currency: &'static str,
    /// When.
    pub at_ms: i64,
    /// When it became an earning, if it did.
    pub earned_ms: Option<i64>,
    /// When that was paid out, if it was.
    pub paid_ms: Option<i64>,
    /// Whether that payout pays what was awarded in another currency than its own: its sum does
    /// not tell then what it is made of.
    pub paid_mixed: bool,
}

impl Standing {
    /// What was awarded.
    pub(super) fn awarded(&self) -> Vec<Awarded> {
        let bounties = self.reports.iter().filter_map(|report| report.bounty.as_ref());
        let awarded = bounties.map(|bounty| {
            let is_it = |one: &&Earning| one.bounty.as_ref().is_some_and(|own| own.id == bounty.id);
            let earned_ms = self.earnings.iter().find(is_it).map(|one| one.at_ms);
            let payout =
                |from_ms: i64| self.payouts.iter().map(|(at, _)| *at).filter(move |at| *at >= from_ms);
            let paid_ms = earned_ms.and_then(|at| payout(at).min());
            let before =
                paid_ms.and_then(|paid| self.payouts.iter().map(|(at, _)| *at).filter(|at| *at < paid).max());
            let in_it = self.earnings.iter().filter(|one| {
                before.is_none_or(|before| before < one.at_ms)
                    && paid_ms.is_some_and(|paid| one.at_ms <= paid)
            });
            let mut in_it = in_it.filter_map(|one| one.bounty.as_ref());
            Awarded {
                bounty: bounty.id,
                cents: bounty.cents + bounty.bonus,
                currency: if bounty.euros { "EUR" } else { "USD" },
                at_ms: bounty.at_ms,
                earned_ms,
                paid_ms,
                paid_mixed: in_it.any(|bounty| bounty.euros),
            }
        });
        awarded.collect()
    }
}

impl Purse {
    pub(super) fn turn(&mut self, turn: Turn, now_ms: i64) {
        self.turns.push((now_ms, turn));
    }

    pub(super) fn standing(&self, seed: u64, login: &str, now_ms: i64) -> Standing {
        let mut standing = Standing::default();
        let last = (now_ms - EPOCH_MS).div_euclid(REPORT_EVERY_MS);
        for n in 0..=last.max(-1) {
            let Ok(n) = u64::try_from(n) else { continue };
            made(seed, login, n, now_ms, &mut standing);
        }
        self.played(now_ms, &mut standing);
        standing.earnings.sort_by_key(|earning| earning.at_ms);
        let mut due: Vec<i64> = (1..)
            .map(|n| EPOCH_MS + n * PAID_EVERY_MS)
            .take_while(|at| *at <= now_ms)
            .chain(self.turns.iter().filter(|(_, turn)| *turn == Turn::PayOut).map(|(at, _)| *at))
            .collect();
        due.sort_unstable();
        let mut from = i64::MIN;
        for at in due {
            let held = standing.earnings.iter().filter(|one| from < one.at_ms && one.at_ms <= at);
            let sum: i64 = held.map(Earning::held).sum();
            if sum > 0 {
                standing.payouts.push((at, sum));
            }
            from = at;
        }
        standing.balance = standing.earnings.iter().filter(|one| from < one.at_ms).map(Earning::held).sum();
        standing.reports.reverse();
        standing.earnings.reverse();
        standing.payouts.reverse();
        standing
    }

    /// What tests let happen.
    fn played(&self, now_ms: i64, standing: &mut Standing) {
        let mut open: Vec<(u64, Bounty)> = Vec::new();
        for (n, (at_ms, turn)) in self.turns.iter().enumerate().filter(|(_, (at_ms, _))| *at_ms <= now_ms) {
            let id = 9_000_000 + n as u64;
            match turn {
                Turn::Award(cents) => {
                    let bounty = Bounty { id, cents: *cents, bonus: 0, euros: false, at_ms: *at_ms };
                    let (filed_ms, state) = (*at_ms, "triaged");
                    standing.reports.push(Report { id, filed_ms, state, bounty: Some(bounty.clone()) });
                    open.push((id, bounty));
                }
                Turn::Credit => standing.earnings.extend(open.drain(..).map(|(report, bounty)| Earning {
                    id: format!("{report}"),
                    at_ms: *at_ms,
                    report,
                    bounty: Some(bounty),
                })),
                Turn::PayOut => {}
            }
        }
    }
}

/// The nth report of a hunter, and what came of it by now.
fn made(seed: u64, login: &str, n: u64, now_ms: i64, standing: &mut Standing) {
    let salt = scatter(&[seed, of_text(login), of_text("report"), n]);
    let filed_ms = EPOCH_MS + i64::try_from(n).unwrap_or(0) * REPORT_EVERY_MS;
    let age = now_ms - filed_ms;
    let pays = n % 4 != 3;
    let at_ms = filed_ms + 2 * DAY_MS;
    let id = 2_000_000 + n;
    let bounty = (pays && age >= 2 * DAY_MS).then(|| Bounty {
        id: 700_000 + n,
        cents: 5_000 + i64::try_from(salt % 150_000).unwrap_or(0),
        bonus: if n.is_multiple_of(5) { 2_500 } else { 0 },
        euros: n % 11 == 6,
        at_ms,
    });
    let state = match age {
        age if age < DAY_MS => "new",
        age if age < 2 * DAY_MS => "triaged",
        _ if pays => "resolved",
        _ => "informative",
    };
    let earned_ms = at_ms + 6 * HOUR_MS;
    if bounty.is_some() && earned_ms <= now_ms {
        let (id, bounty) = (format!("{}", 500_000 + n), bounty.clone());
        standing.earnings.push(Earning { id, at_ms: earned_ms, report: 2_000_000 + n, bounty });
    }
    if n % 9 == 4 && earned_ms <= now_ms {
        let id = format!("{}", 600_000 + n);
        standing.earnings.push(Earning { id, at_ms: earned_ms, report: 2_000_000 + n, bounty: None });
    }
    standing.reports.push(Report { id, filed_ms, state, bounty });
}
