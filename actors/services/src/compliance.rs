//! Compliance: judges every action, and mints the permits.
//!
//! The rules are files that the owner may change while the machine runs; they are read again when
//! they differ. Rules that cannot be read or parsed permit nothing, and the sentence names the file.
//! That is told as an alert of its own until they can, and looked at also while nobody asks anything; so is a
//! permit that nobody has reviewed for too long.
//! It touches the store and the alerts.

use std::collections::BTreeSet;
use std::time::Duration;

use mm_core::action::{Action, Request};
use mm_core::approval::Approved;
use mm_core::digest::Digest;
use mm_core::id::{ActionId, Space};
use mm_core::limit::Quota;
use mm_core::rule::{DecidingRule, Inputs, Judgement, REVIEW_DAYS, RuleSet, Verdict};
use mm_permit::{Mint, Permit, Refused, Terms};
use mm_store::{Change, Key, NewEntry, Record as _, Span};
use mm_supervision::{CallError, Component, Fault, Handle, Reply};
use serde_json::json;
use tokio::task::JoinSet;

use crate::alerts::Alerts;
use crate::message::kinds;
use crate::records::{AlertRow, RuleSetRow, Sort};
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
    /// Whether there were no rules to judge by, since they could not be read: then nothing is permitted, and
    /// nothing was said of the act itself.
    pub unreadable: bool,
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
    /// Look at the rule files, though nobody asks; from the service to itself.
    Look,
}

kinds!(Msg { Judge => "judge", Permit => "permit", Look => "look" });

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
    #[expect(clippy::too_many_arguments, reason = "a permit is bound to each of these, and to nothing else")]
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
pub struct ComplianceService {
    /// What every service is handed.
    pub shared: Shared,
    /// Where rules that are due for review are told.
    pub alerts: Alerts,
}

/// What it knows.
pub struct State {
    mint: Mint,
    stamp: u64,
    rules: Rules,
    /// The day (since 1970) on which reviews were last looked at.
    looked: Option<i64>,
    /// The rules that are told to be due for review.
    told: BTreeSet<String>,
    /// Whether its owner was told that the rules cannot be used.
    unread: bool,
    /// What has it look while nobody asks; it ends with this.
    _clock: JoinSet<()>,
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

/// How the alerts on rules that are due for review begin.
const STALE: &str = "rules/stale/";
/// What the alert is about while the rules cannot be used.
const UNREAD: &str = "rules/unread";
/// So often one looks whether the rule files differ while nobody asks: soon enough for who has just saved one.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// What decides while the rules cannot be used, among the engine's own rules.
const UNREADABLE: &str = "engine/unreadable";
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

