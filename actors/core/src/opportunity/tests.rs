//! Whatever is found and said: a trap adds to no sum, amounts of two currencies are never set against each
//! other, and what is unknown is said to be.

use proptest::prelude::*;

use super::*;
use crate::digest::Digest;
use crate::ledger::{Earning, Evidence, Money, Report, Source, Stage};

fn day(n: i64) -> Moment {
    Moment::from_unix_ms(1_790_000_000_000 + n * 86_400_000)
}

fn opportunity(reward: Option<(&str, &str, &str)>) -> Opportunity {
    let strategy: StrategyId = "micro-tasks".parse().unwrap();
    let decimal = |text: &str| text.parse::<Decimal>().ok();
    Opportunity {
        id: Opportunity::id_of(&strategy, "github", "bounty", &["1"]),
        strategy,
        platform: "github".into(),
        kind: "bounty".into(),
        title: "it".into(),
        url: "https://github.com/x/y/issues/1".into(),
        state: State::New,
        found_at: day(0),
        updated_at: day(0),
        reward: reward.map(|(min, max, currency)| Reward {
            min: decimal(min),
            max: decimal(max),
            currency: currency.to_owned(),
        }),
        score: 40,
        reason: "so".into(),
        evidence: None,
        details: "{}".into(),
        tell: true,
        deadline: None,
        payer: Some("acme".into()),
        facts: Facts::default(),
        steps: 0,
        settled: false,
    }
}

fn rate(text: &str) -> Option<Money> {
    let (amount, currency) = text.split_once(' ').unwrap();
    Some(Money::read(amount, currency).unwrap())
}

fn report(stage: Stage, on: i64) -> Report {
    let evidence =
        Evidence { digest: Digest::of(b"page"), source: Source::Platform, what: "a page".to_owned() };
    let amount = Money::read("250", "USD").unwrap();
    Report { as_of: day(on), stage, amount, fee: None, arrived: None, evidence }
}

fn earning(reference: &str, way: &[(Stage, i64)]) -> Earning {
    let new = Earning::new("algora".parse().unwrap(), reference, "micro-tasks".parse().unwrap(), None);
    way.iter().fold(new, |earning, (stage, on)| {
        earning.take(report(*stage, *on), day(*on)).unwrap().map_or(earning, |(after, _)| after)
    })
}

fn payer(ways: &[&[(Stage, i64)]]) -> Payer {
    let mut payer = Payer::new("github", "acme", day(0));
    for (n, way) in ways.iter().enumerate() {
        payer.take(&earning(&format!("ref-{n}"), way), day(100));
    }
    payer
}

#[test]
fn the_ranking_is_one_line_that_can_be_reckoned_again() {
    let mut it = opportunity(Some(("250", "250", "USD")));
    it.facts.hours = Some(Decimal::TWO);
    it.facts.fee_percent = Some(Decimal::from(5));
    let paid = payer(&[&[(Stage::Approved, 1), (Stage::Paid, 4)]]);
    let line = |it: &Opportunity, payer: Option<&Payer>, rate: Option<Money>| {
        it.ranked(&it.judged(payer), rate).line
    };
    assert_eq!(
        line(&it, Some(&paid), rate("40 USD")),
        "250 USD × 90% − 2 h × 40 USD − 5% fee = 133.75 USD → 66.88 USD per hour"
    );
    // Another currency is not converted, and the time is not set against it.
    assert_eq!(
        line(&it, Some(&paid), rate("40 EUR")),
        "250 USD × 90% − 5% fee = 213.75 USD → 106.88 USD per hour, over 2 h; unknown and left out: your hourly rate \
         in its currency"
    );
    it.facts.fee_percent = None;
    assert_eq!(
        line(&it, None, None),
        "250 USD × 30% assumed = 75 USD → 37.50 USD per hour, over 2 h; unknown and left out: your hourly rate and the fee"
    );
    it.facts.hours = None;
    assert_eq!(
        line(&it, None, rate("40 USD")),
        "250 USD × 30% assumed = 75 USD; unknown and left out: the hours of work and the fee; ranked by its score of 40"
    );
    it.reward = None;
    assert_eq!(line(&it, None, None), "ranked by its score of 40: it names no reward");
    let range = opportunity(Some(("100", "500", "EUR")));
    assert!(line(&range, None, None).starts_with("300 (of 100 to 500) EUR × 30% assumed = 90 EUR"));
    assert!(line(&opportunity(Some(("", "500", "EUR"))), None, None).starts_with("at most 500 EUR"));
    let vast = Opportunity { reward: opportunity(None).reward, ..it };
    assert_eq!(vast.ranked(&vast.judged(None), None).value, None);
    let mut settled = opportunity(Some(("", "79228162514264337593543950335", "EUR")));
    settled.settled = true;
    assert_eq!(line(&settled, None, None), "ranked by its score of 40: its figures are beyond counting");
}

