//! The units, judged by systemd's own tools, and `service install|status|uninstall` on a file system
//! of its own. There is no systemd as process 1 here: that it was told nothing must be said.
#![expect(clippy::unwrap_used, reason = "a test that plays the outside world")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A file system of its own, a home in it, and a binary in a place that a service of the system sees.
struct Place {
    dir: tempfile::TempDir,
}

const SYSTEM: &str = "etc/systemd/system/money-machine.service";
const USER: &str = "home/.config/systemd/user/money-machine.service";

impl Place {
    fn new() -> Place {
        Place { dir: tempfile::tempdir().unwrap() }
    }

    fn root(&self) -> &Path {
        self.dir.path()
    }

    fn unit(&self, below: &str) -> PathBuf {
        match below {
            // The home is absolute, so its whole path is put below the root.
            USER => self.root().join(self.root().strip_prefix("/").unwrap()).join(USER),
            below => self.root().join(below),
        }
    }

    fn text(&self, below: &str) -> String {
        std::fs::read_to_string(self.unit(below)).unwrap()
    }

    fn command(&self, binary: &Path, line: &str) -> Command {
        let mut command = Command::new(binary);
        command.arg("service").args(line.split_whitespace()).arg("--root").arg(self.root()).env_clear();
        command.env("HOME", self.root().join("home")).env("SUDO_USER", "nobody").current_dir("/");
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> (i32, String, String) {
        said(self.command(binary(), line).output().unwrap())
    }
}

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_money-machine"))
}

