//! Each due tick has exactly one fate, whatever happens to the machine, its clock and its owner.

use super::*;

fn situation(last: &str, now: &str) -> Situation {
    Situation {
        last: at(last),
        now: at(now),
        owed: None,
        delay: Duration::ZERO,
        busy: None,
        hold: None,
        paused: None,
    }
}

fn hourly(policy: Missed) -> Task {
    let plain = Task::plain(every("@hourly"));
    Task { missed: MissedRule { policy, ..plain.missed }, ..plain }
}

/// The fates of single ticks, by the hour they were due, and the stretches with their counts.
fn told(decision: &Decision) -> Vec<String> {
    let hour = |at: Moment| at.to_string()[11..16].to_owned();
    let line = |ruled: &Ruled| match ruled.count {
        1 => format!("{} {}", hour(ruled.at), ruled.fate.as_str()),
        count => format!("{}..{} {count} {}", hour(ruled.from), hour(ruled.at), ruled.fate.as_str()),
    };
    decision.ruled.iter().map(line).collect()
}

#[test]
fn a_tick_on_time_runs_and_one_that_nobody_saw_goes_by_the_policy() {
    let seen =
        |policy| told(&decide(&hourly(policy), &situation("2026-11-22T09:00:00Z", "2026-11-22T12:10:00Z")));
    assert_eq!(seen(Missed::Skip), ["10:00 missed", "11:00 missed", "12:00 missed"]);
    assert_eq!(seen(Missed::Once), ["10:00 merged", "11:00 merged", "12:00 late"]);
    assert_eq!(seen(Missed::All), ["10:00 late"], "the others are owed");
    let on_time =
        |policy| told(&decide(&hourly(policy), &situation("2026-11-22T11:00:00Z", "2026-11-22T12:00:30Z")));
    for policy in [Missed::Skip, Missed::Once, Missed::All] {
        assert_eq!(on_time(policy), ["12:00 ran"]);
    }
}

#[test]
fn what_was_due_during_a_pause_was_paused_also_if_it_is_over_when_one_looks() {
    let span = PauseSpan {
        by: "by the owner: holidays".to_owned(),
        since: at("2026-11-22T10:30:00Z"),
        until: Some(at("2026-11-22T13:00:00Z")),
    };
    let paused = Some(span.clone());
    for (policy, expected) in [
        (Missed::Skip, "10:00 missed 11:00 paused 12:00 paused 13:00 missed 14:00 ran"),
        (Missed::Once, "10:00 merged 11:00 paused 12:00 paused 13:00 merged 14:00 ran"),
        (Missed::All, "10:00 late"),
    ] {
        let now = situation("2026-11-22T09:00:00Z", "2026-11-22T14:00:10Z");
        let seen = decide(&hourly(policy), &Situation { paused: paused.clone(), ..now });
        assert_eq!(told(&seen).join(" "), expected);
        if policy == Missed::All {
            let now = situation("2026-11-22T10:00:00Z", "2026-11-22T14:01:10Z");
            let next = Situation { owed: seen.owed, paused: paused.clone(), ..now };
            let next = decide(&hourly(policy), &next);
            assert_eq!(told(&next).join(" "), "11:00 paused 12:00 paused 13:00 late");
        }
    }
    // Nothing but what is paused: nothing starts, and nothing is owed.
    let now = situation("2026-11-22T10:00:00Z", "2026-11-22T12:10:00Z");
    let seen = decide(&hourly(Missed::Once), &Situation { paused, ..now });
    assert_eq!(told(&seen), ["11:00 paused", "12:00 paused"]);
    assert_eq!((seen.owed, seen.starts()), (None, None));
    assert_eq!(seen.ruled[0].fate.to_string(), "paused: by the owner: holidays, until 2026-11-22T13:00:00Z");
}

#[test]
fn what_is_older_than_the_window_is_never_made_up_for() {
    let mut task = hourly(Missed::Once);
    task.missed.window = Some(Duration::from_secs(5400));
    let seen = decide(&task, &situation("2026-11-22T09:00:00Z", "2026-11-22T12:10:00Z"));
    assert_eq!(told(&seen), ["10:00 missed", "11:00 merged", "12:00 late"]);
    assert!(
        seen.ruled[0].fate.to_string().contains("older than the window of 1h30m"),
        "{}",
        seen.ruled[0].fate
    );
    let once = Task { schedule: every("at 2026-11-20T00:00:00Z"), ..task };
    assert_eq!(
        told(&decide(&once, &situation("2026-11-01T00:00:00Z", "2026-11-22T12:10:00Z"))),
        ["00:00 missed"]
    );
}

