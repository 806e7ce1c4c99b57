//! A sixth strategy: people who ask for paid help in the owner's own repositories.
//!
//! Whoever keeps a project in public is now and then asked for help that somebody would pay for. This one
//! searches the issues of the repositories that its configuration names for the words that it names, and
//! lists each issue once. To answer, to agree on a price and to send the bill is the owner's: it proposes
//! searches and nothing else, by the rule file for `github` that comes with the program.
//!
//! ```text
//! [strategies.paid-help]
//! enabled = true
//! [strategies.paid-help.config]
//! repositories = ["acme/shop"]
//! words = "paid support"
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mm_sdk::{
    About, Act, Action, ActionKind, Check, Context, Digest, Draft, Facts, Fault, Guide, GuideStep, How,
    LogicalUrl, Payout, PlatformId, Report, Request, SourceHealth, SourceReport, Strategy, Untrusted,
    async_trait, decode, encode, json, json::Unreadable,
};
use money_machine::exit::Exit;
use money_machine::machine::Machine;
use serde::Deserialize;

/// What a search says (docs.github.com/en/rest/search/search), as much of it as is used.
#[derive(Deserialize)]
struct Found {
    items: Vec<serde_json::Value>,
}

/// An issue in it.
#[derive(Deserialize)]
struct Issue {
    html_url: String,
    title: String,
}

/// What stands in `[strategies.paid-help.config]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// `OWNER/NAME`, each searched in every run.
    repositories: Vec<String>,
    /// All of them must stand in the issue; without any, each issue is listed.
    words: String,
}

/// The issues that were listed before, by their addresses: of each repository and words that were ever searched,
/// those seen last first. What is not in here was never searched, so that nothing of it is new.
type Memory = BTreeMap<String, Vec<String>>;

const MEMORY_VERSION: u16 = 2;

/// What version 1 remembered: the addresses, of whichever repository.
type First = BTreeSet<String>;

/// So many issues of a search are remembered: ten answers' worth.
const KNOWN_MAX: usize = 300;

/// The strategy.
#[derive(Default)]
pub struct PaidHelp {
    config: Option<Config>,
}

#[async_trait]
impl Strategy for PaidHelp {
    fn about(&self) -> About {
        About {
            name: "paid-help",
            description: "lists issues in your own repositories that ask for help somebody would pay for",
            code_version: 1,
            required_accounts: &[],
            time_to_first_dollar: "months, if anybody asks at all",
            automation_level: 0.2,
            schedule: "every 6h",
            deadline: Duration::from_secs(300),
            proposes: &[("github", "search")],
            guide: Guide { steps: STEPS, payout: PAYOUT },
        }
    }

    fn initialise(&mut self, config: &serde_json::Value) -> Result<(), String> {
        let config = Config::deserialize(config).map_err(|wrong| wrong.to_string())?;
        let part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let named = |name: &str| {
            name.split('/').count() == 2 && name.split('/').all(|p| !p.is_empty() && p.chars().all(part))
        };
        match config.repositories.iter().find(|name| !named(name)) {
            Some(wrong) => return Err(format!("`{wrong}` is no repository; write OWNER/NAME")),
            None if !config.words.chars().all(|c| c.is_ascii_alphanumeric() || c == ' ') => {
                return Err("`words` are letters, digits and spaces".to_owned());
            }
            None => self.config = Some(config),
        }
        Ok(())
    }

    async fn execute(&mut self, cx: &mut Context<'_>) -> Result<Report, Fault> {
        let Some(config) = &self.config else { return Ok(Report::default()) };
        let mut before = remembered(cx, &config.words)?;
        let mut memory = Memory::new();
        let mut report = Report::default();
        for (place, repository) in config.repositories.iter().enumerate() {
            let act = cx.act(&format!("search-{place}"), search(repository, &config.words)?).await?;
            let key = key(repository, &config.words);
            let mut known = memory.remove(&key).or_else(|| before.remove(&key));
            let (health, sentence) = match found(act) {
                // Of what could not be read nothing is known: what was listed stays listed.
                Err(why) => (SourceHealth::Failed, why),
                Ok((issues, bad, evidence)) => {
                    report.errors.extend(bad.iter().map(ToString::to_string));
                    // What was there before the first good search is listed, and no news.
                    let tell = known.is_some();
                    let old = known.take().unwrap_or_default();
                    for issue in issues.iter().filter(|issue| !old.contains(&issue.html_url)) {
                        cx.found(draft(repository, issue, evidence, tell));
                    }
                    let mut seen: Vec<String> = issues.into_iter().map(|issue| issue.html_url).collect();
                    let older: Vec<String> = old.into_iter().filter(|url| !seen.contains(url)).collect();
                    seen.extend(older);
                    seen.truncate(KNOWN_MAX);
                    known = Some(seen);
                    (SourceHealth::Fresh, "searched".to_owned())
                }
            };
            memory.extend(known.map(|known| (key, known)));
            report.sources.push(SourceReport { name: repository.clone(), health, sentence });
        }
        cx.keep(MEMORY_VERSION, encode(&memory).map_err(fatal)?);
        Ok(report)
    }
}

