//! Whether the machine this runs on has room for one more run: a gate for each figure that is looked at.
//!
//! A gate closes when its figure passes one edge and opens only when it is back past another, so that a
//! figure that trembles at an edge does not make it flap. A figure that cannot be told holds nothing: the
//! gate says that it is unknown. Pressure is what the kernel counts as "pressure stall information"
//! (Documentation/accounting/psi.rst): the share of the last ten seconds in which *some* task waited for a
//! processor, or in which *all* tasks that were not idle waited for memory or for a disk.
//!
//! Pure: it is handed what was seen, and reads nothing. Nothing here can fail.

use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gauge {
    /// Some task waited for a processor.
    Cpu,
    /// All tasks waited for memory.
    Memory,
    /// All tasks waited for a disk.
    Io,
    /// Resident memory of this process.
    OwnMemory,
    /// Free bytes on the disk of the data directory.
    Disk,
}

impl Gauge {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Gauge; 5] = [Gauge::Cpu, Gauge::Memory, Gauge::Io, Gauge::OwnMemory, Gauge::Disk];

    /// The gauge in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Gauge::Cpu => "cpu",
            Gauge::Memory => "memory",
            Gauge::Io => "io",
            Gauge::OwnMemory => "own-memory",
            Gauge::Disk => "disk",
        }
    }

    fn is_pressure(self) -> bool {
        matches!(self, Gauge::Cpu | Gauge::Memory | Gauge::Io)
    }

    /// A figure of it, as people read it.
    fn show(self, value: u64) -> String {
        match self.is_pressure() {
            true => format!("{}.{:02}%", value / 100, value % 100),
            false => format!("{} MiB", value >> 20),
        }
    }
}

/// What a look saw; `None` where it could not be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// `some avg10` of the processors, in hundredths of a percent.
    pub cpu_some: Option<u64>,
    /// `full avg10` of memory, in hundredths of a percent.
    pub memory_full: Option<u64>,
    /// `full avg10` of disks, in hundredths of a percent.
    pub io_full: Option<u64>,
    /// Resident memory of this process, in bytes.
    pub resident_bytes: Option<u64>,
    /// Free bytes on the disk that holds the data directory.
    pub disk_free_bytes: Option<u64>,
}

impl Look {
    /// The figure of one gauge.
    pub fn of(&self, gauge: Gauge) -> Option<u64> {
        match gauge {
            Gauge::Cpu => self.cpu_some,
            Gauge::Memory => self.memory_full,
            Gauge::Io => self.io_full,
            Gauge::OwnMemory => self.resident_bytes,
            Gauge::Disk => self.disk_free_bytes,
        }
    }
}

/// Where gates close. 0 switches a gate off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Thresholds {
    /// Percent of `some`.
    pub cpu_percent: u64,
    /// Percent of `full`.
    pub memory_percent: u64,
    /// Percent of `full`.
    pub io_percent: u64,
    /// Of this process.
    pub own_memory_bytes: u64,
    /// From so much of its own memory on, runs are cancelled.
    pub cancel_bytes: u64,
    /// Free on the disk.
    pub disk_free_bytes: u64,
}

/// The two edges of a gate, in the units of [`Look`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edges {
    /// It closes here.
    pub closes: u64,
    /// It opens again here. Beyond `closes` where less is worse.
    pub opens: u64,
}

impl Thresholds {
    /// The edges of one gate; `None` if it is switched off.
    ///
    /// Pressure must fall to half. Memory that was given back comes back to the system slowly and never
    /// whole, so a tenth less is enough; a disk must have a quarter more.
    pub fn edges(&self, gauge: Gauge) -> Option<Edges> {
        let closes = match gauge {
            Gauge::Cpu => self.cpu_percent.saturating_mul(100),
            Gauge::Memory => self.memory_percent.saturating_mul(100),
            Gauge::Io => self.io_percent.saturating_mul(100),
            Gauge::OwnMemory => self.own_memory_bytes,
            Gauge::Disk => self.disk_free_bytes,
        };
        let opens = match gauge {
            Gauge::Cpu | Gauge::Memory | Gauge::Io => closes / 2,
            Gauge::OwnMemory => closes - closes / 10,
            Gauge::Disk => closes.saturating_add(closes / 4),
        };
        (closes > 0).then_some(Edges { closes, opens })
    }

    /// Why a run has to be cancelled to get memory back, if one has: half a sentence.
    pub fn cancels(&self, look: &Look) -> Option<String> {
        let used = look.resident_bytes.filter(|used| self.cancel_bytes > 0 && *used >= self.cancel_bytes)?;
        let (used, most) = (Gauge::OwnMemory.show(used), Gauge::OwnMemory.show(self.cancel_bytes));
        Some(format!("the daemon holds {used} of memory, and from {most} on runs are cancelled"))
    }
}

/// How a gate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its figure cannot be told; it holds nothing.
    #[default]
    Unknown,
    /// It is switched off; it holds nothing.
    Off,
    /// There is room.
    Open,
    /// Nothing is started.
    Closed,
}

