//! Accounts with the real binary: how secrets come in, that they are nowhere afterwards, and what becomes
//! of a vault whose key is lost, wrong, changed or made from a passphrase.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays the owner")]

use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use mm_core::vault::RecoveryKey;
use serde_json::Value;

#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "the other test of the daemon uses all of it")]
mod harness;

use harness::{Daemon, Home, Said};

const SECRET: &str = "CANARY-token-7f3a";
const OTHER: &str = "CANARY-token-91bc";

const PACK: &str = r#"
[pack]
platform = "example"
version = 1
hosts = ["api.example.com"]
about = "made for a test"

[[rule]]
id = "example/read"
action = "read"
verdict = "permit"
reason = "made for a test"
source = "https://example.com/terms"
clause = "you may"
certainty = "primary"
reviewed = 2026-11-22
[rule.conditions]
method = ["GET"]
url = ["https://api.example.com/*"]
[rule.obligations]
user_agent = "money-machine-test"

[[limit]]
kind = "*"
scope = "platform"
max = 100
per = "1d"
source = "made for a test"
"#;

fn home() -> Home {
    let home = Home::new();
    home.write("data/rules/example.toml", PACK);
    home.write("config.toml", "[strategies.bug-bounty]\nenabled = false\n");
    home
}

const RUN: &str = "run --sandbox --config config.toml";

fn start(home: &Home) -> Daemon {
    home.start(RUN)
}

/// Runs a command with `text` on its stdin; the code, stdout and stderr.
fn pipe(home: &Home, line: &str, text: &str) -> (i32, String, String) {
    let Said { code, out, err } = home.pipe(line, text);
    (code, out, err)
}

const ADD: &str = "account add example main --kind bearer --email me@example.org";

/// Adds an account; its recovery key.
fn add(home: &Home) -> String {
    let (code, out, err) = pipe(home, &format!("{ADD} --json"), &format!("{SECRET}\n"));
    assert_eq!(code, 0, "{out}{err}");
    let told: Value = serde_json::from_str(&out).unwrap();
    told["recovery_key"].as_str().unwrap().to_owned()
}

/// Every file below a directory that holds the text.
fn holding(dir: &Path, text: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            holding(&path, text, found);
        } else if let Ok(bytes) = std::fs::read(&path) {
            let held = bytes.windows(text.len()).any(|window| window == text.as_bytes());
            found.extend(held.then(|| path.display().to_string()));
        }
    }
}

fn nowhere(home: &Home, text: &str) {
    let mut found = Vec::new();
    holding(&home.path(""), text, &mut found);
    assert_eq!(found, Vec::<String>::new(), "`{text}`");
}

