//! Every connector's documented errors, through the one place that names their class.
//!
//! The answers are written out here in the shapes that the platforms document; where real recordings
//! and documented samples lie beside the project they go through as well.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use expect_test::expect;
use mm_core::error::{ErrorClass, Signal, TransportFault, WhoActs, classify, said, wall};
use mm_core::limit::{learn, parse_retry_after};
use mm_core::moment::Moment;

struct Answer<'a> {
    status: u16,
    headers: &'a [(&'a str, &'a str)],
    body: &'a str,
}

const fn answer<'a>(status: u16, headers: &'a [(&'a str, &'a str)], body: &'a str) -> Answer<'a> {
    Answer { status, headers, body }
}

/// As the transport does: what came for a request that asked for JSON.
fn signal(answer: &Answer<'_>) -> Signal {
    let now = Moment::from_unix_ms(1_790_000_000_000);
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let headers: Vec<_> = answer.headers.iter().map(own).collect();
    let retry = headers.iter().find(|(name, _)| name == "retry-after");
    if let Some(wall) = wall(answer.status, Some("application/json"), &headers, answer.body.as_bytes()) {
        return Signal::transport(TransportFault::Wall(wall));
    }
    Signal {
        status: Some(answer.status),
        transport: None,
        retry_after: retry.and_then(|(_, value)| parse_retry_after(value, now)).map(|wait| now.plus(wait)),
        quota_spent: learn(&headers, now).is_some_and(|learned| learned.remaining == 0),
        said: said(answer.status, &headers, answer.body.as_bytes()),
    }
}

fn line(name: &str, answer: &Answer<'_>) -> String {
    let Some(c) = classify(signal(answer)) else { return format!("{name:52} fine\n") };
    let yes = |b: bool, word: &'static str| if b { word } else { "-" };
    let who = match c.who_acts {
        WhoActs::Machine => "machine",
        WhoActs::Owner => "owner",
        WhoActs::Author => "author",
    };
    format!(
        "{name:52} {:10} {:5} {:7} {:5} {who}\n",
        c.class.as_str(),
        yes(c.retry, "retry"),
        yes(c.breaker_counts, "breaker"),
        yes(c.alert, "alert"),
    )
}

const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");
const SPENT: &[(&str, &str)] = &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1790000600")];

