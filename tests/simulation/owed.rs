//! Money planted in the books, or kept out of them: what no platform told must be noticed, and what one did must be
//! there. Some of it is altered in the rows with its entry, as a mistake in the machine would have left it; some on
//! the wire, as one in what reads an answer would: then all books agree with one another.

use std::sync::Arc;

use async_trait::async_trait;
use mm_core::error::TransportFault;
use mm_core::id::Space;
use mm_core::ledger::{Currency, Earning, Entry, Money, Source, Stage};
use mm_permit::Cleared;
use mm_services::transport::{RawAnswer, Transport};
use mm_store::{Change, Key};
use money_machine::machine::Seams;
use money_machine::simulation::check::{Evidence, awarded, check, owed};
use money_machine::simulation::{Plan, Simulation, paused};
use serde_json::json;

use crate::HOUR;

/// A machine that has read the networks for some hours, with so many days in its books.
fn reading(seed: u64, hours: u32, wrap: impl Fn(Seams) -> Seams + Send + Sync + 'static) -> Simulation {
    let mut plan = Plan::new(seed, paused::runtime).wrapped(wrap);
    plan.config.strategies.values_mut().for_each(|strategy| strategy.enabled = false);
    let own = json!({"impact": {"account": "main", "sid": "IR1"}, "awin": {"account": "main", "publisher": 7},
        "cj": {"account": "main", "publisher": 7, "currency": "EUR"}, "days_back": 90});
    let affiliate = plan.config.strategies.entry("affiliate".to_owned()).or_default();
    affiliate.enabled = true;
    affiliate.config.table = own.as_object().unwrap().clone();
    let mut simulation = Simulation::new(plan);
    for platform in ["impact", "awin", "cj"] {
        let (kind, field) = match platform {
            "impact" => (json!({"Basic": {"user": "IR1"}}), "password"),
            _ => (json!("Bearer"), "token"),
        };
        let account = json!({"kind": kind, "email": "me@example.org", "secrets": {field: "sandbox-octo.1"}});
        let (status, said) = simulation.ask("POST", &format!("/accounts/{platform}/main/add"), &account);
        assert_eq!(status, 200, "{said}");
    }
    simulation.run_for(HOUR * hours).unwrap();
    simulation
}

/// An earning of a network that has one entry, is worth something, and was not taken back; with that entry.
fn one(e: &Evidence, platform: &str) -> (Earning, Entry) {
    let fits = |one: &&Earning| {
        let stands = one.last.as_ref().is_some_and(|last| last.stage != Stage::Reversed);
        one.platform.as_str() == platform && one.steps.len() == 1 && stands
    };
    let earning = e.rows::<Earning>().values().find(fits).unwrap().clone();
    let entry = e.rows::<Entry>().remove(&format!("{}-1", earning.id)).unwrap();
    (earning, entry)
}

fn put(earning: &Earning, entry: &Entry) -> Change {
    let own = Space::default_owner();
    let change = Change::new().put(&own, earning.id.as_str(), earning).unwrap();
    change.put(&own, entry.id.as_str(), entry).unwrap()
}

/// The same with other money, in the earning and in its entry.
fn with_money(e: &Evidence, platform: &str, other: fn(Money) -> Money) -> Change {
    let (mut earning, mut entry) = one(e, platform);
    let last = earning.last.as_mut().unwrap();
    last.amount = other(last.amount);
    for posting in &mut entry.postings {
        posting.money = other(posting.money);
    }
    put(&earning, &entry)
}

fn a_cent_more(money: Money) -> Money {
    let cent = mm_core::Decimal::new(1, 2);
    let sign = if money.amount() < mm_core::Decimal::ZERO { -cent } else { cent };
    money.plus(Money::new(sign, money.currency()).unwrap()).unwrap()
}

fn in_yen(money: Money) -> Money {
    Money::new(money.amount().trunc(), "JPY".parse::<Currency>().unwrap()).unwrap()
}

