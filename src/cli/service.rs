//! `service install|status|uninstall`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ask::Asker;
use super::place::environment;
use super::print::{self, fields, line};
use super::{Cx, Done, Json, examples, refuse};
use crate::config::Env;
use crate::exit::{Chain, Exit, Failure};
use crate::service::unit::{Found, Plan, STATE, compare};
use crate::service::{Scope, UNIT, file, systemctl};
use crate::views::Question;

/// Where a service of the system looks for its configuration when nothing else is said.
const SYSTEM_CONFIG: &str = "/etc/money-machine/config.toml";

/// Installs the daemon as a service of systemd
#[derive(Debug, Subcommand)]
#[command(
    long_about = "Installs the daemon as a service of systemd, which starts it with the computer, restarts it \
    when it dies or makes no progress, and keeps from it what it does not need.\n\n\
    Where there is no systemd, `money-machine run --guardian` does the restarting."
)]
pub enum Verb {
    /// Writes the unit and starts it
    #[command(
        long_about = "Writes the unit, has systemd start it now and with the computer, and says each command it runs. \
            Where systemd is not running it says what to run. A unit that it did not write is left as it is.\n\n\
            With --user (what you get unless you are root) the service is yours, with your data directory and the \
            configuration that is found now. With \
            --system it is the computer's, hardened, and runs as the user who called sudo, or as --run-as says; \
            its data lie in /var/lib/money-machine, its configuration in /etc/money-machine/config.toml.",
        after_long_help = examples(
            "money-machine service install --dry-run\nmoney-machine service install --user\n\
             sudo money-machine service install --system\nsudo money-machine service install --system --run-as money-machine"
        )
    )]
    Install(Install),
    /// Says whether it is installed and runs
    #[command(
        long_about = "Says whether the unit is there and as this version would write it, what systemd says of it, and \
            whether the daemon itself answers. Ends with 3 if no daemon does.",
        after_long_help = examples("money-machine service status\nmoney-machine service status --system --data-dir /var/lib/money-machine --json")
    )]
    Status {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        json: Json,
    },
    /// Stops it and removes the unit
    #[command(
        long_about = "Stops the service and removes its unit, if this program wrote it. The data stay where they are.",
        after_long_help = examples("money-machine service uninstall --user\nsudo money-machine service uninstall --system")
    )]
    Uninstall {
        #[command(flatten)]
        whose: Whose,
    },
}

/// Whose service it is.
#[derive(Debug, Args)]
pub struct Whose {
    /// A service of yours [default, unless you are root]
    #[arg(long)]
    user: bool,
    /// A service of the computer [default for root]
    #[arg(long, conflicts_with = "user")]
    system: bool,
    /// Where the file system begins; systemd is then left alone
    #[arg(long, value_name = "DIR", hide = true)]
    root: Option<PathBuf>,
}

/// What to install.
#[derive(Debug, Args)]
pub struct Install {
    #[command(flatten)]
    whose: Whose,
    /// Print the unit and what would be run, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Overwrite a unit that this program did not write
    #[arg(long)]
    force: bool,
    /// Whom a service of the computer runs as
    #[arg(long, value_name = "USER", conflicts_with = "user")]
    run_as: Option<String>,
}

impl Whose {
    fn scope(&self) -> Scope {
        let system = self.system || (!self.user && rustix::process::geteuid().is_root());
        if system { Scope::System } else { Scope::User }
    }

    fn path(&self, env: &Env) -> Result<PathBuf, Failure> {
        let path = self.scope().unit_file(self.root.as_deref(), env);
        path.ok_or_else(|| refuse("no place for a user's units is known: set HOME, or use --system"))
    }

    /// Whether systemd is to be told.
    fn booted(&self) -> bool {
        self.root.is_none() && systemctl::is_there()
    }
}

pub(super) fn execute(cx: &Cx<'_>, verb: Verb) -> Done {
    match verb {
        Verb::Install(options) => install(cx, &options),
        Verb::Status { whose, json } => status(cx, &whose, json),
        Verb::Uninstall { whose } => uninstall(&whose),
    }
}

fn binary() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| Failure::new("find the program's own file", error))
}

