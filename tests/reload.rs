//! SIGHUP, with the real binary: the configuration is read again, what changed is said, put on record
//! and holds; a mistake changes nothing, and one in a strategy's section puts that strategy aside.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays the outside world")]

#[expect(dead_code, reason = "it serves other tests as well")]
#[path = "daemon/harness.rs"]
mod harness;

use harness::{Daemon, Home, Outside};
use serde_json::Value;

const GOOD: &str = "[strategies.bug-bounty]\nenabled = true\nschedule = \"every 6h\"\n";

/// A daemon that has ended its first run.
fn start(home: &Home, outside: &Outside) -> Daemon {
    home.write("c.toml", GOOD);
    let daemon = home.start(&format!("{} --config c.toml", outside.run()));
    daemon.until("ends its first run", || !show(home)["last"]["outcome"].is_null());
    daemon
}

fn show(home: &Home) -> Value {
    home.json("strategy show bug-bounty")
}

fn last(home: &Home, kind: &str) -> Option<Value> {
    let all = home.json("audit tail -n 50");
    all.as_array().unwrap().iter().rfind(|entry| entry["kind"] == kind).cloned()
}

fn payload(entry: &Value) -> Value {
    match &entry["payload"] {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        other => other.clone(),
    }
}

fn reload(home: &Home, daemon: &Daemon, text: &str, said: &str) {
    home.write("c.toml", text);
    daemon.signal("HUP");
    daemon.until_said(said);
}

#[test]
fn what_changed_is_said_put_on_record_and_holds() {
    let home = Home::new();
    let outside = Outside::new(&home.path("oracle.jsonl"));
    let daemon = start(&home, &outside);
    reload(&home, &daemon, GOOD, "the configuration is as it was");
    assert_eq!(last(&home, "config.reloaded"), None, "nothing changed");

    let text = "[monitoring]\nlog_level = \"debug\"\nmetrics_interval_ms = 1000\n[store]\ncache_mib = 9\n[limits]\nmax_daily_actions = 7\n\
                [strategies.bug-bounty]\nenabled = true\nschedule = \"every 2h\"\npriority = 3\n";
    reload(
        &home,
        &daemon,
        text,
        "strategies.bug-bounty.schedule: \"every 6h\" -> \"every 2h\", from the next run on",
    );
    daemon.until_said("limits.max_daily_actions: ");
    daemon.until_said("monitoring.log_level: \"info\" -> \"debug\", at once");
    daemon.until_said("-> 9, after a restart");
    let entry = payload(&last(&home, "config.reloaded").unwrap());
    assert_eq!(entry["count"], 6, "{entry}");
    assert!(
        entry["changes"].as_array().unwrap().contains(&serde_json::json!({
            "key": "strategies.bug-bounty.priority", "old": "1", "new": "3", "holds": "from the next run on"
        })),
        "{entry}"
    );

    daemon.until("has the new schedule", || show(&home)["schedule"] == "every 2h");
    assert_eq!(show(&home)["priority"], 3);
    let limits = home.run("limits show bounty-targets-data").out;
    assert!(limits.contains(" 7 "), "{limits}");
    let shown = home.json("config show --running")["values"].clone();
    assert_eq!(shown["limits"]["max_daily_actions"], 7);
    assert_eq!(shown["strategies"]["bug-bounty"]["schedule"], "every 2h");
    // The next look would be a minute away, on the old timer.
    let looks = || home.json("actors show upkeep/resources")["messages_total"].as_u64().unwrap();
    let so_far = looks();
    daemon.until("looks at the new interval", || looks() >= so_far + 2);
    // Read once, at the start: what is shown is what holds.
    assert_ne!(shown["store"]["cache_mib"], 9);
    // The new level holds: what is told at that level appears.
    assert_eq!(home.run("strategy run bug-bounty").code, 0);
    daemon.until("logs at the new level", || daemon.err().contains("DEBUG"));
    assert_eq!((daemon.stop(), home.run("audit verify").code), (0, 0));
}

#[test]
fn a_mistake_changes_nothing_and_is_told() {
    let home = Home::new();
    let outside = Outside::new(&home.path("oracle.jsonl"));
    let daemon = start(&home, &outside);
    let before = home.json("config show --running");
    let text = format!("[limits]\nmax_daily_actions = \"many\"\n{}", GOOD.replace("6h", "2h"));
    reload(&home, &daemon, &text, "error: the configuration was not taken, nothing changed: ");
    daemon.until_said("c.toml:2: `limits.max_daily_actions` is");
    assert_eq!(home.json("config show --running"), before);
    assert_eq!(show(&home)["schedule"], "every 6h");
    let refused = payload(&last(&home, "config.reload-refused").unwrap());
    assert!(refused["why"].as_str().unwrap().contains("c.toml:2"), "{refused}");
    assert_eq!(last(&home, "config.reloaded"), None);
    assert_eq!(daemon.stop(), 0);
}

