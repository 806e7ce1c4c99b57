//! HackerOne's shape, as published in 2023: `id` is 0 nearly everywhere, and the key is `handle`.

use serde::Serialize;

use super::super::{Kind, Programme, Target, number};
use super::Sides;

#[derive(Serialize)]
pub(super) struct Row<'a> {
    allows_bounty_splitting: bool,
    average_time_to_bounty_awarded: Option<f64>,
    average_time_to_first_program_response: Option<f64>,
    average_time_to_report_resolved: Option<f64>,
    handle: &'a str,
    id: u32,
    managed_program: bool,
    name: &'a str,
    offers_bounties: bool,
    offers_swag: bool,
    response_efficiency_percentage: Option<u32>,
    submission_state: &'static str,
    url: String,
    website: String,
    targets: Sides<Asset<'a>>,
}

#[derive(Serialize)]
struct Asset<'a> {
    asset_identifier: &'a str,
    asset_type: &'static str,
    availability_requirement: Option<&'static str>,
    confidentiality_requirement: Option<&'static str>,
    eligible_for_bounty: Option<bool>,
    eligible_for_submission: bool,
    instruction: Option<&'static str>,
    integrity_requirement: Option<&'static str>,
    max_severity: &'static str,
}

pub(super) fn write(programme: &Programme) -> Row<'_> {
    let salt = programme.salt;
    let days = |of: u64| {
        (!(salt / of).is_multiple_of(3))
            .then_some(0.5 * f64::from(u32::try_from(salt / of % 300).unwrap_or(0)))
    };
    Row {
        allows_bounty_splitting: salt.is_multiple_of(5),
        average_time_to_bounty_awarded: days(11),
        average_time_to_first_program_response: days(17),
        average_time_to_report_resolved: days(23),
        handle: &programme.key,
        id: if programme.nth == Some(2) { 19 } else { 0 },
        managed_program: salt % 8 > 2,
        name: &programme.name,
        offers_bounties: programme.reward.is_some(),
        offers_swag: salt.is_multiple_of(6),
        response_efficiency_percentage: (!salt.is_multiple_of(25))
            .then_some(80 + u32::try_from(salt % 21).unwrap_or(0)),
        submission_state: if programme.nth.is_some_and(|nth| nth % 20 == 1) { "api_only" } else { "open" },
        url: format!("https://hackerone.com/{}", programme.slug),
        website: if salt.is_multiple_of(30) {
            String::new()
        } else {
            format!("https://www.{}.example", programme.slug)
        },
        targets: Sides::of(programme, |target| asset(programme, target)),
    }
}

fn asset<'a>(programme: &Programme, target: &'a Target) -> Asset<'a> {
    let salt = number(programme.salt, target.identifier.trim(), &[]);
    let level = |of: u64| ["none", "low", "medium", "high"].get((salt / of % 12) as usize).copied();
    Asset {
        asset_identifier: &target.identifier,
        asset_type: asset_type(target.kind),
        availability_requirement: level(3),
        confidentiality_requirement: level(5),
        eligible_for_bounty: (!salt.is_multiple_of(40))
            .then_some(target.inside && programme.reward.is_some()),
        eligible_for_submission: target.inside,
        instruction: match salt % 4 {
            0 => None,
            1 => Some("**Tier 1**\n\nUse accounts of your own — nobody else’s.\r\n"),
            _ => Some(""),
        },
        integrity_requirement: level(7),
        max_severity: match (target.inside, salt % 20) {
            (false, _) => "none",
            (true, 0) => "low",
            (true, 1) => "medium",
            (true, 2) => "high",
            (true, _) => "critical",
        },
    }
}

/// The kind of an asset in HackerOne's words.
pub(in crate::sandbox) fn asset_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Web => "URL",
        Kind::Wildcard => "WILDCARD",
        Kind::Api => "API",
        Kind::Android => "GOOGLE_PLAY_APP_ID",
        Kind::Ios => "APPLE_STORE_APP_ID",
        Kind::Source => "SOURCE_CODE",
        Kind::Network => "CIDR",
        Kind::Hardware => "HARDWARE",
        Kind::Other => "OTHER",
        Kind::Unknown => "QUANTUM_LINK",
    }
}
