//! Commissions of three networks in three currencies: whatever is told, in whatever order, twice, corrected and
//! taken back, over kills at any place, the ledger is right to the cent. An independent sum says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mm_core::id::{PlatformId, Space};
use mm_core::ledger::{Account, Balances, Currency, Money};
use mm_core::moment::Moment;
use mm_core::run::{Outcome, RunRecord, Trigger};
use mm_core::seams::SplitMix64;
use mm_core::secret::Secret;
use mm_sdk::{Fault as RunFault, Strategy as _};
use mm_services::accounts::NewAccount;
use mm_services::reconciler::Reconcilers;
use mm_services::records::AccountKind;
use mm_services::testing::{Bench, Machine, Request, Said, Script, rows};
use mm_store::Fault;
use mm_strategies::affiliate::Affiliate;
use mm_strategies::cj::questions::Questions;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::ledger::books;

const DAY: Duration = Duration::from_secs(86_400);
const NETWORKS: [&str; 3] = ["impact", "awin", "cj"];
/// Crashes, and stories, of a usual run.
const CRASHES: u32 = 14;
const CASES: u32 = 8;
const CURRENCIES: [&str; 3] = ["USD", "EUR", "GBP"];

/// How a sale stands at its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    Approved,
    /// At Awin paid, at the others approved.
    Paid,
    Reversed,
}

/// A sale: in each round a state and, in cents, what it pays. At CJ what is after the first is a correction.
#[derive(Debug, Clone)]
struct Sale {
    network: usize,
    currency: usize,
    /// Days before the beginning.
    days_ago: u32,
    rounds: Vec<(State, i64)>,
}

impl Sale {
    fn in_round(&self, round: usize) -> (State, i64) {
        self.rounds[round.min(self.rounds.len() - 1)]
    }

    fn currency(&self) -> &'static str {
        // CJ pays one publisher in one currency.
        if self.network == 2 { "EUR" } else { CURRENCIES[self.currency] }
    }
}

/// What the networks know, and how far time is there.
#[derive(Debug, Default)]
struct Truth {
    begin: Moment,
    round: usize,
    sales: Vec<Sale>,
}

fn decimal(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100)
}

impl Truth {
    fn date(&self, sale: &Sale) -> String {
        self.begin.minus(DAY * sale.days_ago).to_string()
    }

    /// The sales of a network that lie between two dates.
    fn between(&self, network: usize, from: &str, until: &str) -> Vec<(usize, &Sale)> {
        let of = self.sales.iter().enumerate().filter(move |(_, sale)| sale.network == network);
        of.filter(|(_, sale)| (from..until).contains(&&*self.date(sale))).collect()
    }

    fn answer(&self, request: &Request) -> Said {
        let (url, body) = (request.url.as_str(), String::from_utf8_lossy(&request.body));
        let said = match url {
            _ if url.contains("/Actions?") => self.impact(url),
            _ if url.contains("/transactions/?") => self.awin(url),
            _ if body.contains("sincePostingDate") => self.cj(&body),
            // Whether a token still answers is asked in another place.
            _ => "{}".to_owned(),
        };
        Said::status(200, &said)
    }

    fn impact(&self, url: &str) -> String {
        let page: usize = query(url, "Page").parse().unwrap();
        let all = self.between(0, &query(url, "ActionDateStart"), &query(url, "ActionDateEnd"));
        let shown = all.iter().skip((page - 1) * 2).take(2).map(|(id, sale)| {
            let (state, cents) = sale.in_round(self.round);
            let state = match state {
                State::Pending => "PENDING",
                State::Approved | State::Paid => "APPROVED",
                State::Reversed => "REVERSED",
            };
            let paid = if state == "REVERSED" { 0 } else { cents };
            json!({"Id": format!("1.{id}"), "State": state, "Payout": decimal(paid),
                   "IntendedPayout": decimal(cents), "Currency": sale.currency(), "ClearedDate": ""})
        });
        let shown: Vec<Value> = shown.collect();
        let next = match all.len() > page * 2 {
            true => url.replace(&format!("Page={page}"), &format!("Page={}", page + 1)),
            false => String::new(),
        };
        json!({"Actions": shown, "@nextpageuri": next.replace("https://api.impact.com", "")}).to_string()
    }

