//! A repository and its files in GitHub's JSON shapes.
//!
//! Touches nothing.

use serde_json::{Value, json};

use super::super::scatter::{of_text, sha256_hex};
use super::json::{API, base64, merge, node_id, user};
use super::world::Repo;

/// A file of a repository, with its content.
pub(super) fn file(repo: &Repo, path: &str, text: &str) -> Value {
    let lines: Vec<u8> = base64(text.as_bytes()).into_bytes();
    let content: String =
        lines.chunks(60).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect();
    let mut file = entry(repo, path, Some(text));
    merge(&mut file, json!({ "content": content, "encoding": "base64" }));
    file
}

/// A line of a folder: a file, or (without a text) a folder.
fn entry(repo: &Repo, path: &str, text: Option<&str>) -> Value {
    let sha = &sha256_hex(text.unwrap_or(path).as_bytes())[..40];
    let (full, word) = (&repo.full_name, if text.is_some() { "blob" } else { "tree" });
    let own = format!("{API}/repos/{full}/contents/{path}?ref=main");
    let git = format!("{API}/repos/{full}/git/{word}s/{sha}");
    let html = format!("https://github.com/{full}/{word}/main/{path}");
    json!({
        "name": path.rsplit('/').next().unwrap_or(path),
        "path": path,
        "sha": sha,
        "size": text.map_or(0, str::len),
        "url": own,
        "html_url": html,
        "git_url": git,
        "download_url": text.map(|_| format!("https://raw.githubusercontent.com/{full}/main/{path}")),
        "type": if text.is_some() { "file" } else { "dir" },
        "_links": { "self": own, "git": git, "html": html },
    })
}

/// What lies in a folder, `""` for the topmost; `None` if there is no such folder.
pub(super) fn folder(repo: &Repo, folder: &str) -> Option<Value> {
    let begins = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let mut entries: Vec<(String, Value)> = Vec::new();
    for (path, text) in repo.files() {
        let Some(rest) = path.strip_prefix(&begins) else { continue };
        let (own, text) = match rest.split_once('/') {
            Some((below, _)) => (format!("{begins}{below}"), None),
            None => (path.to_owned(), Some(text)),
        };
        if entries.iter().all(|(known, _)| *known != own) {
            let entry = entry(repo, &own, text);
            entries.push((own, entry));
        }
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    (!entries.is_empty()).then(|| entries.into_iter().map(|(_, entry)| entry).collect())
}

/// The parts of a repository's API, each with what a template adds.
const PARTS: [(&str, &str); 37] = [
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
    ("url", ""),
];

/// A repository.
pub(super) fn repository(repo: &Repo) -> Value {
    let (full, id) = (&repo.full_name, repo.id());
    let mut owner = user(repo.owner());
    merge(&mut owner, json!({ "type": "Organization" }));
    let stars = 40 + of_text(full) % 4_000;
    let mut whole = json!({
        "id": id, "node_id": node_id("010:Repository", id), "name": full.split('/').nth(1), "full_name": full,
        "owner": owner, "private": false, "html_url": format!("https://github.com/{full}"),
        "description": "Made for practice.", "fork": false, "homepage": null, "language": "Rust",
        "git_url": format!("git:github.com/{full}.git"), "ssh_url": format!("git@github.com:{full}.git"),
        "clone_url": format!("https://github.com/{full}.git"), "svn_url": format!("https://svn.github.com/{full}"),
        "mirror_url": null, "default_branch": "main", "license": null, "size": 108,
        "forks": 9, "forks_count": 9, "network_count": 9, "subscribers_count": 12,
        "stargazers_count": stars, "watchers": stars, "watchers_count": stars,
        "open_issues": 7, "open_issues_count": 7,
        "has_issues": true, "has_projects": true, "has_wiki": false, "has_pages": false, "has_discussions": false,
        "archived": false, "disabled": false,
        "created_at": "2021-03-04T05:06:07Z", "updated_at": "2026-06-01T00:00:00Z",
        "pushed_at": "2026-06-01T00:00:00Z",
    });
    if let Some(whole) = whole.as_object_mut() {
        let url = |part: &str| Value::from(format!("{API}/repos/{full}{part}"));
        whole.extend(PARTS.iter().map(|(name, part)| ((*name).to_owned(), url(part))));
    }
    whole
}
