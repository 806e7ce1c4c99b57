//! Commissions from the made networks into the books, through the whole daemon: what the books hold is what the
//! networks truly owe, in every currency, also after weeks of faults and ends.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mm_core::id::Space;
use mm_core::ledger::{Account, Balances, Currency, Entry, Money};
use mm_core::moment::Moment;
use mm_core::opportunity::Opportunity;
use mm_core::run::{Outcome, RunRecord};
use mm_store::{Record, Span};
use mm_strategies::network::Window;
use mm_strategies::network::window::DAY;
use mm_strategies::{awin, cj, impact};
use money_machine::rules::FixedRules;
use money_machine::sandbox::faults::FaultMix;
use money_machine::sandbox::networks::{Network, Standing};
use money_machine::simulation::{End, Plan, Simulation, paused};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3_600);
const DAYS_BACK: u32 = 90;
/// Each with the days of its widest window.
const NETWORKS: [(&str, Network, u32); 3] = [
    ("impact", Network::Impact, impact::WINDOW_DAYS),
    ("awin", Network::Awin, awin::WINDOW_DAYS),
    ("cj", Network::Cj, cj::WINDOW_DAYS),
];

/// No strategy but this one, with these settings.
fn alone(plan: &mut Plan, settings: &Value) {
    plan.config.strategies.values_mut().for_each(|strategy| strategy.enabled = false);
    let affiliate = plan.config.strategies.entry("affiliate".to_owned()).or_default();
    affiliate.enabled = true;
    affiliate.config.table = settings.as_object().unwrap().clone();
}

fn simulation(seed: u64) -> Simulation {
    let mut plan = Plan::new(seed, paused::runtime);
    let settings = json!({"impact": {"account": "main", "sid": "IR1"}, "awin": {"account": "main", "publisher": 7},
                          "cj": {"account": "main", "publisher": 7}, "days_back": DAYS_BACK});
    alone(&mut plan, &settings);
    let simulation = Simulation::new(plan);
    for (platform, ..) in NETWORKS {
        let (kind, field) = match platform {
            "impact" => (json!({"Basic": {"user": "IR1"}}), "password"),
            _ => (json!("Bearer"), "token"),
        };
        let account = json!({"kind": kind, "email": "me@example.org", "secrets": {field: "sandbox-me"}});
        let (status, said) = simulation.ask("POST", &format!("/accounts/{platform}/main/add"), &account);
        assert_eq!(status, 200, "{said}");
    }
    simulation
}

/// What the books must hold as of a moment, by account and currency, in cents: what was sold since the first slice
/// of time began that the strategy asks for.
fn owed(simulation: &Simulation, at: Moment) -> BTreeMap<(Account, &'static str), i64> {
    let mut owed = BTreeMap::new();
    for (name, network, days) in NETWORKS {
        let first = Window::number_of(at.minus(DAY * DAYS_BACK), days);
        let from_ms = Window::of(first, days, at).from.unix_ms();
        let sales = simulation.sandbox().sales(network, DAYS_BACK + days, at.unix_ms());
        for sale in sales.iter().filter(|sale| sale.at_ms >= from_ms) {
            let platform = name.parse().unwrap();
            let account = match sale.standing(at.unix_ms()) {
                Standing::Pending => Account::Claimed(platform),
                Standing::Approved => Account::Receivable(platform),
                Standing::Paid => Account::Transit(platform),
                Standing::Reversed => continue,
            };
            *owed.entry((account, sale.currency)).or_default() += sale.pays(at.unix_ms());
        }
    }
    owed
}

fn rows<R: Record>(simulation: &Simulation) -> Vec<R> {
    let read = simulation.store().scan::<R>(&Space::default_owner(), Span::all(), 100_000).unwrap();
    read.rows.into_iter().map(|(_, row)| row.value).collect()
}

