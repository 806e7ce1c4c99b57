//! Limits: what is left of every quota, which platforms are left alone, and how their breakers stand.

use mm_core::breaker::Breaker;
use mm_core::id::{AccountId, PlatformId, Space};
use mm_core::limit::{CoolDown, LimitScope, Priority, Quota, QuotaState};
use mm_core::moment::Moment;
use mm_core::rule::{LimitRule, Pack};
use mm_services::platforms::Lane;
use mm_services::records::AccountRow;
use mm_store::Span;
use serde::{Deserialize, Serialize};

use super::strategy::BreakerView;
use super::{Problem, Reader, meant, nearest, unread};

/// One quota.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitView {
    /// Null for the owner's own cap on everything.
    pub platform: Option<String>,
    /// The kind of act it counts; null for all.
    pub action: Option<String>,
    /// Whom it counts for: `ip`, `platform`, `account`, `space`, `strategy` or `machine`.
    pub scope: String,
    /// Whose it is, where each account has its own; null for all others.
    #[serde(default)]
    pub account: Option<String>,
    /// At most so many in any window.
    pub max: u32,
    pub per_ms: u64,
    /// The same in words.
    pub quota: String,
    pub used: u32,
    pub left: u32,
    /// When all of it is there again, if nothing more is spent; null if it is.
    pub whole_at: Option<String>,
    /// What the platform's own headers said, where it is less.
    pub lowered: Vec<LoweredView>,
    /// Who is paused because it is nearly used; null if nobody is.
    pub paused: Option<String>,
    /// Where the limit is written.
    pub source: String,
}

/// What a platform said of a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoweredView {
    /// At most so many more …
    pub left: u32,
    /// … until then.
    pub until: String,
}

/// One who waits for room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingView {
    pub action: String,
    pub strategy: String,
    pub platform: String,
    /// 0 is the machine's own, then strategies, 1 first.
    pub priority: u32,
    /// Which limit stands in its way, and in which layer.
    pub limit: String,
    pub layer: String,
    /// When it comes, as far as can be told; null if never.
    pub eta: Option<String>,
    /// Until when it waits.
    pub until: String,
}

impl From<mm_services::limiter::Waiting> for WaitingView {
    fn from(waiting: mm_services::limiter::Waiting) -> Self {
        Self {
            action: waiting.action.to_string(),
            strategy: waiting.strategy,
            platform: waiting.platform.to_string(),
            priority: waiting.priority.0,
            limit: waiting.limit,
            layer: waiting.layer.as_str().to_owned(),
            eta: waiting.eta.map(|eta| eta.to_string()),
            until: waiting.until.to_string(),
        }
    }
}

/// All limits of one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitPage {
    pub platform: String,
    pub about: String,
    pub limits: Vec<LimitView>,
    pub cool_downs: Vec<CoolDownView>,
    /// Those that ever counted a failure or moved.
    pub breakers: Vec<LaneView>,
}

/// A breaker of a platform, and which acts it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneView {
    pub platform: String,
    /// Null for acts without an account, `*` for all, with and without one.
    pub account: Option<String>,
    /// The host of acts without an account; null for others.
    pub host: Option<String>,
    /// The kind of acts; `*` for all.
    pub kind: String,
    /// As the command line names it: `PLATFORM --account A --kind K`.
    pub lane: String,
    #[serde(flatten)]
    pub breaker: BreakerView,
}

impl LaneView {
    fn new(platform: &PlatformId, lane: &Lane, breaker: &Breaker) -> LaneView {
        LaneView {
            platform: platform.to_string(),
            account: lane.account().map(str::to_owned),
            host: lane.host().map(str::to_owned),
            kind: lane.kind.clone(),
            lane: lane.spelt(platform.as_str()),
            breaker: breaker.into(),
        }
    }

    /// Whether it lets pass whatever is asked.
    pub fn is_closed(&self) -> bool {
        self.breaker.state == "closed"
    }

