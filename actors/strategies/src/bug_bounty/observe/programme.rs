//! One programme of a read against the same programme in memory.

use super::{Pass, finding_of, remember_gone};
use crate::bug_bounty::digest::fnv64;
use crate::bug_bounty::finding::{Finding, Kind};
use crate::bug_bounty::memory::{Known, KnownTarget, Memory, Presence};
use crate::bug_bounty::scope::{Programme, Source, Target};

/// What is in scope of a programme, sorted by identifier, each once. A target listed twice, or
/// with two kinds, keeps the kind that stands first and the better of the other attributes.
pub(super) fn in_scope(programme: &Programme) -> Vec<Target> {
    let mut targets: Vec<Target> =
        programme.targets.iter().filter(|target| target.in_scope).cloned().collect();
    targets.sort_by(|a, b| a.identifier.cmp(&b.identifier));
    targets.dedup_by(|again, first| {
        let same = again.identifier == first.identifier;
        if same {
            first.eligible_for_bounty = first.eligible_for_bounty.max(again.eligible_for_bounty);
            first.severity = first.severity.max(again.severity);
        }
        same
    });
    targets
}

/// What a walk over a programme's targets came to.
#[derive(Default)]
struct Walk {
    added: Vec<Target>,
    returned: u32,
    gone: Vec<KnownTarget>,
}

impl Memory {
    /// Takes in a programme that a read has.
    pub(super) fn take_programme(&mut self, programme: &Programme, pass: &Pass, findings: &mut Vec<Finding>) {
        let Some(mut known) = self.programmes.remove(&programme.key) else {
            let finding = self.add_programme(programme, pass);
            findings.push(finding);
            return;
        };
        let paid = (known.payout.clone(), known.offers_bounty);
        known.name = programme.name.clone();
        known.url = page(programme);
        let walk = self.walk_targets(&mut known, programme, pass);
        let mut told = Vec::new();
        let about = |known: &Known, kind| Finding {
            state: programme.state.clone(),
            offers_bounty: programme.offers_bounty,
            payout: programme.payout.clone(),
            ..finding_of(self.source, kind, &programme.key, known)
        };
        if let Some((since, was_told)) = missing(known.presence) {
            known.presence = Presence::Here;
            known.turns = known.turns.saturating_add(1);
            let missing = pass.now.since(since);
            told.push(Finding {
                // Who was never told that it was gone need not be told that it is back.
                tell: was_told,
                missing_since: Some(since),
                turn: known.turns,
                targets: in_scope(programme),
                targets_returned: walk.returned,
                ..about(&known, Kind::ProgrammeReturned)
            });
            match was_told {
                true => self.programme_flaps.was_wrong(missing),
                false => self.programme_flaps.came_back(missing),
            }
        }
        // A read that is not believed may be missing what it does not tell.
        let paid_now = (programme.payout.clone(), programme.offers_bounty);
        if pass.removes && !programme.partial && paid != paid_now {
            known.turns = known.turns.saturating_add(1);
            (known.payout, known.offers_bounty) = paid_now;
            told.push(Finding {
                payout_before: paid.0,
                turn: known.turns,
                ..about(&known, Kind::RewardChanged)
            });
        }
        if !walk.added.is_empty() {
            told.push(Finding {
                targets: walk.added,
                targets_returned: walk.returned,
                baseline: known.unsettled,
                tell: !known.unsettled,
                ..about(&known, Kind::TargetsAdded)
            });
        }
        known.unsettled &= programme.partial;
        findings.append(&mut told);
        self.tell_gone(&programme.key, &mut known, walk.gone, findings);
        self.programmes.insert(programme.key.clone(), known);
    }

    fn add_programme(&mut self, programme: &Programme, pass: &Pass) -> Finding {
        let baseline = pass.first || self.unread.remove(&programme.key);
        let targets = in_scope(programme);
        let remembered = targets.iter().map(|target| KnownTarget {
            identifier: target.identifier.clone(),
            kind: self.kind_index(&target.kind),
            presence: Presence::Here,
        });
        let known = Known {
            name: programme.name.clone(),
            url: page(programme),
            payout: programme.payout.clone(),
            offers_bounty: programme.offers_bounty,
            presence: Presence::Here,
            targets: remembered.collect(),
            gone: Vec::new(),
            unsettled: baseline && programme.partial,
            turns: 0,
        };
        let finding = Finding {
            state: programme.state.clone(),
            targets,
            baseline,
            tell: !baseline,
            ..finding_of(self.source, Kind::ProgrammeAdded, &programme.key, &known)
        };
        self.programmes.insert(programme.key.clone(), known);
        finding
    }

