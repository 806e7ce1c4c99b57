//! What a board offers, in one shape, whichever board it is.

use std::time::Duration;

use mm_sdk::{Digest, LogicalUrl, Moment, Untrusted};
use serde::{Deserialize, Serialize};

use super::pay::Pay;
use crate::feeds::{Item, When};
use crate::freelancer::shape::{Kind, Project};
use crate::hackernews::{self, Comment, Topic};
use crate::remoteok::{self, Job};

/// The longest link of http that is shown.
const LINK_CHARS_MAX: usize = 2_000;

/// Nothing is read over it.
const HTTP: &str = "http://";

/// A lead that is older is no news: the thread of the month before, a project of last season.
pub(super) const OLD: Duration = Duration::from_secs(45 * 24 * 3600);

/// The most characters of a text that are searched and remembered.
const TEXT_CHARS_MAX: usize = 6_000;

/// Which board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Board {
    /// A thread of Hacker News.
    HackerNews(Topic),
    /// Remote OK.
    RemoteOk,
    /// A feed that the owner named.
    Feed,
    /// Freelancer.com.
    Freelancer,
}

impl Board {
    /// The platform, as the rule packs and the opportunities name it.
    pub fn platform(self) -> &'static str {
        match self {
            Self::HackerNews(_) => hackernews::PLATFORM,
            Self::RemoteOk => remoteok::PLATFORM,
            Self::Feed => crate::feeds::PLATFORM,
            Self::Freelancer => crate::freelancer::ask::PLATFORM,
        }
    }

    /// The name that a person reads. Remote OK asks to be named wherever a job is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::HackerNews(_) => "Hacker News",
            Self::RemoteOk => remoteok::CREDIT,
            Self::Feed => "a feed",
            Self::Freelancer => "Freelancer.com",
        }
    }
}

/// Something that is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lead {
    /// Where.
    pub board: Board,
    /// The board's own name of it; with the board, what tells it from all others.
    pub key: String,
    /// Its title, one harmless line.
    pub title: String,
    /// Where a person reads it.
    pub page: String,
    /// Who offers it, if that is said: one harmless line.
    pub payer: Option<String>,
    /// Words that the board puts it under.
    pub tags: Vec<String>,
    /// Title and text, to be searched.
    pub text: String,
    /// What it pays, where the board has fields for that.
    pub pay: Option<Pay>,
    /// When it was put in.
    pub at: Option<Moment>,
    /// A time at which it cannot have been put in, though it says so.
    pub odd_time: Option<Moment>,
    /// How many offered to do it.
    pub bids: Option<u64>,
    /// The recorded answer it was read from.
    pub evidence: Digest,
}

impl Lead {
    /// The name under which it is remembered.
    pub fn name(&self) -> String {
        format!("{}/{}", self.board.platform(), self.key)
    }

    /// The digest of what it says: the bytes that are taken up.
    pub fn digest(&self) -> Digest {
        let fields = [&self.key, &self.title, &self.page, &self.text];
        Digest::of_fields("freelance-lead-1", fields.map(|field| field.as_bytes()))
    }

    /// Whether it is too old to be a chance, where its board lists the newest alone and never says that one has ended:
    /// by its own time, or else as it was `seen_at` last.
    pub fn is_aged(&self, seen_at: Moment, now: Moment) -> bool {
        matches!(self.board, Board::RemoteOk | Board::Feed) && now.since(self.at.unwrap_or(seen_at)) > OLD
    }

    /// A posting in a thread: its first line is its title, and names who posts in front of a `|`.
    pub fn of_posting(topic: Topic, posting: &Comment, evidence: Digest) -> Self {
        let first = posting.text.lines().next().unwrap_or_default();
        let payer = first.split_once('|').map(|(who, _)| who).filter(|_| topic == Topic::Hiring);
        let payer = payer.map_or_else(|| posting.by.line(60), |who| Untrusted::new(who).line(60));
        Self {
            board: Board::HackerNews(topic),
            key: posting.id.to_string(),
            title: Untrusted::new(first).line(120),
            page: hackernews::page(posting.id),
            payer: Some(payer),
            tags: Vec::new(),
            text: cut(&posting.text),
            pay: None,
            at: Some(posting.at),
            odd_time: None,
            bids: None,
            evidence,
        }
    }

