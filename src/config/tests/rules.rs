//! The rules for a strategy's ticks: taken, shown, and refused with their place.

use mm_core::schedule::{Schedule, Task};

use super::*;

/// The task of `bug-bounty`, whose owner lives in Berlin.
fn task(file: &str) -> Task {
    let loaded = text("my.toml", file).unwrap();
    crate::machine::task(&loaded.config.strategies["bug-bounty"], "@daily", "Europe/Berlin").unwrap()
}

#[test]
fn what_is_not_said_of_ticks_is_as_ever() {
    let plain = Task::plain(Schedule::parse("every 1h", "Europe/Berlin").unwrap());
    assert_eq!(task(""), plain);
    // An empty text is nothing said.
    let file = "[strategies.bug-bounty]\ntimezone = ''\nmissed_window = 'none'\njitter = 'none'\nhours = ''\ngap = ''\n";
    assert_eq!(task(file), plain);
}

const ALL: &str = "[strategies.bug-bounty]\nschedule = '30 2 * * *'\nhours = '08:00-20:00'\ntimezone = 'America/New_York'\n\
    missed = 'all'\nmissed_window = '6h'\nmissed_cap = 3\nmissed_spread = '5m'\noverlap = 'cancel-other'\n\
    jitter = '90s'\ngap = 'skip'\nfold = 'last'\n";

#[test]
fn every_rule_for_ticks_is_taken_and_shown() {
    let told = serde_json::to_string(&task(ALL)).unwrap();
    expect![[r#"{"schedule":{"expression":"30 2 * * *","zone":"America/New_York","dst":{"gap":"skip","fold":"last"}},"missed":{"policy":"all","window":{"secs":21600,"nanos":0},"cap":3,"spread":{"secs":300,"nanos":0}},"overlap":"cancel_other","jitter":{"secs":90,"nanos":0},"hours":"08:00-20:00 America/New_York"}"#]]
        .assert_eq(&told);
    let shown = text("my.toml", ALL).unwrap().show_text();
    let own: Vec<&str> = shown.lines().filter(|line| line.contains("my.toml")).collect();
    expect![[r#"
        fold = "last"                            # my.toml:12
        gap = "skip"                             # my.toml:11
        hours = "08:00-20:00"                    # my.toml:3
        jitter = "90s"                           # my.toml:10
        missed = "all"                           # my.toml:5
        missed_cap = 3                           # my.toml:7
        missed_spread = "5m"                     # my.toml:8
        missed_window = "6h"                     # my.toml:6
        overlap = "cancel-other"                 # my.toml:9
        schedule = "30 2 * * *"                  # my.toml:2
        timezone = "America/New_York"            # my.toml:4"#]]
    .assert_eq(&own.join("\n"));
    assert_eq!(task(&shown), task(ALL), "what is shown loads again");
}

#[test]
fn each_bad_rule_is_told_with_its_place_and_what_would_be_right() {
    check(
        "my.toml",
        "[strategies.bug-bounty]\ntimezone = 'New_York'\nmissed = 'twice'\nmissed_window = 6\nmissed_cap = 101\n\
         missed_spread = '2d'\noverlap = 'allow'\njitter = '5'\nhours = '8-20'\ngap = 'before'\nfold = 'second'\n\
         mised = 'once'\n",
        expect![[r#"
            the configuration has 11 mistakes
              my.toml:2: `strategies.bug-bounty.timezone` is `"New_York"`, which is no time zone; write a name of the IANA time zone database, like "Europe/Berlin"; did you mean `America/New_York`?
              my.toml:3: `strategies.bug-bounty.missed` is `"twice"`, which is no word for what to do with missed ticks; write "skip", "once" or "all"
              my.toml:4: `strategies.bug-bounty.missed_window` is `6`; write a time like "6h" or "2d", or "none" for no such bound
              my.toml:5: `strategies.bug-bounty.missed_cap` is 101, which is too large; write a whole number from 1 to 100
              my.toml:6: `strategies.bug-bounty.missed_spread` is `"2d"`, which is longer than a day; write a time like "90s" or "5m", at most a day
              my.toml:7: `strategies.bug-bounty.overlap` is `"allow"`, which cannot be, as a strategy has one run at a time; write "skip", "buffer" or "cancel-other"
              my.toml:8: `strategies.bug-bounty.jitter` is `"5"`, which is no length of time; write a time like "90s" or "5m", at most a day, or "none"
              my.toml:9: `strategies.bug-bounty.hours` is `"8-20"`, which is no span of hours; write hours like "08:00-20:00" or "22:00-06:00 Europe/Berlin", or "none" for all
              my.toml:10: `strategies.bug-bounty.gap` is `"before"`, which is no word for what to do with a time that is left out; write "after" or "skip", or "none" for what is usual
              my.toml:11: `strategies.bug-bounty.fold` is `"second"`, which is no word for what to do with a time that comes twice; write "first", "last" or "both", or "none" for what is usual
              my.toml:12: `strategies.bug-bounty.mised` is not known; in `strategies.bug-bounty` there are enabled, priority, max_daily_actions, schedule, retries, timezone, missed, missed_window, missed_cap, missed_spread, overlap, jitter, hours, gap, fold, config; did you mean `missed`?"#]],
    );
    check_env(
        &[("MONEY_MACHINE__STRATEGIES__BUG_BOUNTY__MISSED_CAP", "0")],
        &[],
        expect![[r#"
            the configuration has a mistake
              MONEY_MACHINE__STRATEGIES__BUG_BOUNTY__MISSED_CAP in the environment: `strategies.bug-bounty.missed_cap` is 0, which is too small; write a whole number from 1 to 100"#]],
    );
}
