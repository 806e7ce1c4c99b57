//! The rules of the project against the list of facts that they were made from: every fact has a rule, the
//! rule says what the fact says, and no clause is made up. The list lies beside the repository; without it
//! these tests skip, and say so.

use std::path::{Path, PathBuf};

use super::super::*;
use super::project;
use crate::action::Method;
use crate::url::LogicalUrl;

/// An example action: kind, method, URL, with an account, facts, text (HTML where it begins with `<`).
type Act<'a> = (&'a str, Method, &'a str, bool, &'a [(&'a str, &'a str)], Option<&'a str>);

/// A fact by its platform and the beginning of its action, the rules that hold it, on which platform an
/// example of it is done, and the example.
type Row<'a> = (&'a str, &'a str, &'a [&'a str], &'a str, Act<'a>);

const LINK: &str = "https://www.amazon.com/dp/B000000000?tag=acme-20";
const PAGE: &str = "<p>As an Amazon Associate I earn from qualifying purchases. \
    <a rel=\"sponsored\" href=\"https://www.amazon.com/dp/B000000000?tag=acme-20\">The book</a></p>";
const COMMENTS: &str = "https://api.github.com/repos/acme/shop/issues/7/comments";
const WEB: &[(&str, &str)] = &[("channel", "web")];
const POLICY: &[(&str, &str)] = &[("repository-policy", "allow")];

use Method::{Get, Post, Put};

#[rustfmt::skip]
const TABLE: &[Row<'static>] = &[
    ("hackerone", "read programs", &["hackerone/read", "hackerone/read-scopes", "hackerone/read-reports"], "hackerone", ("read", Get, "https://api.hackerone.com/v1/hackers/programs", true, &[], None)),
    ("hackerone", "submit a report", &["hackerone/submit-report"], "hackerone", ("submit-report", Post, "https://api.hackerone.com/v1/hackers/reports", true, &[("automation", "none")], Some("A finding."))),
    ("hackerone", "submit AI", &["hackerone/ai-report"], "hackerone", ("submit-report", Post, "https://api.hackerone.com/v1/hackers/reports", true, &[], Some("A finding."))),
    ("hackerone", "scan", &["hackerone/scan"], "hackerone", ("scan", Get, "https://hackerone.com/acme", false, &[("automated-tools", "yes")], None)),
    ("hackerone", "second account", &["hackerone/no-second-account"], "hackerone", ("create-account", Post, "https://hackerone.com/users", false, &[], None)),
    ("intigriti", "read programs", &["intigriti/read"], "intigriti", ("read", Get, "https://api.intigriti.com/external/researcher/v1/programs?limit=500", true, &[], None)),
    ("intigriti", "automated tooling", &["intigriti/scan"], "intigriti", ("scan", Get, "https://app.intigriti.com/programs/acme", false, &[], None)),
    ("intigriti", "disclose", &["intigriti/no-disclosure"], "intigriti", ("disclose", Post, "https://app.intigriti.com/", false, &[], None)),
    ("intigriti", "create a submission", &["intigriti/submit-report"], "intigriti", ("submit-report", Post, "https://api.intigriti.com/external/researcher/v1/submissions", true, &[], Some("A finding."))),
    ("yeswehack", "read", &["yeswehack/read"], "yeswehack", ("read", Get, "https://api.yeswehack.com/programs?page=2", false, &[], None)),
    ("yeswehack", "reveal", &["yeswehack/no-disclosure"], "yeswehack", ("disclose-private", Post, "https://yeswehack.com/", false, &[], None)),
    ("bugcrowd", "read through", &["bugcrowd/read"], "bugcrowd", ("read", Get, "https://api.bugcrowd.com/programs", true, &[], None)),
    ("bugcrowd", "scrape", &["bugcrowd/no-scraping"], "bugcrowd", ("read", Get, "https://bugcrowd.com/programs", true, &[], None)),
    ("bugcrowd", "submit", &["bugcrowd/submit-report"], "bugcrowd", ("submit-report", Post, "https://bugcrowd.com/acme/report", false, &[], Some("A finding."))),
    ("github", "read by", &["github/read", "github/search"], "github", ("read", Get, COMMENTS, true, &[], None)),
    ("github", "use collected", &["github/no-personal-data", "law/no-collected-contacts"], "github", ("use-personal-data", Get, "https://api.github.com/users/acme", true, &[], None)),
    ("github", "comment", &["github/comment", "github/open-issue", "github/open-pull-request", "github/repository-says-no"], "github", ("comment", Post, COMMENTS, true, POLICY, Some("It stops at three."))),
    ("github", "post promotional", &["github/no-promotion"], "github", ("comment", Post, COMMENTS, true, POLICY, Some(LINK))),
    ("github", "star", &["github/no-star", "github/no-follow", "github/no-react"], "github", ("star", Put, "https://api.github.com/user/starred/acme/shop", true, &[], None)),
    ("github", "create an account", &["github/no-new-account"], "github", ("create-account", Post, "https://github.com/signup", false, &[], None)),
    ("github", "share", &["github/no-token-sharing"], "github", ("share-token", Get, "https://api.github.com/user", true, &[], None)),
    ("github-sponsors", "read own", &["github-sponsors/read"], "github-sponsors", ("read", Post, "https://api.github.com/graphql", true, &[], Some("{ viewer { login } }"))),
    ("github-sponsors", "create tiers", &["github-sponsors/create-tier", "github-sponsors/publish-tier", "github-sponsors/retire-tier", "github-sponsors/mail-sponsors"], "github-sponsors", ("create-tier", Post, "https://api.github.com/graphql", true, &[], Some("Thank you."))),
    ("algora", "find", &["github/search", "github/read", "algora/no-api"], "github", ("search", Get, "https://api.github.com/search/issues?q=label:x", true, &[], None)),
    ("algora", "comment", &["github/algora-attempt"], "github", ("comment", Post, COMMENTS, true, POLICY, Some("/attempt #7"))),
    ("algora", "put", &["github/claim-in-pull-request", "github/claim-in-own-pull-request"], "github", ("open-pull-request", Post, "https://api.github.com/repos/acme/shop/pulls", true, POLICY, Some("/claim #7"))),
    ("opire", "read", &["opire/read"], "opire", ("read", Get, "https://api.opire.dev/rewards", false, &[], None)),
    ("opire", "comment", &["github/opire-try", "github/claim-in-comment"], "github", ("comment", Post, COMMENTS, true, POLICY, Some("/try"))),
    ("bountyhub", "read", &["bountyhub/read"], "bountyhub", ("read", Get, "https://api.bountyhub.dev/api/bounties?page=1", false, &[], None)),
    ("polar", "anything", &["polar/gone"], "polar", ("read", Get, "https://api.polar.sh/v1/issues", false, &[], None)),
    ("issuehunt", "read", &[], "issuehunt", ("read", Get, "https://oss.issuehunt.io/issues", false, &[], None)),
    ("hackernews", "read", &["hackernews/read", "hackernews/search"], "hackernews", ("read", Get, "https://hacker-news.firebaseio.com/v0/item/1.json", false, &[], None)),
    ("hackernews", "post", &["hackernews/no-writing"], "hackernews", ("vote", Post, "https://news.ycombinator.com/vote", false, &[], None)),
    ("remoteok", "read", &["remoteok/read"], "remoteok", ("read", Get, "https://remoteok.com/api", false, &[], None)),
    ("remoteok", "show", &["remoteok/show-job", "remoteok/no-logo"], "remoteok", ("show-job", Get, "https://remoteok.com/remote-jobs/7", false, &[], Some("<a href=\"https://remoteok.com/remote-jobs/7\">Remote OK</a>"))),
    ("remotive", "republish", &["remotive/no-republishing"], "remotive", ("republish", Get, "https://remotive.com/api/remote-jobs", false, &[], None)),
    ("freelancer", "read", &["freelancer/read"], "freelancer", ("read", Get, "https://www.freelancer.com/api/projects/0.1/projects/active/?limit=1", true, &[], None)),
    ("freelancer", "place", &["freelancer/bid", "freelancer/message"], "freelancer", ("bid", Post, "https://www.freelancer.com/api/projects/0.1/bids/", true, &[], Some("In a week."))),
    ("upwork", "any automated", &["upwork/no-automation"], "upwork", ("read", Get, "https://www.upwork.com/nx/search/jobs/", false, &[], None)),
    ("upwork", "proposals", &["upwork/no-proposals"], "upwork", ("propose", Post, "https://api.upwork.com/graphql", true, &[("approved-api-key", "yes")], None)),
    ("mturk", "answer", &["mturk/no-answers"], "mturk", ("answer", Post, "https://worker.mturk.com/tasks/7", false, &[], None)),
    ("mturk", "watch", &["mturk/watch"], "mturk", ("watch", Get, "https://worker.mturk.com/projects", false, &[], None)),
    ("prolific", "take part", &["prolific/no-automation"], "prolific", ("take-part", Post, "https://app.prolific.com/studies/7", false, &[], None)),
    ("amazon-associates", "publish", &["amazon-associates/publish-link"], "amazon-associates", ("publish-link", Get, LINK, false, WEB, Some(PAGE))),
    ("amazon-associates", "cloak", &["amazon-associates/no-cloaking", "amazon-associates/no-shorteners"], "amazon-associates", ("cloak-link", Get, LINK, false, WEB, None)),
    ("amazon-associates", "links in", &["amazon-associates/no-offline-links"], "amazon-associates", ("publish-link", Get, LINK, false, &[("channel", "email")], Some(PAGE))),
    ("amazon-associates", "show", &["amazon-associates/no-prices", "amazon-associates/no-prices-beside-links"], "amazon-associates", ("show-price", Get, LINK, false, &[], None)),
    ("amazon-associates", "store", &["amazon-associates/no-images"], "amazon-associates", ("store-image", Get, LINK, false, &[], None)),
    ("amazon-associates", "buy", &["amazon-associates/no-own-purchases"], "amazon-associates", ("buy", Get, LINK, false, &[], None)),
    ("amazon-associates", "call", &["amazon-associates/no-paapi"], "amazon-associates", ("read", Post, "https://webservices.amazon.com/paapi5/getitems", true, &[], None)),
    ("awin", "read", &["awin/read"], "awin", ("read", Get, "https://api.awin.com/publishers/7/transactions/?timezone=UTC", true, &[], None)),
    ("shareasale", "anything", &["shareasale/gone"], "shareasale", ("read", Get, "https://api.shareasale.com/w.cfm", false, &[], None)),
    ("cj", "read", &["cj/read"], "cj", ("read", Post, "https://commissions.api.cj.com/query", true, &[], Some("{ publisherCommissions { count } }"))),
    ("impact", "read", &["impact/read"], "impact", ("read", Get, "https://api.impact.com/Mediapartners/IR1/Actions", true, &[], None)),
    ("rakuten", "read", &["rakuten/read"], "rakuten", ("read", Get, "https://api.linksynergy.com/events/1.0/transactions", true, &[], None)),
    ("any", "publish", &["law/affiliate-disclosure", "law/endorsement-disclosure"], "amazon-associates", ("publish-link", Get, LINK, false, WEB, Some(PAGE))),
    ("any", "affiliate link", &["law/paid-link-rel"], "amazon-associates", ("publish-link", Get, LINK, false, WEB, Some(PAGE))),
    ("any", "fetch", &["law/robots", "law/robots-disallow", "law/robots-unread"], "a-site", ("fetch-page", Get, "https://site.example.com/page", false, &[("robots", "allow")], None)),
];

/// A site that lets its pages be fetched, for the law that speaks of them.
const SITE: &str = "[pack]\nplatform = \"a-site\"\nversion = 1\nhosts = [\"site.example.com\"]\nabout = \"a\"\n\
    [[rule]]\nid = \"a-site/fetch\"\naction = \"fetch-page\"\nverdict = \"permit\"\nreason = \"r\"\n\
    source = \"https://site.example.com/\"\nclause = \"c\"\ncertainty = \"primary\"\nreviewed = 2026-11-22\n\
    [rule.conditions]\nurl = [\"https://site.example.com/*\"]\n[rule.obligations]\nuser_agent = \"m\"\n\
    [[limit]]\nkind = \"*\"\nscope = \"ip\"\nmax = 1\nper = \"1m\"\nsource = \"s\"\n";

fn shared(file: &str) -> Option<String> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(file);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("SKIPPED: {} is not here", path.display());
    }
    text
}

