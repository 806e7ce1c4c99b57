//! Compliance: judges every action, and mints the permits.
//!
//! The rules are files that the owner may change while the machine runs; they are read again when
//! they differ. Rules that cannot be read or parsed permit nothing, and the sentence names the file.
//! It calls nobody but the store.

use mm_core::action::{Action, Request};
use mm_core::approval::Approved;
use mm_core::digest::Digest;
use mm_core::id::{ActionId, Space};
use mm_core::limit::Quota;
use mm_core::rule::{DecidingRule, Inputs, Judgement, RuleSet};
use mm_permit::{Mint, Permit, Refused, Terms};
use mm_store::{Change, NewEntry};
use mm_supervision::{CallError, Component, Fault, Handle, Reply};
use serde_json::json;

use crate::message::kinds;
use crate::shared::{CALL_TIMEOUT, Shared};

/// The way to the compliance service.
#[derive(Clone, Default)]
pub struct Compliance(Handle<Msg>);

/// A judgement, and what the road needs of the rules it was made from.
#[derive(Debug, Clone)]
pub struct Ruling {
    /// The judgement.
    pub judgement: Judgement,
    /// The quotas that the action is charged to.
    pub quotas: Vec<Quota>,
    /// The version of the rules that decided.
    pub rules: Digest,
    /// All that was judged.
    pub inputs: Inputs,
}

/// Why there is no permit.
#[derive(Debug, thiserror::Error)]
pub enum NoPermit {
    /// Judged again, the verdict is another; it may be that the rules were changed.
    #[error("judged again before sending, the action is not permitted: {}", .0.judgement.why())]
    Judged(Box<Ruling>),
    /// The rules are others than those the action was judged by; it must be judged by these.
    #[error("the rules changed before the action was sent; it must be judged again")]
    RulesChanged,
    /// The audit trail is not what it should be.
    #[error("no permit is made: {0}")]
    Held(String),
    /// The mint refused.
    #[error("no permit was made")]
    Refused(#[source] Refused),
}

/// What it is sent.
pub enum Msg {
    /// Judge an action.
    Judge {
        /// What is proposed.
        action: Box<Action>,
        /// Whose it is.
        space: Space,
        /// Where the ruling goes.
        reply: Reply<Ruling>,
    },
    /// Judge again and mint.
    Permit {
        /// What is proposed.
        action: Box<Action>,
        /// Whose it is.
        space: Space,
        /// Its id.
        id: ActionId,
        /// The request with its obligations.
        request: Box<Request>,
        /// The generation of the breaker that admitted it.
        breaker_generation: u64,
        /// The version of the rules that the action was judged by.
        rules: Digest,
        /// A person's yes, if the rules asked for one.
        approval: Option<Box<Approved>>,
        /// Where the permit goes.
        reply: Reply<Result<Permit, NoPermit>>,
    },
}

kinds!(Msg { Judge => "judge", Permit => "permit" });

impl Compliance {
    /// The actor's own handle, for the tree.
    pub fn handle(&self) -> &Handle<Msg> {
        &self.0
    }

    /// Judges an action.
    ///
    /// # Errors
    /// If the service did not answer; then nothing may be done.
    pub async fn judge(&self, action: &Action, space: &Space) -> Result<Ruling, CallError> {
        let (action, space) = (Box::new(action.clone()), space.clone());
        self.0.call(|reply| Msg::Judge { action, space, reply }, CALL_TIMEOUT).await
    }

    /// Judges once more, and mints a permit for exactly `request`. `rules` is the version of the
    /// ruling that the action came here by: what it was charged and obliged to is by those rules. Where
    /// the rules ask, `approval` must be a person's yes to exactly this request under this judgement.
    ///
    /// # Errors
    /// The outer error if the service did not answer, the inner if there is no permit.
    pub async fn permit(
        &self,
        action: &Action,
        space: &Space,
        id: &ActionId,
        request: &Request,
        breaker_generation: u64,
        rules: Digest,
        approval: Option<Approved>,
    ) -> Result<Result<Permit, NoPermit>, CallError> {
        let (action, space, id) = (Box::new(action.clone()), space.clone(), id.clone());
        let (request, approval) = (Box::new(request.clone()), approval.map(Box::new));
        let ask =
            |reply| Msg::Permit { action, space, id, request, breaker_generation, rules, approval, reply };
        self.0.call(ask, CALL_TIMEOUT).await
    }
}

/// The service.
pub struct ComplianceService(pub Shared);

/// What it knows.
pub struct State {
    mint: Mint,
    stamp: u64,
    rules: Rules,
}

/// The rules as they are, or why there are none.
enum Rules {
    Read(RuleSet),
    /// An empty set, which permits nothing, and the reason.
    Unreadable(RuleSet, String),
}

impl Rules {
    fn none(why: &str) -> Self {
        Self::Unreadable(RuleSet::parse(&[]).expect("no file holds no mistake"), cut(why, WHY_BYTES_MAX))
    }
}

/// So many mistakes of rule files are told; the others are counted.
const MISTAKES_MAX: usize = 5;
/// The most bytes of what is told of one mistake, so that one does not hide the others.
const MISTAKE_BYTES_MAX: usize = 400;
/// The most bytes of why there are no rules: it goes into records and messages.
const WHY_BYTES_MAX: usize = 2 << 10;
/// So many platforms are named when rules are put on record; the others are counted.
const PLATFORMS_MAX: usize = 200;

/// At most `max` bytes of `text`, cut between characters.
fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = (0..=max.saturating_sub('…'.len_utf8())).rev().find(|at| text.is_char_boundary(*at));
    format!("{}…", text.get(..end.unwrap_or(0)).unwrap_or_default())
}

