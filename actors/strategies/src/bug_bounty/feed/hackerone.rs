//! `hackerone_data.json`: keyed by `handle`, severity and eligibility per target, no payout range.

use super::shape::{Entry, Key, Lenient, Sides, kind_of, name_of, targets_of};
use crate::bug_bounty::scope::{Programme, Severity, State, Target};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(bound = "E: Deserialize<'de>")]
struct Raw<E> {
    handle: Key,
    name: Option<String>,
    url: Option<String>,
    offers_bounties: Option<bool>,
    submission_state: Option<String>,
    targets: Option<Sides<E>>,
}

#[derive(Deserialize)]
struct RawTarget {
    asset_identifier: String,
    asset_type: Option<String>,
    eligible_for_bounty: Option<bool>,
    max_severity: Option<String>,
}

/// Reads one element of the list.
pub(super) fn read(text: &str) -> Result<Programme, serde_json::Error> {
    read_as::<RawTarget>(text).or_else(|_| read_as::<Lenient<RawTarget>>(text))
}

fn read_as<'t, E>(text: &'t str) -> Result<Programme, serde_json::Error>
where
    E: Deserialize<'t> + Entry<RawTarget>,
{
    let raw: Raw<E> = serde_json::from_str(text)?;
    let key = raw.handle.checked::<serde_json::Error>()?;
    let (targets, partial) = targets_of(raw.targets, target);
    Ok(Programme {
        name: name_of(raw.name.as_deref(), &key),
        url: raw.url.map(Into::into),
        state: match raw.submission_state.as_deref() {
            None | Some("open") => State::Open,
            Some(other) => State::Other(other.into()),
        },
        offers_bounty: raw.offers_bounties,
        payout: None,
        targets,
        partial,
        key,
    })
}

fn target(raw: RawTarget, in_scope: bool) -> Option<Target> {
    let identifier = super::shape::first_text([Some(&raw.asset_identifier), None, None])?;
    Some(Target {
        kind: kind_of(raw.asset_type.as_deref()),
        identifier,
        in_scope,
        eligible_for_bounty: raw.eligible_for_bounty,
        severity: raw.max_severity.as_deref().and_then(Severity::from_word),
    })
}