impl State {
    /// The state in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Unknown => "unknown",
            State::Off => "off",
            State::Open => "open",
            State::Closed => "closed",
        }
    }

    /// How it stands after one more figure.
    #[must_use]
    pub fn after(self, gauge: Gauge, edges: Option<Edges>, value: Option<u64>) -> State {
        let Some(Edges { closes, opens }) = edges else { return State::Off };
        let Some(value) = value else { return State::Unknown };
        let (over, back) = match gauge {
            Gauge::Disk => (value < closes, value >= opens),
            _ => (value >= closes, value < opens),
        };
        match (over, back) {
            (true, _) => State::Closed,
            (false, true) => State::Open,
            // Between the edges all stays as it is.
            (false, false) if self == State::Closed => State::Closed,
            (false, false) => State::Open,
        }
    }
}

/// One gate, as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// What it is about.
    pub gauge: Gauge,
    /// How it stands.
    pub state: State,
    /// Since when.
    pub since: Moment,
    value: Option<u64>,
    edges: Option<Edges>,
}

impl Gate {
    /// A sentence of how it stands, without a full stop.
    pub fn sentence(&self) -> String {
        let what = match self.gauge {
            Gauge::Cpu => "the share of the last 10 s in which work waited for a processor",
            Gauge::Memory => "the share of the last 10 s in which all work waited for memory",
            Gauge::Io => "the share of the last 10 s in which all work waited for a disk",
            Gauge::OwnMemory => "the memory that the daemon holds",
            Gauge::Disk => "the free room on the disk of the data directory",
        };
        let show = |value| self.gauge.show(value);
        match (self.state, self.value, self.edges) {
            (State::Off, ..) => format!("{what} is not looked at"),
            (State::Closed, Some(value), Some(edges)) => format!(
                "{what} is {}, and nothing is started until it is back at {}",
                show(value),
                show(edges.opens)
            ),
            (State::Open, Some(value), Some(edges)) => {
                format!("{what} is {}; nothing is started from {} on", show(value), show(edges.closes))
            }
            _ if self.gauge.is_pressure() => "this kernel has no pressure figures".to_owned(),
            _ => format!("{what} cannot be told"),
        }
    }
}

/// All gates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gates([Gate; 5]);

/// Before the first look nothing is known.
impl Default for Gates {
    fn default() -> Self {
        let unknown =
            |gauge| Gate { gauge, state: State::Unknown, since: Moment::default(), value: None, edges: None };
        Self(Gauge::ALL.map(unknown))
    }
}

impl Gates {
    /// Takes in one look.
    pub fn look(&mut self, thresholds: &Thresholds, look: &Look, now: Moment) {
        for gate in &mut self.0 {
            gate.edges = thresholds.edges(gate.gauge);
            gate.value = look.of(gate.gauge);
            let state = gate.state.after(gate.gauge, gate.edges, gate.value);
            if state != gate.state {
                (gate.state, gate.since) = (state, now);
            }
        }
    }

    /// Each as it stands.
    pub fn all(&self) -> &[Gate] {
        &self.0
    }

    /// Those that are closed.
    pub fn closed(&self) -> impl Iterator<Item = &Gate> {
        self.0.iter().filter(|gate| gate.state == State::Closed)
    }

