//! What an owner says of opportunities. The services put it on record, with who said it and why.

use mm_core::id::{OpportunityId, Space};
use mm_core::opportunity::Decision;
use mm_core::untrusted::Untrusted;
use mm_services::books::Undecided;
use serde_json::Value;

use super::Ops;
use super::answer::{down, reader};
use crate::views::{Problem, opportunity};

/// The longest reason, in characters: half a sentence.
const REASON_CHARS_MAX: usize = 300;

/// `{"reason": TEXT}`, or nothing.
pub(super) async fn decide(
    ops: &Ops,
    by: &str,
    id: &str,
    verb: &str,
    body: &Value,
) -> Result<Value, Problem> {
    let decision = match verb {
        "accept" => Decision::Accept,
        "dismiss" => Decision::Dismiss,
        "submitted" => Decision::Submitted,
        "awarded" => Decision::Awarded,
        "paid" => Decision::Paid,
        "lost" => Decision::Lost,
        _ => {
            let why = "an opportunity takes accept, dismiss, submitted, awarded, paid and lost";
            return Err(Problem::Unknown(why.to_owned()));
        }
    };
    // What no key can be is no id either.
    let sound = !id.is_empty() && id.len() <= 512 && !id.contains('\0');
    let shown = OpportunityId::new(Untrusted::new(id).line(60));
    let unknown = || Problem::Unknown(Undecided::Unknown(shown).to_string());
    if !sound {
        return Err(unknown());
    }
    let reason = body.get("reason").and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let why = reason.map(|text| Untrusted::new(text.chars().take(REASON_CHARS_MAX).collect::<String>()));
    let (space, own) = (Space::default_owner(), OpportunityId::new(id));
    match ops.services.books.decide(&space, &own, decision, by, why).await {
        Ok(Ok(_)) => {
            let shown = opportunity::show(&reader(ops).await, id)?;
            serde_json::to_value(shown).map_err(|error| Problem::Failed(error.to_string()))
        }
        Ok(Err(Undecided::Unknown(_))) => Err(unknown()),
        Ok(Err(refused)) => Err(Problem::Refused(refused.to_string())),
        Err(error) => Err(down(ops, &error)),
    }
}
