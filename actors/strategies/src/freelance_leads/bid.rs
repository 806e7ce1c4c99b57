//! The bid at Freelancer.com: proposed, never just sent.
//!
//! It is proposed for an opportunity that the owner has accepted, with a blank for his words, and waits in the
//! inbox until he has filled that in and approved it. What it asks for is his rate, or within the budget what his
//! hours come to, else the budget's upper end; he reads that before he approves. It is proposed only in a run
//! whose lists have the project: what they lack may be awarded already. One that settled is not proposed again; one whose time passed, or that provably never arrived, is, and one that was refused because
//! the account is not the one it was.

use std::collections::BTreeSet;
use std::time::Duration;

use mm_sdk::{Act, ActionId, Answer, Context, Decided, Decimal, ErrorClass, Interrupt, Refusal, Untrusted};

use super::draft::{Ended, LEAD, description};
use super::lead::Lead;
use super::matching::{Match, judge};
use super::memory::{Bid, Bidder, Stage, project_name};
use super::pay::{Pay, Per};
use super::round::Round;
use crate::freelancer::ask;
use crate::freelancer::shape;

/// What was read before a bid was proposed is good for so long; after it, it is proposed anew.
const GOOD_FOR: Duration = Duration::from_secs(24 * 3600);

/// What became of a bid is asked for so long.
const ASKED_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// That an accepted project is in no list is told after so long: until then a list may have failed, or been cut short.
const UNSEEN_FOR: Duration = Duration::from_secs(24 * 3600);

/// The projects of the opportunities that the owner has accepted.
fn accepted(decided: &[Decided]) -> Vec<u64> {
    let project = |decided: &Decided| {
        let details: serde_json::Value = serde_json::from_str(&decided.details).ok()?;
        details.get("project")?.as_u64()
    };
    decided.iter().filter(|decided| decided.kind == LEAD).filter_map(project).collect()
}

impl Round<'_> {
    /// Asks what became of the bids that were proposed.
    pub(super) async fn settle(&mut self, cx: &mut Context<'_>) -> Result<(), Interrupt> {
        let now = cx.now();
        let asked: Vec<(u64, ActionId)> = (self.snapshot.bids.iter())
            .filter(|(_, bid)| bid.stage == Stage::Waiting && now.since(bid.at) < ASKED_FOR)
            .filter_map(|(project, bid)| Some((*project, bid.action.clone()?)))
            .collect();
        for (project, action) in asked {
            if let Some(act) = cx.outcome(&action).await? {
                self.settled(cx, project, act);
            }
        }
        Ok(())
    }

    /// Takes in what became of a bid.
    fn settled(&mut self, cx: &mut Context<'_>, project: u64, act: Act) {
        self.doubt_bidder(project, &act);
        let stage = match act {
            Act::Pending(_) => return,
            // Nobody said no, and nothing was made: it is proposed anew.
            Act::Refused(Refusal { class: ErrorClass::Transient | ErrorClass::RateLimit, .. }) => {
                self.snapshot.bids.remove(&project);
                self.redraw.insert(project_name(project));
                return;
            }
            Act::Done(answer) => stage_of(&answer),
            Act::Refused(Refusal { why, .. }) => Stage::Over(Untrusted::new(why).line(200)),
        };
        if let Stage::Over(why) = &stage {
            cx.alert(format!("bid/{project}"), format!("the bid on project {project} was not made: {why}"));
        }
        if let Some(bid) = self.snapshot.bids.get_mut(&project) {
            bid.stage = stage;
        }
        self.redraw.insert(project_name(project));
    }

    /// The account's number, where it is known and nothing speaks against it.
    pub(super) fn bidder(&self) -> Option<u64> {
        let bidder = self.snapshot.bidder.as_ref()?;
        let is_good = self.config.account.as_ref() == Some(&bidder.account) && bidder.refused.is_empty();
        is_good.then_some(bidder.id)
    }

    /// Takes in the account's number. What was refused under another one is proposed anew.
    pub(super) fn bids_as(&mut self, id: u64) {
        let Some(account) = self.config.account.clone() else { return };
        let before = self.snapshot.bidder.replace(Bidder { account, id, refused: BTreeSet::new() });
        for project in before.filter(|before| before.id != id).into_iter().flat_map(|before| before.refused) {
            self.snapshot.bids.remove(&project);
            self.redraw.insert(project_name(project));
        }
    }

    /// Remembers a bid that was refused as if it were another's: its number may be another's now.
    fn doubt_bidder(&mut self, project: u64, act: &Act) {
        let is_another = match act {
            Act::Done(answer) => matches!(answer.status, 401 | 403),
            Act::Refused(refusal) => refusal.class == ErrorClass::Auth,
            Act::Pending(_) => false,
        };
        if let Some(bidder) = self.snapshot.bidder.as_mut().filter(|_| is_another) {
            bidder.refused.insert(project);
        }
    }

    /// Proposes a bid for each accepted project that has none.
    pub(super) async fn bid(&mut self, cx: &mut Context<'_>) -> Result<(), Interrupt> {
        if !self.config.bid {
            return Ok(());
        }
        for project in accepted(&cx.decisions().await?) {
            if !self.snapshot.bids.contains_key(&project) {
                self.propose(cx, project).await?;
            }
        }
        Ok(())
    }

    async fn propose(&mut self, cx: &mut Context<'_>, project: u64) -> Result<(), Interrupt> {
        let (Some(freelancer), Some(bidder)) = (&self.freelancer, self.bidder()) else {
            return Ok(());
        };
        let Some(known) = self.snapshot.leads.get(&project_name(project)) else { return Ok(()) };
        let fit = judge(self.config, &known.lead, cx.now());
        let seen = self.seen.contains(&project);
        let gone = (!known.open).then(|| Ended::Gone.words().to_owned());
        let unseen = (!seen && cx.now().since(known.at) > UNSEEN_FOR).then(|| {
            format!("no list has it since {}; look at its page, and bid there by yourself", known.at)
        });
        let refused = gone.iter().chain(&unseen).chain(&fit.bait).chain(&fit.against).next();
        if !seen && refused.is_none() {
            return Ok(());
        }
        let wanted = match (refused, amount(self.config, fit.pay.as_ref())) {
            (Some(why), _) => Err(why.clone()),
            (None, None) => Err("what it pays is not known; bid on its page by yourself".to_owned()),
            (None, Some(wanted)) => Ok(wanted),
        };
        let amount = match wanted {
            Ok(amount) => amount,
            Err(why) => {
                cx.alert(format!("bid/{project}"), format!("no bid on project {project} is proposed: {why}"));
                return Ok(());
            }
        };
        let description = description(&fit.skills);
        let days = self.config.bid_days;
        let bid = ask::Bid { project, bidder, amount, days, description: &description };
        let purpose = format!("bid on project {project} at Freelancer.com: {}", known.lead.title);
        let mut action = freelancer.bid(&bid, &purpose);
        action.until = Some(cx.now().plus(GOOD_FOR));
        action.notes = notes(&known.lead, &fit, amount, days);
        let act = cx.act(&format!("bid-{project}"), action).await?;
        self.doubt_bidder(project, &act);
        let (action, stage) = match act {
            Act::Pending(action) => (Some(action), Stage::Waiting),
            Act::Done(answer) => (None, stage_of(&answer)),
            Act::Refused(Refusal { why, class, .. }) => {
                let why = Untrusted::new(why).line(200);
                self.report.errors.push(format!("the bid on project {project} was not taken: {why}"));
                if matches!(class, ErrorClass::Transient | ErrorClass::RateLimit) {
                    return Ok(());
                }
                (None, Stage::Over(why))
            }
        };
        if stage == Stage::Waiting {
            let sentence = format!(
                "a bid on project {project} waits for your words and your approval (see `approvals list`)"
            );
            cx.alert(format!("bid/{project}"), sentence);
        }
        self.snapshot.bids.insert(project, Bid { action, stage, at: cx.now() });
        self.redraw.insert(project_name(project));
        Ok(())
    }
}

