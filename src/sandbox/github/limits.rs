//! GitHub's limits, as the sandbox counts them: an hourly budget, one a minute for searches, and the
//! secondary ones on points and on content. Source: github/docs, `rate-limits-for-the-rest-api.md`.
//!
//! Touches nothing. Windows begin with the first request in them.

use std::collections::BTreeMap;

use super::super::message::Response;

/// The budgets; a test may set smaller ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests an hour with a token.
    pub core: u32,
    /// Requests an hour without one.
    pub core_without_token: u32,
    /// Searches a minute with a token; a third of it without.
    pub search: u32,
    /// Points an hour for queries of GraphQL; each counts one here.
    pub graphql: u32,
    /// Points a minute: a read is one, a write five.
    pub points: u32,
    /// Content made in a minute.
    pub content_minute: u32,
    /// Content made in an hour.
    pub content_hour: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            core: 5000,
            core_without_token: 60,
            search: 30,
            graphql: 5000,
            points: 900,
            content_minute: 80,
            content_hour: 500,
        }
    }
}

/// Which of the primary budgets a request counts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Resource {
    Core,
    Search,
    GraphQl,
}

impl Resource {
    fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Search => "search",
            Self::GraphQl => "graphql",
        }
    }
}

/// A budget as it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) resource: Resource,
    pub(super) limit: u32,
    pub(super) used: u32,
    pub(super) reset_s: i64,
}

impl Standing {
    fn is_spent(self) -> bool {
        self.used >= self.limit
    }

    /// The answer with the headers that tell of it.
    pub(super) fn mark(self, answer: Response) -> Response {
        answer
            .or_header("x-ratelimit-limit", &self.limit.to_string())
            .or_header("x-ratelimit-remaining", &self.limit.saturating_sub(self.used).to_string())
            .or_header("x-ratelimit-reset", &self.reset_s.to_string())
            .or_header("x-ratelimit-used", &self.used.to_string())
            .or_header("x-ratelimit-resource", self.resource.name())
    }
}

/// Why a request is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Primary,
    /// And after how many seconds another may be tried.
    Secondary(i64),
}

#[derive(Debug, Clone, Copy, Default)]
struct Window {
    began_s: i64,
    used: u32,
}

/// Who asks: a login, or nobody.
type Who = Option<String>;

/// What was used by whom.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) limits: Limits,
    windows: BTreeMap<(Who, &'static str), Window>,
}

impl Counters {
    /// How a budget stands, nothing charged.
    pub(super) fn standing(&self, who: &Who, resource: Resource, now_s: i64) -> Standing {
        let (limit, long_s) = match (resource, who) {
            (Resource::Core, Some(_)) => (self.limits.core, 3600),
            (Resource::Core, None) => (self.limits.core_without_token, 3600),
            (Resource::GraphQl, _) => (self.limits.graphql, 3600),
            (Resource::Search, Some(_)) => (self.limits.search, 60),
            (Resource::Search, None) => (self.limits.search / 3, 60),
        };
        let window = self.window(who, resource.name(), now_s, long_s);
        Standing { resource, limit, used: window.used, reset_s: window.began_s + long_s }
    }

    /// Whether a request may be served; what it costs of the secondary budgets is charged.
    pub(super) fn admit(
        &mut self,
        who: &Who,
        resource: Resource,
        writes: bool,
        now_s: i64,
    ) -> Result<(), Refused> {
        if self.standing(who, resource, now_s).is_spent() {
            return Err(Refused::Primary);
        }
        let (points, limits) = (if writes { 5 } else { 1 }, self.limits);
        let mut wanted = vec![("points", 60, limits.points, points)];
        if writes {
            wanted.push(("content-minute", 60, limits.content_minute, 1));
            wanted.push(("content-hour", 3600, limits.content_hour, 1));
        }
        for (name, long_s, limit, cost) in &wanted {
            let window = self.window(who, name, now_s, *long_s);
            if window.used + cost > *limit {
                return Err(Refused::Secondary((window.began_s + long_s - now_s).max(1)));
            }
        }
        for (name, long_s, _, cost) in wanted {
            self.charge(who, name, now_s, long_s, cost);
        }
        Ok(())
    }

    /// Counts a request that was served on its primary budget.
    pub(super) fn count(&mut self, who: &Who, resource: Resource, now_s: i64) {
        let long_s = if resource == Resource::Search { 60 } else { 3600 };
        self.charge(who, resource.name(), now_s, long_s, 1);
    }

    fn window(&self, who: &Who, name: &'static str, now_s: i64, long_s: i64) -> Window {
        let known = self.windows.get(&(who.clone(), name)).copied();
        let running = |window: &Window| (window.began_s..window.began_s + long_s).contains(&now_s);
        known.filter(running).unwrap_or(Window { began_s: now_s, used: 0 })
    }

    fn charge(&mut self, who: &Who, name: &'static str, now_s: i64, long_s: i64, cost: u32) {
        let mut window = self.window(who, name, now_s, long_s);
        window.used = window.used.saturating_add(cost);
        self.windows.insert((who.clone(), name), window);
    }
}
