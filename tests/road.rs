//! The first change from end to end, with the real binary: a bounty is found at the sandbox's GitHub, its
//! owner accepts it, the strategy prepares `/attempt`, the owner fills in his plan and approves, and
//! exactly that is sent, once, whatever is killed on the way.
//!
//! The test plays GitHub (its log is the truth) and the owner (by the command line). It waits for states.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays the outside world")]

use std::sync::Arc;
use std::time::Duration;

use money_machine::sandbox::Sandbox;
use money_machine::sandbox::faults::Fault;
use money_machine::sandbox::github::{Kind, Policy};
use money_machine::sandbox::oracle::Received;
use money_machine::sandbox::world::World;
use serde_json::{Value, json};

#[path = "road/claim.rs"]
mod claim;
#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "the other test of the daemon uses all of it")]
mod harness;

use harness::{Daemon, Home, OWNER, Outside, Said, now_ms};

const CONFIG: &str = r#"
[strategies.bug-bounty]
enabled = false
[strategies.micro-tasks]
enabled = true
schedule = "at 2099-01-01T00:00:00Z"
[strategies.micro-tasks.config]
account = "main"
looks_max = 6
queries = ['label:"💎 Bounty" state:open type:issue']
"#;
const TOKEN: &str = "sandbox-octo.CANARY-5c1d";

/// GitHub, played by the test in the time of day.
struct GitHub {
    sandbox: Arc<Sandbox>,
    outside: Outside,
}

impl GitHub {
    fn new() -> GitHub {
        let outside = Outside::of(Sandbox::of_world(World::small(7).steady()));
        GitHub { sandbox: outside.sandbox.clone(), outside }
    }

    /// What was sent there to change something.
    fn posts(&self) -> Vec<Received> {
        let all = self.sandbox.received().into_iter();
        all.filter(|request| request.url.contains("api.github.com") && request.method != "GET").collect()
    }

    /// Whether this bounty is one that an honest worker may say yes to.
    fn is_good(&self, id: u64, kinds: &[Kind]) -> bool {
        let mut all = self.sandbox.github_bounties(now_ms()).into_iter();
        all.any(|(repo, issue)| {
            3_000_000_000 + issue.number == id
                && matches!(repo.policy, Policy::Allow | Policy::Warn)
                && kinds.contains(&issue.kind)
        })
    }
}

/// The owner, his home and the outside.
struct Scene {
    home: Home,
    github: GitHub,
}

impl Scene {
    /// A machine with an account that has found bounties, and one of them accepted and prepared; gives the
    /// question about it.
    fn asked() -> (Scene, Daemon, Value) {
        Scene::asked_of(&[Kind::Plain, Kind::Several, Kind::Edited, Kind::OldBot])
    }

    /// The same, of a bounty of one of these kinds.
    fn asked_of(kinds: &[Kind]) -> (Scene, Daemon, Value) {
        let scene = Scene { home: Home::new(), github: GitHub::new() };
        scene.home.write("config.toml", format!("{OWNER}{CONFIG}"));
        let daemon = scene.start();
        scene.add_account();
        let id = scene.found(&daemon, kinds);
        assert_eq!(scene.home.run(&format!("opportunities accept {id}")).code, 0);
        scene.run(&daemon);
        let inbox = scene.inbox();
        assert_eq!(inbox.len(), 1, "{inbox:?}");
        let asked = inbox.into_iter().next().unwrap();
        (scene, daemon, asked)
    }

    /// The best bounty that its owner may say yes to. A run looks at the six newest that it does not know, and
    /// on some days none of six is good.
    fn found(&self, daemon: &Daemon, kinds: &[Kind]) -> String {
        for _ in 0..6 {
            self.run(daemon);
            let found = self.home.json("opportunities list --no-baseline --limit 1000");
            let all = found.as_array().unwrap().iter();
            let is_good = |id| self.github.is_good(id, kinds);
            let good = all.filter(|one| one["details"]["issue"].as_u64().is_some_and(is_good));
            if let Some(one) = good.max_by_key(|one| one["score"].as_u64()) {
                return one["id"].as_str().unwrap().to_owned();
            }
        }
        let shown = self.home.json("strategy show micro-tasks");
        panic!("none is good: {shown:#}\n{}", daemon.err())
    }

