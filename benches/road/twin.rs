//! The store alone, given the changes that the road gives it: the same rows, of the same sizes.
//!
//! Taken from one action as the road really left it, so that the twin follows whatever the road
//! writes. What it leaves out is what the road adds: actors, rules, permits, the exchange, and the
//! answer's body (kept outside the group, without a sync of its own).

use mm_core::activity::ActionRecord;
use mm_core::digest::Digest;
use mm_core::id::Space;
use mm_core::limit::QuotaState;
use mm_core::mark::Mark;
use mm_core::moment::Moment;
use mm_core::run::{RunRecord, StepRecord};
use mm_services::gateway::Proposal;
use mm_services::records::{ChangeRow, DecisionRow, LastActRow, OpenRow, WayRow};
use mm_store::{Change, Key, NewEntry, PayloadState, Record, Span, Store};

use super::setup::{Bench, Disk};

/// The parts of the two changes that an action is.
pub struct Twin {
    pub disk: Disk,
    space: Space,
    run_id: String,
    run_version: u64,
    record: ActionRecord,
    way: WayRow,
    step: StepRecord,
    mark: Mark,
    kept: ChangeRow,
    decision: DecisionRow,
    last_act: LastActRow,
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
        let platform = like.action.platform.as_str();
        Self {
            disk,
            space: run.space.clone(),
            run_id: run.id.as_str().to_owned(),
            run_version,
            record: row(from, &run.space, id.as_str()),
            way: row(from, &run.space, id.as_str()),
            step: row(from, &run.space, &StepRecord::row_id(&run.id, &like.step)),
            mark: row(from, &run.space, &mark_id(&like.action.hash().to_string())),
            kept: row(from, &run.space, id.as_str()),
            decision: row(from, &run.space, id.as_str()),
            last_act: row(from, &Space::machine(), platform),
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
            .put(&self.space, &id, &self.decision)
            .unwrap()
            .audit(self.entry("action.permitted", &self.permitted))
            .expect_absent(self.mark_key(nth))
            .and(self.told(nth))
            .put(&Space::machine(), &self.record.platform, &self.last_act)
            .unwrap();
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
            .and(self.told(nth))
    }

    /// What both changes hold: its way, its step, its mark, and the change that is kept whole.
    fn told(&self, nth: u64) -> Change {
        let id = self.id(nth);
        Change::new()
            .put(&self.space, &id, &self.way)
            .unwrap()
            .put(&self.space, &format!("{}/post-{nth:08}", self.run_id), &self.step)
            .unwrap()
            .put(&self.space, self.mark_key(nth).id(), &self.mark)
            .unwrap()
            .put(&self.space, &id, &self.kept)
            .unwrap()
    }

    fn mark_key(&self, nth: u64) -> Key {
        Key::new(&self.space, Mark::KIND, &mark_id(&Digest::of(&nth.to_le_bytes()).to_string())).unwrap()
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

/// The row id of a mark.
fn mark_id(hash: &str) -> String {
    format!("bench/{hash}")
}

/// A row that the road has left.
fn row<R: Record>(store: &Store, space: &Space, id: &str) -> R {
    store.get::<R>(space, id).unwrap().expect("the road has written one").value
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
