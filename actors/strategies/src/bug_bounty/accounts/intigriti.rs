//! Intigriti: one call lists up to 500 programmes; scope and rules are in a programme's own answer.

use mm_sdk::{Context, LogicalUrl};

use super::super::automation;
use super::super::draft::of_platform;
use super::super::scope::{Amount, NO_KIND, Payout, Severity, Source, Target};
use super::{Head, Listing, Look, Read, broken, named, nameless};
use crate::intigriti::Intigriti;
use crate::intigriti::shape::{self, Detail, Domain, Programme, Sum};
use crate::reading;

/// The most calls for one list: two thousand programmes.
const CALLS_MAX: usize = 4;

pub(super) async fn list(api: &Intigriti, cx: &mut Context<'_>) -> Read<Listing> {
    let (mut heads, mut bad, mut rows, mut evidence) = (Vec::new(), Vec::new(), 0, None);
    for call in 0..CALLS_MAX {
        let step = format!("intigriti-list-{call}");
        let read = reading::ask(cx, &step, api.programmes(rows), shape::said, shape::programmes).await?;
        let fresh = match read.into_result() {
            Ok(fresh) => fresh,
            Err(failed) => return Ok(Err(failed)),
        };
        evidence.get_or_insert(fresh.evidence);
        let page = fresh.value;
        rows += page.rows;
        heads.extend(page.items.iter().map(|programme| (programme.id.as_str().into(), head(programme))));
        bad.extend(page.bad.iter().map(ToString::to_string));
        if rows >= page.total {
            break;
        }
        if page.rows == 0 || call + 1 == CALLS_MAX {
            let total = page.total;
            return Ok(Err(broken(format!("Intigriti names {total} programmes and shows {rows} of them"))));
        }
    }
    Ok(evidence.map(|evidence| Listing { heads, bad, evidence }).ok_or_else(|| broken(String::new())))
}

pub(super) async fn look(
    api: &Intigriti,
    cx: &mut Context<'_>,
    key: &str,
    listed: Option<&Head>,
) -> Read<Look> {
    let Some(action) = api.programme(key) else { return Ok(Err(nameless(Source::Intigriti))) };
    let step = format!("intigriti-programme-{}", named(key));
    let fresh = match reading::ask(cx, &step, action, shape::said, shape::programme).await?.into_result() {
        Ok(fresh) => fresh,
        Err(failed) => return Ok(Err(failed)),
    };
    let detail = fresh.value;
    let said = &detail.programme;
    // What the detail does not say stays as the list said.
    let mut head = head(said).or(listed, said.name.is_some(), said.confidentiality.is_some());
    head.automation = Some(automation(&detail));
    head.looked_at = Some(cx.now());
    let partial = detail.domains.is_none() || !detail.bad.is_empty();
    let targets = detail.domains.unwrap_or_default().into_iter().map(target).collect();
    Ok(Ok(Look { head, targets, partial, evidence: fresh.evidence }))
}

fn automation(detail: &Detail) -> automation::Automation {
    let mut read = automation::read(detail.rules.as_ref().map_or("", |rules| rules.read()));
    if let Some(value) = &detail.automated_tooling {
        read = read.with_field("testingRequirements.automatedTooling", value);
    }
    // What every request must carry is worth more to whoever tests than a third sentence.
    if let Some(demands) = (!detail.demands.is_empty()).then(|| detail.demands.join("; ")) {
        read.quotes.truncate(2);
        read.quotes.push(mm_sdk::Untrusted::new(demands).line(300));
        read.stance = read.stance.max(automation::Stance::Unclear);
    }
    read
}

fn head(programme: &Programme) -> Head {
    let amount = |sum: &Option<Sum>| sum.as_ref().and_then(|sum| Amount::from_decimal(&sum.value));
    let currency =
        [&programme.max, &programme.min].into_iter().flatten().find_map(|sum| sum.currency.clone());
    let payout = Payout::of(amount(&programme.min), amount(&programme.max), currency.as_deref());
    let open = |status: &&str| !status.eq_ignore_ascii_case("open");
    Head {
        name: programme.name.as_deref().unwrap_or(&programme.id).trim().into(),
        url: programme.page.as_deref().and_then(page).map(Into::into),
        closed: programme.status.as_deref().filter(open).map(Into::into),
        offers_bounty: programme.max.is_some().then_some(payout.is_some()),
        payout,
        private: programme.is_private(),
        automation: None,
        looked_at: None,
    }
}

/// A programme's page. The interface links to a host for development that leads to a path of the site; a link to
/// anywhere else is shown to nobody.
fn page(link: &str) -> Option<String> {
    if let Some((_, path)) = link.split_once("?redirect=").filter(|(_, path)| path.starts_with("/programs/"))
    {
        let path = path.split(['&', '#']).next().unwrap_or(path);
        return LogicalUrl::parse(&format!("https://app.intigriti.com/researcher{path}"))
            .ok()
            .map(|url| url.as_str().to_owned());
    }
    of_platform(Source::Intigriti, link)
}

/// Scope is told by the tier, and by nothing else.
fn target(domain: Domain) -> Target {
    let tier = domain.tier.unwrap_or_default();
    let is = |word: &str| tier.eq_ignore_ascii_case(word);
    Target {
        kind: domain.kind.as_deref().unwrap_or(NO_KIND).into(),
        identifier: domain.endpoint.into(),
        in_scope: !is("out of scope"),
        eligible_for_bounty: (!tier.is_empty()).then(|| !is("no bounty") && !is("out of scope")),
        severity: Severity::from_word(&tier),
    }
}
