//! What the tests of the configuration share: sources made of texts, and outcomes as text.

mod accepted;
mod mistakes;
mod nonsense;

use super::*;
use expect_test::{Expect, expect};

const INSTALLED: &[&str] = &["bug-bounty", "micro-tasks"];

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
    lay(&sources(&[], &[]), Some((Path::new(name), Ok(text.to_owned()))))
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
