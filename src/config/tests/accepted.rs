//! What loads: the defaults, the seed's two shapes, the starter, and who wins over whom.

use super::*;

#[test]
fn the_defaults_are_the_documented_ones() {
    let loaded = load(sources(&[], &[])).unwrap();
    expect![[r#"
        environment = "production"               # default

        [user]
        email = ""                               # default
        location = ""                            # default
        timezone = "UTC"                         # default
        hourly_rate = ""                         # default

        [strategies.affiliate]
        enabled = false                          # default
        priority = 2                             # default
        schedule = "every 6h"                    # default

        [strategies.bug-bounty]
        enabled = true                           # default
        priority = 1                             # default
        schedule = "every 1h"                    # default

        [strategies.freelance-leads]
        enabled = false                          # default
        priority = 2                             # default
        schedule = "every 6h"                    # default

        [strategies.github-sponsors]
        enabled = false                          # default
        priority = 2                             # default
        schedule = "every 12h"                   # default

        [strategies.micro-tasks]
        enabled = false                          # default
        priority = 2                             # default
        schedule = "every 2h"                    # default

        [limits]
        max_daily_actions = 1000                 # default
        max_concurrent_strategies = 3            # default

        [resources]
        cpu_pressure = 0                         # default
        memory_pressure = 10                     # default
        io_pressure = 50                         # default
        memory_mib = 512                         # default
        cancel_mib = 768                         # default
        disk_free_mib = 200                      # default

        [compliance]
        strict_mode = true                       # default
        check_before_action = true               # default

        [monitoring]
        metrics_interval_ms = 60000              # default
        log_level = "info"                       # default

        [alerts]
        command = []                             # default
        send = ["trips", "person", "stops"]      # default
        timeout_s = 30                           # default
        min_interval_s = 60                      # default
        max_per_hour = 12                        # default

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

        [audit]
        key_file = ""                            # default
        checkpoint_entries = 1000                # default
        checkpoint_minutes = 15                  # default

        [audit.anchor]
        file = ""                                # default
        webhook = ""                             # default
        command = []                             # default
        timeout_s = 30                           # default
        min_interval_minutes = 60                # default

        [vault]
        key_file = ""                            # default
        prompt = false                           # default
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
            seed.json:2: the strategy `strategy1` is not installed; there are affiliate, bug-bounty, freelance-leads, github-sponsors, micro-tasks
            seed.json:2: the strategy `strategy2` is not installed; there are affiliate, bug-bounty, freelance-leads, github-sponsors, micro-tasks"#]],
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
        // Not `eprintln!`: the test harness would keep it to itself.
        std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED: the seed is not at {}\n", path.display()),
        )
        .expect("stderr takes a line");
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
    let loaded = lay(&sources, Some((Path::new("my.toml"), Ok(file.to_owned()))), Bearing::Nothing).unwrap();
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
        environment = "development"              # .env:2 (MONEY_MACHINE_ENV)

        [user]
        email = ""                               # default
        location = ""                            # default
        timezone = "Europe/Berlin"               # my.toml:7
        hourly_rate = ""                         # default

        [strategies.affiliate]
        enabled = false                          # default
        priority = 2                             # default
        schedule = "every 6h"                    # default

        [strategies.bug-bounty]
        enabled = true                           # default
        priority = 1                             # default
        schedule = "every 1h"                    # default

        [strategies.freelance-leads]
        enabled = false                          # default
        priority = 2                             # default
        schedule = "every 6h"                    # default

        [strategies.github-sponsors]
        enabled = false                          # default
        priority = 2                             # default
        schedule = "every 12h"                   # default

        [strategies.micro-tasks]
        enabled = true                           # my.toml:9
        priority = 7                             # MONEY_MACHINE__STRATEGIES__MICRO_TASKS__PRIORITY in the environment
        schedule = "every 2h"                    # default

        [strategies.micro-tasks.config]
        min = 3                                  # MONEY_MACHINE__STRATEGIES__MICRO_TASKS__CONFIG__MIN in the environment

        [strategies.micro-tasks.config.deep]
        a = [1, "x"]                             # my.toml:10
        b = 2.5                                  # my.toml:10

        [limits]
        max_daily_actions = 10                   # my.toml:2
        max_concurrent_strategies = 21           # MONEY_MACHINE_MAX_CONCURRENT in the environment

        [resources]
        cpu_pressure = 0                         # default
        memory_pressure = 10                     # default
        io_pressure = 50                         # default
        memory_mib = 512                         # default
        cancel_mib = 768                         # default
        disk_free_mib = 200                      # default

        [compliance]
        strict_mode = true                       # default
        check_before_action = true               # default

        [monitoring]
        metrics_interval_ms = 41000              # --set
        log_level = "debug"                      # follows from environment = "development"

        [alerts]
        command = []                             # default
        send = ["trips", "person", "stops"]      # default
        timeout_s = 30                           # default
        min_interval_s = 60                      # default
        max_per_hour = 12                        # default

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
        "mm_core::limit" = "trace"               # MONEY_MACHINE__LOGGING__LEVELS__MM_CORE__LIMIT in the environment
        ractor = "warn"                          # default
        reqwest = "warn"                         # default
        rustls = "warn"                          # default

        [store]
        cache_mib = 8                            # default

        [audit]
        key_file = ""                            # default
        checkpoint_entries = 1000                # default
        checkpoint_minutes = 15                  # default

        [audit.anchor]
        file = ""                                # default
        webhook = ""                             # default
        command = []                             # default
        timeout_s = 30                           # default
        min_interval_minutes = 60                # default

        [vault]
        key_file = ""                            # default
        prompt = false                           # default
    "#]]
    .assert_eq(&loaded.show_text());
    expect![[r#"{"alerts.command":{"line":200,"source":"default"},"alerts.max_per_hour":{"line":209,"source":"default"},"alerts.min_interval_s":{"line":208,"source":"default"},"alerts.send":{"line":203,"source":"default"},"alerts.timeout_s":{"line":205,"source":"default"},"audit.anchor.command":{"line":259,"source":"default"},"audit.anchor.file":{"line":254,"source":"default"},"audit.anchor.min_interval_minutes":{"line":262,"source":"default"},"audit.anchor.timeout_s":{"line":260,"source":"default"},"audit.anchor.webhook":{"line":256,"source":"default"},"audit.checkpoint_entries":{"line":246,"source":"default"},"audit.checkpoint_minutes":{"line":247,"source":"default"},"audit.key_file":{"line":243,"source":"default"},"compliance.check_before_action":{"line":186,"source":"default"},"compliance.strict_mode":{"line":184,"source":"default"},"environment":{"line":2,"name":"MONEY_MACHINE_ENV","path":".env","source":"dotenv"},"limits.max_concurrent_strategies":{"name":"MONEY_MACHINE_MAX_CONCURRENT","source":"environment"},"limits.max_daily_actions":{"line":2,"path":"my.toml","source":"file"},"logging.file":{"line":215,"source":"default"},"logging.format":{"line":213,"source":"default"},"logging.levels.h2":{"line":228,"source":"default"},"logging.levels.hyper":{"line":229,"source":"default"},"logging.levels.hyper_util":{"line":230,"source":"default"},"logging.levels.mm_core::limit":{"name":"MONEY_MACHINE__LOGGING__LEVELS__MM_CORE__LIMIT","source":"environment"},"logging.levels.ractor":{"line":226,"source":"default"},"logging.levels.reqwest":{"line":231,"source":"default"},"logging.levels.rustls":{"line":232,"source":"default"},"logging.rotation.keep":{"line":221,"source":"default"},"logging.rotation.max_bytes":{"line":219,"source":"default"},"monitoring.log_level":{"by":"environment = \"development\"","source":"implied"},"monitoring.metrics_interval_ms":{"name":"--set","source":"flag"},"resources.cancel_mib":{"line":178,"source":"default"},"resources.cpu_pressure":{"line":169,"source":"default"},"resources.disk_free_mib":{"line":180,"source":"default"},"resources.io_pressure":{"line":173,"source":"default"},"resources.memory_mib":{"line":175,"source":"default"},"resources.memory_pressure":{"line":171,"source":"default"},"store.cache_mib":{"line":237,"source":"default"},"strategies.affiliate.enabled":{"line":94,"source":"default"},"strategies.affiliate.priority":{"line":95,"source":"default"},"strategies.affiliate.schedule":{"line":97,"source":"default"},"strategies.bug-bounty.enabled":{"line":59,"source":"default"},"strategies.bug-bounty.priority":{"line":60,"source":"default"},"strategies.bug-bounty.schedule":{"line":62,"source":"default"},"strategies.freelance-leads.enabled":{"line":127,"source":"default"},"strategies.freelance-leads.priority":{"line":128,"source":"default"},"strategies.freelance-leads.schedule":{"line":130,"source":"default"},"strategies.github-sponsors.enabled":{"line":113,"source":"default"},"strategies.github-sponsors.priority":{"line":114,"source":"default"},"strategies.github-sponsors.schedule":{"line":116,"source":"default"},"strategies.micro-tasks.config.deep.a":{"line":10,"path":"my.toml","source":"file"},"strategies.micro-tasks.config.deep.b":{"line":10,"path":"my.toml","source":"file"},"strategies.micro-tasks.config.min":{"name":"MONEY_MACHINE__STRATEGIES__MICRO_TASKS__CONFIG__MIN","source":"environment"},"strategies.micro-tasks.enabled":{"line":9,"path":"my.toml","source":"file"},"strategies.micro-tasks.priority":{"name":"MONEY_MACHINE__STRATEGIES__MICRO_TASKS__PRIORITY","source":"environment"},"strategies.micro-tasks.schedule":{"line":80,"source":"default"},"user.email":{"line":23,"source":"default"},"user.hourly_rate":{"line":32,"source":"default"},"user.location":{"line":26,"source":"default"},"user.timezone":{"line":7,"path":"my.toml","source":"file"},"vault.key_file":{"line":269,"source":"default"},"vault.prompt":{"line":272,"source":"default"}}"#]].assert_eq(&serde_json::to_string(&loaded.show_json()["origins"]).unwrap());

    let again = text("again.toml", &loaded.show_text()).unwrap();
    assert_eq!(again.config, {
        let mut c = loaded.config.clone();
        strip(&mut c, &again.config);
        c
    });
    assert_eq!(again.show_json()["values"], loaded.show_json()["values"]);
}

#[test]
fn a_later_value_replaces_what_stood_at_or_below_its_place() {
    let file = "strategies.micro-tasks.config = { deep = { a = 1, b = 2 }, flat = 3 }\n";
    let env = [
        ("MONEY_MACHINE__STRATEGIES__MICRO_TASKS__CONFIG__DEEP", "7"),
        ("MONEY_MACHINE__STRATEGIES__MICRO_TASKS__CONFIG__FLAT__X", "8"),
    ];
    let loaded =
        lay(&sources(&env, &[]), Some((Path::new("my.toml"), Ok(file.to_owned()))), Bearing::Nothing)
            .unwrap();
    let table = serde_json::json!({"deep": 7, "flat": {"x": 8}});
    assert_eq!(
        serde_json::Value::Object(loaded.config.strategies["micro-tasks"].config.table.clone()),
        table
    );
    assert_eq!(loaded.show_json()["values"]["strategies"]["micro-tasks"]["config"], table);
}

/// The scheduler's own parser takes what the default and the help text name.
#[test]
fn the_schedules_we_name_are_schedules() {
    let check_schedule = |text: &str| {
        mm_core::schedule::Schedule::parse(text, "UTC").map(|_| ()).map_err(|error| error.to_string())
    };
    for schedule in ["every 30m", "@hourly", "@daily", "0 9 * * 1", "0 0 9 * * 1"] {
        let env =
            Env::new([("MONEY_MACHINE__STRATEGIES__BUG_BOUNTY__SCHEDULE".to_owned(), schedule.to_owned())]);
        assert_eq!(told(&load(Sources { env, check_schedule, ..sources(&[], &[]) })), "good");
    }
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
