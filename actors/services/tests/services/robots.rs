//! Pages that no API covers: nothing is read of a site before its robots.txt was, and by no word but that.

use std::time::Duration;

use mm_core::action::Action;
use mm_core::action::Request;
use mm_core::activity::ActionRecord;
use mm_core::error::TransportFault;
use mm_core::id::Space;
use mm_sdk::{Act, Report};
use mm_services::testing::{Bench, HOST, Machine, PLATFORM, Said, Script, action, pack as plain, rule, url};
use mm_store::Span;

const LAW: &str = r#"
[pack]
platform = "*"
version = 1
about = "pages"

[[rule]]
id = "law/robots"
action = "fetch-page"
verdict = "forbid"
reason = "robots.txt asks that the page is not read"
source = "RFC 9309"
clause = "disallow"
certainty = "primary"
reviewed = 2026-11-22
[rule.conditions]
facts = { robots = ["disallow"] }
"#;

/// A site whose pages may be read, where its robots.txt says so.
fn pack(kinds: &[&str]) -> String {
    let own = |kind: &&str| {
        rule(&format!("{PLATFORM}/{kind}"), kind, "permit", "GET", &format!("https://{HOST}/*"))
    };
    plain(1_000, "1d") + &kinds.iter().map(own).collect::<String>()
}

/// Reads `/page` as a page; its proposer claims that it may.
fn reader() -> Script {
    Script::new("reader", |cx| {
        Box::pin(async move {
            let facts = [("robots".to_owned(), "allow".to_owned())].into();
            let page = Action { facts, ..action("fetch-page", Request::get(url("/page"))) };
            let said = match cx.act("s1", page).await? {
                Act::Done(answer) => format!("done {}", answer.status),
                Act::Refused(refusal) => refusal.why,
                Act::Pending(id) => format!("pending {id}"),
            };
            Ok(Report { errors: vec![said], ..Report::default() })
        })
    })
}

fn bench(kinds: &[&str]) -> Bench {
    let mut bench = Bench::new(1);
    bench.rules.put("sim.toml", &pack(kinds));
    bench.rules.put("law-robots.toml", LAW);
    bench.install(reader());
    bench
}

async fn said(machine: &Machine) -> String {
    machine.run("reader").await.errors.join("; ")
}

fn site(bench: &Bench, robots: impl Fn() -> Said + Send + Sync + 'static) {
    bench.world.answer(move |request| match request.path() {
        "/robots.txt" => robots(),
        _ => Said::status(200, "a page"),
    });
}

const BOTH: &[&str] = &["fetch-page", "robots-txt"];

#[test]
fn a_page_is_read_where_its_robots_txt_allows_it_and_the_file_is_kept_for_a_day() {
    let mut bench = bench(BOTH);
    site(&bench, || Said::status(200, "User-agent: *\nDisallow: /private\n"));
    bench.live(async |machine| {
        assert_eq!(said(machine).await, "done 200");
        assert_eq!(said(machine).await, "done 200");
        assert_eq!(machine.world.paths(), ["GET /robots.txt", "GET /page", "GET /page"]);
        let own = machine.store.scan::<ActionRecord>(&Space::machine(), Span::all(), 9).unwrap();
        assert!(own.rows.iter().any(|(_, row)| row.value.strategy.as_str() == "system.robots"));
    });
    // Over a restart, too; and after a day it is asked for again.
    bench.live(async |machine| {
        assert_eq!(said(machine).await, "done 200");
        assert_eq!(machine.world.count(), 4);
        machine.pass(Duration::from_secs(24 * 3600)).await;
        assert_eq!(said(machine).await, "done 200");
        assert_eq!(machine.world.paths()[4..], ["GET /robots.txt", "GET /page"]);
    });
}

#[test]
fn a_page_that_is_disallowed_is_not_read_whatever_its_proposer_claims() {
    let mut bench = bench(BOTH);
    site(&bench, || Said::status(200, "User-agent: money-machine\nDisallow: /page\n"));
    bench.live(async |machine| {
        assert!(said(machine).await.contains("robots.txt asks that the page is not read"));
        assert_eq!(machine.world.paths(), ["GET /robots.txt"]);
    });
}

#[test]
fn no_file_restricts_nothing_and_a_file_that_cannot_be_had_everything() {
    for (answer, read) in [
        (Said::status(404, "gone"), true),
        (Said::status(403, "no"), true),
        (Said::status(500, "User-agent: *\nAllow: /\n"), false),
        (Said::status(503, ""), false),
        (Said::fault(TransportFault::Timeout), false),
        (Said::fault(TransportFault::Dns), false),
        (Said::fault(TransportFault::TooLarge { max_bytes: 1 << 20 }), false),
        (Said::redirect(302, "https://127.0.0.1/robots.txt"), false),
        (Said::redirect(302, "/robots.txt"), false),
    ] {
        let mut bench = bench(BOTH);
        let given = answer.clone();
        site(&bench, move || given.clone());
        bench.live(async |machine| {
            let said = said(machine).await;
            let due = if read { "done 200" } else { "robots.txt could not be read, so the page is not" };
            assert_eq!(said, due, "{answer:?}");
            assert_eq!(machine.world.paths().contains(&"GET /page".to_owned()), read, "{answer:?}");
        });
    }
}

#[test]
fn a_site_whose_pack_does_not_permit_its_robots_txt_is_not_read() {
    let mut bench = bench(&["fetch-page"]);
    site(&bench, || Said::status(200, ""));
    bench.live(async |machine| {
        assert!(said(machine).await.contains("robots.txt could not be read"));
        assert_eq!(machine.world.count(), 0);
    });
}

#[test]
fn a_file_that_is_not_asked_for_outside_the_hours_closes_no_site() {
    let mut bench = bench(BOTH);
    site(&bench, || Said::status(404, "gone"));
    let hours = mm_core::schedule::Hours::parse("14:00-15:00", "UTC").unwrap();
    bench.settings.platform_hours.insert(PLATFORM.parse().unwrap(), hours);
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(110 * 60)).await;
        let why = said(machine).await;
        assert!(why.contains("14:00-15:00 UTC") && !why.contains("robots"), "{why}");
        assert_eq!(machine.world.count(), 0);
        machine.pass(Duration::from_secs(11 * 60)).await;
        assert_eq!(said(machine).await, "done 200");
    });
}