fn under_a_second_reference(e: &Evidence, platform: &str) -> Change {
    let (mut earning, mut entry) = one(e, platform);
    earning.reference.push('0');
    earning.id = Earning::id_of(&earning.platform, &earning.reference);
    entry.id = mm_core::id::EntryId::new(format!("{}-1", earning.id));
    (entry.earning, entry.reference) = (earning.id.clone(), earning.reference.clone());
    put(&earning, &entry)
}

fn lost(e: &Evidence, platform: &str) -> Change {
    let (earning, entry) = one(e, platform);
    let own = Space::default_owner();
    let gone = Change::new().delete(Key::of::<Earning>(&own, earning.id.as_str()).unwrap());
    gone.delete(Key::of::<Entry>(&own, entry.id.as_str()).unwrap())
}

/// What was taken back is owed again.
fn not_taken_back(e: &Evidence, platform: &str) -> Change {
    let is_back = |one: &&Earning| {
        let back = one.last.as_ref().is_some_and(|last| last.stage == Stage::Reversed);
        one.platform.as_str() == platform && back
    };
    let mut earning = e.rows::<Earning>().values().find(is_back).unwrap().clone();
    earning.last.as_mut().unwrap().stage = Stage::Approved;
    Change::new().put(&Space::default_owner(), earning.id.as_str(), &earning).unwrap()
}

type Plant = (&'static str, fn(&Evidence, &str) -> Change, &'static str);

#[test]
fn what_no_network_told_is_noticed_in_the_books() {
    let simulation = reading(61, 7, |seams| seams);
    let sound = Evidence::of_busy(&simulation);
    assert_eq!(check(&sound), Vec::<String>::new());
    assert!(sound.rows::<Earning>().len() > 300);
    let plants: [Plant; 5] = [
        ("a cent more", |e, of| with_money(e, of, a_cent_more), "in the books, and was"),
        ("another currency", |e, of| with_money(e, of, in_yen), "in the books, and was"),
        ("a second reference", under_a_second_reference, "never told of the earning"),
        ("lost", lost, "is not in the books, where"),
        ("not taken back", not_taken_back, "in the books, and was"),
    ];
    for platform in ["impact", "awin", "cj"] {
        for (what, change, words) in plants {
            let e = Evidence::of_busy(&simulation);
            e.store.commit_blocking(change(&e, platform)).unwrap();
            let wrong = owed(&e);
            let said = wrong.iter().any(|line| line.contains(words) && line.starts_with(platform));
            assert!(said && wrong.len() == 1, "{platform}, {what}: no `{words}` in {wrong:?}");
        }
    }
    // What the owner tells of himself is his word.
    let (mut earning, entry) = one(&sound, "awin");
    earning.last.as_mut().unwrap().evidence.source = Source::Owner;
    "rehearsed-1".clone_into(&mut earning.reference);
    earning.id = Earning::id_of(&earning.platform, &earning.reference);
    sound.store.commit_blocking(put(&earning, &entry)).unwrap();
    assert_eq!(owed(&sound), Vec::<String>::new());
}

/// Answers that come otherwise than they were sent.
struct Misread {
    inner: Arc<dyn Transport>,
    host: &'static str,
    alter: fn(String) -> String,
}

#[async_trait]
impl Transport for Misread {
    async fn exchange(&self, cleared: Cleared) -> Result<RawAnswer, TransportFault> {
        let is_there = cleared.request().url().host() == self.host;
        let answer = self.inner.exchange(cleared).await?;
        if !is_there {
            return Ok(answer);
        }
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        Ok(RawAnswer { body: (self.alter)(text).into_bytes(), ..answer })
    }
}

fn misread(host: &'static str, alter: fn(String) -> String) -> impl Fn(Seams) -> Seams {
    move |seams| {
        let inner = seams.transport.clone();
        Seams { transport: Arc::new(Misread { inner, host, alter }), ..seams }
    }
}

