//! What an operator says of somebody's data: erase it. Reading it is a view.

use mm_services::privacy::{Subject, erase};
use serde_json::Value;

use super::Ops;
use crate::views::Problem;

/// `{"subject": TEXT}`: erases what is stored about it (`erase`). It reads the whole store, on this thread.
pub(super) fn say(ops: &Ops, by: &str, verb: &str, body: &Value) -> Result<Value, Problem> {
    if verb != "erase" {
        return Err(Problem::Unknown("what is stored about somebody takes erase".to_owned()));
    }
    let text = body.get("subject").and_then(Value::as_str).unwrap_or_default();
    let subject = Subject::parse(text).map_err(|bad| Problem::Bad(bad.to_string()))?;
    let erased = erase(&ops.services.shared, &subject, by).map_err(|fault| Problem::Failed(fault.reason))?;
    serde_json::to_value(erased).map_err(|error| Problem::Failed(error.to_string()))
}
