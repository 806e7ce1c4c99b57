//! What an operator says of the audit trail: another key, and that it goes on. The service puts it on record.

use serde_json::{Value, json};

use super::Ops;
use super::answer::{down, reason};
use crate::views::Problem;

/// `{"reason"}`: a new key signs (`rotate-key`), or a trail in doubt is gone on with (`accept`).
pub(super) async fn say(ops: &Ops, by: &str, verb: &str, body: &Value) -> Result<Value, Problem> {
    let audit = &ops.services.audit;
    let why = || {
        reason(body).ok_or_else(|| {
            Problem::Bad("it needs a reason; whoever reads the record in a year will ask".to_owned())
        })
    };
    let (name, said) = match verb {
        "rotate-key" => {
            let key = audit.rotate(&why()?).await.map_err(|error| down(ops, &error))?;
            ("key", key.map(|key| key.to_string()))
        }
        "accept" => ("accepted", audit.accept(&why()?, by).await.map_err(|error| down(ops, &error))?),
        _ => return Err(Problem::Unknown("the audit trail takes rotate-key and accept".to_owned())),
    };
    // The owner is told how it stands now.
    ops.services.anchor.look();
    said.map(|said| json!({ name: said })).map_err(Problem::Refused)
}
