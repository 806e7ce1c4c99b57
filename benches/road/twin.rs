//! The store alone, given the changes that the road gives it: the same rows, of the same sizes.
//!
//! Taken from one action as the road really left it, so that the twin follows whatever the road
//! writes. What it leaves out is what the road adds: actors, rules, permits, the exchange, and the
//! answer's body (kept outside the group, without a sync of its own).

use mm_core::activity::ActionRecord;
use mm_core::id::Space;
use mm_core::limit::QuotaState;
use mm_core::moment::Moment;
use mm_core::run::{RunRecord, StepRecord};
use mm_services::gateway::Proposal;
use mm_services::records::OpenRow;
use mm_store::{Change, Key, NewEntry, PayloadState, Record, Span, Store};

use super::setup::{Bench, Disk};

/// The parts of the two changes that an action is.
pub struct Twin {
    pub disk: Disk,
    space: Space,
    run_id: String,
    run_version: u64,
    record: ActionRecord,
    step: StepRecord,
    quotas: Vec<(String, QuotaState)>,
    permitted: Vec<u8>,
    confirmed: Vec<u8>,
}

impl Twin {
    /// The twin of `bench`'s road, which has done `like` already.
    pub async fn of(bench: &Bench, like: &Proposal) -> Self {
        let (disk, run, from) = (Disk::new(), &bench.run, &bench.disk.store);
        let change = Change::new().put(&run.space, run.id.as_str(), run).unwrap();
        let run_version = disk.store.commit(change).await.unwrap().versions[0];
        let id = like.id();
        let quotas = from.scan::<QuotaState>(&Space::machine(), Span::all(), usize::MAX).unwrap();
        assert_eq!(quotas.rows.len(), 2, "the pack's limit and the owner's cap");
        Self {
            disk,
            space: run.space.clone(),
            run_id: run.id.as_str().to_owned(),
            run_version,
            record: from.get::<ActionRecord>(&run.space, id.as_str()).unwrap().unwrap().value,
            step: from
                .get::<StepRecord>(&run.space, &StepRecord::row_id(&run.id, &like.step))
                .unwrap()
                .unwrap()
                .value,
            quotas: quotas.rows.into_iter().map(|(id, row)| (id, row.value)).collect(),
            permitted: payload(from, "action.permitted"),
            confirmed: payload(from, "action.confirmed"),
        }
    }

    /// What the road commits before the first byte.
    pub fn intent(&self, nth: u64) -> Change {
        let id = self.id(nth);
        let open = OpenRow { mutating: true, since: self.record.at };
        let mut change = self
            .fenced()
            .put(&self.space, &id, &self.record)
            .unwrap()
            .put(&self.space, &id, &open)
            .unwrap()
            .audit(self.entry("action.permitted", &self.permitted));
        for (key, held) in &self.quotas {
            change = change.put(&Space::machine(), key, held).unwrap();
        }
        change
    }

    /// What it commits with the outcome.
    pub fn outcome(&self, nth: u64) -> Change {
        let id = self.id(nth);
        self.fenced()
            .put(&self.space, &id, &self.record)
            .unwrap()
            .delete(Key::new(&self.space, OpenRow::KIND, &id).unwrap())
            .audit(self.entry("action.confirmed", &self.confirmed))
            .put(&self.space, &format!("{}/post-{nth:08}", self.run_id), &self.step)
            .unwrap()
    }

    fn id(&self, nth: u64) -> String {
        format!("{}.post-{nth:08}", self.run_id)
    }

    fn fenced(&self) -> Change {
        Change::new()
            .expect_version(Key::new(&self.space, RunRecord::KIND, &self.run_id).unwrap(), self.run_version)
    }

    fn entry(&self, kind: &str, payload: &[u8]) -> NewEntry {
        let at = Moment::from_unix_ms(self.record.at.unix_ms());
        NewEntry { at, space: self.space.clone(), kind: kind.to_owned(), payload: payload.to_vec() }
    }
}

/// The payload of the last audit entry of a kind.
fn payload(store: &Store, kind: &str) -> Vec<u8> {
    let page = store.audit_range(1, usize::MAX).unwrap();
    let row = page.rows.into_iter().rfind(|row| row.entry.kind == kind).expect("the road has written one");
    match row.payload {
        PayloadState::There(payload) => payload.bytes,
        other => panic!("{}", other.text()),
    }
}
