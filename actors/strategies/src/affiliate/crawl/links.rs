//! Where the links of the owner's site lead.

use std::collections::BTreeSet;

use mm_sdk::{Act, Context, ErrorClass, Interrupt, LogicalUrl};

use super::super::room::short;
use super::super::site_memory::{Leading, LinkKnown};
use super::{Crawl, is_by_robots, refused};
use crate::site::{self, Leads, leads};

impl Crawl<'_> {
    /// Looks where a link leads. What is known of it stays while nobody can tell: a look that failed mends nothing.
    pub(super) async fn link(
        &mut self,
        cx: &mut Context<'_>,
        nth: usize,
        name: &str,
        changed: &mut BTreeSet<String>,
    ) -> Result<(), Interrupt> {
        let Ok(url) = LogicalUrl::parse(name) else { return Ok(()) };
        let seen = match self.unasked(&url) {
            Some(leading) => leading,
            None if self.busy.contains(self.platform(&url)) => return Ok(()),
            None => match self.ask_link(cx, nth, &url).await? {
                Some(leading) => leading,
                None => return Ok(()),
            },
        };
        let before = self.known.links.get(name).map(|link| link.leading.clone()).unwrap_or_default();
        let leading = if before.is_known() && !seen.is_known() { before.clone() } else { seen };
        let is_news = leading != before;
        let leading = match leading {
            Leading::CannotTell(why) => Leading::CannotTell(short(why)),
            Leading::NotChecked(why) => Leading::NotChecked(short(why)),
            known => known,
        };
        self.known.links.insert(name.to_owned(), LinkKnown { leading, looked_at: Some(cx.now()) });
        if is_news {
            let pages = self.known.pages.iter();
            let with = pages.filter(|(_, page)| page.links.iter().any(|(target, _)| target == name));
            changed.extend(with.map(|(page, _)| page.clone()));
        }
        Ok(())
    }

    /// What is said of a link that is not to be asked for.
    fn unasked(&self, url: &LogicalUrl) -> Option<Leading> {
        let host = url.host();
        if site::hosts::counts_visits(host) {
            let why = "a visit there would count as a click, and only readers' clicks may";
            return Some(Leading::NotChecked(why.to_owned()));
        }
        self.closed.get(host).map(|why| Leading::NotChecked(why.clone()))
    }

    /// As which platform a link is asked for.
    pub(super) fn platform(&self, url: &LogicalUrl) -> &'static str {
        if url.host() == self.site.sitemap.host() { site::SITE } else { site::LINKS }
    }

    /// Asks where a link leads; `None` if it has its turn in another run.
    async fn ask_link(
        &mut self,
        cx: &mut Context<'_>,
        nth: usize,
        url: &LogicalUrl,
    ) -> Result<Option<Leading>, Interrupt> {
        let (host, platform) = (url.host(), self.platform(url));
        let act = cx.act(&format!("link-{nth}"), site::link(url.clone(), platform)).await?;
        self.heard(platform, &act);
        Ok(Some(match act {
            Act::Done(answer) => match leads(url, &answer) {
                Leads::There => Leading::There,
                Leads::Dead(status) => Leading::Dead(status),
                Leads::To(to) if bare(to.host()) == bare(host) => Leading::There,
                Leads::To(to) => Leading::To(to.host().to_owned()),
                Leads::Unknown(why) => Leading::CannotTell(why),
            },
            Act::Pending(id) => Leading::CannotTell(format!("the read waits as action {id}")),
            Act::Refused(refusal) if refusal.class == ErrorClass::RateLimit => {
                let is_tried = self.left_alone(platform, url.as_str());
                return Ok(is_tried.then_some(Leading::CannotTell(refusal.why)));
            }
            Act::Refused(refusal) if refusal.class == ErrorClass::Compliance => {
                let why = refused(&refusal);
                // What robots.txt says of one page it says of no other.
                if !is_by_robots(&refusal) {
                    self.closed.insert(host.to_owned(), why.clone());
                }
                Leading::NotChecked(why)
            }
            Act::Refused(refusal) => Leading::CannotTell(refused(&refusal)),
        }))
    }
}

/// A host without the `www.` that many put before their name or take from it.
fn bare(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host)
}
