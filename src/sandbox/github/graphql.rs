//! GitHub's GraphQL API, as far as the own sponsors go: a small executor of queries over a made account.
//!
//! It gives the fields that are asked for and no other, and refuses what the public schema does not have, with
//! status 200 and `errors`, as GitHub does. It knows queries alone: no mutation does anything here.
//!
//! Touches nothing.

mod document;
mod world;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::message::{Request, Response};
use super::json::{answer, error};
use document::{Argument, Document, Field};

/// What the account's token must be for; the login follows, up to a dot.
const SCOPE: &str = "read:user";

/// An error as GraphQL tells it.
struct Problem {
    kind: Option<&'static str>,
    message: String,
}

impl Problem {
    fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind: Some(kind), message: message.into() }
    }

    /// Of the query's own form: these have no type.
    fn of_form(message: impl Into<String>) -> Self {
        Self { kind: None, message: message.into() }
    }

    fn told(&self) -> Response {
        let mut problem = json!({ "message": self.message, "locations": [{ "line": 1, "column": 1 }] });
        if let (Some(kind), Value::Object(fields)) = (self.kind, &mut problem) {
            fields.insert("type".to_owned(), kind.into());
        }
        // What could not be read at all has no data, not even null (spec.graphql.org, 7.1).
        match self.kind {
            Some(_) => answer(200, &json!({ "data": null, "errors": [problem] })),
            None => answer(200, &json!({ "errors": [problem] })),
        }
    }
}

/// The hourly budget is spent: GraphQL says so with status 200.
pub(super) fn spent(login: &str) -> Response {
    Problem::new("RATE_LIMITED", format!("API rate limit exceeded for user {login}.")).told()
}

/// One query. `scoped` is whether the token may read its own account.
pub(super) fn run(seed: u64, request: &Request, login: Option<&str>, scoped: bool, now_ms: i64) -> Response {
    let Some(login) = login else {
        return error(401, "This endpoint requires you to be authenticated.", "graphql");
    };
    if request.method != "POST" {
        return error(404, "Not Found", "graphql");
    }
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
        return error(400, "Problems parsing JSON", "graphql");
    };
    let variables = body.get("variables").and_then(Value::as_object).cloned().unwrap_or_default();
    let said = body
        .get("query")
        .and_then(Value::as_str)
        .ok_or_else(|| Problem::of_form("A query attribute must be specified and must be a string."));
    let done = said.and_then(|text| {
        let document = Document::parse(text).map_err(Problem::of_form)?;
        if let Some(asked) = body.get("operationName").and_then(Value::as_str)
            && document.name.as_deref() != Some(asked)
        {
            return Err(Problem::of_form(format!("No operation named \"{asked}\"")));
        }
        if !scoped {
            let why = "Your token has not been granted the required scopes to execute this query. The \
                'viewer' field requires one of the following scopes";
            return Err(Problem::new("INSUFFICIENT_SCOPES", format!("{why}: ['{SCOPE}'].")));
        }
        let root = json!({ "__typename": "Query", "viewer": world::viewer(seed, login, now_ms) });
        select(&root, &document.fields, &variables)
    });
    match done {
        Ok(data) => answer(200, &json!({ "data": data })),
        Err(problem) => problem.told(),
    }
}

/// The fields of an object that were asked for.
fn select(of: &Value, fields: &[Field], variables: &Map<String, Value>) -> Result<Value, Problem> {
    let kind = of.get("__typename").and_then(Value::as_str).unwrap_or("Query");
    let mut out = Map::new();
    for field in fields {
        if field.on.as_deref().is_some_and(|on| on != kind) {
            continue;
        }
        if field.on.is_some() {
            if let Value::Object(inner) = select(of, &field.inner, variables)? {
                out.extend(inner);
            }
            continue;
        }
        let name = field.name.as_str();
        let value = of
            .get(name)
            .ok_or_else(|| Problem::of_form(format!("Field '{name}' doesn't exist on type '{kind}'")))?;
        let arguments = values(field, variables);
        let value = match value {
            Value::Array(items) => connection(name, items, &arguments)?,
            _ if !arguments.is_empty() => {
                return Err(Problem::of_form(format!("Field '{name}' doesn't accept arguments")));
            }
            other => other.clone(),
        };
        out.insert(name.to_owned(), inner(&value, field, kind, variables)?);
    }
    Ok(Value::Object(out))
}

