//! Every class of mistake, as its owner is told it.

use super::*;

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
              my.toml:2: `enviroment` is not known; at the top there are environment, user, limits, resources, compliance, monitoring, alerts, logging, store, audit, vault, strategies, platforms; did you mean `environment`?
              my.toml:3: `log_level` is not known; at the top there are environment, user, limits, resources, compliance, monitoring, alerts, logging, store, audit, vault, strategies, platforms; did you mean `monitoring.log_level`?
              my.toml:5: `user.email` is `"nobody"`, which is no e-mail address; write an address like "you@example.org", or "" for none
              my.toml:6: `user.location` is `"UK"`, which is no country code; write the two capitals of ISO 3166-1, like "DE" or "US", or "" for none; did you mean `GB`?
              my.toml:7: `user.timezone` is `"New_York"`, which is no time zone; write a name of the IANA time zone database, like "Europe/Berlin"; did you mean `America/New_York`?
              my.toml:9: `limits.max_daily_action` is not known; in `limits` there are max_daily_actions, max_concurrent_strategies; did you mean `max_daily_actions`?
              my.toml:10: `limits.max_concurrent_strategies` is 0, which is too small; write a whole number from 1 to 64
              my.toml:11: `complience` is not known; at the top there are environment, user, limits, resources, compliance, monitoring, alerts, logging, store, audit, vault, strategies, platforms; did you mean `compliance`?
              my.toml:14: `monitoring.metrics_interval_ms` is the text `"60000"`; write a whole number from 1000 to 86400000, without quotes
              my.toml:15: `monitoring.log_level` is `"warning"`; write one of "off", "error", "warn", "info", "debug", "trace"; did you mean `warn`?
              my.toml:17: `logging.format` is `"xml"`; write one of "text", "json"
              my.toml:18: `logging.file` is the text `"true"`; write true without quotes
              my.toml:19: `logging.rotation` is `3`, but should be a section; write `[logging.rotation]` and its keys below
              my.toml:21: `logging.levels.a b` is no name of a module; write a module's path, like "mm_core::limit" = "debug"
              my.toml:22: `logging.levels.ractor` is `"loud"`; write one of "off", "error", "warn", "info", "debug", "trace"
              my.toml:24: `store.cache_mib` is `99999999999999999999`; write a whole number from 1 to 4096
              my.toml:25: `zebra` is not known; at the top there are environment, user, limits, resources, compliance, monitoring, alerts, logging, store, audit, vault, strategies, platforms"#]],
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
            "a.b" = 1
        "#,
        expect![[r#"
            the configuration has 8 mistakes
              my.toml:3: `strategies.bug-bounty.enabled` is `1`; write true or false
              my.toml:4: `strategies.bug-bounty.priority` is 0, which is too small; write a whole number from 1 to 1000
              my.toml:5: `strategies.bug-bounty.schedule` is `"now and then"`, which is no schedule: it has 3 fields; write "every 30m", "@hourly", "@daily", or a cron expression of 5 or 6 fields
              my.toml:6: `strategies.bug-bounty.prioritty` is not known; in `strategies.bug-bounty` there are enabled, priority, max_daily_actions, schedule, retries, timezone, missed, missed_window, missed_cap, missed_spread, overlap, jitter, hours, gap, fold, config; did you mean `priority`?
              my.toml:7: `strategies.no good` is no name of a strategy; a strategy's name has at most 64 letters, digits, `-` and `_`
              my.toml:9: `strategies.x.config` is `3`, but should be a section; write `[strategies.x.config]` and its keys below
              my.toml:11: `strategies.y.config.since` is a date or a number too large; write it as a text in quotes
              my.toml:12: `strategies.y.config.a.b` is no good name; give it a name without dots"#]],
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
              MONEY_MACHINE__COMPLIANCE__CHECK_BEFORE_ACTION in the environment: `compliance.check_before_action` is false, but there is no action without a verdict; write true or leave it out"#]],
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
              MONEY_MACHINE__MONITORING__LOG_LEVEL in the environment: sets `monitoring.log_level`, which MONEY_MACHINE_LOG_LEVEL in the environment sets already; keep one of the two
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
        lists = [["ghp_CANARYCANARYCANARY0"]]
        deep.list = [{ client_secret = "CANARY" }, "ghp_CANARYCANARYCANARY0"]
        note = "Bearer CANARY-123456"
    "#;
    check(
        "my.toml",
        toml,
        expect![[r#"
            the configuration has 10 mistakes
              my.toml:2: `api_key` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
              my.toml:4: `user.password` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
              my.toml:5: `user.email` is `"https://[masked]@x.example"`, which is no e-mail address; write an address like "you@example.org", or "" for none
              my.toml:6: `accounts` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
              my.toml:9: `strategies.bug-bounty.githubToken` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
              my.toml:12: `strategies.bug-bounty.config.token` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
              my.toml:13: `strategies.bug-bounty.config.lists` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
              my.toml:14: `strategies.bug-bounty.config.deep.list.client_secret` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
              my.toml:14: `strategies.bug-bounty.config.deep.list` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
              my.toml:15: `strategies.bug-bounty.config.note` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not"#]],
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
              MONEY_MACHINE_GITHUB_TOKEN in the environment: has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
              MONEY_MACHINE_NOTE in the environment: has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
              MONEY_MACHINE__STRATEGIES__BUG_BOUNTY__CONFIG__PASSWORD in the environment: `strategies.bug-bounty.config.password` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not
              MONEY_MACHINE__USER__API_KEY in the environment: `user.api_key` has no place in a configuration; use `account add`: it encrypts what it is given, a configuration file does not"#]],
    );
    for all in [told(&text("my.toml", toml)), told(&load(sources(&env, &[])))] {
        assert!(!all.contains("CANARY") && all.contains("use `account add`"), "{all}");
    }
    // The last net does not take the message for a credential.
    let errors = load(sources(&env, &[])).unwrap_err();
    assert_eq!(crate::exit::chain(&errors), errors.to_string());
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
              MONEY_MACHINE_MAX_CONCURENT in the environment: is not known; there are MONEY_MACHINE_ENV, MONEY_MACHINE_LOG_LEVEL, MONEY_MACHINE_MAX_CONCURRENT, MONEY_MACHINE_DATA_DIR, MONEY_MACHINE_PASSPHRASE_FILE and MONEY_MACHINE__SECTION__KEY; did you mean `MONEY_MACHINE_MAX_CONCURRENT`?
              MONEY_MACHINE__LIMITS in the environment: sets `limits`, which MONEY_MACHINE_MAX_CONCURRENT in the environment sets already; keep one of the two
              MONEY_MACHINE____X in the environment: is not known; there are MONEY_MACHINE_ENV, MONEY_MACHINE_LOG_LEVEL, MONEY_MACHINE_MAX_CONCURRENT, MONEY_MACHINE_DATA_DIR, MONEY_MACHINE_PASSPHRASE_FILE and MONEY_MACHINE__SECTION__KEY
              MONEY_MACHINE_ENV in the environment: `environment` is `prod`; write one of "production", "development", "test"; did you mean `production`?
              MONEY_MACHINE_LOG_LEVEL in the environment: `monitoring.log_level` is `LOUD`; write one of "off", "error", "warn", "info", "debug", "trace"
              MONEY_MACHINE_MAX_CONCURRENT in the environment: `limits.max_concurrent_strategies` is `three`; write a whole number from 1 to 64
              MONEY_MACHINE__LIMITS__MAX_DAILY in the environment: `limits.max_daily` is not known; in `limits` there are max_daily_actions, max_concurrent_strategies; did you mean `max_daily_actions`?
              --max-concurrent: `limits.max_concurrent_strategies` is 65, which is too large; write a whole number from 1 to 64
              --set: `limit` is not known; at the top there are environment, user, limits, resources, compliance, monitoring, alerts, logging, store, audit, vault, strategies, platforms; did you mean `limits`?"#]],
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
          .env:5 (MONEY_MACHINE_ENV): has quotes that do not end; close the quotes on the same line
          .env:6 (MONEY_MACHINE_LOG_LEVEL): is given twice: here and on line 3; keep one of the two
          .env:7 (MONEY_MACHINE_X): is not known; there are MONEY_MACHINE_ENV, MONEY_MACHINE_LOG_LEVEL, MONEY_MACHINE_MAX_CONCURRENT, MONEY_MACHINE_DATA_DIR, MONEY_MACHINE_PASSPHRASE_FILE and MONEY_MACHINE__SECTION__KEY
          .env:3 (MONEY_MACHINE_LOG_LEVEL): `monitoring.log_level` is `loud`; write one of "off", "error", "warn", "info", "debug", "trace""#]].assert_eq(&told(&load(Sources { env, ..sources(&[], &[]) })));
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
