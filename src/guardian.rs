//! `run --guardian`: a parent that keeps one daemon running where no systemd does.
//!
//! It starts the daemon as a child and restarts it when it dies, waiting longer each time, and gives
//! up with a sentence when that does not help (`patience`). The child's standard input is a socket
//! to the guardian: over it the child says that it is up and that it makes progress
//! ([`crate::notify`]), and each hears by its end that the other is gone. A guardian that dies, even
//! by `kill -9`, takes its child along (`child`).
//!
//! It touches that child and nothing else; the data directory is the child's. When it gives up it says
//! so through the command that is configured for alerts ([`LastWords`]). The child is started
//! from the main thread: the system sends the parent-death signal when the *thread* dies that did it.

mod above;
pub mod child;
mod life;
mod patience;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mm_core::seams::{Clock as _, Rng as _};
use mm_store::Stamp;
use rustix::process::Signal as Word;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::channel::LastWords;
use crate::cli::run::RunArgs;
use crate::config::{self, Env};
use crate::exit::{Chain, Exit, Failure};
use crate::machine::Machine;
use crate::notify::{Feeder, Notify, watchdog};
use crate::seams::{SeededRng, SystemClock, SystemEntropy};

use above::Above;
use life::{Ended, Life};
use patience::{Patience, Verdict};

/// A child that does not say that it is up in this time is ended.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// A child that is up and shows no progress for so long is ended.
const ALIVE_WITHIN: Duration = Duration::from_secs(60);

/// Keeps a daemon running until told to stop, or until that is no use; then the owner is told. `hurry`
/// divides all times but those of a stop, for tests; 1 is as it should be.
pub fn guard(machine: &Machine, args: &RunArgs, hurry: u32) -> Exit {
    let kept = prepare(hurry.max(1)).and_then(|guardian| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new("start the guardian", error))?;
        runtime.block_on(guardian.keep(|sentence| tell_owner(machine, args, sentence)))
    });
    kept.unwrap_or_else(|failure| failure.print())
}

/// What it starts a child from: this program, and this command line with `--guarded` for `--guardian`.
struct Guardian {
    program: PathBuf,
    args: Vec<OsString>,
    hurry: u32,
    /// Whoever started the guardian is told what the child says.
    above: Notify,
    _feeder: Option<Feeder>,
}

fn prepare(hurry: u32) -> Result<Guardian, Failure> {
    let start = |error| Failure::new("start the guardian", error);
    let program = std::env::current_exe().map_err(start)?;
    let guarded = OsString::from(format!("--guarded={}", std::process::id()));
    let args = std::env::args_os().skip(1);
    let args = args.map(|arg| if arg == "--guardian" { guarded.clone() } else { arg }).collect();
    let env = Env::of_process();
    let above = Notify::of(&env).unwrap_or_else(|error| {
        say(&format!("warning: {}", Chain(&error)));
        Notify::nobody()
    });
    // The guardian is alive while it runs; whether its child is, is the guardian's own to watch.
    let limit = watchdog(&env, std::process::id());
    let feeder = limit.map(|limit| Feeder::start(above.clone(), limit, || None)).transpose();
    Ok(Guardian { program, args, hurry, above, _feeder: feeder.map_err(start)? })
}

impl Guardian {
    async fn keep(&self, tell_owner: impl Fn(&str)) -> Result<Exit, Failure> {
        let mut signals = Signals::listen().map_err(|error| Failure::new("listen for signals", error))?;
        let rng = SeededRng::from_entropy(&SystemEntropy::new());
        let mut patience = Patience::new(self.hurry);
        let mut above = Above::new(self.above.clone());
        let mut begun = false;
        loop {
            let ended = match Life::start(self) {
                Ok(life) => life.watch(&mut signals, &mut above).await,
                Err(error) if !begun => return Err(Failure::new("start the daemon", error)),
                // It did start once: its file may be just being replaced, or the computer at its limits.
                Err(error) => Ended::before_it_began(&error),
            };
            begun = true;
            let after = match patience.judge(&ended, rng.unit()) {
                Verdict::End(exit) => return Ok(exit),
                Verdict::GiveUp { exit, sentence } => {
                    say(&format!("error: {sentence}"));
                    above.status(&sentence);
                    // What was refused at once is before the eyes of whoever started it.
                    if exit == Exit::GaveUp {
                        tell_owner(&sentence);
                    }
                    return Ok(exit);
                }
                Verdict::Again { after, sentence } => {
                    say(&format!("guardian: {sentence}"));
                    above.status(&sentence);
                    after
                }
            };
            if signals.stopped_within(after).await {
                above.stopping();
                return Ok(Exit::Done);
            }
        }
    }
}

/// Tells the owner that nothing runs any more, as the configuration says now.
fn tell_owner(machine: &Machine, args: &RunArgs, sentence: &str) {
    let env = crate::cli::place::environment();
    let data_dir = match config::data_dir(args.data_dir.as_deref(), &env, args.sandbox) {
        Ok(data_dir) => data_dir,
        Err(error) => return say(&format!("warning: the owner was not told: {}", Chain(&error))),
    };
    let settings = match crate::reload::read(machine, args, env.clone()) {
        Ok(loaded) => loaded.config.alerts.tell_settings(),
        Err(errors) => return say(&format!("warning: the owner was not told: {}", Chain(&errors))),
    };
    let stamp = if args.sandbox { Stamp::Sandbox } else { Stamp::Live };
    let now = Arc::new(|| SystemClock::new(None).wall());
    let words = LastWords::new(&env, settings, stamp.as_str(), data_dir, now);
    if let Err(why) = words.say("daemon/given-up", &format!("the guardian has given up: {sentence}")) {
        say(&format!("warning: the owner was not told: {why}"));
    }
}

/// A reader that has gone away ends nothing: least of all the guardian.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// What the guardian hears.
struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
    /// A child of it has ended.
    child: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Signals> {
        Ok(Signals {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
            child: signal(SignalKind::child())?,
        })
    }

    /// The next one that is meant for the daemon.
    async fn asked(term: &mut Signal, int: &mut Signal, hup: &mut Signal) -> Word {
        tokio::select! {
            _ = term.recv() => Word::TERM,
            _ = int.recv() => Word::INT,
            _ = hup.recv() => Word::HUP,
        }
    }

    /// Waits between two lives; whether a stop was asked for meanwhile.
    async fn stopped_within(&mut self, wait: Duration) -> bool {
        let wait = tokio::time::sleep(wait);
        tokio::pin!(wait);
        loop {
            tokio::select! {
                () = &mut wait => return false,
                word = Self::asked(&mut self.term, &mut self.int, &mut self.hup) => match word {
                    // The next life reads the configuration anyway.
                    Word::HUP => {}
                    _ => return true,
                }
            }
        }
    }
}
