//! The strategy `github-sponsors` on the bench, at a small GitHub made of canned answers.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

use std::collections::BTreeMap;
use std::time::Duration;

use mm_sdk::testing::Bench;
use mm_sdk::{
    Act, Action, ActionId, Answer, Backend, Context, Decided, Digest, Drafts, ErrorClass, Interrupt, Moment,
    Refusal, Report, SourceHealth, Strategy, Trigger, async_trait,
};
use mm_strategies::github_graphql::ask::{API, kind};
use mm_strategies::github_sponsors::{GitHubSponsors, Snapshot};
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A GitHub that answers each query by its operation, page by page.
struct Hub {
    now: Moment,
    profile: Value,
    lists: BTreeMap<&'static str, Vec<Value>>,
    /// Instead of an answer to queries of that name.
    instead: BTreeMap<&'static str, Act>,
    notes: Option<Act>,
    asked: Vec<(String, Action)>,
    snapshot: Option<Vec<u8>>,
    trigger: Trigger,
    page: usize,
    /// Counted by GitHub in each list, and on none of its pages.
    lost: usize,
}

impl Hub {
    fn new() -> Self {
        let lists = ["tiers", "sponsorships", "activities", "lifetime"].map(|name| (name, Vec::new()));
        Self {
            now: "2026-07-22T12:00:00Z".parse().unwrap(),
            profile: json!({"login": "me", "hasSponsorsListing": true, "monthlyEstimatedSponsorsIncomeInCents": 1500,
                "estimatedNextSponsorsPayoutInCents": 1425, "sponsorsListing": {"isPublic": true,
                "nextPayoutDate": "2026-08-22", "dashboardUrl": "https://github.com/sponsors/me/dashboard"}}),
            lists: lists.into(),
            instead: BTreeMap::new(),
            notes: None,
            asked: Vec::new(),
            snapshot: None,
            trigger: Trigger::Operator,
            page: 2,
            lost: 0,
        }
    }

    fn sponsor(&mut self, login: &str, since: &str) {
        let n = self.lists["sponsorships"].len();
        let node = json!({"id": format!("S_{n}_{login}"), "createdAt": since, "isOneTimePayment": false,
            "isSponsorOptedIntoEmail": true, "privacyLevel": "PUBLIC", "paymentSource": "GITHUB", "tier": tier(500),
            "sponsorEntity": {"__typename": "User", "login": login}});
        self.lists.get_mut("sponsorships").unwrap().push(node);
    }

    fn happens(&mut self, id: &str, action: &str, login: &str, at: &str) {
        let node = json!({"id": id, "action": action, "timestamp": at, "currentPrivacyLevel": "PUBLIC",
            "paymentSource": "GITHUB", "previousSponsorsTier": tier(200), "sponsorsTier": tier(500),
            "sponsor": {"__typename": "User", "login": login}});
        self.lists.get_mut("activities").unwrap().insert(0, node);
    }

    fn answer(&self, action: &Action) -> Act {
        let body: Value = serde_json::from_slice(action.request.body()).unwrap();
        let name = body["operationName"].as_str().unwrap().split('_').next().unwrap().to_owned();
        if let Some(act) = self.instead.get(name.as_str()) {
            return act.clone();
        }
        let mut viewer = self.profile.clone();
        if let Some(items) = self.lists.get(name.as_str()) {
            let from: usize = body["variables"]["after"].as_str().map_or(0, |after| after.parse().unwrap());
            let nodes: Vec<&Value> = items.iter().skip(from).take(self.page).collect();
            let to = from + nodes.len();
            let list = json!({"totalCount": items.len() + self.lost, "nodes": nodes,
                "pageInfo": {"hasNextPage": to < items.len(), "endCursor": to.to_string()}});
            viewer = match name.as_str() {
                "tiers" => json!({"sponsorsListing": {"tiers": list}}),
                "sponsorships" => json!({"sponsorshipsAsMaintainer": list}),
                "activities" => json!({"sponsorsActivities": list}),
                _ => json!({"lifetimeReceivedSponsorshipValues": list}),
            };
        }
        done(&json!({"data": {"viewer": viewer}}))
    }

    fn later(&mut self, by: Duration) {
        self.now = self.now.plus(by);
    }

