//! The reads of one run by the owner's accounts, and what they tell of private programmes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mm_sdk::{Context, Digest, Interrupt, Moment, Report, SourceHealth, SourceReport};

use super::super::config::Config;
use super::super::digest::fnv64;
use super::super::draft::{Own, drafts};
use super::super::feed::{Feed, Skipped};
use super::super::finding::Finding;
use super::super::health::Standing;
use super::super::scope::{Programme, Source};
use super::{Head, Known, LISTED_FOR, Listing, Look, Platform};
use crate::reading::Failed;

/// Looks that are kept for programmes that something is to be told or drafted of; the rounds of private ones would
/// use up all.
const KEPT: usize = 1;

/// A programme that is not shown to the account is left alone for so long: a 403 may shut the platform to every other
/// read for hours.
const LEFT_ALONE: Duration = Duration::from_secs(24 * 3600);

/// A private programme whose scope the account was shown is looked at again before any that it was never shown, once the
/// last look is so old: a list may name hundreds that are open to those who apply.
const SHOWN_WAITS: Duration = Duration::from_secs(24 * 3600);

/// The rules of a programme are read anew before they are told or noted after so long: what was allowed may be refused
/// by now.
const RULES_FOR: Duration = Duration::from_secs(24 * 3600);

/// One run.
pub(in crate::bug_bounty) struct Round<'a> {
    platforms: Vec<Platform>,
    known: &'a mut BTreeMap<Source, Known>,
    /// When it began.
    now: Moment,
    /// How many programmes may still be looked at.
    left: BTreeMap<Source, usize>,
    /// What was looked at in this run, with or without success.
    tried: BTreeSet<(Source, Box<str>)>,
    /// Where the list of programmes was refused: a limit, a rule or the account stands against everything.
    refused: BTreeSet<Source>,
    /// Where no programme is looked at any more in this run. Money is another matter.
    unseen: BTreeSet<Source>,
}

/// What was looked at in a run, by key.
type Looks = BTreeMap<Box<str>, Look>;

impl<'a> Round<'a> {
    /// A run that has read nothing yet.
    pub(in crate::bug_bounty) fn new(
        config: &Config,
        known: &'a mut BTreeMap<Source, Known>,
        now: Moment,
    ) -> Self {
        let platforms = Platform::of(config);
        let left = platforms.iter().map(|platform| (platform.source(), platform.looks_max())).collect();
        let (tried, refused, unseen) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        Self { platforms, known, now, left, tried, refused, unseen }
    }

    /// Whether the owner has an account there.
    pub(in crate::bug_bounty) fn asks(&self, source: Source) -> bool {
        self.platforms.iter().any(|platform| platform.source() == source)
    }

    /// Whether the platform was not found to refuse everything. That it refuses to show a programme is no such
    /// finding.
    pub(in crate::bug_bounty) fn answers(&self, source: Source) -> bool {
        !self.refused.contains(&source)
    }

    /// What a programme says of itself, as far as it was read.
    pub(in crate::bug_bounty) fn head(&self, source: Source, key: &str) -> Option<&Head> {
        self.known.get(&source)?.heads.get(key)
    }

    /// What a draft says of a programme beside what was found.
    pub(in crate::bug_bounty) fn own(&self, finding: &Finding) -> Option<Own> {
        self.asks(finding.source).then(|| {
            let head = self.head(finding.source, &finding.programme);
            Own {
                private: head.is_some_and(|head| head.private),
                automation: head
                    .filter(|head| self.is_young(finding.source, head))
                    .and_then(|head| head.automation.clone()),
            }
        })
    }

