//! The one road, as a list.
//!
//! ```text
//! 1 judge    rules → verdict and the rules that decided    forbid → blocked, audited, alert
//! 2 approve  only for `ask`                                → inbox; the run gets Pending and ends
//!            outside the platform's hours                  → waits for the opening
//! 3 spend    room in every quota, reserved                 full → wait, or queued with a time
//! 4 permit   judged again now, minted, bound to the hash
//! 5 intent   spend and intent on record, synced, before the first byte
//! 6 send     credential slots filled, breaker, transport
//! 7 learn    limiter and breaker take what the answer taught
//! 8 record   outcome, step and audit entry, one change
//! ```
//!
//! Up to step 6 it ends wherever it finds the run's fence closed, after every wait and right before the
//! permit, the intent and the send. What is being sent already goes on to its record.

use std::time::Duration;

use mm_core::action::Request;
use mm_core::activity::Stage;
use mm_core::answer::Answer;
use mm_core::approval::Approved;
use mm_core::breaker::Admit;
use mm_core::digest::Digest;
use mm_core::error::ErrorClass;
use mm_core::id::PlatformId;
use mm_core::limit::{Priority, Quota};
use mm_core::moment::Moment;
use mm_core::rule::Verdict;
use mm_core::run::{BREAKER, Refusal};
use mm_core::secret::Secret;
use mm_core::url::LogicalUrl;
use mm_core::vault::Slot;
use mm_permit::Permit;
use mm_supervision::Fault;

use super::draft::Draft;
use super::halt::Halt;
use super::leads::derive;
use super::robots;
use super::{GatewayService, Origin, Proposal, Walked};
use crate::compliance::{NoPermit, Ruling};
use crate::limiter::{Ask, Charge};
use crate::platforms::{Lane, Platforms, SendFailed};
use crate::transport::RawAnswer;

/// A read is tried so often; a mutating action once.
pub(super) const TRIES_MAX: u32 = 3;
/// Redirects followed, each an action of its own.
const HOPS_MAX: u32 = 5;
/// What stands in the way of something kept is looked at again so much later.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
/// What holds an act outside its platform's hours, as it stands among the rules.
pub(super) const HOURS: &str = "hours";
/// The longest wait on the road for a slot.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// An action's turn at its breaker, given back if nothing leaves, whatever ends the try.
struct Turn<'a> {
    platforms: &'a Platforms,
    platform: PlatformId,
    lane: Lane,
    generation: u64,
    taken: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.taken {
            self.platforms.give_back(&self.platform, &self.lane, self.generation);
        }
    }
}

impl GatewayService {
    /// Walks one action, with its retries and redirects, to its end on record. `hop` is the action that is
    /// under way, whatever ends the walk.
    pub(super) async fn walk(&self, hop: &mut Proposal) -> Result<Walked, Fault> {
        let first = hop.action.request.url().clone();
        for hops in 0..=HOPS_MAX {
            *hop = match self.with_robots(hop.clone()).await {
                Ok(told) => told,
                Err(halt) => return self.halted(hop, Draft::of(hop, self.shared.now(), hops), halt).await,
            };
            let (walked, next) = self.walk_hop(hop, hops).await?;
            let Some(next) = next else { return Ok(walked) };
            *hop = self.with_row(derive(hop, next))?;
        }
        let why = format!("{first} redirects more than {HOPS_MAX} times");
        let refusal = Refusal::new(ErrorClass::Fatal, why);
        self.refuse(hop, Draft::of(hop, self.shared.now(), HOPS_MAX), refusal).await
    }

    /// Walks one hop; gives where it leads on to, if it does.
    async fn walk_hop(&self, hop: &Proposal, hops: u32) -> Result<(Walked, Option<LogicalUrl>), Fault> {
        let mut draft = Draft::of(hop, self.shared.now(), hops);
        let mut tried = 0;
        loop {
            tried += 1;
            let halt = match self.once(hop, &mut draft).await {
                Ok((answer, next)) => return Ok((Walked::Done(answer), next)),
                Err(halt) => halt,
            };
            let halt = match halt {
                Halt::Again { not_before, refusal } => {
                    if tried < TRIES_MAX && self.wait(hop, not_before).await {
                        continue;
                    }
                    // A change that was not begun may go well another time; a read was tried.
                    if draft.tries() == 0 { self.hindered(hop, refusal) } else { Halt::Refused(refusal) }
                }
                halt => halt,
            };
            let (intended, may_have_left) = (draft.tries() > 0, draft.may_have_left());
            let walked = self.halted(hop, draft, halt).await;
            // What is open under its name without an intent of this walk is another's, who took the run up.
            if walked.is_err() && intended {
                self.settle_quietly(hop, may_have_left).await;
            }
            return Ok((walked?, None));
        }
    }

