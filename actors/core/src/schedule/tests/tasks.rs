//! Allowed hours and jitter.

use super::*;

#[test]
fn allowed_hours_are_those_of_their_zone_also_over_midnight() {
    let day = Hours::parse("08:00-20:00", "Europe/Berlin").unwrap();
    assert!(day.allow(at("2026-07-01T06:00:00Z")) && !day.allow(at("2026-07-01T05:59:59Z")));
    assert!(day.allow(at("2026-07-01T17:59:59Z")) && !day.allow(at("2026-07-01T18:00:00Z")));
    assert!(!day.allow(at("2026-12-01T06:00:00Z")), "in winter it is seven then");
    let night = Hours::parse("22:00-06:00 Asia/Tokyo", "UTC").unwrap();
    assert!(night.allow(at("2026-07-01T13:00:00Z")) && night.allow(at("2026-07-01T20:59:00Z")));
    assert!(!night.allow(at("2026-07-01T21:00:00Z")));
    assert_eq!(night.to_string(), "22:00-06:00 Asia/Tokyo");
    let stored = serde_json::to_string(&night).unwrap();
    assert_eq!(stored, r#""22:00-06:00 Asia/Tokyo""#);
    assert_eq!(serde_json::from_str::<Hours>(&stored).unwrap(), night);
    assert_eq!(day.opening(at("2026-07-01T20:30:30Z")), at("2026-07-02T06:00:00Z"));
    assert_eq!(day.opening(at("2026-07-01T10:30:30Z")), at("2026-07-01T10:30:30Z"));
    for bad in [
        "",
        "8-20",
        "8:00-20:00",
        "08:00-2O:00",
        "08:00",
        "08:00-08:00",
        "24:00-06:00",
        "08:00-25:00",
        "08:60-09:00",
        "08:00-20:00 Berlin",
    ] {
        let told = Hours::parse(bad, "UTC").unwrap_err().to_string();
        assert!(told.contains("08:00-20:00 Europe/Berlin"), "{bad}: {told}");
    }
}

#[test]
fn jitter_is_always_the_same_on_one_installation_and_no_more_than_allowed() {
    let task = Task { jitter: Duration::from_secs(300), ..Task::plain(every("@hourly")) };
    let delay = |installation: u32| task.delay(&format!("machine-{installation}"), "bug-bounty");
    assert_eq!(delay(1), delay(1));
    assert_ne!(task.delay("a", "bug-bounty"), task.delay("a", "github"));
    let all: Vec<Duration> = (0..500).map(delay).collect();
    assert!(all.iter().all(|delay| *delay <= task.jitter));
    let late = all.iter().filter(|delay| task.jitter / 2 < **delay).count();
    assert!((150..350).contains(&late), "{late} of 500 in the later half");
    assert_eq!(Task::plain(every("@hourly")).delay("a", "b"), Duration::ZERO);
}
