//! Actors as SPEC shows them.

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_core::untrusted::Untrusted;
use mm_services::crashes;
use mm_services::records::{BudgetRow, RestartNote};
use mm_store::Store;
use mm_supervision::{ActorDetail, ActorState, ActorView, CrashReport, StatusAnswer, Tree};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Problem, Troubled, meant_any};

/// One actor and those below it; exactly these fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActorRow {
    pub path: String,
    /// `starting`, `running`, `busy`, `stuck`, `restarting`, `tripped`, `isolated` or `stopped`.
    pub state: String,
    pub since: String,
    pub restarts: u64,
    pub last_cause: Option<String>,
    /// The same in one word, where it is known: `transient`, `bug`, `refused`, `escalated`, `panicked`,
    /// `killed`, `start-failed`, `start-timed-out` or `normal`.
    pub cause: Option<String>,
    /// Failed attempts in a row.
    pub attempt: u32,
    /// When it is tried again; null where it does not wait for that.
    pub next_try: Option<String>,
    /// Restarts that its own budget still has; null without one.
    pub budget_left: Option<u32>,
    /// Restarts of its whole budget; null without one.
    pub budget_limit: Option<u32>,
    pub mailbox_depth: u32,
    pub mailbox_wait_ms: Quantiles,
    pub handle_ms: Quantiles,
    pub messages_total: u64,
    /// What its state takes, where it knows that itself.
    pub memory_bytes: Option<u64>,
    pub children: Vec<ActorRow>,
}

/// The whole tree, with the time of day as the daemon has it: a sandbox's need not be the terminal's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TreeView {
    #[serde(flatten)]
    pub root: ActorRow,
    pub now: String,
}

/// Half were not longer than `p50`, all but one in a hundred not longer than `p99`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    pub p50: f64,
    pub p99: f64,
}

/// All that is known of one actor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActorPage {
    #[serde(flatten)]
    pub actor: ActorRow,
    /// The time of day as the daemon has it.
    pub now: String,
    pub about: String,
    /// More messages than this are refused.
    pub mailbox_bound: u32,
    /// The kind of the message in hand.
    pub in_hand: Option<String>,
    /// What its handler waits for.
    pub waits_for: Option<WaitView>,
    /// What it says of itself: named values, none of them secret.
    pub status: StatusView,
    /// Why it is tripped or put aside, while it is.
    pub held_why: Option<String>,
    /// Restarts taken out of its own budget since work was last proved; null without one.
    pub budget_spent: Option<u32>,
    /// Its last restarts, oldest first, also those of earlier processes.
    pub history: Vec<RestartView>,
    /// `{cause, count}` each: all restarts on record.
    pub by_cause: Vec<CauseView>,
    /// `{kind, done, failed, lost}` each.
    pub kinds: Vec<Value>,
    /// The last messages, oldest first: `{seq, kind, sender, action, queue_ns, handle_ns, ok}`.
    pub records: Vec<Value>,
    /// How it last ended, oldest first, also in earlier processes.
    pub crashes: Vec<CrashView>,
}

/// What an actor says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// Why it says nothing, in one sentence; null where it answered.
    pub silent: Option<String>,
    /// `{name, value}` each.
    pub fields: Vec<NamedView>,
}

/// One named value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedView {
    pub name: String,
    pub value: String,
}

/// What a handler is calling right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitView {
    pub path: String,
    pub kind: String,
    pub since: String,
}

/// One restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartView {
    pub at: String,
    /// One word, as [`ActorRow::cause`].
    pub cause: String,
    pub why: String,
    pub attempt: u32,
    pub next_try: Option<String>,
}

/// How often something was the cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseView {
    pub cause: String,
    pub count: u64,
}

/// How it once ended; `crashes show` has all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrashView {
    /// Null while it is not on record.
    pub id: Option<String>,
    pub at: String,
    pub incarnation: u64,
    pub cause: String,
    /// The kind of the message it did not survive.
    pub in_hand: Option<String>,
}

