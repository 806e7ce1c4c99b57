//! The books hold of each affiliate network what it has told, and nothing else: each sale once, to the cent, in its
//! currency, and as far as it was.
//!
//! The networks of the sandbox say which sales stood in which of their lists, and what a sale was at a moment is a
//! function of the seed: so nothing of what judges is read by the machine. Of sales that it asked no list for it can
//! say nothing, so it must ask for all of them in a few runs. A list counts as taken in where its answer
//! met no fault and the run that asked for it ended well after it; what was told otherwise may be in the books, and
//! need not. It touches nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mm_core::ledger::{Earning, Report, Source, Stage};
use mm_core::moment::Moment;
use mm_core::run::{Outcome, RunRecord};
use serde_json::Value;

use super::evidence::Evidence;
use super::ledger::{CENT, units_of};
use crate::sandbox::Sandbox;
use crate::sandbox::networks::{Listed, Network, Sale, Standing};
use crate::sandbox::oracle::Received;
use crate::simulation::Simulation;

/// The strategy that reads the networks.
const READER: &str = "affiliate";

/// The networks, as the books name them, and where each lies.
const NETWORKS: [(&str, Network, &str); 3] = [
    ("impact", Network::Impact, "https://api.impact.com/"),
    ("awin", Network::Awin, "https://api.awin.com/"),
    ("cj", Network::Cj, "https://commissions.api.cj.com/"),
];

/// A question that is kept for later, as CJ's may be, is asked again within so long: until then an answer may be to
/// a run that is over.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// So many runs ask for every sale: one may take less than all there is, and goes on with the rest in the next.
const ROUND: usize = 3;
/// Sales of so many days are asked for in every round, of those that the owner wants; older ones rest in between.
const ASKED_DAYS: u64 = 80;
const DAY_MS: i64 = 86_400_000;

/// What the networks told.
#[derive(Debug, Default)]
pub(super) struct Owed {
    listed: Vec<Listed>,
    /// The currency that CJ pays the owner in, which its answers do not name.
    currency_at_cj: String,
    /// The networks that the owner has an account at.
    at: Vec<&'static str>,
    /// How many days back the owner wants to know.
    days_back: i64,
}

impl Owed {
    pub(super) fn of(simulation: &Simulation) -> Self {
        let Some(own) = simulation.plan().config.strategies.get(READER) else { return Self::default() };
        let said = |name: &str| own.config.table.get(name);
        let currency = said("cj").and_then(|cj| cj["currency"].as_str()).unwrap_or("USD");
        let days = said("days_back").and_then(Value::as_u64).unwrap_or(ASKED_DAYS).min(ASKED_DAYS);
        let at = NETWORKS.into_iter().map(|(name, ..)| name).filter(|name| said(name).is_some());
        Self {
            listed: Vec::new(),
            currency_at_cj: currency.to_owned(),
            at: at.collect(),
            days_back: i64::try_from(days).unwrap_or_default(),
        }
    }

    /// Takes in what was told since.
    pub(super) fn take(&mut self, sandbox: &Sandbox) {
        self.listed.extend(sandbox.sales_listed(self.listed.len()));
    }

    fn currency<'a>(&'a self, sale: &'a Sale) -> &'a str {
        if sale.network == Network::Cj { &self.currency_at_cj } else { sale.currency }
    }
}

/// When a part of a sale was told, oldest first, and whether that was taken in for certain.
type Times = Vec<(i64, bool)>;

/// How a sale may stand in the books.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct May {
    stage: Stage,
    cents: i64,
}

/// What is wrong with what the books hold of the networks. It is looked at when all is judged.
pub fn owed(e: &Evidence) -> Vec<String> {
    let Some(seed) = e.world.as_ref().map(|world| world.seed()).filter(|_| e.since().is_none()) else {
        return Vec::new();
    };
    let earnings = e.rows::<Earning>();
    let runs = runs(e);
    let mut wrong = Vec::new();
    for (platform, network, url) in NETWORKS {
        let of_it = earnings.values().filter(|one| one.platform.as_str() == platform);
        let of_it = of_it.filter(|one| !is_of_owner(one));
        let mut booked: BTreeMap<&str, Vec<&Earning>> = BTreeMap::new();
        for one in of_it {
            booked.entry(one.reference.as_str()).or_default().push(one);
        }
        let told = told(e, network, url, &runs);
        if e.owed.at.contains(&platform) {
            let unasked = unasked(e, seed, (platform, network, url), &told);
            wrong.extend(unasked.map(|said| format!("{platform}'s {said}")));
        }
        for (id, parts) in told {
            let Some(sale) = Sale::numbered(seed, network, id) else { continue };
            let own = booked.remove(sale.reference().as_str()).unwrap_or_default();
            let judged = judge(&sale, &parts, &own, e.owed.currency(&sale));
            wrong.extend(judged.map(|said| format!("{platform}'s sale {} {said}", sale.reference())));
        }
        let never = |reference: &str| format!("{platform} never told of the earning {reference}");
        wrong.extend(booked.into_keys().map(never));
    }
    wrong
}

