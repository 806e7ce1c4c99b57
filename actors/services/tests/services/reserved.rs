//! What platforms keep for people, tried from inside a strategy with the rule files of the project: each
//! forbidden act is blocked and audited, each one that a person must decide waits for him, and nothing
//! reaches the outside. A forbidden act is tried under every other name that its platform's file knows, too:
//! a strategy that calls a star a read gets no further.
//!
//! The facts lie in `fixtures/rule-facts.json`; the list that they were taken from lies beside the
//! repository, and where it is, no fact of it may be missing here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mm_core::action::{Action, ActionKind, Method, Request};
use mm_core::activity::{ActionRecord, Stage};
use mm_core::id::Space;
use mm_core::rule::{RuleSet, Verdict};
use mm_core::secret::Secret;
use mm_sdk::{Act, Report};
use mm_services::accounts::NewAccount;
use mm_services::records::AccountKind;
use mm_services::testing::{Bench, Machine, Script, url};
use serde_json::Value;

use Method::{Get, Patch, Post, Put};

/// What an act is, by kind, method, URL, whether it is done with an account, facts and body.
type Tried<'a> = (&'a str, Method, &'a str, bool, &'a [(&'a str, &'a str)], &'a str);

/// Whether the request by itself shows what is done.
#[derive(Clone, Copy)]
enum Shows {
    /// It does: under no name may it leave.
    Itself,
    /// It does not, and why; the act is known by its kind alone.
    ByName(&'static str),
}

/// A fact by its platform and the beginning of its action; the platform that an example is done at; the
/// example; and what its request shows.
struct Row(&'static str, &'static str, &'static str, Tried<'static>, Shows);

const LINK: &str = "https://www.amazon.com/dp/B000000000?tag=acme-20";
const PULLS: &str = "https://api.github.com/repos/acme/shop/pulls";
const COMMENTS: &str = "https://api.github.com/repos/acme/shop/issues/7/comments";
const POLICY: &[(&str, &str)] = &[("repository-policy", "allow")];
const GRAPHQL: &str = "https://api.github.com/graphql";
const TIER: &str = r#"{"query":"mutation($input: CreateSponsorsTierInput!) { createSponsorsTier(input: $input) { clientMutationId } }","variables":{"input":{"description":"Thank you."}}}"#;
const REPORT: &str =
    r#"{"data":{"attributes":{"title":"A finding.","vulnerability_information":"Steps.","impact":"None."}}}"#;
const ADVERT: &str = r#"{"body":"https://www.amazon.com/dp/B000000000?tag=acme-20"}"#;

const PAGE: Shows = Shows::ByName("it reads a public page; what is done with the page, no request shows");

/// What is forbidden. There is no fact without a request; those whose request is harmless say so.
#[rustfmt::skip]
const FORBIDDEN: &[Row] = &[
    Row("hackerone", "second account", "hackerone", ("create-account", Post, "https://hackerone.com/users", false, &[], "user=second"), Shows::Itself),
    Row("intigriti", "disclose", "intigriti", ("disclose", Post, "https://app.intigriti.com/", false, &[], "a finding"), Shows::Itself),
    Row("yeswehack", "reveal", "yeswehack", ("disclose-private", Post, "https://yeswehack.com/", false, &[], "a scope"), Shows::Itself),
    Row("bugcrowd", "scrape", "bugcrowd", ("read", Get, "https://bugcrowd.com/programs", true, &[], ""), Shows::Itself),
    Row("github", "use collected", "github", ("use-personal-data", Get, "https://api.github.com/users/acme", true, &[], ""), PAGE),
    Row("github", "post promotional", "github", ("comment", Post, COMMENTS, true, POLICY, ADVERT), Shows::Itself),
    Row("github", "star", "github", ("star", Put, "https://api.github.com/user/starred/acme/shop", true, &[], ""), Shows::Itself),
    Row("github", "star", "github", ("follow", Put, "https://api.github.com/user/following/acme", true, &[], ""), Shows::Itself),
    Row("github", "star", "github", ("react", Post, "https://api.github.com/repos/acme/shop/issues/7/reactions", true, &[], r#"{"content":"+1"}"#), Shows::Itself),
    Row("github", "create an account", "github", ("create-account", Post, "https://github.com/signup", false, &[], "user=second"), Shows::Itself),
    Row("github", "share", "github", ("share-token", Get, "https://api.github.com/user", true, &[], ""), Shows::ByName("a token goes out with any request of its account, and whose account it is, the vault knows; that one is used for another's limits, no request shows")),
    Row("polar", "anything", "polar", ("read", Get, "https://api.polar.sh/v1/issues", false, &[], ""), Shows::Itself),
    Row("hackernews", "post", "hackernews", ("post", Post, "https://news.ycombinator.com/submit", false, &[], "title=a"), Shows::Itself),
    Row("hackernews", "post", "hackernews", ("vote", Post, "https://news.ycombinator.com/vote", false, &[], "id=1"), Shows::Itself),
    Row("remotive", "republish", "remotive", ("republish", Get, "https://remotive.com/api/remote-jobs", false, &[], ""), Shows::Itself),
    Row("upwork", "any automated", "upwork", ("read", Get, "https://www.upwork.com/nx/search/jobs/", false, &[], ""), Shows::Itself),
    Row("upwork", "proposals", "upwork", ("propose", Post, "https://api.upwork.com/graphql", true, &[("approved-api-key", "yes")], "{}"), Shows::Itself),
    Row("mturk", "answer", "mturk", ("answer", Post, "https://worker.mturk.com/projects/7/tasks/7/submit", false, &[], "answer=a"), Shows::Itself),
    Row("prolific", "take part", "prolific", ("take-part", Post, "https://app.prolific.com/studies/7", false, &[], "answer=a"), Shows::Itself),
    Row("amazon-associates", "cloak", "amazon-associates", ("cloak-link", Get, LINK, false, &[], ""), PAGE),
    Row("amazon-associates", "links in", "amazon-associates", ("publish-link", Get, LINK, false, &[("channel", "email")], ""), Shows::Itself),
    Row("amazon-associates", "show", "amazon-associates", ("show-price", Get, LINK, false, &[], ""), PAGE),
    Row("amazon-associates", "store", "amazon-associates", ("store-image", Get, LINK, false, &[], ""), PAGE),
    Row("amazon-associates", "buy", "amazon-associates", ("buy", Get, LINK, false, &[], ""), PAGE),
    Row("amazon-associates", "call", "amazon-associates", ("read", Post, "https://webservices.amazon.com/paapi5/getitems", true, &[], "{}"), Shows::Itself),
    Row("shareasale", "anything", "shareasale", ("read", Get, "https://api.shareasale.com/w.cfm", false, &[], ""), Shows::Itself),
];

/// What a person decides.
#[rustfmt::skip]
const ASKED: &[Row] = &[
    Row("hackerone", "submit a report", "hackerone", ("submit-report", Post, "https://api.hackerone.com/v1/hackers/reports", true, &[("automation", "none")], REPORT), Shows::Itself),
    Row("hackerone", "submit AI", "hackerone", ("submit-report", Post, "https://api.hackerone.com/v1/hackers/reports", true, &[], REPORT), Shows::Itself),
    Row("hackerone", "scan", "hackerone", ("scan", Get, "https://hackerone.com/acme", false, &[("automated-tools", "yes")], ""), PAGE),
    Row("intigriti", "automated tooling", "intigriti", ("scan", Get, "https://app.intigriti.com/programs/acme", false, &[], ""), PAGE),
    Row("intigriti", "create a submission", "intigriti", ("submit-report", Post, "https://api.intigriti.com/external/researcher/v1/submissions", true, &[], "A finding."), Shows::Itself),
    Row("bugcrowd", "submit", "bugcrowd", ("submit-report", Post, "https://bugcrowd.com/acme/report", false, &[], "A finding."), Shows::Itself),
    Row("github", "comment", "github", ("comment", Post, COMMENTS, true, POLICY, r#"{"body":"It stops at three."}"#), Shows::Itself),
    Row("github", "comment", "github", ("open-issue", Post, "https://api.github.com/repos/acme/shop/issues", true, POLICY, r#"{"title":"It stops","body":"At three."}"#), Shows::Itself),
    Row("github", "comment", "github", ("open-pull-request", Post, PULLS, true, POLICY, r#"{"title":"Go on","body":"After three."}"#), Shows::Itself),
    Row("github-sponsors", "create tiers", "github-sponsors", ("create-tier", Post, GRAPHQL, true, &[], TIER), Shows::Itself),
    Row("algora", "comment", "github", ("comment", Post, COMMENTS, true, POLICY, r#"{"body":"/attempt #7"}"#), Shows::Itself),
    Row("algora", "put", "github", ("open-pull-request", Post, PULLS, true, POLICY, r#"{"title":"Go on","body":"/claim #7"}"#), Shows::Itself),
    Row("algora", "put", "github", ("edit-pull-request", Patch, "https://api.github.com/repos/acme/shop/pulls/9", true, POLICY, r#"{"body":"Fixes #7. /claim #7"}"#), Shows::Itself),
    Row("opire", "read", "opire", ("read", Get, "https://api.opire.dev/rewards", false, &[], ""), Shows::Itself),
    Row("opire", "comment", "github", ("comment", Post, COMMENTS, true, POLICY, r#"{"body":"/try"}"#), Shows::Itself),
    Row("opire", "comment", "github", ("comment", Post, COMMENTS, true, POLICY, r#"{"body":"/claim #7"}"#), Shows::Itself),
    Row("bountyhub", "read", "bountyhub", ("read", Get, "https://api.bountyhub.dev/api/bounties?page=1", false, &[], ""), Shows::Itself),
    Row("freelancer", "place", "freelancer", ("bid", Post, "https://www.freelancer.com/api/projects/0.1/bids/", true, &[], r#"{"description":"In a week."}"#), Shows::Itself),
    Row("freelancer", "place", "freelancer", ("message", Post, "https://www.freelancer.com/api/messages/0.1/threads/7/messages/", true, &[], "message=hello"), Shows::Itself),
    Row("mturk", "watch", "mturk", ("watch", Get, "https://worker.mturk.com/projects", false, &[], ""), Shows::Itself),
];

impl Row {
    fn is_of(&self, fact: &Value) -> bool {
        fact["platform"] == self.0 && fact["action"].as_str().unwrap().starts_with(self.1)
    }

    /// The act, under the name of `kind`.
    fn act(&self, kind: &str) -> Action {
        let (_, method, to, account, facts, body) = self.3;
        let request = Request::new(method, url(to), body.as_bytes().to_vec()).unwrap();
        let about = format!("{}: {} as {kind} at {to}", self.0, self.1);
        let mut action = Action::of(self.2.parse().unwrap(), ActionKind::new(kind), request, about.clone());
        action.account = account.then(|| "main".parse().unwrap());
        action.facts = facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        // Each is a change of its own, though some have the same bytes.
        action.occasion = Some(about);
        action
    }
}

fn project() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/rules");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let packs = files.filter(|path| path.extension().is_some_and(|ext| ext == "toml"));
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    packs.map(|path| (name(&path), std::fs::read_to_string(path).unwrap())).collect()
}

/// Every kind that the platform's file does not forbid outright.
fn names(rules: &RuleSet, platform: &str) -> BTreeSet<String> {
    let pack = rules.pack(&platform.parse().unwrap()).unwrap();
    let open = pack.rules.iter().filter(|rule| rule.verdict != Verdict::Forbid);
    open.filter_map(|rule| Some(rule.action.as_ref()?.as_str().to_owned())).collect()
}

/// An account at each of them, so that no act fails for want of one.
async fn with_account(machine: &Machine, platforms: BTreeSet<&str>) {
    for platform in platforms {
        let new = NewAccount {
            space: Space::default_owner(),
            platform: platform.parse().unwrap(),
            account: "main".parse().unwrap(),
            email: "owner@example.org".to_owned(),
            kind: AccountKind::Bearer,
            handle: None,
        };
        let secrets = [("token".to_owned(), Secret::new("sandbox-main".to_owned()))].into();
        machine.services.accounts.add(new, secrets).await.unwrap().unwrap();
    }
}

/// What one strategy hears that proposes all these acts, their records, the audit trail, and what left.
struct Heard {
    acts: Vec<(Action, Act)>,
    records: Vec<ActionRecord>,
    audit: Vec<(String, String)>,
    reached: Vec<String>,
}

fn propose(seed: u64, acts: Vec<Action>) -> Heard {
    let pairs: BTreeSet<(&'static str, &'static str)> = acts.iter().map(leaked).collect();
    let proposes: &'static [_] = Box::leak(pairs.into_iter().collect::<Vec<_>>().into_boxed_slice());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (todo, notes) = (Arc::new(acts), heard.clone());
    let script = Script::new("overbold", move |cx| {
        let (todo, notes) = (todo.clone(), notes.clone());
        Box::pin(async move {
            for (n, action) in todo.iter().enumerate() {
                let act = cx.act(&format!("s{n}"), action.clone()).await?;
                notes.lock().unwrap().push((action.clone(), act));
            }
            Ok(Report::default())
        })
    });
    let mut bench = Bench::new(seed);
    project().iter().for_each(|(name, text)| bench.rules.put(name, text));
    bench.settings.country = Some("DE".to_owned());
    bench.install(script.proposing(proposes).deadline(Duration::from_secs(86_400)));
    bench.live(async |machine| {
        with_account(machine, proposes.iter().map(|(platform, _)| *platform).collect()).await;
        // A new account is checked by the machine itself; that is none of the strategy's.
        machine.pass(Duration::from_secs(3600)).await;
        let before = machine.world.count();
        machine.run("overbold").await;
        Heard {
            acts: std::mem::take(&mut *heard.lock().unwrap()),
            records: machine.rows::<ActionRecord>().into_iter().map(|(_, record)| record).collect(),
            audit: machine.audit(),
            reached: machine.world.paths().split_off(before),
        }
    })
}

fn leaked(action: &Action) -> (&'static str, &'static str) {
    let text = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    (text(action.platform.as_str()), text(action.kind.as_str()))
}

/// The record of an act, and its entry of that kind in the trail.
fn entry_of<'a>(heard: &'a Heard, action: &Action, kind: &str) -> (&'a ActionRecord, Value) {
    let record = heard.records.iter().find(|record| record.purpose == action.purpose);
    let record = record.unwrap_or_else(|| panic!("no record: {}", action.purpose));
    let own = |payload: &String| payload.contains(&format!("\"{}\"", record.id));
    let entry = heard.audit.iter().find(|(own_kind, payload)| own_kind == kind && own(payload));
    let (_, payload) = entry.unwrap_or_else(|| panic!("no {kind}: {}", action.purpose));
    (record, serde_json::from_str(payload).unwrap())
}

#[test]
fn what_platforms_forbid_is_blocked_and_audited_under_whatever_name() {
    let rules = RuleSet::parse(&project()).unwrap();
    let mut acts = Vec::new();
    for row in FORBIDDEN {
        acts.push(row.act(row.3.0));
        if matches!(row.4, Shows::Itself) {
            let others = names(&rules, row.2).into_iter().filter(|name| name != row.3.0);
            acts.extend(others.map(|name| row.act(&name)));
        }
    }
    let tried = acts.len();
    let heard = propose(1, acts);
    assert_eq!((heard.acts.len(), heard.reached.as_slice()), (tried, [].as_slice()));
    for (action, act) in &heard.acts {
        let Act::Refused(refusal) = act else { panic!("{}: {act:?}", action.purpose) };
        let (record, entry) = entry_of(&heard, action, "action.blocked");
        assert_eq!(record.stage, Stage::Blocked, "{}: {}", action.purpose, refusal.why);
        let said: Vec<&str> = entry["rules"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(!said.is_empty() && said == refusal.rules, "{}: {entry}", action.purpose);
    }
}

#[test]
fn what_a_person_decides_waits_for_him_and_nothing_leaves() {
    let heard = propose(2, ASKED.iter().map(|row| row.act(row.3.0)).collect());
    assert_eq!((heard.acts.len(), heard.reached.as_slice()), (ASKED.len(), [].as_slice()));
    for (action, act) in &heard.acts {
        assert!(matches!(act, Act::Pending(_)), "{}: {act:?}", action.purpose);
        let (_, entry) = entry_of(&heard, action, "approval.asked");
        assert!(!entry["rules"].as_array().unwrap().is_empty(), "{}: {entry}", action.purpose);
    }
}

/// Every fact of the list has a row, and every row a fact.
fn hold(facts: &[Value]) {
    let of = |verdict: &str| facts.iter().filter(|fact| fact["verdict"] == verdict).collect::<Vec<_>>();
    for (verdict, rows) in [("deny", FORBIDDEN), ("approve", ASKED)] {
        let facts = of(verdict);
        for fact in &facts {
            assert!(rows.iter().any(|row| row.is_of(fact)), "nobody tries this: {fact}");
        }
        for row in rows {
            let own = facts.iter().filter(|fact| row.is_of(fact)).count();
            assert_eq!(own, 1, "{}: {} is of one fact", row.0, row.1);
            assert!(!matches!(row.4, Shows::ByName("")), "{}: {} says why", row.0, row.1);
        }
    }
}

#[test]
fn every_fact_is_tried() {
    let own = include_str!("../fixtures/rule-facts.json");
    hold(&serde_json::from_str::<Vec<Value>>(own).unwrap());
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/rule-facts.json");
    match std::fs::read_to_string(&shared) {
        Ok(text) => hold(&serde_json::from_str::<Vec<Value>>(&text).unwrap()),
        Err(_) => eprintln!("SKIPPED: {} is not here", shared.display()),
    }
}
