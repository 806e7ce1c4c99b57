//! Every small rule set against every small action, judged a second time by a reading of the
//! rules' meaning that shares no code with the engine: rules as words, the verdict by elimination.

use super::super::*;
use crate::action::Method;
use crate::url::LogicalUrl;

/// A rule in words.
#[derive(Debug, Clone, Copy)]
struct Words {
    law: bool,
    action: &'static str,
    method: &'static str,
    url: &'static str,
    account: &'static str,
    country: &'static str,
    verdict: &'static str,
    reviewed: &'static str,
    more: More,
}

/// What a rule asks beyond that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    Nothing,
    /// The fact `policy` is `yes`.
    Policy,
    /// Nobody has looked at it.
    Unattended,
    /// The text holds "claim".
    Claim,
    /// The text holds no "claim".
    NoClaim,
    /// The owner is not in Germany.
    NotGerman,
    /// No condition; the text must say "An ad."
    Duty,
}

/// What an action brings beyond that; an empty text is one that is not known.
#[derive(Debug, Clone, Copy)]
struct Extra {
    policy: &'static str,
    automation: &'static str,
    text: Option<&'static str>,
}

const PLAIN: Extra = Extra { policy: "", automation: "", text: None };

/// An action in words; an empty country is an unknown one.
#[derive(Debug, Clone, Copy)]
struct Act {
    platform: &'static str,
    kind: &'static str,
    method: &'static str,
    url: &'static str,
    account: bool,
    country: &'static str,
    strict: bool,
    extra: Extra,
}

const FRESH: &str = "2026-11-01";
const OLD: &str = "2025-11-01";
const EXACT: &str = "https://api.example.com/a";
const PREFIX: &str = "https://api.example.com/d/*";
const WHOLE: &str = "https://api.example.com/*";

fn text(words: &Words, id: usize) -> String {
    let mut out = format!(
        "[[rule]]\nid = \"r{id}\"\naction = \"{}\"\nverdict = \"{}\"\nreason = \"r\"\nsource = \"s\"\n\
         clause = \"c\"\ncertainty = \"primary\"\nreviewed = {}\n[rule.conditions]\n",
        words.action, words.verdict, words.reviewed
    );
    out += match words.more {
        More::Nothing | More::Duty => "",
        More::Policy => "facts = { policy = [\"yes\"] }\n",
        More::Unattended => "automation = \"full\"\n",
        More::Claim => "text = { contains = \"claim\" }\n",
        More::NoClaim => "text = { lacks = \"claim\" }\n",
        More::NotGerman => "country_not = \"DE\"\n",
    };
    for (key, value) in
        [("method", words.method), ("url", words.url), ("account", words.account), ("country", words.country)]
    {
        if !value.is_empty() {
            out += &format!("{key} = \"{value}\"\n");
        }
    }
    let duty = if words.more == More::Duty { "disclosure = \"An ad.\"\n" } else { "" };
    out + "[rule.obligations]\nuser_agent = \"m\"\n" + duty
}

fn rule_set(rules: &[Words]) -> RuleSet {
    let mut own =
        "[pack]\nplatform = \"demo\"\nversion = 1\nhosts = [\"api.example.com\"]\nabout = \"a\"\n".to_owned();
    let mut law = "[pack]\nplatform = \"*\"\nversion = 1\nabout = \"a\"\n".to_owned();
    for (id, words) in rules.iter().enumerate() {
        if words.law { &mut law } else { &mut own }.push_str(&text(words, id));
    }
    own += "[[limit]]\nkind = \"*\"\nscope = \"ip\"\nmax = 1\nper = \"1h\"\nsource = \"s\"\n";
    let files = [("demo.toml".to_owned(), own), ("law-all.toml".to_owned(), law)];
    RuleSet::parse(&files).unwrap_or_else(|errors| panic!("{errors:?} in {files:?}"))
}

/// What a rule in words says to an act, if anything.
fn says(words: &Words, act: &Act) -> Option<&'static str> {
    if !words.law && act.platform != "demo" {
        return None;
    }
    if words.action != "*" && words.action != act.kind {
        return None;
    }
    if !words.method.is_empty() && words.method != act.method {
        return None;
    }
    let url_fits = match words.url {
        "" => true,
        EXACT => act.url == EXACT,
        WHOLE => act.url.starts_with("https://api.example.com/"),
        _ => act.url.starts_with("https://api.example.com/d/"),
    };
    let account_fits = match words.account {
        "required" => act.account,
        "none" => !act.account,
        _ => true,
    };
    let country_fits = words.country.is_empty()
        || words.country == act.country
        || (act.country.is_empty() && (words.verdict != "permit" || words.law));
    if !(url_fits && account_fits && country_fits && more_fits(words, act)) {
        return None;
    }
    // Of what a text must say: missing it is forbidden, unknown it is asked at least.
    if words.more == More::Duty && words.verdict != "forbid" {
        match act.extra.text {
            Some("") if words.verdict == "permit" => return Some("ask"),
            Some(text) if !text.is_empty() && !text.contains("An ad.") => return Some("forbid"),
            _ => {}
        }
    }
    Some(if words.verdict == "permit" && words.reviewed == OLD { "ask" } else { words.verdict })
}

