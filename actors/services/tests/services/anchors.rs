//! Checkpoints told to an address of the owner's: by the rule file that the documents show, over the one
//! road, once each; what fails is told again later, and leaves nobody with a question.

use std::time::Duration;

use mm_core::action::Method;
use mm_core::activity::{ActionRecord, Stage};
use mm_core::audit::anchor::Line;
use mm_core::error::TransportFault;
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_core::rule::{RuleSet, Verdict};
use mm_services::audit::checkpoints;
use mm_services::records::{AnchorRow, DecisionRow, LookUpRow, OpenRow};
use mm_services::testing::{Bench, Machine, Request, Said, Script};
use mm_store::{Record, Span};

const HOUR: Duration = Duration::from_secs(3600);
const PACK: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/examples/owner-webhook.toml"));
const HOOK: &str = "https://anchors.example.org/money-machine";

/// A bench that tells checkpoints to the hook.
fn hooked(seed: u64) -> Bench {
    let mut bench = Bench::new(seed);
    bench.settings.audit.anchor.webhook = Some(HOOK.to_owned());
    bench.install(Script::reads("reader", &["/a"]));
    bench.rules.put("owner-webhook.toml", PACK);
    bench
}

fn posts(machine: &Machine) -> Vec<Request> {
    machine.world.log().into_iter().filter(|request| request.url == HOOK).collect()
}

fn row(machine: &Machine) -> AnchorRow {
    let row = machine.store.get::<AnchorRow>(&Space::machine(), "webhook").unwrap();
    row.map(|row| row.value).unwrap_or_default()
}

/// The rows of the machine's own space.
fn own<R: Record>(machine: &Machine) -> Vec<R> {
    let rows = machine.store.scan::<R>(&Space::machine(), Span::all(), usize::MAX).unwrap();
    assert!(rows.damaged.is_empty());
    rows.into_values().collect()
}

fn nothing_is_left_open(machine: &Machine) {
    assert!(own::<OpenRow>(machine).is_empty());
    assert!(own::<LookUpRow>(machine).is_empty(), "nobody looks for what may have happened");
    let about: Vec<String> = machine.alerts().into_iter().map(|(about, _)| about).collect();
    assert!(!about.iter().any(|about| about.contains("ambiguous") || about.contains("look-up")), "{about:?}");
}

#[test]
fn the_sample_of_the_documents_is_sound_and_comes_out_as_it_says() {
    let rules = RuleSet::parse(&[("owner-webhook.toml".to_owned(), PACK.to_owned())]).unwrap();
    let reviewed: Moment = "2026-11-22T12:00:00Z".parse().unwrap();
    let lints: Vec<String> = rules.lint(reviewed).iter().map(ToString::to_string).collect();
    assert_eq!(lints, Vec::<String>::new());
    let wrong: Vec<String> = rules.run_examples().iter().map(|wrong| format!("{wrong:?}")).collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_checkpoint_is_posted_once_by_a_permit_and_stays_told() {
    let mut bench = hooked(1);
    let line = bench.live(async |machine| {
        machine.until("it is told", || row(machine).told == 1).await;
        let posts = posts(machine);
        assert_eq!(posts.len(), 1);
        let told = checkpoints::latest(&machine.store).unwrap().expect("a checkpoint");
        let line = Line::from(&told).text();
        assert_eq!(
            (posts[0].method, String::from_utf8_lossy(&posts[0].body)),
            (Method::Post, line.as_str().into())
        );
        assert!(told.is_sound());
        let agent = posts[0].headers.iter().find(|(name, _)| name == "user-agent").unwrap();
        assert!(agent.1.starts_with("money-machine/"), "what the rule obliges to: {agent:?}");
        let decisions = own::<DecisionRow>(machine);
        assert_eq!(decisions.len(), 1);
        assert_eq!(decisions[0].verdict, Verdict::Permit);
        assert_eq!(decisions[0].deciding[0].id, "owner-webhook/anchor");
        assert_eq!(own::<ActionRecord>(machine)[0].stage, Stage::Confirmed);
        line
    });
    bench.live(async |machine| {
        machine.pass(HOUR / 2).await;
        let again: Vec<Request> =
            posts(machine).into_iter().filter(|post| post.body == line.as_bytes()).collect();
        assert_eq!(again.len(), 1, "a restart tells nothing twice");
        nothing_is_left_open(machine);
    });
}

#[test]
fn what_fails_is_posted_again_later_and_nobody_is_asked_what_became_of_it() {
    let failures: [fn() -> Said; 4] = [
        || Said::status(503, "later"),
        || Said::status(429, "slowly"),
        || Said::fault(TransportFault::Timeout),
        || Said::fault(TransportFault::Connect),
    ];
    for (seed, failure) in (2..).zip(failures) {
        let mut bench = hooked(seed);
        bench.world.answer(move |request| match (request.url == HOOK, request.nth) {
            (true, ..3) => failure(),
            _ => Said::status(200, ""),
        });
        bench.live(async |machine| {
            machine.until("it failed", || row(machine).failures > 0).await;
            nothing_is_left_open(machine);
            assert_eq!(row(machine).told, 0);
            machine.pass(12 * HOUR).await;
            let told = row(machine);
            assert!(told.told >= 1 && told.failures == 0, "{told:?}");
            let posts = posts(machine);
            assert!(posts.len() > 3, "{posts:?}");
            nothing_is_left_open(machine);
            let line = |post: &Request| Line::parse(&String::from_utf8_lossy(&post.body)).unwrap();
            assert!(told.seq >= line(&posts[0]).seq, "what failed, or a newer one, is told at last");
            let good: Vec<u64> = posts[3..].iter().map(|post| line(post).seq).collect();
            assert!(good.windows(2).all(|two| two[0] < two[1]), "each is told once: {good:?}");
        });
    }
}

#[test]
fn without_a_rule_of_the_owners_nothing_is_posted_and_he_is_told() {
    let mut bench = hooked(9);
    bench.rules.remove("owner-webhook.toml");
    bench.live(async |machine| {
        machine.pass(6 * HOUR).await;
        assert_eq!(machine.world.count(), 0);
        let alerts = machine.alerts();
        let told = alerts.iter().find(|(about, _)| about == "audit/anchor-webhook").expect("an alert");
        assert!(told.1.contains("not been anchored"), "{told:?}");
    });
}
