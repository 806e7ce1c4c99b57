//! Which hosts are a shop's, a network's, a shortener's.
//!
//! The lists are those of the rule packs `law-endorsements` and `amazon-associates`, which judge what would be
//! published; a test holds them together.

/// Hosts that links which earn are known to lead to, with those below them.
pub const EARNING: [&str; 12] = [
    "amazon.com",
    "amzn.to",
    "awin1.com",
    "anrdoezrs.net",
    "dpbolvw.net",
    "jdoqocy.com",
    "kqzyfj.com",
    "tkqlhce.com",
    "linksynergy.com",
    "pxf.io",
    "sjv.io",
    "shareasale.com",
];

/// Hosts that shorten links; Amazon's own two among them.
pub const SHORTENERS: [&str; 11] = [
    "bit.ly",
    "tinyurl.com",
    "t.co",
    "goo.gl",
    "is.gd",
    "ow.ly",
    "buff.ly",
    "rebrand.ly",
    "cutt.ly",
    "amzn.to",
    "a.co",
];

/// Phrases of which one says that a link earns.
pub const DISCLOSURES: [&str; 9] = [
    "I earn a commission",
    "we earn a commission",
    "I may earn a commission",
    "we may earn a commission",
    "paid link",
    "affiliate link",
    "sponsored by",
    "advertisement",
    "I earn from qualifying purchases",
];

/// The sentence that Amazon wants on the page, to the letter.
pub const AMAZON_SENTENCE: &str = "As an Amazon Associate I earn from qualifying purchases.";

/// Whether `host` is one of `hosts` or below one.
pub fn is_of(host: &str, hosts: &[&str]) -> bool {
    let host = host.trim_end_matches('.');
    hosts
        .iter()
        .any(|own| host.strip_suffix(own).is_some_and(|below| below.is_empty() || below.ends_with('.')))
}

/// Whether it is a shop of Amazon's: `amazon.com`, `www.amazon.de`, `amazon.co.uk`, and no name that only begins so.
pub fn is_amazon(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    let host = ["www.", "smile."].iter().find_map(|front| host.strip_prefix(front)).unwrap_or(host);
    let Some(end) = host.strip_prefix("amazon.") else { return false };
    let letters = |part: &str| (2..=3).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_lowercase());
    match end.split_once('.') {
        None => letters(end),
        Some((second, country)) => ["co", "com"].contains(&second) && country.len() == 2 && letters(country),
    }
}

/// Whether to ask there where a link leads would be a visit that somebody counts: a click that no reader made.
/// Networks take such for fraud, and Amazon lets no program read its pages.
pub fn counts_visits(host: &str) -> bool {
    is_earning(host) || is_of(host, &SHORTENERS)
}

/// Whether a link there earns.
pub fn is_earning(host: &str) -> bool {
    is_amazon(host) || is_of(host, &EARNING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shop_of_amazons_is_told_from_what_looks_like_one() {
        for yes in ["amazon.com", "www.amazon.de", "amazon.co.uk", "www.amazon.com.br", "smile.amazon.com"] {
            assert!(is_amazon(yes) && is_earning(yes), "{yes}");
        }
        for no in [
            "notamazon.com",
            "amazon.evil.example",
            "amazon.com.evil.example",
            "amazon.shop.xyz1",
            "aws.amazon",
        ] {
            assert!(!is_amazon(no), "{no}");
        }
        assert!(is_of("www.bit.ly", &SHORTENERS) && !is_of("rabbit.ly", &SHORTENERS));
    }
}
