//! Idle is idle: with a watchdog running and nothing to do, nobody wakes up. A binary of its own, because
//! it counts what its whole process does.

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
    let spec = SupervisorSpec::new(Strategy::OneForOne, Intensity::default());
    let seams =
        Seams::new(Arc::new(|| 0), Arc::new(|| 0.5), Arc::new(MemoryBudgets::default()), Arc::new(|_| {}));
    let root = runtime.block_on(Root::start(spec, seams)).expect("it starts");
    let watchdog = Watchdog::start(&root.tree(), runtime.handle().clone(), Duration::from_secs(1), |_, _| {})
        .expect("a thread");
    // The figure is wakes per second, so a time has to pass; nobody ever sends.
    let (_never, quiet) = channel::<()>();
    let pass = |long| assert!(quiet.recv_timeout(Duration::from_millis(long)).is_err());
    pass(200);
    let before = switches().expect("still there");
    pass(3_000);
    let woken = switches().expect("still there") - before;
    assert!(woken <= 3, "woken {woken} times in 3 s");
    drop(watchdog);
    assert!(runtime.block_on(root.stop(Duration::from_secs(1))).in_time);
}
