//! What an owner says of schedules and pauses, in process.

use expect_test::expect;

use super::*;

#[tokio::test]
async fn a_schedule_is_shown_set_cancelled_and_taken_back() {
    let (running, ops) = machine(None).await;
    let task = async || get(&ops, "/schedule/bug-bounty").await.1;
    let set = async |body| answer(&ops, "POST", "/schedule/bug-bounty/set", &body).await;
    assert_eq!(task().await["source"], "configuration");
    let (status, preview) =
        get(&ops, "/schedule/bug-bounty/preview?schedule=@daily&timezone=Asia/Tokyo").await;
    assert_eq!((status, preview["next"].as_array().unwrap().len()), (200, 5));
    assert_eq!(task().await["source"], "configuration", "looking saves nothing");
    let (status, page) =
        set(json!({ "schedule": "@daily", "timezone": "Asia/Tokyo", "missed": "all" })).await;
    assert_eq!((status, &page["schedule"], &page["timezone"]), (200, &json!("@daily"), &json!("Asia/Tokyo")));
    assert_eq!(
        (&page["missed"], &page["source"], &page["set_by"]),
        (&json!("all"), &json!("set"), &json!("operator"))
    );
    assert_eq!(page["next"], preview["next"], "as it was shown");
    assert_eq!(bug_bounty(&ops).await["next_run"], page["next"][0]["at"]);
    // One rule alone leaves the rest.
    let (_, page) = set(json!({ "jitter": "5m" })).await;
    assert_eq!(
        (&page["schedule"], &page["missed"], &page["jitter"]),
        (&json!("@daily"), &json!("all"), &json!("5m"))
    );
    assert_eq!(answer(&ops, "POST", "/schedule/bug-bounty/cancel", &Value::Null).await.0, 200);
    assert_eq!(task().await["state"], "cancelled");
    assert_eq!(bug_bounty(&ops).await["next_run"], Value::Null);
    let (status, page) = set(json!({ "default": true })).await;
    assert_eq!(
        (status, &page["schedule"], &page["source"]),
        (200, &json!("every 1h"), &json!("configuration"))
    );
    let (_, audit) = get(&ops, "/audit").await;
    let kinds = audit["entries"].as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap());
    let said: Vec<&str> = kinds.filter(|kind| kind.starts_with("schedule.")).collect();
    assert_eq!(said, ["schedule.set", "schedule.set", "schedule.cancelled", "schedule.set"]);
    running.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn what_cannot_be_said_of_a_schedule_is_refused_in_a_sentence() {
    let (running, ops) = machine(None).await;
    let mut told = String::new();
    for (target, body) in [
        ("/schedule/bug-bunty/set", json!({ "schedule": "@daily" })),
        ("/schedule/bug-bunty/cancel", Value::Null),
        ("/schedule/bug-bounty/set", json!({})),
        ("/schedule/bug-bounty/set", json!({ "schedule": "often" })),
        ("/schedule/bug-bounty/set", json!({ "schedule": "at 2026-01-01T00:00:00Z" })),
        ("/schedule/bug-bounty/set", json!({ "overlap": "allow" })),
        ("/schedule/bug-bounty/set", json!({ "hours": ["08:00-20:00"] })),
        ("/schedule/bug-bounty/set", json!({ "default": true })),
        ("/schedule/bug-bounty/pause", Value::Null),
        ("/strategies/bug-bounty/pause", json!({ "reason": "x", "until": "2026-01-01T00:00:00Z" })),
        ("/strategies/bug-bounty/pause", json!({ "reason": "x", "until": "tomorrow" })),
        ("/strategies/bug-bounty/pause", json!({ "reason": "x", "for": "6" })),
        (
            "/strategies/bug-bounty/pause",
            json!({ "reason": "x", "for": "6h", "until": "2027-01-01T00:00:00Z" }),
        ),
    ] {
        let (status, answer) = answer(&ops, "POST", target, &body.clone()).await;
        told.push_str(&format!("{target} {body}: {status} {}\n", answer["error"].as_str().unwrap_or("?")));
    }
    expect![[r#"
        /schedule/bug-bunty/set {"schedule":"@daily"}: 404 no strategy `bug-bunty` is installed; `strategy list` shows those that are; did you mean `bug-bounty`?
        /schedule/bug-bunty/cancel null: 404 no strategy `bug-bunty` is installed; `strategy list` shows those that are; did you mean `bug-bounty`?
        /schedule/bug-bounty/set {}: 400 say a schedule, a rule, or that the default holds again
        /schedule/bug-bounty/set {"schedule":"often"}: 400 `often` has 1 fields; cron has 5 (minute hour day month weekday) or 6 (second first), and else there are `every 30m`, `@daily`, `0 9 * * mon-fri` or `at 2026-12-01T09:00:00Z`
        /schedule/bug-bounty/set {"schedule":"at 2026-01-01T00:00:00Z"}: 400 `at 2026-01-01T00:00:00Z` is over: it would never be due again; name a time to come
        /schedule/bug-bounty/set {"overlap":"allow"}: 400 `overlap`: `allow` cannot be, as a strategy has one run at a time; write "skip", "buffer" or "cancel-other"
        /schedule/bug-bounty/set {"hours":["08:00-20:00"]}: 400 `hours` is a text
        /schedule/bug-bounty/set {"default":true}: 409 `bug-bounty` goes by the configuration already
        /schedule/bug-bounty/pause null: 404 a schedule takes set and cancel
        /strategies/bug-bounty/pause {"reason":"x","until":"2026-01-01T00:00:00Z"}: 400 2026-01-01T00:00:00Z is over; a pause ends at a time to come
        /strategies/bug-bounty/pause {"reason":"x","until":"tomorrow"}: 400 `tomorrow` is no time; write it like 2026-11-01T03:00 by the task's clock, or 2026-11-01T03:00:00Z
        /strategies/bug-bounty/pause {"for":"6","reason":"x"}: 400 `6` is no length of time: write it like 90s, 30m, 1h30m or 1d (units w d h m s ms)
        /strategies/bug-bounty/pause {"for":"6h","reason":"x","until":"2027-01-01T00:00:00Z"}: 400 say `until` or `for`, not both
    "#]].assert_eq(&told);
    assert_eq!(get(&ops, "/schedule/bug-bounty/set").await.0, 405);
    running.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_pause_says_until_when() {
    let (running, ops) = machine(None).await;
    let pause = async |body| answer(&ops, "POST", "/strategies/bug-bounty/pause", &body).await;
    let (status, page) = pause(json!({ "reason": "moving", "until": "2036-12-01T09:00" })).await;
    assert_eq!((status, &page["status"], &page["paused"]), (200, &json!("paused"), &json!("moving")));
    assert_eq!(page["paused_until"], "2036-12-01T09:00:00Z");
    let task = get(&ops, "/schedule/bug-bounty").await.1;
    assert_eq!((&task["state"], &task["until"]), (&json!("paused"), &json!("2036-12-01T09:00:00Z")));
    assert_eq!(task["why"], "paused by the owner, as operator: moving");
    assert_eq!(pause(json!({ "reason": "moving", "for": "6h" })).await.0, 200);
    running.stop(Duration::from_secs(5)).await;
}
