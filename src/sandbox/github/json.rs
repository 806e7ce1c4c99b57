//! GitHub's JSON shapes, written from its REST description and from recorded answers. Fields that neither
//! shows are listed in `docs/sandbox.md` as assumed.
//!
//! Touches nothing.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::super::message::Response;
use super::super::scatter::of_text;
use super::world::{Comment, Issue, Kind, Repo};

pub(super) const API: &str = "https://api.github.com";
const DOCS: &str = "https://docs.github.com/rest";

/// A time as the API writes it.
pub(super) fn time(at_ms: i64) -> String {
    let at = DateTime::<Utc>::from_timestamp_millis(at_ms).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A user's number, made of his name.
fn user_id(login: &str) -> u64 {
    10_000_000 + of_text(login) % 90_000_000
}

/// An opaque id, as GraphQL knows the same thing.
pub(super) fn node_id(kind: &str, id: u64) -> String {
    base64(format!("{kind}{id}").as_bytes())
}

/// Where the page after so many elements begins, as GraphQL says it.
pub(super) fn cursor_of(at: usize) -> String {
    base64(format!("cursor:{at}").as_bytes())
}

pub(super) fn user(login: &str) -> Value {
    let id = user_id(login);
    let bot = login.ends_with("[bot]");
    let path = login.replace('[', "%5B").replace(']', "%5D");
    let url = format!("{API}/users/{path}");
    let html = login.strip_suffix("[bot]").map_or(login.to_owned(), |app| format!("apps/{app}"));
    json!({
        "login": login,
        "id": id,
        "node_id": node_id("04:User", id),
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{id}?v=4"),
        "gravatar_id": "",
        "url": url,
        "html_url": format!("https://github.com/{html}"),
        "followers_url": format!("{url}/followers"),
        "following_url": format!("{url}/following{{/other_user}}"),
        "gists_url": format!("{url}/gists{{/gist_id}}"),
        "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{url}/subscriptions"),
        "organizations_url": format!("{url}/orgs"),
        "repos_url": format!("{url}/repos"),
        "events_url": format!("{url}/events{{/privacy}}"),
        "received_events_url": format!("{url}/received_events"),
        "type": if bot { "Bot" } else { "User" },
        "site_admin": false,
    })
}

/// The account that asks, as `/user` shows it.
pub(super) fn account(login: &str) -> Value {
    let mut account = user(login);
    let more = json!({
        "name": login, "company": null, "blog": "", "location": null, "email": null, "hireable": null,
        "bio": null, "twitter_username": null, "public_repos": 2, "public_gists": 0, "followers": 1,
        "following": 0, "created_at": "2024-05-06T07:08:09Z", "updated_at": "2026-06-01T00:00:00Z",
    });
    merge(&mut account, more);
    account
}

pub(super) fn merge(into: &mut Value, more: Value) {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        into.extend(more);
    }
}

fn reactions(of: &str) -> Value {
    json!({
        "url": format!("{of}/reactions"), "total_count": 0, "+1": 0, "-1": 0, "laugh": 0, "hooray": 0,
        "confused": 0, "heart": 0, "rocket": 0, "eyes": 0,
    })
}

fn label(repo: &Repo, name: &str) -> Value {
    let id = 900_000_000 + of_text(name) % 90_000_000;
    json!({
        "id": id,
        "node_id": node_id("05:Label", id),
        "url": format!("{API}/repos/{}/labels/{}", repo.full_name, encode(name)),
        "name": name,
        "description": null,
        "color": "4b78ff",
        "default": false,
    })
}

