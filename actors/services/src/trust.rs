//! Whether the wall clock can be believed: `core::trust` with the machine's own clock, record and alerts.
//!
//! No actor: whoever meets a server's `Date` says so ([`Trust::heard`]), whoever is about to change
//! something outside asks ([`Trust::holds`]), and the limiter asks before it counts the time that passed while
//! nobody ran ([`Trust::wall`]). It reads the end of the audit chain and the row `clock`, writes that row
//! when a start finds the clock behind the record, and raises one alert while effects are held.
//!
//! Nothing here fails: a chain that does not open holds nothing back by itself (who mints permits sees
//! to that), and a row that cannot be written is asked for again at the next start.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use mm_core::id::Space;
use mm_core::limit::http_date;
use mm_core::moment::Moment;
use mm_core::seams::SharedClock;
use mm_core::trust::{ClockTrust, Doubt, Standing};
use mm_store::{Change, Store};

use crate::alerts::Alerts;
use crate::records::TrustRow;

/// The row's id.
const CLOCK: &str = "clock";
/// What the alert is about.
const ALERT: &str = "wall-clock";

/// Clones are the same one.
#[derive(Clone)]
pub struct Trust(Arc<Inner>);

struct Inner {
    clock: SharedClock,
    store: Store,
    alerts: OnceLock<Alerts>,
    state: Mutex<State>,
}

struct State {
    trust: ClockTrust,
    /// Whether the owner was told of a doubt that is not over; `None` while nobody knows what an older
    /// life told.
    told: Option<bool>,
    /// What the row `clock` holds, if there is one.
    row: Option<Moment>,
}

impl Trust {
    /// Begins with what is on record. To be called before anything is recorded by this life.
    pub fn begin(store: &Store, clock: &SharedClock) -> Self {
        let row = match store.get::<TrustRow>(&Space::machine(), CLOCK) {
            Ok(row) => row.map(|row| row.value.latest),
            Err(error) => {
                tracing::warn!(%error, "what is known of the clock does not open; the audit trail's end is taken");
                None
            }
        };
        let latest = row.into_iter().chain(recorded(store)).max().unwrap_or_default();
        let state = State { trust: ClockTrust::since(latest), told: None, row };
        let inner = Inner {
            clock: clock.clone(),
            store: store.clone(),
            alerts: OnceLock::new(),
            state: Mutex::new(state),
        };
        Self(Arc::new(inner))
    }

    /// From now on the owner is told through `alerts`.
    pub fn tell_through(&self, alerts: &Alerts) {
        // A machine has one.
        drop(self.0.alerts.set(alerts.clone()));
        self.look();
    }

    /// Why nothing may be changed outside for now, as a sentence that says what to do.
    pub fn holds(&self) -> Option<String> {
        let recorded = recorded(&self.0.store);
        let mut state = self.lock();
        if let Some(at) = recorded {
            state.trust.on_record(at);
        }
        self.seen(&mut state).doubt.map(|doubt| sentence(&doubt))
    }

    /// A server answered. `headers` are the answer's, names in lower case. An answer from a cache (with an
    /// `Age`, RFC 9111, 5.1) says nothing of the time.
    pub fn heard(&self, server: &str, headers: &[(String, String)]) {
        let of = |name: &str| headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.trim());
        let Some(date) = of("date").and_then(http_date) else { return };
        if of("age").is_some_and(|age| age != "0") {
            return;
        }
        let mut state = self.lock();
        let boot = self.0.clock.boot();
        state.trust.heard(server, date, boot);
        self.seen(&mut state);
    }

    /// What the wall clock shows, if it is trusted: only then has the time passed that it says.
    pub fn wall(&self) -> Option<Moment> {
        let mut state = self.lock();
        let wall = self.0.clock.wall();
        self.seen_at(&mut state, wall).trusted.then_some(wall)
    }

    /// Looks at the clock, so that the owner is told of what changed about it.
    pub fn look(&self) {
        self.wall();
    }

    /// What must be written so that the next life knows what this one does: nothing, mostly.
    pub(crate) fn unsaved(&self) -> Option<Change> {
        let mut state = self.lock();
        let behind = matches!(self.seen(&mut state).doubt, Some(Doubt::Behind { .. }));
        let latest = state.trust.latest();
        match (behind, state.row) {
            (true, row) if row != Some(latest) => {}
            // What it held against the clock is over.
            (false, Some(row)) if row > latest => {}
            _ => return None,
        }
        state.row = Some(latest);
        let row = TrustRow { latest };
        Change::new().put(&Space::machine(), CLOCK, &row).ok()
    }

    fn seen(&self, state: &mut State) -> Standing {
        let wall = self.0.clock.wall();
        self.seen_at(state, wall)
    }

    /// How the clock stands; the owner is told what is new.
    fn seen_at(&self, state: &mut State, wall: Moment) -> Standing {
        let standing = state.trust.look(wall, self.0.clock.boot());
        let Some(alerts) = self.0.alerts.get() else { return standing };
        match &standing.doubt {
            Some(doubt) if state.told != Some(true) => {
                alerts.raise(&Space::machine(), ALERT, sentence(doubt));
                state.told = Some(true);
            }
            None if state.told == Some(true) || (standing.trusted && state.told.is_none()) => {
                alerts.clear(&Space::machine(), ALERT);
                state.told = Some(false);
            }
            _ => {}
        }
        standing
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Trust").field(&self.lock().trust).finish()
    }
}

fn sentence(doubt: &Doubt) -> String {
    format!(
        "{doubt}; nothing is changed outside until they agree: set the clock (`timedatectl` shows how it is kept)"
    )
}

/// The moment of the last audit entry, if it opens.
fn recorded(store: &Store) -> Option<Moment> {
    let page = store.audit_tail(1).ok()?;
    page.rows.last().map(|row| row.entry.at)
}
