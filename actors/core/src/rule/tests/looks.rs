//! What the owner is told to look at in rules that are read, and the few ways in which rules are shown.

use super::super::*;
use super::{AGENT, LIMIT, WHOLE, keyless, mini, parse, whole};
use crate::url::LogicalUrl;

const NOW: &str = "2026-11-22T12:00:00Z";

fn lints(file: &str, now: &str) -> Vec<String> {
    let rules = parse(&[("a.toml", file)]).unwrap();
    rules.lint(now.parse().unwrap()).iter().map(Lint::to_string).collect()
}

/// A file whose rules the owner need not look at, but for what `change` does to it.
fn looked(change: impl Fn(String) -> String) -> Vec<String> {
    let example = "[[example]]\naction = \"read\"\nmethod = \"GET\"\nurl = \"https://api.example.com/\"\n\
                   verdict = \"permit\"\n";
    lints(&change(whole("a", "x") + example), NOW)
}

#[test]
fn a_file_is_looked_at_where_it_permits_on_little() {
    assert_eq!(looked(|file| file), [""; 0]);
    for (from, to, sentence) in [
        ("reviewed = 2026-11-22", "reviewed = 2026-11-23", "its review lies in the future"),
        (
            "\"primary\"",
            "\"unchecked\"",
            "it permits on an unchecked source; ask instead, or read the source",
        ),
        (
            "source = \"https://s.example/\"",
            "source = \"a book\"",
            "its source is no URL, so nobody can follow it",
        ),
    ] {
        assert_eq!(looked(|file| file.replace(from, to)), [format!("a.toml:6: x: {sentence}")]);
    }
    let head = "[pack]\nplatform = \"a\"\nversion = 1\nhosts = [\"api.example.com\"]\nabout = \"a\"\n";
    assert_eq!(lints(head, NOW), ["a.toml:1: pack: there is no rule; nothing of this platform can be done"]);
}

/// An example that comes out otherwise is told with what was said instead, and by whose hand.
#[test]
fn an_example_that_does_not_hold_says_what_came_of_it() {
    let example = |verdict: &str| {
        format!(
            "[[example]]\naction = \"read\"\nmethod = \"GET\"\nurl = \"https://api.example.com/\"\n\
             verdict = \"{verdict}\"\n"
        )
    };
    let asks = mini("a", "x", &format!("{WHOLE}{AGENT}{LIMIT}")).replace("\"permit\"", "\"ask\"");
    let by_hand = asks.replace("verdict =", "by = \"owner\"\nverdict =");
    let failed = |file: &str, example: &str| -> Vec<String> {
        let rules = parse(&[("a.toml", &format!("{file}{example}"))]).unwrap();
        rules.run_examples().iter().map(Lint::to_string).collect()
    };
    let (machine, owner) = ("by = \"machine\"\n", "by = \"owner\"\n");
    assert_eq!(failed(&asks, &(example("ask") + machine)), [""; 0]);
    assert_eq!(failed(&by_hand, &(example("ask") + owner)), [""; 0]);
    assert_eq!(failed(&asks, &example("permit")), ["a.toml:25: example: expected permit and got ask: r"]);
    assert_eq!(
        failed(&asks, &(example("ask") + owner)),
        ["a.toml:25: example: it is done by the machine: r"]
    );
    assert_eq!(
        failed(&by_hand, &(example("ask") + machine)),
        ["a.toml:26: example: it is done by the owner: r"]
    );
}

#[test]
fn laws_come_first_and_platforms_in_their_order() {
    let law = mini("*", "z", "");
    let rules =
        parse(&[("b.toml", &whole("b", "y")), ("law-z.toml", &law), ("a.toml", &whole("a", "x"))]).unwrap();
    let files: Vec<&str> = rules.packs().iter().map(|pack| pack.file.as_str()).collect();
    assert_eq!(files, ["law-z.toml", "a.toml", "b.toml"]);
    let platforms: Vec<String> = rules.platforms().map(PlatformId::to_string).collect();
    assert_eq!(platforms, ["a", "b"]);
}

