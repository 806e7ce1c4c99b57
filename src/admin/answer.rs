//! Questions and words in, JSON out.

use std::sync::PoisonError;
use std::time::Duration;

use mm_core::id::Space;
use mm_core::run::Trigger;
use mm_services::strategies::{NotSaid, NotStarted, Word};
use mm_supervision::CallError;
use serde_json::{Value, json};

use super::Ops;
use crate::views::{self, Anchored, Daemon, Place, Problem, Question, Reader, actor, way};

/// How long a question waits for a strategy's host before the store answers for it.
const HOST_WITHIN: Duration = Duration::from_secs(2);
/// How long an actor is asked for its status. One that takes longer is busy, and that is the answer.
const STATUS_WITHIN: Duration = Duration::from_millis(500);

/// How long a word waits for a kernel that is on its way up. Ten seconds are many times a usual start.
const STARTED_WITHIN: Duration = Duration::from_secs(10);

/// Answers one request: its method, its target (`/opportunities?state=new`), its body (null for
/// none). Gives the HTTP status and a JSON body.
pub async fn answer(ops: &Ops, method: &str, target: &str, body: &Value) -> (u16, Value) {
    answer_to(ops, "operator", method, target, body).await
}

/// Answers one request of `by`, who is put on record with what is done.
pub(super) async fn answer_to(ops: &Ops, by: &str, method: &str, target: &str, body: &Value) -> (u16, Value) {
    let (status, mut body) = match walk(ops, by, method, target, body).await {
        Ok(body) => (200, body),
        Err(Wrong::Method) => (405, json!({ "error": format!("{method} is not for `{target}`") })),
        Err(Wrong::Problem(problem)) => (problem.status(), json!({ "error": problem.to_string() })),
    };
    if let Value::Object(fields) = &mut body {
        fields.insert("stamp".to_owned(), ops.info.stamp.as_str().into());
    }
    (status, body)
}

enum Wrong {
    Method,
    Problem(Problem),
}

impl From<Problem> for Wrong {
    fn from(problem: Problem) -> Self {
        Wrong::Problem(problem)
    }
}

async fn walk(ops: &Ops, by: &str, method: &str, target: &str, body: &Value) -> Result<Value, Wrong> {
    let question = Question::parse(target)?;
    let path = question.path();
    match (method, path.as_slice()) {
        ("GET", ["config"]) => {
            let config = ops.config.read().unwrap_or_else(PoisonError::into_inner);
            Ok(json!({ "config": config.0, "text": config.1 }))
        }
        ("GET", ["queue"]) => Ok(super::limits::queue(ops).await?),
        ("GET", ["actors"]) => Ok(value(&actor::tree(tree(ops)?, ops.services.shared.now()))?),
        ("GET", ["actors", "show"]) => {
            let (tree, path) = (tree(ops)?, actor_path(&question)?);
            let page = actor::show(tree, path, ops.services.shared.now())?;
            let page = page.with_status(tree.status(path, STATUS_WITHIN).await);
            Ok(value(&aside(|| page.with_record(&ops.services.shared.store)))?)
        }
        ("GET", ["actors", "status"]) => {
            let (tree, path) = (tree(ops)?, actor_path(&question)?);
            let answer = tree.status(path, STATUS_WITHIN).await;
            let answer = answer.ok_or_else(|| actor::unknown(tree, path))?;
            Ok(value(&actor::StatusView::from(Some(answer)))?)
        }
        ("GET", ["actions", id, "way"]) => {
            let live = ops.tree.get().map(|tree| tree.hops(id)).unwrap_or_default();
            let reader = reader(ops).await;
            Ok(value(&aside(|| way::read(&reader, id, &live))?)?)
        }
        ("GET", ["accounts", "master-key"]) => Ok(super::accounts::master_asks(ops)),
        ("POST", ["accounts", "master-key"]) => Ok(super::accounts::change_master(ops, body).await?),
        ("POST", ["accounts", "recovery-key"]) => Ok(super::accounts::new_recovery(ops).await?),
        ("POST", ["accounts", "drilled"]) => Ok(super::accounts::drilled(ops, by, body).await?),
        ("POST", ["accounts", platform, name, verb]) => {
            started(ops).await?;
            Ok(super::accounts::say(ops, platform, name, verb, body).await?)
        }
        ("POST", ["earnings", "record"]) => {
            started(ops).await?;
            Ok(super::earnings::record(ops, by, body).await?)
        }
        ("POST", ["actors", verb]) => Ok(super::actors::say(ops, by, verb, body).await?),
        ("POST", ["actions", id, verb]) => Ok(super::actions::say(ops, by, id, verb, body).await?),
        ("POST", ["privacy", verb]) => Ok(aside(|| super::privacy::say(ops, by, verb, body))?),
        ("POST", ["audit", verb]) => Ok(super::audit::say(ops, by, verb, body).await?),
        ("POST", ["alerts", verb]) => Ok(super::alerts::say(ops, verb, body).await?),
        ("POST", ["strategies", name, "quarantine", verb]) => {
            Ok(super::quarantine::say(ops, name, verb, body).await?)
        }
        ("POST", ["strategies", name, verb]) => {
            started(ops).await?;
            Ok(say(ops, by, name, verb, body).await?)
        }
        ("POST", ["schedule", task, verb]) => {
            started(ops).await?;
            Ok(super::schedule::say(ops, by, task, verb, body).await?)
        }
        (_, ["schedule", _, "set" | "cancel"]) => Err(Wrong::Method),
        ("POST", ["opportunities", id, verb]) => {
            started(ops).await?;
            Ok(super::opportunities::decide(ops, by, id, verb, body).await?)
        }
        ("POST", ["approvals", id, verb]) => {
            started(ops).await?;
            Ok(super::approvals::say(ops, by, id, verb, body).await?)
        }
        ("POST", ["limits", platform, verb]) => Ok(super::limits::say(ops, by, platform, verb, body).await?),
        // All else of this form is said, and not asked.
        (_, ["strategies" | "opportunities" | "approvals" | "limits", _, last]) if *last != "quarantine" => {
            Err(Wrong::Method)
        }
        (_, _) => {
            let mut reader = reader(ops).await;
            if path == ["doctor"] {
                reader.anchored = anchored(ops).await;
            }
            let answer = aside(|| views::read(&reader, &question));
            let answer = answer.unwrap_or_else(|| Err(views::known_routes(&path)))?;
            if method == "GET" { Ok(answer) } else { Err(Wrong::Method) }
        }
    }
}

