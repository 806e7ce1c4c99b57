//! What the ranking promises, and what is safe to show of a feed's text.

use expect_test::expect;
use mm_sdk::Moment;
use mm_strategies::bug_bounty::draft::drafts;
use mm_strategies::bug_bounty::finding::{Finding, Kind};
use mm_strategies::bug_bounty::rank::{UNPAID_MAX, rank};
use mm_strategies::bug_bounty::scope::{Amount, Payout, Severity, Source, State, Target};
use proptest::prelude::*;

fn target() -> impl Strategy<Value = Target> {
    let kind = prop::sample::select(vec!["URL", "wildcard", "android", "SOURCE_CODE", "unknown"]);
    let severity = prop::sample::select(vec![
        None,
        Some(Severity::None),
        Some(Severity::Low),
        Some(Severity::Medium),
        Some(Severity::High),
        Some(Severity::Critical),
    ]);
    (kind, "\\PC{1,20}", any::<Option<bool>>(), severity).prop_map(
        |(kind, identifier, eligible, severity)| Target {
            kind: kind.into(),
            identifier: identifier.into(),
            in_scope: true,
            eligible_for_bounty: eligible,
            severity,
        },
    )
}

fn payout(units: u64) -> Option<Payout> {
    Payout::of(None, Some(Amount::units(units)), Some("EUR"))
}

fn finding() -> impl Strategy<Value = Finding> {
    let kind = prop::sample::select(vec![
        Kind::ProgrammeAdded,
        Kind::ProgrammeReturned,
        Kind::ProgrammeGone,
        Kind::TargetsAdded,
        Kind::TargetsGone,
        Kind::RewardChanged,
    ]);
    let targets = prop::collection::vec(target(), 0..6);
    (kind, targets, 0u64..200_000, any::<Option<bool>>(), any::<bool>(), any::<bool>()).prop_map(
        |(kind, targets, units, offers_bounty, open, baseline)| Finding {
            state: if open { State::Open } else { State::from("api_only") },
            offers_bounty,
            payout: payout(units),
            targets,
            baseline,
            tell: !baseline,
            ..plain(kind)
        },
    )
}

fn plain(kind: Kind) -> Finding {
    Finding {
        source: Source::Intigriti,
        kind,
        programme: "11111111-aaaa-4aaa-8aaa-111111111111".into(),
        name: "Ember".into(),
        url: Some("https://app.intigriti.com/programs/ember/ember/detail".into()),
        state: State::Open,
        offers_bounty: Some(true),
        payout: payout(2500),
        payout_before: None,
        targets: Vec::new(),
        targets_returned: 0,
        baseline: false,
        tell: true,
        missing_since: None,
        turn: 0,
        part: (1, 1),
    }
}

