//! Nowhere that is not public is ever called: not by a proposal, not by a redirect of any spelling.

use mm_core::activity::{ActionRecord, Stage};
use mm_core::run::Outcome;
use mm_core::url::LogicalUrl;
use mm_services::testing::{Bench, HOST, Said, Script};

/// The spellings that core refuses as URLs; here a platform redirects to each of them.
const SPELLINGS: &str = include_str!("../../../core/tests/addresses.txt");

#[test]
fn a_redirect_to_any_spelling_of_an_address_goes_nowhere() {
    let spellings: Vec<&'static str> = SPELLINGS.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(spellings.len() >= 90);
    let base = LogicalUrl::parse(&format!("https://{HOST}/a")).unwrap();
    // Some are relative to where they came from and stay there; they are judged as any other.
    let away: Vec<_> = spellings.into_iter().filter(|spelling| base.join(spelling).is_err()).collect();
    assert!(away.len() >= 80, "{}", away.len());
    let mut bench = Bench::new(1);
    bench.rules.put("sim.toml", &mm_services::testing::pack(1_000_000, "1d"));
    bench.install(Script::reads("reader", &["/a"]));
    for spelling in away {
        bench.world.answer(move |_| Said::redirect(302, spelling));
        let before = bench.world.count();
        bench.live(async |machine| {
            let run = machine.run("reader").await;
            assert_eq!(run.outcome, Some(Outcome::Failed), "{spelling}");
            assert!(
                run.errors[0].contains("redirects to where nothing is called"),
                "{spelling}: {:?}",
                run.errors
            );
            assert!(!run.errors[0].contains("pass@"), "{spelling}: {:?}", run.errors);
            let newest = machine.rows::<ActionRecord>().into_iter().max_by_key(|(_, row)| row.updated_at);
            assert!(newest.is_some_and(|(_, row)| row.stage == Stage::Failed), "{spelling}");
        });
        assert_eq!(bench.world.count(), before + 1, "{spelling}");
    }
}
