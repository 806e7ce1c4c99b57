//! Numbers that look random and are a pure function of what they are asked for: the sandbox keeps no
//! random state, so any moment of its made world can be computed without the moments before it.
//!
//! Touches nothing and cannot fail. Not for secrets.

use ring::digest::{SHA256, digest};

/// A well mixed number for these parts (splitmix64, chained).
pub(super) fn scatter(parts: &[u64]) -> u64 {
    parts.iter().fold(0x6d6d_7361_6e64_626f, |state, part| step(state ^ step(*part)))
}

fn step(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number below `bound` (0 when `bound` is 0) taken from a scattered one.
pub(super) fn below(scattered: u64, bound: usize) -> usize {
    if bound == 0 {
        return 0;
    }
    usize::try_from(scattered % bound as u64).unwrap_or(0)
}

/// One of these words.
pub(super) fn pick<'a>(scattered: u64, words: &[&'a str]) -> &'a str {
    words.get(below(scattered, words.len())).copied().unwrap_or("")
}

/// A text as a number, so that a URL can be a part.
pub(super) fn of_text(text: &str) -> u64 {
    text.bytes().fold(0, |state, byte| step(state ^ u64::from(byte)))
}

/// SHA-256 of these bytes, in lower-case hexadecimal.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(64);
    for byte in digest(&SHA256, bytes).as_ref() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
