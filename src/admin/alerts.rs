//! What an owner says of alerts: silence, unsilence, seen, test.

use std::time::Duration;

use mm_core::untrusted::Untrusted;
use mm_services::alerts::{self, Unsilenced};
use mm_services::records::SilenceRow;
use serde_json::{Value, json};

use super::Ops;
use super::answer::{down, reader};
use crate::views::{Problem, alert};

/// The longest reason that is kept.
const REASON_CHARS: usize = 300;
/// Who speaks through this door.
const OPERATOR: &str = "operator";

pub(super) async fn say(ops: &Ops, verb: &str, body: &Value) -> Result<Value, Problem> {
    match verb {
        "silence" => silence(ops, body).await,
        "unsilence" => unsilence(ops, body).await,
        "seen" => seen(ops, body).await,
        "test" => test(ops).await,
        _ => Err(Problem::Unknown("alerts take silence, unsilence, seen and test".to_owned())),
    }
}

fn text<'a>(body: &'a Value, name: &str, what: &str) -> Result<&'a str, Problem> {
    let given = body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    given.ok_or_else(|| Problem::Bad(format!("`{name}` says {what}")))
}

async fn silence(ops: &Ops, body: &Value) -> Result<Value, Problem> {
    let pattern = text(body, "pattern", "which alerts")?;
    let reason = Untrusted::new(body.get("reason").and_then(Value::as_str).unwrap_or_default());
    let reason = reason.line(REASON_CHARS);
    if reason.is_empty() {
        return Err(Problem::Bad("a silence needs a reason; in a month you will want to know it".to_owned()));
    }
    let since = ops.services.shared.now();
    let until = match body.get("for_s") {
        None | Some(Value::Null) => None,
        Some(seconds) => match seconds.as_u64() {
            Some(seconds @ 1..) => Some(since.plus(Duration::from_secs(seconds))),
            _ => return Err(Problem::Bad("`for_s` is a number of seconds above 0".to_owned())),
        },
    };
    let row = SilenceRow { reason: reason.clone(), by: OPERATOR.to_owned(), since, until };
    match ops.services.alerts.silence(pattern, row).await {
        Ok(Ok(())) => Ok(json!({
            "pattern": pattern, "reason": reason, "by": OPERATOR, "since": since.to_string(),
            "until": until.map(|at| at.to_string()),
        })),
        Ok(Err(refused)) => Err(Problem::Bad(refused.to_string())),
        Err(error) => Err(down(ops, &error)),
    }
}

async fn unsilence(ops: &Ops, body: &Value) -> Result<Value, Problem> {
    let pattern = text(body, "pattern", "which silence")?;
    match ops.services.alerts.unsilence(pattern, OPERATOR).await {
        Ok(Ok(())) => Ok(json!({ "pattern": pattern })),
        Ok(Err(unknown @ Unsilenced::Unknown(_))) => {
            let near = alert::meant_silence(&reader(ops).await, pattern);
            Err(Problem::Unknown(format!("{unknown}{near}")))
        }
        Ok(Err(refused)) => Err(Problem::Bad(refused.to_string())),
        Err(error) => Err(down(ops, &error)),
    }
}

async fn seen(ops: &Ops, body: &Value) -> Result<Value, Problem> {
    let about = match body.get("all").and_then(Value::as_bool) {
        Some(true) => None,
        _ => Some(text(body, "about", "which alert")?.to_owned()),
    };
    match ops.services.alerts.seen(about.clone()).await {
        Ok(Ok(seen)) => Ok(json!({ "about": about, "seen": seen })),
        Ok(Err(unknown)) => {
            let near = alert::meant_alert(&reader(ops).await, about.as_deref().unwrap_or_default());
            Err(Problem::Unknown(format!("{unknown}{near}")))
        }
        Err(error) => Err(down(ops, &error)),
    }
}

async fn test(ops: &Ops) -> Result<Value, Problem> {
    match alerts::test(&ops.services.shared).await {
        Ok(Some(Ok(()))) => Ok(json!({ "delivered": true })),
        Ok(Some(Err(why))) => Err(Problem::Refused(format!("the test was not delivered: {why}"))),
        Ok(None) => Err(Problem::Refused(
            "there is no command to tell you with; set `command` in [alerts] of the configuration, like \
             [\"/usr/local/bin/tell-me\"]"
                .to_owned(),
        )),
        Err(fault) => Err(Problem::Failed(fault.reason)),
    }
}
