//! Rule files become rules; every mistake in every file is told at once, and nothing half-read is
//! ever judged by.

use std::collections::BTreeMap;
use std::fmt;

use super::table::{At, Mistakes, Table};
use super::{
    AccountNeed, Certainty, Conditions, Example, LimitRule, Obligations, Pack, Rule, UrlPattern, Verdict,
};
use crate::action::{ActionKind, Method, Request};
use crate::digest::Digest;
use crate::id::PlatformId;
use crate::limit::LimitScope;
use crate::moment::Moment;
use crate::schedule::parse_span;
use crate::url::LogicalUrl;

/// The largest rule file that is read: 256 KiB.
pub const MAX_FILE_BYTES: usize = 256 << 10;

/// A mistake in a rule file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleError {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The key, with the tables it stands in: `rule.conditions.url`.
    pub key: String,
    /// What is wrong and what would be right.
    pub sentence: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.key, self.sentence)
    }
}

impl std::error::Error for RuleError {}

/// The hash of all files, in the order of their names.
pub(super) fn version(files: &[(String, String)]) -> Digest {
    let sorted: BTreeMap<&str, &str> = files.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
    Digest::of_fields("mm-rules-1", sorted.iter().flat_map(|(name, text)| [name.as_bytes(), text.as_bytes()]))
}

pub(super) fn parse(files: &[(String, String)]) -> Result<Vec<Pack>, Vec<RuleError>> {
    let mut packs = Vec::new();
    let mut errors = Vec::new();
    for (file, text) in files {
        let mut out = Mistakes { file, text, found: Vec::new() };
        packs.extend(read_file(&mut out));
        errors.append(&mut out.found);
    }
    errors.extend(told_twice(&packs));
    if errors.is_empty() {
        packs.sort_by(|a, b| (&a.platform, &a.file).cmp(&(&b.platform, &b.file)));
        return Ok(packs);
    }
    errors.sort();
    errors.dedup();
    Err(errors)
}

/// Ids that stand twice, and files that stand twice.
fn told_twice(packs: &[Pack]) -> Vec<RuleError> {
    let mut errors = Vec::new();
    let mut ids: BTreeMap<&str, &Rule> = BTreeMap::new();
    let mut files: Vec<&str> = Vec::new();
    for pack in packs {
        if files.contains(&pack.file.as_str()) {
            let sentence = "there are two files of this name".to_owned();
            errors.push(RuleError { file: pack.file.clone(), line: 1, key: "pack".into(), sentence });
        }
        files.push(&pack.file);
        for rule in &pack.rules {
            if let Some(first) = ids.insert(&rule.id, rule) {
                let sentence = format!(
                    "the id `{}` is already that of a rule at {}:{}",
                    rule.id, first.file, first.line
                );
                let (file, line) = (rule.file.clone(), rule.line);
                errors.push(RuleError { file, line, key: "rule.id".into(), sentence });
            }
        }
    }
    errors
}

fn read_file(out: &mut Mistakes<'_>) -> Option<Pack> {
    if out.text.len() > MAX_FILE_BYTES {
        out.add(0, "pack", format!("the file is longer than {MAX_FILE_BYTES} bytes"));
        return None;
    }
    let text = out.text;
    let (document, broken) = toml::de::DeTable::parse_recoverable(text);
    for error in broken {
        let at = error.span().map(|span| span.start).unwrap_or_default();
        out.add(at, "toml", error.message().trim().to_owned());
    }
    if !out.found.is_empty() {
        return None;
    }
    let mut root = Table::new("", document.span(), document.get_ref());
    let Some(mut head) = root.table("pack", out) else {
        out.add(0, "pack", "the file needs a [pack] with platform, version, hosts and about");
        return None;
    };
    let mut pack = read_head(&mut head, out);
    head.end(out);
    for table in root.tables("rule", out) {
        pack.rules.extend(read_rule(table, &pack, out));
    }
    for table in root.tables("limit", out) {
        pack.limits.extend(read_limit(table, &pack, out));
    }
    for table in root.tables("example", out) {
        pack.examples.extend(read_example(table, &pack, out));
    }
    root.end(out);
    what_a_permit_needs(&pack, out);
    Some(pack)
}

/// A file that was cut short must not permit more than the whole one. So a permit that lost its
/// conditions, its obligations or the limits further down is a mistake and not a wide permit.
fn what_a_permit_needs(pack: &Pack, out: &mut Mistakes<'_>) {
    let permits = |rule: &&Rule| rule.verdict == Verdict::Permit && rule.platform.is_some();
    let mut say = |line: usize, key: &str, sentence: &str| {
        let (file, key, sentence) = (out.file.to_owned(), key.to_owned(), sentence.to_owned());
        out.found.push(RuleError { file, line, key, sentence });
    };
    for rule in pack.rules.iter().filter(permits) {
        if rule.conditions.urls.is_empty() {
            say(
                rule.line,
                "rule.conditions.url",
                "a permit names its URLs, each exactly or with a `*` at its end",
            );
        }
        if rule.obligations.user_agent.is_none() {
            say(rule.line, "rule.obligations.user_agent", "a permit states the User-Agent to send");
        }
        if pack.limits.is_empty() {
            say(rule.line, "limit", "a file that permits sets at least one [[limit]]");
        }
    }
}

