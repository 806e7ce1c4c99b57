//! Rule files become rules; every mistake in every file is told at once, and nothing half-read is
//! ever judged by.

use std::collections::BTreeMap;

use super::entries::{read_content, read_example, read_limit};
use super::mistake::RuleError;
use super::parts::{is_rule_id, read_conditions, read_date, read_kind, read_obligations, read_verdict};
use super::table::{Mistakes, Table};
use super::{Certainty, Pack, Rule, Verdict};
use crate::digest::Digest;
use crate::id::PlatformId;
use crate::url::LogicalUrl;

/// The largest rule file that is read: 256 KiB.
pub const MAX_FILE_BYTES: usize = 256 << 10;

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
    for table in root.tables("content", out) {
        let content = read_content(table, &pack, out);
        pack.contents.extend(content);
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
        contents: Vec::new(),
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
    let by_owner = read_by(&mut table, verdict, out);
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
        by_owner,
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

/// Whether `by` says that the owner does it himself.
fn read_by(table: &mut Table<'_>, verdict: Option<Verdict>, out: &mut Mistakes<'_>) -> bool {
    let Some((text, at)) = table.text("by", out) else { return false };
    if text != "owner" {
        out.add(at, "rule.by", "the one word there is is `owner`: he does it himself, on the platform");
    } else if verdict.is_some_and(|verdict| verdict != Verdict::Ask) {
        out.add(at, "rule.by", "only what is asked can be left to the owner: verdict = \"ask\"");
    }
    true
}
