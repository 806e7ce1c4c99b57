//! Credential slots: where a secret will stand in a request, by name.
//!
//! Rules, hashes, approvals and records see `{vault:github/main/token@3}`; the secret itself is put there
//! while the request is written to the wire, and nowhere before.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::id::{AccountId, PlatformId};
use crate::secret::Secret;

/// How every slot begins.
pub const SLOT: &str = "{vault:";
/// No slot is longer.
const SLOT_BYTES_MAX: usize = 256;

/// One value of one account, in one version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// The platform.
    pub platform: PlatformId,
    /// The account there.
    pub account: AccountId,
    /// Which of its values: 1 to 32 of `a-z`, `0-9` and `-`.
    pub field: String,
    /// Its version, from 1.
    pub version: u64,
}

/// Text that begins like a slot and is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a credential slot is written {{vault:PLATFORM/ACCOUNT/FIELD@VERSION}}")]
pub struct BadSlot;

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SLOT}{}/{}/{}@{}}}", self.platform, self.account, self.field, self.version)
    }
}

impl FromStr for Slot {
    type Err = BadSlot;

    fn from_str(text: &str) -> Result<Self, BadSlot> {
        let inner = text.strip_prefix(SLOT).and_then(|rest| rest.strip_suffix('}')).ok_or(BadSlot)?;
        let (path, version) = inner.split_once('@').ok_or(BadSlot)?;
        let mut parts = path.split('/');
        let (Some(platform), Some(account), Some(field), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(BadSlot);
        };
        let sound = (1..=32).contains(&field.len())
            && field.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
        let number = version.parse().ok().filter(|n: &u64| *n > 0 && n.to_string() == version);
        Ok(Slot {
            platform: platform.parse().map_err(|_| BadSlot)?,
            account: account.parse().map_err(|_| BadSlot)?,
            field: sound.then(|| field.to_owned()).ok_or(BadSlot)?,
            version: number.ok_or(BadSlot)?,
        })
    }
}

impl Slot {
    /// The slots in a text, in their order.
    ///
    /// # Errors
    /// [`BadSlot`] if something begins like a slot and is none: then the text must not leave.
    pub fn all_in(text: &[u8]) -> Result<Vec<Slot>, BadSlot> {
        let mut found = Vec::new();
        walk(
            text,
            |_| Ok(()),
            |slot| {
                found.push(slot);
                Ok(())
            },
        )?;
        Ok(found)
    }
}

/// Goes through a text: `plain` is handed what stands between slots, `filled` each slot.
fn walk(
    text: &[u8],
    mut plain: impl FnMut(&[u8]) -> Result<(), BadSlot>,
    mut filled: impl FnMut(Slot) -> Result<(), BadSlot>,
) -> Result<(), BadSlot> {
    let mut rest = text;
    while let Some(at) = find(rest, SLOT.as_bytes()) {
        let (before, from) = rest.split_at(at);
        plain(before)?;
        let end = from.iter().take(SLOT_BYTES_MAX).position(|byte| *byte == b'}').ok_or(BadSlot)?;
        let (slot, after) = from.split_at(end + 1);
        filled(std::str::from_utf8(slot).map_err(|_| BadSlot)?.parse()?)?;
        rest = after;
    }
    plain(rest)
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}

/// Whether a text holds what begins like a slot, also escaped as in a URL.
pub fn has_slot(text: &[u8]) -> bool {
    // In a URL the brace and the colon may stand escaped, in either case.
    let lower = text.to_ascii_lowercase();
    ["{vault:", "%7bvault:", "{vault%3a", "%7bvault%3a"]
        .iter()
        .any(|slot| find(&lower, slot.as_bytes()).is_some())
}

/// Puts secrets into the slots of a text, each made safe for its place by `encode`.
///
/// # Errors
/// [`BadSlot`] if a slot is malformed, or `secret` has nothing for it.
pub fn fill_field<'a>(
    text: &[u8],
    mut secret: impl FnMut(&Slot) -> Option<&'a Secret>,
    encode: impl Fn(&str) -> Zeroizing<String>,
) -> Result<Zeroizing<Vec<u8>>, BadSlot> {
    // Gathered first, joined into a vector that does not grow: one that does leaves copies behind.
    let pieces = std::cell::RefCell::new(Vec::<Zeroizing<Vec<u8>>>::new());
    walk(
        text,
        |plain| {
            pieces.borrow_mut().push(Zeroizing::new(plain.to_vec()));
            Ok(())
        },
        |slot| {
            let value = encode(secret(&slot).ok_or(BadSlot)?.expose());
            pieces.borrow_mut().push(Zeroizing::new(value.as_bytes().to_vec()));
            Ok(())
        },
    )?;
    let pieces = pieces.into_inner();
    let mut out = Zeroizing::new(Vec::with_capacity(pieces.iter().map(|piece| piece.len()).sum()));
    pieces.iter().for_each(|piece| out.extend_from_slice(piece));
    Ok(out)
}