/// Waits for a kernel that is on its way up: the admin answers before the kernel hears anything.
///
/// # Errors
/// If that takes too long. A kernel that stays down is for the word itself to find out.
async fn started(ops: &Ops) -> Result<(), Problem> {
    let waited = tokio::time::timeout(STARTED_WITHIN, ops.services.kernel_started()).await;
    waited.map_err(|_| Problem::Down("the kernel is still starting; `status` says when it is up".to_owned()))
}

fn actor_path(question: &Question) -> Result<&str, Problem> {
    question.only(&["path"])?;
    question.text("path").ok_or_else(|| Problem::Bad("`path` says which actor".to_owned()))
}

/// Reads without holding up the other tasks of this thread: a long chain takes minutes to verify.
fn aside<T>(read: impl FnOnce() -> T) -> T {
    match tokio::runtime::Handle::current().runtime_flavor() {
        tokio::runtime::RuntimeFlavor::MultiThread => tokio::task::block_in_place(read),
        // Simulated: one thread, and nobody waits for it in real time.
        _ => read(),
    }
}

fn value<T: serde::Serialize>(view: &T) -> Result<Value, Problem> {
    serde_json::to_value(view).map_err(|error| Problem::Failed(error.to_string()))
}

pub(super) fn tree(ops: &Ops) -> Result<&mm_supervision::Tree, Problem> {
    ops.tree.get().ok_or_else(|| Problem::Down("the actor tree is still starting; ask again".to_owned()))
}

/// The newest anchors; they lie in a file that may be far away, and only `doctor` looks at them.
async fn anchored(ops: &Ops) -> Anchored {
    let shared = &ops.services.shared;
    Anchored::of(shared.settings().audit.anchor.is_any(), mm_services::audit::anchored(shared).await)
}

