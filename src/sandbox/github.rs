//! GitHub at `https://api.github.com/`, as far as bounties and comments on issues go.
//!
//! What it answers is a function of seed, time and what was asked before: a comment that was posted is in
//! the list from then on, and every request counts on the budgets. All of that is rebuilt from the oracle
//! file after a restart. A token is any that begins with `sandbox-`; the login it belongs to follows, up to
//! a dot: `sandbox-octo.2` is `octo`'s. After the dot, `expired` and `revoked` are turned away, and
//! `readonly` may not write and `noscope` may not query its own account.
//!
//! It uses no type of the connectors. What it serves is in `docs/sandbox.md`; anything else is 404.

mod graphql;
mod json;
mod limits;
mod pulls;
mod refusing;
mod route;
mod search;
mod texts;
mod tree;
mod world;

use serde_json::{Value, json};

use super::conditional::Validators;
use super::message::{Request, Response};
use super::oracle::Received;
use super::scatter::sha256_hex;
use json::{answer, error, invalid};
pub use limits::Limits;
use limits::{Counters, Refused, Resource};
pub use pulls::Edited;
pub(super) use refusing::{bad_credentials, spent, too_fast};
use refusing::{gone, not_found, over, redirect};
pub(super) use route::query;
use route::{Route, Spot, page, paged};
pub use texts::Policy;
pub use world::{Comment, Issue, Kind, Repo};

/// Where it lives.
pub const GITHUB_URL: &str = "https://api.github.com/";
/// The longest comment.
const COMMENT_CHARS_MAX: usize = 65_536;
/// Who asks, as far as the token says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asker {
    Nobody,
    /// A token that is not, or no longer, one of ours.
    Bad,
    Account {
        login: String,
        writes: bool,
        /// Whether it may see its own account by GraphQL.
        scoped: bool,
    },
}

impl Asker {
    fn of(request: &Request) -> Self {
        let Some(header) = request.header("authorization") else { return Self::Nobody };
        let token = ["Bearer ", "bearer ", "token "].iter().find_map(|scheme| header.strip_prefix(scheme));
        let Some(rest) = token.and_then(|token| token.trim().strip_prefix("sandbox-")) else {
            return Self::Bad;
        };
        let (login, tail) = rest.split_once('.').unwrap_or((rest, ""));
        match tail {
            "expired" | "revoked" => Self::Bad,
            _ if login.is_empty() => Self::Bad,
            _ => Self::Account {
                login: login.to_owned(),
                writes: tail != "readonly",
                scoped: tail != "noscope",
            },
        }
    }

    fn login(&self) -> Option<String> {
        match self {
            Self::Account { login, .. } => Some(login.clone()),
            _ => None,
        }
    }
}

/// A comment that was posted here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The repository's id.
    pub repo: u64,
    /// The issue's number.
    pub number: u64,
    /// As the list shows it.
    pub comment: Comment,
}

/// The made GitHub and what was done there.
#[derive(Debug, Default)]
pub(super) struct Github {
    posted: Vec<Posted>,
    edited: Vec<Edited>,
    /// How long after `/attempt` a pull request is opened, if not as long as usual.
    pulls_after_ms: Option<i64>,
    counters: Counters,
}

impl Github {
    pub(super) fn is_at(url: &str) -> bool {
        url.starts_with(GITHUB_URL)
    }

    /// The login a request is made with, for the oracle: the token itself is not written down.
    pub(super) fn account_of(request: &Request) -> Option<String> {
        match Asker::of(request) {
            Asker::Account { login, writes, scoped } if Self::is_at(&request.url) => {
                let tail = if !writes {
                    ".readonly"
                } else if !scoped {
                    ".noscope"
                } else {
                    ""
                };
                Some(format!("{login}{tail}"))
            }
            _ => None,
        }
    }

    pub(super) fn posted(&self) -> &[Posted] {
        &self.posted
    }

    pub(super) fn edited(&self) -> &[Edited] {
        &self.edited
    }