#[test]
fn a_payer_is_judged_by_the_own_ledger_and_by_what_is_public() {
    let mut it = opportunity(Some(("250", "250", "USD")));
    let judged = it.judged(None);
    assert_eq!((judged.proof, judged.chance), (Proof::Unproven, Decimal::from(30)));
    assert_eq!(judged.reasons, ["it has never paid you"]);
    let known = payer(&[
        &[(Stage::Claimed, 1), (Stage::Approved, 3), (Stage::Paid, 9)],
        &[(Stage::Approved, 10), (Stage::Paid, 12), (Stage::Cleared, 20)],
        &[(Stage::Approved, 10), (Stage::Reversed, 12)],
        &[(Stage::Claimed, 30)],
    ]);
    let judged = it.judged(Some(&known));
    assert_eq!((judged.proof, judged.chance), (Proof::Proven, Decimal::from(60)));
    assert_eq!(
        judged.reasons,
        [
            "it has paid you 2 times, at the longest after 8 days",
            "it took back what it had promised you once",
            "1 of its payments to you are outstanding"
        ]
    );
    it.facts.held = Some(true);
    it.facts.open = Some(true);
    let judged = it.judged(None);
    assert_eq!((judged.proof, judged.chance), (Proof::Proven, Decimal::from(80)));
    assert_eq!(judged.reasons, ["it has never paid you", "the platform holds the money", "it is still open"]);
    it.facts.open = Some(false);
    assert!(it.judged(Some(&known)).chance.is_zero(), "nobody is paid for what is closed");
    // Bait of a payer that pays is bait.
    it.facts.bait.push("the issue says “star this repo”".into());
    assert_eq!(it.judged(Some(&known)).proof, Proof::Trap);
    it.settled = true;
    assert_eq!(it.judged(Some(&known)).proof, Proof::Proven, "but money that has come was none");
    let absurd = opportunity(Some(("999999999", "999999999", "USD")));
    assert_eq!(absurd.judged(Some(&known)).reasons, ["999999999 USD is more than anybody pays"]);
}

/// What is not asked for any more is not owed; whoever pays at once is told to.
#[test]
fn what_is_owed_is_what_is_asked_for_and_has_not_come() {
    let back = payer(&[&[(Stage::Claimed, 0), (Stage::Expected, 3)]]);
    assert_eq!((back.owed(), back.paid(), back.taken_back(), back.reasons()), (0, 0, 0, vec![]));
    let prompt = payer(&[&[(Stage::Approved, 5), (Stage::Paid, 5)]]);
    assert_eq!(prompt.reasons(), ["it has paid you once, within a day"]);
    let unasked = payer(&[&[(Stage::Paid, 5)]]);
    assert_eq!(unasked.reasons(), ["it has paid you once"], "how long it took nobody knows");
    assert_eq!(Payer::id_of("github", "Acme"), Payer::id_of("github", "acme"));
    assert_ne!(Payer::id_of("github", "acme"), Payer::id_of("algora", "acme"));
}

