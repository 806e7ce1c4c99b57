//! What an answer says of itself beyond its status, read from its headers and the start of its body.
//!
//! Platforms agree on statuses only so far: GitHub says "too fast" with a 403 and a sentence, GraphQL
//! and Freelancer put errors into a 200, OAuth hides a dead refresh token in a 400. Here is the one
//! place that knows these shapes; each stands with its source. What is not understood is
//! [`Said::Nothing`], and then the status decides alone.
//!
//! The body is another's text: it is looked at up to [`BODY_BYTES_MAX`], never kept, and can move an
//! answer into another class but never out of trouble.

use serde_json::Value;

use super::Wall;
use crate::untrusted::Untrusted;
use crate::url::LogicalUrl;

/// No error is longer; what is longer is data and is not looked through.
pub const BODY_BYTES_MAX: usize = 256 << 10;
/// How much of a page for people is looked at.
const PAGE_BYTES_MAX: usize = 64 << 10;

/// What an answer says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Said {
    /// Nothing beyond its status.
    #[default]
    Nothing,
    /// Too many requests, or too fast.
    TooFast,
    /// The credential is wrong, over or taken back; or its account is suspended.
    BadCredential,
    /// The credential is good but may not do this.
    OutOfScope,
    /// What was asked for is not there.
    NotThere,
    /// What was asked for is shut, to the account or to everybody, and nothing else is.
    Shut,
    /// The platform has trouble of its own that may pass.
    Trouble,
    /// An error that is none of these.
    Failed,
    /// It wants proof that a person is asking.
    BotWall,
}

/// Reads what an answer says of itself. Header names are in lower case.
pub fn said(status: u16, headers: &[(String, String)], body: &[u8]) -> Said {
    let by_header = by_headers(headers);
    if by_header != Said::Nothing {
        return by_header;
    }
    if status >= 400 && is_page(headers, body) {
        return if asks_for_a_person(&page(body)) { Said::BotWall } else { Said::Nothing };
    }
    by_body(status, body)
}

/// As [`said`], of an answer to what `url` asked for.
///
/// GitHub says with a 403 what stands in the way at one repository: its organisation's rule for tokens or addresses, a
/// block by GitHub's terms, a lock, a blob over 1 MB, a person who blocked the account. There are many such sentences and no code
/// (docs.github.com, "Troubleshooting the REST API", "Setting a personal access token policy for your organization",
/// `rest/repos/contents`), so they are known by where they come: in GitHub's own form, about one repository, and
/// not about credential, account or limit. What is no such form may be anybody's: its status decides.
///
/// Platforms for bug hunters say with a 403 that one programme is not shown to the account, which has not applied or was
/// not invited; a wrong token is taken to be a 401 there, which of Intigriti and YesWeHack is assumed (docs/sandbox.md). No
/// document gives the words, so an empty answer is one too.
pub fn said_of(url: &LogicalUrl, status: u16, headers: &[(String, String)], body: &[u8]) -> Said {
    match said(status, headers, body) {
        Said::Nothing if status == 403 && is_of_one_repository(url) && words(body).is_some() => Said::Shut,
        Said::Nothing if status == 403 && is_of_one_programme(url) && is_of_the_platform(headers, body) => {
            Said::Shut
        }
        other => other,
    }
}

/// Whether a URL is of one thing among many, which may be shut by itself.
pub(super) fn is_of_one_thing(url: &LogicalUrl) -> bool {
    is_of_one_repository(url) || is_of_one_programme(url)
}

/// Whether a URL is of one of GitHub's repositories. A renamed one is led to by its number.
fn is_of_one_repository(url: &LogicalUrl) -> bool {
    let path = url.path();
    url.host() == "api.github.com" && (path.starts_with("/repos/") || path.starts_with("/repositories/"))
}

/// Whether a URL is of one programme for bug hunters.
fn is_of_one_programme(url: &LogicalUrl) -> bool {
    let programmes = match url.host() {
        "api.hackerone.com" => "/v1/hackers/programs/",
        "api.intigriti.com" => "/external/researcher/v1/programs/",
        "api.yeswehack.com" => "/programs/",
        _ => return false,
    };
    let one = url.path().strip_prefix(programmes).and_then(|rest| rest.split('/').next());
    // Intigriti's list of what happened at all programmes is no programme.
    one.is_some_and(|one| !one.is_empty() && one != "activities")
}

/// Whether a refusal may be the platform's own: empty, or an object. A page, or a bare text, may be of whatever stands
/// in between; and one that blocks requests blocks them all.
fn is_of_the_platform(headers: &[(String, String)], body: &[u8]) -> bool {
    let start = body.iter().find(|byte| !byte.is_ascii_whitespace());
    let blocks = words(body).is_some_and(|words| words.line(200).to_ascii_lowercase().contains("blocked"));
    !is_page(headers, body) && matches!(start, None | Some(b'{')) && !blocks
}

