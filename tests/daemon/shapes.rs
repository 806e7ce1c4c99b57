//! Every `--json`, from the daemon and from the store without one: valid, and exactly the fields that
//! scripts were promised.

use serde_json::Value;

use crate::harness::{Home, NO_TICKS};

const ACTIVITY: &str =
    "action compliance_checks details earnings error id platform status strategy timestamp";
const STRATEGY: &str =
    "breaker errors last_run metrics next_run status strategy success_rate total_actions total_earnings";
const OPPORTUNITY: &str = "deadline details evidence found_at id kind payer platform ranking reason reward score state strategy title \
     updated_at url";
const ACTOR: &str = "attempt budget_left budget_limit cause children handle_ms last_cause mailbox_depth \
    mailbox_wait_ms memory_bytes messages_total next_try path restarts since state";

/// The names of an object's fields, sorted.
fn fields(value: &Value) -> String {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    let mut names: Vec<&str> = object.keys().map(String::as_str).collect();
    names.sort_unstable();
    names.join(" ")
}

/// A page about one thing also says of which kind of run it is.
fn stamped(names: &str) -> String {
    let mut names: Vec<&str> = names.split(' ').chain(["stamp"]).collect();
    names.sort_unstable();
    names.join(" ")
}

fn each<'a>(list: &'a Value, names: &str) -> &'a Vec<Value> {
    let list = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    assert!(!list.is_empty());
    for one in list {
        assert_eq!(fields(one), names);
    }
    list
}

#[track_caller]
fn is_time(value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("no time: {value}"));
    assert!(text.ends_with('Z') && text.parse::<mm_core::moment::Moment>().is_ok(), "{text}");
}

#[test]
fn every_json_has_exactly_the_promised_fields() {
    let home = Home::new();
    home.write("no-ticks.toml", NO_TICKS);
    let daemon = home.start("run --sandbox --config no-ticks.toml");
    daemon.until_said("more:");
    what_both_answer(&home);
    let run = what_the_daemon_alone_answers(&home);
    daemon.until("ends the run", || {
        let last = &home.json("strategy show bug-bounty")["last"];
        last["id"] == run && !last["outcome"].is_null()
    });
    assert_eq!(daemon.stop(), 0);
    what_both_answer(&home);
    for line in ["actors tree --json", "actors show kernel --json", "strategy run bug-bounty --json"] {
        let said = home.run(line);
        assert_eq!((said.code, said.out.as_str()), (3, ""), "{line}");
        assert!(said.err.starts_with("no daemon answers at `HOME/data/admin.sock`"), "{}", said.err);
    }
    let (code, status) = home.json_and_code("status");
    assert_eq!((code, &status["running"], &status["pid"]), (3, &false.into(), &Value::Null));
}

