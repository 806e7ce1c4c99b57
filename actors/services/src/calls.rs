//! Who may call whom. A call waits for its answer, so a cycle here would be a deadlock waiting to
//! happen; a test holds the table to having none, and the code to the table.

/// Every service, and the services it may call. All may use the store.
pub const CALLS: &[(&str, &[&str])] = &[
    ("alerts", &[]),
    ("resources", &["alerts"]),
    ("audit", &[]),
    ("accounts", &[]),
    ("limiter", &[]),
    ("compliance", &[]),
    ("platforms", &[]),
    ("gateway", &["accounts", "alerts", "compliance", "limiter", "platforms"]),
    ("books", &[]),
    ("strategies", &["alerts", "gateway"]),
    ("scheduler", &["alerts", "strategies"]),
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

    /// Reads the services' sources: whoever names another's handle must be allowed to call it.
    #[test]
    fn the_code_keeps_to_the_table() {
        let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for (name, allowed) in CALLS {
            let mut texts = vec![std::fs::read_to_string(sources.join(format!("{name}.rs"))).unwrap()];
            if let Ok(folder) = std::fs::read_dir(sources.join(name)) {
                texts.extend(folder.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()));
            }
            for (other, _) in CALLS.iter().filter(|(other, _)| other != name) {
                // `books::merge` is a function, not a call: the handle's type is what counts.
                let handle = format!("crate::{other}::{}", other[..1].to_uppercase() + &other[1..]);
                let grouped = format!("crate::{other}::{{");
                let named = texts.iter().any(|text| {
                    text.lines().any(|line| {
                        line.contains(&format!("{handle};"))
                            || (line.contains(&grouped)
                                && line.contains(&handle[handle.len() - other.len()..]))
                    })
                });
                assert!(!named || allowed.contains(other), "{name} uses {other} and may not");
            }
        }
    }
}
