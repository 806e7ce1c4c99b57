//! What rule files say of the acts that a strategy proposes: by the engine that the machine judges with.

use std::fmt;

use mm_core::action::Action;
use mm_core::error::ErrorClass;
use mm_core::id::ActionId;
use mm_core::moment::Moment;
use mm_core::rule::{Inputs, Judgement, RuleSet, Verdict};
use mm_core::run::Refusal;

use crate::about::About;
use crate::context::Act;

/// A judged act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruled {
    /// The step that proposed it.
    pub step: String,
    /// What was proposed.
    pub action: Action,
    /// The verdict, the rules that decided, and what they oblige to.
    pub judgement: Judgement,
}

impl Ruled {
    /// The ids of the rules that decided.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.judgement.deciding.iter().map(|rule| rule.id.as_str())
    }
}

impl fmt::Display for Ruled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (request, verdict) = (&self.action.request, self.judgement.verdict);
        let rules = self.rules().collect::<Vec<_>>().join(", ");
        let (kind, why) = (&self.action.kind, self.judgement.why());
        write!(f, "{kind} by {} at {} is {verdict} by {rules}: {why}", request.method(), request.url())
    }
}

/// The rules of a bench, if it has any.
#[derive(Debug, Default)]
pub(super) struct Judging {
    files: Vec<(String, String)>,
    rules: Option<RuleSet>,
    strategy: &'static str,
    proposes: &'static [(&'static str, &'static str)],
    pub(super) country: Option<String>,
    pub(super) ruled: Vec<Ruled>,
    pub(super) waiting: Vec<(ActionId, Action)>,
    asked: u64,
}

impl Judging {
    pub(super) fn add(&mut self, file: &str, text: &str) {
        self.files.push((file.to_owned(), text.to_owned()));
        let rules = match RuleSet::parse(&self.files) {
            Ok(rules) => rules,
            Err(mistakes) => panic!("{}", lines(&mistakes)),
        };
        let otherwise = rules.run_examples();
        assert!(otherwise.is_empty(), "{}", lines(&otherwise));
        self.rules = Some(rules);
    }

    pub(super) fn begins(&mut self, about: &About) {
        self.strategy = about.name;
        self.proposes = about.proposes;
    }

    /// What the rules make of an act at once; `None`: it is permitted, or there are no rules.
    pub(super) fn judge(&mut self, step: &str, action: &Action, now: Moment) -> Option<Act> {
        let rules = self.rules.as_ref()?;
        if let Some(refusal) = self.not_proposed(step, action) {
            return Some(Act::Refused(refusal));
        }
        let judgement = Inputs::of(rules, action, self.country.as_deref(), now, true).judge(rules);
        let (verdict, why, rules) = (judgement.verdict, judgement.why(), judgement.rule_ids());
        self.ruled.push(Ruled { step: step.to_owned(), action: action.clone(), judgement });
        match verdict {
            Verdict::Permit => None,
            Verdict::Ask => Some(Act::Pending(self.asks(step, action))),
            Verdict::Forbid => Some(Act::Refused(Refusal { class: ErrorClass::Compliance, why, rules })),
        }
    }

    /// The same act that waits already is not asked about twice.
    fn asks(&mut self, step: &str, action: &Action) -> ActionId {
        if let Some((id, _)) = self.waiting.iter().find(|(_, own)| own.hash() == action.hash()) {
            return id.clone();
        }
        self.asked += 1;
        let id = ActionId::new(format!("{step}-{}", self.asked));
        self.waiting.push((id.clone(), action.clone()));
        id
    }

    /// The act of that id, which waits no more.
    pub(super) fn take(&mut self, id: &ActionId) -> Action {
        let place = self.waiting.iter().position(|(own, _)| own == id);
        let place = place.unwrap_or_else(|| panic!("no action `{id}` waits for its owner"));
        self.waiting.remove(place).1
    }

    /// What the machine refuses before it is judged.
    fn not_proposed(&self, step: &str, action: &Action) -> Option<Refusal> {
        let letters = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let named = (1..=64).contains(&step.len()) && step.bytes().all(letters);
        let (platform, kind) = (action.platform.as_str(), action.kind.as_str());
        let why = match (named, self.proposes.contains(&(platform, kind))) {
            (true, true) => return None,
            (false, _) => format!("`{step}` is no step name: use 1 to 64 of a-z, 0-9 and `-`"),
            (true, false) => {
                format!("{} does not list `{kind}` on {platform} among what it proposes", self.strategy)
            }
        };
        Some(Refusal::new(ErrorClass::Fatal, why))
    }
}

