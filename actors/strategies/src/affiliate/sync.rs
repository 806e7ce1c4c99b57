//! The reads of one network in one run.

use std::collections::BTreeMap;

use mm_sdk::{
    Action, Answer, Context, Digest, Earned, Interrupt, Moment, SourceHealth, SourceReport, Untrusted,
};

use super::memory::{Network, WindowKnown};
use super::plan::due;
use crate::awin::{self, Awin};
use crate::cj::{self, Cj};
use crate::impact::{self, Impact};
use crate::network::window::DAY;
use crate::network::{Page, Window};
use crate::reading::{self, Fresh};
use mm_sdk::json::Unreadable;

/// The most pages that one run takes from a network.
const PAGES_MAX: usize = 40;
/// What the next page is asked with may have so many bytes: it is remembered.
const NEXT_BYTES_MAX: usize = 2_048;
/// The most sentences of a network in a run's report; of the others their number is told.
const SENTENCES_MAX: usize = 8;

/// One of the networks.
#[derive(Debug, Clone)]
pub(super) enum Connector {
    Impact(Impact),
    Awin(Awin),
    Cj(Cj),
}

impl Connector {
    /// The platform, as its rule pack names it.
    pub(super) fn platform(&self) -> &'static str {
        match self {
            Self::Impact(_) => impact::PLATFORM,
            Self::Awin(_) => awin::PLATFORM,
            Self::Cj(_) => cj::PLATFORM,
        }
    }

    /// The widest window in days.
    pub(super) fn days(&self) -> u32 {
        match self {
            Self::Impact(_) => impact::WINDOW_DAYS,
            Self::Awin(_) => awin::WINDOW_DAYS,
            Self::Cj(_) => cj::WINDOW_DAYS,
        }
    }

    /// How many days back it is asked for, of those that the owner wants.
    pub(super) fn back(&self, wanted: u32) -> u32 {
        match self {
            Self::Impact(_) => wanted.min(impact::DAYS_BACK_MAX),
            Self::Awin(_) | Self::Cj(_) => wanted,
        }
    }

    /// The first moment that it may be asked for: the first window may begin before.
    fn oldest(&self, now: Moment) -> Moment {
        match self {
            Self::Impact(_) => now.minus(DAY * impact::DAYS_BACK_MAX),
            Self::Awin(_) | Self::Cj(_) => Moment::default(),
        }
    }

    /// The most pages that one run takes. CJ's rule pack allows ten a minute: more of them would end at that
    /// limit.
    fn pages_max(&self) -> usize {
        match self {
            Self::Impact(_) | Self::Awin(_) => PAGES_MAX,
            Self::Cj(_) => 8,
        }
    }

    fn action(&self, window: &Window, next: Option<&str>, now: Moment) -> Option<Action> {
        match self {
            Self::Impact(impact) => impact.actions(window, next),
            Self::Awin(awin) => next.is_none().then(|| awin.transactions(window)),
            Self::Cj(cj) => cj.commissions(window, next, now),
        }
    }

    fn read(&self, answer: &Answer) -> Result<Page, Unreadable> {
        match self {
            Self::Impact(_) => impact::read(answer),
            Self::Awin(_) => awin::read(answer),
            Self::Cj(cj) => cj.read(answer),
        }
    }

    fn said(&self) -> fn(&Answer) -> Option<Untrusted> {
        match self {
            Self::Impact(_) => impact::said,
            Self::Awin(_) => awin::said,
            Self::Cj(_) => cj::said,
        }
    }
}

/// One network in one run.
pub(super) struct Sync<'a> {
    connector: &'a Connector,
    known: &'a mut Network,
    /// What was told of in this run, each with the latest answer that did and when it came.
    touched: BTreeMap<String, (Digest, Moment)>,
    wrong: Vec<String>,
    pages: usize,
    windows: usize,
    stopped: Option<String>,
}

impl<'a> Sync<'a> {
    pub(super) fn new(connector: &'a Connector, known: &'a mut Network) -> Self {
        let (touched, wrong) = (BTreeMap::new(), Vec::new());
        Self { connector, known, touched, wrong, pages: 0, windows: 0, stopped: None }
    }

    /// Reads what is due, and reports what it says.
    pub(super) async fn run(mut self, cx: &mut Context<'_>, back: u32) -> Result<Told, Interrupt> {
        let back = self.connector.back(back);
        for number in due(self.known, cx.now(), self.connector.days(), back) {
            self.window(cx, number).await?;
            if self.stopped.is_some() || self.pages >= self.connector.pages_max() {
                break;
            }
        }
        self.report(cx);
        Ok(self.told())
    }