fn inputs(row: &Row<'_>) -> Inputs {
    let (_, _, _, platform, (kind, method, url, account, facts, text)) = *row;
    let format = if text.is_some_and(|text| text.starts_with('<')) { Format::Html } else { Format::Markdown };
    Inputs {
        platform: platform.parse().unwrap(),
        kind: ActionKind::new(kind),
        method,
        url: LogicalUrl::parse(url).unwrap(),
        account: account.then(|| "main".parse().unwrap()),
        country: Some("DE".to_owned()),
        at: "2026-11-22T12:00:00Z".parse().unwrap(),
        strict: true,
        facts: facts.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        text: text.map_or(Text::Nothing, |text| Text::known(format, text.to_owned())),
    }
}

#[test]
fn every_fact_has_rules_that_say_what_it_says() {
    let Some(json) = shared("data/rule-facts.json") else { return };
    let facts: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    let mut files = project();
    files.push(("a-site.toml".to_owned(), SITE.to_owned()));
    let rules = RuleSet::parse(&files).unwrap_or_else(|errors| panic!("{errors:#?}"));
    assert_eq!(facts.len(), TABLE.len(), "each fact has one row");
    for fact in &facts {
        let of = |key: &str| fact[key].as_str().unwrap();
        let mut rows = TABLE.iter().filter(|row| row.0 == of("platform") && of("action").starts_with(row.1));
        let row = rows.next().unwrap_or_else(|| panic!("no row for {fact}"));
        assert!(rows.next().is_none(), "two rows for {fact}");
        let said = inputs(row).judge(&rules);
        let wanted = match of("verdict") {
            "allow" => Verdict::Permit,
            "approve" => Verdict::Ask,
            "deny" => Verdict::Forbid,
            "unknown" => {
                assert!(row.2.is_empty() && said.rule_ids() == ["engine/unknown-platform"], "{fact}");
                continue;
            }
            other => panic!("{other} is no verdict"),
        };
        assert_eq!(said.verdict, wanted, "{fact}: {}", said.why());
        for id in row.2 {
            assert!(rules.rules().any(|rule| rule.id == *id), "there is no rule {id}");
        }
        let first = rules.rules().find(|rule| rule.id == row.2[0]).unwrap();
        assert_eq!(first.verdict, wanted, "{fact}: {}", first.id);
        assert!(first.platform.is_none() || said.rule_ids().contains(&first.id), "{fact}: {}", said.why());
    }
}

