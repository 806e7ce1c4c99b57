//! The recovery key: a second key to everything, for paper. Shown once, as groups of signs that are hard to
//! confuse, with a check sum that tells a slip of the pen from a wrong key.

use zeroize::Zeroizing;

use super::key::Key;
use crate::digest::Digest;

/// Crockford's base 32: no `I`, `L`, `O` or `U`.
const SIGNS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 256 bits of key, five a sign.
const KEY_SIGNS: usize = 52;
/// Twenty bits.
const CHECK_SIGNS: usize = 4;
const GROUP: usize = 4;

/// Why a text is no recovery key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRecovery {
    /// Too short or too long.
    #[error("a recovery key has 56 letters and digits and this has {0}: is a part missing?")]
    Length(usize),
    /// A sign that none has.
    #[error("a recovery key has only letters and digits, parted by `-`")]
    Sign,
    /// The check sum says that a sign is wrong.
    #[error("at least one sign of this recovery key is mistyped; look at it again")]
    Mistyped,
}

/// A key that opens what the master key opens.
#[derive(Debug, Clone)]
pub struct RecoveryKey(Key);

impl RecoveryKey {
    /// From unpredictable bytes.
    pub fn random(fill: impl FnOnce(&mut [u8])) -> Self {
        Self(Key::random(fill))
    }

    /// The key that wraps data keys.
    pub fn key(&self) -> &Key {
        &self.0
    }

    /// As it is shown once: fourteen groups of four.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(80));
        let bits = |bytes: &[u8], at: usize| -> u8 {
            (0..5).fold(0, |sign, bit| {
                let (byte, shift) = ((at * 5 + bit) / 8, 7 - (at * 5 + bit) % 8);
                sign << 1 | bytes.get(byte).map_or(0, |byte| byte >> shift & 1)
            })
        };
        let check = check(&self.0);
        let signs = (0..KEY_SIGNS).map(|at| bits(self.0.expose(), at));
        for (at, sign) in signs.chain((0..CHECK_SIGNS).map(|at| bits(&check.0, at))).enumerate() {
            if at > 0 && at % GROUP == 0 {
                text.push('-');
            }
            text.push(char::from(SIGNS.get(usize::from(sign)).copied().unwrap_or(b'0')));
        }
        text
    }

    /// Reads it as a person types it: small letters, `O` for 0, blanks or none.
    ///
    /// # Errors
    /// [`BadRecovery`].
    pub fn parse(text: &str) -> Result<Self, BadRecovery> {
        let mut signs = Zeroizing::new(Vec::with_capacity(text.len()));
        for c in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let upper = match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            let sign = SIGNS.iter().position(|sign| char::from(*sign) == upper).ok_or(BadRecovery::Sign)?;
            signs.push(u8::try_from(sign).map_err(|_| BadRecovery::Sign)?);
        }
        if signs.len() != KEY_SIGNS + CHECK_SIGNS {
            return Err(BadRecovery::Length(signs.len()));
        }
        let mut bytes = Zeroizing::new([0u8; 33]);
        for (at, sign) in signs.iter().take(KEY_SIGNS).enumerate() {
            for bit in 0..5 {
                let place = at * 5 + bit;
                if let Some(byte) = bytes.get_mut(place / 8) {
                    *byte |= (sign >> (4 - bit) & 1) << (7 - place % 8);
                }
            }
        }
        let key = bytes.get(..Key::BYTES).and_then(Key::from_slice).ok_or(BadRecovery::Mistyped)?;
        let read = Self(key);
        let same = read
            .to_text()
            .bytes()
            .filter(|c| *c != b'-')
            .eq(signs.iter().filter_map(|sign| SIGNS.get(usize::from(*sign)).copied()));
        if same { Ok(read) } else { Err(BadRecovery::Mistyped) }
    }
}

fn check(key: &Key) -> Digest {
    Digest::of_fields("mm-recovery-check-1", [key.expose().as_slice()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_recovery_key_survives_paper(bytes in any::<[u8; 32]>(), at in 0usize..56, other in 0usize..32) {
            let key = RecoveryKey(Key::new(bytes));
            let text = key.to_text();
            prop_assert_eq!(text.len(), 56 + 13);
            let typed = text.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
            prop_assert_eq!(RecoveryKey::parse(&typed).unwrap().key().id(), key.key().id());
            // One wrong sign is found.
            let mut signs: Vec<u8> = text.bytes().filter(|c| *c != b'-').collect();
            let changed = signs[at] != SIGNS[other];
            signs[at] = SIGNS[other];
            let read = RecoveryKey::parse(std::str::from_utf8(&signs).unwrap());
            prop_assert_eq!(read.is_err(), changed);
        }
    }

    #[test]
    fn what_is_no_recovery_key_says_why() {
        assert_eq!(RecoveryKey::parse("abc").unwrap_err(), BadRecovery::Length(3));
        assert_eq!(RecoveryKey::parse("ä").unwrap_err(), BadRecovery::Sign);
        assert_eq!(RecoveryKey::parse(&"0".repeat(56)).unwrap_err(), BadRecovery::Mistyped);
    }
}