/// What stands under a field: a list and an object are asked further, anything else must not be.
fn inner(value: &Value, field: &Field, kind: &str, variables: &Map<String, Value>) -> Result<Value, Problem> {
    let (name, asked) = (&field.name, !field.inner.is_empty());
    match value {
        Value::Null => Ok(Value::Null),
        Value::Object(_) if asked => select(value, &field.inner, variables),
        Value::Array(items) if asked => {
            let all: Result<Vec<Value>, Problem> =
                items.iter().map(|item| select(item, &field.inner, variables)).collect();
            Ok(Value::Array(all?))
        }
        Value::Object(_) | Value::Array(_) => Err(Problem::of_form(format!(
            "Field must have selections (field '{name}' returns an object but has no selections)"
        ))),
        _ if asked => Err(Problem::of_form(format!(
            "Selections can't be made on scalars (field '{name}' of {kind} has selections)"
        ))),
        scalar => Ok(scalar.clone()),
    }
}

/// Arguments with their variables filled in; one whose variable was not given is not there.
fn values(field: &Field, variables: &Map<String, Value>) -> BTreeMap<String, Value> {
    let value = |argument: &Argument| match argument {
        Argument::Variable(name) => variables.get(name).cloned(),
        Argument::Value(value) => Some(value.clone()),
    };
    field.arguments.iter().filter_map(|(name, given)| Some((name.clone(), value(given)?))).collect()
}

/// One page of a list, with the arguments that the schema has for it.
fn connection(name: &str, items: &[Value], given: &BTreeMap<String, Value>) -> Result<Value, Problem> {
    let own: &[&str] = match name {
        "sponsorshipsAsMaintainer" => &["activeOnly", "includePrivate"],
        "sponsorsActivities" => &["period", "since", "includePrivate"],
        "tiers" => &["includeUnpublished"],
        "nodes" => return Ok(Value::Array(items.to_vec())),
        _ => &[],
    };
    if let Some(other) =
        given.keys().find(|key| !["first", "after"].contains(&key.as_str()) && !own.contains(&key.as_str()))
    {
        return Err(Problem::of_form(format!("Field '{name}' doesn't accept argument '{other}'")));
    }
    let first = given.get("first").and_then(Value::as_u64).and_then(|first| usize::try_from(first).ok());
    let Some(first) = first else {
        let why = format!(
            "You must provide a `first` or `last` value to properly paginate the `{name}` connection."
        );
        return Err(Problem::new("MISSING_PAGINATION_BOUNDARIES", why));
    };
    if first > 100 {
        let why = format!(
            "Requesting {first} records on the `{name}` connection exceeds the `first` limit of 100 records."
        );
        return Err(Problem::new("EXCESSIVE_PAGINATION", why));
    }
    let from = match given.get("after").and_then(Value::as_str) {
        None => 0,
        Some(cursor) => world::place(cursor).ok_or_else(|| {
            let why = format!("`{cursor}` does not appear to be a valid cursor.");
            Problem::new("INVALID_CURSOR_ARGUMENTS", why)
        })?,
    };
    let all: Vec<&Value> = items.iter().filter(|item| world::shows(name, item, given)).collect();
    let nodes: Vec<Value> = all.iter().skip(from).take(first).map(|item| (*item).clone()).collect();
    let (total, to) = (all.len(), from + nodes.len());
    Ok(json!({
        "__typename": "Connection",
        "totalCount": total,
        "pageInfo": {
            "__typename": "PageInfo",
            "hasNextPage": to < total,
            "endCursor": if nodes.is_empty() { Value::Null } else { world::cursor(to).into() },
        },
        "nodes": nodes,
    }))
}