    /// Reads what the accounts see, and tells what is new in private programmes. `is_public` says what the public
    /// files show, which is theirs to tell.
    pub(in crate::bug_bounty) async fn run(
        &mut self,
        cx: &mut Context<'_>,
        report: &mut Report,
        is_public: &(dyn Fn(Source, &str) -> bool + Sync),
    ) -> Result<(), Interrupt> {
        for platform in self.platforms.clone() {
            let source = platform.source();
            self.known.entry(source).or_insert_with(|| Known::new(source));
            let listed = self.list(cx, &platform, report).await?;
            let looks = self.look_round(cx, &platform, report, is_public).await?;
            let fresh = matches!(listed, Listed::Fresh(_));
            let compared = if fresh || !looks.is_empty() {
                self.compare(cx, source, &listed, &looks, report, is_public)
            } else {
                Ok(())
            };
            if let Listed::Kept | Listed::Fresh(_) = listed {
                let (health, sentence) = match compared {
                    Ok(()) => self.standing(source, cx.now(), looks.len()),
                    Err(why) => (SourceHealth::Failed, why),
                };
                self.tell(report, source, health, sentence);
            }
            let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
            report.metrics.push((format!("{source}.private"), count(self.private(source))));
        }
        Ok(())
    }

    /// Whether the rules of a programme were read lately.
    pub(in crate::bug_bounty) fn knows(&self, source: Source, key: &str) -> bool {
        self.head(source, key).is_some_and(|head| head.automation.is_some() && self.is_young(source, head))
    }

    /// Whether what is known of the rules was read lately: by a look at the programme, or, at HackerOne, with the list,
    /// which holds them.
    fn is_young(&self, source: Source, head: &Head) -> bool {
        source == Source::HackerOne || head.looked_at.is_some_and(|at| self.now.since(at) < RULES_FOR)
    }

    /// Reads the rules of a programme, if they were not lately and one more read is affordable.
    pub(in crate::bug_bounty) async fn know(
        &mut self,
        cx: &mut Context<'_>,
        source: Source,
        key: &str,
    ) -> Result<Rules, Interrupt> {
        let platform = self.platforms.iter().find(|platform| platform.source() == source).cloned();
        let Some(platform) = platform.filter(|_| !self.knows(source, key)) else { return Ok(Rules::Known) };
        Ok(match self.look(cx, &platform, key).await? {
            Looked::Done(look) => {
                if let Some(known) = self.known.get_mut(&source) {
                    known.keep(key, look.head);
                }
                Rules::Known
            }
            Looked::Failed(failed) => Rules::Failed(failed),
            Looked::NotNow => Rules::NotNow,
        })
    }

    async fn list(
        &mut self,
        cx: &mut Context<'_>,
        platform: &Platform,
        report: &mut Report,
    ) -> Result<Listed, Interrupt> {
        let (source, now) = (platform.source(), cx.now());
        let age = |at: Moment| now.since(at);
        if self.known.get(&source).and_then(|known| known.listed_at).is_some_and(|at| age(at) < LISTED_FOR) {
            return Ok(Listed::Kept);
        }
        match platform.list(cx).await? {
            Ok(listing) if listing.heads.is_empty() => {
                let sentence =
                    "the account sees no programme at all, which is taken for a mistake of the moment";
                self.tell(report, source, SourceHealth::Failed, sentence.to_owned());
                Ok(Listed::Not)
            }
            Ok(listing) => {
                let Some(known) = self.known.get_mut(&source) else { return Ok(Listed::Not) };
                let mut before = std::mem::take(&mut known.heads);
                for (key, head) in &listing.heads {
                    let was = before.remove(key);
                    let (automation, looked_at) =
                        was.map_or((None, None), |was| (was.automation, was.looked_at));
                    let automation = head.automation.clone().or(automation);
                    known.keep(key, Head { automation, looked_at, ..head.clone() });
                }
                known.listed_at = Some(now);
                if let Some(first) = listing.bad.first() {
                    let n = listing.bad.len();
                    report
                        .errors
                        .push(format!("{n} programmes of {source} could not be read, the first: {first}"));
                }
                Ok(Listed::Fresh(listing))
            }
            Err(failed) => {
                if failed.is_for_all() {
                    self.refused.insert(source);
                }
                self.tell(report, source, SourceHealth::Failed, failed.why);
                Ok(Listed::Not)
            }
        }
    }

