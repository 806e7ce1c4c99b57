//! The real binary, where no daemon is needed: what goes to stdout, what to stderr, and with which
//! code it ends. One daemon's life is at the end; the kill test has the others.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use expect_test::expect;
use serde_json::Value;

/// The program in a home of its own, so that nothing of this computer's owner is read.
struct Home(tempfile::TempDir);

/// What a command said and how it ended.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_string_lossy().into_owned()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_money-machine"));
        command
            .args(line.split_whitespace())
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .env("XDG_RUNTIME_DIR", self.0.path())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> Said {
        let Output { status, stdout, stderr } = self.command(line).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&self.path(""), "~/");
        Said { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
    }
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }
}

#[test]
fn help_goes_to_stdout_and_bad_usage_to_stderr() {
    let home = Home::new();
    for line in ["--help", "-h", "--version", "run --help", "opportunities list -h"] {
        let said = home.run(line);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{line}");
        assert!(!said.out.is_empty());
    }
    for line in [
        "",
        "nonsense",
        "actors",
        "opportunities list --state wrong",
        "opportunities list --baseline --no-baseline",
        "run --recordings f",
        "run --as-of 2026-07-22T12:00:00Z",
        "run --sandbox --as-of yesterday",
        "strategy pause bug-bounty",
        "status --space mine",
        "audit tail -n 0",
        "completions nosuchshell",
    ] {
        let said = home.run(line);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{line}: {}", said.err);
        assert!(!said.err.is_empty());
    }
}

#[test]
fn without_daemon_and_data_every_verb_says_how_to_get_one() {
    let home = Home::new();
    for line in [
        "status",
        "status --json",
        "doctor",
        "actors tree",
        "actors show root",
        "actions list",
        "actions show x",
        "strategy list",
        "strategy show bug-bounty",
        "strategy run bug-bounty",
        "strategy pause bug-bounty --reason r",
        "strategy resume bug-bounty",
        "strategy enable bug-bounty",
        "strategy disable bug-bounty",
        "limits list",
        "limits show p",
        "opportunities list --json",
        "opportunities show x",
        "opportunities accept x",
        "opportunities dismiss x",
        "audit tail",
        "audit verify",
        "audit export",
        "config show --running",
    ] {
        let said = home.run(line);
        assert_eq!((said.code, said.out.as_str()), (3, ""), "{line}: {}", said.err);
        assert_eq!(
            said.err.trim(),
            "there is no daemon and no data in `~/.local/state/money-machine`; start one with `money-machine run`, or \
             name its directory with --data-dir (--sandbox for the sandbox's)",
            "{line}"
        );
    }
    // Asking makes nothing.
    assert!(!Path::new(&home.path(".local")).exists());
    let said = home.run("status --sandbox");
    assert!(said.err.contains("`~/.local/state/money-machine/sandbox`"), "{}", said.err);
}

#[test]
fn a_configuration_is_made_checked_and_shown() {
    let home = Home::new();
    let made = home.run("config init");
    assert_eq!((made.code, made.out.as_str()), (0, "~/.config/money-machine/config.toml\n"));
    assert_eq!(home.run("config check").code, 0);
    let again = home.run("config init");
    assert_eq!(again.code, 1);
    assert!(again.err.contains("is there already and was left as it is"), "{}", again.err);

    let shown = home.run("config show --json").json();
    assert_eq!(shown["values"]["limits"]["max_daily_actions"], 1000);
    let text = home.run("config show").out;
    std::fs::write(home.path("again.toml"), text).unwrap();
    assert_eq!(home.run("config check --config again.toml").code, 0);
}

#[test]
fn every_mistake_of_a_configuration_is_told_at_once() {
    let home = Home::new();
    let bad = "[limits]\nmax_dayly_actions = 5\n\n[monitoring]\nlog_level = \"loud\"\n\n[strategies.bug-bounty]\nschedule = \"never\"\n";
    std::fs::write(home.path("bad.toml"), bad).unwrap();
    let said = home.run("config check --config bad.toml");
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    let lines: Vec<&str> = said.err.lines().collect();
    assert_eq!(lines.len(), 4, "{}", said.err);
    assert_eq!(lines[0], "the configuration has 3 mistakes");
    assert!(
        lines[1].contains("bad.toml:2") && lines[1].contains("did you mean `max_daily_actions`?"),
        "{}",
        lines[1]
    );
    assert!(lines[2].contains("bad.toml:5") && lines[3].contains("bad.toml:8"), "{}", said.err);

    let json = home.run("config check --config bad.toml --json").json();
    assert_eq!((&json["ok"], json["mistakes"].as_array().unwrap().len()), (&Value::Bool(false), 3));
    let missing = home.run("config check --config none.toml");
    assert_eq!(missing.code, 1);
    assert!(missing.err.contains("none.toml"), "{}", missing.err);
    assert_eq!(home.run("run --sandbox --once --config bad.toml").code, 1);
    assert!(!Path::new(&home.path(".local")).exists(), "a daemon that must not start makes nothing");
}

