//! Money at HackerOne, for the books: what is awarded, what is earned, what was paid out.
//!
//! A bounty is one earning of the ledger, by HackerOne's own number of it: expected once a report of the owner's
//! shows it, approved once it stands among the earnings, paid once a payout covers it. HackerOne does not say which
//! earnings a payout is made of. It pays what it holds, so a payout covers the oldest unpaid earnings that come to
//! exactly its sum; where none do, nothing is called paid, and the owner is told. So he is of a payout that is called
//! anything but `sent`, the one word that is known: whether it is on its way, has arrived or has come back no document
//! says, so it pays nothing, and nothing that is booked as paid is taken back by it. What names no currency is never
//! booked.

use std::collections::{BTreeMap, BTreeSet};

use mm_sdk::{Context, Decimal, Digest, Earned, Interrupt, Moment, Money, PlatformId, Report, SourceHealth};
use mm_sdk::{ErrorClass, SourceReport, Stage, Untrusted};

use super::accounts::{All, all};
use crate::hackerone::ask::PLATFORM;
use crate::hackerone::money::{self, DOLLARS, Earning, Payout};
use crate::hackerone::{HackerOne, pages};
use crate::reading::{self, Failed, Reading};

/// What is not booked is told one by one; more of it at once is told in one sentence.
const TOLD_APART_MAX: usize = 3;

/// How what is told of a payout begins its name.
const PAYOUT: &str = "payout/";

/// The kind of an earning that is known here.
const BOUNTY: &str = "earning-bounty-earned";

/// So many of what a payout may have paid are named.
const NAMED_MAX: usize = 2;

/// Stands beside a booking whose figures cannot be compared, or not told apart.
const UNSHARED: &str = "; whether the bounty was shared is not said";

/// Everything that was read, each with the answer that it stands in.
#[derive(Debug, Clone, Default)]
pub struct Read {
    /// The earnings.
    pub earnings: Vec<(Earning, Digest)>,
    /// Some of them could not be read: their sum is not known.
    pub torn: bool,
    /// The payouts; `None` if they were not read whole.
    pub payouts: Option<Vec<(Payout, Digest)>>,
    /// Bounties of own reports.
    pub awarded: Vec<(money::Bounty, Digest)>,
}

/// What is to be booked, and what is to be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Booked {
    /// For the books.
    pub earned: Vec<Earned>,
    /// What is not booked: what it is about, and one sentence.
    pub told: Vec<(String, String)>,
}

/// One payment of the ledger in the making.
struct Line {
    reference: String,
    /// In the currency it was awarded in.
    money: Money,
    at: Moment,
    evidence: Digest,
    /// Whether it is a part of the bounty cannot be told.
    unshared: bool,
}

/// What is to be booked of everything that was read.
pub fn book(read: &Read) -> Booked {
    let mut booked = Booked::default();
    let mut rows: Vec<&(Earning, Digest)> = read.earnings.iter().collect();
    rows.sort_by(|(a, _), (b, _)| (a.at, &a.id).cmp(&(b.at, &b.id)));
    let paid = covered(&rows, read, &mut booked);
    booked.told.extend(read.payouts.iter().flatten().filter_map(|(payout, _)| called(payout)));
    let mut lines: BTreeMap<&str, (Line, Option<usize>)> = BTreeMap::new();
    for (n, (earning, evidence)) in rows.iter().enumerate() {
        let line = match line(earning, *evidence) {
            Ok(line) => line,
            Err(sentence) => {
                booked.told.push((format!("earning/{}", name(&earning.id)), sentence));
                continue;
            }
        };
        let Some(bounty) = &earning.bounty else { continue };
        match lines.get_mut(bounty.id.as_str()) {
            None => drop(lines.insert(&bounty.id, (line, paid.get(&n).copied()))),
            // One bounty in several earnings: together they are no more than it.
            Some((known, payout)) => {
                let both = known.money.plus(line.money).ok();
                let whole = bounty.awarded;
                known.money = both.filter(|both| both.amount() < whole.amount()).unwrap_or(whole);
                known.at = known.at.max(line.at);
                *payout = payout.and(paid.get(&n).copied());
            }
        }
    }
    let of = PLATFORM.parse().expect("`hackerone` is a slug");
    for (line, payout) in lines.values() {
        booked.earned.push(of_line(line, payout.and_then(|n| read.payouts.as_ref()?.get(n)), &of));
    }
    for (bounty, evidence) in &read.awarded {
        // Without a time it is not booked: with that of the reading it would be younger than the earning that it
        // becomes, which the books would pass over as old.
        let Some(as_of) = bounty.at else { continue };
        if !lines.contains_key(bounty.id.as_str()) && bounty.awarded.amount() > Decimal::ZERO && !read.torn {
            booked.earned.push(Earned {
                platform: of.clone(),
                reference: reference(&bounty.id),
                opportunity: None,
                as_of,
                stage: Stage::Expected,
                amount: bounty.awarded,
                fee: None,
                evidence: *evidence,
                what: "HackerOne's list of your reports".to_owned(),
            });
        }
    }
    booked
}

