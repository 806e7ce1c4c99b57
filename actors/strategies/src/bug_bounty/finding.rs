//! What a comparison finds: plain facts, before they are ranked and put into words.

use crate::bug_bounty::digest::fnv64;
use crate::bug_bounty::scope::{Payout, Source, State, Target};
use mm_sdk::Moment;

/// What happened to a programme, in the words that opportunities show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Never seen before.
    ProgrammeAdded,
    /// Seen again after it was missing.
    ProgrammeReturned,
    /// Missing for so long that it is called gone.
    ProgrammeGone,
    /// Identifiers that were never in its scope before.
    TargetsAdded,
    /// Identifiers missing from its scope for so long that they are called gone.
    TargetsGone,
    /// It pays another range than before.
    RewardChanged,
}

impl Kind {
    /// The kind as it stands in an opportunity.
    pub fn word(self) -> &'static str {
        match self {
            Kind::ProgrammeAdded => "programme_added",
            Kind::ProgrammeReturned => "programme_returned",
            Kind::ProgrammeGone => "programme_gone",
            Kind::TargetsAdded => "targets_added",
            Kind::TargetsGone => "targets_gone",
            Kind::RewardChanged => "reward_changed",
        }
    }
}

/// One finding about one programme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub source: Source,
    /// What.
    pub kind: Kind,
    /// The source's own key of the programme.
    pub programme: Box<str>,
    /// Its name, as it came.
    pub name: Box<str>,
    /// Its page, as it came.
    pub url: Option<Box<str>>,
    /// The programme's state; `Open` where it is not seen now.
    pub state: State,
    /// Whether it pays.
    pub offers_bounty: Option<bool>,
    /// What it pays now, or paid last.
    pub payout: Option<Payout>,
    /// For [`Kind::RewardChanged`]: what it paid before.
    pub payout_before: Option<Payout>,
    /// The targets concerned, sorted by identifier. For an added programme all that are in scope.
    pub targets: Vec<Target>,
    /// Identifiers that were in scope long ago and are back: no additions.
    pub targets_returned: u32,
    /// Part of the source's first good read: listed, never told.
    pub baseline: bool,
    /// Whether the owner is told.
    pub tell: bool,
    /// For what is gone or returned: since when it was missing.
    pub missing_since: Option<Moment>,
    /// Tells the second vanishing of the same thing from the first: counts what was found about
    /// this programme that can happen again. 0 for what happens once.
    pub turn: u32,
    /// Which part this is, from 1, of how many: a finding too large for one record is split.
    pub part: (u32, u32),
}

/// The most bytes of targets in one finding. An opportunity's record has at most 64 KiB; a target
/// takes its text, which JSON may make up to six times as long for control characters, and some
/// 120 bytes of fields around it.
const TARGET_BYTES_MAX: usize = 40 << 10;

/// What one target takes in the record, in bytes.
fn weight(target: &Target) -> usize {
    let text = |text: &str| text.len() + escapes(text);
    120 + text(&target.kind) + text(&target.identifier)
}

/// The bytes that JSON's escapes add.
fn escapes(text: &str) -> usize {
    text.chars().map(|c| if c.is_control() { 5 } else { usize::from(matches!(c, '"' | '\\')) }).sum()
}

impl Finding {
    /// What the id is made of, besides strategy, platform and kind: the same finding has the same
    /// id on every run and every machine.
    pub fn about(&self) -> Vec<String> {
        let mut about = vec![self.programme.to_string(), self.turn.to_string()];
        // An added programme is one opportunity, whatever its scope is by the time it is seen.
        if self.kind != Kind::ProgrammeAdded || self.part.0 > 1 {
            about.extend(self.targets.iter().map(|target| target.identifier.to_string()));
        }
        about
    }

    /// A short text for the id of a test or a log: the same for the same finding.
    pub fn id(&self) -> String {
        let about = self.about().join("\u{1f}");
        format!("{}-{}-{:016x}", self.source, self.kind.word(), fnv64(about.as_bytes()))
    }

    /// Splits what is too large for one record. Nothing is left out.
    pub fn into_parts(mut self) -> Vec<Finding> {
        let mut chunks: Vec<Vec<Target>> = vec![Vec::new()];
        let mut used = 0;
        for target in std::mem::take(&mut self.targets) {
            let needs = weight(&target);
            if used > 0 && used + needs > TARGET_BYTES_MAX {
                chunks.push(Vec::new());
                used = 0;
            }
            used += needs;
            if let Some(chunk) = chunks.last_mut() {
                chunk.push(target);
            }
        }
        let of = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
        let numbered = (1u32..).zip(chunks);
        numbered.map(|(part, targets)| Finding { targets, part: (part, of), ..self.clone() }).collect()
    }
}
