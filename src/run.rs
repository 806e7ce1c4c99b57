//! The verb `run`: from a command line to a daemon, and from a signal to its end.
//!
//! Everything that can be refused is refused before the store is opened. What fails later ends the
//! process with a sentence and an exit code of its own, to be restarted from outside; nothing is
//! reopened in place.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mm_core::moment::Moment;
use mm_core::opportunity::Opportunity;
use mm_core::run::{Outcome, RunRecord, SourceHealth, Trigger};
use mm_core::seams::{Clock, SharedClock};
use mm_services::strategies::NotStarted;
use mm_services::strategies::pool::Mode as PoolMode;
use mm_services::transport::{Https, Loopback, Transport};
use mm_store::{DataDir, Mode, Options, Span, Stamp};
use mm_supervision::Watchdog;
use tokio::sync::mpsc;

use crate::admin::{AdminService, Info, Ops};
use crate::cli::run::RunArgs;
use crate::config::{self, Loaded, Overrides, Sources};
use crate::exit::{Exit, Failure, leave};
use crate::logs;
use crate::machine::{Machine, Running, Seams, VERSION};
use crate::rules::RuleDir;
use crate::sandbox::{Sandbox, listener};
use crate::seams::{SeededRng, SystemClock, SystemEntropy, SystemProbe};

/// As `println!`, but a reader that has gone away ends nothing: the daemon works on without one.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

/// As `eprintln!`, but a reader that has gone away ends nothing.
macro_rules! complain {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

/// A kernel handler that does not yield for so long never will.
const KERNEL_STUCK_AFTER: Duration = Duration::from_secs(30);
/// How long an ordered stop may take.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// How long `--once` waits for one strategy beyond its own deadline.
const ONCE_WAIT: Duration = Duration::from_secs(24 * 3600);
/// How often, and how far apart, `run` looks whether the first runs have begun.
const FIRST_LOOKS: u32 = 300;
const FIRST_LOOK_PAUSE: Duration = Duration::from_millis(100);
/// The seed of the world that the sandbox makes itself.
const SANDBOX_SEED: u64 = 20_260_722;

/// Runs the daemon until it is told to stop, or once.
pub fn run(machine: &Machine, args: &RunArgs) -> Exit {
    match prepare(machine, args) {
        Ok(prepared) => prepared.go(machine, args),
        Err(failure) => failure.print(),
    }
}

/// Why the daemon ends.
enum End {
    /// `--once` is done, or a signal came.
    Asked(Exit),
    /// Something that cannot be gone on from.
    Fatal(Exit),
}

/// Says that the process must end. Nobody listens any more when it is ending already.
fn report(fatal: &mpsc::UnboundedSender<Exit>, exit: Exit) {
    let _ = fatal.send(exit);
}

/// All that is checked and held before anything runs.
struct Prepared {
    loaded: Loaded,
    data_dir: PathBuf,
    socket: PathBuf,
    stamp: Stamp,
    dir: DataDir,
    clock: Arc<SystemClock>,
    _logs: logs::Logs,
}

fn prepare(machine: &Machine, args: &RunArgs) -> Result<Prepared, Failure> {
    let env = crate::cli::place::environment();
    let names = machine.names();
    let loaded = config::load(Sources {
        file: config::find_file(args.config.as_deref(), &env),
        flags: Overrides::default().with("--log-level", "monitoring.log_level", args.log_level.clone()),
        installed: &names,
        check_schedule: crate::cli::check_schedule,
        env: env.clone(),
    })
    .map_err(|errors| Failure::new("read the configuration", errors))?;
    for warning in &loaded.warnings {
        complain!("warning: {warning}");
    }
    let start = |error: Box<dyn std::error::Error + Send + Sync>| Failure::new("start", error);
    let data_dir =
        config::data_dir(args.data_dir.as_deref(), &env, args.sandbox).map_err(|e| start(e.into()))?;
    let stamp = if args.sandbox { Stamp::Sandbox } else { Stamp::Live };
    harden();
    let dir = DataDir::open_for_daemon(&data_dir, stamp, std::process::id()).map_err(|e| start(e.into()))?;
    let clock = Arc::new(SystemClock::new(args.as_of));
    let wall = clock.clone();
    let now: logs::Now = Arc::new(move || wall.wall().to_utc().unwrap_or_default());
    let colour = std::io::stderr().is_terminal();
    let plan = logs::Plan::of(&loaded.config, Some(&data_dir), colour, now);
    let logs = logs::init(&plan).map_err(|e| start(e.into()))?;
    dir.note_boot(clock.wall()).map_err(|e| start(e.into()))?;
    let socket = config::socket_path(&data_dir, &config::runtime_dir(&env));
    Ok(Prepared { loaded, data_dir, socket, stamp, dir, clock, _logs: logs })
}

/// No core dump and no debugger of another user: memory will hold credentials.
fn harden() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if setrlimit(Resource::Core, none).is_err()
        || set_dumpable_behavior(DumpableBehavior::NotDumpable).is_err()
    {
        complain!("warning: core dumps could not be switched off");
    }
}

