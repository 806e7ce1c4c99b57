//! `doctor`: everything that can be looked at without acting, each with the one thing to do.

mod books;
mod vault;

use std::path::Path;

use mm_core::gate::{Gate, State};
use mm_core::id::{PlatformId, Space, StrategyId};
use mm_core::seams::Clock as _;
use mm_services::integrity;
use mm_services::kernel::KernelBudget;
use mm_services::records::{AnchorRow, StrategyRow};
use mm_store::{BootBook, DATABASE_FILE, DataDir, Span};
use serde::{Deserialize, Serialize};

use super::{Anchored, Problem, Reader, counted, limit, status};
use crate::config::keys::nearest;
use crate::machine::boots;
use crate::seams::SystemClock;

/// All findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctorView {
    /// Whether no check failed.
    pub ok: bool,
    pub checks: Vec<CheckView>,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckView {
    pub name: String,
    pub grade: Grade,
    /// One sentence.
    pub sentence: String,
    /// The one thing to do; null where there is nothing.
    pub todo: Option<String>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    Ok,
    /// Works, and somebody should look.
    Warn,
    Fail,
}

impl Grade {
    pub fn as_str(self) -> &'static str {
        match self {
            Grade::Ok => "ok",
            Grade::Warn => "warn",
            Grade::Fail => "fail",
        }
    }
}

impl CheckView {
    pub fn ok(name: &str, sentence: impl Into<String>) -> CheckView {
        CheckView { name: name.to_owned(), grade: Grade::Ok, sentence: sentence.into(), todo: None }
    }

    pub fn warn(name: &str, sentence: impl Into<String>, todo: impl Into<String>) -> CheckView {
        CheckView { grade: Grade::Warn, todo: Some(todo.into()), ..CheckView::ok(name, sentence) }
    }

    pub fn fail(name: &str, sentence: impl Into<String>, todo: impl Into<String>) -> CheckView {
        CheckView { grade: Grade::Fail, ..CheckView::warn(name, sentence, todo) }
    }
}

impl DoctorView {
    pub fn of(checks: Vec<CheckView>) -> DoctorView {
        DoctorView { ok: checks.iter().all(|check| check.grade != Grade::Fail), checks }
    }
}

/// Below this the disk is nearly full, bytes.
const DISK_LEAST: u64 = 200 << 20;

const RESTORE: &str = "restore a backup, and find out who wrote to the store";

pub(super) fn read(reader: &Reader) -> DoctorView {
    let mut checks = vec![stamp(reader), store(reader), audit(reader)];
    checks.extend(anchors(reader));
    checks.extend(integrity(reader));
    checks.push(rules(reader));
    checks.extend(vault::keys(reader));
    checks.push(vault::contents(reader));
    checks.extend(vault::accounts(reader));
    checks.push(books::check(reader));
    checks.push(disk(reader));
    checks.extend(boots(&reader.place.data_dir, reader.daemon.as_ref()));
    if let Some(daemon) = &reader.daemon {
        checks.extend(daemon.gates.all().iter().map(gate));
        checks.push(kernel(daemon));
        checks.extend(actors(&daemon.troubled));
    }
    checks.extend(snapshots(reader));
    checks.extend(strategies(reader));
    checks.extend(platforms(reader));
    checks.extend(alerts(reader));
    DoctorView::of(checks)
}

/// Whether a daemon started now would take the directory for what its store is. (Simulated, there is none.)
fn stamp(reader: &Reader) -> CheckView {
    const NAME: &str = "stamp";
    const TODO: &str = "put the file back from a backup; no daemon starts like this";
    let dir = &reader.place.data_dir;
    match DataDir::stamp_of(dir) {
        Err(error) => CheckView::fail(
            NAME,
            crate::exit::chain(&error),
            "see to what it says; no daemon starts like this",
        ),
        Ok(None) if dir.join(DATABASE_FILE).exists() => {
            CheckView::fail(NAME, format!("`{}` has lost its stamp.json", dir.display()), TODO)
        }
        Ok(Some(found)) if found.as_str() != reader.stamp() => {
            let sentence =
                format!("stamp.json says {found} and the store belongs to {} runs", reader.stamp());
            CheckView::fail(NAME, sentence, TODO)
        }
        Ok(_) => CheckView::ok(NAME, format!("the data directory belongs to {} runs", reader.stamp())),
    }
}

