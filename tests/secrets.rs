//! No secret anywhere: canaries in every kind of field, and nothing of them in anything that the machine
//! says or keeps, plain or encoded, but in the request that needs it.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays the owner")]

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use mm_core::activity::ActionRecord;
use mm_store::{Change, Span};

#[path = "secrets/canaries.rs"]
mod canaries;
#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "the test of the daemon uses all of it")]
mod harness;

use canaries::{Canary, base64, leaks, leaks_in_files};
use harness::{Daemon, Home, space};

/// The net finds what it is set for: without this, an empty catch proves nothing.
#[test]
fn a_canary_is_found_in_every_clothing() {
    let canary = Canary::of("token");
    let text = &canary.text;
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    for worn in [
        format!("Authorization: Bearer {text}"),
        format!("Basic {}", base64(format!("me:{text}").as_bytes())),
        format!("Basic {}", base64(format!("my:{text}").as_bytes())),
        format!("Basic {}", base64(format!("you:{text}!").as_bytes())),
        format!("key={hex}"),
        "refresh_token=".to_owned()
            + &text.replace('/', "%2F").replace('+', "%2B").replace('=', "%3D").replace('&', "%26"),
        serde_json::json!({ "a": text }).to_string(),
    ] {
        assert!(canary.found_in(worn.as_bytes()).is_some(), "{worn}");
    }
    assert_eq!(canary.found_in(Canary::of("another").text.as_bytes()), None);
    // Also in the store's own file.
    let home = Home::used();
    let row = mm_services::records::AlertRow::news(text.clone(), mm_core::moment::Moment::default(), 0);
    home.meddle(Change::new().put(&space(), "leak", &row).unwrap());
    assert!(!leaks_in_files(&[canary], &home.data()).is_empty());
}

/// The accounts: platform, its kind and what goes with it, and the fields that are asked for.
const ACCOUNTS: &[(&str, &str, &[&str])] = &[
    ("github", "--kind bearer --handle octocat", &["token"]),
    ("hackerone", "--kind basic --user my-identifier", &["password"]),
    ("freelancer", "--kind api-key --header freelancer-oauth-v1", &["key"]),
    (
        "rakuten",
        "--kind oauth-client --token-url https://api.linksynergy.com/token --client-id me",
        &["client-secret"],
    ),
    (
        "awin",
        "--kind oauth-refresh --token-url https://api.awin.com/token --client-id me",
        &["client-secret", "refresh-token"],
    ),
];

struct Owner {
    home: Home,
    canaries: Vec<Canary>,
    heard: Vec<(String, Vec<u8>)>,
}

impl Owner {
    /// Runs a command with these lines on its stdin, and keeps what it said.
    fn does(&mut self, line: &str, lines: &[&str]) -> (i32, String) {
        let begun = self.begins(line, lines);
        self.hears(line, begun)
    }