/// Editors move a file away before they write it anew. Without it there would be the defaults alone: other
/// caps than the owner's, and strategies that he switched off.
#[test]
fn a_file_that_is_gone_or_empty_changes_nothing() {
    let home = Home::new();
    let outside = Outside::new(&home.path("oracle.jsonl"));
    let (file, text) =
        (".config/money-machine/config.toml", format!("[limits]\nmax_daily_actions = 6\n{GOOD}"));
    home.write(file, &text);
    home.write(".env", "MONEY_MACHINE__LIMITS__MAX_CONCURRENT_STRATEGIES=2\n");
    let daemon = home.start(&outside.run());
    let before = home.json("config show --running");
    assert_eq!(before["values"]["limits"]["max_daily_actions"], 6);

    let path = home.path(file);
    let refused = |why: &str| {
        daemon.signal("HUP");
        daemon.until_said(&format!("error: the configuration was not taken, nothing changed: {why}"));
        assert_eq!(home.json("config show --running"), before);
        assert!(
            payload(&last(&home, "config.reload-refused").unwrap())["why"].as_str().unwrap().contains(why)
        );
    };
    std::fs::rename(&path, home.path("aside.toml")).unwrap();
    refused(&format!("`{}` is not there any more", path.display()));
    home.write(file, "");
    refused(&format!("`{}` sets nothing any more", path.display()));
    std::fs::remove_file(&path).unwrap();
    home.write(".config/money-machine/config.json", "{}");
    refused(&format!("`{}` would be read in place of", path.with_extension("json").display()));
    home.write(file, &text);
    std::fs::remove_file(home.path(".env")).unwrap();
    refused("`.env` sets nothing any more");
    assert_eq!(last(&home, "config.reloaded"), None);

    home.write(".env", "MONEY_MACHINE__LIMITS__MAX_CONCURRENT_STRATEGIES=3\n");
    daemon.signal("HUP");
    daemon.until_said("limits.max_concurrent_strategies: 2 -> 3, at once");
    assert_eq!(daemon.stop(), 0);
}

/// What waits for a restart is told once and no more, and not that it waits when it is as it was.
#[test]
fn a_value_of_the_next_start_is_told_once() {
    let home = Home::new();
    let outside = Outside::new(&home.path("oracle.jsonl"));
    let daemon = start(&home, &outside);
    let cache = |mib: u32| format!("[store]\ncache_mib = {mib}\n{GOOD}");
    reload(&home, &daemon, &cache(9), "-> 9, after a restart");
    reload(&home, &daemon, &cache(9), "the configuration is as it was");
    let holds = home.json("config show --running")["values"]["store"]["cache_mib"].clone();
    reload(&home, &daemon, GOOD, &format!("store.cache_mib: 9 -> {holds}, at once"));
    let all = home.json("audit tail -n 50");
    let told = all.as_array().unwrap().iter().filter(|entry| entry["kind"] == "config.reloaded").count();
    assert_eq!(told, 2);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_bad_strategy_is_put_aside_until_it_is_mended() {
    let home = Home::new();
    let outside = Outside::new(&home.path("oracle.jsonl"));
    let daemon = start(&home, &outside);
    reload(
        &home,
        &daemon,
        &GOOD.replace("every 6h", "often"),
        "strategies.bug-bounty: sound -> put aside: c.toml:3",
    );
    daemon.until("puts it aside", || show(&home)["status"] == "error");
    let received = outside.received().len();
    let refused = home.run("strategy run bug-bounty");
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("it is put aside: c.toml:3"), "{}", refused.err);
    assert_eq!(outside.received().len(), received);

    reload(&home, &daemon, GOOD, "-> sound, from the next run on");
    daemon.until("takes it back", || show(&home)["status"] == "active");
    daemon.until("clears the alert", || home.json("status")["alerts"].as_array().unwrap().is_empty());
    assert_eq!(home.run("strategy run bug-bounty").code, 0);
    assert_eq!(daemon.stop(), 0);
}

/// What a strategy's own table says holds for its next run, and a mistake that only it can see puts it
/// aside with the place where its table stands.
#[test]
fn a_switched_off_strategy_stops_and_its_owner_hears_of_it() {
    let home = Home::new();
    let outside = Outside::new(&home.path("oracle.jsonl"));
    let daemon = start(&home, &outside);
    reload(&home, &daemon, &GOOD.replace("true", "false"), "strategies.bug-bounty.enabled: true -> false");
    daemon.until("switches it off", || show(&home)["status"] == "disabled");
    assert_eq!(home.run("strategy run bug-bounty").code, 1);
    reload(&home, &daemon, GOOD, "strategies.bug-bounty.enabled: false -> true");
    daemon.until("switches it on", || show(&home)["status"] == "active");
    assert_eq!(daemon.stop(), 0);
}
