//! What follows from an entry of the ledger for the opportunity that it came of, and for what is known of its
//! payer; written with the entry, in the same change.
//!
//! The ledger rests on evidence and outweighs what was said: approved makes an opportunity awarded, paid and
//! cleared make it paid, whatever its owner had made of it before. Expected and claimed move nothing: they are
//! hopes. What was approved or paid and is taken back, or told as pending again, leads one state back, unless
//! another payment for the same opportunity still stands there. A row that does not open stays as it is: the
//! entry itself must not be lost for it.

use std::ops::ControlFlow;

use mm_core::id::{EarningId, OpportunityId, Space};
use mm_core::ledger::{Earning, Entry, Stage};
use mm_core::moment::Moment;
use mm_core::opportunity::{Decision, Opportunity, Payer, Who};
use mm_core::untrusted::Untrusted;
use mm_store::{ReadError, Span, Store};

use super::ledger::Ledger;
use super::merging::Merged;
use crate::integrity;

impl Merged {
    /// Takes in what the ledger is about to be told says of opportunities and payers; `by` is who tells it.
    pub(crate) fn follow(&mut self, ledger: &Ledger<'_>, by: &Who) -> Result<(), ReadError> {
        let Ledger { store, space, now, .. } = *ledger;
        for (earning, entry) in ledger.taken() {
            let place = match &earning.opportunity {
                Some(id) => self.place(store, space, id)?,
                None => None,
            };
            if let Some(place) = place {
                // There is no index of payments by opportunity, and a step back is rare.
                let others = if is_back(entry) { others(ledger, earning)? } else { Vec::new() };
                self.step(place, earning, entry, &others, by, now);
            }
            let (platform, name) = place
                .and_then(|place| self.rows.get(place))
                .and_then(|(row, _)| payer_of(row))
                .unwrap_or((earning.platform.as_str().to_owned(), String::new()));
            self.pay(ledger, (earning, entry), &platform, &name)?;
        }
        Ok(())
    }

    /// Where the row of an opportunity stands among those that change, read if it was not yet.
    fn place(
        &mut self,
        store: &Store,
        space: &Space,
        id: &OpportunityId,
    ) -> Result<Option<usize>, ReadError> {
        if let Some(place) = self.rows.iter().position(|(row, _)| row.id == *id) {
            return Ok(Some(place));
        }
        match integrity::read::<Opportunity>(store, space, id.as_str())? {
            Ok(Some(row)) => {
                self.rows.push((row.value, Some(row.version)));
                Ok(Some(self.rows.len() - 1))
            }
            Ok(None) => Ok(None),
            Err(why) => {
                tracing::warn!(opportunity = %id, why, "its payment is in the books and its state stays as it is");
                Ok(None)
            }
        }
    }

    fn step(
        &mut self,
        place: usize,
        earning: &Earning,
        entry: &Entry,
        others: &[Stage],
        by: &Who,
        now: Moment,
    ) {
        let Some((row, _)) = self.rows.get_mut(place) else { return };
        if entry.to == Stage::Cleared || entry.from == Some(Stage::Cleared) {
            row.settled = entry.to == Stage::Cleared || others.contains(&Stage::Cleared);
        }
        let Some(decision) = decision(entry, others) else { return };
        let why = format!("payment {} of {} is {}", earning.reference, earning.platform, entry.to);
        // The ledger's word is never refused.
        if let Ok(Some((after, step))) = row.after(decision, by.clone(), Some(Untrusted::new(why)), now) {
            *row = after;
            self.steps.push(step);
        }
    }

    fn pay(
        &mut self,
        ledger: &Ledger<'_>,
        (earning, entry): (&Earning, &Entry),
        platform: &str,
        name: &str,
    ) -> Result<(), ReadError> {
        let Ledger { store, space, now, .. } = *ledger;
        let id = Payer::id_of(platform, name);
        if !self.payers.contains_key(&id) {
            let row = match integrity::read::<Payer>(store, space, &id)? {
                Ok(Some(row)) => (row.value, Some(row.version)),
                Ok(None) => (Payer::new(platform, name, now), None),
                Err(why) => {
                    tracing::warn!(payer = %id, why, "a payment is in the books and not in its payer's history");
                    return Ok(());
                }
            };
            self.payers.insert(id.clone(), row);
        }
        if entry.from.is_some() {
            self.move_to(ledger, &id, &earning.id)?;
        }
        if let Some((payer, _)) = self.payers.get_mut(&id) {
            payer.take(earning, now);
        }
        Ok(())
    }

    /// Moves what is known of an earning to payer `id`, where somebody else was thought to pay it before.
    fn move_to(&mut self, ledger: &Ledger<'_>, id: &str, earning: &EarningId) -> Result<(), ReadError> {
        let Ledger { store, space, now, .. } = *ledger;
        if self.payers.get(id).is_none_or(|(payer, _)| payer.payments.contains_key(earning)) {
            return Ok(());
        }
        store.visit::<Payer>(space, Span::all(), |row_id, row| {
            if let Ok(row) = row
                && row.value.knows(earning)
            {
                self.payers.entry(row_id).or_insert((row.value, Some(row.version)));
            }
            ControlFlow::Continue(())
        })?;
        let Some((mut payer, version)) = self.payers.remove(id) else { return Ok(()) };
        let others = self.payers.values_mut().map(|(other, _)| other);
        others.filter(|other| other.knows(earning)).for_each(|other| payer.take_over(other, earning, now));
        self.payers.insert(id.to_owned(), (payer, version));
        Ok(())
    }
}

/// Who would pay for an opportunity: his platform, and his name there.
pub(crate) fn payer_of(row: &Opportunity) -> Option<(String, String)> {
    row.payer.as_ref().map(|payer| (row.platform.clone(), payer.clone()))
}

fn is_money(stage: Stage) -> bool {
    matches!(stage, Stage::Paid | Stage::Cleared)
}

/// Whether an entry says less than was sure before.
fn is_back(entry: &Entry) -> bool {
    let sure = |stage: Stage| is_money(stage) || stage == Stage::Approved;
    entry.from.is_some_and(|from| (is_money(from) && !is_money(entry.to)) || (sure(from) && !sure(entry.to)))
}

/// What an entry says of its opportunity, beside the stages of its other payments.
fn decision(entry: &Entry, others: &[Stage]) -> Option<Decision> {
    let money = others.iter().any(|stage| is_money(*stage));
    match entry.to {
        Stage::Paid | Stage::Cleared => Some(Decision::LedgerPaid),
        Stage::Approved if !is_back(entry) => Some(Decision::LedgerApproved),
        _ if !is_back(entry) || money => None,
        Stage::Approved => Some(Decision::LedgerUnpaid),
        _ if others.contains(&Stage::Approved) => Some(Decision::LedgerUnpaid),
        _ => Some(Decision::LedgerTakenBack),
    }
}

/// How far the other payments for the same opportunity are, as the ledger will be.
fn others(ledger: &Ledger<'_>, earning: &Earning) -> Result<Vec<Stage>, ReadError> {
    let mut stages: Vec<Stage> = Vec::new();
    let mut see = |other: &Earning| {
        if other.opportunity == earning.opportunity && other.id != earning.id {
            stages.extend(other.stage());
        }
    };
    ledger.store.visit::<Earning>(ledger.space, Span::all(), |_, row| {
        if let Ok(row) = row
            && !ledger.earnings.contains_key(&row.value.id)
        {
            see(&row.value);
        }
        ControlFlow::Continue(())
    })?;
    ledger.earnings.values().for_each(|(other, _)| see(other));
    Ok(stages)
}
