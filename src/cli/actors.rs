//! `actors tree|top|show|trace|follow|restart|stop|isolate|release|budget`.

pub(super) mod follow;
mod page;
mod screen;
mod top;
pub(super) mod trace;
mod tree;

use std::io;
use std::time::Duration;

use clap::{Args, Subcommand};
use mm_core::schedule::parse_span;
use mm_core::seams::Clock as _;
use serde_json::json;

use super::ask::Asker;
use super::print::{self, line, terminal_size, terminal_width};
use super::{Cx, Done, Json, examples};
use crate::exit::{Exit, Failure};
use crate::seams::SystemClock;
use crate::views::Question;

pub(super) use page::page;
pub(super) use tree::tree;

/// Shows what the daemon is made of, live, and puts parts of it right
#[derive(Debug, Subcommand)]
#[command(
    long_about = "Shows what the daemon is made of: a tree of actors, each restarted by the one above it.\n\n\
    States: starting, running, busy (handles a message), stuck (does not yield), restarting (waits before the next \
    try), tripped (its restarts are spent), isolated (put aside by a person), stopped."
)]
pub enum Verb {
    /// Draws the tree
    #[command(
        long_about = "Draws the tree of actors, each with its state, restarts and their last cause, what is left of \
            its restart budget, when it is tried again, how many messages wait, and how long half and all but one in \
            a hundred of them waited and took. What does not fit the terminal is left out.",
        after_long_help = examples("money-machine actors tree\nmoney-machine actors tree --json | jq '.. | select(.state? == \"restarting\")'")
    )]
    Tree {
        #[command(flatten)]
        json: Json,
    },
    /// Shows them live, the busiest first
    #[command(
        long_about = "Shows all actors, refreshed in place; `q` or Ctrl-C leaves. Where stdout is no terminal, and \
            with --json, it writes one JSON object a line and refresh. Messages a second count from the look before.",
        after_long_help = examples("money-machine actors top\nmoney-machine actors top --every 500ms --sort mailbox\nmoney-machine actors top --json --count 2 | tail -n 1 | jq '.actors[0]'")
    )]
    Top {
        /// How long between two looks
        #[arg(long, value_name = "SPAN", default_value = "2s", value_parser = every)]
        every: Duration,
        /// What stands at the top
        #[arg(long, value_name = "BY", default_value = "busy")]
        sort: top::Sort,
        /// Leave after so many looks
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        count: Option<u64>,
        #[command(flatten)]
        json: Json,
    },
    /// Shows one actor: how it is, its last messages, restarts and crashes
    #[command(
        long_about = "Shows one actor: what it is for, what it says of itself, what it waits for, the kinds of \
            messages it handled, the last of them, its restarts by cause, and its last crashes with the message it \
            did not survive.",
        after_long_help = examples("money-machine actors show kernel/gateway\nmoney-machine actors show kernel/strategies/default/bug-bounty")
    )]
    Show {
        #[command(flatten)]
        path: Path,
        #[command(flatten)]
        json: Json,
    },
    /// Shows live messages, one a line
    Trace(trace::Options),
    /// Shows the whole way of one action, actor by actor
    #[command(
        long_about = "Shows the whole way of one action: every message that carried it from actor to actor, with \
            times, what the rules said, what came of it, and what the audit trail says. It works while the action is \
            under way and afterwards, also without a daemon.",
        after_long_help = examples("money-machine actors follow 00001-000001-bug-bounty.read-hackerone\nmoney-machine actors follow 00001-000001-bug-bounty.read-hackerone --json | jq .hops")
    )]
    Follow {
        /// Its id, as in `actions list`
        action: String,
        #[command(flatten)]
        json: Json,
    },
    /// Stops it in order and starts it again
    #[command(
        long_about = "Stops an actor in order and starts it again, also one that is tripped, isolated or stopped. It \
            costs no restart and gives none back. What waits in its mailbox is dropped, and its senders are told. A \
            run that is under way is cut off, and taken up again.\n\n\
            To restart `kernel` needs a reason. One that is down leaves safe mode by it: once it stands, its whole \
            restart budget is given back and failed boots are forgotten, which is put on record.",
        after_long_help = examples("money-machine actors restart kernel/gateway\nmoney-machine actors restart kernel/strategies/default/bug-bounty --reason wedged\nmoney-machine actors restart kernel --reason mended")
    )]
    Restart(Told),
    /// Stops it in order; it stays down until it is restarted
    #[command(
        long_about = "Stops an actor in order. It stays down until it, or what is above it, is restarted, or the \
            daemon is. Stopping `kernel` is safe mode: nothing goes out any more; that needs a reason.",
        after_long_help = examples("money-machine actors stop kernel/strategies/default/bug-bounty\nmoney-machine actors stop kernel --reason holiday")
    )]
    Stop(Told),
    /// Puts it aside, also over restarts of the daemon
    #[command(
        long_about = "Stops an actor and keeps it down, whatever happens to its siblings and over restarts of the \
            daemon, until `actors release` or `actors restart`. The reason is put on record and shown.",
        after_long_help = examples("money-machine actors isolate kernel/strategies/default/bug-bounty --reason misbehaves")
    )]
    Isolate {
        #[command(flatten)]
        path: Path,
        /// Why; whoever finds it in a month will ask
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        json: Json,
    },
    /// Takes an isolation back
    #[command(
        long_about = "Takes an isolation back and starts the actor again.",
        after_long_help = examples("money-machine actors release kernel/strategies/default/bug-bounty")
    )]
    Release(Told),
    /// Restart budgets
    #[command(subcommand)]
    Budget(Budget),
}

