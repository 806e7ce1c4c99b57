//! `config init|show|check`.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::ask::Asker;
use super::place::environment;
use super::{Cx, Done, Json, examples, print, refuse};
use crate::config::{self, ConfigErrors};
use crate::exit::{Exit, Failure};
use crate::views::Question;

/// Writes, shows and checks the configuration
#[derive(Debug, Subcommand)]
#[command(long_about = "Writes, shows and checks the configuration.\n\n\
    The program's own defaults come first, then your file, a `.env` file, MONEY_MACHINE_ variables, then flags. \
    No password, key or token belongs in any of them.")]
pub enum Verb {
    /// Writes a configuration file to start from
    #[command(
        long_about = "Writes a configuration file to start from: every setting with its reason, each commented out, \
            so that it changes nothing until you take a `#:` away. A file that is there is never overwritten.",
        after_long_help = examples("money-machine config init\nmoney-machine config init --config ./money.toml")
    )]
    Init,
    /// Shows every value and where it came from
    #[command(
        long_about = "Shows every value and where it came from, as TOML that loads again. With --running it shows \
            what the daemon was started with; without, what a daemon started now would read.",
        after_long_help = examples("money-machine config show\nmoney-machine config show --json | jq .origins\nmoney-machine config show --running")
    )]
    Show {
        #[command(flatten)]
        json: Json,
        /// What the running daemon was started with
        #[arg(long)]
        running: bool,
    },
    /// Tells every mistake at once
    #[command(
        long_about = "Tells every mistake in the configuration at once: the file and line, the key, what would be \
            right and which key was probably meant. Ends with 1 if there is one; warnings are no mistakes.",
        after_long_help = examples("money-machine config check\nmoney-machine config check --config ./money.toml --json")
    )]
    Check {
        #[command(flatten)]
        json: Json,
    },
}

pub(super) fn execute(cx: &Cx<'_>, verb: Verb) -> Done {
    match verb {
        Verb::Init => init(cx),
        Verb::Show { json, running: true } => running(cx, json),
        Verb::Show { json, running: false } => show(cx, json),
        Verb::Check { json } => check(cx, json),
    }
}

fn init(cx: &Cx<'_>) -> Done {
    let path = match &cx.common.config {
        Some(path) => path.clone(),
        None => config::config_dir(&environment())
            .ok_or_else(|| refuse("no place for a configuration is known: give --config, or set HOME"))?
            .join("config.toml"),
    };
    write_new(&path)?;
    print::out(&format!("{}\n", path.display()))?;
    eprintln!("written; take the `#:` off what you want to change, then `money-machine config check`");
    Ok(Exit::Done)
}

fn write_new(path: &PathBuf) -> Result<(), Failure> {
    let doing = || format!("write `{}`", path.display());
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        std::fs::create_dir_all(dir).map_err(|error| Failure::new(doing(), error))?;
    }
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => refuse(format!(
            "`{}` is there already and was left as it is; name another with --config",
            path.display()
        )),
        _ => Failure::new(doing(), error),
    })?;
    file.write_all(config::starter().as_bytes()).map_err(|error| Failure::new(doing(), error))
}

fn show(cx: &Cx<'_>, json: Json) -> Done {
    let loaded = cx.load(&environment()).map_err(|errors| Failure::new("", errors))?;
    for warning in &loaded.warnings {
        eprintln!("warning: {warning}");
    }
    if json.json {
        print::json(&loaded.show_json())?
    } else {
        print::out(&loaded.show_text())?
    }
    Ok(Exit::Done)
}

fn running(cx: &Cx<'_>, json: Json) -> Done {
    let told = Asker::new(cx)?.daemon(&Question::of(&["config"]))?;
    if json.json {
        print::json(&told.body["config"])?;
    } else {
        print::out(told.body["text"].as_str().unwrap_or_default())?;
    }
    Ok(Exit::Done)
}

fn check(cx: &Cx<'_>, json: Json) -> Done {
    let (file, mistakes, warnings) = match cx.load(&environment()) {
        Ok(loaded) => {
            let asked = cx.machine.mistakes(&loaded.config);
            (loaded.file, asked.into_iter().flat_map(|(_, own)| own).collect(), loaded.warnings)
        }
        Err(ConfigErrors(mistakes)) => (cx.common.config.clone(), mistakes, Vec::new()),
    };
    if json.json {
        let mistakes: Vec<Value> = mistakes.iter().map(config::Mistake::to_json).collect();
        let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        print::json(&json!({ "ok": mistakes.is_empty(), "mistakes": mistakes, "warnings": warnings }))?;
    }
    for warning in &warnings {
        eprintln!("warning: {warning}");
    }
    if !mistakes.is_empty() {
        return Err(Failure::new("", ConfigErrors(mistakes)));
    }
    let what = file.map_or("the defaults".to_owned(), |file| format!("`{}`", file.display()));
    let odd = match warnings.len() {
        0 => String::new(),
        1 => ", but the warning above may name one".to_owned(),
        n => format!(", but the {n} warnings above may name one"),
    };
    eprintln!("no mistake in {what}{odd}");
    Ok(Exit::Done)
}
