//! A first ranking: how soon a finding is worth a look, 0 to 100, and why in one line.
//!
//! The score is a plain sum, so that each part can be checked alone: more pay, a wider target or a
//! graver allowed severity never lowers it. It says nothing about the odds of finding a bug. What
//! pays nothing, is closed or is gone stays under [`UNPAID_MAX`]; a baseline entry is no news and
//! gets less than the same entry as news.

use crate::bug_bounty::finding::{Finding, Kind};
use crate::bug_bounty::scope::{Class, Severity, State};

/// The most that a finding can score which cannot pay.
pub const UNPAID_MAX: u8 = 20;

/// A finding's score and the one line that explains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rank {
    /// 0 to 100, the higher the sooner.
    pub score: u8,
    /// One line, made of our own words and numbers only.
    pub reason: String,
}

/// Ranks a finding.
pub fn rank(finding: &Finding) -> Rank {
    let parts = match finding.kind {
        Kind::ProgrammeGone | Kind::TargetsGone => vec![news(finding)],
        _ => vec![news(finding), pay(finding), eligibility(finding), reach(finding), severity(finding)],
    };
    let sum: u32 = parts.iter().map(|part| part.points).sum();
    let capped = match cap(finding) {
        Some((most, _)) => sum.min(u32::from(most)),
        None => sum,
    };
    let mut words: Vec<String> = parts.into_iter().map(|part| part.words).filter(|w| !w.is_empty()).collect();
    words.extend(cap(finding).map(|(_, why)| why.to_owned()));
    Rank { score: u8::try_from(capped.min(100)).unwrap_or(100), reason: words.join(", ") }
}

/// One part of a score.
struct Part {
    points: u32,
    words: String,
}

impl Part {
    fn new(points: u32, words: impl Into<String>) -> Part {
        Part { points, words: words.into() }
    }
}

/// What it is, and whether it is news. At most 30.
fn news(finding: &Finding) -> Part {
    let (points, words) = match finding.kind {
        Kind::ProgrammeAdded => (30, "new programme"),
        Kind::TargetsAdded => (25, "new in scope"),
        Kind::ProgrammeReturned if finding.tell => (15, "programme is back"),
        Kind::ProgrammeReturned => (0, "programme was missing for a while"),
        Kind::RewardChanged if raised(finding) => (20, "reward raised"),
        Kind::RewardChanged => (5, "reward changed"),
        Kind::TargetsGone => (5, "no longer in scope"),
        Kind::ProgrammeGone => (5, "programme is gone"),
    };
    if finding.baseline {
        Part::new(points / 3, "known from the first reading")
    } else {
        Part::new(points, words)
    }
}

/// Whether it pays more than before. Amounts in two currencies are not compared.
fn raised(finding: &Finding) -> bool {
    match (&finding.payout_before, &finding.payout) {
        (None, Some(_)) => true,
        (Some(before), Some(now)) => before.currency == now.currency && now.top() > before.top(),
        (_, None) => false,
    }
}

/// What it pays: at most 40, ten for each factor of ten above one.
fn pay(finding: &Finding) -> Part {
    match &finding.payout {
        Some(payout) => {
            let units = payout.top().hundredths() / 100;
            let currency = payout.currency.as_deref().filter(|code| is_code(code));
            let words = format!("up to {} {}", payout.top(), currency.unwrap_or("(currency not told)"));
            // Ten times the decimal logarithm, in whole numbers: thirds of it for 2 and 5.
            Part::new(tenfold_log10(units).min(40), words)
        }
        None if finding.offers_bounty == Some(true) => Part::new(15, "pays, amount not told"),
        None => Part::new(0, ""),
    }
}

/// Ten times the decimal logarithm, rounded down to the steps 1, 2, 5.
fn tenfold_log10(units: u64) -> u32 {
    let Some(digits) = units.checked_ilog10() else { return 0 };
    let step = match units / 10u64.pow(digits) {
        0 | 1 => 0,
        2..=4 => 3,
        _ => 7,
    };
    digits * 10 + step
}

fn is_code(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase())
}

/// Whether some target is said to be paid for. At most 10.
fn eligibility(finding: &Finding) -> Part {
    match finding.targets.iter().any(|target| target.eligible_for_bounty == Some(true)) {
        true => Part::new(10, "eligible for bounty"),
        false => Part::new(0, ""),
    }
}

/// How wide the targets are: at most 15.
fn reach(finding: &Finding) -> Part {
    let count = |class| finding.targets.iter().filter(|target| target.class() == class).count();
    let (wild, web) = (count(Class::Wildcard), count(Class::Web));
    let targets = finding.targets.len();
    let width = if wild > 0 { 10 } else { 5 * u32::from(web > 0) };
    let number = targets.checked_ilog2().map_or(0, |log| log.min(5));
    let words = match (targets, wild) {
        (0, _) => String::new(),
        (1, 0) => "1 target".to_owned(),
        (1, _) => "1 wildcard".to_owned(),
        (_, 0) => format!("{targets} targets"),
        (_, 1) => format!("{targets} targets of which 1 wildcard"),
        (_, wild) => format!("{targets} targets of which {wild} wildcards"),
    };
    Part::new(width + number, words)
}

/// The gravest severity that a target allows: at most 5.
fn severity(finding: &Finding) -> Part {
    match finding.targets.iter().filter_map(|target| target.severity).max() {
        Some(Severity::Critical) => Part::new(5, "up to critical"),
        Some(Severity::High) => Part::new(3, "up to high"),
        Some(Severity::Medium) => Part::new(1, "up to medium"),
        Some(Severity::Low | Severity::None) | None => Part::new(0, ""),
    }
}

/// What keeps a finding low whatever else it has.
fn cap(finding: &Finding) -> Option<(u8, &'static str)> {
    let never_eligible = !finding.targets.is_empty()
        && finding.targets.iter().all(|target| target.eligible_for_bounty == Some(false));
    if matches!(finding.kind, Kind::ProgrammeGone | Kind::TargetsGone) {
        Some((5, "stop testing it"))
    } else if finding.offers_bounty == Some(false) {
        Some((UNPAID_MAX, "pays nothing"))
    } else if never_eligible {
        Some((UNPAID_MAX, "not eligible for bounty"))
    } else if finding.state != State::Open {
        Some((UNPAID_MAX, "not open to everyone"))
    } else {
        None
    }
}
