//! A strategy of one's own as a whole program: `examples/paid_help.rs` runs once in the sandbox and lists
//! what it found; and a crate that `strategy new` writes compiles, passes its own tests and runs there.
//!
//! The test binary is also the program: started with `MONEY_MACHINE_TEST_PAID_HELP` it is the example's
//! `main`. The new crate's strategy is built and tested by itself; with `MONEY_MACHINE_TEST_NEW_STRATEGY=whole` its
//! program too, which builds everything once more.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays the outside world")]

use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio, Termination};

use serde_json::Value;

#[path = "daemon/clock.rs"]
mod clock;
#[path = "../examples/paid_help.rs"]
#[allow(unused, reason = "its own tests are not run from here")]
mod paid_help;

const PROGRAM: &str = "MONEY_MACHINE_TEST_PAID_HELP";

fn main() -> ExitCode {
    if std::env::var(PROGRAM).is_ok() {
        return paid_help::main().report();
    }
    // `cargo test -- --list` and the like ask for nothing here.
    if std::env::args().any(|arg| arg == "--list") {
        return ExitCode::SUCCESS;
    }
    the_example_runs_in_the_sandbox();
    a_new_strategy_compiles_and_passes_its_tests();
    ExitCode::SUCCESS
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The example's program, in a home of its own.
fn example(home: &Path, line: &str) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(line.split_whitespace()).args(["--sandbox", "--data-dir"]).arg(home.join("data"));
    command
        .arg("--config")
        .arg(home.join("config.toml"))
        .env_clear()
        .envs(clock::moved())
        .env(PROGRAM, "1")
        .stdin(Stdio::null());
    command.env("HOME", home).env("XDG_RUNTIME_DIR", home).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

/// The sandbox's GitHub has fifteen repositories; in these somebody asked for something since the spring.
fn the_example_runs_in_the_sandbox() {
    let home = tempfile::tempdir().unwrap();
    let config = "[strategies.bug-bounty]\nenabled = false\n[strategies.paid-help]\nenabled = true\n\
        [strategies.paid-help.config]\nrepositories = [REPOSITORIES]\nwords = \"\"\n";
    let sandbox = money_machine::sandbox::Sandbox::new(20_260_722);
    let now_ms = 1_790_000_000_000;
    let mut names: Vec<String> =
        sandbox.github_bounties(now_ms).iter().map(|(repo, _)| format!("{:?}", repo.full_name)).collect();
    names.sort();
    names.dedup();
    names.truncate(5);
    std::fs::write(home.path().join("config.toml"), config.replace("REPOSITORIES", &names.join(", ")))
        .unwrap();

    let ran = example(home.path(), "run --once --as-of 2026-09-21T13:00:00Z");
    assert!(ran.status.success(), "{}", said(&ran));
    let found = json(&example(home.path(), "opportunities list --json"));
    let found = found.as_array().unwrap();
    assert!(!found.is_empty());
    assert!(found.iter().all(|one| one["strategy"] == "paid-help"), "{found:?}");
    let acts = json(&example(home.path(), "actions list --json"));
    let acts = acts.as_array().unwrap();
    assert!(!acts.is_empty() && acts.iter().all(|act| act["action"] == "search"), "{acts:?}");
    println!("the example: {} opportunities by {} acts", found.len(), acts.len());
}

fn a_new_strategy_compiles_and_passes_its_tests() {
    let whole = std::env::var("MONEY_MACHINE_TEST_NEW_STRATEGY").is_ok_and(|said| said == "whole");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    if !Command::new(&cargo).arg("--version").output().is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: cargo is not here");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    // Its name is also that of a type which the template brings in.
    let dir = home.path().join("source");
    let made = Command::new(env!("CARGO_BIN_EXE_money-machine"))
        .args(["strategy", "new", "source", "--dir"])
        .arg(&dir)
        .args(["--source", env!("CARGO_MANIFEST_DIR")])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", said(&made));

    // A target directory of its own below this one: what is there is never another build's.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-strategy");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&cargo);
        command.args(arguments).arg("--offline").arg("--target-dir").arg(&target).current_dir(&dir);
        let output = command.env("CARGO_INCREMENTAL", "0").env_remove("RUSTFLAGS").output().unwrap();
        assert!(output.status.success(), "cargo {arguments:?}\n{}", said(&output));
        said(&output)
    };
    let tested = if whole { run(&["test"]) } else { run(&["test", "--no-default-features"]) };
    assert_eq!(
        tested.matches("test result: ok.").count(),
        tested.matches("test result:").count(),
        "{tested}"
    );
    assert!(tested.contains("what_it_proposes_is_permitted_by_its_rule_file ... ok"), "{tested}");
    assert!(!whole || tested.contains("one_run_in_the_sandbox_finds_something ... ok"), "{tested}");
    assert!(!tested.contains("warning"), "{tested}");
    println!("the new strategy: built and tested");

    // As docs/strategies.md changes what it remembers: what version 1 kept is still known. Without the old shape
    // the crate's own test says so.
    let (lib, guide) = (dir.join("src/lib.rs"), include_str!("../docs/strategies.md"));
    let began = std::fs::read_to_string(&lib).unwrap();
    let section = guide.split("### Changing what it remembers").nth(1).unwrap();
    let block = section.split("```rust,ignore\n").nth(1).unwrap().split("```").next().unwrap();
    let without = |text: &str, from: &str, to: &str| {
        let (before, rest) = text.split_once(from).unwrap();
        format!("{before}{to}{}", rest.split_once(to).unwrap().1)
    };
    let changed = without(&began, "/// What a run remembers", "/// What stands in");
    let changed = without(&changed, "/// What the last good run kept", "/// One chance to earn");
    std::fs::write(&lib, format!("{changed}\n{block}")).unwrap();
    let tested = run(&["test", "--no-default-features", "--test", "kit"]);
    assert!(tested.contains("what_an_earlier_version_kept_is_still_known ... ok"), "{tested}");
    assert!(!tested.contains("warning"), "{tested}");
    std::fs::write(
        &lib,
        began.replace("    validators: Validators,\n", "    validators: Validators,\n    most: u64,\n"),
    )
    .unwrap();
    let mut forgetful = Command::new(&cargo);
    forgetful
        .args(["test", "--no-default-features", "--test", "kit", "--offline", "--target-dir"])
        .arg(&target);
    let said = said(&forgetful.env("CARGO_INCREMENTAL", "0").current_dir(&dir).output().unwrap());
    assert!(said.contains("what_an_earlier_version_kept_is_still_known ... FAILED"), "{said}");
    println!("the new strategy: its memory changed");
}
