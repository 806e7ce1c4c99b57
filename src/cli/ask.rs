//! Asks the daemon; where none runs, reads the data directory itself.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use mm_core::id::Space;
use mm_core::seams::Clock as _;
use mm_services::accounts::Vault;
use mm_services::audit::AnchorFile as _;
use mm_store::{DataDir, DirError, Store};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::place::{Whereabouts, environment, hinted};
use super::{Cx, refuse};
use crate::client::{AskError, Client};
use crate::config::{self, Env, Loaded};
use crate::evidence::AnchorLines;
use crate::exit::{Exit, Failure};
use crate::keys::SystemKeys;
use crate::machine::{Machine, VERSION};
use crate::seams::SystemClock;
use crate::views::{self, Anchored, Place, Question, Reader};

/// An answer, and who gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub body: Value,
    /// Whether a daemon gave it.
    pub live: bool,
}

impl Told {
    /// The answer as a view.
    ///
    /// # Errors
    /// If the daemon is of another version and answers in another shape.
    pub fn view<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        T::deserialize(&self.body).map_err(|error| {
            Failure::new("read the answer; the daemon may be of another version, so restart it", error)
        })
    }
}

/// A command's way to its machine.
pub struct Asker<'a> {
    cx: &'a Cx<'a>,
    env: Env,
    pub place: Whereabouts,
    /// Whether it was said that this is the sandbox.
    said: Cell<bool>,
}

