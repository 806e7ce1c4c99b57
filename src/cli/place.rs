//! From flags, environment and files to a data directory, a socket and a configuration.

use std::path::{Path, PathBuf};

use mm_core::schedule::Schedule;

use super::Cx;
use crate::config::{self, Env, Loaded, Overrides, Sources};
use crate::exit::Failure;

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

/// What is wrong with a schedule, as the scheduler reads it.
pub fn check_schedule(text: &str) -> Result<(), String> {
    // Whether it is one does not depend on the zone.
    Schedule::parse(text, "UTC").map(drop).map_err(|bad| bad.to_string())
}