impl Prepared {
    fn go(self, machine: &Machine, args: &RunArgs) -> Exit {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return Failure::new("start", error).print(),
        };
        let ended = runtime.block_on(self.live(machine, args, runtime.handle().clone()));
        // Threads that were given up must not hold the process.
        runtime.shutdown_timeout(Duration::from_millis(500));
        match ended {
            Ok(exit) => exit,
            Err(failure) => failure.print(),
        }
    }

    async fn live(
        self,
        machine: &Machine,
        args: &RunArgs,
        runtime: tokio::runtime::Handle,
    ) -> Result<Exit, Failure> {
        let start = |error: Box<dyn std::error::Error + Send + Sync>| Failure::new("start", error);
        let mut signals = Signals::listen().map_err(|e| start(e.into()))?;
        let (fatal, mut fatals) = mpsc::unbounded_channel();
        let clock: SharedClock = self.clock.clone();
        let sandbox = sandbox(args, &clock).await.map_err(start)?;
        let transport: Arc<dyn Transport> = match &sandbox {
            Outside::Sandbox(port, _) => Arc::new(Loopback::to(*port).map_err(|e| start(e.into()))?),
            Outside::World => Arc::new(Https::default()),
        };
        let entropy = Arc::new(SystemEntropy::new());
        let store = self.open_store(entropy.clone(), fatal.clone()).map_err(start)?;
        let rules = RuleDir::lay_out(&self.data_dir).map_err(|e| start(e.into()))?;
        let settings = machine
            .settings(&self.loaded.config, self.stamp.as_str(), !args.once)
            .map_err(|e| start(e.into()))?;
        let stuck = fatal.clone();
        let seams = Seams {
            clock: clock.clone(),
            rng: Arc::new(SeededRng::from_entropy(entropy.as_ref())),
            entropy,
            transport,
            store: store.clone(),
            rules: Arc::new(rules),
            probe: Arc::new(SystemProbe { data_dir: self.data_dir.clone() }),
            pool: PoolMode::Threads,
            on_runs_stuck: Arc::new(move || report(&stuck, Exit::RunsStuck)),
            events: Arc::new(|event| event.log()),
        };
        let running = Machine::assemble(seams, settings, |services, tree| {
            let info = self.info(clock.wall());
            Some(AdminService::row(Arc::new(Ops::new(
                services.clone(),
                tree,
                Some(self.socket.clone()),
                info,
            ))))
        })
        .await
        .map_err(|e| start(e.into()))?;
        let watchdog = self.watch(&running, runtime).map_err(|e| start(e.into()))?;
        self.dir.note_boot_ok(clock.wall()).map_err(|e| start(e.into()))?;
        self.greet(args);
        let end = tokio::select! {
            biased;
            Some(exit) = fatals.recv() => End::Fatal(exit),
            end = serve(&running, args, machine, &mut signals) => end,
        };
        let exit = finish(running, end, &mut signals).await;
        drop(watchdog);
        drop(sandbox);
        if let Err(error) = store.close() {
            tracing::error!(error = %crate::exit::Chain(&error), "the store did not close well");
        }
        self.dir.close();
        Ok(exit)
    }

    fn open_store(
        &self,
        entropy: Arc<SystemEntropy>,
        fatal: mpsc::UnboundedSender<Exit>,
    ) -> Result<mm_store::Store, Box<dyn std::error::Error + Send + Sync>> {
        let mut options = Options::in_dir(&self.data_dir, self.stamp, entropy);
        options.mode = Mode::Threaded;
        options.cache_bytes = usize::from(self.loaded.config.store.cache_mib) << 20;
        options.on_fatal = Arc::new(move |error| {
            tracing::error!(%error, "the store failed; the process ends and must be restarted");
            complain!("error: {error}");
            report(&fatal, Exit::StoreFailed);
        });
        Ok(mm_store::Store::open(options)?)
    }

    fn info(&self, started: Moment) -> Info {
        Info {
            pid: std::process::id(),
            started,
            data_dir: self.data_dir.clone(),
            stamp: self.stamp,
            version: VERSION,
            config_text: self.loaded.show_text(),
            config_json: self.loaded.show_json(),
        }
    }

    /// A kernel handler that never yields cannot be ended but with the process.
    fn watch(&self, running: &Running, runtime: tokio::runtime::Handle) -> std::io::Result<Watchdog> {
        Watchdog::start(&running.tree(), runtime, KERNEL_STUCK_AFTER, |path, lasted| {
            tracing::error!(path, lasted_s = lasted.as_secs(), "an actor never yields; the process ends");
            complain!("error: actor {path} has not yielded for {} s; restart the daemon", lasted.as_secs());
            leave(Exit::KernelStuck)
        })
    }

    fn greet(&self, args: &RunArgs) {
        if args.once {
            return;
        }
        let here = hint(args);
        say!("money-machine {VERSION} is running ({}), pid {}", self.stamp.as_str(), std::process::id());
        say!("  data directory  {}", self.data_dir.display());
        say!("  ask it          money-machine status{here}   (from another terminal; Ctrl-C here stops it)");
    }
}

