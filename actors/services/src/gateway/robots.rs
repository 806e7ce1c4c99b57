//! What a page's robots.txt says is a fact that the road looks up itself.
//!
//! An act of the kind `fetch-page` reads a page that no API covers. Before it is judged its fact
//! `robots` is set to `allow` or `disallow`, whatever its proposer claimed, and the rules decide by it
//! (`law-robots.toml`). The file is fetched as an act of the machine's own, of the kind `robots-txt` at
//! the same platform, whose rule pack must permit that; it is kept for a day. Of a file that cannot be had,
//! for whatever reason, the fact says `unread`, and the page is not read whatever the rules say of that.

use std::time::Duration;

use super::halt::Halt;
use super::road::HOURS;
use super::{GatewayService, Proposal, SystemAction, Walked};
use crate::records::RobotsRow;
use mm_core::action::{Action, ActionKind, Request};
use mm_core::error::ErrorClass;
use mm_core::id::Space;
use mm_core::robots::Standing;
use mm_core::run::Refusal;
use mm_core::url::LogicalUrl;
use mm_store::Change;

/// Whether an act of this kind is sent to a server that nobody reviewed: a page's, or for its robots.txt.
pub(super) fn is_of_a_page(kind: &str) -> bool {
    [PAGE, FILE].iter().any(|own| kind.eq_ignore_ascii_case(own))
}

/// The kind of act that reads a page.
const PAGE: &str = "fetch-page";
/// The kind of act that reads a robots.txt.
const FILE: &str = "robots-txt";
/// The fact.
const FACT: &str = "robots";
/// What it says where the file could not be had.
const UNREAD: &str = "unread";
/// Who we are in a robots.txt.
const AGENT: &str = "money-machine";
/// The longest file that is taken, twice what RFC 9309 (2.5) asks for; a longer one closes its site.
const FILE_BYTES_MAX: u64 = 1_000_000;
/// A robots.txt is waited for no longer.
const WITHIN: Duration = Duration::from_secs(60);

/// Why a page is not read whose site's robots.txt could not be had; no rule can permit that.
pub(super) fn unread(action: &Action) -> Option<Refusal> {
    let is_unread = action.kind.as_str().eq_ignore_ascii_case(PAGE)
        && action.facts.get(FACT).is_some_and(|says| says == UNREAD);
    let why = "robots.txt could not be read, so the page is not";
    is_unread.then(|| Refusal { rules: vec![FACT.to_owned()], ..Refusal::new(ErrorClass::Compliance, why) })
}

impl GatewayService {
    /// The proposal, with what its site's robots.txt says, if it is to read a page.
    pub(super) async fn with_robots(&self, mut p: Proposal) -> Result<Proposal, Halt> {
        if !p.action.kind.as_str().eq_ignore_ascii_case(PAGE) {
            return Ok(p);
        }
        let standing = self.standing_of_site(&p).await?;
        let says = match &standing {
            standing if standing.allows(AGENT, p.action.request.url().path_and_query()) => "allow",
            Standing::Closed => UNREAD,
            Standing::Open | Standing::Rules(_) => "disallow",
        };
        p.action.facts.insert(FACT.to_owned(), says.to_owned());
        Ok(p)
    }

    async fn standing_of_site(&self, p: &Proposal) -> Result<Standing, Halt> {
        let (store, host) = (&self.shared.store, p.action.request.url().host());
        let kept = store.get::<RobotsRow>(&Space::machine(), host)?;
        if let Some(standing) = kept.and_then(|row| row.value.standing(self.shared.now())) {
            return Ok(standing);
        }
        // A file that is not asked for for the hour's sake says nothing of its site, and none is kept.
        self.in_hours(p)?;
        let row = self.fetch_robots(p, host).await?;
        store.commit(Change::new().put(&Space::machine(), host, &row)?).await?;
        Ok(row.standing(row.at).unwrap_or(Standing::Closed))
    }

    async fn fetch_robots(&self, p: &Proposal, host: &str) -> Result<RobotsRow, Halt> {
        let none = |at| RobotsRow { at, status: None, file: Vec::new() };
        let Ok(url) = LogicalUrl::parse(&format!("https://{host}/robots.txt")) else {
            return Ok(none(self.shared.now()));
        };
        let action = Action {
            answer_bytes_max: FILE_BYTES_MAX,
            ..Action::of(
                p.action.platform.clone(),
                ActionKind::new(FILE),
                Request::get(url),
                "to see what may be read here",
            )
        };
        let within = p.deadline.since(self.shared.now()).min(WITHIN);
        let system = SystemAction {
            space: Space::machine(),
            service: "robots",
            step: host.replace('.', "-"),
            action,
            within,
        };
        let walked = Box::pin(self.walk(&mut self.system(system))).await?;
        let at = self.shared.now();
        Ok(match walked {
            Walked::Done(answer) => {
                let there = (200..300).contains(&answer.status);
                RobotsRow {
                    at,
                    status: Some(answer.status),
                    file: if there { answer.body } else { Vec::new() },
                }
            }
            // It closed while the file waited for its turn.
            Walked::Refused(refusal) if refusal.rules.iter().any(|rule| rule == HOURS) => {
                return Err(Halt::Refused(refusal));
            }
            Walked::Refused(_) | Walked::Pending(_) | Walked::Fenced => none(at),
        })
    }
}
