//! The parts of a rule: conditions, obligations, and the words in them. A part that is wrong is told and
//! left out; the file is then refused as a whole.

use std::collections::BTreeMap;

use super::table::{At, Mistakes, Table};
use super::{
    AccountNeed, Automation, Conditions, Format, Obligations, Pack, TextConditions, UrlPattern, Verdict,
};
use crate::action::{ActionKind, Method, Request};
use crate::moment::Moment;
use crate::url::LogicalUrl;

pub(super) fn is_rule_id(id: &str) -> bool {
    let ok = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-./".contains(&c);
    (1..=120).contains(&id.len()) && id.bytes().all(ok) && !id.starts_with("engine/")
}

/// A kind of act, or `None` for `*`.
pub(super) fn read_kind((text, at): At<String>, key: &str, out: &mut Mistakes<'_>) -> Option<ActionKind> {
    if text == "*" {
        return None;
    }
    let ok = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_.".contains(&c);
    if text.len() > 64 || !text.bytes().all(ok) {
        out.add(at, key, "a kind of act is 1 to 64 of a-z, 0-9, `-`, `_` and `.`, or `*` for every kind");
    }
    Some(ActionKind::new(text))
}

pub(super) fn read_verdict((text, at): At<String>, key: &str, out: &mut Mistakes<'_>) -> Option<Verdict> {
    match text.as_str() {
        "permit" => Some(Verdict::Permit),
        "ask" => Some(Verdict::Ask),
        "forbid" => Some(Verdict::Forbid),
        _ => {
            out.add(at, key, "a verdict is permit, ask or forbid");
            None
        }
    }
}

pub(super) fn read_date((text, at): At<String>, out: &mut Mistakes<'_>) -> Option<Moment> {
    let moment = (text.len() == 10).then(|| format!("{text}T00:00:00Z").parse::<Moment>().ok()).flatten();
    if moment.is_none() {
        out.add(at, "rule.reviewed", format!("`{text}` is no day; write it like 2026-11-22"));
    }
    moment
}

pub(super) fn read_method((text, at): &At<String>, key: &str, out: &mut Mistakes<'_>) -> Option<Method> {
    use Method::{Delete, Get, Head, Patch, Post, Put};
    let method = [Get, Head, Post, Put, Patch, Delete].into_iter().find(|m| m.as_str() == text);
    if method.is_none() {
        out.add(*at, key, format!("`{text}` is none of GET, HEAD, POST, PUT, PATCH and DELETE"));
    }
    method
}

pub(super) fn read_country((text, at): &At<String>, key: &str, out: &mut Mistakes<'_>) -> Option<String> {
    let ok = text.len() == 2 && text.bytes().all(|c| c.is_ascii_uppercase());
    if !ok {
        out.add(*at, key, format!("`{text}` is no country; write two capitals like DE (ISO 3166-1)"));
    }
    ok.then(|| text.clone())
}

pub(super) fn read_account(table: &mut Table<'_>, key: &str, out: &mut Mistakes<'_>) -> AccountNeed {
    let Some((text, at)) = table.text("account", out) else { return AccountNeed::Any };
    match text.as_str() {
        "any" => AccountNeed::Any,
        "required" => AccountNeed::Required,
        "none" => AccountNeed::None,
        _ => {
            out.add(at, key, "account is none, required or any");
            AccountNeed::Any
        }
    }
}

pub(super) fn read_format((text, at): &At<String>, key: &str, out: &mut Mistakes<'_>) -> Option<Format> {
    let format = Format::from_text(text);
    if format.is_none() {
        out.add(*at, key, "a text is written in markdown, html or plain");
    }
    format
}

pub(super) fn read_conditions(mut table: Table<'_>, pack: &Pack, out: &mut Mistakes<'_>) -> Conditions {
    let methods = table.texts("method", out);
    let methods = methods.iter().filter_map(|m| read_method(m, "rule.conditions.method", out)).collect();
    let mut hosts = Vec::new();
    for (host, at) in table.texts("host", out) {
        if pack.platform.is_some() && !pack.hosts.contains(&host) {
            out.add(at, "rule.conditions.host", format!("`{host}` is not among the pack's hosts"));
        }
        hosts.push(host);
    }
    let urls = table.texts("url", out);
    let urls = urls.iter().filter_map(|url| read_url(url, pack, out)).collect();
    let countries = read_countries(&mut table, "country", "rule.conditions.country", out);
    let countries_not = read_countries(&mut table, "country_not", "rule.conditions.country_not", out);
    let account = read_account(&mut table, "rule.conditions.account", out);
    let mutating = table.flag("mutating", out);
    let automation = read_automation(&mut table, out);
    let facts = read_facts(&mut table, out);
    let text = table.table("text", out).map(|table| read_text(table, out)).unwrap_or_default();
    table.end(out);
    let of_request = Conditions { methods, hosts, urls, countries, countries_not, ..Conditions::default() };
    Conditions { account, mutating, automation, facts, text, ..of_request }
}

