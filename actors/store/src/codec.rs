//! The one place where values become bytes and back: bincode 1.3.3 with a limit.
//!
//! Varint, little endian, trailing bytes refused. bincode has no names in it: a changed struct needs
//! a raised [`Kind::version`](crate::Kind) and an [`upgrade`](crate::Record::upgrade). These do not
//! survive it and must not be derived on a record: `#[serde(tag)]`, `untagged`, `flatten`,
//! `skip_serializing_if`, `serde_json::Value` (keep free-form parts as JSON text in a `String`).

use bincode::Options as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest value this store takes, in bytes (snapshots are the largest).
pub const VALUE_BYTES_MAX: usize = 64 << 20;

/// Why a value has no bytes, or bytes no value.
#[derive(Debug, thiserror::Error)]
#[error("the codec refused it")]
pub struct CodecError(#[from] bincode::Error);

fn options() -> impl bincode::Options {
    bincode::DefaultOptions::new().with_limit(VALUE_BYTES_MAX as u64)
}

/// The bytes of `value`.
///
/// # Errors
/// A value over [`VALUE_BYTES_MAX`], or of a shape the codec cannot carry.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CodecError> {
    Ok(options().serialize(value)?)
}

/// The value whose bytes are exactly `bytes`.
///
/// # Errors
/// Bytes that are too short, too long, or no such value.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    Ok(options().deserialize(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_bytes_and_hostile_lengths_are_refused() {
        let mut bytes = encode(&("a".to_owned(), 7u32)).unwrap();
        assert_eq!(decode::<(String, u32)>(&bytes).unwrap(), ("a".to_owned(), 7));
        bytes.push(0);
        assert!(decode::<(String, u32)>(&bytes).is_err());
        assert!(decode::<Vec<u8>>(&[253, 0, 0, 0, 0, 0, 1, 0, 0]).is_err());
        assert!(decode::<String>(&[]).is_err());
    }
}
