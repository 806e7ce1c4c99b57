//! What a stored type must say of itself, and how its rows are opened.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec;
use crate::frame::Head;
use crate::key::Kind;

/// A type that is stored as rows of one kind.
pub trait Record: Serialize + DeserializeOwned {
    /// Name, schema number and the version written today.
    const KIND: Kind;

    /// The largest value, in bytes as encoded.
    const BYTES_MAX: usize = 1 << 20;

    /// The kind of the flags that stand beside the rows of this kind that are not finished, where what is
    /// to be done must be found without reading all that ever was: [`Store::unfinished`](crate::Store::unfinished).
    const UNFINISHED: Option<Kind> = None;

    /// Whether nothing is to be done about it any more; only asked where [`Self::UNFINISHED`] is set.
    fn is_finished(&self) -> bool {
        false
    }

    /// Reads the bytes of an older `version` of the schema. Decode the old type with
    /// [`codec::decode`] and convert it.
    ///
    /// # Errors
    /// [`Unreadable`]; the default knows no older version.
    fn upgrade(version: u16, _bytes: &[u8]) -> Result<Self, Unreadable> {
        Err(Unreadable::Old { version })
    }
}

/// A value with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<R> {
    /// The value.
    pub value: R,
    /// 1 at the first put, one more with each put.
    pub version: u64,
}

/// Why a row does not become a value.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Its bytes were changed.
    #[error("the value is damaged")]
    Frame(#[source] crate::frame::FrameError),
    /// Another schema stands under this kind's name.
    #[error("schema {found} stands where schema {expected} should; this is a bug or a foreign file")]
    Schema {
        /// The number in the frame.
        found: u16,
        /// The kind's number.
        expected: u16,
    },
    /// Written by a newer version of the program.
    #[error("schema version {version} is newer than this program's; use the newer program")]
    Newer {
        /// The version in the frame.
        version: u16,
    },
    /// Written by an older version that is not read any more.
    #[error("schema version {version} is older than this program can read")]
    Old {
        /// The version in the frame.
        version: u16,
    },
    /// The frame is whole, yet the codec refused the payload: the schema was changed without a
    /// new version.
    #[error("the value does not fit its schema")]
    Codec(#[source] codec::CodecError),
    /// It does not decompress.
    #[error("the value does not decompress within its limit")]
    Compressed(#[source] std::io::Error),
    /// An upgrade refused the old value.
    #[error("the old value could not be upgraded: {0}")]
    Upgrade(String),
}

/// The value of an opened frame.
pub(crate) fn read_value<R: Record>(head: Head, payload: &[u8]) -> Result<Row<R>, Unreadable> {
    if head.schema != R::KIND.schema {
        return Err(Unreadable::Schema { found: head.schema, expected: R::KIND.schema });
    }
    let value = match head.schema_version {
        version if version == R::KIND.version => codec::decode(payload).map_err(Unreadable::Codec)?,
        version if version > R::KIND.version => return Err(Unreadable::Newer { version }),
        version => R::upgrade(version, payload)?,
    };
    Ok(Row { value, version: head.row_version })
}
