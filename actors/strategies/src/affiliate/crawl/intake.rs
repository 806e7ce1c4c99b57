//! What of the site is remembered: what a sitemap names, and what stands on a page.
//!
//! All of it has bounds, in number and in bytes. What is beyond them is counted and told.

use mm_sdk::{Answer, Context, LogicalUrl};

use super::super::room::URL_BYTES_MAX;
use super::super::site_memory::LinkKnown;
use super::Crawl;
use crate::site;
use crate::site::page::{Found, examine};

/// The most sitemaps that one look at the site follows: a loop ends there at the latest.
const SITEMAPS_MAX: usize = 100;
/// The most pages that are remembered; of the others their number is told.
pub(super) const PAGES_MAX: usize = 3_000;
/// The most links that are remembered.
const LINKS_MAX: usize = 10_000;

impl Crawl<'_> {
    /// Takes in what a sitemap names.
    pub(super) fn listed(&mut self, from: &str, named: site::sitemap::Named) {
        if named.refused > 0 {
            self.wrong.push(format!(
                "{} addresses of the sitemap lead to another host, and are not read",
                named.refused
            ));
        }
        for sitemap in named.sitemaps {
            let name = sitemap.as_str().to_owned();
            if name == from || self.known.read.contains(&name) {
                self.known.loops += 1;
            } else if self.known.read.len() >= SITEMAPS_MAX || name.len() > URL_BYTES_MAX {
                self.known.unlisted += 1;
            } else {
                self.known.read.insert(name.clone());
                self.known.to_read.push(name);
            }
        }
        for page in named.pages {
            let name = page.as_str().to_owned();
            let is_new = !self.known.pages.contains_key(&name);
            if is_new && (self.known.pages.len() >= PAGES_MAX || !self.room.take_page(&name)) {
                self.known.unlisted += 1;
            } else {
                self.known.pages.entry(name).or_default().listed = true;
            }
        }
    }

    /// Looks at what stands on a page; why it cannot be told, if so.
    pub(super) fn take_in(
        &mut self,
        cx: &mut Context<'_>,
        url: &LogicalUrl,
        answer: &Answer,
    ) -> Option<String> {
        if !cx.take_up(&format!("page {}", url.as_str()), answer.body_id()) {
            return Some("looking at it crashed before; it is passed over until it changes".to_owned());
        }
        let found = examine(url, &String::from_utf8_lossy(&answer.body), &self.site.own);
        cx.put_down();
        if let Some(why) = found.instead {
            return Some(why.to_owned());
        }
        self.remember(url, answer, found);
        None
    }

    /// Remembers what was found, as far as there is room, and counts the rest.
    fn remember(&mut self, url: &LogicalUrl, answer: &Answer, found: Found) {
        let Some(page) = self.known.pages.get_mut(url.as_str()) else { return };
        self.room.give(page);
        // Of no other answer: that what was not looked at is as before must not pass for a look.
        page.evidence = Some(answer.body_id());
        page.validators =
            Some(answer.validators()).filter(|one| self.room.take_validators(one)).unwrap_or_default();
        (page.defects, page.links) = (Vec::new(), Vec::new());
        let mut left_out = found.left_out;
        for defect in found.defects {
            match self.room.take_defect(&defect) {
                true => page.defects.push(defect),
                false => left_out += 1,
            }
        }
        let links = &mut self.known.links;
        for link in found.links {
            let target = link.address();
            let is_new = !links.contains_key(&target);
            if (is_new && links.len() >= LINKS_MAX) || !self.room.take_link(&target, is_new) {
                left_out += 1;
                continue;
            }
            links.entry(target.clone()).or_insert_with(|| LinkKnown::of(&link));
            page.links.push((target, link.line));
        }
        if left_out > 0 {
            self.wrong.push(format!(
                "{}: {left_out} of its links and defects are more than are remembered",
                url.shown()
            ));
        }
        self.left_out += left_out;
    }
}
