//! The reads of Hacker News: the search for the threads, the threads, and in each the postings that are new,
//! and some of those that were told, which may have been edited or deleted since.
//!
//! Deleted is deleted. What is `null` or dead in one read may be there in the next: it is asked for again, a
//! bounded number of times, and what was told is called gone only after two such reads a day apart.

use std::time::Duration;

use mm_sdk::{Context, Interrupt, Moment, SourceHealth};

use super::lead::{Board, Lead};
use super::memory::{Doubt, Thread};
use super::round::Round;
use crate::hackernews::{self, Item, Topic};
use crate::reading::{Reading, ask, no_words};

/// The name of the source in reports, and of the search in the memory.
const SOURCE: &str = "hackernews";

/// A thread that is older is done with: the next month's is there.
const THREAD_LIVES: Duration = Duration::from_secs(40 * 24 * 3600);

/// The most postings that were told and are looked at again in a run.
const AGAIN_MAX: usize = 10;

/// A posting that was told is looked at again after so long.
const AGAIN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// A posting that was not there is asked for again after so long: at the next run, as they usually come.
const DOUBT_RESTS: Duration = Duration::from_secs(5 * 3600);

/// After so many reads without it, a posting that was never told is asked for no more.
const DOUBT_READS_MAX: u32 = 5;

/// What reading the postings came to.
#[derive(Default)]
struct Walk {
    read: usize,
    waiting: usize,
    failed: Option<String>,
    stopped: bool,
}

