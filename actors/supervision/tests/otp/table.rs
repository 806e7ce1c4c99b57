//! Every (strategy × restart kind × way to end × significance and automatic shutdown) through the real
//! supervisor. What is expected is written out from the chapter "supervisor" of OTP's reference manual and
//! "Supervisor Behaviour" of its design principles, and looks at nothing of this room's own decisions.
//!
//! The family, in start order: `a` permanent, `b` the one that ends, `c` transient, `d` temporary.

use mm_supervision::{AutoShutdown, Restart, Strategy};

use crate::ours;
use crate::script::{Death, Row, Script, Step};

/// What the manual says of a child that ended by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// It "is always restarted", or "terminated abnormally".
    Again,
    /// A transient child that did not: it stays known.
    Down,
    /// "A temporary child process is never restarted"; its specification goes with it.
    Gone,
}

/// "A permanent child process is always restarted. A temporary child process is never restarted […]. A
/// transient child process is restarted only if it terminates abnormally, that is, with an exit reason
/// other than normal, shutdown, or {shutdown,Term}."
const RESTART_TYPES: [(Death, [Then; 3]); 5] = [
    //                  permanent    transient    temporary
    (Death::Normal, [Then::Again, Then::Down, Then::Gone]),
    (Death::Shutdown, [Then::Again, Then::Down, Then::Gone]),
    (Death::ShutdownTerm, [Then::Again, Then::Down, Then::Gone]),
    (Death::Crash, [Then::Again, Then::Again, Then::Gone]),
    (Death::Kill, [Then::Again, Then::Again, Then::Gone]),
];

/// What is seen when `b` is restarted, and who is known then.
const STRATEGIES: [(Strategy, &str); 3] = [
    // "If one child process terminates and is to be restarted, only that child process is affected."
    (Strategy::OneForOne, "+b | a b c d"),
    // "all other child processes are terminated and then all child processes are restarted"; stops go in
    // the reverse of the start order, and a temporary child is not restarted "even when […] a sibling's
    // death causes the temporary process to be terminated".
    (Strategy::OneForAll, "-d -c -a +a +b +c | a b c"),
    // "the rest of the child processes (that is, the child processes after the terminated child process in
    // the start order) are terminated. Then the terminated child process and all child processes after it
    // are restarted."
    (Strategy::RestForOne, "-d -c +b +c | a b c"),
];

/// The policy, who is significant, and whether the supervisor ends once `b` ended and stays away.
/// `any_significant`: "when any significant child terminates, that is, when a transient significant child
/// terminates normally or when a temporary significant child terminates normally or abnormally";
/// `all_significant`: "when the last active significant child terminates. The same rules as for
/// any_significant apply."
const SHUTDOWNS: [(AutoShutdown, &str, bool); 7] = [
    (AutoShutdown::Never, "", false),
    (AutoShutdown::AnySignificant, "", false),
    (AutoShutdown::AnySignificant, "c", false),
    (AutoShutdown::AnySignificant, "b", true),
    (AutoShutdown::AnySignificant, "bc", true),
    (AutoShutdown::AllSignificant, "b", true),
    (AutoShutdown::AllSignificant, "bc", false),
];

const RESTARTS: [Restart; 3] = [Restart::Permanent, Restart::Transient, Restart::Temporary];

fn expected(then: Then, restarted: &'static str, ends: bool) -> &'static str {
    match then {
        Then::Again => restarted,
        // It shuts itself down, which stops the others in the reverse of the start order.
        Then::Down | Then::Gone if ends => "-d -c -a | ended",
        Then::Down => "| a (b) c d",
        Then::Gone => "| a c d",
    }
}

fn family(restart: Restart, death: Death, significant: &str) -> Vec<Row> {
    let of =
        [('a', Restart::Permanent), ('b', restart), ('c', Restart::Transient), ('d', Restart::Temporary)];
    let rows = of.map(|(name, restart)| Row {
        significant: significant.contains(name),
        group: name == 'b' && matches!(death, Death::Shutdown | Death::ShutdownTerm),
        ..Row::new(name, restart)
    });
    rows.to_vec()
}

#[test]
fn every_strategy_restart_kind_exit_kind_and_shutdown() {
    ours::paused(async {
        let mut looked_at = 0;
        for (strategy, restarted) in STRATEGIES {
            for (death, column) in RESTART_TYPES {
                for (restart, then) in RESTARTS.into_iter().zip(column) {
                    for (auto_shutdown, significant, ends) in SHUTDOWNS {
                        if restart == Restart::Permanent && significant.contains('b') {
                            continue;
                        }
                        let rows = family(restart, death, significant);
                        let steps = vec![Step::Dies('b', death)];
                        let script = Script { strategy, intensity: 5, auto_shutdown, rows, steps };
                        let lines = ours::run(&script).await;
                        assert_eq!(lines[0], "+a +b +c +d | a b c d");
                        let wanted = expected(then, restarted, ends);
                        assert_eq!(lines[1], wanted, "{restart:?} {death:?} {significant:?} in {script}");
                        looked_at += 1;
                    }
                }
            }
        }
        // Four of the seven ways to be significant need a child that is not permanent.
        assert_eq!(looked_at, 3 * 5 * (7 + 7 + 3));
    });
}

/// More than `intensity` restarts within `period`: the supervisor terminates all its children, and then
/// itself.
#[test]
fn one_restart_more_than_allowed_ends_the_supervisor() {
    ours::paused(async {
        for (strategy, restarted) in STRATEGIES {
            for intensity in 0..3 {
                let rows = family(Restart::Permanent, Death::Crash, "");
                let steps = vec![Step::Dies('b', Death::Crash); intensity as usize + 1];
                let never = AutoShutdown::Never;
                let script = Script { strategy, intensity, auto_shutdown: never, rows, steps };
                let lines = ours::run(&script).await;
                let (ended, before) = lines[1..].split_last().unwrap();
                assert_eq!(before.len(), intensity as usize);
                if let Some(first) = before.first() {
                    assert_eq!(first, restarted);
                }
                let temporary_is_gone = intensity > 0 && strategy != Strategy::OneForOne;
                assert_eq!(ended, if temporary_is_gone { "-c -a | ended" } else { "-d -c -a | ended" });
            }
        }
    });
}

/// A transient child that is down comes back with its siblings, as all of them are started; one that an
/// operator stopped as well.
#[test]
fn all_are_started_also_those_that_were_down() {
    ours::paused(async {
        let rows = family(Restart::Transient, Death::Normal, "");
        let steps = vec![Step::Dies('b', Death::Normal), Step::Terminate('c'), Step::Dies('a', Death::Crash)];
        let strategy = Strategy::OneForAll;
        let script = Script { strategy, intensity: 5, auto_shutdown: AutoShutdown::Never, rows, steps };
        let lines = ours::run(&script).await;
        assert_eq!(lines[1..4], ["| a (b) c d", "-c | a (b) (c) d", "-d +a +b +c | a b c"]);
    });
}