#[test]
fn every_certainty_and_verdict_is_read_as_it_is_shown() {
    use Certainty::{Primary, Secondary, Unchecked};
    for certainty in [Primary, Secondary, Unchecked] {
        let file = whole("a", "x").replace("\"primary\"", &format!("\"{}\"", certainty.as_str()));
        let rules = parse(&[("a.toml", &file)]).unwrap();
        assert_eq!(rules.rules().next().unwrap().certainty, certainty);
    }
    for verdict in [Verdict::Permit, Verdict::Ask, Verdict::Forbid] {
        let file = whole("a", "x").replace("\"permit\"", &format!("\"{verdict}\""));
        let rules = parse(&[("a.toml", &file)]).unwrap();
        assert_eq!(rules.rules().next().unwrap().verdict, verdict);
    }
}

/// A free segment is a name: neither empty, nor hidden, nor two of them, nor one that hides a slash.
#[test]
fn a_free_segment_is_one_plain_name() {
    let file = mini(
        "a",
        "x",
        &format!("[rule.conditions]\nurl = \"https://api.example.com/r/{{n}}/i\"\n{AGENT}{LIMIT}"),
    );
    let rules = parse(&[("a.toml", &file)]).unwrap();
    let verdict = |url: &str| keyless("a", &LogicalUrl::parse(url).unwrap()).judge(&rules).verdict;
    assert_eq!(verdict("https://api.example.com/r/acme-1/i"), Verdict::Permit);
    for segment in ["", ".git", "a/b", "a%2fb", "é"] {
        let url = format!("https://api.example.com/r/{segment}/i");
        assert_eq!(verdict(&url), Verdict::Forbid, "{segment}");
    }
}

/// A kind longer than a rule file can write is kept short, and no rule but `*` speaks of it.
#[test]
fn a_kind_that_no_rule_can_name_is_cut_and_stays_unnamed() {
    let request = Request::get(LogicalUrl::parse("https://api.example.com/").unwrap());
    let of = |kind: String| {
        let action = crate::action::Action::of(
            "a".parse().unwrap(),
            ActionKind::new(kind),
            request.clone(),
            "to know",
        );
        let named = whole("a", "x").replace("\"read\"", &format!("\"{}\"", "k".repeat(64)));
        let rules = parse(&[("a.toml", &named)]).unwrap();
        let inputs = Inputs::of(&rules, &action, None, NOW.parse().unwrap(), true);
        (inputs.kind.as_str().to_owned(), inputs.judge(&rules).verdict)
    };
    assert_eq!(of("k".repeat(64)), ("k".repeat(64), Verdict::Permit));
    assert_eq!(of("k".repeat(65)), (format!("{}…", "k".repeat(64)), Verdict::Forbid));
}

/// Duties about links: what is missing is named, what nobody has read is not taken for kept.
#[test]
fn a_duty_that_is_not_kept_says_what_is_missing() {
    let duties = "link_to = [\"x.example\", \"y.example\"]\nrel = \"nofollow\"\n";
    let file = mini("a", "x", &format!("{WHOLE}{AGENT}{duties}{LIMIT}"));
    let rules = parse(&[("a.toml", &file)]).unwrap();
    let judge = |text: Text| {
        let url = LogicalUrl::parse("https://api.example.com/").unwrap();
        let said = Inputs { text, ..keyless("a", &url) }.judge(&rules);
        (said.verdict, said.why())
    };
    let html = |text: &str| judge(Text::known(Format::Html, text.to_owned()));
    assert_eq!(html("<a rel='nofollow' href='https://x.example/'>a</a>").0, Verdict::Permit);
    for (text, missing) in [
        ("no link", "the text has no link to x.example or y.example (rule `x`: r)"),
        ("<!-- https://x.example/ -->", "the text has no link to x.example or y.example (rule `x`: r)"),
        ("<a href='https://y.example/'>a</a>", "the link to y.example lacks rel=\"nofollow\" (rule `x`: r)"),
    ] {
        let (verdict, why) = html(text);
        assert_eq!((verdict, why.contains(missing)), (Verdict::Forbid, true), "{text}: {why}");
    }
    let (verdict, why) = judge(Text::Unknown("its form is not known".to_owned()));
    assert_eq!(verdict, Verdict::Ask, "{why}");
    assert!(why.contains("give the link rel=nofollow; link to x.example or y.example"), "{why}");
    let text = Text::known(Format::Plain, "https://x.example/".to_owned());
    let kept = super::super::duty::check(rules.rules().next().unwrap(), &text, None);
    let super::super::duty::Kept::Unknown(why) = kept else { panic!("nobody has read it") };
    assert!(why.ends_with("whether the text does is not known: it was not read"), "{why}");
}

