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

use std::collections::BTreeSet;
use std::time::Duration;

use mm_sdk::{
    About, Act, Action, ActionKind, Check, Context, Draft, Facts, Fault, Guide, GuideStep, How, LogicalUrl,
    Payout, PlatformId, Report, Request, SourceHealth, SourceReport, Strategy, Untrusted, async_trait,
    decode, encode, json,
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

/// Which issues were listed before; the addresses of them.
type Memory = BTreeSet<String>;

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
        let before: Option<Memory> = cx.snapshot().map(decode).transpose().map_err(fatal)?;
        let mut known = before.clone().unwrap_or_default();
        let mut report = Report::default();
        for (place, repository) in config.repositories.iter().enumerate() {
            let act = cx.act(&format!("search-{place}"), search(repository, &config.words)?).await?;
            // Of what could not be read nothing is known: what was listed stays listed.
            let (health, sentence) = match act {
                Act::Done(answer) if answer.status == 200 => match json::read::<Found>(&answer, "a search") {
                    Err(unreadable) => (SourceHealth::Failed, unreadable.to_string()),
                    Ok(found) => {
                        let (issues, bad) = json::each::<Issue>(found.items, "an issue");
                        report.errors.extend(bad.iter().map(ToString::to_string));
                        for issue in issues.into_iter().filter(|issue| known.insert(issue.html_url.clone())) {
                            cx.found(draft(repository, &issue, answer.body_id(), before.is_some()));
                        }
                        (SourceHealth::Fresh, "searched".to_owned())
                    }
                },
                Act::Done(answer) => (SourceHealth::Failed, format!("GitHub said {}", answer.status)),
                Act::Refused(refusal) => (SourceHealth::Failed, refusal.why),
                Act::Pending(action) => (SourceHealth::Failed, format!("waits as action {action}")),
            };
            report.sources.push(SourceReport { name: repository.clone(), health, sentence });
        }
        cx.keep(1, encode(&known).map_err(fatal)?);
        Ok(report)
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
fn draft(repository: &str, issue: &Issue, evidence: mm_sdk::Digest, tell: bool) -> Draft {
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
