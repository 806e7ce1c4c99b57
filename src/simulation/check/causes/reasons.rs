//! Why a tick started nothing: each reason that the machine gives, held against what was seen.
//!
//! | reason | what must be so |
//! |---|---|
//! | a run was under way | that run had begun and not ended, and the tick does not wait for it: it was seen on time |
//! | outside the hours | the task has these hours, and they were not open |
//! | disabled | the owner said so last, by the audit trail |
//! | the disk has no room | the disk was full, and still when the next tick was due |
//! | the breaker is open | by the trail its last runs failed: three, or one that was stuck or had no credential; and no longer ago than it opens for so many |
//! | an account | the strategy needs one there, every account there stood badly by the trail at some time while the tick was to be decided, and the platform had refused something |
//! | a run that was cut off goes first | the machine ended during that run, it had not ended, and what it waits for is one of these |
//! | the platform's hours | all platforms that it works on were closed |
//! | a limit is nearly used | see [`super::spent`]; its priority is not 1 |
//! | paused, isolated | the trail says so in these words, with that end, and it was not over |
//!
//! A breaker opens by the class of an error, which the trace does not tell: that runs failed is all that is asked for.
//! What an account stands badly for is known by the trail alone: no more is asked for than that some answer was a
//! refusal. That a strategy is put aside has nothing outside that shows it, and is a finding: none that is judged is.

use std::collections::{BTreeMap, BTreeSet};

use mm_core::moment::Moment;
use mm_core::schedule::{Missed, Overlap};
use mm_services::records::TickRow;

use super::{Case, for_a_run};
use crate::simulation::accounts::tokens_in;
use crate::simulation::check::Audit;
use crate::simulation::check::held::{SOON_MS, Time};
use crate::simulation::check::refused::origin;

/// A breaker of a strategy opens for so long at first, and twice as long each time …
const OPENS_MS: i64 = 60_000;
/// … up to so long.
const OPENS_MAX_MS: i64 = 6 * 3_600_000;
/// At so many failures of runs in a row it opens.
const FAILURES: u32 = 3;
/// A run that was to show whether all is well again is waited for so long.
const PROBE_MS: i64 = 1_800_000;
/// The ends of runs that a breaker hears of.
const ENDS: [&str; 3] = ["run.succeeded", "run.failed", "run.stuck"];
/// What begins and ends a pause.
const PAUSES: [&str; 3] = ["strategy.paused", "strategy.isolated", "strategy.resumed"];
/// Room on the disk is looked at every second; what was found holds a little longer.
const LOOKED_AT_MS: i64 = 5_000;

