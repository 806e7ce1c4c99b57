//! What came back: what it teaches, what it means for its action, and how that ends.
//!
//! Whether a try is made again, waits, or is over is decided here and nowhere else; `writing` puts it on
//! record. It calls the limiter, the accounts and the alerts.

use std::time::Duration;

use mm_core::activity::Stage;
use mm_core::answer::Answer;
use mm_core::backoff::Backoff;
use mm_core::error::{Classified, ErrorClass, Signal, TransportFault, classify, words};
use mm_core::limit::hear;
use mm_core::moment::Moment;
use mm_core::run::Refusal;
use mm_core::url::LogicalUrl;
use mm_core::vault::Slot;
use mm_permit::Refused;
use mm_supervision::Fault;

use super::draft::Draft;
use super::halt::Halt;
use super::leads::{ASTRAY, Leads, leads};
use super::road::TRIES_MAX;
use super::writing::stage_of;
use super::{GatewayService, Proposal};
use crate::accounts::Which;
use crate::limiter::{Charge, Learnt};
use crate::platforms::SendFailed;
use crate::transport::RawAnswer;

/// An answer, and what is to be thought of it.
struct Reached {
    answer: Answer,
    trouble: Option<(Classified, Option<Duration>)>,
}

impl GatewayService {
    /// What the limiter and the clock's witnesses take from an answer.
    pub(super) fn learn(&self, p: &Proposal, charge: &Charge, sent: &Result<RawAnswer, SendFailed>) {
        let Ok(raw) = sent else { return };
        // A page is anybody's, and so are its host's robots.txt: only the servers of a reviewed API are asked for
        // the time.
        if !super::robots::is_of_a_page(p.action.kind.as_str()) {
            self.shared.trust.heard(p.action.request.url().host(), &raw.headers);
        }
        let now = self.shared.now();
        let trouble = classify(raw.signal_from(p.action.request.url(), now));
        let learnt = Learnt {
            headers: hear(&raw.headers, now),
            limited: trouble.is_some_and(|error| error.class == ErrorClass::RateLimit),
            retry_after: raw.retry_after(now),
            good: trouble.is_none(),
        };
        self.limiter.learn(charge, learnt);
    }

    /// Puts the end of one try, which has shown these credentials, on record, or says why there will be
    /// another.
    pub(super) async fn conclude(
        &self,
        p: &Proposal,
        draft: &mut Draft,
        sent: Result<RawAnswer, SendFailed>,
        shown: Vec<Slot>,
    ) -> Result<(Answer, Option<LogicalUrl>), Halt> {
        let now = self.shared.now();
        let reached = match sent {
            Ok(raw) => reached(raw, p.action.request.url(), now),
            Err(failed) => return Err(self.failed(p, draft, failed, now)?),
        };
        if let Some((error, wait)) = reached.trouble
            && error.retry
            && !self.may_change(p)
            && draft.tries() < TRIES_MAX
        {
            let refusal = answered(p, &reached.answer, error);
            let not_before = now.plus(wait.unwrap_or_else(|| self.backoff(draft.tries())));
            // An answer is an answer: if there is no time for another try, it is what came.
            if self.has_time(p, not_before) && self.may_retry(p) {
                draft.tried(Some(reached.answer.status), &refusal.why)?;
                return Err(Halt::Again { not_before, refusal });
            }
        }
        let trouble = reached.trouble.map(|(error, _)| error);
        self.tell(p, trouble, &in_words(&reached.answer));
        if let (Some(account), Some(ErrorClass::Auth)) = (&p.action.account, trouble.map(|error| error.class))
        {
            let which = Which::of(&p.space, &p.action.platform, account);
            self.accounts.trouble(which, shown, reached.answer.status);
        }
        if let Some((error, wait)) = reached.trouble
            && p.is_mutating()
            && matches!(error.class, ErrorClass::RateLimit | ErrorClass::Transient)
            && stage_of(self.may_change(p), reached.answer.status, trouble) == Stage::Failed
            && let Halt::Later { not_before, refusal } = self.hindered(p, answered(p, &reached.answer, error))
        {
            draft.answered(&reached.answer);
            draft.tried(Some(reached.answer.status), &refusal.why)?;
            let not_before = wait.map_or(not_before, |wait| now.plus(wait));
            return Err(Halt::Later { not_before, refusal });
        }
        let next = match leads(p, &reached.answer) {
            Leads::Nowhere => None,
            Leads::On(next) => Some(next),
            Leads::Astray { class, why } => {
                draft.answered(&reached.answer);
                draft.stands_against(ASTRAY);
                draft.stage(if self.may_change(p) { Stage::Ambiguous } else { Stage::Failed })?;
                return Err(Halt::Refused(Refusal::new(class, why)));
            }
        };
        self.record(p, draft, &reached.answer, trouble, next.as_ref()).await?;
        Ok((reached.answer, next))
    }

