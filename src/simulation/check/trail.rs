//! What the trace says: audit entries, and of each run what became of it.
//!
//! It reads lines, and touches nothing else.

use mm_core::moment::Moment;
use serde_json::Value;

/// An audit entry, as the trace tells it.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Its number.
    pub seq: u64,
    /// The life of the machine in which it was written.
    pub epoch: u64,
    /// When.
    pub at: Moment,
    /// What sort of entry.
    pub kind: String,
    /// Its hash.
    pub hash: String,
    /// What it says.
    pub payload: Value,
}

impl Audit {
    /// A text field of the payload; empty if there is none.
    pub fn text(&self, field: &str) -> &str {
        self.payload[field].as_str().unwrap_or("")
    }
}

/// What the audit entries say of one run.
#[derive(Debug, Clone, Default)]
pub struct RunTold {
    /// Which strategy's it is.
    pub strategy: String,
    /// How often it was started.
    pub started: usize,
    /// How often it was taken up again.
    pub resumed: usize,
    /// How often it ended.
    pub ended: usize,
    /// When it was started.
    pub began: Option<Moment>,
    /// When it was started or taken up the last time.
    pub taken_up: Option<Moment>,
    /// When it ended.
    pub over: Option<Moment>,
    /// When it ended well.
    pub succeeded: Option<Moment>,
    /// How much it found.
    pub found: u64,
}

impl RunTold {
    pub(super) fn take(&mut self, entry: &Audit) {
        match entry.kind.as_str() {
            "run.started" => {
                self.started += 1;
                self.began = Some(entry.at);
                self.taken_up = Some(entry.at);
                entry.text("strategy").clone_into(&mut self.strategy);
            }
            "run.resumed" => {
                self.resumed += 1;
                self.taken_up = Some(entry.at);
            }
            "run.succeeded" | "run.failed" | "run.interrupted" | "run.stuck" | "run.cancelled" => {
                self.ended += 1;
                self.over = Some(entry.at);
                self.found = entry.payload["found"].as_u64().unwrap_or_default();
                if entry.kind == "run.succeeded" {
                    self.succeeded = Some(entry.at);
                }
            }
            _ => {}
        }
    }
}

/// A line that is not of the known form is none; the chain's own check misses it then.
pub(super) fn read_audit(line: &str) -> Option<Audit> {
    let mut words = line.splitn(8, ' ').skip(1);
    let (seq, epoch, at) = (words.next()?, words.next()?, words.next()?);
    let _space = words.next()?;
    let (kind, hash, payload) = (words.next()?, words.next()?, words.next()?);
    Some(Audit {
        seq: seq.parse().ok()?,
        epoch: epoch.parse().ok()?,
        at: at.parse().ok()?,
        kind: kind.to_owned(),
        hash: hash.to_owned(),
        payload: serde_json::from_str(payload).ok()?,
    })
}
