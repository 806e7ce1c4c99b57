//! The section `platforms`: what the owner says of single platforms, by their names in the rules.

use mm_core::id::PlatformId;
use mm_core::schedule::Hours;

use super::keys::{self, PLATFORM_KEYS, PLATFORMS};
use super::mistakes::Mistake;
use super::node::{Entry, Node, Value};
use super::values::{self, Wrong};
use super::walk::{Draft, join};

impl Draft<'_> {
    pub(super) fn platforms(&mut self, entries: &[Entry]) {
        for entry in entries {
            let section = join(PLATFORMS, &entry.key);
            let Ok(id) = entry.key.parse::<PlatformId>() else {
                let right = "write the platform's name as its rule file has it, like `github`";
                self.mistakes.push(Mistake::new(&entry.at, &section, "is no name of a platform", right));
                continue;
            };
            let Value::Table(inner) = &entry.node.value else {
                self.no_section(&section, &entry.node);
                continue;
            };
            for entry in inner {
                if entry.key != "hours" {
                    let nearest = keys::nearest(&entry.key, PLATFORM_KEYS.iter().copied());
                    self.unknown(&section, entry, nearest, PLATFORM_KEYS);
                    continue;
                }
                let outcome = hours(&entry.node).map(|text| {
                    self.config.platforms.insert(id.clone(), text);
                });
                self.settle(&join(&section, "hours"), &entry.node, outcome);
            }
        }
    }
}

/// A span of hours as it is written: the owner's zone, which it is meant in, may be said later.
fn hours(node: &Node) -> Result<String, Wrong> {
    let right = "write a span like \"08:00-20:00\", or \"22:00-06:00 Europe/Berlin\"";
    let text = values::text(node, right)?;
    match Hours::parse(text, "UTC") {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(Wrong::new(format!("is {}, which is no span of hours", node.shown()), right)),
    }
}
