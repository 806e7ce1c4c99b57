//! Privacy: everything that is stored about somebody, and its erasure.
//!
//! Rows are looked at as bytes ([`Subject`]), so that no kind is forgotten. What is found is taken out of
//! rows byte for byte; audit payloads are erased (the chain goes on to verify, their commitments stay);
//! recorded answers are removed whole. What is open, or named by it, stays and is said. An erasure is a row
//! before anything is touched, so that one cut off by a crash goes on at the next start; when it is done the
//! row keeps a salted hash of the subject and not the subject.
//!
//! It touches the store alone, and blocks: whoever calls it reads a whole store. If the store fails nothing
//! is half-said: the row goes on.

use std::collections::BTreeSet;

use mm_core::activity::{ActionRecord, Stage};
use mm_core::audit::keys::hex;
use mm_core::digest::Digest;
use mm_core::id::Space;
use mm_core::ledger::{Earning, Entry};
use mm_core::opportunity::{Opportunity, Payer, Step};
use mm_core::run::{RunRecord, StepOutcome, StepRecord};
use mm_store::{Change, CommitError, NewEntry, PayloadState, RawRow, Record, Span, Store};
use mm_supervision::Fault;
use serde::Serialize;
use serde_json::{Value, json};

use crate::books;
use crate::records::{
    AlertRow, ApprovalRow, ChangeRow, CrashRow, DecisionRow, ErasureRow, OpenRow, QuarantineRow, SilenceRow,
    StrategyRow,
};
use crate::shared::Shared;

mod subject;

pub use subject::{NoSubject, Subject};

/// Rows and entries looked at in one go.
const PAGE: usize = 500;
/// The largest answer that is looked at.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// So often the store is gone over: what others write meanwhile is found by the next pass.
const PASSES: u32 = 3;
/// Rows that hold no text of anybody's, or the erasure itself.
const PASSED_OVER: [&str; 4] = ["checkpoint", "anchor", "erasure", "mark"];
/// Rows that are removed with their names.
const REMOVABLE: [&str; 6] = ["alert", "silence", "crash", "way", "quarantine", "opportunity"];
/// What no search here sees, for whoever asks.
pub const NOT_SEEN: [&str; 4] = [
    "log files, which are rotated away, and backups, which are yours to remove",
    "what platforms hold themselves, and what a strategy reads there again",
    "rows that do not open, and what a strategy's snapshot keeps in a form of its own",
    "free pages of the database's file, until they are used again",
];

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// `row`, `audit` or `answer`.
    pub place: &'static str,
    /// Which: `SPACE/KIND/ID`, the entry's number, the answer's hash.
    pub name: String,
    /// All of it, where it can be shown; else what stands round the places.
    pub value: Value,
    /// Why it would stay; null if it can be erased.
    pub stays: Option<String>,
}

/// What an erasure did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Erased {
    /// Rows that were changed or removed.
    pub rows: u64,
    /// Audit payloads that were erased.
    pub payloads: u64,
    /// Answers that were removed.
    pub answers: u64,
    /// What had to stay, a sentence each.
    pub kept: Vec<String>,
    /// The salted hash it is on record by, and the salt, hex.
    pub subject: String,
    /// The salt, hex.
    pub salt: String,
    /// Whether the audit chain verifies, all of it, after it.
    pub chain_whole: bool,
}

/// What must stay as it is while it is open.
struct Open {
    actions: BTreeSet<String>,
    answers: BTreeSet<Digest>,
    /// Answers that the ledger rests on; they stay for ever.
    evidence: BTreeSet<Digest>,
}

