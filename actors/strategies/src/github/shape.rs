//! Issues, comments, repositories and files as GitHub writes them, and what is taken from them.
//!
//! Texts that are shown are [`Untrusted`]. Texts that are searched for amounts, traps and rules are
//! [`Prose`]: they are read, and what is shown of them is a line that a reader made of it.

use mm_sdk::json::{self, Unreadable};
use mm_sdk::{Answer, Moment, Untrusted};
use serde::Deserialize;
use serde_json::Value;

use super::base64;
use super::place::{IssuePlace, NoPlace, RepositoryName};
use crate::elements::readable;

/// A text that somebody wrote, to be searched. It is never shown or obeyed, and sent nowhere but back to where
/// it stands, after its owner has read it.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Prose(String);

impl Prose {
    /// The text, for a pure reader.
    pub fn read(&self) -> &str {
        &self.0
    }

    /// Marks a text as somebody else's.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Debug for Prose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prose({:?})", Untrusted::new(self.0.as_str()).line(80))
    }
}

/// Who wrote something. An account that was deleted is the ghost, as on the site.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// The name.
    pub login: Untrusted,
    /// `User`, `Organization`, `Bot`.
    #[serde(rename = "type", default = "no_word")]
    pub kind: Untrusted,
}

impl User {
    fn ghost() -> Self {
        Self { login: Untrusted::new("ghost"), kind: Untrusted::new("User") }
    }

    /// Whether this is the account `login`; the case of letters does not count on GitHub.
    pub fn is(&self, login: &str) -> bool {
        self.login.line(100).eq_ignore_ascii_case(login)
    }

    /// Whether it is a program, by GitHub's own word.
    pub fn is_bot(&self) -> bool {
        self.kind.is("Bot")
    }
}

fn no_word() -> Untrusted {
    Untrusted::default()
}

/// A label: GitHub writes an object, older answers a text alone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Label {
    Name(Untrusted),
    Object { name: Option<Untrusted> },
}

/// An issue as it is written.
#[derive(Debug, Clone, Deserialize)]
struct RawIssue {
    id: u64,
    number: u64,
    title: Untrusted,
    body: Option<Prose>,
    state: String,
    #[serde(default)]
    locked: bool,
    #[serde(default)]
    assignees: Option<Vec<User>>,
    #[serde(default)]
    assignee: Option<User>,
    user: Option<User>,
    #[serde(default)]
    labels: Vec<Label>,
    #[serde(default)]
    comments: u64,
    created_at: String,
    updated_at: String,
    url: String,
    repository_url: Option<String>,
    pull_request: Option<Value>,
}

/// An issue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawIssue")]
pub struct Issue {
    /// GitHub's own number of it, the same after a rename.
    pub id: u64,
    /// Where it is now: after a rename or a transfer not where it was asked for.
    pub place: IssuePlace,
    /// The title.
    pub title: Untrusted,
    /// What its author wrote.
    pub body: Prose,
    /// The same, the title in front.
    pub text: Prose,
    /// Whether it is open.
    pub open: bool,
    /// Whether nobody but members may comment.
    pub locked: bool,
    /// How many people work on it by assignment.
    pub assignees: usize,
    /// Who opened it.
    pub author: User,
    /// Its labels.
    pub labels: Vec<Untrusted>,
    /// How many comments there are.
    pub comments: u64,
    /// When it was opened.
    pub created_at: Moment,
    /// When it last changed.
    pub updated_at: Moment,
    /// Whether it is a pull request: GitHub's lists of issues hold both.
    pub is_pull_request: bool,
}

impl TryFrom<RawIssue> for Issue {
    type Error = Unreadable;

    fn try_from(raw: RawIssue) -> Result<Self, Unreadable> {
        let open = match raw.state.as_str() {
            "open" => true,
            "closed" => false,
            other => return Err(Unreadable::new(format!("`{other}` is no state of an issue"))),
        };
        let repository = match &raw.repository_url {
            Some(url) => RepositoryName::of_api_url(url),
            None => RepositoryName::of_api_url(raw.url.split("/issues/").next().unwrap_or_default()),
        };
        let assignees = raw.assignees.map_or(usize::from(raw.assignee.is_some()), |all| all.len());
        let name = |label: Label| match label {
            Label::Name(name) => Some(name),
            Label::Object { name } => name,
        };
        let body = raw.body.unwrap_or_default();
        Ok(Self {
            id: raw.id,
            place: IssuePlace { repository: repository.map_err(unplaced)?, number: raw.number },
            // Not shown, so the line that is shown is not what is searched.
            text: with_title(&raw.title, &body),
            body,
            title: raw.title,
            open,
            locked: raw.locked,
            assignees,
            author: raw.user.unwrap_or_else(User::ghost),
            labels: raw.labels.into_iter().filter_map(name).collect(),
            comments: raw.comments,
            created_at: moment(&raw.created_at)?,
            updated_at: moment(&raw.updated_at)?,
            is_pull_request: raw.pull_request.is_some(),
        })
    }
}

