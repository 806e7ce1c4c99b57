//! What is said of a list with nothing in it: that nothing is there, or that nothing fits what was asked for.
//!
//! The two are told apart: who misspells a filter must not take it for an empty record.

use crate::views::{meant, nearest};

use super::print::line;

/// The flags that narrow a list, with what was given; those that were not are left out.
pub(super) struct Narrowed(Vec<(&'static str, String)>);

impl Narrowed {
    pub(super) fn by(flags: &[(&'static str, Option<&str>)]) -> Self {
        let given = flags.iter().filter_map(|(flag, value)| Some((*flag, line((*value)?, 80))));
        Self(given.collect())
    }

    /// One sentence: `empty` where nothing narrows the list, else that no `what` fits.
    pub(super) fn none(&self, what: &str, empty: &str) -> String {
        if self.0.is_empty() {
            return empty.to_owned();
        }
        let flags: Vec<String> =
            self.0.iter().map(|(flag, value)| format!("{flag} {value}").trim_end().to_owned()).collect();
        format!("no {what} matches `{}`", flags.join(" "))
    }

    /// The same, with the name among `known` that was probably meant where the value of `flag` is none of them.
    pub(super) fn none_near(&self, what: &str, empty: &str, flag: &str, known: &[&str]) -> String {
        let given = self.0.iter().find(|(own, _)| *own == flag).map(|(_, value)| value.as_str());
        let strange = given.filter(|given| !known.contains(given));
        let near = meant(strange.and_then(|given| nearest(given, known.iter().copied())));
        format!("{}{near}", self.none(what, empty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_nothing_is_told_apart_from_an_empty_record() {
        let none = |flags: &[(&'static str, Option<&str>)]| {
            Narrowed::by(flags).none_near(
                "payment",
                "no payment is on record",
                "--strategy",
                &["bug-bounty", "affiliate"],
            )
        };
        assert_eq!(none(&[("--stage", None), ("--strategy", None)]), "no payment is on record");
        assert_eq!(
            none(&[("--stage", Some("paid")), ("--strategy", Some("bug-bunty\u{1b}[2J"))]),
            "no payment matches `--stage paid --strategy bug-bunty\u{fffd}[2J`; did you mean `bug-bounty`?"
        );
        assert_eq!(none(&[("--baseline", Some(""))]), "no payment matches `--baseline`");
        assert_eq!(none(&[("--strategy", Some("affiliate"))]), "no payment matches `--strategy affiliate`");
    }
}