/// The flags that lead other commands to the same data directory.
fn hint(args: &RunArgs) -> String {
    match (&args.data_dir, args.sandbox) {
        (Some(dir), _) => format!(" --data-dir {}", dir.display()),
        (None, true) => " --sandbox".to_owned(),
        (None, false) => String::new(),
    }
}

/// What lies beyond the transport.
enum Outside {
    /// The world.
    World,
    /// A sandbox on this port; ours, if there is a listener.
    Sandbox(u16, #[expect(dead_code, reason = "held while it listens")] Option<listener::Listening>),
}

async fn sandbox(
    args: &RunArgs,
    clock: &SharedClock,
) -> Result<Outside, Box<dyn std::error::Error + Send + Sync>> {
    if !args.sandbox {
        return Ok(Outside::World);
    }
    if let Some(port) = args.sandbox_port {
        return Ok(Outside::Sandbox(port, None));
    }
    let sandbox = match &args.recordings {
        Some(manifest) => Sandbox::with_recordings(manifest)?,
        None => Sandbox::new(SANDBOX_SEED),
    };
    let clock = clock.clone();
    let listening = listener::serve(Arc::new(sandbox), Arc::new(move || clock.wall().unix_ms())).await?;
    Ok(Outside::Sandbox(listening.addr.port(), Some(listening)))
}

async fn serve(running: &Running, args: &RunArgs, machine: &Machine, signals: &mut Signals) -> End {
    if args.once {
        return tokio::select! {
            biased;
            () = signals.stop() => End::Asked(Exit::Refused),
            exit = once(running, machine, args) => End::Asked(exit),
        };
    }
    let first = first_look(running, machine, args);
    tokio::pin!(first);
    let mut shown = false;
    loop {
        tokio::select! {
            biased;
            () = signals.stop() => return End::Asked(Exit::Done),
            exit = running.ended() => {
                complain!("error: the actor tree ended: {exit}; restart the daemon");
                return End::Fatal(Exit::Refused);
            }
            () = &mut first, if !shown => shown = true,
        }
    }
}

/// Shows what the first runs found, and how to ask for more.
async fn first_look(running: &Running, machine: &Machine, args: &RunArgs) {
    let began = running.services.shared.now();
    for name in machine.names() {
        let Some(next) = first_tick(running, name).await else { continue };
        match running.services.strategies.idle(name, ONCE_WAIT).await {
            Ok(Some(run)) if run.ended.is_some_and(|at| at >= began) => show_run(running, &run, args),
            Ok(_) => {
                let when = next.map_or("never".to_owned(), |at| format!("at {at}"));
                say!("{name}: nothing is due now, next {when}");
                say!("  what it found: money-machine opportunities list{}", hint(args));
            }
            Err(error) => tracing::debug!(strategy = name, %error, "its first run is not shown"),
        }
    }
}

/// Waits until the scheduler has handed over what is due for a strategy, and says when it is due
/// next; `None` if it never does.
async fn first_tick(running: &Running, name: &str) -> Option<Option<Moment>> {
    for _ in 0..FIRST_LOOKS {
        let looked = running.services.scheduler.next().await.ok()?;
        if let Some((_, next)) = looked.into_iter().find(|(id, _)| id.as_str() == name) {
            return Some(next);
        }
        tokio::time::sleep(FIRST_LOOK_PAUSE).await;
    }
    None
}

async fn once(running: &Running, machine: &Machine, args: &RunArgs) -> Exit {
    let (mut all_ended, mut read, mut enabled) = (true, 0, 0);
    for name in machine.names() {
        let Some(run) = run_once(running, name).await else { continue };
        enabled += 1;
        match run {
            Ok(run) => {
                all_ended &= matches!(run.outcome, Some(Outcome::Succeeded | Outcome::Failed));
                read += run.sources.iter().filter(|source| source.health.was_read()).count();
                show_run(running, &run, args);
            }
            Err(why) => {
                all_ended = false;
                complain!("error: {name} did not run: {why}");
            }
        }
    }
    if enabled == 0 {
        complain!("error: no strategy is enabled; set `enabled = true` in its section of the configuration");
    } else if read == 0 {
        complain!("error: no source was read");
    }
    if all_ended && read > 0 { Exit::Done } else { Exit::Refused }
}

/// One run of one strategy; `None` if it is disabled. A run that was cut off before is ended first.
async fn run_once(running: &Running, name: &str) -> Option<Result<RunRecord, String>> {
    let strategies = &running.services.strategies;
    loop {
        match strategies.start(name, Trigger::Once).await {
            Ok(Ok(id)) => {
                let last = strategies.idle(name, ONCE_WAIT).await;
                return Some(match last {
                    Ok(Some(run)) if run.id == id => Ok(run),
                    Ok(_) => Err(format!("run {id} was lost")),
                    Err(error) => Err(error.to_string()),
                });
            }
            Ok(Err(NotStarted::Disabled)) => return None,
            Ok(Err(NotStarted::Busy(_))) => {
                if let Err(error) = strategies.idle(name, ONCE_WAIT).await {
                    return Some(Err(error.to_string()));
                }
            }
            Ok(Err(why)) => return Some(Err(why.to_string())),
            Err(error) => return Some(Err(error.to_string())),
        }
    }
}

/// What a run found, in a few lines.
fn show_run(running: &Running, run: &RunRecord, args: &RunArgs) {
    let outcome = run.outcome.map_or("is running", Outcome::as_str);
    say!("{}: run {} {outcome}, {} found for the first time", run.strategy, run.id, run.found);
    for source in &run.sources {
        let line = format!("  {:12} {:10} {}", source.name, source.health.as_str(), source.sentence);
        match source.health {
            SourceHealth::Failed | SourceHealth::Broken => complain!("{line}"),
            _ => say!("{line}"),
        }
    }
    for error in &run.errors {
        complain!("  {error}");
    }
    let baseline = if show_best(running, run) { " --baseline" } else { "" };
    let here = hint(args);
    say!("  more: money-machine opportunities list{baseline}{here}");
    say!("  why:  money-machine actions list{here}");
}

/// How many of the best a run shows.
const SHOWN: usize = 5;

/// Shows the best few of what this run found, and says whether all of it is a baseline.
fn show_best(running: &Running, run: &RunRecord) -> bool {
    // The clock may begin again where it was (`--as-of`): then its time does not tell what is new.
    if run.found == 0 {
        return false;
    }
    let store = &running.services.shared.store;
    let (mut best, mut any, mut all_baseline) = (Vec::new(), false, true);
    let seen = store.visit::<Opportunity>(&run.space, Span::all(), |_, row| {
        if let Ok(row) = row
            && row.value.found_at >= run.started
        {
            any = true;
            all_baseline &= !row.value.tell;
            best.push(row.value);
            best.sort_by(|a, b| b.score.cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
            best.truncate(SHOWN);
        }
        ControlFlow::Continue(())
    });
    for found in best.iter() {
        say!("  {:3}  {} ({})", found.score, found.title, found.reason);
    }
    seen.is_ok() && any && all_baseline
}

/// The signals that ask for a stop. Heard from the first moment of the runtime on: one that comes
/// while the machine is still starting must not kill it halfway.
struct Signals {
    term: tokio::signal::unix::Signal,
    int: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    /// Waits for the wish to stop.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

async fn finish(running: Running, end: End, signals: &mut Signals) -> Exit {
    let exit = match end {
        // The store is gone or a thread cannot be ended: an ordered stop would wait for them.
        End::Fatal(exit) => return exit,
        End::Asked(exit) => exit,
    };
    let report = tokio::select! {
        report = running.stop(STOP_WITHIN) => report,
        () = signals.stop() => leave(Exit::Forced),
    };
    for straggler in &report.stragglers {
        tracing::warn!(path = %straggler.path, "did not stop in time");
    }
    if report.running.is_empty() && report.in_time { exit } else { Exit::StopTimedOut }
}
