//! The made GitHub: repositories with their rules, issues with bounties, and who said what when. A pure
//! function of seed and time; a comment that was posted here is kept by [`super::Github`].
//!
//! An issue's number says on which day it was opened, so that any issue can be computed without the others.
//! Every sixth bounty is a trap. Touches nothing.

use super::super::scatter::{below, pick, scatter};
use super::texts::{self, Policy};

/// 2026-01-01T00:00:00Z: nothing is older.
const BEGAN_MS: i64 = 1_767_225_600_000;
const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;
/// Numbers given away in a day; two thirds of them are issues.
const PER_DAY: i64 = 3;
/// How many repositories there are.
const REPOS: usize = 15;
/// One repository has another name from this moment on: 2026-07-10T00:00:00Z.
const RENAMED_MS: i64 = 1_783_641_600_000;
/// The search shows an issue as it was so long ago.
pub(super) const SEARCH_LAGS_MS: i64 = 6 * 3_600_000;
/// The search looks back so many days.
const SEARCHED_DAYS: i64 = 90;
/// The bot's app, and the name under which it speaks where the app is not installed.
pub(super) const BOT: &str = "algora-pbc[bot]";
const OLD_BOT: &str = "algora-pbc";
/// Whoever calls himself like the bot and is not.
const IMPOSTOR: &str = "algora-pbc-bounties";
/// The labels of a bounty, as Algora and others set them.
pub(super) const LABEL: &str = "💎 Bounty";

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repo {
    /// Its number here, and so its id.
    pub index: usize,
    /// `OWNER/NAME` at the moment that was asked about.
    pub full_name: String,
    /// What it says of automated contributions.
    pub policy: Policy,
}

impl Repo {
    /// The number that outlives a renaming.
    pub fn id(&self) -> u64 {
        500_000_001 + self.index as u64
    }

    /// The part before the slash.
    pub fn owner(&self) -> &str {
        self.full_name.split('/').next().unwrap_or_default()
    }

    /// Its text files: path and content.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        [("README.md", "# Read me\n")].into_iter().chain(texts::files(self.policy).iter().copied())
    }

    /// The text of one of its files.
    pub fn file(&self, path: &str) -> Option<&'static str> {
        self.files().find(|(own, _)| *own == path).map(|(_, text)| text)
    }
}

/// What is peculiar about a bounty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing.
    Plain,
    /// It is bait.
    Trap,
    /// It is closed after two days, and keeps its label.
    ClosedEarly,
    /// Two sponsors.
    Several,
    /// The bot edits its comment after three days.
    Edited,
    /// The bot speaks without its app.
    OldBot,
    /// A label with a sum, and no bot.
    LabelOnly,
    /// More comments than one page holds.
    Crowded,
    /// It is deleted after four days.
    Deleted,
    /// Somebody who is not the bot promises more.
    Impostor,
    /// Nobody may comment.
    Locked,
}

/// A bounty issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Its number in its repository.
    pub number: u64,
    /// In which repository.
    pub repo: usize,
    /// What is peculiar about it.
    pub kind: Kind,
    /// The sum as the bot first writes it.
    pub amount: &'static str,
    /// When it was opened; milliseconds since 1970.
    pub opened_ms: i64,
    /// When it is closed.
    pub closed_ms: i64,
    salt: u64,
}

/// A comment on an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its id.
    pub id: u64,
    /// Whose it is.
    pub login: String,
    /// What it says.
    pub body: String,
    /// When it was made; milliseconds since 1970.
    pub made_ms: i64,
    /// When it was last changed.
    pub changed_ms: i64,
}

/// The repositories, as they are called at `now_ms`.
pub(super) fn repos(seed: u64, now_ms: i64) -> impl Iterator<Item = Repo> {
    (0..REPOS).map(move |index| repo(seed, index, now_ms))
}

pub(super) fn repo(seed: u64, index: usize, now_ms: i64) -> Repo {
    const OWNERS: [&str; 5] = ["harbourlight", "quillworks", "tinforge", "mosslane", "papertide"];
    const NAMES: [&str; 8] =
        ["lantern", "gadfly", "almanac", "turnstile", "pocketbook", "windrose", "kettle", "signpost"];
    let salt = scatter(&[seed, 0x7265_706f, index as u64]);
    let name = format!("{}/{}-{}", OWNERS[index % OWNERS.len()], pick(salt, &NAMES), index + 1);
    // The third has another name from some day on.
    let full_name = if index == 2 && now_ms >= RENAMED_MS { format!("{name}-next") } else { name };
    Repo { index, full_name, policy: Policy::ALL[(index / 2) % Policy::ALL.len()] }
}

/// The repository that was called so before, if one was.
pub(super) fn renamed(seed: u64, full_name: &str, now_ms: i64) -> Option<Repo> {
    let before = repos(seed, RENAMED_MS - 1).find(|repo| repo.full_name.eq_ignore_ascii_case(full_name))?;
    let now = repo(seed, before.index, now_ms);
    (now.full_name != before.full_name).then_some(now)
}

/// The issues that the search can know of, newest first.
pub(super) fn issues(seed: u64, now_ms: i64) -> impl Iterator<Item = Issue> {
    let today = (now_ms - BEGAN_MS).div_euclid(DAY_MS);
    let newest = (today + 1) * PER_DAY;
    let oldest = ((today - SEARCHED_DAYS) * PER_DAY).max(1);
    let known = move |number| Issue::of(seed, u64::try_from(number).ok()?);
    (oldest..=newest).rev().filter_map(known).filter(move |issue| issue.opened_ms <= now_ms)
}