    fn begins(&self, line: &str, lines: &[&str]) -> Child {
        let mut child = self
            .command(line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Who refuses before it reads has closed its end.
        drop(stdin.write_all((lines.join("\n") + "\n").as_bytes()));
        child
    }

    fn hears(&mut self, line: &str, begun: Child) -> (i32, String) {
        let ended = begun.wait_with_output().unwrap();
        let all = [ended.stdout, ended.stderr].concat();
        let said = String::from_utf8_lossy(&all).into_owned();
        self.heard.push((line.to_owned(), all));
        (ended.status.code().unwrap_or(-1), said)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = self.home.command(line);
        command.env("MONEY_MACHINE_PASSPHRASE_FILE", self.home.path("passphrase"));
        command.env("MONEY_MACHINE_LOG_LEVEL", "debug");
        command
    }

    fn start(&self) -> Daemon {
        let daemon = Daemon::of(self.command("run --sandbox"));
        daemon.until("comes up", || {
            let said = self.command("actors show kernel --json").output().unwrap().stdout;
            let kernel: serde_json::Value = serde_json::from_slice(&said).unwrap_or_default();
            kernel["state"] == "running" || kernel["state"] == "busy"
        });
        daemon
    }

    fn canary(&mut self, name: &str) -> String {
        let canary = Canary::of(name);
        let text = canary.text.clone();
        self.canaries.push(canary);
        text
    }
}

/// Every verb that shows something.
const SHOWING: &[&str] = &[
    "account list",
    "actions list",
    "alerts list",
    "approvals list",
    "audit tail -n 1000",
    "audit export",
    "config show",
    "crashes list",
    "doctor",
    "limits list",
    "opportunities list",
    "status",
    "strategy list",
    "actors tree",
    "actors show kernel/accounts",
    "actors show kernel/gateway",
    "actors show kernel/platforms",
    "actors show kernel/health",
];

#[test]
fn no_secret_leaves_the_vault_but_into_its_request() {
    let mut owner = Owner { home: Home::new(), canaries: vec![], heard: vec![] };
    let passphrase = owner.canary("passphrase") + " of some words";
    owner.home.write("passphrase", passphrase + "\n");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(owner.home.path("passphrase"), private).unwrap();
    let daemon = owner.start();
    let trace = Daemon::of(owner.command("actors trace kernel/** --limit 2000 --json"));

    add_all(&mut owner);
    let looks = use_all(&mut owner);
    for verb in SHOWING {
        owner.does(verb, &[]);
        owner.does(&format!("{verb} --json"), &[]);
    }
    for (look, line) in looks {
        owner.hears(&line, look);
    }
    for file in ["cmdline", "environ"] {
        let bytes = std::fs::read(format!("/proc/{}/{file}", daemon.pid())).unwrap();
        owner.heard.push((format!("/proc/PID/{file}"), bytes));
    }
    for (name, said) in [("stdout", daemon.out()), ("stderr", daemon.err()), ("trace", trace.out())] {
        owner.heard.push((name.to_owned(), said.into_bytes()));
    }
    // Killed, and taken up again: what lies about then is what a thief finds.
    daemon.kill();
    search(&mut owner, "after a kill");
    let daemon = owner.start();
    owner.does("account check github main", &[]);
    owner.heard.push(("stderr of the second".to_owned(), daemon.err().into_bytes()));
    assert_eq!(daemon.stop(), 0);
    search(&mut owner, "after a stop");
}

fn add_all(owner: &mut Owner) {
    for (platform, options, fields) in ACCOUNTS {
        let secrets: Vec<String> =
            fields.iter().map(|field| owner.canary(&format!("{platform} {field}"))).collect();
        let lines: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let line = format!("account add {platform} main --email me@example.org {options}");
        let (code, said) = owner.does(&line, &lines);
        assert_eq!(code, 0, "{line}: {said}");
        // The recovery key is shown once, to its owner. It is looked for everywhere else.
        if let Some(key) = said.lines().map(str::trim).find(|line| line.len() > 30 && !line.contains(' ')) {
            owner.canaries.push(Canary::made("recovery key", key));
            owner.heard.pop();
        }
    }
    assert!(owner.canaries.iter().any(|canary| canary.name == "recovery key"), "it was shown once");
}

/// Accounts at work and in trouble: looked at, changed in the middle of a look, refused, removed. The looks
/// go on side by side: most meet a platform that does not know the account, and look again half a minute
/// later.
fn use_all(owner: &mut Owner) -> Vec<(Child, String)> {
    let mut looks = Vec::new();
    for (platform, ..) in ACCOUNTS {
        owner.does(&format!("account show {platform} main"), &[]);
        let line = format!("account check {platform} main");
        looks.push((owner.begins(&line, &[]), line));
    }
    for (platform, _, fields) in ACCOUNTS {
        let new: Vec<String> =
            fields.iter().map(|field| owner.canary(&format!("{platform} {field}, changed"))).collect();
        let lines: Vec<&str> = new.iter().map(String::as_str).collect();
        let (code, said) = owner.does(&format!("account rotate {platform} main"), &lines);
        assert_eq!(code, 0, "{platform}: {said}");
        let line = format!("account check {platform} main --json");
        looks.push((owner.begins(&line, &[]), line));
    }
    // What is not taken is not told either.
    let wrong = owner.canary("not taken");
    owner.does("account add github main --email me@example.org --kind bearer", &[&wrong]);
    owner.does("account add nowhere main --email me@example.org --kind bearer", &[&wrong]);
    owner.does("account add awin other --email me@example.org --kind bearer", &[&format!("{wrong}\u{7}")]);
    owner.does("account drill", &[&wrong]);
    owner.does("account remove hackerone main", &[]);
    looks
}

/// Looks for every canary in what was said and in what is kept, the recorded answers unpacked.
fn search(owner: &mut Owner, when: &str) {
    let mut found = leaks_in_files(&owner.canaries, &owner.home.data());
    for (place, bytes) in &owner.heard {
        found.extend(leaks(&owner.canaries, place, bytes));
    }
    let store = owner.home.store();
    let actions = store.scan::<ActionRecord>(&space(), Span::all(), usize::MAX).unwrap();
    for (id, action) in actions.rows {
        let Some(digest) = action.value.answer else { continue };
        let answer = store.get_answer(&digest, 64 << 20).unwrap().unwrap_or_default();
        found.extend(leaks(&owner.canaries, &format!("the answer to {id}"), &answer));
    }
    assert_eq!(found, Vec::<String>::new(), "{when}");
}