/// The first mistakes in words, and how many more there are.
fn mistakes(errors: &[impl ToString]) -> String {
    let first = errors.iter().take(MISTAKES_MAX);
    let mut lines: Vec<String> = first.map(|error| cut(&error.to_string(), MISTAKE_BYTES_MAX)).collect();
    if errors.len() > MISTAKES_MAX {
        lines.push(format!("and {} more mistakes", errors.len() - MISTAKES_MAX));
    }
    // Five cut lines and the count are always under the limit of the whole.
    lines.join("; ")
}

impl Component for ComplianceService {
    type Msg = Msg;
    type State = State;

    async fn init(&self, _me: Handle<Msg>) -> Result<State, Fault> {
        let mut state = State {
            mint: Mint::new(self.0.store.epoch()),
            stamp: 0,
            rules: Rules::none("the rules have not been read yet"),
        };
        self.refresh(&mut state, true).await?;
        Ok(state)
    }

    async fn handle(&self, _me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        self.refresh(state, false).await?;
        match msg {
            Msg::Judge { action, space, reply } => {
                reply.send(self.rule(state, &action, &space));
            }
            Msg::Permit { action, space, id, request, breaker_generation, rules, approval, reply } => {
                if let Some(why) = self.0.held() {
                    reply.send(Err(NoPermit::Held(why)));
                    return Ok(());
                }
                let ruling = self.rule(state, &action, &space);
                if ruling.rules != rules {
                    reply.send(Err(NoPermit::RulesChanged));
                    return Ok(());
                }
                let terms = Terms {
                    action: &action,
                    id: &id,
                    request: &request,
                    breaker_generation,
                    approval: approval.as_deref(),
                    now: self.0.both_clocks(),
                };
                reply.send(match state.mint.mint(&ruling.judgement, terms) {
                    Ok(permit) => Ok(permit),
                    Err(Refused::Verdict(_) | Refused::NotApproved(_)) => {
                        Err(NoPermit::Judged(Box::new(ruling)))
                    }
                    Err(refused) => Err(NoPermit::Refused(refused)),
                });
            }
        }
        Ok(())
    }
}

impl ComplianceService {
    fn rule(&self, state: &State, action: &Action, space: &Space) -> Ruling {
        let settings = self.0.settings();
        let (rules, trouble) = match &state.rules {
            Rules::Read(rules) => (rules, None),
            Rules::Unreadable(none, why) => (none, Some(why)),
        };
        let strict = settings.strict || trouble.is_some();
        let inputs = Inputs::of(rules, action, settings.country.as_deref(), self.0.now(), strict);
        let mut judgement = inputs.judge(rules);
        if let (Some(why), Some(first)) = (trouble, judgement.deciding.first_mut()) {
            first.reason = format!("the rules could not be read, so nothing is permitted: {why}");
        }
        // The engine names the usual place of rule files; these lie where the owner put them.
        let named = |rule: &&mut DecidingRule| rule.reason.contains(mm_core::rule::RULES_FOLDER);
        for rule in judgement.deciding.iter_mut().filter(named) {
            rule.reason = rule.reason.replace(mm_core::rule::RULES_FOLDER, &self.0.rules.place());
        }
        let quotas = rules.quotas(&action.platform, &action.kind, action.account.as_ref(), space);
        Ruling { judgement, quotas, rules: rules.version(), inputs }
    }

    /// Reads the rule files again if they differ, and puts on record which rules are in force.
    async fn refresh(&self, state: &mut State, first: bool) -> Result<(), Fault> {
        let stamp = self.0.rules.stamp();
        if !first && stamp == state.stamp {
            return Ok(());
        }
        state.stamp = stamp;
        state.rules = self.read();
        let payload = match &state.rules {
            Rules::Read(rules) => {
                let first = rules.platforms().take(PLATFORMS_MAX);
                let mut platforms: Vec<String> = first.map(ToString::to_string).collect();
                match rules.platforms().count().saturating_sub(PLATFORMS_MAX) {
                    0 => {}
                    more => platforms.push(format!("and {more} more")),
                }
                json!({ "version": rules.version().to_string(), "platforms": platforms })
            }
            Rules::Unreadable(_, why) => {
                tracing::error!(why, "the rules could not be read; nothing is permitted");
                json!({ "error": why })
            }
        };
        let entry = NewEntry::new(self.0.now(), &self.0.machine(), "rules.loaded", &payload)?;
        self.0.store.commit(Change::new().audit(entry)).await?;
        Ok(())
    }

    fn read(&self) -> Rules {
        let files = match self.0.rules.read() {
            Ok(files) => files,
            Err(why) => return Rules::none(&why),
        };
        match RuleSet::parse(&files) {
            Ok(rules) => Rules::Read(rules),
            Err(errors) => Rules::none(&mistakes(&errors)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_cut_one_by_one_and_counted() {
        assert_eq!(mistakes(&["a", "b"]), "a; b");
        let errors = vec!["ä".repeat(100_000); 1000];
        let told = mistakes(&errors);
        assert!(told.ends_with("; and 995 more mistakes"), "{told}");
        assert!(told.len() <= WHY_BYTES_MAX, "{}", told.len());
        assert_eq!(cut(&told, WHY_BYTES_MAX), told);
    }

    #[test]
    fn a_cut_falls_between_characters() {
        for max in 3..12 {
            let short = cut("äöüäöüäöü", max);
            assert!(short.len() <= max && short.ends_with('…'), "{short}");
        }
        assert_eq!(cut("äöü", 6), "äöü");
    }
}
