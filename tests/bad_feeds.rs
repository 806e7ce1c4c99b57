//! Bad input through the whole machine: a feed that is cut off, is no JSON, never ends, has wrong types,
//! is empty, slow, broken off, packed as a bomb, missing, or leads to a private address. Each gives one
//! clear sentence in the run's report, takes nothing of what was known, and the next good read works.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

use std::time::Duration;

use expect_test::expect;
use mm_core::action::Action;
use mm_core::id::Space;
use mm_core::opportunity::Opportunity;
use mm_core::run::{Outcome, RunRecord, SourceHealth};
use mm_store::{Span, Store};
use mm_strategies::bug_bounty::Snapshot;
use money_machine::sandbox::Sandbox;
use money_machine::sandbox::faults::Fault;
use money_machine::sandbox::world::{Feed, World};
use money_machine::simulation::{Plan, Simulation, paused};

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// A machine that has read all feeds of a world in which nothing happens. Its first answer for the feed
/// in question came without validators, so that the next read asks for all of it again.
fn machine(bad: Feed) -> Simulation {
    let world = || World::small(7).with_tick(HOUR * 24 * 365);
    let plan = Plan::new(7, paused::runtime);
    let whole = world().render(bad, plan.began.unix_ms()).body;
    let plan = plan.at(Sandbox::of_world(world()));
    plan.sandbox.set_fault_times(&bad.url(), Fault::Document(whole), 1);
    let mut simulation = Simulation::new(plan);
    simulation.run_for(10 * MINUTE).unwrap();
    simulation
}

fn opportunities(store: &Store) -> Vec<Opportunity> {
    let all = store.scan::<Opportunity>(&Space::default_owner(), Span::all(), usize::MAX).unwrap();
    all.into_values().collect()
}

fn snapshot(store: &Store) -> Snapshot {
    let loaded = store.load_snapshot(&Space::default_owner(), "bug-bounty").unwrap();
    Snapshot::open(&loaded.snapshot.unwrap().value.1).unwrap()
}

/// What is known, without the book-keeping of reads.
fn known(store: &Store) -> Snapshot {
    let mut snapshot = snapshot(store);
    for watched in &mut snapshot.sources {
        watched.memory.health.failures = 0;
        watched.memory.health.read_at = None;
    }
    snapshot
}

fn last_run(store: &Store) -> RunRecord {
    let runs = store.scan::<RunRecord>(&Space::default_owner(), Span::all().descending(), 1).unwrap();
    runs.into_values().next().unwrap()
}

/// Meets one bad read and then a good one; what the bad one's report says.
fn meet(fault: Fault) -> String {
    let bad = Feed::HackerOne;
    let mut simulation = machine(bad);
    let before = simulation.store();
    assert!(opportunities(&before).iter().any(|row| row.platform == bad.name()));
    let asked = simulation.sandbox().received_total();

    simulation.sandbox().set_fault(&bad.url(), fault);
    simulation.run_for(HOUR).unwrap();
    let after = simulation.store();
    let run = last_run(&after);
    assert_eq!(run.outcome, Some(Outcome::Succeeded), "{:?}", run.errors);
    let of = |name: &str| run.sources.iter().find(|source| source.name == name).unwrap();
    let report = of(bad.name());
    assert_eq!(report.health, SourceHealth::Failed, "{}", report.sentence);
    for feed in Feed::ALL.into_iter().filter(|feed| *feed != bad) {
        assert_eq!(of(feed.name()).health, SourceHealth::Unchanged, "{}", of(feed.name()).sentence);
    }
    assert_eq!(opportunities(&after), opportunities(&before));
    assert_eq!(known(&after), known(&before));
    assert_eq!(snapshot(&after).sources[0].memory.health.failures, 1);
    let received = simulation.sandbox().received();
    assert!(received.iter().skip(asked as usize).all(|request| Feed::of_url(&request.url).is_some()));

    simulation.sandbox().clear_faults();
    simulation.run_for(HOUR).unwrap();
    let good = simulation.store();
    let run = last_run(&good);
    let report_again = run.sources.iter().find(|source| source.name == bad.name()).unwrap();
    assert_eq!(report_again.health, SourceHealth::Fresh, "{}", report_again.sentence);
    assert_eq!(opportunities(&good), opportunities(&before));
    assert_eq!(snapshot(&good).sources[0].memory.health.failures, 0);
    assert_eq!(snapshot(&good).sources[0].memory.programmes, snapshot(&before).sources[0].memory.programmes);
    report.sentence.clone()
}

