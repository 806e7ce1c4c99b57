//! What an operator does to actors and their budgets.
//!
//! That it was asked for is on record before anything is done, and what came of it after: if the
//! record cannot be written, nothing is done. Both are written here, since the services may be the
//! part that is down. A word once given is carried out also when its sender does not wait.

use std::time::Duration;

use mm_core::id::Space;
use mm_services::kernel::KERNEL;
use mm_store::{Change, NewEntry};
use mm_supervision::{BudgetStore as _, CommandError, ROOT, Tree};
use serde_json::{Value, json};

use super::Ops;
use super::answer::{reason, tree};
use crate::exit::chain;
use crate::views::{Problem, actor};

/// What can be done to an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Restart,
    Stop,
    Isolate,
    Release,
    ClearBudget,
}

/// A supervisor waits for its children's starts and stops, each with a limit of its own. Who waits
/// longer is told that it goes on.
const DONE_WITHIN: Duration = Duration::from_secs(60);
/// How long a host is asked for the run of the moment.
const RUN_WITHIN: Duration = Duration::from_secs(1);
const ADMIN: &str = "admin";
/// Below this the strategies' hosts stand.
const HOSTS: &str = "kernel/strategies/";

impl Verb {
    fn parse(word: &str) -> Result<Verb, Problem> {
        Ok(match word {
            "restart" => Verb::Restart,
            "stop" => Verb::Stop,
            "isolate" => Verb::Isolate,
            "release" => Verb::Release,
            "clear-budget" => Verb::ClearBudget,
            _ => {
                let known = "an actor takes restart, stop, isolate, release and clear-budget";
                return Err(Problem::Unknown(known.to_owned()));
            }
        })
    }

    fn as_str(self) -> &'static str {
        match self {
            Verb::Restart => "restart",
            Verb::Stop => "stop",
            Verb::Isolate => "isolate",
            Verb::Release => "release",
            Verb::ClearBudget => "clear-budget",
        }
    }

    /// What the audit trail calls it once it is done.
    fn done(self) -> &'static str {
        match self {
            Verb::Restart => "operator.restarted",
            Verb::Stop => "operator.stopped",
            Verb::Isolate => "operator.isolated",
            Verb::Release => "operator.released",
            Verb::ClearBudget => "operator.budget-cleared",
        }
    }

    fn sentence(self, path: &str) -> String {
        match self {
            Verb::Restart => format!("`{path}` is restarted"),
            Verb::Stop => format!("`{path}` is stopped, until `actors restart {path}`"),
            Verb::Isolate => format!("`{path}` is put aside, until `actors release {path}`"),
            Verb::Release => format!("`{path}` is no longer put aside"),
            Verb::ClearBudget => format!("`{path}` has its whole restart budget again"),
        }
    }
}

/// One word of an operator.
#[derive(Debug, Clone)]
struct Order {
    verb: Verb,
    path: String,
    reason: Option<String>,
    by: String,
}

/// Does what was asked: `{"path", "reason"}`.
pub(super) async fn say(ops: &Ops, by: &str, verb: &str, body: &Value) -> Result<Value, Problem> {
    let verb = Verb::parse(verb)?;
    let path = body.get("path").and_then(Value::as_str);
    let path = path.ok_or_else(|| Problem::Bad("`path` says which actor".to_owned()))?;
    let order = Order { verb, path: path.to_owned(), reason: reason(body), by: by.to_owned() };
    let tree = tree(ops)?.clone();
    check(ops, &tree, &order)?;
    note(ops, "operator.asked", order.payload()).await?;
    let (working, ops) = (order.clone(), ops.clone());
    let done = tokio::spawn(async move { carry_out(&ops, &tree, &working).await });
    match tokio::time::timeout(DONE_WITHIN, done).await {
        Ok(Ok(done)) => done,
        Ok(Err(lost)) => Err(Problem::Failed(lost.to_string())),
        Err(_) => Err(Problem::Down(format!(
            "`{}` takes longer than {} s; it goes on, and `actors show {}` says how it stands",
            order.path,
            DONE_WITHIN.as_secs(),
            order.path
        ))),
    }
}

impl Order {
    fn payload(&self) -> Value {
        json!({ "verb": self.verb.as_str(), "path": self.path, "by": self.by, "reason": self.reason })
    }
}

/// What is refused, with what would be right.
fn check(ops: &Ops, tree: &Tree, order: &Order) -> Result<(), Problem> {
    let Order { verb, path, reason, .. } = order;
    let kernel_comes_back = *verb == Verb::Restart && path == KERNEL && !ops.services.kernel_is_up();
    let detail = tree.show(path);
    if detail.is_none() && !kernel_comes_back {
        return Err(actor::unknown(tree, path));
    }
    let has_budget = path == KERNEL || detail.is_some_and(|detail| detail.budget_spent.is_some());
    let refused = |sentence: &str| Err(Problem::Refused(sentence.to_owned()));
    match (verb, path.as_str()) {
        (_, ROOT) => refused("`root` is the whole daemon: stop or restart its process instead"),
        (Verb::Stop | Verb::Isolate, ADMIN) => refused(
            "`admin` is what hears this command: with it down nobody could be told to start it again; `actors restart \
             admin` is possible",
        ),
        (Verb::Isolate, KERNEL) => refused(
            "`kernel` is not put aside, since the daemon would then start without it for ever; `actors stop kernel` \
             goes into safe mode until it is restarted",
        ),
        (Verb::Isolate | Verb::ClearBudget, _) if reason.is_none() => Err(Problem::Bad(format!(
            "to {} needs a reason; whoever reads the record in a month will ask",
            verb.as_str()
        ))),
        (Verb::ClearBudget, _) if !has_budget => Err(Problem::Refused(format!(
            "`{path}` has no restart budget of its own: what is above it counts its restarts"
        ))),
        (Verb::Restart, KERNEL) if reason.is_none() => Err(Problem::Bad(
            "to restart `kernel` needs a reason (`actors restart kernel --reason WHY`): one that was down gets its \
             whole restart budget back, and its failed boots are forgotten"
                .to_owned(),
        )),
        (Verb::Stop, KERNEL) if reason.is_none() => Err(Problem::Bad(
            "to stop `kernel` is safe mode, in which nothing goes out; it needs a reason".to_owned(),
        )),
        _ => Ok(()),
    }
}

