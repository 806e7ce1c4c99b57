//! How secrets come in: typed at a terminal without an echo, or piped on stdin, a line each. Never as an
//! argument, which every process of the computer can read.
//!
//! What was read is wiped when it is dropped. The terminal gets its echo back however reading ends, also by
//! Ctrl-C: that is read as a sign here, and means "no".

use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;

use mm_core::secret::Secret;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::refuse;
use crate::exit::Failure;

/// Nobody types or pipes more.
const BYTES_MAX: usize = 64 << 10;
/// Ctrl-C, Ctrl-D and Ctrl-\ as they are read.
const NO: [u8; 3] = [3, 4, 28];

/// A terminal that echoes nothing until this is dropped.
struct Quiet {
    before: Termios,
}

impl Quiet {
    fn begin() -> io::Result<Quiet> {
        let stdin = io::stdin();
        let before = tcgetattr(stdin.as_fd())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        // Ctrl-C ends the line, so that it is seen at once.
        quiet.special_codes[SpecialCodeIndex::VEOL] = NO[0];
        tcsetattr(stdin.as_fd(), OptionalActions::Flush, &quiet)?;
        Ok(Quiet { before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A terminal that is gone needs no echo.
        let _ = tcsetattr(io::stdin().as_fd(), OptionalActions::Now, &self.before);
        eprintln!();
    }
}

/// Reads up to a line end, or to one of `also`, which stays; past every buffer that would keep a copy.
fn line(also: &[u8]) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(BYTES_MAX));
    let mut byte = Zeroizing::new([0u8; 1]);
    loop {
        let read = match rustix::io::read(io::stdin().as_fd(), &mut *byte) {
            Err(rustix::io::Errno::INTR) => continue,
            read => read?,
        };
        if read == 0 {
            return Ok((!line.is_empty()).then_some(line));
        }
        match byte[0] {
            b'\n' => return Ok(Some(line)),
            _ if line.len() == BYTES_MAX => return Err(io::Error::other("the line is too long")),
            other => line.push(other),
        }
        if also.contains(&byte[0]) {
            return Ok(Some(line));
        }
    }
}

fn secret(line: &[u8]) -> io::Result<Secret> {
    let text = std::str::from_utf8(line).map_err(|_| io::Error::other("it is no text"))?;
    let text = text.strip_suffix('\r').unwrap_or(text);
    Ok(Secret::new(text.to_owned()))
}

/// Whether somebody sits at a terminal to be asked.
pub fn can_ask() -> bool {
    io::stdin().is_terminal()
}

/// Asks at the terminal.
///
/// # Errors
/// If nothing was typed, or the answer was Ctrl-C.
pub fn ask(prompt: &str) -> io::Result<Secret> {
    // Quiet first: what is typed at once must not be echoed, nor thrown away.
    let _quiet = Quiet::begin()?;
    eprint!("{prompt}: ");
    io::stderr().flush()?;
    let line = line(&NO)?.unwrap_or_default();
    if line.is_empty() || line.iter().any(|byte| NO.contains(byte)) {
        return Err(io::Error::other("nothing was typed"));
    }
    secret(&line)
}

/// One secret for each of these names: typed, or piped in this order, a line each.
///
/// # Errors
/// If one is missing, or more were piped.
pub fn read(names: &[&str]) -> Result<Vec<Secret>, Failure> {
    let failed = |error: io::Error| Failure::new("read the secret", error);
    if can_ask() {
        return names.iter().map(|name| ask(name).map_err(failed)).collect();
    }
    let mut secrets = Vec::new();
    for name in names {
        let line = line(&[]).map_err(failed)?.filter(|line| !line.is_empty());
        let line = line.ok_or_else(|| refuse(format!("no {name} came in on stdin: {}", how(names))))?;
        secrets.push(secret(&line).map_err(failed)?);
    }
    if line(&[]).map_err(failed)?.is_some_and(|line| !line.is_empty()) {
        return Err(refuse(format!("more came in on stdin than {}: {}", names.join(", "), how(names))));
    }
    Ok(secrets)
}

/// How these are said.
fn how(names: &[&str]) -> String {
    let piped = match names {
        [_] => "pipe it there, as one line".to_owned(),
        _ => format!("pipe {} there in this order, a line each", names.join(", ")),
    };
    format!("run this at a terminal to be asked, or {piped}")
}

/// A new secret that must be typed twice alike; piped, it comes once.
///
/// # Errors
/// As [`ask`] and [`read`], or if the two differ.
pub fn new(name: &str) -> Result<Secret, Failure> {
    let first = read(&[name])?.remove(0);
    if can_ask() {
        let again = ask(&format!("{name}, again")).map_err(|error| Failure::new("read the secret", error))?;
        if again.expose() != first.expose() {
            return Err(refuse("the two are not alike; nothing was changed"));
        }
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_pipes_too_little_is_told_what_to_do() {
        assert_eq!(how(&["token"]), "run this at a terminal to be asked, or pipe it there, as one line");
        assert_eq!(
            how(&["client-secret", "refresh-token"]),
            "run this at a terminal to be asked, or pipe client-secret, refresh-token there in this order, a line each"
        );
    }
}
