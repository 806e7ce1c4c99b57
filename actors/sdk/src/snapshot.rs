//! Snapshots as bytes: bincode with a limit, as everything stored.

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The most bytes a snapshot may have: 16 MiB.
const SNAPSHOT_BYTES_MAX: u64 = 16 << 20;

/// A snapshot that does not open.
#[derive(Debug, thiserror::Error)]
#[error("the snapshot does not open")]
pub struct BadSnapshot(#[source] bincode::Error);

/// Encodes a snapshot. Fields that come and go with the value (`skip_serializing_if`, untagged
/// enums) do not survive this codec.
///
/// # Errors
/// [`BadSnapshot`] if it is over 16 MiB.
pub fn encode<T: Serialize>(snapshot: &T) -> Result<Vec<u8>, BadSnapshot> {
    bincode::DefaultOptions::new().with_limit(SNAPSHOT_BYTES_MAX).serialize(snapshot).map_err(BadSnapshot)
}

/// Decodes what [`encode`] made.
///
/// # Errors
/// [`BadSnapshot`] if the bytes are damaged or of another type.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BadSnapshot> {
    bincode::DefaultOptions::new().with_limit(SNAPSHOT_BYTES_MAX).deserialize(bytes).map_err(BadSnapshot)
}