/// Whether the further condition holds; where it is not known, for all but a platform's permit.
fn more_fits(words: &Words, act: &Act) -> bool {
    let unknown_fits = words.verdict != "permit" || words.law;
    match (words.more, act.extra.text) {
        (More::Nothing | More::Duty, _) => true,
        (More::Policy, _) if act.extra.policy.is_empty() => unknown_fits,
        (More::Policy, _) => act.extra.policy == "yes",
        (More::Unattended, _) => act.extra.automation != "none" && act.extra.automation != "assisted",
        (More::Claim | More::NoClaim, None) => false,
        (More::Claim | More::NoClaim, Some("")) => unknown_fits,
        (More::Claim, Some(text)) => text.contains("claim"),
        (More::NoClaim, Some(text)) => !text.contains("claim"),
        (More::NotGerman, _) if act.country.is_empty() => unknown_fits,
        (More::NotGerman, _) => act.country != "DE",
    }
}

/// The verdict and the rules that decide it.
fn expected(rules: &[Words], act: &Act) -> (&'static str, Vec<String>) {
    let unspoken = if act.strict { "forbid" } else { "ask" };
    let mut said: Vec<(&str, String)> = Vec::new();
    for (id, words) in rules.iter().enumerate() {
        match says(words, act) {
            // A law's permit is no permit.
            Some("permit") if words.law => {}
            Some(verdict) => said.push((verdict, format!("r{id}"))),
            None => {}
        }
    }
    if act.platform != "demo" {
        said.push((unspoken, "engine/unknown-platform".to_owned()));
    } else {
        if !act.url.starts_with("https://api.example.com/") {
            said.push(("forbid", "engine/host".to_owned()));
        }
        // Of the platform's own rules only those that name their URLs say that something may be done at all.
        let opens = |words: &Words| !words.law && (words.verdict == "forbid" || !words.url.is_empty());
        if !rules.iter().any(|words| opens(words) && says(words, act).is_some()) {
            said.push((unspoken, "engine/no-rule".to_owned()));
        }
    }
    for verdict in ["forbid", "ask", "permit"] {
        let mut ids: Vec<String> =
            said.iter().filter(|(v, _)| *v == verdict).map(|(_, id)| id.clone()).collect();
        if !ids.is_empty() {
            ids.sort();
            return (verdict, ids);
        }
    }
    panic!("somebody always speaks");
}

