//! Whether the wall clock can be believed.
//!
//! [`ClockTrust`] is told what the clock shows, what stands on record and what servers say, and
//! answers two questions. *May something be changed outside?* Not while there is a [`Doubt`]: the clock
//! is behind what is on record, or more than [`AGREES_WITHIN`] off a server's `Date`. *Has the time passed that
//! it says has passed?* Only once it is trusted: since this start a server agreed with it, or it ran
//! evenly for [`STEADY_FOR`] and nobody disagreed.
//!
//! One server that disagrees is enough for a doubt. It is outvoted by two others that agree, if more
//! agree than disagree: then its clock is the wrong one. A server's word is kept as its distance from
//! time since boot, which nobody can set, so a wall clock that is set afterwards is judged by words
//! that were heard in the hour before; and one that is mended is trusted again at once.
//!
//! Pure: all readings come in. It is not stored; what outlives it is [`ClockTrust::latest`].

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::moment::Moment;

/// As far as a server's clock may be off ours.
pub const AGREES_WITHIN: Duration = Duration::from_secs(5 * 60);
/// A clock that ran evenly for so long, with nobody against it, is trusted without a server's word.
/// An NTP client that is going to step the clock does so in the first minutes.
pub const STEADY_FOR: Duration = Duration::from_secs(15 * 60);
/// The wall clock may be behind what is on record by so much: clocks are slewed by milliseconds.
const BEHIND_MAX: Duration = Duration::from_secs(1);
/// A server's word is worth nothing after so long: it may have been wrong, and been mended.
const WORD_LASTS: Duration = Duration::from_secs(3600);
/// Servers whose word is kept.
const SERVERS_MAX: usize = 64;

/// Why nothing is changed outside for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// The clock shows a time before one that is on record.
    Behind {
        /// What it shows.
        wall: Moment,
        /// The latest on record.
        latest: Moment,
    },
    /// A server's clock shows another time.
    Off {
        /// Whose.
        server: String,
        /// By how many milliseconds ours is ahead; negative if it is behind.
        ahead_ms: i64,
    },
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doubt::Behind { wall, latest } => write!(
                f,
                "this machine's clock shows {wall}, which is before {latest}, when something was put on record"
            ),
            Doubt::Off { server, ahead_ms } => {
                let way = if *ahead_ms < 0 { "behind" } else { "ahead of" };
                write!(
                    f,
                    "this machine's clock is {} s {way} that of {server}",
                    ahead_ms.unsigned_abs() / 1000
                )
            }
        }
    }
}

/// What is known of the clock.
#[derive(Debug, Clone, Default)]
pub struct ClockTrust {
    /// The latest time that the clock showed or that is on record.
    latest: Moment,
    /// What the clock showed, at which time since boot, when it was last set (or first looked at).
    even: Option<(Moment, Duration)>,
    /// By server: its time and the time since boot at which it was told; in the order of telling.
    words: BTreeMap<String, (Moment, Duration)>,
}

/// How the clock stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whether the time that it says has passed may be counted as passed.
    pub trusted: bool,
    /// Why nothing is changed outside, if so.
    pub doubt: Option<Doubt>,
}

impl ClockTrust {
    /// Begins with the latest moment on record.
    pub fn since(latest: Moment) -> Self {
        Self { latest, ..Self::default() }
    }

    /// The latest moment that the clock showed or that is on record.
    pub fn latest(&self) -> Moment {
        self.latest
    }

    /// Something is on record with this moment.
    pub fn on_record(&mut self, at: Moment) {
        self.latest = self.latest.max(at);
    }

    /// A server's clock showed `date` when `boot` had passed since boot.
    pub fn heard(&mut self, server: &str, date: Moment, boot: Duration) {
        if !self.words.contains_key(server)
            && self.words.len() >= SERVERS_MAX
            && let Some(oldest) =
                self.words.iter().min_by_key(|(_, (_, at))| *at).map(|(name, _)| name.clone())
        {
            self.words.remove(&oldest);
        }
        self.words.insert(server.to_owned(), (date, boot));
    }

    /// How the clock stands that shows `wall` while `boot` has passed since boot.
    pub fn look(&mut self, wall: Moment, boot: Duration) -> Standing {
        let (at, since) = *self.even.get_or_insert((wall, boot));
        if apart(wall, at.plus(boot.saturating_sub(since))).unsigned_abs() > within_ms() {
            self.even = Some((wall, boot));
        }
        let steady = self.even.is_some_and(|(_, since)| boot.saturating_sub(since) >= STEADY_FOR);
        let (agree, off) = self.vote(wall, boot);
        let doubt = if let Some((server, ahead_ms)) = off {
            Some(Doubt::Off { server, ahead_ms })
        } else if agree > 0 {
            // Servers know better than a record that a wrong clock may have made.
            self.latest = wall;
            None
        } else if self.latest > wall.plus(BEHIND_MAX) {
            Some(Doubt::Behind { wall, latest: self.latest })
        } else {
            None
        };
        self.latest = self.latest.max(wall);
        Standing { trusted: doubt.is_none() && (agree > 0 || steady), doubt }
    }

