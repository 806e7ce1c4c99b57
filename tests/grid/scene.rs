//! One cell played out: work, the breakage, the mending; then what must hold ([`after`](crate::after)).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mm_core::id::{OpportunityId, Space};
use mm_core::moment::Moment;
use mm_core::opportunity::Decision;
use mm_core::run::Trigger;
use mm_services::{resources, tidy};
use mm_supervision::{ActorState, Limits, StopReport, What};
use money_machine::machine::Running;
use money_machine::simulation::{End, Plan, Simulation, paused};
use serde_json::{Value, json};

use crate::after;
use crate::cell::{Cell, Drive, EGRESS, HOST, How, Script, When};
use crate::sabotage::Saboteur;

pub const MINUTE: Duration = Duration::from_secs(60);
const STRATEGY: &str = "bug-bounty";
/// As a real machine judges who stands still; a supervisor after twenty minutes.
const LIMITS: Limits =
    Limits { poll: Duration::from_secs(30), hang: Duration::from_secs(180), times_usual: 20 };
/// Past both.
const LONG: Duration = Duration::from_secs(1_230);

/// A finding of a cell, if there is one.
pub type Found<T> = Result<T, String>;

/// What holds or the cell is wrong.
pub fn ensure(holds: bool, why: impl FnOnce() -> String) -> Found<()> {
    if holds { Ok(()) } else { Err(why()) }
}

pub struct Scene {
    pub cell: Cell,
    pub drive: Drive,
    pub simulation: Simulation,
    saboteur: Arc<Saboteur>,
    starts: Arc<Mutex<BTreeMap<String, usize>>>,
    /// The opportunity that its owner was told is accepted.
    pub accepted: String,
    /// The runs there were before.
    pub runs: BTreeSet<String>,
    /// The report of the stop that was disturbed.
    pub report: Option<StopReport>,
}

/// Plays a cell; in a word, what it took.
pub fn play(cell: Cell, script: Script) -> Found<&'static str> {
    let mut scene = Scene::new(cell, script.drive);
    scene.work();
    scene.starts.lock().unwrap().clear();
    scene.saboteur.arm(cell.who.name(), script.steps);
    let word = scene.break_it()?;
    let word = scene.mend(word)?;
    let left = scene.saboteur.left();
    ensure(left == 0, || format!("{left} steps of the sabotage were never reached"))?;
    after::everything_holds(&mut scene)?;
    Ok(word)
}

impl Scene {
    fn new(cell: Cell, drive: Drive) -> Scene {
        let saboteur = Arc::<Saboteur>::default();
        let starts = Arc::<Mutex<BTreeMap<String, usize>>>::default();
        let (breaks, counts) = (saboteur.clone(), starts.clone());
        let plan = Plan::new(77, paused::runtime).wrapped(move |mut seams| {
            let (told, counts, breaks) = (seams.events.clone(), counts.clone(), breaks.clone());
            seams.events = Arc::new(move |event| {
                if matches!(event.what, What::Started { .. }) {
                    *counts.lock().unwrap().entry(event.path.to_string()).or_default() += 1;
                }
                told(event);
            });
            seams.tree = Arc::new(move |tree| tree.with_sabotage(breaks.clone()));
            seams
        });
        let simulation = Simulation::new(plan);
        let (accepted, runs) = Default::default();
        Scene { cell, drive, simulation, saboteur, starts, accepted, runs, report: None }
    }

    /// A first run, and a decision of the owner.
    fn work(&mut self) {
        self.run_for(10 * MINUTE);
        self.accepted = self.undecided();
        let (code, told) = self.ask("POST", &format!("/opportunities/{}/accept", self.accepted));
        assert_eq!(code, 200, "{told}");
        self.runs = after::runs(&self.simulation).into_keys().collect();
        assert_eq!(self.runs.len(), 1);
    }

    pub fn run_for(&mut self, time: Duration) {
        self.simulation.run_for(time).unwrap();
    }

    pub fn ask(&self, method: &str, target: &str) -> (u16, Value) {
        self.simulation.ask(method, target, &Value::Null)
    }

    /// An operator restarts an actor.
    fn restart(&self, path: &str) -> (u16, Value) {
        self.simulation.ask("POST", "/actors/restart", &json!({ "path": path, "reason": "the grid" }))
    }

    /// An opportunity that waits for its owner.
    pub fn undecided(&self) -> String {
        let (code, found) = self.ask("GET", "/opportunities?state=new&limit=1");
        assert_eq!(code, 200, "{found}");
        found[0]["id"].as_str().unwrap_or_else(|| panic!("no opportunity is new: {found}")).to_owned()
    }