/// What the views are read from, with what the hosts say of themselves.
pub(super) async fn reader(ops: &Ops) -> Reader {
    let shared = &ops.services.shared;
    let mut strategies = Vec::new();
    for (id, installed) in &shared.settings().strategies {
        let asked = tokio::time::timeout(HOST_WITHIN, ops.services.strategies.standing(id.as_str())).await;
        let live = asked.ok().and_then(Result::ok).flatten();
        strategies.push(views::Strategy {
            about: (installed.make)().about(),
            enabled: installed.enabled,
            priority: installed.priority,
            daily_actions_max: installed.daily_actions_max,
            schedule: installed.schedule_text.clone(),
            task: installed.task.clone(),
            live,
        });
    }
    let usage = ops.services.resources.last();
    Reader {
        store: shared.store.clone(),
        now: shared.now(),
        space: Space::default_owner(),
        place: Place {
            data_dir: ops.info.data_dir.clone(),
            socket: ops.socket.clone(),
            version: ops.info.version,
        },
        strategies,
        rules: ops.rules.of(shared.rules.as_ref()),
        rules_place: shared.rules.place(),
        platforms_named: shared.settings().platform_hours.keys().cloned().collect(),
        judging: views::compliance::Judging {
            country: shared.settings().country.clone(),
            strict: shared.settings().strict,
        },
        hourly_rate: shared.settings().hourly_rate,
        daily_actions_max: Some(shared.settings().daily_actions_max),
        vault: shared.vault.clone(),
        disk_free_bytes: usage.disk_free_bytes,
        anchored: Anchored::default(),
        daemon: Some(Daemon {
            pid: ops.info.pid,
            started: ops.info.started,
            kernel_up: ops.services.kernel_is_up(),
            starting: ops.services.kernel_is_starting(),
            kernel_cause: ops.services.kernel_why(),
            resident_bytes: usage.resident_bytes,
            gates: ops.services.resources.gates(),
            waiting: ops.services.waiting_runs().iter().map(ToString::to_string).collect(),
            held: shared.held(),
            unsigned: shared.evidence.standing.unsigned(),
            troubled: ops.tree.get().map(actor::troubled).unwrap_or_default(),
        }),
    }
}

async fn say(ops: &Ops, by: &str, name: &str, verb: &str, body: &Value) -> Result<Value, Problem> {
    let strategies = &ops.services.strategies;
    if !strategies.ids().any(|id| id.as_str() == name) {
        let near = views::meant(views::nearest(name, strategies.ids().map(|id| id.as_str())));
        return Err(Problem::Unknown(format!(
            "{}{near}",
            NotStarted::Unknown(name.chars().take(64).collect())
        )));
    }
    let word = match verb {
        "run" => {
            return match strategies.start(name, Trigger::Operator).await {
                Ok(Ok(run)) => Ok(json!({ "strategy": name, "run": run.as_str() })),
                Ok(Err(not_started)) => {
                    Err(Problem::Refused(format!("`{name}` was not started: {not_started}")))
                }
                Err(error) => Err(down(ops, &error)),
            };
        }
        "pause" => Word::Pause {
            reason: reason(body).ok_or_else(|| {
                Problem::Bad("a pause needs a reason; whoever finds it paused in a month will ask".to_owned())
            })?,
            by: format!("the owner, as {by}"),
            until: super::schedule::until(&reader(ops).await, name, body)?,
        },
        "isolate" => Word::Isolate(reason(body).ok_or_else(|| {
            Problem::Bad("to isolate needs a reason; whoever reads the record in a month will ask".to_owned())
        })?),
        "resume" => Word::Resume(reason(body)),
        "enable" => Word::Enable,
        "disable" => Word::Disable,
        _ => {
            return Err(Problem::Unknown(
                "a strategy takes run, pause, isolate, resume, enable and disable".to_owned(),
            ));
        }
    };
    strategies.say(name, word).await.map_err(|error| match error {
        NotSaid::Host(error) => down(ops, &error),
        NotSaid::NeedsReason(_) => Problem::Bad(error.to_string()),
    })?;
    if matches!(verb, "enable" | "resume") {
        // It may be due at once.
        ops.services.scheduler.wake();
    }
    let state = views::read(&reader(ops).await, &Question::of(&["strategies", name]));
    state.unwrap_or_else(|| Err(Problem::Unknown(name.to_owned())))
}

/// The longest reason that is kept.
const REASON_CHARS: usize = 300;

/// Why, in one line, if it was said.
pub(super) fn reason(body: &Value) -> Option<String> {
    let given = body.get("reason").and_then(Value::as_str).unwrap_or_default();
    let line = mm_core::untrusted::Untrusted::new(given).line(REASON_CHARS);
    (!line.is_empty()).then_some(line)
}

pub(super) fn down(ops: &Ops, error: &CallError) -> Problem {
    if ops.services.kernel_is_up() {
        return Problem::Down(error.to_string());
    }
    let sentence = "the kernel is down (safe mode), so nothing can be changed; see `doctor`";
    Problem::Down(sentence.to_owned())
}
