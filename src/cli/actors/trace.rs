//! `actors trace`: live messages, one a line.

use std::ops::ControlFlow;
use std::time::Duration;

use clap::Args;
use mm_core::schedule::parse_span;
use serde::Deserialize as _;
use serde_json::Value;

use crate::cli::ask::Asker;
use crate::cli::print::{self, line};
use crate::cli::{Json, examples, refuse};
use crate::exit::{Exit, Failure};
use crate::views::Question;
use crate::views::trace::TracedView;

/// What is to be traced.
#[derive(Debug, Args)]
#[command(
    long_about = "Shows the messages of some actors live, one a line: when each was handled, at whom, its kind, who \
        sent it, what its type allows to be shown, and how long it waited and took.\n\n\
        In the pattern, `*` is one part of a path and `**` any number of them; after a colon stands a kind of message. \
        A trace needs --limit: without one it could run for ever. It ends at its limit, when more messages match than \
        --rate, after --for, and with this command. That it ran, and for whom, is on record.",
    override_usage = "money-machine actors trace <PATTERN> --limit <N> [--rate <N>] [--for <SPAN>] [--json]",
    after_long_help = examples("money-machine actors trace kernel/gateway --limit 20\nmoney-machine actors trace 'kernel/**' --limit 1000 --for 30s --json\nmoney-machine actors trace 'kernel/strategies/**:start' --limit 5 --for 1h")
)]
pub struct Options {
    /// Whose messages: a path with `*` and `**`, and `:KIND` if only some kinds
    pattern: String,
    /// At most so many messages (needed), up to 100,000
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    limit: Option<u64>,
    /// End when more than so many match within a second [default: 500]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// End after so long, at most 1h [default: 1m]
    #[arg(long = "for", value_name = "SPAN", value_parser = within)]
    within: Option<Duration>,
    #[command(flatten)]
    json: Json,
}

fn within(text: &str) -> Result<Duration, String> {
    let span = parse_span(text).map_err(|bad| bad.to_string())?;
    if span <= Duration::from_secs(3600) { Ok(span) } else { Err("at most 1h".to_owned()) }
}

pub(super) fn execute(asker: &Asker<'_>, options: &Options) -> Result<(), Failure> {
    let Some(limit) = options.limit else {
        let why = "a trace needs --limit N: without one it could run for ever and slow down what it watches; try \
                   --limit 100";
        return Err(refuse(why).with(Exit::Usage));
    };
    let question = Question::of(&["actors", "trace"])
        .with("pattern", Some(&options.pattern))
        .with("limit", Some(limit))
        .with("rate", options.rate)
        .with("for_ms", options.within.map(|within| within.as_millis()));
    let failed = |error| Failure::new("follow the trace", error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let mut wrong = None;
        let each = |told: Value| match show(&told, options.json.json) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                wrong = Some(failure);
                ControlFlow::Break(())
            }
        };
        tokio::select! {
            streamed = asker.stream(&question, each) => streamed?,
            // The connection ends with this, and the trace with the connection.
            _ = tokio::signal::ctrl_c() => eprintln!("the trace ended: you left it"),
        }
        wrong.map_or(Ok(()), Err)
    })
}

fn show(told: &Value, json: bool) -> Result<(), Failure> {
    if let Some(warning) = told["warning"].as_str() {
        eprintln!("{}", line(warning, 600));
        return Ok(());
    }
    if json {
        return print::out(&format!("{told}\n"));
    }
    match told["end"].as_str() {
        Some(end) => {
            eprintln!("{}; {} shown", line(end, 300), told["shown"]);
            Ok(())
        }
        None => print::out(&text(&TracedView::deserialize(told).map_err(|error| {
            Failure::new("read the trace; the daemon may be of another version, so restart it", error)
        })?)),
    }
}

/// One message on one line.
pub fn text(traced: &TracedView) -> String {
    let mut text = format!(
        "{}  {}  {}",
        line(traced.at.get(11..).unwrap_or(&traced.at), 24),
        line(&traced.path, 100),
        line(&traced.kind, 60)
    );
    if !traced.ok {
        text.push_str("  FAILED");
    }
    if let Some(sender) = &traced.sender {
        text.push_str(&format!("  from {}", line(sender, 100)));
    }
    for (name, value) in &traced.fields {
        text.push_str(&format!("  {}={}", line(name, 40), line(value, 300)));
    }
    if let Some(action) = &traced.action {
        text.push_str(&format!("  action {}", line(action, 120)));
    }
    let ms = |ns: u64| ns as f64 / 1e6;
    text.push_str(&format!("  waited {:.2} ms, took {:.2} ms\n", ms(traced.queue_ns), ms(traced.handle_ns)));
    text
}
