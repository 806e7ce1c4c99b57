//! Credentials planted where they are not to be: at another platform, in an address, in a body, in an answer of the
//! admin. Each must be noticed.

use mm_core::id::Space;
use mm_core::opportunity::Opportunity;
use mm_store::Change;
use money_machine::simulation::check::{Evidence, check, tokens};
use money_machine::simulation::{Plan, Simulation, paused};
use serde_json::Value;

use crate::HOUR;

/// The token of a played account at HackerOne, and the same as a password is sent.
const TOKEN: &str = "sandbox-octo.hackerone_main";
const AS_PASSWORD: &str = "Basic bWU6c2FuZGJveC1vY3RvLmhhY2tlcm9uZV9tYWlu";

fn machine(seed: u64) -> Simulation {
    let mut simulation = Simulation::new(Plan::new(seed, paused::runtime));
    simulation.run_for(HOUR).unwrap();
    simulation
}

#[test]
fn a_token_that_goes_astray_is_noticed() {
    let simulation = machine(63);
    type Alter = fn(&mut Evidence, &str);
    let header: Alter = |e, url| {
        let last = e.received.last_mut().unwrap();
        url.clone_into(&mut last.url);
        last.headers.push(("authorization".to_owned(), AS_PASSWORD.to_owned()));
    };
    let address: Alter = |e, url| e.received.last_mut().unwrap().url = format!("{url}?token={TOKEN}");
    let body: Alter = |e, url| {
        let last = e.received.last_mut().unwrap();
        url.clone_into(&mut last.url);
        last.body = Some(format!("my token is {TOKEN}"));
    };
    let noticed = |alter: Alter, url: &str| {
        let mut e = Evidence::of_busy(&simulation);
        alter(&mut e, url);
        tokens(&e)
    };
    let own = "https://api.hackerone.com/v1/hackers/programs";
    assert_eq!(noticed(header, own), Vec::<String>::new());
    for (alter, url) in [
        (header, "https://api.intigriti.com/external/researcher/v1/programs"),
        (
            header,
            "https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json",
        ),
        (header, "https://api.hackerone.com.example/v1"),
        (address, own),
        (body, own),
    ] {
        let wrong = noticed(alter, url);
        assert!(wrong.len() == 1 && wrong[0].contains("was sent to"), "{url}: {wrong:?}");
    }
}

#[test]
fn a_token_in_an_answer_of_the_admin_is_noticed() {
    let simulation = machine(64);
    assert_eq!(check(&Evidence::of_busy(&simulation)), Vec::<String>::new());
    let rows = Evidence::of_busy(&simulation).rows::<Opportunity>();
    let (id, row) = rows.into_iter().next().unwrap();
    let planted = Opportunity { title: format!("told with {TOKEN}"), ..row.clone() };
    let put = |row: &Opportunity| Change::new().put(&Space::default_owner(), &id, row).unwrap();
    let store = simulation.live_store();
    store.commit_blocking(put(&planted)).unwrap();
    let (status, _) = simulation.ask("GET", &format!("/opportunities/{id}"), &Value::Null);
    assert_eq!(status, 200);
    store.commit_blocking(put(&row)).unwrap();
    let wrong = check(&Evidence::of_busy(&simulation));
    assert!(wrong.iter().any(|line| line.contains("`leaked GET")), "{wrong:?}");
}
