//! Every class of mistake, as its owner sees it; the two shapes; who wins; and nonsense.

use super::*;
use expect_test::{Expect, expect};
use proptest::prelude::{ProptestConfig, prop, prop_assert, prop_assert_eq, proptest};

const INSTALLED: &[&str] = &["bug-bounty", "micro-tasks"];

/// Stands in for the scheduler's parser.
fn schedule(text: &str) -> Result<(), String> {
    let fields = text.split(' ').count();
    match text {
        _ if text.starts_with("every ") || text.starts_with('@') => Ok(()),
        _ if fields == 5 || fields == 6 => Ok(()),
        _ => Err(format!("it has {fields} fields")),
    }
}

fn sources(env: &[(&str, &str)], flags: &[(&str, &str, &str)]) -> Sources<'static> {
    Sources {
        file: None,
        env: Env::new(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))),
        flags: flags
            .iter()
            .fold(Overrides::default(), |all, (flag, key, value)| all.with(flag, key, Some(*value))),
        installed: INSTALLED,
        check_schedule: schedule,
    }
}

fn text(name: &str, text: &str) -> Result<Loaded, ConfigErrors> {
    lay(&sources(&[], &[]), Some((Path::new(name), Ok(text.to_owned()))))
}

fn told(outcome: &Result<Loaded, ConfigErrors>) -> String {
    match outcome {
        Err(errors) => errors.to_string(),
        Ok(loaded) if loaded.warnings.is_empty() => "good".to_owned(),
        Ok(loaded) => loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

fn check(name: &str, file: &str, expected: Expect) {
    expected.assert_eq(&told(&text(name, file)));
}

fn check_env(env: &[(&str, &str)], flags: &[(&str, &str, &str)], expected: Expect) {
    expected.assert_eq(&told(&load(sources(env, flags))));
}

// === mistakes ===

#[test]
fn every_mistake_is_told_at_once_with_its_line() {
    check(
        "my.toml",
        r#"
            enviroment = "production"
            log_level = "debug"
            [user]
            email = "nobody"
            location = "UK"
            timezone = "New_York"
            [limits]
            max_daily_action = 10
            max_concurrent_strategies = 0
            [complience]
            strict_mode = true
            [monitoring]
            metrics_interval_ms = "60000"
            log_level = "warning"
            [logging]
            format = "xml"
            file = "true"
            rotation = 3
            [logging.levels]
            "a b" = "info"
            ractor = "loud"
            [store]
            cache_mib = 99999999999999999999
            [zebra]
            x = 1
        "#,
        expect![[r#"
            the configuration has 17 mistakes
              my.toml:2: `enviroment` is not known; at the top there are environment, user, limits, compliance, monitoring, logging, store, strategies; did you mean `environment`?
              my.toml:3: `log_level` is not known; at the top there are environment, user, limits, compliance, monitoring, logging, store, strategies; did you mean `monitoring.log_level`?
              my.toml:5: `user.email` is `"nobody"`, which is no e-mail address; write an address like "you@example.org", or "" for none
              my.toml:6: `user.location` is `"UK"`, which is no country code; write the two capitals of ISO 3166-1, like "DE" or "US", or "" for none; did you mean `GB`?
              my.toml:7: `user.timezone` is `"New_York"`, which is no time zone; write a name of the IANA time zone database, like "Europe/Berlin"; did you mean `America/New_York`?
              my.toml:9: `limits.max_daily_action` is not known; in `limits` there are max_daily_actions, max_concurrent_strategies; did you mean `max_daily_actions`?
              my.toml:10: `limits.max_concurrent_strategies` is 0, which is too small; write a whole number from 1 to 64
              my.toml:11: `complience` is not known; at the top there are environment, user, limits, compliance, monitoring, logging, store, strategies; did you mean `compliance`?
              my.toml:14: `monitoring.metrics_interval_ms` is the text `"60000"`; write a whole number from 1000 to 86400000, without quotes
              my.toml:15: `monitoring.log_level` is `"warning"`; write one of "off", "error", "warn", "info", "debug", "trace"; did you mean `warn`?
              my.toml:17: `logging.format` is `"xml"`; write one of "text", "json"
              my.toml:18: `logging.file` is the text `"true"`; write true without quotes
              my.toml:19: `logging.rotation` is `3`, but should be a section; write `[logging.rotation]` and its keys below
              my.toml:21: `logging.levels.a b` is no name of a module; write a module's path, like "mm_core::limit" = "debug"
              my.toml:22: `logging.levels.ractor` is `"loud"`; write one of "off", "error", "warn", "info", "debug", "trace"
              my.toml:24: `store.cache_mib` is `99999999999999999999`; write a whole number from 1 to 4096
              my.toml:25: `zebra` is not known; at the top there are environment, user, limits, compliance, monitoring, logging, store, strategies"#]],
    );
}

#[test]
fn a_strategy_may_be_wrong_in_many_ways() {
    check(
        "my.toml",
        r#"
            [strategies.bug-bounty]
            enabled = 1
            priority = 0
            schedule = "now and then"
            prioritty = 2
            [strategies."no good"]
            [strategies.x]
            config = 3
            [strategies.y.config]
            since = 2026-01-01
        "#,
        expect![[r#"
            the configuration has 7 mistakes
              my.toml:3: `strategies.bug-bounty.enabled` is `1`; write true or false
              my.toml:4: `strategies.bug-bounty.priority` is 0, which is too small; write a whole number from 1 to 1000
              my.toml:5: `strategies.bug-bounty.schedule` is `"now and then"`, which is no schedule: it has 3 fields; write "every 30m", "@hourly", "@daily", or a cron expression of 5 or 6 fields
              my.toml:6: `strategies.bug-bounty.prioritty` is not known; in `strategies.bug-bounty` there are enabled, priority, schedule, config; did you mean `priority`?
              my.toml:7: `strategies.no good` is no name of a strategy; a strategy's name has at most 64 letters, digits, `-` and `_`
              my.toml:9: `strategies.x.config` is `3`, but should be a section; write `[strategies.x.config]` and its keys below
              my.toml:11: `strategies.y.config.since` is a date or a number too large; write it as a text in quotes"#]],
    );
    check(
        "my.toml",
        "[strategies]\nbug-bounty = true\nenabled = 'bug-bounty'\npriority = 1",
        expect![[r#"
        the configuration has 3 mistakes
          my.toml:2: `strategies.bug-bounty` is `true`, but should be a section; write `[strategies.bug-bounty]` and its keys below
          my.toml:3: `strategies.enabled` is `"bug-bounty"`; write a list of strategies, ["bug-bounty"], or `[strategies.bug-bounty]` with `enabled = true`
          my.toml:4: `strategies.priority` is `1`, but should be a section; write `[strategies.priority]` and its keys below"#]],
    );
}

#[test]
fn acting_without_a_verdict_cannot_be_configured() {
    check(
        "my.toml",
        "[compliance]\ncheck_before_action = false",
        expect![[r#"
        the configuration has a mistake
          my.toml:2: `compliance.check_before_action` is false, but there is no action without a verdict; write true or leave it out"#]],
    );
    check(
        "my.json",
        r#"{"compliance": {"checkBeforeAction": false}}"#,
        expect![[r#"
        the configuration has a mistake
          my.json:1: `compliance.check_before_action` is false, but there is no action without a verdict; write true or leave it out"#]],
    );
    check_env(
        &[("MONEY_MACHINE__COMPLIANCE__CHECK_BEFORE_ACTION", "false")],
        &[],
        expect![[r#"
        the configuration has a mistake
          MONEY_MACHINE__COMPLIANCE__CHECK_BEFORE_ACTION: `compliance.check_before_action` is false, but there is no action without a verdict; write true or leave it out"#]],
    );
}

#[test]
fn syntax_mistakes_hide_neither_each_other_nor_the_rest() {
    check(
        "my.toml",
        "[limits]\nmax_daily_actions = many\nmax_daily_actions = 3\n[user]\nemail = 'x@y.example\n[store]\ncache = 4\n",
        expect![[r#"
            the configuration has 4 mistakes
              my.toml:2: `limits.max_daily_actions` has a text without quotes; put "…" around it
              my.toml:3: `limits.max_daily_actions` is given twice; keep one of the two
              my.toml:5: `user.email` does not read as TOML: invalid literal string, expected `'`; write `key = value` under a `[section]`
              my.toml:7: `store.cache` is not known; in `store` there are cache_mib; did you mean `cache_mib`?"#]],
    );
    check(
        "my.toml",
        "[user]\n[user]\nlocation 'DE'\n",
        expect![[r#"
            the configuration has 2 mistakes
              my.toml:2: `user` is given twice; keep one of the two
              my.toml:3: does not read as TOML: key with no value, expected `=`; write `key = value` under a `[section]`"#]],
    );
    check(
        "my.json",
        "{\n  \"limits\": {\"maxDailyActions\": many,\n  \"max_concurrent\": 3\n  }\n  user: {},\n  \"store\": {\"cache_mib\" 4}\n",
        expect![[r#"
            the configuration has 6 mistakes
              my.json:2: `limits.maxDailyActions` has the bare word `many`; write a text in quotes, a number, true or false
              my.json:3: `limits.max_concurrent` is not known; in `limits` there are max_daily_actions, max_concurrent_strategies; did you mean `max_concurrent_strategies`?
              my.json:4: has no comma after a value; write a comma between items
              my.json:5: has the key `user` without quotes; write `"user"`
              my.json:6: `store` has no `:` after the key `cache_mib`; write `"key": value`
              my.json:6: ends inside an object; close every `{` with `}`"#]],
    );
    check(
        "my.json",
        "[1, 2]",
        expect![[r#"
        the configuration has a mistake
          my.json:1: does not begin with `{`; write the whole configuration as one object `{ … }`"#]],
    );
    check(
        "my.json",
        "{} {}",
        expect![[r#"
        the configuration has a mistake
          my.json:1: goes on after its closing `}`; keep one object in the file"#]],
    );
    check(
        "my.json",
        "",
        expect![[r#"
        the configuration has a mistake
          my.json:1: does not begin with `{`; write the whole configuration as one object `{ … }`"#]],
    );
}

#[test]
fn nothing_may_be_said_twice() {
    check(
        "my.toml",
        "[limits]\nmax_daily_actions = 1\nmaxDailyActions = 2",
        expect![[r#"
        the configuration has a mistake
          my.toml:3: `limits.maxDailyActions` is given twice: here and as `max_daily_actions` at my.toml:2; keep one of the two"#]],
    );
    check(
        "my.json",
        "{\"limits\": {\n\"max_daily_actions\": 1,\n\"max_daily_actions\": 2},\n\"strategies\": {\"a\": {\"enabled\": true,\n\"enabled\": true}},\n\"limits\": {}}",
        expect![[r#"
            the configuration has 3 mistakes
              my.json:3: `limits.max_daily_actions` is given twice; keep one of the two
              my.json:5: `strategies.a.enabled` is given twice; keep one of the two
              my.json:6: `limits` is given twice; keep one of the two"#]],
    );
    check(
        "my.toml",
        "[strategies]\nenabled = ['bug-bounty', 'bug-bounty', 3]\npriority.bug-bounty = 2\n[strategies.bug-bounty]\nenabled = false\npriority = 3",
        expect![[r#"
            the configuration has 4 mistakes
              my.toml:2: `strategies.enabled` names `bug-bounty` twice; keep one of the two
              my.toml:2: `strategies.enabled` holds `3`; write the names of strategies in quotes
              my.toml:5: `strategies.bug-bounty.enabled` is given twice: here and in `strategies.enabled`; keep one of the two
              my.toml:6: `strategies.bug-bounty.priority` is given twice: here and in `strategies.priority`; keep one of the two"#]],
    );
    check_env(
        &[("MONEY_MACHINE_LOG_LEVEL", "info"), ("MONEY_MACHINE__MONITORING__LOG_LEVEL", "warn")],
        &[("--log-level", "monitoring.log_level", "info"), ("--set", "monitoring.log_level", "warn")],
        expect![[r#"
            the configuration has 2 mistakes
              MONEY_MACHINE__MONITORING__LOG_LEVEL: sets `monitoring.log_level`, which MONEY_MACHINE_LOG_LEVEL sets already; keep one of the two
              --set: sets `monitoring.log_level`, which --log-level sets already; keep one of the two"#]],
    );
}

#[test]
fn credentials_are_refused_and_never_printed() {
    let toml = r#"
        api_key = "CANARY"
        [user]
        password = "CANARY"
        email = "https://me:CANARY@x.example"
        [accounts.github]
        credentials = "CANARY"
        [strategies.bug-bounty]
        githubToken = "CANARY"
        [strategies.bug-bounty.config]
        max_tokens = 5
        token = "CANARY"
        deep.list = [{ client_secret = "CANARY" }, "ghp_CANARYCANARYCANARY0"]
        note = "Bearer CANARY-123456"
    "#;
    check(
        "my.toml",
        toml,
        expect![[r#"
            the configuration has 9 mistakes
              my.toml:2: `api_key` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
              my.toml:4: `user.password` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
              my.toml:5: `user.email` is `"https://[masked]@x.example"`, which is no e-mail address; write an address like "you@example.org", or "" for none
              my.toml:6: `accounts` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
              my.toml:9: `strategies.bug-bounty.githubToken` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
              my.toml:12: `strategies.bug-bounty.config.token` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
              my.toml:13: `strategies.bug-bounty.config.deep.list.client_secret` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
              my.toml:13: `strategies.bug-bounty.config.deep.list` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
              my.toml:14: `strategies.bug-bounty.config.note` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not"#]],
    );
    let env = [
        ("MONEY_MACHINE_GITHUB_TOKEN", "CANARY"),
        ("MONEY_MACHINE__USER__API_KEY", "CANARY"),
        ("MONEY_MACHINE_NOTE", "ghp_CANARYCANARYCANARY0"),
        ("MONEY_MACHINE__STRATEGIES__BUG_BOUNTY__CONFIG__PASSWORD", "CANARY"),
    ];
    check_env(
        &env,
        &[],
        expect![[r#"
        the configuration has 4 mistakes
          MONEY_MACHINE_GITHUB_TOKEN: has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
          MONEY_MACHINE_NOTE: has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
          MONEY_MACHINE__STRATEGIES__BUG_BOUNTY__CONFIG__PASSWORD: `strategies.bug-bounty.config.password` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
          MONEY_MACHINE__USER__API_KEY: `user.api_key` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not"#]],
    );
    for all in [told(&text("my.toml", toml)), told(&load(sources(&env, &[])))] {
        assert!(!all.contains("CANARY") && all.contains("use `account add`"), "{all}");
    }
}

#[test]
fn variables_and_flags_are_checked_like_the_file() {
    check_env(
        &[
            ("MONEY_MACHINE_ENV", "prod"),
            ("MONEY_MACHINE_LOG_LEVEL", "LOUD"),
            ("MONEY_MACHINE_MAX_CONCURENT", "3"),
            ("MONEY_MACHINE_MAX_CONCURRENT", "three"),
            ("MONEY_MACHINE__LIMITS__MAX_DAILY", "3"),
            ("MONEY_MACHINE__LIMITS", "3"),
            ("MONEY_MACHINE____X", "3"),
            ("MONEY_MACHINE_TEST_ANYTHING", "is left to tests"),
            ("PATH", "/bin"),
        ],
        &[("--max-concurrent", "limits.max_concurrent_strategies", "65"), ("--set", "limit.max", "1")],
        expect![[r#"
            the configuration has 9 mistakes
              MONEY_MACHINE_MAX_CONCURENT: is not known; there are MONEY_MACHINE_ENV, MONEY_MACHINE_LOG_LEVEL, MONEY_MACHINE_MAX_CONCURRENT, MONEY_MACHINE_DATA_DIR and MONEY_MACHINE__SECTION__KEY; did you mean `MONEY_MACHINE_MAX_CONCURRENT`?
              MONEY_MACHINE__LIMITS: sets `limits`, which MONEY_MACHINE_MAX_CONCURRENT sets already; keep one of the two
              MONEY_MACHINE____X: is not known; there are MONEY_MACHINE_ENV, MONEY_MACHINE_LOG_LEVEL, MONEY_MACHINE_MAX_CONCURRENT, MONEY_MACHINE_DATA_DIR and MONEY_MACHINE__SECTION__KEY; did you mean `MONEY_MACHINE_ENV`?
              MONEY_MACHINE_ENV: `environment` is `prod`; write one of "production", "development", "test"; did you mean `production`?
              MONEY_MACHINE_LOG_LEVEL: `monitoring.log_level` is `LOUD`; write one of "off", "error", "warn", "info", "debug", "trace"
              MONEY_MACHINE_MAX_CONCURRENT: `limits.max_concurrent_strategies` is `three`; write a whole number from 1 to 64
              MONEY_MACHINE__LIMITS__MAX_DAILY: `limits.max_daily` is not known; in `limits` there are max_daily_actions, max_concurrent_strategies; did you mean `max_daily_actions`?
              --max-concurrent: `limits.max_concurrent_strategies` is 65, which is too large; write a whole number from 1 to 64
              --set: `limit` is not known; at the top there are environment, user, limits, compliance, monitoring, logging, store, strategies; did you mean `limits`?"#]],
    );
}

#[test]
fn a_dotenv_file_is_checked_by_line() {
    let env = Env::default().with_dotenv(
        Path::new(".env"),
        "# remark\nOTHER=secret\nMONEY_MACHINE_LOG_LEVEL=loud\nnonsense\nexport MONEY_MACHINE_ENV=\"test\nMONEY_MACHINE_LOG_LEVEL=info\nMONEY_MACHINE_X=1\n",
    );
    expect![[r#"
        the configuration has 5 mistakes
          .env:4: has no `=`; write `NAME=value`
          .env:5 MONEY_MACHINE_ENV: has quotes that do not end; close the quotes on the same line
          .env:6 MONEY_MACHINE_LOG_LEVEL: is given twice: here and on line 3; keep one of the two
          .env:7 MONEY_MACHINE_X: is not known; there are MONEY_MACHINE_ENV, MONEY_MACHINE_LOG_LEVEL, MONEY_MACHINE_MAX_CONCURRENT, MONEY_MACHINE_DATA_DIR and MONEY_MACHINE__SECTION__KEY; did you mean `MONEY_MACHINE_ENV`?
          .env:3 MONEY_MACHINE_LOG_LEVEL: `monitoring.log_level` is `loud`; write one of "off", "error", "warn", "info", "debug", "trace""#]].assert_eq(&told(&load(Sources { env, ..sources(&[], &[]) })));
}

#[test]
fn files_that_cannot_be_read_are_mistakes_among_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("latin1.toml"), b"# ok\n[user]\nemail = 'b\xfcro@x.example'").unwrap();
    std::fs::write(at("large.toml"), vec![b'#'; (1 << 20) + 1]).unwrap();
    let mut all = String::new();
    for name in ["missing.toml", "", "latin1.toml", "large.toml"] {
        let flags = Overrides::default().with("--log-level", "monitoring.log_level", Some("x"));
        let outcome = load(Sources { file: Some(at(name)), flags, ..sources(&[], &[]) });
        all += &told(&outcome).replace(&*dir.path().to_string_lossy(), "DIR");
        all.push('\n');
    }
    expect![[r#"
        the configuration has 2 mistakes
          DIR/missing.toml: could not be read (no such file or directory); name a file that is there; `config init` makes one
          --log-level: `monitoring.log_level` is `x`; write one of "off", "error", "warn", "info", "debug", "trace"
        the configuration has 2 mistakes
          DIR/: could not be read (is a directory); make it a file this user may read
          --log-level: `monitoring.log_level` is `x`; write one of "off", "error", "warn", "info", "debug", "trace"
        the configuration has 2 mistakes
          DIR/latin1.toml:3: has bytes that are no UTF-8; save the file as UTF-8
          --log-level: `monitoring.log_level` is `x`; write one of "off", "error", "warn", "info", "debug", "trace"
        the configuration has 2 mistakes
          DIR/large.toml: is larger than 1 MiB; name a configuration file
          --log-level: `monitoring.log_level` is `x`; write one of "off", "error", "warn", "info", "debug", "trace"
    "#]].assert_eq(&all);
    let env = read_dotenv(Env::default(), &at("none.env"));
    assert_eq!(told(&load(Sources { env, ..sources(&[], &[]) })), "good");
    let env = read_dotenv(Env::default(), dir.path());
    assert!(told(&load(Sources { env, ..sources(&[], &[]) })).contains("could not be read"));
}

#[test]
fn a_mistake_is_an_object_too() {
    let errors = text("my.toml", "[limits]\nmax_daily = 1").unwrap_err();
    let json: Vec<serde_json::Value> = errors.0.iter().map(Mistake::to_json).collect();
    expect![[r#"
        [
          {
            "key": "limits.max_daily",
            "nearest": "max_daily_actions",
            "origin": {
              "line": 2,
              "path": "my.toml",
              "source": "file"
            },
            "right": "in `limits` there are max_daily_actions, max_concurrent_strategies",
            "wrong": "is not known"
          }
        ]"#]]
    .assert_eq(&serde_json::to_string_pretty(&json).unwrap());
}

// === what is accepted ===

#[test]
fn the_defaults_are_the_documented_ones() {
    let loaded = load(sources(&[], &[])).unwrap();
    expect![[r#"
        environment = "production"               # default

        [user]
        email = ""                               # default
        location = ""                            # default
        timezone = "UTC"                         # default

        [strategies.bug-bounty]
        enabled = true                           # default
        priority = 1                             # default
        schedule = "every 1h"                    # default

        [limits]
        max_daily_actions = 1000                 # default
        max_concurrent_strategies = 3            # default

        [compliance]
        strict_mode = true                       # default
        check_before_action = true               # default

        [monitoring]
        metrics_interval_ms = 60000              # default
        log_level = "info"                       # default

        [logging]
        format = "text"                          # default
        file = true                              # default

        [logging.rotation]
        max_bytes = 10485760                     # default
        keep = 5                                 # default

        [logging.levels]
        h2 = "warn"                              # default
        hyper = "warn"                           # default
        hyper_util = "warn"                      # default
        ractor = "warn"                          # default
        reqwest = "warn"                         # default
        rustls = "warn"                          # default

        [store]
        cache_mib = 8                            # default
    "#]]
    .assert_eq(&loaded.show_text());
    let Config { limits, compliance, monitoring, store, .. } = &loaded.config;
    assert_eq!((limits.max_daily_actions, limits.max_concurrent_strategies), (1000, 3));
    assert!(compliance.strict_mode);
    assert_eq!((monitoring.metrics_interval.as_millis(), monitoring.log_level), (60_000, Level::Info));
    assert_eq!(store.cache_mib, 8);
    let active: Vec<&str> = loaded.config.active().into_iter().map(|(id, _)| id).collect();
    assert_eq!(active, ["bug-bounty"]);
    let bounty = &loaded.config.strategies["bug-bounty"];
    assert_eq!((bounty.priority, bounty.schedule.as_deref()), (1, Some("every 1h")));
}

/// The seed's *Config File*, written anew.
const SEED_FILE: &str = r#"{
  "strategies": { "enabled": ["strategy1", "strategy2"], "priority": { "strategy1": 1, "strategy2": 2 } },
  "compliance": { "strictMode": true, "checkBeforeAction": true },
  "monitoring": { "metricsInterval": 60000, "logLevel": "info" }
}"#;

#[test]
fn the_seeds_config_file_loads_as_it_stands() {
    let loaded = text("seed.json", SEED_FILE).unwrap();
    let Strategy { enabled, priority, installed, .. } = &loaded.config.strategies["strategy2"];
    assert_eq!((*enabled, *priority, *installed), (true, 2, false));
    assert!(loaded.config.active().is_empty());
    check(
        "seed.json",
        SEED_FILE,
        expect![[r#"
        seed.json:2: `strategies.enabled` does not name `bug-bounty`, so it is switched off
        seed.json:2: the strategy `strategy1` is not installed; there are bug-bounty, micro-tasks
        seed.json:2: the strategy `strategy2` is not installed; there are bug-bounty, micro-tasks"#]],
    );
    let both = SEED_FILE.replace("\"strategy2\"", "\"bug-bounty\"");
    assert_eq!(text("without-a-name", &both).unwrap().config.active()[0].1.priority, 2);
}

#[test]
fn the_seeds_data_model_loads_but_for_its_accounts() {
    let model = |accounts: &str| {
        format!(
            "{{\n \"user\": {{\n \"email\": 'user@example.com',\n \"location\": 'US',\n \"timezone\": 'America/New_York'\n }},\n{accounts} \
             \"strategies\": {{\n \"strategyId\": {{\n \"enabled\": true,\n \"priority\": 1,\n \"config\": {{}}\n }}\n }},\n \
             \"limits\": {{\n \"maxDailyActions\": 1000,\n \"maxConcurrentStrategies\": 3\n }}\n}}"
        )
    };
    let accounts = "\"accounts\": {\n \"platform\": {\n \"credentials\": 'encrypted',\n \"status\": 'active',\n \"lastUsed\": 0\n }\n },\n";
    let loaded = text("model.json", &model("")).unwrap();
    assert_eq!(loaded.config.user.timezone, chrono_tz::America::New_York);
    assert_eq!(loaded.config.user.location.as_ref().map(Country::as_str), Some("US"));
    check(
        "model.json",
        &model(accounts),
        expect![[r#"
        the configuration has a mistake
          model.json:7: `accounts` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not"#]],
    );
}

/// The samples as they stand in the seed itself, when it is there.
#[test]
fn the_real_seed_loads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/seed/ARCHITECTURE.md");
    let Ok(seed) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: the seed is not at {}", path.display());
        return;
    };
    let block = |heading: &str| {
        let after = seed.split_once(heading).unwrap().1;
        let code = after.split_once("```").unwrap().1.split_once('\n').unwrap().1;
        code.split_once("```").unwrap().0.to_owned()
    };
    let loaded = text("seed.json", &block("### Config File")).unwrap();
    assert_eq!(loaded.config.strategies["strategy1"].priority, 1);
    assert_eq!(loaded.warnings.len(), 3, "{:?}", loaded.warnings);

    let quoted: String = block("## Data Models\n\n### Configuration")
        .lines()
        .map(|line| match line.split_once(':') {
            Some((key, value)) => format!("\"{}\":{value}\n", key.trim()),
            None => format!("{line}\n"),
        })
        .collect();
    let told = told(&text("model.json", &quoted));
    assert!(told.contains("`accounts` has no place in a configuration; use `account add`"), "{told}");
    assert_eq!(told.lines().count(), 3, "its accounts, and the bare word `timestamp` in them: {told}");
    let without = quoted.split_once("\"accounts\"").unwrap().0.to_owned()
        + "\"strategies\""
        + quoted.split_once("\"strategies\"").unwrap().1;
    let loaded = text("model.json", &without).unwrap();
    assert!(loaded.config.strategies["strategyId"].enabled);
}

#[test]
fn every_file_in_config_loads() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut seen = 0;
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|ext| ext == "toml" || ext == "json") {
            let loaded = load(Sources { file: Some(path), ..sources(&[], &[]) });
            assert_eq!(told(&loaded), "good");
            seen += 1;
        }
    }
    assert!(seen >= 1);
}

#[test]
fn the_starter_changes_nothing_and_uncommented_neither() {
    let values =
        |loaded: Loaded| loaded.settings.into_iter().map(|(key, s)| (key, s.value)).collect::<Vec<_>>();
    let default = values(load(sources(&[], &[])).unwrap());
    let start = starter();
    assert_eq!(values(text("config.toml", &start).unwrap()), default);
    let open = text("config.toml", &start.replace("#: ", "")).unwrap();
    assert!(open.settings.values().all(|setting| !setting.origin.is_default()));
    assert_eq!(values(open), default);
}

#[test]
fn later_sources_win_and_show_says_who_did() {
    let file = "[limits]\nmax_daily_actions = 10\nmax_concurrent_strategies = 11\n[monitoring]\nmetrics_interval_ms = 12000\n[user]\ntimezone = 'Europe/Berlin'\n\
                [strategies.micro-tasks]\nenabled = true\nconfig = { min = 1, deep = { a = [1, 'x'], b = 2.5 } }\n";
    let env = Env::new([
        ("MONEY_MACHINE_MAX_CONCURRENT".to_owned(), "21".to_owned()),
        ("MONEY_MACHINE__MONITORING__METRICS_INTERVAL_MS".to_owned(), "22000".to_owned()),
        ("MONEY_MACHINE__STRATEGIES__MICRO_TASKS__PRIORITY".to_owned(), "7".to_owned()),
        ("MONEY_MACHINE__STRATEGIES__MICRO_TASKS__CONFIG__MIN".to_owned(), "3".to_owned()),
        ("MONEY_MACHINE__LOGGING__LEVELS__MM_CORE__LIMIT".to_owned(), "trace".to_owned()),
        ("MONEY_MACHINE_ENV".to_owned(), String::new()),
    ])
    .with_dotenv(
        Path::new(".env"),
        "MONEY_MACHINE_MAX_CONCURRENT=31\nMONEY_MACHINE_ENV = development # why\n",
    );
    let flags = Overrides::default().with("--set", "monitoring.metrics_interval_ms", Some("41000"));
    let sources = Sources { env, flags, ..sources(&[], &[]) };
    let loaded = lay(&sources, Some((Path::new("my.toml"), Ok(file.to_owned())))).unwrap();
    assert_eq!(loaded.config.limits.max_concurrent_strategies, 21);
    assert_eq!(loaded.config.environment, Environment::Development);
    assert_eq!(loaded.config.monitoring.log_level, Level::Debug);
    let free = &loaded.config.strategies["micro-tasks"].config;
    assert_eq!(
        serde_json::Value::Object(free.table.clone()),
        serde_json::json!({"min": 3, "deep": {"a": [1, "x"], "b": 2.5}})
    );
    let mistake = free.mistake("deep.c", "is missing", "give it");
    expect!["my.toml:10: `strategies.micro-tasks.config.deep.c` is missing; give it"]
        .assert_eq(&mistake.to_string());
    expect![[r#"
        environment = "development"              # .env:2 MONEY_MACHINE_ENV

        [user]
        email = ""                               # default
        location = ""                            # default
        timezone = "Europe/Berlin"               # my.toml:7

        [strategies.bug-bounty]
        enabled = true                           # default
        priority = 1                             # default
        schedule = "every 1h"                    # default

        [strategies.micro-tasks]
        enabled = true                           # my.toml:9
        priority = 7                             # MONEY_MACHINE__STRATEGIES__MICRO_TASKS__PRIORITY

        [strategies.micro-tasks.config]
        min = 3                                  # MONEY_MACHINE__STRATEGIES__MICRO_TASKS__CONFIG__MIN

        [strategies.micro-tasks.config.deep]
        a = [1, "x"]                             # my.toml:10
        b = 2.5                                  # my.toml:10

        [limits]
        max_daily_actions = 10                   # my.toml:2
        max_concurrent_strategies = 21           # MONEY_MACHINE_MAX_CONCURRENT

        [compliance]
        strict_mode = true                       # default
        check_before_action = true               # default

        [monitoring]
        metrics_interval_ms = 41000              # --set
        log_level = "debug"                      # follows from environment = "development"

        [logging]
        format = "text"                          # default
        file = true                              # default

        [logging.rotation]
        max_bytes = 10485760                     # default
        keep = 5                                 # default

        [logging.levels]
        h2 = "warn"                              # default
        hyper = "warn"                           # default
        hyper_util = "warn"                      # default
        "mm_core::limit" = "trace"               # MONEY_MACHINE__LOGGING__LEVELS__MM_CORE__LIMIT
        ractor = "warn"                          # default
        reqwest = "warn"                         # default
        rustls = "warn"                          # default

        [store]
        cache_mib = 8                            # default
    "#]]
    .assert_eq(&loaded.show_text());
    expect![[r#"{"compliance.check_before_action":{"line":57,"source":"default"},"compliance.strict_mode":{"line":55,"source":"default"},"environment":{"line":2,"name":"MONEY_MACHINE_ENV","path":".env","source":"dotenv"},"limits.max_concurrent_strategies":{"name":"MONEY_MACHINE_MAX_CONCURRENT","source":"environment"},"limits.max_daily_actions":{"line":2,"path":"my.toml","source":"file"},"logging.file":{"line":70,"source":"default"},"logging.format":{"line":68,"source":"default"},"logging.levels.h2":{"line":83,"source":"default"},"logging.levels.hyper":{"line":84,"source":"default"},"logging.levels.hyper_util":{"line":85,"source":"default"},"logging.levels.mm_core::limit":{"name":"MONEY_MACHINE__LOGGING__LEVELS__MM_CORE__LIMIT","source":"environment"},"logging.levels.ractor":{"line":81,"source":"default"},"logging.levels.reqwest":{"line":86,"source":"default"},"logging.levels.rustls":{"line":87,"source":"default"},"logging.rotation.keep":{"line":76,"source":"default"},"logging.rotation.max_bytes":{"line":74,"source":"default"},"monitoring.log_level":{"by":"environment = \"development\"","source":"implied"},"monitoring.metrics_interval_ms":{"name":"--set","source":"flag"},"store.cache_mib":{"line":92,"source":"default"},"strategies.bug-bounty.enabled":{"line":38,"source":"default"},"strategies.bug-bounty.priority":{"line":39,"source":"default"},"strategies.bug-bounty.schedule":{"line":41,"source":"default"},"strategies.micro-tasks.config.deep.a":{"line":10,"path":"my.toml","source":"file"},"strategies.micro-tasks.config.deep.b":{"line":10,"path":"my.toml","source":"file"},"strategies.micro-tasks.config.min":{"name":"MONEY_MACHINE__STRATEGIES__MICRO_TASKS__CONFIG__MIN","source":"environment"},"strategies.micro-tasks.enabled":{"line":9,"path":"my.toml","source":"file"},"strategies.micro-tasks.priority":{"name":"MONEY_MACHINE__STRATEGIES__MICRO_TASKS__PRIORITY","source":"environment"},"user.email":{"line":23,"source":"default"},"user.location":{"line":26,"source":"default"},"user.timezone":{"line":7,"path":"my.toml","source":"file"}}"#]].assert_eq(&serde_json::to_string(&loaded.show_json()["origins"]).unwrap());

    let again = text("again.toml", &loaded.show_text()).unwrap();
    assert_eq!(again.config, {
        let mut c = loaded.config.clone();
        strip(&mut c, &again.config);
        c
    });
    assert_eq!(again.show_json()["values"], loaded.show_json()["values"]);
}

/// Places differ between two texts; only values are compared.
fn strip(config: &mut Config, other: &Config) {
    for (id, strategy) in &mut config.strategies {
        strategy.config.origins = other.strategies[id].config.origins.clone();
    }
}

#[test]
fn the_list_of_enabled_strategies_is_the_whole_truth() {
    check(
        "my.toml",
        "[strategies]\nenabled = ['micro-tasks', 'micro-task']",
        expect![[r#"
        my.toml:2: `strategies.enabled` does not name `bug-bounty`, so it is switched off
        my.toml:2: the strategy `micro-task` is not installed; did you mean `micro-tasks`?"#]],
    );
    let loaded =
        load(sources(&[("MONEY_MACHINE__STRATEGIES__ENABLED", "micro-tasks, bug-bounty")], &[])).unwrap();
    assert_eq!(loaded.config.active().len(), 2);
}

// === nonsense ===

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
    fn any_environment_is_refused_or_taken(name in "MONEY_MACHINE_{1,2}[A-Z_]{0,20}", value in "\\PC{0,12}") {
        let _ = load(sources(&[(&name, &value)], &[("--set", &name.to_lowercase(), &value)]));
    }
}
