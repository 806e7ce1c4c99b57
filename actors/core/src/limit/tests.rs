use proptest::prelude::*;

use super::*;

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
    "#]]
    .assert_eq(&lines);
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
