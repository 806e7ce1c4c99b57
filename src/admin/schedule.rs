//! What an owner says of schedules: set, cancel. The strategy's host puts it on record.

use mm_core::moment::Moment;
use mm_core::schedule::{Schedule, When, parse_span};
use mm_services::strategies::Plan;
use serde_json::Value;

use super::Ops;
use super::answer::{down, reader};
use crate::views::schedule::planned;
use crate::views::{self, Problem, Question, Reader};

/// `set` takes `{"schedule", "timezone", "missed", …}` as texts, or `{"default": true}`; `cancel` nothing.
pub(super) async fn say(ops: &Ops, by: &str, task: &str, verb: &str, body: &Value) -> Result<Value, Problem> {
    let reader = reader(ops).await;
    let plan = match verb {
        "set" => match planned(&reader, task, &said(task, body)?)? {
            Some(task) => Plan::Set(task),
            None => Plan::AsConfigured,
        },
        "cancel" => {
            // Unknown before it is said of nothing.
            views::schedule::known(&reader, task)?;
            Plan::Cancel
        }
        _ => return Err(Problem::Unknown("a schedule takes set and cancel".to_owned())),
    };
    let told = ops.services.strategies.plan(task, plan, by).await.map_err(|error| down(ops, &error))?;
    told.map_err(|refused| Problem::Refused(refused.to_string()))?;
    ops.services.scheduler.wake();
    let page = views::read(&self::reader(ops).await, &Question::of(&["schedule", task]));
    page.unwrap_or_else(|| Err(Problem::Unknown(task.to_owned())))
}

/// The fields of a body as a question holds them.
fn said(task: &str, body: &Value) -> Result<Question, Problem> {
    let mut question = Question::of(&["schedule", task, "preview"]);
    for (name, value) in body.as_object().into_iter().flatten() {
        question = match value {
            Value::Null | Value::Bool(false) => question,
            Value::Bool(true) => question.with(name, Some(true)),
            Value::Number(number) => question.with(name, Some(number)),
            Value::String(text) => question.with(name, Some(text)),
            _ => return Err(Problem::Bad(format!("`{}` is a text", line(name)))),
        };
    }
    Ok(question)
}

fn line(text: &str) -> String {
    mm_core::untrusted::Untrusted::new(text).line(60)
}

/// When a pause ends by itself: `{"until": TIME}` by the task's clock or with an offset, or `{"for": SPAN}`.
///
/// # Errors
/// If it is no time to come.
pub(super) fn until(reader: &Reader, task: &str, body: &Value) -> Result<Option<Moment>, Problem> {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let until = match (text("until"), text("for")) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(Problem::Bad("say `until` or `for`, not both".to_owned())),
        (None, Some(span)) => {
            let span = parse_span(span).map_err(|bad| Problem::Bad(bad.to_string()))?;
            reader.now.plus(span)
        }
        (Some(text), None) => moment(&views::schedule::clock_of(reader, task)?, text)?,
    };
    if until <= reader.now {
        return Err(Problem::Bad(format!("{until} is over; a pause ends at a time to come")));
    }
    Ok(Some(until))
}

fn moment(schedule: &Schedule, text: &str) -> Result<Moment, Problem> {
    let asked = schedule.when(text).map_err(|bad| Problem::Bad(bad.to_string()))?;
    match asked.when {
        When::Once(at) => Ok(at),
        When::Never { end, .. } => Ok(end),
        When::Twice(first, second) => Err(Problem::Bad(format!(
            "the clocks of {} show `{}` twice; say {first} or {second}",
            schedule.zone(),
            line(text)
        ))),
    }
}
