//! Words from which names and hosts are put together. All invented; hosts end in `.example`, addresses
//! come from the ranges kept for documentation (RFC 5737, RFC 3849).
//!
//! Touches nothing and cannot fail.

use super::super::scatter::pick;
use super::{Kind, Target, number};

const FIRST: [&str; 16] = [
    "copper", "quiet", "amber", "northern", "paper", "velvet", "hollow", "bright", "salted", "wooden",
    "early", "second", "painted", "distant", "rolling", "blue",
];
const SECOND: [&str; 16] = [
    "kettle", "harbour", "lantern", "orchard", "compass", "ferry", "anvil", "meadow", "saddle", "chimney",
    "abacus", "pantry", "turbine", "ledger", "beacon", "quarry",
];
const PREFIX: [&str; 14] = [
    "api", "www", "app", "login", "admin", "static", "shop", "status", "dev", "staging", "pay", "mail",
    "cdn", "accounts",
];

/// Two words with a dash between.
pub(super) fn pair(salt: u64) -> String {
    format!("{}-{}", pick(salt, &FIRST), pick(salt / 97, &SECOND))
}

/// The same for people: `Copper Kettle`.
pub(super) fn title(pair: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    pair.split('-').map(capital).collect::<Vec<_>>().join(" ")
}

/// An ordinary target of a programme. `mark` makes its identifier unlike any other of that programme.
pub(super) fn target(slug: &str, mark: &str, salt: u64) -> Target {
    let prefix = pick(salt, &PREFIX);
    let low = salt % 250 + 1;
    let (kind, identifier) = match (salt / 1_009) % 16 {
        0..=5 => (Kind::Web, format!("{prefix}{mark}.{slug}.example")),
        6..=7 => (Kind::Web, format!("https://{slug}.example/{prefix}/{mark}?lang=en&tab={low}")),
        8 => (Kind::Wildcard, format!("*.{prefix}{mark}.{slug}.example")),
        9..=10 => (Kind::Api, format!("https://api.{slug}.example/v{low}/{mark}")),
        11 => (Kind::Android, format!("example.{}.app{mark}", slug.replace('-', "."))),
        12 => (Kind::Ios, format!("{}", 1_000_000_000 + number(salt, mark, &[]) % 1_000_000_000)),
        13 => (Kind::Source, format!("https://code.{slug}.example/{prefix}-{mark}")),
        14 => (Kind::Network, network(salt, mark)),
        _ => (Kind::Hardware, format!("{} {mark} ({prefix} model)", title(slug))),
    };
    Target { identifier, kind, inside: true }
}

/// A range kept for documentation. There are too few of them, so the mark goes into an IPv6 one.
fn network(salt: u64, mark: &str) -> String {
    let scattered = number(salt, mark, &[]);
    let (a, b) = (scattered & 0xffff, (scattered >> 16) & 0xffff);
    format!("2001:db8:{a:x}:{b:x}::/64")
}