/// What the owner told of himself is no network's word.
fn is_of_owner(earning: &Earning) -> bool {
    earning.last.as_ref().is_some_and(|last| last.evidence.source == Source::Owner)
}

/// From when to when the runs lasted that ended well, without what was before a run was taken up again.
fn runs(e: &Evidence) -> Vec<(Moment, Moment)> {
    let own = e.told.values().filter(|told| told.strategy == READER);
    own.filter_map(|told| told.taken_up.zip(told.succeeded)).collect()
}

/// When each part of each sale was told.
fn told(
    e: &Evidence,
    network: Network,
    url: &str,
    runs: &[(Moment, Moment)],
) -> BTreeMap<u64, BTreeMap<u64, Times>> {
    let of_it = e.received.iter().filter(|request| request.url.starts_with(url));
    let faults: BTreeSet<i64> = of_it.filter(|one| one.fault.is_some()).map(|one| one.at_ms).collect();
    // Of what is not in the log any more nobody can say whether it met a fault.
    let known_from = e.received.first().map_or(i64::MAX, |first| first.at_ms);
    let kept = if network == Network::Cj { KEPT_FOR.as_millis() as i64 } else { 0 };
    let mut told: BTreeMap<u64, BTreeMap<u64, Times>> = BTreeMap::new();
    for list in e.owed.listed.iter().filter(|list| list.network == network) {
        let at = Moment::from_unix_ms(list.at_ms);
        let went_well = runs.iter().any(|(from, until)| *from < at && at < *until);
        let is_sound = faults.range(list.at_ms - kept..=list.at_ms).next().is_none();
        let certain = went_well && is_sound && known_from <= list.at_ms;
        for (id, part) in &list.lines {
            told.entry(*id).or_default().entry(*part).or_default().push((list.at_ms, certain));
        }
    }
    told
}

/// A sale that no run of the last round asked for, where none of them met a fault, or speaks of a failure: one list
/// may be shorter than all there is, and then there is a next page.
fn unasked(
    e: &Evidence,
    seed: u64,
    (platform, network, url): (&str, Network, &str),
    told: &BTreeMap<u64, BTreeMap<u64, Times>>,
) -> Option<String> {
    let mut runs: Vec<RunRecord> =
        e.runs().into_values().filter(|run| run.strategy.as_str() == READER && run.ended.is_some()).collect();
    runs.sort_by_key(|run| run.started);
    let round = runs.get(runs.len().checked_sub(ROUND)?..)?;
    let failed = |run: &RunRecord| {
        let of_it = run.errors.iter().any(|error| error.starts_with(&format!("{platform}: ")));
        of_it || run.outcome != Some(Outcome::Succeeded)
    };
    let (from, until) = (round.first()?.started.unix_ms(), round.last()?.ended?.unix_ms());
    let then = |request: &&Received| (from..=until).contains(&request.at_ms) && request.url.starts_with(url);
    if round.iter().any(failed) || e.received.iter().filter(then).any(|request| request.fault.is_some()) {
        return None;
    }
    let sales = Sale::between(seed, network, until - e.owed.days_back * DAY_MS, from, from);
    let asked = |id: u64, part: u64| {
        let times = told.get(&id).and_then(|parts| parts.get(&part));
        times.is_some_and(|times| times.iter().any(|(at, _)| (from..=until).contains(at)))
    };
    let never = sales.iter().find_map(|sale| {
        let apart = if network == Network::Cj { sale.corrections(from).len() as u64 } else { 0 };
        (0..=apart).find(|part| !asked(sale.id, *part)).map(|part| (sale.reference(), part))
    });
    never.map(|(sale, part)| format!("sale {sale} (part {part}) is in no list of the last {ROUND} runs"))
}