/// Memory has an end, but what is still owed, or is still to be said, is never what is forgotten.
#[test]
fn the_oldest_that_is_over_is_forgotten_and_nothing_that_is_open() {
    let owed = earning("owed", &[(Stage::Claimed, 0)]);
    let mut payer = Payer::new("github", "acme", day(0));
    payer.take(&owed, day(0));
    let paid: Vec<Earning> = (1..=payer::PAYMENTS_MAX as i64)
        .map(|n| earning(&format!("ref-{n}"), &[(Stage::Approved, n), (Stage::Paid, n + 1)]))
        .collect();
    paid.iter().for_each(|earning| payer.take(earning, day(900)));
    assert_eq!(payer.payments.len(), payer::PAYMENTS_MAX);
    assert!(payer.payments.contains_key(&owed.id) && !payer.payments.contains_key(&paid[0].id));

    let late = Late::of(&owed, None, None, day(46)).unwrap();
    let draft =
        |n: usize| Chase { id: format!("{n}"), ..Chase::draft(&owed, "acme", None, &late, day(46)).unwrap() };
    for n in 0..=payer::CHASES_MAX {
        payer.chase(draft(n), day(46));
    }
    assert_eq!(payer.chases.len(), payer::CHASES_MAX + 1, "all of them are open");
    payer.chases[3].end(day(47));
    payer.chase(draft(98), day(48));
    assert_eq!(payer.chases.len(), payer::CHASES_MAX + 2, "what was said of this period is remembered");
    payer.chase(draft(99), day(76));
    assert!(payer.chases.iter().all(|chase| chase.id != "3"), "the one that is over went");
    assert_eq!(payer.chases.len(), payer::CHASES_MAX + 2);

    let mut open = Payer::new("github", "acme", day(0));
    for n in 0..=payer::PAYMENTS_MAX {
        open.take(&earning(&format!("ref-{n}"), &[(Stage::Claimed, 0)]), day(0));
    }
    assert_eq!(open.owed() as usize, payer::PAYMENTS_MAX + 1);
}

#[test]
fn a_payer_of_thousands_of_payments_stays_bounded_and_keeps_the_oldest() {
    let mut payer = Payer::new("awin", "", day(0));
    assert!(payer.has_room(day(0)));
    let all: Vec<Earning> = (0..payer::OPEN_MAX as i64 + 50)
        .map(|n| earning(&format!("ref-{n}"), &[(Stage::Approved, n % 900)]))
        .collect();
    all.iter().for_each(|earning| payer.take(earning, day(900)));
    assert_eq!(payer.payments.len(), payer::OPEN_MAX);
    assert!(payer.payments.contains_key(&all[0].id) && !payer.payments.contains_key(&all[899].id));

    let late = Late::of(&all[0], None, None, day(946)).unwrap();
    for n in 0..payer::CHASES_MAX {
        assert!(payer.has_room(day(946)));
        let draft = Chase::draft(&all[0], "", None, &late, day(946)).unwrap();
        payer.chase(Chase { id: format!("{n}"), ..draft }, day(946));
    }
    assert!(!payer.has_room(day(946)));
}

#[test]
fn a_payment_is_late_when_its_payer_usually_has_paid_and_once_in_a_period() {
    let owed = earning("r", &[(Stage::Claimed, 0), (Stage::Approved, 2)]);
    let late = |published, on| Late::of(&owed, None, published, day(on)).map(|late| (late.days, late.period));
    let stated = Patience::with(None, None);
    assert_eq!((stated.days, stated.basis), (45, Basis::Default));
    assert_eq!((late(None, 45), late(None, 46)), (None, Some((46, 1))));
    assert_eq!((late(None, 75), late(None, 76)), (Some((75, 1)), Some((76, 2))));
    // A published term is one from the approval on.
    assert_eq!((late(Some(14), 16), late(Some(14), 17)), (None, Some((15, 1))));
    let claimed = earning("r", &[(Stage::Claimed, 0)]);
    assert_eq!(Late::of(&claimed, None, Some(14), day(45)), None);
    assert_eq!(Patience::with(None, Some(14)).days, 14);
    let slow = payer(&[&[(Stage::Approved, 0), (Stage::Paid, 90)]]);
    assert_eq!(Patience::with(Some(&slow), Some(14)), Patience { days: 90, basis: Basis::History });
    let fast = payer(&[&[(Stage::Approved, 0), (Stage::Paid, 1)]]);
    assert_eq!(Patience::with(Some(&fast), None).days, 7, "nobody is late in a day");
    // The period ends when the next one begins.
    let first = Late::of(&owed, None, None, day(46)).unwrap();
    assert_eq!(Late::of(&owed, None, None, first.until).unwrap().period, 2);
    for way in [
        vec![(Stage::Expected, 0)],
        vec![(Stage::Claimed, 0), (Stage::Paid, 1)],
        vec![(Stage::Claimed, 0), (Stage::Reversed, 1)],
    ] {
        assert_eq!(Late::of(&earning("r", &way), None, None, day(900)), None, "{way:?}");
    }
}

