//! Where an answer leads: to the end of its action, to another action, or to where nothing is sent.
//!
//! Pure: it reads the action and its answer, and touches nothing.

use mm_core::action::Method;
use mm_core::answer::Answer;
use mm_core::error::ErrorClass;
use mm_core::url::LogicalUrl;

use super::proposal::next_step;
use super::{Kept, Origin, Proposal};

/// What is told of a redirect that leads astray, without where from.
pub(super) const ASTRAY: &str = "it redirects to where nothing is called";

/// Where an answer leads.
pub(super) enum Leads {
    /// It is the answer.
    Nowhere,
    /// To another place, which is walked to as an action of its own.
    On(LogicalUrl),
    /// To where nothing is called, or where a change must not follow.
    Astray { class: ErrorClass, why: String },
}

/// Where an answer redirects to, if it does. 303 after a change is the usual "done, see there"
/// (RFC 9110, 15.4.4) and is an answer. 307 and 308 ask for the same change elsewhere (15.4.8 and 9):
/// on the same host it is judged again; what goes to another host is for the owner. 301 and 302, and
/// whatever else of the kind leads nowhere, do not say whether the change was made.
pub(super) fn leads(hop: &Proposal, answer: &Answer) -> Leads {
    let (from, mutating) = (hop.action.request.url(), hop.is_mutating());
    let redirects = match answer.status {
        // Who asks for the head alone asks what is there, and that it lies elsewhere is the answer.
        _ if hop.action.request.method() == Method::Head => false,
        301 | 302 | 307 | 308 => true,
        303 => !mutating,
        _ => false,
    };
    let astray = |why| Leads::Astray { class: ErrorClass::Fatal, why };
    let Some(location) = answer.header("location").filter(|_| redirects) else {
        return match answer.status {
            300..=399 if mutating && answer.status != 303 => astray(format!(
                "{from} answers a request that changes something with status {}, which leads nowhere; whether it \
                 happened is to be seen there",
                answer.status
            )),
            _ => Leads::Nowhere,
        };
    };
    match from.join(location) {
        Ok(to) if !mutating => Leads::On(to),
        Ok(to) if matches!(answer.status, 307 | 308) && to.host() == from.host() => Leads::On(to),
        Ok(to) if matches!(answer.status, 307 | 308) => astray(format!(
            "{from} redirects a request that changes something to another host, {}; it was not sent there: look \
             at both, and do it yourself if it is right",
            to.host()
        )),
        _ if mutating => astray(format!(
            "{from} redirects a request that changes something; whether it happened is to be seen there"
        )),
        Ok(_) => Leads::Nowhere,
        Err(bad) => Leads::Astray {
            class: ErrorClass::Compliance,
            why: format!("{from} redirects to where nothing is called: {bad}"),
        },
    }
}

/// The derived action of a redirect: judged, permitted, charged and recorded like any other. An account
/// is not taken along to another host.
pub(super) fn derive(hop: &Proposal, url: LogicalUrl) -> Proposal {
    let mut action = hop.action.clone();
    if url.host() != hop.action.request.url().host() {
        action.account = None;
    }
    action.request = hop.action.request.moved_to(url);
    let origin = match &hop.origin {
        // The yes was to another request, and the row is another action's.
        Origin::Kept(Kept { known_as, until, .. }) => {
            let (known_as, until) = (known_as.clone(), *until);
            Origin::Kept(Kept { known_as, until, version: None, question: None, approval: None })
        }
        origin => origin.clone(),
    };
    Proposal { step: next_step(&hop.step), action, origin, ..hop.clone() }
}
