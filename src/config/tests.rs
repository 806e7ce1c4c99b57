//! What the tests of the configuration share: sources made of texts, and outcomes as text.

mod accepted;
mod mistakes;
mod nonsense;
mod rules;

use super::*;
use expect_test::{Expect, expect};

const INSTALLED: &[&str] = &["affiliate", "bug-bounty", "freelance-leads", "github-sponsors", "micro-tasks"];

/// Stands in for the scheduler's parser.
fn schedule(text: &str) -> Result<(), String> {
    let fields = text.split(' ').count();
    match text {
        _ if text.starts_with("every ") || text.starts_with('@') => Ok(()),
        _ if fields == 5 || fields == 6 => Ok(()),
        _ => Err(format!("it has {fields} fields")),
    }
}

fn sources(env: &[(&str, &str)], flags: &[(&str, &str, &str)]) -> Sources<'static> {
    Sources {
        file: None,
        env: Env::new(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))),
        flags: flags
            .iter()
            .fold(Overrides::default(), |all, (flag, key, value)| all.with(flag, key, Some(*value))),
        installed: INSTALLED,
        check_schedule: schedule,
    }
}

fn text(name: &str, text: &str) -> Result<Loaded, ConfigErrors> {
    lay(&sources(&[], &[]), Some((Path::new(name), Ok(text.to_owned()))), Bearing::Nothing)
}

fn told(outcome: &Result<Loaded, ConfigErrors>) -> String {
    match outcome {
        Err(errors) => errors.to_string(),
        Ok(loaded) if loaded.warnings.is_empty() => "good".to_owned(),
        Ok(loaded) => loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

fn check(name: &str, file: &str, expected: Expect) {
    expected.assert_eq(&told(&text(name, file)));
}

fn check_env(env: &[(&str, &str)], flags: &[(&str, &str, &str)], expected: Expect) {
    expected.assert_eq(&told(&load(sources(env, flags))));
}

/// Who is put aside and why, or why the daemon does not start.
fn to_run(file: &str) -> String {
    let file = Some((Path::new("c.toml"), Ok(file.to_owned())));
    match lay(&sources(&[], &[]), file, Bearing::Strategies) {
        Err(errors) => errors.to_string(),
        Ok(loaded) => {
            let tell = |(id, all): (&String, &Vec<Mistake>)| {
                let all: Vec<String> = all.iter().map(ToString::to_string).collect();
                format!("{id}: {}", all.join("; "))
            };
            loaded.put_aside.iter().map(tell).collect::<Vec<_>>().join("\n")
        }
    }
}

#[test]
fn a_mistake_in_a_strategy_puts_it_aside_and_one_elsewhere_refuses_the_start() {
    expect![""].assert_eq(&to_run("[strategies.bug-bounty]\nenabled = true\n"));
    expect![[r#"
        bug-bounty: c.toml:2: `strategies.bug-bounty.schedule` is `"often"`, which is no schedule: it has 1 fields; write "every 30m", "@hourly", "@daily", or a cron expression of 5 or 6 fields; c.toml:3: `strategies.bug-bounty.priorty` is not known; in `strategies.bug-bounty` there are enabled, priority, max_daily_actions, schedule, retries, timezone, missed, missed_window, missed_cap, missed_spread, overlap, jitter, hours, gap, fold, config; did you mean `priority`?
        micro-tasks: c.toml:5: `strategies.micro-tasks.enabled` is `"yes"`; write true or false"#]]
    .assert_eq(&to_run(
        "[strategies.bug-bounty]\nschedule = \"often\"\npriorty = 1\n[strategies.micro-tasks]\nenabled = \"yes\"\n",
    ));
    expect![[r#"
        bug-bounty: c.toml:2: `strategies.bug-bounty` is `7`, but should be a section; write `[strategies.bug-bounty]` and its keys below"#]]
    .assert_eq(&to_run("[strategies]\nbug-bounty = 7\n"));
    expect![[r#"
        bug-bounty: c.toml:2: `strategies.bug-bounty.config.api_key` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not"#]]
    .assert_eq(&to_run("[strategies.bug-bounty.config]\napi_key = \"hunter2\"\n"));
    // The lists of the seed are about all of them; a line that does not read is about nobody.
    for elsewhere in [
        "[strategies]\nenabled = 3\n",
        "[strategies]\nenabled = [\"bug-bounty\", \"bug-bounty\"]\n",
        "[strategies.bug-bounty]\nenabled true\n",
        "[limits]\nmax_daily_actions = 0\n[strategies.bug-bounty]\npriority = 0\n",
    ] {
        let told = to_run(elsewhere);
        assert!(told.starts_with("the configuration has "), "{elsewhere}: {told}");
        assert_eq!(told, text("c.toml", elsewhere).unwrap_err().to_string());
    }
}
