//! A terminal that is drawn over in place, and given back as it was.
//!
//! It touches the terminal's modes, its alternate screen, and the signals of this process. However
//! the command ends, but for `kill -9`, [`Screen`] puts back what it changed.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use rustix::fs::OFlags;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::net::unix::pipe;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The alternate screen without a cursor, and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// Home; what is left of a line; what is left of the screen.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// A terminal that is drawn on.
pub struct Screen {
    /// Its modes as they were, if keys are read one by one.
    modes: Option<Termios>,
}

impl Screen {
    /// Takes the terminal over; `None` where stdout is none.
    pub fn open() -> Option<Screen> {
        if !io::stdout().is_terminal() {
            return None;
        }
        let modes = tcgetattr(io::stdin()).ok().filter(|modes| {
            let mut single = modes.clone();
            single.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            tcsetattr(io::stdin(), OptionalActions::Now, &single).is_ok()
        });
        let screen = Screen { modes };
        write(ENTER).ok()?;
        Some(screen)
    }

    /// Draws over what is there.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn draw(&self, text: &str) -> io::Result<()> {
        let mut frame = HOME.to_owned();
        for line in text.lines() {
            frame.push_str(line);
            frame.push_str(CLEAR_LINE);
            frame.push_str("\r\n");
        }
        frame.push_str(CLEAR_BELOW);
        write(&frame)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        drop(write(LEAVE));
        if let Some(modes) = &self.modes {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, modes);
        }
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// What the person at the terminal wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To see no more.
    Leave,
    /// To see it again: the window has another size, or a key was pressed.
    Again,
}

/// Hears keys and signals.
pub struct Ears {
    keys: Option<pipe::Receiver>,
    leave: [Signal; 3],
    resized: Signal,
}

impl Ears {
    /// Begins to hear.
    ///
    /// # Errors
    /// If signals cannot be heard.
    pub fn open() -> io::Result<Ears> {
        Ok(Ears {
            keys: keyboard().ok(),
            leave: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
            ],
            resized: signal(SignalKind::window_change())?,
        })
    }

    /// Waits for a wish.
    pub async fn next(&mut self) -> Wish {
        let [interrupt, terminate, hangup] = &mut self.leave;
        tokio::select! {
            biased;
            _ = interrupt.recv() => Wish::Leave,
            _ = terminate.recv() => Wish::Leave,
            _ = hangup.recv() => Wish::Leave,
            _ = self.resized.recv() => Wish::Again,
            wish = key(&mut self.keys) => wish,
        }
    }
}

/// The terminal's keyboard, opened once more: what is set on it so is not set for the shell.
fn keyboard() -> io::Result<pipe::Receiver> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    let keys = File::options().read(true).custom_flags(flags).open("/dev/tty")?;
    // It is read like a pipe, and its only end is the terminal's.
    pipe::Receiver::from_file_unchecked(keys)
}

/// Waits for a key. Without a keyboard none is ever pressed.
async fn key(keys: &mut Option<pipe::Receiver>) -> Wish {
    let Some(input) = keys else { return std::future::pending().await };
    let mut pressed = [0; 32];
    loop {
        if input.readable().await.is_err() {
            break;
        }
        match input.try_read(&mut pressed) {
            Ok(0) => break,
            Ok(n) if pressed[..n].iter().any(|byte| matches!(byte, b'q' | b'Q')) => return Wish::Leave,
            Ok(_) => return Wish::Again,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    // The keyboard is gone; signals still come.
    *keys = None;
    Wish::Again
}
