//! What happens in the made world: every tick starts one event, which lives for some ticks and then is
//! undone. None lives longer than [`LONGEST_TICKS`], so only so many can be in effect at once.
//!
//! Some events are real (a programme, a target), some change no scope (a type, a reward, outer spaces, a
//! doubled entry), and some only look real (a flap, a glitch). Touches nothing and cannot fail.

use super::super::scatter::below;
use super::words::target;
use super::{Feed, Kind, Programme, Target, base, number};

/// A week of half hours.
pub const LONGEST_TICKS: i64 = 336;

/// How long a glitch lasts: two hours of half hours.
pub const GLITCH_TICKS: i64 = 4;

/// What kind of event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// A new programme with targets; at the end it is gone for good.
    NewProgramme,
    /// A new target of a known programme; at the end it is gone for good.
    NewTarget,
    /// A new target out of scope that moves into scope at the turn.
    OutToIn,
    /// A known target gets another type.
    TypeChange,
    /// A programme pays more.
    Reward,
    /// A known target is published twice.
    Duplicate,
    /// A known target is published with spaces around it.
    Spaces,
    /// A target in scope is published out of scope as well.
    BothSides,
    /// A programme vanishes and comes back.
    Flap,
    /// Nearly all programmes lose all their targets, and get them back.
    Glitch,
}

/// One event. Ticks are counted from 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Whose file it changes.
    pub feed: Feed,
    /// What it is.
    pub happening: Happening,
    /// The first tick in which it shows.
    pub start: i64,
    /// Where it changes its face; equal to `start` for most.
    pub turn: i64,
    /// The first tick in which it shows no more.
    pub end: i64,
    salt: u64,
}

/// What an event really adds while it lasts.
#[derive(Debug, Default)]
pub(super) struct Brings {
    /// The key of a new programme.
    pub(super) programme: Option<String>,
    /// Programme key and trimmed identifier.
    pub(super) targets: Vec<(String, String)>,
}

impl Event {
    /// The event that starts with this tick.
    pub fn of_tick(seed: u64, tick: i64) -> Self {
        let salt = number(seed, "event", &[tick.cast_unsigned()]);
        let happening = Happening::of(salt);
        let feed = Feed::ALL.get(below(salt >> 20, 5)).copied().unwrap_or(Feed::HackerOne);
        let days = 48 * (2 + i64::try_from((salt >> 24) % 5).unwrap_or(0));
        let (turn, end) = match happening {
            Happening::OutToIn => (tick + 12, tick + days),
            Happening::Flap => (tick, tick + 2 + days / 48),
            Happening::Glitch => (tick, tick + GLITCH_TICKS),
            _ => (tick, tick + days),
        };
        Self { feed, happening, start: tick, turn, end, salt }
    }

    /// Nearly all of the feed's targets are gone while it lives.
    pub fn is_glitch(&self) -> bool {
        self.happening == Happening::Glitch
    }

    /// The tick from which on what it brings is in scope.
    pub(super) fn counts_from(&self) -> i64 {
        self.turn
    }

    /// What it really adds to the scope.
    pub(super) fn brings(&self, seed: u64, base_count: usize) -> Brings {
        match self.happening {
            Happening::NewProgramme => {
                let programme = self.programme();
                let inside = programme.targets.iter().filter(|target| target.inside);
                let targets = inside.map(|t| (programme.key.clone(), t.identifier.trim().to_owned()));
                Brings { targets: targets.collect(), programme: Some(programme.key.clone()) }
            }
            Happening::NewTarget | Happening::OutToIn => {
                let programme = base::programme(seed, self.feed, below(self.salt >> 32, base_count));
                let identifier = self.target(&programme.slug, true).identifier;
                Brings { programme: None, targets: vec![(programme.key, identifier.trim().to_owned())] }
            }
            _ => Brings::default(),
        }
    }

    /// Makes it so, in a world of which the first `base_count` programmes are the base.
    pub(super) fn apply(&self, tick: i64, programmes: &mut Vec<Programme>, base_count: usize) {
        if self.happening == Happening::NewProgramme {
            programmes.push(self.programme());
            return;
        }
        let Some(programme) = programmes.get_mut(below(self.salt >> 32, base_count)) else {
            return;
        };
        match self.happening {
            Happening::NewTarget => programme.targets.push(self.target(&programme.slug, true)),
            Happening::OutToIn => {
                let inside = tick >= self.turn;
                programme.targets.push(self.target(&programme.slug, inside));
            }
            Happening::Reward => {
                let (lowest, highest) = programme.reward.unwrap_or((50, 500));
                programme.reward = Some((lowest, highest * 2));
            }
            _ => self.alter_target(&mut programme.targets),
        }
    }

    /// Hides what only seems to be gone.
    pub(super) fn disturb(&self, programmes: &mut Vec<Programme>, base_count: usize) {
        match self.happening {
            Happening::Flap => {
                let hidden = below(self.salt >> 32, base_count);
                programmes.retain(|programme| programme.nth != Some(hidden));
            }
            Happening::Glitch => {
                let spared = below(self.salt >> 32, programmes.len());
                for (nth, programme) in programmes.iter_mut().enumerate() {
                    if nth != spared {
                        programme.targets.clear();
                    }
                }
            }
            _ => {}
        }
    }

    /// Changes how one target of a programme is published, and not what is in scope.
    fn alter_target(&self, targets: &mut Vec<Target>) {
        // The first two in scope are ordinary ones; the traps come later and stay as they are.
        let inside: Vec<_> = (0..targets.len())
            .filter(|nth| targets.get(*nth).is_some_and(|target| target.inside))
            .take(2)
            .collect();
        let chosen = inside.get(below(self.salt >> 40, inside.len())).copied();
        let Some(chosen) = chosen.and_then(|nth| targets.get_mut(nth)) else {
            return;
        };
        match self.happening {
            Happening::TypeChange => {
                chosen.kind = match chosen.kind {
                    Kind::Web => Kind::Api,
                    Kind::Other => Kind::Web,
                    _ => Kind::Other,
                };
            }
            Happening::Spaces => chosen.identifier = format!(" {} ", chosen.identifier.trim()),
            Happening::Duplicate => {
                let again = chosen.clone();
                targets.push(again);
            }
            Happening::BothSides => {
                let outside = Target { inside: false, kind: Kind::Other, ..chosen.clone() };
                targets.push(outside);
            }
            _ => {}
        }
    }

    fn programme(&self) -> Programme {
        base::made(self.feed, &format!("t{}", self.start), self.salt, None)
    }

    fn target(&self, slug: &str, inside: bool) -> Target {
        let mut new = target(slug, &format!("t{}", self.start), self.salt);
        new.inside = inside;
        if self.salt.is_multiple_of(9) {
            new.identifier.push(' ');
        }
        new
    }
}

impl Happening {
    /// In every 240 events, one is a glitch.
    fn of(salt: u64) -> Self {
        if salt % 240 == 7 {
            return Self::Glitch;
        }
        match (salt / 240) % 48 {
            0..=15 => Self::NewTarget,
            16..=19 => Self::NewProgramme,
            20..=24 => Self::OutToIn,
            25..=29 => Self::TypeChange,
            30..=34 => Self::Reward,
            35..=37 => Self::Duplicate,
            38..=41 => Self::Spaces,
            42..=43 => Self::BothSides,
            _ => Self::Flap,
        }
    }
}
