//! The machine answers its owner: what he asks for may be refused, and never fails.

use super::evidence::Evidence;

/// Every question to the admin that ended in an error of the machine's own.
pub fn answers(e: &Evidence) -> Vec<String> {
    e.failed.iter().map(|line| format!("the admin failed its owner: {line}")).collect()
}
