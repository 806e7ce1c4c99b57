//! A disclosure far from its link satisfies nothing, however the link is written: the verdict is never
//! `permit`. Where readers meet a link cannot be told of every form; of those a person is asked.

use proptest::prelude::*;

use super::super::*;
use super::{AGENT, LIMIT, WHOLE, keyless, mini, parse};
use crate::url::LogicalUrl;

/// A link as it stands in a text, and what elsewhere in the text makes it one.
type Form = (&'static str, &'static str);

/// Those that say by themselves where they stand.
const PLAIN: &[Form] = &[
    ("[The book](https://x.example/a)", ""),
    ("[The [big] book](https://x.example/a)", ""),
    ("[The `[code]` book](https://x.example/a_(b))", ""),
    ("[The book]( <https://x.example/a> \"title\")", ""),
    ("[The book](https:\\/\\/x\\.example/a)", ""),
    ("[The book](https://x&period;example/a)", ""),
    ("[![a cover](https://i.example/p.png)](https://x.example/a)", ""),
    ("[![a cover][p]](https://x.example/a)", "[p]: https://i.example/p.png"),
    ("<https://x.example/a>", ""),
    ("https://x.example/a", ""),
    ("www.x.example/a", ""),
    ("<a href=\"https://x.example/a\">The book</a>", ""),
    ("<a href=//x.example/a><img src='https://i.example/p.png' alt='An ad.'></a>", ""),
];

/// Those that another place of the text, or none that is seen, leads to.
const ELSEWHERE: &[Form] = &[
    ("[The book][1]", "[1]: https://x.example/a"),
    ("[The [big] book][1]", "[1]: <https://x.example/a> 'title'"),
    ("[The book][]", "[the book]: https://x.example/a"),
    ("[The book]", "[The\nbook]: https://x.example/a"),
    ("[The book][1]", "> [1]: //x.example/a"),
    ("[The book][1]", "- [1]:\n  https://x.example/a\n  'An ad.'"),
    ("[The book][a\\]b]", "[a\\]b]: https:\\/\\/x.example/a"),
    ("[![An ad.](https://i.example/p.png)][1]", "[1]: https://x.example/a"),
    ("![An ad.][1]", "[1]: https://x.example/a"),
    ("The book.[^1]", "[^1]: https://x.example/a"),
    ("<map><area href=\"https://x.example/a\"></map>", ""),
    ("<div hidden><a href=\"https://x.example/a\">b</a></div>", ""),
    ("<details><a href=\"https://x.example/a\">b</a></details>", ""),
    ("<!-- https://x.example/a -->", ""),
];

fn rules() -> RuleSet {
    let own = mini("a", "own", &format!("{WHOLE}{AGENT}{LIMIT}"));
    let law = mini(
        "*",
        "law",
        "[rule.conditions.text]\nlinks_to = [\"x.example\"]\n[rule.obligations]\ndisclosure = \"An ad.\"\n",
    );
    parse(&[("a.toml", &own), ("law-x.toml", &law)]).unwrap()
}

fn verdict(rules: &RuleSet, text: String) -> Verdict {
    let url = LogicalUrl::parse("https://api.example.com/x").unwrap();
    let text = Text::known(Format::Markdown, text);
    Inputs { text, ..keyless("a", &url) }.judge(rules).verdict
}

/// Visible text of at least so many characters.
fn words(chars: usize) -> String {
    "word ".repeat(chars / 5 + 1)
}

#[test]
fn near_its_link_a_disclosure_is_one_and_of_what_is_not_known_a_person_is_asked() {
    let rules = rules();
    for (forms, wanted) in [(PLAIN, Verdict::Permit), (ELSEWHERE, Verdict::Ask)] {
        for (link, more) in forms {
            assert_eq!(verdict(&rules, format!("An ad. {link}\n\n{more}\n")), wanted, "{link} {more}");
            let without = verdict(&rules, format!("A text. {link}\n\n{more}\n"));
            assert_eq!(without, Verdict::Forbid, "{link} {more}");
        }
    }
}

#[test]
fn brackets_that_are_no_link_bring_no_disclosure_near() {
    let rules = rules();
    let far = words(NEAR_CHARS);
    for text in [
        format!("[note] An ad. {far} end](https://x.example/a)"),
        format!("`[` An ad. {far} end](https://x.example/a)"),
        format!("[note An ad.\n\n{far} end](https://x.example/a)"),
        format!("[note An ad.\n- {far}\n- end](https://x.example/a)"),
        format!("<a href=https://x.example/a>An ad. {far} end</a>"),
        format!("\\[ An ad. {far} end](https://x.example/a)"),
    ] {
        assert_ne!(verdict(&rules, text.clone()), Verdict::Permit, "{text}");
    }
}

#[test]
fn a_text_of_nothing_but_marks_is_read_in_time() {
    let rules = rules();
    for mark in ["[", "![", "[\n", "`", "](", "\\", "[a]:", "``` `", "<a "] {
        let text = mark.repeat(TEXT_BYTES_MAX / mark.len());
        assert_eq!(verdict(&rules, text), Verdict::Permit, "{mark}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Before or after the link, with the definition at any place, and with another link to the same page
    /// beside the disclosure.
    #[test]
    fn a_disclosure_far_away_never_satisfies(
        form in prop::sample::select([PLAIN, ELSEWHERE].concat()),
        gap in NEAR_CHARS..4 * NEAR_CHARS,
        before in any::<bool>(),
        more_at in 0usize..3,
        beside in prop::sample::select(vec!["", "[b](https://x.example/a)", "https://x.example/a", "<https://x.example/a>"]),
    ) {
        let (link, more) = form;
        let block = |at: usize| if at == more_at { format!("\n\n{more}\n\n") } else { String::new() };
        let disclosure = format!("An ad. {beside}");
        let (first, last) = if before { (disclosure.as_str(), link) } else { (link, disclosure.as_str()) };
        let text = format!("{}{first} {}{} {last}{}", block(0), words(gap), block(1), block(2));
        prop_assert_ne!(verdict(&rules(), text.clone()), Verdict::Permit, "{}", text);
    }
}
