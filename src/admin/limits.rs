//! What an operator says of the breakers of platforms: isolate, release. The services put it on record.

use mm_core::action::ActionKind;
use mm_core::id::{AccountId, PlatformId};
use mm_core::rule::Pack;
use mm_core::untrusted::Untrusted;
use mm_services::platforms::Lane;
use serde_json::Value;

use super::Ops;
use super::answer::{down, reader, reason};
use crate::views::{self, Problem, Question, Reader, account, limit, meant, nearest};

/// `{"account", "kind", "reason"}`; without an account or a kind, all of them.
pub(super) async fn say(
    ops: &Ops,
    by: &str,
    platform: &str,
    verb: &str,
    body: &Value,
) -> Result<Value, Problem> {
    let reader = reader(ops).await;
    let (id, lane) = meant_lane(&reader, platform, body)?;
    match verb {
        "isolate" => {
            let reason = reason(body).ok_or_else(|| {
                Problem::Bad(
                    "to isolate needs a reason; whoever reads the record in a month will ask".to_owned(),
                )
            })?;
            known_account(&reader, platform, body)?;
            let told = ops.services.platforms.isolate(&id, &lane, &reason, by).await;
            told.map_err(|error| down(ops, &error))?.map_err(Problem::Refused)?;
        }
        "release" => {
            let told = ops.services.platforms.release(&id, &lane, by).await;
            if told.map_err(|error| down(ops, &error))?.is_empty() {
                return Err(Problem::Refused(nothing(&reader, &id, &lane)?));
            }
        }
        _ => return Err(Problem::Unknown("the limits of a platform take isolate and release".to_owned())),
    }
    let page = views::read(&reader, &Question::of(&["limits", platform]));
    page.unwrap_or_else(|| Err(Problem::Unknown(platform.to_owned())))
}

/// Who waits for room. A limiter that does not answer has lost its queue.
pub(super) async fn queue(ops: &Ops) -> Result<Value, Problem> {
    let waiting = ops.services.limiter.queue().await.map_err(|error| down(ops, &error))?;
    let views: Vec<limit::WaitingView> = waiting.into_iter().map(Into::into).collect();
    serde_json::to_value(views).map_err(|error| Problem::Failed(error.to_string()))
}

/// That nothing was released, and what holds instead.
fn nothing(reader: &Reader, id: &PlatformId, lane: &Lane) -> Result<String, Problem> {
    let held = limit::breakers(reader, Some(id.as_str()))?;
    let still: Vec<String> =
        held.iter().filter(|own| !own.is_closed()).map(limit::LaneView::sentence).collect();
    let still = if still.is_empty() { String::new() } else { format!("; {}", still.join("; ")) };
    Ok(format!("nothing of `{}` is isolated or open{still}", lane.spelt(id.as_str())))
}

/// Which lane is meant. What a rule file would have to name is refused if none does: a word that holds
/// nothing must not be taken for one that does.
fn meant_lane(reader: &Reader, platform: &str, body: &Value) -> Result<(PlatformId, Lane), Problem> {
    let pack = limit::known(reader, platform)?;
    let id = platform.parse().map_err(|bad| Problem::Bad(format!("{bad}")))?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let account: Option<AccountId> = match text("account") {
        None => None,
        Some(account) => Some(account.parse().map_err(|bad| Problem::Bad(format!("{bad}")))?),
    };
    let kind = text("kind").map(|kind| known_kind(pack, kind)).transpose()?;
    Ok((id, Lane::of(&reader.space, account.as_ref(), kind.as_ref())))
}

/// That there is the account which a lane names: a lane of none would hold nothing, and say that it does. One
/// that was removed can be released still.
fn known_account(reader: &Reader, platform: &str, body: &Value) -> Result<(), Problem> {
    let Some(account) = body.get("account").and_then(Value::as_str) else { return Ok(()) };
    match account::show(reader, platform, account) {
        Err(problem @ Problem::Unknown(_)) => Err(problem),
        // One whose rows do not open is left alone all the more.
        _ => Ok(()),
    }
}

fn known_kind(pack: &Pack, kind: &str) -> Result<ActionKind, Problem> {
    let named = || pack.rules.iter().filter_map(|rule| rule.action.as_ref()).map(ActionKind::as_str);
    if named().any(|own| own == kind) {
        return Ok(ActionKind::new(kind));
    }
    let near = meant(nearest(kind, named()));
    let shown = Untrusted::new(kind).line(64);
    Err(Problem::Unknown(format!("no rule of its platform speaks of acts of the kind `{shown}`{near}")))
}
