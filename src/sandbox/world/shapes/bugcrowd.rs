//! Bugcrowd's shape: the key is `url`, one number for the reward, and targets that since 2025 carry
//! `uri`, `name` and `ipAddress`; some programmes still write the older short form.

use serde::Serialize;

use super::super::{Kind, Programme, Target, number};
use super::Sides;

#[derive(Serialize)]
pub(super) struct Row<'a> {
    name: &'a str,
    url: &'a str,
    allows_disclosure: bool,
    managed_by_bugcrowd: bool,
    safe_harbor: Option<&'static str>,
    max_payout: Option<u32>,
    targets: Sides<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Long {
        #[serde(rename = "type")]
        kind: &'static str,
        target: &'a str,
        uri: Option<&'a str>,
        name: &'a str,
        #[serde(rename = "ipAddress")]
        ip_address: Option<&'a str>,
    },
    Short {
        #[serde(rename = "type")]
        kind: &'static str,
        target: &'a str,
    },
}

pub(super) fn write(programme: &Programme) -> Row<'_> {
    let salt = programme.salt;
    let short = programme.nth.is_some_and(|nth| nth % 7 == 1);
    Row {
        name: &programme.name,
        url: &programme.key,
        allows_disclosure: salt.is_multiple_of(3),
        managed_by_bugcrowd: true,
        safe_harbor: [Some("full"), Some("full"), Some("partial"), None]
            .get((salt % 4) as usize)
            .copied()
            .flatten(),
        max_payout: programme.reward.map(|(_, highest)| highest),
        targets: Sides::of(programme, |target| entry(short, target)),
    }
}

fn entry(short: bool, target: &Target) -> Entry<'_> {
    let kind = kind(target.kind);
    if short {
        return Entry::Short { kind, target: &target.identifier };
    }
    let salt = number(0, target.identifier.trim(), &[]);
    let web = matches!(target.kind, Kind::Web | Kind::Api);
    let empty = if salt.is_multiple_of(2) { None } else { Some("") };
    Entry::Long {
        kind,
        target: &target.identifier,
        uri: if web { Some(target.identifier.trim()) } else { empty },
        name: &target.identifier,
        ip_address: if target.kind == Kind::Network { Some(target.identifier.trim()) } else { empty },
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Web | Kind::Wildcard => "website",
        Kind::Api => "api",
        Kind::Android => "android",
        Kind::Ios => "ios",
        Kind::Network => "network",
        Kind::Hardware => "hardware",
        Kind::Source | Kind::Other => "other",
        Kind::Unknown => "quantum_link",
    }
}
