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
    let (mut missing, mut open) = (Vec::new(), Vec::new());
    let sentences = duty.disclosures.iter().map(|sentence| (std::slice::from_ref(sentence), true));
    let choices = duty.disclosures_any.iter().map(|phrases| (phrases.as_slice(), false));
    for (phrases, exact) in sentences.chain(choices) {
        match disclosed(page, &links, phrases, exact) {
            Kept::Yes => {}
            Kept::Unknown(why) => open.push(why),
            Kept::No(why) => missing.push(why),
        }
    }
    if !duty.link_to.is_empty() && !page.links_to(&duty.link_to).any(Link::is_seen) {
        missing.push(format!("the text has no link to {}", duty.link_to.join(" or ")));
    }
    missing.extend(links.iter().filter_map(|link| of_link(rule, link)));
    let told = |mut whys: Vec<String>| {
        whys.dedup();
        format!("{} (rule `{}`: {})", whys.join("; "), rule.id, rule.reason)
    };
    match (missing.is_empty(), open.is_empty()) {
        (false, _) => Kept::No(told(missing)),
        (true, false) => Kept::Unknown(told(open)),
        (true, true) => Kept::Yes,
    }
}

fn unknown(rule: &Rule, why: &str) -> Kept {
    let duties = rule.obligations.text_duties().join("; ");
    Kept::Unknown(format!(
        "rule `{}` obliges to this: {duties}; whether the text does is not known: {why}",
        rule.id
    ))
}

/// Whether a disclosure is made: one of `phrases`, near each of the links.
fn disclosed(page: &Page, links: &[&Link], phrases: &[String], exact: bool) -> Kept {
    let places: Vec<_> = phrases.iter().flat_map(|phrase| page.seen(phrase, exact)).collect();
    let wanted = phrases.join("” or “");
    if places.is_empty() {
        return Kept::No(format!("the text does not show “{wanted}”"));
    }
    let mut kept = Kept::Yes;
    for link in links {
        match page.is_near(link, &places) {
            Some(true) => {}
            Some(false) => {
                return Kept::No(format!("“{wanted}” does not stand near the link to {}", link.host));
            }
            None => {
                kept = Kept::Unknown(format!(
                    "whether “{wanted}” stands near the link to {} is not known, since it is written where readers do \
                     not see it; write the link into the text",
                    link.host
                ));
            }
        }
    }
    kept
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
