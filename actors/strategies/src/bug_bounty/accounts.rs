//! What is known of a platform by the owner's own account: its programmes, the private ones above all.
//!
//! Public programmes are watched by their public file, which costs one request; by the account comes what no file
//! tells: which programmes are private, what is in their scope, and what each programme says of automated tools.
//! Private ones are compared with memory by the same rules as a file ([`observe`](super::observe)), and what is
//! told of them names nobody: a notice may leave the machine, and their names are confidential.
//!
//! | room | what it is for |
//! |---|---|
//! | `hackerone`, `intigriti`, `yeswehack` | what a platform says, in the words of the scope model |
//! | `round` | the reads of one run, and what they tell |

mod hackerone;
mod intigriti;
mod round;
mod yeswehack;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mm_sdk::{AccountId, Context, Digest, Interrupt, Moment};
use serde::{Deserialize, Serialize};

use super::automation::Automation;
use super::config::Config;
use super::memory::Memory;
use super::scope::{Payout, Programme, Source, State, Target};
use crate::hackerone::HackerOne;
use crate::intigriti::Intigriti;
use crate::reading::Failed;
use crate::yeswehack::YesWeHack;

pub(super) use hackerone::{All, all};
pub(super) use round::{Round, Rules};

/// The list of programmes is read again after so long: it holds every policy, some megabytes at HackerOne.
const LISTED_FOR: Duration = Duration::from_secs(6 * 3600);

/// What outlives a run, of one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The programmes, and the targets of private ones.
    pub memory: Memory,
    /// What each programme says of itself, by key.
    pub heads: BTreeMap<Box<str>, Head>,
    /// Those that were private when they were seen last, the ones that are gone with them.
    pub private: BTreeSet<Box<str>>,
    /// When the list of programmes was read last.
    pub listed_at: Option<Moment>,
}

impl Known {
    /// Keeps what a programme says of itself now.
    fn keep(&mut self, key: &str, head: Head) {
        if head.private {
            self.private.insert(key.into());
        } else {
            self.private.remove(key);
        }
        self.heads.insert(key.into(), head);
    }

    /// Forgets which programmes were private that are not remembered any more.
    fn forget(&mut self) {
        let (heads, memory) = (&self.heads, &self.memory);
        self.private.retain(|key| heads.contains_key(key) || memory.programmes.contains_key(key));
    }

    /// A platform of which nothing is known.
    pub fn new(source: Source) -> Known {
        Known {
            memory: Memory::new(source),
            heads: BTreeMap::new(),
            private: BTreeSet::new(),
            listed_at: None,
        }
    }
}

/// What a programme says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its name, as it came.
    pub name: Box<str>,
    /// Its page, as the platform forms it.
    pub url: Option<Box<str>>,
    /// Why it takes no reports from everybody; `None` if it does.
    pub closed: Option<Box<str>>,
    /// Whether it pays.
    pub offers_bounty: Option<bool>,
    /// What it pays.
    pub payout: Option<Payout>,
    /// Whether it is not known to be public.
    pub private: bool,
    /// What it says of automated tools; `None` if its rules were not read.
    pub automation: Option<Automation>,
    /// When it was asked for by itself last, with or without success. What is not shown to the account has a time
    /// ahead, and is left alone until then.
    pub looked_at: Option<Moment>,
}

impl Head {
    /// What a programme's own answer says, with what the list said where that says nothing. `named`, `public`: it says
    /// its name, and whether it is public.
    fn or(self, listed: Option<&Head>, named: bool, public: bool) -> Self {
        let Some(listed) = listed else { return self };
        Self {
            name: if named { self.name } else { listed.name.clone() },
            url: self.url.or_else(|| listed.url.clone()),
            offers_bounty: self.offers_bounty.or(listed.offers_bounty),
            // One that pays no more has none.
            payout: self
                .payout
                .or_else(|| listed.payout.clone().filter(|_| self.offers_bounty != Some(false))),
            private: if public { self.private } else { listed.private },
            ..self
        }
    }

