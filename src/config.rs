//! Configuration: from files, environment and flags to values that cannot be wrong.
//!
//! `config/default.toml` is built in and is the reference: every key with its default and its reason.
//! A file (TOML, or JSON also in the seed's shapes) is laid over it, then a `.env` file and the
//! environment, then flags. [`load`] tells **every** mistake at once, each with its place, what would
//! be right and the key that was probably meant; with one mistake there is no configuration at all.
//! What is odd but harmless (a strategy that is not installed) is a [`Warning`].
//!
//! The daemon reads with [`load_to_run`]: a mistake in one strategy's section puts that strategy aside
//! there, and nothing else.
//!
//! Secrets have no place here: a key or value that looks like one is refused and never printed.
//!
//! Files are read in [`load`] and [`read_dotenv`] and nowhere else, the process environment in
//! [`Env::of_process`].

mod alerts;
mod asked;
mod audit;
mod countries;
mod credential;
mod env;
mod from_json;
mod from_toml;
pub(crate) mod keys;
mod mistakes;
mod node;
mod paths;
mod platforms;
mod resources;
mod show;
mod strategies;
mod values;
mod walk;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use alerts::Alerts;
pub use audit::Audit;
pub(crate) use credential::names_one as names_a_credential;
pub use env::{DATA_DIR, Env, PASSPHRASE_FILE};
pub use mistakes::{ConfigErrors, Mistake, USE_ACCOUNT_ADD, Warning};
pub use node::Origin;
pub use paths::{PathError, config_dir, data_dir, find_file, runtime_dir, socket_path};
pub use resources::Resources;
pub use show::starter;
pub(crate) use values::is_email;
pub use values::{
    Compliance, Config, Country, Email, Environment, Format, Free, Level, Limits, Logging, Monitoring,
    Rotation, Store, Strategy, User, Vault,
};
pub use walk::Setting;

use node::{Entry, Node, Value};
use walk::Draft;

/// The built-in reference.
pub const DEFAULT: &str = include_str!("../config/default.toml");

/// A larger file is not a configuration.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What [`load`] lays over the defaults.
#[derive(Debug, Clone)]
pub struct Sources<'a> {
    /// From [`find_file`]. A file that is named must be readable.
    pub file: Option<PathBuf>,
    /// The environment, with the `.env` file already in it ([`read_dotenv`]).
    pub env: Env,
    pub flags: Overrides,
    /// Ids of the strategies in this program.
    pub installed: &'a [&'a str],
    /// Says what is wrong with a schedule, as the scheduler will read it.
    pub check_schedule: fn(&str) -> Result<(), String>,
}

/// What was said on the command line: the flag, the dotted key it sets, the value.
#[derive(Debug, Clone, Default)]
pub struct Overrides(pub Vec<Override>);

/// One flag that sets a key: `--log-level`, `monitoring.log_level`, `debug`.
#[derive(Debug, Clone)]
pub struct Override {
    pub flag: String,
    pub key: String,
    pub value: String,
}

impl Overrides {
    /// Adds a flag if it was given.
    #[must_use]
    pub fn with(mut self, flag: &str, key: &str, value: Option<impl Into<String>>) -> Overrides {
        if let Some(value) = value {
            self.0.push(Override { flag: flag.to_owned(), key: key.to_owned(), value: value.into() });
        }
        self
    }
}

/// A configuration without mistakes.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub config: Config,
    /// Each value and where it came from, by dotted key.
    pub settings: BTreeMap<String, Setting>,
    pub warnings: Vec<Warning>,
    /// Strategies whose sections have mistakes, by id; only from [`load_to_run`]. What is wrong there
    /// was not taken, and the strategy must not run.
    pub put_aside: BTreeMap<String, Vec<Mistake>>,
    /// The file that was read.
    pub file: Option<PathBuf>,
}

/// Lays the sources over each other and checks everything.
///
/// # Errors
/// Every mistake in every source, in their order.
pub fn load(sources: Sources<'_>) -> Result<Loaded, ConfigErrors> {
    let text = sources.file.as_deref().map(|path| (path, read(path)));
    lay(&sources, text, Bearing::Nothing)
}

/// The same for a daemon: mistakes in strategies' sections put those strategies aside.
///
/// # Errors
/// Every mistake, if one of them stands elsewhere.
pub fn load_to_run(sources: Sources<'_>) -> Result<Loaded, ConfigErrors> {
    let text = sources.file.as_deref().map(|path| (path, read(path)));
    lay(&sources, text, Bearing::Strategies)
}

/// Which mistakes are borne with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bearing {
    Nothing,
    Strategies,
}

/// The strategy in whose section a mistake stands.
fn strategy_of(mistake: &Mistake) -> Option<String> {
    let rest = mistake.key.strip_prefix(keys::STRATEGIES)?.strip_prefix('.')?;
    let id = rest.split('.').next().unwrap_or_default();
    // The seed's list and map of all strategies belong to none of them.
    (values::is_strategy_id(id) && !matches!(rest, "enabled" | "priority")).then(|| id.to_owned())
}

/// The `.env` file, laid under the environment. A missing file is none.
pub fn read_dotenv(env: Env, path: &Path) -> Env {
    match read(path) {
        Ok(text) => env.with_dotenv(path, &text),
        Err(ReadError { missing: true, .. }) => env,
        Err(ReadError { mistake, .. }) => env.with_mistake(*mistake),
    }
}

