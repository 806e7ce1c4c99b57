//! Opportunities with the real binary: one goes from new to paid with its whole history, over `kill -9`; a trap
//! is marked, ranked last and in no figure; a payment that is late waits in the inbox.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays the owner")]

use mm_core::Decimal;
use mm_core::moment::Moment;
use mm_core::opportunity::{Facts, Opportunity, Reward, State};
use mm_store::Change;
use serde_json::Value;

#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "the test of the daemon uses all of it")]
mod harness;

use harness::{Daemon, Home, bug_bounty, space};

fn start(home: &Home) -> Daemon {
    let config = "[user]\nhourly_rate = \"40 USD\"\n[strategies.bug-bounty]\nenabled = false\n";
    home.write("config.toml", config);
    home.start("run --sandbox --config config.toml")
}

/// A chance to earn so many dollars in two hours.
fn chance(about: &str, dollars: i64) -> Opportunity {
    let strategy = bug_bounty();
    let found_at = Moment::from_unix_ms(1_790_000_000_000);
    let amount = Some(Decimal::from(dollars));
    Opportunity {
        id: Opportunity::id_of(&strategy, "github", "bounty", &[about]),
        strategy,
        platform: "github".to_owned(),
        kind: "bounty".to_owned(),
        title: about.to_owned(),
        url: "https://github.com/acme/it/issues/1".to_owned(),
        state: State::New,
        found_at,
        updated_at: found_at,
        reward: Some(Reward { min: amount, max: amount, currency: "USD".to_owned() }),
        score: 90,
        reason: "planted".to_owned(),
        evidence: None,
        details: "{}".to_owned(),
        tell: true,
        deadline: None,
        payer: Some("acme".to_owned()),
        facts: Facts { hours: Some(Decimal::TWO), fee_percent: Some(Decimal::from(5)), ..Facts::default() },
        steps: 0,
        settled: false,
    }
}

/// A home whose store holds three chances; their ids: a good one, a small one, a trap.
fn planted(home: &Home) -> [String; 3] {
    drop(start(home));
    let all = [chance("good", 500), chance("small", 50), chance("bait", 999_999_999)];
    let put = |change: Change, it: &Opportunity| change.put(&space(), it.id.as_str(), it).unwrap();
    home.meddle(all.iter().fold(Change::new(), put));
    all.map(|it| it.id.to_string())
}

fn record(home: &Home, reference: &str, opportunity: &str, rest: &str) -> Value {
    home.write("slip.txt", format!("{reference}: {rest}"));
    home.json(&format!(
        "earnings record algora {reference} --strategy bug-bounty --opportunity {opportunity} --evidence slip.txt \
         --amount 500 --currency USD {rest}"
    ))
}

fn history(shown: &Value) -> Vec<String> {
    let steps = shown["history"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let step =
        |step: &Value| format!("{} to {}: {}", text(&step["from"]), text(&step["to"]), text(&step["why"]));
    steps.map(step).collect()
}

#[test]
fn an_opportunity_goes_from_new_to_paid_with_its_history_over_a_kill() {
    let home = Home::new();
    let [good, ..] = planted(&home);
    let daemon = start(&home);
    let shown = home.json(&format!("opportunities show {good}"));
    assert_eq!(
        shown["ranking"]["line"],
        "500 USD × 30% assumed − 2 h × 40 USD − 5% fee = 62.50 USD → 31.25 USD per hour"
    );
    assert_eq!((shown["payer"]["proof"].as_str(), history(&shown).len()), (Some("unproven"), 0));
    let said = home.run(&format!("opportunities paid {good}"));
    assert!(said.code != 0 && said.err.contains("an opportunity that is new cannot be paid"), "{}", said.err);
    home.json(&format!("opportunities accept {good} --reason mine"));
    daemon.kill();
    let daemon = start(&home);
    home.json(&format!("opportunities submitted {good}"));
    record(&home, "r-1", &good, "--stage approved --as-of 2026-07-01");
    assert_eq!(home.json(&format!("opportunities show {good}"))["state"], "awarded");
    record(&home, "r-1", &good, "--stage cleared --as-of 2026-07-09");
    daemon.kill();
    // Without a daemon, from the store.
    let shown = home.json(&format!("opportunities show {good}"));
    assert_eq!(shown["state"], "paid");
    assert_eq!(
        history(&shown),
        [
            "new to accepted: mine",
            "accepted to submitted: -",
            "submitted to awarded: payment r-1 of algora is approved",
            "awarded to paid: payment r-1 of algora is cleared",
        ]
    );
    let by = shown["history"][0]["by"].as_str().unwrap();
    assert!(by.starts_with("operator"), "{by}");
    assert_eq!(shown["payer"]["proof"], "proven");
    assert_eq!(shown["payer"]["reasons"][0], "it has paid you once, at the longest after 8 days");
    let page = home.run(&format!("opportunities show {good}")).out;
    assert!(page.contains("What became of it:") && page.contains("accepted by operator"), "{page}");
    assert_eq!(home.run("audit verify").code, 0);
}

#[test]
fn a_trap_is_marked_and_in_no_figure() {
    let home = Home::new();
    let [good, small, bait] = planted(&home);
    let daemon = start(&home);
    let list = home.json("opportunities list");
    let ids: Vec<&str> = list.as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&*good, &*small, &*bait], "the trap is last, whatever it offers");
    assert_eq!(list[2]["payer"]["proof"], "trap");
    assert_eq!(list[2]["ranking"]["value"], Value::Null);
    let table = home.run("opportunities list").out;
    let row = table.lines().find(|line| line.contains(&bait)).unwrap();
    assert!(row.split_whitespace().nth(1) == Some("trap"), "{table}");
    record(&home, "r-1", &bait, "--stage approved --as-of 2026-07-01");
    record(&home, "r-2", &good, "--stage approved --as-of 2026-07-01");
    let status = home.json("status")["opportunities"].clone();
    assert_eq!(
        (status["new"].as_u64(), status["total"].as_u64(), status["traps"].as_u64()),
        (Some(1), Some(2), Some(1))
    );
    let summary = home.json("earnings summary");
    assert_eq!(summary["currencies"][0]["approved"]["amount"], "500");
    assert_eq!((summary["earnings"].as_u64(), summary["traps"].as_u64()), (Some(1), Some(1)));
    let total = home.json("strategy show bug-bounty")["total_earnings"].to_string();
    assert_eq!(total, r#"[{"amount":"500","currency":"USD"}]"#);
    let export = home.run("earnings export --format csv").out;
    assert!(export.contains("r-2") && !export.contains("r-1"), "{export}");
    let marked = home.json("earnings list");
    let trap = |reference: &str| {
        marked.as_array().unwrap().iter().find(|it| it["reference"] == reference).unwrap()["trap"].clone()
    };
    assert_eq!((trap("r-1"), trap("r-2")), (Value::Bool(true), Value::Bool(false)));
    drop(daemon);
}
