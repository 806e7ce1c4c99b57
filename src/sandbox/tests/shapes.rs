//! The made GitHub's answers next to the documents: GitHub's own description of its API, and recordings.
//! Every field that it requires is there, every field that is there has its type, and what no document
//! shows is in the list of what is assumed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::Sandbox;
use super::super::github::{Kind, Policy};
use super::NOW_MS;
use super::github::{at, issue_url, one, say, value};

/// The shared data, if it is there; else says so.
fn data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let there = folder.join("github-openapi/openapi-subset.json").exists();
    if !there {
        eprintln!("SKIPPED: {} is not there; the sandbox's shapes are not compared", folder.display());
    }
    there.then_some(folder)
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// GitHub's description, and what was found to differ from it.
struct Description {
    root: Value,
    wrong: Vec<String>,
}

impl Description {
    fn answer(&self, path: &str, method: &str, status: &str) -> Value {
        let answer = self.root["paths"][path][method]["responses"][status].clone();
        self.follow(&answer)["content"]["application/json"]["schema"].clone()
    }

    fn follow(&self, schema: &Value) -> Value {
        match schema["$ref"].as_str() {
            Some(place) => {
                let pointer = place.trim_start_matches('#');
                self.follow(self.root.pointer(pointer).unwrap_or_else(|| panic!("{place} is nowhere")))
            }
            None => schema.clone(),
        }
    }

    fn check(&mut self, schema: &Value, value: &Value, at: &str) {
        let schema = self.follow(schema);
        if value.is_null() && schema["nullable"] == true {
            return;
        }
        for word in ["oneOf", "anyOf", "allOf"] {
            if let Some(kinds) = schema[word].as_array() {
                let fits = |kind: &Value| {
                    let mut one = Description { root: self.root.clone(), wrong: Vec::new() };
                    one.check(kind, value, at);
                    one.wrong
                };
                let found: Vec<Vec<String>> = kinds.iter().map(fits).collect();
                let good = found.iter().filter(|wrong| wrong.is_empty()).count();
                if (word == "allOf" && good < found.len()) || (word != "allOf" && good == 0) {
                    self.wrong.push(format!("{at}: fits none of {word}: {found:?}"));
                }
                return;
            }
        }
        match (schema["type"].as_str(), value) {
            (Some("string"), Value::String(_))
            | (Some("boolean"), Value::Bool(_))
            | (Some("number"), Value::Number(_)) => self.one_of(&schema, value, at),
            (Some("integer"), Value::Number(number)) if !number.is_f64() => {}
            (Some("array"), Value::Array(rows)) => {
                rows.iter().for_each(|row| self.check(&schema["items"], row, &format!("{at}[]")));
            }
            (Some("object"), Value::Object(fields)) => {
                for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if !fields.contains_key(name) {
                        self.wrong.push(format!("{at}.{name}: is required and not there"));
                    }
                }
                for (name, field) in fields {
                    match schema["properties"].get(name) {
                        Some(schema) => self.check(&schema.clone(), field, &format!("{at}.{name}")),
                        None => self.wrong.push(format!("{at}.{name}: is not described")),
                    }
                }
            }
            (None, _) => {}
            (Some(wanted), _) => self.wrong.push(format!("{at}: is no {wanted}: {value}")),
        }
    }

    fn one_of(&mut self, schema: &Value, value: &Value, at: &str) {
        if let Some(known) = schema["enum"].as_array().filter(|known| !known.contains(value)) {
            self.wrong.push(format!("{at}: {value} is none of {known:?}"));
        }
    }
}

/// The fields that no document shows, as `docs/sandbox.md` lists them.
fn assumed() -> BTreeSet<String> {
    let text = include_str!("../../../docs/sandbox.md");
    let rows = text.lines().filter(|line| line.starts_with('|') && line.contains("assumed"));
    rows.filter_map(|line| line.split('`').nth(1)).map(str::to_owned).collect()
}

