//! `doctor`.

use clap::Args;
use mm_store::DataDir;
use serde_json::Value;

use super::ask::{Asker, Told};
use super::print::{self, line};
use super::{Cx, Done, Json, examples};
use crate::exit::{Exit, Failure};
use crate::views::Question;
use crate::views::doctor::{self, CheckView, DoctorView};

/// Looks at everything and says what to do
#[derive(Debug, Args)]
#[command(
    long_about = "Looks at everything that can be looked at without acting, and says of each whether it is ok, \
        should be looked at (warn) or must be mended (fail), and the one thing to do: the data directory and its \
        lock, the store, the audit chain, rows that were deleted behind the machine's back, the configuration, \
        the rules, the disk, the kernel, snapshots, strategies, open alerts.\n\n\
        It works with and without a daemon, changes nothing, and ends with 1 if anything failed.",
    after_long_help = examples("money-machine doctor\nmoney-machine doctor --sandbox\nmoney-machine doctor --json | jq '.checks[] | select(.grade != \"ok\")'")
)]
pub struct Options {
    #[command(flatten)]
    json: Json,
}

pub(super) fn execute(cx: &Cx<'_>, options: Options) -> Done {
    let asker = Asker::new(cx)?;
    let (told, mut checks) = look(&asker)?;
    checks.push(configuration(&asker));
    let stamp = told.as_ref().and_then(|told| told.body.get("stamp").cloned());
    if let Some(told) = told {
        checks.extend(told.view::<DoctorView>()?.checks);
    }
    let view = DoctorView::of(checks);
    if options.json.json {
        let mut body = serde_json::to_value(&view).map_err(|error| Failure::new("write JSON", error))?;
        if let (Value::Object(fields), Some(stamp)) = (&mut body, stamp) {
            fields.insert("stamp".to_owned(), stamp);
        }
        print::json(&body)?;
    } else {
        print::out(&text(&view))?;
    }
    Ok(if view.ok { Exit::Done } else { Exit::Refused })
}

/// What the daemon or the store says, and the checks on the way to it. A store that does not open
/// is a finding; that there is nothing at all is no finding but a failure.
fn look(asker: &Asker<'_>) -> Result<(Option<Told>, Vec<CheckView>), Failure> {
    let dir = &asker.place.data_dir;
    let held = DataDir::daemon_pid(dir);
    match asker.read(&Question::of(&["doctor"])) {
        Ok(told) => {
            let daemon = match (told.live, held) {
                (true, Some(pid)) => {
                    CheckView::ok("daemon", format!("a daemon runs (pid {pid}) and answers"))
                }
                (true, None) => CheckView::warn(
                    "daemon",
                    "a daemon answers that does not hold the data directory's lock",
                    "stop it and start it again",
                ),
                (false, _) => CheckView::warn(
                    "daemon",
                    "no daemon runs",
                    asker.hinted("`money-machine run` starts one"),
                ),
            };
            Ok((Some(told), vec![daemon, writable(asker)]))
        }
        Err(failure) => {
            let boots = doctor::boots(dir, None);
            // A start that failed before there was a store has left its name.
            if failure.exit == Exit::NoDaemon && held.is_none() && boots.is_empty() {
                return Err(failure);
            }
            let check = CheckView::fail("store", line(&failure.to_string(), 600), "see to what it says");
            let mut checks = vec![check, writable(asker)];
            checks.extend(boots);
            Ok((None, checks))
        }
    }
}

fn writable(asker: &Asker<'_>) -> CheckView {
    let dir = &asker.place.data_dir;
    let shown = dir.display();
    match rustix::fs::access(dir, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK) {
        Ok(()) => CheckView::ok("data-dir", format!("`{shown}` can be written")),
        Err(_) => CheckView::fail("data-dir", format!("`{shown}` cannot be written"), "give it to this user"),
    }
}

fn configuration(asker: &Asker<'_>) -> CheckView {
    const NAME: &str = "config";
    match asker.load() {
        Ok(loaded) if loaded.warnings.is_empty() => {
            let file = loaded.file.map_or("no file is read; the defaults hold".to_owned(), |file| {
                format!("`{}` is read without a mistake", file.display())
            });
            CheckView::ok(NAME, file)
        }
        Ok(loaded) => {
            let first = loaded.warnings.first().map(ToString::to_string).unwrap_or_default();
            CheckView::warn(NAME, first, format!("`config check` tells all {}", loaded.warnings.len()))
        }
        Err(errors) => {
            let first = errors.0.first().map(ToString::to_string).unwrap_or_default();
            CheckView::fail(
                NAME,
                first,
                format!("`config check` tells all {}; then correct them", errors.0.len()),
            )
        }
    }
}

pub(super) fn text(view: &DoctorView) -> String {
    let mut text = String::new();
    for check in &view.checks {
        text.push_str(&format!(
            "{:<4}  {:<10}  {}\n",
            check.grade.as_str(),
            check.name,
            line(&check.sentence, 600)
        ));
        if let Some(todo) = &check.todo {
            text.push_str(&format!("{:18}-> {todo}\n", ""));
        }
    }
    text
}