/// Restart budgets
#[derive(Debug, Subcommand)]
#[command(
    long_about = "Restart budgets: how often an actor may be restarted until it has proved some work. They \
    outlive the process. `actors show` says what is left."
)]
pub enum Budget {
    /// Gives the whole budget back
    #[command(
        long_about = "Gives an actor its whole restart budget back, and ends its back-off. One that was tripped is \
            started with `actors restart`. The reason is put on record.",
        after_long_help = examples("money-machine actors budget clear kernel/strategies/default/bug-bounty --reason mended")
    )]
    Clear {
        #[command(flatten)]
        path: Path,
        /// Why; whoever reads the audit trail will ask
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        json: Json,
    },
}

/// Which actor.
#[derive(Debug, Args)]
pub struct Path {
    /// Its path, as in `actors tree --json`
    path: String,
}

/// What is said to an actor.
#[derive(Debug, Args)]
pub struct Told {
    #[command(flatten)]
    path: Path,
    /// Why; it is put on record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    json: Json,
}

/// Oftener says nothing more, and less often is no live view.
fn every(text: &str) -> Result<Duration, String> {
    let span = parse_span(text).map_err(|bad| bad.to_string())?;
    let fits = (Duration::from_millis(100)..=Duration::from_secs(3600)).contains(&span);
    if fits { Ok(span) } else { Err("between 100ms and 1h".to_owned()) }
}

pub(super) fn execute(cx: &Cx<'_>, verb: Verb) -> Done {
    let asker = Asker::new(cx)?;
    match verb {
        Verb::Tree { json } => {
            let told = asker.daemon(&Question::of(&["actors"]))?;
            if json.json {
                print::json(&told.body)?
            } else {
                print::out(&tree(&told.view()?, terminal_width()))?
            }
        }
        Verb::Top { every, sort, count, json } => watch(&asker, every, sort, count, json)?,
        Verb::Show { path, json } => {
            let told = asker.daemon(&Question::of(&["actors", "show"]).with("path", Some(path.path)))?;
            if json.json {
                print::json(&told.body)?
            } else {
                print::out(&asker.hinted(&page(&told.view()?)))?
            }
        }
        Verb::Trace(options) => trace::execute(&asker, &options)?,
        Verb::Follow { action, json } => {
            let told = asker.read(&Question::of(&["actions", &action, "way"]))?;
            if json.json { print::json(&told.body)? } else { print::out(&follow::text(&told.view()?))? }
        }
        Verb::Restart(told) => say(&asker, "restart", &told.path, told.reason, told.json)?,
        Verb::Stop(told) => say(&asker, "stop", &told.path, told.reason, told.json)?,
        Verb::Release(told) => say(&asker, "release", &told.path, told.reason, told.json)?,
        Verb::Isolate { path, reason, json } => say(&asker, "isolate", &path, Some(reason), json)?,
        Verb::Budget(Budget::Clear { path, reason, json }) => {
            say(&asker, "clear-budget", &path, Some(reason), json)?;
        }
    }
    Ok(Exit::Done)
}

