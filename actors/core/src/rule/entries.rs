//! The entries of a rule file beside its rules: limits, examples, and where texts stand. An entry that is
//! wrong is told and left out; the file is then refused as a whole.

use super::parts::{read_account, read_country, read_format, read_kind, read_method, read_verdict};
use super::table::{At, Mistakes, Table};
use super::{Content, Example, Inputs, LimitRule, Pack, Text, TextPlace};
use crate::action::ActionKind;
use crate::id::AccountId;
use crate::limit::LimitScope;
use crate::moment::Moment;
use crate::schedule::parse_span;
use crate::url::LogicalUrl;

/// Kinds of act, one or several; empty for `*`.
fn read_kinds(table: &mut Table<'_>, name: &'static str, out: &mut Mistakes<'_>) -> Vec<ActionKind> {
    let key = table.key(name);
    if !table.has(name) {
        out.add(table.at(), &key, format!("`{name}` is missing"));
    }
    let texts = table.texts(name, out);
    let several = texts.len() > 1;
    let mut kinds = Vec::new();
    for (text, at) in texts {
        if several && text == "*" {
            out.add(at, &key, "`*` is every kind, so it stands alone");
        }
        kinds.extend(read_kind((text, at), &key, out));
    }
    kinds
}

pub(super) fn read_limit(mut table: Table<'_>, pack: &Pack, out: &mut Mistakes<'_>) -> Option<LimitRule> {
    let before = out.found.len();
    if pack.platform.is_none() {
        out.add(table.at(), "limit", "a law sets no limits; they stand in the platform's file");
    }
    let kinds = read_kinds(&mut table, "kind", out);
    let account = read_account(&mut table, "limit.account", out);
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
    let names: Vec<&str> = kinds.iter().map(ActionKind::as_str).collect();
    let kind = (!names.is_empty()).then(|| ActionKind::new(names.join("+")));
    let per_ms = u64::try_from(per?.as_millis()).ok()?;
    Some(LimitRule { kind, kinds, account, scope: scope?, max: max?, per_ms, source: source?.0 })
}

pub(super) fn read_content(mut table: Table<'_>, pack: &Pack, out: &mut Mistakes<'_>) -> Option<Content> {
    let before = out.found.len();
    let start = table.at();
    if pack.platform.is_none() {
        out.add(start, "content", "a law does not know where texts stand; the platform's file does");
    }
    let kinds = read_kinds(&mut table, "action", out);
    if table.has("action") && kinds.is_empty() {
        out.add(start, "content.action", "name the kinds of act one by one");
    }
    if let Some(kind) = kinds.iter().find(|kind| pack.contents.iter().any(|c| c.kinds.contains(kind))) {
        out.add(start, "content.action", format!("another [[content]] speaks of `{kind}` already"));
    }
    let format = table.text("format", out).and_then(|format| read_format(&format, "content.format", out));
    let texts = |list: Vec<At<String>>| list.into_iter().map(|(text, _)| text).collect::<Vec<_>>();
    let json = texts(table.texts("json", out));
    let form = texts(table.texts("form", out));
    let body = table.flag("body", out);
    let nothing = table.flag("nothing", out);
    if json.iter().any(|pointer| !pointer.starts_with('/')) {
        out.add(start, "content.json", "a JSON pointer begins with `/`: `/body`");
    }
    let place = match (json.is_empty(), form.is_empty(), body, nothing) {
        (false, true, None, None) => Some(TextPlace::Json(json)),
        (true, false, None, None) => Some(TextPlace::Form(form)),
        (true, true, Some(true), None) => Some(TextPlace::Body),
        (true, true, None, Some(true)) => Some(TextPlace::Nowhere),
        _ => {
            let sentence =
                "say one of json = [\"/pointer\"], form = [\"field\"], body = true and nothing = true";
            out.add(start, "content", sentence);
            None
        }
    };
    table.end(out);
    (out.found.len() == before).then_some(Content {
        kinds,
        format: format.unwrap_or_default(),
        place: place?,
    })
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
    let kind = ActionKind::new(table.needed("action", out).map(|(text, _)| text).unwrap_or_default());
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
    let facts = table.pairs("facts", out).into_iter().map(|(name, (value, _))| (name, value)).collect();
    let text = read_text(&mut table, pack, &kind, out);
    let verdict = table.needed("verdict", out).and_then(|v| read_verdict(v, "example.verdict", out));
    let by_owner = table.text("by", out).map(|(by, at)| {
        if by != "owner" && by != "machine" {
            out.add(at, "example.by", "it is done by the owner or by the machine");
        }
        by == "owner"
    });
    table.end(out);
    if out.found.len() > before {
        return None;
    }
    let someone = || "example".parse::<AccountId>().expect("a name written here");
    let inputs = Inputs {
        platform: platform?,
        kind,
        method: method?,
        url: url?,
        account: account.then(someone),
        country,
        at: Moment::default(),
        strict: true,
        facts,
        text,
    };
    Some(Example { inputs, verdict: verdict?, by_owner, file: pack.file.clone(), line: out.line(at) })
}

/// The text of an example; where the file says that such an act publishes one and the example gives none,
/// it is unknown.
fn read_text(table: &mut Table<'_>, pack: &Pack, kind: &ActionKind, out: &mut Mistakes<'_>) -> Text {
    let own = pack.contents.iter().find(|content| content.kinds.contains(kind));
    let format = table.text("format", out).and_then(|format| read_format(&format, "example.format", out));
    let format = format.or(own.map(|content| content.format)).unwrap_or_default();
    match table.text("text", out) {
        Some((text, _)) => Text::known(format, text),
        None if own.is_some_and(|content| content.place != TextPlace::Nowhere) => {
            Text::Unknown("the example gives none".to_owned())
        }
        None => Text::Nothing,
    }
}
