//! The rules of the comparison, one by one, as short stories.
//!
//! A story is a line per read: the hour, then the programmes. `a=x,y` has the targets x and y in
//! scope, `a=x,-y` has y out of scope, `a=x:web` has a kind, `a=x$500` pays 500, `a=x~` could be
//! read only in part, `?a` could not be read, `?` could not be read and has no key. `same` is
//! "not modified", `fail` is no answer. Shown is what was found: `!` in front of what is told.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

use expect_test::{Expect, expect};
use mm_sdk::Moment;
use mm_strategies::bug_bounty::digest::fnv64;
use mm_strategies::bug_bounty::feed::{Feed, Skipped};
use mm_strategies::bug_bounty::finding::Finding;
use mm_strategies::bug_bounty::memory::{GONE_PROGRAMMES_MAX, Memory, TARGETS_MAX};
use mm_strategies::bug_bounty::scope::{Amount, Payout, Programme, Source, State, Target};
use std::fmt::Write;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn target(text: &str) -> Target {
    let (identifier, kind) = text.split_once(':').unwrap_or((text, "url"));
    Target {
        kind: kind.into(),
        identifier: identifier.trim_start_matches('-').into(),
        in_scope: !identifier.starts_with('-'),
        eligible_for_bounty: None,
        severity: None,
    }
}

fn programme(text: &str) -> Programme {
    let (text, partial) = text.strip_suffix('~').map_or((text, false), |text| (text, true));
    let (text, pays) = text.split_once('$').map_or((text, None), |(text, pays)| (text, Some(pays)));
    let (key, targets) = text.split_once('=').unwrap();
    Programme {
        key: key.into(),
        name: key.into(),
        url: None,
        state: State::Open,
        offers_bounty: None,
        payout: pays.and_then(|pays| Payout::of(None, Amount::from_decimal(pays), None)),
        targets: targets.split(',').filter(|text| !text.is_empty()).map(target).collect(),
        partial,
    }
}

fn feed(words: &str) -> Feed {
    let (skipped, read): (Vec<&str>, Vec<&str>) =
        words.split_whitespace().partition(|word| word.starts_with('?'));
    let skipped = skipped.into_iter().enumerate().map(|(position, word)| Skipped {
        position,
        key: Some(&word[1..]).filter(|key| !key.is_empty()).map(Into::into),
        reason: "a story".to_owned(),
    });
    let mut programmes: Vec<Programme> = read.into_iter().map(programme).collect();
    programmes.sort_by(|a, b| a.key.cmp(&b.key));
    Feed {
        source: Source::YesWeHack,
        programmes,
        skipped: skipped.collect(),
        digest: fnv64(words.as_bytes()),
    }
}

fn line(finding: &Finding) -> String {
    let mark = if finding.tell { "!" } else { "" };
    let baseline = if finding.baseline { " (baseline)" } else { "" };
    let targets: Vec<&str> = finding.targets.iter().map(|target| &*target.identifier).collect();
    let back = if finding.targets_returned > 0 {
        format!(" +{} back", finding.targets_returned)
    } else {
        String::new()
    };
    format!("{mark}{} {} [{}]{back}{baseline}", finding.kind.word(), finding.programme, targets.join(" "))
}

fn tell(story: &str) -> (Memory, String) {
    let mut memory = Memory::new(Source::YesWeHack);
    let mut out = String::new();
    for read in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (hour, words) = read.split_once(' ').unwrap();
        let now = Moment::from_unix_ms(0).plus(HOUR * hour.parse::<u32>().unwrap());
        let observed = match words.trim() {
            "same" => memory.unchanged(now),
            "fail" => memory.failed(now),
            words => match memory.observe(&feed(words), now) {
                Ok(observed) => observed,
                Err(error) => {
                    writeln!(out, "{hour}: {error}").unwrap();
                    continue;
                }
            },
        };
        for finding in &observed.findings {
            writeln!(out, "{hour}: {}", line(finding)).unwrap();
        }
        if let Some(turned) = observed.turned {
            writeln!(out, "{hour}: {turned:?}").unwrap();
        }
    }
    (memory, out)
}

fn check(story: &str, expected: Expect) {
    expected.assert_eq(&tell(story).1);
}

