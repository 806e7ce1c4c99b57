//! The verb `run`: from a command line to a daemon, and from a signal to its end.
//!
//! Everything that can be refused is refused before the store is opened. What fails later ends the
//! process with a sentence and an exit code of its own, to be restarted from outside; nothing is
//! reopened in place.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mm_core::moment::Moment;
use mm_core::seams::{Clock, SharedClock};
use mm_services::audit::Evidence;
use mm_services::strategies::pool::Mode as PoolMode;
use mm_services::transport::{Https, Loopback, Transport};
use mm_store::{DataDir, Mode, Options, Stamp};
use mm_supervision::{Limits, Watchdog};
use tokio::sync::mpsc;

use crate::admin::{AdminService, Info, Ops};
use crate::channel::{CommandChannel, LastWords};
use crate::cli::run::RunArgs;
use crate::config::{self, Loaded};
use crate::evidence::{AnchorLines, KeyFiles};
use crate::exit::{Exit, Failure, leave};
use crate::guardian::child;
use crate::keys::SystemKeys;
use crate::logs;
use crate::machine::{Machine, Running, Seams, VERSION, stopping};
use crate::notify::{self, Notify};
use crate::reload::{self, Reloader};
use crate::rules::RuleDir;
use crate::sandbox::recordings::RecordingsError;
use crate::sandbox::{Sandbox, listener};
use crate::seams::{SeededRng, SystemClock, SystemEntropy, SystemProbe};

mod boot;
mod passphrase;
mod progress;
mod shown;
mod signals;

use boot::Boot;
use passphrase::{Asking, passphrase};
use progress::{Progress, Standing};
use shown::{complain, first_look, hint, once, say, show_reload, warn};
use signals::{Asked, Signals};

/// A handler that does not yield for 30 s never will. One that yields has three minutes, or twenty times
/// what it usually takes.
const STUCK: Limits =
    Limits { poll: Duration::from_secs(30), hang: Duration::from_secs(180), times_usual: 20 };
/// How long an ordered stop may take.
const STOP_WITHIN: Duration = Duration::from_secs(20);
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
    /// What plays the world, where this process does.
    sandbox: Option<Sandbox>,
    data_dir: PathBuf,
    socket: PathBuf,
    stamp: Stamp,
    dir: DataDir,
    clock: Arc<SystemClock>,
    notify: Notify,
    /// The longest time that whoever started the daemon waits for a sign of progress.
    watchdog: Option<Duration>,
    logs: logs::Logs,
}

