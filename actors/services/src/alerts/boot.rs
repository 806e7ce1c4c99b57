//! How the last life of the machine ended: an alert says so where nobody stopped it in order.
//!
//! It is written beside the service: at the start before there is one, at the stop after it.

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_store::{Change, ReadError, Store};
use mm_supervision::Fault;

use crate::records::AlertRow;

/// What the alert is about.
pub const UNCLEAN: &str = "boot/unclean";
/// The audit kind of a start, and of a stop in order.
pub const STARTED: &str = "boot.started";
/// See [`STARTED`].
pub const STOPPED: &str = "boot.stopped";
/// How far back the last start is looked for. A life that wrote more was not stopped at its end.
const LOOKED_AT: usize = 1_000;

/// When the last life gave its last sign, if it was not stopped in order; `None` also before the
/// first. Asked before this life writes anything.
///
/// # Errors
/// The store's.
pub fn last_sign_of_an_unclean_life(store: &Store) -> Result<Option<Moment>, ReadError> {
    let page = store.audit_tail(LOOKED_AT)?;
    let Some(last) = page.rows.last() else { return Ok(None) };
    let stopped = page.rows.iter().rev().find_map(|row| match row.entry.kind.as_str() {
        STOPPED => Some(true),
        STARTED => Some(false),
        _ => None,
    });
    let began_earlier = page.rows.first().is_some_and(|row| row.entry.seq > 1);
    let unclean = stopped.map_or(began_earlier, |stopped| !stopped);
    Ok(unclean.then_some(last.entry.at))
}

/// The change that tells of it (`Some`), or ends the alert.
///
/// # Errors
/// The store's. An alert that does not open is left as it is.
pub fn tell(store: &Store, last_sign: Option<Moment>, now: Moment) -> Result<Change, Fault> {
    let space = Space::machine();
    let Ok(earlier) = store.get::<AlertRow>(&space, UNCLEAN) else { return Ok(Change::new()) };
    let raised = last_sign.map(|at| {
        let sentence = format!(
            "the machine was not stopped in order: it was killed, crashed or lost its power; its last sign of life \
             was at {at}, and it started again at {now}"
        );
        (sentence, None)
    });
    // Each such end is news, whether or not the last one was told to be over.
    let earlier = earlier.map(|row| match &raised {
        Some(_) => AlertRow { cleared_at: Some(now), ..row.value },
        None => row.value,
    });
    match super::next(earlier, raised, now) {
        Some((row, kind)) => super::write(Change::new(), &space, UNCLEAN, &row, kind, now),
        None => Ok(Change::new()),
    }
}
