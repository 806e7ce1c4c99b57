//! What a guardian decides when its daemon has ended: again, and when; or not again, and why.
//!
//! Nothing here waits, reads a clock or draws a number.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use mm_supervision::Backoff;

use super::life::Ended;
use crate::exit::Exit;

/// So many failures in a row are enough.
const FAILURES_MAX: u32 = 10;
/// The ceiling of the first wait, and of any; with full jitter.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// A daemon that was up this long ends the row.
const FORGIVEN_AFTER: Duration = Duration::from_secs(600);

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It ended as it should, or said itself why not: so does the guardian.
    End(Exit),
    /// Another try would end the same way.
    GiveUp { exit: Exit, sentence: String },
    /// Another try.
    Again { after: Duration, sentence: String },
}

/// The failures so far.
#[derive(Debug)]
pub struct Patience {
    backoff: Backoff,
    row: u32,
    was_up: bool,
}

impl Patience {
    /// `hurry` divides its times.
    pub fn new(hurry: u32) -> Patience {
        let backoff = Backoff {
            first: FIRST_WAIT / hurry,
            cap: LONGEST_WAIT / hurry,
            forgive_after: FORGIVEN_AFTER / hurry,
        };
        Patience { backoff, row: 0, was_up: false }
    }

    /// Judges the end of a life, with a draw of `jitter` in `[0, 1)`.
    pub fn judge(&mut self, ended: &Ended, jitter: f64) -> Verdict {
        self.was_up |= ended.up.is_some();
        let exit = ended.status.and_then(|status| status.code()).and_then(Exit::of);
        if ended.asked {
            return Verdict::End(asked_for(ended, exit));
        }
        match exit {
            // Somebody stopped it without its guardian, or its command line is wrong.
            Some(exit @ (Exit::Done | Exit::Usage | Exit::StopTimedOut | Exit::Forced)) => Verdict::End(exit),
            // What was refused at the first start is refused at the second. Later it may be a disk
            // that was full for a while, or a file half written.
            Some(Exit::Refused) if !self.was_up => Verdict::GiveUp {
                exit: Exit::Refused,
                sentence: "the daemon refused to start, for the reason said above; mend that and start again"
                    .to_owned(),
            },
            _ => self.failed(ended, jitter),
        }
    }

    fn failed(&mut self, ended: &Ended, jitter: f64) -> Verdict {
        let forgiven = ended.up.is_some_and(|up| up >= self.backoff.forgive_after);
        self.row = if forgiven { 1 } else { self.row + 1 };
        let what = what(ended);
        if self.row >= FAILURES_MAX {
            let sentence = format!(
                "{what}; that was failure {} in a row and it is given up: see its log and \
                 `money-machine doctor`, then start again",
                self.row
            );
            return Verdict::GiveUp { exit: Exit::GaveUp, sentence };
        }
        let after = self.backoff.delay(self.row, jitter);
        let sentence = format!(
            "{what}; failure {} of {FAILURES_MAX}, next try in {:.1} s",
            self.row,
            after.as_secs_f32()
        );
        Verdict::Again { after, sentence }
    }
}

/// How a stop that was asked for is told.
fn asked_for(ended: &Ended, exit: Option<Exit>) -> Exit {
    match exit {
        Some(exit) => exit,
        None if ended.why.is_some() => Exit::StopTimedOut,
        // Before it listens for signals, the system ends it.
        None if matches!(ended.status.and_then(|status| status.signal()), Some(SIGTERM | SIGINT)) => {
            Exit::Done
        }
        None => Exit::Forced,
    }
}

const SIGINT: i32 = rustix::process::Signal::INT.as_raw();
const SIGTERM: i32 = rustix::process::Signal::TERM.as_raw();