/// Whether a page for people stands where data was asked for, and which. Only what came with a 2xx is
/// judged so: an error may well be a page.
pub fn wall(status: u16, accept: Option<&str>, headers: &[(String, String)], body: &[u8]) -> Option<Wall> {
    let asked_for_data = accept.is_some_and(|accept| accept.to_ascii_lowercase().contains("json"));
    if !asked_for_data || !(200..300).contains(&status) || body.is_empty() || !is_page(headers, body) {
        return None;
    }
    let page = page(body);
    Some(if asks_for_a_person(&page) || by_headers(headers) == Said::BotWall {
        Wall::Bot
    } else if asks_for_a_password(&page) {
        Wall::Login
    } else {
        Wall::Page
    })
}

/// Whether a page wants proof that a person is asking. Where pages are what was asked for, only who asked can tell
/// a wall from a page that has such a proof beside its own text.
pub fn has_marks_of_a_wall(body: &[u8]) -> bool {
    asks_for_a_person(&page(body))
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

/// `WWW-Authenticate` (RFC 6750, 3.1) and Cloudflare's mark of a challenge
/// (developers.cloudflare.com, "Detect a Challenge Page response").
fn by_headers(headers: &[(String, String)]) -> Said {
    if header(headers, "cf-mitigated").is_some_and(|value| value.eq_ignore_ascii_case("challenge")) {
        return Said::BotWall;
    }
    let challenge = header(headers, "www-authenticate").map(str::to_ascii_lowercase).unwrap_or_default();
    if challenge.contains("insufficient_scope") {
        Said::OutOfScope
    } else if challenge.contains("invalid_token") {
        Said::BadCredential
    } else {
        Said::Nothing
    }
}

// === Pages ===

fn is_page(headers: &[(String, String)], body: &[u8]) -> bool {
    match header(headers, "content-type") {
        Some(kind) => kind.trim_start().to_ascii_lowercase().starts_with("text/html"),
        None => {
            let start = page(body.get(..body.len().min(512)).unwrap_or_default());
            let start = start.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
            start.starts_with("<!doctype html") || start.starts_with("<html")
        }
    }
}

/// The start of a page in lower case.
fn page(body: &[u8]) -> String {
    let start = body.get(..body.len().min(PAGE_BYTES_MAX)).unwrap_or_default();
    String::from_utf8_lossy(start).to_ascii_lowercase()
}

fn asks_for_a_person(page: &str) -> bool {
    const MARKS: [&str; 12] = [
        "captcha",
        "cf-chl",
        "challenge-platform",
        "cf_challenge",
        "just a moment...",
        "verify you are human",
        "verify that you are human",
        "are you a robot",
        "not a robot",
        "unusual traffic",
        "automated access",
        "datadome",
    ];
    MARKS.iter().any(|mark| page.contains(mark))
}

fn asks_for_a_password(page: &str) -> bool {
    ["type=\"password\"", "type='password'", "type=password"].iter().any(|mark| page.contains(mark))
}

// === Bodies ===

fn by_body(status: u16, body: &[u8]) -> Said {
    let object = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if !object || body.len() > BODY_BYTES_MAX {
        return Said::Nothing;
    }
    let Ok(Value::Object(envelope)) = serde_json::from_slice::<Value>(body) else { return Said::Nothing };
    let text = |key: &str| envelope.get(key).and_then(Value::as_str).unwrap_or_default();
    if let Some(errors) = envelope.get("errors").and_then(Value::as_array)
        && let Some(said) = by_errors(errors)
        && status < 400
    {
        return said;
    }
    let by_code = by_code(text("error"));
    if by_code != Said::Nothing {
        return by_code;
    }
    // Impact and Freelancer (PLATFORMS, 4 and 5) say so in a word, whatever the status.
    let failed = text("Status") == "ERROR" || text("status") == "error";
    if status < 400 && !failed {
        return Said::Nothing;
    }
    let sentence = [text("message"), text("Message"), text("description"), text("error_description")];
    let by_sentence = by_sentence(&sentence.join(" ").to_ascii_lowercase(), text("documentation_url"));
    match by_sentence {
        Said::Nothing if text("Status") == "ERROR" && status == 403 => Said::OutOfScope,
        Said::Nothing if failed => Said::Failed,
        other => other,
    }
}

/// `errors` of GraphQL (spec.graphql.org, 7.1.2: each has a `message`) and of JSON:API (each has a
/// `title` or `status`). `None` if it is neither.
fn by_errors(errors: &[Value]) -> Option<Said> {
    let mut worst = None;
    for error in errors {
        let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
        let (message, title) = (text("message"), text("title"));
        if message.is_empty() && title.is_empty() {
            continue;
        }
        let code = error.pointer("/extensions/code").and_then(Value::as_str).unwrap_or_default();
        // GitHub's GraphQL type for what a token may not see or do.
        let forbidden = text("type") == "FORBIDDEN" || code == "FORBIDDEN";
        let by_type = if forbidden { Said::OutOfScope } else { by_code(text("type")) };
        let said = [by_type, by_code(code), by_number(text("status"))]
            .into_iter()
            .chain([by_sentence(&format!("{message} {title}").to_ascii_lowercase(), "")])
            .find(|said| *said != Said::Nothing)
            .unwrap_or(Said::Failed);
        worst = worst.or(Some(said)).map(|worst| if rank(said) > rank(worst) { said } else { worst });
    }
    worst
}

/// The platform's own words for what is wrong, if the body has any where they are known to stand: of several
/// errors those of the gravest.
pub fn words(body: &[u8]) -> Option<Untrusted> {
    let object = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if !object || body.len() > BODY_BYTES_MAX {
        return None;
    }
    let envelope: Value = serde_json::from_slice(body).ok()?;
    let errors = envelope.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let grave = |error: &&Value| by_errors(std::slice::from_ref(*error)).map(rank);
    // The first of the gravest, as `max_by_key` takes the last.
    let worst = errors.iter().rev().max_by_key(grave);
    let said = [worst, Some(&envelope)].into_iter().flatten().find_map(|object| {
        let texts = ["message", "title", "Message", "error_description", "description"];
        texts.iter().find_map(|key| object.get(key)?.as_str().filter(|text| !text.trim().is_empty()))
    })?;
    Some(Untrusted::new(said))
}

/// Of several errors the one that most needs somebody to stop.
pub(super) fn rank(said: Said) -> u8 {
    match said {
        Said::Nothing => 0,
        Said::NotThere => 1,
        Said::Shut => 2,
        Said::Trouble => 3,
        Said::Failed => 4,
        Said::OutOfScope => 5,
        Said::TooFast => 6,
        Said::BadCredential => 7,
        Said::BotWall => 8,
    }
}

/// JSON:API puts the status into the body, as text (HackerOne).
fn by_number(status: &str) -> Said {
    match status {
        "401" => Said::BadCredential,
        "403" => Said::OutOfScope,
        "404" | "410" => Said::NotThere,
        "429" => Said::TooFast,
        "500" | "502" | "503" | "504" => Said::Trouble,
        _ => Said::Nothing,
    }
}

/// Words that stand for a kind of error: OAuth 2 (RFC 6749, 4.1.2.1 and 5.2; RFC 6750, 3.1; OpenID
/// Connect Core, 3.1.2.6), GitHub's sign-in and GraphQL types, Apollo's codes, Awin's word.
fn by_code(code: &str) -> Said {
    match code.to_ascii_lowercase().as_str() {
        "invalid_grant"
        | "invalid_client"
        | "unauthorized_client"
        | "invalid_token"
        | "expired_token"
        | "access_denied"
        | "login_required"
        | "consent_required"
        | "interaction_required"
        | "account_selection_required"
        | "unauthorized"
        | "unauthenticated"
        | "not_authed"
        | "invalid_auth"
        | "token_revoked"
        | "token_expired"
        | "account_inactive"
        | "bad_refresh_token"
        | "incorrect_client_credentials"
        | "account_suspended" => Said::BadCredential,
        "insufficient_scope" | "insufficient_scopes" | "invalid_scope" | "missing_scope" => Said::OutOfScope,
        "rate_limited"
        | "ratelimited"
        | "rate_limit_exceeded"
        | "too_many_requests"
        | "slow_down"
        | "throttled" => Said::TooFast,
        "temporarily_unavailable"
        | "server_error"
        | "internal_server_error"
        | "internal"
        | "service_unavailable"
        | "timeout" => Said::Trouble,
        "not_found" => Said::NotThere,
        "invalid_request" | "unsupported_grant_type" | "unsupported_response_type" => Said::Failed,
        _ => Said::Nothing,
    }
}

/// Sentences, in lower case. GitHub's are those of docs.github.com ("Rate limits for the REST API",
/// "Troubleshooting the REST API"); they have no code of their own.
fn by_sentence(sentence: &str, documentation: &str) -> Said {
    const SENTENCES: [(&str, Said); 18] = [
        ("secondary rate limit", Said::TooFast),
        ("abuse detection", Said::TooFast),
        ("submitted too quickly", Said::TooFast),
        ("rate limit", Said::TooFast),
        ("too many requests", Said::TooFast),
        ("account was suspended", Said::BadCredential),
        ("account is suspended", Said::BadCredential),
        ("bad credentials", Said::BadCredential),
        ("login attempts exceeded", Said::BadCredential),
        ("requires authentication", Said::BadCredential),
        ("authentication is required", Said::BadCredential),
        ("resource not accessible by", Said::OutOfScope),
        ("organization saml enforcement", Said::OutOfScope),
        ("oauth app access restrictions", Said::OutOfScope),
        ("not been granted the required scopes", Said::OutOfScope),
        ("insufficient scope", Said::OutOfScope),
        ("something went wrong while executing your query", Said::Trouble),
        ("we couldn't respond to your request in time", Said::Trouble),
    ];
    let by_link =
        documentation.contains("secondary-rate-limit") || documentation.contains("abuse-rate-limit");
    let found = SENTENCES.iter().find(|(part, _)| sentence.contains(part)).map(|(_, said)| *said);
    found.or(by_link.then_some(Said::TooFast)).unwrap_or_default()
}