fn of_line(line: &Line, payout: Option<&(Payout, Digest)>, of: &PlatformId) -> Earned {
    let approved = (line.at, Stage::Approved, line.evidence, "HackerOne's list of your earnings");
    let (as_of, stage, evidence, what) = match payout.and_then(|(one, by)| Some((one.sent_at()?, by))) {
        Some((sent_at, evidence)) => (
            sent_at,
            Stage::Paid,
            *evidence,
            "HackerOne's list of your payouts: one comes to what was unpaid",
        ),
        None => approved,
    };
    Earned {
        platform: of.clone(),
        reference: line.reference.clone(),
        opportunity: None,
        as_of,
        stage,
        amount: line.money,
        fee: None,
        evidence,
        what: format!("{what}{}", if line.unshared { UNSHARED } else { "" }),
    }
}

/// An earning as a line, or why it is not booked.
fn line(earning: &Earning, evidence: Digest) -> Result<Line, String> {
    let (id, amount) = (name(&earning.id), earning.amount);
    let not = |why: &str| format!("HackerOne's earning {id} of {amount} is not in the books: {why}");
    let own = earning.bounty.as_ref().map(|bounty| reference(&bounty.id));
    let money = earning.money();
    if earning.amount < Decimal::ZERO || money.is_some_and(|money| money.amount() < Decimal::ZERO) {
        let of = own.as_deref().unwrap_or("bounty-ID");
        let command = command(of, "reversed");
        return Err(not(&format!(
            "it takes back; if your statement says of which bounty, record that: {command}"
        )));
    }
    if earning.kind != BOUNTY {
        let (kind, command) = (name(&earning.kind), command(&by_itself(earning), "approved"));
        return Err(not(&format!("`{kind}` is no kind known here; by your statement, book it: {command}")));
    }
    let (Some(reference), Some(money)) = (own, money) else {
        return Err(not(&format!(
            "it shows no bounty, so no currency; wait until it does, and it is booked: recorded by hand it would stand \
             there twice (what you recorded as earning-{id} you record as reversed)"
        )));
    };
    if money.amount() == Decimal::ZERO {
        return Err(not("it is nothing"));
    }
    let unshared = !earning.shows_sharing() || earning.may_be_share();
    Ok(Line { reference, money, at: earning.at, evidence, unshared })
}

/// What the owner types to book what HackerOne calls so. It is one line with its sentence, which is cut at 300 letters.
fn command(reference: &str, stage: &str) -> String {
    format!(
        "money-machine earnings record hackerone {reference} --strategy bug-bounty --stage {stage} --amount SUM \
         --currency CODE --evidence STATEMENT"
    )
}

/// The name of an earning of a kind that is not known: that of its bounty, whose bonus it may be, or else its own.
fn by_itself(earning: &Earning) -> String {
    let own = || format!("earning-{}", name(&earning.id));
    earning.bounty.as_ref().map_or_else(own, |bounty| reference(&bounty.id))
}

/// The one name under which the books have an earning, or are to have it, of which a payout may be made.
fn in_the_books((earning, evidence): &(Earning, Digest)) -> Option<String> {
    match line(earning, *evidence) {
        Ok(line) => Some(line.reference),
        Err(_) => (earning.kind != BOUNTY && earning.amount > Decimal::ZERO).then(|| by_itself(earning)),
    }
}