/// What is wrong with what the books hold of one sale, if anything is.
fn judge(sale: &Sale, parts: &BTreeMap<u64, Times>, own: &[&Earning], currency: &str) -> Option<String> {
    let whole = parts.get(&0).map_or(&[][..], Vec::as_slice);
    let (certain, since) = since(whole);
    let may: BTreeSet<May> = since.iter().flat_map(|(at, _)| may(sale, parts, *at)).collect();
    let first = whole.first().map(|(at, _)| sale.standing(*at));
    match own {
        // What was taken back before it was ever told was never there.
        [] if !certain || first == Some(Standing::Reversed) => None,
        [] => Some(format!("is not in the books, where it is to be {may:?}")),
        [one] => {
            let last = one.last.as_ref()?;
            let is_one = may.iter().any(|may| is(last, may, currency));
            let said = || format!("is {} of {} in the books, and was {may:?}", last.stage, last.amount);
            (!is_one).then(said)
        }
        more => Some(format!("is in the books {} times", more.len())),
    }
}

/// Whether it was certainly taken in, and when it was told from the last such time on.
fn since(times: &[(i64, bool)]) -> (bool, &[(i64, bool)]) {
    match times.iter().rposition(|(_, certain)| *certain) {
        Some(last) => (true, times.get(last..).unwrap_or_default()),
        None => (false, times),
    }
}

fn is(last: &Report, may: &May, currency: &str) -> bool {
    let same = units_of(&last.amount) == i128::from(may.cents) * CENT;
    let plain = last.fee.is_none() && last.arrived.is_none();
    last.stage == may.stage && same && plain && last.amount.currency().code() == currency
}

/// How it may stand where it was told at that moment. What was taken back stands at what it was.
fn may(sale: &Sale, parts: &BTreeMap<u64, Times>, at_ms: i64) -> Vec<May> {
    if sale.network == Network::Cj {
        return may_at_cj(sale, parts, at_ms);
    }
    let now = sale.gross(at_ms);
    match sale.standing(at_ms) {
        Standing::Pending => vec![May { stage: Stage::Claimed, cents: now }],
        Standing::Approved => vec![May { stage: Stage::Approved, cents: now }],
        Standing::Paid => vec![May { stage: Stage::Paid, cents: now }],
        Standing::Reversed => [now, sale.cents].map(|cents| May { stage: Stage::Reversed, cents }).to_vec(),
    }
}

/// At CJ a sale is the sum of its records, and each is in the list of the day on which it was made: what is certain
/// of them counts, and what was told besides may.
fn may_at_cj(sale: &Sale, parts: &BTreeMap<u64, Times>, at_ms: i64) -> Vec<May> {
    let made = (1..).zip(sale.corrections(i64::MAX));
    let (mut sums, mut were) = (vec![sale.cents], vec![sale.cents]);
    for (part, (_, by)) in made {
        let Some(times) = parts.get(&part) else { continue };
        let with: Vec<i64> = sums.iter().map(|sum| sum + by).collect();
        // What it was is told of what was known of it then, whatever came first.
        were.extend(were.iter().map(|sum| sum + by).collect::<Vec<_>>());
        if since(times).0 { sums = with } else { sums.extend(with) }
    }
    let stage = match sale.standing(at_ms) {
        Standing::Pending => Stage::Claimed,
        Standing::Approved | Standing::Paid | Standing::Reversed => Stage::Approved,
    };
    let was = were.iter().filter(|was| **was > 0);
    let reversed: Vec<May> = was.map(|was| May { stage: Stage::Reversed, cents: *was }).collect();
    let sums = sums.into_iter().map(|cents| May { stage, cents });
    sums.flat_map(|may| if may.cents > 0 { vec![may] } else { reversed.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every sale of a seed at CJ that has corrections is one sum as soon as all are certain.
    #[test]
    fn what_is_certain_is_one_sum() {
        let day = 86_400_000;
        let sales = Sale::between(3, Network::Cj, 0, 400 * day, i64::MAX);
        let corrected: Vec<&Sale> =
            sales.iter().filter(|sale| !sale.corrections(i64::MAX).is_empty()).collect();
        assert!(corrected.len() > 10);
        for sale in corrected {
            let late = 1_000 * day;
            let count = sale.corrections(i64::MAX).len() as u64;
            let all: BTreeMap<u64, Times> = (0..=count).map(|part| (part, vec![(late, true)])).collect();
            let sums: BTreeSet<May> = may(sale, &all, late).into_iter().collect();
            let is_back = sale.standing(late) == Standing::Reversed;
            assert!(sums.iter().all(|may| (may.stage == Stage::Reversed) == is_back), "{sale:?} {sums:?}");
            assert!(is_back || sums.len() == 1, "{sale:?} {sums:?}");
        }
    }
}