impl Open {
    /// The open action that a row belongs to, if any. One that cannot be told counts as open.
    fn action(&self, row: &RawRow) -> Option<String> {
        let id = row.key.id();
        if row.key.kind() != ApprovalRow::KIND.name {
            return self.actions.contains(id).then(|| id.to_owned());
        }
        // A question has an id of its own. What it shows is what a yes sends: the two go together.
        match row.decode::<ApprovalRow>() {
            Some(asked) => {
                let action = asked.action.to_string();
                (asked.item.state.is_open() || self.actions.contains(&action)).then_some(action)
            }
            None => Some(id.to_owned()),
        }
    }
}

impl Open {
    /// Why an answer stays, if it does.
    fn keeps(&self, digest: &Digest) -> Option<String> {
        if self.evidence.contains(digest) {
            return Some(format!("answer {digest}: it is the evidence of an entry in your books"));
        }
        self.answers.contains(digest).then(|| {
            format!("answer {digest}: a run that is under way needs it; erase again when it is over")
        })
    }

    fn of(store: &Store) -> Result<Self, Fault> {
        let (mut actions, mut answers, mut evidence) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for space in store.spaces()? {
            actions.extend(
                store.scan::<OpenRow>(&space, Span::all(), usize::MAX)?.rows.into_iter().map(|row| row.0),
            );
            for (id, row) in store.scan::<ActionRecord>(&space, Span::all(), usize::MAX)?.rows {
                let open = [Stage::Planned, Stage::Sending, Stage::Pending, Stage::Ambiguous];
                if open.contains(&row.value.stage) {
                    actions.insert(id);
                }
            }
            let resting = books::evidence(store, &space)?;
            evidence.extend(resting.map_err(|entry| {
                Fault::bug(format!(
                    "ledger entry `{entry}` does not open, so it is not known what it rests on; restore a backup"
                ))
            })?);
            for step in store.scan::<StepRecord>(&space, Span::all(), usize::MAX)?.into_values() {
                if let StepOutcome::Done { body, .. } = step.outcome {
                    answers.insert(body);
                }
            }
        }
        Ok(Self { actions, answers, evidence })
    }
}

/// What is done with a row.
enum Doom {
    Stays(String),
    Blanked,
    Removed,
}

fn doom(row: &RawRow, subject: &Subject, open: &Open) -> Doom {
    let (kind, id) = (row.key.kind(), row.key.id());
    if let Some(action) = open.action(row) {
        return Doom::Stays(format!("{kind} `{id}`: action `{action}` is open; settle or reject it first"));
    }
    match kind {
        "account" | "credential" | "key" => {
            Doom::Stays(format!("{kind} `{id}`: `account remove` removes an account with its credentials"))
        }
        "rule-set" => {
            Doom::Stays(format!("{kind} `{id}`: a rule file of yours named it, and decisions rest on it"))
        }
        "earning" | "ledger-entry" => {
            Doom::Stays(format!("{kind} `{id}`: it is in your books, which are kept as they are"))
        }
        "step" => Doom::Stays(format!("{kind} `{id}`: its run is under way; erase again when it is over")),
        _ if !subject.stands_in(id.as_bytes()) => Doom::Blanked,
        _ if REMOVABLE.contains(&kind) => Doom::Removed,
        _ => Doom::Stays(format!("{kind} `{id}`: it is its very name")),
    }
}

fn is_wanted(row: &RawRow, subject: &Subject) -> bool {
    !PASSED_OVER.contains(&row.key.kind())
        && (subject.stands_in(row.key.id().as_bytes()) || subject.stands_in(&row.bytes))
}