/// What is told of a payout that is called something else than `sent`, or is called so and does not say when.
fn called(payout: &Payout) -> Option<(String, String)> {
    if payout.sent_at().is_some() || payout.is_to_come() {
        return None;
    }
    let at = payout.at.map(|at| at.to_string());
    let which = Untrusted::new(payout.reference.as_deref().or(at.as_deref()).unwrap_or("of no day"));
    let amount = payout.amount;
    let word = match payout.status.as_deref() {
        None => "by no word".to_owned(),
        Some(money::SENT) => format!("`{}` and no day", money::SENT),
        Some(word) => format!("`{}`, not known here", Untrusted::new(word).line(16)),
    };
    // It is one line with its command, which is cut at 300 letters.
    let sentence = format!(
        "HackerOne calls payout {} of {amount} {word}: it books nothing; if it came back, mark what it paid as owed: {}",
        which.line(20),
        command("NAME", "approved")
    );
    let name = Untrusted::new(payout.status.as_deref().unwrap_or_default()).line(60);
    Some((format!("{PAYOUT}{}/{amount}/{name}", which.line(60)), sentence))
}

/// Why nothing is called paid by a payout sent at a time, and under which names what it paid is to be marked: what
/// stands there already would be booked twice under any other.
fn unmatched(amount: Decimal, at: Moment, unpaid: &[String]) -> String {
    let at = at.to_string();
    let day = at.split('T').next().unwrap_or_default();
    let which = format!("HackerOne's payout of {amount}, {day}, is not what was unpaid");
    let more = unpaid.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" +{more}") } else { String::new() };
    match unpaid {
        [] => format!(
            "{which}, for HackerOne lists nothing that was: compare it with your statement; it is no earning, and has no \
             name of its own in the books"
        ),
        some => format!(
            "{which}: under their names ({}{more}) mark what your statement says it paid: {}",
            some.get(..NAMED_MAX).unwrap_or(some).join(", "),
            command("NAME", "paid")
        ),
    }
}

fn reference(bounty: &str) -> String {
    format!("bounty-{}", name(bounty))
}

fn name(text: &str) -> String {
    Untrusted::new(text).line(60)
}

/// Which earning is covered by which payout, both by their place in what was read.
fn covered(rows: &[&(Earning, Digest)], read: &Read, booked: &mut Booked) -> BTreeMap<usize, usize> {
    let mut paid = BTreeMap::new();
    let (Some(payouts), false) = (&read.payouts, read.torn) else { return paid };
    let mut sent: Vec<(Moment, usize, Decimal)> = (payouts.iter().enumerate())
        .filter(|(_, (payout, _))| payout.amount > Decimal::ZERO)
        .filter_map(|(n, (payout, _))| Some((payout.sent_at()?, n, payout.amount)))
        .collect();
    sent.sort_unstable();
    let mut from = 0;
    for (at, n, amount) in sent {
        let until = rows.iter().position(|(earning, _)| earning.at > at).unwrap_or(rows.len()).max(from);
        match exactly(rows.get(from..until).unwrap_or_default(), amount) {
            Some(length) => {
                paid.extend((from..from + length).map(|row| (row, n)));
                from += length;
            }
            None => {
                let before = rows.iter().take(until).enumerate().filter(|(row, _)| !paid.contains_key(row));
                let mut unpaid: Vec<String> = before.filter_map(|(_, row)| in_the_books(row)).collect();
                unpaid.dedup();
                booked.told.push((format!("{PAYOUT}{at}/{amount}"), unmatched(amount, at, &unpaid)));
                from = until;
            }
        }
    }
    paid
}

/// How many of the oldest come to exactly `sum`.
fn exactly(rows: &[&(Earning, Digest)], sum: Decimal) -> Option<usize> {
    let mut left = sum;
    for (n, (earning, _)) in rows.iter().enumerate() {
        left = left.checked_sub(dollars(earning)?)?;
        if left == Decimal::ZERO {
            return Some(n + 1);
        }
        if left < Decimal::ZERO {
            return None;
        }
    }
    None
}