fn read_countries(
    table: &mut Table<'_>,
    name: &'static str,
    key: &str,
    out: &mut Mistakes<'_>,
) -> Vec<String> {
    let countries = table.texts(name, out);
    countries.iter().filter_map(|country| read_country(country, key, out)).collect()
}

fn read_automation(table: &mut Table<'_>, out: &mut Mistakes<'_>) -> Vec<Automation> {
    let mut read = Vec::new();
    for (text, at) in table.texts("automation", out) {
        match Automation::from_text(&text) {
            Some(automation) => read.push(automation),
            None => out.add(at, "rule.conditions.automation", "automation is none, assisted or full"),
        }
    }
    read
}

fn read_facts(table: &mut Table<'_>, out: &mut Mistakes<'_>) -> BTreeMap<String, Vec<String>> {
    let Some(facts) = table.table("facts", out) else { return BTreeMap::new() };
    let mut read = BTreeMap::new();
    for (name, values) in facts.lists(out) {
        let key = format!("rule.conditions.facts.{name}");
        if name == Automation::FACT {
            out.add(facts.at(), &key, "this fact has a condition of its own, `automation`");
        }
        read.insert(name, values.into_iter().map(|(text, _)| text).collect());
    }
    read
}

fn read_text(mut table: Table<'_>, out: &mut Mistakes<'_>) -> TextConditions {
    let contains = read_phrases(&mut table, "contains", out);
    let lacks = read_phrases(&mut table, "lacks", out);
    let links_to = read_hosts(&mut table, "links_to", "rule.conditions.text.links_to", out);
    let links = table.flag("links", out);
    let money = table.flag("money", out);
    let formats = table.texts("format", out);
    let formats = formats.iter().filter_map(|f| read_format(f, "rule.conditions.text.format", out)).collect();
    table.end(out);
    TextConditions { contains, lacks, links_to, links, money, formats }
}

/// Phrases to look for; one that says nothing would be found in every text.
fn read_phrases(table: &mut Table<'_>, name: &'static str, out: &mut Mistakes<'_>) -> Vec<String> {
    let key = table.key(name);
    let mut phrases = Vec::new();
    for (text, at) in table.texts(name, out) {
        if super::visible::phrase(&text).is_empty() {
            out.add(at, &key, "a phrase of nothing stands in every text");
        }
        phrases.push(text);
    }
    phrases
}

/// Hosts of links: whole names in lower case, those below them meant too.
fn read_hosts(table: &mut Table<'_>, name: &'static str, key: &str, out: &mut Mistakes<'_>) -> Vec<String> {
    let mut hosts = Vec::new();
    for (host, at) in table.texts(name, out) {
        match LogicalUrl::parse(&format!("https://{host}/")) {
            Ok(url) if url.host() == host => hosts.push(host),
            Ok(_) => out.add(at, key, "write the host alone, in lower case"),
            Err(bad) => out.add(at, key, bad.to_string()),
        }
    }
    hosts
}

fn read_url((text, at): &At<String>, pack: &Pack, out: &mut Mistakes<'_>) -> Option<UrlPattern> {
    let key = "rule.conditions.url";
    let (bare, prefix) = match text.strip_suffix('*') {
        Some(bare) => (bare, true),
        None => (text.as_str(), false),
    };
    if bare.contains('{') {
        return read_template(bare, prefix, *at, pack, out);
    }
    let url = match LogicalUrl::parse(bare) {
        // `https://host*` would also be `https://host.evil.example`: the parsed form ends in `/`.
        Ok(url) if url.as_str() == bare => url,
        Ok(url) => {
            let star = if prefix { "*" } else { "" };
            out.add(*at, key, format!("this URL reads as `{}{star}`; write it so", url.shown()));
            return None;
        }
        Err(bad) => {
            out.add(*at, key, bad.to_string());
            return None;
        }
    };
    if pack.platform.is_some() && !pack.hosts.iter().any(|host| host == url.host()) {
        out.add(*at, key, format!("`{}` is not among the pack's hosts", url.host()));
        return None;
    }
    Some(if prefix { UrlPattern::Prefix(url) } else { UrlPattern::Exact(url) })
}

