//! How GitHub says no: in the words and with the headers of its documents.
//!
//! Touches nothing.

use std::time::Duration;

use serde_json::json;

use super::super::message::{Request, Response};
use super::json::{self, answer, error};
use super::limits::Refused;
use super::world::Repo;

/// Where the limits are explained.
const ABOUT_LIMITS: &str = "using-the-rest-api/rate-limits-for-the-rest-api";

/// There is no such thing, or nobody may know that there is.
pub(super) fn not_found() -> Response {
    error(404, "Not Found", "")
}

/// There was one.
pub(super) fn gone() -> Response {
    error(410, "This issue was deleted", "issues/issues#get-an-issue")
}

/// The answer to a name that is no more: another place, for reads to be remembered, for changes not.
pub(super) fn redirect(request: &Request, repo: &Repo, path: &str) -> Response {
    let to = format!("{}/repositories/{}/{path}", json::API, repo.id());
    let to = to.trim_end_matches('/');
    let status = if request.method == "GET" || request.method == "HEAD" { 301 } else { 307 };
    let about = "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects";
    let said = json!({ "message": "Moved Permanently", "url": to, "documentation_url": about });
    answer(status, &said).with_header("location", to)
}

/// Over a limit.
pub(super) fn over(refused: Refused, who: &Option<String>) -> Response {
    match refused {
        Refused::Primary => {
            let whose = who.as_deref().unwrap_or("your address");
            error(403, &format!("API rate limit exceeded for {whose}."), ABOUT_LIMITS)
        }
        Refused::Secondary(after_s) => {
            too_fast(403, Some(Duration::from_secs(u64::try_from(after_s).unwrap_or(60))))
        }
    }
}

/// The answer when the hourly budget is spent.
pub(in super::super) fn spent(status: u16, reset_s: i64) -> Response {
    error(status, "API rate limit exceeded for this account.", ABOUT_LIMITS)
        .with_header("x-ratelimit-limit", "5000")
        .with_header("x-ratelimit-remaining", "0")
        .with_header("x-ratelimit-used", "5000")
        .with_header("x-ratelimit-reset", &reset_s.to_string())
        .with_header("x-ratelimit-resource", "core")
}

/// The answer of the secondary limits.
pub(in super::super) fn too_fast(status: u16, retry_after: Option<Duration>) -> Response {
    let why = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    let said = error(status, why, &format!("{ABOUT_LIMITS}#about-secondary-rate-limits"));
    match retry_after {
        Some(wait) => said.with_header("retry-after", &wait.as_secs().to_string()),
        None => said,
    }
}

/// The answer to a token that is expired or revoked.
pub(in super::super) fn bad_credentials() -> Response {
    error(401, "Bad credentials", "")
}