/// Certainty is never more than the fact's: what was read in a third party's text is not primary.
#[test]
fn no_rule_is_surer_than_its_fact() {
    let Some(json) = shared("data/rule-facts.json") else { return };
    let facts: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    let rules = RuleSet::parse(&project()).unwrap();
    for row in TABLE {
        let own = |fact: &&serde_json::Value| {
            fact["platform"] == row.0 && fact["action"].as_str().unwrap().starts_with(row.1)
        };
        let fact = facts.iter().find(own).unwrap();
        let sure = match fact["certainty"].as_str().unwrap() {
            text if text.starts_with("S2") => Certainty::Secondary,
            text if text.starts_with('S') => Certainty::Primary,
            _ => Certainty::Unchecked,
        };
        if let Some(rule) = row.2.first().and_then(|id| rules.rules().find(|rule| rule.id == *id)) {
            assert!(rule.certainty >= sure, "{} is surer than {fact}", rule.id);
        }
    }
}

#[test]
fn every_clause_stands_in_the_texts_that_were_read() {
    let (Some(page), Some(facts)) = (shared("PLATFORMS.md"), shared("data/rule-facts.json")) else { return };
    let plain = |text: &str| -> String {
        let text = text.replace("\\\"", "\"").replace('`', "");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let read = plain(&page) + &plain(&facts);
    let rules = RuleSet::parse(&project()).unwrap();
    // The scope dumps quote their own licence, which is no platform's text.
    for rule in rules.rules().filter(|rule| rule.file != super::FILE) {
        assert!(read.contains(&plain(&rule.clause)), "{}: where does `{}` stand?", rule.id, rule.clause);
    }
}