    /// Looks at private programmes: those that wait too long for a second look first, then those that were never
    /// looked at, then those not asked for for longest.
    async fn look_round(
        &mut self,
        cx: &mut Context<'_>,
        platform: &Platform,
        report: &mut Report,
        is_public: &(dyn Fn(Source, &str) -> bool + Sync),
    ) -> Result<Looks, Interrupt> {
        let source = platform.source();
        let now = cx.now();
        let due = |head: &Head| head.private && head.looked_at.is_none_or(|at| at <= now);
        let private = self.heads(source).iter().filter(|(key, head)| due(head) && !is_public(source, key));
        let waits = |key: &str, head: &Head| {
            self.was_shown(source, key) && head.looked_at.is_some_and(|at| now.since(at) >= SHOWN_WAITS)
        };
        let place = |key: &str, head: &Head| (!waits(key, head), head.looked_at);
        let mut order: Vec<_> = private.map(|(key, head)| (place(key, head), key.clone())).collect();
        order.sort();
        let (mut looks, mut failed) = (Looks::new(), BTreeMap::<String, usize>::new());
        for (_, key) in order {
            if self.left.get(&source).is_none_or(|left| *left <= KEPT) {
                break;
            }
            match self.look(cx, platform, &key).await? {
                Looked::Done(look) => {
                    if let Some(known) = self.known.get_mut(&source) {
                        known.keep(&key, look.head.clone());
                    }
                    looks.insert(key, look);
                }
                Looked::Failed(failure) => *failed.entry(failure.in_short()).or_default() += 1,
                Looked::NotNow => break,
            }
        }
        // How many and why, and not which: a run's errors are told further.
        for (why, n) in failed {
            report.errors.push(format!("{n} private programmes of {source} could not be read: {why}"));
        }
        Ok(looks)
    }

    /// Looks at one programme, once in a run.
    async fn look(
        &mut self,
        cx: &mut Context<'_>,
        platform: &Platform,
        key: &str,
    ) -> Result<Looked, Interrupt> {
        let source = platform.source();
        let left = self.left.entry(source).or_default();
        let stopped = self.refused.contains(&source) || self.unseen.contains(&source);
        if *left == 0 || stopped || !self.tried.insert((source, key.into())) {
            return Ok(Looked::NotNow);
        }
        *left -= 1;
        let head = self.known.get(&source).and_then(|known| known.heads.get(key));
        Ok(match platform.look(cx, key, head).await? {
            Ok(look) => Looked::Done(look),
            Err(failed) => {
                // A programme may be closed to the account, and its neighbour is not.
                if failed.is_for_all() && !failed.is_of_its_own() {
                    self.unseen.insert(source);
                }
                // It goes to the end of the queue, so that what fails always keeps nobody waiting.
                let rest = if failed.is_of_its_own() { LEFT_ALONE } else { Duration::ZERO };
                let head = self.known.get_mut(&source).and_then(|known| known.heads.get_mut(key));
                head.into_iter().for_each(|head| {
                    head.looked_at = Some(cx.now().plus(rest));
                    // What they say now is not known.
                    head.automation = None;
                });
                Looked::Failed(failed)
            }
        })
    }

    /// Holds what was read against memory, and drafts what `told` lets through.
    fn compare(
        &mut self,
        cx: &mut Context<'_>,
        source: Source,
        listed: &Listed,
        looks: &Looks,
        report: &mut Report,
        is_public: &(dyn Fn(Source, &str) -> bool + Sync),
    ) -> Result<(), String> {
        let Some(known) = self.known.get_mut(&source) else { return Ok(()) };
        let private = known.private.clone();
        let feed = feed(source, known, listed, looks);
        let observed = known.memory.observe(&feed, cx.now());
        let observation = observed.map_err(|error| format!("by the account: {error}"))?;
        known.forget();
        let mut count = 0_i64;
        // What a public file shows is told from there.
        let here = |finding: &Finding| {
            private.contains(&finding.programme) && !is_public(finding.source, &finding.programme)
        };
        for finding in observation.findings.into_iter().filter(here) {
            count += i64::from(finding.tell);
            let read = looks.get(&finding.programme).map(|look| look.evidence);
            let evidence = read.or(listed.evidence());
            let own = self.own(&finding).map(|own| Own { private: true, ..own });
            drafts(finding, evidence, own.as_ref()).for_each(|draft| cx.found(draft));
        }
        report.metrics.push((format!("{source}.private_told"), count));
        Ok(())
    }