fn lines(mistakes: &[impl ToString]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;
    use mm_core::action::{ActionKind, Method, Request};
    use mm_core::run::Trigger;
    use mm_core::url::LogicalUrl;

    use crate::about::{Guide, Payout};
    use crate::context::{Context, Fault, Report, Strategy};
    use crate::testing::Bench;

    use super::*;

    const PACK: &str = include_str!("../../../../examples/practice.toml");
    const POSTS: &str = "https://practice.example/v1/posts";

    /// Posts once, or says what became of it; `kind` and the step are a test's.
    struct Poster(&'static str, &'static str);

    #[async_trait]
    impl Strategy for Poster {
        fn about(&self) -> About {
            let payout = Payout { holder: "nobody", minimum: "none", how_long: "never", days_max: None };
            About {
                name: "poster",
                description: "posts",
                code_version: 1,
                required_accounts: &[],
                time_to_first_dollar: "never",
                automation_level: 1.0,
                schedule: "@daily",
                deadline: Duration::from_secs(60),
                proposes: &[("practice", "post"), ("practice", "read"), ("elsewhere", "read")],
                guide: Guide { steps: &[], payout },
            }
        }

        fn initialise(&mut self, _config: &serde_json::Value) -> Result<(), String> {
            Ok(())
        }

        async fn execute(&mut self, cx: &mut Context<'_>) -> Result<Report, Fault> {
            let act = match cx.trigger().clone() {
                Trigger::Settled(id) => cx.outcome(&id).await?.expect("it was settled"),
                _ => {
                    let url = LogicalUrl::parse(POSTS).expect("a URL");
                    let request = Request::new(Method::Post, url, b"{\"post\":\"a\"}".to_vec());
                    let platform = "practice".parse().expect("a platform");
                    let request = request.expect("a request");
                    cx.act(self.1, Action::of(platform, ActionKind::new(self.0), request, "post")).await?
                }
            };
            let said = match act {
                Act::Done(answer) => format!("done {}", answer.status),
                Act::Refused(refusal) => format!("refused {}: {}", refusal.rules.join(" "), refusal.why),
                Act::Pending(id) => format!("pending {id}"),
            };
            Ok(Report { errors: vec![said], ..Report::default() })
        }
    }

    fn bench(pack: &str) -> Bench {
        let mut bench = Bench::at("2026-11-23T12:00:00Z").with_rules("practice.toml", pack);
        bench.answer(POSTS, 201, "");
        bench
    }

    fn said(bench: &mut Bench, mut poster: Poster) -> String {
        bench.run_now(&mut poster).expect("a run").0.errors.remove(0)
    }

    #[test]
    fn an_act_is_judged_as_the_machine_judges_it() {
        let mut own = bench(PACK);
        assert_eq!(said(&mut own, Poster("post", "post")), "done 201");
        own.assert_ruled("post", Verdict::Permit, "practice/post");
        let refused = said(&mut own, Poster("read", "post"));
        assert!(refused.starts_with("refused engine/no-rule: "), "{refused}");
        own.assert_ruled("post", Verdict::Forbid, "engine/no-rule");
        assert_eq!((own.ruled().len(), own.asked().len()), (2, 2));

        // A review holds half a year; then the owner is asked.
        own.pass(Duration::from_secs(200 * 86_400));
        assert_eq!(said(&mut own, Poster("post", "post")), "pending post-1");
        own.assert_ruled("post", Verdict::Ask, "practice/post");
    }

    #[test]
    fn what_asks_waits_until_its_owner_says_yes_or_no_and_is_asked_once() {
        let asks = PACK.replacen("\"permit\"", "\"ask\"", 1);
        for (yes, heard) in [(true, "done 201"), (false, "refused : its owner said no")] {
            let mut own = bench(&asks);
            assert_eq!(said(&mut own, Poster("post", "post")), "pending post-1");
            assert_eq!(said(&mut own, Poster("post", "post")), "pending post-1");
            let waiting: Vec<_> = own.waiting().map(|(id, _)| id.clone()).collect();
            assert_eq!(waiting, [ActionId::new("post-1")]);
            if yes {
                own.approve(&waiting[0])
            } else {
                own.reject(&waiting[0])
            }
            assert_eq!(said(&mut own, Poster("post", "post")), heard);
            assert_eq!(own.waiting().count(), 0);
        }
    }

    #[test]
    fn what_is_not_listed_or_has_no_step_name_is_refused_before_it_is_judged() {
        let mut own = bench(PACK);
        let refused = said(&mut own, Poster("look-up", "post"));
        assert_eq!(refused, "refused : poster does not list `look-up` on practice among what it proposes");
        let refused = said(&mut own, Poster("post", "My step"));
        assert!(refused.contains("`My step` is no step name"), "{refused}");
        assert_eq!(own.ruled(), []);
    }

    #[test]
    #[should_panic(expected = "practice.toml:")]
    fn a_mistake_in_a_rule_file_is_a_failed_test() {
        drop(bench(&PACK.replacen("verdict = \"permit\"", "verdict = \"perhaps\"", 1)));
    }

    #[test]
    #[should_panic(expected = "is not ask by `practice/post`: post by POST at https://practice.example")]
    fn another_verdict_is_a_failed_test() {
        let mut own = bench(PACK);
        said(&mut own, Poster("post", "post"));
        own.assert_ruled("post", Verdict::Ask, "practice/post");
    }
}
