//! How the program ends: one code for each reason, and the one place that prints an error.
//!
//! An error's message says only its own level; [`chain`] walks its sources and puts them in one line:
//! ``could not start: could not open the store at `/x`: locked``. Nothing else prints an error, so
//! nothing is said twice. [`leave`] is the only call of `process::exit` in the program.

use std::error::Error;
use std::fmt;
use std::process::{ExitCode, Termination};

/// Why the process ended. The numbers are part of the interface: scripts and service managers read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Refused, or failed: stderr says why.
    Refused = 1,
    /// The command line was not understood.
    Usage = 2,
    /// No daemon answers at the data directory's socket.
    NoDaemon = 3,
    /// Controlled: the store failed, so nothing in memory can be trusted. Restart from outside.
    StoreFailed = 70,
    /// Controlled: a handler of the kernel does not return. Restart from outside.
    KernelStuck = 71,
    /// Controlled: a third run of this boot could not be cancelled; its strategy's breaker is open.
    RunsStuck = 72,
    /// Controlled: stopping took longer than it may, and what was left was abandoned.
    StopTimedOut = 73,
    /// The guardian gave up: its daemon failed too often in a row.
    GaveUp = 74,
    /// The guardian is gone, and its daemon went with it.
    GuardianGone = 75,
    /// A second signal while stopping: ended at once.
    Forced = 130,
}

impl Exit {
    /// All of them, in the order of their codes.
    pub const ALL: &[Exit] = &[
        Exit::Done,
        Exit::Refused,
        Exit::Usage,
        Exit::NoDaemon,
        Exit::StoreFailed,
        Exit::KernelStuck,
        Exit::RunsStuck,
        Exit::StopTimedOut,
        Exit::GaveUp,
        Exit::GuardianGone,
        Exit::Forced,
    ];

    /// The number the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The one that has this number, if one has.
    pub fn of(code: i32) -> Option<Exit> {
        Exit::ALL.iter().copied().find(|exit| i32::from(exit.code()) == code)
    }

    /// One line for `--help` and the docs.
    pub fn about(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::Refused => "refused or failed; stderr says why",
            Exit::Usage => "bad usage",
            Exit::NoDaemon => "no daemon reachable",
            Exit::StoreFailed => "the store failed; start again",
            Exit::KernelStuck => "a part of the kernel was stuck; start again",
            Exit::RunsStuck => "too many runs were stuck; start again, the strategy stays tripped",
            Exit::StopTimedOut => "stopping took too long; what was left was abandoned",
            Exit::GaveUp => "the guardian gave up; its last line says why",
            Exit::GuardianGone => "the guardian was killed and took the daemon along",
            Exit::Forced => "ended at once by a second signal",
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

/// The list of codes, for the end of `--help`.
pub fn help() -> String {
    let lines: Vec<String> =
        Exit::ALL.iter().map(|exit| format!("  {:>3}  {}", exit.code(), exit.about())).collect();
    format!("Exit codes:\n{}", lines.join("\n"))
}

/// What could not be done, why, and the code that says so.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    /// The attempt, after "could not": `start`, `read the audit trail`. Empty: the source says it all.
    pub doing: String,
    pub source: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// A failure with [`Exit::Refused`].
    pub fn new(doing: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
        Failure { exit: Exit::Refused, doing: doing.into(), source: source.into() }
    }

    /// The same with another code.
    #[must_use]
    pub fn with(self, exit: Exit) -> Failure {
        Failure { exit, ..self }
    }

    /// Prints the whole chain to stderr, once, and gives the code to end with.
    pub fn print(&self) -> Exit {
        eprintln!("{self}");
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.doing.is_empty() {
            write!(f, "could not {}: ", self.doing)?;
        }
        write!(f, "{}", Chain(self.source.as_ref()))
    }
}

/// An error with all its sources: `Display` joins them with `: `. For log fields and [`Failure`].
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&chain(self.0))
    }
}

/// The messages of an error and its sources in one line, each once, masked as in the logs.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let message = error.to_string();
        // Foreign errors do repeat their source; what has been said is not said again.
        if !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        source = error.source();
    }
    crate::logs::mask(&text).into_owned()
}

/// Ends the process now, whatever else runs. For the watchdog and a failed store, where unwinding or
/// waiting could act on memory that can no longer be trusted.
#[expect(clippy::disallowed_methods, reason = "the one controlled exit of the program")]
pub fn leave(exit: Exit) -> ! {
    std::process::exit(i32::from(exit.code()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[derive(Debug, thiserror::Error)]
    #[error("could not open the store at `/x`")]
    struct Open(#[source] Locked);
    #[derive(Debug, thiserror::Error)]
    #[error("locked with token=CANARY")]
    struct Locked;
    #[derive(Debug, thiserror::Error)]
    #[error("outer: {0}")]
    struct Repeats(#[source] Locked);

    #[test]
    fn a_chain_is_said_once_and_masked() {
        let failure = Failure::new("start", Open(Locked)).with(Exit::StoreFailed);
        expect!["could not start: could not open the store at `/x`: locked with token=[masked]"]
            .assert_eq(&failure.to_string());
        expect!["outer: locked with token=[masked]"]
            .assert_eq(&Failure::new("", Repeats(Locked)).to_string());
        assert_eq!(failure.print(), Exit::StoreFailed);
    }

    #[test]
    fn codes_are_distinct_and_listed() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
        expect![[r#"
            Exit codes:
                0  done
                1  refused or failed; stderr says why
                2  bad usage
                3  no daemon reachable
               70  the store failed; start again
               71  a part of the kernel was stuck; start again
               72  too many runs were stuck; start again, the strategy stays tripped
               73  stopping took too long; what was left was abandoned
               74  the guardian gave up; its last line says why
               75  the guardian was killed and took the daemon along
              130  ended at once by a second signal"#]]
        .assert_eq(&help());
    }
}
