//! What was probably meant by a path that nobody has.

use crate::tree::Tree;

/// How many are suggested.
const NEAR_MAX: usize = 3;

impl Tree {
    /// The paths nearest to one that does not exist: at most three, nearest first; none when nothing
    /// comes close. For the sentence that answers a mistyped path.
    #[must_use]
    pub fn near(&self, path: &str) -> Vec<String> {
        nearest(path, self.paths())
    }
}

/// Those that begin with what was typed come first, then those that differ by few letters, as a whole or
/// in their last segment.
fn nearest(asked: &str, paths: Vec<String>) -> Vec<String> {
    let asked = asked.trim().trim_matches('/').to_lowercase();
    if asked.is_empty() {
        return Vec::new();
    }
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut near: Vec<(usize, usize, String)> = Vec::new();
    for path in paths {
        let lower = path.to_lowercase();
        let whole = strsim::osa_distance(&asked, &lower);
        let tail = strsim::osa_distance(&last(&asked), &last(&lower));
        let begins = lower.starts_with(&asked) || last(&lower).starts_with(&last(&asked));
        let distance = whole.min(tail);
        // A third of what was typed may be wrong; further off, a guess does not help.
        let allowed = last(&asked).chars().count().div_ceil(3);
        if begins || distance <= allowed {
            near.push((if begins { 0 } else { distance }, whole, path));
        }
    }
    near.sort();
    near.truncate(NEAR_MAX);
    near.into_iter().map(|(.., path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn what_was_probably_meant() {
        let paths = [
            "root",
            "admin",
            "kernel",
            "kernel/audit",
            "kernel/alerts",
            "kernel/accounts",
            "kernel/strategies",
            "kernel/strategies/default/bug-bounty",
        ];
        let near = |asked: &str| nearest(asked, paths.map(str::to_owned).to_vec());
        assert_eq!(near("kernel/audti"), ["kernel/audit"]);
        assert_eq!(near("audit"), ["kernel/audit"], "the last segment is enough");
        assert_eq!(near("Kernel/Audit/"), ["kernel/audit"]);
        assert_eq!(near("kernel/a"), ["kernel/audit", "kernel/alerts", "kernel/accounts"], "what begins so");
        assert_eq!(near("bug-bunty"), ["kernel/strategies/default/bug-bounty"]);
        assert_eq!(near("kernel/strategy"), ["kernel/strategies"]);
        assert_eq!(near("xyzzy"), [""; 0]);
        assert_eq!(near(""), [""; 0]);
    }
}
