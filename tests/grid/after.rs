//! What must hold after each cell, whoever was broken.

use std::collections::BTreeMap;

use mm_core::id::Space;
use mm_core::opportunity::{Opportunity, State};
use mm_core::run::{Outcome, RunRecord, Trigger};
use mm_services::crashes;
use mm_store::Span;
use money_machine::simulation::Simulation;
use money_machine::simulation::check::{Evidence, limits, order};

use crate::cell::{Drive, EGRESS, How, WHO};
use crate::scene::{Found, MINUTE, Scene, ensure};

/// Looks at all of it. The last thing done is an undisturbed stop.
pub fn everything_holds(scene: &mut Scene) -> Found<()> {
    restarts(scene)?;
    the_others_work(scene)?;
    nothing_is_lost(scene)?;
    crash_is_on_record(scene)?;
    let report = scene.simulation.stop();
    let well = report.in_time && report.stragglers.is_empty() && report.running.is_empty();
    ensure(well, || format!("an undisturbed stop did not go well: {report:?}"))
}

/// Every run on record.
pub fn runs(simulation: &Simulation) -> BTreeMap<String, RunRecord> {
    let found = simulation.store().scan::<RunRecord>(&Space::default_owner(), Span::all(), usize::MAX);
    found.unwrap().rows.into_iter().map(|(id, row)| (id, row.value)).collect()
}

/// Exactly those were started again who should be, each once.
fn restarts(scene: &Scene) -> Found<()> {
    let broken = scene.cell.who;
    let by_itself = scene.drive == Drive::Message && scene.cell.how != How::Hang;
    let asked = matches!(scene.drive, Drive::Restart | Drive::MessageAndRestart)
        || scene.drive == Drive::Message && scene.cell.how == How::Hang;
    // A supervisor that hangs is mended with the process.
    let by_hand = asked && !(scene.cell.how == How::Hang && broken.supervises());
    if !by_itself && !by_hand {
        // All were: the process was started again.
        return Ok(());
    }
    let wanted = |path: &str| {
        let spun = scene.cell.how == How::Spin && by_itself;
        let below = path.strip_prefix(broken.name()).is_some_and(|rest| rest.starts_with('/'));
        let along = if by_itself { broken.takes_along(path) } else { below };
        usize::from(!spun && (path == broken.name() || along))
    };
    for who in WHO {
        let path = who.name();
        // An egress actor starts when it is needed; and these two are restarted to send a message.
        let sent = broken.supervises() && scene.drive != Drive::Restart && path.starts_with(broken.name());
        if path == EGRESS && broken != who || sent && path != broken.name() {
            continue;
        }
        let started = scene.started(path);
        ensure(started == wanted(path), || {
            format!("`{path}` was started {started} times, {} expected", wanted(path))
        })?;
    }
    Ok(())
}

/// A tick and an operator each start a run that succeeds down the one road; the admin answers, and the
/// owner's decisions are taken.
fn the_others_work(scene: &mut Scene) -> Found<()> {
    let until = scene.past_the_hour();
    scene.simulation.run_until(until).unwrap();
    let before = runs(&scene.simulation);
    let last_tick = before.values().rev().find(|run| matches!(run.trigger, Trigger::Tick(_)));
    let ended = last_tick.map(|run| (run.started, run.outcome));
    let hour_ago = until.minus(60 * MINUTE);
    ensure(ended.is_some_and(|(at, outcome)| at >= hour_ago && outcome == Some(Outcome::Succeeded)), || {
        format!("the tick of the hour started no run that succeeded: {ended:?}")
    })?;
    let (code, told) = scene.ask("POST", "/strategies/bug-bounty/run");
    ensure(code == 200, || format!("a run was answered {code} {told}"))?;
    scene.run_for(2 * MINUTE);
    let run = told["run"].as_str().unwrap().to_owned();
    let outcome = runs(&scene.simulation).get(&run).map(|run| run.outcome);
    ensure(outcome == Some(Some(Outcome::Succeeded)), || format!("run {run} ended as {outcome:?}"))?;
    let (code, status) = scene.ask("GET", "/status");
    ensure(code == 200 && status["safe_mode"] == false, || format!("status: {code} {status}"))?;
    let id = scene.undecided();
    let (code, told) = scene.ask("POST", &format!("/opportunities/{id}/dismiss"));
    ensure(code == 200 && told["state"] == "dismissed", || format!("a decision: {code} {told}"))
}

/// The chain is whole, what was acknowledged is there, and no request went out twice.
fn nothing_is_lost(scene: &Scene) -> Found<()> {
    let evidence = Evidence::of(&scene.simulation);
    let mut wrong = order::chain(&evidence);
    wrong.extend(limits(&evidence));
    wrong.extend(order::runs(&evidence));
    // An action that was cut off before its request left has an intent and no request.
    wrong.extend(order::requests(&evidence).into_iter().filter(|line| !line.ends_with("led to no request")));
    ensure(wrong.is_empty(), || wrong.join("; "))?;
    let space = Space::default_owner();
    let row = evidence.store.get::<Opportunity>(&space, &scene.accepted).unwrap();
    let state = row.map(|row| row.value.state);
    ensure(state == Some(State::Accepted), || format!("the accepted opportunity is {state:?}"))?;
    let runs = evidence.runs();
    let gone: Vec<_> = scene.runs.iter().filter(|run| !runs.contains_key(*run)).collect();
    ensure(gone.is_empty(), || format!("these runs are gone: {gone:?}"))
}

/// An abnormal end left a report, with the actor's name and its incarnation.
fn crash_is_on_record(scene: &Scene) -> Found<()> {
    let rows = crashes::list(&scene.simulation.store()).unwrap();
    let path = scene.cell.who.name();
    let found = rows.iter().any(|(_, row)| row.actor == path);
    let actors: Vec<_> = rows.iter().map(|(_, row)| format!("{} {}", row.actor, row.exit)).collect();
    ensure(found == scene.is_a_crash(), || {
        format!("a crash report of it: {found}, expected: {}; there are {actors:?}", scene.is_a_crash())
    })
}