#[test]
fn a_tick_during_a_run_goes_by_the_overlap() {
    let seen = |overlap| {
        let task = Task { overlap, ..hourly(Missed::Once) };
        let busy = Some("r7".to_owned());
        let decision =
            decide(&task, &Situation { busy, ..situation("2026-11-22T11:00:00Z", "2026-11-22T12:00:01Z") });
        (told(&decision).join(" "), decision.owed.is_some(), decision.cancels)
    };
    assert_eq!(seen(Overlap::Skip), ("12:00 skipped".to_owned(), false, false));
    assert_eq!(seen(Overlap::Buffer), (String::new(), true, false));
    assert_eq!(seen(Overlap::CancelOther), ("12:00 ran".to_owned(), false, true));
    assert_eq!(seen(Overlap::Allow), ("12:00 ran".to_owned(), false, false));
}

/// The run that makes up for what passed unseen waits for the one that was cut off and taken up again.
#[test]
fn what_passed_unseen_is_made_up_for_when_the_run_under_way_has_ended() {
    let busy = || Some("r7".to_owned());
    let seen = |overlap, now| {
        let unseen = situation("2026-11-22T09:00:00Z", now);
        decide(&Task { overlap, ..hourly(Missed::Once) }, &Situation { busy: busy(), ..unseen })
    };
    let fates = |overlap, now| told(&seen(overlap, now)).join(" ");
    for now in ["2026-11-22T12:00:01Z", "2026-11-22T12:10:00Z"] {
        assert_eq!(fates(Overlap::Skip, now), "10:00 merged 11:00 merged");
        assert_eq!(fates(Overlap::Buffer, now), "10:00 merged 11:00 merged");
    }
    assert_eq!(fates(Overlap::CancelOther, "2026-11-22T12:00:01Z"), "10:00 merged 11:00 merged 12:00 ran");
    let task = hourly(Missed::Once);
    let first = seen(Overlap::Skip, "2026-11-22T12:00:01Z");
    assert_eq!(first.look, Some(at("2026-11-22T12:00:11Z")));
    let at_end = |now| Situation { owed: first.owed, ..situation("2026-11-22T11:00:00Z", now) };
    let ended = decide(&task, &at_end("2026-11-22T12:20:00Z"));
    assert_eq!((told(&ended), ended.owed), (vec!["12:00 late".to_owned()], None));
    // One that becomes due in the meantime is made up for by the same run.
    let next = decide(&task, &Situation { busy: busy(), ..at_end("2026-11-22T13:00:01Z") });
    assert_eq!(told(&next), ["12:00 merged"]);
    let after = situation("2026-11-22T12:00:00Z", "2026-11-22T13:20:00Z");
    let after = decide(&task, &Situation { owed: next.owed, ..after });
    assert_eq!((told(&after), after.owed), (vec!["13:00 late".to_owned()], None));
    // A tick alone that nobody saw waits too; the next that is seen does not.
    let alone = situation("2026-11-22T11:00:00Z", "2026-11-22T12:10:00Z");
    let alone = decide(&task, &Situation { busy: busy(), ..alone });
    assert_eq!((told(&alone).len(), alone.owed.is_some()), (0, true));
    let skips = decide(
        &hourly(Missed::Skip),
        &Situation { busy: busy(), ..situation("2026-11-22T10:00:00Z", "2026-11-22T12:00:01Z") },
    );
    assert_eq!(told(&skips).join(" "), "11:00 missed 12:00 skipped");
}

/// Ticks seen within a minute of their time pass together where the newest of them starts nothing.
#[test]
fn no_tick_merges_into_one_that_a_run_keeps_from_starting() {
    let task = Task::plain(every("*/10 * * * * *"));
    let now = situation("2026-11-22T12:00:05Z", "2026-11-22T12:00:31Z");
    let seen = decide(&task, &Situation { busy: Some("r7".to_owned()), ..now.clone() });
    let fates: Vec<String> = seen.ruled.iter().map(|ruled| ruled.fate.to_string()).collect();
    assert_eq!(fates, ["skipped: run r7 was under way"; 3]);
    let hold = Some(Hold::Gated { by: "memory is short".into() });
    let seen = decide(&task, &Situation { hold, ..now });
    let fates: Vec<String> = seen.ruled.iter().map(|ruled| ruled.fate.to_string()).collect();
    assert_eq!(fates, ["gated: memory is short"; 3]);
}