    fn awin(&self, url: &str) -> String {
        let (from, until) = (query(url, "startDate"), query(url, "endDate"));
        let shown = self.between(1, &format!("{from}Z"), &format!("{until}Z")).into_iter().map(|(id, sale)| {
            let (state, cents) = sale.in_round(self.round);
            let status = match state {
                State::Pending => "pending",
                State::Approved | State::Paid => "approved",
                State::Reversed if id % 2 == 0 => "declined",
                State::Reversed => "deleted",
            };
            // As JSON writes it: the digits, no text.
            format!(
                "{{\"id\":{id},\"commissionStatus\":\"{status}\",\"paidToPublisher\":{},\"commissionAmount\":\
                 {{\"amount\":{},\"currency\":\"{}\"}}}}",
                state == State::Paid,
                decimal(cents),
                sale.currency()
            )
        });
        format!("[{}]", shown.collect::<Vec<_>>().join(","))
    }

    /// The records of all rounds up to now: the original, and a correction for each change of the amount.
    fn cj(&self, body: &str) -> String {
        let between = |text: &str| body.split(text).nth(1).unwrap().split("\\\"").nth(1).unwrap().to_owned();
        let (from, until) = (between("sincePostingDate: "), between("beforePostingDate: "));
        let since: u64 = match body.contains("sinceCommissionId") {
            true => between("sinceCommissionId: ").parse().unwrap(),
            false => 0,
        };
        let mut records = BTreeMap::new();
        for (id, sale) in self.between(2, "", "9") {
            let mut before = 0;
            for round in 0..=self.round {
                let (state, cents) = sale.in_round(round);
                let cents = if state == State::Reversed { 0 } else { cents };
                // A correction is posted some weeks later: in another window, where there is one.
                let posted =
                    self.begin.minus(DAY * sale.days_ago.saturating_sub(20 * u32::try_from(round).unwrap()));
                let number = 1 + (id * 100 + round) as u64;
                if (round == 0 || cents != before)
                    && (from.as_str()..until.as_str()).contains(&&*posted.to_string())
                {
                    let status = if state == State::Pending { "new" } else { "locked" };
                    let record = json!({"commissionId": number.to_string(), "originalActionId": format!("{id}"),
                        "original": round == 0, "actionStatus": status,
                        "pubCommissionAmountPubCurrency": decimal(cents - before)});
                    records.insert(number, record);
                }
                before = cents;
            }
        }
        // The original's own status is that of today.
        for (number, record) in &mut records {
            let sale = &self.sales[usize::try_from((number - 1) / 100).unwrap()];
            let pending = sale.in_round(self.round).0 == State::Pending;
            record["actionStatus"] = json!(if pending { "extended" } else { "closed" });
        }
        let left: Vec<(u64, Value)> = records.into_iter().filter(|(number, _)| *number > since).collect();
        let (shown, rest) = left.split_at(left.len().min(5));
        let list = json!({"count": shown.len(), "payloadComplete": rest.is_empty(),
            "maxCommissionId": shown.last().map(|(number, _)| number.to_string()),
            "records": shown.iter().map(|(_, record)| record).collect::<Vec<_>>()});
        json!({"data": {"publisherCommissions": list}}).to_string()
    }

    /// What the books must hold, summed by itself: cents by account and currency.
    fn expected(&self) -> BTreeMap<(Account, &'static str), i64> {
        let mut sums = BTreeMap::new();
        for sale in &self.sales {
            let platform: PlatformId = NETWORKS[sale.network].parse().unwrap();
            let (state, cents) = sale.in_round(self.round);
            let account = match state {
                State::Reversed => continue,
                State::Pending => Account::Claimed(platform),
                State::Paid if sale.network == 1 => Account::Transit(platform),
                State::Approved | State::Paid => Account::Receivable(platform),
            };
            *sums.entry((account, sale.currency())).or_default() += cents;
        }
        sums
    }
}

fn query(url: &str, name: &str) -> String {
    let found = url.split(['?', '&']).find_map(|part| part.strip_prefix(&format!("{name}=")));
    found.unwrap_or_default().to_owned()
}

fn settings() -> Value {
    json!({"impact": {"account": "main", "sid": "IR1"}, "awin": {"account": "main", "publisher": 7},
           "cj": {"account": "main", "publisher": 7, "currency": "EUR"}, "days_back": 100})
}