fn what_both_answer(home: &Home) {
    for activity in each(&home.json("actions list"), ACTIVITY) {
        is_time(&activity["timestamp"]);
        assert_eq!((&activity["status"], &activity["earnings"]), (&"success".into(), &Value::Null));
        each(&activity["compliance_checks"], "reason rule verdict");
    }
    let id = home.json("actions list")[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(fields(&home.json(&format!("actions show {id}"))), stamped(ACTIVITY));

    for strategy in each(&home.json("strategy list"), STRATEGY) {
        // The one that is switched on has run.
        let on = strategy["strategy"] == "bug-bounty";
        match on {
            true => ["last_run", "next_run"].iter().for_each(|name| is_time(&strategy[*name])),
            false => assert!(strategy["last_run"].is_null(), "{strategy}"),
        }
        let status = if on { "active" } else { "disabled" };
        assert_eq!(
            (&strategy["status"], &strategy["total_earnings"]),
            (&status.into(), &Value::Array(vec![]))
        );
        assert_eq!(strategy["breaker"]["state"], "closed");
    }
    let page = home.json("strategy show bug-bounty");
    for name in STRATEGY.split(' ').chain(["about", "guide", "stamp"]) {
        assert!(page.get(name).is_some(), "{name}");
    }

    for found in each(&home.json("opportunities list"), OPPORTUNITY) {
        is_time(&found["found_at"]);
        is_time(&found["updated_at"]);
        if !found["reward"].is_null() {
            assert_eq!(fields(&found["reward"]), "currency max min");
            let amounts = [&found["reward"]["min"], &found["reward"]["max"]];
            assert!(amounts.iter().all(|amount| amount.is_null() || amount.is_string()), "{found}");
        }
        for name in ["programme", "programme_url", "targets"] {
            assert!(found["details"].get(name).is_some(), "{name}: {found}");
        }
        for target in found["details"]["targets"].as_array().unwrap() {
            assert!(
                target["kind"].is_string()
                    && target["identifier"].is_string()
                    && target["in_scope"].is_boolean()
            );
        }
    }
    assert_eq!(home.json("opportunities list --limit 3").as_array().unwrap().len(), 3);
    let id = home.json("opportunities list")[0]["id"].as_str().unwrap().to_owned();
    let one = stamped(&format!("{OPPORTUNITY} history"));
    assert_eq!(fields(&home.json(&format!("opportunities show {id}"))), one);

    let limits = home.json("limits list");
    each(&limits, "account action left lowered max paused per_ms platform quota scope source used whole_at");
    let page = home.json("limits show bounty-targets-data");
    assert_eq!(fields(&page), "about breakers cool_downs limits platform stamp");
    let tail = home.json("audit tail -n 3");
    assert_eq!(tail.as_array().unwrap().len(), 3);
    let verified = "anchored broken checkpoints entries erased given_up keys last_checkpoint not_proved notes stamp \
                    store tied tip_hash tip_seq whole";
    assert_eq!(fields(&home.json("audit verify")), verified);
    for line in home.run("audit export").out.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    assert!(home.json("config show").is_object());
    let doctor = home.json("doctor");
    assert_eq!(fields(&doctor), "checks ok stamp");
    each(&doctor["checks"], "grade name sentence todo");
    let (_, status) = home.json_and_code("status");
    let data = home.data().display().to_string();
    assert_eq!((&status["stamp"], &status["data_dir"]), (&"sandbox".into(), &data.into()));
}

/// Gives the run it has started at the end.
fn what_the_daemon_alone_answers(home: &Home) -> Value {
    let tree = home.json("actors tree");
    let mut paths = Vec::new();
    let stamp = actor(&tree, &mut paths);
    let root = stamped(&format!("{ACTOR} now"));
    assert_eq!(stamp, root, "the root says of which kind of run it is, and when");
    let kernel = "audit accounts limiter compliance platforms gateway reconciler health anchor books scheduler strategies approvals";
    let order: Vec<&str> = paths
        .iter()
        .filter_map(|path| path.strip_prefix("kernel/"))
        .filter(|rest| !rest.contains('/'))
        .collect();
    assert_eq!(order.join(" "), kernel);
    assert!(paths.iter().any(|path| path == "kernel/strategies/default/bug-bounty"), "{paths:?}");
    let page = home.json("actors show kernel/gateway");
    for name in ACTOR.split(' ').chain(["about", "kinds", "records", "crashes"]) {
        assert!(page.get(name).is_some(), "{name}");
    }

    let ids: Vec<String> = home
        .json("opportunities list --limit 2")
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["id"].as_str().unwrap().to_owned())
        .collect();
    for (verb, state, id) in [("accept", "accepted", &ids[0]), ("dismiss", "dismissed", &ids[1])] {
        let decided = home.json(&format!("opportunities {verb} {id}"));
        assert_eq!(
            (fields(&decided), &decided["state"]),
            (stamped(&format!("{OPPORTUNITY} history")), &state.into())
        );
    }
    for (line, status) in [
        ("pause bug-bounty --reason holiday", "paused"),
        ("resume bug-bounty", "active"),
        ("disable bug-bounty", "disabled"),
        ("enable bug-bounty", "active"),
    ] {
        assert_eq!(home.json(&format!("strategy {line}"))["status"], status, "{line}");
    }
    let started = home.json("strategy run bug-bounty");
    assert_eq!(fields(&started), "run stamp strategy");
    started["run"].clone()
}

/// Checks an actor and all below it; gives its own fields.
fn actor(view: &Value, paths: &mut Vec<String>) -> String {
    paths.push(view["path"].as_str().unwrap().to_owned());
    is_time(&view["since"]);
    for spans in ["mailbox_wait_ms", "handle_ms"] {
        assert_eq!(fields(&view[spans]), "p50 p99");
    }
    for child in view["children"].as_array().unwrap() {
        assert_eq!(actor(child, paths), ACTOR);
    }
    fields(view)
}
