//! A script: one supervisor, its children, and what happens to them, step by step.
//!
//! Written as an Erlang term for the other side. What came of a script is one line a step: what the
//! children saw, in order, then who is there. `+a` a started, `!a` its start failed, `-a` it was stopped in
//! order, `~a` it was killed by its supervisor; `a` is up, `(a)` is known and down.

use std::fmt;

use mm_supervision::{AutoShutdown, Restart, Strategy};

/// One child.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: char,
    pub restart: Restart,
    pub significant: bool,
    pub stop: Stop,
    /// It does not stop when asked.
    pub stubborn: bool,
    /// It can end by `shutdown`. On our side only supervisors do, so it is one there, with one child.
    pub group: bool,
    /// Which of its starts fail, counted from 1.
    pub failing: Vec<u32>,
}

impl Row {
    pub fn new(name: char, restart: Restart) -> Self {
        let (stop, failing) = (Stop::Infinity, Vec::new());
        Self { name, restart, significant: false, stop, stubborn: false, group: false, failing }
    }
}

/// OTP's `shutdown` of a child.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    BrutalKill,
    /// Milliseconds.
    Within(u32),
    Infinity,
}

/// How a child ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    Normal,
    Shutdown,
    /// `{shutdown, Term}`; on our side a supervisor whose significant child is done.
    ShutdownTerm,
    Crash,
    Kill,
}

#[derive(Clone, Debug)]
pub enum Step {
    Dies(char, Death),
    /// `supervisor:terminate_child/2`.
    Terminate(char),
    /// `supervisor:restart_child/2`, if it is down.
    Restart(char),
    /// `supervisor:terminate_child/2`, then `supervisor:delete_child/2`.
    Delete(char),
    /// `supervisor:start_child/2`.
    Add(Row),
}

#[derive(Clone, Debug)]
pub struct Script {
    pub strategy: Strategy,
    /// How many restarts are allowed; the period is longer than any script.
    pub intensity: u32,
    pub auto_shutdown: AutoShutdown,
    pub rows: Vec<Row>,
    pub steps: Vec<Step>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, significant, stubborn, failing, .. } = self;
        let restart = format!("{:?}", self.restart).to_lowercase();
        let stop = match self.stop {
            Stop::BrutalKill => "brutal_kill".to_owned(),
            Stop::Within(ms) => ms.to_string(),
            Stop::Infinity => "infinity".to_owned(),
        };
        write!(f, "{{{name},{restart},{significant},{stop},{stubborn},{failing:?}}}")
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dies(name, how) => {
                let reason = match how {
                    Death::Normal => "normal",
                    Death::Shutdown => "shutdown",
                    Death::ShutdownTerm => "{shutdown,done}",
                    Death::Crash => "oops",
                    Death::Kill => "kill",
                };
                write!(f, "{{dies,{name},{reason}}}")
            }
            Self::Terminate(name) => write!(f, "{{terminate,{name}}}"),
            Self::Restart(name) => write!(f, "{{restart,{name}}}"),
            Self::Delete(name) => write!(f, "{{delete,{name}}}"),
            Self::Add(row) => write!(f, "{{add,{row}}}"),
        }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strategy = match self.strategy {
            Strategy::OneForOne => "one_for_one",
            Strategy::OneForAll => "one_for_all",
            Strategy::RestForOne => "rest_for_one",
        };
        let auto = match self.auto_shutdown {
            AutoShutdown::Never => "never",
            AutoShutdown::AnySignificant => "any_significant",
            AutoShutdown::AllSignificant => "all_significant",
        };
        write!(f, "{{{strategy},{},{auto},[{}],[{}]}}.", self.intensity, list(&self.rows), list(&self.steps))
    }
}

fn list(items: &[impl fmt::Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// One line of what came of a script: what was seen, then who is there (`None`: the supervisor ended).
pub fn line(seen: &[String], there: Option<Vec<String>>) -> String {
    let there = there.map_or_else(|| "ended".to_owned(), |names| names.join(" "));
    format!("{} | {there}", seen.join(" ")).trim().to_owned()
}
