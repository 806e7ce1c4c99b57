//! What the daemon meets: a store that is not empty, and a sandbox that lives in the bench's own
//! process, so that what the daemon needs is seen by itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use mm_core::id::{Space, StrategyId};
use mm_core::moment::Moment;
use mm_core::opportunity::{Opportunity, Reward, State};
use mm_store::{Change, DataDir, Options, Stamp, Store};
use money_machine::sandbox::{Sandbox, listener};
use money_machine::seams::SystemEntropy;

/// Real scope files, of the newest date for each source.
const REAL: [(&str, &str); 5] = [
    ("hackerone", "2023-06-10"),
    ("bugcrowd", "2026-08-12"),
    ("intigriti", "2026-08-12"),
    ("yeswehack", "2026-08-12"),
    ("federacy", "2026-08-12"),
];

/// Fills the data directory with so many opportunities, as a year or two would.
pub fn fill(dir: &Path, count: usize) {
    let held = DataDir::open_for_daemon(dir, Stamp::Sandbox, std::process::id()).unwrap();
    let store = Store::open(Options::in_dir(dir, Stamp::Sandbox, Arc::new(SystemEntropy::new()))).unwrap();
    let space = Space::default_owner();
    let all: Vec<usize> = (0..count).collect();
    for some in all.chunks(500) {
        let put = |change: Change, nth: &usize| {
            let opportunity = opportunity(*nth);
            change.put(&space, opportunity.id.as_str(), &opportunity).unwrap()
        };
        store.commit_blocking(some.iter().fold(Change::new(), put)).unwrap();
    }
    store.close().unwrap();
    held.close();
}

fn opportunity(nth: usize) -> Opportunity {
    let strategy: StrategyId = "bug-bounty".parse().unwrap();
    let found_at = Moment::from_unix_ms(1_760_000_000_000 + 3_600_000 * nth as i64);
    let about = format!("programme-{nth}");
    Opportunity {
        id: Opportunity::id_of(&strategy, "hackerone", "targets_added", &[&about]),
        strategy,
        platform: "hackerone".to_owned(),
        kind: "targets_added".to_owned(),
        title: format!("Programme number {nth} has 3 new targets in scope"),
        url: format!("https://hackerone.com/{about}"),
        state: if nth.is_multiple_of(10) { State::New } else { State::Dismissed },
        found_at,
        updated_at: found_at,
        reward: Some(Reward { min: Some(100.into()), max: Some(10_000.into()), currency: "USD".to_owned() }),
        score: (nth % 100) as u8,
        reason: "three new web targets at a programme that pays up to 10000 USD".to_owned(),
        evidence: None,
        details: format!(
            r#"{{"baseline":false,"programme":"{about}","targets":[{{"identifier":"a.{about}.example","kind":"URL"}},{{"identifier":"b.{about}.example","kind":"URL"}},{{"identifier":"*.{about}.example","kind":"WILDCARD"}}]}}"#
        ),
        tell: true,
        deadline: None,
        payer: None,
        facts: mm_core::opportunity::Facts::default(),
        steps: 0,
        settled: false,
    }
}

/// A sandbox that listens in this process.
pub struct Outside {
    pub port: u16,
    /// What it serves, for the heading.
    pub serves: &'static str,
    pub sandbox: Arc<Sandbox>,
    _listening: listener::Listening,
    _runtime: tokio::runtime::Runtime,
}

impl Outside {
    /// Real scope files where they lie beside the project, else the made world.
    pub fn start(work: &Path) -> Self {
        let (sandbox, serves) = match manifest(work) {
            Some(manifest) => (Sandbox::with_recordings(&manifest).unwrap(), "five real scope files"),
            None => {
                eprintln!("SKIPPED: no real scope files beside the project; the made world is smaller");
                (Sandbox::new(20_260_722), "the made world")
            }
        };
        let sandbox = Arc::new(sandbox);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listening = runtime.block_on(listener::serve(sandbox.clone(), Arc::new(now_ms))).unwrap();
        Self { port: listening.addr.port(), serves, sandbox, _listening: listening, _runtime: runtime }
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// Recordings of all five files, written beside the daemon's data.
fn manifest(work: &Path) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/bounty-targets-data");
    let mut lines = String::new();
    for (source, day) in REAL {
        let body = folder.join(day).join(format!("{source}_data.json"));
        if !body.is_file() {
            return None;
        }
        let line = serde_json::json!({
            "at": "2026-08-12T11:34:47Z",
            "method": "GET",
            "url": format!("https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/{source}_data.json"),
            "status": 200,
            "headers": { "content-type": "text/plain; charset=utf-8" },
            "body_file": std::path::absolute(body).unwrap(),
        });
        lines.push_str(&format!("{line}\n"));
    }
    let path = work.join("recordings.jsonl");
    std::fs::write(&path, lines).unwrap();
    Some(path)
}