#[test]
fn a_piped_secret_is_kept_sealed_and_shown_by_nothing() {
    let home = home();
    let daemon = start(&home);
    assert!(!home.data().join("master.key").exists(), "no vault before it is needed");
    let recovery = add(&home);
    let mode = std::fs::metadata(home.data().join("master.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    for line in ["account list", "account show example main", "audit tail", "doctor", "status", "actors tree"]
    {
        for json in ["", " --json"] {
            let said = home.run(&format!("{line}{json}"));
            assert_eq!(said.code, 0, "{line}: {}{}", said.out, said.err);
            assert!(!(said.out.clone() + &said.err).contains("CANARY"), "{line}: {}", said.out);
        }
    }
    let shown = home.json("account show example main");
    assert_eq!(shown["secrets"][0]["slot"], "{vault:example/main/token@1}");
    assert_eq!(shown["email"], "me@example.org");
    // Once more is refused, and says what to do instead.
    let (code, _, err) = pipe(&home, ADD, &format!("{OTHER}\n"));
    assert!(code == 1 && err.contains("account rotate"), "{err}");
    let (code, _, err) = pipe(&home, "account rotate example main", &format!("{OTHER}\n"));
    assert_eq!(code, 0, "{err}");
    // The new ones were never used yet: the old ones are revoked after they were.
    let (check, revoke) =
        (err.find("account check example main").unwrap(), err.find("revoke the old").unwrap());
    assert!(check < revoke && err.contains("once the platform takes them"), "{err}");
    let shown = home.json("account show example main");
    assert_eq!(shown["secrets"][0]["slot"], "{vault:example/main/token@2}");
    // What is piped is what is asked for, no less and no more.
    for (text, why) in
        [("", "no token"), (&*format!("{SECRET}\nmore\n"), "more came in"), ("abc\n", "fewer than 6")]
    {
        let (code, _, err) = pipe(&home, "account rotate example main", text);
        assert!(code == 1 && err.contains(why), "{err}");
    }
    assert!(!(daemon.out() + &daemon.err()).contains("CANARY"));
    assert_eq!(daemon.stop(), 0);
    for text in ["CANARY", recovery.as_str()] {
        nowhere(&home, text);
    }
    // It is there after a restart, and can be removed.
    let daemon = start(&home);
    assert_eq!(home.json("account list").as_array().unwrap().len(), 1);
    assert_eq!(home.run("account remove example main").code, 0);
    assert_eq!(home.json("account list").as_array().unwrap().len(), 0);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn no_option_takes_a_secret_and_an_unknown_platform_is_refused_before_it_is_typed() {
    let home = home();
    let _daemon = start(&home);
    for option in ["--token", "--password", "--secret", "--key"] {
        let said = home.run(&format!("{ADD} {option} {SECRET}"));
        assert_eq!(said.code, 2, "{option}: {}", said.err);
    }
    let said = home.run("account add exmple main --kind bearer --email me@example.org");
    assert!(said.code == 1 && said.err.contains("did you mean `example`"), "{}", said.err);
    let said = home.run("account add example main --kind basic --email me@example.org");
    assert!(said.code == 1 && said.err.contains("--user"), "{}", said.err);
    // What is known of the platform need not be said; what is not known is asked for by its name.
    for (line, why) in [
        ("account add example main --email me@example.org", "say with --kind"),
        ("account add hackerone main --email me@example.org", "say with --user the identifier"),
        ("account add github main", "set `email` in [user]"),
    ] {
        let said = home.run(line);
        assert!(said.code == 1 && said.err.contains(why), "{line}: {}", said.err);
    }
    std::fs::write(home.path("mine.toml"), "[user]\nemail = \"me@example.org\"\n").unwrap();
    for line in ["github main", "freelancer main", "impact main --user IRabc123"] {
        let (code, _, err) =
            pipe(&home, &format!("account add {line} --config mine.toml"), &format!("{SECRET}\n"));
        assert_eq!(code, 0, "{line}: {err}");
    }
    let shown = home.json("account show freelancer main");
    assert_eq!((&shown["kind"], &shown["email"]), (&Value::from("api-key"), &Value::from("me@example.org")));
}

/// A command at a terminal of its own; what it shows, and its code.
fn at_terminal(home: &Home, line: &str, typed: &[u8]) -> (i32, String) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = || -> OwnedFd {
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).open(Path::new(name.to_str().unwrap())).unwrap().into()
    };
    let mut command: Command = home.command(line);
    command.stdin(slave()).stdout(slave()).stderr(slave());
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut terminal = std::fs::File::from(master);
    let mut reader = terminal.try_clone().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        // The terminal reads as an error once its last user has left.
        while let Ok(read @ 1..) = reader.read(&mut buffer) {
            drop(tell.send(buffer[..read].to_vec()));
        }
    });
    let mut seen = Vec::new();
    let began = Instant::now();
    let wait = |seen: &mut Vec<u8>, until: &dyn Fn(&str) -> bool| {
        while !until(&String::from_utf8_lossy(seen)) {
            assert!(began.elapsed() < Duration::from_secs(60), "{}", String::from_utf8_lossy(seen));
            if let Ok(more) = told.recv_timeout(Duration::from_millis(20)) {
                seen.extend(more);
            }
        }
    };
    wait(&mut seen, &|text| text.contains("token: "));
    // Only a terminal that was made quiet before it prompts echoes nothing of this.
    terminal.write_all(typed).unwrap();
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code().unwrap();
        }
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "it never ends: {}",
            String::from_utf8_lossy(&seen)
        );
        if let Ok(more) = told.recv_timeout(Duration::from_millis(20)) {
            seen.extend(more);
        }
    };
    while let Ok(more) = told.recv_timeout(Duration::from_millis(200)) {
        seen.extend(more);
    }
    (code, String::from_utf8_lossy(&seen).into_owned())
}