    /// Puts on record why there is no answer.
    async fn halted(&self, hop: &Proposal, draft: Draft, halt: Halt) -> Result<Walked, Fault> {
        match halt {
            Halt::Fenced => {
                self.settle_what_a_run_left(hop).await?;
                Ok(Walked::Fenced)
            }
            Halt::Broken(fault) => Err(fault),
            Halt::Asked(asked) => self.ask(hop, draft, &asked.0, asked.1).await,
            Halt::Known(first, outcome) => self.known(hop, first, outcome).await,
            Halt::Later { not_before, refusal } => self.later(hop, draft, not_before, refusal).await,
            Halt::Refused(refusal) | Halt::Again { refusal, .. } => self.refuse(hop, draft, refusal).await,
        }
    }

    /// What stands in the way and passes by itself, or by its owner's hand. What is kept waits for that and
    /// is judged again then; a run is told.
    pub(super) fn hindered(&self, p: &Proposal, refusal: Refusal) -> Halt {
        match &p.origin {
            Origin::Kept(_) => Halt::Later { not_before: self.shared.now().plus(LOOK_AGAIN), refusal },
            Origin::Run { .. } | Origin::System => Halt::Refused(refusal),
        }
    }

    /// One try, from judgement to record.
    async fn once(&self, p: &Proposal, draft: &mut Draft) -> Result<(Answer, Option<LogicalUrl>), Halt> {
        not_fenced(p)?;
        self.look_for_mark(p, draft)?;
        let ruling = self.judge(p, draft).await?; // 1
        let request = self.seal(p, &ruling).await?;
        let approval = self.approve(p, &ruling, &request)?; // 2
        if let Some(yes) = &approval {
            draft.approved(yes);
        }
        no_blanks(p)?;
        self.in_hours(p)?;
        let mut turn = self.pass_breaker(p).await?;
        let charge = self.spend(p, &ruling).await?; // 3
        // It may have waited for its room.
        self.in_hours(p)?;
        let permit = self.permit(p, draft, &request, turn.generation, ruling.rules, approval).await?; // 4
        let secrets = self.secrets(p, &request).await?;
        self.intend(p, draft, &charge, &request, &permit).await?; // 5
        if p.fence.is_closed() {
            return Err(given_up(p, draft));
        }
        let shown = secrets.iter().map(|(slot, _)| slot.clone()).collect();
        let sent = self.send(p, &mut turn, permit, request, secrets).await; // 6
        self.learn(p, &charge, &sent); // 7
        self.conclude(p, draft, sent, shown).await // 8
    }

    /// What changes something is not done twice.
    fn look_for_mark(&self, p: &Proposal, draft: &mut Draft) -> Result<(), Halt> {
        // Once its own intent is on record the mark is this walk's: it only reads, and is tried again.
        if p.is_mutating() && draft.kept().is_none() {
            draft.saw(self.unmarked(p)?);
        }
        Ok(())
    }

    fn forbidden(&self, p: &Proposal, ruling: &Ruling) -> Halt {
        let (why, rules) = (ruling.judgement.why(), ruling.judgement.rule_ids());
        let refusal = Refusal { class: ErrorClass::Compliance, why, rules };
        // Rules that do not open say nothing of the act itself.
        if ruling.unreadable { self.hindered(p, refusal) } else { Halt::Refused(refusal) }
    }

    async fn judge(&self, p: &Proposal, draft: &mut Draft) -> Result<Ruling, Halt> {
        let ruling = self.compliance.judge(&p.action, &p.space).await?;
        draft.judged(&ruling);
        match ruling.judgement.verdict {
            Verdict::Permit | Verdict::Ask => match robots::unread(&p.action) {
                Some(refusal) => Err(Halt::Refused(refusal)),
                None => Ok(ruling),
            },
            Verdict::Forbid => Err(self.forbidden(p, &ruling)),
        }
    }

    /// Whether a person has said yes to exactly this, where one must.
    fn approve(&self, p: &Proposal, ruling: &Ruling, request: &Request) -> Result<Option<Approved>, Halt> {
        let judgement = &ruling.judgement;
        let approval = match &p.origin {
            Origin::System if judgement.verdict == Verdict::Ask => return Err(unasked(ruling)),
            Origin::Kept(kept) => kept.approval.clone(),
            Origin::Run { .. } | Origin::System => None,
        };
        let now = self.shared.now();
        let covered = match (&approval, judgement.verdict) {
            (None, verdict) => verdict == Verdict::Permit,
            // The rules do not ask any more; what was approved is still all that is sent.
            (Some(yes), Verdict::Permit) => yes.request() == request.asked_hash(),
            (Some(yes), _) => {
                let ruled = judgement.digest();
                !judgement.by_owner && yes.covers(&p.id(), request.asked_hash(), ruled, now).is_ok()
            }
        };
        if covered { Ok(approval) } else { Err(Halt::Asked(Box::new((ruling.clone(), request.clone())))) }
    }