#[test]
fn a_run_that_could_not_start_stands_for_nothing() {
    let mut seen = decide(&hourly(Missed::Once), &situation("2026-11-22T09:00:00Z", "2026-11-22T12:10:00Z"));
    seen.starts_nothing("its strategy is put aside");
    let fates: Vec<String> = seen.ruled.iter().map(|ruled| ruled.fate.to_string()).collect();
    let missed = "missed: it passed unseen, and the run for it did not start";
    assert_eq!(fates, [missed, missed, "skipped: its strategy is put aside"]);
}

#[test]
fn a_buffered_tick_runs_when_the_run_has_ended_and_the_newest_stands_for_all() {
    let task = Task { overlap: Overlap::Buffer, ..hourly(Missed::Skip) };
    let busy = Some("r7".to_owned());
    let first = situation("2026-11-22T11:00:00Z", "2026-11-22T12:00:01Z");
    let first = decide(&task, &Situation { busy: busy.clone(), ..first });
    let second = situation("2026-11-22T11:00:00Z", "2026-11-22T13:00:01Z");
    let second = decide(&task, &Situation { busy, owed: first.owed, ..second });
    assert_eq!(told(&second), ["12:00 merged"]);
    assert_eq!(second.look, Some(at("2026-11-22T13:00:11Z")));
    let third = situation("2026-11-22T12:00:00Z", "2026-11-22T13:40:00Z");
    let third = decide(&task, &Situation { owed: second.owed, ..third });
    assert_eq!(
        (told(&third), third.owed),
        (vec!["13:00 late".to_owned()], None),
        "policy or not, it was promised"
    );
}

#[test]
fn what_holds_the_task_is_told_of_the_tick_it_would_have_run() {
    let holds = [
        Hold::Paused { by: "the owner: holidays".into(), until: Some(at("2026-12-01T00:00:00Z")) },
        Hold::Gated { by: "memory is short".into() },
        Hold::Off { why: "it is disabled".into() },
    ];
    let seen = holds.map(|hold| {
        let now = situation("2026-11-22T10:00:00Z", "2026-11-22T12:00:00Z");
        let decision = decide(&hourly(Missed::Once), &Situation { hold: Some(hold), ..now });
        assert_eq!(decision.starts(), None);
        assert_eq!(decision.ruled[0].fate.as_str(), "missed");
        decision.ruled[1].fate.to_string()
    });
    assert_eq!(
        seen,
        [
            "paused: the owner: holidays, until 2026-12-01T00:00:00Z",
            "gated: memory is short",
            "skipped: it is disabled"
        ]
    );
}

#[test]
fn outside_the_allowed_hours_a_tick_is_skipped_and_a_missed_one_waits_for_them() {
    let hours = Some(Hours::parse("08:00-20:00", "UTC").unwrap());
    let task = Task { hours, ..hourly(Missed::Once) };
    let night = decide(&task, &situation("2026-11-22T21:00:00Z", "2026-11-22T22:00:00Z"));
    assert_eq!(told(&night), ["22:00 skipped"]);
    let woken = decide(&task, &situation("2026-11-22T18:00:00Z", "2026-11-22T22:30:00Z"));
    assert_eq!((told(&woken), woken.look), (vec![], Some(at("2026-11-23T08:00:00Z"))));
    let now = situation("2026-11-22T18:00:00Z", "2026-11-23T08:00:00Z");
    let morning = decide(&task, &Situation { owed: woken.owed, ..now });
    assert_eq!(morning.starts(), Some(at("2026-11-23T08:00:00Z")));
    assert_eq!(told(&morning)[0], "19:00 merged");
}