    /// How it stands, in a sentence.
    pub fn sentence(&self) -> String {
        let BreakerView { state, since, until, why, .. } = &self.breaker;
        let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let at = self.host.as_ref().map(|host| format!(" at {host}")).unwrap_or_default();
        match (state.as_str(), since, until) {
            ("isolated", Some(since), _) => {
                format!("`{}` is isolated by a person since {since}{why}", self.lane)
            }
            (state, _, Some(until)) => {
                format!("the breaker of `{}`{at} is {state} until {until}{why}", self.lane)
            }
            (state, _, None) => format!("the breaker of `{}`{at} is {state}{why}", self.lane),
        }
    }
}

/// A platform, or one account there, is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoolDownView {
    /// `PLATFORM` or `PLATFORM/ACCOUNT`.
    pub who: String,
    pub until: String,
    /// Whether it said "too fast" so often that a person should look.
    pub given_up: bool,
}

pub(super) fn list(reader: &Reader) -> Result<Vec<LimitView>, Problem> {
    let rules = rules(reader)?;
    let mut views: Vec<LimitView> = own(reader).transpose()?.into_iter().collect();
    views.extend(of_strategies(reader)?);
    for pack in rules.packs() {
        views.extend(of_pack(reader, pack)?);
    }
    Ok(views)
}

pub(crate) fn rules(reader: &Reader) -> Result<&mm_core::rule::RuleSet, Problem> {
    match &reader.rules {
        Ok(rules) => Ok(rules),
        Err(why) => Err(Problem::Failed(format!("the rules could not be read: {why}"))),
    }
}

fn own(reader: &Reader) -> Option<Result<LimitView, Problem>> {
    let quota = Quota::daily_actions(reader.daily_actions_max?);
    Some(view(reader, &quota, "your configuration, limits.max_daily_actions"))
}

/// What the owner allows single strategies a day.
fn of_strategies(reader: &Reader) -> Result<Vec<LimitView>, Problem> {
    let capped = reader.strategies.iter().filter_map(|own| Some((own.about.name, own.daily_actions_max?)));
    let quotas = capped.filter_map(|(name, max)| {
        let id = name.parse().ok()?;
        Some((Quota::daily_of_strategy(&reader.space, &id, max), name))
    });
    let source = |name: &str| format!("your configuration, strategies.{name}.max_daily_actions");
    quotas.map(|(quota, name)| view(reader, &quota, &source(name))).collect()
}

/// Who stops because a quota is nearly used.
fn paused(quota: &Quota, left: u32) -> Option<String> {
    let used = quota.max.saturating_sub(left);
    let stops = |priority| used >= quota.most_for(Priority(priority));
    let who = match (left, stops(1), stops(2)) {
        (0, ..) => "all",
        (_, true, _) => "all strategies",
        (_, false, true) => "strategies of a priority below 1",
        (_, false, false) => return None,
    };
    Some(who.to_owned())
}

fn of_pack(reader: &Reader, pack: &Pack) -> Result<Vec<LimitView>, Problem> {
    let Some(platform) = &pack.platform else { return Ok(Vec::new()) };
    let accounts = accounts(reader, platform)?;
    let mut views = Vec::new();
    for limit in &pack.limits {
        if limit.scope != LimitScope::Account {
            let quota = quota(limit, platform, None, &reader.space);
            views.extend(quota.map(|quota| view(reader, &quota, &limit.source)).transpose()?);
            continue;
        }
        for account in &accounts {
            let Some(quota) = quota(limit, platform, Some(account), &reader.space) else { continue };
            let shown = view(reader, &quota, &limit.source)?;
            let quota = format!("{} with {account}", shown.quota);
            views.push(LimitView { account: Some(account.to_string()), quota, ..shown });
        }
    }
    Ok(views)
}

/// The accounts at a platform.
fn accounts(reader: &Reader, platform: &PlatformId) -> Result<Vec<AccountId>, Problem> {
    let scanned = reader.store.scan::<AccountRow>(&reader.space, Span::all(), usize::MAX);
    let rows = scanned.map_err(|error| unread(&error))?.into_values();
    Ok(rows.filter(|row| row.platform == *platform).map(|row| row.account).collect())
}