fn store(reader: &Reader) -> CheckView {
    match reader.store.rows() {
        Ok(rows) if reader.daemon.is_some() && !reader.store.is_running() => CheckView::fail(
            "store",
            format!("the store has {rows} rows and takes no more changes: its disk failed"),
            "look at the disk, then start the daemon again",
        ),
        Ok(rows) => CheckView::ok("store", format!("the store opens and has {rows} rows")),
        Err(error) => CheckView::fail("store", failed("the store cannot be read", &error), RESTORE),
    }
}

fn failed(what: &str, error: &(dyn std::error::Error + 'static)) -> String {
    format!("{what}: {}", crate::exit::chain(error))
}

fn audit(reader: &Reader) -> CheckView {
    match mm_services::audit::verify(&reader.store) {
        Ok(found) if found.is_whole() => CheckView::ok(
            "audit",
            format!("the audit chain is whole: {}", counted(found.entries, "entry", "entries")),
        ),
        Ok(found) => {
            let broken = found.broken.iter().map(ToString::to_string);
            let mut all = broken.chain(found.doubts.iter().map(ToString::to_string));
            let first = all.next().unwrap_or_default();
            let more = all.count();
            let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
            CheckView::fail(
                "audit",
                format!("{first}{more}"),
                "`audit verify` lists all; then restore a backup",
            )
        }
        Err(error) => CheckView::fail("audit", failed("the audit chain cannot be read", &error), RESTORE),
    }
}

/// Whether the trail is what was told elsewhere, and whether it is told anywhere. (A trail that holds its
/// machine's permits says so itself.)
fn anchors(reader: &Reader) -> Vec<CheckView> {
    const NAME: &str = "anchors";
    let mut checks = Vec::new();
    let found = mm_services::audit::standing::look(&reader.store, &reader.anchored.lines, None);
    let held = match (&reader.daemon, found) {
        (Some(daemon), _) if daemon.held.is_some() => daemon.held.clone(),
        (_, Ok(held)) => held,
        (_, Err(error)) => Some(failed("the audit chain cannot be read", &error)),
    };
    if let Some(why) = held {
        let todo = "`audit verify` shows more; find out who wrote to the store before you go on";
        checks.push(CheckView::fail(NAME, why, todo));
    }
    if let Some(why) = &reader.anchored.unread {
        let todo = "bring its disk back; until then a store that was put back would not be noticed";
        checks.push(CheckView::warn(NAME, why.clone(), todo));
    }
    if let Some(why) = reader.daemon.as_ref().and_then(|daemon| daemon.unsigned.clone()) {
        checks.push(CheckView::warn(
            NAME,
            format!("the audit trail is not signed: {why}"),
            "see to what it says",
        ));
    }
    checks.extend(untold(reader));
    if checks.is_empty() {
        let sentence = match &reader.anchored {
            Anchored { configured: false, .. } => {
                "checkpoints are told nowhere else, so a store put back to an older state would not be noticed; \
                 [audit.anchor] says where to"
            }
            _ => "the audit trail is where its anchors say",
        };
        checks.push(CheckView::ok(NAME, sentence));
    }
    checks
}

/// Places that do not take what they are told.
fn untold(reader: &Reader) -> Vec<CheckView> {
    let rows = match reader.store.scan::<AnchorRow>(&Space::machine(), Span::all(), usize::MAX) {
        Ok(rows) => rows,
        Err(error) => {
            return vec![CheckView::fail("anchors", failed("they cannot be read", &error), RESTORE)];
        }
    };
    let failing = rows.rows.into_iter().filter(|_| reader.anchored.configured);
    let check = |(place, row): (String, mm_store::Row<AnchorRow>)| {
        let row = row.value;
        let (since, error) = (row.failing_since?, row.error.unwrap_or_default());
        let sentence = format!("no checkpoint was told to the {place} since {since}: {error}");
        Some(CheckView::warn("anchors", sentence, "see to what it says; it is tried again by itself"))
    };
    failing.filter_map(check).collect()
}

fn integrity(reader: &Reader) -> Vec<CheckView> {
    const NAME: &str = "integrity";
    let ids = match strategy_ids(reader) {
        Ok(ids) => ids,
        Err(problem) => return vec![CheckView::fail(NAME, problem.to_string(), RESTORE)],
    };
    let mut checks = Vec::new();
    match integrity::check(&reader.store, &ids) {
        Ok(findings) => checks.extend(findings.into_iter().map(|finding| {
            CheckView::fail(NAME, finding.sentence, "find out who wrote to the store, or restore a backup")
        })),
        Err(error) => checks.push(CheckView::fail(NAME, failed("the rows cannot be read", &error), RESTORE)),
    }
    if checks.is_empty() {
        checks.push(CheckView::ok(NAME, format!("schedules and ticks of {} strategies agree", ids.len())));
    }
    checks
}

/// Those installed, and those that only the store remembers.
fn strategy_ids(reader: &Reader) -> Result<Vec<StrategyId>, Problem> {
    let scanned = reader.store.scan::<StrategyRow>(&reader.space, Span::all(), usize::MAX);
    let scanned = scanned.map_err(|error| super::unread(&error))?;
    let stored = scanned.rows.iter().map(|(id, _)| id.as_str());
    let installed = reader.strategies.iter().map(|strategy| strategy.about.name);
    let mut ids: Vec<StrategyId> = stored.chain(installed).filter_map(|id| id.parse().ok()).collect();
    ids.sort();
    ids.dedup();
    Ok(ids)
}

fn rules(reader: &Reader) -> CheckView {
    const NAME: &str = "rules";
    let place = &reader.rules_place;
    let rules = match &reader.rules {
        Ok(rules) => rules,
        Err(why) => {
            let sentence = format!("the rules in {place} cannot be used, so nothing is permitted: {why}");
            return CheckView::fail(NAME, sentence, "correct or remove the file it names");
        }
    };
    let platforms = rules.platforms().count();
    if platforms == 0 {
        let sentence = format!("no rule file in {place} speaks of a platform, so nothing is permitted");
        return CheckView::warn(NAME, sentence, "put a rule file there");
    }
    let mut lints = rules.run_examples();
    lints.extend(rules.lint(reader.now));
    match lints.first() {
        None => {
            CheckView::ok(NAME, format!("the rules of {platforms} platforms in {place} are read and in date"))
        }
        Some(first) => CheckView::warn(
            NAME,
            first.to_string(),
            format!("look at {} on rules", counted(lints.len(), "note", "notes")),
        ),
    }
}

fn disk(reader: &Reader) -> CheckView {
    const NAME: &str = "disk";
    match reader.disk_free_bytes {
        None => CheckView::ok(NAME, "how much of the disk is free is not known"),
        Some(free) if free < DISK_LEAST => {
            let sentence = format!("only {} MiB are free on the data directory's disk", free >> 20);
            CheckView::fail(NAME, sentence, "make room before writing fails")
        }
        Some(free) => {
            CheckView::ok(NAME, format!("{} MiB are free on the data directory's disk", free >> 20))
        }
    }
}

/// What may hold runs back. What is unknown holds nothing, so it is well.
fn gate(gate: &Gate) -> CheckView {
    let (name, state) = (format!("gate {}", gate.gauge.as_str()), gate.state.as_str());
    let sentence = format!("{state}: {}", gate.sentence());
    match gate.state {
        State::Closed => CheckView::warn(&name, sentence, "give the machine air, or change [resources]"),
        State::Open | State::Off | State::Unknown => CheckView::ok(&name, sentence),
    }
}

/// Boots that failed lately, and what the kernel has spent of its restarts; nothing where all is well.
/// Read from the files beside the store, so also where that does not open. Their times are the computer's
/// own, also where the machine's clock was set to another time.
pub fn boots(data_dir: &Path, daemon: Option<&super::Daemon>) -> Vec<CheckView> {
    let (known, now) = (BootBook::in_dir(data_dir).read(), SystemClock::new(None).wall());
    let mut checks = Vec::new();
    if let Some((failed, sentence)) = boots::failures(&known, now) {
        let held = failed >= boots::FAILED_MAX;
        checks.push(match daemon {
            _ if !held => CheckView::warn("boots", sentence, "see to what it names before the next start"),
            Some(_) => CheckView::fail("boots", sentence, TRY_AGAIN),
            None => CheckView::fail(
                "boots",
                format!("{sentence}; a daemon started now is in safe mode"),
                "see to what it names, then start the daemon and `actors restart kernel --reason WHY`",
            ),
        });
    }
    let budget = KernelBudget::of(&known);
    if budget.is_spent() {
        checks.push(CheckView::fail("kernel-budget", budget.sentence(), TRY_AGAIN));
    } else if budget.spent > 0 {
        let todo = match budget.culprit() {
            Some((path, _)) => format!("`actors show {path}` has its last messages and crashes"),
            None => "`actors tree` shows who was restarted".to_owned(),
        };
        checks.push(CheckView::warn("kernel-budget", budget.sentence(), todo));
    }
    checks
}

/// How safe mode is left.
const TRY_AGAIN: &str = "see to what it names, then `actors restart kernel --reason WHY`";

fn kernel(daemon: &super::Daemon) -> CheckView {
    if daemon.starting {
        let todo = "ask again in a moment; words that need it wait for it";
        return CheckView::warn("kernel", "the kernel is still starting", todo);
    }
    if daemon.kernel_up {
        return CheckView::ok("kernel", "the kernel runs");
    }
    let why = daemon.kernel_cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
    let sentence = format!("the kernel is down, so the machine is in safe mode and nothing goes out{why}");
    CheckView::fail("kernel", sentence, TRY_AGAIN)
}

fn actors(troubled: &[super::Troubled]) -> Vec<CheckView> {
    const NAME: &str = "actors";
    if troubled.is_empty() {
        return vec![CheckView::ok(NAME, "no actor is stuck, down or put aside")];
    }
    let check = |actor: &super::Troubled| {
        let why = actor.last_cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
        let sentence = format!("{} is {}{why}", actor.path, actor.state);
        let path = &actor.path;
        let todo = match actor.state.as_str() {
            "tripped" => match strategy_in(path) {
                Some(name) => format!("see to that, then `strategy resume {name} --reason WHY`"),
                None => format!(
                    "see to that, then `actors budget clear {path} --reason WHY` and `actors restart {path}`"
                ),
            },
            "isolated" => format!("`actors release {path}` takes it back"),
            "stuck" => format!("`actors show {path}` says what it is at; `actors restart {path}` ends that"),
            _ => format!("`actors show {path}` has its last messages and crashes"),
        };
        // What is restarting is being seen to; a person's own word is no fault.
        let harmless = matches!(actor.state.as_str(), "restarting" | "isolated");
        if harmless { CheckView::warn(NAME, sentence, todo) } else { CheckView::fail(NAME, sentence, todo) }
    };
    troubled.iter().map(check).collect()
}

/// The strategy whose host stands at `path`.
fn strategy_in(path: &str) -> Option<&str> {
    path.strip_prefix("kernel/strategies/").and_then(|rest| rest.rsplit('/').next())
}

fn snapshots(reader: &Reader) -> Vec<CheckView> {
    const NAME: &str = "snapshots";
    let mut checks = Vec::new();
    for strategy in &reader.strategies {
        match reader.store.load_snapshot(&reader.space, strategy.about.name) {
            Ok(loaded) if loaded.snapshot.is_none() && !loaded.lost.is_empty() => {
                checks.push(CheckView::fail(
                    NAME,
                    format!("no snapshot of `{}` opens: {}", strategy.about.name, loaded.lost.join("; ")),
                    "restore a backup, or the strategy begins anew",
                ))
            }
            Ok(loaded) => checks.extend(loaded.lost.into_iter().map(|lost| {
                CheckView::warn(
                    NAME,
                    format!("{lost}; the one before it is used"),
                    "find out who wrote to the store",
                )
            })),
            Err(error) => {
                checks.push(CheckView::fail(NAME, failed("the snapshots cannot be read", &error), RESTORE));
            }
        }
    }
    if checks.is_empty() {
        checks.push(CheckView::ok(
            NAME,
            format!("the snapshots of {} strategies open", reader.strategies.len()),
        ));
    }
    checks
}

fn strategies(reader: &Reader) -> Vec<CheckView> {
    const NAME: &str = "strategies";
    // In safe mode that is so of all of them, and the fault of none.
    if reader.daemon.as_ref().is_some_and(|daemon| !daemon.kernel_up && !daemon.starting) {
        let sentence = format!(
            "the machine is in safe mode, so none of {} strategies is started",
            reader.strategies.len()
        );
        return vec![CheckView::warn(
            NAME,
            sentence,
            "see to what `kernel` above says; nothing is wrong with them",
        )];
    }
    let views = super::strategy::list(reader);
    let mut checks = Vec::new();
    for view in &views {
        let id = &view.strategy;
        let why = view.errors.first().map(|why| format!(": {why}")).unwrap_or_default();
        match view.status.as_str() {
            "error" => {
                checks.push(CheckView::fail(NAME, format!("`{id}` cannot run{why}"), cannot_run(reader, id)))
            }
            "tripped" if view.breaker.state == "isolated" => checks.push(CheckView::warn(
                NAME,
                format!("`{id}` does not run{why}"),
                format!("`strategy resume {id}` takes it back"),
            )),
            "tripped" => {
                let until = view.breaker.until.as_ref().map(|at| format!(" until {at}")).unwrap_or_default();
                let todo = format!("`strategy resume {id}` tries it at once");
                checks.push(CheckView::warn(
                    NAME,
                    format!("the breaker of `{id}` is open{until}{why}"),
                    todo,
                ));
            }
            "paused" => {
                checks.push(CheckView::warn(
                    NAME,
                    format!("`{id}` is paused"),
                    format!("`strategy resume {id}`"),
                ));
            }
            _ => {}
        }
    }
    if checks.is_empty() {
        checks.push(CheckView::ok(NAME, format!("none of {} strategies is held", views.len())));
    }
    checks
}

/// What to do about a strategy that cannot run.
fn cannot_run(reader: &Reader, id: &str) -> &'static str {
    let strategy = reader.strategy(id);
    match strategy {
        Some(own) if own.live.as_ref().is_some_and(|live| live.put_aside.is_some()) => {
            "`config check` says what is wrong; mend it, then send the daemon SIGHUP or start it again"
        }
        Some(own) if super::strategy::down(reader, own).is_some() => {
            "`actors tree` says why its host does not run, and `crashes list` what ended it"
        }
        _ => "see to what it says; where rows do not open, restore a backup",
    }
}