/// A URL with `{name}` for segments of its path.
fn read_template(
    text: &str,
    open: bool,
    at: usize,
    pack: &Pack,
    out: &mut Mistakes<'_>,
) -> Option<UrlPattern> {
    let key = "rule.conditions.url";
    let mut fixed = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, "\0"));
        let named = !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
        // A whole segment: `/` before it, and after it `/`, `?` or the end.
        if !named || !before.ends_with('/') || !(after.is_empty() || after.starts_with(['/', '?'])) {
            out.add(at, key, "`{name}` stands for one whole segment of the path: https://host/a/{name}/b");
            return None;
        }
        fixed.push(before.to_owned());
        rest = after;
    }
    if open && rest.is_empty() {
        out.add(at, key, "what follows a `{name}` is written out: `{name}/*` or `{name}?*`");
        return None;
    }
    fixed.push(rest.to_owned());
    // With a letter in each free place it must be a URL that reads as it is written.
    let host = match LogicalUrl::parse(&fixed.join("x")) {
        Ok(url)
            if url.as_str() == fixed.join("x")
                && fixed.first().is_some_and(|f| f.matches('/').count() >= 3) =>
        {
            url.host().to_owned()
        }
        Ok(_) => {
            out.add(at, key, "write this URL in its plain form, with the host whole");
            return None;
        }
        Err(bad) => {
            out.add(at, key, bad.to_string());
            return None;
        }
    };
    if pack.platform.is_some() && !pack.hosts.contains(&host) {
        out.add(at, key, format!("`{host}` is not among the pack's hosts"));
        return None;
    }
    Some(UrlPattern::Template { fixed, open, host })
}

pub(super) fn read_obligations(mut table: Table<'_>, out: &mut Mistakes<'_>) -> Obligations {
    let user_agent = table.text("user_agent", out).and_then(|(text, at)| {
        let text = text.replace("{version}", env!("CARGO_PKG_VERSION"));
        if text.contains(['{', '}']) {
            out.add(at, "rule.obligations.user_agent", "the one placeholder there is is {version}");
        }
        read_header("user-agent", (text, at), out).map(|(_, value)| value)
    });
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in table.pairs("headers", out) {
        let at = value.1;
        headers.extend(read_header(&name, value, out));
        if name.eq_ignore_ascii_case("user-agent") {
            out.add(at, "rule.obligations.headers", "the User-Agent has a key of its own, `user_agent`");
        }
    }
    headers.sort();
    let pause_ms_min = table.number("pause_ms_min", 0, out).unwrap_or_default();
    let disclosures = read_phrases(&mut table, "disclosure", out);
    let disclosures_any = one_list(read_phrases(&mut table, "disclosure_any", out));
    let rel = read_rel(&mut table, "rel", out);
    let rel_any = one_list(read_rel(&mut table, "rel_any", out));
    let rel_not = read_rel(&mut table, "rel_not", out);
    let link_to = read_hosts(&mut table, "link_to", "rule.obligations.link_to", out);
    let link_query = table.texts("link_query", out).into_iter().map(|(text, _)| text).collect();
    table.end(out);
    let of_head = Obligations { user_agent, headers, pause_ms_min, ..Obligations::default() };
    Obligations { disclosures, disclosures_any, rel, rel_any, rel_not, link_to, link_query, ..of_head }
}

/// A rule writes one list at most; together, rules have several.
fn one_list(list: Vec<String>) -> Vec<Vec<String>> {
    if list.is_empty() { Vec::new() } else { vec![list] }
}

fn read_rel(table: &mut Table<'_>, name: &'static str, out: &mut Mistakes<'_>) -> Vec<String> {
    let key = table.key(name);
    let mut values = Vec::new();
    for (text, at) in table.texts(name, out) {
        if text.is_empty() || !text.bytes().all(|c| c.is_ascii_lowercase() || c == b'-') {
            out.add(at, &key, "a rel value is one word in lower case");
        }
        values.push(text);
    }
    values
}

/// Headers that no rule may set: they decide where a request goes or who it claims to be.
const NOT_A_RULES: [&str; 7] =
    ["host", "content-length", "transfer-encoding", "connection", "authorization", "cookie", "upgrade"];

fn read_header(name: &str, (value, at): At<String>, out: &mut Mistakes<'_>) -> Option<(String, String)> {
    let key = if name == "user-agent" { "rule.obligations.user_agent" } else { "rule.obligations.headers" };
    if NOT_A_RULES.contains(&name.to_ascii_lowercase().as_str()) {
        out.add(at, key, format!("no rule sets the header `{name}`"));
        return None;
    }
    let probe = LogicalUrl::parse("https://example.com/").expect("a URL written here");
    match Request::get(probe).with_obligation(name, &value) {
        Ok(request) => request.headers().first().cloned(),
        Err(bad) => {
            out.add(at, key, bad.to_string());
            None
        }
    }
}
