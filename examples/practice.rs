//! A strategy of one's own, and a program with it: what a third-party strategy's crate looks like.
//!
//! It writes one short post to the sandbox's practice platform in each run, through the one road:
//! judged by a rule pack, charged, permitted, put on record before the first byte, sent once. Where a post
//! may have happened and nobody saw its answer, [`Shelf`] says how to look it up: by the key it was sent
//! with. The kill test runs this program and counts what the platform received.
//!
//! ```text
//! cargo run --example practice -- run --sandbox --data-dir /tmp/practice
//! ```
//!
//! Without a rule pack for `practice` every post is refused, and the message names the file to
//! write: that is what the machine does with a platform it has no rules for. `practice.toml` beside
//! this file is one.

use std::time::Duration;

use mm_sdk::{
    About, Act, Action, ActionKind, Answer, Check, Context, Fault, Finding, Guide, GuideStep, How,
    LogicalUrl, Method, Moment, Payout, PlatformId, Reconciler, Report, Request, Sent, Strategy, async_trait,
};
use money_machine::exit::Exit;
use money_machine::machine::Machine;

const PLATFORM: &str = "practice";
const POSTS: &str = "https://practice.example/v1/posts";
const KEY: &str = "idempotency-key";

/// Posts one line a run.
struct Practice;

#[async_trait]
impl Strategy for Practice {
    fn about(&self) -> About {
        About {
            name: "practice",
            description: "writes a post to the sandbox's practice platform; earns nothing",
            code_version: 1,
            required_accounts: &[],
            time_to_first_dollar: "never; it is for practice",
            automation_level: 1.0,
            schedule: "every 1h",
            deadline: Duration::from_secs(60),
            proposes: &[("practice", "post"), ("practice", "look-up")],
            guide: Guide {
                steps: &[GuideStep {
                    title: "run it in the sandbox",
                    how: How::Automated { what: "posts one line to a platform that exists only there" },
                    check: Check::HasSucceeded,
                }],
                payout: Payout { holder: "nobody", minimum: "nothing", how_long: "never", days_max: None },
            },
        }
    }

    fn initialise(&mut self, _config: &serde_json::Value) -> Result<(), String> {
        Ok(())
    }

    async fn execute(&mut self, cx: &mut Context<'_>) -> Result<Report, Fault> {
        // A resumed run draws the same number again, so its post is the same post.
        let key = format!("{:016x}", cx.random());
        let mut report = Report::default();
        match cx.act("post", post(&key)?).await? {
            Act::Done(answer) => report.metrics.push(("status".to_owned(), i64::from(answer.status))),
            Act::Refused(refusal) => report.errors.push(refusal.why),
            Act::Pending(action) => report.errors.push(format!("waits as action {action}")),
        }
        Ok(report)
    }
}

/// The proposed action. The platform makes one post of a key, however often it is sent.
fn post(key: &str) -> Result<Action, Fault> {
    let wrong = |error: &dyn std::error::Error| Fault::fatal(error.to_string());
    let url = LogicalUrl::parse(POSTS).map_err(|bad| wrong(&bad))?;
    let body = format!("{{\"post\":\"{key}\"}}").into_bytes();
    let request = Request::new(Method::Post, url, body).map_err(|bad| wrong(&bad))?;
    let request = request.header("content-type", "application/json").map_err(|bad| wrong(&bad))?;
    let request = request.header(KEY, key).map_err(|bad| wrong(&bad))?;
    let platform = PLATFORM.parse().map_err(|bad| wrong(&bad))?;
    Ok(Action::of(platform, ActionKind::new("post"), request, "write a practice post"))
}

/// Looks posts up by their keys.
struct Shelf;

impl Reconciler for Shelf {
    fn platform(&self) -> &'static str {
        PLATFORM
    }

    fn look(&self, sent: &Sent) -> Option<Action> {
        let key = sent.action.request.headers().iter().find(|(name, _)| name == KEY)?;
        let url = LogicalUrl::parse(&format!("{POSTS}?key={}", key.1)).ok()?;
        let platform: PlatformId = PLATFORM.parse().ok()?;
        let purpose = "look whether a practice post was made";
        Some(Action::of(platform, ActionKind::new("look-up"), Request::get(url), purpose))
    }

    /// It answers at once or never; nothing of it is on its way for longer.
    fn quiet(&self) -> Duration {
        Duration::from_secs(2)
    }

    fn find(&self, _sent: &Sent, _asked: &Action, answer: &Answer, _now: Moment) -> Finding {
        let found: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
        let posts = found.as_ref().and_then(|found| found["posts"].as_array());
        match posts.filter(|_| answer.status == 200) {
            Some(posts) => match posts.first() {
                Some(id) => Finding::Happened(format!("it is post {id}")),
                None => Finding::DidNot,
            },
            None => Finding::Unknown(format!("the platform answered with status {}", answer.status)),
        }
    }
}

/// The whole program.
pub fn main() -> Exit {
    Machine::new().with_builtins().with(|| Practice).with_reconciler(Shelf).main()
}
