//! The connector for Remote OK's feed: one array in one request. Pure: a request built, an answer read.
//!
//! Element 0 is the legal notice and no job. It asks for two things wherever a job is shown: a link back to
//! its page at Remote OK that is followed (no `nofollow`), and the name Remote OK; the logo is not to be used.
//! [`CREDIT`] are the words, and a job without a page at Remote OK is none that may be shown.
//!
//! Source: remoteok.com/api, element 0, word for word; the fields as public clients recorded them.
//!
//! ## Design notes
//!
//! `salary_min` and `salary_max` of 0 mean that none is said. The currency is never said, so a salary is told
//! as a number and is no reward. `location` is often cut short by the site, and is shown as it is.

use mm_sdk::json::{self, Unreadable};
use mm_sdk::{Action, ActionKind, Answer, LogicalUrl, Moment, PlatformId, Request, Untrusted, Validators};
use serde::Deserialize;
use serde_json::Value;

use crate::elements;
use crate::markup;
use crate::reading::conditional;

/// The platform, as its rule pack names it.
pub const PLATFORM: &str = "remoteok";

/// The kind of act, as the rule pack names it.
pub const READ: &str = "read";

/// The name that is told wherever a job is shown; the link beside it is the job's own page.
pub const CREDIT: &str = "Remote OK";

const FEED: &str = "https://remoteok.com/api";
const HOST: &str = "remoteok.com";

/// The most bytes of an answer that are wanted: a hundred jobs of some kilobytes, tenfold.
const ANSWER_BYTES_MAX: u64 = 8 << 20;

/// The most jobs that are read; the feed has about a hundred.
pub const JOBS_MAX: usize = 500;

/// What the feed says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jobs {
    /// The notice: under which terms all this is given.
    pub legal: Untrusted,
    /// The jobs, in their order.
    pub jobs: Vec<Job>,
    /// A sentence for each element that is no job.
    pub bad: Vec<Unreadable>,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its number, which Remote OK writes as a text.
    pub id: Untrusted,
    /// What is wanted.
    pub position: Untrusted,
    /// By whom.
    pub company: Untrusted,
    /// Words for it.
    pub tags: Vec<String>,
    /// What it says, markup read, to be searched.
    pub text: String,
    /// Where; often cut short.
    pub location: Untrusted,
    /// Its page at Remote OK, to which every mention links.
    pub page: LogicalUrl,
    /// When it was put in.
    pub at: Moment,
    /// The least and the most that it pays a year, where said.
    pub salary: (Option<u64>, Option<u64>),
}

/// The read of the whole feed.
pub fn feed(known: &Validators) -> Action {
    let platform: PlatformId = PLATFORM.parse().expect("`remoteok` is a slug");
    let url = LogicalUrl::parse(FEED).expect("a constant");
    let request = conditional(Request::get(url), known);
    let action = Action::of(platform, ActionKind::new(READ), request, "read Remote OK's feed of jobs");
    Action { answer_bytes_max: ANSWER_BYTES_MAX, ..action }
}

/// A job as it is written.
#[derive(Deserialize)]
struct Raw {
    id: Untrusted,
    position: Untrusted,
    company: Untrusted,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    location: Untrusted,
    url: Untrusted,
    epoch: i64,
    #[serde(default)]
    salary_min: u64,
    #[serde(default)]
    salary_max: u64,
}

/// The jobs in an answer to [`feed`].
///
/// # Errors
/// [`Unreadable`] if it is no such array, has no notice in front, or has jobs and none can be read.
pub fn read(answer: &Answer) -> Result<Jobs, Unreadable> {
    let mut list: Vec<Value> = json::read(answer, "a list of jobs")?;
    let notice = list.first().and_then(|first| first.get("legal")).and_then(Value::as_str);
    let Some(legal) = notice.map(Untrusted::new) else {
        return Err(Unreadable::new("the first element is not the legal notice"));
    };
    list.remove(0);
    list.truncate(JOBS_MAX);
    let (jobs, bad) = elements::each(list, "a job", job)?;
    Ok(Jobs { legal, jobs, bad })
}

fn job(raw: Raw) -> Result<Job, Unreadable> {
    // Its own notice wants a link to its own site: a job that leads elsewhere cannot be shown by it.
    let page = raw
        .url
        .as_url_on(&[HOST])
        .map_err(|_| Unreadable::new(format!("job {} has no page at {CREDIT}", raw.id.line(40))))?;
    let at = raw.epoch.checked_mul(1000).map(Moment::from_unix_ms);
    let at = at.ok_or_else(|| Unreadable::new(format!("job {} is of no time", raw.id.line(40))))?;
    let said = |salary: u64| Some(salary).filter(|salary| *salary > 0);
    Ok(Job {
        id: raw.id,
        position: raw.position,
        company: raw.company,
        tags: raw.tags,
        text: markup::text(&raw.description),
        location: raw.location,
        page,
        at,
        salary: (said(raw.salary_min), said(raw.salary_max)),
    })
}