fn read_head(head: &mut Table<'_>, out: &mut Mistakes<'_>) -> Pack {
    let name = out.file.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let stem = name.strip_suffix(".toml").unwrap_or(&name).to_owned();
    let is_law = stem.starts_with("law-");
    let mut platform = None;
    if let Some((text, at)) = head.needed("platform", out) {
        match text.parse::<PlatformId>() {
            _ if text == "*" && is_law => {}
            _ if text == "*" => out.add(at, "pack.platform", "`*` stands only in a file named law-….toml"),
            _ if is_law => out.add(at, "pack.platform", "a law-….toml holds for every platform: `*`"),
            Ok(id) if id.as_str() == stem => platform = Some(id),
            Ok(id) => out.add(
                at,
                "pack.platform",
                format!("the rules of `{id}` belong in a file `{id}.toml`, and this is `{name}`"),
            ),
            Err(bad) => out.add(at, "pack.platform", bad.to_string()),
        }
    }
    let version = head.number("version", 1, out).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    if !head.has("version") {
        out.add(head.at(), "pack.version", "a version from 1 up is wanted; raise it with every change");
    }
    let mut hosts = Vec::new();
    for (host, at) in head.texts("hosts", out) {
        match LogicalUrl::parse(&format!("https://{host}/")) {
            Ok(url) if url.host() == host => hosts.push(host),
            Ok(_) => out.add(at, "pack.hosts", "write the host alone, in lower case"),
            Err(bad) => out.add(at, "pack.hosts", bad.to_string()),
        }
    }
    match (is_law, head.has("hosts")) {
        (false, false) => {
            out.add(head.at(), "pack.hosts", "a platform needs the hosts its actions may go to")
        }
        (true, true) => out.add(head.at(), "pack.hosts", "a law names no hosts"),
        _ => {}
    }
    let about = head.needed("about", out).map(|(text, _)| text).unwrap_or_default();
    Pack {
        platform,
        file: name,
        version: version.unwrap_or_default(),
        hosts,
        about,
        rules: Vec::new(),
        limits: Vec::new(),
        examples: Vec::new(),
    }
}

fn read_rule(mut table: Table<'_>, pack: &Pack, out: &mut Mistakes<'_>) -> Option<Rule> {
    let before = out.found.len();
    let at = table.at();
    let id = table.needed("id", out);
    if let Some((id, at)) = &id
        && !is_rule_id(id)
    {
        out.add(*at, "rule.id", "an id is 1 to 120 of a-z, 0-9, `-`, `.` and `/`, and not `engine/…`");
    }
    if let Some((platform, at)) = table.text("platform", out) {
        let own = pack.platform.as_ref().map_or("*", PlatformId::as_str);
        if platform != own {
            out.add(at, "rule.platform", format!("the rules of this file are those of `{own}`"));
        }
    }
    let action = table.needed("action", out).and_then(|kind| read_kind(kind, "rule.action", out));
    let verdict = table.needed("verdict", out).and_then(|v| read_verdict(v, "rule.verdict", out));
    let reason = table.needed("reason", out);
    let source = table.needed("source", out);
    let clause = table.needed("clause", out);
    let certainty = table.needed("certainty", out).and_then(|(text, at)| {
        let certainty = match text.as_str() {
            "primary" => Some(Certainty::Primary),
            "secondary" => Some(Certainty::Secondary),
            "unchecked" => Some(Certainty::Unchecked),
            _ => None,
        };
        if certainty.is_none() {
            out.add(at, "rule.certainty", "the certainty is primary, secondary or unchecked");
        }
        certainty
    });
    let reviewed = table.date("reviewed", out).and_then(|date| read_date(date, out));
    let conditions = table.table("conditions", out).map(|t| read_conditions(t, pack, out));
    let obligations = table.table("obligations", out).map(|t| read_obligations(t, out));
    table.end(out);
    if out.found.len() > before {
        return None;
    }
    Some(Rule {
        id: id?.0,
        platform: pack.platform.clone(),
        action,
        conditions: conditions.unwrap_or_default(),
        verdict: verdict?,
        reason: reason?.0,
        obligations: obligations.unwrap_or_default(),
        source: source?.0,
        clause: clause?.0,
        certainty: certainty?,
        reviewed: reviewed?,
        file: pack.file.clone(),
        line: out.line(at),
    })
}

fn is_rule_id(id: &str) -> bool {
    let ok = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-./".contains(&c);
    (1..=120).contains(&id.len()) && id.bytes().all(ok) && !id.starts_with("engine/")
}

/// A kind of act, or `None` for `*`.
fn read_kind((text, at): At<String>, key: &str, out: &mut Mistakes<'_>) -> Option<ActionKind> {
    if text == "*" {
        return None;
    }
    let ok = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_.".contains(&c);
    if text.len() > 64 || !text.bytes().all(ok) {
        out.add(at, key, "a kind of act is 1 to 64 of a-z, 0-9, `-`, `_` and `.`, or `*` for every kind");
    }
    Some(ActionKind::new(text))
}

fn read_verdict((text, at): At<String>, key: &str, out: &mut Mistakes<'_>) -> Option<Verdict> {
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

fn read_date((text, at): At<String>, out: &mut Mistakes<'_>) -> Option<Moment> {
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

fn read_conditions(mut table: Table<'_>, pack: &Pack, out: &mut Mistakes<'_>) -> Conditions {
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

fn read_obligations(mut table: Table<'_>, out: &mut Mistakes<'_>) -> Obligations {
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

fn read_limit(mut table: Table<'_>, pack: &Pack, out: &mut Mistakes<'_>) -> Option<LimitRule> {
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

fn read_example(mut table: Table<'_>, pack: &Pack, out: &mut Mistakes<'_>) -> Option<Example> {
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
