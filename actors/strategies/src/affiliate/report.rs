//! In what words a page is told: the page, the line, and the mend.

use std::collections::BTreeMap;

use mm_sdk::{Draft, Facts, Untrusted};
use serde_json::{Value, json};

use super::site_memory::{Leading, LinkKnown, PageKnown};
use crate::site::SITE;
use crate::site::page::{Defect, Kind};

/// The kind of the opportunity.
pub const KIND: &str = "page_to_mend";

/// All that is wrong with a page, where its links lead among it.
pub(super) fn whole(page: &PageKnown, links: &BTreeMap<String, LinkKnown>) -> Vec<Defect> {
    let mut all = page.defects.clone();
    for (target, line) in &page.links {
        let kind = match links.get(target).map(|link| &link.leading) {
            Some(Leading::Dead(_)) => Kind::Dead,
            Some(Leading::To(_)) => Kind::Redirected,
            _ => continue,
        };
        all.push(Defect { line: *line, kind, link: target.chars().take(300).collect() });
    }
    all.sort();
    all.dedup();
    all
}

/// The draft of a page.
pub(super) fn draft(
    url: &str,
    page: &PageKnown,
    defects: &[Defect],
    links: &BTreeMap<String, LinkKnown>,
) -> Draft {
    let shown = Untrusted::new(url).line(100);
    let title = match defects.len() {
        0 => format!("Mended: {shown}"),
        1 => format!("One thing to mend on {shown}"),
        many => format!("{many} things to mend on {shown}"),
    };
    // What costs the account weighs more than what costs a sale.
    let grave = [Kind::SentenceMissing, Kind::NoDisclosure, Kind::Shortened, Kind::PriceCopied];
    let worst = if defects.iter().any(|one| grave.contains(&one.kind)) { 80 } else { 50 };
    let first = defects.first().map_or("nothing is wrong on it any more".to_owned(), |one| {
        format!("line {}: {}; {}", one.line, one.kind.word(), one.kind.mend())
    });
    Draft {
        platform: SITE.to_owned(),
        kind: KIND.to_owned(),
        about: vec![url.to_owned()],
        title,
        url: url.to_owned(),
        reward: None,
        score: if defects.is_empty() { 0 } else { worst },
        reason: first,
        evidence: page.evidence,
        details: details(page, defects, links).into(),
        tell: !defects.is_empty(),
        deadline: None,
        payer: None,
        facts: Facts::default(),
    }
}

/// The draft that ends a page's: the site does not name it any more, so nobody looks at it.
pub(super) fn gone(url: &str, page: &PageKnown) -> Draft {
    let shown = Untrusted::new(url).line(100);
    Draft {
        title: format!("No longer looked at: {shown}"),
        reason: "your sitemap does not name it any more; whether it is mended is not known".to_owned(),
        details: json!({ "defects": [], "open": [] }).into(),
        ..draft(url, page, &[], &BTreeMap::new())
    }
}

fn details(page: &PageKnown, defects: &[Defect], links: &BTreeMap<String, LinkKnown>) -> Value {
    let told = defects.iter().map(|one| {
        json!({ "line": one.line, "what": one.kind.word(), "link": Untrusted::new(one.link.as_str()).line(300),
                "mend": one.kind.mend() })
    });
    let unknown = page.links.iter().filter_map(|(target, line)| {
        let (word, why) = match links.get(target).map(|link| &link.leading) {
            Some(Leading::CannotTell(why)) => ("cannot tell", why),
            Some(Leading::NotChecked(why)) => ("not checked", why),
            _ => return None,
        };
        let target = Untrusted::new(target.as_str()).line(200);
        Some(json!({ "line": line, "link": target, "is": word, "why": Untrusted::new(why.as_str()).line(200) }))
    });
    json!({ "defects": told.collect::<Vec<_>>(), "open": unknown.collect::<Vec<_>>() })
}