/// All other parts of the checker find such books sound: they agree with one another.
#[test]
fn an_answer_that_is_misread_is_noticed() {
    type Alter = fn(String) -> String;
    let plants: [(&str, u32, &'static str, Alter, &str); 4] = [
        // One sale of so many pays ten more.
        (
            "off by ten",
            7,
            "api.awin.com",
            |text| {
                text.replacen("\"commissionAmount\":{\"amount\":1", "\"commissionAmount\":{\"amount\":11", 1)
            },
            "in the books, and was",
        ),
        (
            "reversals are dropped",
            7,
            "api.awin.com",
            |text| text.replace("\"declined\"", "\"approved\"").replace("\"deleted\"", "\"approved\""),
            "in the books, and was",
        ),
        (
            "one page is read",
            20,
            "commissions.api.cj.com",
            |text| text.replace("\"payloadComplete\":false", "\"payloadComplete\":true"),
            "is in no list of the last 3 runs",
        ),
        (
            "one sale under two references",
            7,
            "api.impact.com",
            |text| text.replacen("\"Id\":\"1000.", "\"Id\":\"1001.", 1),
            "never told of the earning",
        ),
    ];
    for (what, hours, host, alter, words) in plants {
        let simulation = reading(62, hours, misread(host, alter));
        let wrong = check(&Evidence::of_busy(&simulation));
        let alone = wrong.iter().all(|line| line.starts_with("owed: "));
        assert!(alone && wrong.iter().any(|line| line.contains(words)), "{what}: no `{words}` in {wrong:?}");
    }
}

/// A machine with an account at HackerOne.
fn hunting(seed: u64) -> Simulation {
    let mut plan = Plan::new(seed, paused::runtime);
    let own = &mut plan.config.strategies.get_mut("bug-bounty").unwrap().config.table;
    own.insert("hackerone_account".to_owned(), json!("main"));
    let mut simulation = Simulation::new(plan);
    let account = json!({"kind": {"Basic": {"user": "me"}}, "email": "me@example.org",
        "secrets": {"password": "sandbox-octo.hackerone_main"}});
    let (status, said) = simulation.ask("POST", "/accounts/hackerone/main/add", &account);
    assert_eq!(status, 200, "{said}");
    simulation.run_for(HOUR * 3).unwrap();
    simulation
}

/// It was earned, and is said to be hoped for.
fn led_back(e: &Evidence, platform: &str) -> Change {
    let (mut earning, entry) = one(e, platform);
    earning.last.as_mut().unwrap().stage = Stage::Expected;
    put(&earning, &entry)
}

/// It was never sent, and is said to have arrived.
fn led_on(e: &Evidence, platform: &str) -> Change {
    let (mut earning, entry) = one(e, platform);
    earning.last.as_mut().unwrap().stage = Stage::Cleared;
    put(&earning, &entry)
}

#[test]
fn what_hackerone_never_awarded_is_noticed_in_the_books() {
    let simulation = hunting(65);
    let sound = Evidence::of_busy(&simulation);
    assert_eq!(check(&sound), Vec::<String>::new());
    let of_it = sound.rows::<Earning>().into_values().filter(|one| one.platform.as_str() == "hackerone");
    assert!(of_it.count() > 10);
    let plants: [Plant; 6] = [
        ("a cent more", |e, of| with_money(e, of, a_cent_more), "in the books, and is"),
        ("another currency", |e, of| with_money(e, of, in_yen), "in the books, and is"),
        ("a second reference", under_a_second_reference, "was never awarded"),
        ("lost", lost, "is in the books 0 times"),
        ("led back", led_back, "in the books, and is"),
        ("led on", led_on, "in the books, and is"),
    ];
    for (what, change, words) in plants {
        let e = Evidence::of_busy(&simulation);
        e.store.commit_blocking(change(&e, "hackerone")).unwrap();
        let wrong = awarded(&e);
        assert!(wrong.len() == 1 && wrong[0].contains(words), "{what}: no `{words}` in {wrong:?}");
    }
}
