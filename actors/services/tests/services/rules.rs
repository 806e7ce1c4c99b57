//! Rule files: what happens when they go, break, or change between judgement and permit.

use mm_services::testing::{Bench, PLATFORM, Script, pack};
use mm_core::run::Outcome;

const FILE: &str = "sim.toml";

#[test]
fn a_rule_file_removed_stops_everything_and_is_named_and_its_return_needs_no_restart() {
    let mut bench = Bench::new(1);
    bench.install(Script::reads("reader", &["/a"]));
    let rules = bench.rules.clone();
    bench.live(async |machine| {
        rules.remove(FILE);
        let run = machine.run("reader").await;
        assert_eq!(run.outcome, Some(Outcome::Failed));
        assert_eq!(machine.world.count(), 0, "nothing may leave without rules");
        let named = format!("etc/rules/{PLATFORM}.toml");
        assert!(run.errors[0].contains(&named), "{:?}", run.errors);
        let blocked = machine.audit_of("action.blocked");
        assert!(blocked.len() == 1 && blocked[0].contains(&named), "{blocked:?}");
        assert!(machine.alerts().iter().any(|(_, sentence)| sentence.contains(&named)));

        rules.put(FILE, &pack(1000, "1d"));
        assert_eq!(machine.run("reader").await.outcome, Some(Outcome::Succeeded));
        assert_eq!(machine.world.paths(), ["GET /a"]);
    });
}