fn with_title(title: &Untrusted, body: &Prose) -> Prose {
    // A title is one line by itself; serialised as text it is whole, which `line` would not leave it.
    let title = match serde_json::to_value(title) {
        Ok(Value::String(title)) => title,
        _ => title.line(1000),
    };
    Prose(format!("{title}\n\n{}", body.0))
}

fn unplaced(error: NoPlace) -> Unreadable {
    Unreadable::new(error.to_string())
}

fn moment(text: &str) -> Result<Moment, Unreadable> {
    text.parse().map_err(|error: <Moment as std::str::FromStr>::Err| Unreadable::new(error.to_string()))
}

/// A comment as it is written.
#[derive(Debug, Clone, Deserialize)]
struct RawComment {
    id: u64,
    user: Option<User>,
    #[serde(default)]
    body: Option<Prose>,
    created_at: String,
    updated_at: String,
}

/// A comment on an issue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawComment")]
pub struct Comment {
    /// GitHub's own number of it; a later comment has a greater one.
    pub id: u64,
    /// Who wrote it.
    pub author: User,
    /// What.
    pub body: Prose,
    /// When it was made.
    pub created_at: Moment,
    /// When it was last edited.
    pub updated_at: Moment,
}

impl TryFrom<RawComment> for Comment {
    type Error = Unreadable;

    fn try_from(raw: RawComment) -> Result<Self, Unreadable> {
        Ok(Self {
            id: raw.id,
            author: raw.user.unwrap_or_else(User::ghost),
            body: raw.body.unwrap_or_default(),
            created_at: moment(&raw.created_at)?,
            updated_at: moment(&raw.updated_at)?,
        })
    }
}

/// A page of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How many there are in all, by GitHub's count.
    pub total: u64,
    /// GitHub ran out of time: there may be more than it lists.
    pub incomplete: bool,
    /// The issues that could be read.
    pub issues: Vec<Issue>,
    /// A sentence for each that could not.
    pub skipped: Vec<Unreadable>,
}

/// A page of a search for issues.
///
/// # Errors
/// [`Unreadable`] if it is none, or has rows and none of them can be read.
pub fn found(answer: &Answer) -> Result<Found, Unreadable> {
    #[derive(Deserialize)]
    struct Raw {
        total_count: u64,
        #[serde(default)]
        incomplete_results: bool,
        items: Vec<Value>,
    }
    let raw: Raw = json::read(answer, "a page of a search")?;
    let (issues, skipped) = readable(json::each(raw.items, "an issue"))?;
    Ok(Found { total: raw.total_count, incomplete: raw.incomplete_results, issues, skipped })
}

/// A repository as it is written.
#[derive(Debug, Clone, Deserialize)]
struct RawRepository {
    full_name: String,
    owner: Option<User>,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    fork: bool,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    disabled: bool,
    stargazers_count: u64,
    created_at: String,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawRepository")]
pub struct Repository {
    /// Its name now: after a rename not the one it was asked for by.
    pub name: RepositoryName,
    /// Whether a person owns it, and no organisation.
    pub is_personal: bool,
    /// Whether it is private.
    pub private: bool,
    /// Whether it is a copy of another.
    pub fork: bool,
    /// Whether nothing can be changed there: archived or disabled.
    pub frozen: bool,
    /// Its stars.
    pub stars: u64,
    /// When it was made.
    pub created_at: Moment,
}

impl TryFrom<RawRepository> for Repository {
    type Error = Unreadable;

    fn try_from(raw: RawRepository) -> Result<Self, Unreadable> {
        Ok(Self {
            name: RepositoryName::parse(&raw.full_name).map_err(unplaced)?,
            is_personal: raw.owner.is_some_and(|owner| owner.kind.is("User")),
            private: raw.private,
            fork: raw.fork,
            frozen: raw.archived || raw.disabled,
            stars: raw.stargazers_count,
            created_at: moment(&raw.created_at)?,
        })
    }
}

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// Its name.
    pub name: Untrusted,
    /// `file`, `dir`, `symlink`, `submodule`.
    #[serde(rename = "type")]
    pub kind: Untrusted,
}

/// The text of a file; `None` if it has no text that can be read here: a link to elsewhere, over a
/// megabyte (GitHub then leaves it out), or no UTF-8.
///
/// # Errors
/// [`Unreadable`] if this is no file.
pub fn file_text(answer: &Answer) -> Result<Option<Prose>, Unreadable> {
    #[derive(Deserialize)]
    struct Raw {
        #[serde(rename = "type")]
        kind: String,
        encoding: Option<String>,
        content: Option<String>,
    }
    let raw: Raw = json::read(answer, "a file")?;
    if raw.kind != "file" || raw.encoding.as_deref() != Some("base64") {
        return Ok(None);
    }
    let bytes = base64::decode(&raw.content.unwrap_or_default());
    Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok()).map(Prose))
}

/// The name of the account that asks.
///
/// # Errors
/// [`Unreadable`] if this is no user.
pub fn viewer(answer: &Answer) -> Result<User, Unreadable> {
    json::read(answer, "a user")
}