fn what(ended: &Ended) -> String {
    let how = match (&ended.why, ended.status) {
        (Some(why), _) => why.clone(),
        (None, Some(status)) => how(status),
        (None, None) => "nothing is known of its end".to_owned(),
    };
    match ended.up {
        Some(up) => format!("the daemon ended after {:.0} s: {how}", up.as_secs_f32()),
        None => format!("the daemon never came up: {how}"),
    }
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => match Exit::of(code) {
            Some(exit) => format!("code {code}, {}", exit.about()),
            None => format!("code {code}"),
        },
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(raw: i32, up_s: Option<u64>) -> Ended {
        let status = Some(ExitStatus::from_raw(raw));
        Ended { status, up: up_s.map(Duration::from_secs), asked: false, why: None }
    }

    /// As wait(2) gives it.
    const fn code(code: i32) -> i32 {
        code << 8
    }

    fn asked(ended: Ended) -> Ended {
        Ended { asked: true, ..ended }
    }

    #[test]
    fn what_ended_well_or_cannot_end_better_is_not_tried_again() {
        for (raw, exit) in [(0, Exit::Done), (2, Exit::Usage), (73, Exit::StopTimedOut), (130, Exit::Forced)]
        {
            for up in [None, Some(5)] {
                assert_eq!(Patience::new(1).judge(&ended(code(raw), up), 0.5), Verdict::End(exit));
            }
        }
        let mut patience = Patience::new(1);
        let refused = patience.judge(&ended(code(1), None), 0.5);
        assert!(matches!(refused, Verdict::GiveUp { exit: Exit::Refused, .. }), "{refused:?}");
    }

    #[test]
    fn what_was_up_once_is_tried_again_even_if_it_is_refused() {
        let mut patience = Patience::new(1);
        for (raw, up) in
            [(9, Some(3)), (code(1), None), (code(1), Some(1)), (code(70), None), (code(101), None)]
        {
            let verdict = patience.judge(&ended(raw, up), 0.5);
            assert!(matches!(verdict, Verdict::Again { .. }), "{raw}: {verdict:?}");
        }
    }

    #[test]
    fn the_wait_grows_to_its_cap_and_the_tenth_failure_is_the_last() {
        let mut patience = Patience::new(1);
        let mut waits = Vec::new();
        let end = loop {
            match patience.judge(&ended(code(70), Some(1)), 1.0) {
                Verdict::Again { after, .. } => waits.push(after.as_secs()),
                end => break end,
            }
        };
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256]);
        let sentence = "the daemon ended after 1 s: code 70, the store failed; start again; that was failure 10 \
            in a row and it is given up: see its log and `money-machine doctor`, then start again";
        assert_eq!(end, Verdict::GiveUp { exit: Exit::GaveUp, sentence: sentence.to_owned() });
    }

    #[test]
    fn a_start_that_fails_later_is_a_failure_of_the_row() {
        let mut patience = Patience::new(1);
        assert!(matches!(patience.judge(&ended(9, Some(5)), 0.0), Verdict::Again { .. }));
        let busy = std::io::Error::other("text file busy");
        let verdict = patience.judge(&Ended::before_it_began(&busy), 0.0);
        let sentence = "the daemon never came up: it could not be started: text file busy; failure 2 of 10, next \
            try in 0.0 s";
        assert_eq!(verdict, Verdict::Again { after: Duration::ZERO, sentence: sentence.to_owned() });
    }

    #[test]
    fn a_kill_has_no_code_of_its_own() {
        let mut patience = Patience::new(1);
        let last = (0..FAILURES_MAX).map(|_| patience.judge(&ended(9, None), 0.0)).last();
        assert!(matches!(last, Some(Verdict::GiveUp { exit: Exit::GaveUp, .. })), "{last:?}");
    }

    #[test]
    fn ten_minutes_up_end_the_row() {
        let mut patience = Patience::new(1);
        for _ in 0..100 {
            for up in [Some(1), Some(599), None, Some(600)] {
                let verdict = patience.judge(&ended(9, up), 1.0);
                assert!(matches!(verdict, Verdict::Again { .. }), "{verdict:?}");
            }
        }
        let Verdict::Again { after, sentence } = patience.judge(&ended(9, Some(601)), 0.0) else { panic!() };
        assert_eq!((after, patience.row), (Duration::ZERO, 1));
        assert_eq!(
            sentence,
            "the daemon ended after 601 s: killed by signal 9; failure 1 of 10, next try in 0.0 s"
        );
    }

    #[test]
    fn a_stop_that_was_asked_for_ends_it_however_it_went() {
        let judge = |ended: Ended| Patience::new(1).judge(&asked(ended), 0.5);
        assert_eq!(judge(ended(code(0), Some(1))), Verdict::End(Exit::Done));
        assert_eq!(judge(ended(code(130), Some(1))), Verdict::End(Exit::Forced));
        assert_eq!(judge(ended(SIGTERM, None)), Verdict::End(Exit::Done));
        assert_eq!(judge(ended(9, Some(1))), Verdict::End(Exit::Forced));
        let late = Ended { why: Some("it did not stop in time".to_owned()), ..ended(9, Some(1)) };
        assert_eq!(judge(late), Verdict::End(Exit::StopTimedOut));
    }
}