    async fn pass_breaker(&self, p: &Proposal) -> Result<Turn<'_>, Halt> {
        let (platform, lane) = (p.action.platform.clone(), lane(p));
        match self.platforms.admit(&platform, &lane).await? {
            Admit::Yes { generation } | Admit::Probe { generation, .. } => {
                Ok(Turn { platforms: &self.platforms, platform, lane, generation, taken: false })
            }
            Admit::No { until, why } => {
                let refusal = Refusal { class: ErrorClass::Transient, why, rules: vec![BREAKER.into()] };
                // The breaker's own time passes without us: a run does not wait for it. What is kept looks again
                // before that, for a person's word or a renewed credential may end it sooner.
                Err(match (self.hindered(p, refusal), until) {
                    (Halt::Later { not_before, refusal }, Some(until)) => {
                        Halt::Later { not_before: until.min(not_before), refusal }
                    }
                    (halt, _) => halt,
                })
            }
        }
    }

    async fn spend(&self, p: &Proposal, ruling: &Ruling) -> Result<Charge, Halt> {
        self.trusts_its_clock(p)?;
        // No permit is made then, and what is spent is not given back.
        if let Some(why) = self.shared.held() {
            return Err(self.in_doubt(p, NoPermit::Held(why)));
        }
        let charge = self.charge(p, ruling);
        let now = self.shared.now();
        let ask =
            Ask { action: p.id(), priority: self.priority(p), until: p.deadline.min(now.plus(WAIT_MAX)) };
        not_fenced(p)?;
        let Err(not_now) = self.limiter.acquire(&charge, ask).await? else { return Ok(charge) };
        let why = not_now.to_string();
        let refusal = Refusal { class: ErrorClass::RateLimit, why, rules: vec!["limit".into()] };
        Err(match not_now.eta {
            Some(not_before) => Halt::Later { not_before, refusal },
            None => Halt::Refused(refusal),
        })
    }

    /// Outside the hours that the owner gave the platform nothing leaves for it, reads included: who is asleep
    /// does not read either.
    pub(super) fn in_hours(&self, p: &Proposal) -> Result<(), Halt> {
        let closed = self.shared.settings().closed(p.action.platform.as_str(), self.shared.now());
        let Some((why, not_before)) = closed else { return Ok(()) };
        let refusal = Refusal { class: ErrorClass::RateLimit, why, rules: vec![HOURS.into()] };
        Err(Halt::Later { not_before, refusal })
    }

    /// While the clock is in doubt nothing is changed outside; it may be right again in a minute.
    fn trusts_its_clock(&self, p: &Proposal) -> Result<(), Halt> {
        let Some(why) = self.shared.trust.holds().filter(|_| p.is_mutating()) else { return Ok(()) };
        let not_before = self.shared.now().plus(WAIT_MAX);
        let refusal = Refusal { class: ErrorClass::Transient, why, rules: vec!["clock".into()] };
        Err(Halt::Later { not_before, refusal })
    }

    /// What an act is charged to: the rules' limits, what the owner allows its strategy, and all together.
    fn charge(&self, p: &Proposal, ruling: &Ruling) -> Charge {
        let settings = self.shared.settings();
        let mut quotas = ruling.quotas.clone();
        let own = settings.strategies.get(&p.strategy).and_then(|own| own.daily_actions_max);
        quotas.extend(own.map(|max| Quota::daily_of_strategy(&p.space, &p.strategy, max)));
        quotas.push(Quota::daily_actions(settings.daily_actions_max));
        Charge {
            platform: p.action.platform.clone(),
            strategy: p.strategy.to_string(),
            account: p.action.account.clone().map(|account| (p.space.clone(), account)),
            quotas,
            pause: ruling.judgement.obligations.pause_min(),
        }
    }

    fn priority(&self, p: &Proposal) -> Priority {
        let configured = self.shared.settings().strategies.get(&p.strategy).map(|own| own.priority);
        if p.is_system() { Priority::SYSTEM } else { Priority::of_strategy(configured.unwrap_or(u32::MAX)) }
    }

    pub(super) fn may_retry(&self, p: &Proposal) -> bool {
        self.limiter.may_retry(&p.action.platform, self.shared.clock.mono())
    }

    async fn permit(
        &self,
        p: &Proposal,
        draft: &mut Draft,
        request: &Request,
        generation: u64,
        rules: Digest,
        approval: Option<Approved>,
    ) -> Result<Permit, Halt> {
        not_fenced(p)?;
        let (action, space, id) = (&p.action, &p.space, p.id());
        match self.compliance.permit(action, space, &id, request, generation, rules, approval).await? {
            Ok(permit) => Ok(permit),
            Err(NoPermit::Judged(ruling)) => {
                draft.judged(&ruling);
                match ruling.judgement.verdict {
                    Verdict::Ask if !p.is_system() => Err(Halt::Asked(Box::new((*ruling, request.clone())))),
                    _ => Err(self.forbidden(p, &ruling)),
                }
            }
            // Nothing has left: the try starts over with the rules that are now in force.
            Err(changed @ NoPermit::RulesChanged) => {
                let why = changed.to_string();
                let refusal = Refusal::new(ErrorClass::Transient, why);
                Err(Halt::Again { not_before: self.shared.now(), refusal })
            }
            Err(refused @ NoPermit::Held(_)) => Err(self.in_doubt(p, refused)),
            Err(refused) => {
                Err(Halt::Refused(Refusal::new(ErrorClass::Compliance, Fault::from(refused).reason)))
            }
        }
    }

    /// The audit trail is in doubt: nothing is done until its owner has looked.
    fn in_doubt(&self, p: &Proposal, why: NoPermit) -> Halt {
        self.hindered(p, Refusal::new(ErrorClass::Compliance, Fault::from(why).reason))
    }

    async fn send(
        &self,
        p: &Proposal,
        turn: &mut Turn<'_>,
        permit: Permit,
        request: Request,
        secrets: Vec<(Slot, Secret)>,
    ) -> Result<RawAnswer, SendFailed> {
        tracing::trace!(point = "gateway.send", action = %p.id(), "point");
        let sent = self.platforms.send(&turn.platform, &turn.lane, permit, request, secrets).await;
        // What was dialled is reported to its breaker by the one who dialled.
        turn.taken = !matches!(
            sent,
            Err(SendFailed::Permit(_) | SendFailed::Breaker(_) | SendFailed::Lost { maybe_sent: false })
        );
        sent
    }

    pub(super) fn has_time(&self, p: &Proposal, until: Moment) -> bool {
        until < p.deadline && until.since(self.shared.now()) <= WAIT_MAX
    }

    /// Waits until `until`, if that is soon enough; says whether it did.
    async fn wait(&self, p: &Proposal, until: Moment) -> bool {
        if !self.has_time(p, until) {
            return false;
        }
        // A millisecond more than asked: a limit is free *after* its window.
        tokio::time::sleep(until.since(self.shared.now()) + Duration::from_millis(1)).await;
        true
    }
}