fn facts(extra: &Extra) -> std::collections::BTreeMap<String, String> {
    let all = [("policy", extra.policy), ("automation", extra.automation)];
    let given = all.iter().filter(|(_, value)| !value.is_empty());
    given.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn published(extra: &Extra) -> Text {
    match extra.text {
        None => Text::Nothing,
        Some("") => Text::Unknown("a test".to_owned()),
        Some(text) => Text::known(Format::Markdown, text.to_owned()),
    }
}

fn check(rules: &[Words], acts: &[Act], permits: &mut u64) {
    let set = rule_set(rules);
    let account: AccountId = "main".parse().unwrap();
    let at: Moment = "2026-11-22T12:00:00Z".parse().unwrap();
    for act in acts {
        let platform: PlatformId = act.platform.parse().unwrap();
        let kind = ActionKind::new(act.kind);
        let url = LogicalUrl::parse(act.url).unwrap();
        let judged = Judged {
            platform: &platform,
            kind: &kind,
            method: if act.method == "GET" { Method::Get } else { Method::Post },
            url: &url,
            account: act.account.then_some(&account),
            country: Some(act.country).filter(|country| !country.is_empty()),
            at,
            facts: &facts(&act.extra),
            text: &published(&act.extra),
        };
        let got = set.judge(&judged, act.strict);
        let (verdict, ids) = expected(rules, act);
        assert_eq!((got.verdict.as_str(), got.rule_ids()), (verdict, ids), "{rules:#?} {act:#?}");
        *permits += u64::from(got.verdict == Verdict::Permit);
        if got.verdict == Verdict::Forbid {
            assert!(got.hosts.is_empty() && got.obligations == Obligations::default());
        } else {
            assert!(got.hosts.contains(&url.host().to_owned()));
        }
    }
}

fn acts(urls: &[&'static str], methods: &[&'static str], accounts: &[bool]) -> Vec<Act> {
    let mut acts = Vec::new();
    for platform in ["demo", "other"] {
        for kind in ["read", "write"] {
            for &method in methods {
                for &url in urls {
                    for &account in accounts {
                        for country in ["", "DE", "FR"] {
                            for strict in [true, false] {
                                acts.push(Act {
                                    platform,
                                    kind,
                                    method,
                                    url,
                                    account,
                                    country,
                                    strict,
                                    extra: PLAIN,
                                });
                            }
                        }
                    }
                }
            }
        }
    }
    acts
}

#[test]
fn every_single_rule_says_what_the_oracle_says_to_every_act() {
    let urls = [EXACT, "https://api.example.com/d/x", "https://evil.example/a"];
    let acts = acts(&urls, &["GET", "POST"], &[true, false]);
    let mut permits = 0;
    for law in [false, true] {
        for action in ["read", "*"] {
            for method in ["", "POST"] {
                for url in ["", WHOLE, EXACT, PREFIX] {
                    for account in ["any", "required", "none"] {
                        for country in ["", "DE"] {
                            for verdict in ["permit", "ask", "forbid"] {
                                for reviewed in [FRESH, OLD] {
                                    if url.is_empty() && verdict == "permit" && !law {
                                        continue; // refused when it is read
                                    }
                                    let words = Words {
                                        law,
                                        action,
                                        method,
                                        url,
                                        account,
                                        country,
                                        verdict,
                                        reviewed,
                                        more: More::Nothing,
                                    };
                                    check(&[words], &acts, &mut permits);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(permits > 0, "something is permitted, or this proves nothing");
}

#[test]
fn every_pair_and_many_a_triple_of_rules_say_what_the_oracle_says() {
    let acts = acts(&[EXACT], &["GET"], &[false]);
    let mut some = Vec::new();
    for law in [false, true] {
        for action in ["read", "*"] {
            for country in ["", "DE"] {
                for verdict in ["permit", "ask", "forbid"] {
                    for reviewed in [FRESH, OLD] {
                        let url = if verdict == "permit" { WHOLE } else { "" };
                        let (method, account) = ("", "any");
                        let more = More::Nothing;
                        some.push(Words {
                            law,
                            action,
                            method,
                            url,
                            account,
                            country,
                            verdict,
                            reviewed,
                            more,
                        });
                    }
                }
            }
        }
    }
    let mut permits = 0;
    check(&[], &acts, &mut permits);
    for (i, a) in some.iter().enumerate() {
        for (j, b) in some.iter().enumerate() {
            check(&[*a, *b], &acts, &mut permits);
            // A third rule, another for each pair.
            let c = some[(i * 7 + j * 5) % some.len()];
            check(&[*a, *b, c], &acts, &mut permits);
        }
    }
    assert!(permits > 0, "something is permitted, or this proves nothing");
}

/// Acts with every combination of what the further conditions look at.
fn acts_with_more() -> Vec<Act> {
    let mut all = Vec::new();
    for act in acts(&[EXACT], &["POST"], &[false]) {
        for policy in ["", "yes", "no"] {
            for automation in ["", "none", "assisted", "odd"] {
                for text in [None, Some(""), Some("a claim"), Some("An ad."), Some("An ad. A claim: claim")] {
                    all.push(Act { extra: Extra { policy, automation, text }, ..act });
                }
            }
        }
    }
    all
}

#[test]
fn facts_texts_automation_and_duties_say_what_the_oracle_says() {
    use More::{Claim, Duty, NoClaim, NotGerman, Nothing, Policy, Unattended};
    let acts = acts_with_more();
    let mut some = Vec::new();
    for law in [false, true] {
        for more in [Policy, Unattended, Claim, NoClaim, NotGerman, Duty, Nothing] {
            for verdict in ["permit", "ask", "forbid"] {
                let url = if verdict == "permit" { WHOLE } else { "" };
                let (action, method, account, country, reviewed) = ("*", "", "any", "", FRESH);
                some.push(Words { law, action, method, url, account, country, verdict, reviewed, more });
            }
        }
    }
    let mut permits = 0;
    for (at, words) in some.iter().enumerate() {
        check(&[*words], &acts, &mut permits);
        // With others beside it, so that kinds of conditions and verdicts meet.
        for step in [1, 11] {
            check(&[*words, some[(at + step) % some.len()]], &acts, &mut permits);
        }
    }
    assert!(permits > 0, "something is permitted, or this proves nothing");
}
