//! `status`.

use clap::Args;

use super::ask::Asker;
use super::print::{self, fields, line, mib, minute, minute_or, span, table};
use super::{Cx, Done, Json, examples};
use crate::exit::Exit;
use crate::views::Question;
use crate::views::status::{GateView, StatusView};

/// Says what runs, since when, and what waits for you
#[derive(Debug, Args)]
#[command(
    long_about = "Says what runs, since when, and what waits for you: the strategies with their next run, \
        opportunities you have not decided on, alerts that are not over, and the path of the admin socket.\n\n\
        Without a daemon it shows what the store remembers and ends with 3.",
    after_long_help = examples("money-machine status\nmoney-machine status --sandbox\nmoney-machine status --json | jq .opportunities.new")
)]
pub struct Options {
    #[command(flatten)]
    json: Json,
}

pub(super) fn execute(cx: &Cx<'_>, options: Options) -> Done {
    let asker = Asker::new(cx)?;
    let told = asker.read(&Question::of(&["status"]))?;
    if options.json.json {
        print::json(&told.body)?;
    } else {
        print::out(&text(&told.view()?))?;
    }
    if told.live {
        return Ok(Exit::Done);
    }
    let none = "no daemon runs; this is what the store remembers. Start one with `money-machine run`.";
    eprintln!("{}", asker.hinted(none));
    Ok(Exit::NoDaemon)
}

pub(super) fn text(status: &StatusView) -> String {
    let mut text = head(status);
    let rows: Vec<Vec<String>> = status
        .strategies
        .iter()
        .map(|s| {
            let next = minute_or(s.next_run.as_ref(), "-");
            vec![s.strategy.clone(), s.status.clone(), minute_or(s.last_run.as_ref(), "never"), next]
        })
        .collect();
    text.push('\n');
    text.push_str(&table(&["strategy", "status", "last run", "next run"], &rows));
    if !status.alerts.is_empty() {
        text.push_str("\nOpen alerts:\n");
        for alert in &status.alerts {
            text.push_str(&format!(
                "  {}  {}: {}\n",
                minute(&alert.last_at),
                line(&alert.about, 80),
                line(&alert.sentence, 400)
            ));
        }
    }
    text
}

fn head(status: &StatusView) -> String {
    let daemon = match (status.running, status.pid) {
        (false, _) => "not running".to_owned(),
        (true, pid) => {
            let pid = pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
            let why =
                status.safe_mode_why.as_ref().map(|why| format!(" ({})", line(why, 300))).unwrap_or_default();
            let mode = match (status.starting, status.safe_mode) {
                (true, _) => ", the kernel is starting",
                (false, true) => ", in safe mode: nothing goes out; see `doctor`",
                (false, false) => "",
            };
            format!("running{pid} for {}{mode}{why}", span(status.uptime_s.unwrap_or(0)))
        }
    };
    let counts = &status.opportunities;
    let mut lines = vec![
        ("daemon", daemon),
        ("version", status.version.clone()),
        ("data", status.data_dir.clone()),
        ("socket", status.socket.clone().unwrap_or_else(|| "none".to_owned())),
        (
            "opportunities",
            format!("{} new, {} of the baseline, {} in all", counts.new, counts.baseline, counts.total),
        ),
        ("alerts", format!("{} open", status.alerts.len())),
    ];
    if let Some(why) = &status.rules_why {
        let sentence = format!(
            "cannot be used, so nothing is permitted on any platform: {}; correct or remove the file",
            line(why, 600)
        );
        lines.push(("rules", sentence));
    }
    if let Some(bytes) = status.resident_bytes {
        lines.push(("memory", mib(bytes)));
    }
    if let Some(bytes) = status.disk_free_bytes {
        lines.push(("disk", format!("{} free", mib(bytes))));
    }
    let closed = |gate: &&GateView| gate.state == "closed";
    lines.extend(status.gates.iter().filter(closed).map(|gate| ("held", line(&gate.sentence, 300))));
    if !status.waiting.is_empty() {
        lines.push(("waiting", format!("{} for a slot", line(&status.waiting.join(", "), 200))));
    }
    fields(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::tests::{ask, reader};

    /// One slip of the pen in one file stops every platform: the first look must show file and line.
    #[test]
    fn rules_that_cannot_be_used_are_told_with_file_and_line() {
        let mut reader = reader();
        let shown =
            |reader: &crate::views::Reader| text(&serde_json::from_value(ask(reader, "/status")).unwrap());
        assert!(!shown(&reader).contains("\nrules "), "{}", shown(&reader));
        let files = [("github.toml".to_owned(), "[pack]\nplatform = \n".to_owned())];
        reader.rules = crate::rules::parse(&files);
        let told = shown(&reader);
        let row = told.lines().find(|line| line.starts_with("rules ")).unwrap_or_else(|| panic!("{told}"));
        assert!(
            row.contains("github.toml:2: ") && row.contains("nothing is permitted on any platform"),
            "{row}"
        );
    }
}