impl Round<'_> {
    /// Reads Hacker News.
    pub(super) async fn hackernews(&mut self, cx: &mut Context<'_>) -> Result<(), Interrupt> {
        if let Err(why) = self.threads(cx).await? {
            self.source(SOURCE, SourceHealth::Failed, why);
            return Ok(());
        }
        let now = cx.now();
        let current: Vec<u64> = [Topic::Freelancer, Topic::Hiring]
            .into_iter()
            .filter_map(|topic| self.current(topic, now))
            .collect();
        let mut walk = Walk::default();
        for root in current {
            self.thread(cx, root, &mut walk).await?;
        }
        if !walk.stopped {
            self.again(cx, &mut walk).await?;
        }
        let mut sentence = format!("{} postings read, {} wait for the next runs", walk.read, walk.waiting);
        if let Some(why) = &walk.failed {
            sentence.push_str(&format!("; the first that could not be read: {why}"));
        }
        let health =
            if walk.failed.is_some() && walk.read == 0 { SourceHealth::Failed } else { SourceHealth::Fresh };
        self.source(SOURCE, health, sentence);
        Ok(())
    }

    /// Finds the threads; the inner error says why not.
    async fn threads(&mut self, cx: &mut Context<'_>) -> Result<Result<(), String>, Interrupt> {
        let action = hackernews::threads(&self.known(SOURCE));
        match ask(cx, "hackernews-threads", action, no_words, hackernews::read_threads).await? {
            Reading::Fresh(fresh) => {
                let (threads, bad) = fresh.value;
                for thread in threads {
                    let known = Thread { topic: thread.topic, at: thread.at, read: Default::default() };
                    self.snapshot.threads.entry(thread.id).or_insert(known);
                }
                self.report.errors.extend(bad.iter().map(|bad| format!("a story was left out: {bad}")));
                self.snapshot.sources.insert(SOURCE.to_owned(), fresh.validators);
                Ok(Ok(()))
            }
            Reading::Unchanged => Ok(Ok(())),
            Reading::Failed(failed) => Ok(Err(failed.why)),
        }
    }

    /// The newest thread of a topic that is still alive.
    fn current(&self, topic: Topic, now: Moment) -> Option<u64> {
        let of_topic = self.snapshot.threads.iter().filter(|(_, thread)| thread.topic == topic);
        let alive = of_topic.filter(|(_, thread)| now.since(thread.at) < THREAD_LIVES);
        alive.max_by_key(|(id, thread)| (thread.at, **id)).map(|(id, _)| *id)
    }

    /// Reads a thread and what is new in it, the newest posting first.
    async fn thread(&mut self, cx: &mut Context<'_>, root: u64, walk: &mut Walk) -> Result<(), Interrupt> {
        let Some(item) = self.item(cx, root, "thread", walk).await? else { return Ok(()) };
        let (Item::Story(mut kids), Some(thread)) = (item.0, self.snapshot.threads.get(&root)) else {
            walk.failed.get_or_insert(format!("thread {root} is no story any more"));
            return Ok(());
        };
        let topic = thread.topic;
        kids.retain(|kid| !thread.read.contains(kid) && !self.rests(*kid, cx.now()));
        kids.sort_unstable_by(|one, other| other.cmp(one));
        kids.dedup();
        for (n, kid) in kids.iter().copied().enumerate() {
            if walk.stopped || walk.read >= self.config.reads_max {
                walk.waiting += kids.len() - n;
                return Ok(());
            }
            let Some((item, evidence)) = self.item(cx, kid, "posting", walk).await? else { continue };
            walk.read += 1;
            let is_settled = match item {
                Item::Comment(posting) if posting.parent == root => {
                    self.take(cx, Lead::of_posting(topic, &posting, evidence));
                    true
                }
                Item::Missing | Item::Dead => self.doubt(kid, cx.now()).reads >= DOUBT_READS_MAX,
                // What hangs below a posting is talk; what is gone before it was told is nobody's news.
                _ => true,
            };
            if is_settled {
                self.snapshot.doubts.remove(&kid);
                self.snapshot.threads.entry(root).and_modify(|thread| _ = thread.read.insert(kid));
            }
        }
        Ok(())
    }

    /// Looks again at postings that were told, those not looked at for longest first.
    async fn again(&mut self, cx: &mut Context<'_>, walk: &mut Walk) -> Result<(), Interrupt> {
        let now = cx.now();
        let mut told: Vec<(Moment, u64, Topic)> = (self.snapshot.leads.values())
            .filter(|known| known.open && now.since(known.at) >= AGAIN_AFTER)
            .filter_map(|known| match known.lead.board {
                Board::HackerNews(topic) => Some((known.at, known.lead.key.parse().ok()?, topic)),
                _ => None,
            })
            .collect();
        told.sort_unstable();
        for (_, id, topic) in told.into_iter().take(AGAIN_MAX) {
            if walk.stopped {
                break;
            }
            let Some((item, evidence)) = self.item(cx, id, "again", walk).await? else { continue };
            let name = format!("{}/{id}", hackernews::PLATFORM);
            let is_gone = match item {
                Item::Comment(posting) => {
                    self.take(cx, Lead::of_posting(topic, &posting, evidence));
                    false
                }
                Item::Gone => true,
                _ if now.since(self.doubt(id, now).since) >= AGAIN_AFTER => true,
                _ => {
                    self.snapshot.leads.entry(name).and_modify(|known| known.at = now);
                    continue;
                }
            };
            self.snapshot.doubts.remove(&id);
            if is_gone {
                self.gone(cx, &name);
            }
        }
        Ok(())
    }

    /// Whether a posting was not there a short while ago.
    fn rests(&self, id: u64, now: Moment) -> bool {
        self.snapshot.doubts.get(&id).is_some_and(|doubt| now.since(doubt.at) < DOUBT_RESTS)
    }

    /// Remembers that a posting was not there, and says for how long now.
    fn doubt(&mut self, id: u64, now: Moment) -> Doubt {
        let doubt = Doubt::grown(self.snapshot.doubts.get(&id).copied(), now);
        self.snapshot.doubts.insert(id, doubt);
        doubt
    }

    /// One item with its evidence; `None` if nothing is known of it now.
    async fn item(
        &mut self,
        cx: &mut Context<'_>,
        id: u64,
        step: &str,
        walk: &mut Walk,
    ) -> Result<Option<(Item, mm_sdk::Digest)>, Interrupt> {
        let action = hackernews::item(id, &Default::default());
        let step = format!("hackernews-{step}-{id}");
        match ask(cx, &step, action, no_words, |answer| hackernews::read_item(id, answer)).await? {
            Reading::Fresh(fresh) => Ok(Some((fresh.value, fresh.evidence))),
            Reading::Unchanged => Ok(None),
            Reading::Failed(failed) => {
                walk.stopped |= failed.is_for_all();
                walk.failed.get_or_insert(failed.why);
                Ok(None)
            }
        }
    }
}
