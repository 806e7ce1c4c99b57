//! The snapshot of a strategy, as a value: what its last good run kept, and what this one keeps.

use mm_sdk::{BadSnapshot, Context, Fault, decode, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What the last good run of `strategy` kept; the default if none has.
///
/// # Errors
/// A fatal fault if it does not open: what a strategy forgot it would tell or do again.
pub(crate) fn read<T: DeserializeOwned + Default>(cx: &Context<'_>, strategy: &str) -> Result<T, Fault> {
    let Some(bytes) = cx.snapshot() else { return Ok(T::default()) };
    decode(bytes).map_err(|error| unopened(&error, strategy))
}

/// The fault of a snapshot that does not open.
pub(crate) fn unopened(error: &BadSnapshot, strategy: &str) -> Fault {
    Fault::fatal(format!("{error}; an earlier generation of it, or none, would let {strategy} run again"))
}

/// As [`read`], also of what was kept in the shape of an earlier version.
///
/// # Errors
/// A fatal fault if it opens as neither.
pub(crate) fn read_since<Old, T>(cx: &Context<'_>, strategy: &str) -> Result<T, Fault>
where
    Old: DeserializeOwned + Into<T>,
    T: DeserializeOwned + Default,
{
    // The codec takes bytes whole or not at all, so at most one of the two shapes fits.
    match cx.snapshot().map(decode::<Old>) {
        Some(Ok(old)) => Ok(old.into()),
        _ => read(cx, strategy),
    }
}

/// Keeps `value`, of this version of its shape, if the run ends well.
///
/// # Errors
/// A fatal fault if it is too large.
pub(crate) fn write<T: Serialize>(cx: &mut Context<'_>, version: u16, value: &T) -> Result<(), Fault> {
    cx.keep(version, encode(value).map_err(|error| Fault::fatal(error.to_string()))?);
    Ok(())
}