fn said(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// systemd's judgement; `None`, aloud, where its tools are missing.
fn systemd_analyze(place: &Place, args: &[&str], unit: &Path) -> Option<(i32, String)> {
    let mut command = Command::new("systemd-analyze");
    command.args(args).arg(unit).env("XDG_RUNTIME_DIR", place.root()).env("SYSTEMD_COLORS", "0");
    match command.output() {
        Ok(output) => {
            let (code, out, err) = said(output);
            Some((code, out + &err))
        }
        Err(error) => {
            eprintln!("SKIPPED: `systemd-analyze` cannot be run here: {error}");
            None
        }
    }
}

/// Writes a unit of the system whose program is one that systemd can see.
fn system_unit(place: &Place) -> PathBuf {
    let unit = place.root().join("money-machine.service");
    let text = include_str!("../config/money-machine.service");
    assert!(text.contains("\":/usr/local/bin/money-machine\""), "the built-in unit names this program");
    let program = place.root().join("money-machine");
    std::fs::copy("/bin/true", &program).unwrap();
    let text = text.replace("/usr/local/bin/money-machine", program.to_str().unwrap());
    // The user is made by the owner; verify wants none.
    std::fs::write(&unit, text).unwrap();
    unit
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit_of_the_system() {
    let place = Place::new();
    let Some((code, said)) = systemd_analyze(&place, &["verify"], &system_unit(&place)) else { return };
    assert_eq!((code, said.as_str()), (0, ""));
}

/// 2.0 is 20 in tenths: what is above that fails.
#[test]
fn the_unit_of_the_system_is_exposed_by_less_than_2() {
    let place = Place::new();
    let unit = system_unit(&place);
    let args = ["security", "--offline=yes", "--no-pager", "--threshold=19"];
    let Some((code, said)) = systemd_analyze(&place, &args, &unit) else { return };
    println!("{}", said.lines().last().unwrap_or_default());
    assert_eq!(code, 0, "{said}");
    // The threshold is one that can be failed.
    std::fs::write(&unit, "[Service]\nExecStart=/bin/true\n").unwrap();
    assert_ne!(systemd_analyze(&place, &args, &unit).unwrap().0, 0);
}

#[test]
fn the_unit_of_a_user_is_verified_with_the_strangest_path_that_systemd_takes() {
    let place = Place::new();
    let dir = place.root().join("a b%i$HOME");
    std::fs::create_dir(&dir).unwrap();
    let strange = dir.join("mm %n");
    std::fs::copy(binary(), &strange).unwrap();
    let data = place.root().join("da ta\"%h'\\$X");
    let mut command = place.command(&strange, "install --user");
    let (code, _, err) = said(command.arg("--data-dir").arg(&data).output().unwrap());
    assert_eq!(code, 0, "{err}");
    let text = place.text(USER);
    assert!(text.contains("/a b%%i$HOME/mm %%n\" run --data-dir \""), "{text}");
    assert!(text.contains("/da ta\\\"%%h'\\\\$X\"\n"), "{text}");
    let unit = place.unit(USER);
    let Some((code, said)) = systemd_analyze(&place, &["--user", "verify"], &unit) else { return };
    assert_eq!((code, said.as_str()), (0, ""));
    // Most of the rest are capabilities and mounts, which a user has no right to in the first place.
    let args = ["--user", "security", "--offline=yes", "--no-pager", "--threshold=65"];
    let (code, said) = systemd_analyze(&place, &args, &unit).unwrap();
    println!("{}", said.lines().last().unwrap_or_default());
    assert_eq!(code, 0, "{said}");
    // Were the program's name taken apart wrongly, systemd would not find it.
    std::fs::remove_file(&strange).unwrap();
    let (code, said) = systemd_analyze(&place, &["--user", "verify"], &unit).unwrap();
    assert!(
        code != 0 && said.contains(&format!("Command {} is not executable", strange.display())),
        "{said}"
    );
}

#[test]
fn install_says_what_is_left_to_run_where_there_is_no_systemd() {
    let place = Place::new();
    let (code, out, err) = place.run("install --user");
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    for said in [
        "written: ",
        "systemd is not running here and was told nothing",
        "\n  systemctl --user daemon-reload\n  systemctl --user enable money-machine.service\n  \
         systemctl --user restart money-machine.service\n",
    ] {
        assert!(err.contains(said), "{said}: {err}");
    }
    let text = place.text(USER);
    let data = place.root().join("home/.local/state/money-machine");
    assert!(text.contains(&format!("run --data-dir {}\n", data.display())), "{text}");
    // Again, and the same is there.
    assert_eq!(place.run("install --user").0, 0);
    assert_eq!(place.text(USER), text);
}

/// systemd's environment is not the shell's: what the shell's led to is in the unit, or is told.
#[test]
fn what_the_environment_says_is_in_the_unit_or_is_told() {
    let place = Place::new();
    let install = || {
        let mut command = place.command(binary(), "install --user");
        command.env("XDG_CONFIG_HOME", place.root().join("elsewhere"));
        command
            .env("MONEY_MACHINE_ENV", "development")
            .env("MONEY_MACHINE_DATA_DIR", place.root().join("data"));
        let (code, _, err) = said(command.output().unwrap());
        assert_eq!(code, 0, "{err}");
        let below =
            place.root().strip_prefix("/").unwrap().join("elsewhere/systemd/user/money-machine.service");
        (std::fs::read_to_string(place.root().join(below)).unwrap(), err)
    };
    let data = format!(" run --data-dir {}", place.root().join("data").display());
    let file = place.root().join("elsewhere/money-machine/config.toml");
    let (text, err) = install();
    assert!(text.contains(&format!("{data}\n")), "{text}");
    assert!(err.contains(&format!("with the defaults; for others, write {}", file.display())), "{err}");
    assert!(err.contains("does not see what is set here and in .env: MONEY_MACHINE_ENV; write"), "{err}");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "").unwrap();
    let (text, err) = install();
    assert!(text.contains(&format!("{data} --config {}\n", file.display())), "{text}");
    assert!(!err.contains("with the defaults"), "{err}");
}

#[test]
fn a_dry_run_prints_the_unit_and_writes_nothing() {
    let place = Place::new();
    let (code, out, err) = place.run("install --user --dry-run --sandbox");
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("Type=notify\n") && out.contains(" run --sandbox --data-dir "), "{out}");
    assert!(err.contains("systemctl --user restart money-machine.service"), "{err}");
    assert_eq!(std::fs::read_dir(place.root()).unwrap().count(), 0);
}