/// Under what a search is remembered: with other words, other issues were there before.
fn key(repository: &str, words: &str) -> String {
    format!("{repository} {words}")
}

/// What the last good run kept, also in the form of version 1. The codec takes bytes whole or not at all.
fn remembered(cx: &Context<'_>, words: &str) -> Result<Memory, Fault> {
    let Some(bytes) = cx.snapshot() else { return Ok(Memory::new()) };
    let first = || decode::<First>(bytes).map(|first| by_repository(first, words));
    decode::<Memory>(bytes).or_else(|bad| first().map_err(|_| fatal(bad)))
}

/// A repository of which version 1 knew nothing may be one that it could not read.
fn by_repository(first: First, words: &str) -> Memory {
    let mut memory = Memory::new();
    for url in first {
        let repository = url.split('/').skip(3).take(2).collect::<Vec<_>>().join("/");
        memory.entry(key(&repository, words)).or_default().push(url);
    }
    memory
}

/// The issues, what is wrong with others, and the answer that says so; or why none could be read.
fn found(act: Act) -> Result<(Vec<Issue>, Vec<Unreadable>, Digest), String> {
    let answer = match act {
        Act::Done(answer) if answer.status == 200 => answer,
        Act::Done(answer) => return Err(format!("GitHub said {}", answer.status)),
        Act::Refused(refusal) => return Err(refusal.why),
        Act::Pending(action) => return Err(format!("waits as action {action}")),
    };
    let found = json::read::<Found>(&answer, "a search").map_err(|unreadable| unreadable.to_string())?;
    match json::each::<Issue>(found.items, "an issue") {
        // A list of which nothing can be read is no empty one.
        (issues, bad) if issues.is_empty() && !bad.is_empty() => Err(bad[0].to_string()),
        (issues, bad) => Ok((issues, bad, answer.body_id())),
    }
}

fn fatal(wrong: impl std::error::Error) -> Fault {
    Fault::fatal(wrong.to_string())
}

/// The newest thirty are enough: a run comes every six hours.
fn search(repository: &str, words: &str) -> Result<Action, Fault> {
    let words: String = words.split_whitespace().map(|word| format!("+{word}")).collect();
    let query = format!("repo:{repository}+state:open+type:issue{words}");
    let url = format!("https://api.github.com/search/issues?q={query}&sort=created&order=desc&per_page=30");
    let request = Request::get(LogicalUrl::parse(&url).map_err(fatal)?);
    let platform = "github".parse::<PlatformId>().map_err(fatal)?;
    Ok(Action::of(platform, ActionKind::new("search"), request, "look for requests for paid help"))
}

/// A title is a stranger's text: what a terminal would obey is taken out of it.
fn draft(repository: &str, issue: &Issue, evidence: Digest, tell: bool) -> Draft {
    Draft {
        platform: "github".to_owned(),
        kind: "help-asked".to_owned(),
        about: vec![issue.html_url.clone()],
        title: format!("{repository}: {}", Untrusted::new(&issue.title).line(120)),
        url: issue.html_url.clone(),
        reward: None,
        score: 30,
        reason: "the words that you chose stand in it; nobody has named a price".to_owned(),
        evidence: Some(evidence),
        details: serde_json::json!({ "repository": repository }).into(),
        tell,
        deadline: None,
        payer: None,
        facts: Facts::default(),
    }
}

const STEPS: &[GuideStep] = &[
    GuideStep {
        title: "find who asks",
        how: How::Automated { what: "searches the issues of your repositories every six hours" },
        check: Check::HasSucceeded,
    },
    GuideStep {
        title: "answer and agree on a price",
        how: How::Manual {
            place: "the issue, then e-mail",
            what: "accept the opportunity, answer the issue yourself, agree on work, price and time in writing",
            why: "words and contracts in your name are yours",
        },
        check: Check::HasSubmitted,
    },
    GuideStep {
        title: "do the work, send the invoice, book the payment",
        how: How::Manual {
            place: "your bank account",
            what: "send an invoice as your country asks for it; when the money is there, mark it as paid",
            why: "invoices and taxes are yours",
        },
        check: Check::HasBeenPaid,
    },
];

const PAYOUT: Payout = Payout {
    holder: "the customer, until he pays your invoice",
    minimum: "what you agree on",
    how_long: "what you agree on; thirty days are usual",
    days_max: None,
};

/// The whole program.
pub fn main() -> Exit {
    Machine::new().with_builtins().with(PaidHelp::default).main()
}

#[cfg(test)]
#[path = "paid_help/tests.rs"]
mod tests;