    /// How many servers agree, and the one that is furthest off, unless it is outvoted.
    fn vote(&self, wall: Moment, boot: Duration) -> (usize, Option<(String, i64)>) {
        let ahead = |(date, at): &(Moment, Duration)| apart(wall, date.plus(boot.saturating_sub(*at)));
        let fresh = |word: &(Moment, Duration)| boot.saturating_sub(word.1) <= WORD_LASTS;
        let words = self.words.iter().filter(|(_, word)| fresh(word));
        let all: Vec<(&String, i64)> = words.map(|(name, word)| (name, ahead(word))).collect();
        let off = all.iter().filter(|(_, ahead)| ahead.unsigned_abs() > within_ms());
        let worst = off.clone().max_by_key(|(_, ahead)| ahead.unsigned_abs());
        let (against, agree) = (off.clone().count(), all.len() - off.count());
        let outvoted = agree >= 2 && agree > against;
        (agree, worst.filter(|_| !outvoted).map(|(name, ahead)| ((*name).clone(), *ahead)))
    }
}

fn within_ms() -> u64 {
    u64::try_from(AGREES_WITHIN.as_millis()).unwrap_or(u64::MAX)
}

fn apart(wall: Moment, other: Moment) -> i64 {
    wall.unix_ms().saturating_sub(other.unix_ms())
}