#[test]
fn completions_are_written_for_every_shell() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = home.run(&format!("completions {shell}"));
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{shell}");
        assert!(said.out.contains("opportunities"), "{shell}");
    }
}

/// After `run --once` nothing runs, and everything can be read.
#[test]
fn what_one_run_left_can_be_read_without_a_daemon() {
    let home = Home::new();
    let ran = home.run("run --sandbox --once");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);

    let listed = home.run("opportunities list --sandbox --json");
    assert_eq!((listed.code, listed.err.as_str()), (0, "(sandbox)\n"));
    let all = listed.json();
    let all = all.as_array().unwrap();
    assert!(all.len() > 100, "{}", all.len());
    assert!(all.iter().all(|found| found["details"]["baseline"] == true && found["state"] == "new"));
    let id = all[0]["id"].as_str().unwrap();
    let shown = home.run(&format!("opportunities show {id} --sandbox --json")).json();
    assert_eq!((&shown["id"], &shown["stamp"]), (&all[0]["id"], &Value::from("sandbox")));
    let people = home.run("opportunities list --sandbox");
    assert_eq!(people.out, "", "the baseline is hidden");
    assert!(people.err.contains("of the baseline are hidden"), "{}", people.err);
    assert_eq!(home.run("opportunities list --sandbox --baseline --limit 2").out.lines().count(), 3);

    assert_eq!(home.run("actions list --sandbox --json").json().as_array().unwrap().len(), 5);
    assert_eq!(home.run("strategy list --sandbox --json").json()[0]["success_rate"], 1.0);
    assert_eq!(home.run("limits list --sandbox --json").json()[0]["used"], 5);
    assert_eq!(home.run("audit verify --sandbox").code, 0);
    let status = home.run("status --sandbox --json");
    assert_eq!((status.code, &status.json()["running"]), (3, &Value::Bool(false)));
    let doctor = home.run("doctor --sandbox --json");
    assert_eq!((doctor.code, &doctor.json()["ok"]), (0, &Value::Bool(true)), "{}", doctor.out);

    // What changes something needs the daemon.
    for line in [&format!("opportunities accept {id}") as &str, "strategy disable bug-bounty", "actors tree"]
    {
        let said = home.run(&format!("{line} --sandbox"));
        assert_eq!(said.code, 3, "{line}: {}", said.err);
        assert!(said.err.contains("no daemon answers at"), "{line}: {}", said.err);
    }
    // A live run keeps out of a sandbox's directory.
    let live = home.run("run --once --data-dir .local/state/money-machine/sandbox");
    assert_eq!(live.code, 1);
    assert!(live.err.contains("belongs to sandbox runs"), "{}", live.err);
}

/// The entry whose payload holds `needle` is found by its bytes, and one of them is flipped.
#[test]
fn a_flipped_byte_is_named_by_its_entry() {
    let home = Home::new();
    assert_eq!(home.run("run --sandbox --once").code, 0);
    let file = home.path(".local/state/money-machine/sandbox/store.redb");
    let mut bytes = std::fs::read(&file).unwrap();
    let needle = br#"{"run":"00001-000001-bug-bounty","strategy":"bug-bounty","trigger":"once"}"#;
    let places: Vec<usize> =
        (0..bytes.len() - needle.len()).filter(|at| bytes[*at..].starts_with(needle)).collect();
    assert!(!places.is_empty(), "the start of the run is on record");
    for at in places {
        bytes[at + 9] ^= 1;
    }
    std::fs::write(&file, bytes).unwrap();

    let verified = home.run("audit verify --sandbox --json");
    let found = verified.json();
    assert_eq!((verified.code, &found["whole"]), (1, &Value::Bool(false)));
    let seqs: Vec<u64> =
        found["broken"].as_array().unwrap().iter().map(|one| one["seq"].as_u64().unwrap()).collect();
    let tail = home.run("audit tail --sandbox -n 100 --json").json();
    let started = tail.as_array().unwrap().iter().find(|entry| entry["kind"] == "run.started").unwrap();
    assert_eq!(seqs, [started["seq"].as_u64().unwrap()]);
    assert_eq!(started["payload_state"], "damaged");
    let doctor = home.run("doctor --sandbox");
    assert_eq!(doctor.code, 1);
    assert!(doctor.out.contains("fail  audit"), "{}", doctor.out);
}

