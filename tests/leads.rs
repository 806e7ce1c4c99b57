//! Freelance leads from end to end, with the real binary: the sandbox's boards are read under the program's own
//! rules, a project is accepted, the bid waits for its owner's words, and exactly that is sent, once.
//!
//! The test plays the boards (their log is the truth) and the owner (by the command line). It waits for states.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays the outside world")]

use money_machine::sandbox::Sandbox;
use money_machine::sandbox::world::World;
use serde_json::{Value, json};

#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "the other test of the daemon uses all of it")]
mod harness;

use harness::{Daemon, Home, OWNER, Outside};

const CONFIG: &str = r#"
[strategies.bug-bounty]
enabled = false
[strategies.micro-tasks]
enabled = false
[strategies.freelance-leads]
enabled = true
schedule = "at 2099-01-01T00:00:00Z"
[strategies.freelance-leads.config]
# One search each: the limit of the rules is ten requests a minute.
skills = ["rust"]
rate = "20 USD"
minimum = "50 USD"
reads_max = 5
freelancer_account = "main"
feeds = [
  "https://rss.boards.example/jobs.xml",
  "https://rss.boards.example/private/jobs.xml",
  "https://atom.boards.example/jobs.atom",
  "https://json.boards.example/feed.json",
  "https://unnamed.boards.example/jobs.xml",
]
"#;

/// The owner, his home and the outside.
struct Scene {
    home: Home,
    outside: Outside,
}

impl Scene {
    /// A machine whose account has this token.
    fn new(token: &str) -> (Scene, Daemon) {
        let outside = Outside::of(Sandbox::of_world(World::small(7).steady()));
        let scene = Scene { home: Home::new(), outside };
        scene.home.write("config.toml", format!("{OWNER}{CONFIG}"));
        let daemon = scene.home.start(&format!("{} --config config.toml", scene.outside.run()));
        let line =
            "account add freelancer main --kind api-key --header freelancer-oauth-v1 --email me@example.org";
        let said = scene.home.pipe(line, &format!("{token}\n"));
        assert_eq!(said.code, 0, "{}", said.err);
        (scene, daemon)
    }

    fn shown(&self) -> Value {
        self.home.json("strategy show freelance-leads")
    }

    /// A run of the strategy, to its end.
    fn run(&self, daemon: &Daemon) {
        self.home.run_strategy(daemon, "freelance-leads");
    }

    fn leads(&self) -> Vec<Value> {
        self.home.json("opportunities list --no-baseline --limit 1000").as_array().unwrap().clone()
    }

    fn of(&self, platform: &str) -> Vec<Value> {
        self.leads().into_iter().filter(|lead| lead["platform"] == platform).collect()
    }

    /// On some days none of its jobs fits, so its report is what shows that it was read.
    fn has_read_remote_ok(&self) {
        let shown = self.shown();
        let mut sources = shown["last"]["sources"].as_array().unwrap().iter();
        let one = sources.find(|one| one["name"] == "remoteok").unwrap();
        assert!(one["health"] == "fresh" || one["health"] == "unchanged", "{one}");
        assert!(self.asked("remoteok.com/api") > 0);
    }

    /// How often a URL was asked for.
    fn asked(&self, part: &str) -> usize {
        self.outside.received().iter().filter(|request| request.url.contains(part)).count()
    }

    /// The best project that says what it pays, accepted, and the question about its bid.
    fn asked_about_a_bid(&self, daemon: &Daemon) -> Value {
        let good = self.of("freelancer").into_iter().filter(|lead| {
            lead["score"].as_u64() > Some(0)
                && lead["details"]["pay"].as_str().is_some_and(|pay| !pay.contains("not said"))
        });
        let one = good.max_by_key(|lead| lead["score"].as_u64());
        let one = one
            .unwrap_or_else(|| panic!("no good project: {:#?}\n{:#}", self.of("freelancer"), self.shown()));
        let id = one["id"].as_str().unwrap().to_owned();
        assert_eq!(self.home.run(&format!("opportunities accept {id}")).code, 0);
        self.run(daemon);
        let inbox = self.home.json("approvals list").as_array().unwrap().clone();
        assert_eq!(inbox.len(), 1, "{inbox:?}\n{:#}", self.shown());
        inbox.into_iter().next().unwrap()
    }