proptest! {
    #[test]
    fn a_better_offer_never_ranks_lower(finding in finding(), more in 0u64..1_000_000) {
        let score = rank(&finding).score;
        prop_assert!(score <= 100);
        let units = finding.payout.as_ref().map_or(0, |p| p.top().hundredths() / 100);
        let richer = Finding { payout: payout(units.max(2) + more), ..finding.clone() };
        if finding.payout.is_some() {
            prop_assert!(rank(&richer).score >= score);
        }
        let mut wider = finding.clone();
        wider.targets.push(Target {
            kind: "wildcard".into(),
            identifier: "*.example".into(),
            in_scope: true,
            eligible_for_bounty: Some(true),
            severity: Some(Severity::Critical),
        });
        prop_assert!(rank(&wider).score >= score);
        let news = Finding { baseline: false, tell: true, ..finding.clone() };
        let old = Finding { baseline: true, ..finding.clone() };
        prop_assert!(rank(&news).score >= rank(&old).score);
        let unpaid = Finding { offers_bounty: Some(false), ..finding.clone() };
        prop_assert!(rank(&unpaid).score <= score.max(UNPAID_MAX));
        prop_assert!(rank(&unpaid).score <= UNPAID_MAX);
    }

    #[test]
    fn whatever_a_feed_says_is_shown_in_one_harmless_line(
        name in ".{0,300}", identifier in ".{1,300}", url in ".{0,80}", kind in ".{0,40}", state in ".{0,40}"
    ) {
        let hostile = Target {
            kind: kind.into(), identifier: identifier.as_str().into(), in_scope: true, eligible_for_bounty: None, severity: None,
        };
        for kind in [Kind::ProgrammeAdded, Kind::TargetsAdded, Kind::TargetsGone, Kind::RewardChanged] {
            let finding = Finding {
                name: name.as_str().into(),
                url: Some(url.as_str().into()),
                state: State::from(state.as_str()),
                targets: vec![hostile.clone()],
                payout: Payout::of(None, Some(Amount::units(5)), Some("\u{1b}[2J")),
                ..plain(kind)
            };
            for draft in drafts(finding, None, None) {
                for line in [&draft.title, &draft.reason] {
                    prop_assert!(line.chars().all(|c| !c.is_control()), "{line:?}");
                    prop_assert!(line.chars().count() <= 300);
                }
                prop_assert_eq!(&draft.url, "https://intigriti.com/");
                prop_assert_eq!(&draft.details.value()["targets"][0]["identifier"], identifier.as_str());
            }
        }
    }

    #[test]
    fn a_finding_of_any_size_fits_its_records_and_loses_nothing(
        sizes in prop::collection::vec(1usize..3000, 0..120), control in any::<bool>()
    ) {
        let text = |n: usize, size: usize| format!("{n:05}{}", if control { "\u{1}" } else { "x" }.repeat(size));
        let target = |(n, &size): (usize, &usize)| Target {
            kind: "other".into(), identifier: text(n, size).into(), in_scope: true, eligible_for_bounty: None, severity: None,
        };
        let targets: Vec<Target> = sizes.iter().enumerate().map(target).collect();
        let finding = Finding { targets: targets.clone(), ..plain(Kind::ProgrammeAdded) };
        let mut back = Vec::new();
        let mut ids = std::collections::BTreeSet::new();
        for draft in drafts(finding, None, None) {
            prop_assert!(draft.details.as_str().len() < 60 << 10);
            prop_assert!(ids.insert(draft.about.clone()));
            let details = draft.details.value();
            let told = details["targets"].as_array().unwrap();
            back.extend(told.iter().map(|t| t["identifier"].as_str().unwrap().to_owned()));
        }
        let all: Vec<String> = targets.iter().map(|target| target.identifier.to_string()).collect();
        prop_assert_eq!(back, all);
    }
}

#[test]
fn a_draft_reads_well() {
    let wild = Target {
        kind: "wildcard".into(),
        identifier: "*.ember.example".into(),
        in_scope: true,
        eligible_for_bounty: Some(true),
        severity: Some(Severity::High),
    };
    let mut out = String::new();
    for kind in [
        Kind::ProgrammeAdded,
        Kind::TargetsAdded,
        Kind::ProgrammeReturned,
        Kind::RewardChanged,
        Kind::TargetsGone,
        Kind::ProgrammeGone,
    ] {
        let targets =
            if matches!(kind, Kind::TargetsAdded | Kind::TargetsGone) { vec![wild.clone()] } else { vec![] };
        let finding = Finding { targets, ..plain(kind) };
        let draft = drafts(finding, None, None).next().unwrap();
        out += &format!("{} {}\n    {}\n", draft.score, draft.title, draft.reason);
    }
    expect![[r#"
        63 New programme on intigriti: Ember
            new programme, up to 2500 EUR
        81 New in scope of Ember on intigriti: *.ember.example
            new in scope, up to 2500 EUR, eligible for bounty, 1 wildcard, up to high
        48 Programme back on intigriti: Ember
            programme is back, up to 2500 EUR
        53 Reward of Ember on intigriti: none told before, up to 2500 EUR now
            reward raised, up to 2500 EUR
        5 Out of scope of Ember on intigriti: *.ember.example
            no longer in scope, stop testing it
        5 Programme gone from intigriti: Ember
            programme is gone, stop testing it
    "#]]
    .assert_eq(&out);
    let finding = Finding {
        targets: vec![wild],
        missing_since: Some(Moment::from_unix_ms(0)),
        ..plain(Kind::TargetsAdded)
    };
    let draft = drafts(finding, None, None).next().unwrap();
    expect![[r#"
        {
          "baseline": false,
          "missing_since": "1970-01-01T00:00:00Z",
          "offers_bounty": true,
          "payout": {
            "currency": "EUR",
            "max": "2500",
            "min": null
          },
          "programme": "11111111-aaaa-4aaa-8aaa-111111111111",
          "programme_name": "Ember",
          "programme_url": "https://app.intigriti.com/programs/ember/ember/detail",
          "targets": [
            {
              "eligible_for_bounty": true,
              "identifier": "*.ember.example",
              "in_scope": true,
              "kind": "wildcard",
              "severity": "high"
            }
          ]
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&draft.details.value()).unwrap());
    assert_eq!(draft.reward.unwrap().max.unwrap().to_string(), "2500");
}