impl<'a> Asker<'a> {
    /// A way to the machine that the command line names.
    ///
    /// # Errors
    /// If no data directory is known.
    pub fn new(cx: &'a Cx<'a>) -> Result<Asker<'a>, Failure> {
        let env = environment();
        Ok(Asker { place: cx.whereabouts(&env)?, cx, env, said: Cell::new(false) })
    }

    /// A sentence whose proposed commands lead to the same machine.
    pub fn hinted(&self, sentence: &str) -> String {
        hinted(sentence, &self.cx.here(&self.place))
    }

    /// The configuration as a daemon started now would read it.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn load(&self) -> Result<Loaded, crate::config::ConfigErrors> {
        self.cx.load(&self.env)
    }

    /// Asks the daemon, and only it.
    ///
    /// # Errors
    /// [`Exit::NoDaemon`] if none answers.
    pub fn daemon(&self, question: &Question) -> Result<Told, Failure> {
        self.live(self.client().get(question))
    }

    /// Asks the daemon, and only it, from within a runtime.
    ///
    /// # Errors
    /// As [`Asker::daemon`].
    pub async fn fetch(&self, question: &Question) -> Result<Told, Failure> {
        self.live(self.client().fetch(question).await)
    }

    /// Asks the daemon for lines, and hands over each as it comes, until they end or `each` has enough.
    ///
    /// # Errors
    /// As [`Asker::daemon`].
    pub async fn stream(
        &self,
        question: &Question,
        each: impl FnMut(Value) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let told = self.client().stream(question, |stamp| self.tell_sandbox(stamp), each).await;
        told.map_err(|error| self.failed(error))
    }

    /// Tells the daemon to do something.
    ///
    /// # Errors
    /// As [`Asker::daemon`], or the daemon's own sentence.
    pub fn say(&self, question: &Question, body: &Value) -> Result<Told, Failure> {
        self.live(self.client().post(question, body))
    }

    /// Asks the daemon or, where none runs, the store.
    ///
    /// # Errors
    /// [`Exit::NoDaemon`] if there is neither a daemon nor a store.
    pub fn read(&self, question: &Question) -> Result<Told, Failure> {
        match self.client().get(question) {
            Err(AskError::NoDaemon(_)) => self.offline(question),
            asked => self.live(asked),
        }
    }

    /// Says once, beside the data, that it is not of the real world.
    pub fn tell_sandbox(&self, stamp: &str) {
        if stamp == "sandbox" && !self.said.replace(true) {
            eprintln!("(sandbox)");
        }
    }

    fn no_daemon(&self) -> Failure {
        let dir = &self.place.data_dir;
        let failure = match DataDir::daemon_pid(dir) {
            Some(pid) => refuse(format!(
                "the daemon (pid {pid}) holds `{}` and does not answer: it is starting or stopping; try again",
                dir.display()
            )),
            None if let Err(missing @ DirError::DatabaseMissing(_)) = DataDir::look_for_database(dir) => {
                Failure::new("", missing)
            }
            None => {
                let common = &self.cx.common;
                let sought =
                    Sought { place: &self.place, named: common.data_dir.is_some(), sandbox: common.sandbox };
                refuse(self.hinted(&sought.nobody()))
            }
        };
        failure.with(Exit::NoDaemon)
    }

    fn client(&self) -> Client {
        Client::new(&self.place.socket)
    }

    fn live(&self, asked: Result<crate::client::Answer, AskError>) -> Result<Told, Failure> {
        match asked {
            Ok(answer) => {
                self.tell_sandbox(&answer.stamp);
                Ok(Told { body: answer.body, live: true })
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    fn failed(&self, error: AskError) -> Failure {
        match error {
            AskError::NoDaemon(_) => self.no_daemon(),
            AskError::Refused { .. } => Failure::new("", error),
            error => Failure::new("ask the daemon", error),
        }
    }

    fn offline(&self, question: &Question) -> Result<Told, Failure> {
        let reader = self.reader()?;
        self.tell_sandbox(reader.stamp());
        let answer =
            views::read(&reader, question).unwrap_or_else(|| Err(views::known_routes(&question.path())));
        let mut body = answer.map_err(|problem| refuse(problem.to_string()))?;
        if let Value::Object(fields) = &mut body {
            fields.insert("stamp".to_owned(), reader.stamp().into());
        }
        Ok(Told { body, live: false })
    }

    /// The store, opened for reading, with what is known beside it.
    ///
    /// # Errors
    /// [`Exit::NoDaemon`] if there is none, or a daemon that does not answer holds it.
    pub fn reader(&self) -> Result<Reader, Failure> {
        let dir = &self.place.data_dir;
        if !dir.join(mm_store::DATABASE_FILE).exists() || DataDir::daemon_pid(dir).is_some() {
            return Err(self.no_daemon());
        }
        let store = Store::open_read_only(dir).map_err(|error| Failure::new("read the store", error))?;
        let config = self.load();
        if let Err(errors) = &config {
            let n = errors.0.len();
            eprintln!(
                "the configuration has mistakes ({n}), so strategies are shown without it; see `config check`"
            );
        }
        let loaded = config.ok();
        let own = loaded
            .as_ref()
            .map_or(config::Vault { key_file: None, prompt: false }, |loaded| loaded.config.vault.clone());
        // Without a passphrase: a command that reads asks for none.
        let keys = SystemKeys::new(&self.env, &own, dir);
        Ok(reader(store, self.cx.machine, &self.place, loaded.as_ref(), Vault::new(Arc::new(keys))))
    }
}

fn reader(
    store: Store,
    machine: &Machine,
    place: &Whereabouts,
    config: Option<&Loaded>,
    vault: Vault,
) -> Reader {
    let zone = config.map_or("UTC".to_owned(), |loaded| loaded.config.user.timezone.name().to_owned());
    let strategies = machine.abouts().into_iter().map(|about| {
        let own =
            config.and_then(|loaded| loaded.config.strategies.get(about.name)).cloned().unwrap_or_default();
        views::Strategy {
            enabled: own.enabled,
            priority: u32::from(own.priority),
            daily_actions_max: own.max_daily_actions,
            task: crate::machine::task(&own, about.schedule, &zone)
                .unwrap_or_else(|_| crate::machine::never()),
            schedule: own.schedule.unwrap_or_else(|| about.schedule.to_owned()),
            about,
            live: None,
        }
    });
    let rules_dir = place.data_dir.join("rules");
    Reader {
        store,
        now: SystemClock::new(None).wall(),
        space: Space::default_owner(),
        place: Place {
            data_dir: place.data_dir.clone(),
            socket: Some(place.socket.clone()),
            version: VERSION,
        },
        strategies: strategies.collect(),
        rules: rule_files(&rules_dir).and_then(|files| crate::rules::parse(&files)),
        rules_place: rules_dir.display().to_string(),
        platforms_named: config
            .map(|loaded| loaded.config.platforms.keys().cloned().collect())
            .unwrap_or_default(),
        judging: judging(config),
        hourly_rate: config.and_then(|loaded| loaded.config.user.hourly_rate),
        daily_actions_max: config.map(|loaded| loaded.config.limits.max_daily_actions),
        vault,
        disk_free_bytes: crate::seams::disk_free_bytes(&place.data_dir),
        anchored: anchored(config),
        daemon: None,
    }
}

/// What the file of anchors says.
fn anchored(config: Option<&Loaded>) -> Anchored {
    let Some(settings) = config.map(|loaded| loaded.config.audit.settings().anchor) else {
        return Anchored::default();
    };
    let lines =
        settings.file.as_deref().map(|path| AnchorLines.newest(path, mm_services::audit::NEWEST_BYTES));
    Anchored::of(settings.is_any(), lines.unwrap_or(Ok(Vec::new())))
}

/// What the configuration adds to a judgement; without one, the stricter.
fn judging(config: Option<&Loaded>) -> views::compliance::Judging {
    views::compliance::Judging {
        country: config
            .and_then(|loaded| loaded.config.user.location.as_ref())
            .map(|country| country.as_str().to_owned()),
        strict: config.is_none_or(|loaded| loaded.config.compliance.strict_mode),
    }
}

/// The rule files of a directory. (The daemon's own reader lays files out; this one writes nothing.)
fn rule_files(dir: &Path) -> Result<Vec<(String, String)>, String> {
    let failed = |path: &Path, error: std::io::Error| format!("could not read {}: {error}", path.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|error| failed(dir, error))? {
        let path = entry.map_err(|error| failed(dir, error))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).map_err(|error| failed(&path, error))?;
            files.push((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), text));
        }
    }
    files.sort();
    Ok(files)
}

