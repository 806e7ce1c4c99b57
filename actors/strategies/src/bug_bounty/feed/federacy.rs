//! `federacy_data.json`: keyed by `id`, `offers_awards` and no amounts.

use super::shape::{Entry, Key, Lenient, Sides, kind_of, name_of, targets_of};
use crate::bug_bounty::scope::{Programme, State, Target};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(bound = "E: Deserialize<'de>")]
struct Raw<E> {
    id: Key,
    name: Option<String>,
    url: Option<String>,
    offers_awards: Option<bool>,
    targets: Option<Sides<E>>,
}

#[derive(Deserialize)]
struct RawTarget {
    target: String,
    #[serde(rename = "type")]
    kind: Option<String>,
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
    let key = raw.id.checked::<serde_json::Error>()?;
    let (targets, partial) = targets_of(raw.targets, target);
    Ok(Programme {
        name: name_of(raw.name.as_deref(), &key),
        url: raw.url.map(Into::into),
        state: State::Open,
        offers_bounty: raw.offers_awards,
        payout: None,
        targets,
        partial,
        key,
    })
}

fn target(raw: RawTarget, in_scope: bool) -> Option<Target> {
    Some(Target {
        kind: kind_of(raw.kind.as_deref()),
        identifier: super::shape::first_text([Some(&raw.target), None, None])?,
        in_scope,
        eligible_for_bounty: None,
        severity: None,
    })
}
