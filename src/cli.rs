//! The command line: a noun, then a verb. One file a noun.
//!
//! Data goes to stdout, everything said to a person to stderr; `--json` is on whatever prints data.
//! Verbs that read ask the daemon, or read the data directory where none runs; verbs that
//! change something need the daemon, but for `account recover`, without which there may be none. Every
//! error is printed once, here ([`main`]), and becomes an exit code ([`crate::exit`]).
//!
//! It touches stdout, stderr, the files that `--config` and `--data-dir` name, and the socket.

mod account;
mod actions;
mod actors;
mod alerts;
mod approvals;
mod ask;
mod audit;
mod completions;
mod compliance;
mod config;
mod crashes;
mod doctor;
mod earnings;
mod limits;
mod misuse;
mod none;
mod opportunities;
pub(crate) mod place;
mod print;
mod privacy;
pub mod run;
mod schedule;
pub(crate) mod secret;
mod service;
mod simulate;
mod status;
mod strategy;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::exit::{self, Exit, Failure};
use crate::machine::Machine;

pub(crate) use account::wipe;
pub use place::check_schedule;
pub use run::RunArgs;

/// What a verb gives.
type Done = Result<Exit, Failure>;

/// Watches for chances to earn, does what each platform's rules let software do, and hands you the rest.
#[derive(Debug, Parser)]
#[command(
    name = "money-machine",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true,
    long_about = "Looks after one person's online income, legally and with no capital: a daemon that watches \
        for chances to earn, does what each platform's rules let software do, and hands you the rest as \
        ready-made decisions. It promises no income.\n\n\
        Start with `money-machine run --sandbox`: nothing leaves your computer. Then look at what it found \
        with `money-machine opportunities list --sandbox`.",
    after_long_help = exit::help(),
    after_help = "`money-machine COMMAND --help` explains a command, with examples."
)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

/// Where things are; understood by every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Where things are")]
pub struct Common {
    /// The data directory [default: money-machine in the XDG state directory]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The configuration file [default: ~/.config/money-machine/config.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The sandbox instead of the real world: another default data directory, and no packet leaves
    #[arg(long, global = true)]
    sandbox: bool,
    /// Whose rows; there is only `default` yet
    #[arg(long, global = true, value_name = "NAME", default_value = "default", value_parser = space, hide = true)]
    space: String,
}

/// What every verb is handed.
struct Cx<'a> {
    /// The strategies there are.
    machine: &'a Machine,
    common: Common,
}

fn space(name: &str) -> Result<String, String> {
    if name == "default" {
        return Ok(name.to_owned());
    }
    Err("there is only the owner space `default` yet; leave --space out".to_owned())
}

/// Prints data for programs.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Json {
    /// JSON on stdout, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Options),
    Status(status::Options),
    Doctor(doctor::Options),
    #[command(subcommand)]
    Config(config::Verb),
    #[command(subcommand)]
    Actors(actors::Verb),
    #[command(subcommand)]
    Crashes(crashes::Verb),
    #[command(subcommand)]
    Actions(actions::Verb),
    #[command(subcommand)]
    Strategy(strategy::Verb),
    #[command(subcommand)]
    Schedule(schedule::Verb),
    #[command(subcommand)]
    Account(account::Verb),
    #[command(subcommand)]
    Limits(limits::Verb),
    #[command(subcommand)]
    Opportunities(opportunities::Verb),
    #[command(subcommand)]
    Approvals(approvals::Verb),
    #[command(subcommand)]
    Earnings(earnings::Verb),
    #[command(subcommand)]
    Audit(audit::Verb),
    #[command(subcommand)]
    Compliance(compliance::Verb),
    #[command(subcommand)]
    Privacy(privacy::Verb),
    #[command(subcommand)]
    Alerts(alerts::Verb),
    Simulate(simulate::Options),
    #[command(subcommand)]
    Service(service::Verb),
    Completions(completions::Options),
}

/// The end of a command's long help: examples, and the codes a client command ends with.
fn examples(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("  {}\n", line.trim())).collect();
    format!("Examples:\n{lines}\nExit codes: 0 done, 1 refused or failed, 2 bad usage, 3 no daemon reachable")
}

/// The command line as clap knows it, for completions and tests.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs one verb for a machine of these strategies; prints what goes wrong, once.
pub fn main(machine: &Machine, args: impl IntoIterator<Item = OsString>) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return misuse::tell(&error, &args),
    };
    match dispatch(machine, cli) {
        Ok(exit) => exit,
        Err(failure) if nobody_reads(&failure) => Exit::Done,
        Err(failure) => failure.print(),
    }
}

fn dispatch(machine: &Machine, cli: Cli) -> Done {
    let cx = Cx { machine, common: cli.common };
    match cli.verb {
        Verb::Run(options) => run::execute(cx, options),
        Verb::Status(options) => status::execute(&cx, options),
        Verb::Doctor(options) => doctor::execute(&cx, options),
        Verb::Config(verb) => config::execute(&cx, verb),
        Verb::Actors(verb) => actors::execute(&cx, verb),
        Verb::Crashes(verb) => crashes::execute(&cx, verb),
        Verb::Actions(verb) => actions::execute(&cx, verb),
        Verb::Strategy(verb) => strategy::execute(&cx, verb),
        Verb::Schedule(verb) => schedule::execute(&cx, verb),
        Verb::Account(verb) => account::execute(&cx, verb),
        Verb::Limits(verb) => limits::execute(&cx, verb),
        Verb::Opportunities(verb) => opportunities::execute(&cx, verb),
        Verb::Approvals(verb) => approvals::execute(&cx, verb),
        Verb::Earnings(verb) => earnings::execute(&cx, verb),
        Verb::Audit(verb) => audit::execute(&cx, verb),
        Verb::Compliance(verb) => compliance::execute(&cx, verb),
        Verb::Privacy(verb) => privacy::execute(&cx, verb),
        Verb::Alerts(verb) => alerts::execute(&cx, verb),
        Verb::Simulate(options) => simulate::execute(&cx, options),
        Verb::Service(verb) => service::execute(&cx, verb),
        Verb::Completions(options) => completions::execute(&options),
    }
}

/// `money-machine audit export | head` is no failure.
fn nobody_reads(failure: &Failure) -> bool {
    let error = failure.source.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// A failure whose sentence says it all.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Said(String);

fn refuse(sentence: impl Into<String>) -> Failure {
    Failure::new("", Said(sentence.into()))
}

#[cfg(test)]
pub(crate) use compliance::{html as compliance_html, text as compliance_text};

#[cfg(test)]
mod tests;
