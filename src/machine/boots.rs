//! When a machine must not start its kernel: boots that failed, one after the other.
//!
//! It decides and touches nothing. What a failed boot is stands with [`Boots`].

use std::time::Duration;

use mm_core::moment::Moment;
use mm_store::Boots;

/// So many failed boots are a loop, and not bad luck.
pub const FAILED_MAX: usize = 3;
/// Failures further apart are no loop. After that time without one, a start is an ordinary one again.
pub const FAILED_WITHIN: Duration = Duration::from_secs(600);

/// Why the kernel must not start now, if it must not: one clause that names what failed last.
pub fn hold(boots: &Boots, now: Moment) -> Option<String> {
    let failed = boots.failed_within(FAILED_WITHIN, now);
    (failed >= FAILED_MAX).then(|| sentence(boots, failed))
}

/// How many boots failed lately and by what, if any did.
pub fn failures(boots: &Boots, now: Moment) -> Option<(usize, String)> {
    let failed = boots.failed_within(FAILED_WITHIN, now);
    (failed > 0).then(|| (failed, sentence(boots, failed)))
}

fn sentence(boots: &Boots, failed: usize) -> String {
    let times = if failed == 1 { "a boot".to_owned() } else { format!("{failed} boots") };
    let Some(last) = &boots.failed else { return format!("{times} failed within ten minutes") };
    let step = if last.step.is_empty() { "beginning" } else { &last.step };
    let why = last.why.as_ref().map_or_else(|| "it was killed or crashed".to_owned(), Clone::clone);
    format!("{times} failed within ten minutes, the last one while {step}: {why}")
}

#[cfg(test)]
mod tests {
    use mm_store::BootBook;

    use super::*;

    fn at(minute: i64) -> Moment {
        Moment::from_unix_ms(1_790_000_000_000 + 60_000 * minute)
    }

    /// A kill in the middle of a healthy life is no failure, however often; three starts that do not
    /// come up are, until ten minutes have passed or an operator says so.
    #[test]
    fn the_fourth_start_after_three_that_failed_holds_the_kernel() {
        let dir = tempfile::tempdir().unwrap();
        let book = BootBook::in_dir(dir.path());
        for minute in 0..20 {
            assert_eq!(hold(&book.begin(at(minute)).unwrap(), at(minute)), None);
            book.well(at(minute)).unwrap();
        }
        for minute in 20..23 {
            assert_eq!(hold(&book.begin(at(minute)).unwrap(), at(minute)), None, "{minute}");
            book.step("starting kernel/limiter", Some("kernel/limiter: panicked: out of luck"));
        }
        let why = hold(&book.begin(at(23)).unwrap(), at(23));
        assert_eq!(
            why.as_deref(),
            Some(
                "3 boots failed within ten minutes, the last one while starting kernel/limiter: kernel/limiter: \
                 panicked: out of luck"
            )
        );
        book.held().unwrap();
        assert!(hold(&book.begin(at(29)).unwrap(), at(29)).is_some());
        book.held().unwrap();
        assert_eq!(hold(&book.begin(at(31)).unwrap(), at(31)), None, "ten minutes have passed");
    }

    #[test]
    fn an_operator_ends_it_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let book = BootBook::in_dir(dir.path());
        for minute in 0..3 {
            book.begin(at(minute)).unwrap();
            book.well(at(minute)).unwrap();
            book.broke_off(at(minute), "the store failed; start again").unwrap();
        }
        let boots = book.begin(at(3)).unwrap();
        assert_eq!(
            failures(&boots, at(3)),
            Some((
                3,
                "3 boots failed within ten minutes, the last one while running: the store failed; start again"
                    .to_owned()
            ))
        );
        book.forgive().unwrap();
        assert_eq!(failures(&book.read(), at(3)), None);
        assert_eq!(hold(&book.begin(at(4)).unwrap(), at(4)), None);
    }
}