    async fn run(&mut self) -> (Report, Drafts) {
        let mut strategy = GitHubSponsors::default();
        strategy.initialise(&json!({"account": "main"})).unwrap();
        self.asked.clear();
        let mut cx = Context::new(self);
        let report = strategy.execute(&mut cx).await.unwrap();
        let drafts = cx.into_drafts();
        assert_eq!((drafts.earnings.len(), drafts.opportunities.len()), (0, 0), "an estimate is no income");
        self.snapshot = Some(drafts.snapshot.as_ref().unwrap().1.clone());
        (report, drafts)
    }

    fn kept(&self) -> Snapshot {
        mm_sdk::decode(self.snapshot.as_ref().unwrap()).unwrap()
    }

    fn notes(&self) -> Vec<Value> {
        let notes = self.asked.iter().filter(|(_, action)| action.kind.as_str() == kind::THANK);
        notes.map(|(_, action)| serde_json::from_slice(action.request.body()).unwrap()).collect()
    }
}

fn tier(cents: u32) -> Value {
    json!({"id": "T", "name": format!("${} a month", cents / 100), "monthlyPriceInCents": cents, "isOneTime": false,
        "isCustomAmount": false})
}

fn done(body: &Value) -> Act {
    Act::Done(Answer {
        status: 200,
        headers: Vec::new(),
        body: body.to_string().into(),
        at: Moment::default(),
    })
}

fn metric(report: &Report, name: &str) -> Option<i64> {
    report.metrics.iter().find(|(own, _)| own == name).map(|(_, value)| *value)
}

fn told(drafts: &Drafts) -> Vec<&str> {
    drafts.alerts.iter().map(|alert| alert.sentence.as_str()).collect()
}

fn health(report: &Report, name: &str) -> SourceHealth {
    report.sources.iter().find(|source| source.name == name).unwrap().health
}

#[async_trait]
impl Backend for Hub {
    async fn act(&mut self, step: &str, action: Action) -> Result<Act, Interrupt> {
        if self.asked.iter().any(|(own, _)| own == step) {
            return Err(Interrupt::DuplicateStep(step.to_owned()));
        }
        let act = match action.kind.as_str() {
            kind::THANK => self.notes.clone().unwrap_or(Act::Pending(ActionId::new(format!("run.{step}")))),
            _ => {
                assert_eq!(action.request.url().as_str(), API);
                self.answer(&action)
            }
        };
        self.asked.push((step.to_owned(), action));
        Ok(act)
    }
    fn take_up(&mut self, _: &str, _: Digest) -> bool {
        true
    }
    fn put_down(&mut self) {}
    async fn decisions(&mut self) -> Result<Vec<Decided>, Interrupt> {
        Ok(Vec::new())
    }
    async fn outcome(&mut self, _: &ActionId) -> Result<Option<Act>, Interrupt> {
        Ok(None)
    }
    fn now(&self) -> Moment {
        self.now
    }
    fn random(&mut self) -> u64 {
        4
    }
    fn trigger(&self) -> &Trigger {
        &self.trigger
    }
    fn snapshot(&self) -> Option<&[u8]> {
        self.snapshot.as_deref()
    }
}

#[tokio::test]
async fn the_first_run_tells_nothing_old_and_later_ones_tell_each_thing_once() {
    let mut hub = Hub::new();
    hub.sponsor("old-friend", "2025-01-01T00:00:00Z");
    hub.happens("A1", "NEW_SPONSORSHIP", "old-friend", "2026-07-01T00:00:00Z");
    let (report, drafts) = hub.run().await;
    assert_eq!(told(&drafts), Vec::<&str>::new());
    assert_eq!(
        (metric(&report, "sponsors"), metric(&report, "monthly_estimate_cents")),
        (Some(1), Some(1500))
    );

    hub.later(DAY);
    for (id, action) in [
        ("A2", "NEW_SPONSORSHIP"),
        ("A3", "TIER_CHANGE"),
        ("A4", "CANCELLED_SPONSORSHIP"),
        ("A5", "REFUND"),
        ("A6", "PENDING_CHANGE"),
        ("A7", "SPONSOR_BECAME_A_CAT"),
    ] {
        hub.happens(id, action, "monalisa", "2026-07-23T01:00:00Z");
    }
    let (report, drafts) = hub.run().await;
    assert_eq!(metric(&report, "news"), Some(6));
    let said = told(&drafts);
    for part in [
        "monalisa sponsors you (5.00 USD a month)",
        "changed from 2.00 USD a month to 5.00 USD a month",
        "does not sponsor you any more",
        "went back",
        "will change or end",
        "`SPONSOR_BECAME_A_CAT`",
    ] {
        assert_eq!(said.iter().filter(|said| said.contains(part)).count(), 1, "{part}: {said:?}");
    }
    hub.later(DAY);
    assert_eq!(told(&hub.run().await.1), Vec::<&str>::new());
    let about: std::collections::BTreeSet<&String> = drafts.alerts.iter().map(|alert| &alert.about).collect();
    assert_eq!(about.len(), 6, "each is an alert of its own");
}

