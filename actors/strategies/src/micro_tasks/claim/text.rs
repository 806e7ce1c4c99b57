//! The words of a claim: which issue a text names, whether it claims one, and the line that does.
//!
//! Algora finds a command anywhere in a text and takes the first claim alone (algora-io/algora,
//! `webhooks/github_controller.ex`, `build_commands`). Pure.

use crate::github::IssuePlace;

/// The text with the claim as its last line. What stands there is not touched.
pub(super) fn with_claim(text: &str, number: u64) -> String {
    let line = format!("/claim #{number}\n");
    if text.trim().is_empty() { line } else { format!("{}\n\n{line}", text.trim_end()) }
}

/// The comment, where the bot asks for one.
pub(super) fn comment(number: u64) -> String {
    format!("/claim #{number}\n\n_Posted by money-machine, a program; its owner approved this comment._\n")
}

/// Whether a text names the issue: `#N`, `OWNER/NAME#N`, or its address.
pub(super) fn names(text: &str, issue: &IssuePlace) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_digit());
    let here = format!("#{}", issue.number);
    let near = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let mut by_number = text.match_indices(&here);
    let named = by_number.any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + here.len()..]);
        let repository = &before[before.trim_end_matches(near).len()..];
        ends(after) && (repository.is_empty() || repository.eq_ignore_ascii_case(issue.repository.as_str()))
    });
    let address = format!("github.com/{}/issues/{}", issue.repository, issue.number).to_ascii_lowercase();
    let small = text.to_ascii_lowercase();
    named || small.match_indices(&address).any(|(at, _)| ends(&small[at + address.len()..]))
}

/// What the claims in a text are for, a word each.
fn claimed(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("/claim").filter_map(|(at, word)| {
        let alone = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let rest = &text[at + word.len()..];
        let spaced = rest.starts_with([' ', '\t']);
        rest.split_whitespace().next().filter(|_| alone && spaced)
    })
}

/// Whether a text claims the issue.
pub(super) fn claims(text: &str, issue: &IssuePlace) -> bool {
    claimed(text).any(|what| names(what, issue))
}

/// Whether a text claims anything: Algora takes the first claim of a text alone.
pub(super) fn claims_any(text: &str) -> bool {
    claimed(text).next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::RepositoryName;

    fn place() -> IssuePlace {
        IssuePlace { repository: RepositoryName::parse("acme/widget").unwrap(), number: 7 }
    }

    #[test]
    fn an_issue_is_named_by_its_number_and_by_no_other() {
        for good in [
            "Fixes #7",
            "#7",
            "(#7)",
            "closes acme/widget#7.",
            "closes ACME/Widget#7",
            "see https://github.com/acme/widget/issues/7",
            "x\n#7\n",
        ] {
            assert!(names(good, &place()), "{good}");
        }
        for bad in [
            "",
            "7",
            "#70",
            "#17",
            "other/widget#7",
            "acme/widget2#7",
            "https://github.com/acme/widget/issues/70",
            "https://github.com/acme/other/issues/7",
            "a#7",
        ] {
            assert!(!names(bad, &place()), "{bad}");
        }
    }

    #[test]
    fn a_claim_is_told_from_a_word_about_claims() {
        for good in ["/claim #7", "Fixed.\n\n/claim #7\n", "/claim\tacme/widget#7", "so /claim #7 and more"] {
            assert!(claims(good, &place()) && claims_any(good), "{good}");
        }
        for other in ["/claim #70", "/claim other/widget#7", "/claim #8"] {
            assert!(!claims(other, &place()) && claims_any(other), "{other}");
        }
        for none in ["/claims #7", "x/claim #7", "/claim", "claim #7", "/attempt #7", ""] {
            assert!(!claims_any(none), "{none}");
        }
    }

    #[test]
    fn the_line_is_added_and_nothing_else_is_changed() {
        for (before, after) in [
            ("", "/claim #7\n"),
            (" \n", "/claim #7\n"),
            ("Fixes #7", "Fixes #7\n\n/claim #7\n"),
            ("Fixes #7\r\n\r\n- [x] tested\r\n", "Fixes #7\r\n\r\n- [x] tested\n\n/claim #7\n"),
        ] {
            assert_eq!(with_claim(before, 7), after);
        }
        assert!(claims(&comment(7), &place()));
    }
}