/// Everything that is stored about `subject`.
///
/// # Errors
/// If the store cannot be read.
pub fn find(store: &Store, subject: &Subject) -> Result<Vec<Found>, Fault> {
    let (open, mut found) = (Open::of(store)?, Vec::new());
    each_row(store, subject, |row| {
        let stays = match doom(row, subject, &open) {
            Doom::Stays(why) => Some(why),
            Doom::Blanked | Doom::Removed => None,
        };
        found.push(Found { place: "row", name: row.key.to_string(), value: shown(row, subject), stays });
        Ok(())
    })?;
    each_payload(store, subject, |seq, kind, bytes| {
        let value: Value = serde_json::from_slice(bytes).unwrap_or_else(|_| subject.excerpts(bytes).into());
        let stays = is_of_the_trail(kind).then(|| format!("entry {seq} is the trail's own word on its keys"));
        let value = json!({ "kind": kind, "payload": value });
        found.push(Found { place: "audit", name: seq.to_string(), value, stays });
        Ok(())
    })?;
    let mut excerpts = Vec::new();
    let answers = store.answers_with(ANSWER_BYTES_MAX, |_, bytes| {
        let places = subject.excerpts(bytes);
        let wanted = !places.is_empty();
        excerpts.extend(wanted.then_some(places));
        wanted
    })?;
    for (digest, excerpts) in answers.into_iter().zip(excerpts) {
        let stays = open.keeps(&digest);
        found.push(Found { place: "answer", name: digest.to_string(), value: excerpts.into(), stays });
    }
    Ok(found)
}

/// What the trail says of itself must stay: who signs, and what the owner gave up.
fn is_of_the_trail(kind: &str) -> bool {
    kind.starts_with("audit.")
}