#[test]
fn a_unit_of_somebody_else_is_neither_overwritten_nor_removed() {
    let place = Place::new();
    let unit = place.unit(USER);
    std::fs::create_dir_all(unit.parent().unwrap()).unwrap();
    std::fs::write(&unit, "[Service]\nExecStart=/bin/true\n").unwrap();
    for line in ["install --user", "uninstall --user"] {
        let (code, _, err) = place.run(line);
        assert!(code == 1 && err.contains("was not written by this program"), "{line}: {code} {err}");
        assert_eq!(place.text(USER), "[Service]\nExecStart=/bin/true\n");
    }
    let (code, out, _) = place.run("status --user --json");
    let status: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &status["unit"], &status["ours"]), (3, &"foreign".into(), &false.into()));
    assert_eq!(place.run("install --user --force").0, 0);
    assert!(place.text(USER).contains("Type=notify"));
    assert_eq!(place.run("uninstall --user").0, 0);
    assert!(!unit.exists());
    let (code, _, err) = place.run("uninstall --user");
    assert!(code == 0 && err.contains("nothing to do"), "{err}");
}

#[test]
fn status_says_what_is_there_and_what_is_not() {
    let place = Place::new();
    let ask = || {
        let (code, out, err) = place.run("status --user --json");
        let status: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
        (code, status["unit"].clone(), status["systemd"].clone(), status["daemon"].clone())
    };
    let said = |unit: Value| (3, unit, Value::Null, Value::Null);
    assert_eq!(ask(), said(Value::Null));
    assert_eq!(place.run("install --user").0, 0);
    assert_eq!(ask(), said("current".into()));
    std::fs::write(place.unit(USER), place.text(USER).replace("WatchdogSec=60", "WatchdogSec=0")).unwrap();
    assert_eq!(ask(), said("differs".into()));
    let (code, out, _) = place.run("status --user");
    assert_eq!(code, 3);
    for said in ["not as this version writes it", "not running here", "there is no daemon"] {
        assert!(out.contains(said), "{said}: {out}");
    }
}

#[test]
fn a_service_of_the_system_runs_as_the_one_who_called_sudo_from_a_place_it_can_see() {
    let place = Place::new();
    let hidden = ["/home", "/root", "/tmp", "/var/tmp", "/run/user"];
    let (code, _, err) = place.run("install --system");
    if hidden.iter().any(|dir| binary().starts_with(dir)) {
        assert!(code == 1 && err.contains("cannot see"), "{err}");
        return;
    }
    assert_eq!(code, 0, "{err}");
    let text = place.text(SYSTEM);
    for line in ["User=nobody", "StateDirectory=money-machine", "ProtectSystem=strict"] {
        assert!(text.contains(&format!("\n{line}\n")), "{line}: {text}");
    }
    assert!(text.contains(" run --data-dir /var/lib/money-machine\n"), "{text}");
    assert!(
        err.contains("ask it as `nobody`: money-machine status --data-dir /var/lib/money-machine"),
        "{err}"
    );
    assert_eq!(place.run("install --system --sandbox").0, 0);
    let sandbox = place.text(SYSTEM);
    assert!(sandbox.contains(" run --sandbox --data-dir /var/lib/money-machine/sandbox\n"), "{sandbox}");
    assert!(sandbox.contains("\nStateDirectory=money-machine/sandbox\n"), "{sandbox}");
    let (code, _, err) = place.run("install --system --data-dir /srv/elsewhere");
    assert!(code == 1 && err.contains("/var/lib"), "{err}");
    assert_eq!(place.run("install --system --run-as daemon").0, 0);
    assert!(place.text(SYSTEM).contains("\nUser=daemon\n"));
}

#[test]
fn what_cannot_be_written_is_said_with_its_path() {
    let place = Place::new();
    let unit = place.unit(USER);
    std::fs::create_dir_all(&unit).unwrap();
    let (code, _, err) = place.run("install --user");
    assert!(code == 1 && err.contains("could not") && err.contains(unit.to_str().unwrap()), "{err}");
}