    fn start(&self) -> Daemon {
        self.home.start(&format!("{} --config config.toml", self.github.outside.run()))
    }

    fn add_account(&self) {
        let line = "account add github main --kind bearer --email me@example.org --handle octo";
        let said = self.home.pipe(line, &format!("{TOKEN}\n"));
        assert_eq!(said.code, 0, "{}", said.err);
    }

    /// A run of the strategy, to its end.
    fn run(&self, daemon: &Daemon) {
        self.home.run_strategy(daemon, "micro-tasks");
    }

    fn inbox(&self) -> Vec<Value> {
        self.home.json("approvals list").as_array().unwrap().clone()
    }

    fn approval(&self, id: &str) -> Value {
        self.home.json(&format!("approvals show {id}"))
    }

    fn stage(&self, action: &str) -> String {
        self.home.json(&format!("actions show {action}"))["details"]["stage"].as_str().unwrap().to_owned()
    }

    /// The owner's own words in the place of the blank, as a file.
    fn plan(&self, asked: &Value) -> String {
        let draft: Value = serde_json::from_str(asked["request"]["body"].as_str().unwrap()).unwrap();
        let draft = draft["body"].as_str().unwrap();
        let (before, rest) = draft.split_once("[[").expect("a draft has a blank");
        let (_, after) = rest.split_once("]]").expect("a blank ends");
        let body =
            json!({ "body": format!("{before}A failing test first, then the fix — ünïcode too.{after}") });
        self.home.write("plan.json", body.to_string());
        body.to_string()
    }

    fn say(&self, line: &str) -> Said {
        self.home.run(&format!("approvals {line}"))
    }