    /// How often an actor was started since it was broken.
    pub fn started(&self, path: &str) -> usize {
        self.starts.lock().unwrap().get(path).copied().unwrap_or(0)
    }

    fn break_it(&mut self) -> Found<&'static str> {
        let path = self.cell.who.name();
        match self.drive {
            Drive::Boot => return self.boot(End::Killed),
            Drive::Message => {
                self.message();
                self.run_for(MINUTE / 2);
            }
            Drive::Restart => return self.by_hand(),
            Drive::MessageAndRestart => {
                self.message();
                self.until_reached();
                return self.by_hand();
            }
            Drive::End => return self.stop(),
            Drive::MessageAndEnd => {
                self.message();
                self.until_reached();
                return self.stop();
            }
            Drive::StartAndEnd => {
                assert!(self.simulation.with(async |running| running.tree().kill(path)));
                self.until_reached();
                return self.stop();
            }
        }
        Ok("")
    }

    /// Lets time pass until the next step of the sabotage was taken; not for ever.
    fn until_reached(&mut self) {
        let before = self.saboteur.left();
        for _ in 0..6_000 {
            if self.saboteur.left() < before {
                return;
            }
            self.run_for(Duration::from_millis(10));
        }
    }

    /// Starts the process again, and again if it does not come up: whoever looks after it would.
    fn boot(&mut self, end: End) -> Found<&'static str> {
        let mut at = self.simulation.now().plus(Duration::from_secs(1));
        for word in ["", "boot again", "boot 3 times"] {
            match self.simulation.try_restart_at(end, at) {
                Ok(()) => {
                    if self.cell.who.name() == EGRESS {
                        // It starts when it is first needed.
                        self.run_for(MINUTE);
                        self.message();
                    }
                    // The start of a supervisor is waited for far longer.
                    let slow = self.cell.how == How::Hang && self.cell.who.supervises();
                    self.run_for(if slow { LONG } else { MINUTE });
                    return Ok(word);
                }
                Err(failed) => {
                    let why = money_machine::exit::chain(&failed);
                    ensure(why.contains(self.cell.who.name().split('/').next_back().unwrap()), || {
                        format!("a start failed and does not say by whom: {why}")
                    })?;
                    at = at.plus(Duration::from_secs(40));
                }
            }
        }
        Err("the machine does not come up any more".to_owned())
    }

    fn by_hand(&mut self) -> Found<&'static str> {
        let path = self.cell.who.name();
        let (code, told) = self.restart(path);
        self.run_for(Duration::from_secs(20));
        if code == 200 {
            return Ok("");
        }
        if self.cell.how == How::Hang && self.cell.who.supervises() {
            ensure(told.to_string().contains("it goes on"), || format!("a restart: {code} {told}"))?;
            return self.mend_hang();
        }
        let (code, told) = self.restart(path);
        ensure(code == 200, || format!("a second restart was answered {code} {told}"))?;
        Ok("twice by hand")
    }

    /// The machine stops, disturbed, and starts again.
    fn stop(&mut self) -> Found<&'static str> {
        let at = self.simulation.now().plus(MINUTE);
        let report = self.simulation.stop();
        let path = self.cell.who.name();
        if self.cell.how == How::RefusesToStop {
            let named = report.stragglers.iter().any(|straggler| straggler.path == path);
            ensure(named, || format!("the stop does not name who refused: {report:?}"))?;
        }
        ensure(report.running.is_empty(), || format!("still there after the stop: {report:?}"))?;
        let word = if report.in_time { "stopped" } else { "cut off" };
        self.report = Some(report);
        self.simulation.try_restart_at(End::Killed, at).map_err(|failed| failed.to_string())?;
        Ok(word)
    }

    /// What brings a message to the actor that is broken; nobody waits for its answer.
    fn message(&self) {
        let path = self.cell.who.name();
        let id = OpportunityId::new(self.undecided());
        self.simulation.with(async |running| send(running, path, id));
    }

    fn mend(&mut self, word: &'static str) -> Found<&'static str> {
        let path = self.cell.who.name();
        let mut word = word;
        if self.cell.how == How::Hang && self.drive == Drive::Message {
            word = self.mend_hang()?;
        }
        for _ in 0..3 {
            let (code, status) = self.ask("GET", "/status");
            ensure(code == 200, || format!("no status: {code} {status}"))?;
            if status["safe_mode"] == false {
                break;
            }
            let why = status["safe_mode_why"].as_str().unwrap_or_default();
            let name = path.split('/').next_back().unwrap();
            // One that waits ten minutes for a supervisor has no more to say than that.
            let told = why.contains(name) || self.cell.how == How::Hang && self.cell.who.supervises();
            ensure(told, || format!("safe mode does not name `{name}`: {why}"))?;
            let (_, doctor) = self.ask("GET", "/doctor");
            ensure(doctor.to_string().contains("kernel"), || format!("the doctor does not name `{name}`"))?;
            drop(self.restart("kernel"));
            self.run_for(10 * Duration::from_secs(1));
            word = "safe mode";
        }
        self.run_for(2 * MINUTE);
        if path == EGRESS && self.down().contains(&EGRESS.to_owned()) {
            self.run_for(MINUTE);
        }
        let down = self.down();
        ensure(down.is_empty(), || format!("still down after it was mended: {down:?}"))?;
        Ok(match word {
            "" if self.started(path) > 0 => "restarted",
            "" => "unmoved",
            word => word,
        })
    }

    /// The watchdog's look names who hangs. An operator restarts it; a supervisor has no limit for its
    /// stop, so there it is the process that is started again, by whoever feeds on the watchdog.
    fn mend_hang(&mut self) -> Found<&'static str> {
        self.run_for(LONG);
        let path = self.cell.who.name();
        let stuck = self.simulation.with(async |running| running.tree().stalled(&LIMITS));
        // One that hangs in its stop has nothing in hand; the supervisor that waits for it has.
        let by = |at: &str| at == path || self.drive == Drive::Restart && path.starts_with(&format!("{at}/"));
        let named = stuck.iter().any(|stuck| by(&stuck.path) && stuck.yields);
        ensure(named, || format!("who hangs is not named: {stuck:?}"))?;
        if self.cell.who.supervises() {
            self.boot(End::Killed)?;
            return Ok("boot");
        }
        let (code, told) = self.restart(path);
        ensure(code == 200, || format!("a restart by hand was answered {code} {told}"))?;
        Ok("by hand")
    }

    /// Everybody who is not up.
    fn down(&self) -> Vec<String> {
        self.simulation.with(async |running| {
            let view = running.tree().view();
            let up = [ActorState::Running, ActorState::Busy];
            let down = view.flatten().into_iter().filter(|actor| !up.contains(&actor.state));
            down.map(|actor| format!("{} {:?} {:?}", actor.path, actor.state, actor.last_cause)).collect()
        })
    }

    /// When an hour from now is over: then a tick was due, and quotas have room again.
    pub fn past_the_hour(&self) -> Moment {
        let hour = 3_600_000;
        let now = self.simulation.now().unix_ms();
        Moment::from_unix_ms((now.div_euclid(hour) + 2) * hour + 300_000)
    }

    /// Whether what was done to it is a crash: one that does not end when it is asked to is killed, which
    /// the report of the stop tells.
    pub fn is_a_crash(&self) -> bool {
        match (self.cell.how, self.cell.when) {
            (How::Spin, _) => false,
            (How::Hang | How::RefusesToStop, when) => when == When::Starting,
            _ => true,
        }
    }
}

