//! A kernel that cannot start: the machine is up all the same, in safe mode, and says why.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use mm_core::seams::{Entropy, SplitMix64};
use mm_services::alerts::NoChannel;
use mm_services::resources::Usage;
use mm_store::{BootBook, Options, SharedMemory, Stamp};
use serde_json::Value;

use super::*;
use crate::admin::{AdminService, Info, Ops, answer};
use crate::config::{self, Env, Overrides, Sources};
use crate::inprocess::InProcess;
use crate::rules::FixedRules;
use crate::sandbox::{Sandbox, world::World};
use crate::seams::{SeededRng, SystemClock};

struct Seeded(Mutex<SplitMix64>);

impl Entropy for Seeded {
    fn fill(&self, buffer: &mut [u8]) {
        let mut numbers = self.0.lock().unwrap();
        buffer.fill_with(|| numbers.next_u64() as u8);
    }
}

struct NoProbe;

impl Probe for NoProbe {
    fn look(&self) -> Usage {
        Usage::default()
    }
}

/// Rules that end whoever asks for them, until they are mended.
struct Cursed {
    rules: FixedRules,
    mended: AtomicBool,
}

impl RuleSource for Cursed {
    fn stamp(&self) -> u64 {
        assert!(self.mended.load(Ordering::SeqCst), "the rules are cursed");
        1
    }

    fn read(&self) -> Result<Vec<(String, String)>, String> {
        self.rules.read()
    }

    fn place(&self) -> String {
        self.rules.place()
    }
}

async fn boot(memory: &SharedMemory, rules: Arc<Cursed>) -> (Running, Arc<Ops>) {
    boot_held(memory, rules, None).await
}

async fn boot_held(memory: &SharedMemory, rules: Arc<Cursed>, hold: Option<String>) -> (Running, Arc<Ops>) {
    let machine = Machine::new().with_builtins();
    let clock = Arc::new(SystemClock::new(Some("2026-07-22T12:00:00Z".parse().unwrap())));
    let entropy = Arc::new(Seeded(Mutex::new(SplitMix64(7))));
    let store = Store::open(Options::in_memory(memory.clone(), entropy.clone())).unwrap();
    let seams = Seams {
        transport: Arc::new(InProcess::to(Arc::new(Sandbox::of_world(World::small(7))), clock.clone())),
        clock,
        entropy,
        rng: Arc::new(SeededRng::new(7)),
        store,
        rules,
        channel: Arc::new(NoChannel),
        evidence: mm_services::audit::Evidence::in_memory(&mm_services::audit::InMemory::default()),
        keys: Arc::new(mm_services::accounts::MemoryKeys::default()),
        probe: Arc::new(NoProbe),
        pool: pool::Mode::Inline,
        on_runs_stuck: Arc::new(|| {}),
        events: Arc::new(|_| {}),
        tree: Arc::new(|seams| seams),
        boots: BootBook::in_memory(),
        hold,
    };
    let loaded = config::load(Sources {
        file: None,
        env: Env::default(),
        flags: Overrides::default(),
        installed: &machine.names(),
        check_schedule: crate::cli::check_schedule,
    });
    let settings = machine.settings(&loaded.unwrap().config, "sandbox", false).unwrap();
    let mut made = None;
    let running = Machine::assemble(seams, settings, |services, tree| {
        let info = Info {
            pid: 42,
            started: "2026-07-22T12:00:00Z".parse().unwrap(),
            data_dir: "/data".into(),
            stamp: Stamp::Sandbox,
            version: "0.0.0",
            config_json: Value::Null,
            config_text: String::new(),
        };
        let ops = Arc::new(Ops::new(services.clone(), tree, None, info));
        made = Some(ops.clone());
        Some(AdminService::row(ops))
    })
    .await;
    (running.expect("the machine is up"), made.unwrap())
}

/// Asks until `ready` holds of the answer: alerts are written by an actor.
async fn get(ops: &Ops, target: &str, ready: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..10_000 {
        let (status, body) = answer(ops, "GET", target, &Value::Null).await;
        assert_eq!(status, 200, "{body}");
        if ready(&body) {
            return body;
        }
        tokio::task::yield_now().await;
    }
    panic!("{target} was never as it should be");
}