#[test]
fn while_there_is_no_room_the_newest_waits_until_the_next_is_due() {
    for policy in [Missed::Once, Missed::Skip] {
        let task = hourly(policy);
        let hold = Some(Hold::Waits { by: "memory is short".into() });
        let first = situation("2026-11-22T11:00:00Z", "2026-11-22T12:00:01Z");
        let first = decide(&task, &Situation { hold: hold.clone(), ..first });
        assert_eq!((told(&first).len(), first.look), (0, Some(at("2026-11-22T12:00:11Z"))));
        let again = situation("2026-11-22T11:00:00Z", "2026-11-22T12:30:00Z");
        let again = decide(&task, &Situation { hold: hold.clone(), owed: first.owed, ..again });
        assert_eq!((told(&again).len(), again.owed), (0, first.owed), "there is nothing to write down");
        let next = situation("2026-11-22T11:00:00Z", "2026-11-22T13:00:01Z");
        let next = decide(&task, &Situation { hold, owed: again.owed, ..next });
        assert_eq!(told(&next), ["12:00 gated"]);
        assert_eq!(next.ruled[0].fate.to_string(), "gated: memory is short");
        let open = situation("2026-11-22T12:00:00Z", "2026-11-22T13:40:00Z");
        let open = decide(&task, &Situation { owed: next.owed, ..open });
        assert_eq!((told(&open), open.owed), (vec!["13:00 late".to_owned()], None), "{policy:?}");
    }
    // What passed unseen merges into the one that waits, and what was due in a pause after it ends the waiting.
    let hold = Some(Hold::Waits { by: "memory is short".into() });
    let seen = situation("2026-11-22T09:00:00Z", "2026-11-22T12:10:00Z");
    let seen = decide(&hourly(Missed::Once), &Situation { hold: hold.clone(), ..seen });
    assert_eq!(told(&seen), ["10:00 merged", "11:00 merged"]);
    let paused = Some(PauseSpan { by: "a person".into(), since: at("2026-11-22T12:30:00Z"), until: None });
    let after = situation("2026-11-22T11:00:00Z", "2026-11-22T13:10:00Z");
    let after = decide(&hourly(Missed::Once), &Situation { hold, owed: seen.owed, paused, ..after });
    assert_eq!((told(&after), after.owed), (vec!["12:00 gated".to_owned(), "13:00 paused".to_owned()], None));
}

#[test]
fn while_there_is_no_room_all_wait_that_are_to_run_one_by_one() {
    let task = hourly(Missed::All);
    let hold = Some(Hold::Waits { by: "memory is short".into() });
    let first = situation("2026-11-22T09:00:00Z", "2026-11-22T12:00:01Z");
    let first = decide(&task, &Situation { hold: hold.clone(), ..first });
    assert_eq!((told(&first).len(), first.last), (0, at("2026-11-22T09:00:00Z")));
    let more = situation("2026-11-22T09:00:00Z", "2026-11-22T13:00:01Z");
    let more = decide(&task, &Situation { hold, owed: first.owed, ..more });
    assert_eq!((told(&more).len(), more.owed.unwrap().through), (0, at("2026-11-22T13:00:00Z")));
    let (mut last, mut owed, mut ran) = (more.last, more.owed, Vec::new());
    let mut now = at("2026-11-22T13:10:00Z");
    while owed.is_some() {
        let open = Situation { last, owed, now, ..situation("2026-11-22T09:00:00Z", "2026-11-22T13:10:00Z") };
        let open = decide(&task, &open);
        ran.extend(told(&open));
        (last, owed, now) = (open.last, open.owed, open.owed.map_or(now, |owed| owed.not_before));
    }
    assert_eq!(ran, ["10:00 late", "11:00 late", "12:00 late", "13:00 late"]);
}

/// Of very many the oldest are stretches, each with its own fate.
#[test]
fn of_very_many_those_in_a_pause_and_outside_the_hours_say_so() {
    let span = PauseSpan {
        by: "by the owner: holidays".to_owned(),
        since: at("2025-02-01T00:00:00Z"),
        until: Some(at("2025-02-03T00:00:00Z")),
    };
    let now = Situation { paused: Some(span), ..situation("2025-01-30T23:59:59Z", "2026-11-22T12:00:00Z") };
    let seen = decide(&hourly(Missed::Once), &now);
    let fates: Vec<(&str, u64)> =
        seen.ruled.iter().take(3).map(|ruled| (ruled.fate.as_str(), ruled.count)).collect();
    assert_eq!(fates, [("missed", 24), ("paused", 48), ("missed", 9900 - 72)]);
    let task = Task { hours: Some(Hours::parse("06:00-18:00", "UTC").unwrap()), ..hourly(Missed::Once) };
    let seen = decide(&task, &situation("2025-01-30T23:59:59Z", "2026-11-22T12:00:00Z"));
    let fates: Vec<(&str, u64)> =
        seen.ruled.iter().take(3).map(|ruled| (ruled.fate.as_str(), ruled.count)).collect();
    assert_eq!(fates, [("skipped", 6), ("missed", 12), ("skipped", 12)]);
}