    fn audit(&self, kind: &str) -> usize {
        let tail = self.home.json("audit tail -n 1000");
        tail.as_array().unwrap().iter().filter(|entry| entry["kind"] == kind).count()
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no `{field}` in {value}"))
}

#[test]
fn an_attempt_is_asked_approved_sent_once_and_confirmed() {
    let (scene, daemon, asked) = Scene::asked();
    let (id, action) = (text(&asked, "id"), text(&asked, "action"));
    // The whole of it is shown: what would be sent, why a person is asked, and what to read first.
    assert_eq!((&asked["request"]["method"], &asked["state"]), (&json!("POST"), &json!("waiting")));
    assert!(text(&asked["request"], "body").contains("/attempt #"), "{asked}");
    assert!(asked["rules"].as_array().unwrap().iter().any(|rule| rule["id"] == "github/comment"), "{asked}");
    assert!(!asked.to_string().contains("CANARY"));
    assert_eq!(scene.github.posts(), []);
    // A draft with a blank is not sent by a yes.
    let refused = scene.say(&format!("approve {id}"));
    assert!(refused.code != 0, "{}{}", refused.out, refused.err);
    assert_eq!(scene.github.posts(), []);

    let plan = scene.plan(&asked);
    let said = scene.say(&format!("edit {id} --body plan.json"));
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    daemon.until("sends it", || scene.stage(action) == "confirmed");
    let posts = scene.github.posts();
    assert_eq!(posts.len(), 1);
    // What was sent is what was approved, byte for byte.
    assert_eq!(posts[0].body.as_deref(), Some(plan.as_str()));
    assert_eq!(posts[0].url, text(&scene.approval(id)["request"], "url"));
    assert_eq!(posts[0].account.as_deref(), Some("octo"));
    assert_eq!(scene.github.sandbox.github_posted().len(), 1);
    assert_eq!(text(&scene.approval(id), "state"), "sent");
    // Found again, it is known, and nothing is asked or sent.
    scene.run(&daemon);
    scene.run(&daemon);
    assert_eq!((scene.inbox().len(), scene.github.posts().len()), (0, 1));
    assert_eq!(scene.home.run("audit verify").code, 0);
    assert_eq!(daemon.stop(), 0);
}

/// Whoever looks sees exactly what would be sent, why he is asked and until when; what is said of it is
/// kept with who and when; and a word that makes no sense is refused in a sentence and changes nothing.
#[test]
fn the_inbox_shows_everything_and_keeps_what_was_said() {
    let (scene, daemon, asked) = Scene::asked();
    let (id, action) = (text(&asked, "id"), text(&asked, "action"));
    let request = &asked["request"];
    let page = scene.say(&format!("show {id}")).out;
    let rule = asked["rules"].as_array().unwrap().iter().find(|rule| rule["id"] == "github/comment").unwrap();
    for part in [
        text(request, "method"),
        text(request, "url"),
        "/attempt #",
        &text(request, "hash")[..8],
        text(rule, "reason"),
        text(rule, "clause"),
        text(rule, "source"),
        "Why you are asked:",
        "ends",
        &text(&asked, "ends_at")[..10],
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // Every header that would be sent, the credential as its slot.
    for header in request["headers"].as_array().unwrap() {
        assert!(page.contains(&format!("{}: ", header[0].as_str().unwrap())), "{header}: {page}");
    }
    assert!(!page.contains("CANARY"));
    let listed = scene.say("list").out;
    assert!(listed.contains("waiting") && listed.contains(&id[..12]), "{listed}");
    // An act that is only judged is not sent, and asks nobody.
    let before = scene.github.sandbox.received().len();
    scene.home.write("text.md", "/attempt #7");
    let checked = scene.home.run(&format!(
        "compliance check --platform github --action comment --method POST --account main \
         --fact repository-policy=allow --text text.md --url {}",
        text(request, "url")
    ));
    assert!(
        checked.code == 1 && checked.out.contains("github/algora-attempt"),
        "{}{}",
        checked.out,
        checked.err
    );
    assert_eq!((scene.github.sandbox.received().len(), scene.inbox().len()), (before, 1));

    for (line, sentence) in [
        ("show nothing".to_owned(), "there is no approval `nothing`; `approvals list` shows the ids"),
        ("approve nothing".to_owned(), "there is no approval `nothing`; `approvals list` shows the ids"),
        (format!("approve {id}"), "has a blank to fill in"),
        (format!("done {id}"), "is not decided: "),
        (format!("edit {id} --body none.json"), "none.json"),
        (format!("edit {id}"), "name the new body with --body FILE"),
    ] {
        let said = scene.say(&line);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{line}: {}", said.err);
        assert!(said.err.contains(sentence), "{line}: {}", said.err);
    }
    assert_eq!(scene.say(&format!("reject {id}")).code, 2, "a no has a reason");
    let still = scene.approval(id);
    assert_eq!((&still["state"], &still["said"]), (&json!("waiting"), &json!([])));
    assert_eq!(scene.github.posts(), []);

    scene.plan(&asked);
    assert_eq!(scene.say(&format!("edit {id} --body plan.json --reason my-plan")).code, 0);
    daemon.until("sends it", || scene.stage(action) == "confirmed");
    let after = scene.approval(id);
    assert_ne!(after["request"]["hash"], request["hash"], "another body is another hash");
    let said = after["said"].as_array().unwrap();
    assert!(said.iter().all(|said| !text(said, "by").is_empty() && !text(said, "at").is_empty()), "{after}");
    assert!(said.iter().any(|said| said["state"] == "approved" && said["reason"] == "my-plan"), "{after}");
    let page = scene.say(&format!("show {id}")).out;
    assert!(page.contains("What was said:") && page.contains(": my-plan"), "{page}");
    for line in [format!("approve {id}"), format!("reject {id} --reason late")] {
        let late = scene.say(&line);
        assert!(late.code == 1 && late.err.contains("is not decided: "), "{line}: {}", late.err);
    }
    assert_eq!((scene.github.posts().len(), scene.inbox().len()), (1, 0));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn killed_between_sending_and_recording_it_is_found_again_and_not_sent_twice() {
    let (scene, daemon, asked) = Scene::asked();
    let (id, action) = (text(&asked, "id"), text(&asked, "action"));
    let plan = scene.plan(&asked);
    // GitHub makes the comment and takes its time to say so.
    scene.github.sandbox.set_fault("/comments", Fault::Stall { wait: Duration::from_secs(50) });
    assert_eq!(scene.say(&format!("edit {id} --body plan.json")).code, 0);
    daemon.until("sends it", || !scene.github.sandbox.github_posted().is_empty());
    daemon.kill();
    scene.github.sandbox.clear_faults();

    let daemon = scene.start();
    daemon.until("finds it again", || scene.stage(action) == "confirmed");
    assert_eq!(scene.github.posts().len(), 1);
    assert_eq!(scene.github.posts()[0].body.as_deref(), Some(plan.as_str()));
    assert_eq!(scene.audit("action.settled"), 1);
    let open = scene.home.json("alerts list");
    let about = |one: &Value| text(one, "about").to_owned();
    let open: Vec<String> = open.as_array().unwrap().iter().map(about).collect();
    assert!(!open.iter().any(|about| about.starts_with("ambiguous/")), "{open:?}");
    // The owner has nothing to settle any more, and the strategy nothing to ask.
    assert_ne!(scene.home.run(&format!("actions settle {action} --did-not --reason r")).code, 0);
    scene.run(&daemon);
    assert_eq!((scene.inbox().len(), scene.github.posts().len()), (0, 1));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_no_sends_nothing_and_is_not_asked_again() {
    let (scene, daemon, asked) = Scene::asked();
    let id = text(&asked, "id");
    assert_eq!(scene.say(&format!("reject {id} --reason unwanted")).code, 0);
    assert_eq!(text(&scene.approval(id), "state"), "rejected");
    // Words in the wrong order change nothing.
    scene.plan(&asked);
    for line in ["approve ID", "edit ID --body plan.json", "done ID", "reject ID --reason twice"] {
        let said = scene.say(&line.replace("ID", id));
        assert!(said.code != 0 || line.starts_with("reject"), "{line}: {}{}", said.out, said.err);
    }
    scene.run(&daemon);
    scene.run(&daemon);
    assert_eq!((scene.inbox().len(), scene.github.posts().len()), (0, 0));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_question_outlives_a_kill_and_everything_in_the_wrong_order_sends_once() {
    let (scene, daemon, asked) = Scene::asked();
    let (id, action) = (text(&asked, "id"), text(&asked, "action"));
    assert_ne!(scene.home.run(&format!("actions settle {action} --happened --reason r")).code, 0);
    daemon.kill();
    let daemon = scene.start();
    // The strategy proposes it once more: it is the same question.
    scene.run(&daemon);
    assert_eq!(scene.inbox().len(), 1);
    let plan = scene.plan(&asked);
    assert_ne!(scene.say(&format!("done {id}")).code, 0, "only a person's own act is said to be done");
    assert_eq!(scene.say(&format!("edit {id} --body plan.json")).code, 0);
    drop(scene.say(&format!("edit {id} --body plan.json")));
    drop(scene.say(&format!("approve {id}")));
    daemon.until("sends it", || scene.stage(action) == "confirmed");
    for line in ["approve ID", "edit ID --body plan.json", "reject ID --reason late", "done ID"] {
        drop(scene.say(&line.replace("ID", id)));
    }
    daemon.kill();
    let daemon = scene.start();
    scene.run(&daemon);
    assert_eq!(scene.github.posts().len(), 1);
    assert_eq!(scene.github.posts()[0].body.as_deref(), Some(plan.as_str()));
    assert_eq!(scene.stage(action), "confirmed");
    assert_eq!(daemon.stop(), 0);
}