/// A picture's address is a link of the text, but readers do not follow it: no disclosure stands by it.
#[test]
fn a_picture_needs_no_disclosure_beside_it() {
    let duty =
        "[rule.conditions.text]\nlinks_to = [\"x.example\"]\n[rule.obligations]\ndisclosure = \"An ad.\"\n";
    let own = whole("a", "own");
    let rules = parse(&[("a.toml", &own), ("law-x.toml", &mini("*", "law", duty))]).unwrap();
    let verdict = |text: &str| {
        let url = LogicalUrl::parse("https://api.example.com/").unwrap();
        let text = Text::known(Format::Html, text.to_owned());
        Inputs { text, ..keyless("a", &url) }.judge(&rules).verdict
    };
    let far = "word ".repeat(NEAR_CHARS);
    assert_eq!(verdict(&format!("An ad. {far} <img src='https://x.example/a.png'>")), Verdict::Permit);
    assert_eq!(verdict("<img src='https://x.example/a.png'>"), Verdict::Forbid, "it must stand somewhere");
    assert_eq!(verdict(&format!("An ad. {far} <a href='https://x.example/'>b</a>")), Verdict::Forbid);
}

/// A yes holds for a judgement's digest: the same words by the same rules, and no moment.
#[test]
fn a_judgement_is_known_again_by_its_rules_and_duties_and_not_by_its_day() {
    let judge = |file: &str, at: &str| {
        let rules = parse(&[("a.toml", file)]).unwrap();
        let url = LogicalUrl::parse("https://api.example.com/").unwrap();
        Inputs { at: at.parse().unwrap(), ..keyless("a", &url) }.judge(&rules)
    };
    let file = whole("a", "x");
    let said = judge(&file, NOW);
    assert_eq!(said.digest(), judge(&file, "2026-11-25T00:00:00Z").digest());
    assert_eq!(said.digest(), judge(&file.replace("reason = \"r\"", "reason = \"other\""), NOW).digest());
    for (from, to) in [
        ("\"permit\"", "\"ask\""),
        ("clause = \"c\"", "clause = \"d\""),
        ("id = \"x\"", "id = \"y\""),
        ("m/{version}", "n/{version}"),
    ] {
        assert_ne!(said.digest(), judge(&file.replace(from, to), NOW).digest(), "{to}");
    }
    let checks = said.checks();
    assert_eq!((checks.len(), checks[0].rule.as_str(), checks[0].verdict.as_str()), (1, "x", "permit"));
    let paused = judge(&file.replace(AGENT, &format!("{AGENT}pause_ms_min = 1500\n")), NOW);
    assert_eq!(paused.obligations.pause_min(), std::time::Duration::from_millis(1_500));
}

#[test]
fn the_stale_are_those_that_no_longer_permit() {
    let rules = parse(&[("a.toml", &whole("a", "x"))]).unwrap();
    let stale = |now: &str| rules.stale(now.parse().unwrap()).map(|rule| rule.id.clone()).collect::<Vec<_>>();
    assert_eq!(stale("2027-05-21T00:00:00Z"), [""; 0], "180 days");
    assert_eq!(stale("2027-05-21T00:00:01Z"), ["x"]);
}