#[tokio::test]
async fn a_flood_is_bounded_and_what_is_dated_wrongly_hides_nothing() {
    let mut hub = Hub::new();
    hub.run().await;
    hub.later(DAY);
    hub.happens("future", "NEW_SPONSORSHIP", "doc", "2099-01-01T00:00:00Z");
    hub.happens("past", "NEW_SPONSORSHIP", "doc", "1970-01-01T00:00:00Z");
    assert_eq!(told(&hub.run().await.1).len(), 2);
    hub.later(DAY);
    for n in 0..50 {
        hub.happens(&format!("F{n}"), "NEW_SPONSORSHIP", "\u{1b}]0;owned\u{7}", "2026-07-24T01:00:00Z");
    }
    let (_, drafts) = hub.run().await;
    assert_eq!(drafts.alerts.len(), 21);
    assert!(told(&drafts).last().unwrap().starts_with("30 more things happened"));
    assert!(told(&drafts).iter().all(|said| !said.chars().any(char::is_control)));
}

#[tokio::test]
async fn each_sponsor_is_thanked_once_by_a_draft_and_a_private_one_is_said_to_be_private() {
    let mut hub = Hub::new();
    hub.sponsor("old-friend", "2025-01-01T00:00:00Z");
    hub.sponsor("monalisa", "2026-07-20T00:00:00Z");
    hub.sponsor("quiet", "2026-07-21T00:00:00Z");
    hub.sponsor("\u{202e}evil\u{1b}", "2026-07-21T00:00:00Z");
    let list = hub.lists.get_mut("sponsorships").unwrap();
    list[2]["privacyLevel"] = json!("PRIVATE");
    list.push(json!({"id": "S_hidden", "createdAt": "2026-07-21T00:00:00Z", "isOneTimePayment": true,
        "isSponsorOptedIntoEmail": null, "privacyLevel": "PRIVATE", "paymentSource": null, "tier": null, "sponsorEntity": null}));
    hub.run().await;
    let notes = hub.notes();
    assert_eq!(
        notes.iter().map(|note| note["to"].as_str().unwrap()).collect::<Vec<_>>(),
        ["monalisa", "quiet"]
    );
    assert!(notes[0]["body"].as_str().unwrap().contains("Drafted by money-machine, a program"));
    let to_quiet = |action: &Action| String::from_utf8_lossy(action.request.body()).contains("quiet");
    let quiet = hub.asked.iter().find(|(_, action)| to_quiet(action)).unwrap();
    assert!(!quiet.1.purpose.contains("quiet"), "a purpose stands in notices: {}", quiet.1.purpose);
    assert!(quiet.1.notes.iter().any(|note| note.contains("private")));
    assert_eq!(quiet.1.request.url().as_str(), "https://github.com/sponsors/me/dashboard");

    // The same sponsor under another sponsorship, or in other letters, is the same.
    hub.later(DAY);
    hub.sponsor("MonaLisa", "2026-07-22T20:00:00Z");
    hub.run().await;
    assert_eq!(hub.notes(), Vec::<Value>::new());
}

