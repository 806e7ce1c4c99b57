use proptest::prelude::*;

use super::*;
use crate::action::ActionKind;
use crate::id::{AccountId, PlatformId, Space, StrategyId};

fn quota(max: u32, per_ms: u64) -> Quota {
    Quota { max, per_ms, ..Quota::daily_actions(0) }
}

fn at(ms: i64) -> Moment {
    Moment::from_unix_ms(ms)
}

fn restarted(state: &QuotaState) -> QuotaState {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

/// The most grants in any closed window of `per` milliseconds.
fn most_in_a_window(grants: &[i64], per: i64) -> usize {
    let in_window = |from: i64| grants.iter().filter(|&&t| (from..=from + per).contains(&t)).count();
    grants.iter().map(|&from| in_window(from)).max().unwrap_or(0)
}

#[test]
fn over_all_short_histories_it_grants_exactly_what_a_sliding_window_grants() {
    for max in 0..=3u32 {
        for code in 0..5i64.pow(7) {
            let (quota, mut state) = (quota(max, 3), QuotaState::default());
            let (mut now, mut left, mut grants) = (0, code, Vec::new());
            for _ in 0..7 {
                now += left % 5;
                left /= 5;
                let counted = grants.iter().filter(|&&t| now - t <= 3).count();
                let expected = counted < max as usize;
                let got = state.decide(&quota, at(now));
                assert_eq!(got == Spend::Granted, expected, "max {max}, history {code}, at {now}: {got:?}");
                if expected {
                    grants.push(now);
                }
            }
        }
    }
}

#[test]
fn a_limit_of_three_a_day_is_three_over_any_number_of_restarts() {
    let quota = quota(3, 86_400_000);
    let mut state = QuotaState::default();
    let mut granted = 0;
    for restart in 0..200 {
        state = restarted(&state);
        granted += u32::from(state.decide(&quota, at(restart * 1000)) == Spend::Granted);
    }
    assert_eq!(granted, 3);
    let Spend::Full { retry_at: Some(retry_at), learned: false } = state.decide(&quota, at(300_000)) else {
        panic!("full")
    };
    assert_eq!(retry_at, at(86_400_001));
}

#[test]
fn a_limit_of_zero_never_grants_and_says_never() {
    let never = Spend::Full { retry_at: None, learned: false };
    assert_eq!(QuotaState::default().decide(&quota(0, 1000), at(0)), never);
}

#[test]
fn several_quotas_are_charged_all_or_none() {
    let (wide, narrow) = (quota(10, 1000), quota(1, 1000));
    let (mut a, mut b) = (QuotaState::default(), QuotaState::default());
    assert_eq!(decide_all(&mut [(&wide, &mut a), (&narrow, &mut b)], at(0)), Ok(()));
    let (place, full) = decide_all(&mut [(&wide, &mut a), (&narrow, &mut b)], at(1)).unwrap_err();
    assert_eq!((place, full), (1, Spend::Full { retry_at: Some(at(1001)), learned: false }));
    assert_eq!(a.remaining(&wide, at(1)), 9, "what was not done is not charged");
}

#[test]
fn what_headers_say_lowers_the_budget_and_never_raises_it() {
    let quota = quota(5, 1000);
    let mut state = QuotaState::default();
    state.learn(&quota, Learned { remaining: 1_000, reset_at: at(10_000) }, at(0));
    assert_eq!(state.remaining(&quota, at(0)), 5);
    state.learn(&quota, Learned { remaining: 1, reset_at: at(500) }, at(0));
    assert_eq!(state.decide(&quota, at(1)), Spend::Granted);
    let learned = Spend::Full { retry_at: Some(at(500)), learned: true };
    assert_eq!(state.decide(&quota, at(2)), learned);
    state.learn(&quota, Learned { remaining: 900, reset_at: at(500) }, at(3));
    assert_eq!(restarted(&state).decide(&quota, at(4)), learned, "a kinder word changes nothing");
    assert_eq!(state.remaining(&quota, at(500)), 4);
}

#[test]
fn more_words_than_are_kept_are_taken_at_the_worst_of_each() {
    let quota = quota(100, 1_000_000);
    let mut state = QuotaState::default();
    for step in 1..=12u32 {
        let learned = Learned { remaining: step, reset_at: at(i64::from(step) * 1000) };
        state.learn(&quota, learned, at(0));
    }
    assert!(state.lowered.len() <= LOWERED_MAX);
    assert_eq!(state.remaining(&quota, at(0)), 1);
    assert!((1..=12).all(|step: u32| state.remaining(&quota, at(i64::from(step) * 1000 - 1)) <= step));
}

/// What a platform said holds over a restart, and over a clock that is set back, for as long as it had to go.
#[test]
fn what_headers_said_moves_with_the_clock_and_ends_with_its_time() {
    let quota = quota(5, 1000);
    let mut state = QuotaState::default();
    let learned = Learned { remaining: 2, reset_at: at(900) };
    state.learn(&quota, learned, at(1_000));
    assert!(state.is_blank(), "what is over already teaches nothing");
    state.learn(&quota, Learned { reset_at: at(1_600), ..learned }, at(1_000));
    assert_eq!(state.lowered(at(1_000)), [(at(1_600), 2)]);
    assert_eq!(state.lowered(at(1_600)), []);

    let mut other_life = restarted(&state);
    other_life.take_up(at(50_000), Duration::from_millis(200));
    assert_eq!(other_life.lowered(at(50_000)), [(at(50_400), 2)], "400 ms were left of it");

    state.stored_at(at(700), None);
    assert_eq!(state.lowered(at(700)), [(at(1_300), 2)], "600 ms were left of it");
    assert_eq!(state.remaining(&quota, at(700)), 2);
}

/// Where the clock went back since, nobody knows which rows are which, so none is given back.
#[test]
fn after_a_clock_that_went_back_nothing_is_freed() {
    let quota = quota(2, 1_000);
    let mut state = QuotaState::default();
    assert_eq!(state.decide(&quota, at(500)), Spend::Granted);
    state.take_up(at(10_000), Duration::ZERO);
    let taken_up = state.clone();
    assert_eq!(state.remaining(&quota, at(10_000)), 1);
    state.stored_at(at(9_000), None);
    let before = state.clone();
    state.had_passed(&taken_up, Duration::from_millis(5_000));
    assert_eq!(state, before);
}

/// Each time the clock is set back a little, rows come to lie closer than the grain. Once there are too many
/// they are put together on the latest of each grain: all count as long as they must, and none is lost.
#[test]
fn rows_of_a_clock_that_is_set_back_again_and_again_are_put_together() {
    let quota = quota(5_000, 64_000);
    let mut state = QuotaState::default();
    let mut now = at(1_000_000);
    for step in 0..=ROWS_MAX {
        now = if step == 66 { now.plus(Duration::from_secs(5)) } else { now.minus(Duration::from_millis(9)) };
        assert_eq!(state.decide(&quota, now), Spend::Granted);
    }
    assert_eq!(state.rows.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [66, 65], "each five seconds apart");
    let end_of_the_first = now.plus(Duration::from_millis(64_000 - 5_000));
    assert_eq!(state.remaining(&quota, end_of_the_first), 5_000 - 131, "all of them count");
    assert_eq!(state.remaining(&quota, now.plus(Duration::from_millis(64_000))), 5_000 - 65);
    assert_eq!(state.remaining(&quota, now.plus(Duration::from_millis(66_000))), 5_000);
}

/// Each limit stands in the way under the name of its layer.
#[test]
fn every_scope_is_of_a_layer() {
    use LimitScope::{Account, Ip, Machine, Platform, Space, Strategy};
    let layers = [Account, Ip, Platform, Space, Strategy, Machine]
        .map(|scope| Quota { scope, ..quota(1, 1) }.layer().as_str());
    assert_eq!(layers, ["account", "platform", "platform", "platform", "strategy", "machine"]);
    assert!(Priority::SYSTEM < Priority::of_strategy(0) && Priority::of_strategy(0) == Priority(1));
}

/// What the first version stored counts as it did: spends, words of headers, and its wall clock.
#[test]
fn a_state_of_the_first_version_counts_on() {
    let quota = quota(5, 1_000);
    let state = QuotaState::of_version_1(at(100), vec![(at(50), 2), (at(100), 1)], vec![(at(600), 1)]);
    assert_eq!(state.wall(), Some(at(100)));
    assert_eq!([100, 600, 1_051, 1_101].map(|now| state.remaining(&quota, at(now))), [1, 2, 4, 5]);
    let cool = CoolDown::of_version_1(Some(at(900)), at(100), 2);
    assert_eq!(cool.wall(), None, "it did not say whether its clock was trusted");
}

#[test]
fn names_of_quotas_say_whom_they_count_for() {
    let platform: PlatformId = "github".parse().unwrap();
    let (kind, account) = (ActionKind::new("comment"), "main".parse::<AccountId>().unwrap());
    let space = Space::default_owner();
    let mut lines = String::new();
    for scope in [LimitScope::Ip, LimitScope::Platform, LimitScope::Account, LimitScope::Space] {
        for (kind, account) in [(None, None), (Some(&kind), Some(&account))] {
            let minute = Duration::from_secs(60);
            let quota = Quota::of_platform(scope, &platform, kind, account, &space, 10, minute);
            lines += &match quota {
                Some(quota) => format!("{} {} = {quota}\n", quota.space, quota.key),
                None => format!("{} without an account: none\n", scope.as_str()),
            };
        }
    }
    lines += &format!("{}\n", Quota::daily_actions(50));
    let own: StrategyId = "micro-tasks".parse().unwrap();
    let quota = Quota::daily_of_strategy(&space, &own, 7);
    lines += &format!("{} {} = {quota}\n", quota.space, quota.key);
    expect_test::expect![[r#"
        _ ip/github/*/1m = 10 in 1m per ip at github
        _ ip/github/comment/1m = 10 in 1m per ip for `comment` at github
        _ platform/github/*/1m = 10 in 1m per platform at github
        _ platform/github/comment/1m = 10 in 1m per platform for `comment` at github
        account without an account: none
        default account/github/comment/1m/main = 10 in 1m per account for `comment` at github
        default space/github/*/1m = 10 in 1m per space at github
        default space/github/comment/1m = 10 in 1m per space for `comment` at github
        50 in 1d per machine
        default strategy/*/*/1d/micro-tasks = 7 in 1d per strategy `micro-tasks`
    "#]]
    .assert_eq(&lines);
}

#[test]
fn a_word_concerns_the_limit_it_names_else_its_window_else_the_narrowest() {
    let platform: PlatformId = "github".parse().unwrap();
    let (search, account) = (ActionKind::new("search"), "main".parse::<AccountId>().unwrap());
    let of = |scope, kind, secs| {
        let per = Duration::from_secs(secs);
        Quota::of_platform(scope, &platform, kind, Some(&account), &Space::default_owner(), 10, per).unwrap()
    };
    let quotas = [
        Quota::daily_actions(50),
        of(LimitScope::Platform, None, 3600),
        of(LimitScope::Account, Some(&search), 60),
        of(LimitScope::Platform, None, 60),
    ];
    let place = |name: Option<&str>, window: Option<u64>| {
        let learned = Learned { remaining: 0, reset_at: at(1) };
        let told = Told { name: name.map(str::to_owned), window: window.map(Duration::from_secs), learned };
        spoken_of(&quotas, &told)
    };
    assert_eq!(place(Some("search"), Some(3600)), Some(2), "by name");
    assert_eq!(place(Some("core"), None), Some(1));
    assert_eq!(place(Some("graphql"), Some(3600)), Some(1), "by window");
    assert_eq!(place(None, Some(60)), Some(2));
    assert_eq!(place(None, None), Some(2), "the narrowest");
    let told = Told { name: None, window: None, learned: Learned { remaining: 0, reset_at: at(1) } };
    assert_eq!(spoken_of(&quotas[..1], &told), None, "the owner's own cap is not the platform's");
}

/// A state that another life stored counts as it did, but for the time that has certainly passed.
#[test]
fn what_was_spent_in_another_life_counts_until_its_time_has_certainly_passed() {
    let quota = quota(2, 1_000);
    for (clock, passed, left) in
        [(0, 0, 0), (1 << 40, 0, 0), (-500, 0, 0), (0, 999, 0), (0, 1_001, 2), (7, 500, 0)]
    {
        let mut state = QuotaState::default();
        assert_eq!(state.decide(&quota, at(100)), Spend::Granted);
        assert_eq!(state.decide(&quota, at(100)), Spend::Granted);
        let mut state = restarted(&state);
        state.take_up(at(100 + clock), Duration::from_millis(passed));
        assert_eq!(state.remaining(&quota, at(100 + clock)), left, "clock {clock}, passed {passed}");
        // What is found out later frees what was spent before, and nothing that was spent since.
        if left == 0 {
            let mut since = state.clone();
            since.had_passed(&state, Duration::from_millis(2_000));
            assert_eq!(since.remaining(&quota, at(100 + clock)), 2);
        }
    }
    let (mut state, now) = (QuotaState::default(), at(5_000));
    state.decide(&quota, at(100));
    state.take_up(now, Duration::ZERO);
    let taken_up = state.clone();
    assert_eq!(state.decide(&quota, now), Spend::Granted);
    state.had_passed(&taken_up, Duration::from_millis(10_000));
    assert_eq!(state.remaining(&quota, now), 1, "what was spent in this life counts on");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Real time only goes on; the wall clock may be set back at any step, and the process may end
    /// after any step. In no window of real time are there more than `max`.
    #[test]
    fn in_no_window_are_there_more_than_the_limit(
        max in 1u32..200, per in 1u64..5_000,
        steps in prop::collection::vec((0i64..400, 0i64..8, any::<bool>()), 1..700)
    ) {
        let quota = quota(max, per);
        let (mut state, mut real, mut offset) = (QuotaState::default(), 0i64, 0i64);
        let mut grants = Vec::new();
        for (wait, back, restart) in steps {
            // Mostly bursts, so that large limits are reached; now and then a pause.
            real += if wait < 390 { wait / 150 } else { wait };
            if back == 7 {
                offset -= wait * 37;
            }
            if restart {
                state = restarted(&state);
            }
            if state.decide(&quota, at(real + offset)) == Spend::Granted {
                grants.push(real);
            }
            prop_assert!(state.rows.len() <= ROWS_MAX + 1, "{} rows", state.rows.len());
            prop_assert!(state.rows.is_sorted());
            let (wall, longest) = (real + offset, i64::try_from(per).unwrap() + quota.grain_ms() + 1);
            let whole_at = state.whole_at(&quota, at(wall));
            prop_assert!(whole_at <= at(wall + longest), "a clock set back freezes nothing");
        }
        let most = most_in_a_window(&grants, i64::try_from(per).unwrap());
        prop_assert!(most <= max as usize, "{most} of {max} in {per} ms");
    }

    /// It is not only safe but of use: after the moment it names, there is room, and within a
    /// window and a grain the whole quota is back.
    #[test]
    fn when_it_says_come_back_there_is_room(
        max in 1u32..200, per in 1u64..100_000, waits in prop::collection::vec(0i64..50, 1..300)
    ) {
        let quota = quota(max, per);
        let (mut state, mut now) = (QuotaState::default(), 0i64);
        for wait in waits {
            now += wait;
            if let Spend::Full { retry_at, .. } = state.decide(&quota, at(now)) {
                let retry_at = retry_at.unwrap();
                prop_assert!(at(now) < retry_at);
                let latest = now + i64::try_from(per).unwrap() + quota.grain_ms() + 1;
                prop_assert!(retry_at <= at(latest));
                let too_early = state.clone().decide(&quota, at(retry_at.unix_ms() - 1));
                prop_assert!(too_early != Spend::Granted);
                prop_assert_eq!(state.clone().decide(&quota, retry_at), Spend::Granted);
            }
            let whole_at = state.whole_at(&quota, at(now));
            prop_assert_eq!(state.remaining(&quota, whole_at), max);
        }
    }

    /// Whatever a server writes into its headers: what is left never grows by it.
    #[test]
    fn no_header_raises_a_budget(
        spends in 0u32..6,
        lines in prop::collection::vec((0usize..9, "[0-9]{1,13}|\"[a-z]{1,3}\"(;[rtqw]=-?[0-9]{1,9}){0,3}|[a-z0-9;=, \"]{0,20}"), 0..6),
        look in 0i64..100_000,
    ) {
        const NAMES: [&str; 9] = [
            "ratelimit", "ratelimit-policy", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset",
            "x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-resource", "x-rate-limit-remaining",
        ];
        let platform: PlatformId = "p".parse().unwrap();
        let minute = Duration::from_secs(60);
        let quota = Quota::of_platform(LimitScope::Platform, &platform, None, None, &Space::machine(), 5, minute).unwrap();
        let mut state = QuotaState::default();
        for _ in 0..spends {
            state.decide(&quota, at(0));
        }
        let headers: Vec<_> = lines.into_iter().map(|(name, value)| (NAMES[name].to_owned(), value)).collect();
        let before = state.clone();
        for told in hear(&headers, at(0)) {
            prop_assert_eq!(spoken_of(std::slice::from_ref(&quota), &told), Some(0));
            state.learn(&quota, told.learned, at(0));
        }
        for later in [0, look] {
            prop_assert!(state.remaining(&quota, at(later)) <= before.remaining(&quota, at(later)));
        }
    }

    /// Over any number of lives whose clocks agree in nothing, each of which knows at most what has passed,
    /// there are never more than `max` in a window of real time.
    #[test]
    fn over_lives_with_any_clocks_there_are_never_more_than_the_limit(
        max in 1u32..6,
        steps in prop::collection::vec((0i64..400, 0u8..6, -5_000i64..5_000, 0u8..3), 1..200)
    ) {
        let quota = quota(max, 1_000);
        let (mut state, mut real, mut offset) = (QuotaState::default(), 0i64, 0i64);
        let (mut stored_real, mut taken_up, mut owed, mut grants) = (0i64, state.clone(), 0i64, Vec::new());
        for (wait, restart, clock, known) in steps {
            real += wait;
            if restart == 0 {
                // The process ends; down for a while; another clock.
                offset = clock;
                state = restarted(&state);
                let passed = real - stored_real;
                let believed = if known == 0 { 0 } else { passed / i64::from(known) };
                state.take_up(at(real + offset), Duration::from_millis(u64::try_from(believed).unwrap()));
                (taken_up, owed) = (state.clone(), passed - believed);
            } else if restart == 1 {
                // What had passed before is found out.
                state.had_passed(&taken_up, Duration::from_millis(u64::try_from(owed).unwrap()));
                owed = 0;
            }
            if state.decide(&quota, at(real + offset)) == Spend::Granted {
                grants.push(real);
            }
            stored_real = real;
        }
        let most = most_in_a_window(&grants, 1_000);
        prop_assert!(most <= max as usize, "{most} of {max}");
    }

    /// Whatever headers say, and in whatever order, the budget is never larger for it.
    #[test]
    fn learning_never_leaves_more(
        max in 1u32..20, spends in 0u32..20,
        words in prop::collection::vec((0u32..30, 0i64..3_000), 1..20), look in 0i64..4_000
    ) {
        let quota = quota(max, 1_000);
        let mut state = QuotaState::default();
        for _ in 0..spends {
            state.decide(&quota, at(0));
        }
        for (remaining, reset) in words {
            let before = state.clone();
            let learned = Learned { remaining, reset_at: at(reset) };
            state.learn(&quota, learned, at(0));
            prop_assert!(state.lowered.len() <= LOWERED_MAX);
            for later in [0, look] {
                let left = state.remaining(&quota, at(later));
                prop_assert!(left <= before.remaining(&quota, at(later)));
                if later < reset {
                    prop_assert!(left <= remaining);
                }
            }
        }
    }
}
