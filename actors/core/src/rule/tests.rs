use std::collections::BTreeSet;

use expect_test::expect;
use proptest::prelude::*;

use super::*;
use crate::action::Method;
use crate::url::LogicalUrl;

mod facts;
mod looks;
mod mistakes;
mod nearness;
mod oracle;
mod schema;

const PACK: &str = include_str!("../../../../config/rules/bounty-targets-data.toml");
const FILE: &str = "bounty-targets-data.toml";
const SOURCES: [&str; 5] = ["hackerone", "bugcrowd", "intigriti", "yeswehack", "federacy"];

fn parse(files: &[(&str, &str)]) -> Result<RuleSet, Vec<RuleError>> {
    let files: Vec<_> = files.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect();
    RuleSet::parse(&files)
}

fn source_url(name: &str) -> LogicalUrl {
    let base = "https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data";
    LogicalUrl::parse(&format!("{base}/{name}_data.json")).unwrap()
}

/// A keyless read of nobody in particular.
fn keyless(platform: &str, url: &LogicalUrl) -> Inputs {
    Inputs {
        platform: platform.parse().unwrap(),
        kind: ActionKind::new("read"),
        method: Method::Get,
        url: url.clone(),
        account: None,
        country: None,
        at: "2026-11-22T00:00:00Z".parse().unwrap(),
        strict: true,
        facts: Default::default(),
        text: Text::Nothing,
    }
}

/// Judges a keyless read on the given day.
fn read(rules: &RuleSet, url: &LogicalUrl, day: &str, strict: bool) -> Judgement {
    let at = format!("{day}T12:00:00Z").parse().unwrap();
    Inputs { at, strict, ..keyless("bounty-targets-data", url) }.judge(rules)
}

fn told(judgement: &Judgement) -> String {
    let mut lines = format!("{}\n", judgement.verdict);
    for rule in &judgement.deciding {
        lines += &format!("  {} {}: {}\n", rule.verdict, rule.id, rule.reason);
    }
    lines
}

/// The rule files of the project.
fn project() -> Vec<(String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/rules");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ext| ext == "toml") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            files.push((name, std::fs::read_to_string(path).unwrap()));
        }
    }
    assert!(!files.is_empty());
    files
}

#[test]
fn every_file_of_the_project_parses_keeps_its_own_examples_and_needs_no_look() {
    let rules = RuleSet::parse(&project()).unwrap_or_else(|errors| panic!("{errors:#?}"));
    assert_eq!(rules.run_examples(), []);
    let newest = rules.rules().map(|rule| rule.reviewed).max().unwrap();
    let lints: Vec<String> = rules.lint(newest).iter().map(Lint::to_string).collect();
    assert_eq!(lints, [""; 0]);
}

#[test]
fn exactly_the_five_scope_files_may_be_read_and_with_a_stated_user_agent() {
    let rules = parse(&[(FILE, PACK)]).unwrap();
    for name in SOURCES {
        for strict in [true, false] {
            let said = read(&rules, &source_url(name), "2026-11-22", strict);
            assert_eq!(said.verdict, Verdict::Permit, "{}", said.why());
            assert_eq!(said.rule_ids(), ["bounty-targets-data/read-scope-files"]);
            assert_eq!(said.hosts, ["raw.githubusercontent.com"]);
            let agent = said.obligations.user_agent.as_deref().unwrap();
            assert!(agent.starts_with(concat!(
                "money-machine/",
                env!("CARGO_PKG_VERSION"),
                " (+self-hosted"
            )));
        }
    }
    let said = read(&rules, &source_url("wildcards"), "2026-11-22", true);
    assert_eq!(said.verdict, Verdict::Forbid);
}

