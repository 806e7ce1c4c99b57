//! Names of repositories and issues. They come from answers and become paths of requests, so they are
//! checked first: letters, digits, `-`, `_` and `.`, and nothing that climbs.

use std::fmt;

use mm_sdk::{LogicalUrl, Untrusted};
use serde::{Deserialize, Serialize};

use crate::asker::checked;

/// Where the API is.
pub const API: &str = "https://api.github.com";

/// Where people look.
pub const SITE: &str = "https://github.com";

/// `OWNER/NAME` of a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryName(String);

/// A text that names no repository or issue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no place on GitHub")]
pub struct NoPlace(String);

impl NoPlace {
    fn of(text: &str) -> Self {
        Self(Untrusted::new(text).line(100))
    }
}

impl RepositoryName {
    /// Reads `OWNER/NAME`.
    ///
    /// # Errors
    /// [`NoPlace`] if it is no such name.
    pub fn parse(text: &str) -> Result<Self, NoPlace> {
        let (owner, name) = text.split_once('/').ok_or_else(|| NoPlace::of(text))?;
        if is_owner(owner) && is_name(name) { Ok(Self(text.to_owned())) } else { Err(NoPlace::of(text)) }
    }

    /// Reads the API's URL of a repository: `https://api.github.com/repos/OWNER/NAME`.
    ///
    /// # Errors
    /// [`NoPlace`] if it is no such URL.
    pub fn of_api_url(url: &str) -> Result<Self, NoPlace> {
        let rest = url.strip_prefix(API).and_then(|rest| rest.strip_prefix("/repos/"));
        Self::parse(rest.ok_or_else(|| NoPlace::of(url))?)
    }

    /// `OWNER/NAME`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whose it is.
    pub fn owner(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// Whether both name the same: the case of letters does not count on GitHub.
    pub fn is_same(&self, other: &RepositoryName) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }

    /// The API's URL below the repository; `rest` is ours, or made of checked parts.
    pub(super) fn url(&self, rest: &str) -> LogicalUrl {
        checked(&format!("{API}/repos/{}{rest}", self.0))
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for RepositoryName {
    type Error = NoPlace;
    fn try_from(text: String) -> Result<Self, NoPlace> {
        Self::parse(&text)
    }
}

impl From<RepositoryName> for String {
    fn from(name: RepositoryName) -> String {
        name.0
    }
}

/// One issue: `OWNER/NAME#NUMBER`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IssuePlace {
    /// Its repository.
    pub repository: RepositoryName,
    /// Its number there.
    pub number: u64,
}

impl IssuePlace {
    /// Where a person would look; built from checked parts, and not from what an answer gives as a link.
    pub fn page(&self) -> String {
        format!("{SITE}/{}/issues/{}", self.repository, self.number)
    }

    /// The same, of a pull request.
    pub fn pull_page(&self) -> String {
        format!("{SITE}/{}/pull/{}", self.repository, self.number)
    }

    pub(super) fn url(&self, rest: &str) -> LogicalUrl {
        self.repository.url(&format!("/issues/{}{rest}", self.number))
    }

    pub(super) fn pull_url(&self) -> LogicalUrl {
        self.repository.url(&format!("/pulls/{}", self.number))
    }
}

impl fmt::Display for IssuePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.repository, self.number)
    }
}

/// GitHub's user names: letters, digits and inner hyphens, at most 39. Apps' `[bot]` names own nothing.
pub(super) fn is_owner(owner: &str) -> bool {
    let inner = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    (1..=64).contains(&owner.len()) && owner.bytes().all(inner) && !owner.starts_with('-')
}

fn is_name(name: &str) -> bool {
    let fits = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
    (1..=100).contains(&name.len()) && name.bytes().all(fits) && name != "." && name != ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_climbs_or_leads_away_is_no_place() {
        for bad in [
            "", "a", "a/", "/b", "a/..", "../b", "a/.", "a/b/c", "a/b?c", "a/b#1", "a/b%2f", "a b/c", "ä/b",
            "a/b\n",
        ] {
            assert!(RepositoryName::parse(bad).is_err(), "{bad}");
        }
        for bad in [
            "https://evil.example/repos/a/b",
            "https://api.github.com.evil.example/repos/a/b",
            "http://api.github.com/repos/a/b",
        ] {
            assert!(RepositoryName::of_api_url(bad).is_err(), "{bad}");
        }
        let name = RepositoryName::of_api_url("https://api.github.com/repos/octocat/Hello.World_1").unwrap();
        let place = IssuePlace { repository: name, number: 7 };
        assert_eq!(place.to_string(), "octocat/Hello.World_1#7");
        assert_eq!(
            place.url("/comments").as_str(),
            "https://api.github.com/repos/octocat/Hello.World_1/issues/7/comments"
        );
    }
}
