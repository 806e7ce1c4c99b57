//! The breaker of a strategy, through its host: durable, deaf to what began before a transition, and never
//! without a way out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mm_core::breaker::State;
use mm_core::run::{Outcome, RunRecord, Trigger};
use mm_sdk::Report;
use mm_services::strategies::{NotStarted, Word};
use mm_services::testing::{Bench, Machine, Said, Script, read};

/// Reads `/a`, then fails or not, as the switch says.
fn switched(fails: &Arc<AtomicBool>) -> Script {
    let fails = fails.clone();
    Script::new("reader", move |cx| {
        let fails = fails.clone();
        Box::pin(async move {
            read(cx, "s1", "/a").await?;
            match fails.load(Ordering::SeqCst) {
                true => Err(mm_sdk::Fault::transient("as told")),
                false => Ok(Report::default()),
            }
        })
    })
}

fn slow(bench: &Bench) {
    bench.world.answer(|_| Said::status(200, "").after(Duration::from_secs(30)));
}

async fn say(machine: &Machine, word: Word) {
    assert!(machine.services.strategies.say("reader", word).await.unwrap());
}

async fn by(machine: &Machine, trigger: Trigger) -> Result<RunRecord, NotStarted> {
    machine.services.strategies.start("reader", trigger).await.unwrap()?;
    Ok(machine.idle("reader").await.unwrap())
}

async fn tick(machine: &Machine) -> Result<RunRecord, NotStarted> {
    by(machine, Trigger::Tick(machine.now())).await
}

fn state(machine: &Machine) -> State {
    machine.strategy("reader").breaker.state().clone()
}

async fn status(machine: &Machine) -> &'static str {
    machine.services.strategies.standing("reader").await.unwrap().unwrap().status()
}

#[test]
fn a_strategy_that_is_isolated_does_not_run_for_anybody_until_it_is_resumed() {
    let mut bench = Bench::new(1);
    bench.install(switched(&Arc::default()));
    bench.live(async |machine| say(machine, Word::Isolate("it is odd".into())).await);
    bench.live(async |machine| {
        assert_eq!(status(machine).await, "tripped");
        assert!(matches!(state(machine), State::Isolated { reason, .. } if reason == "it is odd"));
        machine.pass(Duration::from_secs(7 * 86_400)).await;
        for trigger in [Trigger::Tick(machine.now()), Trigger::Operator, Trigger::Once] {
            let refused = by(machine, trigger).await.unwrap_err();
            assert!(matches!(&refused, NotStarted::Isolated(why) if why == "it is odd"), "{refused}");
        }
        let told = machine.audit_of("strategy.isolated");
        assert!(told.len() == 1 && told[0].contains("it is odd") && told[0].contains("owner"), "{told:?}");
        say(machine, Word::Resume(None)).await;
    });
    bench.live(async |machine| {
        assert_eq!(tick(machine).await.unwrap().outcome, Some(Outcome::Succeeded), "the probe");
        assert_eq!(status(machine).await, "active");
        assert_eq!(machine.world.count(), 1);
    });
}

/// However the run ends, and whether the isolation still holds by then.
#[test]
fn a_run_that_began_before_a_transition_says_nothing_when_it_ends_after_it() {
    for (fails, resumed) in [(false, false), (true, false), (false, true), (true, true)] {
        let switch = Arc::new(AtomicBool::new(fails));
        let mut bench = Bench::new(2);
        bench.install(switched(&switch));
        slow(&bench);
        bench.live(async |machine| {
            machine.services.strategies.start("reader", Trigger::Operator).await.unwrap().unwrap();
            machine.until("it is under way", || machine.world.count() == 1).await;
            say(machine, Word::Isolate("it is odd".into())).await;
            if resumed {
                say(machine, Word::Resume(None)).await;
            }
            let before = machine.strategy("reader").breaker;
            let expected = if fails { Outcome::Failed } else { Outcome::Succeeded };
            assert_eq!(machine.idle("reader").await.unwrap().outcome, Some(expected));
            assert_eq!(machine.strategy("reader").breaker, before, "fails {fails}, resumed {resumed}");
            if !resumed {
                assert!(tick(machine).await.is_err());
                say(machine, Word::Resume(None)).await;
            }
            switch.store(false, Ordering::SeqCst);
            assert_eq!(tick(machine).await.unwrap().outcome, Some(Outcome::Succeeded));
            assert_eq!(state(machine), State::Closed { failures: 0 });
        });
    }
}

#[test]
fn a_run_that_was_cut_off_is_not_taken_up_while_its_strategy_is_isolated() {
    let mut bench = Bench::new(3);
    bench.install(switched(&Arc::default()));
    slow(&bench);
    bench.live(async |machine| {
        machine.services.strategies.start("reader", Trigger::Operator).await.unwrap().unwrap();
        machine.until("it is under way", || machine.world.count() == 1).await;
        say(machine, Word::Isolate("it is odd".into())).await;
    });
    bench.live(async |machine| {
        assert_eq!(machine.idle("reader").await.unwrap().outcome, Some(Outcome::Interrupted));
        assert_eq!((machine.world.count(), status(machine).await), (1, "tripped"));
    });
}

#[test]
fn the_next_try_is_the_same_over_restarts_and_a_probe_that_is_cut_off_gives_its_turn_back() {
    let switch = Arc::new(AtomicBool::new(true));
    let mut bench = Bench::new(4);
    bench.install(switched(&switch));
    let until = Mutex::new(None);
    bench.live(async |machine| {
        for _ in 0..3 {
            tick(machine).await.unwrap();
        }
        let State::Open { until: Some(at), .. } = state(machine) else { panic!("{:?}", state(machine)) };
        *until.lock().unwrap() = Some(at);
    });
    slow(&bench);
    bench.live(async |machine| {
        assert!(matches!(state(machine), State::Open { until: at, .. } if at == *until.lock().unwrap()));
        assert!(tick(machine).await.is_err());
        machine.pass(Duration::from_secs(61)).await;
        let trigger = Trigger::Tick(machine.now());
        machine.services.strategies.start("reader", trigger).await.unwrap().unwrap();
        machine.until("the probe is under way", || machine.world.count() == 4).await;
        assert!(matches!(state(machine), State::HalfOpen { .. }));
    });
    // Its code is another, so the probe is not taken up but begun afresh; as a probe again.
    switch.store(false, Ordering::SeqCst);
    bench.install(switched(&switch).version(2));
    bench.live(async |machine| {
        let run = machine.idle("reader").await.unwrap();
        assert_eq!((run.outcome, run.code_version), (Some(Outcome::Succeeded), 2));
        assert_eq!(state(machine), State::Closed { failures: 0 });
    });
}