    pub(super) fn set_pulls_after(&mut self, after_ms: i64) {
        self.pulls_after_ms = Some(after_ms);
    }

    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.counters.limits = limits;
    }

    /// Does again what a request received before a restart did.
    pub(super) fn remember(&mut self, seed: u64, received: &Received) {
        if !Self::is_at(&received.url) {
            return;
        }
        let kept = received.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
        let mut headers: Vec<_> = kept.cloned().collect();
        if let Some(login) = &received.account {
            headers.push(("authorization".to_owned(), format!("Bearer sandbox-{login}")));
        }
        let body = received.body.clone().unwrap_or_default().into_bytes();
        let request = Request { method: received.method.clone(), url: received.url.clone(), headers, body };
        drop(self.answer(seed, &request, received.at_ms));
    }

    pub(super) fn answer(&mut self, seed: u64, request: &Request, now_ms: i64) -> Response {
        if request.header("user-agent").is_none_or(|agent| agent.trim().is_empty()) {
            let why = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header";
            return Response::text(403, format!("{why}\n"));
        }
        let asker = Asker::of(request);
        if asker == Asker::Bad {
            return bad_credentials();
        }
        let (who, now_s) = (asker.login(), now_ms.div_euclid(1000));
        let route = Route::of(&request.url);
        if route == Route::RateLimit {
            return self.rate_limit(&who, now_s);
        }
        let resource = match route {
            Route::Search(_) => Resource::Search,
            Route::GraphQl => Resource::GraphQl,
            _ => Resource::Core,
        };
        // A query leaves as a POST and counts as a read.
        let reads = request.method == "GET" || request.method == "HEAD" || route == Route::GraphQl;
        let writes = !reads;
        let admitted = self.counters.admit(&who, resource, writes, now_s);
        let said = match admitted {
            Ok(()) => self.serve(seed, request, &route, &asker, now_ms),
            Err(Refused::Primary) if route == Route::GraphQl => {
                graphql::spent(who.as_deref().unwrap_or_default())
            }
            Err(refused) => over(refused, &who),
        };
        if admitted != Err(Refused::Primary) && said.status != 304 {
            self.counters.count(&who, resource, now_s);
        }
        let said = self.counters.standing(&who, resource, now_s).mark(said);
        match &asker {
            Asker::Account { writes, .. } => {
                said.or_header("x-oauth-scopes", if *writes { "public_repo" } else { "" })
            }
            _ => said,
        }
    }

    fn serve(&mut self, seed: u64, request: &Request, route: &Route, asker: &Asker, now_ms: i64) -> Response {
        let (spot, path) = match route {
            Route::User => return whoami(request, asker),
            Route::GraphQl => {
                let scoped = matches!(asker, Asker::Account { scoped: true, .. });
                return graphql::run(seed, request, asker.login().as_deref(), scoped, now_ms);
            }
            Route::Search(query) => return self.search(seed, query, now_ms),
            Route::In(spot, path) => (spot, path),
            _ => return not_found(),
        };
        let repo = match spot {
            Spot::Named(name) => {
                if let Some(moved) = world::renamed(seed, name, now_ms) {
                    return redirect(request, &moved, path);
                }
                world::repos(seed, now_ms).find(|repo| repo.full_name.eq_ignore_ascii_case(name))
            }
            Spot::Numbered(id) => world::repos(seed, now_ms).find(|repo| repo.id() == *id),
        };
        let Some(repo) = repo else { return not_found() };
        let parts: Vec<&str> = path.split('?').next().unwrap_or_default().split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", [""]) => tagged(request, &tree::repository(&repo), None),
            ("GET", ["contents", file @ ..]) => contents(&repo, &file.join("/"), request),
            ("PATCH", ["pulls", number]) => self.describe(seed, &repo, number, request, asker, now_ms),
            (method, ["issues", number, rest @ ..]) => {
                if let Some(pull) = self.pull(seed, &repo, number, now_ms) {
                    return self.on_pull(&repo, &pull, rest, request, asker, now_ms);
                }
                let issue = number.parse().ok().and_then(|number| Issue::of(seed, number));
                let here = issue.filter(|issue| issue.repo == repo.index && issue.opened_ms <= now_ms);
                match (here, method, rest) {
                    (Some(issue), _, _) if issue.is_deleted(now_ms) => gone(),
                    (Some(issue), "GET", []) => {
                        let comments = self.comments(seed, &repo, &issue, now_ms);
                        tagged(request, &json::issue(&repo, &issue, &comments, now_ms), None)
                    }
                    (Some(issue), "GET", ["comments"]) => {
                        list(&repo, issue.number, self.comments(seed, &repo, &issue, now_ms), request)
                    }
                    (Some(issue), "POST", ["comments"]) => {
                        let open = issue.kind != Kind::Locked;
                        self.post(&repo, (issue.number, open), request, asker, now_ms)
                    }
                    _ => not_found(),
                }
            }
            _ => not_found(),
        }
    }

    /// All that was said on an issue, here and in the made world.
    fn comments(&self, seed: u64, repo: &Repo, issue: &Issue, now_ms: i64) -> Vec<Comment> {
        let mut all = issue.comments(repo, now_ms);
        let claims = self.claims(seed, issue, now_ms);
        if let Some((bot, (table, since_ms))) = all.iter_mut().find(|one| one.login == world::BOT).zip(claims)
        {
            bot.body.push_str(&table);
            bot.changed_ms = bot.changed_ms.max(since_ms);
        }
        all.extend(self.said(repo, issue.number, now_ms));
        all.sort_by_key(|comment| (comment.made_ms, comment.id));
        all
    }

    /// What was posted here under a number.
    fn said(&self, repo: &Repo, number: u64, now_ms: i64) -> impl Iterator<Item = Comment> {
        let here = move |posted: &&Posted| {
            (posted.repo, posted.number) == (repo.id(), number) && posted.comment.made_ms <= now_ms
        };
        self.posted.iter().filter(here).map(|posted| posted.comment.clone())
    }

    /// A comment on an issue or a pull request of this number, if anybody may comment there.
    fn post(
        &mut self,
        repo: &Repo,
        (number, open): (u64, bool),
        request: &Request,
        asker: &Asker,
        now_ms: i64,
    ) -> Response {
        const ABOUT: &str = "issues/comments#create-an-issue-comment";
        let login = match asker {
            Asker::Account { login, writes: true, .. } => login.clone(),
            Asker::Account { .. } => {
                return error(403, "Resource not accessible by personal access token", ABOUT);
            }
            _ => return error(401, "Requires authentication", ABOUT),
        };
        let Ok(sent) = serde_json::from_slice::<Value>(&request.body) else {
            return error(400, "Problems parsing JSON", ABOUT);
        };
        let body = match sent.get("body") {
            None => return invalid("IssueComment", "body", "missing_field", ABOUT),
            Some(Value::String(body)) => body.clone(),
            Some(_) => return invalid("IssueComment", "body", "invalid", ABOUT),
        };
        if body.trim().is_empty() || body.chars().count() > COMMENT_CHARS_MAX {
            return invalid("IssueComment", "body", "custom", ABOUT);
        }
        if !open {
            return error(403, "Unable to create comment because issue is locked.", ABOUT);
        }
        let id = 2_900_000_000 + self.posted.len() as u64;
        // Whole seconds: that is all the API says.
        let made_ms = now_ms.div_euclid(1000) * 1000;
        let comment = Comment { id, login, body, made_ms, changed_ms: made_ms };
        let shown = json::comment(repo, number, &comment);
        self.posted.push(Posted { repo: repo.id(), number, comment });
        let location = shown["url"].as_str().unwrap_or_default().to_owned();
        answer(201, &shown).with_header("location", &location)
    }

    fn rate_limit(&self, who: &Option<String>, now_s: i64) -> Response {
        let core = self.counters.standing(who, Resource::Core, now_s);
        let search = self.counters.standing(who, Resource::Search, now_s);
        let shown = |standing: limits::Standing| {
            json!({
                "limit": standing.limit, "used": standing.used, "reset": standing.reset_s,
                "remaining": standing.limit.saturating_sub(standing.used),
            })
        };
        let body = json!({
            "resources": { "core": shown(core), "search": shown(search) },
            "rate": shown(core),
        });
        core.mark(answer(200, &body))
    }
}

