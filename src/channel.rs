//! The channel to the owner: starts the configured command and hands it one message.
//!
//! The command gets the message as one JSON object on stdin, and nothing in its arguments or its
//! environment, which others can read: the environment is `PATH`, `HOME` and `LANG` alone. It runs in a
//! process group of its own; when it ends, or at its timeout, what is left of the group is killed. It has
//! told the owner if it ends with 0. What it printed is kept, bounded and masked, if it does not.
//!
//! [`CommandChannel`] is the seam of the alerts service. [`LastWords`] is what a process says that must end.
//!
//! It touches the one program it is told to start. Four short-lived threads a message wait, write and
//! read, because nothing here may wait for a program longer than its timeout.

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command as Program, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use mm_services::alerts::{Channel, Command, Message};
use mm_services::audit::AnchorCommand;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::config::Env;
use crate::logs::mask;

mod last;

pub use last::LastWords;

/// The variables that the command has of our environment.
const VARIABLES: [&str; 3] = ["PATH", "HOME", "LANG"];
/// Bytes that are kept of what it prints.
const OUTPUT_BYTES_MAX: usize = 2_000;
/// Characters of that in a sentence.
const OUTPUT_CHARS_MAX: usize = 300;
/// How long what it printed is waited for when it has ended.
const OUTPUT_WITHIN: Duration = Duration::from_secs(1);
/// How long a command that was killed is waited for: one that sits in a disk's call does not die.
const REAP_WITHIN: Duration = Duration::from_secs(1);

/// The channel of a real machine.
pub struct CommandChannel {
    environment: Vec<(&'static str, String)>,
}

impl CommandChannel {
    /// A channel whose commands see of `env` what they may.
    pub fn new(env: &Env) -> CommandChannel {
        let known = VARIABLES.iter().filter_map(|name| Some((*name, env.get(name)?.to_owned())));
        CommandChannel { environment: known.collect() }
    }

