//! `yeswehack_data.json`: keyed by `id` (the slug), a payout range without its currency.
//!
//! The platform knows euros and dollars per business unit (three in four are in euros), but this
//! file does not tell which, so the currency stays unknown rather than guessed.

use super::shape::{Entry, Key, Lenient, Sides, kind_of, name_of, targets_of};
use crate::bug_bounty::scope::{Amount, Payout, Programme, State, Target};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(bound = "E: Deserialize<'de>")]
struct Raw<E> {
    id: Key,
    name: Option<String>,
    public: Option<bool>,
    disabled: Option<bool>,
    min_bounty: Option<Amount>,
    max_bounty: Option<Amount>,
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
    let payout = Payout::of(raw.min_bounty, raw.max_bounty, None);
    Ok(Programme {
        name: name_of(raw.name.as_deref(), &key),
        url: page_of(&key),
        state: match (raw.disabled, raw.public) {
            (Some(true), _) => State::from("disabled"),
            (_, Some(false)) => State::from("private"),
            _ => State::Open,
        },
        offers_bounty: raw.max_bounty.map(|_| payout.is_some()),
        payout,
        targets,
        partial,
        key,
    })
}

/// The file has no URL; the platform forms it from the slug.
fn page_of(slug: &str) -> Option<Box<str>> {
    let plain = slug.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    plain.then(|| format!("https://yeswehack.com/programs/{slug}").into())
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
