//! Telling the owner: what is durable before the channel is begun and after; backoff, storms, silences.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_services::alerts::{ATTEMPTS_MAX, Channel, Command, Message, TellSettings, Unseen, Unsilenced};
use mm_services::records::{AlertRow, SilenceRow, Sort};
use mm_services::testing::{Bench, Machine};
use mm_store::{Record, Span};

/// What the channel does with the next messages; after the last of them it delivers.
#[derive(Clone, Copy)]
enum Does {
    Fails,
    Hangs,
    Panics,
}

/// Writes down what it was given, and what it was told to do with it.
#[derive(Clone, Default)]
struct Recorder {
    given: Arc<Mutex<Vec<Message>>>,
    does: Arc<Mutex<Vec<Does>>>,
}

#[async_trait]
impl Channel for Recorder {
    async fn deliver(&self, command: &Command, message: &Message) -> Result<(), String> {
        assert_eq!(command.argv, ["/bin/tell-me"]);
        self.given.lock().unwrap().push(message.clone());
        let next = self.does.lock().unwrap().pop();
        match next {
            None => Ok(()),
            Some(Does::Fails) => Err("no network".to_owned()),
            Some(Does::Hangs) => std::future::pending().await,
            Some(Does::Panics) => panic!("as told"),
        }
    }
}

impl Recorder {
    fn given(&self) -> Vec<Message> {
        self.given.lock().unwrap().clone()
    }

    fn abouts(&self) -> Vec<String> {
        self.given().into_iter().map(|message| message.about).collect()
    }

    fn will(&self, does: impl IntoIterator<Item = Does>) {
        *self.does.lock().unwrap() = does.into_iter().collect();
    }
}

fn bench(seed: u64) -> (Bench, Recorder) {
    let (mut bench, recorder) = (Bench::new(seed), Recorder::default());
    bench.channel = Arc::new(recorder.clone());
    bench.settings.alerts = TellSettings {
        command: Some(Command { argv: vec!["/bin/tell-me".into()], timeout: Duration::from_secs(30) }),
        ..TellSettings::default()
    };
    (bench, recorder)
}

fn raise(machine: &Machine, about: &str) {
    machine.services.alerts.raise(&Space::machine(), about, format!("about {about}"));
}

fn row(machine: &Machine, about: &str) -> AlertRow {
    machine.store.get::<AlertRow>(&Space::machine(), about).unwrap().unwrap().value
}

/// Whether the row is there and is as asked.
fn is(machine: &Machine, about: &str, asked: impl Fn(&AlertRow) -> bool) -> bool {
    let found = machine.store.get::<AlertRow>(&Space::machine(), about).unwrap();
    found.is_some_and(|row| asked(&row.value))
}

fn count<R: Record>(machine: &Machine) -> usize {
    machine.store.scan::<R>(&Space::machine(), Span::all(), usize::MAX).unwrap().rows.len()
}

