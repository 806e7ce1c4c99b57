//! Restart budgets in the store: what supervision spends, written before it is used.
//!
//! An actor that has spent its own is an alert from the same change on until it gets them back. A row
//! that does not open counts as spent, and giving back makes it anew.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_store::{Change, CommitError, Key, NewEntry, ReadError, Record, Store};
use mm_supervision::{BudgetError, BudgetStanding, BudgetStore};
use serde_json::json;

use crate::records::{AlertRow, BudgetRow};

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
            let (why, now) = (row.tripped.as_ref().map_or("", |(why, _)| why), Moment::from_unix_ms(at_ms));
            let payload = json!({ "actor": key, "why": why });
            next = next.audit(NewEntry::new(now, &space, "actor.tripped", &payload)?);
            next = next.and(alert(store, &space, key, why, now)?);
        }
        match store.commit(next).await {
            Ok(_) => return Ok(answer),
            Err(CommitError::Refused { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What the alert on a tripped actor is about.
pub(crate) fn alert_about(key: &str) -> String {
    format!("tripped/{key}")
}

/// The owner is told in the same change: who tripped cannot, and its supervisor knows no alerts.
fn alert(store: &Store, space: &Space, key: &str, why: &str, now: Moment) -> Result<Change, Boxed> {
    let about = alert_about(key);
    let name = key.rsplit('/').next().unwrap_or(key);
    let why: String = why.chars().take(300).collect();
    let sentence = format!(
        "{key} failed too often and stays down: {why}; when that is put right, `strategy resume {name}` starts it \
         again"
    );
    let row_key = Key::of::<AlertRow>(space, &about)?;
    // An alert that does not open is not worth the trip that it tells of.
    let Ok(earlier) = store.get::<AlertRow>(space, &about) else { return Ok(Change::new()) };
    let change = match &earlier {
        Some(row) => Change::new().expect_version(row_key, row.version),
        None => Change::new().expect_absent(row_key),
    };
    let times = earlier.map_or(0, |row| row.value.times) + 1;
    let payload = json!({ "about": about, "sentence": sentence });
    let row = AlertRow { sentence, raised_at: now, last_at: now, times, cleared_at: None };
    Ok(change.put(space, &about, &row)?.audit(NewEntry::new(now, space, "alert.raised", &payload)?))
}

/// Removes a row that does not open.
async fn mend(store: &Store, key: &str) -> Result<(), Boxed> {
    let space = Space::machine();
    if matches!(store.get::<BudgetRow>(&space, key), Err(ReadError::Row { .. })) {
        store.commit(Change::new().delete(Key::of::<BudgetRow>(&space, key)?)).await?;
    }
    Ok(())
}

impl BudgetStore for StoredBudgets {
    fn standing(&self, key: &str) -> Answer<BudgetStanding> {
        self.change(key, None, |row| BudgetStanding {
            spent: row.spent,
            tripped: row.tripped.clone(),
            ..BudgetStanding::default()
        })
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
        let (store, key) = (self.store.clone(), key.to_owned());
        Box::pin(async move {
            let given = async {
                mend(&store, &key).await?;
                write(&store, &key, None, |row| *row = BudgetRow::default()).await
            };
            given.await.map_err(|source: Boxed| BudgetError { key: key.clone(), source })
        })
    }
}