/// What is told leaves the machine. GitHub gives no privacy of what is over, so that is no leave to name anybody.
#[tokio::test]
async fn who_is_not_known_to_be_public_is_named_in_no_alert_and_no_error() {
    let mut hub = Hub::new();
    hub.run().await;
    let at = "2026-07-22T12:00:00Z";
    for (n, privacy) in [json!(null), json!("PRIVATE"), json!("SECRET")].into_iter().enumerate() {
        for action in ["NEW_SPONSORSHIP", "CANCELLED_SPONSORSHIP", "TIER_CHANGE", "REFUND", "SOMETHING"] {
            hub.happens(&format!("A_{n}_{action}"), action, "quiet", at);
            hub.lists.get_mut("activities").unwrap()[0]["currentPrivacyLevel"] = privacy.clone();
        }
    }
    hub.happens("A_open", "NEW_SPONSORSHIP", "monalisa", at);
    hub.sponsor("quiet", at);
    hub.lists.get_mut("sponsorships").unwrap()[0]["privacyLevel"] = json!("PRIVATE");
    let refusal = Refusal { class: ErrorClass::Compliance, why: "no".to_owned(), rules: Vec::new() };
    hub.notes = Some(Act::Refused(refusal));
    let (report, drafts) = hub.run().await;
    let told = format!("{:?} {:?}", drafts.alerts, report.errors);
    assert_eq!((drafts.alerts.len(), report.errors.len()), (16, 1), "{told}");
    assert!(told.contains("monalisa sponsors you") && !told.contains("quiet"), "{told}");
}

#[tokio::test]
async fn a_note_that_could_not_be_taken_is_drafted_again_and_one_that_is_forbidden_is_not() {
    let refused = |class| Some(Act::Refused(Refusal { class, why: "no".to_owned(), rules: Vec::new() }));
    let mut hub = Hub::new();
    hub.sponsor("monalisa", "2026-07-20T00:00:00Z");
    hub.notes = refused(ErrorClass::Transient);
    hub.run().await;
    hub.later(DAY);
    hub.notes = refused(ErrorClass::Compliance);
    let (report, _) = hub.run().await;
    assert_eq!((hub.notes().len(), report.errors.len()), (1, 1));
    hub.later(DAY);
    hub.notes = None;
    hub.run().await;
    assert_eq!(hub.notes().len(), 0);
}

