//! Nonsense is refused with a place and never brings the program down; what is shown loads again.

use super::*;
use proptest::prelude::{ProptestConfig, prop, prop_assert, prop_assert_eq, proptest};

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    for (name, open) in
        [("a.toml", "x = ["), ("a.toml", "[a.b.c.d.e.f"), ("a.json", "{\"a\":"), ("a.json", "[{")]
    {
        for count in [1, 63, 64, 65, 20_000] {
            let nested = match open {
                "x = [" => format!("x = {}", "[".repeat(count)),
                "[a.b.c.d.e.f" => format!("{}=1", vec!["a"; count].join(".")),
                "[{" => format!("{{\"a\":{}", "[".repeat(count)),
                open => open.repeat(count),
            };
            let outcome = text(name, &nested);
            assert!(told(&outcome).len() < 10_000, "{}", told(&outcome).len());
            assert!(outcome.is_err());
        }
    }
}

const PIECES: &str = r#"(\{|\}|\[|\]|"|'|,|:|=|\n|\\|\\u|d83d|#|//|\.| |enabled|strategies|priority|config|limits|levels|logging|true|null|-?[0-9]{1,25}|1e9|"[a-z]{0,3}"|é|\PC){0,60}"#;

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nonsense_is_refused_with_a_place_or_taken_but_never_a_panic(nonsense in PIECES, json: bool, start in 0usize..5) {
        let prefix = ["", "{", "[strategies]\n", "{\"strategies\":{", "[logging.levels]\n"][start];
        let file = format!("{prefix}{nonsense}");
        let name = if json { "x.json" } else { "x.toml" };
        let lines = file.lines().count().max(1) + 1;
        if let Err(errors) = text(name, &file) {
            prop_assert!(!errors.0.is_empty());
            for mistake in &errors.0 {
                prop_assert!(mistake.origin.line() <= lines, "{}", mistake);
                prop_assert!(mistake.to_string().lines().count() == 1, "{}", mistake);
            }
        }
        let _ = Env::default().with_dotenv(Path::new(".env"), &file);
    }

    /// Our reader of JSON takes what serde_json takes, with the same values.
    #[test]
    fn json_is_read_as_serde_reads_it(keys in prop::collection::btree_map("[a-z]{1,4}", "[\"\\\\/\u{1}\n{}:,éa-c\u{1F600}]{0,12}", 0..5), n: i64, x in -1e9f64..1e9) {
        let mut table = serde_json::json!({"n": n, "x": x, "l": [true, null, {"i": [n]}]});
        for (key, value) in keys {
            table[key] = value.into();
        }
        let origin = Origin::Default { line: 0 };
        for written in [table.to_string(), serde_json::to_string_pretty(&table).unwrap()] {
            let (entries, mistakes) = from_json::read(&written, &origin);
            prop_assert!(mistakes.is_empty(), "{:?}", mistakes);
            let node = Node { value: Value::Table(entries), origin: origin.clone() };
            prop_assert_eq!(node.to_json(), table.clone());
        }
    }

    #[test]
    fn what_is_shown_loads_again(
        table in prop::collection::btree_map("[ a-zA-Zé\"#=_-]{1,6}", "[ -~é\u{7f}\u{1}\n]{0,12}", 0..5),
        numbers in prop::collection::vec(-1e12f64..1e12, 0..3),
    ) {
        let mut config = serde_json::json!({"list": [numbers, {"x": true}], "deep": {"int": 1}});
        for (key, value) in table {
            config["deep"][key] = value.into();
        }
        let written = serde_json::json!({"strategies": {"micro-tasks": {"config": config}}}).to_string();
        if let Ok(loaded) = text("x.json", &written) {
            let again = text("again.toml", &loaded.show_text());
            prop_assert_eq!(told(&again), "good", "{}", loaded.show_text());
            prop_assert_eq!(&again.unwrap().config.strategies["micro-tasks"].config.table, &loaded.config.strategies["micro-tasks"].config.table);
        }
    }

    #[test]
    fn any_environment_is_refused_or_taken(name in "MONEY_MACHINE_{1,2}[A-Z_]{0,20}", value in "\\PC{0,12}") {
        let _ = load(sources(&[(&name, &value)], &[("--set", &name.to_lowercase(), &value)]));
    }
}

#[test]
fn escapes_are_read_and_half_of_a_pair_is_not() {
    let origin = Origin::Default { line: 0 };
    let (entries, mistakes) = from_json::read(r#"{"a": "\ud83d\ude00\u00e9\n\/"}"#, &origin);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    assert!(matches!(&entries[0].node.value, Value::Text(text) if text == "😀é\n/"));
    for bad in [
        r#"{"a": "\ud83d"}"#,
        r#"{"a": "\ud83d\u0041"}"#,
        r#"{"a": "\x"}"#,
        r#"{"a": "\u12"#,
        r#"{"a": 01}"#,
        r#"{"a": +1}"#,
    ] {
        assert!(!from_json::read(bad, &origin).1.is_empty(), "{bad}");
    }
}