    /// What a failed exchange means for the action.
    fn failed(
        &self,
        p: &Proposal,
        draft: &mut Draft,
        failed: SendFailed,
        now: Moment,
    ) -> Result<Halt, Fault> {
        let changing = self.may_change(p);
        let (class, retry, may_have_left) = match &failed {
            // Time alone made it so. A read is judged again. A change is not: its intent is on record, the
            // process stood still beside it, and who looks at the platform knows more than we do.
            SendFailed::Permit(Refused::Expired) => (ErrorClass::Transient, !changing, changing),
            SendFailed::Permit(_) => (ErrorClass::Compliance, false, false),
            SendFailed::Breaker(_) => (ErrorClass::Transient, false, false),
            SendFailed::Lost { maybe_sent } => (ErrorClass::Transient, !changing, *maybe_sent),
            SendFailed::Transport(fault) => {
                let error = classify(Signal::transport(*fault));
                let class = error.map_or(ErrorClass::Fatal, |error| error.class);
                self.tell(p, error, &sentence(*fault));
                draft.stands_against(sentence(*fault));
                let retry = error.is_some_and(|error| error.retry) && !changing;
                (class, retry, fault.may_have_arrived())
            }
        };
        let why = match failed {
            SendFailed::Transport(fault) => format!("{}: {}", p.action.request.url(), sentence(fault)),
            other => Fault::from(other).reason,
        };
        if !may_have_left {
            draft.not_sent();
        }
        // Of what only reads nothing can have happened there, whatever left.
        let may_have_left = may_have_left && changing;
        draft.stage(if may_have_left { Stage::Ambiguous } else { Stage::Failed })?;
        let refusal = Refusal::new(class, why);
        Ok(if retry && self.may_retry(p) {
            draft.tried(None, &refusal.why)?;
            Halt::Again { not_before: now.plus(self.backoff(draft.tries())), refusal }
        } else if changing && !may_have_left && class == ErrorClass::Transient {
            let halt = self.hindered(p, refusal);
            if let Halt::Later { refusal, .. } = &halt {
                draft.tried(None, &refusal.why)?;
            }
            halt
        } else {
            Halt::Refused(refusal)
        })
    }

    /// Whether an act may change something at its platform: by its method, unless whoever knows the platform
    /// says that this one only reads.
    pub(super) fn may_change(&self, p: &Proposal) -> bool {
        self.shared.settings().reconcilers.may_change(&p.action)
    }

    /// Tells the owner of trouble that he must see to, and that it is over.
    fn tell(&self, p: &Proposal, trouble: Option<Classified>, what: &str) {
        let about = format!("platform/{}/{}", p.action.platform, p.action.kind);
        match trouble {
            Some(error) if error.alert => {
                self.troubles.raised(&about);
                let sentence = format!("{} needs you ({}): {what}", p.action.platform, error.class.as_str());
                self.alerts.raise(&p.space, about, sentence);
            }
            None if self.troubles.is_over(&about) => self.alerts.clear(&p.space, about),
            _ => {}
        }
    }

    fn backoff(&self, tries: u32) -> Duration {
        Backoff::READS.delay(tries, self.shared.rng.unit())
    }
}

fn reached(raw: RawAnswer, url: &LogicalUrl, now: Moment) -> Reached {
    let trouble = match classify(raw.signal_from(url, now)) {
        // A redirect is followed above; here it is an answer like another.
        Some(_) if (300..400).contains(&raw.status) => None,
        trouble => trouble.map(|error| (error, raw.retry_after(now))),
    };
    let answer = Answer { status: raw.status, headers: raw.headers, body: raw.body, at: now };
    Reached { answer, trouble }
}

/// What a platform says is wrong: its own words where it has some. Those of GraphQL come with status 200.
fn in_words(answer: &Answer) -> String {
    let words = words(&answer.body).map(|words| words.line(200));
    match (answer.status, words) {
        (200..=299, Some(words)) => format!("it says: {words}"),
        (status, Some(words)) => format!("it answers with status {status}: {words}"),
        (status, None) => format!("it answers with status {status}"),
    }
}

fn answered(p: &Proposal, answer: &Answer, error: Classified) -> Refusal {
    let why = format!("{} answered with status {}", p.action.request.url(), answer.status);
    Refusal::new(error.class, why)
}

/// A transport fault as a sentence that says what helps.
fn sentence(fault: TransportFault) -> String {
    match fault {
        TransportFault::TooLarge { max_bytes } => {
            format!("the answer is longer than the {max_bytes} bytes that are read; nothing of it was used")
        }
        TransportFault::ForbiddenAddress => {
            "its name leads to no public address, and others are never called".to_owned()
        }
        other => other.to_string(),
    }
}
