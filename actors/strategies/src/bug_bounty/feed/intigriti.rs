//! `intigriti_data.json`: keyed by `id`, a payout range with its currency, a tier per target.
//!
//! Scope is told by the tier (PLATFORMS 1.2): files of 2024 list targets of tier "Out of scope"
//! among those in scope. Those are out of scope here, whichever list they stand in.

use super::shape::{Entry, Key, Lenient, Sides, kind_of, name_of, targets_of};
use crate::bug_bounty::scope::{Amount, Payout, Programme, Severity, State, Target};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(bound = "E: Deserialize<'de>")]
struct Raw<E> {
    id: Key,
    name: Option<String>,
    url: Option<String>,
    status: Option<String>,
    confidentiality_level: Option<String>,
    min_bounty: Option<Money>,
    max_bounty: Option<Money>,
    targets: Option<Sides<E>>,
}

#[derive(Deserialize)]
struct Money {
    value: Option<Amount>,
    currency: Option<String>,
}

#[derive(Deserialize)]
struct RawTarget {
    endpoint: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    impact: Option<String>,
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
    let told = raw.max_bounty.is_some();
    let payout = payout(raw.min_bounty, raw.max_bounty)?;
    Ok(Programme {
        name: name_of(raw.name.as_deref(), &key),
        url: raw.url.map(Into::into),
        state: state(raw.status.as_deref(), raw.confidentiality_level.as_deref()),
        offers_bounty: told.then_some(payout.is_some()),
        payout,
        targets,
        partial,
        key,
    })
}

fn payout(min: Option<Money>, max: Option<Money>) -> Result<Option<Payout>, serde_json::Error> {
    let currency_of = |money: &Option<Money>| money.as_ref().and_then(|m| m.currency.clone());
    let currency = match (currency_of(&min), currency_of(&max)) {
        (Some(low), Some(high)) if low != high => {
            let mixed = "the payout range mixes two currencies";
            return Err(serde::de::Error::custom(mixed));
        }
        (low, high) => high.or(low),
    };
    let value = |money: Option<Money>| money.and_then(|m| m.value);
    Ok(Payout::of(value(min), value(max), currency.as_deref()))
}

fn state(status: Option<&str>, level: Option<&str>) -> State {
    let plain =
        |word: Option<&str>, open: &str| word.filter(|w| !w.eq_ignore_ascii_case(open)).map(State::from);
    plain(status, "open").or(plain(level, "public")).unwrap_or(State::Open)
}

fn target(raw: RawTarget, listed_in_scope: bool) -> Option<Target> {
    let tier = raw.impact.unwrap_or_default();
    let tier_is = |word: &str| tier.trim().eq_ignore_ascii_case(word);
    Some(Target {
        kind: kind_of(raw.kind.as_deref()),
        identifier: super::shape::first_text([Some(&raw.endpoint), None, None])?,
        in_scope: listed_in_scope && !tier_is("out of scope"),
        eligible_for_bounty: match tier.trim() {
            "" => None,
            _ => Some(!tier_is("no bounty") && !tier_is("out of scope")),
        },
        severity: Severity::from_word(&tier),
    })
}
