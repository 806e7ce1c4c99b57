//! HackerOne: the list of programmes holds every policy, so only scopes are asked for one by one.

use mm_sdk::json::Unreadable;
use mm_sdk::{Action, Answer, Context, Digest};

use super::super::automation::{self, Automation};
use super::super::scope::{NO_KIND, Severity, Target};
use super::{Head, Listing, Look, Read, broken, named, nameless};
use crate::hackerone::ask::{ROWS_MAX, kind};
use crate::hackerone::shape::{self, Programme, Scope};
use crate::hackerone::{HackerOne, Page, Pages, pages};
use crate::reading;

/// A list to its end, or as far as pages reach.
pub(in crate::bug_bounty) struct All<T> {
    /// Each with the answer that it stands in.
    pub(in crate::bug_bounty) items: Vec<(T, Digest)>,
    pub(in crate::bug_bounty) bad: Vec<Unreadable>,
    /// There is more, and pages do not reach it.
    beyond: bool,
    /// The first answer.
    evidence: Digest,
}

/// Reads a list from its first page on. `step` begins the names of the steps. A list with elements of which none
/// can be read has changed its shape: that is a failure, and no empty list.
pub(in crate::bug_bounty) async fn all<T>(
    api: &HackerOne,
    cx: &mut Context<'_>,
    step: &str,
    first: Action,
    parse: fn(&Answer) -> Result<Page<T>, Unreadable>,
) -> Read<All<T>> {
    let kind = first.kind.clone();
    let at = first.request.url().shown();
    let (mut pages, mut action, mut whole, mut rows) = (Pages::default(), first, None, 0);
    for n in 1_u32.. {
        let asked = action.request.url().clone();
        let read = reading::ask(cx, &format!("{step}-{n}"), action, pages::said, parse).await?;
        let fresh = match read.into_result() {
            Ok(fresh) => fresh,
            Err(failed) => return Ok(Err(failed)),
        };
        let (page, evidence) = (fresh.value, fresh.evidence);
        let all = whole.get_or_insert(All { items: Vec::new(), bad: Vec::new(), beyond: false, evidence });
        all.items.extend(page.items.into_iter().map(|item| (item, evidence)));
        all.bad.extend(page.bad);
        rows += page.rows;
        let Some(next) = page.next else { break };
        if rows >= ROWS_MAX {
            all.beyond = true;
            break;
        }
        match pages.follow(&asked, &next) {
            Ok(next) => action = api.page(kind.as_str(), next),
            Err(error) => return Ok(Err(broken(format!("{}: {error}", asked.shown())))),
        }
    }
    let whole: Option<All<T>> = whole;
    Ok(match whole {
        None => Err(broken("there was no page to read".to_owned())),
        Some(All { items, bad, .. }) if items.is_empty() && !bad.is_empty() => {
            Err(broken(bad.first().map(|first| format!("{at}: {first}")).unwrap_or_default()))
        }
        Some(all) => Ok(all),
    })
}

pub(super) async fn list(api: &HackerOne, cx: &mut Context<'_>) -> Read<Listing> {
    let all = match all(api, cx, "hackerone-list", api.programmes(), shape::programmes).await? {
        Ok(all) => all,
        Err(failed) => return Ok(Err(failed)),
    };
    if all.beyond {
        return Ok(Err(broken("there are more programmes than pages reach".to_owned())));
    }
    let heads =
        all.items.into_iter().map(|(programme, _)| (programme.handle.as_str().into(), head(&programme)));
    let bad = all.bad.iter().map(ToString::to_string).collect();
    Ok(Ok(Listing { heads: heads.collect(), bad, evidence: all.evidence }))
}

pub(super) async fn look(
    api: &HackerOne,
    cx: &mut Context<'_>,
    key: &str,
    known: Option<&Head>,
) -> Read<Look> {
    let mut head = match known {
        Some(head) if head.automation.is_some() => head.clone(),
        _ => {
            let Some(action) = api.programme(key) else { return Ok(Err(nameless(super::Source::HackerOne))) };
            let step = format!("hackerone-programme-{}", named(key));
            match reading::ask(cx, &step, action, pages::said, shape::programme).await?.into_result() {
                Ok(fresh) => head_of_one(&fresh.value),
                Err(failed) => return Ok(Err(failed)),
            }
        }
    };
    let (mut targets, mut partial, mut evidence, mut after) = (Vec::new(), false, None, None);
    // Each round reaches ten thousand rows; a programme with five times as many is told in part.
    for round in 0..5 {
        let Some(action) = api.scopes(key, after) else { return Ok(Err(nameless(super::Source::HackerOne))) };
        debug_assert_eq!(action.kind.as_str(), kind::SCOPES);
        let step = format!("hackerone-scopes-{}-{round}", named(key));
        let all = match all(api, cx, &step, action, shape::scopes).await? {
            Ok(all) => all,
            Err(failed) => return Ok(Err(failed)),
        };
        evidence.get_or_insert(all.evidence);
        partial |= !all.bad.is_empty();
        after = all.items.iter().filter_map(|(scope, _)| scope.id).max();
        targets.extend(all.items.into_iter().map(|(scope, _)| target(scope)));
        match (all.beyond, after, round) {
            (false, _, _) => break,
            (true, Some(_), 0..4) => {}
            (true, _, _) => {
                partial = true;
                break;
            }
        }
    }
    head.looked_at = Some(cx.now());
    Ok(evidence
        .map(|evidence| Look { head, targets, partial, evidence })
        .ok_or_else(|| broken(String::new())))
}

/// As [`head`]; asked for alone, a programme without a policy has none.
fn head_of_one(programme: &Programme) -> Head {
    let mut head = head(programme);
    head.automation.get_or_insert_with(|| automation::read(""));
    head
}

fn head(programme: &Programme) -> Head {
    let automation: Option<Automation> =
        programme.policy.as_ref().map(|policy| automation::read(policy.read()));
    let url = crate::hackerone::ask::plain(&programme.handle);
    Head {
        name: programme.name.as_deref().unwrap_or(&programme.handle).trim().into(),
        url: url.map(|handle| format!("https://hackerone.com/{handle}").into()),
        closed: programme.submission_state.as_deref().filter(|state| *state != "open").map(Into::into),
        offers_bounty: programme.offers_bounties,
        payout: None,
        private: programme.is_private(),
        automation,
        looked_at: None,
    }
}

fn target(scope: Scope) -> Target {
    Target {
        kind: scope.kind.as_deref().unwrap_or(NO_KIND).into(),
        identifier: scope.identifier.into(),
        // What is not said is taken as in scope and not eligible for money, never the other way round.
        in_scope: scope.eligible_for_submission != Some(false),
        eligible_for_bounty: scope.eligible_for_bounty,
        severity: scope.max_severity.as_deref().and_then(Severity::from_word),
    }
}
