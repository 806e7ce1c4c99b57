//! The real binary, where no daemon is needed: what goes to stdout, what to stderr, and with which
//! code it ends. One daemon's life is at the end; the kill test has the others.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use expect_test::expect;
use serde_json::Value;

#[path = "daemon/clock.rs"]
mod clock;
#[path = "daemon/reviewed.rs"]
mod reviewed;

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
        if line == "run --sandbox --once" {
            reviewed::lay(&self.0.path().join(".local/state/money-machine/sandbox"));
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_money-machine"));
        command
            .args(line.split_whitespace())
            .current_dir(self.0.path())
            .env_clear()
            .envs(clock::moved())
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
        "actions list --limit 0",
        "crashes list --limit 0",
        "earnings list --limit 0",
        "opportunities list --limit 0 --json",
        "actors isolate kernel/gateway",
        "strategy isolate bug-bounty",
        "limits isolate bounty-targets-data",
        "limits release",
        "actors budget clear kernel/gateway",
        "actors top --every 1ms",
        "actors top --count 0",
        "actors top --sort size",
        "actors trace kernel/** --limit 0",
        "actors trace kernel/** --limit 1 --rate 0",
        "actors trace kernel/** --limit 1 --for 2h",
        "completions nosuchshell",
    ] {
        let said = home.run(line);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{line}: {}", said.err);
        assert!(!said.err.is_empty());
    }
}