fn say(
    asker: &Asker<'_>,
    verb: &str,
    path: &Path,
    reason: Option<String>,
    json: Json,
) -> Result<(), Failure> {
    let body = json!({ "path": path.path, "reason": reason });
    let told = asker.say(&Question::of(&["actors", verb]), &body)?;
    if json.json {
        return print::json(&told.body);
    }
    eprintln!("{}", line(told.body["done"].as_str().unwrap_or("done"), 600));
    Ok(())
}

/// Looks again and again, until the person leaves or has seen enough.
fn watch(
    asker: &Asker<'_>,
    every: Duration,
    sort: top::Sort,
    count: Option<u64>,
    json: Json,
) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::new("show the actors live", error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let looks = Looks { asker, sort, every, count, clock: SystemClock::new(None) };
        // The first look fails before the screen is touched.
        let first = looks.ask().await?;
        match if json.json { None } else { screen::Screen::open() } {
            Some(screen) => looks.draw(first, &screen).await,
            None => looks.lines(first).await,
        }
    })
}

struct Looks<'a> {
    asker: &'a Asker<'a>,
    sort: top::Sort,
    every: Duration,
    count: Option<u64>,
    clock: SystemClock,
}

impl Looks<'_> {
    async fn ask(&self) -> Result<crate::views::actor::TreeView, Failure> {
        self.asker.fetch(&Question::of(&["actors"])).await?.view()
    }

    fn enough(&self, seen: u64) -> bool {
        self.count.is_some_and(|count| seen >= count)
    }

    /// One JSON object a look.
    async fn lines(&self, first: crate::views::actor::TreeView) -> Result<(), Failure> {
        let (mut before, mut view) = (top::Before::default(), first);
        for seen in 1.. {
            let look = before.look(&view, self.clock.mono(), self.sort);
            let text = serde_json::to_string(&look).map_err(|error| Failure::new("write JSON", error))?;
            print::out(&(mm_core::untrusted::json_safe(&text) + "\n"))?;
            if self.enough(seen) {
                break;
            }
            tokio::time::sleep(self.every).await;
            view = self.ask().await?;
        }
        Ok(())
    }

    /// In place on a terminal. A daemon that does not answer may be restarting, so it is asked again.
    async fn draw(
        &self,
        first: crate::views::actor::TreeView,
        screen: &screen::Screen,
    ) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::new("draw on the terminal", error);
        let mut ears = screen::Ears::open().map_err(failed)?;
        let mut before = top::Before::default();
        let mut look = before.look(&first, self.clock.mono(), self.sort);
        let (mut trouble, mut seen) = (None, 1);
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + self.every, self.every);
        loop {
            screen.draw(&self.frame(&look, trouble.as_deref())).map_err(failed)?;
            if self.enough(seen) {
                return Ok(());
            }
            tokio::select! {
                biased;
                wish = ears.next() => if wish == screen::Wish::Leave { return Ok(()) },
                _ = ticks.tick() => {
                    seen += 1;
                    match self.ask().await {
                        Ok(view) => {
                            trouble = None;
                            look = before.look(&view, self.clock.mono(), self.sort);
                        }
                        Err(failure) => trouble = Some(failure.to_string()),
                    }
                }
            }
        }
    }

    fn frame(&self, look: &top::Look, trouble: Option<&str>) -> String {
        let size = terminal_size();
        let head = trouble.map_or_else(
            || format!("{}  every {}, q leaves", look.at, mm_core::schedule::show_span(self.every)),
            |trouble| line(trouble, 300),
        );
        let head = size.map_or(head.clone(), |(width, _)| print::cut(&head, width));
        format!("{head}\n{}", look.text(size))
    }
}