fn strategy() -> Script {
    let script = Script::new("affiliate", |cx| {
        Box::pin(async move {
            let mut strategy = Affiliate::default();
            strategy.initialise(&settings()).map_err(RunFault::fatal)?;
            strategy.execute(cx).await
        })
    });
    script.proposing(&[("impact", "read"), ("awin", "read"), ("cj", "read")])
}

async fn add_accounts(machine: &Machine) {
    for network in NETWORKS {
        let basic = network == "impact";
        let new = NewAccount {
            space: Space::default_owner(),
            platform: network.parse().unwrap(),
            account: "main".parse().unwrap(),
            email: "owner@example.org".to_owned(),
            kind: if basic { AccountKind::Basic { user: "IR1".into() } } else { AccountKind::Bearer },
            handle: None,
        };
        let field = if basic { "password" } else { "token" };
        let secrets = BTreeMap::from([(field.to_owned(), Secret::new("CANARY".to_owned()))]);
        machine.services.accounts.add(new, secrets).await.unwrap().unwrap();
    }
}

/// A bench at which these sales happen, with accounts in its vault.
fn bench(sales: Vec<Sale>) -> (Bench, Arc<Mutex<Truth>>) {
    let mut bench = Bench::new(31);
    for (name, pack) in [
        ("impact.toml", include_str!("../../../../config/rules/impact.toml")),
        ("awin.toml", include_str!("../../../../config/rules/awin.toml")),
        ("cj.toml", include_str!("../../../../config/rules/cj.toml")),
    ] {
        bench.rules.put(name, pack);
    }
    let truth = Arc::new(Mutex::new(Truth { begin: bench.now, round: 0, sales }));
    let told = truth.clone();
    bench.world.answer(move |request| told.lock().unwrap().answer(request));
    bench.install(strategy());
    bench.settings.reconcilers = Reconcilers::default().with(Arc::new(Questions));
    bench.live(async |machine| add_accounts(machine).await);
    (bench, truth)
}

fn set_round(truth: &Arc<Mutex<Truth>>, round: usize) {
    truth.lock().unwrap().round = round;
}

/// A run that dies at an operation of the disk, if it has so many: then `None`, else how many it had.
fn run_dying(bench: &mut Bench, at: Option<u64>) -> Option<u64> {
    let memory = bench.memory.clone();
    bench.now = bench.now.plus(DAY);
    bench.live(async |machine| {
        if let Some(at) = at {
            memory.inject(Fault::DeadAt(at));
        }
        let before = memory.ops();
        if matches!(machine.services.strategies.start("affiliate", Trigger::Operator).await, Ok(Ok(_))) {
            let over = || !machine.store.is_running() || machine.strategy("affiliate").last_outcome.is_some();
            machine.until("the run or the disk is over", over).await;
        }
        machine.store.is_running().then(|| memory.ops() - before)
    })
}

/// Whole runs: several, so that what was cut off before is ended, and all is told again by the last.
fn run_whole(bench: &mut Bench) {
    bench.now = bench.now.plus(DAY);
    bench.live(async |machine| {
        for _ in 0..3 {
            machine.idle("affiliate").await;
            // CJ is asked ten times a minute and no more.
            machine.pass(Duration::from_secs(120)).await;
            let run = machine.run("affiliate").await;
            assert_eq!(
                (run.outcome, &run.errors),
                (Some(Outcome::Succeeded), &Vec::new()),
                "{:?}",
                run.sources
            );
        }
    });
}

/// The books hold what the networks say, to the cent.
fn judge(bench: &Bench, truth: &Arc<Mutex<Truth>>, at: &str) {
    let balances: Balances = books(&bench.look(), at);
    let expected = truth.lock().unwrap().expected();
    for network in NETWORKS {
        let platform = || network.parse::<PlatformId>().unwrap();
        for account in
            [Account::Claimed(platform()), Account::Receivable(platform()), Account::Transit(platform())]
        {
            for code in CURRENCIES {
                let held = balances.of(&account, code.parse::<Currency>().unwrap());
                let cents = expected.get(&(account.clone(), code)).copied().unwrap_or_default();
                assert_eq!(held, Money::read(&decimal(cents), code).unwrap(), "{at}: {account} in {code}");
            }
        }
    }
}