/// A draft whose owner has not filled in what it leaves open never leaves, approved or not.
fn no_blanks(p: &Proposal) -> Result<(), Halt> {
    match mm_core::blank::in_body(p.action.request.body()) {
        None => Ok(()),
        Some(what) => {
            let why = format!("what would be sent still has a blank: {what}");
            Err(Halt::Refused(Refusal::new(ErrorClass::Compliance, why)))
        }
    }
}

/// Nothing more is done for a run that is over for the machine.
fn not_fenced(p: &Proposal) -> Result<(), Halt> {
    if p.fence.is_closed() { Err(Halt::Fenced) } else { Ok(()) }
}

/// The run was given up between the intent and the send: a change is on record as one that did not happen.
/// A read has nothing to say to anybody.
fn given_up(p: &Proposal, draft: &mut Draft) -> Halt {
    if !p.is_mutating() {
        return Halt::Fenced;
    }
    if let Err(no_way) = draft.stage(Stage::Failed) {
        return Halt::Broken(no_way);
    }
    let why =
        format!("{}: its run was given up before it was sent; it did not happen", p.action.request.url());
    Halt::Refused(Refusal::new(ErrorClass::Transient, why))
}

fn lane(p: &Proposal) -> Lane {
    let kind = &p.action.kind;
    match &p.action.account {
        Some(account) => Lane::of(&p.space, Some(account), Some(kind)),
        None => Lane::of_host(p.action.request.url().host(), kind),
    }
}

/// Nobody is asked about what the machine does for itself.
fn unasked(ruling: &Ruling) -> Halt {
    let why = format!(
        "a rule asks about it, and nobody is asked about what the machine does for itself: {}",
        ruling.judgement.why()
    );
    Halt::Refused(Refusal { class: ErrorClass::Compliance, why, rules: ruling.judgement.rule_ids() })
}