impl From<&ActorView> for ActorRow {
    fn from(view: &ActorView) -> Self {
        let quantiles = |q: &mm_supervision::Quantiles| Quantiles { p50: q.p50, p99: q.p99 };
        ActorRow {
            path: view.path.clone(),
            state: serde_json::to_value(view.state)
                .ok()
                .and_then(|word| word.as_str().map(str::to_owned))
                .unwrap_or_default(),
            since: Moment::from_unix_ms(view.since).to_string(),
            restarts: view.restarts,
            last_cause: view.last_cause.clone(),
            cause: None,
            attempt: view.attempt,
            next_try: view.next_try.map(|ms| Moment::from_unix_ms(ms).to_string()),
            budget_left: view.budget_left,
            budget_limit: view.budget_limit,
            mailbox_depth: view.mailbox_depth,
            mailbox_wait_ms: quantiles(&view.mailbox_wait_ms),
            handle_ms: quantiles(&view.handle_ms),
            messages_total: view.messages_total,
            memory_bytes: view.memory_bytes,
            children: view.children.iter().map(ActorRow::from).collect(),
        }
    }
}

impl ActorPage {
    fn new(detail: ActorDetail, now: Moment) -> Self {
        let (cause, crashes) = (detail.cause.map(str::to_owned), detail.crashes.iter().map(CrashView::from));
        ActorPage {
            actor: ActorRow { cause, ..ActorRow::from(&detail.view) },
            now: now.to_string(),
            about: detail.about,
            mailbox_bound: detail.mailbox_bound,
            in_hand: detail.in_hand.map(str::to_owned),
            waits_for: detail.waits_for.map(|waits| WaitView {
                path: waits.path,
                kind: waits.kind.to_owned(),
                since: Moment::from_unix_ms(waits.since_ms).to_string(),
            }),
            status: StatusView::default(),
            held_why: detail.held_why,
            budget_spent: detail.budget_spent,
            history: Vec::new(),
            by_cause: Vec::new(),
            kinds: values(&detail.kinds),
            records: values(&detail.records),
            crashes: crashes.collect(),
        }
    }

    /// With what the store remembers of it, also from earlier processes. What it cannot tell is left
    /// out: the page is of the actor, and `doctor` speaks of the store.
    #[must_use]
    pub fn with_record(mut self, store: &Store) -> Self {
        let path = self.actor.path.clone();
        if let Ok(Some(row)) = store.get::<BudgetRow>(&Space::machine(), &path) {
            let count = |(cause, count)| CauseView { cause, count };
            self.history = row.value.restarts.into_iter().map(RestartView::from).collect();
            self.by_cause = row.value.by_cause.into_iter().map(count).collect();
        }
        let recorded = crashes::list(store).unwrap_or_default().into_iter();
        let mut own: Vec<CrashView> = recorded
            .filter(|(_, row)| row.actor == path)
            .take(CRASHES_MAX)
            .map(|(id, row)| CrashView {
                id: Some(id),
                at: row.at.to_string(),
                incarnation: row.incarnation,
                cause: row.cause,
                in_hand: row.in_hand,
            })
            .collect();
        own.reverse();
        let is_new = |crash: &CrashView| {
            !own.iter().any(|known| (&known.at, known.incarnation) == (&crash.at, crash.incarnation))
        };
        let unrecorded: Vec<CrashView> = self.crashes.iter().filter(|crash| is_new(crash)).cloned().collect();
        own.extend(unrecorded);
        self.crashes = own;
        self
    }

    /// With what it says of itself.
    #[must_use]
    pub fn with_status(mut self, answer: Option<StatusAnswer>) -> Self {
        if let Some(StatusAnswer::Fields { memory_bytes: Some(bytes), .. }) = &answer {
            self.actor.memory_bytes = Some(*bytes);
        }
        self.status = StatusView::from(answer);
        self
    }
}

