//! `bugcrowd_data.json`: keyed by `url`, one `max_payout` per programme, no severity.

use super::shape::{Entry, Key, Lenient, Sides, kind_of, name_of, targets_of};
use crate::bug_bounty::scope::{Amount, Payout, Programme, State, Target};
use serde::Deserialize;

/// Bugcrowd states its rewards in US dollars; the file has the bare number.
const CURRENCY: &str = "USD";

#[derive(Deserialize)]
#[serde(bound = "E: Deserialize<'de>")]
struct Raw<E> {
    url: Key,
    name: Option<String>,
    max_payout: Option<Amount>,
    targets: Option<Sides<E>>,
}

/// Newer files have `uri` and `name` beside `target`; `target` is the identity as long as it is
/// there.
#[derive(Deserialize)]
struct RawTarget {
    target: Option<String>,
    uri: Option<String>,
    name: Option<String>,
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
    let key = raw.url.checked::<serde_json::Error>()?;
    let (targets, partial) = targets_of(raw.targets, target);
    let payout = Payout::of(None, raw.max_payout, Some(CURRENCY));
    Ok(Programme {
        name: name_of(raw.name.as_deref(), &key),
        url: Some(key.clone()),
        state: State::Open,
        // `null` is not told; 0 is "does not pay".
        offers_bounty: raw.max_payout.map(|_| payout.is_some()),
        payout,
        targets,
        partial,
        key,
    })
}

fn target(raw: RawTarget, in_scope: bool) -> Option<Target> {
    let texts = [raw.target.as_deref(), raw.uri.as_deref(), raw.name.as_deref()];
    Some(Target {
        kind: kind_of(raw.kind.as_deref()),
        identifier: super::shape::first_text(texts)?,
        in_scope,
        eligible_for_bounty: None,
        severity: None,
    })
}