#[test]
fn a_removed_rule_file_permits_nothing_and_the_message_names_it() {
    let rules = parse(&[]).unwrap();
    expect![[r#"
        forbid
          forbid engine/unknown-platform: no rule file speaks of platform `bounty-targets-data`; a rule such as `bounty-targets-data/read` in `config/rules/bounty-targets-data.toml` would have to permit this
    "#]].assert_eq(&told(&read(&rules, &source_url("hackerone"), "2026-11-22", true)));
    assert_eq!(read(&rules, &source_url("hackerone"), "2026-11-22", false).verdict, Verdict::Ask);
}

#[test]
fn what_no_rule_speaks_of_and_a_foreign_host_are_told_with_the_file() {
    let rules = parse(&[(FILE, PACK)]).unwrap();
    let foreign = LogicalUrl::parse("https://evil.example/hackerone_data.json?token=canary").unwrap();
    let text = told(&read(&rules, &source_url("x"), "2026-11-22", true))
        + &told(&read(&rules, &source_url("x"), "2026-11-22", false))
        + &told(&read(&rules, &foreign, "2026-11-22", false));
    expect![[r#"
        forbid
          forbid engine/no-rule: no rule of `config/rules/bounty-targets-data.toml` speaks of `read` by GET at https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/x_data.json; add a rule such as `bounty-targets-data/read` there if it is allowed
        ask
          ask engine/no-rule: no rule of `config/rules/bounty-targets-data.toml` speaks of `read` by GET at https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/x_data.json; add a rule such as `bounty-targets-data/read` there if it is allowed
        forbid
          forbid engine/host: host `evil.example` is not among the hosts of `config/rules/bounty-targets-data.toml`, which are raw.githubusercontent.com
    "#]].assert_eq(&text);
}

/// An ask that speaks wherever a word stands in a text opens no path of the platform.
#[test]
fn an_ask_without_urls_tightens_what_others_permit_and_lifts_no_default_deny() {
    let ask = whole("a", "read").replace("https://api.example.com/*", "https://api.example.com/in/*")
        + "[[rule]]\nid = \"word\"\naction = \"read\"\nverdict = \"ask\"\nreason = \"r\"\nsource = \"s\"\n\
           clause = \"c\"\ncertainty = \"primary\"\nreviewed = 2026-11-22\n\
           [rule.conditions]\ntext = { contains = \"/try\" }\n";
    let rules = parse(&[("a.toml", &ask)]).unwrap();
    let judge = |path: &str, text: Text| {
        let url = LogicalUrl::parse(&format!("https://api.example.com/{path}")).unwrap();
        told(&Inputs { text, ..keyless("a", &url) }.judge(&rules))
    };
    let word = Text::known(Format::Plain, "/try".to_owned());
    let said = judge("in/x", word.clone()) + &judge("out", word) + &judge("out", Text::Unknown("t".into()));
    expect![[r#"
        ask
          ask word: r
        forbid
          forbid engine/no-rule: no rule of `config/rules/a.toml` speaks of `read` by GET at https://api.example.com/out (`word` asks, but names no URL); add a rule such as `a/read` there if it is allowed
        forbid
          forbid engine/no-rule: no rule of `config/rules/a.toml` speaks of `read` by GET at https://api.example.com/out (`word` asks, but names no URL); add a rule such as `a/read` there if it is allowed
    "#]].assert_eq(&said);
    let lints: Vec<String> =
        rules.lint("2026-11-22T00:00:00Z".parse().unwrap()).iter().map(Lint::to_string).collect();
    assert!(lints.iter().any(|lint| lint.contains("word: it asks and names no URL")), "{lints:?}");
}

#[test]
fn a_permit_reviewed_more_than_180_days_ago_asks_and_a_replayed_past_is_not_old() {
    let rules = parse(&[(FILE, PACK)]).unwrap();
    let url = source_url("hackerone");
    for (day, verdict) in [
        ("2026-07-22", Verdict::Permit),
        ("2027-05-20", Verdict::Permit),
        ("2027-05-21", Verdict::Ask),
        ("2040-01-01", Verdict::Ask),
    ] {
        assert_eq!(read(&rules, &url, day, true).verdict, verdict, "{day}");
    }
    expect![[r#"
        ask
          ask bounty-targets-data/read-scope-files: rule `bounty-targets-data/read-scope-files` permits it but was last reviewed 191 days ago, and after 180 a person decides; compare it with its source and set `reviewed` in `config/rules/bounty-targets-data.toml`
    "#]].assert_eq(&told(&read(&rules, &url, "2027-06-01", true)));
    let lints: Vec<String> =
        rules.lint("2027-06-01T00:00:00Z".parse().unwrap()).iter().map(Lint::to_string).collect();
    assert_eq!(lints.len(), 2, "{lints:?}");
}

const BAD: &str = r#"
[pack]
platform = "demo"
version = 0
hosts = ["API.example.com", "127.0.0.1"]
abuot = "x"

[[rule]]
id = "demo/a"
action = "read"
verdict = "allow"
reason = "r"
source = ""
clause = "c"
certainty = "sure"
reviewed = "2026-02-30"
[rule.conditions]
method = ["get"]
url = ["https://api.example.com*", "http://api.example.com/"]
country = ["Germany"]
acount = "none"
account = "maybe"
mutating = "no"
[rule.obligations]
user_agent = "a\nb"
headers = { authorization = "x", "x y" = "z" }
pause_ms_min = -1

[[rule]]
id = 7

[[limit]]
kind = "*"
scope = "galaxy"
max = 0
per = "hour"
source = "s"

[[limmit]]
"#;

#[test]
fn every_mistake_is_told_at_once_with_its_line() {
    let errors = parse(&[("demo.toml", BAD), ("broken.toml", "[pack\nx = ")]).unwrap_err();
    let lines: Vec<String> = errors.iter().map(RuleError::to_string).collect();
    expect![[r#"
        broken.toml:1: toml: unclosed table, expected `]`
        demo.toml:2: pack.about: `about` is missing
        demo.toml:4: pack.version: 0 is not a whole number from 1 up
        demo.toml:5: pack.hosts: the URL's host is the address 127.0.0.1; only public host names are called
        demo.toml:5: pack.hosts: write the host alone, in lower case
        demo.toml:6: pack.abuot: there is no key `abuot` here; did you mean `about`?
        demo.toml:11: rule.verdict: a verdict is permit, ask or forbid
        demo.toml:13: rule.source: `source` says nothing
        demo.toml:15: rule.certainty: the certainty is primary, secondary or unchecked
        demo.toml:16: rule.reviewed: `2026-02-30` is no day; write it like 2026-11-22
        demo.toml:18: rule.conditions.method: `get` is none of GET, HEAD, POST, PUT, PATCH and DELETE
        demo.toml:19: rule.conditions.url: the URL's scheme is `http`; only https is called
        demo.toml:19: rule.conditions.url: this URL reads as `https://api.example.com/*`; write it so
        demo.toml:20: rule.conditions.country: `Germany` is no country; write two capitals like DE (ISO 3166-1)
        demo.toml:21: rule.conditions.acount: there is no key `acount` here; did you mean `account`?
        demo.toml:22: rule.conditions.account: account is none, required or any
        demo.toml:23: rule.conditions.mutating: this is a text, and true or false is wanted
        demo.toml:25: rule.obligations.user_agent: the value of header `user-agent` holds a control character or is not ASCII
        demo.toml:26: rule.obligations.headers: `x y` is no header name
        demo.toml:26: rule.obligations.headers: no rule sets the header `authorization`
        demo.toml:27: rule.obligations.pause_ms_min: -1 is not a whole number from 0 up
        demo.toml:29: rule.action: `action` is missing
        demo.toml:29: rule.certainty: `certainty` is missing
        demo.toml:29: rule.clause: `clause` is missing
        demo.toml:29: rule.reason: `reason` is missing
        demo.toml:29: rule.reviewed: `reviewed` is missing
        demo.toml:29: rule.source: `source` is missing
        demo.toml:29: rule.verdict: `verdict` is missing
        demo.toml:30: rule.id: this is a whole number, and a text in quotes is wanted
        demo.toml:34: limit.scope: the scope is ip, platform, account or space
        demo.toml:35: limit.max: 0 is not a whole number from 1 up
        demo.toml:36: limit.per: `hour` is no length of time: write it like 90s, 30m, 1h30m or 1d (units w d h m s ms)
        demo.toml:39: limmit: there is no key `limmit` here; did you mean `limit`?"#]].assert_eq(&lines.join("\n"));
}

const WHOLE: &str = "[rule.conditions]\nurl = [\"https://api.example.com/*\"]\n";
const AGENT: &str = "[rule.obligations]\nuser_agent = \"m/{version}\"\n";
const LIMIT: &str = "[[limit]]\nkind = \"*\"\nscope = \"ip\"\nmax = 1\nper = \"1h\"\nsource = \"s\"\n";

/// A file with one permit; `more` is the rest of it.
fn mini(platform: &str, id: &str, more: &str) -> String {
    let hosts = if platform == "*" { "" } else { "hosts = [\"api.example.com\"]" };
    format!(
        "[pack]\nplatform = \"{platform}\"\nversion = 1\n{hosts}\nabout = \"a\"\n[[rule]]\nid = \"{id}\"\n\
         action = \"read\"\nverdict = \"permit\"\nreason = \"r\"\nsource = \"https://s.example/\"\n\
         clause = \"c\"\ncertainty = \"primary\"\nreviewed = 2026-11-22\n{more}"
    )
}

fn whole(platform: &str, id: &str) -> String {
    mini(platform, id, &format!("{WHOLE}{AGENT}{LIMIT}"))
}

#[test]
fn a_permit_without_urls_agent_or_limit_is_a_mistake() {
    assert!(parse(&[("a.toml", &whole("a", "x"))]).is_ok());
    let mut all = Vec::new();
    for more in [format!("{AGENT}{LIMIT}"), format!("{WHOLE}{LIMIT}"), format!("{WHOLE}{AGENT}")] {
        let errors = parse(&[("a.toml", &mini("a", "x", &more))]).unwrap_err();
        all.extend(errors.iter().map(RuleError::to_string));
    }
    expect![[r#"
        a.toml:6: rule.conditions.url: a permit names its URLs, each exactly or with a `*` at its end
        a.toml:6: rule.obligations.user_agent: a permit states the User-Agent to send
        a.toml:6: limit: a file that permits sets at least one [[limit]]"#]]
    .assert_eq(&all.join("\n"));
}

#[test]
fn a_file_cut_anywhere_before_its_limits_is_refused() {
    let limits = PACK.find("[[limit]]").unwrap();
    for end in (0..limits).filter(|&end| PACK.is_char_boundary(end)) {
        assert!(parse(&[(FILE, &PACK[..end])]).map_or(true, |rules| rules.rules().next().is_none()), "{end}");
    }
}

#[test]
fn ids_and_files_that_stand_twice_or_in_the_wrong_place_are_refused() {
    let twice = parse(&[("a.toml", &whole("a", "x")), ("b.toml", &whole("b", "x"))]).unwrap_err();
    let moved = parse(&[("a.toml", &whole("b", "x"))]).unwrap_err();
    let law = parse(&[("a.toml", &mini("*", "x", ""))]).unwrap_err();
    let engine = parse(&[("a.toml", &whole("a", "engine/host"))]).unwrap_err();
    let same = parse(&[("a.toml", &whole("a", "x")), ("a.toml", &whole("a", "y"))]).unwrap_err();
    let all: Vec<String> =
        [twice, moved, law, engine, same].iter().flatten().map(RuleError::to_string).collect();
    expect![[r#"
        b.toml:6: rule.id: the id `x` is already that of a rule at a.toml:6
        a.toml:2: pack.platform: the rules of `b` belong in a file `b.toml`, and this is `a.toml`
        a.toml:19: limit: a law sets no limits; they stand in the platform's file
        a.toml:1: pack.hosts: a platform needs the hosts its actions may go to
        a.toml:2: pack.platform: `*` stands only in a file named law-….toml
        a.toml:7: rule.id: an id is 1 to 120 of a-z, 0-9, `-`, `.` and `/`, and not `engine/…`
        a.toml:1: pack: there are two files of this name"#]]
    .assert_eq(&all.join("\n"));
}

#[test]
fn a_prefix_never_reaches_into_another_host() {
    let with = |url: &str| mini("a", "x", &format!("[rule.conditions]\nurl = [\"{url}\"]\n{AGENT}{LIMIT}"));
    assert!(parse(&[("a.toml", &with("https://api.example.com*"))]).is_err());
    assert!(parse(&[("a.toml", &with("https://api.example.com/../v1/*"))]).is_err());
    let rules = parse(&[("a.toml", &with("https://api.example.com/v1/*"))]).unwrap();
    let Some(UrlPattern::Prefix(_)) = rules.rules().next().and_then(|r| r.conditions.urls.first()) else {
        panic!("a prefix")
    };
    let matches = |url: &str| {
        let url = LogicalUrl::parse(url).unwrap();
        rules.rules().next().unwrap().conditions.urls.first().unwrap().matches(&url)
    };
    assert!(matches("https://api.example.com/v1/x?y=z"));
    assert!(!matches("https://api.example.com/v1/../v2/x"));
    assert!(!matches("https://api.example.com/v1"));
}

#[test]
fn obligations_add_up_and_two_that_cannot_both_be_kept_go_to_a_person() {
    let own = mini("a", "own", &format!("{WHOLE}{AGENT}rel = \"sponsored\"\npause_ms_min = 5\n{LIMIT}"));
    let law = |value: &str| {
        mini(
            "*",
            "law",
            &format!(
                "[rule.obligations]\ndisclosure = \"An ad.\"\npause_ms_min = 9\nheaders = {{ From = \"{value}\" }}\n"
            ),
        )
    };
    let other = mini("*", "law2", "[rule.obligations]\nheaders = { from = \"b\" }\n");
    let judge = |files: &[(&str, &str)]| {
        let rules = parse(files).unwrap();
        let url = LogicalUrl::parse("https://api.example.com/").unwrap();
        keyless("a", &url).judge(&rules)
    };
    let said = judge(&[("a.toml", &own), ("law-x.toml", &law("b")), ("law-y.toml", &other)]);
    assert_eq!((said.verdict, said.rule_ids()), (Verdict::Permit, vec!["own".to_owned()]));
    let agent = concat!("m/", env!("CARGO_PKG_VERSION"));
    let headers = [("user-agent", agent), ("from", "b")].map(|(n, v)| (n.to_owned(), v.to_owned()));
    assert_eq!(said.obligations.all_headers(), headers);
    assert_eq!(said.obligations.disclosures, ["An ad."]);
    assert_eq!(
        (said.obligations.rel.as_slice(), said.obligations.pause_ms_min),
        (&["sponsored".to_owned()][..], 9)
    );
    let said = judge(&[("a.toml", &own), ("law-x.toml", &law("z")), ("law-y.toml", &other)]);
    assert_eq!(said.rule_ids(), ["engine/obligations-conflict"]);
    assert_eq!(said.verdict, Verdict::Ask);
}

#[test]
fn the_version_is_of_the_content_and_not_of_the_order() {
    let (a, b) = (whole("a", "x"), whole("b", "y"));
    let one = parse(&[("a.toml", &a), ("b.toml", &b)]).unwrap();
    let other = parse(&[("b.toml", &b), ("a.toml", &a)]).unwrap();
    assert_eq!(one, other);
    let changed = format!("{b}\n# a comment\n");
    assert_ne!(parse(&[("a.toml", &a), ("b.toml", &changed)]).unwrap().version(), one.version());
}

#[test]
fn limits_become_the_quotas_of_an_act() {
    let rules = parse(&[(FILE, PACK)]).unwrap();
    let platform = "bounty-targets-data".parse().unwrap();
    let quotas = rules.quotas(&platform, &ActionKind::new("read"), None, &Space::default_owner());
    let shown: Vec<String> = quotas.iter().map(Quota::to_string).collect();
    assert_eq!(shown, ["10 in 1m per ip at bounty-targets-data", "60 in 1h per ip at bounty-targets-data"]);
    assert!(quotas.iter().all(|quota| quota.space == Space::machine()));
    assert_eq!(quotas.iter().map(|quota| &quota.key).collect::<BTreeSet<_>>().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// A damaged file never panics, and never permits more than the five reads.
    #[test]
    fn a_damaged_file_is_refused_or_permits_no_more(at in 0usize..PACK.len(), byte in 0x20u8..0x7f, cut in any::<bool>()) {
        let mut bytes = PACK.as_bytes().to_vec();
        if cut { bytes.truncate(at); } else { bytes[at] = byte; }
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        match parse(&[(FILE, &text)]) {
            Ok(rules) => {
                for url in ["https://evil.example/", "https://raw.githubusercontent.com/arkadiyt/other/main/a.json"] {
                    let url = LogicalUrl::parse(url).unwrap();
                    prop_assert!(read(&rules, &url, "2026-11-22", true).verdict != Verdict::Permit);
                }
            }
            Err(errors) => prop_assert!(!errors.is_empty()),
        }
    }
}