/// What an earning adds to the balance, which is taken to be in dollars; not known of another currency.
fn dollars(earning: &Earning) -> Option<Decimal> {
    match (earning.money(), &earning.bounty) {
        (Some(money), _) => (money.currency().code() == DOLLARS).then(|| money.amount()),
        (None, Some(_)) => None,
        (None, None) => Some(earning.amount),
    }
}

/// Reads the money, and puts it into the books. Where a read is refused for a reason that stands against all of
/// them, no other is tried.
pub(super) async fn run(
    cx: &mut Context<'_>,
    api: &HackerOne,
    told: &mut BTreeSet<String>,
    report: &mut Report,
) -> Result<(), Interrupt> {
    let mut read = Read::default();
    match all(api, cx, "hackerone-earnings", api.earnings(), money::earnings).await? {
        Ok(All { items, bad, .. }) => {
            read.torn = !bad.is_empty();
            read.earnings = once(items, |one| (one.kind.clone(), one.id.clone()));
            if let Some(first) = bad.first() {
                let n = bad.len();
                report
                    .errors
                    .push(format!("{n} earnings of HackerOne could not be read, the first: {first}"));
            }
        }
        // Without them nothing is known to be owed.
        Err(why) => {
            sum_up(report, SourceHealth::Failed, why.why);
            return Ok(());
        }
    }
    let mut failed: Vec<Failed> = Vec::new();
    let goes_on = |failed: &[Failed]| !failed.iter().any(Failed::is_for_all);
    payouts(cx, api, &mut read, &mut failed).await?;
    if goes_on(&failed) {
        awarded(cx, api, report, &mut read, &mut failed).await?;
    }
    let balance = if goes_on(&failed) {
        reading::ask(cx, "hackerone-balance", api.balance(), pages::said, money::balance).await?
    } else {
        Reading::Unchanged
    };
    let booked = book(&read);
    let mut sentence = counted(&read, report, balance, &mut failed);
    booked.earned.into_iter().for_each(|earned| cx.earned(earned));
    if !booked.told.is_empty() {
        sentence.push_str(&format!("; {} not in the books, as was told", booked.told.len()));
    }
    report.errors.extend(tell(cx, booked.told, told, !read.torn && read.payouts.is_some()));
    let health = if failed.is_empty() { SourceHealth::Fresh } else { SourceHealth::Failed };
    if let Some(first) = failed.first() {
        sentence.push_str(&format!("; not all could be read: {}", first.why));
    }
    sum_up(report, health, sentence);
    Ok(())
}

/// Tells what was not told before; what is much at once, as the history at a first read, in one sentence, and gives
/// each of it for the report. Of what was told, that is forgotten which does not stand any more, once all was read.
fn tell(
    cx: &mut Context<'_>,
    news: Vec<(String, String)>,
    told: &mut BTreeSet<String>,
    all: bool,
) -> Vec<String> {
    let before = std::mem::take(told);
    told.extend(news.iter().map(|(about, _)| about.clone()));
    let fresh: Vec<_> = news.into_iter().filter(|(about, _)| !before.contains(about)).collect();
    let mut apart = Vec::new();
    if fresh.len() > TOLD_APART_MAX {
        cx.alert("earnings", together(&fresh));
        apart.extend(fresh.into_iter().map(|(_, sentence)| sentence));
    } else {
        fresh.into_iter().for_each(|(about, sentence)| cx.alert(about, sentence));
    }
    if !all {
        told.extend(before);
    }
    apart
}

/// The sentence for much at once.
fn together(fresh: &[(String, String)]) -> String {
    let payouts = fresh.iter().filter(|(about, _)| about.starts_with(PAYOUT)).count();
    format!(
        "{} earnings and {payouts} payouts at HackerOne are not in the books and need your statement: `money-machine \
         strategy show bug-bounty` says of each why, and under which name to record what; under another it might stand \
         there twice",
        fresh.len() - payouts
    )
}