fn sentences(faults: Vec<(&str, Fault)>) -> String {
    faults.into_iter().map(|(name, fault)| format!("{name}\n    {}\n", meet(fault))).collect()
}

#[test]
fn a_bad_document_is_named_and_takes_nothing() {
    let told = sentences(vec![
        ("truncated", Fault::Truncated { keep_bytes: 1_000 }),
        ("not json", Fault::NotJson),
        ("wrong-typed", Fault::WrongTyped),
        ("empty", Fault::Empty),
        ("no programmes", Fault::Document("[]".into())),
        ("null", Fault::Document("null".into())),
        ("no text", Fault::Document([0xff, 0xfe, 0x00, 0x80].as_slice().to_vec().into())),
        ("deep", Fault::Document("[".repeat(100_000).into())),
    ]);
    expect![[r#"
        truncated
            the hackerone scope file breaks off after 0 whole programmes; kept what was known, the next read tries again
        not json
            the hackerone scope file is not a list of programmes but a web page; kept what was known, the next read tries again
        wrong-typed
            3 of 3 programmes in the hackerone scope file cannot be read (the first, at 0: invalid type: sequence, expected a string at line 1 column 48); kept what was known, look for a newer version of money-machine if it stays so
        empty
            the hackerone scope file is empty; kept what was known, the next read tries again
        no programmes
            the hackerone scope file lists no programme where 4 were known; kept what was known, the next read tries again
        null
            the hackerone scope file is not a list of programmes but a single word; kept what was known, the next read tries again
        no text
            the hackerone scope file is not a list of programmes but something that is not JSON; kept what was known, the next read tries again
        deep
            the hackerone scope file breaks off after 0 whole programmes; kept what was known, the next read tries again
    "#]].assert_eq(&told);
}

#[test]
fn a_bad_exchange_is_named_and_takes_nothing() {
    let told = sentences(vec![
        ("slow", Fault::Slow { piece_bytes: 1_000, pause: Duration::from_secs(30) }),
        ("stalled", Fault::Stall { wait: 10 * MINUTE }),
        ("reset", Fault::Reset { after_bytes: 700 }),
        ("answer lost", Fault::AnswerLost),
        ("404", Fault::Status(404)),
        ("410", Fault::Status(410)),
        ("500", Fault::Status(500)),
    ]);
    expect![[r#"
        slow
            https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json: the answer did not come in time
        stalled
            https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json: the answer did not come in time
        reset
            https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json: the connection broke off
        answer lost
            https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json: the connection broke off
        404
            https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json answered with status 404
        410
            https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json answered with status 410
        500
            https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json answered with status 500
    "#]].assert_eq(&told);
}

#[test]
fn a_redirect_to_where_nothing_is_called_is_named_and_not_followed() {
    let to = |status, to: &str| Fault::Redirect { status, to: to.to_owned() };
    let told = sentences(vec![
        ("cloud metadata", to(302, "http://169.254.169.254/latest/meta-data/")),
        ("private", to(301, "https://10.0.0.1/")),
        ("private, in hexadecimal", to(307, "https://0x0a000001/")),
        ("private, in IPv6", to(308, "https://[::ffff:192.168.0.1]/")),
        ("this machine", to(302, "https://localhost/")),
        ("without encryption", to(302, "http://raw.githubusercontent.com/")),
        ("elsewhere", to(302, "https://elsewhere.example/scope.json")),
        ("another file", to(302, "https://raw.githubusercontent.com/somebody/else/main/x.json")),
        ("itself, for ever", to(302, &Feed::HackerOne.url())),
        ("nowhere", to(302, "")),
    ]);
    expect![[r#"
        cloud metadata
            https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json redirects to where nothing is called: the URL's scheme is `http`; only https is called
        private
            https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json redirects to where nothing is called: the URL's host is the address 10.0.0.1; only public host names are called
        private, in hexadecimal
            https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json redirects to where nothing is called: the URL's host is the address 10.0.0.1; only public host names are called
        private, in IPv6
            https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json redirects to where nothing is called: the URL's host is the address [::ffff:c0a8:1]; only public host names are called
        this machine
            https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json redirects to where nothing is called: the URL's host `localhost` is a local name; only public host names are called
        without encryption
            https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json redirects to where nothing is called: the URL's scheme is `http`; only https is called
        elsewhere
            host `elsewhere.example` is not among the hosts of `config/rules/bounty-targets-data.toml`, which are raw.githubusercontent.com; no rule of `config/rules/bounty-targets-data.toml` speaks of `read` by GET at https://elsewhere.example/scope.json; add a rule such as `bounty-targets-data/read` there if it is allowed
        another file
            no rule of `config/rules/bounty-targets-data.toml` speaks of `read` by GET at https://raw.githubusercontent.com/somebody/else/main/x.json; add a rule such as `bounty-targets-data/read` there if it is allowed
        itself, for ever
            https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json redirects more than 5 times
        nowhere
            https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json redirects more than 5 times
    "#]].assert_eq(&told);
}

/// The most memory this process ever used, in bytes, where the system tells.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[test]
fn what_never_ends_is_cut_off_and_memory_stays_bounded() {
    let before = peak_bytes();
    let told = sentences(vec![("endless", Fault::Endless), ("gzip bomb", Fault::GzipBomb)]);
    expect![[r#"
        endless
            https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json: the answer is longer than the 33554432 bytes that are read; nothing of it was used
        gzip bomb
            https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json: the answer is longer than the 33554432 bytes that are read; nothing of it was used
    "#]].assert_eq(&told);
    // Growing vectors hold up to three times what is in them; the other tests run beside this one.
    let grown = peak_bytes() - before;
    assert!(grown < 4 * Action::ANSWER_BYTES_MAX + (64 << 20), "{} MiB", grown >> 20);
}

/// A platform that says "too fast", or 403 without there being an account, is left alone for as long as it
/// says, or for hours; all five files are its own. What was known stays, and then all is read again.
#[test]
fn a_platform_that_wants_to_be_left_alone_is() {
    let too_fast = Fault::TooManyRequests { retry_after: 170 * MINUTE };
    for (fault, quiet, then) in [(too_fast, 2, 2), (Fault::Status(403), 5, 3)] {
        let mut simulation = machine(Feed::HackerOne);
        let before = simulation.store();
        simulation.sandbox().set_fault(&Feed::HackerOne.url(), fault);
        let asked = simulation.sandbox().received_total();
        simulation.run_for(HOUR * quiet).unwrap();
        assert_eq!(simulation.sandbox().received_total(), asked + 1);
        let store = simulation.store();
        assert_eq!(opportunities(&store), opportunities(&before));
        assert!(last_run(&store).sources.iter().all(|source| source.health == SourceHealth::Failed));
        simulation.sandbox().clear_faults();
        simulation.run_for(HOUR * then).unwrap();
        let run = last_run(&simulation.store());
        assert!(run.sources.iter().all(|source| source.health.was_read()), "{:?}", run.sources);
        assert_eq!(opportunities(&simulation.store()), opportunities(&before));
    }
}
