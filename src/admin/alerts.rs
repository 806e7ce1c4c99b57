//! What an owner says of alerts.

use serde_json::Value;

use super::Ops;
use crate::views::Problem;

pub(super) async fn say(_ops: &Ops, _verb: &str, _body: &Value) -> Result<Value, Problem> {
    Err(Problem::Unknown("this is not built yet".to_owned()))
}