    /// A job of Remote OK. What it pays a year is told in its text and is no reward.
    pub fn of_job(job: &Job, evidence: Digest) -> Self {
        let (position, location) = (job.position.line(100), job.location.line(60));
        Self {
            board: Board::RemoteOk,
            key: job.id.line(40),
            title: format!("{position} at {}", job.company.line(60)),
            page: job.page.as_str().to_owned(),
            payer: Some(job.company.line(60)),
            tags: job.tags.iter().map(|tag| tag.to_lowercase()).collect(),
            text: cut(&format!("{position}\nremote {location}\n{}", job.text)),
            pay: Pay::a_year(job.salary),
            at: Some(job.at),
            odd_time: None,
            bids: None,
            evidence,
        }
    }

    /// An item of a feed; `feed` is where that lies, and stands in where the item has no link to show. Its query may
    /// hold a token of the owner's, and is shown to nobody.
    pub fn of_item(feed: &LogicalUrl, item: &Item, now: Moment, evidence: Digest) -> Self {
        let (at, odd_time) = match item.when(now) {
            When::At(at) => (Some(at), None),
            When::Odd(at) => (None, Some(at)),
            When::Unsaid => (None, None),
        };
        let title = item.title.as_ref().map_or("an item without a title".to_owned(), |title| title.line(120));
        let page = item.link.as_ref().and_then(shown).unwrap_or_else(|| feed.without_query());
        // Two feeds may use the same ids.
        let key =
            Digest::of_fields("feed-item-1", [feed.as_str().as_bytes(), item.id.line(2_000).as_bytes()]);
        Self {
            board: Board::Feed,
            key: key.short(24),
            page: page.as_str().to_owned(),
            payer: item.author.as_ref().map(|author| author.line(60)).filter(|author| !author.is_empty()),
            tags: Vec::new(),
            text: cut(&format!("{title}\n{}", item.text)),
            title,
            pay: None,
            at,
            odd_time,
            bids: None,
            evidence,
        }
    }

    /// A project of Freelancer.com; `code` is its currency, where that is known.
    pub fn of_project(project: &Project, code: Option<&str>, evidence: Digest) -> Self {
        let site = "https://www.freelancer.com/projects";
        // The page's name is the site's text: what is no plain path is left away, and the number finds it too.
        let plain = |part: &str| Untrusted::new(part).as_path_segment().is_ok();
        let seo = project.seo_url.as_ref().map(|seo| seo.line(200)).filter(|seo| seo.split('/').all(plain));
        let page = seo.map_or_else(|| format!("{site}/{}", project.id), |seo| format!("{site}/{seo}"));
        let title = project.title.line(120);
        let hourly = match project.kind {
            Kind::Fixed => Some(false),
            Kind::Hourly => Some(true),
            Kind::Unknown => None,
        };
        Self {
            board: Board::Freelancer,
            key: project.id.to_string(),
            page,
            payer: project.owner.map(|owner| format!("user {owner}")),
            tags: project.jobs.iter().map(|job| job.line(60).to_lowercase()).collect(),
            text: cut(&format!("{title}\n{}", project.text)),
            title,
            pay: Pay::of_budget(hourly, project.min, project.max, code),
            at: Some(project.at),
            odd_time: None,
            bids: project.bids,
            evidence,
        }
    }
}

/// A link as a person may be shown it. Only https is: one of http, which sites lead to https by themselves, is shown so.
/// One with a port is not, for https is not spoken there.
fn shown(link: &Untrusted) -> Option<LogicalUrl> {
    let upgraded = || {
        let text = link.line(LINK_CHARS_MAX);
        let rest = text.get(..HTTP.len()).filter(|scheme| scheme.eq_ignore_ascii_case(HTTP))?;
        let rest = text.get(rest.len()..).filter(|rest| link.is(&text) && !has_port(rest))?;
        Untrusted::new(format!("https://{rest}")).as_link().ok()
    };
    link.as_link().ok().or_else(upgraded)
}

fn has_port(rest: &str) -> bool {
    rest.split(['/', '?', '#']).next().is_some_and(|host| host.contains(':'))
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}