    async fn init(&self, me: Handle<Msg>) -> Result<State, Fault> {
        let mut clock = JoinSet::new();
        clock.spawn(async move {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                // Of a full mailbox each message is a look.
                drop(me.cast(Msg::Look));
            }
        });
        let mut state = State {
            mint: Mint::new(self.shared.store.epoch()),
            stamp: 0,
            rules: Rules::none("the rules have not been read yet"),
            looked: None,
            told: self.told_before()?,
            unread: self.stands(UNREAD),
            _clock: clock,
        };
        self.refresh(&mut state, true).await?;
        Ok(state)
    }

    async fn handle(&self, _me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        self.refresh(state, false).await?;
        match msg {
            Msg::Look => {}
            Msg::Judge { action, space, reply } => {
                reply.send(self.rule(state, &action, &space));
            }
            Msg::Permit { action, space, id, request, breaker_generation, rules, approval, reply } => {
                if let Some(why) = self.shared.held() {
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
                    now: self.shared.both_clocks(),
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
        let settings = self.shared.settings();
        let (rules, trouble) = match &state.rules {
            Rules::Read(rules) => (rules, None),
            Rules::Unreadable(none, why) => (none, Some(why)),
        };
        let strict = settings.strict || trouble.is_some();
        let inputs = Inputs::of(rules, action, settings.country.as_deref(), self.shared.now(), strict);
        let mut judgement = inputs.judge(rules);
        if let (Some(why), Some(first)) = (trouble, judgement.deciding.first_mut()) {
            // No rule speaks of anything then: that is not what is to be mended.
            first.id = UNREADABLE.to_owned();
            first.reason = format!("the rules could not be read, so nothing is permitted: {why}");
        }
        // The engine names the usual place of rule files; these lie where the owner put them.
        let named = |rule: &&mut DecidingRule| rule.reason.contains(mm_core::rule::RULES_FOLDER);
        for rule in judgement.deciding.iter_mut().filter(named) {
            rule.reason = rule.reason.replace(mm_core::rule::RULES_FOLDER, &self.shared.rules.place());
        }
        let quotas = rules.quotas(&action.platform, &action.kind, action.account.as_ref(), space);
        Ruling { judgement, quotas, rules: rules.version(), inputs, unreadable: trouble.is_some() }
    }

    /// Reads the rule files again if they differ, and puts on record which rules are in force.
    async fn refresh(&self, state: &mut State, first: bool) -> Result<(), Fault> {
        let stamp = self.shared.rules.stamp();
        if first || stamp != state.stamp {
            state.stamp = stamp;
            self.take_up(state).await?;
            state.looked = None;
        }
        self.look_at_reviews(state);
        Ok(())
    }

    /// Reads the rule files, keeps them for replays, and puts on record that they are in force.
    async fn take_up(&self, state: &mut State) -> Result<(), Fault> {
        let (rules, files) = self.read();
        state.rules = rules;
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
        let (now, machine) = (self.shared.now(), self.shared.machine());
        let mut change = Change::new().audit(NewEntry::new(now, &machine, "rules.loaded", &payload)?);
        if let Rules::Read(rules) = &state.rules {
            let id = rules.version().to_string();
            // The same files again are the same row, and it says since when.
            if self.shared.store.version(&Key::new(&machine, RuleSetRow::KIND, &id)?)?.is_none() {
                let row = RuleSetRow::keep(&files, now).map_err(Fault::from)?;
                change = change.put(&machine, &id, &row)?;
            }
        }
        self.shared.store.commit(change).await?;
        self.tell_if_unread(state);
        Ok(())
    }

    /// Tells its owner that the rules cannot be used, at once: until they can, all of the machine stands still.
    fn tell_if_unread(&self, state: &mut State) {
        let machine = self.shared.machine();
        match &state.rules {
            Rules::Unreadable(_, why) => {
                let sentence = format!(
                    "nothing is done on any platform, since the rules in {} cannot be used: {why}",
                    self.shared.rules.place()
                );
                self.alerts.raise_as(Sort::Stops, &machine, UNREAD, sentence);
            }
            Rules::Read(_) if state.unread => self.alerts.clear(&machine, UNREAD),
            Rules::Read(_) => {}
        }
        state.unread = matches!(state.rules, Rules::Unreadable(..));
    }

    /// Whether an alert of an earlier life of this service stands; one whose row does not open is begun anew.
    fn stands(&self, about: &str) -> bool {
        let row = self.shared.store.get::<AlertRow>(&self.shared.machine(), about);
        row.is_ok_and(|row| row.is_some_and(|row| row.value.cleared_at.is_none()))
    }

    /// The rules, and the files they were read from.
    fn read(&self) -> (Rules, Vec<(String, String)>) {
        let files = match self.shared.rules.read() {
            Ok(files) => files,
            Err(why) => return (Rules::none(&why), Vec::new()),
        };
        match RuleSet::parse(&files) {
            Ok(rules) => (Rules::Read(rules), files),
            Err(errors) => (Rules::none(&mistakes(&errors)), Vec::new()),
        }
    }

    /// The rules that an earlier life of this service told to be due for review.
    fn told_before(&self) -> Result<BTreeSet<String>, Fault> {
        let rows =
            self.shared.store.scan::<AlertRow>(&self.shared.machine(), Span::prefix(STALE), usize::MAX)?;
        let open = rows.rows.into_iter().filter(|(_, row)| row.value.cleared_at.is_none());
        Ok(open.filter_map(|(about, _)| about.strip_prefix(STALE).map(str::to_owned)).collect())
    }

    /// Tells of each permit whose review is too old, once a day at most, and that it is over.
    fn look_at_reviews(&self, state: &mut State) {
        let now = self.shared.now();
        let today = now.unix_ms().div_euclid(86_400_000);
        let Rules::Read(rules) = &state.rules else { return };
        if state.looked == Some(today) {
            return;
        }
        state.looked = Some(today);
        let machine = self.shared.machine();
        let mut due = BTreeSet::new();
        for rule in rules.stale(now).filter(|rule| rule.verdict == Verdict::Permit) {
            if !state.told.contains(&rule.id) {
                let sentence = format!(
                    "rule `{}` was last reviewed more than {REVIEW_DAYS} days ago, so it asks where it permitted; compare \
                     it with {} and set `reviewed` in {}/{}",
                    rule.id,
                    rule.source,
                    self.shared.rules.place(),
                    rule.file
                );
                self.alerts.raise(&machine, format!("{STALE}{}", rule.id), sentence);
            }
            due.insert(rule.id.clone());
        }
        for over in state.told.difference(&due) {
            self.alerts.clear(&machine, format!("{STALE}{over}"));
        }
        state.told = due;
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