/// What is truly so at `now_ms`, for a checker: each bounty that the search could show.
pub(super) fn bounties(seed: u64, now_ms: i64) -> Vec<(Repo, Issue)> {
    let with_repo = |issue: Issue| (world::repo(seed, issue.repo, now_ms), issue);
    world::issues(seed, now_ms).map(with_repo).collect()
}

fn whoami(request: &Request, asker: &Asker) -> Response {
    match asker {
        Asker::Account { login, .. } => tagged(request, &json::account(login), None),
        _ => error(401, "Requires authentication", "users/users#get-the-authenticated-user"),
    }
}

fn contents(repo: &Repo, path: &str, request: &Request) -> Response {
    let file = repo.file(path).map(|text| tree::file(repo, path, text));
    match file.or_else(|| tree::folder(repo, path)) {
        Some(value) => tagged(request, &value, None),
        None => error(404, "Not Found", "repos/contents#get-repository-content"),
    }
}

/// A page of comments, of those that changed since the moment that was asked for.
fn list(repo: &Repo, number: u64, mut all: Vec<Comment>, request: &Request) -> Response {
    let since = route::query(&request.url, "since");
    let since_ms = since.and_then(|since| chrono::DateTime::parse_from_rfc3339(&since).ok());
    let since_ms = since_ms.map_or(i64::MIN, |since| since.timestamp_millis());
    all.retain(|comment| comment.changed_ms >= since_ms);
    let base = format!("{}/repositories/{}/issues/{number}/comments", json::API, repo.id());
    let (from, to) = page(&request.url, all.len());
    let shown = all.get(from..to).unwrap_or_default();
    let rows: Vec<Value> = shown.iter().map(|one| json::comment(repo, number, one)).collect();
    tagged(request, &Value::Array(rows), paged(&request.url, &base, all.len()))
}

/// A document with an entity tag, or 304 for whoever has it.
fn tagged(request: &Request, value: &Value, link: Option<String>) -> Response {
    let etag = format!("\"{}\"", sha256_hex(value.to_string().as_bytes()));
    let validators = Validators { etag: Some(etag), modified_ms: None };
    validators.answer(request, || {
        let said = answer(200, value).with_header("cache-control", "private, max-age=60, s-maxage=60");
        match link {
            Some(link) => said.with_header("link", &link),
            None => said,
        }
    })
}
