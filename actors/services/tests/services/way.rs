//! The way of an action, actor by actor: known while it is under way, kept with its record, and kept up to
//! the first byte should the process die there.

use std::time::Duration;

use mm_core::activity::{ActionRecord, Stage};
use mm_core::run::Trigger;
use mm_sdk::Report;
use mm_services::records::WayRow;
use mm_services::testing::{Bench, Machine, Said, Script, post, read};

fn reads_and_posts() -> Script {
    Script::new("both", |cx| {
        Box::pin(async move {
            read(cx, "look", "/look").await?;
            cx.act("write", post("/post", "body")).await?;
            Ok(Report::default())
        })
    })
}

fn way(machine: &Machine, step: &str) -> WayRow {
    let rows = machine.rows::<WayRow>();
    let found = rows.into_iter().find(|(id, _)| id.ends_with(&format!(".{step}")));
    found.unwrap_or_else(|| panic!("the way of {step} is not kept")).1
}

fn steps(way: &WayRow) -> Vec<String> {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    way.hops.iter().map(|hop| format!("{} {}", name(&hop.path), hop.kind)).collect()
}

#[test]
fn an_action_is_followed_from_its_strategy_to_the_platform_after_the_fact() {
    let mut bench = Bench::new(1);
    bench.install(reads_and_posts());
    bench.live(async |machine| {
        let run = machine.run("both").await;
        assert_eq!(run.errors, [] as [String; 0]);
        for step in ["look", "write"] {
            let way = way(machine, step);
            let steps = steps(&way);
            let order =
                ["gateway act", "compliance judge", "limiter acquire", "compliance permit", "limiter commit"];
            let mut at = 0;
            for wanted in order {
                let found = steps[at..].iter().position(|step| step == wanted);
                at += found.unwrap_or_else(|| panic!("{wanted} is not in order in {steps:?}"));
            }
            assert!(steps[at..].iter().any(|step| step.ends_with(" send")), "{steps:?}");
            let first = &way.hops[0];
            assert!(first.sender.as_deref().unwrap().ends_with("both"), "{first:?}");
            assert!(way.hops[1..].iter().all(|hop| hop.sender.is_some()), "{way:?}");
            assert!(way.hops.iter().all(|hop| hop.ok == Some(true)), "{way:?}");
        }
    });
}

#[test]
fn a_change_that_was_cut_off_can_be_followed_up_to_its_first_byte() {
    let mut bench = Bench::new(2);
    bench.install(reads_and_posts());
    bench.world.answer(|request| {
        let slow = if request.path() == "/post" { 600 } else { 0 };
        Said::status(200, "").after(Duration::from_secs(slow))
    });
    bench.live(async |machine| {
        machine.services.strategies.start("both", Trigger::Operator).await.unwrap().unwrap();
        machine.until("the post is on its way", || machine.world.count() == 2).await;
    });
    bench.live(async |machine| {
        let cut_off = |(_, action): &(String, ActionRecord)| action.stage == Stage::Ambiguous;
        machine.until("it is settled", || machine.rows::<ActionRecord>().iter().any(cut_off)).await;
        let steps = steps(&way(machine, "write"));
        assert_eq!(steps.last().map(String::as_str), Some("compliance permit"), "{steps:?}");
    });
}
