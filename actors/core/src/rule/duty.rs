//! Whether a text holds what a rule obliges it to hold.

use super::page::{Link, Page};
use super::{Rule, Text};

/// Whether a rule's duties are kept.
pub(super) enum Kept {
    Yes,
    /// Nobody can tell, for this reason.
    Unknown(String),
    /// They are not: this is missing.
    No(String),
}

/// Looks for what `rule` obliges to. A rule's duties are about the links that it names, by its condition
/// `links_to` or its duty `link_to`; if it names none, about all.
pub(super) fn check(rule: &Rule, text: &Text, page: Option<&Page>) -> Kept {
    let duty = &rule.obligations;
    if !duty.is_of_text() {
        return Kept::Yes;
    }
    let page = match (text, page) {
        (Text::Nothing, _) => return Kept::Yes,
        (Text::Known { .. }, Some(page)) => page,
        (Text::Unknown(why), _) => return unknown(rule, why),
        (Text::Known { .. }, None) => return unknown(rule, "it was not read"),
    };
    let hosts: Vec<String> = rule.conditions.text.links_to.iter().chain(&duty.link_to).cloned().collect();
    let links: Vec<&Link> = page.links_to(&hosts).collect();
    let mut missing = Vec::new();
    for sentence in &duty.disclosures {
        missing.extend(disclosed(page, &links, std::slice::from_ref(sentence), true));
    }
    for phrases in &duty.disclosures_any {
        missing.extend(disclosed(page, &links, phrases, false));
    }
    if !duty.link_to.is_empty() && !page.links_to(&duty.link_to).any(Link::is_seen) {
        missing.push(format!("the text has no link to {}", duty.link_to.join(" or ")));
    }
    missing.extend(links.iter().filter_map(|link| of_link(rule, link)));
    if missing.is_empty() {
        return Kept::Yes;
    }
    missing.dedup();
    Kept::No(format!("{} (rule `{}`: {})", missing.join("; "), rule.id, rule.reason))
}

fn unknown(rule: &Rule, why: &str) -> Kept {
    let duties = rule.obligations.text_duties().join("; ");
    Kept::Unknown(format!(
        "rule `{}` obliges to this: {duties}; whether the text does is not known: {why}",
        rule.id
    ))
}

/// What is missing of a disclosure: one of `phrases`, near each of the links.
fn disclosed(page: &Page, links: &[&Link], phrases: &[String], exact: bool) -> Option<String> {
    let places: Vec<_> = phrases.iter().flat_map(|phrase| page.seen(phrase, exact)).collect();
    let wanted = phrases.join("” or “");
    if places.is_empty() {
        return Some(format!("the text does not show “{wanted}”"));
    }
    let far = links.iter().find(|link| !page.is_near(link, &places))?;
    Some(format!("“{wanted}” does not stand near the link to {}", far.host))
}

/// What is missing of one link.
fn of_link(rule: &Rule, link: &Link) -> Option<String> {
    let duty = &rule.obligations;
    let host = &link.host;
    if let Some(name) = duty.link_query.iter().find(|name| !link.query.contains(name)) {
        return Some(format!("the link to {host} lacks its `{name}` parameter"));
    }
    let rel = link.rel.as_ref()?;
    if let Some(value) = duty.rel.iter().find(|value| !rel.contains(value)) {
        return Some(format!("the link to {host} lacks rel=\"{value}\""));
    }
    if let Some(values) = duty.rel_any.iter().find(|values| !values.iter().any(|value| rel.contains(value))) {
        return Some(format!("the link to {host} lacks rel=\"{}\"", values.join("\" or rel=\"")));
    }
    let value = duty.rel_not.iter().find(|value| rel.contains(value))?;
    Some(format!("the link to {host} has rel=\"{value}\", which it must not have"))
}