async fn carry_out(ops: &Ops, tree: &Tree, order: &Order) -> Result<Value, Problem> {
    let run = cut_off(ops, order).await;
    if (order.verb, order.path.as_str()) == (Verb::Restart, ADMIN) {
        return restart_admin(ops, tree, order).await;
    }
    let mut payload = order.payload();
    if let Err(problem) = act(ops, tree, order).await {
        payload["why"] = problem.to_string().into();
        note(ops, "operator.failed", payload).await?;
        return Err(problem);
    }
    if let Some(run) = &run {
        payload["run"] = run.as_str().into();
    }
    note(ops, order.verb.done(), payload).await?;
    let mut sentence = order.verb.sentence(&order.path);
    if let Some(run) = run {
        sentence.push_str(&format!(
            "; run {run} was cut off: what it did stays on record, and it is taken up when its host is back"
        ));
    }
    let state = tree.show(&order.path).and_then(|detail| serde_json::to_value(detail.view.state).ok());
    Ok(json!({ "path": order.path, "verb": order.verb.as_str(), "state": state, "done": sentence }))
}

async fn act(ops: &Ops, tree: &Tree, order: &Order) -> Result<(), Problem> {
    let (services, path) = (&ops.services, order.path.as_str());
    let reason = order.reason.as_deref().unwrap_or("no reason was given");
    let done = match order.verb {
        Verb::Restart if path == KERNEL && !services.kernel_is_up() => {
            let started = services.start_kernel_by_operator(reason).await;
            return started.map_err(|error| Problem::Refused(chain(&error)));
        }
        // One that is up keeps count of it too.
        Verb::ClearBudget if path == KERNEL && !services.kernel_is_up() => {
            let cleared = services.budgets().give_back(path).await;
            return cleared.map_err(|error| Problem::Down(chain(&error)));
        }
        Verb::Restart => tree.restart(path).await,
        Verb::Stop => tree.stop(path).await,
        Verb::Isolate => tree.isolate(path, reason).await,
        Verb::Release => tree.release(path).await,
        Verb::ClearBudget => tree.clear(path).await,
    };
    done.map_err(|error| match error {
        CommandError::Unknown { .. } => actor::unknown(tree, path),
        CommandError::Unreachable(_) => Problem::Down(chain(&error)),
        _ => Problem::Refused(chain(&error)),
    })?;
    if (order.verb, path) == (Verb::Stop, KERNEL) {
        services.kernel_was_stopped(reason);
    }
    Ok(())
}

/// The admin is restarted after it has answered: it cannot answer while it stops.
async fn restart_admin(ops: &Ops, tree: &Tree, order: &Order) -> Result<Value, Problem> {
    let (ops, tree, order) = (ops.clone(), tree.clone(), order.clone());
    let answer = json!({ "path": ADMIN, "verb": order.verb.as_str(), "done": "`admin` is being restarted" });
    tokio::spawn(async move {
        let (mut payload, mut kind) = (order.payload(), order.verb.done());
        if let Err(problem) = act(&ops, &tree, &order).await {
            (payload["why"], kind) = (problem.to_string().into(), "operator.failed");
        }
        if let Err(problem) = note(&ops, kind, payload).await {
            tracing::error!(%problem, "what came of an operator's word is not on record");
        }
    });
    Ok(answer)
}

/// The run that ends with a strategy's host, if one is under way.
async fn cut_off(ops: &Ops, order: &Order) -> Option<String> {
    if !matches!(order.verb, Verb::Restart | Verb::Stop | Verb::Isolate) {
        return None;
    }
    let (_, strategy) = order.path.strip_prefix(HOSTS)?.split_once('/')?;
    let asked = tokio::time::timeout(RUN_WITHIN, ops.services.strategies.standing(strategy)).await;
    Some(asked.ok()?.ok()??.running?.to_string())
}

/// Puts it on record.
///
/// # Errors
/// If the store refuses; then nothing may be done.
pub(super) async fn note(ops: &Ops, kind: &str, payload: Value) -> Result<(), Problem> {
    let shared = &ops.services.shared;
    let failed = |error: &(dyn std::error::Error + 'static)| {
        Problem::Down(format!("it could not be put on record, so it is not done: {}", chain(error)))
    };
    let entry = NewEntry::new(shared.now(), &Space::machine(), kind, &payload).map_err(|e| failed(&e))?;
    shared.store.commit(Change::new().audit(entry)).await.map_err(|e| failed(&e)).map(drop)
}