/// Base 64 with padding (RFC 4648, 4), for `Basic`.
pub fn base64(bytes: &[u8]) -> Zeroizing<String> {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Zeroizing::new(String::with_capacity(bytes.len().div_ceil(3) * 4));
    for three in bytes.chunks(3) {
        let at = |n: usize| three.get(n).copied().map_or(0, u32::from);
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for n in 0..4 {
            let sign = SIGNS.get((bits >> (18 - 6 * n) & 63) as usize).copied().unwrap_or(b'A');
            out.push(if n > three.len() { '=' } else { char::from(sign) });
        }
    }
    out
}

/// A value in a body of `application/x-www-form-urlencoded`.
pub fn form_encoded(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len() * 3));
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase());
            }
        }
    }
    out
}

/// A value within the quotes of a JSON text.
pub fn json_escaped(text: &str) -> Zeroizing<String> {
    let quoted = Zeroizing::new(serde_json::to_string(text).unwrap_or_default());
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default();
    Zeroizing::new(inner.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_slot_is_read_as_it_is_written_and_nothing_else_is_one() {
        let slot: Slot = "{vault:github/main/token@3}".parse().unwrap();
        assert_eq!(slot.to_string(), "{vault:github/main/token@3}");
        for bad in [
            "{vault:github/main@3}",
            "{vault:github/main/token}",
            "{vault:github/main/token@0}",
            "{vault:github/main/token@03}",
            "{vault:github/main/to/ken@3}",
            "{vault:github/main/Token@3}",
            "{vault:GitHub/main/token@3}",
            "{vault:github/main/token@3",
            "{vault:}",
        ] {
            assert_eq!(bad.parse::<Slot>(), Err(BadSlot), "{bad}");
            assert_eq!(Slot::all_in(format!("a {bad} b").as_bytes()), Err(BadSlot), "{bad}");
        }
    }

    #[test]
    fn a_slot_is_seen_however_a_url_writes_it() {
        for text in ["x{vault:a", "%7Bvault:a", "%7bVault%3Aa", "{VAULT:"] {
            assert!(has_slot(text.as_bytes()), "{text}");
        }
        assert!(!has_slot(b"the vault: {a}"));
    }

    #[test]
    fn base64_is_the_published_one() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(*base64(plain.as_bytes()), coded);
        }
    }

    proptest! {
        /// Whatever the secret, it cannot break out of its place in a form or in JSON.
        #[test]
        fn a_secret_stays_in_its_place(secret in "\\PC{0,30}") {
            let held = Secret::new(secret.clone());
            let form = fill_field(b"a={vault:p/a/f@1}&b=2", |_| Some(&held), form_encoded).unwrap();
            let read: Vec<_> = url::form_urlencoded::parse(&form).into_owned().collect();
            prop_assert_eq!(read, vec![("a".to_owned(), secret.clone()), ("b".to_owned(), "2".to_owned())]);
            let json = fill_field(b"{\"a\":\"{vault:p/a/f@1}\"}", |_| Some(&held), json_escaped).unwrap();
            prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&json).unwrap(), serde_json::json!({ "a": secret }));
        }
    }

    /// A text with a slot that is none, or that nobody has a secret for, does not leave.
    #[test]
    fn what_cannot_be_filled_whole_is_not_filled_at_all() {
        let held = Secret::new("s".to_owned());
        let plain = |text: &str| Zeroizing::new(text.to_owned());
        let fill =
            |text: &str| fill_field(text.as_bytes(), |slot| (slot.field == "a").then_some(&held), plain);
        assert_eq!(*fill("x{vault:p/q/a@1}y").unwrap(), b"xsy");
        for text in ["x{vault:p/q/a@1}{vault:p/q/b@1}", "{vault:p/q/a@1}{vault:p/q}", "{vault:p/q/a@1"] {
            assert_eq!(fill(text), Err(BadSlot), "{text}");
        }
    }
}
