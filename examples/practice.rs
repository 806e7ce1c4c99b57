//! A strategy of one's own, and a program with it: what a third-party strategy's crate looks like.
//!
//! It writes one short post to the sandbox's practice platform in each run, through the one road:
//! judged by a rule pack, charged, permitted, put on record before the first byte, sent once. The
//! kill test runs this program and counts what the platform received.
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
    About, Act, Action, ActionKind, Check, Context, Fault, Guide, GuideStep, How, LogicalUrl, Method, Payout,
    Report, Request, Strategy, async_trait,
};
use money_machine::exit::Exit;
use money_machine::machine::Machine;

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
            proposes: &[("practice", "post")],
            guide: Guide {
                steps: &[GuideStep {
                    title: "run it in the sandbox",
                    how: How::Automated { what: "posts one line to a platform that exists only there" },
                    check: Check::HasSucceeded,
                }],
                payout: Payout { holder: "nobody", minimum: "nothing", how_long: "never" },
            },
        }
    }

    fn initialise(&mut self, _config: &serde_json::Value) -> Result<(), String> {
        Ok(())
    }

    async fn execute(&mut self, cx: &mut Context<'_>) -> Result<Report, Fault> {
        // A resumed run draws the same number again, so its post is the same post.
        let body = format!("{{\"post\":\"{:016x}\"}}", cx.random());
        let mut report = Report::default();
        match cx.act("post", post(body)?).await? {
            Act::Done(answer) => report.metrics.push(("status".to_owned(), i64::from(answer.status))),
            Act::Refused(refusal) => report.errors.push(refusal.why),
            Act::Pending(action) => report.errors.push(format!("waits as action {action}")),
        }
        Ok(report)
    }
}

/// The proposed action.
fn post(body: String) -> Result<Action, Fault> {
    let wrong = |error: &dyn std::error::Error| Fault::fatal(error.to_string());
    let url = LogicalUrl::parse("https://practice.example/v1/posts").map_err(|bad| wrong(&bad))?;
    let request = Request::new(Method::Post, url, body.into_bytes()).map_err(|bad| wrong(&bad))?;
    let request = request.header("content-type", "application/json").map_err(|bad| wrong(&bad))?;
    let platform = "practice".parse().map_err(|bad| wrong(&bad))?;
    Ok(Action::of(platform, ActionKind::new("post"), request, "write a practice post"))
}

/// The whole program.
pub fn main() -> Exit {
    Machine::new().with_builtins().with(|| Practice).main()
}