fn lay(
    sources: &Sources<'_>,
    file: Option<(&Path, Result<String, ReadError>)>,
    bearing: Bearing,
) -> Result<Loaded, ConfigErrors> {
    let mut draft = Draft {
        config: Config::blank(),
        settings: BTreeMap::new(),
        mistakes: Vec::new(),
        warnings: Vec::new(),
        check_schedule: sources.check_schedule,
        installed: sources.installed,
    };
    draft.lay_text(DEFAULT, &Origin::Default { line: 0 }, Syntax::Toml);
    debug_assert!(draft.mistakes.is_empty(), "config/default.toml: {:?}", draft.mistakes);
    debug_assert_eq!(walk::unset(&draft), Vec::<&str>::new(), "config/default.toml sets every key");
    let path = file.as_ref().map(|(path, _)| path.to_path_buf());
    match file {
        Some((path, Ok(text))) => {
            let origin = Origin::File { path: path.into(), line: 0 };
            draft.lay_text(&text, &origin, Syntax::of(path, &text));
        }
        Some((_, Err(error))) => draft.mistakes.push(*error.mistake),
        None => {}
    }
    draft.lay_env(&sources.env);
    draft.lay_flags(&sources.flags);
    draft.follow();
    draft.check_resources();
    draft.warn_of_missing();
    let mut put_aside: BTreeMap<String, Vec<Mistake>> = BTreeMap::new();
    let borne = |mistake: &Mistake| bearing == Bearing::Strategies && strategy_of(mistake).is_some();
    if !draft.mistakes.iter().all(borne) {
        return Err(ConfigErrors(draft.mistakes));
    }
    for mistake in draft.mistakes {
        put_aside.entry(strategy_of(&mistake).unwrap_or_default()).or_default().push(mistake);
    }
    let Draft { config, settings, warnings, .. } = draft;
    Ok(Loaded { config, settings, warnings, put_aside, file: path })
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Syntax {
    Toml,
    Json,
}

impl Syntax {
    /// No TOML begins with `{`, so the first sign decides against the file's name.
    fn of(path: &Path, text: &str) -> Syntax {
        let named_json = path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("json"));
        let named_toml = path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("toml"));
        let braced = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).starts_with('{');
        if braced || (named_json && !named_toml) { Syntax::Json } else { Syntax::Toml }
    }
}

impl Draft<'_> {
    fn lay_text(&mut self, text: &str, origin: &Origin, syntax: Syntax) {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (entries, syntax_mistakes) = match syntax {
            Syntax::Toml => from_toml::read(text, origin),
            Syntax::Json => from_json::read(text, origin),
        };
        let before = self.mistakes.len();
        self.lay(&entries);
        if syntax_mistakes.is_empty() {
            return;
        }
        // A line that did not read is told once: what was made of it says nothing about its author.
        let broken: Vec<usize> = syntax_mistakes.iter().map(|mistake| mistake.origin.line()).collect();
        let mut all: Vec<Mistake> = self.mistakes.split_off(before);
        all.retain(|mistake| !broken.contains(&mistake.origin.line()));
        all.extend(syntax_mistakes);
        all.sort_by_key(|mistake| mistake.origin.line());
        all.dedup();
        self.mistakes.extend(all);
    }

    fn lay_env(&mut self, env: &Env) {
        let known: Vec<String> = self.config.strategies.keys().cloned().collect();
        let ids: Vec<&str> = known.iter().map(String::as_str).chain(self.installed.iter().copied()).collect();
        let mut mistakes = Vec::new();
        let entries = env.settings(&ids, &mut mistakes);
        self.mistakes.extend(mistakes);
        self.lay(&entries);
    }

    fn lay_flags(&mut self, flags: &Overrides) {
        let mut entries: Vec<Entry> = Vec::new();
        for Override { flag, key, value } in &flags.0 {
            let path: Vec<String> = key.split('.').map(str::to_owned).collect();
            let leaf = Node { value: Value::Raw(value.clone()), origin: Origin::Flag { name: flag.clone() } };
            env::insert(&mut entries, &path, leaf, &mut self.mistakes);
        }
        self.lay(&entries);
    }

    /// Defaults that depend on another setting, for keys nobody set.
    fn follow(&mut self) {
        let by = format!(
            "environment = {:?}",
            self.settings.get("environment").map_or("", |s| s.value.as_str().unwrap_or(""))
        );
        let (key, value) = match self.config.environment {
            Environment::Production => return,
            Environment::Development => ("monitoring.log_level", Value::Text("debug".to_owned())),
            Environment::Test => ("logging.file", Value::Bool(false)),
        };
        let untouched = self.settings.get(key).is_some_and(|setting| setting.origin.is_default());
        if let Some(known) = keys::find(key)
            && untouched
        {
            let node = Node { value, origin: Origin::Implied { by } };
            let outcome = (known.set)(&mut self.config, &node);
            self.settle(key, &node, outcome);
        }
    }
}

/// Why a file was not read; a missing `.env` is no mistake.
#[derive(Debug)]
struct ReadError {
    missing: bool,
    mistake: Box<Mistake>,
}

/// The whole text of a file: at most [`FILE_BYTES_MAX`] bytes of UTF-8.
fn read(path: &Path) -> Result<String, ReadError> {
    let origin = Origin::File { path: Arc::from(path), line: 0 };
    let fail = |origin: &Origin, missing, wrong: String, right: &str| ReadError {
        missing,
        mistake: Box::new(Mistake::new(origin, "", wrong, right)),
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            let missing = error.kind() == std::io::ErrorKind::NotFound;
            let right = if missing {
                "name a file that is there; `config init` makes one"
            } else {
                "make it a file this user may read"
            };
            fail(&origin, missing, format!("could not be read ({})", reason(&error)), right)
        })?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(fail(&origin, false, "is larger than 1 MiB".to_owned(), "name a configuration file"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count();
        fail(&origin.at(line), false, "has bytes that are no UTF-8".to_owned(), "save the file as UTF-8")
    })
}

/// The operating system's words without its number.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests;
