//! What the daemon tells the one that started it: that it is up, what it is doing, that it still
//! makes progress.
//!
//! The words are systemd's (`sd_notify(3)`), sent as datagrams to `$NOTIFY_SOCKET`; a guardian
//! ([`crate::guardian`]) hears the same words over the socket it gave its child. Where nobody
//! listens, nothing is sent. A word that cannot be sent is logged and the daemon goes on: whoever
//! misses it acts by its own time limits.
//!
//! It touches that socket, and one OS thread that feeds the watchdog ([`Feeder`]). The three
//! [`VARIABLES`] are for this process alone: whoever starts a child removes them.

use std::io::{self, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::config::Env;

/// The variables of `sd_notify(3)` and `sd_watchdog_enabled(3)`; no child of the daemon inherits them.
pub const VARIABLES: [&str; 3] = [SOCKET, WATCHDOG_USEC, WATCHDOG_PID];
const SOCKET: &str = "NOTIFY_SOCKET";
pub(crate) const WATCHDOG_USEC: &str = "WATCHDOG_USEC";
const WATCHDOG_PID: &str = "WATCHDOG_PID";

/// A listener that does not take a word for so long does not get it.
const SEND_WITHIN: Duration = Duration::from_secs(1);
/// A status is one line; more of it helps nobody.
const STATUS_CHARS_MAX: usize = 300;

/// Why nobody can be told.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// Neither a path nor an abstract name.
    #[error(
        "NOTIFY_SOCKET is `{0}`, which is neither a path that begins with `/` nor a name that begins with `@`"
    )]
    Address(String),
    /// No socket to be had, or nobody listens.
    #[error("what NOTIFY_SOCKET names cannot be reached")]
    Socket(#[source] io::Error),
}

/// The way to whoever started the daemon. Clones are the same way.
#[derive(Debug, Clone)]
pub struct Notify(Arc<To>);

#[derive(Debug)]
enum To {
    Nobody,
    Systemd { socket: UnixDatagram, address: SocketAddr },
    Guardian(Mutex<UnixStream>),
}

impl Notify {
    /// Nobody is told.
    pub fn nobody() -> Notify {
        Notify(Arc::new(To::Nobody))
    }

    /// Tells whom `NOTIFY_SOCKET` names; nobody, if it is not set.
    ///
    /// # Errors
    /// [`NotifyError`]; the daemon can run without.
    pub fn of(env: &Env) -> Result<Notify, NotifyError> {
        let Some(name) = env.get(SOCKET) else { return Ok(Notify::nobody()) };
        let address = match name.strip_prefix('@') {
            Some(rest) => SocketAddr::from_abstract_name(rest),
            None if name.starts_with('/') => SocketAddr::from_pathname(name),
            None => return Err(NotifyError::Address(name.to_owned())),
        };
        let address = address.map_err(NotifyError::Socket)?;
        let socket = UnixDatagram::unbound().map_err(NotifyError::Socket)?;
        socket.set_write_timeout(Some(SEND_WITHIN)).map_err(NotifyError::Socket)?;
        Ok(Notify(Arc::new(To::Systemd { socket, address })))
    }

    /// Tells the guardian at the other end of `link`.
    pub fn guardian(link: UnixStream) -> Notify {
        let _ = link.set_write_timeout(Some(SEND_WITHIN));
        Notify(Arc::new(To::Guardian(Mutex::new(link))))
    }

    /// The machine is up, or has taken its new configuration in.
    pub fn ready(&self, status: &str) {
        self.say(&format!("READY=1\n{}", status_line(status)));
    }

    /// It takes a new configuration in; [`Notify::ready`] says when that is over.
    pub fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let now_us = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={now_us}\nSTATUS=reading the configuration again"));
    }

    /// It stops.
    pub fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=stopping");
    }

    /// What it is doing, in a line.
    pub fn status(&self, status: &str) {
        self.say(&status_line(status));
    }

    /// A line that somebody else said.
    pub(crate) fn pass_on(&self, line: &str) {
        self.say(line);
    }

    /// It makes progress.
    fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    fn say(&self, words: &str) {
        let sent = match self.0.as_ref() {
            To::Nobody => Ok(()),
            To::Systemd { socket, address } => socket.send_to_addr(words.as_bytes(), address).map(drop),
            // A line each; one write, so that a guardian never sees half of what belongs together.
            To::Guardian(link) => {
                link.lock().unwrap_or_else(PoisonError::into_inner).write_all(format!("{words}\n").as_bytes())
            }
        };
        if let Err(error) = sent {
            tracing::debug!(%error, words, "the one that started the daemon could not be told");
        }
    }
}

fn status_line(status: &str) -> String {
    let line: String =
        status.chars().map(|c| if c.is_control() { ' ' } else { c }).take(STATUS_CHARS_MAX).collect();
    format!("STATUS={line}")
}

/// How often the watchdog wants to be fed at the latest: `WATCHDOG_USEC`, where it is for the process
/// `pid`. `None`: there is none.
pub fn watchdog(env: &Env, pid: u32) -> Option<Duration> {
    let meant = env.get(WATCHDOG_PID).is_none_or(|for_whom| for_whom.parse() == Ok(pid));
    let us: u64 = env.get(WATCHDOG_USEC)?.parse().ok()?;
    (meant && us > 0).then(|| Duration::from_micros(us))
}

/// Feeds the watchdog from an OS thread of its own, so that no stalled runtime hides behind it, and
/// only while all is well; dropped, it ends.
#[derive(Debug)]
pub struct Feeder {
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Feeder {
    /// Looks twice in `limit`, the longest time the watchdog goes without food, as systemd asks for.
    /// `look` says who stalls, `None` if nobody does; it must come back within half of `limit`.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(
        notify: Notify,
        limit: Duration,
        mut look: impl FnMut() -> Option<String> + Send + 'static,
    ) -> io::Result<Feeder> {
        let ending = Arc::new(AtomicBool::new(false));
        let ended = ending.clone();
        let thread = std::thread::Builder::new().name("watchdog-feeder".into()).spawn(move || {
            let mut told: Option<String> = None;
            while !ended.load(Ordering::SeqCst) {
                let stalls = look();
                match &stalls {
                    None => notify.alive(),
                    Some(who) if told.as_ref() != Some(who) => {
                        tracing::error!(%who, "no progress: the watchdog is not fed");
                        notify.status(&format!("no progress: {who}"));
                    }
                    Some(_) => {}
                }
                if stalls.is_none() && told.is_some() {
                    tracing::info!("progress again: the watchdog is fed");
                    notify.status("running; it had stalled and goes on");
                }
                // Once it goes on there is less time left: look again soon.
                let pause = if stalls.is_some() { limit / 8 } else { limit / 2 };
                told = stalls;
                std::thread::park_timeout(pause);
            }
        })?;
        Ok(Feeder { ending, thread: Some(thread) })
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // A look may wait for the store up to its own limit: nobody waits for that.
            thread.thread().unpark();
        }
    }
}

#[cfg(test)]
mod tests;
