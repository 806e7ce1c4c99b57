//! What `run` says in its own terminal: what the first runs found, and what `--once` did.
//!
//! Results go to stdout, failures to stderr. A reader that has gone away ends nothing.

use std::ops::ControlFlow;
use std::time::Duration;

use mm_core::moment::Moment;
use mm_core::opportunity::Opportunity;
use mm_core::run::{Outcome, RunRecord, SourceHealth, Trigger};
use mm_services::strategies::NotStarted;
use mm_store::Span;

use crate::cli::run::RunArgs;
use crate::config::Loaded;
use crate::exit::Exit;
use crate::machine::{Machine, Running};
use crate::reload::{self, Reloaded};

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

pub(super) use {complain, say};

/// What is odd in a configuration, and which strategies it puts aside.
pub(super) fn warn(loaded: &Loaded) {
    for warning in &loaded.warnings {
        complain!("warning: {warning}");
    }
    for (id, mistakes) in &loaded.put_aside {
        complain!("warning: strategy `{id}` is put aside: {}", reload::told(mistakes));
    }
}

/// What a reload changed.
pub(super) fn show_reload(reloaded: &Reloaded, loaded: &Loaded) {
    match reloaded {
        Reloaded::Refused(why) => complain!("error: the configuration was not taken, nothing changed: {why}"),
        Reloaded::Done(changed) if changed.is_empty() => say!("the configuration is as it was"),
        Reloaded::Done(changed) => {
            say!("the configuration was read again:");
            for one in changed {
                say!("  {}", one.line());
            }
            warn(loaded);
        }
    }
}

/// How long `--once` waits for one strategy beyond its own deadline.
const ONCE_WAIT: Duration = Duration::from_secs(24 * 3600);
/// How often, and how far apart, `run` looks whether the first runs have begun.
const FIRST_LOOKS: u32 = 300;
const FIRST_LOOK_PAUSE: Duration = Duration::from_millis(100);

/// The flags that lead other commands to the same data directory.
pub(super) fn hint(args: &RunArgs) -> String {
    crate::cli::place::here(args.data_dir.as_deref(), args.sandbox)
}

/// Shows what the first runs found, and how to ask for more.
pub(super) async fn first_look(running: &Running, machine: &Machine, args: &RunArgs) {
    let began = running.services.shared.now();
    for name in machine.names() {
        let Some(next) = first_tick(running, name).await else { continue };
        let standing = running.services.strategies.standing(name).await;
        if standing.ok().flatten().is_some_and(|standing| !standing.enabled) {
            say!("{name}: is off; `money-machine strategy enable {name}{}` turns it on", hint(args));
            continue;
        }
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

pub(super) async fn once(running: &Running, machine: &Machine, args: &RunArgs) -> Exit {
    if !running.services.kernel_is_up() {
        // Said already.
        return Exit::Refused;
    }
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