    /// Reads a window, from where its reading was left.
    async fn window(&mut self, cx: &mut Context<'_>, number: u32) -> Result<(), Interrupt> {
        let window = Window::of(number, self.connector.days(), cx.now());
        let window = Window { from: window.from.max(self.connector.oldest(cx.now())), ..window };
        let mut at = self.known.windows.get(&number).cloned().unwrap_or_default();
        at.tried_at = Some(cx.now());
        if at.next.is_none() {
            at.open_so_far = false;
        }
        while self.pages < self.connector.pages_max() {
            let Some(action) = self.connector.action(&window, at.next.as_deref(), cx.now()) else {
                self.wrong.push("where the next page is leads elsewhere, and is not followed".to_owned());
                (at.next, at.open, at.failed) = (None, true, false);
                break;
            };
            let step = format!("{}-{number}-{}", self.connector.platform(), self.pages);
            self.pages += 1;
            let (connector, said) = (self.connector, self.connector.said());
            let read = reading::ask(cx, &step, action, said, |answer| connector.read(answer)).await?;
            match read.into_result() {
                Ok(Fresh { value: page, evidence, .. }) => {
                    at.failed = false;
                    if !self.page(&mut at, page, evidence) {
                        continue;
                    }
                    (at.read_at, at.open) = (Some(cx.now()), at.open_so_far);
                    self.windows += 1;
                }
                Err(failed) if failed.is_for_all() => self.stopped = Some(failed.why),
                Err(failed) => {
                    // Once more from where it is; a cursor that fails twice may fail for ever, so then from the
                    // beginning.
                    at.failed = at.next.is_some() && !at.failed;
                    at.next = at.next.filter(|_| at.failed);
                    self.wrong.push(failed.why);
                }
            }
            break;
        }
        self.known.windows.insert(number, at);
        Ok(())
    }

    /// Takes a page in; whether it was the last.
    fn page(&mut self, at: &mut WindowKnown, page: Page, evidence: Digest) -> bool {
        at.open_so_far |= !page.bad.is_empty();
        self.wrong.extend(page.bad);
        for line in page.commissions {
            let known = self.known.commissions.entry(line.reference.clone()).or_default();
            match known.take(&line, page.at) {
                Ok(()) => drop(self.touched.insert(line.reference, (evidence, page.at))),
                Err(why) => self.wrong.push(why),
            }
            at.open_so_far |= known.is_open();
        }
        let is_long = page.next.as_ref().is_some_and(|next| next.len() > NEXT_BYTES_MAX);
        let ends = page.next.is_none() || page.next == at.next || is_long;
        if is_long {
            self.wrong.push("where the next page is has over 2,048 bytes; the rest is not read".to_owned());
            at.open_so_far = true;
        } else if page.next.is_some() && ends {
            self.wrong.push("the next page is this one again; the rest is not read".to_owned());
            at.open_so_far = true;
        }
        at.next = page.next.filter(|_| !ends);
        ends
    }

    /// Reports how everything stands that was told of.
    fn report(&mut self, cx: &mut Context<'_>) {
        let platform = self.connector.platform();
        for (reference, (evidence, at)) in &self.touched {
            let Some(known) = self.known.commissions.get(reference) else { continue };
            let standing = match known.standing() {
                Ok(Some(standing)) => standing,
                Ok(None) => continue,
                Err(why) => {
                    self.wrong.push(format!("`{reference}`: {why}"));
                    continue;
                }
            };
            cx.earned(Earned {
                platform: platform.parse().expect("a network's name is a slug"),
                reference: reference.clone(),
                opportunity: None,
                as_of: *at,
                stage: standing.stage,
                amount: standing.amount,
                fee: None,
                evidence: *evidence,
                what: format!("{platform}'s list of commissions"),
            });
        }
    }

    fn told(self) -> Told {
        let platform = self.connector.platform();
        let orphans = self.known.commissions.values().filter(|known| known.is_orphan()).count();
        let mut sentence = format!("{} windows read, {} commissions told", self.windows, self.touched.len());
        if orphans > 0 {
            sentence.push_str(&format!("; {orphans} corrections wait for what they correct"));
        }
        if let Some(why) = &self.stopped {
            sentence.push_str(&format!("; the rest waits for the next run: {why}"));
        }
        let health = match self.windows {
            0 if self.stopped.is_some() || !self.wrong.is_empty() => SourceHealth::Failed,
            _ => SourceHealth::Fresh,
        };
        let over = self.wrong.len().saturating_sub(SENTENCES_MAX);
        let mut errors: Vec<String> =
            self.wrong.into_iter().take(SENTENCES_MAX).map(|why| format!("{platform}: {why}")).collect();
        if over > 0 {
            errors.push(format!("{platform}: and {over} more of the kind"));
        }
        errors.extend(self.stopped.map(|why| format!("{platform}: {why}")));
        let open = self.known.commissions.values().filter(|known| known.is_open()).count();
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let metrics = vec![
            (format!("{platform}.told"), count(self.touched.len())),
            (format!("{platform}.open"), count(open)),
            (format!("{platform}.pages"), count(self.pages)),
        ];
        Told { source: SourceReport { name: platform.to_owned(), health, sentence }, errors, metrics }
    }
}

/// What a run says of a network.
pub(super) struct Told {
    pub(super) source: SourceReport,
    pub(super) errors: Vec<String>,
    pub(super) metrics: Vec<(String, i64)>,
}