fn held(simulation: &Simulation) -> Balances {
    let mut held = Balances::default();
    rows::<Entry>(simulation).iter().for_each(|entry| held.add(entry).unwrap());
    held
}

/// Has the strategy run now; its record.
fn run(simulation: &mut Simulation) -> RunRecord {
    let asked = simulation.now();
    simulation.ask("POST", "/strategies/affiliate/run", &json!({}));
    simulation.run_for(HOUR / 2).unwrap();
    let runs = rows::<RunRecord>(simulation).into_iter();
    let own = runs.filter(|run| run.strategy.as_str() == "affiliate" && run.started >= asked);
    own.max_by_key(|run| run.started).unwrap()
}

/// That the books hold what was so when the strategy ran.
fn judge(simulation: &Simulation, run: &RunRecord) {
    assert_eq!((run.outcome, &run.errors), (Some(Outcome::Succeeded), &Vec::new()), "{:?}", run.sources);
    let owed_at = |at| owed(simulation, at);
    let (owed, held) = (owed_at(run.started), held(simulation));
    assert_eq!(
        owed,
        owed_at(run.ended.unwrap()),
        "a network changed its mind while it was read: take another seed"
    );
    assert!(owed.len() >= 6, "three networks and several currencies: {owed:?}");
    for ((account, code), cents) in owed {
        let money = Money::new(mm_core::Decimal::new(cents, 2), code.parse::<Currency>().unwrap()).unwrap();
        let held = held.of(&account, code.parse().unwrap());
        assert_eq!(held, money, "{account} in {code}; {:?}", run.sources);
    }
}

#[test]
fn the_books_hold_what_the_networks_owe() {
    let mut simulation = simulation(3);
    for _ in 0..3 {
        simulation.run_for(24 * HOUR).unwrap();
    }
    let run = run(&mut simulation);
    judge(&simulation, &run);
}

#[test]
fn weeks_of_faults_and_ends_change_nothing_of_it() {
    let mut simulation = simulation(4);
    simulation.sandbox().set_mix(Some(FaultMix::common(4, 150)));
    for day in 0..8u32 {
        simulation.run_for(20 * HOUR + Duration::from_secs(u64::from(day) * 977)).unwrap();
        let end = if day % 2 == 0 { End::Killed } else { End::PowerLoss };
        simulation.restart(end, Duration::from_secs(30));
    }
    simulation.sandbox().set_mix(None);
    simulation.run_for(12 * HOUR).unwrap();
    let run = run(&mut simulation);
    judge(&simulation, &run);
}

/// The owner's own rule files, made of the examples as their first lines say.
fn with_own_rules(site: &str) -> FixedRules {
    let mut rules = FixedRules::built_in();
    for name in ["owner-site.toml", "owner-links.toml"] {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples").join(name);
        let text = std::fs::read_to_string(file).unwrap();
        rules.0.push((name.to_owned(), text.replace("blog.example", site)));
    }
    rules
}

/// A machine that looks at a made site, 30 pages a run.
fn looking_at(sitemap: &str, rules: FixedRules) -> Simulation {
    let mut plan = Plan::new(5, paused::runtime);
    plan.rules = rules;
    let site =
        json!({"site": {"sitemap": sitemap, "amazon_tags": ["acme-20"], "pages_max": 30, "links_max": 30}});
    alone(&mut plan, &site);
    Simulation::new(plan)
}

