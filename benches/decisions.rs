//! Decisions of compliance: how many a second, and how long the slowest take, with every rule pack of the
//! program loaded. Beside the acts of one pack alone, so that the share of the packs that do not speak shows.
//!
//! What is measured is the judgement of what the road hands over: taking the text out of the request,
//! finding the rules, checking the duties. Reading rule files is measured on its own; it happens when
//! they change.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench measures real time and may stop"
)]

#[path = "support/figures.rs"]
mod figures;
#[path = "support/rounds.rs"]
mod rounds;

use std::hint::black_box;
use std::time::Instant;

use figures::{heading, line, median, quantile};
use mm_core::action::{Action, ActionKind, Method, Request};
use mm_core::moment::Moment;
use mm_core::rule::{Inputs, RuleSet};
use mm_core::url::LogicalUrl;
use money_machine::rules::BUILT_IN;
use rounds::{order, ratio};

const ROUNDS: usize = 30;
/// Decisions in a round.
const DECISIONS: usize = 2_000;

fn files(wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let own = BUILT_IN.iter().filter(|(name, _)| wanted(name));
    own.map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn action(kind: &str, method: Method, url: &str, body: Vec<u8>) -> Action {
    let request = Request::new(method, LogicalUrl::parse(url).unwrap(), body).unwrap();
    let action = Action::of("github".parse().unwrap(), ActionKind::new(kind), request, "bench");
    let mut action = action.with_account("main".parse().unwrap());
    action.facts.insert("repository-policy".to_owned(), "allow".to_owned());
    action
}

fn comment(text: &str) -> Action {
    let url = "https://api.github.com/repos/acme/shop/issues/7/comments";
    let body = serde_json::to_vec(&serde_json::json!({ "body": text })).unwrap();
    action("comment", Method::Post, url, body)
}

/// The acts that are judged, by name.
fn acts() -> Vec<(&'static str, Action)> {
    let read = "https://api.github.com/repos/acme/shop/contents/AI_POLICY.md";
    let attempt = "/attempt #7\n\nFirst a test that fails, then the fix, then the documentation. ".repeat(6);
    let long = "See https://example.com/a and [this](https://example.com/b), **please**. ".repeat(850);
    let foreign = "https://api.github.com/user/repos";
    vec![
        ("a read", action("read", Method::Get, read, Vec::new())),
        ("an attempt, 400 bytes", comment(&attempt)),
        ("what no rule speaks of", action("other", Method::Get, foreign, Vec::new())),
        ("a comment of 60 KiB with 1,700 links", comment(&long)),
    ]
}

/// Seconds of each of so many decisions.
fn decide(rules: &RuleSet, action: &Action, count: usize) -> Vec<f64> {
    let at: Moment = "2026-11-23T00:00:00Z".parse().unwrap();
    let one = |_| {
        let began = Instant::now();
        black_box(Inputs::of(rules, black_box(action), Some("DE"), at, true).judge(rules));
        began.elapsed().as_secs_f64()
    };
    (0..count).map(one).collect()
}

fn main() {
    let all = RuleSet::parse(&files(|_| true)).unwrap();
    let alone = RuleSet::parse(&files(|name| name == "github.toml")).unwrap();
    heading("decisions, one thread");
    line("rule packs", all.packs().len() as f64, "files");
    line("rules", all.rules().count() as f64, "rules");
    for (name, action) in acts() {
        let count = if action.request.body().len() > 10_000 { DECISIONS / 100 } else { DECISIONS };
        let sides = [&all, &alone];
        let mut means = [Vec::new(), Vec::new()];
        let mut times = Vec::new();
        for round in 0..ROUNDS {
            for side in order(sides.len(), round) {
                let taken = decide(sides[side], &action, count);
                means[side].push(taken.iter().sum::<f64>() / count as f64);
                if side == 0 {
                    times.extend(taken);
                }
            }
        }
        line(&format!("{name}: decisions"), 1.0 / median(&means[0]), "/s");
        line(&format!("{name}: p50"), quantile(&times, 0.5) * 1e6, "us");
        line(&format!("{name}: p99"), quantile(&times, 0.99) * 1e6, "us");
        line(&format!("{name}: all packs to its own alone"), ratio(&means[0], &means[1]), "times");
    }
    heading("reading");
    let texts = files(|_| true);
    let reads: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            black_box(RuleSet::parse(black_box(&texts)).unwrap());
            began.elapsed().as_secs_f64()
        })
        .collect();
    line("every rule file, read and checked", median(&reads) * 1e3, "ms");
}
