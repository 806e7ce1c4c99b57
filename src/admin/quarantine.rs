//! What an owner says of inputs that were set aside. The services put it on record.

use mm_services::strategies::quarantine::QuarantineError;
use serde_json::Value;

use super::Ops;
use crate::exit::chain;
use crate::views::quarantine::HeldView;
use crate::views::{Problem, meant, nearest};

/// `{"input": ID}` gets one more chance (`retry`), or is shown no more (`drop`).
pub(super) async fn say(ops: &Ops, strategy: &str, verb: &str, body: &Value) -> Result<Value, Problem> {
    let input = body.get("input").and_then(Value::as_str);
    let input = input.ok_or_else(|| Problem::Bad("`input` says which".to_owned()))?;
    let strategies = &ops.services.strategies;
    let said = match verb {
        "retry" => strategies.quarantine_retry(strategy, input).await,
        "drop" => strategies.quarantine_drop(strategy, input).await,
        _ => return Err(Problem::Unknown("an input that is set aside takes retry and drop".to_owned())),
    };
    let row = said.map_err(|error| wrong(ops, strategy, input, &error))?;
    serde_json::to_value(HeldView::new(input.to_owned(), row))
        .map_err(|error| Problem::Failed(error.to_string()))
}

fn wrong(ops: &Ops, strategy: &str, input: &str, error: &QuarantineError) -> Problem {
    let strategies = &ops.services.strategies;
    let near = |names: Vec<String>, wanted: &str| meant(nearest(wanted, names.iter().map(String::as_str)));
    match error {
        QuarantineError::Unknown(_) => {
            let names = strategies.ids().map(ToString::to_string).collect();
            Problem::Unknown(format!("{}{}", chain(error), near(names, strategy)))
        }
        QuarantineError::NotHeld { .. } => {
            let held = strategies.quarantine_list(strategy).unwrap_or_default();
            let ids = held.into_iter().map(|(id, _)| id).collect();
            Problem::Unknown(format!("{}{}", chain(error), near(ids, input)))
        }
        QuarantineError::Commit(_) => Problem::Down(chain(error)),
        QuarantineError::Read(_) | QuarantineError::Change(_) => Problem::Failed(chain(error)),
    }
}
