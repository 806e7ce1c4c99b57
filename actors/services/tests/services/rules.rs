//! Rule files: what happens when they go, break, or change between judgement and permit.

use mm_core::activity::{ActionRecord, Stage};
use mm_core::id::Space;
use mm_core::run::{Outcome, StepOutcome, StepRecord};
use mm_sdk::{Act, Report};
use mm_services::records::{AlertRow, Sort};
use mm_services::testing::{Bench, Machine, PLATFORM, Script, action, get, pack, url};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const FILE: &str = "sim.toml";

#[test]
fn a_rule_file_removed_stops_everything_and_is_named_and_its_return_needs_no_restart() {
    let mut bench = Bench::new(1);
    bench.install(Script::reads("reader", &["/a"]));
    let rules = bench.rules.clone();
    bench.live(async |machine| {
        rules.remove(FILE);
        let run = machine.run("reader").await;
        assert_eq!(run.outcome, Some(Outcome::Failed));
        assert_eq!(machine.world.count(), 0, "nothing may leave without rules");
        let named = format!("etc/rules/{PLATFORM}.toml");
        assert!(run.errors[0].contains(&named), "{:?}", run.errors);
        let blocked = machine.audit_of("action.blocked");
        assert!(blocked.len() == 1 && blocked[0].contains(&named), "{blocked:?}");
        assert!(machine.alerts().iter().any(|(_, sentence)| sentence.contains(&named)));

        rules.put(FILE, &pack(1000, "1d"));
        assert_eq!(machine.run("reader").await.outcome, Some(Outcome::Succeeded));
        assert_eq!(machine.world.paths(), ["GET /a"]);
    });
}

#[test]
fn rules_that_cannot_be_read_or_parsed_permit_nothing_and_say_which_file() {
    let mut bench = Bench::new(2);
    bench.install(Script::reads("reader", &["/a"]));
    let rules = bench.rules.clone();
    bench.live(async |machine| {
        rules.put("law-broken.toml", "[pack]\nplatform = ");
        let run = machine.run("reader").await;
        assert!(run.errors[0].contains("law-broken.toml:2"), "{:?}", run.errors);
        rules.remove("law-broken.toml");

        rules.unreadable(Some("etc/rules/sim.toml: permission denied"));
        let run = machine.run("reader").await;
        assert!(run.errors[0].contains("etc/rules/sim.toml: permission denied"), "{:?}", run.errors);
        assert_eq!(machine.world.count(), 0);

        rules.unreadable(None);
        assert_eq!(machine.run("reader").await.outcome, Some(Outcome::Succeeded));
    });
}

/// Whoever saves a file with a slip in it stops the machine: he hears of it now, and not when something is due.
#[test]
fn rules_that_cannot_be_used_are_told_while_nothing_is_due_and_until_they_can() {
    let mut bench = Bench::new(2);
    bench.install(Script::reads("reader", &["/a"]));
    let rules = bench.rules.clone();
    let told = |machine: &Machine| {
        let alerts = machine.alerts().into_iter();
        alerts.filter(|(about, _)| about == "rules/unread").map(|(_, sentence)| sentence).collect::<Vec<_>>()
    };
    bench.live(async |machine| {
        rules.put("law-broken.toml", "[pack]\nplatform = ");
        machine.pass(Duration::from_secs(61)).await;
        machine.until("it is told", || !told(machine).is_empty()).await;
        let told = told(machine).remove(0);
        assert!(
            told.starts_with("nothing is done on any platform") && told.contains("law-broken.toml:2"),
            "{told}"
        );
        let run = machine.run("reader").await;
        let record = machine.rows::<ActionRecord>().remove(0).1;
        let decided: Vec<_> = record.checks.iter().map(|check| check.rule.as_str()).collect();
        assert_eq!((run.actions, decided), (1, vec!["engine/unreadable"]));
    });
    bench.live(async |machine| {
        let row = machine.store.get::<AlertRow>(&Space::machine(), "rules/unread").unwrap().unwrap().value;
        assert_eq!((row.cleared_at, row.sort), (None, Some(Sort::Stops)), "it stands over a restart");
        rules.remove("law-broken.toml");
        machine.pass(Duration::from_secs(61)).await;
        machine.until("it is over", || told(machine).is_empty()).await;
    });
}

#[test]
fn rules_that_change_between_judgement_and_permit_stop_the_action_and_the_record_says_so() {
    let mut bench = Bench::new(3);
    bench.install(Script::reads("reader", &["/a"]));
    let rules = bench.rules.clone();
    bench.live(async |machine| {
        // Compliance looks once for the judgement; at the next look, for the permit, reads are asked.
        rules.put_after(1, FILE, &pack(1000, "1d").replacen("\"permit\"", "\"forbid\"", 1));
        let run = machine.run("reader").await;
        assert_eq!((run.outcome, machine.world.count()), (Some(Outcome::Failed), 0));
        let records = machine.rows::<ActionRecord>();
        let checks: Vec<_> = records[0].1.checks.iter().map(|check| check.verdict.as_str()).collect();
        assert_eq!((records[0].1.stage, checks), (Stage::Blocked, vec!["forbid"]));
    });
}

