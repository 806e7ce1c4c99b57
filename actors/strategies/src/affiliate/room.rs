//! How much of the site is remembered, in bytes: a snapshot that is too large could not be kept, and with it all that
//! a run has learnt would be lost, the commissions too.
//!
//! Each thing is counted with the most that it may ever take. A test holds these numbers against the codec.

use mm_sdk::Validators;

use super::site_memory::{PageKnown, SiteKnown};
use crate::site::page::Defect;

/// The most bytes of the site in a snapshot, which has 16 MiB at most; sitemaps not counted, of which there are few.
pub const SITE_BYTES_MAX: usize = 5 << 20;
/// Addresses that are longer are not remembered.
pub(super) const URL_BYTES_MAX: usize = 2_048;
/// A sentence that says why is cut to so many bytes.
const WHY_BYTES_MAX: usize = 160;

/// A page without its address, validators, defects and links: moments, digests, why it could not be looked at.
const PAGE_BYTES: usize = 320;
/// A link without its address: when it was asked for, and to which host it leads or why that is not known.
const LINK_BYTES: usize = 290;
/// A line, and the lengths of texts, beside them.
const LINE_BYTES: usize = 16;

/// How many bytes more may be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room(usize);

impl Room {
    /// What is left beside what is known.
    pub(super) fn beside(known: &SiteKnown) -> Self {
        let pages = known.pages.iter().map(|(name, page)| PAGE_BYTES + name.len() + held(page));
        let links = known.links.keys().map(|name| LINK_BYTES + name.len());
        Self(SITE_BYTES_MAX.saturating_sub(pages.sum::<usize>() + links.sum::<usize>()))
    }

    fn take(&mut self, bytes: usize) -> bool {
        let left = self.0.checked_sub(bytes);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }

    /// Room for a page; whether there is.
    pub(super) fn take_page(&mut self, name: &str) -> bool {
        name.len() <= URL_BYTES_MAX && self.take(PAGE_BYTES + name.len())
    }

    /// Room for what makes a read conditional.
    pub(super) fn take_validators(&mut self, validators: &Validators) -> bool {
        self.take(of_validators(validators))
    }

    /// Room for a defect.
    pub(super) fn take_defect(&mut self, defect: &Defect) -> bool {
        self.take(LINE_BYTES + defect.link.len())
    }

    /// Room for a link on a page, and for where it leads if that is new.
    pub(super) fn take_link(&mut self, target: &str, is_new: bool) -> bool {
        let leads = if is_new { LINK_BYTES + target.len() } else { 0 };
        target.len() <= URL_BYTES_MAX && self.take(LINE_BYTES + target.len() + leads)
    }

    /// Gives back what a page holds, for it is looked at anew.
    pub(super) fn give(&mut self, page: &PageKnown) {
        self.0 += held(page);
    }
}

/// What a page holds of what stands on it.
fn held(page: &PageKnown) -> usize {
    let defects = page.defects.iter().map(|one| LINE_BYTES + one.link.len());
    let links = page.links.iter().map(|(target, _)| LINE_BYTES + target.len());
    of_validators(&page.validators) + defects.sum::<usize>() + links.sum::<usize>()
}

fn of_validators(validators: &Validators) -> usize {
    [&validators.etag, &validators.last_modified]
        .into_iter()
        .flatten()
        .map(|one| LINE_BYTES + one.len())
        .sum()
}

/// A sentence as it is remembered.
pub(super) fn short(mut why: String) -> String {
    why.truncate(why.floor_char_boundary(WHY_BYTES_MAX));
    why
}