fn plan(cx: &Cx<'_>, options: &Install, env: &Env) -> Result<Plan, Failure> {
    let scope = options.whose.scope();
    let data_dir = match (scope, &cx.common.data_dir) {
        (Scope::System, None) if cx.common.sandbox => Path::new(STATE).join("money-machine/sandbox"),
        (Scope::System, None) => Path::new(STATE).join("money-machine"),
        _ => cx.whereabouts(env)?.data_dir,
    };
    let config = match (scope, &cx.common.config) {
        (_, Some(given)) => {
            Some(std::path::absolute(given).map_err(|error| Failure::new("find the configuration", error))?)
        }
        (Scope::System, None) => Some(PathBuf::from(SYSTEM_CONFIG)).filter(|path| path.exists()),
        // systemd's own environment may lead to another one, or to none.
        (Scope::User, None) => crate::config::find_file(None, env),
    };
    let called = || env.get("SUDO_USER").map(str::to_owned);
    let user = options.run_as.clone().or_else(called).unwrap_or_else(|| "money-machine".to_owned());
    Ok(Plan { scope, binary: binary()?, data_dir, config, sandbox: cx.common.sandbox, user })
}

fn install(cx: &Cx<'_>, options: &Install) -> Done {
    let env = environment();
    let (whose, plan) = (&options.whose, plan(cx, options, &env)?);
    let (scope, path) = (plan.scope, whose.path(&env)?);
    let text = plan.text().map_err(|error| Failure::new("install the service", error))?;
    let commands: [&[&str]; 3] = [&["daemon-reload"], &["enable", UNIT], &["restart", UNIT]];
    if options.dry_run {
        print::out(&text)?;
        eprintln!("this would be written to `{}`, and then run:", path.display());
        commands.iter().for_each(|verb| eprintln!("  {}", systemctl::shown(scope, verb)));
        return Ok(Exit::Done);
    }
    let there = file::read(&path).map_err(|error| Failure::new("", error))?;
    let foreign = |text: &String| compare(text, scope, &plan.binary) == Found::Foreign;
    if !options.force && there.as_ref().is_some_and(foreign) {
        return Err(refuse(format!(
            "`{}` was not written by this program and is left as it is; move it away, or use --force",
            path.display()
        )));
    }
    file::write(&path, &text).map_err(|error| Failure::new("", error))?;
    eprintln!("written: {}", path.display());
    advise(&plan, &env);
    tell_systemd(whose, &commands)
}

/// What systemd does not say.
fn advise(plan: &Plan, env: &Env) {
    let data = plan.data_dir.display();
    let lost = env.settings_named();
    if !lost.is_empty() {
        eprintln!(
            "warning: the service does not see what is set here and in .env: {}; write it in the configuration",
            lost.join(", ")
        );
    }
    match plan.scope {
        Scope::System => {
            let user = &plan.user;
            let known = std::fs::read_to_string("/etc/passwd")
                .is_ok_and(|text| text.lines().any(|line| line.split(':').next() == Some(user)));
            if !known {
                eprintln!("warning: no user `{user}` is in /etc/passwd; `useradd --system {user}` makes one");
            }
            if plan.config.is_none() {
                eprintln!("it runs with the defaults; for others, write {SYSTEM_CONFIG} and install again");
            }
            eprintln!("ask it as `{user}`: money-machine status --data-dir {data}");
        }
        Scope::User => {
            if let (None, Some(dir)) = (&plan.config, crate::config::config_dir(env)) {
                let file = dir.join("config.toml");
                eprintln!(
                    "it runs with the defaults; for others, write {} and install again",
                    file.display()
                );
            }
            let name = env.get("USER").unwrap_or("USER");
            eprintln!("to have it run while you are not logged in: loginctl enable-linger {name}");
        }
    }
}

/// Runs the commands, or says that they are left to run.
fn tell_systemd(whose: &Whose, commands: &[&[&str]]) -> Done {
    let scope = whose.scope();
    if !whose.booted() {
        eprintln!("systemd is not running here and was told nothing; where it runs, run:");
        commands.iter().for_each(|verb| eprintln!("  {}", systemctl::shown(scope, verb)));
        return Ok(Exit::Done);
    }
    for verb in commands {
        eprintln!("{}", systemctl::shown(scope, verb));
        systemctl::run(scope, verb).map_err(|error| Failure::new("", error))?;
    }
    Ok(Exit::Done)
}