#[test]
fn every_answer_is_as_github_describes_it() {
    let Some(data) = data() else { return };
    let root = read(&data.join("github-openapi/openapi-subset.json"));
    let mut description = Description { root, wrong: Vec::new() };
    let sandbox = Sandbox::new(1);
    let kinds = [Kind::Plain, Kind::Locked, Kind::Crowded, Kind::LabelOnly, Kind::Several];
    let issue = "/repos/{owner}/{repo}/issues/{issue_number}";
    let mut check = |path: &str, method: &str, status: &str, url: &str, value: Value| {
        let schema = description.answer(path, method, status);
        assert!(!schema.is_null(), "{method} {path} {status} is not described");
        description.check(&schema, &value, url.split("/repos/").next().unwrap_or(url));
    };
    for kind in kinds {
        let (repo, of) = one(&sandbox, kind);
        let url = issue_url(&repo, &of);
        check(issue, "get", "200", "issue", value(at(&sandbox, &url, NOW_MS)));
        check(issue, "get", "200", "issue", value(at(&sandbox, &url, of.closed_ms)));
        let url = format!("{url}/comments");
        check(&format!("{issue}/comments"), "get", "200", "comments", value(at(&sandbox, &url, NOW_MS)));
        if kind != Kind::Locked {
            let said = value(say(&sandbox, &url, "hello", NOW_MS));
            check(&format!("{issue}/comments"), "post", "201", "comment", said);
        }
        let invalid = value(say(&sandbox, &url, " ", NOW_MS));
        check(&format!("{issue}/comments"), "post", "422", "invalid", invalid);
    }
    let get = |path: &str| value(at(&sandbox, &format!("https://api.github.com/{path}"), NOW_MS));
    check("/search/issues", "get", "200", "search", get("search/issues?q=label:bounty&per_page=100"));
    check("/user", "get", "200", "user", get("user"));
    check("/rate_limit", "get", "200", "rate", get("rate_limit"));
    let (repo, _) = one(&sandbox, Kind::Plain);
    check("/repos/{owner}/{repo}", "get", "200", "repository", get(&format!("repos/{}", repo.full_name)));
    let (repo, gone) = one(&sandbox, Kind::Deleted);
    let deleted = at(&sandbox, &issue_url(&repo, &gone), gone.opened_ms + 5 * 86_400_000);
    check(issue, "get", "410", "gone", value(deleted));
    check(issue, "get", "404", "not found", get("repos/no/where/issues/1"));
    let contents = "/repos/{owner}/{repo}/contents/{path}";
    let all = sandbox.github_bounties(NOW_MS);
    let (with_policy, _) = all.iter().find(|(repo, _)| repo.policy == Policy::Warn).expect("one");
    check(
        contents,
        "get",
        "200",
        "contents",
        get(&format!("repos/{}/contents/AI_POLICY.md", with_policy.full_name)),
    );
    check(
        contents,
        "get",
        "404",
        "no contents",
        get(&format!("repos/{}/contents/NONE.md", with_policy.full_name)),
    );

    check(contents, "get", "200", "folder", get(&format!("repos/{}/contents/", with_policy.full_name)));

    let assumed = assumed();
    let wrong: BTreeSet<&String> = description
        .wrong
        .iter()
        .filter(|line| !assumed.contains(line.split(':').next().unwrap_or("")))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What was recorded has no field that ours lacks, and none of another type.
fn covers(recorded: &Value, ours: &Value, at: &str, wrong: &mut Vec<String>) {
    match (recorded, ours) {
        (Value::Object(recorded), Value::Object(ours)) => {
            for (name, field) in recorded {
                match ours.get(name) {
                    Some(own) => covers(field, own, &format!("{at}.{name}"), wrong),
                    None => wrong.push(format!("{at}.{name}: is recorded and not served")),
                }
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (recorded, ours) => {
            let kind = |value: &Value| std::mem::discriminant(value);
            if kind(recorded) != kind(ours) {
                wrong.push(format!("{at}: recorded {recorded}, served {ours}"));
            }
        }
    }
}

#[test]
fn every_field_that_was_recorded_is_served() {
    let Some(data) = data() else { return };
    let sandbox = Sandbox::new(1);
    let (repo, issue) = one(&sandbox, Kind::Plain);
    let url = issue_url(&repo, &issue);
    let mut wrong = Vec::new();
    let scenario = |name: &str| read(&data.join(format!("octokit-fixtures/{name}/raw-fixture.json")));
    let exchange = |all: Value, part: &str| {
        let found = all
            .as_array()
            .expect("a list")
            .iter()
            .find(|one| one["path"].as_str().is_some_and(|path| path.contains(part)));
        found.cloned().expect("recorded")
    };
    let recorded = exchange(scenario("paginate-issues"), "/issues?per_page");
    covers(&recorded["response"][0], &value(at(&sandbox, &url, NOW_MS)), "issue", &mut wrong);
    let recorded = exchange(scenario("search-issues"), "/search/");
    let search = at(&sandbox, "https://api.github.com/search/issues?q=label:bounty", NOW_MS);
    let tagged = search.header("etag").is_some();
    covers(&recorded["response"], &value(search), "search", &mut wrong);
    let found = value(at(&sandbox, "https://api.github.com/search/issues?q=label:bounty", NOW_MS));
    covers(&recorded["response"]["items"][0], &found["items"][0], "found", &mut wrong);
    let payload = read(&data.join("octokit-webhooks/issue_comment/created.payload.json"));
    let said = value(say(&sandbox, &format!("{url}/comments"), "hello", NOW_MS));
    covers(&payload["comment"], &said, "comment", &mut wrong);
    let bots = read(&data.join("documented-shapes/algora-comments.json"));
    let said = value(at(&sandbox, &format!("{url}/comments"), NOW_MS));
    covers(&bots[0], &said[0], "bot", &mut wrong);
    assert_eq!(said[0]["user"]["login"], bots[0]["user"]["login"]);
    assert_eq!(wrong, Vec::<String>::new());
    assert!(!tagged);
}

#[test]
fn every_header_that_was_recorded_with_a_read_is_served() {
    let Some(data) = data() else { return };
    let recorded = read(&data.join("octokit-fixtures/paginate-issues/raw-fixture.json"));
    let page =
        recorded.as_array().expect("a list").iter().find(|one| one["method"] == "get").expect("recorded");
    let names: BTreeSet<String> = match &page["rawHeaders"] {
        Value::Array(flat) => {
            flat.iter().step_by(2).filter_map(Value::as_str).map(str::to_lowercase).collect()
        }
        Value::Object(all) => all.keys().map(|name| name.to_lowercase()).collect(),
        other => panic!("headers are {other}"),
    };
    let sandbox = Sandbox::new(1);
    let (repo, issue) = one(&sandbox, Kind::Crowded);
    let answer = at(&sandbox, &format!("{}/comments?per_page=3", issue_url(&repo, &issue)), NOW_MS);
    let wanted = json!([
        "date",
        "content-type",
        "cache-control",
        "etag",
        "x-oauth-scopes",
        "link",
        "x-github-media-type",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "x-ratelimit-used",
        "x-ratelimit-resource"
    ]);
    for name in wanted.as_array().expect("a list").iter().filter_map(Value::as_str) {
        assert!(names.contains(name), "{name} was not recorded");
        assert!(answer.header(name).is_some(), "{name} is not served");
    }
}
