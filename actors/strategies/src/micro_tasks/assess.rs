//! All that is known of an issue together: reasons against it, or what it may pay and how soon it is worth
//! a look. Pure: the same facts give the same assessment.

use std::time::Duration;

use mm_sdk::policy::{Policy, Stance};
use mm_sdk::{Decimal, Moment, Reward};

use super::board::{Board, Bounty};
use super::facts::{CommentFacts, IssueFacts, RepositoryFacts};
use super::trap::{Kind, Trap};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A repository younger than this that nobody has marked with a star was made for the purpose.
const YOUNG: Duration = DAY.saturating_mul(30);

/// A repository this young is not believed however many stars it has: those can be bought.
const NEWBORN: Duration = DAY.saturating_mul(3);

/// All that is known. What is `None` was not read, or not yet.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The issue.
    pub issue: &'a IssueFacts,
    /// Its comments.
    pub comments: Option<&'a CommentFacts>,
    /// Its repository.
    pub repository: Option<&'a RepositoryFacts>,
    /// What the repository says of such work.
    pub policy: Option<&'a Policy>,
    /// The owner's own name.
    pub owner: Option<&'a str>,
    /// With more attempts of others it is taken.
    pub attempts_max: u32,
    /// Now.
    pub now: Moment,
}

/// What to think of an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// Reasons against it. While there is one, it is no chance to earn and pays nothing.
    pub against: Vec<Trap>,
    /// What it pays, by somebody who can vouch for it.
    pub reward: Option<Reward>,
    /// 0 to 100.
    pub score: u8,
    /// Why, in one line of our own words and numbers.
    pub reason: String,
}