#[test]
fn a_new_kind_is_no_addition_and_out_to_in_is() {
    check(
        "0 a=x:web,-y
         1 a=x:api,-y
         2 a=x:api,y
         3 a=x,-x,y",
        expect![[r#"
            0: programme_added a [x] (baseline)
            2: !targets_added a [y]
        "#]],
    );
}

#[test]
fn a_programme_is_called_gone_late_and_its_return_is_no_news_of_targets() {
    check(
        "0 a=x b=y
         1 a=x
         40 same
         80 a=x c=z
         81 b=y,new a=x c=z",
        expect![[r#"
            0: programme_added a [x] (baseline)
            0: programme_added b [y] (baseline)
            80: !programme_added c [z]
            80: !programme_gone b []
            81: !programme_returned b [new y] +1 back
            81: !targets_added b [new] +1 back
        "#]],
    );
}

#[test]
fn a_flap_is_listed_and_not_told() {
    check(
        "0 a=x b=y
         1 a=x
         2 a=x b=y
         3 b=y a=",
        expect![[r#"
            0: programme_added a [x] (baseline)
            0: programme_added b [y] (baseline)
            2: programme_returned b [y]
        "#]],
    );
}

#[test]
fn two_reads_far_apart_confirm_nothing() {
    check(
        "0 a=x b=y
         1 a=x
         500 a=x c=z
         501 same",
        expect![[r#"
            0: programme_added a [x] (baseline)
            0: programme_added b [y] (baseline)
            500: !programme_added c [z]
            501: !programme_gone b []
        "#]],
    );
}

#[test]
fn one_version_alone_confirms_only_at_the_last_read_but_one_before_96_hours() {
    check(
        "0 a=x,y
         1 a=x
         40 same
         67 same
         73 same
         79 same
         85 same",
        expect![[r#"
            0: programme_added a [x y] (baseline)
            85: !targets_gone a [y]
        "#]],
    );
}

/// A source that is read once a day is waited for three of them: the fourth might come too late.
#[test]
fn what_is_read_seldom_is_called_gone_in_time_too() {
    check(
        "0 a=x,y
         24 a=x
         48 same
         72 same
         96 same",
        expect![[r#"
            0: programme_added a [x y] (baseline)
            96: !targets_gone a [y]
        "#]],
    );
}

#[test]
fn a_target_that_moves_out_of_scope_is_gone_after_the_wait() {
    check(
        "0 a=x,y
         1 a=x,-y
         40 a=x,-y,-z
         80 a=x,-y
         81 a=x,y",
        expect![[r#"
            0: programme_added a [x y] (baseline)
            80: !targets_gone a [y]
        "#]],
    );
}

#[test]
fn what_cannot_be_read_is_not_missing() {
    check(
        "0 a=x b=y c=z
         1 a=x ?b ?c
         40 a=x,n ?b ?c
         80 a=x ?b ?c
         120 a=x b=y c=z",
        expect![[r#"
            0: programme_added a [x] (baseline)
            0: programme_added b [y] (baseline)
            0: programme_added c [z] (baseline)
            40: !targets_added a [n]
        "#]],
    );
}

#[test]
fn many_that_cannot_be_read_are_no_shrinking() {
    check(
        "0 a=1 b=1 c=1 d=1 e=1 f=1 g=1 h=1 i=1 j=1
         1 a=1 b=1 c=1 d=1 e=1 f=1 ?g ?h ?i ?j",
        expect![[r#"
            0: programme_added a [1] (baseline)
            0: programme_added b [1] (baseline)
            0: programme_added c [1] (baseline)
            0: programme_added d [1] (baseline)
            0: programme_added e [1] (baseline)
            0: programme_added f [1] (baseline)
            0: programme_added g [1] (baseline)
            0: programme_added h [1] (baseline)
            0: programme_added i [1] (baseline)
            0: programme_added j [1] (baseline)
        "#]],
    );
}

#[test]
fn a_nameless_unreadable_one_could_be_any_of_the_missing() {
    check(
        "0 a=x b=y
         1 a=x ?
         40 a=x,n ?
         80 a=x ?
         160 a=x ?
         240 same
         320 same",
        expect![[r#"
            0: programme_added a [x] (baseline)
            0: programme_added b [y] (baseline)
            40: !targets_added a [n]
        "#]],
    );
}

#[test]
fn a_partial_reading_removes_no_target_and_no_reward() {
    check(
        "0 a=x,y$500
         1 a=x~
         40 a=x,n~
         80 a=x~
         160 same
         240 same",
        expect![[r#"
            0: programme_added a [x y] (baseline)
            40: !targets_added a [n]
        "#]],
    );
}

#[test]
fn reading_again_what_was_read_in_part_confirms_nothing() {
    check(
        "0 a=x,y b=z
         1 a=x b=z
         40 a=x,n b=z~
         80 same
         160 same",
        expect![[r#"
            0: programme_added a [x y] (baseline)
            0: programme_added b [z] (baseline)
            40: !targets_added a [n]
        "#]],
    );
}

#[test]
fn what_the_first_reading_missed_still_belongs_to_it() {
    check(
        "0 a=x~ ?b c=z
         1 a=x,y b=y c=z
         2 a=x,y,n b=y,n c=z",
        expect![[r#"
            0: programme_added a [x] (baseline)
            0: programme_added c [z] (baseline)
            1: targets_added a [y] (baseline)
            1: programme_added b [y] (baseline)
            2: !targets_added a [n]
            2: !targets_added b [n]
        "#]],
    );
}

#[test]
fn a_reward_changes_only_in_a_reading_that_is_believed() {
    check(
        "0 a=1$500 b=1$500 c=1$500 d=1$500 e=1$500 f=1$500
         1 a=1$900 b=1$500 c=1$500 d=1$500 e=1$500 f=1$500
         2 a=1 b=
         3 a=1$900 b=1$500 c=1$500 d=1$500 e=1$500 f=1$500
         4 a=1 b=1$500 c=1$500 d=1$500 e=1$500 f=1$500",
        expect![[r#"
            0: programme_added a [1] (baseline)
            0: programme_added b [1] (baseline)
            0: programme_added c [1] (baseline)
            0: programme_added d [1] (baseline)
            0: programme_added e [1] (baseline)
            0: programme_added f [1] (baseline)
            1: !reward_changed a []
            2: Broke
            3: Recovered
            4: !reward_changed a []
        "#]],
    );
}

#[test]
fn additions_of_a_broken_reading_are_told_and_it_is_believed_in_the_end() {
    check(
        "0 a=1 b=1 c=1 d=1 e=1 f=1 g=1
         1 a=1,new h=1
         2 same
         300 a=1,new h=1
         337 a=1,new h=1
         340 a=1,new h=2
         420 a=1,new h=1",
        expect![[r#"
            0: programme_added a [1] (baseline)
            0: programme_added b [1] (baseline)
            0: programme_added c [1] (baseline)
            0: programme_added d [1] (baseline)
            0: programme_added e [1] (baseline)
            0: programme_added f [1] (baseline)
            0: programme_added g [1] (baseline)
            1: !targets_added a [new]
            1: !programme_added h [1]
            1: Broke
            337: Believed
            340: !targets_added h [2]
            420: !programme_gone b []
            420: !programme_gone c []
            420: !programme_gone d []
            420: !programme_gone e []
            420: !programme_gone f []
            420: !programme_gone g []
        "#]],
    );
}

#[test]
fn an_empty_list_and_failures_change_nothing() {
    let (known, _) = tell("0 a=x b=y");
    let mut memory = known.clone();
    let at = |hour: u32| Moment::from_unix_ms(0).plus(HOUR * hour);
    assert!(memory.observe(&feed(""), at(1)).unwrap_err().to_string().contains("where 2 were known"));
    assert_eq!(memory, known);
    memory.failed(at(2));
    assert_eq!(memory.programmes, known.programmes);
    assert_eq!(memory.health.failures, 1);
}

#[test]
fn a_clock_that_was_set_back_confirms_nothing_and_harms_nothing() {
    check(
        "1000 a=x,y
         1001 a=x
         2 a=x,z
         3 a=x
         1002 a=x,y",
        expect![[r#"
            1000: programme_added a [x y] (baseline)
            2: !targets_added a [z]
        "#]],
    );
}

#[test]
fn a_feed_that_makes_up_names_is_refused_before_memory_grows() {
    let (mut memory, _) = tell("0 a=x");
    let known = memory.clone();
    let mut flood = feed("a=x");
    let names = (0..TARGETS_MAX).map(|n| target(&n.to_string()));
    flood.programmes[0].targets.extend(names);
    let error = memory.observe(&flood, Moment::from_unix_ms(1)).unwrap_err();
    assert!(error.to_string().contains("over the bound of 200000"), "{error}");
    assert_eq!(memory, known);
}

#[test]
fn memory_of_what_is_gone_is_bounded_and_forgets_the_oldest() {
    let mut memory = Memory::new(Source::YesWeHack);
    let at = |hour: usize| Moment::from_unix_ms(0).plus(HOUR * u32::try_from(hour).unwrap());
    // 100 programmes stay, and one after another comes and goes.
    let steady: String = (0..100).map(|n| format!("s{n:03}=x ")).collect();
    let rounds = GONE_PROGRAMMES_MAX + 40;
    for round in 0..rounds {
        memory.observe(&feed(&format!("{steady} p{round:05}=x")), at(round * 24)).unwrap();
    }
    for hour in 1..20 {
        memory.observe(&feed(&format!("{steady} last={hour}")), at(rounds * 24 + hour * 24)).unwrap();
    }
    assert_eq!(memory.programmes.len(), 100 + 1 + GONE_PROGRAMMES_MAX);
    assert!(!memory.programmes.contains_key("p00000") && memory.programmes.contains_key("p00100"));
}