/// What an act is charged and obliged to is by the rules in force when it leaves.
#[test]
fn rules_that_change_before_the_permit_and_still_permit_are_the_ones_it_is_charged_by() {
    let mut bench = Bench::new(7);
    bench.install(Script::reads("reader", &["/a"]));
    let rules = bench.rules.clone();
    bench.live(async |machine| {
        rules.put_after(1, FILE, &pack(1, "2d").replace("money-machine-test", "money-machine-other"));
        assert_eq!(machine.run("reader").await.outcome, Some(Outcome::Succeeded));
        let headers = &machine.world.log()[0].headers;
        assert!(headers.iter().any(|(_, value)| value.contains("money-machine-other")), "{headers:?}");
        let run = machine.run("reader").await;
        assert!(run.errors[0].contains("1 in 2d"), "{:?}", run.errors);
        assert_eq!(machine.world.count(), 1);
    });
}

#[test]
fn a_huge_broken_rule_file_permits_nothing_is_named_and_breaks_nothing() {
    let mut bench = Bench::new(8);
    bench.install(Script::reads("reader", &["/a"]));
    let rules = bench.rules.clone();
    let broken = [
        "[[rule]]\nnonsense = 1\n".repeat(20_000),
        format!("{} = 1\n", "k".repeat(1 << 20)),
        format!("[pack]\nplatform = \"{}\"\n", "p".repeat(1 << 20)),
        "[".repeat(1 << 20),
    ];
    bench.live(async |machine| {
        for text in broken {
            rules.put("huge.toml", &text);
            let run = machine.run("reader").await;
            assert_eq!((run.outcome, machine.world.count()), (Some(Outcome::Failed), 0));
            assert!(run.errors[0].contains("huge.toml"), "{:?}", run.errors);
            assert!(run.errors[0].len() < 4 << 10, "{}", run.errors[0].len());
        }
        for entry in machine.audit_of("rules.loaded") {
            assert!(entry.len() < 4 << 10, "{}", entry.len());
        }
        assert!(machine.services.kernel_is_up());
        rules.remove("huge.toml");
        assert_eq!(machine.run("reader").await.outcome, Some(Outcome::Succeeded));
    });
}

#[test]
fn what_the_rules_ask_about_is_pending_told_and_not_sent() {
    let mut bench = Bench::new(4);
    let seen = Arc::new(Mutex::new(None));
    let put = seen.clone();
    bench.install(Script::new("asker", move |cx| {
        let put = put.clone();
        Box::pin(async move {
            let asks = action("ask", mm_core::action::Request::get(url("/a")));
            let act = cx.act("ask", asks).await?;
            *put.lock().unwrap() = Some(act);
            // The run stays open here, so that its journal can be looked at.
            cx.act("open", get("/open")).await?;
            Ok(Report::default())
        })
    }));
    bench
        .world
        .answer(|_| mm_services::testing::Said::status(200, "").after(std::time::Duration::from_secs(9)));
    bench.live(async |machine| {
        machine.services.strategies.start("asker", mm_core::run::Trigger::Operator).await.unwrap().unwrap();
        machine.until("the second step is sent", || machine.world.count() == 1).await;
        assert_eq!(machine.world.paths(), ["GET /open"]);
        let Some(Act::Pending(id)) = seen.lock().unwrap().clone() else { panic!("{seen:?}") };
        let steps = machine.rows::<StepRecord>();
        assert_eq!(steps.len(), 1);
        assert_eq!(steps[0].1.outcome, StepOutcome::Pending(id.clone()));
        let records = machine.rows::<ActionRecord>();
        let record = &records.iter().find(|(own, _)| own == id.as_str()).unwrap().1;
        assert_eq!((record.stage, record.stage.status()), (Stage::Pending, "pending"));
        assert_eq!(machine.audit_of("action.pending").len(), 1);
        assert!(machine.alerts().iter().any(|(about, _)| about == "ask/sim/ask"));
    });
}

#[test]
fn what_no_rule_speaks_of_is_forbidden_strictly_and_asked_otherwise_and_never_sent() {
    for (strict, kind) in [(true, "action.blocked"), (false, "action.pending")] {
        let mut bench = Bench::new(5);
        bench.settings.strict = strict;
        bench.install(Script::new("stranger", |cx| {
            Box::pin(async move {
                let mut stranger = get("/a");
                stranger.platform = "unruled".parse().unwrap();
                cx.act("s", stranger).await?;
                Ok(Report::default())
            })
        }));
        bench.live(async |machine| {
            machine.run("stranger").await;
            assert_eq!(machine.world.count(), 0);
            assert_eq!(machine.audit_of(kind).len(), 1, "strict: {strict}");
        });
    }
}

#[test]
fn what_a_strategy_does_not_say_it_proposes_is_refused_before_it_is_judged() {
    let mut bench = Bench::new(6);
    bench.install(Script::new("sly", |cx| {
        Box::pin(async move {
            let delete = action("delete", mm_core::action::Request::get(url("/a")));
            let refused = matches!(cx.act("s1", delete).await?, Act::Refused(_));
            let bad_name = matches!(cx.act("s1.r1", get("/a")).await?, Act::Refused(_));
            let errors = if refused && bad_name { Vec::new() } else { vec!["not refused".to_owned()] };
            Ok(Report { errors, ..Report::default() })
        })
    }));
    bench.live(async |machine| {
        assert_eq!(machine.run("sly").await.errors, Vec::<String>::new());
        assert_eq!(machine.world.count(), 0);
    });
}
