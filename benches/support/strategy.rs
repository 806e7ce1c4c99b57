//! A strategy made of a closure, and its place in the settings.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use mm_core::schedule::{Schedule, Task};
use mm_sdk::{About, Context, Fault, Guide, Payout, Report, Strategy, async_trait};
use mm_services::Installed;

/// What one run does.
pub type Work =
    Arc<dyn for<'a, 'b> Fn(&'a mut Context<'b>) -> BoxFuture<'a, Result<Report, Fault>> + Send + Sync>;

struct Bare {
    name: &'static str,
    work: Work,
}

#[async_trait]
impl Strategy for Bare {
    fn about(&self) -> About {
        About {
            name: self.name,
            description: "a strategy of a bench",
            code_version: 1,
            required_accounts: &[],
            time_to_first_dollar: "never",
            automation_level: 1.0,
            schedule: "@daily",
            deadline: Duration::from_secs(600),
            proposes: &[("practice", "read")],
            guide: Guide {
                steps: &[],
                payout: Payout { holder: "nobody", minimum: "nothing", how_long: "never", days_max: None },
            },
        }
    }

    fn initialise(&mut self, _config: &serde_json::Value) -> Result<(), String> {
        Ok(())
    }

    async fn execute(&mut self, cx: &mut Context<'_>) -> Result<Report, Fault> {
        (self.work.clone())(cx).await
    }
}

/// `name`, which does `work` on `schedule`.
pub fn installed(name: &'static str, schedule: &str, work: Work) -> Installed {
    Installed {
        make: Arc::new(move || Box::new(Bare { name, work: work.clone() })),
        enabled: true,
        priority: 1,
        daily_actions_max: None,
        retries: 0,
        pays_within_days: None,
        task: Task::plain(Schedule::parse(schedule, "UTC").unwrap()),
        schedule_text: schedule.to_owned(),
        config: serde_json::json!({}),
        place: None,
        mistake: None,
    }
}
