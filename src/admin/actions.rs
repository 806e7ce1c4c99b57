//! What an owner says of an act that nobody else could say the end of. It is put on record with who said
//! it; nothing is sent.

use mm_core::id::{ActionId, Space};
use mm_services::gateway::{NotSettled, Settlement};
use serde_json::Value;

use super::Ops;
use super::answer::reason;
use crate::views::Problem;
use crate::views::action::ActivityView;

/// `{"happened": true, "reason": WHAT WAS SEEN}` settles an act that may have happened.
pub(super) async fn say(ops: &Ops, by: &str, id: &str, verb: &str, body: &Value) -> Result<Value, Problem> {
    if verb != "settle" {
        return Err(Problem::Unknown("an action takes settle".to_owned()));
    }
    let happened = body.get("happened").and_then(Value::as_bool);
    let happened = happened.ok_or_else(|| Problem::Bad("`happened` says true or false".to_owned()))?;
    let how = reason(body).ok_or_else(|| {
        Problem::Bad("to settle needs a reason: what you saw at the platform, and where".to_owned())
    })?;
    // What no key can be is no id either.
    let sound = !id.is_empty() && id.len() <= 512 && !id.contains('\0');
    let shown = mm_core::untrusted::Untrusted::new(id).line(80);
    let unknown = || Problem::Unknown(NotSettled::Unknown(ActionId::new(shown.as_str())).to_string());
    if !sound {
        return Err(unknown());
    }
    let settlement = Settlement { happened, how, by: by.to_owned() };
    for space in [Space::default_owner(), Space::machine()] {
        let settled = ops.services.settling().settle(&space, &ActionId::new(id), &settlement).await;
        match settled.map_err(|fault| Problem::Failed(fault.reason))? {
            Ok(record) => return value(&ActivityView::from(record)),
            Err(NotSettled::Unknown(_)) => {}
            Err(known) => return Err(Problem::Refused(known.to_string())),
        }
    }
    Err(unknown())
}

fn value(view: &ActivityView) -> Result<Value, Problem> {
    serde_json::to_value(view).map_err(|error| Problem::Failed(error.to_string()))
}
