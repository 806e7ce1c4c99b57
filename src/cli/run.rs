//! `run`: the daemon, in the foreground.

use std::path::PathBuf;

use clap::Args;
use mm_core::moment::Moment;

use super::{Common, Cx, Done};

/// Runs the daemon in the foreground
#[derive(Debug, Args)]
#[command(
    long_about = "Runs the daemon in the foreground, until Ctrl-C or SIGTERM.\n\n\
        With --sandbox everything outside is played by a server on your own computer: strategies run as they \
        always do, no packet leaves, and the data lies in a directory of its own that can never become a live \
        one. With --once every enabled strategy runs once, what it found is kept, and the command ends: with 0 \
        if every run ended and at least one source was read, else with 1.\n\n\
        With --guardian a small parent process starts the daemon and restarts it when it dies or shows no \
        progress, at longer and longer intervals; after ten failures in a row it gives up and says so. It ends \
        when the daemon is stopped in order, and killed itself it takes the daemon along. Where there is \
        systemd, use `money-machine service install` instead.",
    after_long_help = run_help()
)]
pub struct Options {
    /// Replay these recorded answers instead of the sandbox's own practice data
    #[arg(long, requires = "sandbox", value_name = "FILE")]
    recordings: Option<PathBuf>,
    /// Start the clock at this time, like 2026-07-22T12:00:00Z
    #[arg(long, requires = "sandbox", value_name = "TIME")]
    as_of: Option<Moment>,
    /// Run every enabled strategy once, then end
    #[arg(long)]
    once: bool,
    /// Restart the daemon when it dies; for where no systemd does
    #[arg(long, conflicts_with = "once", conflicts_with = "guarded")]
    guardian: bool,
    /// Log so much: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", value_parser = ["off", "error", "warn", "info", "debug", "trace"])]
    log_level: Option<String>,
    /// Dial a sandbox that already listens on this loopback port
    #[arg(long, requires = "sandbox", value_name = "PORT", hide = true)]
    sandbox_port: Option<u16>,
    /// The process id of the guardian that started this
    #[arg(long, value_name = "PID", hide = true)]
    guarded: Option<u32>,
    /// Divides the guardian's times, for tests
    #[arg(long, value_name = "N", default_value_t = 1, hide = true)]
    guardian_hurry: u32,
}

fn run_help() -> String {
    format!(
        "Examples:\n  \
         money-machine run --sandbox\n  \
         money-machine run --sandbox --once\n  \
         money-machine run --sandbox --recordings answers.jsonl --as-of 2026-07-22T12:00:00Z --once\n  \
         money-machine run --config ~/money.toml --log-level debug\n  \
         money-machine run --guardian\n\n{}",
        crate::exit::help()
    )
}

/// What `run` was told, for [`crate::run`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunArgs {
    pub sandbox: bool,
    /// Only with `sandbox`.
    pub recordings: Option<PathBuf>,
    /// Only with `sandbox`.
    pub as_of: Option<Moment>,
    pub once: bool,
    /// Only with `sandbox`.
    pub sandbox_port: Option<u16>,
    pub config: Option<PathBuf>,
    pub data_dir: Option<PathBuf>,
    pub log_level: Option<String>,
    /// The guardian's process id, under one.
    pub guarded: Option<u32>,
}

pub(super) fn args(common: Common, options: Options) -> RunArgs {
    RunArgs {
        sandbox: common.sandbox,
        recordings: options.recordings,
        as_of: options.as_of,
        once: options.once,
        sandbox_port: options.sandbox_port,
        config: common.config,
        data_dir: common.data_dir,
        log_level: options.log_level,
        guarded: options.guarded,
    }
}

pub(super) fn execute(cx: Cx<'_>, options: Options) -> Done {
    let (guardian, hurry) = (options.guardian, options.guardian_hurry);
    let args = args(cx.common, options);
    Ok(if guardian {
        crate::guardian::guard(cx.machine, &args, hurry)
    } else {
        crate::run::run(cx.machine, &args)
    })
}
