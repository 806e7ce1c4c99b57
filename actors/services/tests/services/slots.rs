//! A credential slot that a proposal brings with it is never filled and never leaves: it may stand there
//! because somebody else wrote it.

use mm_core::action::Request;
use mm_core::activity::{ActionRecord, Stage};
use mm_sdk::{Act, Action, Method, Report};
use mm_services::testing::{Bench, Script, action, url};

const SLOTS: [&str; 5] = [
    "{vault:sim/main/token@1}",
    "see {vault:sim/main/token@1} here",
    "{VAULT:sim/main/token@1}",
    "{vault:",
    "%7bvault:sim/main/token@1%7d",
];

/// The places of a request that a strategy may put a text in.
fn acts(text: &str) -> Vec<Action> {
    let post = |kind: &str, body: String| {
        let request = Request::new(Method::Post, url("/post"), body.into_bytes()).unwrap();
        action("post", request.header("content-type", kind).unwrap())
    };
    let mut acts = vec![
        post("text/plain", text.to_owned()),
        post("application/json", format!("{{\"body\":\"{text}\"}}")),
        post("application/x-www-form-urlencoded", format!("body={text}")),
    ];
    acts.extend(Request::get(url("/a")).header("x-note", text).map(|request| action("read", request)));
    let path = format!("https://sim.example.com/a?q={text}");
    acts.extend(mm_core::url::LogicalUrl::parse(&path).map(|url| action("read", Request::get(url))));
    acts
}

#[test]
fn a_slot_that_a_proposal_brings_with_it_never_leaves() {
    for text in SLOTS {
        let mut bench = Bench::new(1);
        bench.install(Script::new("reader", move |cx| {
            Box::pin(async move {
                let mut errors = Vec::new();
                for (nth, act) in acts(text).into_iter().enumerate() {
                    match cx.act(&format!("s{nth}"), act).await? {
                        Act::Refused(refusal) => errors.push(refusal.why),
                        other => panic!("{text}: {other:?}"),
                    }
                }
                Ok(Report { errors, ..Report::default() })
            })
        }));
        bench.live(async |machine| {
            let run = machine.run("reader").await;
            assert!(run.errors.len() >= 4, "{text}: {:?}", run.errors);
            assert!(run.errors.iter().all(|why| why.contains("slot")), "{text}: {:?}", run.errors);
            assert_eq!(machine.world.count(), 0, "{text}");
            let records = machine.rows::<ActionRecord>();
            assert!(
                records.iter().all(|(_, row)| matches!(row.stage, Stage::Blocked | Stage::Failed)),
                "{text}: {records:?}"
            );
        });
    }
}
