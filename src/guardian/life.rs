//! One life of the daemon under its guardian, from its start to the moment it is reaped.
//!
//! A guardian that was held still (SIGSTOP, a computer at its limits) finds its timers run out and
//! what the daemon said meanwhile unread: it reads first, and a daemon is not ended for a time in
//! which nobody watched it.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal as Word, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::time::Instant;

use super::above::Above;
use super::{ALIVE_WITHIN, Guardian, READY_WITHIN, Signals, say};
use crate::notify::VARIABLES;

/// The daemon stops within 30 s or ends itself; this is for one that can do neither.
const STOP_WITHIN: Duration = Duration::from_secs(40);
/// From SIGABRT, or from a second request to stop, to SIGKILL.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// What a dead child had said is read for so long at most: a child of its own may hold the other end.
const DRAIN_WITHIN: Duration = Duration::from_millis(200);
/// What lies unread is there at once; the system has to be asked for it once.
const UNREAD_WITHIN: Duration = Duration::from_millis(2);
/// A guardian that hears so late that a time has run out was held still itself.
const LATE: Duration = Duration::from_secs(1);

/// A daemon that runs.
pub struct Life {
    child: Child,
    words: Lines<BufReader<UnixStream>>,
    /// Nobody is at the other end any more.
    deaf: bool,
    phase: Phase,
    /// How long the phase may last, and when that is over.
    within: Duration,
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
    /// `None`: it could not be started, or nothing is known of its end.
    pub status: Option<ExitStatus>,
    /// How long it was up; `None` if it never was.
    pub up: Option<Duration>,
    /// Its stop was asked for.
    pub asked: bool,
    /// Why the guardian ended it, if it did, or why it knows of no status.
    pub why: Option<String>,
}

impl Ended {
    /// One that never began.
    pub fn before_it_began(error: &io::Error) -> Ended {
        Ended { status: None, up: None, asked: false, why: Some(format!("it could not be started: {error}")) }
    }
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
        let within = READY_WITHIN / guardian.hurry;
        Ok(Life {
            child: command.spawn()?,
            words: BufReader::new(UnixStream::from_std(ours)?).lines(),
            deaf: false,
            phase: Phase::Starting,
            within,
            due: Instant::now() + within,
            alive_within,
            up_since: None,
            asked: false,
            why: None,
        })
    }

    /// Watches it to its end. `above` is told what it says of its state.
    pub async fn watch(mut self, signals: &mut Signals, above: &mut Above) -> Ended {
        loop {
            let Signals { term, int, hup, child } = signals;
            tokio::select! {
                biased;
                _ = child.recv() => match self.child.try_wait() {
                    Ok(None) => {}
                    Ok(Some(status)) => return self.ended(Some(status), above).await,
                    // Somebody else has reaped it, so it is gone, and its number may be another's.
                    Err(error) => {
                        self.why = Some(format!("nothing is known of its end: {error}"));
                        return self.ended(None, above).await;
                    }
                },
                word = Signals::asked(term, int, hup) => self.pass_on(word, above),
                line = self.words.next_line(), if !self.deaf => self.hear(line.ok().flatten(), above),
                () = tokio::time::sleep_until(self.due) => self.run_out(above).await,
            }
        }
    }

    async fn ended(mut self, status: Option<ExitStatus>, above: &mut Above) -> Ended {
        self.drain(above).await;
        let up = self.up_since.map(|since| since.elapsed());
        Ended { status, up, asked: self.asked, why: self.why }
    }

    /// The phase's time has run out, as far as the guardian has heard.
    async fn run_out(&mut self, above: &mut Above) {
        let due = self.due;
        let late = due.elapsed() >= LATE;
        while self.due == due
            && let Ok(Ok(Some(line))) = tokio::time::timeout(UNREAD_WITHIN, self.words.next_line()).await
        {
            self.hear(Some(line), above);
        }
        if self.due != due {
            return;
        }
        if late {
            self.enter(self.phase, self.within);
        } else {
            self.overdue();
        }
    }

    async fn drain(&mut self, above: &mut Above) {
        while let Ok(Ok(Some(line))) = tokio::time::timeout(DRAIN_WITHIN, self.words.next_line()).await {
            self.hear(Some(line), above);
        }
    }

    fn hear(&mut self, line: Option<String>, above: &mut Above) {
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
        above.hear(&line);
    }

    /// A first request to stop has its time; a second one is at once.
    fn pass_on(&mut self, word: Word, above: &mut Above) {
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
        above.stopping();
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
        (self.phase, self.within) = (phase, within);
        self.due = Instant::now() + within;
    }

    /// Not yet reaped, so the number is still its own.
    fn send(&self, word: Word) {
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process(pid, word);
        }
    }
}
