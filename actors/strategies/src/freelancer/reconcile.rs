//! Whether a bid whose answer was lost is there: the own bids on its project are looked up.
//!
//! A bidder has one bid on a project. One of that bidder on that project is the one; none, looked for well
//! after it was sent, means that it did not happen. Anything else is unknown, and a person must look.

use std::time::Duration;

use mm_sdk::{Action, ActionKind, Answer, Finding, Method, Moment, Reconciler, Request, Sent};
use serde::Deserialize;

use super::ask::{API, PLATFORM, kind};
use super::shape;
use crate::asker::checked;

/// What was sent may still be on its way for so long. The permit of a request ends far sooner.
const SAFE_AFTER: Duration = Duration::from_secs(120);

/// Looks up bids.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bids;

/// What tells a bid from all others.
#[derive(Deserialize)]
struct Made {
    project_id: u64,
    bidder_id: u64,
}

impl Reconciler for Bids {
    fn platform(&self) -> &'static str {
        PLATFORM
    }

    fn look(&self, sent: &Sent) -> Option<Action> {
        let account = sent.action.account.clone()?;
        let made = made(sent)?;
        // The brackets of the parameters' names are encoded, as a query wants them.
        let url = checked(&format!(
            "{API}/projects/0.1/bids/?projects%5B%5D={}&bidders%5B%5D={}",
            made.project_id, made.bidder_id
        ));
        let kind = ActionKind::new(kind::LOOK_UP);
        let purpose = "look whether the bid is there";
        Some(Action::of(sent.action.platform.clone(), kind, Request::get(url), purpose).with_account(account))
    }

    fn quiet(&self) -> Duration {
        SAFE_AFTER
    }

    fn find(&self, sent: &Sent, _asked: &Action, answer: &Answer, now: Moment) -> Finding {
        let Some(made) = made(sent) else {
            return Finding::Unknown("what was sent is no bid".to_owned());
        };
        if answer.status != 200 {
            return Finding::Unknown(format!("Freelancer.com answered with status {}", answer.status));
        }
        let bids = match shape::bids(answer) {
            Ok(bids) => bids,
            Err(error) => return Finding::Unknown(error.to_string()),
        };
        let own = |bid: &&shape::Bid| (bid.project_id, bid.bidder_id) == (made.project_id, made.bidder_id);
        match bids.iter().find(own) {
            Some(bid) => Finding::Happened(format!("bid {} on project {}", bid.id, bid.project_id)),
            None if now.since(sent.at) > SAFE_AFTER => Finding::DidNot,
            None => Finding::Unknown("it is not there yet, and may still come".to_owned()),
        }
    }
}

/// What was sent, if it is a bid.
fn made(sent: &Sent) -> Option<Made> {
    let request = &sent.action.request;
    let is_bid = request.method() == Method::Post && request.url().path().ends_with("/projects/0.1/bids/");
    if is_bid { serde_json::from_slice(request.body()).ok() } else { None }
}
