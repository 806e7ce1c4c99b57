//! Idle is idle: with a watchdog running and nothing to do, nobody wakes up; with a handler that awaits
//! something, once a second. A binary of its own, because it counts what its whole process does.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use mm_supervision::*;

/// Voluntary context switches of every thread of this process but the one that counts, by name.
fn switches() -> Option<u64> {
    let mut total = 0;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let path = task.ok()?.path();
        let status = std::fs::read_to_string(path.join("status")).ok()?;
        let value = |key: &str| status.lines().find_map(|line| line.strip_prefix(key).map(str::trim));
        if value("Name:")? == "watchdog" {
            total += value("voluntary_ctxt_switches:")?.parse::<u64>().ok()?;
        }
    }
    Some(total)
}

enum Msg {
    Hang,
}

impl Inspect for Msg {
    fn kind(&self) -> &'static str {
        "hang"
    }
}

struct Hangs;

impl Component for Hangs {
    type Msg = Msg;
    type State = ();
    async fn init(&self, _: Handle<Msg>) -> Result<(), Fault> {
        Ok(())
    }
    async fn handle(&self, _: &Handle<Msg>, _: Msg, (): &mut ()) -> Result<(), Fault> {
        std::future::pending().await
    }
}

#[test]
fn an_idle_watchdog_wakes_less_than_once_a_second() {
    let Some(_) = switches() else {
        // Not `eprintln!`: the test harness would keep it to itself.
        std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("SKIPPED: no /proc here\n"))
            .expect("stderr takes a line");
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let (hangs, second) = (Handle::new(), Duration::from_secs(1));
    let spec = SupervisorSpec::new(Strategy::OneForOne, Intensity::default());
    let spec = spec.with(child("hangs", "", Restart::Permanent, second, &hangs, || Hangs));
    let seams =
        Seams::new(Arc::new(|| 0), Arc::new(|| 0.5), Arc::new(MemoryBudgets::default()), Arc::new(|_| {}));
    let root = runtime.block_on(Root::start(spec, seams)).expect("it starts");
    let limits = Limits { poll: second, hang: 60 * second, times_usual: 20 };
    let watchdog = Watchdog::start(&root.tree(), runtime.handle().clone(), limits, |_| {}).expect("a thread");
    // The figure is wakes per second, so a time has to pass; nobody ever sends.
    let (_never, quiet) = channel::<()>();
    let pass = |long| assert!(quiet.recv_timeout(Duration::from_millis(long)).is_err());
    let woken_in_3_s = || {
        pass(200);
        let before = switches().expect("still there");
        pass(3_000);
        switches().expect("still there") - before
    };
    let woken = woken_in_3_s();
    assert!(woken <= 3, "woken {woken} times in 3 s");
    hangs.cast(Msg::Hang).expect("it is there");
    let woken = woken_in_3_s();
    // Each time it goes to rest twice: before the look, and after it.
    assert!(woken <= 8, "woken {woken} times in 3 s while a handler awaits something");
    drop(watchdog);
    assert!(runtime.block_on(root.stop(second * 20)).in_time);
}