    /// How the list stands after a run that could read it, until another one says otherwise.
    fn standing(&self, source: Source, now: Moment, looked: usize) -> (SourceHealth, String) {
        let standing = self.known.get(&source).map(|known| known.memory.health.standing(now));
        if let Some(Standing::Broken(broken)) = standing {
            let lost = broken.shrink.lost;
            let sentence = format!(
                "by the account it lacks {} known programmes and {} known targets, which looks like an outage; nothing \
                 is taken as removed",
                lost.programmes, lost.targets
            );
            return (SourceHealth::Broken, sentence);
        }
        let (all, private) = (self.heads(source).len(), self.private(source));
        (SourceHealth::Fresh, format!("{all} programmes, {private} of them private; looked at {looked}"))
    }

    fn heads(&self, source: Source) -> &BTreeMap<Box<str>, Head> {
        static NONE: BTreeMap<Box<str>, Head> = BTreeMap::new();
        self.known.get(&source).map_or(&NONE, |known| &known.heads)
    }

    /// Whether the account was shown the scope of a private programme: the memory has no others.
    fn was_shown(&self, source: Source, key: &str) -> bool {
        self.known.get(&source).is_some_and(|known| known.memory.programmes.contains_key(key))
    }

    /// How many private programmes the account sees.
    fn private(&self, source: Source) -> usize {
        self.heads(source).values().filter(|head| head.private).count()
    }

    fn tell(&self, report: &mut Report, source: Source, health: SourceHealth, sentence: String) {
        report.sources.push(SourceReport { name: format!("{source}-account"), health, sentence });
    }
}

/// Whether the rules of a programme are known.
pub(in crate::bug_bounty) enum Rules {
    /// They were read, or nobody can read them.
    Known,
    /// They could not be read.
    Failed(Failed),
    /// They are read in a later run.
    NotNow,
}

/// What became of the list of programmes.
enum Listed {
    Fresh(Listing),
    /// The last one is young enough.
    Kept,
    /// It could not be read.
    Not,
}

impl Listed {
    fn evidence(&self) -> Option<Digest> {
        match self {
            Listed::Fresh(listing) => Some(listing.evidence),
            Listed::Kept | Listed::Not => None,
        }
    }
}

/// What became of a look.
enum Looked {
    Done(Look),
    Failed(Failed),
    NotNow,
}

/// What the account sees, as a version of a feed. Of what was not looked at now nothing is known to be removed;
/// private programmes that were never looked at are named and not read.
fn feed(source: Source, known: &Known, listed: &Listed, looks: &Looks) -> Feed {
    let (mut programmes, mut skipped): (Vec<Programme>, Vec<Skipped>) = (Vec::new(), Vec::new());
    let unread =
        |key: Option<Box<str>>, reason: &str| Skipped { position: 0, key, reason: reason.to_owned() };
    let mut text = String::new();
    for (key, head) in &known.heads {
        text.push_str(key);
        text.push('\n');
        match looks.get(key) {
            Some(look) => {
                text.push_str(&look.evidence.to_string());
                programmes.push(head.programme(key, look.targets.clone(), look.partial));
            }
            None if head.private && !known.memory.programmes.contains_key(key) => {
                skipped.push(unread(Some(key.clone()), "it was not looked at yet"));
            }
            None => programmes.push(head.programme(key, Vec::new(), true)),
        }
    }
    if let Listed::Fresh(listing) = listed {
        skipped.extend(listing.bad.iter().map(|reason| unread(None, reason)));
    }
    Feed { source, programmes, skipped, digest: fnv64(text.as_bytes()) }
}
