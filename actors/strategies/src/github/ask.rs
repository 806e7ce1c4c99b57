//! The actions: what is asked of GitHub, and how.
//!
//! The first page of a list is built here, every other one is taken from the answer before it.

use mm_sdk::{
    AccountId, Action, ActionKind, Answer, BadLink, LogicalUrl, Method, PlatformId, Request, Untrusted,
    Validators, next_page,
};

use super::place::{API, IssuePlace, RepositoryName, is_owner};
use crate::asker::checked;
use crate::reading::conditional;

/// The platform, as its rule pack names it.
pub const PLATFORM: &str = "github";

/// The version of the API that the shapes here were written for (github/docs, "API versions").
const API_VERSION: &str = "2022-11-28";

/// The media type GitHub recommends.
const ACCEPT: &str = "application/vnd.github+json";

/// The most characters of a search (github/docs, `rest/search`).
const QUERY_CHARS_MAX: usize = 256;

/// The most bytes of an answer that are wanted: a page of 100 comments of the greatest length is 6 MiB.
const ANSWER_BYTES_MAX: u64 = 8 << 20;

/// The kinds of act, as the rule pack names them.
pub mod kind {
    /// A search.
    pub const SEARCH: &str = "search";
    /// Any other read.
    pub const READ: &str = "read";
    /// A comment on an issue.
    pub const COMMENT: &str = "comment";
    /// Another text for a pull request.
    pub const EDIT_PULL: &str = "edit-pull-request";
    /// A read that finds out whether a change was made.
    pub const LOOK_UP: &str = "look-up";
}

/// A search that GitHub would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadQuery {
    /// Nothing to look for.
    #[error("a search needs words")]
    Empty,
    /// Too long.
    #[error("a search has at most {QUERY_CHARS_MAX} characters, this one has {0}")]
    TooLong(usize),
    /// More than five of AND, OR and NOT.
    #[error("a search has at most five of AND, OR and NOT, this one has {0}")]
    TooManyOperators(usize),
}

/// GitHub, asked with an account or, without one, as anybody may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitHub {
    platform: PlatformId,
    account: Option<AccountId>,
}

impl GitHub {
    /// With the owner's account of that name, or with none.
    pub fn new(account: Option<AccountId>) -> Self {
        let platform = PLATFORM.parse().expect("`github` is a slug");
        Self { platform, account }
    }

    /// Whether an account is used.
    pub fn has_account(&self) -> bool {
        self.account.is_some()
    }

    /// Issues that `query` finds, the newest first, 100 to a page and ten pages at most.
    ///
    /// # Errors
    /// [`BadQuery`] for what GitHub would refuse.
    pub fn search(&self, query: &str) -> Result<Action, BadQuery> {
        check(query)?;
        // At most 256 characters, so at most 1,024 bytes.
        let query =
            Untrusted::new(query).as_query_value().map_err(|_| BadQuery::TooLong(query.chars().count()))?;
        let url = format!("{API}/search/issues?q={}&sort=created&order=desc&per_page=100", query.as_str());
        let request = Request::get(checked(&url));
        Ok(self.action(kind::SEARCH, request, "look for open issues with a bounty"))
    }

    /// One issue.
    pub fn issue(&self, place: &IssuePlace, known: &Validators) -> Action {
        self.read(place.url(""), known, &format!("see how issue {place} stands"))
    }

    /// The comments on an issue, the oldest first.
    pub fn comments(&self, place: &IssuePlace, known: &Validators) -> Action {
        self.read(place.url("/comments?per_page=100"), known, &format!("read the comments on {place}"))
    }

    /// A repository.
    pub fn repository(&self, name: &RepositoryName, known: &Validators) -> Action {
        self.read(name.url(""), known, &format!("see what kind of repository {name} is"))
    }

    /// The names in a folder of a repository; `folder` is "" for the topmost. `None` if the folder's name
    /// cannot stand in a path.
    pub fn folder(&self, name: &RepositoryName, folder: &str, known: &Validators) -> Option<Action> {
        let path = path(folder)?;
        let purpose = format!("see which rules for contributors {name} has");
        Some(self.read(name.url(&format!("/contents/{path}")), known, &purpose))
    }

