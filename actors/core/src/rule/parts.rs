//! The parts of a rule file: conditions, obligations, limits, examples, and the words in them.
//! A part that is wrong is told and left out; the file is then refused as a whole.

use super::table::{At, Mistakes, Table};
use super::{AccountNeed, Conditions, Example, LimitRule, Obligations, Pack, UrlPattern, Verdict};
use crate::action::{ActionKind, Method, Request};
use crate::limit::LimitScope;
use crate::moment::Moment;
use crate::schedule::parse_span;
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

fn read_method((text, at): &At<String>, key: &str, out: &mut Mistakes<'_>) -> Option<Method> {
    use Method::{Delete, Get, Head, Patch, Post, Put};
    let method = [Get, Head, Post, Put, Patch, Delete].into_iter().find(|m| m.as_str() == text);
    if method.is_none() {
        out.add(*at, key, format!("`{text}` is none of GET, HEAD, POST, PUT, PATCH and DELETE"));
    }
    method
}

fn read_country((text, at): &At<String>, key: &str, out: &mut Mistakes<'_>) -> Option<String> {
    let ok = text.len() == 2 && text.bytes().all(|c| c.is_ascii_uppercase());
    if !ok {
        out.add(*at, key, format!("`{text}` is no country; write two capitals like DE (ISO 3166-1)"));
    }
    ok.then(|| text.clone())
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
    let countries = table.texts("country", out);
    let countries =
        countries.iter().filter_map(|c| read_country(c, "rule.conditions.country", out)).collect();
    let account = match table.text("account", out) {
        None => AccountNeed::Any,
        Some((text, at)) => match text.as_str() {
            "any" => AccountNeed::Any,
            "required" => AccountNeed::Required,
            "none" => AccountNeed::None,
            _ => {
                out.add(at, "rule.conditions.account", "account is none, required or any");
                AccountNeed::Any
            }
        },
    };
    let mutating = table.flag("mutating", out);
    table.end(out);
    Conditions { methods, hosts, urls, countries, account, mutating }
}

fn read_url((text, at): &At<String>, pack: &Pack, out: &mut Mistakes<'_>) -> Option<UrlPattern> {
    let key = "rule.conditions.url";
    let (bare, prefix) = match text.strip_suffix('*') {
        Some(bare) => (bare, true),
        None => (text.as_str(), false),
    };
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
    let disclosures = table.texts("disclosure", out).into_iter().map(|(text, _)| text).collect();
    let rel = table.texts("rel", out).into_iter().map(|(text, _)| text).collect();
    let pause_ms_min = table.number("pause_ms_min", 0, out).unwrap_or_default();
    table.end(out);
    Obligations { user_agent, headers, disclosures, rel, pause_ms_min }
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

pub(super) fn read_limit(mut table: Table<'_>, pack: &Pack, out: &mut Mistakes<'_>) -> Option<LimitRule> {
    let before = out.found.len();
    if pack.platform.is_none() {
        out.add(table.at(), "limit", "a law sets no limits; they stand in the platform's file");
    }
    let kind = table.needed("kind", out).and_then(|kind| read_kind(kind, "limit.kind", out));
    let scope = table.needed("scope", out).and_then(|(text, at)| {
        let scope = LimitScope::from_text(&text).filter(|scope| *scope != LimitScope::Machine);
        if scope.is_none() {
            out.add(at, "limit.scope", "the scope is ip, platform, account or space");
        }
        scope
    });
    let max = table.number("max", 1, out).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    if !table.has("max") {
        out.add(table.at(), "limit.max", "`max` is missing");
    }
    let per = table.needed("per", out).and_then(|(text, at)| match parse_span(&text) {
        Ok(per) => Some(per),
        Err(bad) => {
            out.add(at, "limit.per", bad.to_string());
            None
        }
    });
    let source = table.needed("source", out);
    table.end(out);
    if out.found.len() > before {
        return None;
    }
    let per_ms = u64::try_from(per?.as_millis()).ok()?;
    Some(LimitRule { kind, scope: scope?, max: max?, per_ms, source: source?.0 })
}

pub(super) fn read_example(mut table: Table<'_>, pack: &Pack, out: &mut Mistakes<'_>) -> Option<Example> {
    let before = out.found.len();
    let at = table.at();
    let platform = match (&pack.platform, table.text("platform", out)) {
        (Some(own), None) => Some(own.clone()),
        (_, Some((text, _))) => text.parse().ok(),
        (None, None) => None,
    };
    if platform.is_none() {
        out.add(at, "example.platform", "an example needs the name of a platform");
    }
    let action = table.needed("action", out);
    let method = table.needed("method", out).and_then(|m| read_method(&m, "example.method", out));
    let url = table.needed("url", out).and_then(|(text, at)| match LogicalUrl::parse(&text) {
        Ok(url) => Some(url),
        Err(bad) => {
            out.add(at, "example.url", bad.to_string());
            None
        }
    });
    let account = table.flag("account", out).unwrap_or(false);
    let country = table.text("country", out);
    let country = country.and_then(|c| read_country(&c, "example.country", out));
    let verdict = table.needed("verdict", out).and_then(|v| read_verdict(v, "example.verdict", out));
    table.end(out);
    if out.found.len() > before {
        return None;
    }
    Some(Example {
        platform: platform?,
        action: ActionKind::new(action?.0),
        method: method?,
        url: url?,
        account,
        country,
        verdict: verdict?,
        file: pack.file.clone(),
        line: out.line(at),
    })
}