    /// Walks both sorted lists at once and makes the new one.
    fn walk_targets(&mut self, known: &mut Known, programme: &Programme, pass: &Pass) -> Walk {
        let mut walk = Walk::default();
        let removes = pass.removes && !programme.partial;
        let mut seen = in_scope(programme).into_iter().peekable();
        let mut targets = Vec::with_capacity(known.targets.len());
        for mut target in std::mem::take(&mut known.targets) {
            while let Some(new) = seen.next_if(|seen| seen.identifier < target.identifier) {
                targets.push(self.take_target(new, &mut known.gone, &mut walk));
            }
            if let Some(again) = seen.next_if(|seen| seen.identifier == target.identifier) {
                if let Presence::Missing { since, .. } = target.presence {
                    self.target_flaps.came_back(pass.now.since(since));
                }
                target.presence = Presence::Here;
                target.kind = self.kind_index(&again.kind);
                targets.push(target);
            } else if let Some(presence) =
                if removes { pass.missed(target.presence, pass.target_hold) } else { Some(target.presence) }
            {
                targets.push(KnownTarget { presence, ..target });
            } else {
                walk.gone.push(target);
            }
        }
        for new in seen {
            targets.push(self.take_target(new, &mut known.gone, &mut walk));
        }
        known.targets = targets;
        walk
    }

    /// A target that is not among those known to be in scope: new, or back after it was gone.
    fn take_target(&mut self, target: Target, gone: &mut Vec<u64>, walk: &mut Walk) -> KnownTarget {
        let identifier = target.identifier.clone();
        let kind = self.kind_index(&target.kind);
        let hash = fnv64(identifier.as_bytes());
        match gone.iter().position(|&known| known == hash) {
            Some(index) => {
                gone.remove(index);
                walk.returned = walk.returned.saturating_add(1);
            }
            None => walk.added.push(target),
        }
        KnownTarget { identifier, kind, presence: Presence::Here }
    }

    /// A programme of an unchanged version: its missing targets are missing once more.
    pub(super) fn miss_targets_again(&mut self, key: &str, pass: &Pass, findings: &mut Vec<Finding>) {
        let Some(mut known) = self.programmes.remove(key) else { return };
        let mut gone = Vec::new();
        let mut targets = Vec::with_capacity(known.targets.len());
        for mut target in std::mem::take(&mut known.targets) {
            let presence = match target.presence {
                Presence::Missing { .. } => pass.missed(target.presence, pass.target_hold),
                other => Some(other),
            };
            match presence {
                Some(presence) => {
                    target.presence = presence;
                    targets.push(target);
                }
                None => gone.push(target),
            }
        }
        known.targets = targets;
        self.tell_gone(key, &mut known, gone, findings);
        self.programmes.insert(key.into(), known);
    }

    /// Targets whose absence is confirmed.
    fn tell_gone(
        &mut self,
        key: &str,
        known: &mut Known,
        gone: Vec<KnownTarget>,
        findings: &mut Vec<Finding>,
    ) {
        if gone.is_empty() {
            return;
        }
        known.turns = known.turns.saturating_add(1);
        let mut finding = Finding {
            turn: known.turns,
            missing_since: gone
                .iter()
                .filter_map(|target| missing(target.presence))
                .map(|(since, _)| since)
                .min(),
            ..finding_of(self.source, Kind::TargetsGone, key, known)
        };
        for target in gone {
            self.target_flaps.stayed_away();
            remember_gone(&mut known.gone, &target.identifier);
            finding.targets.push(Target {
                kind: self.kind_at(target.kind).into(),
                identifier: target.identifier,
                in_scope: false,
                eligible_for_bounty: None,
                severity: None,
            });
        }
        findings.push(finding);
    }
}

/// Calls a programme gone: its targets become hashes, so that its return is not taken for news.
pub(super) fn gone(source: Source, key: &str, known: &mut Known) -> Finding {
    let since = missing(known.presence).map(|(since, _)| since).unwrap_or_default();
    known.presence = Presence::Gone { since };
    known.turns = known.turns.saturating_add(1);
    for target in std::mem::take(&mut known.targets) {
        remember_gone(&mut known.gone, &target.identifier);
    }
    Finding {
        turn: known.turns,
        missing_since: Some(since),
        ..finding_of(source, Kind::ProgrammeGone, key, known)
    }
}

/// Since when something is missing, and whether that was told.
fn missing(presence: Presence) -> Option<(mm_sdk::Moment, bool)> {
    match presence {
        Presence::Here => None,
        Presence::Missing { since, .. } => Some((since, false)),
        Presence::Gone { since } => Some((since, true)),
    }
}

/// A programme's page, unless it is the key itself (Bugcrowd), which need not be kept twice.
fn page(programme: &Programme) -> Option<Box<str>> {
    programme.url.clone().filter(|url| *url != programme.key)
}
