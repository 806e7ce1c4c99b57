//! Which addresses are public. Everything else is never dialled.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether `address` is one that a public server can have, by the IANA special-purpose registries
/// (RFC 6890 and its updates). An IPv4 address inside an IPv6 one is judged as what it is.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = matches!((a, b, c), (100, 64..=127, _) | (192, 0, 0) | (198, 18..=19, _) | (192, 88, 99))
        || a == 0
        || a >= 240;
    !(special
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = embedded_v4(address) {
        return is_public_v4(inner);
    }
    let [first, second, _, _, fourth, fifth, ..] = address.segments();
    // ISATAP (RFC 5214): an IPv4 address of the site behind it, under any prefix.
    if fifth == 0x5efe && matches!(fourth, 0 | 0x0200) {
        return false;
    }
    // Only 2000::/3 is given out; of it, not the documentation, benchmark and protocol blocks.
    let given_out = first & 0xe000 == 0x2000;
    let documentation = (first == 0x2001 && second == 0x0db8) || (first == 0x3fff && second < 0x1000);
    let protocols = first == 0x2001 && second < 0x0200;
    given_out && !documentation && !protocols
}

/// The IPv4 address that an IPv6 one stands for: mapped, NAT64 (64:ff9b::/96) or 6to4 (2002::/16).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let of = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low] => Some(of(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_not_public_in_either_family() {
        for bad in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "fc00::1",
            "fd00::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
            "::7f00:1",
            "::10.0.0.1",
            "::ffff:0:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::7f00:1",
            "2002:c0a8:0101::",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:10::1",
            "2001:20::1",
            "2606:50c0:8000::5efe:7f00:1",
            "2606:50c0:8000:0:200:5efe:7f00:1",
            "100::1",
            "5f00::1",
            "fec0::1",
            "ff05::1:3",
            "192.88.99.1",
            "0.1.2.3",
            "100.127.255.255",
            "198.19.255.255",
        ] {
            assert!(!is_public(bad.parse().unwrap()), "{bad}");
        }
        for good in ["1.1.1.1", "172.32.0.1", "185.199.108.133", "2606:50c0:8000::154", "::ffff:1.1.1.1"] {
            assert!(is_public(good.parse().unwrap()), "{good}");
        }
    }
}