/// Reads what was paid out: whole, or not at all.
async fn payouts(
    cx: &mut Context<'_>,
    api: &HackerOne,
    read: &mut Read,
    failed: &mut Vec<Failed>,
) -> Result<(), Interrupt> {
    match all(api, cx, "hackerone-payouts", api.payouts(), money::payouts).await? {
        Ok(All { items, bad, .. }) => match bad.first() {
            None => read.payouts = Some(once(items, |one| (one.reference.clone(), one.at, one.amount))),
            Some(first) => failed.push(Failed::of(ErrorClass::Transient, first.to_string())),
        },
        Err(why) => failed.push(why),
    }
    Ok(())
}

/// Reads what was awarded for own reports.
async fn awarded(
    cx: &mut Context<'_>,
    api: &HackerOne,
    report: &mut Report,
    read: &mut Read,
    failed: &mut Vec<Failed>,
) -> Result<(), Interrupt> {
    match all(api, cx, "hackerone-reports", api.reports(), money::reports).await? {
        Ok(All { items, bad, .. }) => {
            let of = |(report, evidence): (money::Report, Digest)| {
                report.bounties.into_iter().map(move |bounty| (bounty, evidence))
            };
            let items = once(items, |one| one.id.clone());
            let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
            report.metrics.push(("hackerone.reports".to_owned(), count));
            read.awarded = items.into_iter().flat_map(of).collect();
            failed.extend(bad.first().map(|why| Failed::of(ErrorClass::Transient, why.to_string())));
        }
        Err(why) => failed.push(why),
    }
    Ok(())
}

/// Each row once: a list that grows while it is read shows one on two pages.
fn once<T, K: Ord>(mut rows: Vec<(T, Digest)>, key: impl Fn(&T) -> K) -> Vec<(T, Digest)> {
    let mut seen = BTreeSet::new();
    rows.retain(|(row, _)| seen.insert(key(row)));
    rows
}

/// What was read, in figures.
fn counted(read: &Read, report: &mut Report, balance: Reading<Decimal>, failed: &mut Vec<Failed>) -> String {
    let payouts = read.payouts.as_deref().unwrap_or_default();
    let sent = payouts.iter().filter(|(payout, _)| payout.sent_at().is_some());
    let mut sentence = format!(
        "{} earnings, {} payouts of {} sent",
        read.earnings.len(),
        sent.clone().count(),
        payouts.len()
    );
    let to_come = payouts.iter().filter(|(payout, _)| payout.is_to_come()).count();
    if to_come > 0 {
        sentence.push_str(&format!(", {to_come} not paid out yet"));
    }
    let whole = read.earnings.iter().filter(|(earning, _)| !earning.shows_sharing()).count();
    if whole > 0 {
        sentence.push_str(&format!(
            "; {whole} of bounties in other currencies than dollars, booked whole: whether one was shared HackerOne \
             does not say"
        ));
    }
    let like = read.earnings.iter().filter(|(earning, _)| earning.may_be_share()).count();
    if like > 0 {
        sentence.push_str(&format!(
            "; {like} of bounties with a bonus, booked as the earning says: it may be a share, or leave out the bonus"
        ));
    }
    match balance {
        Reading::Fresh(fresh) => {
            let balance = fresh.value;
            sentence.push_str(&format!("; HackerOne holds {balance} for you"));
            let cents =
                balance.checked_mul(Decimal::ONE_HUNDRED).and_then(|cents| cents.round().try_into().ok());
            report.metrics.push(("hackerone.balance_cents".to_owned(), cents.unwrap_or(i64::MAX)));
            let earned = read.earnings.iter().map(|(earning, _)| dollars(earning)).sum::<Option<Decimal>>();
            let paid: Decimal = sent.map(|(payout, _)| payout.amount).sum();
            let own = earned.filter(|_| !read.torn && read.payouts.is_some()).map(|earned| earned - paid);
            if let Some(own) = own.filter(|own| *own != balance) {
                sentence.push_str(&format!(", where earnings less payouts come to {own}"));
            }
        }
        Reading::Failed(why) => failed.push(why),
        Reading::Unchanged => {}
    }
    sentence
}

fn sum_up(report: &mut Report, health: SourceHealth, sentence: String) {
    report.sources.push(SourceReport { name: "hackerone-money".to_owned(), health, sentence });
}