/// A breaker that holds is no fault of the machine's; somebody should look.
fn platforms(reader: &Reader) -> Vec<CheckView> {
    const NAME: &str = "platforms";
    let lanes = match limit::breakers(reader, None) {
        Ok(lanes) => lanes,
        Err(problem) => return vec![CheckView::fail(NAME, problem.to_string(), RESTORE)],
    };
    let check = |lane: &limit::LaneView| {
        let todo = match lane.breaker.state.as_str() {
            "isolated" => format!("`limits release {}` takes it back", lane.lane),
            _ => format!("see to what it says; `limits release {}` tries it at once", lane.lane),
        };
        CheckView::warn(NAME, lane.sentence(), todo)
    };
    let mut checks: Vec<CheckView> = lanes.iter().filter(|lane| !lane.is_closed()).map(check).collect();
    checks.extend(misspelt(reader));
    if checks.is_empty() {
        return vec![CheckView::ok(NAME, "no breaker of a platform is open or isolated")];
    }
    checks
}

/// Sections of platforms that no rule file knows: their names are misspelt, most likely.
fn misspelt(reader: &Reader) -> Vec<CheckView> {
    let Ok(rules) = &reader.rules else { return Vec::new() };
    let known = || rules.platforms().map(PlatformId::as_str);
    let unknown = reader.platforms_named.iter().filter(|id| known().all(|known| known != id.as_str()));
    let check = |id: &PlatformId| {
        let sentence =
            format!("[platforms.{id}] speaks of a platform that no rule file knows, so it changes nothing");
        let todo = match nearest(id.as_str(), known()) {
            Some(nearest) => format!("write [platforms.{nearest}] if that is meant"),
            None => "`compliance rules` shows the platforms there are".to_owned(),
        };
        CheckView::warn("platforms", sentence, todo)
    };
    unknown.map(check).collect()
}

/// Alerts are shown. Whether rows agree now is for the check of their integrity to say.
fn alerts(reader: &Reader) -> Vec<CheckView> {
    const NAME: &str = "alerts";
    let open = match status::alerts(reader) {
        Ok(open) => open,
        Err(problem) => return vec![CheckView::fail(NAME, problem.to_string(), RESTORE)],
    };
    if open.is_empty() {
        return vec![CheckView::ok(NAME, "no alert is open")];
    }
    let check = |alert: status::AlertView| {
        let sentence = {
            let times = counted(alert.times, "time", "times");
            format!("{} (since {}, {times})", alert.sentence, alert.raised_at)
        };
        CheckView::warn(NAME, sentence, "see to what it says")
    };
    open.into_iter().map(check).collect()
}
