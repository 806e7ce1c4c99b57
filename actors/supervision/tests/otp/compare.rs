//! The same scripts through OTP's supervisor and this room's.
//!
//! Where this room deviates on purpose, the scripts do not go, or map one to the other:
//!
//! - Back-off, and budgets of a child's own: OTP has neither. No script uses them.
//! - `restart_child` of a child that runs stops it first; OTP refuses. The step acts on those that are down.
//! - `remove_child` stops first; OTP refuses while it runs. The step there is a stop, then a removal.
//! - A temporary child that is stopped by hand stays known, so that an operator who stopped it can start it
//!   again; OTP forgets it. The step there is a removal. Ended by itself or with its siblings, both forget.
//! - A significant child where nothing ever comes of it (`never`) is allowed; OTP refuses it.
//! - Only supervisors end by `shutdown`, so a child that does is one here, with one child of its own.

use crate::{generate, ours, theirs};

const SCRIPTS: u64 = 600;

#[test]
fn the_same_crashes_have_the_same_consequences() {
    let release = match theirs::release() {
        Ok(release) => release,
        Err(why) => return skipped(&why),
    };
    let scripts: Vec<_> = (0..SCRIPTS).map(generate::script).collect();
    let otp = theirs::run(&scripts);
    assert_eq!(otp.len(), scripts.len());
    let mut differences = Vec::new();
    ours::paused(async {
        for (seed, (script, theirs)) in scripts.iter().zip(&otp).enumerate() {
            let ours = ours::run(script).await;
            if ours != *theirs {
                differences.push(format!("seed {seed}: {script}\n  OTP:  {theirs:#?}\n  ours: {ours:#?}"));
            }
        }
    });
    let count = differences.len();
    differences.truncate(5);
    assert_eq!(count, 0, "of {SCRIPTS}, against OTP {release}; the first:\n{}", differences.join("\n"));
    let all: String = otp.concat().concat();
    for wanted in ["ended", "(", "!", "~", "-", "+"] {
        assert!(all.matches(wanted).count() > 50, "hardly any script saw `{wanted}`");
    }
}

/// Not `eprintln!`: the test harness would keep it to itself.
fn skipped(why: &str) {
    std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("SKIPPED: {why}\n")).unwrap();
}