/// How much time has certainly passed between two readings of a trusted clock: each may be off by
/// [`AGREES_WITHIN`]. Nothing, where one of the readings was not trusted.
pub fn certainly_passed(from: Option<Moment>, to: Option<Moment>) -> Duration {
    match (from, to) {
        (Some(from), Some(to)) => to.since(from).saturating_sub(AGREES_WITHIN.saturating_mul(2)),
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600;

    fn at(seconds: i64) -> Moment {
        Moment::from_unix_ms(1_700_000_000_000 + seconds * 1000)
    }

    fn boot(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_fresh_clock_is_neither_trusted_nor_doubted_until_a_server_agrees() {
        let mut trust = ClockTrust::since(at(0));
        assert_eq!(trust.look(at(10), boot(0)), Standing { trusted: false, doubt: None });
        trust.heard("a", at(11 + 299), boot(1));
        assert_eq!(trust.look(at(11), boot(1)), Standing { trusted: true, doubt: None });
    }

    #[test]
    fn a_clock_that_runs_evenly_and_that_nobody_is_against_is_trusted_in_the_end() {
        let mut trust = ClockTrust::default();
        assert!(!trust.look(at(0), boot(0)).trusted);
        assert!(!trust.look(at(899), boot(899)).trusted);
        assert!(trust.look(at(900), boot(900)).trusted);
        // Set: it begins anew.
        assert!(!trust.look(at(2_000), boot(901)).trusted);
        assert!(trust.look(at(2_900), boot(1_801)).trusted);
    }

    #[test]
    fn a_server_that_is_off_by_over_five_minutes_is_a_doubt_either_way() {
        for (date, ahead_ms) in [(301, -301_000), (-301, 301_000)] {
            let mut trust = ClockTrust::default();
            trust.heard("a", at(date), boot(0));
            let doubt = Some(Doubt::Off { server: "a".to_owned(), ahead_ms });
            assert_eq!(trust.look(at(0), boot(0)), Standing { trusted: false, doubt });
        }
    }

    #[test]
    fn a_clock_that_is_set_is_judged_by_what_was_heard_before_and_mended_is_trusted_at_once() {
        let mut trust = ClockTrust::default();
        trust.heard("a", at(0), boot(0));
        assert!(trust.look(at(0), boot(0)).trusted);
        for step in [-HOUR, HOUR, 400 * 24 * HOUR] {
            assert!(matches!(trust.look(at(60 + step), boot(60)).doubt, Some(Doubt::Off { .. })), "{step}");
            assert!(trust.look(at(61), boot(61)).trusted, "after {step}");
        }
    }

    #[test]
    fn one_that_lies_is_outvoted_by_two_but_not_by_one() {
        let mut trust = ClockTrust::default();
        trust.heard("liar", at(HOUR), boot(0));
        trust.heard("a", at(0), boot(0));
        assert!(trust.look(at(0), boot(0)).doubt.is_some());
        trust.heard("b", at(1), boot(1));
        assert_eq!(trust.look(at(1), boot(1)), Standing { trusted: true, doubt: None });
        trust.heard("liar too", at(HOUR), boot(2));
        assert!(trust.look(at(2), boot(2)).doubt.is_some(), "two against two");
    }

    #[test]
    fn a_word_is_forgotten_after_an_hour() {
        let mut trust = ClockTrust::default();
        trust.heard("liar", at(2 * HOUR), boot(0));
        assert!(trust.look(at(HOUR), boot(3_600)).doubt.is_some());
        assert_eq!(trust.look(at(HOUR + 1), boot(3_601)).doubt, None);
    }

    #[test]
    fn a_clock_behind_the_record_is_doubted_until_it_has_caught_up_or_a_server_agrees() {
        let mut trust = ClockTrust::since(at(HOUR));
        let behind = trust.look(at(0), boot(0));
        assert_eq!(behind.doubt, Some(Doubt::Behind { wall: at(0), latest: at(HOUR) }));
        assert!(!trust.look(at(1_000), boot(1_000)).trusted, "even as it runs");
        assert_eq!(trust.clone().look(at(HOUR), boot(3_600)).doubt, None);
        trust.heard("a", at(1_001), boot(1_001));
        assert_eq!(trust.look(at(1_001), boot(1_001)), Standing { trusted: true, doubt: None });
        assert_eq!(trust.latest(), at(1_001), "the record was made by a clock that was wrong");
    }

    #[test]
    fn what_is_put_on_record_later_counts_and_what_is_older_does_not() {
        let mut trust = ClockTrust::since(at(0));
        trust.on_record(at(HOUR));
        trust.on_record(at(60));
        assert_eq!(trust.latest(), at(HOUR));
        assert!(matches!(trust.look(at(61), boot(0)).doubt, Some(Doubt::Behind { .. })));
    }

    #[test]
    fn what_was_not_read_from_a_trusted_clock_has_not_certainly_passed() {
        let hour = certainly_passed(Some(at(0)), Some(at(HOUR)));
        assert_eq!(hour, Duration::from_secs(3_000));
        assert_eq!(certainly_passed(Some(at(0)), Some(at(600))), Duration::ZERO);
        assert_eq!(certainly_passed(None, Some(at(HOUR))), Duration::ZERO);
        assert_eq!(certainly_passed(Some(at(0)), None), Duration::ZERO);
        assert_eq!(certainly_passed(Some(at(HOUR)), Some(at(0))), Duration::ZERO);
    }

    proptest! {
        /// However the clock is set, between two moments at which honest servers had just agreed no more
        /// is taken for certainly passed than has passed.
        #[test]
        fn no_more_has_certainly_passed_than_has_passed(
            steps in prop::collection::vec((0i64..4_000, -900i64..900, -300i64..=300), 1..40)
        ) {
            let (mut trust, mut real, mut offset) = (ClockTrust::default(), 0i64, 0i64);
            let mut before: Option<(i64, Moment)> = None;
            for (passes, set, lag) in steps {
                real += passes;
                offset += set;
                trust.heard("a", at(real + lag / 100), boot(real as u64));
                let wall = at(real + offset);
                if trust.look(wall, boot(real as u64)).trusted {
                    if let Some((then, from)) = before {
                        let passed = certainly_passed(Some(from), Some(wall));
                        prop_assert!(passed <= Duration::from_secs((real - then) as u64 + 6));
                    }
                    before = Some((real, wall));
                } else {
                    prop_assert!(offset.abs() > 297);
                }
            }
        }
    }

    /// Of more servers than are kept the word that is oldest goes; one that speaks again takes its own place.
    #[test]
    fn of_many_servers_the_oldest_word_is_given_up() {
        let mut trust = ClockTrust::default();
        trust.heard("liar", at(HOUR), boot(0));
        for n in 1..SERVERS_MAX {
            trust.heard(&format!("server {n}"), at(HOUR), boot(n as u64));
        }
        trust.heard("server 1", at(HOUR), boot(100));
        assert!(trust.words.contains_key("liar"), "none is given up for one that is there");
        trust.heard("one more", at(HOUR), boot(101));
        assert_eq!((trust.words.len(), trust.words.contains_key("liar")), (SERVERS_MAX, false));
    }

    #[test]
    fn a_doubt_says_which_way_the_clock_is_off() {
        let off = |ahead_ms| Doubt::Off { server: "a.example".to_owned(), ahead_ms }.to_string();
        assert_eq!(off(301_000), "this machine's clock is 301 s ahead of that of a.example");
        assert_eq!(off(-301_000), "this machine's clock is 301 s behind that of a.example");
        let behind = Doubt::Behind { wall: Moment::from_unix_ms(0), latest: Moment::from_unix_ms(1000) };
        assert_eq!(
            behind.to_string(),
            "this machine's clock shows 1970-01-01T00:00:00Z, which is before 1970-01-01T00:00:01Z, when something \
             was put on record"
        );
    }
}
