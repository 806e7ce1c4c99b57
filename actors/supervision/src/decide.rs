//! What follows from the end of a child: OTP's rules as pure functions.
//!
//! Written from the Erlang/OTP documentation of `supervisor` (restart types, restart strategies,
//! significant children and automatic shutdown) and checked against it by a table over every
//! combination. Children are named by their place in the start order.

use serde::Serialize;

use crate::fault::ExitKind;

/// What else is restarted with a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Only the child itself.
    OneForOne,
    /// All children.
    OneForAll,
    /// The child and all that were started after it.
    RestForOne,
}

/// When a child that ended comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Always.
    Permanent,
    /// After an abnormal end only.
    Transient,
    /// Never; not even when its siblings are restarted. Its specification is forgotten when it ends.
    Temporary,
}

/// When a supervisor ends because its work has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoShutdown {
    /// Never by itself.
    #[default]
    Never,
    /// When any significant child has ended by itself and does not come back.
    AnySignificant,
    /// When the last significant child has.
    AllSignificant,
}

/// What becomes of a child that ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterExit {
    /// It is restarted, with whom the strategy says.
    Restart,
    /// It stays down, and may be started again by hand or with its siblings.
    Keep,
    /// It is gone, its specification with it.
    Forget,
}

/// Whether a child that ended by itself comes back.
#[must_use]
pub fn after_exit(restart: Restart, exit: ExitKind) -> AfterExit {
    match restart {
        Restart::Permanent => AfterExit::Restart,
        Restart::Transient if exit.is_abnormal() => AfterExit::Restart,
        Restart::Transient => AfterExit::Keep,
        Restart::Temporary => AfterExit::Forget,
    }
}

/// What the plan has to know of each child, in start order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sibling {
    /// Its restart kind.
    pub restart: Restart,
    /// Whether an incarnation of it is there.
    pub alive: bool,
    /// Whether it is held down (tripped, or isolated by an operator), which no sibling's fate changes.
    pub held: bool,
}

/// What a restart of one child means for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Whom to stop first, in this order: the reverse of the start order.
    pub stop: Vec<usize>,
    /// Whose specification is forgotten once stopped: temporary children.
    pub forget: Vec<usize>,
    /// Whom to start then, in this order. The failed child is always among them.
    pub start: Vec<usize>,
}

/// Whom to stop and start because `failed` is restarted.
#[must_use]
pub fn plan(strategy: Strategy, failed: usize, siblings: &[Sibling]) -> Plan {
    let touched = match strategy {
        Strategy::OneForOne => failed..failed + 1,
        Strategy::OneForAll => 0..siblings.len(),
        Strategy::RestForOne => failed..siblings.len(),
    };
    let mut plan = Plan::default();
    for (index, sibling) in siblings.iter().enumerate() {
        if !touched.contains(&index) {
            continue;
        }
        if index == failed {
            plan.start.push(index);
            continue;
        }
        if sibling.alive {
            plan.stop.push(index);
        }
        match sibling.restart {
            Restart::Temporary => plan.forget.push(index),
            Restart::Permanent | Restart::Transient if !sibling.held => plan.start.push(index),
            Restart::Permanent | Restart::Transient => {}
        }
    }
    plan.stop.reverse();
    plan
}

/// Whether the supervisor ends now that a child has ended by itself and does not come back.
/// `others_alive` is whether any other significant child is still there.
#[must_use]
pub fn shuts_down(policy: AutoShutdown, significant: bool, others_alive: bool) -> bool {
    match policy {
        AutoShutdown::Never => false,
        AutoShutdown::AnySignificant => significant,
        AutoShutdown::AllSignificant => significant && !others_alive,
    }
}

#[cfg(test)]
mod tests;