    /// A file of a repository. `None` if its path cannot stand in a URL.
    pub fn file(&self, name: &RepositoryName, file: &str) -> Option<Action> {
        let path = path(file).filter(|path| !path.is_empty())?;
        let purpose = format!("read {path} of {name}: its rules for contributors");
        Some(self.read(name.url(&format!("/contents/{path}")), &Validators::default(), &purpose))
    }

    /// Who the account is.
    pub fn viewer(&self, known: &Validators) -> Action {
        self.read(checked(&format!("{API}/user")), known, "see under which name the account is known")
    }

    /// A comment on an issue. It changes something, so the rules decide, and a person.
    pub fn comment(&self, place: &IssuePlace, body: &str, purpose: &str) -> Action {
        let body = serde_json::json!({ "body": body }).to_string().into_bytes();
        let request = Request::new(Method::Post, place.url("/comments"), body).expect("a POST has a body");
        self.action(kind::COMMENT, request, purpose)
    }

    /// Another text for a pull request, in the place of all that stands there. It changes something, so the
    /// rules decide, and a person.
    pub fn describe_pull(&self, place: &IssuePlace, text: &str, purpose: &str) -> Action {
        let body = serde_json::json!({ "body": text }).to_string().into_bytes();
        let request = Request::new(Method::Patch, place.pull_url(), body).expect("a PATCH has a body");
        self.action(kind::EDIT_PULL, request, purpose)
    }

    /// The open pull requests of `login` in a repository, the newest first. `None` if the name, which GitHub
    /// gave, is none that can be searched for.
    pub fn open_pulls(&self, name: &RepositoryName, login: &str) -> Option<Action> {
        let login = is_owner(login).then_some(login)?;
        let search = self.search(&format!("repo:{name} type:pr state:open author:{login}")).ok()?;
        Some(Action { purpose: format!("look for your own pull requests in {name}"), ..search })
    }

    /// The read of the page after `answer`, if there is one. `asked` is what was answered.
    ///
    /// # Errors
    /// [`BadLink`] if there is one and it must not be followed.
    pub fn next(&self, asked: &Action, answer: &Answer) -> Result<Option<Action>, BadLink> {
        let next = next_page(asked.request.url(), answer)?;
        Ok(next.map(|url| Action { request: headed(Request::get(url)), ..asked.clone() }))
    }

    fn read(&self, url: LogicalUrl, known: &Validators, purpose: &str) -> Action {
        self.action(kind::READ, conditional(Request::get(url), known), purpose)
    }

    fn action(&self, kind: &str, request: Request, purpose: &str) -> Action {
        let action = Action::of(self.platform.clone(), ActionKind::new(kind), headed(request), purpose);
        let action = Action { answer_bytes_max: ANSWER_BYTES_MAX, ..action };
        match &self.account {
            Some(account) => action.with_account(account.clone()),
            None => action,
        }
    }
}

/// With the headers that every request to GitHub has.
pub(super) fn headed(request: Request) -> Request {
    let headers = [("accept", ACCEPT), ("x-github-api-version", API_VERSION)];
    headers
        .into_iter()
        .fold(request, |request, (name, value)| request.header(name, value).expect("both are headers"))
}

fn check(query: &str) -> Result<(), BadQuery> {
    let chars = query.chars().count();
    let operators = query.split_whitespace().filter(|word| matches!(*word, "AND" | "OR" | "NOT")).count();
    match (chars, operators) {
        (0, _) => Err(BadQuery::Empty),
        (QUERY_CHARS_MAX.., _) if chars > QUERY_CHARS_MAX => Err(BadQuery::TooLong(chars)),
        (_, 6..) => Err(BadQuery::TooManyOperators(operators)),
        _ => Ok(()),
    }
}

/// A path in a repository whose every part may stand in a URL.
fn path(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    let part = |part: &str| match part {
        // The one folder whose name begins with a dot and is wanted, however it is written.
        part if part.eq_ignore_ascii_case(".github") => Some(part.to_owned()),
        part => Untrusted::new(part).as_path_segment().ok().map(|part| part.as_str().to_owned()),
    };
    let parts: Option<Vec<String>> = text.split('/').map(part).collect();
    parts.map(|parts| parts.join("/"))
}
