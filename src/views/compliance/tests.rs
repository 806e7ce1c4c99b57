//! Decisions made again, violations found, and what a report lets through of a hostile text.

use mm_core::activity::{ActionRecord, Stage};
use mm_core::id::Space;
use mm_core::rule::{Inputs, RuleSet, Text, Verdict};
use mm_services::records::{DecisionRow, RuleSetRow};
use mm_store::Change;

use super::*;
use crate::rules::FixedRules;
use crate::views::tests::{action, ask, noon, reader};

const ID: &str = "00001-000001-bug-bounty.read-a";
const URL: &str =
    "https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json";

fn rules() -> RuleSet {
    RuleSet::parse(&FixedRules::built_in().0).unwrap()
}

fn inputs(method: mm_core::action::Method) -> Inputs {
    Inputs {
        platform: "bounty-targets-data".parse().unwrap(),
        kind: mm_core::action::ActionKind::new("read"),
        method,
        url: mm_core::url::LogicalUrl::parse(URL).unwrap(),
        account: None,
        country: None,
        at: noon(),
        strict: true,
        facts: Default::default(),
        text: Text::Nothing,
    }
}

/// What compliance decides of a request of this method.
fn decision(method: mm_core::action::Method) -> DecisionRow {
    let (rules, inputs) = (rules(), inputs(method));
    let said = inputs.judge(&rules);
    DecisionRow {
        inputs,
        rules: rules.version(),
        verdict: said.verdict,
        deciding: said.deciding,
        obligations: said.obligations,
        by_owner: said.by_owner,
        approval: None,
    }
}

/// A reader of a store with these decisions and acts beside the usual ones, and the rules of the day.
fn with(decisions: &[(&str, DecisionRow)], acts: &[ActionRecord]) -> crate::views::Reader {
    let reader = reader();
    let kept = RuleSetRow::keep(&FixedRules::built_in().0, noon()).unwrap();
    let version = rules().version().to_string();
    let mut change = Change::new().put(&Space::machine(), &version, &kept).unwrap();
    for (id, row) in decisions {
        change = change.put(&reader.space, id, row).unwrap();
    }
    for act in acts {
        change = change.put(&reader.space, act.id.as_str(), act).unwrap();
    }
    reader.store.commit_blocking(change).unwrap();
    reader
}

use mm_core::action::Method::{Get, Post};

fn replayed(reader: &crate::views::Reader, target: &str) -> ReplayView {
    serde_json::from_value(ask(reader, target)).unwrap()
}

fn reported(reader: &crate::views::Reader) -> ReportView {
    serde_json::from_value(ask(reader, "/compliance/report")).unwrap()
}

#[test]
fn every_decision_is_made_again_and_each_that_comes_out_otherwise_is_found() {
    let whole = with(&[(ID, decision(Get)), ("b", decision(Post))], &[]);
    let view = replayed(&whole, "/compliance/replay");
    assert_eq!((view.decisions, view.rule_sets, view.deviations.len()), (2, 1, 0));
    let later = replayed(&whole, "/compliance/replay?from=2026-07-22T12:00:01Z");
    assert_eq!((later.decisions, later.deviations.len()), (0, 0));

    let forged = DecisionRow { verdict: Verdict::Permit, ..decision(Post) };
    let mut renamed = decision(Get);
    renamed.deciding[0].id = "another/rule".to_owned();
    let mut eased = decision(Get);
    eased.obligations.user_agent = None;
    let foreign = DecisionRow { rules: mm_core::digest::Digest::of(b"other"), ..decision(Get) };
    let reader = with(&[("a", forged), ("b", renamed), ("c", eased), ("d", foreign)], &[]);
    let view = replayed(&reader, "/compliance/replay");
    let found: Vec<(&str, &str)> =
        view.deviations.iter().map(|found| (found.id.as_str(), found.why.as_str())).collect();
    let told = [
        ("a", "the verdict is another"),
        ("b", "other rules decide"),
        ("c", "the obligations are others"),
        ("d", "the rules of that day were not kept"),
    ];
    assert_eq!(found, told);
}

#[test]
fn what_left_is_held_against_its_decision() {
    let left = |step: &str, stage: Stage| action(step, stage, 5);
    let id = |step: &str| format!("00001-000001-bug-bounty.{step}");
    let acts = [
        left("good", Stage::Confirmed),
        left("forbidden", Stage::Confirmed),
        left("asked", Stage::Ambiguous),
        left("approved", Stage::Sending),
        left("unsent", Stage::Pending),
    ];
    let asked = DecisionRow { verdict: Verdict::Ask, ..decision(Get) };
    let pending = DecisionRow { verdict: Verdict::Ask, ..decision(Get) };
    let approved = DecisionRow { approval: Some("a-1".into()), ..decision(Get) };
    let unsent = ActionRecord { answer_status: None, ..acts[4].clone() };
    let acts = [acts[0].clone(), acts[1].clone(), acts[2].clone(), acts[3].clone(), unsent];
    let rows = [
        (&*id("good"), decision(Get)),
        (&*id("forbidden"), decision(Post)),
        (&*id("asked"), asked),
        (&*id("approved"), approved),
        (&*id("unsent"), pending),
    ];
    let view = reported(&with(&rows, &acts));
    let mut found: Vec<(&str, &str)> =
        view.committed.iter().map(|act| (act.id.rsplit('.').next().unwrap(), act.why.as_str())).collect();
    found.sort_unstable();
    let told = [
        ("asked", "it left though it was asked and no approval is on record"),
        ("forbidden", "it left though it was forbidden"),
    ];
    assert_eq!(found, told);
    // Two acts of the fixture have no decision; the one that left has a check that permits it.
    assert_eq!((view.actions, view.without_decision, view.attempted.len()), (7, 1, 1));
}

