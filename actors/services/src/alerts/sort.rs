//! What sort of thing an alert is, and what its owner types first: by how its name begins.
//!
//! The one table of this. Whoever raises an alert may say its sort himself
//! ([`super::Alerts::raise_as`]).

use crate::records::{AlertRow, Sort};

/// How a name begins, its sort, and the command that shows more; `{}` is the rest of the name. A name
/// that stands in the table as a whole has no `/` at its end.
const TABLE: &[(&str, Sort, &str)] = &[
    ("safe-mode", Sort::Stops, "doctor"),
    ("daemon/", Sort::Stops, "doctor"),
    ("boot/", Sort::Stops, "audit tail"),
    ("tripped/", Sort::Trips, "actors show {}"),
    ("breaker/", Sort::Trips, "status"),
    ("stopped/", Sort::Trips, "strategy show {}"),
    ("stuck/", Sort::Trips, "strategy show {}"),
    ("quarantine/", Sort::Trips, "status"),
    ("gate/", Sort::Trips, "status"),
    ("put-aside/", Sort::Person, "strategy show {}"),
    ("ask/", Sort::Person, "actions list --status pending"),
    ("ambiguous/", Sort::Person, "actions show {}"),
    ("look-up/", Sort::Person, "actions show {}"),
    ("blocked/", Sort::Person, "actions list --status blocked"),
    ("account/", Sort::Person, "account list"),
    ("no-account/", Sort::Person, "account list"),
    ("account-ends/", Sort::Person, "account list"),
    ("rules/", Sort::Person, "compliance rules lint"),
    ("platform/", Sort::Person, "actions list --status failure"),
    ("integrity/", Sort::Person, "doctor"),
    ("snapshot/", Sort::Person, "strategy show {}"),
    ("audit/", Sort::Person, "audit verify"),
    ("given-up/", Sort::Person, "limits show {}"),
    ("earning/", Sort::Person, "earnings list"),
    ("late/", Sort::Person, "approvals list"),
    ("quota/", Sort::Note, "limits list"),
    ("wall-clock", Sort::Person, "doctor"),
    ("clock/", Sort::Person, "doctor"),
    ("disk", Sort::Person, "status"),
    ("run-failed/", Sort::Note, "strategy show {}"),
    ("source/", Sort::Note, "status"),
    ("found/", Sort::Note, "opportunities list"),
    ("alerts/", Sort::Note, "alerts list"),
    ("strategy/", Sort::Note, "alerts list"),
];

/// The row of the table that speaks of `about`, and the rest of the name.
fn look_up(about: &str) -> Option<(Sort, &'static str, &str)> {
    TABLE.iter().find_map(|(begins, sort, command)| {
        let rest = about.strip_prefix(begins)?;
        (begins.ends_with('/') || rest.is_empty()).then_some((*sort, *command, rest))
    })
}

/// What sort of thing an alert about `about` is; [`Sort::Note`] if the table does not know it.
pub fn of(about: &str) -> Sort {
    look_up(about).map_or(Sort::Note, |(sort, _, _)| sort)
}

/// The sort of an alert: as it was raised, else by what it is about.
pub fn of_row(about: &str, row: &AlertRow) -> Sort {
    row.sort.unwrap_or_else(|| of(about))
}

/// What to type to see more of it. Nothing of a name that a shell could read as more than one word
/// gets into it.
pub fn command(about: &str) -> String {
    let harmless = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:".contains(c))
    };
    match look_up(about) {
        Some((_, command, rest)) if !command.contains("{}") || harmless(rest) => {
            format!("money-machine {}", command.replace("{}", rest))
        }
        _ => "money-machine alerts list".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_sort_and_a_command() {
        for (about, sort, typed) in [
            ("safe-mode", Sort::Stops, "doctor"),
            ("tripped/kernel/strategies/default/a", Sort::Trips, "actors show kernel/strategies/default/a"),
            ("stopped/bug-bounty", Sort::Trips, "strategy show bug-bounty"),
            ("ambiguous/1-1.a", Sort::Person, "actions show 1-1.a"),
            ("disk", Sort::Person, "status"),
            ("disks", Sort::Note, "alerts list"),
            ("strategy/a/safe-mode", Sort::Note, "alerts list"),
            ("stopped/x; rm -rf ~", Sort::Trips, "alerts list"),
            ("stopped/--help", Sort::Trips, "alerts list"),
            ("stopped/", Sort::Trips, "alerts list"),
            ("", Sort::Note, "alerts list"),
        ] {
            assert_eq!((of(about), command(about)), (sort, format!("money-machine {typed}")), "{about}");
        }
    }

    #[test]
    fn no_beginning_hides_another() {
        for (at, (begins, _, _)) in TABLE.iter().enumerate() {
            let earlier = TABLE.iter().take(at).find(|(other, _, _)| begins.starts_with(other));
            assert_eq!(earlier, None, "{begins}");
        }
    }

    #[test]
    fn what_raised_it_outweighs_its_name() {
        let row = AlertRow::news("x", mm_core::moment::Moment::from_unix_ms(1), 0);
        assert_eq!(of_row("disk", &row), Sort::Person);
        assert_eq!(of_row("disk", &AlertRow { sort: Some(Sort::Stops), ..row }), Sort::Stops);
    }
}
