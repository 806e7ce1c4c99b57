//! The bodies of faulty answers. The endless ones are generated piece by piece.
//!
//! Touches nothing and cannot fail.

use std::iter;

use bytes::Bytes;

/// What a proxy or a captcha puts in place of a document.
pub(super) const PAGE: &str =
    "<!DOCTYPE html>\n<html><head><title>One moment</title></head><body>Please wait.</body></html>\n";

/// A list as expected, with nothing in it as expected.
pub(super) const WRONG_TYPED: &str = r#"[
  {"id": {"is": "an object"}, "handle": 7, "url": ["a", "list"], "name": null, "targets": "none"},
  {"id": true, "handle": null, "url": 3.5, "name": 12, "targets": {"in_scope": {"0": "x"}, "out_of_scope": 4}},
  "not even a programme"
]
"#;

/// A well-formed list of small programmes, without end. About 4 KiB a piece.
pub(super) fn endless(url: &str) -> impl Iterator<Item = Bytes> + Send + use<> {
    let url = url.replace(['"', '\\'], "");
    let head = iter::once(Bytes::from_static(b"[\n"));
    let pieces = (0_u64..).map(move |piece| {
        let mut text = String::with_capacity(4_500);
        for nth in piece * 16..(piece + 1) * 16 {
            text.push_str(&format!(
                "  {{\"id\": \"endless-{nth}\", \"handle\": \"endless-{nth}\", \"url\": \"{url}#{nth}\", \"name\": \
                 \"Endless {nth}\", \"targets\": {{\"in_scope\": [], \"out_of_scope\": []}}}},\n"
            ));
        }
        Bytes::from(text)
    });
    head.chain(pieces)
}

/// Zeros, packed: a gzip header, then one endless block of the fixed deflate code (RFC 1951, 3.2.6):
/// the literal 0 once, then "the last byte 258 times" in 13 bits each.
pub(super) fn gzip_bomb() -> impl Iterator<Item = Bytes> + Send {
    const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    /// Not the last block, fixed code; literal 0; one repeat: 3 + 8 + 13 bits.
    const START: &str = concat!("0", "10", "00110000", "11000101", "00000");
    const REPEAT: &str = concat!("11000101", "00000");
    let start = [HEADER.as_slice(), &packed(START)].concat();
    // Eight repeats of 13 bits are 13 whole bytes and 2,064 zeros.
    let eight = packed(&REPEAT.repeat(8));
    let piece = Bytes::from(eight.repeat(512));
    iter::once(Bytes::from(start)).chain(iter::repeat(piece))
}

/// Bits in the order in which deflate sends them, the first in the lowest place.
fn packed(bits: &str) -> Vec<u8> {
    let bits: Vec<u8> = bits.bytes().map(|bit| bit - b'0').collect();
    let byte = |eight: &[u8]| eight.iter().rev().fold(0, |byte, bit| byte << 1 | bit);
    bits.chunks(8).map(byte).collect()
}

/// These bytes in pieces of at most `piece_bytes`.
pub(super) fn pieces(whole: Bytes, piece_bytes: usize) -> impl Iterator<Item = Bytes> + Send {
    let step = piece_bytes.max(1);
    let starts = (0..whole.len()).step_by(step);
    starts.map(move |start| whole.slice(start..whole.len().min(start.saturating_add(step))))
}