    /// The programme in the words of the scope model.
    fn programme(&self, key: &str, targets: Vec<Target>, partial: bool) -> Programme {
        Programme {
            key: key.into(),
            name: self.name.clone(),
            url: self.url.clone(),
            state: self.closed.as_deref().map_or(State::Open, State::from),
            offers_bounty: self.offers_bounty,
            payout: self.payout.clone(),
            targets,
            partial,
        }
    }
}

/// The programmes that an account sees.
struct Listing {
    heads: Vec<(Box<str>, Head)>,
    /// What was wrong with programmes that could not be read.
    bad: Vec<String>,
    evidence: Digest,
}

/// One programme with its scope.
struct Look {
    head: Head,
    targets: Vec<Target>,
    /// Not all of its scope could be read.
    partial: bool,
    evidence: Digest,
}

/// What a read came to: a failure is a sentence, and ends no run.
type Read<T> = Result<Result<T, Failed>, Interrupt>;

/// A platform, asked with the owner's account.
#[derive(Debug, Clone)]
pub(super) enum Platform {
    HackerOne(HackerOne),
    Intigriti(Intigriti),
    YesWeHack(YesWeHack),
}

impl Platform {
    /// Those that the owner has an account at, in the order in which a run asks them.
    pub(super) fn of(config: &Config) -> Vec<Platform> {
        let own = |id: &Option<AccountId>| id.clone();
        let hackerone = own(&config.hackerone).map(|id| Platform::HackerOne(HackerOne::new(id)));
        let intigriti = own(&config.intigriti).map(|id| Platform::Intigriti(Intigriti::new(id)));
        let yeswehack = own(&config.yeswehack).map(|id| Platform::YesWeHack(YesWeHack::new(id)));
        [hackerone, intigriti, yeswehack].into_iter().flatten().collect()
    }

    pub(super) fn source(&self) -> Source {
        match self {
            Platform::HackerOne(_) => Source::HackerOne,
            Platform::Intigriti(_) => Source::Intigriti,
            Platform::YesWeHack(_) => Source::YesWeHack,
        }
    }

    /// How many programmes are looked at in one run: HackerOne gives fifty lists of scopes a minute; the others
    /// publish no limit, so they are asked ten times at most, the pages of their list included.
    fn looks_max(&self) -> usize {
        match self {
            Platform::HackerOne(_) => 20,
            Platform::Intigriti(_) => 5,
            Platform::YesWeHack(_) => 4,
        }
    }

    async fn list(&self, cx: &mut Context<'_>) -> Read<Listing> {
        match self {
            Platform::HackerOne(api) => hackerone::list(api, cx).await,
            Platform::Intigriti(api) => intigriti::list(api, cx).await,
            Platform::YesWeHack(api) => yeswehack::list(api, cx).await,
        }
    }

    /// Looks at one programme; `head` is what is known of it.
    async fn look(&self, cx: &mut Context<'_>, key: &str, head: Option<&Head>) -> Read<Look> {
        match self {
            Platform::HackerOne(api) => hackerone::look(api, cx, key, head).await,
            Platform::Intigriti(api) => intigriti::look(api, cx, key, head).await,
            Platform::YesWeHack(api) => yeswehack::look(api, cx, key, head).await,
        }
    }
}

/// A key as it may stand in the name of a step, which is short and has few letters: handles have others.
fn named(key: &str) -> String {
    Digest::of(key.as_bytes()).short(16)
}

/// A failure of this answer alone.
fn broken(why: String) -> Failed {
    Failed::of(mm_sdk::ErrorClass::Transient, why)
}

/// A programme that cannot be asked for by its name.
fn nameless(source: Source) -> Failed {
    let why = format!("the name of a programme at {source} is none that an address can hold");
    Failed::of(mm_sdk::ErrorClass::Fatal, why)
}
