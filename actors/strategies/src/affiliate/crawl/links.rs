//! Where the links of the owner's site lead.

use std::collections::BTreeSet;

use mm_sdk::{Act, Context, ErrorClass, Interrupt, LogicalUrl};

use super::super::room::short;
use super::super::site_memory::{Leading, LinkKnown};
use super::{Crawl, is_by_robots, refused};
use crate::site::{self, Leads, leads};

/// So many redirects of a link on its own host are followed.
const HOPS_MAX: usize = 5;

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
        let Some(seen) = self.ask_link(cx, nth, &url).await? else { return Ok(()) };
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

    /// Asks where a link leads, from redirect to redirect on its own host; `None` if it has its turn in another run.
    async fn ask_link(
        &mut self,
        cx: &mut Context<'_>,
        nth: usize,
        url: &LogicalUrl,
    ) -> Result<Option<Leading>, Interrupt> {
        let cannot_tell = |why: &str| Ok(Some(Leading::CannotTell(why.to_owned())));
        let (mut at, mut way) = (url.clone(), Vec::new());
        for hop in 0..=HOPS_MAX {
            if let Some(leading) = self.unasked(&at) {
                return Ok(Some(leading));
            }
            let step = if hop == 0 { format!("link-{nth}") } else { format!("link-{nth}-{hop}") };
            match self.ask_hop(cx, &step, &at).await? {
                Hop::Ends(leading) => return Ok(Some(leading)),
                Hop::NotNow if hop == 0 => return Ok(None),
                // Part of it was asked: that was its turn, or such links would keep the others from theirs.
                Hop::NotNow => return cannot_tell("where it redirects to is not asked for now"),
                Hop::On(to) if to == at || way.contains(&to) => {
                    return cannot_tell("it redirects in a circle");
                }
                Hop::On(to) => way.push(std::mem::replace(&mut at, to)),
            }
        }
        cannot_tell("it redirects again and again")
    }

    /// One act on the way of a link.
    async fn ask_hop(&mut self, cx: &mut Context<'_>, step: &str, at: &LogicalUrl) -> Result<Hop, Interrupt> {
        let (host, platform) = (at.host(), self.platform(at));
        if self.busy.contains(platform) {
            return Ok(Hop::NotNow);
        }
        let act = cx.act(step, site::link(at.clone(), platform)).await?;
        self.links_asked += 1;
        self.heard(platform, &act);
        Ok(Hop::Ends(match act {
            Act::Done(answer) => match leads(at, &answer) {
                Leads::There => Leading::There,
                Leads::Dead(status) => Leading::Dead(status),
                // What lies there is the host's own to say.
                Leads::To(to) if bare(to.host()) == bare(host) => return Ok(Hop::On(to)),
                Leads::To(to) => Leading::To(to.host().to_owned()),
                Leads::Unknown(why) => Leading::CannotTell(why),
            },
            Act::Pending(id) => Leading::CannotTell(format!("the read waits as action {id}")),
            // Nothing was asked: that is no turn, and the platform's others would be held as well.
            Act::Refused(refusal) if refusal.is_by_breaker() => {
                self.busy.insert(platform);
                return Ok(Hop::NotNow);
            }
            Act::Refused(refusal) if refusal.class == ErrorClass::RateLimit => {
                match self.left_alone(platform, at.as_str()) {
                    true => Leading::CannotTell(refusal.why),
                    false => return Ok(Hop::NotNow),
                }
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

/// What one act on the way of a link says.
enum Hop {
    /// Where the link leads, or why that is not known.
    Ends(Leading),
    /// It goes on, on the same host.
    On(LogicalUrl),
    /// Nothing may be asked there for now.
    NotNow,
}

/// A host without the `www.` that many put before their name or take from it.
fn bare(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host)
}
