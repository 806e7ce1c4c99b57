//! What a person's word, or time, makes of a question, of its action, its mark and the whole change: all of
//! it in one change.

use mm_core::action::BadRequest;
use mm_core::activity::{ActionRecord, Check, Stage};
use mm_core::answer::Answer;
use mm_core::approval::{Event, NotTaken, State as At};
use mm_core::blank;
use mm_core::digest::Digest;
use mm_core::error::ErrorClass;
use mm_core::id::{ActionId, Space};
use mm_core::mark::{Mark, Marked};
use mm_core::moment::Moment;
use mm_core::rule::Verdict;
use mm_core::run::{Refusal, StepOutcome};
use mm_store::{Change, CommitError, Key, NewEntry, Record};
use mm_supervision::Fault;
use serde_json::json;

use super::{ApprovalsService, Word, event};
use crate::gateway::marks;
use crate::records::{ApprovalRow, ChangeRow, SettledTelling, Standing};

/// A reason is cut off after so many characters.
const REASON_CHARS_MAX: usize = 500;

/// Why a word was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    /// There is no such question.
    #[error("there is no approval `{0}`; `approvals list` shows the ids")]
    Unknown(String),
    /// It does not stand so.
    #[error("approval `{0}` is not decided: {1}")]
    NotTaken(String, NotTaken),
    /// What it was about is gone or does not open.
    #[error("what approval `{0}` is about is gone; reject it, or wait until its strategy proposes it again")]
    Gone(String),
    /// It is a draft with a blank that only a person can fill in.
    #[error("approval `{0}` has a blank to fill in: {1}; write it with `approvals edit {0}`")]
    Blank(String, String),
    /// The edited request is none.
    #[error("what you wrote cannot be sent: {0}")]
    Bad(BadRequest),
    /// Another action made, or may have made, or waits with, the change that was written.
    #[error("what you wrote is not sent: {0}; write something else, or reject it")]
    Taken(String),
    /// An action's id, where the question that was shown is wanted.
    #[error("action `{0}` was asked about more than once; look at `approvals show {1}` and say it of that")]
    Several(ActionId, String),
    /// The rules forbid what was written, or it cannot be sent.
    #[error("what you wrote is not sent: {}", .0.why)]
    Refused(Refusal),
    /// A service on the way did not answer.
    #[error("it cannot be judged now: {0}; say it again later")]
    Unjudged(String),
}

/// A question and what it is about, as they are in the store.
struct Found {
    id: String,
    row: ApprovalRow,
    version: u64,
    change: ChangeRow,
    change_version: u64,
    record: ActionRecord,
}

