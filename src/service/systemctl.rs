//! `systemctl`: the commands for a scope, and what it says of the service.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Scope, UNIT};

/// Why a command of systemd's failed.
#[derive(Debug, thiserror::Error)]
pub enum SystemctlError {
    /// It is not there, or may not be run.
    #[error("`{command}` could not be run")]
    Run {
        command: String,
        #[source]
        source: std::io::Error,
    },
    /// It says no.
    #[error("`{command}` failed: {said}")]
    Failed { command: String, said: String },
}

/// Whether systemd is process 1 here, as `sd_booted(3)` tells.
pub fn is_there() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// The arguments of `systemctl` for this scope.
fn args(scope: Scope, verb: &[&str]) -> Vec<String> {
    let scope = (scope == Scope::User).then_some("--user");
    scope.into_iter().chain(verb.iter().copied()).map(str::to_owned).collect()
}

/// A command as a person would type it.
pub fn shown(scope: Scope, verb: &[&str]) -> String {
    format!("systemctl {}", args(scope, verb).join(" "))
}

/// Runs it; what it says goes to the terminal only if it fails.
///
/// # Errors
/// [`SystemctlError`].
pub fn run(scope: Scope, verb: &[&str]) -> Result<String, SystemctlError> {
    let command = shown(scope, verb);
    let output = Command::new("systemctl").args(args(scope, verb)).stdin(Stdio::null()).output();
    let output = output.map_err(|source| SystemctlError::Run { command: command.clone(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(SystemctlError::Failed {
        command,
        said: if said.is_empty() { output.status.to_string() } else { said },
    })
}

/// What systemd says of the service, by property.
///
/// # Errors
/// [`SystemctlError`].
pub fn show(scope: Scope) -> Result<BTreeMap<String, String>, SystemctlError> {
    let properties = "--property=ActiveState,SubState,UnitFileState,MainPID,StatusText,NRestarts,Result";
    let said = run(scope, &["show", UNIT, properties])?;
    let pairs = said.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}