    /// Starts `command`, hands it `text` and waits for its end.
    async fn started(&self, command: &Command, text: String) -> Result<(), String> {
        let group = Group::default();
        // Dropped before the command has ended, this ends it.
        let _ends = group.clone().on_drop();
        let (command, environment) = (command.clone(), self.environment.clone());
        let telling = move || tell(&command, command.timeout, &environment, &text, &group);
        let told = tokio::task::spawn_blocking(telling).await;
        told.unwrap_or_else(|_| Err("the thread that told it was lost".to_owned()))
    }
}

#[async_trait]
impl Channel for CommandChannel {
    async fn deliver(&self, command: &Command, message: &Message) -> Result<(), String> {
        self.started(command, json(message)?).await
    }
}

#[async_trait]
impl AnchorCommand for CommandChannel {
    async fn hand(&self, command: &Command, text: &str) -> Result<(), String> {
        self.started(command, text.to_owned() + "\n").await
    }
}

/// A message as the command reads it: one line of JSON, masked as in the logs.
fn json(message: &Message) -> Result<String, String> {
    let mut masked = message.clone();
    masked.sentence = mask(&masked.sentence).into_owned();
    for other in &mut masked.others {
        other.sentence = mask(&other.sentence).into_owned();
    }
    let text = serde_json::to_string(&masked).map_err(|error| error.to_string())?;
    // A command may print what it reads.
    Ok(mm_core::untrusted::json_safe(&text) + "\n")
}

/// The process group of a command.
#[derive(Clone, Default)]
struct Group(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    /// Its number, while its first process is not yet waited for: so long it is nobody else's.
    pid: Option<Pid>,
    /// Nobody wants it any more, also if it is only about to start.
    unwanted: bool,
}

impl Held {
    fn kill(&self) {
        if let Some(group) = self.pid {
            // It may be empty already, which is as well.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Group {
    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It has started.
    fn is(&self, child: &Child) {
        let mut held = self.held();
        held.pid = pid(child);
        if held.unwanted {
            held.kill();
        }
    }

    /// Kills all that is left of it.
    fn kill(&self) {
        self.held().kill();
    }

    /// Takes the end of its first process, which has ended; its number is free from then on.
    fn reap(&self, child: &mut Child) -> std::io::Result<ExitStatus> {
        let mut held = self.held();
        let ended = child.wait();
        held.pid = None;
        ended
    }

    fn on_drop(self) -> KillOnDrop {
        KillOnDrop(self)
    }
}

struct KillOnDrop(Group);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        let mut held = self.0.held();
        held.unwanted = true;
        held.kill();
    }
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// Starts the command, hands it `text`, and waits for its end for at most `within`.
fn tell(
    command: &Command,
    within: Duration,
    environment: &[(&'static str, String)],
    text: &str,
    group: &Group,
) -> Result<(), String> {
    let Some((program, arguments)) = command.argv.split_first() else {
        return Err("the command is empty".to_owned());
    };
    let failed = |error: std::io::Error| format!("`{}` could not be started: {error}", mask(program));
    let (output, theirs) = std::io::pipe().map_err(failed)?;
    let mut ready = Program::new(program);
    ready.args(arguments).env_clear().envs(environment.iter().cloned()).current_dir("/").process_group(0);
    ready.stdin(Stdio::piped()).stdout(theirs.try_clone().map_err(failed)?).stderr(theirs);
    let mut child = ready.spawn().map_err(failed)?;
    // Our copies of its output are closed, so that the output ends when it does.
    drop(ready);
    group.is(&child);
    let printed = collect(output);
    write(&mut child, text);
    let end = watch(&child);
    let in_time = ends_within(&end, within);
    // Also what it left behind: nothing that it started outlives it.
    group.kill();
    if !in_time && !ends_within(&end, REAP_WITHIN) {
        reap_some_day(child, end, group.clone());
        return Err(format!("it did not end within {} s, nor when it was killed", within.as_secs()));
    }
    let ended = group.reap(&mut child).map_err(|error| format!("its end is not known: {error}"))?;
    if !in_time {
        return Err(format!(
            "it did not end within {} s and was killed{}",
            within.as_secs(),
            printed.shown()
        ));
    }
    if ended.success() {
        return Ok(());
    }
    let how = match (ended.code(), ended.signal()) {
        (Some(code), _) => format!("it ended with code {code}"),
        (None, Some(signal)) => format!("signal {signal} ended it"),
        (None, None) => "it did not end well".to_owned(),
    };
    Err(format!("{how}{}", printed.shown()))
}

/// Hears when it has ended, without taking its number from it.
fn watch(child: &Child) -> mpsc::Receiver<()> {
    let (tell, told) = mpsc::channel();
    let pid = pid(child);
    thread::spawn(move || {
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Some(pid) = pid
            && matches!(waitid(WaitId::Pid(pid), ended), Err(rustix::io::Errno::INTR))
        {}
        let _ = tell.send(());
    });
    told
}

fn ends_within(end: &mpsc::Receiver<()>, within: Duration) -> bool {
    !matches!(end.recv_timeout(within), Err(RecvTimeoutError::Timeout))
}

/// Leaves it, so that nobody waits for it; what ends is reaped all the same.
fn reap_some_day(mut child: Child, end: mpsc::Receiver<()>, group: Group) {
    thread::spawn(move || {
        let _ = end.recv();
        let _ = group.reap(&mut child);
    });
}

/// Writes to its stdin, beside everything else: a command that does not read holds up nobody.
fn write(child: &mut Child, text: &str) {
    let Some(mut stdin) = child.stdin.take() else { return };
    let text = text.to_owned();
    thread::spawn(move || {
        // A command that needs no more than to be started is right too.
        let _ = stdin.write_all(text.as_bytes());
    });
}

/// What a command printed: the beginning of it.
struct Printed {
    kept: Arc<Mutex<Vec<u8>>>,
    ended: mpsc::Receiver<()>,
}

fn collect(mut output: impl Read + Send + 'static) -> Printed {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let (into, (tell, ended)) = (kept.clone(), mpsc::channel());
    thread::spawn(move || {
        let mut piece = [0; 1024];
        while let Ok(n @ 1..) = output.read(&mut piece) {
            let mut kept = into.lock().unwrap_or_else(PoisonError::into_inner);
            let room = OUTPUT_BYTES_MAX.saturating_sub(kept.len()).min(n);
            kept.extend_from_slice(piece.get(..room).unwrap_or_default());
        }
        let _ = tell.send(());
    });
    Printed { kept, ended }
}

impl Printed {
    /// `, and said: …`, masked and on one line; nothing if it printed nothing.
    fn shown(&self) -> String {
        let _ = self.ended.recv_timeout(OUTPUT_WITHIN);
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let masked = mask(&String::from_utf8_lossy(&kept)).into_owned();
        let line = mm_core::untrusted::Untrusted::new(masked.trim()).line(OUTPUT_CHARS_MAX);
        if line.is_empty() { String::new() } else { format!(", and said: {line}") }
    }
}
