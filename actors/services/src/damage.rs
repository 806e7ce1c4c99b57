//! Rows that do not open: what a service does about one is closed to everybody, never a crash.
//!
//! A service that died of a damaged row would die again at every restart, and take with it all that
//! do not need the row. It touches nothing but the log.

use mm_store::ReadError;
use mm_supervision::Fault;

/// What to tell of a row that does not open (or can have no key): a part of a sentence that names it.
/// It stands in the log as an error.
///
/// # Errors
/// Any other trouble of the store is no row's alone.
pub(crate) fn of_one_row(error: ReadError) -> Result<String, Fault> {
    let row = match &error {
        ReadError::Row { key, .. } => format!("the row {key}"),
        ReadError::Key(_) => "a row without a possible name".to_owned(),
        _ => return Err(error.into()),
    };
    let why = Fault::from(error).reason;
    tracing::error!(why, "{row} does not open; nothing that needs it is done until a backup is restored");
    Ok(row)
}