/// What the owner should read before he approves.
fn notes(lead: &Lead, fit: &Match, amount: Decimal, days: u32) -> Vec<String> {
    let code =
        fit.pay.as_ref().and_then(|pay| pay.currency.as_deref()).unwrap_or("of the project's currency");
    let per = if fit.pay.as_ref().is_some_and(|pay| pay.per == Per::Hour) { "an hour" } else { "in all" };
    let mut notes = vec![
        format!("the bid asks for {amount} {code} {per}, done in {days} days"),
        format!("why it fits: {}", fit.reason),
        format!("read it first: {}", lead.page),
        "Freelancer.com's code of conduct was not read by the makers of this program: read it".to_owned(),
    ];
    notes.extend(lead.bids.map(|bids| format!("others who have bid: {bids}")));
    notes
}

/// What a bid asks for, within the budget; `None` if nothing says how much.
fn amount(config: &super::config::Config, pay: Option<&Pay>) -> Option<Decimal> {
    let pay = pay?;
    let code = pay.currency.as_deref()?;
    let rate = config.rate.as_ref().filter(|rate| rate.currency == code).map(|rate| rate.value);
    let own = match pay.per {
        Per::Hour => rate,
        Per::Work => rate.zip(config.hours).and_then(|(rate, hours)| rate.checked_mul(hours)),
        Per::Year => return None,
    };
    let within = |own: Decimal| {
        let own = pay.min.map_or(own, |min| own.max(min));
        pay.max.map_or(own, |max| own.min(max))
    };
    own.map(within).or(pay.max).or(pay.min).map(|amount| amount.round_dp(2))
}

/// What Freelancer's answer to a bid means.
fn stage_of(answer: &Answer) -> Stage {
    if answer.is_unseen() {
        return Stage::There(0);
    }
    if (200..300).contains(&answer.status) {
        return match shape::bid(answer) {
            Ok(bid) => Stage::There(bid.id),
            // A refusal with status 200 says so; anything else was made, and only its number is not known.
            Err(why) if why.to_string().starts_with("Freelancer.com says no") => Stage::Over(why.to_string()),
            Err(_) => Stage::There(0),
        };
    }
    let words = shape::said(answer).map(|said| format!(": {}", said.line(120))).unwrap_or_default();
    Stage::Over(format!("Freelancer.com answered with status {}{words}", answer.status))
}