/// A limit per account has no quota before there is an account.
fn quota(
    limit: &LimitRule,
    platform: &PlatformId,
    account: Option<&AccountId>,
    space: &Space,
) -> Option<Quota> {
    let per = std::time::Duration::from_millis(limit.per_ms);
    Quota::of_platform(limit.scope, platform, limit.kind.as_ref(), account, space, limit.max, per)
}

fn view(reader: &Reader, quota: &Quota, source: &str) -> Result<LimitView, Problem> {
    let row = reader.store.get::<QuotaState>(&quota.space, &quota.key).map_err(|error| unread(&error))?;
    let state = row.map(|row| row.value).unwrap_or_default();
    let left = state.remaining(quota, reader.now);
    let whole_at = state.whole_at(quota, reader.now);
    Ok(LimitView {
        platform: quota.platform.as_ref().map(ToString::to_string),
        action: quota.kind.as_ref().map(ToString::to_string),
        scope: quota.scope.as_str().to_owned(),
        account: None,
        max: quota.max,
        per_ms: quota.per_ms,
        quota: quota.to_string(),
        used: quota.max.saturating_sub(left),
        left,
        whole_at: (whole_at > reader.now).then(|| whole_at.to_string()),
        lowered: state.lowered(reader.now).into_iter().map(lowered).collect(),
        paused: paused(quota, left),
        source: source.to_owned(),
    })
}

fn lowered((until, left): (Moment, u32)) -> LoweredView {
    LoweredView { left, until: until.to_string() }
}

pub(super) fn show(reader: &Reader, platform: &str) -> Result<LimitPage, Problem> {
    let pack = known(reader, platform)?;
    Ok(LimitPage {
        platform: platform.to_owned(),
        about: pack.about.clone(),
        limits: of_pack(reader, pack)?,
        cool_downs: cool_downs(reader, platform)?,
        breakers: breakers(reader, Some(platform))?,
    })
}

/// The pack of a platform, or the problem with its name.
pub(crate) fn known<'a>(reader: &'a Reader, platform: &str) -> Result<&'a Pack, Problem> {
    let rules = rules(reader)?;
    let id: Option<PlatformId> = platform.parse().ok();
    id.as_ref().and_then(|id| rules.pack(id)).ok_or_else(|| {
        let near = meant(nearest(platform, rules.platforms().map(PlatformId::as_str)));
        let shown = mm_core::untrusted::Untrusted::new(platform).line(64);
        Problem::Unknown(format!(
            "no rule file in {} speaks of a platform `{shown}`{near}",
            reader.rules_place
        ))
    })
}

/// The breakers on record, of one platform or of all.
pub(crate) fn breakers(reader: &Reader, platform: Option<&str>) -> Result<Vec<LaneView>, Problem> {
    let prefix = platform.map(|platform| format!("{platform}/")).unwrap_or_default();
    let mut found = Vec::new();
    for space in [&Space::machine(), &reader.space] {
        let scanned = reader.store.scan::<Breaker>(space, Span::prefix(&prefix), usize::MAX);
        for (id, row) in scanned.map_err(|error| unread(&error))?.rows {
            let platform = id.split('/').next().and_then(|name| name.parse().ok());
            let lane = platform.and_then(|own: PlatformId| Some((Lane::of_row(&own, space, &id)?, own)));
            found.extend(lane.map(|(lane, platform)| LaneView::new(&platform, &lane, &row.value)));
        }
    }
    Ok(found)
}

fn cool_downs(reader: &Reader, platform: &str) -> Result<Vec<CoolDownView>, Problem> {
    let mut found = Vec::new();
    for space in [&Space::machine(), &reader.space] {
        let scanned = reader.store.scan::<CoolDown>(space, Span::prefix(platform), usize::MAX);
        for (who, row) in scanned.map_err(|error| unread(&error))?.rows {
            let ours =
                who == platform || who.strip_prefix(platform).is_some_and(|rest| rest.starts_with('/'));
            if let Some(until) = row.value.until(reader.now).filter(|_| ours) {
                let given_up = row.value.is_given_up();
                found.push(CoolDownView { who, until: until.to_string(), given_up });
            }
        }
    }
    Ok(found)
}
