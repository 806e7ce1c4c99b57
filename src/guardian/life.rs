//! One life of the daemon under its guardian, from its start to the moment it is reaped.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal as Word, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::time::Instant;

use super::{ALIVE_WITHIN, Guardian, READY_WITHIN, Signals, say};
use crate::notify::{Notify, VARIABLES};

/// The daemon stops within 30 s or ends itself; this is for one that can do neither.
const STOP_WITHIN: Duration = Duration::from_secs(40);
/// From SIGABRT, or from a second request to stop, to SIGKILL.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// What a dead child had said is read for so long at most: a child of its own may hold the other end.
const DRAIN_WITHIN: Duration = Duration::from_millis(200);

/// A daemon that runs.
pub struct Life {
    child: Child,
    words: Lines<BufReader<UnixStream>>,
    /// Nobody is at the other end any more.
    deaf: bool,
    phase: Phase,
    /// When the phase has lasted too long.
    due: Instant,
    alive_within: Duration,
    up_since: Option<Instant>,
    /// Somebody asked for its stop.
    asked: bool,
    why: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    Up,
    Stopping,
    Dying,
}

/// How a life ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub status: ExitStatus,
    /// How long it was up; `None` if it never was.
    pub up: Option<Duration>,
    /// Its stop was asked for.
    pub asked: bool,
    /// Why the guardian ended it, if it did.
    pub why: Option<String>,
}

impl Life {
    /// Starts the daemon. It has a process group of its own: a Ctrl-C is for the guardian, which
    /// passes it on, and must not arrive twice.
    pub fn start(guardian: &Guardian) -> io::Result<Life> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let alive_within = ALIVE_WITHIN / guardian.hurry;
        let mut command = Command::new(&guardian.program);
        command.args(&guardian.args).stdin(Stdio::from(OwnedFd::from(theirs))).process_group(0);
        for name in VARIABLES {
            command.env_remove(name);
        }
        command.env(crate::notify::WATCHDOG_USEC, alive_within.as_micros().to_string());
        Ok(Life {
            child: command.spawn()?,
            words: BufReader::new(UnixStream::from_std(ours)?).lines(),
            deaf: false,
            phase: Phase::Starting,
            due: Instant::now() + READY_WITHIN / guardian.hurry,
            alive_within,
            up_since: None,
            asked: false,
            why: None,
        })
    }

    /// Watches it to its end. `above` is told what it says of its state.
    pub async fn watch(mut self, signals: &mut Signals, above: &Notify) -> io::Result<Ended> {
        loop {
            let Signals { term, int, hup, child } = signals;
            tokio::select! {
                _ = child.recv() => {
                    if let Some(status) = self.child.try_wait()? {
                        self.drain(above).await;
                        let up = self.up_since.map(|since| since.elapsed());
                        return Ok(Ended { status, up, asked: self.asked, why: self.why });
                    }
                }
                word = Signals::asked(term, int, hup) => self.pass_on(word),
                line = self.words.next_line(), if !self.deaf => self.hear(line.ok().flatten(), above),
                () = tokio::time::sleep_until(self.due) => self.overdue(),
            }
        }
    }

    async fn drain(&mut self, above: &Notify) {
        while let Ok(Ok(Some(line))) = tokio::time::timeout(DRAIN_WITHIN, self.words.next_line()).await {
            self.hear(Some(line), above);
        }
    }

    fn hear(&mut self, line: Option<String>, above: &Notify) {
        let Some(line) = line else {
            self.deaf = true;
            return;
        };
        match line.as_str() {
            "READY=1" if self.phase == Phase::Starting => {
                self.up_since = Some(Instant::now());
                self.enter(Phase::Up, self.alive_within);
            }
            "WATCHDOG=1" if self.phase == Phase::Up => self.enter(Phase::Up, self.alive_within),
            "STOPPING=1" if self.phase != Phase::Dying => self.enter(Phase::Stopping, STOP_WITHIN),
            _ => {}
        }
        // The guardian's own life is shown by the guardian.
        if line != "WATCHDOG=1" {
            above.pass_on(&line);
        }
    }

    /// A first request to stop has its time; a second one is at once.
    fn pass_on(&mut self, word: Word) {
        if word == Word::HUP {
            // Before it is up it would die of it.
            if self.phase == Phase::Up {
                self.send(word);
            }
            return;
        }
        if self.asked {
            self.enter(Phase::Dying, LAST_WORDS);
        } else if self.phase != Phase::Dying {
            self.enter(Phase::Stopping, STOP_WITHIN);
        }
        self.asked = true;
        self.send(word);
    }

    fn overdue(&mut self) {
        let seconds = self.alive_within.as_secs_f32();
        match self.phase {
            Phase::Starting => self.end(Word::ABORT, "it did not come up in time".to_owned()),
            Phase::Up => self.end(Word::ABORT, format!("it showed no progress for {seconds} s")),
            Phase::Stopping => self.end(Word::KILL, "it did not stop in time".to_owned()),
            Phase::Dying => {
                self.enter(Phase::Dying, LAST_WORDS);
                self.send(Word::KILL);
            }
        }
    }

    fn end(&mut self, with: Word, why: String) {
        say(&format!("guardian: {why}; the daemon is ended"));
        self.why = Some(why);
        self.enter(Phase::Dying, LAST_WORDS);
        self.send(with);
    }

    fn enter(&mut self, phase: Phase, within: Duration) {
        self.phase = phase;
        self.due = Instant::now() + within;
    }

    /// Not yet reaped, so the number is still its own.
    fn send(&self, word: Word) {
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process(pid, word);
        }
    }
}
