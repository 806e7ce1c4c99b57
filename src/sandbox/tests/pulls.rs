//! Pull requests at the made GitHub: there after the work, found hours later, written anew by their author alone.

use serde_json::{Value, json};

use super::super::Sandbox;
use super::super::github::Kind;
use super::super::message::{Request, Response};
use super::NOW_MS;
use super::github::{at, issue_url, one, request, say, value};

const HOUR_MS: i64 = 3_600_000;
const LATER_MS: i64 = NOW_MS + 49 * HOUR_MS;

fn write(sandbox: &Sandbox, url: &str, token: &str, body: &Value, now_ms: i64) -> Response {
    let mut sent = Request::get(url).with_header("user-agent", "a test");
    if !token.is_empty() {
        sent = sent.with_header("authorization", &format!("Bearer {token}"));
    }
    sent.method = "PATCH".to_owned();
    sent.body = body.to_string().into_bytes();
    sandbox.answer(sent, now_ms)
}

fn found(sandbox: &Sandbox, author: &str, now_ms: i64) -> Value {
    let url = format!("https://api.github.com/search/issues?q=type:pr+state:open+author:{author}");
    value(at(sandbox, &url, now_ms))
}

#[test]
fn a_pull_request_comes_two_days_after_its_attempt_and_its_claim_is_shown() {
    let sandbox = Sandbox::new(1);
    let (repo, issue) = one(&sandbox, Kind::Plain);
    let url = issue_url(&repo, &issue);
    say(&sandbox, &format!("{url}/comments"), &format!("/attempt #{}\n\nmy plan", issue.number), NOW_MS);
    assert_eq!(found(&sandbox, "octo", LATER_MS)["total_count"], 0, "the search lags");
    let rows = found(&sandbox, "octo", LATER_MS + 6 * HOUR_MS);
    assert_eq!(
        (&rows["total_count"], &found(&sandbox, "else", LATER_MS + 6 * HOUR_MS)["total_count"]),
        (&json!(1), &json!(0))
    );
    let row = &rows["items"][0];
    assert!(row["pull_request"].is_object() && row["user"]["login"] == "octo", "{row}");
    assert!(row["body"].as_str().is_some_and(|body| body.starts_with(&format!("Fixes #{}.", issue.number))));

    // It is read as an issue, and written anew by whose it is.
    let own = row["url"].as_str().expect("a URL");
    assert_eq!(value(at(&sandbox, own, LATER_MS))["number"], row["number"]);
    assert_eq!(at(&sandbox, own, NOW_MS).status, 404, "not before it is there");
    let pull = row["pull_request"]["url"].as_str().expect("a URL");
    let text = json!({ "body": format!("Fixes it.\n\n/claim #{}", issue.number) });
    for (token, body, status) in [
        ("", &text, 401),
        ("sandbox-octo.revoked", &text, 401),
        ("sandbox-octo.readonly", &text, 403),
        ("sandbox-else", &text, 403),
        ("sandbox-octo", &json!({}), 422),
        ("sandbox-octo", &json!({ "body": "x".repeat(65_537) }), 422),
    ] {
        assert_eq!(write(&sandbox, pull, token, body, LATER_MS).status, status, "{token}");
    }
    let comments = format!("{url}/comments");
    assert!(!value(at(&sandbox, &comments, LATER_MS)).to_string().contains("Solution"));
    let said = write(&sandbox, pull, "sandbox-octo", &text, LATER_MS);
    assert_eq!((said.status, &value(said)["body"]), (200, &text["body"]));
    assert_eq!(value(at(&sandbox, own, LATER_MS))["body"], text["body"]);
    let bot = value(at(&sandbox, &comments, LATER_MS))[0].clone();
    assert!(
        bot["body"].as_str().is_some_and(|body| body.contains("@octo") && body.contains("Solution")),
        "{bot}"
    );
    assert_ne!(bot["created_at"], bot["updated_at"], "it was edited in place");
}

#[test]
fn a_restart_finds_pull_requests_and_what_was_written_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("oracle.jsonl");
    let sandbox = Sandbox::new(1).with_oracle(&file).expect("a new file");
    let (repo, issue) = one(&sandbox, Kind::Plain);
    let url = format!("{}/comments", issue_url(&repo, &issue));
    say(&sandbox, &url, &format!("/attempt #{}", issue.number), NOW_MS);
    let pull = format!("https://api.github.com/repos/{}/pulls/{}", repo.full_name, 1_000_000 + issue.number);
    let text = json!({ "body": "another text" });
    assert_eq!(write(&sandbox, &pull, "sandbox-octo", &text, LATER_MS).status, 200);
    drop(sandbox);
    let again = Sandbox::new(1).with_oracle(&file).expect("its own file");
    assert_eq!(value(at(&again, &pull.replace("/pulls/", "/issues/"), LATER_MS))["body"], text["body"]);
    assert_eq!(again.github_edited().len(), 1);
    // A comment on a pull request is one as on any issue.
    let comments = format!("{}/comments", pull.replace("/pulls/", "/issues/"));
    assert_eq!(say(&again, &comments, "/claim #1", LATER_MS).status, 201);
    assert_eq!(value(at(&again, &comments, LATER_MS)).as_array().map(Vec::len), Some(1));
    assert_eq!(again.answer(request("PATCH", &pull), NOW_MS).status, 404);
}