#[tokio::test]
async fn half_a_list_changes_nothing_and_a_refusal_stops_the_rest() {
    let mut hub = Hub::new();
    for login in ["a", "b", "c", "d", "e"] {
        hub.sponsor(login, "2026-07-20T00:00:00Z");
    }
    let (report, _) = hub.run().await;
    assert_eq!((metric(&report, "sponsors"), metric(&report, "came")), (Some(5), Some(5)));
    let before = hub.kept();

    hub.later(DAY);
    hub.lists.get_mut("sponsorships").unwrap()[4]["createdAt"] = json!(7);
    let (report, _) = hub.run().await;
    assert_eq!((health(&report, "sponsorships"), metric(&report, "gone")), (SourceHealth::Failed, None));

    hub.lists.get_mut("sponsorships").unwrap().truncate(3);
    let limited = json!({"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]});
    hub.instead.insert("tiers", done(&limited));
    let (report, _) = hub.run().await;
    assert_eq!(hub.asked.len(), 2, "the rest would fail as well");
    assert!(
        ["tiers", "activities", "sponsorships", "lifetime"]
            .iter()
            .all(|name| health(&report, name) == SourceHealth::Failed)
    );
    assert_eq!(before.sponsors, hub.kept().sponsors);

    hub.instead.clear();
    let (report, _) = hub.run().await;
    assert_eq!((metric(&report, "sponsors"), metric(&report, "gone")), (Some(3), Some(2)));
}

/// GitHub counts whom it does not show, and may never show him again: that he left, nobody said.
#[tokio::test]
async fn who_is_not_shown_has_not_left_and_stops_no_thanks_to_others() {
    let mut hub = Hub::new();
    hub.sponsor("old-friend", "2025-01-01T00:00:00Z");
    hub.sponsor("older-friend", "2024-01-01T00:00:00Z");
    hub.run().await;
    let before = hub.kept().sponsors;
    let shown = std::mem::take(&mut hub.lists.get_mut("sponsorships").unwrap()[0]);
    hub.sponsor("monalisa", "2026-07-22T20:00:00Z");
    hub.lists.get_mut("tiers").unwrap().push(Value::Null);
    hub.lists.get_mut("lifetime").unwrap().push(Value::Null);
    hub.happens("A1", "NEW_SPONSORSHIP", "monalisa", "2026-07-22T20:00:00Z");
    hub.lists.get_mut("activities").unwrap().push(Value::Null);

    for notes in [1, 0] {
        hub.later(DAY);
        let (report, drafts) = hub.run().await;
        for name in ["sponsorships", "tiers", "lifetime"] {
            assert_eq!(health(&report, name), SourceHealth::Failed, "{name}");
        }
        let said = &report.sources.iter().find(|source| source.name == "sponsorships").unwrap().sentence;
        assert!(said.starts_with("not whole: GitHub shows 2 of 3"), "{said}");
        for name in ["sponsors", "came", "gone", "tiers", "lifetime_cents"] {
            assert_eq!(metric(&report, name), None, "{name}");
        }
        assert_eq!(hub.kept().sponsors, before);
        assert_eq!((hub.notes().len(), told(&drafts).len()), (notes, notes), "{drafts:?}");
        assert_eq!(
            health(&report, "activities"),
            SourceHealth::Fresh,
            "nothing is concluded of what is not there"
        );
    }

    hub.later(DAY);
    hub.lists.get_mut("sponsorships").unwrap()[0] = shown;
    let (report, _) = hub.run().await;
    let counts = ["sponsors", "came", "gone"].map(|name| metric(&report, name));
    assert_eq!((counts, health(&report, "sponsorships")), ([Some(3), Some(1), Some(0)], SourceHealth::Fresh));
}

#[tokio::test]
async fn a_list_that_ends_before_its_count_is_not_whole() {
    let mut hub = Hub::new();
    hub.sponsor("old-friend", "2025-01-01T00:00:00Z");
    hub.sponsor("older-friend", "2024-01-01T00:00:00Z");
    hub.run().await;
    let before = hub.kept();
    hub.later(DAY);
    hub.sponsor("monalisa", "2026-07-22T20:00:00Z");
    hub.happens("A1", "NEW_SPONSORSHIP", "monalisa", "2026-07-22T20:00:00Z");
    hub.lists.get_mut("sponsorships").unwrap().remove(0);
    hub.lost = 1;
    let (report, drafts) = hub.run().await;
    for name in ["tiers", "activities", "sponsorships", "lifetime"] {
        assert_eq!(health(&report, name), SourceHealth::Failed, "{name}");
    }
    assert_eq!(metric(&report, "gone"), None);
    assert_eq!((hub.notes().len(), told(&drafts).len()), (0, 0));
    assert_eq!(hub.kept(), before);
}

/// Runs on `day`, where GitHub names this day and estimate of the next payout; what the owner is reminded of.
async fn reminded(hub: &mut Hub, day: &str, next: Value, cents: u32) -> Vec<String> {
    hub.now = format!("{day}T12:00:00Z").parse().unwrap();
    hub.profile["sponsorsListing"]["nextPayoutDate"] = next;
    hub.profile["estimatedNextSponsorsPayoutInCents"] = json!(cents);
    told(&hub.run().await.1).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn of_a_payout_of_nothing_nobody_is_reminded() {
    let mut hub = Hub::new();
    for (day, next) in
        [("2026-08-01", "2026-08-22"), ("2026-08-23", "2026-09-22"), ("2026-09-23", "2026-10-22")]
    {
        assert_eq!(reminded(&mut hub, day, json!(next), 0).await, [""; 0], "{day}");
    }
    assert_eq!(reminded(&mut hub, "2026-10-01", json!("2026-10-22"), 700).await, [""; 0]);
    let said = reminded(&mut hub, "2026-10-23", json!("2026-11-22"), 0).await;
    assert!(said.len() == 1 && said[0].contains("estimate 7.00 USD"), "{said:?}");
}

/// Where months lie between two reads, or the estimate was read long before its day, there may have been payouts that
/// nothing here saw.
#[tokio::test]
async fn that_payouts_may_have_been_missed_between_two_reads_is_said_once() {
    let (august, next) = (json!("2026-08-22"), |day: &str| json!(day));
    let missed =
        |said: &[String]| said.iter().filter(|one| one.contains("was not read from 2026-08-22")).count();
    for (cents, day, following, wanted) in [
        (1425, "2026-09-10", next("2026-09-22"), (1, 0)),
        (1425, "2026-09-23", next("2026-10-22"), (2, 1)),
        (1425, "2026-11-01", next("2026-11-22"), (2, 1)),
        (1425, "2026-09-01", Value::Null, (1, 0)),
        (1425, "2026-11-01", Value::Null, (2, 1)),
        (0, "2026-08-24", next("2026-09-22"), (0, 0)),
        (0, "2026-09-01", next("2026-09-22"), (1, 1)),
    ] {
        let mut hub = Hub::new();
        assert_eq!(reminded(&mut hub, "2026-08-01", august.clone(), cents).await, [""; 0]);
        let said = reminded(&mut hub, day, following.clone(), 0).await;
        assert_eq!((said.len(), missed(&said)), wanted, "{cents} {day} {following}: {said:?}");
        assert!(said.iter().all(|one| one.len() <= 300), "{said:?}");
        assert!(missed(&said) == 0 || said.last().unwrap().contains(&format!("until {day}:")), "{said:?}");
        assert_eq!(reminded(&mut hub, day, following, 0).await, [""; 0], "once");
    }
}

#[tokio::test]
async fn a_payout_is_reminded_of_once_also_where_no_day_follows() {
    let mut hub = Hub::new();
    assert_eq!(reminded(&mut hub, "2026-08-01", json!("2026-08-22"), 1425).await, [""; 0]);
    assert_eq!(reminded(&mut hub, "2026-08-02", Value::Null, 1425).await, [""; 0], "its day has not come");
    assert_eq!(reminded(&mut hub, "2026-08-23", Value::Null, 0).await.len(), 1);
    for day in ["2026-08-24", "2026-09-24"] {
        assert_eq!(reminded(&mut hub, day, Value::Null, 0).await, [""; 0], "{day}");
    }
}

/// On the day itself GitHub may speak of the next one already: in the estimate first, or in the day.
#[tokio::test]
async fn a_payout_that_is_made_on_its_day_is_reminded_of_as_it_was_estimated() {
    let mut hub = Hub::new();
    assert_eq!(reminded(&mut hub, "2026-08-21", json!("2026-08-22"), 1425).await, [""; 0]);
    assert_eq!(reminded(&mut hub, "2026-08-22", json!("2026-08-22"), 0).await, [""; 0]);
    let said = reminded(&mut hub, "2026-08-22", json!("2026-09-22"), 0).await;
    assert!(said.len() == 1 && said[0].contains("estimate 14.25 USD"), "{said:?}");
    assert_eq!(reminded(&mut hub, "2026-08-23", json!("2026-09-22"), 0).await, [""; 0]);
}

#[tokio::test]
async fn a_payout_whose_day_has_passed_is_the_owners_to_book() {
    let mut hub = Hub::new();
    hub.run().await;
    hub.later(DAY * 32);
    hub.profile["sponsorsListing"]["nextPayoutDate"] = json!("2026-09-22");
    let (_, drafts) = hub.run().await;
    assert_eq!(drafts.alerts.len(), 1);
    assert_eq!(drafts.alerts[0].about, "payout/2026-08-22");
    let said = &drafts.alerts[0].sentence;
    assert!(
        said.contains("by its own estimate 14.25 USD")
            && said.contains("earnings record github-sponsors payout-2026-08-22")
    );
    hub.later(DAY);
    assert_eq!(hub.run().await.1.alerts, []);
    for odd in [json!("soon"), json!("\u{1b}[2J"), Value::Null, json!("2026-13-45")] {
        hub.profile["sponsorsListing"]["nextPayoutDate"] = odd;
        hub.later(DAY);
        assert_eq!(hub.run().await.1.alerts, [], "what is no day is none");
    }
}

#[tokio::test]
async fn without_an_account_no_run_makes_sense_and_a_wrong_key_is_named() {
    let mut strategy = GitHubSponsors::default();
    strategy.initialise(&json!({})).unwrap();
    let fault = Bench::at("2026-07-22T12:00:00Z").run(&mut strategy).await.unwrap_err();
    assert!(fault.sentence.contains("account add github-sponsors main"), "{fault}");
    for (config, word) in [
        (json!({"acount": "main"}), "acount"),
        (json!({"account": 7}), "account"),
        (json!({"thanks": true}), "thanks"),
        (json!({"account": "no good"}), "account"),
        (json!([]), "table"),
    ] {
        assert!(strategy.initialise(&config).unwrap_err().contains(word), "{config}");
    }
    let mut hub = Hub::new();
    hub.sponsor("monalisa", "2026-07-20T00:00:00Z");
    strategy.initialise(&json!({"account": "main", "thanks": "never"})).unwrap();
    let mut cx = Context::new(&mut hub);
    strategy.execute(&mut cx).await.unwrap();
    assert_eq!(hub.notes(), Vec::<Value>::new());
}