fn uninstall(whose: &Whose) -> Done {
    let (scope, path) = (whose.scope(), whose.path(&environment())?);
    let there = file::read(&path).map_err(|error| Failure::new("", error))?;
    let Some(text) = there else {
        eprintln!("there is no `{}`: nothing to do", path.display());
        return Ok(Exit::Done);
    };
    if compare(&text, scope, &binary()?) == Found::Foreign {
        return Err(refuse(format!(
            "`{}` was not written by this program and is left as it is; remove it yourself",
            path.display()
        )));
    }
    // Stopped first: without its unit systemd would not know what to stop.
    if whose.booted() {
        tell_systemd(whose, &[&["disable", "--now", UNIT]])?;
    }
    file::remove(&path).map_err(|error| Failure::new("", error))?;
    eprintln!("removed: {}; the data stay where they are", path.display());
    if whose.booted() {
        return tell_systemd(whose, &[&["daemon-reload"]]);
    }
    eprintln!("systemd is not running here and was told nothing; a daemon that runs goes on");
    Ok(Exit::Done)
}

fn status(cx: &Cx<'_>, whose: &Whose, json: Json) -> Done {
    let (scope, path) = (whose.scope(), whose.path(&environment())?);
    let there = file::read(&path).map_err(|error| Failure::new("", error))?;
    let binary = binary()?;
    let found = there.map(|text| compare(&text, scope, &binary));
    let said = if whose.booted() { Some(systemctl::show(scope)) } else { None };
    let daemon = Asker::new(cx)?.daemon(&Question::of(&["status"]));
    if json.json {
        let systemd = said.as_ref().map(|said| match said {
            Ok(properties) => json!(properties),
            Err(error) => json!({ "error": Chain(error).to_string() }),
        });
        let (unit, ours) = (found.map(word), found.map(|found| found != Found::Foreign));
        let daemon = daemon.as_ref().map_or(Value::Null, |told| told.body.clone());
        print::json(&json!({
            "scope": scope.as_str(), "path": path, "unit": unit, "ours": ours, "systemd": systemd, "daemon": daemon,
        }))?;
    } else {
        let systemd = match &said {
            None => "not running here".to_owned(),
            Some(Err(error)) => line(&Chain(error).to_string(), 300),
            Some(Ok(properties)) => told(properties),
        };
        let answers = match &daemon {
            Ok(told) => format!("answers (pid {})", told.body["pid"]),
            Err(failure) => line(&failure.to_string(), 300),
        };
        print::out(&fields(&[
            ("service", format!("of the {}", scope.as_str())),
            ("unit", format!("{}: {}", path.display(), found.map_or("not installed", meaning))),
            ("systemd", systemd),
            ("daemon", answers),
        ]))?;
    }
    Ok(if daemon.is_ok() { Exit::Done } else { Exit::NoDaemon })
}

/// For programs.
fn word(found: Found) -> &'static str {
    match found {
        Found::Foreign => "foreign",
        Found::Current => "current",
        Found::OtherBinary => "other-binary",
        Found::Differs => "differs",
    }
}

/// For people, with what to do.
fn meaning(found: Found) -> &'static str {
    match found {
        Found::Foreign => "there, but not written by this program",
        Found::Current => "installed, as this version writes it",
        Found::OtherBinary => "installed, for another binary; `service install` writes it for this one",
        Found::Differs => "installed, but not as this version writes it; `service install` does",
    }
}

/// `active (running), enabled, pid 7, 0 restarts: running (live)`.
fn told(properties: &std::collections::BTreeMap<String, String>) -> String {
    let of = |name: &str| properties.get(name).map_or("", String::as_str);
    let status = match of("StatusText") {
        "" => String::new(),
        text => format!(": {}", line(text, 300)),
    };
    format!(
        "{} ({}), {}, pid {}, {} restarts, last result {}{status}",
        of("ActiveState"),
        of("SubState"),
        if of("UnitFileState").is_empty() { "not known to it" } else { of("UnitFileState") },
        of("MainPID"),
        of("NRestarts"),
        of("Result")
    )
}
