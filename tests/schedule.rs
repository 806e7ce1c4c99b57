//! Schedules through the real binary: shown before they are saved, kept over a kill, cancelled, changed by
//! the configuration, and each tick explained.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays the outside world")]

#[expect(dead_code, reason = "it serves other tests as well")]
#[path = "daemon/harness.rs"]
mod harness;

use harness::{Daemon, Home, Outside};
use serde_json::Value;

const CONFIG: &str = "[user]\ntimezone = \"America/New_York\"\n[strategies.bug-bounty]\nenabled = true\nschedule = \"every 6h\"\n";

fn start(home: &Home, outside: &Outside) -> Daemon {
    home.write("c.toml", CONFIG);
    home.start(&format!("{} --config c.toml", outside.run()))
}

fn show(home: &Home) -> Value {
    home.json("schedule show bug-bounty")
}

fn runs(home: &Home) -> u64 {
    home.json("strategy show bug-bounty")["runs"].as_u64().unwrap()
}

#[test]
fn a_schedule_is_shown_before_it_is_saved_holds_over_a_kill_and_explains_its_ticks() {
    let home = Home::new();
    let outside = Outside::new(&home.path("oracle.jsonl"));
    let daemon = start(&home, &outside);
    daemon
        .until("ends its first run", || !home.json("strategy show bug-bounty")["last"]["outcome"].is_null());
    assert_eq!(show(&home)["timezone"], "America/New_York");

    // Nobody is at a terminal: it shows what would be, and saves nothing.
    let asked = home.run("schedule set bug-bounty @daily --fold both");
    assert_eq!(asked.code, 1);
    assert_eq!(asked.out.lines().filter(|line| line.starts_with("bug-bounty ")).count(), 5, "{}", asked.out);
    assert!(asked.err.contains("--yes"), "{}", asked.err);
    let looked = home.run("schedule set bug-bounty @daily --fold both --dry-run");
    assert_eq!((looked.code, &looked.out), (0, &asked.out));
    assert_eq!(
        (&show(&home)["schedule"], &show(&home)["source"]),
        (&"every 6h".into(), &"configuration".into())
    );
    let refused = home.run("schedule set bug-bounty @daily --overlap allow --yes");
    assert!(refused.code == 1 && refused.err.contains("one run at a time"), "{}", refused.err);

    let before = runs(&home);
    assert_eq!(home.run("schedule set bug-bounty @daily --fold both --yes").code, 0);
    assert_eq!((&show(&home)["schedule"], &show(&home)["fold"]), (&"@daily".into(), &"both".into()));
    daemon.kill();

    // Read from the store alone, and again by the next daemon.
    assert_eq!(show(&home)["schedule"], "@daily");
    let daemon = start(&home, &outside);
    assert_eq!(show(&home)["schedule"], "@daily");
    assert_eq!(runs(&home), before, "nothing ran because of it");
    let strategies = home.json("strategy list");
    let listed = strategies.as_array().unwrap().iter().find(|one| one["strategy"] == "bug-bounty").unwrap();
    assert_eq!(listed["next_run"], show(&home)["next"][0]["at"]);

    // The first tick of all, by its time; and the next one.
    let last = show(&home)["last"].clone();
    let why = home.json(&format!("schedule why bug-bounty --at {}", last["at"].as_str().unwrap()));
    assert_eq!((&why["answers"][0]["fate"], &why["answers"][0]["run"]), (&"ran".into(), &last["run"]));
    let said = home.run("schedule why bug-bounty --at 2099-11-01T00:00");
    assert!(said.out.contains("it will be due"), "{}", said.out);
    assert_eq!(said.out.lines().count(), 1);

    // By hand it runs as `strategy run` does, and without a tick.
    assert_eq!(home.run("schedule run-now bug-bounty").code, 0);
    daemon.until("has run by hand", || runs(&home) == before + 1);
    assert_eq!(show(&home)["last"], last);

    assert_eq!(home.run("schedule cancel bug-bounty").code, 0);
    assert_eq!(show(&home)["state"], "cancelled");
    assert!(home.run("schedule cancel bug-bounty").err.contains("is cancelled already"));
    assert_eq!(home.run("schedule set bug-bounty --default --yes").code, 0);
    assert_eq!(
        (&show(&home)["schedule"], &show(&home)["source"]),
        (&"every 6h".into(), &"configuration".into())
    );
    assert_eq!((daemon.stop(), home.run("audit verify").code), (0, 0));
}

#[test]
fn a_pause_until_holds_over_a_kill_and_rules_are_read_again() {
    let home = Home::new();
    let outside = Outside::new(&home.path("oracle.jsonl"));
    let daemon = start(&home, &outside);
    assert_eq!(home.run("strategy pause bug-bounty --reason moving --until 2199-01-01T09:00").code, 0);
    let until = "2199-01-01T14:00:00Z";
    assert_eq!((&show(&home)["state"], &show(&home)["until"]), (&"paused".into(), &until.into()));
    daemon.kill();
    let daemon = start(&home, &outside);
    assert_eq!((&show(&home)["state"], &show(&home)["until"]), (&"paused".into(), &until.into()));

    // It ends by itself, on record.
    assert_eq!(home.run("strategy pause bug-bounty --reason moving --for 2s").code, 0);
    daemon.until("goes on by itself", || show(&home)["state"] == "scheduled");
    daemon.until("has put that on record", || {
        let tail = home.json("audit tail -n 20");
        tail.as_array().unwrap().iter().any(|entry| entry["kind"] == "strategy.resumed")
    });

    let rules =
        "jitter = \"5m\"\nhours = \"08:00-20:00\"\nmissed = \"all\"\noverlap = \"buffer\"\ngap = \"skip\"\n";
    home.write("c.toml", format!("{CONFIG}{rules}"));
    daemon.signal("HUP");
    daemon.until_said("strategies.bug-bounty.jitter");
    daemon.until("has the new rules", || show(&home)["jitter"] == "5m");
    let page = show(&home);
    let told = [&page["hours"], &page["missed"], &page["overlap"], &page["gap"]];
    assert_eq!(told, ["08:00-20:00 America/New_York", "all", "buffer", "skip"]);
    assert_eq!(daemon.stop(), 0);
}