#[tokio::test]
async fn a_kernel_that_cannot_start_is_safe_mode_and_the_next_start_is_well() {
    let memory = SharedMemory::new();
    let rules = Arc::new(Cursed { rules: FixedRules::built_in(), mended: AtomicBool::new(false) });
    let (running, ops) = boot(&memory, rules.clone()).await;
    let safe =
        |status: &Value| status["safe_mode"] == true && !status["alerts"].as_array().unwrap().is_empty();
    let status = get(&ops, "/status", safe).await;
    assert!(status["safe_mode_why"].as_str().unwrap().contains("the rules are cursed"), "{status}");
    assert_eq!(status["alerts"][0]["about"], "safe-mode");
    let doctor = get(&ops, "/doctor", |_| true).await;
    let kernel = doctor["checks"].as_array().unwrap().iter().find(|check| check["name"] == "kernel").unwrap();
    assert_eq!((&kernel["grade"], &doctor["ok"]), (&"fail".into(), &false.into()));
    assert!(kernel["sentence"].as_str().unwrap().contains("the rules are cursed"), "{kernel}");
    let (code, told) = answer(&ops, "POST", "/strategies/bug-bounty/run", &Value::Null).await;
    assert_eq!(code, 503, "{told}");
    assert!(running.stop(Duration::from_secs(5)).await.in_time);
    memory.restart();

    rules.mended.store(true, Ordering::SeqCst);
    let (running, ops) = boot(&memory, rules).await;
    let well =
        |status: &Value| status["safe_mode"] == false && status["alerts"].as_array().unwrap().is_empty();
    get(&ops, "/status", well).await;
    running.stop(Duration::from_secs(5)).await;
}

/// A kernel that ends later is told of in the same way.
#[tokio::test]
async fn a_kernel_that_ends_says_why() {
    let rules = Arc::new(Cursed { rules: FixedRules::built_in(), mended: AtomicBool::new(true) });
    let (running, ops) = boot(&SharedMemory::new(), rules).await;
    assert!(running.tree().kill("kernel"));
    let down = |status: &Value| status["safe_mode"] == true && status["safe_mode_why"] == "killed";
    get(&ops, "/status", down).await;
    running.stop(Duration::from_secs(5)).await;
}

/// What a boot says it starts next is what the tree starts next.
#[tokio::test]
async fn the_kernel_starts_in_the_order_that_boots_tell() {
    let rules = Arc::new(Cursed { rules: FixedRules::built_in(), mended: AtomicBool::new(true) });
    let (running, _ops) = boot(&SharedMemory::new(), rules).await;
    let paths = running.tree().paths();
    let told = std::iter::successors(Some(KERNEL.to_owned()), |path| mm_services::tree::next_in_kernel(path));
    let stands = paths.iter().filter(|path| {
        path.as_str() == KERNEL || path.strip_prefix("kernel/").is_some_and(|child| !child.contains('/'))
    });
    assert_eq!(told.collect::<Vec<_>>(), stands.cloned().collect::<Vec<_>>());
    running.stop(Duration::from_secs(5)).await;
}

/// A kernel that is held does not start, and only an operator's word starts it.
#[tokio::test]
async fn a_held_kernel_starts_by_an_operators_word_alone() {
    let rules = Arc::new(Cursed { rules: FixedRules::built_in(), mended: AtomicBool::new(true) });
    let (running, ops) = boot_held(&SharedMemory::new(), rules, Some("three boots failed".to_owned())).await;
    get(&ops, "/status", |status| status["safe_mode_why"] == "three boots failed").await;
    assert!(!running.tree().paths().iter().any(|path| path.starts_with(KERNEL)));
    running.services.start_kernel_by_operator("mended").await.unwrap();
    get(&ops, "/status", |status| status["safe_mode"] == false).await;
    let told = running.services.start_kernel_by_operator("again").await.unwrap_err().to_string();
    assert!(told.starts_with("the kernel runs"), "{told}");
    running.stop(Duration::from_secs(5)).await;
}
