//! The rules against OTP's documentation, over every combination.

use expect_test::expect;

use super::*;

const RESTARTS: [Restart; 3] = [Restart::Permanent, Restart::Transient, Restart::Temporary];
const STRATEGIES: [Strategy; 3] = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];

/// `supervisor` of OTP, "Restart types": permanent always; temporary never; transient "only if it
/// terminates abnormally, that is, with an exit reason other than normal, shutdown, or {shutdown,Term}".
#[test]
fn who_comes_back() {
    use AfterExit::{Forget, Keep, Restart as Again};
    let table = [
        (ExitKind::Normal, [Again, Keep, Forget]),
        (ExitKind::Shutdown, [Again, Keep, Forget]),
        (ExitKind::Error, [Again, Again, Forget]),
        (ExitKind::Killed, [Again, Again, Forget]),
    ];
    for (exit, row) in table {
        for (restart, wanted) in RESTARTS.into_iter().zip(row) {
            assert_eq!(after_exit(restart, exit), wanted, "{restart:?} after {exit:?}");
        }
    }
}

/// The plan as OTP words it, written a second time and otherwise: by membership, not by ranges.
fn otp(strategy: Strategy, failed: usize, siblings: &[Sibling]) -> Plan {
    let all: Vec<usize> = (0..siblings.len()).collect();
    let affected = |index: usize| match strategy {
        // "if one child process terminates and is to be restarted, only that child process is affected"
        Strategy::OneForOne => false,
        // "all other child processes are terminated and then all child processes are restarted"
        Strategy::OneForAll => index != failed,
        // "the rest of the child processes (that is, the child processes after the terminated child
        // process in the start order) are terminated. Then the terminated child process and all child
        // processes after it are restarted"
        Strategy::RestForOne => index > failed,
    };
    let temporary = |index: usize| siblings[index].restart == Restart::Temporary;
    let mut stop: Vec<usize> =
        all.iter().copied().filter(|&index| affected(index) && siblings[index].alive).collect();
    stop.sort_by(|a, b| b.cmp(a));
    Plan {
        stop,
        // "a temporary child process is never restarted (even when the supervisor's restart strategy is
        // rest_for_one or one_for_all and a sibling's death causes the temporary process to be
        // terminated)"
        forget: all.iter().copied().filter(|&index| affected(index) && temporary(index)).collect(),
        start: all
            .iter()
            .copied()
            .filter(|&index| index == failed || affected(index) && !temporary(index) && !siblings[index].held)
            .collect(),
    }
}

#[test]
fn who_goes_with_whom_in_every_family_of_up_to_four() {
    let mut looked_at = 0;
    for size in 1..=4_usize {
        // Each child: one of three kinds, alive or not, held or not.
        for code in 0..12_usize.pow(size as u32) {
            let siblings: Vec<Sibling> = (0..size)
                .map(|index| {
                    let digit = code / 12_usize.pow(index as u32) % 12;
                    Sibling { restart: RESTARTS[digit % 3], alive: digit / 3 % 2 == 1, held: digit / 6 == 1 }
                })
                .collect();
            for strategy in STRATEGIES {
                for failed in 0..size {
                    let (ours, theirs) =
                        (plan(strategy, failed, &siblings), otp(strategy, failed, &siblings));
                    assert_eq!(ours, theirs, "{strategy:?} {failed} {siblings:?}");
                    looked_at += 1;
                }
            }
        }
    }
    assert!(looked_at > 200_000, "{looked_at}");
}

#[test]
fn a_family_of_each_kind() {
    let family = [Restart::Permanent, Restart::Transient, Restart::Temporary, Restart::Permanent]
        .map(|restart| Sibling { restart, alive: true, held: false });
    let mut told = String::new();
    for strategy in STRATEGIES {
        for failed in [0, 1, 3] {
            let Plan { stop, forget, start } = plan(strategy, failed, &family);
            told += &format!("{strategy:?} {failed}: stop {stop:?} forget {forget:?} start {start:?}\n");
        }
    }
    expect![[r#"
        OneForOne 0: stop [] forget [] start [0]
        OneForOne 1: stop [] forget [] start [1]
        OneForOne 3: stop [] forget [] start [3]
        OneForAll 0: stop [3, 2, 1] forget [2] start [0, 1, 3]
        OneForAll 1: stop [3, 2, 0] forget [2] start [0, 1, 3]
        OneForAll 3: stop [2, 1, 0] forget [2] start [0, 1, 3]
        RestForOne 0: stop [3, 2, 1] forget [2] start [0, 1, 3]
        RestForOne 1: stop [3, 2] forget [2] start [1, 3]
        RestForOne 3: stop [] forget [] start [3]
    "#]]
    .assert_eq(&told);
}

/// `auto_shutdown` of OTP: never; "any_significant: if any significant child terminates"; "all_significant:
/// when the last active significant child terminates".
#[test]
fn when_the_work_is_done() {
    for (policy, significant, others, wanted) in [
        (AutoShutdown::Never, true, false, false),
        (AutoShutdown::AnySignificant, false, false, false),
        (AutoShutdown::AnySignificant, true, true, true),
        (AutoShutdown::AnySignificant, true, false, true),
        (AutoShutdown::AllSignificant, false, false, false),
        (AutoShutdown::AllSignificant, true, true, false),
        (AutoShutdown::AllSignificant, true, false, true),
    ] {
        assert_eq!(shuts_down(policy, significant, others), wanted, "{policy:?} {significant} {others}");
    }
}