fn some_sales() -> Vec<Sale> {
    use State::{Approved, Paid, Pending, Reversed};
    let sale = |network, currency, days_ago, rounds: &[(State, i64)]| Sale {
        network,
        currency,
        days_ago,
        rounds: rounds.to_vec(),
    };
    vec![
        sale(0, 0, 3, &[(Pending, 88), (Approved, 88), (Reversed, 88)]),
        sale(0, 1, 40, &[(Pending, 1_999), (Pending, 999), (Approved, 999)]),
        sale(0, 2, 41, &[(Approved, 5), (Approved, 7), (Approved, 3)]),
        sale(1, 2, 70, &[(Pending, 559), (Approved, 559), (Paid, 559)]),
        sale(1, 0, 2, &[(Approved, 4_047), (Reversed, 4_047), (Reversed, 4_047)]),
        sale(2, 1, 60, &[(Pending, 778), (Approved, 389), (Approved, 389)]),
        sale(2, 1, 61, &[(Approved, 1_000), (Approved, 0), (Reversed, 0)]),
        sale(2, 1, 5, &[(Approved, 10), (Approved, 12), (Approved, 11)]),
    ]
}

/// How many crashes are tried: some in a usual run, or as many as are asked for from outside; more than there are
/// operations tries each of them.
#[expect(clippy::disallowed_methods, reason = "a long run is asked for from outside")]
fn crashes(usual: u32) -> u32 {
    std::env::var("MONEY_MACHINE_TEST_CRASHES").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// One of each `wanted` parts of `1..=all`, so that a sample reaches from the first to the last.
fn sample(all: u64, wanted: u64) -> impl Iterator<Item = u64> {
    let wanted = wanted.clamp(1, all);
    let mut chance = SplitMix64(31);
    (0..wanted).map(move |part| {
        let (from, until) = (all * part / wanted, all * (part + 1) / wanted);
        1 + from + chance.next_u64() % (until - from)
    })
}

#[test]
fn wherever_the_disk_dies_the_ledger_is_right_to_the_cent() {
    let (mut prepared, truth) = bench(some_sales());
    run_whole(&mut prepared);
    judge(&prepared, &truth, "the first round");
    set_round(&truth, 1);
    let mut undisturbed = prepared.fork();
    let all = run_dying(&mut undisturbed, None).expect("nothing ends it");
    assert!(all > 50, "only {all} operations");
    let mut deaths = 0;
    for at in sample(all, crashes(CRASHES).into()) {
        set_round(&truth, 1);
        let mut bench = prepared.fork();
        deaths += u64::from(run_dying(&mut bench, Some(at)).is_none());
        books(&bench.look(), &format!("dead at operation {at}"));
        set_round(&truth, 2);
        run_whole(&mut bench);
        judge(&bench, &truth, &format!("after death at operation {at}"));
        let runs = rows::<RunRecord>(&bench.look());
        assert!(runs.iter().all(|(_, run)| run.outcome.is_some()), "nothing is left half done");
    }
    assert!(deaths > 3 || crashes(CRASHES) < 4, "only {deaths} of {all} operations were tried");
}

fn sale() -> impl Strategy<Value = Sale> {
    let state = prop::sample::select(vec![State::Pending, State::Approved, State::Paid, State::Reversed]);
    let rounds = prop::collection::vec((state, 1..100_000i64), 1..5);
    (0..3usize, 0..3usize, 0..75u32, rounds).prop_map(|(network, currency, days_ago, mut rounds)| {
        if network == 2 {
            // A record of CJ's never becomes pending again, and is taken back by corrections alone.
            rounds.sort_by_key(|(state, _)| *state != State::Pending);
        }
        Sale { network, currency, days_ago, rounds }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crashes(CASES)))]

    /// Rounds come in any order, an older one after a newer one too, some runs die; in the end the networks say
    /// what is so, and the books hold that.
    #[test]
    fn whatever_was_told_before_the_books_hold_what_is_told_last(
        sales in prop::collection::vec(sale(), 1..12),
        told in prop::collection::vec((0..5usize, prop::option::weighted(0.4, 1..800u64)), 1..5),
    ) {
        let (mut bench, truth) = bench(sales);
        for (round, dies) in &told {
            set_round(&truth, *round);
            run_dying(&mut bench, *dies);
            books(&bench.look(), "in between");
        }
        set_round(&truth, 4);
        run_whole(&mut bench);
        judge(&bench, &truth, "at the end");
    }
}