/// What each platform documents, or was seen to send; the sources stand in the platforms' rule files.
const DOCUMENTED: &[(&str, Answer<'_>)] = &[
    // HackerOne: JSON:API errors, statuses as text.
    ("hackerone 401", answer(401, &[], r#"{"errors":[{"status":"401","title":"Unauthorized"}]}"#)),
    ("hackerone 403", answer(403, &[], r#"{"errors":[{"status":"403","title":"Forbidden"}]}"#)),
    ("hackerone 404", answer(404, &[], r#"{"errors":[{"status":"404","title":"Not Found"}]}"#)),
    (
        "hackerone 429",
        answer(429, &[], r#"{"errors":[{"status":"429","title":"Rate limited","detail":"..."}]}"#),
    ),
    ("hackerone 429 in a 200", answer(200, &[], r#"{"errors":[{"status":"429","title":"Rate limited"}]}"#)),
    // Intigriti, YesWeHack, Bugcrowd: statuses.
    ("intigriti 401", answer(401, &[("www-authenticate", "Bearer error=\"invalid_token\"")], "")),
    ("intigriti 403 scope", answer(403, &[("www-authenticate", "Bearer error=\"insufficient_scope\"")], "")),
    ("yeswehack 401", answer(401, &[], r#"{"code":401,"message":"JWT Token not found"}"#)),
    ("bugcrowd 429", answer(429, &[("retry-after", "60")], r#"{"errors":[{"code":"rate_limited"}]}"#)),
    // GitHub, REST.
    (
        "github 401",
        answer(
            401,
            &[],
            r#"{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest"}"#,
        ),
    ),
    ("github 403 primary", answer(403, SPENT, r#"{"message":"API rate limit exceeded for user ID 1."}"#)),
    (
        "github 403 secondary, body alone",
        answer(
            403,
            &[],
            r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again.","documentation_url":"https://docs.github.com/free-pro-team@latest/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}"#,
        ),
    ),
    (
        "github 403 secondary, retry-after",
        answer(403, &[("retry-after", "60")], r#"{"message":"You have exceeded a secondary rate limit."}"#),
    ),
    (
        "github 403 abuse, link alone",
        answer(
            403,
            &[],
            r#"{"message":"Slow.","documentation_url":"https://developer.github.com/v3/#abuse-rate-limits"}"#,
        ),
    ),
    (
        "github 403 content too fast",
        answer(403, &[], r#"{"message":"Validation Failed: was submitted too quickly"}"#),
    ),
    ("github 429 secondary", answer(429, &[], r#"{"message":"You have exceeded a secondary rate limit."}"#)),
    (
        "github 403 token may not",
        answer(
            403,
            &[],
            r#"{"message":"Resource not accessible by personal access token","documentation_url":"https://docs.github.com/rest","status":"403"}"#,
        ),
    ),
    (
        "github 403 saml",
        answer(
            403,
            &[],
            r#"{"message":"Resource protected by organization SAML enforcement. You must grant your Personal Access token access to this organization."}"#,
        ),
    ),
    ("github 403 suspended", answer(403, &[], r#"{"message":"Sorry. Your account was suspended."}"#)),
    (
        "github 403 login attempts",
        answer(
            403,
            &[],
            r#"{"message":"Maximum number of login attempts exceeded. Please try again later."}"#,
        ),
    ),
    (
        "github 404 private or gone",
        answer(
            404,
            &[],
            r#"{"message":"Not Found","documentation_url":"https://docs.github.com/rest","status":"404"}"#,
        ),
    ),
    ("github 410 issues are off", answer(410, &[], r#"{"message":"Issues are disabled for this repo"}"#)),
    (
        "github 422",
        answer(
            422,
            &[],
            r#"{"message":"Validation Failed","errors":[{"resource":"Label","code":"invalid","field":"color"}]}"#,
        ),
    ),
    ("github 451", answer(451, &[], r#"{"message":"Repository access blocked","block":{"reason":"dmca"}}"#)),
    ("github 502", answer(502, &[HTML], "<html><title>502 Bad Gateway</title></html>")),
    ("github 503", answer(503, &[], r#"{"message":"Service unavailable"}"#)),
    // GitHub, GraphQL: errors in a 200.
    (
        "github graphql rate limited",
        answer(
            200,
            &[],
            r#"{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded for user ID 1."}]}"#,
        ),
    ),
    (
        "github graphql scopes",
        answer(
            200,
            &[],
            r#"{"errors":[{"type":"INSUFFICIENT_SCOPES","message":"Your token has not been granted the required scopes to execute this query."}]}"#,
        ),
    ),
    (
        "github graphql forbidden",
        answer(
            200,
            &[],
            r#"{"data":{"viewer":null},"errors":[{"type":"FORBIDDEN","path":["viewer"],"message":"Resource not accessible by personal access token"}]}"#,
        ),
    ),
    (
        "github graphql not found",
        answer(
            200,
            &[],
            r#"{"data":{"user":null},"errors":[{"type":"NOT_FOUND","message":"Could not resolve to a User"}]}"#,
        ),
    ),
    (
        "github graphql trouble",
        answer(
            200,
            &[],
            r#"{"errors":[{"message":"Something went wrong while executing your query. Please include `1:2` when reporting this issue."}]}"#,
        ),
    ),
    (
        "github graphql wrong query",
        answer(200, &[], r#"{"errors":[{"message":"Field 'x' doesn't exist on type 'User'"}]}"#),
    ),
    ("github graphql good", answer(200, &[], r#"{"data":{"viewer":{"login":"a"}}}"#)),
    ("github graphql no errors", answer(200, &[], r#"{"data":{},"errors":[]}"#)),
    // Boards and feeds.
    ("hackernews missing item", answer(200, &[], "null")),
    ("hackernews 401", answer(401, &[], r#"{"error":"Permission denied"}"#)),
    ("algolia 429", answer(429, &[], r#"{"message":"Too many requests","status":429}"#)),
    ("remoteok 403 without a user agent", answer(403, &[HTML], "<html>Forbidden</html>")),
    ("remotive 526", answer(526, &[HTML], "<html></html>")),
    ("opire 500", answer(500, &[], r#"{"statusCode":500,"message":"Internal server error"}"#)),
    // Freelancer: an error may come with any status.
    ("freelancer error 404", answer(404, &[], r#"{"status":"error","message":"not found"}"#)),
    ("freelancer error in a 200", answer(200, &[], r#"{"status":"error","message":"not found"}"#)),
    (
        "freelancer 401",
        answer(
            401,
            &[],
            r#"{"status":"error","message":"You must be logged in","error_code":"RestExceptionCodes.NOT_AUTHENTICATED"}"#,
        ),
    ),
    ("freelancer good", answer(200, &[], r#"{"status":"success","result":{}}"#)),
    // Affiliate networks.
    (
        "impact 400",
        answer(
            400,
            &[],
            r#"{"Status":"ERROR","Message":"Validation Failed","Errors":[{"Field":"AccountId","Message":"Not a numeric value"}]}"#,
        ),
    ),
    ("impact 401 credential", answer(401, &[], r#"{"Status":"ERROR","Message":"Authentication failed"}"#)),
    ("impact 403 scoped token", answer(403, &[], r#"{"Status":"ERROR","Message":"Access Denied"}"#)),
    ("impact error in a 200", answer(200, &[], r#"{"Status":"ERROR","Message":"Validation Failed"}"#)),
    ("impact 429", answer(429, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "55")], "")),
    (
        "awin 401",
        answer(
            401,
            &[],
            r#"{"error":"unauthorized","description":"Full authentication is required to access this resource"}"#,
        ),
    ),
    (
        "awin unauthorized in a 400",
        answer(
            400,
            &[],
            r#"{"error":"unauthorized","description":"Full authentication is required to access this resource"}"#,
        ),
    ),
    ("awin 304 already so", answer(304, &[], "")),
    ("awin 429 without a hint", answer(429, &[], "")),
    (
        "cj graphql",
        answer(
            200,
            &[],
            r#"{"data":null,"errors":[{"message":"Unauthorized","extensions":{"code":"UNAUTHENTICATED"}}]}"#,
        ),
    ),
    (
        "cj graphql wrong",
        answer(200, &[], r#"{"errors":[{"message":"Validation error of type FieldUndefined"}]}"#),
    ),
    ("rakuten 401", answer(401, &[("www-authenticate", "Bearer error=\"invalid_token\"")], "")),
    // OAuth 2 (RFC 6749, 5.2).
    (
        "oauth invalid_grant",
        answer(400, &[], r#"{"error":"invalid_grant","error_description":"The refresh token is expired"}"#),
    ),
    ("oauth invalid_client", answer(401, &[], r#"{"error":"invalid_client"}"#)),
    ("oauth invalid_request", answer(400, &[], r#"{"error":"invalid_request"}"#)),
    ("oauth invalid_scope", answer(400, &[], r#"{"error":"invalid_scope"}"#)),
    ("oauth slow_down", answer(400, &[], r#"{"error":"slow_down"}"#)),
    ("oauth temporarily_unavailable", answer(400, &[], r#"{"error":"temporarily_unavailable"}"#)),
    (
        "github oauth in a 200",
        answer(
            200,
            &[],
            r#"{"error":"bad_refresh_token","error_description":"The refresh token passed is incorrect or expired."}"#,
        ),
    ),
    // Pages where data was asked for.
    ("wall: login", answer(200, &[HTML], "<html><form><input type=\"password\"></form></html>")),
    ("wall: portal", answer(200, &[HTML], "<html>Welcome to the hotel. Accept our terms.</html>")),
    ("wall: portal 511", answer(511, &[HTML], "<html></html>")),
    ("wall: bot in a 200", answer(200, &[HTML], "<html><title>Just a moment...</title></html>")),
    ("wall: bot in a 403", answer(403, &[HTML, ("cf-mitigated", "challenge")], "<html></html>")),
    ("wall: bot in a 503", answer(503, &[HTML], "<html>Please complete the CAPTCHA</html>")),
    ("wall: bot in a 429", answer(429, &[HTML], "<html>unusual traffic from your network</html>")),
    ("wall: no content type", answer(200, &[], "<!DOCTYPE html><html>hello</html>")),
    ("a 204", answer(204, &[HTML], "")),
];

#[test]
fn every_documented_error_has_its_class() {
    let table: String = DOCUMENTED.iter().map(|(name, answer)| line(name, answer)).collect();
    expect![[r#"
        hackerone 401                                        auth       -     breaker alert owner
        hackerone 403                                        auth       -     breaker alert owner
        hackerone 404                                        fatal      -     -       -     author
        hackerone 429                                        rate limit retry -       -     machine
        hackerone 429 in a 200                               rate limit retry -       -     machine
        intigriti 401                                        auth       -     breaker alert owner
        intigriti 403 scope                                  auth       -     -       alert owner
        yeswehack 401                                        auth       -     breaker alert owner
        bugcrowd 429                                         rate limit retry -       -     machine
        github 401                                           auth       -     breaker alert owner
        github 403 primary                                   rate limit retry -       -     machine
        github 403 secondary, body alone                     rate limit retry -       -     machine
        github 403 secondary, retry-after                    rate limit retry -       -     machine
        github 403 abuse, link alone                         rate limit retry -       -     machine
        github 403 content too fast                          rate limit retry -       -     machine
        github 429 secondary                                 rate limit retry -       -     machine
        github 403 token may not                             auth       -     -       alert owner
        github 403 saml                                      auth       -     -       alert owner
        github 403 suspended                                 auth       -     breaker alert owner
        github 403 login attempts                            auth       -     breaker alert owner
        github 404 private or gone                           fatal      -     -       -     author
        github 410 issues are off                            fatal      -     -       -     author
        github 422                                           fatal      -     -       alert author
        github 451                                           compliance -     -       alert owner
        github 502                                           transient  retry breaker -     machine
        github 503                                           transient  retry breaker -     machine
        github graphql rate limited                          rate limit retry -       -     machine
        github graphql scopes                                auth       -     -       alert owner
        github graphql forbidden                             auth       -     -       alert owner
        github graphql not found                             fatal      -     -       -     author
        github graphql trouble                               transient  retry breaker -     machine
        github graphql wrong query                           fatal      -     -       alert author
        github graphql good                                  fine
        github graphql no errors                             fine
        hackernews missing item                              fine
        hackernews 401                                       auth       -     breaker alert owner
        algolia 429                                          rate limit retry -       -     machine
        remoteok 403 without a user agent                    auth       -     breaker alert owner
        remotive 526                                         transient  retry breaker -     machine
        opire 500                                            transient  retry breaker -     machine
        freelancer error 404                                 fatal      -     -       -     author
        freelancer error in a 200                            fatal      -     -       alert author
        freelancer 401                                       auth       -     breaker alert owner
        freelancer good                                      fine
        impact 400                                           fatal      -     -       alert author
        impact 401 credential                                auth       -     breaker alert owner
        impact 403 scoped token                              auth       -     -       alert owner
        impact error in a 200                                fatal      -     -       alert author
        impact 429                                           rate limit retry -       -     machine
        awin 401                                             auth       -     breaker alert owner
        awin unauthorized in a 400                           auth       -     breaker alert owner
        awin 304 already so                                  fine
        awin 429 without a hint                              rate limit retry -       -     machine
        cj graphql                                           auth       -     breaker alert owner
        cj graphql wrong                                     fatal      -     -       alert author
        rakuten 401                                          auth       -     breaker alert owner
        oauth invalid_grant                                  auth       -     breaker alert owner
        oauth invalid_client                                 auth       -     breaker alert owner
        oauth invalid_request                                fatal      -     -       alert author
        oauth invalid_scope                                  auth       -     -       alert owner
        oauth slow_down                                      rate limit retry -       -     machine
        oauth temporarily_unavailable                        transient  retry breaker -     machine
        github oauth in a 200                                auth       -     breaker alert owner
        wall: login                                          auth       -     breaker alert owner
        wall: portal                                         transient  retry breaker alert owner
        wall: portal 511                                     transient  retry breaker alert owner
        wall: bot in a 200                                   compliance -     -       alert owner
        wall: bot in a 403                                   compliance -     -       alert owner
        wall: bot in a 503                                   compliance -     -       alert owner
        wall: bot in a 429                                   compliance -     -       alert owner
        wall: no content type                                transient  retry breaker alert owner
        a 204                                                fine
    "#]]
    .assert_eq(&table);
}

#[test]
fn no_documented_error_of_a_credential_or_of_a_wall_is_ever_tried_again() {
    for (name, answer) in DOCUMENTED {
        let Some(c) = classify(signal(answer)) else { continue };
        if matches!(c.class, ErrorClass::Auth | ErrorClass::Compliance) {
            assert!(!c.retry && c.alert && c.who_acts == WhoActs::Owner, "{name}");
        }
        if name.starts_with("wall: bot") {
            assert_eq!(c.class, ErrorClass::Compliance, "{name}");
        }
    }
}

/// The samples beside the project, or `None` with a word on stderr.
fn data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !folder.join("documented-shapes").is_dir() {
        let said = format_args!("SKIPPED: no documented answers at {}\n", folder.display());
        std::io::stderr().write_fmt(said).unwrap();
        return None;
    }
    Some(folder)
}

#[test]
fn the_documented_samples_have_the_class_of_their_platform() {
    let Some(data) = data() else { return };
    let mut table = String::new();
    for (file, status) in [
        ("hackerone-error-429.json", 429),
        ("impact-error.json", 400),
        ("awin-error.json", 401),
        ("freelancer-error.json", 404),
        ("freelancer-error.json", 200),
    ] {
        let body = std::fs::read_to_string(data.join("documented-shapes").join(file)).unwrap();
        table += &line(&format!("{file} {status}"), &answer(status, &[], &body));
    }
    expect![[r#"
        hackerone-error-429.json 429                         rate limit retry -       -     machine
        impact-error.json 400                                fatal      -     -       alert author
        awin-error.json 401                                  auth       -     breaker alert owner
        freelancer-error.json 404                            fatal      -     -       -     author
        freelancer-error.json 200                            fatal      -     -       alert author
    "#]]
    .assert_eq(&table);
    // Nothing that is data is taken for an error.
    for entry in std::fs::read_dir(data.join("documented-shapes")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".json") && !name.contains("error") {
            let body = std::fs::read_to_string(&path).unwrap();
            assert_eq!(classify(signal(&answer(200, &[], &body))), None, "{name}");
        }
    }
}

#[test]
fn the_recorded_exchanges_have_the_class_of_their_status() {
    let Some(data) = data() else { return };
    let mut seen = 0;
    for scenario in std::fs::read_dir(data.join("octokit-fixtures")).unwrap() {
        let file = scenario.unwrap().path().join("normalized-fixture.json");
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let exchanges: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        for exchange in exchanges {
            let status = u16::try_from(exchange["status"].as_u64().unwrap()).unwrap();
            let body = exchange["response"].to_string();
            let class = classify(signal(&answer(status, &[], &body)));
            match status {
                200..=299 => assert_eq!(class, None, "{}", file.display()),
                422 => assert_eq!(class.map(|c| c.class), Some(ErrorClass::Fatal)),
                _ => {}
            }
            seen += 1;
        }
    }
    assert!(seen >= 8, "{seen} exchanges");
}