/// Neither by clap nor by anybody behind it.
#[test]
fn a_token_given_as_an_argument_is_not_printed_back() {
    let home = Home::new();
    for line in [
        "account add github main ghp_SECRET0123456789abcdef",
        "account add github ghp_SECRET0123456789abcdef",
        "account add github main hunter2SECRET",
        "account rotate --master-key hunter2SECRET",
        "account recover hunter2SECRET",
    ] {
        let said = home.run(line);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{line}: {}", said.err);
        assert!(!said.err.contains("SECRET") && said.err.contains("on stdin"), "{line}: {}", said.err);
        assert!(said.err.contains("history"), "{line}: {}", said.err);
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
        "actors top",
        "actors top --json --count 1",
        "actors trace root --limit 1",
        "actors follow x",
        "actors restart root",
        "actors stop root",
        "actors isolate root --reason r",
        "actors release root",
        "actors budget clear root --reason r",
        "crashes list",
        "crashes show x",
        "strategy quarantine list bug-bounty",
        "strategy quarantine retry bug-bounty x",
        "strategy quarantine drop bug-bounty x",
        "actions list",
        "actions show x",
        "actions settle x --happened --reason r",
        "strategy list",
        "strategy show bug-bounty",
        "strategy run bug-bounty",
        "strategy pause bug-bounty --reason r",
        "strategy isolate bug-bounty --reason r",
        "strategy resume bug-bounty",
        "strategy enable bug-bounty",
        "strategy disable bug-bounty",
        "limits list",
        "limits show p",
        "limits isolate p --reason r",
        "limits release p --account a --kind k",
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
    let said = home.run("status --sandbox --data-dir mine");
    assert!(
        said.err.ends_with("start one with `money-machine run --sandbox --data-dir mine`\n"),
        "{}",
        said.err
    );
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

/// What a strategy does not take is a mistake like any other, and a rehearsal without it says so first.
#[test]
fn what_a_strategy_does_not_take_is_told_with_its_line_and_missed_in_no_rehearsal() {
    let home = Home::new();
    let bad = "[strategies.freelance-leads]\nenabled = true\n[strategies.freelance-leads.config]\n\
        skill = [\"rust\"]\nrate = \"40 bucks\"\n[strategies.bug-bounty.config]\nhackerone_acount = \"main\"\n";
    std::fs::write(home.path("bad.toml"), bad).unwrap();
    let said = home.run("config check --config bad.toml");
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    for told in ["has 3 mistakes", "bad.toml:4", "did you mean `skills`?", "bad.toml:5", "bad.toml:7"] {
        assert!(said.err.contains(told), "{told}: {}", said.err);
    }
    let rehearsed = home.run("simulate --days 1 --config bad.toml");
    assert_eq!(rehearsed.code, 0, "{}", rehearsed.err);
    let head: Vec<&str> = rehearsed.out.lines().take(2).collect();
    assert!(head[0].starts_with("bug-bounty does not run: ") && head[0].contains("bad.toml:7"), "{head:?}");
    assert!(
        head[1].starts_with("freelance-leads does not run: ") && head[1].contains("bad.toml:4"),
        "{head:?}"
    );
    std::fs::write(home.path("odd.toml"), "[strategies.bugbounty]\nenabled = true\n").unwrap();
    let odd = home.run("config check --config odd.toml");
    assert_eq!(odd.code, 0);
    assert!(
        odd.err.contains("did you mean `bug-bounty`?") && odd.err.contains("but the warning above"),
        "{}",
        odd.err
    );
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
    // In a bad half hour one of the five files is not a first reading: the largest has some forty programmes.
    assert!(all.len() > 60, "{}", all.len());
    assert!(all.iter().all(|found| found["details"]["baseline"] == true && found["state"] == "new"));
    let id = all[0]["id"].as_str().unwrap();
    let shown = home.run(&format!("opportunities show {id} --sandbox --json")).json();
    assert_eq!((&shown["id"], &shown["stamp"]), (&all[0]["id"], &Value::from("sandbox")));
    let people = home.run("opportunities list --sandbox");
    assert_eq!(people.out, "", "the baseline is hidden");
    assert!(people.err.contains("of the baseline are hidden"), "{}", people.err);
    assert_eq!(home.run("opportunities list --sandbox --baseline --limit 2").out.lines().count(), 3);

    assert_eq!(home.run("actions list --sandbox --json").json().as_array().unwrap().len(), 5);
    let strategies = home.run("strategy list --sandbox --json").json();
    let ran = strategies.as_array().unwrap().iter().find(|one| one["strategy"] == "bug-bounty").unwrap();
    assert_eq!(ran["success_rate"], 1.0);
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
    let lines: Vec<Value> = exported.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (rest, chain): (Vec<&Value>, Vec<&Value>) = lines.iter().partition(|line| line["seq"].is_null());
    for entry in chain {
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
    // Behind the chain: what was signed of it, and where it ends.
    let [signed @ .., end] = rest.as_slice() else { panic!("the export has an end") };
    assert!(!signed.is_empty() && signed.iter().all(|line| line["checkpoint"]["signature"].is_string()));
    assert_eq!(end["tip"], serde_json::json!({ "seq": entries, "hash": prev }));
    assert_eq!(home.run("audit export --sandbox --to 2000-01-01T00:00:00Z").out, "");
}

/// Its daemon is ended, however the test ends.
struct Daemon(Child);

impl Daemon {
    /// A daemon that is up whole.
    fn start(home: &Home) -> Daemon {
        let mut command = home.command("run --sandbox");
        let daemon = Daemon(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        until("the last of its actors is there", || {
            home.run(&format!("actors show {HOST} --sandbox")).code == 0
        });
        daemon
    }
}

/// Asks until it is so; each question takes a process, so nothing spins.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    assert!((0..2000).any(|_| is_so()), "{what}: never");
}

/// The kinds and payloads on the audit trail that begin like this, oldest first.
fn recorded(home: &Home, prefix: &str) -> Vec<(String, Value)> {
    let tail = home.run("audit tail --sandbox -n 200 --json").json();
    let entries = tail.as_array().unwrap().iter();
    entries
        .map(|entry| (entry["kind"].as_str().unwrap(), entry["payload"].as_str().unwrap()))
        .filter(|(kind, _)| kind.starts_with(prefix))
        .map(|(kind, payload)| (kind.to_owned(), serde_json::from_str(payload).unwrap()))
        .collect()
}

const HOST: &str = "kernel/strategies/default/bug-bounty";

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

#[test]
fn a_trace_needs_a_limit_and_ends_with_its_reader() {
    let home = Home::new();
    let unlimited = home.run("actors trace kernel/**");
    assert_eq!((unlimited.code, unlimited.out.as_str()), (2, ""));
    assert!(unlimited.err.contains("a trace needs --limit N"), "{}", unlimited.err);

    let _daemon = Daemon::start(&home);
    // To its limit: asking for a strategy is a message to its host.
    let mut traced = home.command(&format!("actors trace {HOST}:standing --limit 2 --json --sandbox"));
    let traced = traced.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let started = |n: usize| recorded(&home, "trace.started").len() == n;
    until("the trace runs", || started(1));
    until("it is at its limit", || {
        home.run("strategy list --sandbox");
        recorded(&home, "trace.ended").len() == 1
    });
    let told = traced.wait_with_output().unwrap();
    let lines: Vec<Value> = String::from_utf8(told.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!((told.status.code(), lines.len()), (Some(0), 3), "{lines:?}");
    assert_eq!((&lines[0]["path"], &lines[0]["kind"]), (&Value::from(HOST), &Value::from("standing")));
    assert!(lines[2]["end"].as_str().unwrap().contains("as many messages as were asked for"), "{}", lines[2]);

    // Its reader is killed: so is the trace, and that is on record too.
    let mut reader = home.command("actors trace kernel/** --limit 1000 --for 1h --sandbox");
    let mut reader = reader.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("the second trace runs", || started(2));
    reader.kill().unwrap();
    reader.wait().unwrap();
    until("its end is on record", || recorded(&home, "trace.ended").len() == 2);
    let (_, ended) = recorded(&home, "trace.ended").pop().unwrap();
    assert_eq!((&ended["why"], &ended["pattern"]), (&"its reader went away".into(), &"kernel/**".into()));
    assert!(ended["by"].as_str().unwrap().contains(&format!("pid {}", reader.id())), "{ended}");

    let nobody = home.run("actors trace kernel/gatway:act --limit 1 --for 10ms --sandbox");
    assert_eq!(nobody.code, 0);
    assert!(nobody.err.contains("did you mean `kernel/gateway`?"), "{}", nobody.err);
    let badly = home.run("actors trace // --limit 1 --sandbox");
    assert_eq!((badly.code, badly.err.contains("is no pattern")), (1, true), "{}", badly.err);
}

#[test]
fn top_without_a_terminal_is_one_object_a_line() {
    let home = Home::new();
    let _daemon = Daemon::start(&home);
    let said = home.run("actors top --count 3 --every 100ms --sort messages --sandbox");
    assert_eq!(said.code, 0, "{}", said.err);
    let looks: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(looks.len(), 3);
    for (n, look) in looks.iter().enumerate() {
        let actors = look["actors"].as_array().unwrap();
        assert!(actors.iter().any(|actor| actor["path"] == "kernel/gateway"));
        assert!(actors.iter().all(|actor| actor["messages_per_s"].is_null() == (n == 0)), "{look}");
    }
    // A reader that has seen enough ends it.
    let mut top = home.command("actors top --every 100ms --sandbox");
    let mut top = top.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(top.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(top.wait().unwrap().code(), Some(0));
}

#[test]
fn what_is_put_aside_stays_so_over_a_restart_of_the_daemon() {
    let home = Home::new();
    let mut daemon = Daemon::start(&home);
    let said = home.run(&format!("actors isolate {HOST} --reason misbehaves --sandbox"));
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{}", said.err);
    assert!(said.err.contains("is put aside, until `actors release"), "{}", said.err);
    let page = |home: &Home| home.run(&format!("actors show {HOST} --sandbox --json")).json();
    assert_eq!(page(&home)["state"], "isolated");
    // Killed, it can have made no goodbyes.
    daemon.0.kill().unwrap();
    daemon.0.wait().unwrap();

    let _daemon = Daemon::start(&home);
    assert_eq!((&page(&home)["state"], &page(&home)["held_why"]), (&"isolated".into(), &"misbehaves".into()));
    let said = home.run(&format!("actors release {HOST} --sandbox --json"));
    assert_eq!(said.code, 0, "{}", said.err);
    // It may have something in hand already.
    assert!(["running", "busy"].contains(&said.json()["state"].as_str().unwrap()), "{}", said.out);
    let kinds: Vec<String> = recorded(&home, "operator.").into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["operator.asked", "operator.isolated", "operator.asked", "operator.released"]);
    let unknown = home.run("actors restart kernel/strategies/default/bug-bunty --sandbox");
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains(&format!("did you mean `{HOST}`?")), "{}", unknown.err);
    assert_eq!(recorded(&home, "operator.").len(), 4, "what was refused was not asked for");
}

#[test]
fn an_action_is_followed_after_the_fact() {
    let home = Home::new();
    assert_eq!(home.run("run --sandbox --once").code, 0);
    let actions = home.run("actions list --sandbox --json").json();
    let id = actions[0]["id"].as_str().unwrap();
    let way = home.run(&format!("actors follow {id} --sandbox --json"));
    assert_eq!((way.code, &way.json()["action"]["id"]), (0, &Value::from(id)), "{}", way.err);
    let way = way.json();
    let kinds: Vec<&str> =
        way["audit"].as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!((kinds, &way["audit_cut"]), (vec!["action.permitted", "action.confirmed"], &false.into()));
    let walked: Vec<&str> =
        way["hops"].as_array().unwrap().iter().map(|hop| hop["path"].as_str().unwrap()).collect();
    for actor in
        ["kernel/gateway", "kernel/compliance", "kernel/limiter", "kernel/platforms/bounty-targets-data"]
    {
        assert!(walked.contains(&actor), "{actor} is not on the way {walked:?}");
    }
    let text = home.run(&format!("actors follow {id} --sandbox")).out;
    assert!(text.contains("On the audit trail:"), "{text}");
    let unknown = home.run(&format!("actors follow {id}x --sandbox"));
    assert_eq!((unknown.code, unknown.out.as_str()), (1, ""));
    assert!(unknown.err.contains(&format!("did you mean `{id}`?")), "{}", unknown.err);
    assert_eq!(home.run("crashes list --sandbox --json").out, "[]\n");
}

#[test]
fn a_database_that_is_gone_is_said_to_be() {
    let home = Home::new();
    assert_eq!(home.run("run --sandbox --once").code, 0);
    std::fs::remove_file(home.path(".local/state/money-machine/sandbox/store.redb")).unwrap();
    let said = home.run("status --sandbox");
    assert_eq!((said.code, said.out.as_str()), (3, ""));
    assert!(said.err.contains("is missing or empty though one was made here"), "{}", said.err);
}

/// Nobody who connects and says nothing, or half a word, holds up a stop.
#[test]
fn silent_callers_do_not_hold_up_a_stop() {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;
    let home = Home::new();
    let mut daemon = Daemon::start(&home);
    let socket = home.path(".local/state/money-machine/sandbox/admin.sock");
    let silent = UnixStream::connect(&socket).unwrap();
    let mut halfway = UnixStream::connect(&socket).unwrap();
    halfway.write_all(b"GET /status HT").unwrap();
    let mut idle = UnixStream::connect(&socket).unwrap();
    idle.write_all(b"GET /config HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answered = String::new();
    BufReader::new(idle.try_clone().unwrap()).read_line(&mut answered).unwrap();
    assert!(answered.contains("200"), "{answered}");

    let stop = Command::new("kill").arg(daemon.0.id().to_string()).status().unwrap();
    assert!(stop.success());
    assert_eq!(daemon.0.wait().unwrap().code(), Some(0));
    let (kind, stopped) = recorded(&home, "boot.").pop().unwrap();
    assert_eq!((kind.as_str(), &stopped["did_not_stop"]), ("boot.stopped", &0.into()), "{stopped}");
    drop((silent, halfway, idle));
}
