//! A strategy made of a closure.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use mm_core::action::{Action, ActionKind, Method, Request};
use mm_core::url::LogicalUrl;
use mm_sdk::{About, Act, Context, Draft, Fault, Guide, Interrupt, Payout, Report, Strategy, async_trait};

/// The platform of every bench.
pub const PLATFORM: &str = "sim";
/// Its host.
pub const HOST: &str = "sim.example.com";

type Body =
    Arc<dyn for<'a, 'b> Fn(&'a mut Context<'b>) -> BoxFuture<'a, Result<Report, Fault>> + Send + Sync>;

/// A strategy whose `execute` is a closure. It may propose `read`, `post` and `ask` at [`PLATFORM`].
#[derive(Clone)]
pub struct Script {
    about: About,
    body: Body,
    /// What `initialise` says no with.
    refuses: Option<String>,
}

impl Script {
    /// A script.
    pub fn new(
        name: &'static str,
        body: impl for<'a, 'b> Fn(&'a mut Context<'b>) -> BoxFuture<'a, Result<Report, Fault>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { about: about(name), body: Arc::new(body), refuses: None }
    }

    /// A script that reads these paths in order, each as a step named after its place: `s1`, `s2` …
    pub fn reads(name: &'static str, paths: &'static [&'static str]) -> Self {
        Self::new(name, move |cx| {
            Box::pin(async move {
                for (place, path) in paths.iter().enumerate() {
                    read(cx, &format!("s{}", place + 1), path).await?;
                }
                Ok(Report::default())
            })
        })
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.about.name
    }

    /// With another code version than 1.
    #[must_use]
    pub fn version(mut self, code_version: u32) -> Self {
        self.about.code_version = code_version;
        self
    }

    /// With another deadline than ten minutes.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.about.deadline = deadline;
        self
    }

    /// Needs an account on these platforms.
    #[must_use]
    pub fn needing(mut self, platforms: &'static [&'static str]) -> Self {
        self.about.required_accounts = platforms;
        self
    }

    /// May also propose these, as (platform, kind), and nothing else.
    #[must_use]
    pub fn proposing(mut self, proposes: &'static [(&'static str, &'static str)]) -> Self {
        self.about.proposes = proposes;
        self
    }

    /// Refuses its configuration.
    #[must_use]
    pub fn refusing(mut self, why: &str) -> Self {
        self.refuses = Some(why.to_owned());
        self
    }
}

#[async_trait]
impl Strategy for Script {
    fn about(&self) -> About {
        self.about.clone()
    }

    fn initialise(&mut self, _config: &serde_json::Value) -> Result<(), String> {
        self.refuses.clone().map_or(Ok(()), Err)
    }

    async fn execute(&mut self, cx: &mut Context<'_>) -> Result<Report, Fault> {
        (self.body.clone())(cx).await
    }
}

fn about(name: &'static str) -> About {
    About {
        name,
        description: "a script of a test",
        code_version: 1,
        required_accounts: &[],
        time_to_first_dollar: "never",
        automation_level: 1.0,
        schedule: "@daily",
        deadline: Duration::from_secs(600),
        proposes: &[
            (PLATFORM, "read"),
            (PLATFORM, "post"),
            (PLATFORM, "ask"),
            (PLATFORM, "fetch-page"),
            ("unruled", "read"),
        ],
        guide: Guide {
            steps: &[],
            payout: Payout { holder: "nobody", minimum: "nothing", how_long: "never", days_max: None },
        },
    }
}

/// The URL of a path on [`HOST`], or a whole URL.
pub fn url(path: &str) -> LogicalUrl {
    let text = if path.starts_with('/') { format!("https://{HOST}{path}") } else { path.to_owned() };
    LogicalUrl::parse(&text).expect("a test's URL")
}

/// An action of some kind.
pub fn action(kind: &str, request: Request) -> Action {
    let read = Action::read(PLATFORM.parse().expect("a platform"), request, "to test");
    Action { kind: ActionKind::new(kind), ..read }
}

/// A read.
pub fn get(path: &str) -> Action {
    action("read", Request::get(url(path)))
}

/// A post.
pub fn post(path: &str, body: &str) -> Action {
    let request = Request::new(Method::Post, url(path), body.as_bytes().to_vec());
    action("post", request.expect("a post may have a body"))
}

/// Reads a path; anything but an answer ends the run as failed, with the refusal's sentence.
///
/// # Errors
/// The refusal or the interrupt.
pub async fn read(cx: &mut Context<'_>, step: &str, path: &str) -> Result<mm_core::answer::Answer, Fault> {
    let act: Result<Act, Interrupt> = cx.act(step, get(path)).await;
    match act? {
        Act::Done(answer) => Ok(answer),
        Act::Refused(refusal) => Err(Fault { class: refusal.class, sentence: refusal.why }),
        Act::Pending(id) => Err(Fault::transient(format!("waits as {id}"))),
    }
}

/// A chance to earn, about one word.
pub fn draft(about: &str) -> Draft {
    Draft {
        platform: "elsewhere".to_owned(),
        kind: "chance".to_owned(),
        about: vec![about.to_owned()],
        title: format!("chance of {about}"),
        url: format!("https://{HOST}/{about}"),
        reward: None,
        score: 50,
        reason: "made for a test".to_owned(),
        evidence: None,
        details: serde_json::json!({ "about": about }).into(),
        tell: true,
        deadline: None,
        payer: None,
        facts: mm_sdk::Facts::default(),
    }
}
