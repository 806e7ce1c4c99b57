//! Runs scripts through OTP's supervisor: one `erl` for all of them.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::script::Script;

/// Automatic shutdown came with this release.
const RELEASE_MIN: u32 = 24;

/// The release that is installed; `Err` says why none can be used.
pub fn release() -> Result<u32, String> {
    let ask = "io:format(\"~s\", [erlang:system_info(otp_release)]), halt().";
    let answer = Command::new("erl").args(["-noinput", "-eval", ask]).output();
    let text = match answer {
        Ok(answer) => String::from_utf8_lossy(&answer.stdout).into_owned(),
        Err(error) => return Err(format!("no erl here ({error}); Debian has it in erlang-base")),
    };
    match text.trim().parse() {
        Ok(release) if release >= RELEASE_MIN => Ok(release),
        _ => Err(format!("OTP {RELEASE_MIN} or later is needed, erl says {text:?}")),
    }
}

/// What came of each script, a line a step.
pub fn run(scripts: &[Script]) -> Vec<Vec<String>> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("otp-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (source, input, output) = (dir.join("scripts.erl"), dir.join("in"), dir.join("out"));
    std::fs::write(&source, include_str!("scripts.erl")).unwrap();
    let terms: String = scripts.iter().map(|script| format!("{script}\n")).collect();
    std::fs::write(&input, terms).unwrap();
    done(Command::new("erlc").arg("-o").arg(&dir).arg(&source));
    let main = format!("scripts:main({input:?}, {output:?}), halt().");
    done(Command::new("erl").args(["+S", "1:1", "-noinput", "-pa"]).arg(&dir).args(["-eval", &main]));
    let text = std::fs::read_to_string(&output).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    text.trim_end().split("\n\n").map(|block| block.lines().map(str::to_owned).collect()).collect()
}

fn done(command: &mut Command) {
    let out = command.stdin(Stdio::null()).output().unwrap();
    let told = [out.stdout, out.stderr].concat();
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&told));
}