    /// Why nothing is started, if so: half a sentence.
    pub fn holds(&self) -> Option<String> {
        let all: Vec<String> = self.closed().map(Gate::sentence).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn thresholds() -> Thresholds {
        let (own_memory_bytes, cancel_bytes, disk_free_bytes) = (100 << 20, 200 << 20, 40 << 20);
        Thresholds {
            cpu_percent: 90,
            memory_percent: 10,
            io_percent: 50,
            own_memory_bytes,
            cancel_bytes,
            disk_free_bytes,
        }
    }

    /// How bad a figure is, more for worse.
    fn badness(gauge: Gauge, value: u64) -> u64 {
        if gauge == Gauge::Disk { u64::MAX - value } else { value }
    }

    fn gauge() -> impl Strategy<Value = Gauge> {
        prop::sample::select(Gauge::ALL.to_vec())
    }

    /// Figures round both edges, and far from them.
    fn values(gauge: Gauge) -> Vec<u64> {
        let Edges { closes, opens } = thresholds().edges(gauge).unwrap();
        let middle = closes.midpoint(opens);
        vec![0, opens - 1, opens, opens + 1, middle, closes - 1, closes, closes + 1, u64::MAX]
    }

    #[test]
    fn it_closes_at_one_edge_and_opens_at_the_other() {
        let mut gates = Gates::default();
        let at = Moment::from_unix_ms;
        let mut memory = |mib: u64, ms| {
            let look = Look { resident_bytes: Some(mib << 20), ..Look::default() };
            gates.look(&thresholds(), &look, at(ms));
            (gates.0[3].state, gates.0[3].since.unix_ms())
        };
        assert_eq!(memory(99, 1), (State::Open, 1));
        assert_eq!(memory(100, 2), (State::Closed, 2));
        assert_eq!(memory(91, 3), (State::Closed, 2));
        assert_eq!(memory(89, 4), (State::Open, 4));
        assert_eq!(memory(99, 5), (State::Open, 4));
    }

    #[test]
    fn each_state_has_its_sentence() {
        let mut gates = Gates::default();
        let look = Look { cpu_some: Some(9912), resident_bytes: Some(1 << 20), ..Look::default() };
        gates.look(&Thresholds { disk_free_bytes: 0, ..thresholds() }, &look, Moment::from_unix_ms(1));
        let all: Vec<String> =
            gates.all().iter().map(|gate| format!("{}: {}", gate.state.as_str(), gate.sentence())).collect();
        assert_eq!(
            all,
            [
                "closed: the share of the last 10 s in which work waited for a processor is 99.12%, and nothing is \
                 started until it is back at 45.00%",
                "unknown: this kernel has no pressure figures",
                "unknown: this kernel has no pressure figures",
                "open: the memory that the daemon holds is 1 MiB; nothing is started from 100 MiB on",
                "off: the free room on the disk of the data directory is not looked at",
            ]
        );
        assert!(gates.holds().unwrap().starts_with("the share of the last 10 s"));
    }

    #[test]
    fn runs_are_cancelled_from_the_second_threshold_on_alone() {
        let look = |mib: u64| Look { resident_bytes: Some(mib << 20), ..Look::default() };
        assert_eq!(thresholds().cancels(&look(199)), None);
        assert!(thresholds().cancels(&look(200)).unwrap().contains("200 MiB"));
        assert_eq!(Thresholds::default().cancels(&look(200)), None);
        assert_eq!(thresholds().cancels(&Look::default()), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Between two changes of its state a figure has crossed the whole band.
        #[test]
        fn it_never_flaps_between_its_edges(
            (gauge, path) in gauge().prop_flat_map(|gauge| {
                (Just(gauge), prop::collection::vec(prop::sample::select(values(gauge)), 1..60))
            })
        ) {
            let edges = thresholds().edges(gauge).unwrap();
            let (low, high) = (edges.opens.min(edges.closes), edges.opens.max(edges.closes));
            let mut state = State::Open;
            for value in path {
                let next = state.after(gauge, Some(edges), Some(value));
                if low < value && value < high {
                    prop_assert_eq!(next, state, "{} at {}", gauge.as_str(), value);
                }
                state = next;
            }
        }

        /// What is worse never opens what is better closed, from either state.
        #[test]
        fn it_is_monotone(
            (gauge, a, b) in gauge().prop_flat_map(|gauge| {
                let of = || prop::sample::select(values(gauge));
                (Just(gauge), of(), of())
            }),
            closed in any::<bool>(),
        ) {
            let edges = thresholds().edges(gauge);
            let from = if closed { State::Closed } else { State::Open };
            let (better, worse) = if badness(gauge, a) <= badness(gauge, b) { (a, b) } else { (b, a) };
            let holds = |value| from.after(gauge, edges, Some(value)) == State::Closed;
            prop_assert!(holds(worse) || !holds(better));
        }

        /// Whatever came before: what cannot be told, and what is off, holds nothing.
        #[test]
        fn the_unknown_never_holds(path in prop::collection::vec(any::<Option<u64>>(), 0..20), now in any::<u32>()) {
            let (mut gates, now) = (Gates::default(), Moment::from_unix_ms(now.into()));
            for value in path {
                let look = Look { cpu_some: value, memory_full: value, io_full: value, ..Look::default() };
                gates.look(&thresholds(), &look, now);
            }
            gates.look(&thresholds(), &Look::default(), now);
            prop_assert_eq!(gates.holds(), None);
            let worst = Look {
                cpu_some: Some(u64::MAX), memory_full: Some(u64::MAX), io_full: Some(u64::MAX),
                resident_bytes: Some(u64::MAX), disk_free_bytes: Some(0),
            };
            gates.look(&Thresholds::default(), &worst, now);
            prop_assert_eq!(gates.holds(), None);
            gates.look(&thresholds(), &worst, now);
            prop_assert_eq!(gates.closed().count(), 5);
        }
    }

    /// Before the first look nothing is known, and nothing is held up by what is not.
    #[test]
    fn what_was_never_looked_at_is_said_not_to_be_known() {
        let gates = Gates::default();
        let told: Vec<String> =
            gates.all().iter().map(|gate| format!("{}: {}", gate.gauge.as_str(), gate.sentence())).collect();
        assert_eq!(
            told,
            [
                "cpu: this kernel has no pressure figures",
                "memory: this kernel has no pressure figures",
                "io: this kernel has no pressure figures",
                "own-memory: the memory that the daemon holds cannot be told",
                "disk: the free room on the disk of the data directory cannot be told",
            ]
        );
        assert_eq!(gates.holds(), None);
    }
}
