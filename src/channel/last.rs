//! What a process says to the owner before it must end: neither a runtime nor the store is needed for it.
//!
//! It keeps to what is configured for alerts: the sorts that are told, and, in a machine that was up, the
//! silences. It touches the configured command, and one file in the data directory that says what was
//! told when: a daemon that dies of one cause again and again says so once in ten minutes. What fails
//! is in the log, and is said again at the next end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mm_core::moment::Moment;
use mm_services::Live;
use mm_services::alerts::{Alerts, Message, TellSettings, sort};
use mm_services::records::Sort;

use super::{CommandChannel, Group, json, tell};
use crate::config::Env;
use crate::exit::Exit;

/// The longest that a dying process waits for the command to end.
const WITHIN: Duration = Duration::from_secs(5);
/// The same is said once in so long.
const EVERY: Duration = Duration::from_secs(600);
/// What was said when, in the data directory: a line each, the time and what it was about.
const FILE: &str = "last-words";

/// The last words of a daemon, or of its guardian.
#[derive(Clone)]
pub struct LastWords {
    channel: Arc<CommandChannel>,
    settings: TellSettings,
    /// What is configured and silenced now, once the machine is up.
    live: Option<(Live, Alerts)>,
    stamp: &'static str,
    data_dir: PathBuf,
    now: Arc<dyn Fn() -> Moment + Send + Sync>,
}

impl LastWords {
    /// Words as `settings` have it, of the machine in `data_dir`.
    pub fn new(
        env: &Env,
        settings: TellSettings,
        stamp: &'static str,
        data_dir: PathBuf,
        now: Arc<dyn Fn() -> Moment + Send + Sync>,
    ) -> LastWords {
        LastWords { channel: Arc::new(CommandChannel::new(env)), settings, live: None, stamp, data_dir, now }
    }

    /// The same, as is configured and silenced at the time.
    #[must_use]
    pub fn following(self, live: &Live, alerts: &Alerts) -> LastWords {
        LastWords { live: Some((live.clone(), alerts.clone())), ..self }
    }

    /// Tells the owner that the daemon ends with `exit`, and what more there is to say.
    pub fn ends(&self, exit: Exit, more: &str) {
        let sentence = format!("the daemon has ended (exit code {}): {}{more}", exit.code(), exit.about());
        self.say_or_log(&format!("daemon/exit-{}", exit.code()), &sentence);
    }

    /// Tells the owner why the process ends, of the sort `stops`. Blocks for some five seconds at most.
    /// `about` is how an alert would be named: `daemon/not-started`. It is not said if nothing of that
    /// sort is told, if it is silenced, or if it was said lately.
    ///
    /// # Errors
    /// One sentence without secrets: why it is not known to be told.
    pub fn say(&self, about: &str, sentence: &str) -> Result<(), String> {
        let now = (self.now)();
        let settings = match &self.live {
            Some((live, _)) => live.now().alerts.clone(),
            None => self.settings.clone(),
        };
        let silenced = self.live.as_ref().is_some_and(|(_, alerts)| alerts.is_silenced(about, now));
        let Some(command) = settings.command else { return Ok(()) };
        let mut said = self.said_lately(now);
        if silenced || !settings.send.contains(&Sort::Stops) || said.iter().any(|(_, what)| what == about) {
            return Ok(());
        }
        let message = self.message(about, sentence, now);
        let (within, group) = (command.timeout.min(WITHIN), Group::default());
        tell(&command, within, &self.channel.environment, &json(&message)?, &group)?;
        said.push((now, about.to_owned()));
        self.note(&said);
        Ok(())
    }

    /// The same for a process that has a log: what fails is there.
    pub fn say_or_log(&self, about: &str, sentence: &str) {
        if let Err(why) = self.say(about, sentence) {
            tracing::error!(why, "the owner was not told that the process ends");
        }
    }

    fn message(&self, about: &str, sentence: &str, now: Moment) -> Message {
        Message {
            about: about.to_owned(),
            sentence: sentence.to_owned(),
            sort: Sort::Stops,
            raised_at: now.to_string(),
            times: 1,
            stamp: self.stamp.to_owned(),
            command: sort::command(about),
            more: 0,
            others: Vec::new(),
        }
    }

    /// What was told within [`EVERY`]. A file that cannot be read keeps nobody silent.
    fn said_lately(&self, now: Moment) -> Vec<(Moment, String)> {
        let text = std::fs::read_to_string(self.data_dir.join(FILE)).unwrap_or_default();
        let said = text.lines().filter_map(|line| {
            let (at, about) = line.split_once(' ')?;
            Some((at.parse::<Moment>().ok()?, about.to_owned()))
        });
        said.filter(|(at, _)| *at <= now && now.since(*at) < EVERY).collect()
    }

    fn note(&self, said: &[(Moment, String)]) {
        let lines: String = said.iter().map(|(at, about)| format!("{at} {about}\n")).collect();
        if let Err(error) = std::fs::write(self.data_dir.join(FILE), lines) {
            tracing::warn!(%error, "it is not noted that the owner was told of the end");
        }
    }
}