/// Crashes on the page of one actor.
const CRASHES_MAX: usize = 10;
/// The most characters of one value that an actor says of itself.
const VALUE_CHARS_MAX: usize = 300;

impl From<Option<StatusAnswer>> for StatusView {
    fn from(answer: Option<StatusAnswer>) -> Self {
        let silent = |why: String| StatusView { silent: Some(why), fields: Vec::new() };
        match answer {
            Some(StatusAnswer::Fields { fields, .. }) => {
                let shown = |value: String| {
                    Untrusted::new(crate::logs::mask(&value).into_owned()).line(VALUE_CHARS_MAX)
                };
                let named = |(name, value): (&'static str, String)| NamedView {
                    name: name.to_owned(),
                    value: shown(value),
                };
                StatusView { silent: None, fields: fields.into_iter().map(named).collect() }
            }
            Some(StatusAnswer::Busy { kind, since_ms }) => {
                let with = kind.map(|kind| format!(" with `{kind}`")).unwrap_or_default();
                silent(format!("it is busy{with} since {}", Moment::from_unix_ms(since_ms)))
            }
            Some(StatusAnswer::Panicked { why }) => silent(format!("it panicked when asked: {why}")),
            Some(StatusAnswer::Down) | None => silent("it does not run".to_owned()),
        }
    }
}

impl From<RestartNote> for RestartView {
    fn from(note: RestartNote) -> Self {
        RestartView {
            at: Moment::from_unix_ms(note.at_ms).to_string(),
            cause: note.cause,
            why: note.why,
            attempt: note.attempt,
            next_try: note.next_try_ms.map(|ms| Moment::from_unix_ms(ms).to_string()),
        }
    }
}

impl From<&CrashReport> for CrashView {
    fn from(crash: &CrashReport) -> Self {
        CrashView {
            id: None,
            at: Moment::from_unix_ms(crash.at_ms).to_string(),
            incarnation: crash.incarnation,
            cause: crash.cause.clone(),
            in_hand: crash.in_hand.map(str::to_owned),
        }
    }
}

fn values<T: Serialize>(all: &[T]) -> Vec<Value> {
    all.iter().filter_map(|one| serde_json::to_value(one).ok()).collect()
}

/// The whole tree.
pub fn tree(tree: &Tree, now: Moment) -> TreeView {
    let mut root = ActorRow::from(&tree.view());
    name_causes(tree, &mut root);
    TreeView { root, now: now.to_string() }
}

/// Adds the word for the last cause where there was one.
fn name_causes(tree: &Tree, row: &mut ActorRow) {
    if row.last_cause.is_some() {
        row.cause = tree.show(&row.path).and_then(|detail| detail.cause).map(str::to_owned);
    }
    row.children.iter_mut().for_each(|child| name_causes(tree, child));
}

/// The actors that are not well: those that are down by their own failure, stuck, or put aside.
pub fn troubled(tree: &Tree) -> Vec<Troubled> {
    let is_troubled = |view: &&ActorView| {
        use ActorState::{Isolated, Restarting, Stuck, Tripped};
        matches!(view.state, Stuck | Restarting | Tripped | Isolated)
    };
    let all = tree.view();
    let troubled = all.flatten().into_iter().filter(is_troubled).map(ActorRow::from);
    troubled.map(|row| Troubled { path: row.path, state: row.state, last_cause: row.last_cause }).collect()
}

/// One actor.
///
/// # Errors
/// [`Problem::Unknown`] names the paths that were probably meant.
pub fn show(tree: &Tree, path: &str, now: Moment) -> Result<ActorPage, Problem> {
    tree.show(path).map(|detail| ActorPage::new(detail, now)).ok_or_else(|| unknown(tree, path))
}

/// The problem with a path at which no actor is.
pub fn unknown(tree: &Tree, path: &str) -> Problem {
    let near = meant_any(&tree.near(path));
    let shown = Untrusted::new(path).line(80);
    Problem::Unknown(format!("there is no actor at `{shown}`; `actors tree` shows all{near}"))
}
