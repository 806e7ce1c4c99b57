use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

mod deciding;
mod oracle;
mod tasks;

fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

fn every(text: &str) -> Schedule {
    Schedule::parse(text, "UTC").unwrap()
}

/// A file of the shared data, or `None`, said aloud.
fn shared(name: &str) -> Option<serde_json::Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/cron-table").join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(_) => {
            // Not `eprintln!`: the test harness would keep it to itself.
            std::io::Write::write_fmt(
                &mut std::io::stderr(),
                format_args!("SKIPPED: ../shared/data/cron-table/{name} is not there\n"),
            )
            .expect("stderr takes a line");
            None
        }
    }
}

fn next_five(schedule: &Schedule, start: Moment) -> Vec<Moment> {
    let mut from = start;
    (0..5).map_while(|_| schedule.next_after(from).inspect(|next| from = *next)).collect()
}

fn moments(list: &serde_json::Value) -> Vec<Moment> {
    list.as_array().unwrap().iter().map(|text| at(text.as_str().unwrap())).collect()
}

#[test]
fn the_next_runs_are_those_of_two_other_implementations() {
    let Some(table) = shared("utc.json") else { return };
    let mut wrong = Vec::new();
    for row in table.as_array().unwrap() {
        let expr = row["expr"].as_str().unwrap();
        let got = match Schedule::parse(expr, "UTC") {
            Ok(schedule) => next_five(&schedule, at(row["start"].as_str().unwrap())),
            Err(bad) => {
                wrong.push(format!("{expr}: {bad}"));
                continue;
            }
        };
        if got != moments(&row["next"]) {
            wrong.push(format!("{expr} from {}: {got:?} instead of {}", row["start"], row["next"]));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        table.as_array().unwrap().len(),
        wrong.join("\n")
    );
}

#[test]
fn daylight_saving_goes_as_in_debians_cron() {
    let Some(table) = shared("dst.json") else { return };
    let mut wrong = Vec::new();
    for row in table.as_array().unwrap() {
        let (expr, zone) = (row["expr"].as_str().unwrap(), row["tz"].as_str().unwrap());
        let schedule = Schedule::parse(expr, zone).unwrap();
        let got = next_five(&schedule, at(row["start"].as_str().unwrap()));
        if got != moments(&row["next_utc"]) {
            let got: Vec<String> = got.iter().map(Moment::to_string).collect();
            wrong.push(format!("{expr} {zone}: {got:?} instead of {}", row["next_utc"]));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        table.as_array().unwrap().len(),
        wrong.join("\n")
    );
}

#[test]
fn what_both_others_refuse_is_refused_here() {
    let Some(table) = shared("invalid.json") else { return };
    for row in table.as_array().unwrap() {
        if row["cronsim"] == "rejected" && row["croniter"] == "rejected" {
            let expr = row["expr"].as_str().unwrap();
            assert!(Schedule::parse(expr, "UTC").is_err(), "{expr}");
        }
    }
}

#[test]
fn mistakes_are_told_in_a_sentence() {
    let told = |text: &str, zone: &str| Schedule::parse(text, zone).unwrap_err().to_string();
    let all = [
        told("", "UTC"),
        told("0 0 31 2 *", "UTC"),
        told("0 0 * *", "UTC"),
        told("0 0 0 * * * 2030", "UTC"),
        told("61 * * * *", "UTC"),
        told("@fortnightly", "UTC"),
        told("@daily * * * *", "UTC"),
        told("0 0 * * @daily", "UTC"),
        told("every 30", "UTC"),
        told("every 10ms", "UTC"),
        told("at noon", "UTC"),
        told("@daily", "Berlin"),
    ];
    expect_test::expect![[r#"
        a schedule is an expression like `every 30m`, `@daily`, `0 9 * * mon-fri` or `at 2026-12-01T09:00:00Z`
        `0 0 31 2 *` names a day that never comes
        `0 0 * *` has 4 fields; cron has 5 (minute hour day month weekday) or 6 (second first), and else there are `every 30m`, `@daily`, `0 9 * * mon-fri` or `at 2026-12-01T09:00:00Z`
        `0 0 0 * * * 2030` has 7 fields; cron has 5 (minute hour day month weekday) or 6 (second first), and else there are `every 30m`, `@daily`, `0 9 * * mon-fri` or `at 2026-12-01T09:00:00Z`
        `61 * * * *` is no cron expression: Number out of bounds
        `@fortnightly` is none of @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly
        `@daily * * * *` is none of @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly
        `0 0 * * @daily` has an `@` in a field
        `30` is no length of time: write it like 90s, 30m, 1h30m or 1d (units w d h m s ms)
        `every 10ms` is too often; a second is the least
        `noon` is not a time like 2026-07-22T12:00:00Z (RFC 3339)
        `Berlin` is no time zone; write one like Europe/Berlin, or UTC"#]].assert_eq(&all.join("\n"));
}

#[test]
fn a_fixed_time_in_a_repeated_hour_runs_once_and_an_interval_in_both() {
    let night = at("2026-10-25T00:00:00+02:00");
    let fixed = Schedule::parse("30 2 * * *", "Europe/Berlin").unwrap();
    let five: Vec<String> = next_five(&fixed, night).iter().take(2).map(Moment::to_string).collect();
    assert_eq!(five, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    let steps = Schedule::parse("*/30 * * * *", "Europe/Berlin").unwrap();
    let mut from = at("2026-10-25T00:00:00Z");
    for _ in 0..6 {
        let next = steps.next_after(from).unwrap();
        assert_eq!(next.since(from), Duration::from_secs(1800), "{from}");
        from = next;
    }
}

#[test]
fn the_choice_at_a_change_of_the_clocks_is_the_schedules() {
    let ticks = |text: &str, zone: &str, gap, fold, from: &str| {
        let dst = Dst { gap: Some(gap), fold: Some(fold) };
        let schedule = Schedule::parse(text, zone).unwrap().with_dst(dst);
        let two = next_five(&schedule, at(from));
        format!("{} {}", two[0], two[1])
    };
    let spring = |gap| ticks("30 2 * * *", "Europe/Berlin", gap, Fold::First, "2026-03-28T12:00:00Z");
    assert_eq!(spring(Gap::After), "2026-03-29T01:00:00Z 2026-03-30T00:30:00Z");
    assert_eq!(spring(Gap::Skip), "2026-03-30T00:30:00Z 2026-03-31T00:30:00Z");
    let autumn = |fold| ticks("30 2 * * *", "Europe/Berlin", Gap::Skip, fold, "2026-10-24T12:00:00Z");
    assert_eq!(autumn(Fold::First), "2026-10-25T00:30:00Z 2026-10-26T01:30:00Z");
    assert_eq!(autumn(Fold::Last), "2026-10-25T01:30:00Z 2026-10-26T01:30:00Z");
    assert_eq!(autumn(Fold::Both), "2026-10-25T00:30:00Z 2026-10-25T01:30:00Z");
    // With the first passage alone, an hour that has begun again is over: on with what comes after it.
    let again = ticks("*/15 * * * *", "Europe/Berlin", Gap::Skip, Fold::First, "2026-10-25T01:10:00Z");
    assert_eq!(again, "2026-10-25T02:00:00Z 2026-10-25T02:15:00Z");
    // A whole day that was left out, and a gap that ends on the next day.
    let apia = ticks("0 9 30 * *", "Pacific/Apia", Gap::After, Fold::First, "2011-12-01T00:00:00Z");
    assert_eq!(apia, "2011-12-30T10:00:00Z 2012-01-29T19:00:00Z");
    let nuuk = ticks("30 23 * * sat", "America/Nuuk", Gap::After, Fold::First, "2026-03-26T00:00:00Z");
    assert_eq!(nuuk, "2026-03-29T01:00:00Z 2026-04-05T00:30:00Z");
}

#[test]
fn what_a_change_of_the_clocks_does_to_a_tick_is_told() {
    let shift = |text: &str, from: &str| {
        Schedule::parse(text, "Europe/Berlin").unwrap().next(at(from)).unwrap().shift
    };
    let left_out = "2026-03-29T02:30:00".parse().unwrap();
    assert_eq!(shift("30 2 * * *", "2026-03-28T12:00:00Z"), Some(Shift::Moved { from: left_out }));
    assert_eq!(shift("30 2 * * *", "2026-10-24T12:00:00Z"), Some(Shift::First));
    assert_eq!(shift("*/30 2 * * *", "2026-10-25T00:45:00Z"), Some(Shift::Second));
    assert_eq!(shift("30 4 * * *", "2026-03-28T12:00:00Z"), None);
    // 2:00 is left out, but 3:00 is due anyway.
    let both = Schedule::parse("0 2,3 * * *", "Europe/Berlin").unwrap();
    let both = both.with_dst(Dst { gap: Some(Gap::After), fold: None });
    let due = both.next(at("2026-03-29T00:00:00Z")).unwrap();
    assert_eq!((due.at, due.shift), (at("2026-03-29T01:00:00Z"), None));
}

#[test]
fn a_stored_schedule_is_its_expression_and_its_zone() {
    let schedule = Schedule::parse("0 9 * * mon-fri", "Asia/Tokyo").unwrap();
    let text = serde_json::to_string(&schedule).unwrap();
    assert_eq!(
        text,
        r#"{"expression":"0 9 * * mon-fri","zone":"Asia/Tokyo","dst":{"gap":null,"fold":null}}"#
    );
    assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), schedule);
    let plain = r#"{"expression":"0 9 * * mon-fri","zone":"Asia/Tokyo"}"#;
    assert_eq!(serde_json::from_str::<Schedule>(plain).unwrap(), schedule);
    assert!(serde_json::from_str::<Schedule>(r#"{"expression":"x","zone":"UTC"}"#).is_err());
}

#[test]
fn a_schedule_is_read_back_by_its_clock() {
    for dst in [
        Dst::default(),
        Dst { gap: Some(Gap::Skip), fold: None },
        Dst { gap: Some(Gap::After), fold: Some(Fold::Both) },
    ] {
        let schedule = Schedule::parse("30 2 * * *", "Europe/Berlin").unwrap().with_dst(dst);
        assert_eq!(Schedule::parse_at("30 2 * * *", &schedule.clock()), Ok(schedule));
    }
    assert_eq!(every("@daily").clock(), "UTC");
    let unknown = Schedule::parse_at("@daily", "UTC, gap sometimes, moon full").unwrap();
    assert_eq!(unknown, every("@daily"), "what is no choice chooses nothing");
    assert!(Schedule::parse_at("@daily", "Berlin, gap skip").is_err());
}

#[test]
fn a_nickname_is_the_expression_that_crons_manual_gives_it() {
    for (names, fields) in [
        (["@yearly", "@annually"], "0 0 1 1 *"),
        (["@monthly", "@Monthly"], "0 0 1 * *"),
        (["@weekly", "@WEEKLY"], "0 0 * * 0"),
        (["@daily", "@midnight"], "0 0 * * *"),
        (["@hourly", " @hourly "], "0 * * * *"),
    ] {
        let start = at("2026-11-22T12:34:56Z");
        for name in names {
            assert_eq!(next_five(&every(name), start), next_five(&every(fields), start), "{name}");
        }
    }
}

/// Every word of a choice is read as it is shown, and none is another's.
#[test]
fn every_choice_is_read_by_its_word() {
    for gap in [Gap::After, Gap::Skip] {
        assert_eq!(Gap::from_text(gap.as_str()), Some(gap));
    }
    for fold in [Fold::First, Fold::Last, Fold::Both] {
        assert_eq!(Fold::from_text(fold.as_str()), Some(fold));
    }
    for missed in [Missed::Skip, Missed::Once, Missed::All] {
        assert_eq!(Missed::from_text(missed.as_str()), Some(missed));
    }
    for overlap in [Overlap::Skip, Overlap::Buffer, Overlap::CancelOther, Overlap::Allow] {
        assert_eq!(Overlap::from_text(overlap.as_str()), Some(overlap));
    }
    for other in ["", "Skip", "skip ", "before"] {
        assert_eq!((Gap::from_text(other), Fold::from_text(other)), (None, None), "{other:?}");
        assert_eq!((Missed::from_text(other), Overlap::from_text(other)), (None, None), "{other:?}");
    }
}

#[test]
fn a_one_off_is_due_once() {
    let once = every("at 2026-12-01T09:00:00Z");
    assert_eq!(once.next_after(at("2026-12-01T08:59:59Z")), Some(at("2026-12-01T09:00:00Z")));
    assert_eq!(once.next_after(at("2026-12-01T09:00:00Z")), None);
    assert_eq!(Schedule::at(at("2026-12-01T09:00:00Z")), once);
    let tokyo = Schedule::parse("@daily", "Asia/Tokyo").unwrap();
    let asked = tokyo.when(&tokyo.local(at("2026-12-01T09:00:00Z"))).unwrap();
    assert_eq!(asked.when, When::Once(at("2026-12-01T09:00:00Z")), "what is shown is read again");
}

const SOME: [&str; 9] = [
    "every 7m",
    "every 36h",
    "@daily",
    "30 2 * * *",
    "*/15 1-3 * * *",
    "0 0 L * *",
    "15 10 * * 5#2",
    "0 12 29 2 *",
    "5 30 1 * * 0",
];
const ZONES: [&str; 6] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ticks_strictly_follow_each_other_and_none_lies_between(
        expr in 0..SOME.len(), zone in 0..ZONES.len(), ms in 1_600_000_000_000i64..1_900_000_000_000, part in 0.0f64..1.0
    ) {
        let schedule = Schedule::parse(SOME[expr], ZONES[zone]).unwrap();
        let mut from = Moment::from_unix_ms(ms);
        for _ in 0..20 {
            let next = schedule.next_after(from).unwrap();
            prop_assert!(from < next);
            let between = from.plus(next.since(from).mul_f64(part)).min(Moment::from_unix_ms(next.unix_ms() - 1));
            prop_assert_eq!(schedule.next_after(between), Some(next), "{} after {} or {}", schedule, from, between);
            from = next;
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[0-9*/,#LW+?@ a-z-]{0,24}") {
        let _ = Schedule::parse(&text, "UTC");
    }
}