/// Something else under the kind of a record, so that its row does not open.
#[derive(serde::Serialize, serde::Deserialize)]
struct Foreign(u8);

impl mm_store::Record for Foreign {
    const KIND: mm_store::Kind = mm_store::Kind::new("decision", 9999, 1);
}

#[test]
fn a_record_that_does_not_open_is_told_and_is_no_good_one() {
    let reader = with(&[("good", decision(Get))], &[]);
    assert!(reported(&reader).is_clean());
    let change = Change::new().put(&reader.space, ID, &Foreign(1)).unwrap();
    reader.store.commit_blocking(change).unwrap();
    // Of what time it was, it does not say: so it is in every period.
    for target in ["/compliance/replay", "/compliance/replay?from=2030-07-22T12:00:01Z"] {
        let view = replayed(&reader, target);
        assert_eq!((view.damaged, view.deviations.len()), (1, 1), "{target}");
        assert_eq!(view.deviations[0].id, ID);
        assert!(view.deviations[0].why.contains("does not open"), "{:?}", view.deviations);
    }
    let view = reported(&reader);
    assert!(!view.is_clean());
    assert_eq!((view.damaged[0].kind.as_str(), view.damaged[0].id.as_str()), ("decision", ID));
    assert!(crate::cli::compliance_text(&view).contains(ID));
}

#[test]
fn a_hostile_text_stays_a_text_in_every_form_of_the_report() {
    let hostile = "<script>alert(1)</script>\u{1b}[2J\u{202e}\"'`&";
    let act = ActionRecord {
        platform: hostile.to_owned(),
        kind: hostile.to_owned(),
        error: Some(hostile.to_owned()),
        ..action("trap", Stage::Blocked, 5)
    };
    let view = reported(&with(&[], &[act]));
    let (html, text) = (crate::cli::compliance_html(&view), crate::cli::compliance_text(&view));
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;"), "{html}");
    for form in [&html, &text] {
        assert!(!form.contains(|c: char| c != '\n' && mm_core::untrusted::is_deceptive(c)), "{form}");
    }
    for outside in ["http://", "https://", "src=", "href=", "<link", "@import", "url("] {
        assert!(!html.contains(outside), "a page of its own holds no {outside}");
    }
    assert!(html.matches("<tr>").count() == html.matches("</tr>").count());
}

#[test]
fn a_check_says_what_would_happen_and_does_nothing() {
    let reader = reader();
    let rows = reader.store.rows().unwrap();
    let url = "https://api.github.com/repos/a/b/issues/1/comments";
    let question = Question::of(&["compliance", "check"])
        .with("platform", Some("github"))
        .with("action", Some("comment"))
        .with("method", Some("POST"))
        .with("url", Some(url))
        .with("account", Some("main"));
    let check = |question: Question| -> CheckView {
        serde_json::from_value(ask(&reader, &question.target())).unwrap()
    };
    let unknown = check(question.clone());
    assert_eq!(unknown.verdict, "forbid", "nobody looked at the policy: {unknown:?}");
    let facts = question.with("facts", Some("repository-policy=allow"));
    let view = check(facts.clone().with("text", Some("/attempt #1")));
    let ids: Vec<&str> = view.rules.iter().map(|word| word.rule.as_str()).collect();
    assert_eq!((view.verdict.as_str(), ids), ("ask", vec!["github/algora-attempt", "github/comment"]));
    assert_eq!(view.obligations.pause_ms_min, 1000);
    let quotas: Vec<&str> = view.quotas.iter().map(|charge| charge.quota.as_str()).collect();
    assert!(
        quotas.contains(
            &"80 in 1m per account for `comment+open-issue+open-pull-request+edit-pull-request` at github"
        ),
        "{quotas:?}"
    );
    let paid = check(facts.with("text", Some("https://amazon.com/dp/1?tag=a-20")));
    assert_eq!(paid.verdict, "forbid");
    assert_eq!(reader.store.rows().unwrap(), rows);
}

#[test]
fn an_explanation_quotes_the_rules_and_says_what_was_judged() {
    let view: ExplainView =
        serde_json::from_value(ask(&with(&[(ID, decision(Get))], &[]), &format!("/compliance/explain/{ID}")))
            .unwrap();
    assert_eq!(view.verdict, "permit");
    assert!(
        view.rules[0].clause.contains("free of charge")
            && view.rules[0].certainty.as_deref() == Some("primary")
    );
    assert_eq!(view.inputs.url, URL);
    assert_eq!(view.activity.unwrap().status, "success");
}