fn prepare(machine: &Machine, args: &RunArgs) -> Result<Prepared, Failure> {
    let start = |error: Box<dyn std::error::Error + Send + Sync>| Failure::new("start", error);
    let guardian = args.guarded.map(child::bind).transpose().map_err(|e| start(e.into()))?;
    let env = crate::cli::place::environment();
    let notify = guardian.unwrap_or_else(|| {
        Notify::of(&env).unwrap_or_else(|error| {
            complain!("warning: {}", crate::exit::Chain(&error));
            Notify::nobody()
        })
    });
    let loaded = reload::read(machine, args, env.clone())
        .map_err(|errors| Failure::new("read the configuration", errors))?;
    warn(&loaded);
    // Before the boot is on record: what the command line alone causes is no failed boot.
    let sandbox = sandbox(args).map_err(|e| start(e.into()))?;
    let data_dir =
        config::data_dir(args.data_dir.as_deref(), &env, args.sandbox).map_err(|e| start(e.into()))?;
    let stamp = if args.sandbox { Stamp::Sandbox } else { Stamp::Live };
    harden();
    let pid = std::process::id();
    let dir = child::patiently(args.guarded.is_some(), || DataDir::open_for_daemon(&data_dir, stamp, pid))
        .map_err(|e| start(e.into()))?;
    let clock = Arc::new(SystemClock::new(args.as_of));
    let wall = clock.clone();
    let now: logs::Now = Arc::new(move || wall.wall().to_utc().unwrap_or_default());
    let colour = std::io::stderr().is_terminal();
    let plan = logs::Plan::of(&loaded.config, Some(&data_dir), colour, now);
    let logs = logs::init(&plan).map_err(|e| start(e.into()))?;
    let socket = config::socket_path(&data_dir, &config::runtime_dir(&env));
    let watchdog = notify::watchdog(&env, pid);
    Ok(Prepared { loaded, sandbox, data_dir, socket, stamp, dir, clock, notify, watchdog, logs })
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
        mm_supervision::catch_backtraces();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return Failure::new("start", error).print(),
        };
        let ended = runtime.block_on(self.started(machine, args, runtime.handle().clone()));
        // Threads that were given up must not hold the process.
        runtime.shutdown_timeout(Duration::from_millis(500));
        match ended {
            Ok(exit) => exit,
            Err(failure) => failure.print(),
        }
    }

    /// A life in the book of boots.
    async fn started(
        self,
        machine: &Machine,
        args: &RunArgs,
        runtime: tokio::runtime::Handle,
    ) -> Result<Exit, Failure> {
        let start = |error: Box<dyn std::error::Error + Send + Sync>| Failure::new("start", error);
        // Before the boot is on record: one that is stopped by a signal has not failed.
        let signals = Signals::listen().map_err(|e| start(e.into()))?;
        let boot = Boot::begin(&self.dir).map_err(|e| start(e.into()))?;
        signals.begun(boot.book());
        let words = self.last_words();
        let lived = self.live(machine, args, runtime, signals, &boot).await;
        if let Err(failure) = &lived {
            boot.failed(failure);
            words.say_or_log("daemon/not-started", &format!("the daemon did not start: {failure}"));
        }
        lived
    }

    async fn live(
        mut self,
        machine: &Machine,
        args: &RunArgs,
        runtime: tokio::runtime::Handle,
        mut signals: Signals,
        boot: &Boot,
    ) -> Result<Exit, Failure> {
        let start = |error: Box<dyn std::error::Error + Send + Sync>| Failure::new("start", error);
        let (fatal, mut fatals) = mpsc::unbounded_channel();
        let clock: SharedClock = self.clock.clone();
        let outside = outside(args, self.sandbox.take(), &clock).await.map_err(|e| start(e.into()))?;
        let transport: Arc<dyn Transport> = match &outside {
            Outside::Sandbox(port, _) => Arc::new(Loopback::to(*port).map_err(|e| start(e.into()))?),
            Outside::World => Arc::new(Https::default()),
        };
        let entropy = Arc::new(SystemEntropy::new());
        boot.doing("opening the store");
        let store = self.open_store(entropy.clone(), fatal.clone()).map_err(start)?;
        boot.doing("laying out the rules");
        let rules = RuleDir::lay_out(&self.data_dir).map_err(|e| start(e.into()))?;
        let settings =
            reload::settings(machine, &self.loaded, self.stamp, !args.once).map_err(|e| start(e.into()))?;
        let stuck = fatal.clone();
        let channel = Arc::new(CommandChannel::new(&crate::cli::place::environment()));
        let keys =
            SystemKeys::new(&crate::cli::place::environment(), &self.loaded.config.vault, &self.data_dir);
        let hold = match passphrase(&keys, &store, &mut signals).await {
            Asking::Held(why) => boot.hold.clone().or(why),
            Asking::Stopped => {
                // A start that a person ends is no failed boot.
                boot.book().held().map_err(|e| start(e.into()))?;
                return Ok(Exit::Done);
            }
        };
        let seams = Seams {
            clock: clock.clone(),
            rng: Arc::new(SeededRng::from_entropy(entropy.as_ref())),
            entropy,
            transport,
            store: store.clone(),
            rules: Arc::new(rules),
            channel: channel.clone(),
            evidence: self.evidence(channel),
            keys: Arc::new(keys),
            probe: Arc::new(SystemProbe { data_dir: self.data_dir.clone() }),
            pool: PoolMode::Threads,
            on_runs_stuck: Arc::new(move || report(&stuck, Exit::RunsStuck)),
            events: Arc::new(|event| event.log()),
            tree: Arc::new(|seams| seams),
            boots: boot.book(),
            hold,
        };
        let mut asked = None;
        let running = Machine::assemble(seams, settings, |services, tree| {
            let (info, socket) = (self.info(clock.wall()), Some(self.socket.clone()));
            let ops = asked.insert(Arc::new(Ops::new(services.clone(), tree, socket, info)));
            Some(AdminService::row(ops.clone()))
        })
        .await
        .map_err(|e| start(e.into()))?;
        let feed = |limit| {
            let (runtime, store, tree) = (runtime.clone(), store.clone(), running.tree());
            let progress = Progress { runtime, store, tree, limits: STUCK, within: limit / 8 };
            progress.feed(&self.notify, limit, self.standing(&running))
        };
        let feeder = self.watchdog.map(feed).transpose().map_err(|e| start(e.into()))?;
        let services = &running.services;
        let words = self.last_words().following(&services.shared.settings, &services.alerts);
        let watchdog =
            self.watch(&running, runtime, boot.clone(), words.clone()).map_err(|e| start(e.into()))?;
        boot.is_up().map_err(|e| start(e.into()))?;
        self.notify.ready(&self.standing(&running).line());
        self.greet(args, &running);
        let mut reloader = asked.map(|ops| Reloader {
            machine,
            args,
            stamp: self.stamp,
            logs: self.logs.clone(),
            services: running.services.clone(),
            ops,
            loaded: self.loaded.clone(),
            read: self.loaded.clone(),
        });
        let end = tokio::select! {
            biased;
            Some(exit) = fatals.recv() => End::Fatal(exit),
            end = self.serve(&running, args, machine, &mut signals, &mut reloader) => end,
        };
        if let End::Fatal(exit) = end {
            boot.broke_off(exit);
            words.ends(exit, "");
        }
        self.notify.stopping();
        let exit = finish(running, end).await;
        drop((watchdog, feeder));
        drop(outside);
        if let Err(error) = store.close() {
            tracing::error!(error = %crate::exit::Chain(&error), "the store did not close well");
        }
        self.dir.close();
        Ok(exit)
    }

    /// Where the audit trail's key and anchors lie.
    fn evidence(&self, command: Arc<CommandChannel>) -> Evidence {
        let key = self.loaded.config.audit.key_path(&self.data_dir);
        let (keys, file) = (Arc::new(KeyFiles::at(key)), Arc::new(AnchorLines));
        Evidence { keys, file, command, standing: Default::default() }
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

    /// What is said to the owner when there is no service left to do it.
    fn last_words(&self) -> LastWords {
        let (clock, alerts) = (self.clock.clone(), self.loaded.config.alerts.tell_settings());
        let now = Arc::new(move || clock.wall());
        let env = crate::cli::place::environment();
        LastWords::new(&env, alerts, self.stamp.as_str(), self.data_dir.clone(), now)
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

    /// A handler that never yields cannot be ended but with the process; one that hangs can be killed, and
    /// its supervisor restarts it.
    fn watch(
        &self,
        running: &Running,
        runtime: tokio::runtime::Handle,
        boot: Boot,
        words: LastWords,
    ) -> std::io::Result<Watchdog> {
        let tree = running.tree();
        Watchdog::start(&running.tree(), runtime, STUCK, move |stuck| {
            let (path, lasted_s) = (stuck.path.as_str(), stuck.lasted.as_secs());
            if stuck.yields {
                let (in_hand, killed) = (stuck.kind.unwrap_or("none"), tree.kill(path));
                tracing::error!(
                    path,
                    lasted_s,
                    in_hand,
                    killed,
                    "an actor makes no progress; it is restarted"
                );
                return;
            }
            tracing::error!(path, lasted_s, "an actor never yields; the process ends");
            complain!("error: actor {path} has not yielded for {lasted_s} s; restart the daemon");
            boot.broke_off(Exit::KernelStuck);
            words.ends(Exit::KernelStuck, &format!("; it was {path}"));
            leave(Exit::KernelStuck)
        })
    }

    /// Works until a signal comes, or the tree ends.
    async fn serve(
        &self,
        running: &Running,
        args: &RunArgs,
        machine: &Machine,
        signals: &mut Signals,
        reloader: &mut Option<Reloader<'_>>,
    ) -> End {
        if args.once {
            return tokio::select! {
                biased;
                () = signals.stopped() => End::Asked(Exit::Refused),
                exit = once(running, machine, args) => End::Asked(exit),
            };
        }
        let first = first_look(running, machine, args);
        tokio::pin!(first);
        let mut shown = false;
        loop {
            tokio::select! {
                biased;
                asked = signals.next() => match asked {
                    Asked::Stop => return End::Asked(Exit::Done),
                    Asked::Reload => {
                        if let Some(reloader) = reloader {
                            self.notify.reloading();
                            show_reload(&reloader.reload().await, &reloader.loaded);
                            self.notify.ready(&self.standing(running).line());
                        }
                    }
                },
                exit = running.ended() => {
                    complain!("error: the actor tree ended: {exit}; restart the daemon");
                    return End::Fatal(Exit::Refused);
                }
                () = &mut first, if !shown => shown = true,
            }
        }
    }

    fn standing(&self, running: &Running) -> Standing {
        Standing { services: running.services.clone(), stamp: self.stamp }
    }

    fn greet(&self, args: &RunArgs, running: &Running) {
        if !running.services.kernel_is_up() {
            let why = running.services.kernel_why().unwrap_or_default();
            complain!("error: safe mode, nothing goes out: {why}");
            complain!("  what to do: money-machine doctor{}", hint(args));
        }
        if args.once {
            return;
        }
        let here = hint(args);
        say!("money-machine {VERSION} is running ({}), pid {}", self.stamp.as_str(), std::process::id());
        say!("  data directory  {}", self.data_dir.display());
        say!("  ask it          money-machine status{here}   (from another terminal; Ctrl-C here stops it)");
    }
}

/// What lies beyond the transport.
enum Outside {
    /// The world.
    World,
    /// A sandbox on this port; ours, if there is a listener.
    Sandbox(u16, #[expect(dead_code, reason = "held while it listens")] Option<listener::Listening>),
}

/// What plays the world, if this process is to.
fn sandbox(args: &RunArgs) -> Result<Option<Sandbox>, RecordingsError> {
    if !args.sandbox || args.sandbox_port.is_some() {
        return Ok(None);
    }
    args.recordings
        .as_deref()
        .map_or_else(|| Ok(Sandbox::new(SANDBOX_SEED)), Sandbox::with_recordings)
        .map(Some)
}

async fn outside(args: &RunArgs, sandbox: Option<Sandbox>, clock: &SharedClock) -> std::io::Result<Outside> {
    if let Some(port) = args.sandbox_port {
        return Ok(Outside::Sandbox(port, None));
    }
    let Some(sandbox) = sandbox else { return Ok(Outside::World) };
    let clock = clock.clone();
    let listening = listener::serve(Arc::new(sandbox), Arc::new(move || clock.wall().unix_ms())).await?;
    Ok(Outside::Sandbox(listening.addr.port(), Some(listening)))
}

async fn finish(running: Running, end: End) -> Exit {
    let exit = match end {
        // The store is gone or a thread cannot be ended: an ordered stop would wait for them.
        End::Fatal(exit) => return exit,
        End::Asked(exit) => exit,
    };
    let report = running.stop(STOP_WITHIN).await;
    for straggler in &report.stragglers {
        tracing::warn!("{}", stopping::line(straggler));
    }
    if report.running.is_empty() && report.in_time { exit } else { Exit::StopTimedOut }
}
