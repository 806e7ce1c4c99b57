//! What the tests of the connectors share.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]
#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::{Path, PathBuf};

use mm_sdk::json::Unreadable;
use mm_sdk::{Answer, ErrorClass, Moment};
use mm_strategies::reading::{Failed, Reading, no_words, understood};
use serde_json::Value;

/// A folder of the project's data; without it the test says aloud that it is skipped.
pub fn data(folder: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(folder);
    if folder.is_dir() {
        return Some(folder);
    }
    // Not `eprintln!`: the test harness would keep it to itself.
    let said = format_args!("SKIPPED: nothing at {}\n", folder.display());
    std::io::Write::write_fmt(&mut std::io::stderr(), said).expect("stderr takes a line");
    None
}

pub fn json_file(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub fn answer(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    Answer { status, headers: Vec::new(), body: body.into(), at: Moment::default() }
}

pub fn with_header(answer: Answer, name: &str, value: &str) -> Answer {
    let mut headers = answer.headers.clone();
    headers.push((name.to_owned(), value.to_owned()));
    Answer { headers, ..answer }
}

pub fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

/// The same with another value at a place.
pub fn with(mut value: Value, place: &str, other: Value) -> Value {
    *value.pointer_mut(place).unwrap() = other;
    value
}

/// How a connector reads an answer.
pub type Parse<T> = fn(&Answer) -> Result<T, Unreadable>;

/// What a new answer of this body says.
pub fn fresh<T: std::fmt::Debug>(body: &Value, parse: Parse<T>) -> T {
    match understood("a list", &answer(200, body.to_string()), no_words, parse) {
        Reading::Fresh(fresh) => fresh.value,
        other => panic!("{other:?}"),
    }
}

/// The class of a failure and its sentence, which must be one line and harmless.
pub fn failed<T: std::fmt::Debug>(reading: Reading<T>) -> (ErrorClass, String) {
    match reading {
        Reading::Failed(Failed { class, why, .. }) => {
            assert!(!why.chars().any(char::is_control), "{why:?}");
            assert!(why.chars().count() < 400, "{why}");
            (class, why)
        }
        other => panic!("it was taken: {other:?}"),
    }
}

/// Holds each refusal of `of`, whatever its body, against its class and its one sentence.
pub fn each_has_its_class<T: std::fmt::Debug>(
    of: &str,
    refusals: &[(u16, ErrorClass)],
    bodies: &[&str],
    read: impl Fn(&Answer) -> Reading<T>,
) {
    for (status, class) in refusals {
        for body in bodies {
            let (is, why) = failed(read(&with_header(answer(*status, *body), "retry-after", "60")));
            assert_eq!(is, *class, "{body}: {why}");
            assert!(why.starts_with(&format!("{of} answered with status {status}")), "{why}");
        }
    }
}
