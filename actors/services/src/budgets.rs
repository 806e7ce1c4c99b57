//! Restart budgets in the store: what supervision spends, written before it is used.
//!
//! Each key has a row of its own and nothing is locked: the debits of many children at once go into one
//! group of the store's writer. Whoever finds that somebody else was faster reads again.
//!
//! An actor that has spent its own is an alert from the same change on until it gets them back. What an
//! operator does to a budget is on the audit chain in the same change. A row that does not open counts as
//! spent, and giving back or a release makes it anew.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_store::{Change, CommitError, Key, NewEntry, ReadError, Record, Store};
use mm_supervision::{BudgetError, BudgetStanding, BudgetStore, Restarted};
use serde_json::json;

use crate::alerts::Alerts;
use crate::records::{AlertRow, BudgetRow};

/// Budgets as rows of the machine's own space.
#[derive(Clone)]
pub struct StoredBudgets {
    store: Store,
    /// Hears of the alerts that are written here.
    alerts: Option<Alerts>,
}

/// How many rows of history go into one change, so that no debit waits long behind one.
const NOTED_AT_ONCE: usize = 64;

type Answer<T> = BoxFuture<'static, Result<T, BudgetError>>;
type Boxed = Box<dyn std::error::Error + Send + Sync>;

/// What the audit chain is told of a change, in that change.
#[derive(Clone)]
enum Told {
    /// Nothing.
    Nothing,
    /// That it tripped; the row says why.
    Tripped(Moment),
    /// That an operator holds it down; the row says why.
    Isolated(Moment),
    /// That an operator lets it go on.
    Released(Moment),
    /// That an operator gave it back, for this reason. Told even if nothing was spent.
    Cleared(Moment, String),
}

impl StoredBudgets {
    /// Budgets in `store`.
    pub fn new(store: Store) -> Arc<Self> {
        Arc::new(Self { store, alerts: None })
    }

    /// Budgets in `store`; `alerts` hears of what trips as soon as that is written, and tells the owner.
    pub fn telling(store: Store, alerts: &Alerts) -> Arc<Self> {
        Arc::new(Self { store, alerts: Some(alerts.clone()) })
    }

    /// Gives the whole budget of `key` back by an operator's word, which the audit chain holds in the same
    /// change. A row that does not open is made anew.
    ///
    /// # Errors
    /// If the store does not record it; nothing was given back then.
    pub async fn clear(&self, key: &str, reason: &str, now: Moment) -> Result<(), BudgetError> {
        let (key, reason) = (key.to_owned(), reason.to_owned());
        let cleared = async {
            mend(&self.store, &key).await?;
            write(&self.store, &key, &Told::Cleared(now, reason), BudgetStanding::give_back).await
        };
        cleared.await.map_err(|source: Boxed| BudgetError { key: key.clone(), source })
    }

    /// Reads, changes and writes one row; again if somebody else was faster.
    fn change<T: Send + 'static>(
        &self,
        key: &str,
        told: Told,
        change: impl Fn(&mut BudgetStanding) -> T + Send + 'static,
    ) -> Answer<T> {
        let (store, alerts, key) = (self.store.clone(), self.alerts.clone(), key.to_owned());
        Box::pin(async move {
            let written = write(&store, &key, &told, change).await;
            if let (Told::Tripped(_), Ok(_), Some(alerts)) = (&told, &written, alerts) {
                alerts.written(&Space::machine(), alert_about(&key));
            }
            written.map_err(|source| BudgetError { key, source })
        })
    }
}

