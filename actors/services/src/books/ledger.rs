//! The ledger's rows: what reports of earnings make of them, as a change.
//!
//! A report is taken in by [`Ledger::take`], which reads the earning and lets core say what follows;
//! [`Ledger::change`] is all of it as one change. The earnings must still be as they were read, and no entry
//! may be there yet, so that nothing is counted twice however often it is told. A report that cannot be taken
//! is a sentence and stands in nobody's way.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Duration;

use mm_core::digest::Digest;
use mm_core::id::{EarningId, EntryId, OpportunityId, PlatformId, Space, StrategyId};
use mm_core::ledger::{Earning, Entry, Evidence, NotTaken, Report, Source};
use mm_core::moment::Moment;
use mm_core::opportunity::Who;
use mm_core::untrusted::Untrusted;
use mm_sdk::Earned;
use mm_store::{Change, ChangeError, Key, NewEntry, ReadError, Span, Store};
use serde_json::json;

use crate::integrity;

/// The longest reference, and the longest name of a document, in characters.
const LINE_CHARS_MAX: usize = 200;
/// A platform's clock and day may be so far ahead of ours.
const AHEAD_MAX: Duration = Duration::from_secs(24 * 3600);

/// A report of an earning, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Who pays.
    pub platform: PlatformId,
    /// The platform's own name of the payment.
    pub reference: String,
    /// Whose work it is.
    pub strategy: StrategyId,
    /// What it came of, if that is known.
    pub opportunity: Option<OpportunityId>,
    /// What is said of it.
    pub report: Report,
}

/// Why a report is not in the books.
#[derive(Debug, thiserror::Error)]
pub enum NotRecorded {
    /// What it is called cannot be a name.
    #[error(
        "a reference is one line of at most {LINE_CHARS_MAX} characters, as the platform writes it, without blanks \
         at its ends"
    )]
    Reference,
    /// It is of a time that cannot be: whatever is told later would be older news.
    #[error("a report as of {0} cannot be: it is not yet that day, or it is before 1970")]
    AsOf(Moment),
    /// It contradicts itself.
    #[error(transparent)]
    NotTaken(NotTaken),
    /// The owner tells of a time before what is known.
    #[error(
        "`{reference}` is known as {stage} as of {known}, and a document of an earlier time does not change that: say as \
         of when this one holds, or leave it out for now"
    )]
    Older {
        /// The platform's own name of the payment.
        reference: String,
        /// How far it is known to be.
        stage: &'static str,
        /// As of when.
        known: Moment,
    },
    /// It rests on nothing.
    #[error("there is no recorded answer {0}; what is earned is put into the books with its evidence alone")]
    NoEvidence(Digest),
    /// It is another strategy's.
    #[error("`{reference}` of {platform} is an earning of strategy `{strategy}` already")]
    Others {
        /// The platform's own name of the payment.
        reference: String,
        /// Who pays.
        platform: PlatformId,
        /// Whose it is.
        strategy: StrategyId,
    },
    /// Its row does not open.
    #[error("earning `{0}` does not open ({1}); restore a backup")]
    Damaged(EarningId, String),
    /// The rows contradict each other.
    #[error("entry `{0}` is in the ledger and its earning does not know of it; restore a backup")]
    Torn(EntryId),
}

/// What a run reports and the books do not take.
#[derive(Debug, Default)]
pub(crate) struct LeftOut {
    /// A sentence for each that cannot be.
    pub(crate) sentences: Vec<String>,
    /// Those that differ from what was paid or has arrived: the name of the alert, and its sentence.
    pub(crate) differing: Vec<(String, String)>,
}

/// What the alert is about that tells that a platform's sum is not that of the books.
pub(crate) fn about(strategy: &StrategyId, earned: &Earned) -> String {
    let reference = Untrusted::new(earned.reference.as_str()).line(LINE_CHARS_MAX);
    format!("{}{}/{reference}", abouts(strategy), earned.platform)
}

/// How the names of those alerts begin.
pub(crate) fn abouts(strategy: &StrategyId) -> String {
    format!("earning/{strategy}/")
}

/// The books with reports taken in that are not yet written.
pub(crate) struct Ledger<'a> {
    pub(super) store: &'a Store,
    pub(super) space: &'a Space,
    pub(super) now: Moment,
    /// The earnings that change, each with the version it has now.
    pub(super) earnings: BTreeMap<EarningId, (Earning, Option<u64>)>,
    entries: Vec<Entry>,
}

impl<'a> Ledger<'a> {
    /// The books of `space` as they are.
    pub(crate) fn of(store: &'a Store, space: &'a Space, now: Moment) -> Self {
        Self { store, space, now, earnings: BTreeMap::new(), entries: Vec::new() }
    }

