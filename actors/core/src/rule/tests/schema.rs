//! The schema that editors are given knows the keys that the parser knows, and no others.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::*;
use super::parse;

const SCHEMA: &str = include_str!("../../../../../config/rules/pack.schema.json");

/// A file with a key in every table that nothing is like, so that the parser lists those it knows.
const ODD: &str = r#"
qqqqqqqqqqqqqqqq = 1
[pack]
qqqqqqqqqqqqqqqq = 1
[[rule]]
qqqqqqqqqqqqqqqq = 1
[rule.conditions]
qqqqqqqqqqqqqqqq = 1
[rule.conditions.text]
qqqqqqqqqqqqqqqq = 1
[rule.obligations]
qqqqqqqqqqqqqqqq = 1
[[limit]]
qqqqqqqqqqqqqqqq = 1
[[content]]
qqqqqqqqqqqqqqqq = 1
[[example]]
qqqqqqqqqqqqqqqq = 1
"#;

type Keys = BTreeMap<String, BTreeSet<String>>;

/// The keys of each table, as the parser tells them.
fn of_the_parser() -> Keys {
    let mut keys = Keys::new();
    for error in parse(&[("demo.toml", ODD)]).unwrap_err() {
        let Some((_, known)) = error.sentence.split_once("; the keys are ") else { continue };
        let table = error.key.rsplit_once('.').map_or("", |(table, _)| table).to_owned();
        keys.insert(table, known.split(", ").map(str::to_owned).collect());
    }
    keys
}

/// The keys of each table, as the schema lists them. Tables with names of the file's own have none.
fn of_the_schema(at: &str, table: &Value, keys: &mut Keys) {
    let table = table.get("items").unwrap_or(table);
    let Some(properties) = table.get("properties").and_then(Value::as_object) else { return };
    assert_eq!(table["additionalProperties"], false, "`{at}` takes what the parser refuses");
    keys.insert(at.to_owned(), properties.keys().cloned().collect());
    for (key, property) in properties {
        let below = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
        of_the_schema(&below, property, keys);
    }
    let required = table.get("required").and_then(Value::as_array).into_iter().flatten();
    assert!(required.into_iter().all(|key| properties.contains_key(key.as_str().unwrap())), "{at}");
}

#[test]
fn the_schema_and_the_parser_know_the_same_keys() {
    let mut keys = Keys::new();
    of_the_schema("", &serde_json::from_str(SCHEMA).unwrap(), &mut keys);
    assert_eq!(of_the_parser(), keys);
}

/// What the schema requires, the parser misses where it is not there.
#[test]
fn what_the_schema_requires_the_parser_requires() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let errors = parse(&[("demo.toml", ODD)]).unwrap_err();
    for table in ["pack", "rule", "limit", "content", "example"] {
        let own = &schema["properties"][table];
        let required = own.get("items").unwrap_or(own)["required"].as_array().unwrap();
        for key in required.iter().map(|key| format!("{table}.{}", key.as_str().unwrap())) {
            assert!(errors.iter().any(|error| error.key == key), "{key} may be left out");
        }
    }
}

#[test]
fn every_word_of_the_schema_is_one_of_the_engine() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let words = |path: &str| -> Vec<String> {
        let list = schema.pointer(path).and_then(Value::as_array).unwrap();
        list.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let rule = "/properties/rule/items/properties";
    assert_eq!(words(&format!("{rule}/verdict/enum")), ["permit", "ask", "forbid"].map(str::to_owned));
    for word in words(&format!("{rule}/conditions/properties/automation/oneOf/0/enum")) {
        assert!(Automation::from_text(&word).is_some(), "{word}");
    }
    for word in words("/properties/content/items/properties/format/enum") {
        assert!(Format::from_text(&word).is_some(), "{word}");
    }
    for word in words("/properties/limit/items/properties/scope/enum") {
        assert!(LimitScope::from_text(&word).is_some(), "{word}");
    }
}
