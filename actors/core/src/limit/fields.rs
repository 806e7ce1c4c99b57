//! IETF's `RateLimit` and `RateLimit-Policy`: structured fields (RFC 9651), read by the library `sfv`.
//!
//! Three generations of one draft (draft-ietf-httpapi-ratelimit-headers) are in use:
//!
//! ```text
//! from -08   RateLimit: "default";r=50;t=30         RateLimit-Policy: "default";q=100;w=60
//! -07        RateLimit: limit=100, remaining=50, reset=30
//! up to -06  RateLimit-Remaining: 50, RateLimit-Reset: 30, RateLimit-Policy: 100;w=60
//! ```
//!
//! What does not parse as a whole says nothing (RFC 9651, 4.2). A field that names no time to the reset
//! is taken to mean its policy's whole window.

use std::collections::BTreeMap;
use std::time::Duration;

use sfv::{BareItem, Dictionary, Item, List, ListEntry, Parameters, Parser};

use super::headers::{Learned, Told, at_most, believed, value_of};
use crate::moment::Moment;

/// Where nothing is left and nobody says until when.
const UNTOLD: Duration = Duration::from_secs(60);

/// What the structured fields among `headers` say.
pub(super) fn hear(headers: &[(String, String)], now: Moment) -> Vec<Told> {
    let Some(field) = value_of(headers, "ratelimit") else { return Vec::new() };
    let windows = policies(headers);
    match Parser::new(&field).parse::<List>() {
        Ok(list) => items(&list).filter_map(|item| of_item(item, &windows, now)).collect(),
        Err(_) => of_dictionary(&field, now).into_iter().collect(),
    }
}

/// `"default";r=50;t=30`.
fn of_item(item: &Item, windows: &BTreeMap<String, Duration>, now: Moment) -> Option<Told> {
    let name = name(&item.bare_item)?;
    let remaining = whole(&item.params, "r")?;
    let window = windows.get(&name).copied();
    let wait = match whole(&item.params, "t").map(Duration::from_secs).or(window) {
        Some(wait) => wait,
        None if remaining == 0 => UNTOLD,
        None => return None,
    };
    Some(Told { name: Some(name), window, learned: learned(remaining, wait, now) })
}

/// `limit=100, remaining=50, reset=30`.
fn of_dictionary(field: &str, now: Moment) -> Option<Told> {
    let dictionary = Parser::new(field).parse::<Dictionary>().ok()?;
    let number = |key: &str| match dictionary.get(key)? {
        ListEntry::Item(item) => number(&item.bare_item),
        ListEntry::InnerList(_) => None,
    };
    let (remaining, reset) = (number("remaining")?, number("reset")?);
    Some(Told { name: None, window: None, learned: learned(remaining, Duration::from_secs(reset), now) })
}

/// The length of the window of drafts up to 06: the only one of the policy, or beside the limit.
pub(super) fn window_of(headers: &[(String, String)], limit: Option<&str>) -> Option<Duration> {
    let policy = value_of(headers, "ratelimit-policy");
    [policy.as_deref(), limit].into_iter().flatten().find_map(|field| {
        let list = Parser::new(field).parse::<List>().ok()?;
        let mut windows = items(&list).filter_map(|item| whole(&item.params, "w"));
        match (windows.next(), windows.next()) {
            (Some(only), None) => Some(Duration::from_secs(only)),
            _ => None,
        }
    })
}

/// The windows of the policies, by name.
fn policies(headers: &[(String, String)]) -> BTreeMap<String, Duration> {
    let Some(field) = value_of(headers, "ratelimit-policy") else { return BTreeMap::new() };
    let Ok(list) = Parser::new(&field).parse::<List>() else { return BTreeMap::new() };
    let windows = items(&list)
        .filter_map(|item| Some((name(&item.bare_item)?, Duration::from_secs(whole(&item.params, "w")?))));
    windows.collect()
}

fn items(list: &List) -> impl Iterator<Item = &Item> {
    list.iter().filter_map(|entry| match entry {
        ListEntry::Item(item) => Some(item),
        ListEntry::InnerList(_) => None,
    })
}

/// A name is a string; some write a token.
fn name(item: &BareItem) -> Option<String> {
    let text = match item {
        BareItem::String(text) => text.as_str(),
        BareItem::Token(text) => text.as_str(),
        _ => return None,
    };
    Some(text.to_ascii_lowercase())
}

fn whole(params: &Parameters, key: &str) -> Option<u64> {
    number(params.get(key)?)
}

fn number(item: &BareItem) -> Option<u64> {
    item.as_integer().and_then(|number| u64::try_from(i64::from(number)).ok())
}

fn learned(remaining: u64, wait: Duration, now: Moment) -> Learned {
    Learned { remaining: at_most(remaining), reset_at: believed(now.plus(wait), now) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pairs: &[(&str, &str)]) -> Vec<(Option<String>, Option<u64>, u32, i64)> {
        let headers: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let told = hear(&headers, Moment::from_unix_ms(0)).into_iter();
        told.map(|t| {
            let window = t.window.map(|w| w.as_secs());
            (t.name, window, t.learned.remaining, t.learned.reset_at.unix_ms() / 1000)
        })
        .collect()
    }

    fn named(name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    #[test]
    fn all_generations_of_the_draft_are_read() {
        let policy = ("ratelimit-policy", r#""burst";q=100;w=60,"daily";q=1000;w=86400;pk=:cHM=:"#);
        assert_eq!(
            told(&[policy, ("ratelimit", r#""burst";r=50;t=30"#), ("ratelimit", r#""daily";r=7"#)]),
            [(named("burst"), Some(60), 50, 30), (named("daily"), Some(86_400), 7, 86_400)]
        );
        assert_eq!(told(&[("ratelimit", "default;r=0")]), [(named("default"), None, 0, 60)]);
        assert_eq!(told(&[("ratelimit", "limit=100, remaining=50, reset=5")]), [(None, None, 50, 5)]);
    }

    #[test]
    fn what_is_no_structured_field_or_says_nothing_of_a_time_says_nothing() {
        for field in [
            "",
            "50",
            r#""a";r=5"#,
            r#""a";r=-1;t=5"#,
            r#""a";t=5"#,
            r#"("a" "b");r=1;t=1"#,
            r#""a";r=1;t=5,"#,
            "limit=100, remaining=(5), reset=5",
        ] {
            assert_eq!(told(&[("ratelimit", field)]), [], "{field}");
        }
        let forever = told(&[("ratelimit", r#""a";r=5;t=999999999999999"#)]);
        assert_eq!(forever, [(named("a"), None, 5, 30 * 86_400)], "a month is believed");
    }
}