#[test]
fn a_store_that_does_not_open_is_a_finding() {
    let home = Home::new();
    assert_eq!(home.run("run --sandbox --once").code, 0);
    let file = home.path(".local/state/money-machine/sandbox/store.redb");
    std::fs::write(&file, vec![0xA5; 8192]).unwrap();
    let said = home.run("doctor --sandbox");
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    assert!(said.out.contains("fail  store"), "{}", said.out);
    let listed = home.run("opportunities list --sandbox");
    assert_eq!((listed.code, listed.out.as_str()), (1, ""));
    assert!(listed.err.starts_with("could not read the store: "), "{}", listed.err);
    assert_eq!(std::fs::read(&file).unwrap(), vec![0xA5; 8192], "nothing was changed");
}

/// SHA-256 over fields, each behind its length: written here again from the help text of `audit
/// export` alone, as a second program would.
fn hash(fields: &[&[u8]]) -> String {
    let mut bytes = Vec::new();
    for field in fields {
        bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
        bytes.extend_from_slice(field);
    }
    hex(ring::digest::digest(&ring::digest::SHA256, &bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn a_second_program_can_verify_an_export() {
    let home = Home::new();
    assert_eq!(home.run("run --sandbox --once").code, 0);
    let exported = home.run("audit export --sandbox");
    assert_eq!(exported.code, 0);
    let mut prev = "0".repeat(64);
    let mut entries = 0;
    for line in exported.out.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| entry[name].as_str().unwrap().as_bytes().to_vec();
        let number = |name: &str| entry[name].as_i64().unwrap().to_be_bytes();
        entries += 1;
        assert_eq!(entry["stamp"], "sandbox");
        assert_eq!(
            (entry["seq"].as_u64().unwrap(), entry["prev"].as_str().unwrap()),
            (entries, prev.as_str())
        );
        let commitment = hash(&[b"mm-audit-payload-1", &unhex(&entry["salt"]), &text("payload")]);
        assert_eq!(entry["commitment"], commitment.as_str());
        prev = hash(&[
            b"mm-audit-entry-1",
            &number("seq"),
            &number("epoch"),
            &number("at_ms"),
            &text("space"),
            &text("kind"),
            &unhex(&entry["commitment"]),
            &unhex(&entry["prev"]),
        ]);
        assert_eq!(entry["hash"], prev.as_str());
    }
    let tip = home.run("audit verify --sandbox --json").json();
    assert_eq!(
        (tip["tip_seq"].as_u64().unwrap(), tip["tip_hash"].as_str().unwrap()),
        (entries, prev.as_str())
    );
    assert_eq!(home.run("audit export --sandbox --to 2000-01-01T00:00:00Z").out, "");
}

/// Its daemon is ended, however the test ends.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_daemon_is_asked_told_and_stopped() {
    let home = Home::new();
    let mut daemon =
        Daemon(home.command("run --sandbox").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut lines = BufReader::new(daemon.0.stdout.take().unwrap()).lines();
    // It says so once the first run has ended and the admin answers.
    let greeting: Vec<String> =
        lines.by_ref().map_while(Result::ok).take_while(|line| !line.contains("more:")).collect();
    assert!(greeting[0].contains(&format!("pid {}", daemon.0.id())), "{greeting:?}");

    let status = home.run("status --sandbox --json");
    assert_eq!((status.code, &status.json()["pid"]), (0, &Value::from(daemon.0.id())));
    let id = home.run("opportunities list --sandbox --json --limit 1").json()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let accepted = home.run(&format!("opportunities accept {id} --sandbox"));
    assert_eq!((accepted.code, accepted.out.as_str()), (0, ""));
    assert!(accepted.err.contains("accepted: "), "{}", accepted.err);
    let accepted = home.run("opportunities list --sandbox --json --state accepted").json();
    assert_eq!(accepted.as_array().unwrap().len(), 1);
    let unknown = home.run("actors show kernel/gatway --sandbox");
    assert_eq!((unknown.code, unknown.out.as_str()), (1, ""));
    expect![[r#"
        there is no actor at `kernel/gatway`; `actors tree` shows all; did you mean `kernel/gateway`?
    "#]]
    .assert_eq(&unknown.err);
    assert_eq!(home.run("doctor --sandbox").code, 0);
    // A second daemon names the first.
    let second = home.run("run --sandbox --once");
    assert_eq!(second.code, 1);
    assert!(second.err.contains(&format!("(pid {})", daemon.0.id())), "{}", second.err);

    let stop = Command::new("kill").arg(daemon.0.id().to_string()).status().unwrap();
    assert!(stop.success());
    assert_eq!(daemon.0.wait().unwrap().code(), Some(0));
    assert_eq!(home.run("status --sandbox").code, 3);
    assert!(!Path::new(&home.path(".local/state/money-machine/sandbox/admin.sock")).exists());
}