#[test]
fn a_typed_secret_is_not_echoed_and_ctrl_c_means_no() {
    let home = home();
    let _daemon = start(&home);
    let (code, seen) = at_terminal(&home, ADD, &[3]);
    assert!(code == 1 && seen.contains("nothing was typed"), "{seen}");
    let (code, seen) = at_terminal(&home, ADD, format!("{SECRET}\n").as_bytes());
    assert_eq!(code, 0, "{seen}");
    assert!(!seen.contains("CANARY") && seen.contains("recovery key"), "{seen}");
    assert_eq!(home.json("account list").as_array().unwrap().len(), 1);
}

#[test]
fn a_wrong_key_is_safe_mode_with_one_sentence_and_the_right_one_ends_it() {
    let home = home();
    let daemon = start(&home);
    add(&home);
    assert_eq!(daemon.stop(), 0);
    let key = home.data().join("master.key");
    let right = std::fs::read(&key).unwrap();
    for (wrong, mode, says) in [
        (Some("f".repeat(64)), 0o600, "holds another key"),
        (Some(String::from_utf8(right.clone()).unwrap()), 0o644, "chmod 600"),
        (None, 0o600, "was found nowhere"),
    ] {
        std::fs::remove_file(&key).unwrap();
        if let Some(wrong) = &wrong {
            std::fs::write(&key, wrong).unwrap();
            std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let daemon = start(&home);
        let (_, status) = home.json_and_code("status");
        assert_eq!(status["safe_mode"], true, "{status}");
        let why = status["safe_mode_why"].as_str().unwrap();
        assert!(why.contains(says) && !why.contains('\n'), "{why}");
        let (code, doctor) = home.json_and_code("doctor");
        assert_eq!(code, 1, "{doctor}");
        // Nothing is made in its place.
        assert_eq!(key.exists(), wrong.is_some());
        assert!(home.run("account rotate --master-key").code != 0);
        if wrong.is_none() {
            std::fs::write(&key, &right).unwrap();
            std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
            let said = home.run("actors restart kernel --reason found-it");
            assert_eq!(said.code, 0, "{}", said.err);
            assert_eq!(home.json("status")["safe_mode"], false);
            assert_eq!(pipe(&home, "account rotate example main", &format!("{OTHER}\n")).0, 0);
        }
        assert_eq!(daemon.stop(), 0);
        if wrong.is_none() {
            break;
        }
        std::fs::write(&key, &right).unwrap();
    }
    let daemon = start(&home);
    let shown = home.json("account show example main");
    assert_eq!(shown["secrets"][0]["slot"], "{vault:example/main/token@2}", "all that was there is there");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn the_master_key_is_changed_and_the_recovery_key_still_opens_a_copy() {
    let home = home();
    let daemon = start(&home);
    let recovery = add(&home);
    let key = home.data().join("master.key");
    let old = std::fs::read(&key).unwrap();
    let said = home.run("account rotate --master-key");
    assert!(said.code == 0 && said.err.contains("opens 1 value"), "{}", said.err);
    assert_ne!(std::fs::read(&key).unwrap(), old);
    let (code, _, err) = pipe(&home, "account drill", &format!("{recovery}\n"));
    assert!(code == 0 && err.contains("2 keys, 1 value"), "{err}");
    let wrong = recovery.replace(&recovery[..1], if recovery.starts_with('Z') { "Y" } else { "Z" });
    let (code, _, err) = pipe(&home, "account drill", &format!("{wrong}\n"));
    assert!(code == 1 && err.contains("mistyped"), "{err}");
    let kinds: Vec<String> = home
        .json("audit tail -n 200")
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap_or_default().to_owned())
        .collect();
    for kind in ["vault.made", "account.added", "vault.master-key-changed", "vault.drilled"] {
        assert!(kinds.iter().any(|own| own == kind), "{kind}: {kinds:?}");
    }
    assert_eq!(daemon.stop(), 0);
    // Without a daemon too: a copy and the key are enough.
    let (code, _, err) = pipe(&home, "account drill", &format!("{recovery}\n"));
    assert!(code == 0 && err.contains("2 keys, 1 value"), "{err}");
    // The old key opens nothing any more.
    std::fs::write(&key, old).unwrap();
    let daemon = start(&home);
    assert_eq!(home.json_and_code("status").1["safe_mode"], true);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_lost_master_key_is_made_anew_with_the_recovery_key() {
    let home = home();
    let daemon = start(&home);
    let recovery = add(&home);
    let typed = format!("{recovery}\n");
    let key = home.data().join("master.key");
    let lost = std::fs::read(&key).unwrap();
    // A daemon holds the directory.
    let (code, _, err) = pipe(&home, "account recover", &typed);
    assert!(code == 1 && err.contains("stop it, then recover"), "{err}");
    assert_eq!(daemon.stop(), 0);
    // Nothing is lost.
    let (code, _, err) = pipe(&home, "account recover", &typed);
    assert!(code == 1 && err.contains("nothing is lost and nothing was changed"), "{err}");
    assert_eq!(std::fs::read(&key).unwrap(), lost);
    std::fs::remove_file(&key).unwrap();
    let daemon = start(&home);
    let (_, status) = home.json_and_code("status");
    assert_eq!(status["safe_mode"], true, "{status}");
    for text in [status["safe_mode_why"].as_str().unwrap(), &home.run("doctor").out] {
        assert!(text.contains("account recover"), "{text}");
    }
    assert_eq!(daemon.stop(), 0);
    // Another key, and none at all.
    let wrong = RecoveryKey::random(|bytes| bytes.fill(3)).to_text();
    for (text, says) in [
        (format!("{}\n", wrong.as_str()), "not this vault's recovery key"),
        ("ABC\n".to_owned(), "56 letters"),
        (String::new(), "no recovery key came in"),
        (format!("{typed}more\n"), "more came in"),
    ] {
        let (code, _, err) = pipe(&home, "account recover", &text);
        assert!(code == 1 && err.contains(says), "{err}");
        assert!(!key.exists() && !home.data().join("master.key.new").exists());
    }
    // What is in the key's place stays, whatever it is.
    std::fs::write(&key, "f".repeat(64)).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let (code, _, err) = pipe(&home, "account recover", &typed);
    assert!(code == 1 && err.contains("move it away"), "{err}");
    assert_eq!(std::fs::read(&key).unwrap(), "f".repeat(64).as_bytes());
    std::fs::remove_file(&key).unwrap();
    let (code, out, err) = pipe(&home, "account recover", &typed);
    assert!(code == 0 && err.contains("2 keys, 1 value") && err.contains("money-machine run"), "{out}{err}");
    let mode = std::fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert!(!home.data().join("master.key.new").exists());
    let made = std::fs::read_to_string(&key).unwrap();
    for text in [recovery.as_str(), made.trim(), out.as_str()] {
        assert!(text.is_empty() || !err.contains(text), "{err}");
    }
    // The daemon runs, the secret is there, and the recovery key is the same.
    let daemon = start(&home);
    assert_eq!(home.json("status")["safe_mode"], false);
    assert_eq!(home.json("account show example main")["secrets"][0]["slot"], "{vault:example/main/token@1}");
    let (code, _, err) = pipe(&home, "account drill", &typed);
    assert!(code == 0 && err.contains("2 keys, 1 value"), "{err}");
    assert!(home.run("doctor").out.contains("the vault opens: 2 keys, 1 value"));
    assert_eq!(home.run("audit verify").code, 0);
    let trail = home.run("audit tail -n 200 --json").out;
    assert!(trail.contains("vault.master-key-laid") && trail.contains("vault.master-key-changed"), "{trail}");
    assert_eq!(daemon.stop(), 0);
    nowhere(&home, "CANARY");
    nowhere(&home, &recovery);
    // The key that was lost opens nothing any more.
    std::fs::write(&key, lost).unwrap();
    let daemon = start(&home);
    assert_eq!(home.json_and_code("status").1["safe_mode"], true);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn only_an_account_that_is_there_is_isolated_and_it_is_said_which() {
    let home = home();
    let daemon = start(&home);
    add(&home);
    let said = home.run("limits isolate example --account mian --reason odd");
    assert!(said.code == 1 && said.err.contains("there is no account `example/mian`"), "{}", said.err);
    assert!(said.err.contains("did you mean `example/main`?"), "{}", said.err);
    for (lane, what) in [
        ("--account main", "nothing more is sent with example/main until `money-machine limits release"),
        ("--kind read", "no act of the kind read is sent to example any more until"),
        ("", "nothing more is sent to example until"),
    ] {
        let said = home.run(&format!("limits isolate example {lane} --reason odd"));
        assert!(said.code == 0 && said.err.contains(what), "{}", said.err);
    }
    // What was isolated before its account was removed is released.
    assert_eq!(home.run("account remove example main").code, 0);
    assert_eq!(home.run("limits release example --account main").code, 0);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_lost_passphrase_is_made_anew_with_the_recovery_key() {
    let home = home();
    let path = home.path("passphrase");
    let start = |home: &Home, passphrase: &str| {
        std::fs::write(&path, passphrase).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let mut command = home.command(RUN);
        command.env("MONEY_MACHINE_PASSPHRASE_FILE", &path);
        let daemon = Daemon::of(command);
        daemon.until("is up or held", || {
            let kernel = home.run("actors show kernel --json").out;
            let kernel: Value = serde_json::from_str(&kernel).unwrap_or_default();
            kernel["state"] == "running"
                || kernel["state"] == "busy"
                || (home.run("status").code == 0
                    && home.json_and_code("status").1["safe_mode_why"].is_string())
        });
        daemon
    };
    let daemon = start(&home, "correct horse battery staple");
    let recovery = add(&home);
    assert_eq!(daemon.stop(), 0);
    for (text, says) in
        [("\n".to_owned(), "no new passphrase came in"), ("\nshort\n".to_owned(), "at least 12")]
    {
        let (code, _, err) = pipe(&home, "account recover", &format!("{recovery}{text}"));
        assert!(code == 1 && err.contains(says), "{err}");
    }
    let (code, _, err) =
        pipe(&home, "account recover", &format!("{recovery}\nanother horse battery staple\n"));
    assert!(code == 0 && err.contains("the new passphrase opens the vault: 2 keys, 1 value"), "{err}");
    assert!(!home.data().join("master.key").exists());
    for (passphrase, well) in
        [("another horse battery staple", true), ("correct horse battery staple", false)]
    {
        let daemon = start(&home, passphrase);
        assert_eq!(home.json_and_code("status").1["safe_mode"], !well, "{passphrase}");
        assert_eq!(daemon.stop(), 0);
    }
}

#[test]
fn a_passphrase_comes_from_the_file_that_the_environment_names() {
    let home = home();
    home.write("passphrase", "correct horse battery staple\n");
    let path = home.path("passphrase");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let start = |home: &Home| {
        let mut command = home.command(RUN);
        command.env("MONEY_MACHINE_PASSPHRASE_FILE", &path);
        let daemon = Daemon::of(command);
        daemon.until("answers", || home.run("status").code == 0);
        daemon.until("is up or held", || {
            let kernel = home.run("actors show kernel --json").out;
            let kernel: Value = serde_json::from_str(&kernel).unwrap_or_default();
            let up = kernel["state"] == "running" || kernel["state"] == "busy";
            up || home.json_and_code("status").1["safe_mode_why"].is_string()
        });
        daemon
    };
    let daemon = start(&home);
    add(&home);
    assert!(!home.data().join("master.key").exists());
    let (code, _, err) = pipe(&home, "account rotate --master-key", "another horse battery staple\n");
    assert!(code == 0 && err.contains("both open the vault"), "{err}");
    assert_eq!(daemon.stop(), 0);
    for (passphrase, well) in [
        ("correct horse battery staple", true),
        ("another horse battery staple", true),
        // A start has found the new one, so the old one is over.
        ("correct horse battery staple", false),
        ("another horse battery staple", true),
    ] {
        std::fs::write(&path, passphrase).unwrap();
        let daemon = start(&home);
        assert_eq!(home.json_and_code("status").1["safe_mode"], !well, "{passphrase}");
        assert_eq!(daemon.stop(), 0);
    }
    nowhere(&home, "CANARY");
}