#[test]
fn each_defect_of_the_made_site_is_told_once_and_nothing_else() {
    let rules = with_own_rules("blog.example");
    let mut simulation = looking_at("https://blog.example/sitemap.xml", rules);
    // One of its pages asks to be left alone for a day, which goes for the whole site. It comes last: the first run
    // asks for all 19, but for the one that robots.txt forbids, and sees the defects.
    let first = run(&mut simulation);
    let asked: BTreeSet<String> = (simulation.sandbox().received().iter())
        .filter_map(|one| one.url.strip_prefix("https://blog.example/").map(str::to_owned))
        .filter(|path| !path.is_empty() && !path.contains('.') && (path == "chain/0" || !path.contains('/')))
        .collect();
    assert!(asked.len() == 18 && asked.contains("wait-a-day"), "{asked:?}");
    assert!(
        first.sources.iter().any(|one| one.sentence.starts_with("14 of 19 pages")),
        "{:?}",
        first.sources
    );
    let seen = |simulation: &Simulation| {
        rows::<Opportunity>(simulation).iter().filter(|one| one.kind == "page_to_mend").count()
    };
    // The three that are a link's come with the links, one of which leads to a shop that is busy too.
    assert!(seen(&simulation) >= 9, "{:?}", first.sources);
    for _ in 0..2 {
        simulation.run_for(25 * HOUR).unwrap();
        assert_eq!(run(&mut simulation).outcome, Some(Outcome::Succeeded));
    }
    simulation.run_for(25 * HOUR).unwrap();
    let runs = rows::<RunRecord>(&simulation);
    let sources: Vec<&String> = runs.iter().flat_map(|run| &run.sources).map(|one| &one.sentence).collect();
    let errors: Vec<&String> = runs.iter().flat_map(|run| &run.errors).collect();
    let said = || format!("{sources:#?} {errors:#?}");
    let told: BTreeMap<String, Vec<String>> = (rows::<Opportunity>(&simulation).iter())
        .filter(|one| one.kind == "page_to_mend")
        .map(|one| {
            let details: serde_json::Value = serde_json::from_str(&one.details).unwrap();
            let words = details["defects"]
                .as_array()
                .unwrap()
                .iter()
                .map(|defect| defect["what"].as_str().unwrap().to_owned());
            (one.url.replace("https://blog.example/", ""), words.collect())
        })
        .collect();
    let expected = [
        ("dead", "dead"),
        ("far", "disclosure-far"),
        ("foreign", "tag-foreign"),
        ("mended", "no-disclosure"),
        ("moved", "redirected"),
        ("no-sentence", "sentence-missing"),
        ("price", "price-copied"),
        ("removed", "dead"),
        ("shortened", "shortened"),
        ("undisclosed", "no-disclosure"),
        ("unmarked", "rel-missing"),
        ("untagged", "tag-missing"),
    ];
    let expected = expected.map(|(page, what)| (page.to_owned(), vec![what.to_owned()]));
    assert_eq!(told, BTreeMap::from(expected), "{}", said());
    for bad in ["/private", "/chain/0", "/members", "/endless", "/wait-a-day", "lead to another host"] {
        assert!(errors.iter().any(|error| error.contains(bad)), "{bad}: {}", said());
    }
    assert!(sources.iter().any(|one| one.contains("names itself again")), "{}", said());
    let asked = simulation.sandbox().received();
    assert!(!asked.iter().any(|one| one.url.contains("/private")
        || one.url.contains("amazon.com")
        || one.url.contains("other.example")));
    assert!(
        asked.iter().filter(|one| one.url.contains("/chain/")).count() < 30,
        "a chain is followed so far and no further"
    );
}

#[test]
fn a_site_that_no_rule_speaks_of_is_not_fetched() {
    let mut simulation = looking_at("https://blog.example/sitemap.xml", FixedRules::built_in());
    run(&mut simulation);
    assert!(!simulation.sandbox().received().iter().any(|one| one.url.contains("blog.example")));
    assert!(rows::<Opportunity>(&simulation).iter().all(|one| one.kind != "page_to_mend"));
}

#[test]
fn a_hundred_thousand_pages_are_bounded() {
    let rules = with_own_rules("huge.example");
    let mut simulation = looking_at("https://huge.example/sitemap.xml", rules);
    run(&mut simulation);
    let asked = simulation.sandbox().received();
    let pages = asked.iter().filter(|one| one.url.starts_with("https://huge.example/p/")).count();
    assert!((1..=30).contains(&pages), "{pages}");
}