#[test]
fn a_draft_is_its_owners_and_ends_with_what_it_is_about() {
    let owed = earning("ref-0", &[(Stage::Approved, 2)]);
    let late = Late::of(&owed, None, None, day(50)).unwrap();
    let chase = Chase::draft(&owed, "acme", None, &late, day(50)).unwrap();
    assert_eq!(chase.purpose, "ask acme for 250 USD (ref-0), outstanding for 48 days");
    assert!(chase.text.contains("my payment ref-0 of 250 USD was approved on 2026-09-"), "{}", chase.text);
    // No yes to it is one that something could be sent by.
    let yes = chase.item.after(&crate::approval::Event::Approve, "me", None, day(51)).unwrap();
    assert_eq!(yes.state, crate::approval::State::Handed);
    assert_eq!(yes.answer(&crate::id::ActionId::new("a")), None);
    let mut payer = Payer::new("github", "acme", day(0));
    payer.take(&owed, day(2));
    payer.chase(chase, day(50));
    assert!(payer.chases[0].item.state.is_open());
    let paid = owed.take(report(Stage::Paid, 52), day(52)).unwrap().unwrap().0;
    payer.take(&paid, day(52));
    assert_eq!(payer.chases[0].item.state, crate::approval::State::Expired);
    let again = payer.clone();
    payer.take(&paid, day(52));
    assert_eq!(payer, again, "told twice, it counts once");
}

/// Whoever said that he will send it is told by the item itself that he need not.
#[test]
fn a_draft_said_yes_to_is_over_when_its_payment_comes_and_not_by_time() {
    use crate::approval::{Event, State as Asked};
    let owed = earning("ref-0", &[(Stage::Approved, 2)]);
    let late = Late::of(&owed, None, None, day(50)).unwrap();
    let mut chase = Chase::draft(&owed, "acme", None, &late, day(50)).unwrap();
    chase.item = chase.item.after(&Event::Approve, "me", None, day(51)).unwrap();
    chase.end(day(90));
    assert_eq!(chase.item.state, Asked::Handed);
    let mut payer = Payer::new("github", "acme", day(0));
    payer.chase(chase, day(50));
    payer.take(&owed.take(report(Stage::Paid, 52), day(52)).unwrap().unwrap().0, day(52));
    let said = payer.chases[0].item.said.last().unwrap();
    assert_eq!((said.state, said.by.as_str()), (Asked::Superseded, "the machine"));
    assert_eq!(said.reason.as_deref(), Some("the payment is not outstanding any more"));
}

#[test]
fn what_is_known_of_a_payment_moves_with_it_to_its_payer_and_nothing_else_does() {
    let (owed, other) =
        (earning("ref-0", &[(Stage::Approved, 2)]), earning("ref-1", &[(Stage::Approved, 2)]));
    let draft = |owed: &Earning| {
        let late = Late::of(owed, None, None, day(50)).unwrap();
        Chase::draft(owed, "acme", None, &late, day(50)).unwrap()
    };
    let mut old = Payer::new("github", "acme", day(0));
    for earning in [&owed, &other] {
        old.take(earning, day(2));
        old.chase(draft(earning), day(50));
    }
    let mut new = Payer::new("github", "umbrella", day(60));
    new.take_over(&mut old, &owed.id, day(60));
    assert!(new.knows(&owed.id) && !old.knows(&owed.id) && old.knows(&other.id) && !new.knows(&other.id));
    assert_eq!((old.owed(), new.owed(), old.chases.len(), new.chases.len()), (1, 1, 1, 1));
    // A draft that both have is one, at the new one.
    old.chase(draft(&owed), day(50));
    new.take_over(&mut old, &owed.id, day(61));
    assert_eq!((new.chases.len(), old.chases.len()), (1, 2));
    assert!(new.chases[0].item.state.is_open() && !old.chases[1].item.state.is_open());
}

#[test]
fn a_payment_rests_for_a_period_after_it_was_asked_for() {
    let owed = earning("r", &[(Stage::Approved, 0)]);
    let late = Late::of(&owed, None, None, day(46)).unwrap();
    let chase = Chase::draft(&owed, "", None, &late, day(46)).unwrap();
    // Of a shorter patience this is the second period; it is asked for no sooner for that.
    assert_eq!(Late::of(&owed, None, Some(10), day(50)).unwrap().period, 2);
    assert!(chase.rests(day(50)) && chase.rests(day(75)) && !chase.rests(day(76)));
}