impl ApprovalsService {
    /// Takes a person's word.
    pub(super) async fn say(
        &self,
        space: &Space,
        id: &str,
        word: Word,
        by: &str,
        reason: Option<&str>,
    ) -> Result<Result<ApprovalRow, Undecided>, Fault> {
        let reason: Option<String> = reason.map(|text| text.chars().take(REASON_CHARS_MAX).collect());
        loop {
            let found = match self.find(space, id)? {
                Ok(found) => found,
                Err(undecided) => return Ok(Err(undecided)),
            };
            let now = self.shared.now();
            let yes = matches!(word, Word::Approve | Word::Edit(_));
            if yes && found.id != id && self.questions(space, &found.row.action)? > 1 {
                return Ok(Err(Undecided::Several(found.row.action, found.id)));
            }
            let not_taken = |why| Undecided::NotTaken(found.id.clone(), why);
            // Looked at first: what takes no word is not judged anew for it.
            let probe = found.row.item.after(&event(&word, None), by, None, now);
            if let Err(why) = probe {
                return Ok(Err(not_taken(why)));
            }
            let edited = match self.edited(space, &found, &word).await? {
                Ok(edited) => edited,
                Err(undecided) => return Ok(Err(undecided)),
            };
            let (mut row, mut change) = (found.row.clone(), found.change.clone());
            let said = event(&word, edited.as_ref().map(|edited| edited.event.clone()));
            row.item = match row.item.after(&said, by, reason.as_deref(), now) {
                Ok(item) => item,
                Err(why) => return Ok(Err(not_taken(why))),
            };
            let mut rests = Change::new();
            if let Some(edited) = edited {
                (row.request, change.action, rests) = (edited.request, edited.action, edited.free);
            }
            if row.item.state == At::Approved
                && let Some(what) = blank::in_body(row.request.body())
            {
                return Ok(Err(Undecided::Blank(found.id.clone(), what)));
            }
            let written = self.written(space, &found, &row, change, by, reason.as_deref(), now)?.and(rests);
            match self.shared.store.commit(written).await {
                Ok(_) => {
                    self.told(space, &found.row);
                    return Ok(Ok(row));
                }
                // It was moved on meanwhile: the word is for what it is now.
                Err(CommitError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The question of that id, or of the action of that id.
    fn find(&self, space: &Space, id: &str) -> Result<Result<Found, Undecided>, Fault> {
        let store = &self.shared.store;
        let mut id = id.to_owned();
        if Key::new(space, ApprovalRow::KIND, &id).is_err() {
            return Ok(Err(Undecided::Unknown(id)));
        }
        if let Some(row) = store.get::<ChangeRow>(space, &id)?
            && let Standing::Asked { approval, .. } = row.value.standing
        {
            id = approval;
        }
        let Some(asked) = store.get::<ApprovalRow>(space, &id)? else {
            return Ok(Err(Undecided::Unknown(id)));
        };
        let action = asked.value.action.as_str();
        let change = store.get::<ChangeRow>(space, action)?;
        let record = store.get::<ActionRecord>(space, action)?;
        let (Some(change), Some(record)) = (change, record) else { return Ok(Err(Undecided::Gone(id))) };
        Ok(Ok(Found {
            id,
            row: asked.value,
            version: asked.version,
            change: change.value,
            change_version: change.version,
            record: record.value,
        }))
    }

    /// How many questions an action has had.
    fn questions(&self, space: &Space, action: &ActionId) -> Result<usize, Fault> {
        let found = self.shared.store.scan::<ApprovalRow>(space, mm_store::Span::all(), usize::MAX)?;
        Ok(found.into_values().filter(|row| row.action == *action).count())
    }

    /// What a person wrote instead, judged.
    async fn edited(
        &self,
        space: &Space,
        found: &Found,
        word: &Word,
    ) -> Result<Result<Option<Edited>, Undecided>, Fault> {
        let Word::Edit(body) = word else { return Ok(Ok(None)) };
        let action = match found.change.action.clone().with_body(body.clone()) {
            Ok(action) => action,
            Err(bad) => return Ok(Err(Undecided::Bad(bad))),
        };
        let (strategy, id) = (&found.change.strategy, &found.row.action);
        let free = match marks::free(&self.shared.store, space, strategy, action.hash(), id)? {
            Ok(free) => free,
            Err(why) => return Ok(Err(Undecided::Taken(why))),
        };
        let considered = match self.gateway.consider(space, strategy, id, action.clone()).await {
            Ok(Ok(Ok(considered))) => considered,
            Ok(Ok(Err(refusal))) => return Ok(Err(Undecided::Refused(refusal))),
            Ok(Err(why)) => return Ok(Err(Undecided::Unjudged(why))),
            Err(error) => return Ok(Err(Undecided::Unjudged(error.to_string()))),
        };
        if considered.judgement.verdict == Verdict::Forbid {
            let refusal = Refusal::new(ErrorClass::Compliance, considered.judgement.why());
            return Ok(Err(Undecided::Refused(refusal)));
        }
        let event =
            Event::Edit { request: considered.request.asked_hash(), ruling: considered.judgement.digest() };
        Ok(Ok(Some(Edited { action, request: considered.request, event, free })))
    }

    /// The one change of a word.
    #[expect(clippy::too_many_arguments, reason = "what a word is made of")]
    fn written(
        &self,
        space: &Space,
        found: &Found,
        row: &ApprovalRow,
        change: ChangeRow,
        by: &str,
        reason: Option<&str>,
        now: Moment,
    ) -> Result<Change, Fault> {
        let id = row.action.as_str();
        let payload = json!({
            "approval": found.id,
            "action": id,
            "by": by,
            "reason": reason,
            "request": row.item.request.to_string(),
            "edited": row.item.request != found.row.item.request,
        });
        let kind = format!("approval.{}", row.item.state.as_str());
        let written = Change::new()
            .expect_version(Key::new(space, ApprovalRow::KIND, &found.id)?, found.version)
            .expect_version(Key::new(space, ChangeRow::KIND, id)?, found.change_version)
            .put(space, &found.id, row)?
            .audit(NewEntry::new(now, space, &kind, &payload)?);
        let Some(end) = End::of(row, by, reason, now) else {
            // What was asked about is marked; what an edit made of it is not yet, and it was looked who did that.
            let edited = change.action.hash();
            let unmarked = (edited != found.change.action.hash()).then_some(edited);
            let mark = Mark { action: row.action.clone(), state: Marked::Held, at: now, outcome: None };
            let marked = marks::put(space, &change.strategy, unmarked.as_slice(), &mark)?;
            return Ok(written.and(marked).put(space, id, &change)?);
        };
        Ok(written.and(self.ended(space, found.record.clone(), change, end, now)?))
    }

    /// What the end of a wait makes of the record, the mark and the whole change.
    fn ended(
        &self,
        space: &Space,
        record: ActionRecord,
        change: ChangeRow,
        end: End,
        now: Moment,
    ) -> Result<Change, Fault> {
        let mutating = change.action.request.method().is_mutating();
        let stage =
            record.stage.then(end.stage, mutating).map_err(|no_way| Fault::bug(no_way.to_string()))?;
        let mut checks = record.checks;
        let (rule, verdict) = ("approval".to_owned(), end.verdict.to_owned());
        checks.push(Check { rule, verdict, reason: end.why.clone() });
        let error = (stage != Stage::Confirmed).then(|| end.why.clone());
        let record = ActionRecord { stage, checks, error, updated_at: now, ..record };
        let id = record.id.clone();
        let mark = Mark { action: id.clone(), state: end.mark, at: now, outcome: Some(end.outcome.clone()) };
        let hashes = [change.action.hash(), change.first_hash];
        let marked = marks::put_own(&self.shared.store, space, &change.strategy, &hashes, &mark)?;
        let telling = SettledTelling::Due;
        let standing = Standing::Settled { at: now, outcome: end.outcome, telling };
        let kind = format!("action.{}", stage.as_str());
        let payload = json!({ "action": id.as_str(), "stage": stage.as_str(), "error": record.error });
        Ok(marked
            .put(space, id.as_str(), &record)?
            .put(space, id.as_str(), &ChangeRow { standing, ..change })?
            .audit(NewEntry::new(now, space, &kind, &payload)?))
    }

    /// Ends what nobody decided on in time, or what no slot came for.
    pub(super) async fn expire(&self, space: &Space, id: &ActionId, now: Moment) -> Result<(), Fault> {
        let store = &self.shared.store;
        let Some(row) = store.get::<ChangeRow>(space, id.as_str())? else { return Ok(()) };
        let Some(record) = store.get::<ActionRecord>(space, id.as_str())? else { return Ok(()) };
        let key = Key::new(space, ChangeRow::KIND, id.as_str())?;
        let mut change = Change::new().expect_version(key, row.version);
        let mut question = None;
        let why = match &row.value.standing {
            Standing::Asked { approval, .. } => {
                let Some(asked) = store.get::<ApprovalRow>(space, approval)? else { return Ok(()) };
                let waited = asked.value.item.state == At::Waiting;
                let Ok(item) = asked.value.item.after(&Event::Expire, "the machine", None, now) else {
                    return Ok(());
                };
                let key = Key::new(space, ApprovalRow::KIND, approval)?;
                let payload = json!({ "approval": approval, "action": id.as_str(), "by": "the machine" });
                change = change
                    .expect_version(key, asked.version)
                    .put(space, approval, &ApprovalRow { item, ..asked.value.clone() })?
                    .audit(NewEntry::new(now, space, "approval.expired", &payload)?);
                question = Some(asked.value);
                match waited {
                    true => format!("nobody decided on it in time (approval {approval}); it was not done"),
                    false => format!("it was approved and could not be sent in time (approval {approval})"),
                }
            }
            Standing::Queued { until, .. } => {
                format!("there was no room for it in its limits until {until}; it was not done")
            }
            _ => return Ok(()),
        };
        let about = format!("expired/{id}");
        let sentence = format!("{} ({}): {why}", row.value.action.purpose, row.value.strategy);
        let end = End {
            stage: Stage::Blocked,
            verdict: "expired",
            mark: Marked::NotDone,
            outcome: StepOutcome::Refused(Refusal::new(ErrorClass::Transient, why.clone())),
            why,
        };
        let ended = self.ended(space, record.value, row.value, end, now)?;
        match store.commit(change.and(ended)).await {
            Ok(_) => {
                self.alerts.raise(space, about, sentence);
                if let Some(question) = question {
                    self.told(space, &question);
                }
                self.shared.inbox.notify_one();
                Ok(())
            }
            // Somebody was faster.
            Err(CommitError::Refused { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The owner has decided, or time has: while no other question of the kind is open, he is not asked any more.
    fn told(&self, space: &Space, row: &ApprovalRow) {
        let others = self.shared.store.scan::<ApprovalRow>(space, mm_store::Span::all(), usize::MAX);
        let same = |other: &ApprovalRow| {
            other.item.state == At::Waiting && (&other.platform, &other.kind) == (&row.platform, &row.kind)
        };
        if others.is_ok_and(|found| !found.into_values().any(|other| same(&other))) {
            self.alerts.clear(space, format!("ask/{}/{}", row.platform, row.kind));
        }
    }
}

/// What a person wrote instead, as it is judged.
struct Edited {
    action: mm_core::action::Action,
    request: mm_core::action::Request,
    event: Event,
    /// Expects that nobody else makes the very same change meanwhile.
    free: Change,
}

/// How a wait ends without a walk.
struct End {
    stage: Stage,
    verdict: &'static str,
    mark: Marked,
    outcome: StepOutcome,
    why: String,
}

impl End {
    /// The end that a word brings, if it does.
    fn of(row: &ApprovalRow, by: &str, reason: Option<&str>, now: Moment) -> Option<Self> {
        let because = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        let no = |verdict, why: String| Self {
            stage: Stage::Blocked,
            verdict,
            mark: Marked::Declined,
            outcome: StepOutcome::Refused(Refusal::new(ErrorClass::Compliance, why.clone())),
            why,
        };
        match row.item.state {
            At::Rejected => Some(no("rejected", format!("its owner ({by}) said no{because}"))),
            At::NotDone => Some(no("not done", format!("its owner ({by}) did not do it{because}"))),
            At::Done => Some(Self {
                stage: Stage::Confirmed,
                verdict: "done",
                mark: Marked::Done,
                outcome: StepOutcome::Done {
                    status: Answer::UNSEEN,
                    headers: Vec::new(),
                    body: Digest::of(b""),
                    at: now,
                },
                why: format!("its owner ({by}) did it himself{because}"),
            }),
            At::Waiting | At::Approved | At::Handed | At::Sent | At::Expired | At::Superseded => None,
        }
    }
}