fn silence(machine: &Machine, hours: Option<u64>) -> SilenceRow {
    let since = machine.now();
    let until = hours.map(|hours| since.plus(Duration::from_secs(hours * 3600)));
    SilenceRow { reason: "known".into(), by: "operator".into(), since, until }
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn what_matters_is_told_once_and_the_rest_is_only_shown() {
    let (mut bench, told) = bench(1);
    bench.live(async |machine| {
        for about in ["disk", "found/a", "stopped/a"] {
            raise(machine, about);
            raise(machine, about);
        }
        machine.services.alerts.raise_as(Sort::Stops, &Space::machine(), "my-own", "it says so itself");
        machine.pass(HOUR).await;
        let given = told.given();
        assert_eq!(given.first().map(|message| (message.about.as_str(), message.more)), Some(("disk", 0)));
        // What came while the first was told is one message, the most severe first.
        assert_eq!(given.get(1).map(|message| (message.about.as_str(), message.more)), Some(("my-own", 1)));
        let second = serde_json::to_value(&given[1]).unwrap();
        assert_eq!(second["sentence"], "it says so itself (and 1 more)");
        assert_eq!((&second["sort"], &second["stamp"]), (&"stops".into(), &"sandbox".into()));
        assert_eq!(second["others"][0]["about"], "stopped/a");
        assert_eq!(given.len(), 2);
        let disk = row(machine, "disk");
        assert_eq!((disk.telling.attempts, disk.times), (1, 2));
        assert!(disk.telling.delivered_at.is_some() && disk.telling.next_try.is_none());
        assert_eq!(row(machine, "found/a").telling.attempts, 0);
        assert_eq!(machine.audit_of("alert.delivered").len(), 3);
        // Over, and there again: that is news.
        machine.services.alerts.clear(&Space::machine(), "disk");
        raise(machine, "disk");
        machine.pass(HOUR).await;
        assert_eq!(told.abouts(), ["disk", "my-own", "disk"]);
    });
    bench.live(async |machine| {
        machine.pass(24 * HOUR).await;
        assert_eq!(told.given().len(), 3, "what was told is not told again");
    });
}

#[test]
fn that_it_is_sent_is_durable_before_the_channel_is_begun_and_a_kill_tells_twice_and_not_never() {
    let (mut bench, told) = bench(2);
    told.will([Does::Hangs]);
    bench.live(async |machine| {
        raise(machine, "disk");
        machine.until("the channel is begun", || told.given().len() == 1).await;
        // What a kill at this moment leaves behind.
        let row = row(machine, "disk").telling;
        assert_eq!((row.attempts, row.delivered_at, row.error), (1, None, None));
        assert!(row.sent_at.is_some() && row.next_try > row.sent_at);
    });
    let at_kill = bench.look();
    let left = at_kill.get::<AlertRow>(&Space::machine(), "disk").unwrap().unwrap().value.telling;
    assert!(left.sent_at.is_some(), "it was durable, not only in memory");
    bench.live(async |machine| {
        machine.until("it is told again", || told.given().len() == 2).await;
        assert!(machine.now() >= left.next_try.unwrap(), "not before its next try");
        machine
            .until("it is delivered", || is(machine, "disk", |row| row.telling.delivered_at.is_some()))
            .await;
        machine.pass(24 * HOUR).await;
        assert_eq!(told.given().len(), 2);
    });
}

#[test]
fn a_channel_that_fails_is_tried_with_backoff_and_then_given_up() {
    let (mut bench, told) = bench(3);
    told.will([Does::Panics, Does::Fails]);
    bench.live(async |machine| {
        raise(machine, "disk");
        machine
            .until("it is delivered", || is(machine, "disk", |row| row.telling.delivered_at.is_some()))
            .await;
        let telling = row(machine, "disk").telling;
        assert_eq!((telling.attempts, telling.error), (3, None));
        told.will([Does::Fails; 100]);
        let before = machine.now();
        raise(machine, "stopped/a");
        machine.until("it is given up", || !machine.audit_of("alert.undelivered").is_empty()).await;
        assert!(machine.now().since(before) > Duration::from_secs(600), "it was in no hurry");
        let telling = row(machine, "stopped/a").telling;
        assert_eq!((telling.attempts, telling.next_try), (ATTEMPTS_MAX, None));
        assert_eq!(telling.error.as_deref(), Some("no network"));
        let begun = told.given().len();
        machine.pass(48 * HOUR).await;
        assert_eq!(told.given().len(), begun, "it is not told any more");
    });
    bench.live(async |machine| {
        let begun = told.given().len();
        machine.pass(48 * HOUR).await;
        assert_eq!(told.given().len(), begun, "nor after a restart");
    });
}

#[test]
fn a_storm_is_a_message_or_two_and_kills_make_no_flood() {
    let (mut bench, told) = bench(4);
    const LIVES: usize = 15;
    const EACH: usize = 20;
    let least = bench.settings.alerts.min_interval;
    for life in 0..LIVES {
        bench.live(async |machine| {
            for n in 0..EACH {
                raise(machine, &format!("stopped/{life}-{n}"));
            }
            machine.until("they are there", || count::<AlertRow>(machine) == EACH * (life + 1)).await;
            machine.pass(Duration::from_secs(5)).await;
        });
    }
    bench.live(async |machine| {
        machine.pass(3 * HOUR).await;
        let given = told.given();
        let times: u64 = given.iter().map(|message| message.more + 1).sum();
        assert_eq!(times, (LIVES * EACH) as u64, "each is told, once");
        assert!(given.len() <= 10, "{} messages", given.len());
        assert!(given.iter().all(|message| message.others.len() <= 10));
        let sent = machine.audit_of("alert.delivered").len();
        assert_eq!(sent, LIVES * EACH);
        let mut begun: Vec<Moment> = machine
            .store
            .scan::<AlertRow>(&Space::machine(), Span::all(), usize::MAX)
            .unwrap()
            .into_values()
            .filter_map(|row| row.telling.sent_at)
            .collect();
        begun.sort();
        begun.dedup();
        for two in begun.windows(2) {
            assert!(two[1].since(two[0]) >= least, "two messages within {:?}", two[1].since(two[0]));
        }
        for first in &begun {
            let hour = begun.iter().filter(|at| **at >= *first && at.since(*first) < HOUR).count();
            assert!(hour <= 12, "{hour} messages in an hour");
        }
    });
}

#[test]
fn a_silence_holds_over_restarts_and_what_is_open_when_it_ends_is_told() {
    let (mut bench, told) = bench(5);
    bench.live(async |machine| {
        let alerts = &machine.services.alerts;
        alerts.silence("stopped/*", silence(machine, Some(2))).await.unwrap().unwrap();
        alerts.silence("disk", silence(machine, None)).await.unwrap().unwrap();
        let refused = alerts.silence("*", silence(machine, None)).await.unwrap();
        assert_eq!(refused, Err(Unsilenced::Everything));
        raise(machine, "stopped/a");
        raise(machine, "disk");
        machine.pass(Duration::from_secs(60)).await;
        assert_eq!(machine.alerts().len(), 2, "they are raised and shown");
        assert_eq!(machine.audit_of("alert.silenced").len(), 2);
    });
    bench.live(async |machine| {
        let alerts = &machine.services.alerts;
        machine.pass(HOUR).await;
        assert!(told.given().is_empty());
        machine.pass(2 * HOUR).await;
        assert_eq!(told.abouts(), ["stopped/a"], "its silence has ended");
        assert_eq!(
            alerts.unsilence("dosk", "operator").await.unwrap(),
            Err(Unsilenced::Unknown("dosk".into()))
        );
        alerts.unsilence("disk", "operator").await.unwrap().unwrap();
        machine.until("it is told", || told.abouts() == ["stopped/a", "disk"]).await;
        assert_eq!(machine.audit_of("alert.unsilenced").len(), 1);
        machine.pass(25 * HOUR).await;
        assert_eq!(count::<SilenceRow>(machine), 0, "what has ended is forgotten");
    });
}

#[test]
fn what_was_seen_or_is_over_is_not_told_any_more() {
    let (mut bench, told) = bench(6);
    told.will([Does::Fails; 2]);
    bench.live(async |machine| {
        let alerts = &machine.services.alerts;
        raise(machine, "disk");
        machine.until("it was tried", || is(machine, "disk", |row| row.telling.error.is_some())).await;
        assert_eq!(alerts.seen(Some("disk".into())).await.unwrap(), Ok(1));
        assert_eq!(alerts.seen(Some("dosk".into())).await.unwrap(), Err(Unseen::Unknown("dosk".into())));
        machine.pass(HOUR).await;
        assert!(row(machine, "disk").seen_at.is_some());
        raise(machine, "stopped/a");
        machine.until("it was tried", || is(machine, "stopped/a", |row| row.telling.error.is_some())).await;
        alerts.clear(&Space::machine(), "stopped/a");
        machine.pass(24 * HOUR).await;
        assert_eq!(told.abouts(), ["disk", "stopped/a"]);
        assert_eq!(alerts.seen(None).await.unwrap(), Ok(0), "all that are open were seen");
    });
}

#[test]
fn an_actor_that_trips_is_told_although_its_budget_writes_the_alert() {
    use mm_supervision::BudgetStore as _;
    let (mut bench, told) = bench(7);
    bench.live(async |machine| {
        let budgets =
            mm_services::budgets::StoredBudgets::telling(machine.store.clone(), &machine.services.alerts);
        let at = machine.now().unix_ms();
        budgets.trip("kernel/strategies/default/a", "it failed", at).await.unwrap();
        machine.until("it is told", || told.abouts() == ["tripped/kernel/strategies/default/a"]).await;
        let command = told.given().remove(0).command;
        assert_eq!(command, "money-machine actors show kernel/strategies/default/a");
    });
}

#[test]
fn the_same_world_tells_the_same_in_the_same_order() {
    let lived = |seed| {
        let (mut bench, told) = bench(seed);
        told.will([Does::Fails; 3]);
        for _ in 0..2 {
            bench.live(async |machine| {
                for about in ["stopped/b", "disk", "stopped/a", "safe-mode", "found/a"] {
                    raise(machine, about);
                }
                machine.pass(HOUR).await;
            });
        }
        (told.given(), bench.now)
    };
    assert_eq!(lived(8), lived(8));
    let order: Vec<String> = lived(8).0.into_iter().map(|message| message.about).collect();
    assert_eq!(order.get(1).map(String::as_str), Some("safe-mode"), "the most severe first: {order:?}");
}

/// Tells only when it is let.
struct Gated(Arc<tokio::sync::Notify>, Arc<Mutex<u32>>);

#[async_trait]
impl Channel for Gated {
    async fn deliver(&self, _: &Command, _: &Message) -> Result<(), String> {
        *self.1.lock().unwrap() += 1;
        self.0.notified().await;
        Ok(())
    }
}

#[test]
fn a_storm_that_fills_the_mailbox_loses_no_alert_and_silences_nothing() {
    let (mut bench, _) = bench(99);
    let (gate, begun) = (Arc::new(tokio::sync::Notify::new()), Arc::new(Mutex::new(0)));
    bench.channel = Arc::new(Gated(gate.clone(), begun.clone()));
    bench.live(async |machine| {
        raise(machine, "disk");
        machine.until("it is told", || *begun.lock().unwrap() == 1).await;
        gate.notify_one();
        for n in 0..1100 {
            machine.services.alerts.raise(&Space::machine(), format!("source/{n}"), "storm");
        }
        machine.services.alerts.clear(&Space::machine(), "source/1099");
        machine.pass(HOUR).await;
        assert!(row(machine, "disk").telling.delivered_at.is_some());
        assert!(row(machine, "source/1098").cleared_at.is_none(), "what did not fit is on record");
        assert!(row(machine, "source/1099").cleared_at.is_some(), "and in order");
        raise(machine, "safe-mode");
        machine.until("the next is told", || *begun.lock().unwrap() == 2).await;
    });
}
