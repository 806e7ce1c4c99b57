//! The grid: who, how, when, and by which steps each cell comes about.

use std::fmt;
use std::time::Duration;

use mm_supervision::{How as Does, When as At};

/// An actor of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Who(usize);

/// The paths, in the order in which they start.
const PATHS: [&str; 16] = [
    "admin",
    "upkeep/alerts",
    "upkeep/resources",
    "upkeep/tidy",
    "kernel/audit",
    "kernel/accounts",
    "kernel/limiter",
    "kernel/compliance",
    "kernel/platforms",
    EGRESS,
    "kernel/gateway",
    "kernel/books",
    "kernel/scheduler",
    "kernel/strategies",
    HOST,
    "kernel/approvals",
];
pub const EGRESS: &str = "kernel/platforms/bounty-targets-data";
pub const HOST: &str = "kernel/strategies/default/bug-bounty";

/// Every actor that can be broken.
pub const WHO: [Who; PATHS.len()] = {
    let mut all = [Who(0); PATHS.len()];
    let mut at = 0;
    while at < PATHS.len() {
        all[at] = Who(at);
        at += 1;
    }
    all
};

/// In which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    Error,
    Panic,
    Kill,
    /// It awaits for ever.
    Hang,
    /// It does not yield for a while, and then goes on.
    Spin,
    /// It awaits for ever while the machine stops.
    RefusesToStop,
    /// It panics when it starts again after what happened.
    PanicsStarting,
    PanicsStopping,
}

pub const HOWS: [How; 8] = [
    How::Error,
    How::Panic,
    How::Kill,
    How::Hang,
    How::Spin,
    How::RefusesToStop,
    How::PanicsStarting,
    How::PanicsStopping,
];

/// At what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    Starting,
    Handling,
    Stopping,
}

pub const WHENS: [When; 3] = [When::Starting, When::Handling, When::Stopping];

/// One of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    pub who: Who,
    pub how: How,
    pub when: When,
}

/// What makes the moment come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drive {
    /// The process is killed and starts again.
    Boot,
    /// The actor gets a message.
    Message,
    /// An operator restarts the actor.
    Restart,
    /// The actor gets a message, and an operator restarts it meanwhile.
    MessageAndRestart,
    /// The machine stops.
    End,
    /// The actor gets a message, and the machine stops meanwhile.
    MessageAndEnd,
    /// The actor is killed, and the machine stops while it starts again.
    StartAndEnd,
}

/// The steps of a cell.
pub struct Script {
    pub drive: Drive,
    pub steps: Vec<(At, Does)>,
}

/// Long enough to be seen and short enough for hundreds.
const SPIN: Duration = Duration::from_millis(5);

pub fn all() -> impl Iterator<Item = Cell> {
    let cells = |who| HOWS.into_iter().flat_map(move |how| WHENS.map(|when| Cell { who, how, when }));
    WHO.into_iter().flat_map(cells)
}

impl Who {
    pub fn name(self) -> &'static str {
        PATHS[self.0]
    }

    /// One that only looks after others.
    pub fn supervises(self) -> bool {
        matches!(self.name(), "kernel/platforms" | "kernel/strategies")
    }

    /// Below the kernel itself.
    pub fn is_row(self) -> bool {
        self.name().strip_prefix("kernel/").is_some_and(|rest| !rest.contains('/'))
    }

    /// Whether what happens to this one happens to `other` too, by `rest_for_one`.
    pub fn takes_along(self, other: &str) -> bool {
        let place = |path: &str| {
            let row = path.split('/').take(2).collect::<Vec<_>>().join("/");
            PATHS.iter().position(|at| *at == row)
        };
        let below = other.strip_prefix(self.name()).is_some_and(|rest| rest.starts_with('/'));
        below || self.is_row() && other.starts_with("kernel/") && place(other) > place(self.name())
    }
}

impl Cell {
    /// How it comes about.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn script(self) -> Result<Script, &'static str> {
        let said = |drive, steps: &[(At, Does)]| Ok(Script { drive, steps: steps.to_vec() });
        let simple = match self.how {
            How::Error => Does::Fail,
            How::Panic => Does::Panic,
            How::Kill => Does::KillSelf,
            How::Hang | How::RefusesToStop => Does::Hang,
            How::Spin => Does::Spin(SPIN),
            How::PanicsStarting | How::PanicsStopping => Does::Panic,
        };
        if self.who.name() == "admin" && self.when == When::Handling {
            return Err("the admin's one message comes from its socket, and a simulated machine has none");
        }
        match (self.how, self.when) {
            (How::PanicsStopping, When::Starting) => {
                Err("what has not started has nothing to stop: its start is cut off instead")
            }
            (How::RefusesToStop, When::Starting) => said(Drive::StartAndEnd, &[(At::Init, simple)]),
            (How::RefusesToStop, When::Handling) => said(Drive::MessageAndEnd, &[(At::Handle, simple)]),
            (How::RefusesToStop, When::Stopping) => said(Drive::End, &[(At::Stop, simple)]),
            (How::PanicsStarting, When::Starting) => {
                said(Drive::Boot, &[(At::Init, simple), (At::Init, simple)])
            }
            (How::PanicsStarting, When::Handling) => {
                said(Drive::Message, &[(At::Handle, Does::Fail), (At::Init, simple)])
            }
            (How::PanicsStarting, When::Stopping) => {
                said(Drive::Restart, &[(At::Stop, Does::Spin(SPIN)), (At::Init, simple)])
            }
            (How::PanicsStopping, When::Handling) => {
                said(Drive::MessageAndRestart, &[(At::Handle, Does::Spin(SPIN)), (At::Stop, simple)])
            }
            (How::PanicsStopping, When::Stopping) => said(Drive::End, &[(At::Stop, simple)]),
            (_, When::Starting) => said(Drive::Boot, &[(At::Init, simple)]),
            (_, When::Handling) => said(Drive::Message, &[(At::Handle, simple)]),
            (_, When::Stopping) => said(Drive::Restart, &[(At::Stop, simple)]),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            How::Error => "error",
            How::Panic => "panic",
            How::Kill => "kill",
            How::Hang => "hang",
            How::Spin => "spin",
            How::RefusesToStop => "refuses to stop",
            How::PanicsStarting => "panics while starting",
            How::PanicsStopping => "panics while stopping",
        })
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            When::Starting => "starting",
            When::Handling => "handling",
            When::Stopping => "stopping",
        })
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.who, self.how, self.when)
    }
}