#[test]
fn what_expired_is_open_again_by_a_later_deadline_as_it_was_before() {
    for before in [State::New, State::Accepted] {
        let it = Opportunity { state: before, deadline: Some(day(5)), ..opportunity(None) };
        let (it, last) = it.after(Decision::Expire, Who::Machine, None, day(6)).unwrap().unwrap();
        assert_eq!(it.reopened(&last, day(6)), None, "its deadline has passed");
        let again = Opportunity { deadline: Some(day(9)), ..opportunity(None) }.found_again(&it);
        let (after, step) = again.reopened(&last, day(7)).unwrap();
        assert_eq!((after.state, after.steps, step.from, step.to), (before, 2, State::Expired, before));
        assert_eq!(step.by, Who::Machine);
        assert!(step.why.unwrap().to_string().contains("a later deadline, 20"));
        // Neither what did not expire nor what no step explains.
        assert_eq!(after.reopened(&last, day(7)), None);
        assert_eq!(again.reopened(&Step { number: 7, ..last.clone() }, day(7)), None);
        assert_eq!(Opportunity { deadline: None, ..again }.reopened(&last, day(7)), None);
    }
}

#[test]
fn a_draft_says_why_it_is_asked_now() {
    let slow = payer(&[&[(Stage::Approved, 0), (Stage::Paid, 90)]]);
    let reason = |way: &[(Stage, i64)], payer: Option<&Payer>, published| {
        let owed = earning("r", way);
        let late = Late::of(&owed, payer, published, day(100)).unwrap();
        Chase::draft(&owed, "", None, &late, day(100)).unwrap().reason
    };
    let approved = [(Stage::Claimed, 0), (Stage::Approved, 2)];
    assert_eq!(
        reason(&approved, Some(&slow), Some(14)),
        "it was approved 100 days ago; this payer took 90 days at the longest so far"
    );
    assert_eq!(
        reason(&approved, None, Some(14)),
        "it was approved 98 days ago; its platform says within 14 days"
    );
    assert_eq!(
        reason(&approved[..1], None, Some(14)),
        "it was claimed 100 days ago; nothing is known of how long this payer takes, so 45 days were waited"
    );
}

/// What is stored and what is shown are one word.
#[test]
fn every_proof_and_everybody_who_decides_has_a_name() {
    for proof in [Proof::Proven, Proof::Unproven, Proof::Trap] {
        assert_eq!(serde_json::to_value(proof).unwrap(), proof.as_str());
    }
    let who = [Who::Owner("operator (uid 1000)".into()), Who::Run(crate::id::RunId::new("7")), Who::Machine];
    assert_eq!(who.each_ref().map(Who::to_string), ["operator (uid 1000)", "run 7", "the machine"]);
}

#[test]
fn found_again_is_not_new_again() {
    for state in State::ALL {
        let earlier = Opportunity { state, steps: 3, ..opportunity(None) };
        let again = Opportunity { title: "better".into(), found_at: day(9), ..opportunity(None) };
        let after = again.found_again(&earlier);
        assert_eq!((after.state, after.steps, after.found_at), (state, 3, day(0)));
        assert_eq!(after.title, "better");
    }
}

#[test]
fn every_change_is_a_numbered_step_that_says_who_and_why() {
    let it = opportunity(None);
    let owner = || Who::Owner("operator".into());
    let why = Some(Untrusted::new("it is mine"));
    let (it, first) = it.after(Decision::Accept, owner(), why.clone(), day(1)).unwrap().unwrap();
    assert_eq!((first.from, first.to, first.number, first.why), (State::New, State::Accepted, 1, why));
    assert_eq!(it.after(Decision::Accept, owner(), None, day(2)), Ok(None), "said twice, it is one step");
    let (it, second) = it.after(Decision::Expire, Who::Machine, None, day(3)).unwrap().unwrap();
    assert_eq!((second.number, it.steps, it.updated_at), (2, 2, day(3)));
    assert_eq!(Step::row_id(&second.opportunity, 2), format!("{}/0002", it.id));
}

#[test]
fn only_what_is_not_handed_in_can_be_overdue() {
    for state in State::ALL {
        let it = Opportunity { state, deadline: Some(day(5)), ..opportunity(None) };
        assert!(!it.is_overdue(day(4)));
        assert_eq!(it.is_overdue(day(5)), matches!(state, State::New | State::Accepted));
    }
    assert!(!opportunity(None).is_overdue(day(10_000)));
}