    /// The bid with the owner's own words in the place of the blank, as a file.
    fn words(&self, asked: &Value) -> String {
        let mut bid: Value = serde_json::from_str(asked["request"]["body"].as_str().unwrap()).unwrap();
        let draft = bid["description"].as_str().unwrap().to_owned();
        let (_, after) = draft.split_once("]]").expect("a draft has a blank");
        bid["description"] = json!(format!("First a small one, then the whole.{after}"));
        self.home.write("bid.json", bid.to_string());
        bid.to_string()
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no `{field}` in {value}"))
}

#[test]
fn boards_are_read_by_the_rules_and_a_bid_is_asked_approved_and_sent_once() {
    let (scene, daemon) = Scene::new("sandbox-me.CANARY-77aa");
    scene.run(&daemon);
    for platform in ["feeds", "freelancer"] {
        assert!(!scene.of(platform).is_empty(), "{platform}: {:#}", scene.shown());
    }
    scene.has_read_remote_ok();
    let runs = usize::try_from(scene.shown()["runs"].as_u64().unwrap()).unwrap();
    // The roots of both threads; they have no posting yet for some hours of each month.
    assert!(scene.asked("hacker-news.firebaseio.com/v0/item/") >= 2 * runs);
    // The two sites' robots.txt were read first; what one of them closes, and what no rule names, was not read.
    assert_eq!((scene.asked("rss.boards.example/robots.txt"), scene.asked("/private/")), (1, 0));
    assert_eq!(scene.asked("unnamed.boards.example"), 0);
    let each = ["rss.boards.example/jobs", "atom.boards.example/jobs", "remoteok.com/api"]
        .map(|url| scene.asked(url));
    assert_eq!(each, [runs; 3], "one request for each source and run");
    for lead in scene.leads() {
        assert!(!lead.to_string().contains("999999999") || lead["reward"].is_null(), "{lead}");
        assert!(!lead["title"].as_str().unwrap().chars().any(char::is_control), "{lead}");
    }
    assert_eq!(scene.outside.sandbox.freelancer_bids(), [], "nothing is sent for what nobody accepted");

    let asked = scene.asked_about_a_bid(&daemon);
    let (id, action) = (text(&asked, "id"), text(&asked, "action"));
    assert!(asked["rules"].as_array().unwrap().iter().any(|rule| rule["id"] == "freelancer/bid"), "{asked}");
    assert!(!asked.to_string().contains("CANARY"));
    assert!(scene.home.run(&format!("approvals approve {id}")).code != 0, "a blank does not leave");
    assert_eq!(scene.outside.sandbox.freelancer_bids(), []);
    let words = scene.words(&asked);
    let said = scene.home.run(&format!("approvals edit {id} --body bid.json"));
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let stage = || text(&scene.home.json(&format!("actions show {action}"))["details"], "stage").to_owned();
    daemon.until("sends it", || stage() == "confirmed");
    let sent: Value = serde_json::from_str(&words).unwrap();
    let bids = scene.outside.sandbox.freelancer_bids();
    assert_eq!((bids.len(), Some(bids[0].project)), (1, sent["project_id"].as_u64()));
    assert_eq!(bids[0].description, sent["description"]);
    scene.run(&daemon);
    scene.run(&daemon);
    assert_eq!(scene.outside.sandbox.freelancer_bids().len(), 1, "what is there is not made again");
    let project = sent["project_id"].as_u64();
    let lead = scene.of("freelancer").into_iter().find(|lead| lead["details"]["project"].as_u64() == project);
    assert_eq!(lead.unwrap()["details"]["bid"]["state"], "there");
    assert_eq!(scene.home.run("audit verify").code, 0);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn an_expired_token_costs_freelancer_alone() {
    let (scene, daemon) = Scene::new("sandbox-me.expired");
    scene.run(&daemon);
    assert!(scene.of("freelancer").is_empty());
    scene.has_read_remote_ok();
    let asked = scene.asked("www.freelancer.com");
    scene.run(&daemon);
    assert!(scene.asked("www.freelancer.com") <= asked + 1, "a refused token is not hammered");
    assert_eq!(daemon.stop(), 0);
}