#[test]
fn jitter_delays_a_tick_and_leaves_it_on_time() {
    let delay = Duration::from_secs(200);
    let early = Situation { delay, ..situation("2026-11-22T11:00:00Z", "2026-11-22T12:03:19Z") };
    let early = decide(&hourly(Missed::Once), &early);
    assert_eq!((told(&early), early.look), (vec![], Some(at("2026-11-22T12:03:20Z"))));
    let due = Situation { delay, ..situation("2026-11-22T11:00:00Z", "2026-11-22T12:03:20Z") };
    assert_eq!(told(&decide(&hourly(Missed::Once), &due)), ["12:00 ran"]);
}

#[test]
fn a_tick_that_daylight_saving_moved_says_from_where() {
    let task = Task::plain(Schedule::parse("30 2 * * *", "Europe/Berlin").unwrap());
    let seen = decide(&task, &situation("2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"));
    assert_eq!(seen.ruled[0].fate, Fate::Moved { from: "2026-03-29T02:30:00".into() });
}

#[test]
fn every_fate_is_told_in_a_line() {
    let (into, until) = (at("2026-11-22T12:00:00Z"), Some(at("2026-12-01T00:00:00Z")));
    let by = || "the owner: holidays".to_owned();
    let all = [
        Fate::Ran,
        Fate::Late { by: Duration::from_millis(7_200_400) },
        Fate::Moved { from: "2026-03-29T02:30:00".into() },
        Fate::Skipped { why: "run r7 was under way".into() },
        Fate::Merged { into },
        Fate::Gated { by: "memory is short".into() },
        Fate::Paused { by: by(), until: None },
        Fate::Paused { by: by(), until },
        Fate::Missed { why: "missed ticks are skipped".into() },
    ];
    expect_test::expect![[r#"
        ran on time
        late: it started 2h after it was due
        moved: 2026-03-29T02:30:00 was left out by daylight saving, so it ran right after
        skipped: run r7 was under way
        merged: the tick of 2026-11-22T12:00:00Z stands for it too
        gated: memory is short
        paused: the owner: holidays
        paused: the owner: holidays, until 2026-12-01T00:00:00Z
        missed: missed ticks are skipped"#]]
    .assert_eq(&all.each_ref().map(Fate::to_string).join("\n"));
    for fate in &all {
        assert!(fate.to_string().starts_with(fate.as_str()));
        assert_eq!(fate.started(), ["ran", "late", "moved"].contains(&fate.as_str()), "{fate}");
    }
}

/// A pause that is over does not hide behind what holds the task now: each tick has its own reason.
#[test]
fn what_was_paused_stays_so_told_when_the_task_is_held_later() {
    let paused = Some(PauseSpan {
        by: "by the owner".to_owned(),
        since: at("2026-11-22T09:30:00Z"),
        until: Some(at("2026-11-22T10:30:00Z")),
    });
    let hold = Some(Hold::Gated { by: "memory is short".into() });
    let now = situation("2026-11-22T09:00:00Z", "2026-11-22T12:00:00Z");
    let seen = decide(&hourly(Missed::Once), &Situation { hold, paused, ..now });
    assert_eq!(
        (told(&seen).join(" "), seen.owed),
        ("10:00 paused 11:00 missed 12:00 gated".to_owned(), None)
    );
}

/// A word alone is looked for when it is next due, or when what is owed may run.
#[test]
fn when_to_look_is_told_without_deciding() {
    let task = hourly(Missed::Once);
    let now = situation("2026-11-22T12:00:00Z", "2026-11-22T12:10:00Z");
    assert_eq!(look_at(&task, &now), Some(at("2026-11-22T13:00:00Z")));
    let owed = Some(Owed { through: at("2026-11-22T13:00:00Z"), not_before: at("2026-11-22T15:00:00Z") });
    assert_eq!(look_at(&task, &Situation { owed, ..now.clone() }), Some(at("2026-11-22T15:00:00Z")));
    let once = Task { schedule: every("at 2026-11-20T00:00:00Z"), ..task };
    assert_eq!(look_at(&once, &now), None, "it is never due again");
}

/// Follows a task by its own word on when to look, each run an instant; gives the starts.
fn follow(task: &Task, mut last: Moment, from: Moment, until: Moment) -> (Vec<Moment>, Vec<Ruled>) {
    let (mut now, mut owed, mut starts, mut ruled) = (from, None, Vec::new(), Vec::new());
    while now <= until {
        let decision = decide(
            task,
            &Situation { last, now, owed, delay: Duration::ZERO, busy: None, hold: None, paused: None },
        );
        starts.extend(decision.starts().map(|_| now));
        (last, owed) = (decision.last, decision.owed);
        ruled.extend(decision.ruled);
        now = decision.look.unwrap_or(until).max(now.plus(Duration::from_millis(1)));
    }
    (starts, ruled)
}

/// Every tick of the schedule in `after < tick ≤ last` is in `ruled` once, in order.
fn assert_whole(schedule: &Schedule, after: Moment, ruled: &[Ruled], last: Moment) {
    let mut at = after;
    for row in ruled {
        for n in 0..row.count {
            at = schedule.next_after(at).expect("a tick");
            assert!(n > 0 || at == row.from, "{schedule}: {at} has no fate, the next is {row:?}");
        }
        assert_eq!(at, row.at, "{schedule}: {row:?}");
    }
    assert_eq!(at, last, "{schedule}");
}

#[test]
fn thirty_days_down_give_no_storm() {
    let (last, now) = (at("2026-10-23T12:00:30Z"), at("2026-11-22T12:10:00Z"));
    for (text, policy, most) in [
        ("@hourly", Missed::Skip, 0),
        ("@hourly", Missed::Once, 1),
        ("@hourly", Missed::All, 10),
        ("every 1m", Missed::All, 10),
        ("*/10 * * * * *", Missed::All, 10),
    ] {
        let plain = Task::plain(every(text));
        let spread = Duration::from_secs(300);
        let missed = MissedRule { policy, spread, ..plain.missed };
        let task = Task { missed, ..plain };
        let (starts, ruled) = follow(&task, last, now, now.plus(Duration::from_secs(45 * 60 - 1)));
        assert!(starts.len() <= most, "{text} {policy:?}: {} starts", starts.len());
        assert!(policy == Missed::Skip || !starts.is_empty());
        for two in starts.windows(2) {
            assert!(spread <= two[1].since(two[0]), "{text} {policy:?}: {two:?}");
        }
        assert_whole(&task.schedule, last, &ruled, ruled.last().map_or(last, |row| row.at));
        let rows = ruled.iter().filter(|row| row.at <= now).count();
        assert!(rows < 150, "{text}: {rows} rows for 30 days");
    }
}

#[test]
fn a_jump_of_the_clock_by_a_day_runs_nothing_twice() {
    let task = hourly(Missed::Once);
    let start = situation("2026-11-22T12:00:00Z", "2026-11-23T12:10:00Z");
    let ahead = decide(&task, &start);
    assert_eq!(ahead.starts(), Some(at("2026-11-23T12:00:00Z")));
    assert_eq!(ahead.ruled.iter().map(|row| row.count).sum::<u64>(), 24);
    for now in ["2026-11-22T12:10:00Z", "2026-11-22T18:00:00Z", "2026-11-23T12:30:00Z"] {
        let back = decide(&task, &Situation { last: ahead.last, now: at(now), ..start.clone() });
        assert_eq!((back.ruled, back.last), (vec![], ahead.last));
    }
}

const OVERLAPS: [Overlap; 4] = [Overlap::Skip, Overlap::Buffer, Overlap::CancelOther, Overlap::Allow];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// The promise of the tick ledger: however the machine, its clock and its owner behave, each due
    /// tick has one fate, and no run starts where none may.
    #[test]
    fn each_due_tick_has_exactly_one_fate(
        expr in 0..SOME.len(), zone in 0..ZONES.len(), start in 1_700_000_000_000i64..1_800_000_000_000,
        rules in (0..3usize, 0..4usize, 1u32..6, 0u64..4000, 0u64..3_000, any::<bool>(), any::<bool>()),
        looks in prop::collection::vec((-90_000_000i64..90_000_000, 0u8..8, 0u64..10_000_000), 1..40),
    ) {
        let (policy, overlap, cap, spread, delay, windowed, hours) = rules;
        let policy = [Missed::Skip, Missed::Once, Missed::All][policy];
        let schedule = Schedule::parse(SOME[expr], ZONES[zone]).unwrap();
        let window = windowed.then_some(Duration::from_secs(36_000));
        let task = Task {
            missed: MissedRule { policy, window, cap, spread: Duration::from_secs(spread) },
            overlap: OVERLAPS[overlap],
            hours: hours.then(|| Hours::parse("07:30-21:00", ZONES[zone]).unwrap()),
            ..Task::plain(schedule)
        };
        let begin = Moment::from_unix_ms(start);
        let (mut now, mut last, mut owed, mut busy_until) = (begin, begin, None, begin);
        let mut ruled = Vec::new();
        for (step, hold, runs_for) in looks {
            // Most looks are small steps forward, some are jumps of up to a day either way.
            let step = if hold < 6 { step.abs() / 40 } else { step };
            now = Moment::from_unix_ms(now.unix_ms() + step);
            let busy = (now < busy_until).then(|| "r1".to_owned());
            let hold = match hold {
                0 => Some(Hold::Gated { by: "its platform is closed".into() }),
                1 | 2 => Some(Hold::Waits { by: "memory".into() }),
                _ => None,
            };
            let paused = (runs_for % 4 == 1).then(|| PauseSpan {
                by: "by the owner".into(),
                since: now.minus(Duration::from_millis(runs_for)),
                until: (runs_for % 3 > 0).then(|| now.minus(Duration::from_millis(runs_for / 2))),
            });
            let at = Situation { last, now, owed, delay: Duration::from_secs(delay), busy, hold, paused };
            let decision = decide(&task, &at);
            for row in &decision.ruled {
                let up = row.at.plus(at.delay);
                let span = at.paused.as_ref().filter(|span| span.since <= up);
                let inside = span.is_some_and(|span| span.until.is_none_or(|until| up < until));
                let outside_hours = task.hours.is_some_and(|hours| !hours.allow(up));
                prop_assert!(row.fate.as_str() == "paused" || !inside || outside_hours || row.count > 1, "{:?}", row);
                prop_assert!(row.fate.as_str() != "paused" || inside, "{:?}", row);
                // What passed unseen waits for the run under way.
                let for_a_run = row.fate.to_string().contains("was under way");
                prop_assert!(!for_a_run || now.since(up) <= GRACE, "{:?}", row);
            }
            prop_assert!(last <= decision.last);
            prop_assert!(decision.ruled.iter().filter(|row| row.fate.started()).count() <= 1);
            if decision.starts().is_some() {
                prop_assert!(at.hold.is_none());
                prop_assert!(task.hours.is_none_or(|hours| hours.allow(now)));
                let beside = matches!(task.overlap, Overlap::Allow | Overlap::CancelOther);
                prop_assert!(at.busy.is_none() || beside);
                prop_assert_eq!(decision.cancels, at.busy.is_some() && task.overlap == Overlap::CancelOther);
                busy_until = now.plus(Duration::from_millis(runs_for));
            }
            (last, owed) = (decision.last, decision.owed);
            ruled.extend(decision.ruled);
        }
        assert_whole(&task.schedule, begin, &ruled, last);
        // In the end nothing is left over.
        let delay = Duration::from_secs(delay);
        let quiet = now.max(last).max(owed.map_or(last, |owed| owed.through)).plus(delay);
        ruled.extend(settled(&task, last, owed, delay, quiet));
        assert_whole(&task.schedule, begin, &ruled, ruled.last().map_or(begin, |row| row.at));
    }
}

/// Looks again and again, with nothing under way, until every tick that was due at `now` has its fate.
fn settled(
    task: &Task,
    mut last: Moment,
    mut owed: Option<Owed>,
    delay: Duration,
    mut now: Moment,
) -> Vec<Ruled> {
    let (due, mut ruled) = (now.minus(delay), Vec::new());
    for _ in 0..1000 {
        if task.schedule.next_after(last).is_none_or(|next| due < next) {
            return ruled;
        }
        let decision =
            decide(task, &Situation { last, now, owed, delay, busy: None, hold: None, paused: None });
        (last, owed) = (decision.last, decision.owed);
        ruled.extend(decision.ruled);
        now = now.max(decision.look.expect("what is owed is looked for"));
    }
    panic!("{task:?}: {owed:?} is owed for ever");
}
