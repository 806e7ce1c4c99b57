//! YesWeHack: pages of programmes; scope and rules are in a programme's own answer.

use mm_sdk::Context;

use super::super::automation;
use super::super::scope::{Amount, NO_KIND, Payout, Source, Target};
use super::{Head, Listing, Look, Read, broken, named, nameless};
use crate::reading;
use crate::yeswehack::YesWeHack;
use crate::yeswehack::ask::PAGES_MAX;
use crate::yeswehack::shape::{self, Programme, Scope};

pub(super) async fn list(api: &YesWeHack, cx: &mut Context<'_>) -> Read<Listing> {
    let (mut heads, mut bad, mut evidence) = (Vec::new(), Vec::new(), None);
    for page in 1..=PAGES_MAX {
        let step = format!("yeswehack-list-{page}");
        let read = reading::ask(cx, &step, api.programmes(page), shape::said, shape::programmes).await?;
        let fresh = match read.into_result() {
            Ok(fresh) => fresh,
            Err(failed) => return Ok(Err(failed)),
        };
        evidence.get_or_insert(fresh.evidence);
        let read = fresh.value;
        heads.extend(read.items.iter().map(|programme| (programme.slug.as_str().into(), head(programme))));
        bad.extend(read.bad.iter().map(ToString::to_string));
        // Where it does not say how many pages there are, an empty one is the last.
        if read.pages.map_or(read.rows == 0, |pages| page >= pages) {
            break;
        }
        if page == PAGES_MAX || read.rows == 0 {
            return Ok(Err(broken(format!("the list of YesWeHack is not whole after {page} pages"))));
        }
    }
    Ok(evidence.map(|evidence| Listing { heads, bad, evidence }).ok_or_else(|| broken(String::new())))
}

pub(super) async fn look(
    api: &YesWeHack,
    cx: &mut Context<'_>,
    key: &str,
    listed: Option<&Head>,
) -> Read<Look> {
    let Some(action) = api.programme(key) else { return Ok(Err(nameless(Source::YesWeHack))) };
    let step = format!("yeswehack-programme-{}", named(key));
    let fresh = match reading::ask(cx, &step, action, shape::said, shape::programme).await?.into_result() {
        Ok(fresh) => fresh,
        Err(failed) => return Ok(Err(failed)),
    };
    let detail = fresh.value;
    let said = &detail.programme;
    // What the detail does not say stays as the list said.
    let mut head = head(said).or(listed, said.title.is_some(), said.public.is_some());
    head.automation = Some(automation::read(detail.rules.as_ref().map_or("", |rules| rules.read())));
    head.looked_at = Some(cx.now());
    let partial = detail.scopes.is_none() || !detail.bad.is_empty();
    let targets = detail.scopes.unwrap_or_default().into_iter().map(target).collect();
    Ok(Ok(Look { head, targets, partial, evidence: fresh.evidence }))
}

fn head(programme: &Programme) -> Head {
    let payout = Payout::of(
        programme.min.map(Amount::units),
        programme.max.map(Amount::units),
        programme.currency.as_deref(),
    );
    Head {
        name: programme.title.as_deref().unwrap_or(&programme.slug).trim().into(),
        url: Some(format!("https://yeswehack.com/programs/{}", programme.slug).into()),
        closed: programme.closed.then(|| "disabled".into()),
        offers_bounty: programme.bounty,
        payout: payout.filter(|_| programme.bounty != Some(false)),
        private: programme.is_private(),
        automation: None,
        looked_at: None,
    }
}

/// All that is listed is in scope; what is not stands in prose.
fn target(scope: Scope) -> Target {
    Target {
        kind: scope.kind.as_deref().unwrap_or(NO_KIND).into(),
        identifier: scope.scope.into(),
        in_scope: true,
        eligible_for_bounty: None,
        // `asset_value` says what the asset is worth, not how grave a report may be rated.
        severity: None,
    }
}