async fn write<T>(
    store: &Store,
    key: &str,
    told: &Told,
    change: impl Fn(&mut BudgetStanding) -> T,
) -> Result<T, Boxed> {
    let space = Space::machine();
    loop {
        let (expect, before) = found(store, &space, key)?;
        let mut standing = before.clone();
        let answer = change(&mut standing);
        if standing == before && !matches!(told, Told::Cleared(..)) {
            return Ok(answer);
        }
        let told = tell(store, &space, key, &standing, told)?;
        let next = expect.put(&space, key, &BudgetRow::from(standing))?.and(told);
        match store.commit(next).await {
            Ok(_) => return Ok(answer),
            Err(CommitError::Refused { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Records what several went through in one change. A row that does not open is left alone, and told of
/// when the others are recorded.
async fn note_some(store: &Store, notes: &[(String, Vec<Restarted>)]) -> Result<(), BudgetError> {
    let wrong = |key: &str, source: Boxed| BudgetError { key: key.to_owned(), source };
    loop {
        let (mut change, mut all) = (Change::new(), Ok(()));
        for (key, failures) in notes {
            match noted(store, key, failures) {
                Ok(more) => change = change.and(more),
                Err(source) => all = all.and(Err(wrong(key, source))),
            }
        }
        let Some((first, _)) = notes.first().filter(|_| !change.is_empty()) else { return all };
        match store.commit(change).await {
            Ok(_) => return all,
            Err(CommitError::Refused { .. }) => {}
            Err(error) => return Err(wrong(first, error.into())),
        }
    }
}

/// The change that adds these failures to a row as it is now.
fn noted(store: &Store, key: &str, failures: &[Restarted]) -> Result<Change, Boxed> {
    let space = Space::machine();
    let (expect, mut standing) = found(store, &space, key)?;
    for failure in failures {
        standing.note(failure.clone());
    }
    Ok(expect.put(&space, key, &BudgetRow::from(standing))?)
}

/// A row as it is now, and a change that is refused once it is another.
fn found(store: &Store, space: &Space, key: &str) -> Result<(Change, BudgetStanding), Boxed> {
    let found = store.get::<BudgetRow>(space, key)?;
    let row_key = Key::new(space, BudgetRow::KIND, key)?;
    let expect = match &found {
        Some(row) => Change::new().expect_version(row_key, row.version),
        None => Change::new().expect_absent(row_key),
    };
    Ok((expect, BudgetStanding::from(found.map(|row| row.value).unwrap_or_default())))
}

/// What is said of a change, to be committed with it.
fn tell(
    store: &Store,
    space: &Space,
    key: &str,
    standing: &BudgetStanding,
    told: &Told,
) -> Result<Change, Boxed> {
    let why = |of: &Option<(String, i64)>| of.as_ref().map_or(String::new(), |(why, _)| why.clone());
    let (now, kind, payload) = match told {
        Told::Nothing => return Ok(Change::new()),
        Told::Tripped(now) => (now, "actor.tripped", json!({ "actor": key, "why": why(&standing.tripped) })),
        Told::Isolated(now) => {
            (now, "actor.isolated", json!({ "actor": key, "reason": why(&standing.isolated), "by": "owner" }))
        }
        Told::Released(now) => (now, "actor.released", json!({ "actor": key, "by": "owner" })),
        Told::Cleared(now, reason) => {
            (now, "budget.cleared", json!({ "actor": key, "reason": reason, "by": "owner" }))
        }
    };
    let change = Change::new().audit(NewEntry::new(*now, space, kind, &payload)?);
    match told {
        Told::Tripped(now) => Ok(change.and(alert(store, space, key, &why(&standing.tripped), *now)?)),
        _ => Ok(change),
    }
}

/// What the alert on a tripped actor is about.
pub(crate) fn alert_about(key: &str) -> String {
    format!("{TRIPPED}{key}")
}

/// How the names of such alerts begin.
pub(crate) const TRIPPED: &str = "tripped/";

/// The owner is told in the same change: who tripped cannot, and its supervisor knows no alerts.
fn alert(store: &Store, space: &Space, key: &str, why: &str, now: Moment) -> Result<Change, Boxed> {
    let about = alert_about(key);
    let name = key.rsplit('/').next().unwrap_or(key);
    let why: String = why.chars().take(300).collect();
    let sentence = format!(
        "{key} failed too often and stays down: {why}; when that is put right, `strategy resume {name} --reason WHY` \
         starts it again"
    );
    let row_key = Key::of::<AlertRow>(space, &about)?;
    // An alert that does not open is not worth the trip that it tells of.
    let Ok(earlier) = store.get::<AlertRow>(space, &about) else { return Ok(Change::new()) };
    let change = match &earlier {
        Some(row) => Change::new().expect_version(row_key, row.version),
        None => Change::new().expect_absent(row_key),
    };
    let payload = json!({ "about": about, "sentence": sentence });
    let row = AlertRow::news(sentence, now, earlier.map_or(0, |row| row.value.times));
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
        self.change(key, Told::Nothing, |standing| standing.clone())
    }

    fn debit(&self, key: &str, want: u32, limit: u32, _at_ms: i64) -> Answer<u32> {
        self.change(key, Told::Nothing, move |standing| {
            let granted = want.min(limit.saturating_sub(standing.spent));
            standing.spent += granted;
            granted
        })
    }

    fn refund(&self, key: &str, unused: u32) -> Answer<()> {
        self.change(key, Told::Nothing, move |standing| {
            standing.spent = standing.spent.saturating_sub(unused);
        })
    }

    fn trip(&self, key: &str, why: &str, at_ms: i64) -> Answer<()> {
        let why = why.to_owned();
        let told = Told::Tripped(Moment::from_unix_ms(at_ms));
        self.change(key, told, move |standing| standing.tripped = Some((why.clone(), at_ms)))
    }

    fn give_back(&self, key: &str) -> Answer<()> {
        let (store, alerts, key) = (self.store.clone(), self.alerts.clone(), key.to_owned());
        Box::pin(async move {
            let given = async {
                mend(&store, &key).await?;
                write(&store, &key, &Told::Nothing, BudgetStanding::give_back).await
            };
            given.await.map_err(|source: Boxed| BudgetError { key: key.clone(), source })?;
            // What it may have been told to have tripped over is over.
            if let Some(alerts) = alerts {
                alerts.clear(&Space::machine(), alert_about(&key));
            }
            Ok(())
        })
    }

    fn note(&self, key: &str, restarted: Restarted) -> Answer<()> {
        self.change(key, Told::Nothing, move |standing| standing.note(restarted.clone()))
    }

    fn note_all(&self, notes: Vec<(String, Vec<Restarted>)>) -> Answer<()> {
        let store = self.store.clone();
        Box::pin(async move {
            let mut all = Ok(());
            for some in notes.chunks(NOTED_AT_ONCE) {
                all = all.and(note_some(&store, some).await);
            }
            all
        })
    }

    fn isolate(&self, key: &str, reason: Option<&str>, at_ms: i64) -> Answer<()> {
        let now = Moment::from_unix_ms(at_ms);
        match reason.map(str::to_owned) {
            Some(reason) => self.change(key, Told::Isolated(now), move |standing| {
                standing.isolated = Some((reason.clone(), at_ms));
            }),
            None => {
                let (store, key) = (self.store.clone(), key.to_owned());
                Box::pin(async move {
                    let released = async {
                        mend(&store, &key).await?;
                        write(&store, &key, &Told::Released(now), |standing| standing.isolated = None).await
                    };
                    released.await.map_err(|source: Boxed| BudgetError { key: key.clone(), source })
                })
            }
        }
    }
}
