//! What an alert says may leave the machine: the path of a request, which may name a private programme, is in no
//! alert, and is whole in the action's record.

use mm_core::activity::ActionRecord;
use mm_core::error::{TransportFault, Wall};
use mm_sdk::{Act, Report};
use mm_services::testing::{Bench, HOST, PLATFORM, Said, Script, get, head, limit, rule};

/// The handle of a private programme.
const CANARY: &str = "canary-handle";

/// A strategy that looks at a private programme, and tells of a refusal only that there was one.
fn looker() -> Script {
    Script::new("looker", |cx| {
        Box::pin(async move {
            let look = get(&format!("/programs/{CANARY}/structured_scopes?page=1"));
            match cx.act("look", look).await? {
                Act::Done(answer) => panic!("an answer with status {}", answer.status),
                Act::Refused(_) | Act::Pending(_) => Ok(Report::default()),
            }
        })
    })
}

/// One look, after which the alert of that name says each of `says`, and the record says all.
fn looked(bench: &mut Bench, about: &str, says: &[&str], recorded: &str) {
    bench.install(looker());
    bench.live(async |machine| {
        machine.run("looker").await;
        let alerts = machine.alerts();
        assert!(!alerts.iter().any(|told| format!("{told:?}").contains(CANARY)), "{alerts:?}");
        let (_, sentence) = alerts.iter().find(|(known, _)| known == about).expect("an alert");
        for part in says {
            assert!(sentence.contains(part), "{part}: {sentence}");
        }
        let records = machine.rows::<ActionRecord>();
        let [(id, record)] = records.as_slice() else { panic!("{records:?}") };
        if about.starts_with("blocked/") {
            let shows = format!("`money-machine actions show {id}`");
            assert!(sentence.contains(&shows) && sentence.contains(HOST), "{sentence}");
        }
        let whole = record.error.as_deref().expect("why");
        assert!(whole.contains(CANARY) && whole.contains(recorded), "{whole}");
    });
}

#[test]
fn an_alert_of_what_was_blocked_does_not_name_what_was_asked_for() {
    for (fault, kind) in [
        (TransportFault::ForbiddenAddress, "leads to no public address"),
        (TransportFault::Wall(Wall::Bot), "asks whether one is a person"),
    ] {
        let mut bench = Bench::new(1);
        bench.world.answer(move |_| Said::fault(fault));
        looked(&mut bench, "blocked/sim/read", &[kind, "looker", "sim/read"], kind);
    }
}

#[test]
fn an_alert_of_a_redirect_to_nowhere_does_not_name_what_was_asked_for() {
    let mut bench = Bench::new(2);
    bench.world.answer(|_| Said::redirect(302, &format!("https://127.0.0.1/{CANARY}")));
    let kind = "redirects to where nothing is called";
    looked(&mut bench, "blocked/sim/read", &[kind], "the address 127.0.0.1");
}

#[test]
fn an_alert_of_what_no_rule_names_does_not_name_what_was_asked_for() {
    for (strict, about) in [(true, "blocked/sim/read"), (false, "ask/sim/read")] {
        let mut bench = Bench::new(3);
        bench.settings.strict = strict;
        let other = rule("sim/read", "read", "permit", "GET", &format!("https://{HOST}/open*"));
        bench.rules.put("sim.toml", &[head(PLATFORM, &[HOST]), other, limit(9, "1d")].concat());
        looked(&mut bench, about, &["engine/no-rule"], "speaks of `read` by GET");
    }
}
