//! Who may call whom. A call waits for its answer, so a cycle here would be a deadlock waiting to
//! happen; a test holds the table to having none, and the code to the table.

/// Every service, and the services it may call. All may use the store.
pub const CALLS: &[(&str, &[&str])] = &[
    ("alerts", &[]),
    ("crashes", &[]),
    ("resources", &["alerts"]),
    ("tidy", &["alerts"]),
    ("audit", &[]),
    ("accounts", &["platforms"]),
    ("limiter", &["alerts"]),
    ("compliance", &["alerts"]),
    ("platforms", &[]),
    ("gateway", &["accounts", "alerts", "compliance", "limiter", "platforms"]),
    ("reconciler", &["alerts", "gateway"]),
    ("anchor", &["alerts", "gateway"]),
    ("health", &["alerts", "gateway"]),
    ("books", &["alerts"]),
    ("strategies", &["alerts", "crashes", "gateway", "limiter", "resources"]),
    ("scheduler", &["alerts", "strategies"]),
    ("approvals", &["alerts", "gateway", "strategies"]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn reach(from: &str, seen: &mut BTreeSet<String>) {
        for (_, calls) in CALLS.iter().filter(|(name, _)| *name == from) {
            for next in *calls {
                if seen.insert((*next).to_owned()) {
                    reach(next, seen);
                }
            }
        }
    }

    #[test]
    fn nobody_can_wait_for_himself() {
        for (name, _) in CALLS {
            let mut seen = BTreeSet::new();
            reach(name, &mut seen);
            assert!(!seen.contains(*name), "{name} can end up waiting for itself");
        }
    }

    /// What of a source is neither comment nor test.
    fn code(text: &str) -> String {
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.map(|line| format!("{line}\n")).collect()
    }

    fn is_word(c: char) -> bool {
        c.is_alphanumeric() || c == '_'
    }

    /// Whether `text` holds `word` as a whole word.
    fn holds(text: &str, word: &str) -> bool {
        let whole = |at: usize| {
            let before = text[..at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        };
        text.match_indices(word).any(|(at, _)| whole(at))
    }

    /// Whether `text` names the handle of `service`, by whatever path: `service::Service`, also in
    /// braces, renamed or with all else of its module. Other items of a module are no calls.
    fn names_handle(text: &str, service: &str) -> bool {
        let handle = service[..1].to_uppercase() + &service[1..];
        let module = format!("{service}::");
        text.match_indices(&module).filter(|(at, _)| !text[..*at].ends_with(is_word)).any(|(at, _)| {
            let rest = &text[at + module.len()..];
            match rest.strip_prefix('{') {
                Some(group) => {
                    let group = group.split('}').next().unwrap_or_default();
                    holds(group, &handle) || group.contains('*')
                }
                None => {
                    let first: String = rest.chars().take_while(|c| is_word(*c) || *c == '*').collect();
                    first == handle || first == "*"
                }
            }
        })
    }

    #[test]
    fn a_handle_is_seen_however_it_is_named() {
        for (text, named) in [
            ("use crate::gateway::Gateway;", true),
            ("use crate::gateway::Gateway as G;", true),
            ("use crate::gateway::{Proposal, Gateway};", true),
            ("use crate::gateway::{\n    Gateway,\n    Walked,\n};", true),
            ("use crate::{alerts::Alerts, gateway::Gateway};", true),
            ("use crate::gateway::*;", true),
            ("fn f(to: &crate::gateway::Gateway) {}", true),
            ("fn f(to: &super::gateway::Gateway) {}", true),
            ("use crate::gateway::{Proposal, Walked};", false),
            ("use crate::gateway::GatewayService;", false),
            ("use crate::old_gateway::Gateway;", false),
            ("gateway::merge()", false),
        ] {
            assert_eq!(names_handle(text, "gateway"), named, "{text}");
        }
        assert!(!names_handle(
            &code("// crate::gateway::Gateway\n#[cfg(test)]\nuse crate::gateway::Gateway;"),
            "gateway"
        ));
    }

    fn sources(at: &std::path::Path, into: &mut String) {
        let Ok(folder) = std::fs::read_dir(at) else { return };
        for path in folder.map(|file| file.unwrap().path()) {
            if path.is_dir() {
                sources(&path, into);
            } else {
                *into += &code(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }

    /// Reads the services' sources: each calls exactly those that the table says.
    #[test]
    fn the_code_keeps_to_the_table_and_the_table_to_the_code() {
        let room = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for (name, allowed) in CALLS {
            let mut text = code(&std::fs::read_to_string(room.join(format!("{name}.rs"))).unwrap());
            sources(&room.join(name), &mut text);
            for (other, _) in CALLS.iter().filter(|(other, _)| other != name) {
                let named = names_handle(&text, other);
                assert!(!named || allowed.contains(other), "{name} uses {other} and may not");
                assert!(named || !allowed.contains(other), "{name} may use {other} and does not");
            }
        }
    }

    /// The tree's services are the table's: a new one must say whom it calls.
    #[test]
    fn every_service_of_the_tree_is_in_the_table() {
        let tree = include_str!("tree.rs");
        for line in tree.lines().filter(|line| line.starts_with("use crate::")) {
            let module = line["use crate::".len()..].split("::").next().unwrap_or_default();
            // What is no actor waits for none.
            if !matches!(module, "shared" | "budgets" | "kernel") {
                assert!(CALLS.iter().any(|(name, _)| *name == module), "{module} is not in the table");
            }
        }
    }
}
