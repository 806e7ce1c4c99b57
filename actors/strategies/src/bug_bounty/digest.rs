//! A small stable hash (FNV-1a) for telling texts apart in memory.
//!
//! The same on every machine and in every version, because hashes are stored. It is no defence
//! against somebody who looks for collisions: all they could reach is that one target of their own
//! programme is not announced. Ids of opportunities are hashed by the kit, with SHA-256.

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// The 64-bit FNV-1a hash of `bytes`.
pub fn fnv64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(OFFSET, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_hash_is_the_published_one() {
        // Test vectors of the FNV reference (draft-eastlake-fnv, appendix).
        assert_eq!(super::fnv64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(super::fnv64(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(super::fnv64(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
