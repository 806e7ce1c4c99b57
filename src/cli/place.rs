//! From flags, environment and files to a data directory, a socket and a configuration.

use std::path::{Path, PathBuf};

use mm_core::schedule::Schedule;
use mm_store::{DataDir, Stamp};

use super::Cx;
use crate::config::{self, Env, Loaded, Overrides, Sources};
use crate::exit::Failure;
use crate::views::schedule::wrong_field;

/// The environment, with the `.env` file of the working directory laid under it.
pub fn environment() -> Env {
    config::read_dotenv(Env::of_process(), Path::new(".env"))
}

/// Where a command looks for its machine.
#[derive(Debug, Clone)]
pub struct Whereabouts {
    pub data_dir: PathBuf,
    pub socket: PathBuf,
}

impl Cx<'_> {
    /// The flags that lead another command to the same data directory, to stand behind one that is proposed. A
    /// sandbox's directory is called one, also by who only named the directory: a live `run` may not begin there.
    pub fn here(&self, place: &Whereabouts) -> String {
        let is_sandbox = || matches!(DataDir::stamp_of(&place.data_dir), Ok(Some(Stamp::Sandbox)));
        here(self.common.data_dir.as_deref(), self.common.sandbox || is_sandbox())
    }

    /// The data directory and its socket.
    ///
    /// # Errors
    /// If nothing says where the data directory is.
    pub fn whereabouts(&self, env: &Env) -> Result<Whereabouts, Failure> {
        let data_dir = config::data_dir(self.common.data_dir.as_deref(), env, self.common.sandbox)
            .map_err(|error| Failure::new("find the data directory", error))?;
        let socket = config::socket_path(&data_dir, &config::runtime_dir(env));
        Ok(Whereabouts { data_dir, socket })
    }

    /// The configuration as a daemon started now would read it.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn load(&self, env: &Env) -> Result<Loaded, config::ConfigErrors> {
        self.read(env, config::load)
    }

    /// The same, with strategies put aside whose sections are mistaken, as `run` does.
    ///
    /// # Errors
    /// Every mistake in the rest.
    pub fn load_to_run(&self, env: &Env) -> Result<Loaded, config::ConfigErrors> {
        self.read(env, config::load_to_run)
    }

    fn read(
        &self,
        env: &Env,
        load: fn(Sources<'_>) -> Result<Loaded, config::ConfigErrors>,
    ) -> Result<Loaded, config::ConfigErrors> {
        load(Sources {
            file: config::find_file(self.common.config.as_deref(), env),
            env: env.clone(),
            flags: Overrides::default(),
            installed: &self.machine.names(),
            check_schedule,
        })
    }
}

/// The flags that lead to a data directory, each behind a blank; none for the usual one.
pub fn here(data_dir: Option<&Path>, sandbox: bool) -> String {
    let sandbox = if sandbox { " --sandbox" } else { "" };
    match data_dir.map(|dir| dir.display().to_string()) {
        // As a shell takes it for one word.
        Some(dir) if dir.contains(|c: char| !c.is_ascii_alphanumeric() && !"/._-+~".contains(c)) => {
            format!("{sandbox} --data-dir '{}'", dir.replace('\'', r"'\''"))
        }
        Some(dir) => format!("{sandbox} --data-dir {dir}"),
        None => sandbox.to_owned(),
    }
}

/// A sentence in which each command that it proposes, `money-machine …` between `` ` ``, has these flags too.
pub fn hinted(sentence: &str, here: &str) -> String {
    let part = |(n, part): (usize, &str)| match n % 2 == 1 && part.starts_with("money-machine ") {
        true => format!("{part}{here}"),
        false => part.to_owned(),
    };
    sentence.split('`').enumerate().map(part).collect::<Vec<_>>().join("`")
}

/// What is wrong with a schedule, as the scheduler reads it.
pub fn check_schedule(text: &str) -> Result<(), String> {
    // Whether it is one does not depend on the zone.
    let parsed = Schedule::parse(text, "UTC").map(drop);
    parsed.map_err(|bad| wrong_field(text).unwrap_or_else(|| bad.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposed_command_leads_to_the_same_machine() {
        let said = "`money-machine run` starts one; `accept ID` and `money-machine status` do not";
        for (here, wanted) in [
            (here(None, false), said.to_owned()),
            (
                here(None, true),
                "`money-machine run --sandbox` starts one; `accept ID` and `money-machine status --sandbox` do not"
                    .to_owned(),
            ),
            (
                here(Some(Path::new("/tmp/my data")), true),
                "`money-machine run --sandbox --data-dir '/tmp/my data'` starts one; `accept ID` and `money-machine \
                 status --sandbox --data-dir '/tmp/my data'` do not"
                    .to_owned(),
            ),
        ] {
            assert_eq!(hinted(said, &here), wanted);
        }
    }
}