fn each_row(
    store: &Store,
    subject: &Subject,
    mut see: impl FnMut(&RawRow) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = store.raw_rows(after.as_deref(), PAGE, |row| is_wanted(row, subject))?;
        page.rows.iter().try_for_each(&mut see)?;
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

fn each_payload(
    store: &Store,
    subject: &Subject,
    mut see: impl FnMut(u64, &str, &[u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let tip = store.audit_tip()?.seq;
    for from in (1..=tip).step_by(PAGE) {
        for row in store.audit_range(from, PAGE)?.rows {
            // A page over a gap reaches into the next one.
            if row.entry.seq < from + PAGE as u64
                && let PayloadState::There(payload) = &row.payload
                && subject.stands_in(&payload.bytes)
            {
                see(row.entry.seq, &row.entry.kind, &payload.bytes)?;
            }
        }
    }
    Ok(())
}

/// A row for people: its fields where its kind is known here, else what stands round the places.
fn shown(row: &RawRow, subject: &Subject) -> Value {
    macro_rules! typed {
        ($($record:ty),*) => {
            match row.key.kind() {
                $(kind if kind == <$record>::KIND.name => {
                    row.decode::<$record>().and_then(|record| serde_json::to_value(record).ok())
                })*
                _ => None,
            }
        };
    }
    let value = typed!(
        Opportunity,
        ActionRecord,
        RunRecord,
        AlertRow,
        SilenceRow,
        CrashRow,
        QuarantineRow,
        StrategyRow,
        DecisionRow,
        ApprovalRow,
        ChangeRow,
        Earning,
        Entry,
        Step,
        Payer
    );
    value.unwrap_or_else(|| subject.excerpts(&row.bytes).into())
}

/// Erases what is stored about `subject`, on record. Begun again after a crash by [`resume`].
///
/// # Errors
/// If the store cannot be read or written; what was erased stays erased.
pub fn erase(shared: &Shared, subject: &Subject, by: &str) -> Result<Erased, Fault> {
    let (store, space) = (&shared.store, Space::machine());
    let mut salt = [0u8; 16];
    shared.entropy.fill(&mut salt);
    let row = ErasureRow {
        subject: subject.hash(&salt),
        salt,
        pending: Some(subject.text().to_owned()),
        by: by.to_owned(),
        at: shared.now(),
        done_at: None,
        rows: 0,
        payloads: 0,
        answers: 0,
        kept: Vec::new(),
    };
    // Its name is the hash that it is on record by.
    let id = row.subject.to_string();
    store.commit_blocking(Change::new().put(&space, &id, &row)?)?;
    go_on(shared, &id, row, subject)
}

/// Goes on with erasures that a crash cut off.
///
/// # Errors
/// As [`erase`].
pub fn resume(shared: &Shared) -> Result<Vec<Erased>, Fault> {
    let rows = shared.store.scan::<ErasureRow>(&Space::machine(), Span::all(), usize::MAX)?;
    let mut done = Vec::new();
    for (id, row) in rows.rows {
        let Some(Ok(subject)) = row.value.pending.as_deref().map(Subject::parse) else { continue };
        done.push(go_on(shared, &id, row.value, &subject)?);
    }
    Ok(done)
}

fn go_on(shared: &Shared, id: &str, mut row: ErasureRow, subject: &Subject) -> Result<Erased, Fault> {
    for _ in 0..PASSES {
        row.kept.clear();
        let before = (row.rows, row.payloads, row.answers);
        pass(shared, subject, &mut row)?;
        if before == (row.rows, row.payloads, row.answers) {
            break;
        }
    }
    for left in find(&shared.store, subject)?.into_iter().filter(|found| found.stays.is_none()) {
        row.kept.push(format!("{} {} was written again meanwhile; erase once more", left.place, left.name));
    }
    row.kept = row
        .kept
        .iter()
        .map(|kept| String::from_utf8_lossy(&subject.blanked(kept.as_bytes())).into_owned())
        .collect();
    (row.pending, row.done_at) = (None, Some(shared.now()));
    let erased = Erased {
        rows: row.rows,
        payloads: row.payloads,
        answers: row.answers,
        kept: row.kept.clone(),
        subject: row.subject.to_string(),
        salt: hex(&row.salt),
        chain_whole: shared.store.audit_verify(1)?.is_whole(),
    };
    let space = Space::machine();
    let payload = json!({
        "subject": erased.subject, "salt": erased.salt, "rows": row.rows, "payloads": row.payloads,
        "answers": row.answers, "kept": row.kept.len(), "by": row.by,
    });
    let entry = NewEntry::new(shared.now(), &space, "privacy.erased", &payload)?;
    shared.store.commit_blocking(Change::new().put(&space, id, &row)?.audit(entry))?;
    Ok(erased)
}

/// Goes over the store once, and counts what it did in `row`.
fn pass(shared: &Shared, subject: &Subject, row: &mut ErasureRow) -> Result<(), Fault> {
    let (store, open) = (&shared.store, Open::of(&shared.store)?);
    let (mut kept, mut rows) = (Vec::new(), 0);
    each_row(store, subject, |found| {
        let change = match doom(found, subject, &open) {
            Doom::Stays(why) => {
                kept.push(why);
                return Ok(());
            }
            Doom::Blanked => Change::new().rewrite(found, &subject.blanked(&found.bytes)),
            Doom::Removed => Change::new().remove(found),
        };
        match store.commit_blocking(change) {
            Ok(_) => rows += 1,
            // It was written meanwhile: the next pass sees to it.
            Err(CommitError::Refused { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    })?;
    row.rows += rows;
    let (mut seqs, now, space) = (Vec::new(), shared.now(), Space::machine());
    each_payload(store, subject, |seq, kind, _| {
        if is_of_the_trail(kind) {
            kept.push(format!("audit entry {seq} is the trail's own word on its keys"));
        } else {
            seqs.push(seq);
        }
        Ok(())
    })?;
    for some in seqs.chunks(PAGE) {
        let change =
            some.iter().try_fold(Change::new(), |change, seq| change.erase_payload(*seq, now, &space))?;
        store.commit_blocking(change)?;
        row.payloads += some.len() as u64;
    }
    let answers = store.answers_with(ANSWER_BYTES_MAX, |_, bytes| subject.stands_in(bytes))?;
    let mut go = Vec::new();
    for digest in answers {
        match open.keeps(&digest) {
            Some(why) => kept.push(why),
            None => go.push(digest),
        }
    }
    row.answers += store.remove_answers(&go)?.answers;
    row.kept.extend(kept);
    Ok(())
}
