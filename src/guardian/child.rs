//! The daemon's side of being guarded: it dies with its guardian.
//!
//! Two means, because either may fail: the system kills it when the guardian's thread dies
//! (`PR_SET_PDEATHSIG`), and a thread that reads from the guardian's socket ends the process when
//! nobody holds the other end any more. Nothing is stopped in order then: an orphan that still sends
//! while a new daemon starts is worse than a kill, which the store outlives at any moment.

use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use mm_store::{DataDir, DirError};
use rustix::fs::{FileType, fstat};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use crate::exit::{Exit, leave};
use crate::notify::Notify;

/// A daemon that was killed lets go of its directory within moments; a disk may make them long.
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Why a daemon cannot be guarded.
#[derive(Debug, thiserror::Error)]
pub enum GuardedError {
    /// Somebody else gave the flag.
    #[error("--guarded is the guardian's own flag: give --guardian")]
    NoGuardian,
    /// The socket cannot be used.
    #[error("the socket to the guardian cannot be used")]
    Link(#[from] io::Error),
}

/// Binds this process's life to that of its guardian, the process `guardian`; gives the way to tell it
/// something. Called from the main thread before anything else.
///
/// # Errors
/// [`GuardedError`]. A guardian that is gone already ends the process here.
pub fn bind(guardian: u32) -> Result<Notify, GuardedError> {
    let stdin = io::stdin();
    let stat = fstat(stdin.as_fd()).map_err(io::Error::from)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Socket {
        return Err(GuardedError::NoGuardian);
    }
    let signalled = set_parent_process_death_signal(Some(Signal::KILL));
    // Only now: one that died before is not signalled any more.
    let parent = getppid().map(|pid| pid.as_raw_nonzero().get().cast_unsigned());
    if parent != Some(guardian) {
        leave(Exit::GuardianGone);
    }
    if let Err(error) = signalled {
        eprintln!("warning: the system does not tell of the guardian's death ({error}); its socket will");
    }
    let link = UnixStream::from(stdin.as_fd().try_clone_to_owned()?);
    // No process of ours inherits the way to the guardian.
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?).map_err(io::Error::from)?;
    let mut end = link.try_clone()?;
    std::thread::Builder::new().name("guardian-gone".into()).spawn(move || {
        let mut nothing = [0; 16];
        loop {
            match end.read(&mut nothing) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => leave(Exit::GuardianGone),
            }
        }
    })?;
    Ok(Notify::guardian(link))
}

/// Takes the data directory; under a guardian it waits for a predecessor that is dying.
///
/// # Errors
/// As `take`.
pub fn patiently(
    guarded: bool,
    mut take: impl FnMut() -> Result<DataDir, DirError>,
) -> Result<DataDir, DirError> {
    let mut taken = take();
    for _ in 0..if guarded { LOCK_TRIES } else { 0 } {
        if !matches!(taken, Err(DirError::InUse { .. })) {
            break;
        }
        std::thread::park_timeout(LOCK_PAUSE);
        taken = take();
    }
    taken
}