/// Where a daemon was looked for, and how that place was said.
struct Sought<'a> {
    place: &'a Whereabouts,
    /// Whether --data-dir named it.
    named: bool,
    sandbox: bool,
}

impl Sought<'_> {
    /// What to say where nothing listens, and what to type.
    fn nobody(&self) -> String {
        let Whereabouts { data_dir, socket } = self.place;
        let what = if data_dir.join(mm_store::DATABASE_FILE).exists() {
            format!("no daemon answers at `{}`", socket.display())
        } else {
            format!("there is no daemon and no data in `{}`", data_dir.display())
        };
        let or = match (self.named, self.sandbox) {
            // Who has named it need not be told to.
            (true, _) => "",
            (false, true) => ", or name its directory with --data-dir",
            (false, false) => ", or name its directory with --data-dir (--sandbox for the sandbox's)",
        };
        format!("{what}; start one with `money-machine run`{or}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_named_a_directory_is_not_told_to_name_one() {
        let dir = tempfile::tempdir().unwrap();
        let place = Whereabouts { data_dir: dir.path().to_owned(), socket: dir.path().join("admin.sock") };
        let said = |named, sandbox| {
            let said = Sought { place: &place, named, sandbox }.nobody();
            said.replace(&dir.path().display().to_string(), "DIR")
        };
        assert_eq!(
            said(true, false),
            "there is no daemon and no data in `DIR`; start one with `money-machine run`"
        );
        assert_eq!(
            said(false, true),
            "there is no daemon and no data in `DIR`; start one with `money-machine run`, or name its directory with \
             --data-dir"
        );
        std::fs::write(dir.path().join(mm_store::DATABASE_FILE), "").unwrap();
        assert_eq!(
            said(true, true),
            "no daemon answers at `DIR/admin.sock`; start one with `money-machine run`"
        );
        assert!(said(false, false).ends_with("(--sandbox for the sandbox's)"));
    }
}