impl Case<'_> {
    pub(super) fn skipped(&self, row: &TickRow, why: &str) -> Result<(), String> {
        let already = || why.strip_prefix("it is running already, as run ");
        if let Some(run) = for_a_run(&row.fate).or_else(already) {
            return self.busy(row, run);
        }
        if let Some(hours) = why.strip_prefix("it lies outside the allowed hours ") {
            let own = self.task.hours.filter(|own| own.to_string() == hours);
            let Some(own) = own else { return Err("it has no such hours".to_owned()) };
            let open = own.allow(Moment::from_unix_ms(self.first(row.due)));
            return if open { Err("they were open".to_owned()) } else { Ok(()) };
        }
        if why.starts_with("it is disabled") {
            let last = self.said(self.decided(row).1, &["strategy.disabled", "strategy.enabled"]).next();
            let is_so = last.is_some_and(|entry| entry.kind == "strategy.disabled");
            return if is_so { Ok(()) } else { Err("nobody disabled it".to_owned()) };
        }
        Err("nobody knows that reason".to_owned())
    }

    /// A run was under way, and a tick does not wait for it.
    fn busy(&self, row: &TickRow, run: &str) -> Result<(), String> {
        if self.task.overlap != Overlap::Skip {
            return Err("it would have waited for that run, or ended it".to_owned());
        }
        if self.held.unseen(row.due.unix_ms()) {
            return Err("what passed unseen waits for that run".to_owned());
        }
        let under_way = self.under_way(run, self.decided(row));
        if under_way { Ok(()) } else { Err("that run was not under way".to_owned()) }
    }

    fn under_way(&self, run: &str, (from, until): Time) -> bool {
        self.runs.get(run).is_some_and(|(began, over)| *began <= until && from <= *over)
    }

    pub(super) fn gated(&self, row: &TickRow, by: &str) -> Result<(), String> {
        let (first, until) = self.decided(row);
        let waits = self.task.missed != Missed::All && self.task.hours.is_none();
        // Where there is no room a tick waits until the next is due; the first of all does not.
        let next = self.next(row.due).filter(|_| waits && self.e.boots.first() != Some(&row.due));
        self.kept_back((next.unwrap_or(first), until), (first, until), by)
    }

    /// What keeps a run back. `room`: when there must have been no room for it, if that is the reason.
    fn kept_back(&self, room: Time, time: Time, by: &str) -> Result<(), String> {
        let is_so = if by.starts_with("the free room on the disk of the data directory is ") {
            self.is_full(room)
        } else if let Some(why) = by.strip_prefix("its breaker is open: ") {
            self.is_tripped(time, why)
        } else if by.ends_with("; `account list` shows how accounts stand") {
            self.has_no_account(time)
        } else if let Some(rest) = by.strip_suffix("; `status` shows the gates") {
            return self.behind(time, rest);
        } else if by.contains(" is open from ") {
            self.is_closed(time)
        } else if by.starts_with("the limit of ") {
            self.task.priority > 1 && self.is_nearly_used(time, by)
        } else {
            return Err("nobody knows that reason".to_owned());
        };
        if is_so { Ok(()) } else { Err("that was not so".to_owned()) }
    }

    fn is_full(&self, (from, until): Time) -> bool {
        let mut full = self.e.full.iter().map(|(from, until)| (from.unix_ms(), until.unix_ms()));
        full.any(|(began, over)| began <= until && from <= over + LOOKED_AT_MS)
    }

    /// The breaker was open by what became of the runs before.
    fn is_tripped(&self, (from, until): Time, why: &str) -> bool {
        let bad: Vec<&Audit> =
            self.said(until, &ENDS).take_while(|entry| entry.kind != "run.succeeded").collect();
        let Some(last) = bad.first() else { return false };
        if why.contains("credentials") {
            return true;
        }
        let stuck = bad.iter().any(|entry| entry.kind == "run.stuck");
        let needed = if stuck { 1 } else { FAILURES };
        let count = u32::try_from(bad.len()).unwrap_or(u32::MAX);
        let Some(doubled) = count.checked_sub(needed) else { return false };
        let open = OPENS_MS.checked_shl(doubled.min(20)).unwrap_or(OPENS_MAX_MS).min(OPENS_MAX_MS);
        // A probe's turn lasts until it ends, or is given up.
        let probing = if why.starts_with("one probe") { PROBE_MS } else { 0 };
        from <= last.at.unix_ms() + open + probing
    }

    /// At some moment of the time every account stood badly where it needs one, and something there was refused.
    fn has_no_account(&self, (from, until): Time) -> bool {
        let (from, until) = (Moment::from_unix_ms(from), Moment::from_unix_ms(until));
        self.task.needs.iter().any(|platform| {
            let own = |entry: &&Audit| entry.text("account").split('/').next() == Some(platform.as_str());
            let told: Vec<&Audit> =
                self.e.audit.iter().filter(|entry| entry.kind == "account.standing").filter(own).collect();
            let changes = told.iter().map(|entry| entry.at).filter(|at| (from..=until).contains(at));
            let bad = |at: Moment| {
                let by_then = told.iter().take_while(|entry| entry.at <= at);
                let standings: BTreeMap<_, _> =
                    by_then.map(|entry| (entry.text("account"), entry.text("standing"))).collect();
                let bad = |standing: &&str| ["auth-failed", "gone"].contains(standing);
                !standings.is_empty() && standings.values().all(bad)
            };
            changes.chain([from]).any(bad) && self.was_refused(platform, until)
        })
    }

    fn was_refused(&self, platform: &str, until: Moment) -> bool {
        let with_its_token = self.e.received.iter().filter(|request| {
            let tokens = request.headers.iter().flat_map(|(_, value)| tokens_in(value));
            tokens.into_iter().any(|of| of == platform)
        });
        let places: BTreeSet<&str> = with_its_token.map(|one| origin(&one.url)).collect();
        self.e.refused.by(until, |url| places.contains(origin(url)))
    }

    /// A run that was cut off waits, and goes first.
    fn behind(&self, time: Time, rest: &str) -> Result<(), String> {
        let told = rest
            .strip_prefix("run ")
            .and_then(|rest| rest.split_once(", which was cut off, goes before it and waits: "));
        let Some((run, why)) = told else { return Err("nobody knows that reason".to_owned()) };
        let cut_off = |(began, _): &Time| {
            self.e.ends.iter().map(|(_, at)| at.unix_ms()).any(|end| *began <= end && end <= time.1)
        };
        if !self.under_way(run, time) || !self.runs.get(run).is_some_and(cut_off) {
            return Err("that run was not cut off".to_owned());
        }
        let time = (time.0 - SOON_MS, time.1);
        match why.strip_prefix("it is paused ") {
            Some(by) => self.is_paused(time, by, None, true),
            None => self.kept_back(time, time, why),
        }
    }

    /// All platforms that it works on are closed.
    fn is_closed(&self, (from, until): Time) -> bool {
        let closed = |at: i64| {
            let at = Moment::from_unix_ms(at);
            let mut all = self.task.platforms.values();
            all.all(|hours| hours.is_some_and(|hours| !hours.allow(at)))
        };
        !self.task.platforms.is_empty() && (closed(from) || closed(until))
    }

    pub(super) fn paused(&self, row: &TickRow, by: &str, until: Option<Moment>) -> Result<(), String> {
        self.is_paused(self.decided(row), by, until, false)
    }

    /// The trail says who paused it, why and until when, and it was not over. `any_end`: its end is not told.
    fn is_paused(&self, time: Time, by: &str, until: Option<Moment>, any_end: bool) -> Result<(), String> {
        let (from, by_then) = time;
        let isolated = by.strip_prefix("isolated by a person: ");
        // What ended it, the next word that comes after it.
        let mut ended: Option<Moment> = None;
        for entry in self.said(by_then, &PAUSES) {
            let says = |kind: &str| entry.kind == kind;
            let named = match isolated {
                Some(reason) => says("strategy.isolated") && entry.text("reason") == reason,
                None => {
                    says("strategy.paused")
                        && by == format!("by {}: {}", entry.text("by"), entry.text("reason"))
                }
            };
            let own_end = entry.text("until").parse::<Moment>().ok();
            let is_end = any_end || until == own_end || until.is_some() && until == ended;
            let over = [own_end, ended].into_iter().flatten().min();
            if named && is_end && over.is_none_or(|over| from < over.unix_ms()) {
                return Ok(());
            }
            if says("strategy.resumed") {
                ended = Some(entry.at);
                if entry.at.unix_ms() <= from {
                    break;
                }
            }
        }
        Err("no such pause is on record, or it was over".to_owned())
    }

    /// The entries of these kinds about this strategy up to then, the newest first.
    fn said(&self, until: i64, kinds: &'static [&str]) -> impl Iterator<Item = &Audit> {
        let until = Moment::from_unix_ms(until);
        let own = |entry: &&Audit| {
            kinds.contains(&entry.kind.as_str()) && entry.text("strategy") == self.task.strategy
        };
        self.e.audit.iter().rev().skip_while(move |entry| until < entry.at).filter(own)
    }
}