fn any_opportunity() -> impl Strategy<Value = Opportunity> {
    let amount = || proptest::option::of(prop_oneof![0..5_000i64, Just(999_999_999), any::<i64>()]);
    let facts = (any::<bool>(), any::<bool>(), proptest::option::of(any::<bool>()), -3..40i64, -5..120i64);
    let parts = (amount(), amount(), any::<bool>(), any::<bool>(), facts, 0..101u8, 0..1_000u32);
    parts.prop_map(|(min, max, some, dollars, (bait, against, held, hours, fee), score, id)| {
        let mut it = opportunity(None);
        it.id = OpportunityId::new(format!("{id}"));
        let currency = if dollars { "USD" } else { "EUR" }.to_owned();
        it.reward =
            some.then(|| Reward { min: min.map(Decimal::from), max: max.map(Decimal::from), currency });
        it.facts.bait.extend(bait.then(|| "bait".to_owned()));
        it.facts.against.extend(against.then(|| "taken".to_owned()));
        it.facts.held = held;
        it.facts.hours = (hours >= 0).then(|| Decimal::from(hours));
        it.facts.fee_percent = (fee >= 0).then(|| Decimal::from(fee));
        it.score = score;
        it
    })
}

proptest! {
    #[test]
    fn no_trap_adds_to_a_sum_and_no_two_currencies_are_set_against_each_other(
        all in proptest::collection::vec(any_opportunity(), 1..20),
        eur in any::<bool>(),
    ) {
        let rate = rate(if eur { "40 EUR" } else { "55.50 USD" });
        let mut ranked: Vec<(Ranking, &Opportunity)> =
            all.iter().map(|it| (it.ranked(&it.judged(None), rate), it)).collect();
        ranked.sort_by(|a, b| a.0.order.cmp(&b.0.order));
        for (ranking, it) in &ranked {
            prop_assert_eq!(it.is_trap(), !it.traps().is_empty());
            prop_assert_eq!(it.is_trap(), ranking.order.rank() == Rank::Trap);
            if it.is_trap() {
                prop_assert_eq!((ranking.value, ranking.per_hour), (None, None));
                prop_assert!(ranking.line.starts_with("a trap, no income: "));
            }
            if let Some(reward) = &it.reward && ranking.value.is_some() {
                prop_assert_eq!(ranking.currency.as_deref(), Some(reward.currency.as_str()));
            }
            let other = if eur { "× 40 USD" } else { "× 55.50 EUR" };
            prop_assert!(!ranking.line.contains(other), "{}", ranking.line);
        }
        // A currency that is ranked by worth stands in one piece, the owner's own first, the best first.
        let worth = ranked.iter().filter(|(ranking, _)| ranking.order.rank() == Rank::Worth);
        let worth: Vec<(&str, Decimal)> = worth
            .map(|(ranking, _)| (ranking.currency.as_deref().unwrap(), ranking.per_hour.unwrap()))
            .collect();
        for pair in worth.windows(2) {
            let ((a, more), (b, less)) = (pair[0], pair[1]);
            let own = if eur { "EUR" } else { "USD" };
            prop_assert!((a == b && more >= less) || (a != b && b != own));
        }
        let ranks: Vec<Rank> = ranked.iter().map(|(ranking, _)| ranking.order.rank()).collect();
        prop_assert!(ranks.is_sorted());
    }

    #[test]
    fn what_is_reckoned_is_exact(amount in 1..1_000_000i64, scale in 0..4u32, hours in 1..500i64, fee in 0..100i64) {
        let amount = Decimal::new(amount, scale);
        let mut it = opportunity(None);
        it.reward = Some(Reward { min: Some(amount), max: Some(amount), currency: "USD".into() });
        it.facts.hours = Some(Decimal::from(hours));
        it.facts.fee_percent = Some(Decimal::from(fee));
        let ranking = it.ranked(&it.judged(None), rate("12.5 USD"));
        // In whole thousandths of a percent of the smallest unit, without a division.
        let scale = Decimal::from(10_000);
        let gross = amount * Decimal::from(30) * Decimal::ONE_HUNDRED;
        let fee = amount * Decimal::from(30) * Decimal::from(fee);
        let time = Decimal::from(hours) * Decimal::new(125, 1) * scale;
        prop_assert_eq!(ranking.value.unwrap() * scale, gross - fee - time);
    }
}