impl Known<'_> {
    /// The board it belongs to: the bot's word outweighs a label.
    pub fn board(&self) -> Option<Board> {
        let said = self.comments.is_some_and(|comments| !comments.said.bounties.is_empty());
        if said { Some(Board::Algora) } else { self.issue.board }
    }

    /// What the bot vouches for.
    pub fn bounties(&self) -> &[Bounty] {
        self.comments.map_or(&[], |comments| &comments.said.bounties)
    }

    /// Reasons against it.
    pub fn against(&self) -> Vec<Trap> {
        let mut against = self.against_issue();
        against.extend(self.against_repository());
        against.extend(self.against_comments());
        if let Some(policy) = self.policy.filter(|policy| policy.stance == Stance::Deny) {
            let quote = policy.quotes.first().map_or(policy.why.clone(), ToString::to_string);
            against.push(Trap::new(Kind::Policy, format!("the repository does not take such work: {quote}")));
        }
        against
    }

    fn against_issue(&self) -> Vec<Trap> {
        let issue = self.issue;
        let mut against = issue.traps.clone();
        if !issue.open {
            against.push(Trap::new(Kind::Closed, "it is closed or gone"));
        }
        if issue.locked {
            against.push(Trap::new(Kind::Closed, "it is locked: only members may comment"));
        }
        if issue.assignees > 0 {
            against.push(Trap::new(Kind::Taken, "somebody is assigned to it"));
        }
        against
    }

    fn against_repository(&self) -> Vec<Trap> {
        let Some(repository) = self.repository else { return Vec::new() };
        let age = self.now.since(repository.created_at);
        let mut against = Vec::new();
        if repository.closed {
            against.push(Trap::new(Kind::Closed, "its repository is archived or private"));
        }
        if self.owner.is_some_and(|owner| owner.eq_ignore_ascii_case(&repository.owner)) {
            against.push(Trap::new(Kind::Own, "it is in your own repository"));
        }
        if age < NEWBORN {
            against.push(Trap::new(Kind::ThrowAway, "its repository is not three days old"));
        } else if repository.stars == 0 && (age < YOUNG || repository.fork) {
            against.push(Trap::new(Kind::ThrowAway, "its repository is new, or a copy, and has no stars"));
        } else if repository.stars < 2
            && self.issue.author.eq_ignore_ascii_case(&repository.owner)
            && self.is_large()
        {
            against.push(Trap::new(Kind::ThrowAway, "a large sum by the owner of a repository nobody uses"));
        }
        against
    }

    /// Whether more is offered than a stranger's hobby pays.
    fn is_large(&self) -> bool {
        self.bounties().iter().any(|bounty| bounty.amount.value > Decimal::from(1000))
    }

    fn against_comments(&self) -> Vec<Trap> {
        let Some(comments) = self.comments else { return Vec::new() };
        let mut against = comments.traps.clone();
        if comments.unread > 0 {
            let why = format!("{} of its comments could not be read, and may say anything", comments.unread);
            against.push(Trap::new(Kind::Crowded, why));
        }
        let bounties = &comments.said.bounties;
        if let Some(bounty) = bounties.iter().find(|bounty| bounty.amount.is_absurd()) {
            against.push(Trap::new(Kind::Absurd, format!("{} is more than anybody pays", bounty.amount)));
        }
        if let Some(hint) = self.issue.hints.iter().find(|hint| hint.is_absurd()) {
            against.push(Trap::new(Kind::Absurd, format!("{hint} is more than anybody pays")));
        }
        if comments.said.awarded {
            against.push(Trap::new(Kind::Awarded, "the bot says that it was awarded"));
        }
        // What the bot says may stand where nobody read.
        let crowded = against.iter().any(|trap| trap.kind == Kind::Crowded);
        if bounties.is_empty() && !crowded && self.issue.board != Some(Board::Opire) {
            against.push(Trap::new(
                Kind::Unvouched,
                match (comments.said.unread.first(), self.issue.hints.first()) {
                    (Some(unread), _) => unread.clone(),
                    (_, Some(hint)) => {
                        format!("{hint} stands in its title or labels, and no bot vouches for it")
                    }
                    _ => "no bot vouches for a sum".to_owned(),
                },
            ));
        }
        let attempts = u32::try_from(comments.attempts.len()).unwrap_or(u32::MAX);
        if attempts > self.attempts_max {
            against.push(Trap::new(Kind::Taken, format!("{attempts} others say that they work on it")));
        }
        against
    }

    /// The whole assessment.
    pub fn assess(&self) -> Assessment {
        let against = self.against();
        if let Some(first) = against.first() {
            let more = against.len() - 1;
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            let reason = format!("refused: {}{more}", first.why);
            return Assessment { against, reward: None, score: 0, reason };
        }
        let parts = [self.pay(), self.competition(), self.age(), self.welcome(), self.standing()];
        let sum: u32 = parts.iter().map(|(points, _)| points).sum();
        let words: Vec<String> =
            parts.into_iter().map(|(_, words)| words).filter(|words| !words.is_empty()).collect();
        let cap = if self.bounties().is_empty() { 20 } else { 100 };
        Assessment {
            against,
            reward: reward(self.bounties()),
            score: u8::try_from(sum.min(cap)).unwrap_or(100),
            reason: words.join(", "),
        }
    }

    /// At most 45: fifteen for each factor of ten above one.
    fn pay(&self) -> (u32, String) {
        let Some(reward) = reward(self.bounties()) else {
            return (5, "the sum is told by the board alone, and is a pledge".to_owned());
        };
        let top = reward.max.unwrap_or_default();
        let steps = [(10, 15), (50, 25), (100, 30), (250, 35), (500, 40), (1000, 45)];
        let points =
            steps.iter().rfind(|(least, _)| top >= Decimal::from(*least)).map_or(5, |(_, points)| *points);
        let many = self.bounties().len();
        let by = if many > 1 { format!(" by {many} sponsors") } else { String::new() };
        (points, format!("{top} {}{by}, vouched for by the board's bot", reward.currency))
    }

    /// At most 20.
    fn competition(&self) -> (u32, String) {
        match self.comments.map_or(0, |comments| comments.attempts.len()) {
            0 => (20, "nobody works on it".to_owned()),
            1 => (10, "one other works on it".to_owned()),
            n => (0, format!("{n} others work on it")),
        }
    }

    /// At most 15.
    fn age(&self) -> (u32, String) {
        if self.issue.created_at > self.now.plus(DAY) {
            return (0, format!("it says that it was opened at {}", self.issue.created_at));
        }
        let days = self.now.since(self.issue.created_at).as_secs() / DAY.as_secs();
        match days {
            0..=2 => (15, "opened in the last days".to_owned()),
            3..=30 => (8, format!("opened {days} days ago")),
            _ => (0, format!("opened {days} days ago")),
        }
    }

    /// At most 10.
    fn welcome(&self) -> (u32, String) {
        match self.policy.map(|policy| policy.stance) {
            Some(Stance::Allow) => (10, "AI-assisted work is welcome there".to_owned()),
            Some(Stance::Warn) => (6, "the repository has rules to be read".to_owned()),
            Some(Stance::Unclear) => (2, "the repository's rules are unclear".to_owned()),
            Some(Stance::Deny) => (0, String::new()),
            None => (0, "the repository's rules were not read".to_owned()),
        }
    }

    /// At most 10.
    fn standing(&self) -> (u32, String) {
        match self.repository.map_or(0, |repository| repository.stars) {
            0..=9 => (0, String::new()),
            10..=99 => (5, String::new()),
            _ => (10, String::new()),
        }
    }
}

/// What several bounties on one issue pay together, in the currency that most of them are in; the rest is
/// told beside it, for currencies are not added up. The least is the smallest of them.
pub fn reward(bounties: &[Bounty]) -> Option<Reward> {
    let count = |currency: &str| bounties.iter().filter(|bounty| bounty.amount.currency == currency).count();
    let currency = bounties.iter().map(|bounty| bounty.amount.currency.as_str());
    let currency = currency.max_by(|a, b| count(a).cmp(&count(b)).then_with(|| b.cmp(a)))?;
    let values: Vec<Decimal> = (bounties.iter())
        .filter(|bounty| bounty.amount.currency == currency)
        .map(|bounty| bounty.amount.value)
        .collect();
    let sum = values.iter().try_fold(Decimal::ZERO, |sum, value| sum.checked_add(*value))?;
    Some(Reward { min: values.into_iter().min(), max: Some(sum.normalize()), currency: currency.to_owned() })
}
