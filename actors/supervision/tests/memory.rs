//! What an idle supervised actor takes: at most 10 kB, all included (ours, ractor's and tokio's). A binary
//! of its own, because it weighs its whole process.

use std::sync::Arc;
use std::time::Duration;

use mm_supervision::*;

/// The aim for each idle actor, in bytes.
const AT_MOST: u64 = 10_000;
/// What the first message may add: counts, quantiles and the beginning of the ring.
const BOOK: u64 = 2_000;
const SECOND: Duration = Duration::from_secs(1);

/// Memory of this process that nobody else shares, in bytes; `None` where there is no `/proc`.
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = statm.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

struct Msg;

impl Inspect for Msg {
    fn kind(&self) -> &'static str {
        "msg"
    }
}

struct Idle;

impl Component for Idle {
    type Msg = Msg;
    type State = u64;

    async fn init(&self, _: Handle<Msg>) -> Result<u64, Fault> {
        Ok(0)
    }

    async fn handle(&self, _: &Handle<Msg>, Msg: Msg, total: &mut u64) -> Result<(), Fault> {
        *total += 1;
        Ok(())
    }
}

async fn start(top: &SupervisorHandle, name: &str, count: usize) -> Vec<Handle<Msg>> {
    let mut handles = Vec::with_capacity(count);
    for number in 0..count {
        let handle = Handle::new();
        let row = child(format!("{name}/{number}"), "idle", Restart::Permanent, SECOND, &handle, || Idle);
        assert_eq!(top.start_child(row).await, Ok(Started::Running));
        handles.push(handle);
    }
    handles
}

#[test]
fn an_idle_actor_takes_at_most_ten_kilobytes() {
    let Some(_) = resident() else {
        // Not `eprintln!`: the test harness would keep it to itself.
        std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("SKIPPED: no /proc here\n"))
            .expect("stderr takes a line");
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let spec = SupervisorSpec::new(Strategy::OneForOne, Intensity::default());
        let budgets = Arc::new(MemoryBudgets::default());
        let seams = Seams::new(Arc::new(|| 0), Arc::new(|| 0.5), budgets, Arc::new(|_| {}));
        let root = Root::start(spec, seams).await.expect("it starts");
        let top = root.supervisor();
        // What is allocated once, and free lists that only grow, are not the actors'.
        drop(start(&top, "warm", 100).await);
        let count = 1_000;
        let before = resident().expect("still there");
        let idle = start(&top, "idle", count).await;
        let each = (resident().expect("still there") - before) / count as u64;
        let told = root.show("idle/7").and_then(|seen| seen.view.memory_bytes).expect("known");
        for handle in &idle {
            handle.cast(Msg).expect("it is there");
        }
        while idle.iter().any(|handle| handle.meter().done() == 0) {
            tokio::task::yield_now().await;
        }
        let used = (resident().expect("still there") - before) / count as u64;
        println!("bytes each: {each} idle, {used} after one message; {told} by the tree's own reckoning");
        assert!(each <= AT_MOST, "{each} bytes for each idle actor");
        assert!(used <= each + BOOK, "{used} bytes for each actor that has handled one message");
        assert!((1..each).contains(&told), "the tree reckons {told} of {each}");
        drop(root);
    });
}
