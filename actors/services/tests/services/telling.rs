//! Alerts of hosts: each is raised with the newest sentence, and each has an end.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mm_core::run::{Outcome, SourceHealth, SourceReport, Trigger};
use mm_sdk::{Act, Fault, Report};
use mm_services::records::AccountKind;
use mm_services::testing::{Bench, Machine, Script, add_account, draft, get};

fn alert(machine: &Machine, about: &str) -> Option<String> {
    machine.alerts().into_iter().find(|(own, _)| own == about).map(|(_, sentence)| sentence)
}

/// What the next run does.
#[derive(Clone, Default)]
struct Next {
    fails: bool,
    finds: Vec<String>,
    source: Option<SourceHealth>,
    tells: bool,
    is_over: bool,
}

fn told(next: &Arc<Mutex<Next>>) -> Script {
    let next = next.clone();
    Script::new("teller", move |cx| {
        let next = next.lock().unwrap().clone();
        Box::pin(async move {
            for about in next.finds {
                cx.found(draft(&about));
            }
            if next.tells {
                cx.alert("source-broken/x\u{0}\u{202e}", "it\nbroke");
            }
            if next.is_over {
                cx.over("source-broken/x\u{0}\u{202e}");
            }
            if next.fails {
                return Err(Fault::transient("as told"));
            }
            let report = |health| SourceReport { name: "feed".into(), health, sentence: "gone".into() };
            Ok(Report { sources: next.source.map(report).into_iter().collect(), ..Report::default() })
        })
    })
}

#[test]
fn what_was_found_is_one_alert_until_a_run_without_news() {
    let next = Arc::new(Mutex::new(Next::default()));
    let mut bench = Bench::new(1);
    bench.install(told(&next));
    bench.live(async |machine| {
        for about in ["one", "two"] {
            next.lock().unwrap().finds = vec![about.into()];
            machine.run("teller").await;
            machine.pass(Duration::from_secs(1)).await;
            let sentence = alert(machine, "found/teller").unwrap();
            assert!(sentence.contains(&format!("chance of {about}")), "{sentence}");
        }
        assert_eq!(machine.alerts().len(), 1);
        machine.run("teller").await;
        machine.until("no news ends it", || machine.alerts().is_empty()).await;
    });
}

#[test]
fn failed_runs_and_an_open_breaker_are_told_until_a_run_succeeds() {
    let next = Arc::new(Mutex::new(Next { fails: true, ..Next::default() }));
    let mut bench = Bench::new(2);
    bench.install(told(&next));
    bench.live(async |machine| {
        machine.run("teller").await;
        machine.until("it is told", || alert(machine, "run-failed/teller").is_some()).await;
        assert_eq!(alert(machine, "breaker/teller"), None);
        machine.run("teller").await;
        machine.run("teller").await;
        machine.until("it is told", || alert(machine, "breaker/teller").is_some()).await;
        assert!(alert(machine, "breaker/teller").unwrap().contains("`strategy resume teller`"));
        next.lock().unwrap().fails = false;
        machine.pass(Duration::from_secs(61)).await;
        assert_eq!(machine.run("teller").await.outcome, Some(Outcome::Succeeded));
        machine.until("success ends both", || machine.alerts().is_empty()).await;
    });
}

#[test]
fn a_source_that_fails_three_times_or_for_a_day_is_told_until_it_is_read() {
    let next = Arc::new(Mutex::new(Next { source: Some(SourceHealth::Failed), ..Next::default() }));
    let mut bench = Bench::new(3);
    bench.install(told(&next));
    const ABOUT: &str = "source/teller/feed";
    bench.live(async |machine| {
        let run = async |health, wait_s| {
            next.lock().unwrap().source = Some(health);
            machine.run("teller").await;
            machine.pass(Duration::from_secs(wait_s)).await;
            alert(machine, ABOUT)
        };
        assert_eq!(run(SourceHealth::Failed, 60).await, None);
        assert_eq!(run(SourceHealth::Failed, 60).await, None);
        assert!(run(SourceHealth::Failed, 60).await.unwrap().contains("in 3 runs"));
        assert_eq!(run(SourceHealth::Unchanged, 60).await, None, "a good read ends it");
        assert_eq!(run(SourceHealth::Failed, 25 * 3600).await, None);
        assert!(run(SourceHealth::Failed, 1).await.unwrap().contains("in 2 runs"), "a day");
    });
}