fn send(running: &Running, path: &str, id: OpportunityId) {
    let services = running.services.clone();
    let space = Space::default_owner();
    match path {
        "upkeep/alerts" => {
            services.alerts.raise(&Space::machine(), "grid", "somebody plays with the machine")
        }
        "upkeep/resources" => drop(services.resources.handle().cast(resources::Msg)),
        "upkeep/tidy" => drop(services.tidy.handle().cast(tidy::Msg)),
        "kernel/audit" => drop(tokio::spawn(async move { services.audit.tail(1).await })),
        "kernel/accounts" => {
            let (platform, account) = ("bounty-targets-data".parse(), "nobody".parse());
            let (platform, account) = (platform.expect("a name"), account.expect("a name"));
            drop(tokio::spawn(async move { services.accounts.present(&space, &platform, &account).await }));
        }
        "kernel/books" => {
            let books = services.books;
            let dismissed =
                async move { books.decide(&space, &id, Decision::Dismiss, "operator", None).await };
            drop(tokio::spawn(dismissed));
        }
        "kernel/scheduler" => services.scheduler.wake(),
        "kernel/approvals" => services.approvals.wake(),
        // A supervisor is sent what an operator says of its children.
        "kernel/platforms" | "kernel/strategies" => {
            let tree = running.tree();
            let child = if path == "kernel/platforms" { EGRESS } else { HOST };
            drop(tokio::spawn(async move { tree.restart(child).await }));
        }
        _ => drop(tokio::spawn(async move { services.strategies.start(STRATEGY, Trigger::Operator).await })),
    }
}