    /// Takes a report in. The earning as it is then, and the entry that the report makes if it is news.
    pub(crate) fn take(
        &mut self,
        told: Told,
    ) -> Result<Result<(Earning, Option<Entry>), NotRecorded>, ReadError> {
        let Told { platform, reference, strategy, opportunity, mut report } = told;
        report.evidence.what = Untrusted::new(report.evidence.what).line(LINE_CHARS_MAX);
        let line = Untrusted::new(reference.as_str()).line(LINE_CHARS_MAX);
        if reference.is_empty() || line != reference {
            return Ok(Err(NotRecorded::Reference));
        }
        if report.as_of < Moment::from_unix_ms(0) || report.as_of > self.now.plus(AHEAD_MAX) {
            return Ok(Err(NotRecorded::AsOf(report.as_of)));
        }
        let id = Earning::id_of(&platform, &reference);
        let (earning, version) = match self.read(&id)? {
            Ok(Some(found)) => found,
            Ok(None) => (Earning::new(platform, &reference, strategy.clone(), opportunity.clone()), None),
            Err(why) => return Ok(Err(NotRecorded::Damaged(id, why))),
        };
        if earning.strategy != strategy {
            let (platform, strategy) = (earning.platform, earning.strategy);
            return Ok(Err(NotRecorded::Others { reference, platform, strategy }));
        }
        let evidence = report.evidence.digest;
        // What it came of may be known only later; once it is known, it stays.
        let named = Earning { opportunity: earning.opportunity.clone().or(opportunity), ..earning.clone() };
        let (after, entry) = match named.take(report, self.now) {
            Ok(Some(taken)) => taken,
            Ok(None) => return Ok(Ok((earning, None))),
            Err(why) => return Ok(Err(NotRecorded::NotTaken(why))),
        };
        if !self.store.has_answer(&evidence)? {
            return Ok(Err(NotRecorded::NoEvidence(evidence)));
        }
        if self.store.version(&Key::of::<Entry>(self.space, entry.id.as_str())?)?.is_some() {
            return Ok(Err(NotRecorded::Torn(entry.id)));
        }
        self.earnings.insert(id, (after.clone(), version));
        self.entries.push(entry.clone());
        Ok(Ok((after, Some(entry))))
    }

    /// Takes in what a run reports; what is said of each report that cannot be.
    pub(crate) fn take_all(
        &mut self,
        strategy: &StrategyId,
        earned: &[Earned],
    ) -> Result<LeftOut, ReadError> {
        let mut left_out = LeftOut::default();
        for earned in earned {
            let Err(why) = self.take(told(strategy, earned))? else { continue };
            let reference = Untrusted::new(earned.reference.as_str()).line(60);
            let sentence = format!("earning `{reference}` of {} is left out: {why}", earned.platform);
            match why {
                // It stands until the owner says what became of it, and each run reads it again.
                NotRecorded::NotTaken(NotTaken::Differs { .. }) => {
                    left_out.differing.push((about(strategy, earned), sentence));
                }
                _ => left_out.sentences.push(sentence),
            }
        }
        Ok(left_out)
    }

    /// Every entry that was taken in, in order, with its earning as it is after all of them.
    pub(super) fn taken(&self) -> impl Iterator<Item = (&Earning, &Entry)> {
        self.entries.iter().filter_map(|entry| Some((&self.earnings.get(&entry.earning)?.0, entry)))
    }

    /// Everything that was taken in as one change; `by` is who told it.
    pub(crate) fn change(&self, by: &Who) -> Result<Change, ChangeError> {
        let mut change = Change::new();
        for (id, (earning, version)) in &self.earnings {
            let key = Key::of::<Earning>(self.space, id.as_str())?;
            change = match version {
                Some(version) => change.expect_version(key, *version),
                None => change.expect_absent(key),
            };
            change = change.put(self.space, id.as_str(), earning)?;
        }
        for entry in &self.entries {
            let key = Key::of::<Entry>(self.space, entry.id.as_str())?;
            let audit = NewEntry::new(self.now, self.space, "ledger.entry", &payload(entry, by))?;
            change = change.expect_absent(key).put(self.space, entry.id.as_str(), entry)?.audit(audit);
        }
        Ok(change)
    }

    /// The earning as it is here, or as it is stored; the inner error says why it does not open.
    #[expect(clippy::type_complexity, reason = "a row, if there is one, if it opens, if the store does")]
    fn read(&self, id: &EarningId) -> Result<Result<Option<(Earning, Option<u64>)>, String>, ReadError> {
        if let Some(open) = self.earnings.get(id) {
            return Ok(Ok(Some(open.clone())));
        }
        let stored = integrity::read::<Earning>(self.store, self.space, id.as_str())?;
        Ok(stored.map(|row| row.map(|row| (row.value, Some(row.version)))))
    }
}

fn told(strategy: &StrategyId, earned: &Earned) -> Told {
    Told {
        platform: earned.platform.clone(),
        reference: earned.reference.clone(),
        strategy: strategy.clone(),
        opportunity: earned.opportunity.clone(),
        report: Report {
            as_of: earned.as_of,
            stage: earned.stage,
            amount: earned.amount,
            fee: earned.fee,
            arrived: None,
            evidence: Evidence {
                digest: earned.evidence,
                source: Source::Platform,
                what: earned.what.clone(),
            },
        },
    }
}

/// What the audit trail says of an entry. Names and figures alone: nothing that somebody else wrote.
fn payload(entry: &Entry, by: &Who) -> serde_json::Value {
    let postings = entry.postings.iter();
    let postings = postings.map(|line| json!({ "account": line.account.to_string(), "money": line.money }));
    json!({
        "entry": entry.id,
        "earning": entry.earning,
        "platform": entry.platform,
        "strategy": entry.strategy,
        "from": entry.from,
        "to": entry.to,
        "as_of": entry.as_of.to_string(),
        "postings": postings.collect::<Vec<_>>(),
        "evidence": entry.evidence.digest.to_string(),
        "source": entry.evidence.source,
        "by": by.to_string(),
    })
}

/// The answers that entries of the ledger rest on; the inner error names an entry that does not open. They
/// are kept for ever.
pub(crate) fn evidence(store: &Store, space: &Space) -> Result<Result<BTreeSet<Digest>, String>, ReadError> {
    let mut kept = Ok(BTreeSet::new());
    store.visit::<Entry>(space, Span::all(), |id, row| match (row, &mut kept) {
        (Ok(row), Ok(all)) => {
            all.insert(row.value.evidence.digest);
            ControlFlow::Continue(())
        }
        _ => {
            kept = Err(id);
            ControlFlow::Break(())
        }
    })?;
    Ok(kept)
}