#[test]
fn what_a_strategy_tells_stands_under_its_own_name_and_ends() {
    let next = Arc::new(Mutex::new(Next { tells: true, ..Next::default() }));
    let mut bench = Bench::new(4);
    bench.install(told(&next));
    bench.live(async |machine| {
        machine.run("teller").await;
        machine.until("it is told", || !machine.alerts().is_empty()).await;
        let (about, sentence) = machine.alerts().remove(0);
        assert!(about.starts_with("strategy/teller/source-broken/x"), "{about:?}");
        assert!(!about.contains(['\u{0}', '\u{202e}']) && !sentence.contains('\n'), "{about:?} {sentence:?}");
        machine.pass(Duration::from_secs(16 * 86_400)).await;
        assert_eq!(machine.alerts(), vec![]);
    });
}

#[test]
fn what_a_strategy_says_is_over_is_and_what_it_tells_with_it_is_told() {
    let next = Arc::new(Mutex::new(Next { tells: true, ..Next::default() }));
    let mut bench = Bench::new(4);
    bench.install(told(&next));
    bench.live(async |machine| {
        machine.run("teller").await;
        machine.until("it is told", || !machine.alerts().is_empty()).await;
        *next.lock().unwrap() = Next { is_over: true, ..Next::default() };
        machine.run("teller").await;
        machine.until("it is over", || machine.alerts().is_empty()).await;
        *next.lock().unwrap() = Next { is_over: true, tells: true, ..Next::default() };
        machine.run("teller").await;
        machine.until("the newer word holds", || !machine.alerts().is_empty()).await;
    });
}

/// A host killed with its run under way: the run's slot is free at once for its next taking-up.
#[test]
fn a_run_whose_host_died_holds_no_slot() {
    let begun = Arc::new(AtomicU32::new(0));
    let mut bench = Bench::new(5);
    bench.settings.concurrent_runs_max = 1;
    bench.install(Script::new("hangs-once", {
        let begun = begun.clone();
        move |_| {
            let nth = begun.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                if nth == 0 {
                    std::future::pending::<()>().await;
                }
                Ok(Report::default())
            })
        }
    }));
    bench.live(async |machine| {
        machine.services.strategies.start("hangs-once", Trigger::Operator).await.unwrap().unwrap();
        machine.until("it hangs", || begun.load(Ordering::SeqCst) == 1).await;
        let since = machine.now();
        assert!(machine.root.tree().kill("kernel/strategies/default/hangs-once"));
        let over = || machine.strategy("hangs-once").last_outcome == Some(Outcome::Succeeded);
        machine.until("it is taken up", over).await;
        assert!(machine.now().since(since) < Duration::from_secs(60), "long before its deadline");
    });
}

/// A run that names an account which does not exist got nothing: it is told of at once, and until a run finds
/// its account; and what a source says of its failing stands among the troubles of the strategy.
#[test]
fn an_account_that_does_not_exist_is_told_at_once_and_until_it_is_there() {
    let mut bench = Bench::new(6);
    bench.install(Script::new("reader", |cx| {
        Box::pin(async move {
            let read = cx.act("s1", get("/a").with_account("mian".parse().unwrap())).await?;
            let (health, sentence) = match read {
                Act::Done(_) => (SourceHealth::Fresh, "read".to_owned()),
                other => (SourceHealth::Failed, format!("not read: {other:?}")),
            };
            let sources = vec![SourceReport { name: "feed".into(), health, sentence }];
            Ok(Report { sources, ..Report::default() })
        })
    }));
    const ABOUT: &str = "no-account/reader";
    bench.live(async |machine| {
        assert_eq!(machine.run("reader").await.outcome, Some(Outcome::Succeeded));
        machine.until("it is told", || alert(machine, ABOUT).is_some()).await;
        let sentence = alert(machine, ABOUT).unwrap();
        assert!(
            sentence.contains("there is no account `mian` for sim; `account add sim mian`"),
            "{sentence}"
        );
        let errors = machine.strategy("reader").errors;
        assert!(errors.len() == 1 && errors[0].starts_with("source feed: not read: "), "{errors:?}");
        add_account(machine, "mian", AccountKind::Bearer, &[("token", "CANARY-mian")]).await;
        machine.run("reader").await;
        machine.until("it is there", || alert(machine, ABOUT).is_none()).await;
        assert_eq!(machine.strategy("reader").errors, [""; 0]);
    });
}
