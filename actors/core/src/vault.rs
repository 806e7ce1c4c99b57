//! The vault's cryptography, pure: what is sealed, under which key, and bound to what.
//!
//! ```text
//! master key ──wraps──▶ data key of each space ──seals──▶ every value of that space
//! recovery key ──wraps──▶ the same data keys
//! ```
//!
//! AES-256-GCM of ring throughout. Each write gets a key of its own (HKDF-SHA256 of the sealing key with
//! 32 random bytes), so that no nonce is ever used twice under one key. What a value belongs to ([`About`]:
//! space, record, platform, account, field, version and key) is associated data: a value that was moved to
//! another place does not open there.
//!
//! It touches nothing: randomness and time are handed in. What does not open is [`NotOpened`], and says no
//! more than that. That a whole vault was put back to an earlier state is not seen here; the versions stand
//! in the audit trail. ring does not wipe the keys it holds for the length of a call.

mod key;
mod passphrase;
mod recovery;
mod seal;
mod slot;
mod veil;

pub use key::{Key, KeyId};
pub use passphrase::{Derivation, Weak};
pub use recovery::{BadRecovery, RecoveryKey};
pub use seal::{About, NotOpened, OVERHEAD, open, seal};
pub use slot::{BadSlot, SLOT, Slot, base64, fill_field, form_encoded, has_slot, json_escaped};
pub use veil::{MASKED, Veil};
