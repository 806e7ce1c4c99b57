//! The working group's own tests of structured fields (RFC 9651), through the library that limits are
//! read by: an upgrade of it that reads a field otherwise shows here.
//!
//! Needs `../shared/data/structured-field-tests` and says so aloud where it is missing.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

use std::path::PathBuf;

use serde_json::{Value, json};
use sfv::{BareItem, Dictionary, Item, List, ListEntry, Parameters, Parser};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/structured-field-tests")
}

/// Base 32 of RFC 4648: how the set writes bytes.
fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::new();
    for chunk in bytes.chunks(5) {
        let mut whole = [0u8; 8];
        whole[3..3 + chunk.len()].copy_from_slice(chunk);
        let number = u64::from_be_bytes(whole);
        let used = (chunk.len() * 8).div_ceil(5);
        for place in 0..8 {
            let letter = LETTERS[(number >> (35 - 5 * place)) as usize & 31] as char;
            text.push(if place < used { letter } else { '=' });
        }
    }
    text
}

fn bare(item: &BareItem) -> Value {
    match item {
        BareItem::Integer(number) => json!(i64::from(*number)),
        BareItem::Decimal(number) => number.to_string().parse::<f64>().map(Value::from).unwrap(),
        BareItem::String(text) => json!(text.as_str()),
        BareItem::Boolean(truth) => json!(truth),
        BareItem::Token(token) => json!({ "__type": "token", "value": token.as_str() }),
        BareItem::ByteSequence(bytes) => json!({ "__type": "binary", "value": base32(bytes) }),
        BareItem::Date(date) => json!({ "__type": "date", "value": i64::from(date.unix_seconds()) }),
        BareItem::DisplayString(text) => json!({ "__type": "displaystring", "value": text }),
    }
}

fn params(params: &Parameters) -> Value {
    params.iter().map(|(key, value)| json!([key.as_str(), bare(value)])).collect()
}

fn item(item: &Item) -> Value {
    json!([bare(&item.bare_item), params(&item.params)])
}

fn entry(entry: &ListEntry) -> Value {
    match entry {
        ListEntry::Item(one) => item(one),
        ListEntry::InnerList(list) => {
            json!([list.items.iter().map(item).collect::<Vec<_>>(), params(&list.params)])
        }
    }
}

/// Numbers are compared as numbers: the set writes 1.0 where a decimal is meant.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

fn read(kind: &str, field: &str) -> Option<Value> {
    let parser = Parser::new(field);
    match kind {
        "item" => parser.parse::<Item>().ok().map(|one| item(&one)),
        "list" => parser.parse::<List>().ok().map(|list| list.iter().map(entry).collect()),
        "dictionary" => parser
            .parse::<Dictionary>()
            .ok()
            .map(|all| all.iter().map(|(key, value)| json!([key.as_str(), entry(value)])).collect()),
        other => panic!("no such field type: {other}"),
    }
}

#[test]
fn the_working_groups_set_is_read_as_it_says() {
    let folder = folder();
    let Ok(files) = std::fs::read_dir(&folder) else {
        let said = format_args!("SKIPPED: no structured field tests at {}\n", folder.display());
        return std::io::Write::write_fmt(&mut std::io::stderr(), said).unwrap();
    };
    let (mut cases, mut lenient) = (0, 0);
    for file in
        files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "json"))
    {
        let tests: Vec<Value> = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        for test in &tests {
            let raw: Vec<&str> =
                test["raw"].as_array().unwrap().iter().map(|raw| raw.as_str().unwrap()).collect();
            let got = read(test["header_type"].as_str().unwrap(), &raw.join(", "));
            let (name, flag) = (&test["name"], |flag: &str| test[flag].as_bool().unwrap_or(false));
            cases += 1;
            match got {
                _ if flag("must_fail") => assert_eq!(got, None, "{}: {name}", file.display()),
                // A parser may refuse what the set marks so.
                None if flag("can_fail") => lenient += 1,
                Some(got) => {
                    assert!(same(&got, &test["expected"]), "{}: {name}: {got}", file.display());
                }
                None => panic!("{}: {name}: not read", file.display()),
            }
        }
    }
    assert!(cases > 1_000, "only {cases} cases");
    eprintln!("{cases} cases read as the set says, {lenient} of them refused where that is allowed");
}