impl Issue {
    /// The issue of this number, whoever's it is; some numbers are pull requests, which are not made here.
    pub(super) fn of(seed: u64, number: u64) -> Option<Self> {
        let nth = i64::try_from(number).ok()?.checked_sub(1)?;
        let salt = scatter(&[seed, 0x6973_7375, number]);
        if nth > 100_000 || salt.is_multiple_of(3) {
            return None;
        }
        let slot_s = DAY_MS / 1000 / PER_DAY;
        let opened_ms = BEGAN_MS + (nth * slot_s + spread(salt >> 8, slot_s)) * 1000;
        let kind = kind(scatter(&[salt, 1]) % 18);
        let days = match kind {
            Kind::ClosedEarly => 2,
            _ => 10 + spread(salt >> 16, 40),
        };
        Some(Self {
            number,
            repo: below(scatter(&[salt, 2]), REPOS),
            kind,
            amount: texts::amount(scatter(&[salt, 3])),
            opened_ms,
            closed_ms: opened_ms + days * DAY_MS,
            salt,
        })
    }

    /// Whether it is open at `now_ms`.
    pub fn is_open(&self, now_ms: i64) -> bool {
        now_ms < self.closed_ms
    }

    /// Whether it is gone at `now_ms`.
    pub fn is_deleted(&self, now_ms: i64) -> bool {
        self.kind == Kind::Deleted && now_ms >= self.opened_ms + 4 * DAY_MS
    }

    /// Title and body.
    pub fn text(&self) -> (String, String) {
        match self.kind {
            Kind::Trap => {
                let trap = texts::trap(scatter(&[self.salt, 4]));
                (trap.title.to_owned(), trap.body.to_owned())
            }
            _ => texts::plain(scatter(&[self.salt, 4])),
        }
    }

    /// The names of its labels.
    pub fn labels(&self) -> Vec<String> {
        match self.kind {
            Kind::LabelOnly => vec!["bounty".to_owned(), self.amount.to_owned()],
            _ => vec![LABEL.to_owned(), self.amount.to_owned()],
        }
    }

    /// Who opened it.
    pub fn author(&self) -> &'static str {
        person(scatter(&[self.salt, 5]))
    }

    /// What others said of it up to `now_ms`, oldest first.
    pub fn comments(&self, repo: &Repo, now_ms: i64) -> Vec<Comment> {
        let mut all = self.bots(repo, now_ms);
        if self.kind == Kind::Trap {
            let said = texts::trap(scatter(&[self.salt, 4])).comment;
            all.extend(said.map(|said| (person(self.salt >> 3).to_owned(), said.to_owned(), 30, 30)));
        }
        let chatter = if self.kind == Kind::Crowded { 45 } else { self.salt % 4 };
        for nth in 0..chatter {
            let salt = scatter(&[self.salt, 6, nth]);
            let minutes = 90 + i64::try_from(nth).unwrap_or(0) * 37;
            all.push((person(salt).to_owned(), texts::chatter(salt, self.number), minutes, minutes));
        }
        let made = all.into_iter().zip(1..).map(|((login, body, made, changed), nth)| Comment {
            id: 2_000_000_000 + self.number * 100 + nth,
            login,
            body,
            made_ms: self.opened_ms + made * MINUTE_MS,
            changed_ms: self.opened_ms + changed * MINUTE_MS,
        });
        let mut made: Vec<Comment> = made.filter(|comment| comment.made_ms <= now_ms).collect();
        made.sort_by_key(|comment| (comment.made_ms, comment.id));
        made
    }

    /// What bots said: who, what, and minutes after the opening: made, last changed.
    fn bots(&self, repo: &Repo, now_ms: i64) -> Vec<(String, String, i64, i64)> {
        let (owner, number, amount) = (repo.owner(), self.number, self.amount);
        let edit = 3 * 24 * 60;
        let edited = self.kind == Kind::Edited && now_ms >= self.opened_ms + edit * MINUTE_MS;
        let raised = texts::amount(scatter(&[self.salt, 7]));
        let bot = |org: &str, amount: &str, made, changed| {
            (BOT.to_owned(), texts::bot(org, number, amount), made, changed)
        };
        match self.kind {
            Kind::LabelOnly => vec![],
            Kind::OldBot => vec![(OLD_BOT.to_owned(), texts::old_bot(owner, number, amount), 5, 5)],
            Kind::Edited if edited => vec![bot(owner, raised, 5, edit)],
            Kind::Several => vec![bot(owner, amount, 5, 5), bot("patronage", raised, 600, 600)],
            Kind::Impostor => {
                vec![
                    (IMPOSTOR.to_owned(), texts::bot(owner, number, "$9,999"), 3, 3),
                    bot(owner, amount, 5, 5),
                ]
            }
            _ => vec![bot(owner, amount, 5, 5)],
        }
    }
}

fn kind(dice: u64) -> Kind {
    match dice {
        0..=2 => Kind::Trap,
        3 => Kind::ClosedEarly,
        4 => Kind::Several,
        5 => Kind::Edited,
        6 => Kind::OldBot,
        7 => Kind::LabelOnly,
        8 => Kind::Crowded,
        9 => Kind::Deleted,
        10 => Kind::Impostor,
        11 => Kind::Locked,
        _ => Kind::Plain,
    }
}

fn person(salt: u64) -> &'static str {
    pick(salt, &["ada-example", "bo-example", "cyd-example", "dee-example", "eli-example", "fay-example"])
}

/// A number below `bound`.
fn spread(salt: u64, bound: i64) -> i64 {
    i64::try_from(below(salt, usize::try_from(bound).unwrap_or(1))).unwrap_or(0)
}