/// An issue as it is at `now_ms`; `comments` is how many it has.
pub(super) fn issue(repo: &Repo, issue: &Issue, comments: &[Comment], now_ms: i64) -> Value {
    let (title, body) = issue.text();
    let open = issue.is_open(now_ms);
    let id = 3_000_000_000 + issue.number;
    let url = format!("{API}/repos/{}/issues/{}", repo.full_name, issue.number);
    let changed = comments.iter().map(|comment| comment.changed_ms).max().unwrap_or(issue.opened_ms);
    let changed = if open { changed } else { changed.max(issue.closed_ms) };
    let locked = issue.kind == Kind::Locked;
    json!({
        "url": url,
        "repository_url": format!("{API}/repos/{}", repo.full_name),
        "labels_url": format!("{url}/labels{{/name}}"),
        "comments_url": format!("{url}/comments"),
        "events_url": format!("{url}/events"),
        "html_url": format!("https://github.com/{}/issues/{}", repo.full_name, issue.number),
        "id": id,
        "node_id": node_id("05:Issue", id),
        "number": issue.number,
        "title": title,
        "user": user(issue.author()),
        "labels": issue.labels().iter().map(|name| label(repo, name)).collect::<Vec<_>>(),
        "state": if open { "open" } else { "closed" },
        "locked": locked,
        "assignee": null,
        "assignees": [],
        "milestone": null,
        "comments": comments.len(),
        "created_at": time(issue.opened_ms),
        "updated_at": time(changed),
        "closed_at": (!open).then(|| time(issue.closed_ms)),
        "author_association": "MEMBER",
        "active_lock_reason": locked.then_some("too heated"),
        "body": body,
        "reactions": reactions(&url),
        "timeline_url": format!("{url}/timeline"),
        "performed_via_github_app": null,
        "state_reason": (!open).then_some("completed"),
    })
}

/// The same as a row of a search.
pub(super) fn found(repo: &Repo, of: &Issue, comments: &[Comment], now_ms: i64) -> Value {
    let mut row = issue(repo, of, comments, now_ms);
    merge(&mut row, json!({ "score": 1.0 }));
    row
}

pub(super) fn comment(repo: &Repo, number: u64, comment: &Comment) -> Value {
    let Comment { id, login, body, .. } = comment;
    let url = format!("{API}/repos/{}/issues/comments/{id}", repo.full_name);
    json!({
        "url": url,
        "html_url": format!("https://github.com/{}/issues/{number}#issuecomment-{id}", repo.full_name),
        "issue_url": format!("{API}/repos/{}/issues/{number}", repo.full_name),
        "id": id,
        "node_id": node_id("012:IssueComment", *id),
        "user": user(login),
        "created_at": time(comment.made_ms),
        "updated_at": time(comment.changed_ms),
        "body": body,
        "author_association": "NONE",
        "performed_via_github_app": null,
        "reactions": reactions(&url),
        "pin": null,
        "minimized": null,
    })
}

/// An error: a sentence and where it is explained; newer answers add the status as a text.
pub(super) fn error(status: u16, message: &str, about: &str) -> Response {
    let documentation = if about.is_empty() { DOCS.to_owned() } else { format!("{DOCS}/{about}") };
    answer(
        status,
        &json!({ "message": message, "documentation_url": documentation, "status": status.to_string() }),
    )
}

/// A request that is understood and not acceptable.
pub(super) fn invalid(resource: &str, field: &str, code: &str, about: &str) -> Response {
    answer(
        422,
        &json!({
            "message": "Validation Failed",
            "errors": [{ "resource": resource, "code": code, "field": field }],
            "documentation_url": format!("{DOCS}/{about}"),
            "status": "422",
        }),
    )
}

/// An answer in GitHub's media type.
pub(super) fn answer(status: u16, value: &Value) -> Response {
    Response::new(status, "application/json; charset=utf-8", value.to_string())
        .with_header("x-github-media-type", "github.v3; format=json")
}

/// A text as a part of a URL.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// RFC 4648, section 4.
pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let index = (word >> (18 - 6 * at)) & 63;
            let letter = ALPHABET.get(usize::try_from(index).unwrap_or(0)).copied().unwrap_or(b'A');
            out.push(if at <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_the_rfc_has_it() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
