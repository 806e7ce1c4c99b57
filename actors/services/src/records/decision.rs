//! Decisions of compliance, and the rules that they were made by: enough to make each again.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use mm_core::digest::Digest;
use mm_core::moment::Moment;
use mm_core::rule::{DecidingRule, Inputs, Judgement, Obligations, RuleSet, Verdict};
use mm_store::{Kind, Record};
use serde::{Deserialize, Serialize};

use crate::compliance::Ruling;

/// What compliance decided on an action. Row id: the action's id; judged again, the row is replaced, and
/// the audit chain has each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRow {
    /// All that was judged.
    pub inputs: Inputs,
    /// The version of the rules that it was judged by: the row id of a [`RuleSetRow`].
    pub rules: Digest,
    /// What compliance said.
    pub verdict: Verdict,
    /// The rules that said so.
    pub deciding: Vec<DecidingRule>,
    /// What goes along with the act.
    pub obligations: Obligations,
    /// Whether a person must do it on the platform itself.
    pub by_owner: bool,
    /// The approval that answered an `ask`, if one did: the beginning of the hash of what was approved, and
    /// who said yes.
    pub approval: Option<String>,
}

impl Record for DecisionRow {
    const KIND: Kind = Kind::new("decision", 120, 1);
}

impl DecisionRow {
    /// What is kept of a ruling. No approval has answered it yet.
    pub fn of(ruling: &Ruling) -> Self {
        let Judgement { verdict, deciding, obligations, by_owner, .. } = ruling.judgement.clone();
        let inputs = ruling.inputs.clone();
        Self { inputs, rules: ruling.rules, verdict, deciding, obligations, by_owner, approval: None }
    }
}

/// The rule files of one version, kept for as long as a decision names them. Row id: the version, in hex,
/// in the machine's space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSetRow {
    /// When they were first in force.
    pub since: Moment,
    /// How many files there are.
    pub files: u32,
    /// The files (name, text) as JSON, deflated.
    deflated: Vec<u8>,
}

impl Record for RuleSetRow {
    const KIND: Kind = Kind::new("rule-set", 121, 1);
    /// As much as the rule files may be: what cannot be kept is not judged by.
    const BYTES_MAX: usize = UNPACKED_BYTES_MAX;
}

/// The most bytes of rule files, as JSON: what is unpacked without more being read.
const UNPACKED_BYTES_MAX: usize = 16 << 20;

/// Why kept rules cannot be judged by.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// They do not unpack.
    #[error("the rules that were kept do not unpack; the row is damaged")]
    Damaged(#[source] std::io::Error),
    /// They are not files.
    #[error("the rules that were kept are no rule files; the row is damaged")]
    NotFiles(#[source] serde_json::Error),
    /// This program reads rule files otherwise than the one that kept them.
    #[error("this program does not read the rules of that day: {0}")]
    Unread(String),
}

impl RuleSetRow {
    /// Keeps rule files that came into force at `since`.
    ///
    /// # Errors
    /// If they do not pack; memory is all that it needs.
    pub fn keep(files: &[(String, String)], since: Moment) -> std::io::Result<Self> {
        let json = serde_json::to_vec(files)?;
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&json)?;
        Ok(Self { since, files: u32::try_from(files.len()).unwrap_or(u32::MAX), deflated: encoder.finish()? })
    }

    /// The files, (name, text) each.
    ///
    /// # Errors
    /// [`Unusable`] if the row is damaged.
    pub fn unpack(&self) -> Result<Vec<(String, String)>, Unusable> {
        let mut json = Vec::new();
        let mut decoder = DeflateDecoder::new(self.deflated.as_slice()).take(UNPACKED_BYTES_MAX as u64);
        decoder.read_to_end(&mut json).map_err(Unusable::Damaged)?;
        serde_json::from_slice(&json).map_err(Unusable::NotFiles)
    }

    /// The rules, read again.
    ///
    /// # Errors
    /// [`Unusable`] says what is wrong with them.
    pub fn rules(&self) -> Result<RuleSet, Unusable> {
        RuleSet::parse(&self.unpack()?).map_err(|errors| {
            let first = errors.first().map(ToString::to_string).unwrap_or_default();
            Unusable::Unread(first)
        })
    }
}
