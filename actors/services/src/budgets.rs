//! Restart budgets in the store: what supervision spends, written before it is used.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_store::{Change, CommitError, Key, NewEntry, Record, Store};
use mm_supervision::{BudgetError, BudgetStanding, BudgetStore};
use serde_json::json;

use crate::records::BudgetRow;

/// Budgets as rows of the machine's own space.
#[derive(Clone)]
pub struct StoredBudgets {
    store: Store,
}

type Answer<T> = BoxFuture<'static, Result<T, BudgetError>>;
type Boxed = Box<dyn std::error::Error + Send + Sync>;

impl StoredBudgets {
    /// Budgets in `store`.
    pub fn new(store: Store) -> Arc<Self> {
        Arc::new(Self { store })
    }

    /// Reads, changes and writes one row; again if somebody else was faster.
    fn change<T: Send + 'static>(
        &self,
        key: &str,
        trip_at: Option<i64>,
        change: impl Fn(&mut BudgetRow) -> T + Send + 'static,
    ) -> Answer<T> {
        let (store, key) = (self.store.clone(), key.to_owned());
        Box::pin(async move {
            write(&store, &key, trip_at, change).await.map_err(|source| BudgetError { key, source })
        })
    }
}

async fn write<T>(
    store: &Store,
    key: &str,
    trip_at: Option<i64>,
    change: impl Fn(&mut BudgetRow) -> T,
) -> Result<T, Boxed> {
    let space = Space::machine();
    loop {
        let found = store.get::<BudgetRow>(&space, key)?;
        let row_key = Key::new(&space, BudgetRow::KIND, key)?;
        let expect = match &found {
            Some(row) => Change::new().expect_version(row_key, row.version),
            None => Change::new().expect_absent(row_key),
        };
        let before = found.map(|row| row.value).unwrap_or_default();
        let mut row = before.clone();
        let answer = change(&mut row);
        if row == before {
            return Ok(answer);
        }
        let mut next = expect.put(&space, key, &row)?;
        if let Some(at_ms) = trip_at {
            let payload = json!({ "actor": key, "why": row.tripped.as_ref().map(|(why, _)| why) });
            next = next.audit(NewEntry::new(Moment::from_unix_ms(at_ms), &space, "actor.tripped", &payload)?);
        }
        match store.commit(next).await {
            Ok(_) => return Ok(answer),
            Err(CommitError::Refused { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl BudgetStore for StoredBudgets {
    fn standing(&self, key: &str) -> Answer<BudgetStanding> {
        self.change(key, None, |row| BudgetStanding { spent: row.spent, tripped: row.tripped.clone() })
    }

    fn debit(&self, key: &str, want: u32, limit: u32, _at_ms: i64) -> Answer<u32> {
        self.change(key, None, move |row| {
            let granted = want.min(limit.saturating_sub(row.spent));
            row.spent += granted;
            granted
        })
    }

    fn refund(&self, key: &str, unused: u32) -> Answer<()> {
        self.change(key, None, move |row| row.spent = row.spent.saturating_sub(unused))
    }

    fn trip(&self, key: &str, why: &str, at_ms: i64) -> Answer<()> {
        let why = why.to_owned();
        self.change(key, Some(at_ms), move |row| row.tripped = Some((why.clone(), at_ms)))
    }

    fn give_back(&self, key: &str) -> Answer<()> {
        self.change(key, None, |row| *row = BudgetRow::default())
    }
}
