//! What is wrong with an issue: bait for software, money that nobody vouches for, work that is taken.
//!
//! In a scan of 2026 one in six open bounty issues was bait. The words of an issue and of its comments
//! are searched for instructions to software, hidden text, and demands that no bounty makes; nothing of
//! them is obeyed or repeated but for a short quote. The search errs to the side of refusing: a bounty
//! that is passed over costs less than a banned account.

use mm_sdk::Untrusted;
use serde::{Deserialize, Serialize};

/// The kinds of reasons, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// Text that a reader does not see.
    Hidden,
    /// Words to software, or a demand that no bounty makes.
    Bait,
    /// A comment in the bot's words, or under its name, by somebody else.
    Impostor,
    /// A sum that no bot vouches for.
    Unvouched,
    /// A sum that nobody pays.
    Absurd,
    /// A repository made for the purpose.
    ThrowAway,
    /// The owner's own repository.
    Own,
    /// Closed, locked, gone, archived, or a pull request.
    Closed,
    /// Somebody is on it already.
    Taken,
    /// It was paid.
    Awarded,
    /// The repository does not take such work.
    Policy,
    /// More is written on it than is read, or than can be.
    Crowded,
}

impl Kind {
    /// The kind in a word, as metrics name it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Hidden => "hidden",
            Kind::Bait => "bait",
            Kind::Impostor => "impostor",
            Kind::Unvouched => "unvouched",
            Kind::Absurd => "absurd",
            Kind::ThrowAway => "throw-away",
            Kind::Own => "own",
            Kind::Closed => "closed",
            Kind::Taken => "taken",
            Kind::Awarded => "awarded",
            Kind::Policy => "policy",
            Kind::Crowded => "crowded",
        }
    }

    /// Whether somebody meant harm, or may have; the others are ordinary ends.
    pub fn is_bait(self) -> bool {
        let ends = [Kind::Closed, Kind::Taken, Kind::Awarded, Kind::Policy, Kind::Own, Kind::Crowded];
        !ends.contains(&self)
    }
}

/// One reason against an issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trap {
    /// What kind.
    pub kind: Kind,
    /// Why, in one harmless line.
    pub why: String,
}

impl Trap {
    /// A reason; `why` may hold somebody else's words.
    pub fn new(kind: Kind, why: impl Into<String>) -> Self {
        Self { kind, why: Untrusted::new(why).line(200) }
    }
}

/// What is wrong with a text; `whose` says which: "the issue".
pub fn in_text(text: &str, whose: &str) -> Vec<Trap> {
    let mut traps = Vec::new();
    if let Some(how) = invisible(text) {
        traps.push(Trap::new(Kind::Hidden, format!("{whose} holds {how}")));
    }
    let (seen, hidden) = parts(text);
    let (seen, hidden) = (Words::of(&seen), Words::of(&hidden));
    if let Some(phrase) = seen.bait() {
        traps.push(Trap::new(Kind::Bait, format!("{whose} says “{phrase}”")));
    }
    if let Some(phrase) = hidden.bait().or_else(|| hidden.order_to_software()) {
        traps.push(Trap::new(Kind::Hidden, format!("a hidden comment in {whose} says “{phrase}”")));
    }
    traps
}

/// Marks that show nothing and hide something.
fn invisible(text: &str) -> Option<&'static str> {
    let chars: Vec<char> = text.chars().collect();
    let at = |n: usize| chars.get(n).copied().unwrap_or(' ');
    let mut blanks = 0;
    for (n, c) in chars.iter().enumerate() {
        let before = if n == 0 { ' ' } else { at(n - 1) };
        match c {
            // A flag of a region is a black flag with tags behind it.
            '\u{e0000}'..='\u{e007f}' => {
                let flag = chars.get(..n).is_some_and(|before| {
                    before.iter().rev().find(|c| !matches!(c, '\u{e0000}'..='\u{e007f}'))
                        == Some(&'\u{1f3f4}')
                });
                if !flag {
                    return Some("invisible tag characters");
                }
            }
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => return Some("marks that reorder text"),
            '\u{200b}' | '\u{200c}' | '\u{2060}'..='\u{2064}' | '\u{ad}' | '\u{feff}' if n > 0 => {
                if before.is_ascii_alphabetic() && at(n + 1).is_ascii_alphabetic() {
                    return Some("invisible marks within a word");
                }
                blanks += 1;
            }
            _ => {}
        }
    }
    (blanks > 8).then_some("many invisible marks")
}

/// What a reader sees, and what stands in comments of the markup.
fn parts(text: &str) -> (String, String) {
    let (mut seen, mut hidden) = (String::new(), String::new());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!--") {
        seen.push_str(before);
        seen.push(' ');
        let (comment, more) = after.split_once("-->").unwrap_or((after, ""));
        hidden.push_str(comment);
        hidden.push('\n');
        rest = more;
    }
    seen.push_str(rest);
    // `[//]: # (…)` renders as nothing.
    for line in
        text.lines().map(str::trim).filter(|line| line.starts_with("[//]:") || line.starts_with("[comment]:"))
    {
        hidden.push_str(line);
        hidden.push('\n');
    }
    (seen, hidden)
}

/// Phrases that no honest bounty needs, as bare words.
const BAIT: &[&str] = &[
    "ignore all previous",
    "ignore previous instructions",
    "ignore any previous",
    "ignore your previous",
    "ignore the above",
    "ignore all instructions",
    "ignore your instructions",
    "disregard all",
    "disregard previous",
    "disregard the above",
    "disregard your",
    "forget all previous",
    "forget your instructions",
    "override your instructions",
    "system prompt",
    "you are now the",
    "you are now a",
    "you are now an",
    "new instructions for",
    "ai agents must",
    "ai agents should",
    "ai agents have to",
    "ai agents need to",
    "ai agents please",
    "ai agent must",
    "ai agent please",
    "ai assistants must",
    "ai assistants should",
    "llms must",
    "llms should",
    "bots must",
    "agents must do",
    "agents system",
    "if you are an ai",
    "if you are a bot",
    "if you are an llm",
    "if you are an agent",
    "if you are a language model",
    "if you re an ai",
    "if you re an llm",
    "if you re a bot",
    "if you are an automated",
    "if you are an autonomous",
    "as an ai agent you",
    "dear ai",
    "attention ai",
    "note to ai",
    "note to llms",
    "instructions for ai agents",
    "message to ai",
    "test for bots",
    "how many automated agents",
    "honeypot for",
    "star this repo",
    "star this repository",
    "star the repo",
    "star the repository",
    "star our repo",
    "star our repository",
    "star my repo",
    "star every repo",
    "star every repository",
    "star all",
    "must star",
    "leave a star",
    "give it a star",
    "give us a star",
    "follow me on",
    "follow my account",
    "follow my profile",
    "refundable deposit",
    "deposit of",
    "send a deposit",
    "pay a deposit",
    "processing fee",
    "activation fee",
    "registration fee",
    "gas fee to",
    "connect your wallet",
    "verify your wallet",
    "your seed phrase",
    "your recovery phrase",
    "your private key",
    "verify your account",
    "unlock the payout",
    "your github password",
    "with your password",
    "contact me on telegram",
    "dm me on telegram",
    "message me on telegram",
    "reach me on telegram",
    "contact me on whatsapp",
    "message me on whatsapp",
    "do not work on it",
    "do not work on this",
    "contents of your environment",
    "your environment variables so",
    "approved by owner",
];

/// Verbs and things that together ask for a credential.
const HAND_OVER: &[&str] =
    &["paste", "send", "post", "share", "reply", "comment", "upload", "include", "email", "dm"];
const SECRETS: &[&str] = &[
    "token",
    "tokens",
    "password",
    "passphrase",
    "credential",
    "credentials",
    "secret",
    "secrets",
    "wallet",
    "mnemonic",
];

/// Keys that are secret.
const KEYS: &[&str] = &["api", "ssh", "access", "secret", "private", "signing"];

/// Words that name software, and what it is told to do, in text that is hidden from people.
const SOFTWARE: &[&str] = &[
    "ai",
    "agent",
    "agents",
    "llm",
    "llms",
    "gpt",
    "assistant",
    "assistants",
    "claude",
    "copilot",
    "bot",
    "bots",
    "model",
];
const ORDERS: &[&str] = &[
    "must", "add", "include", "ignore", "reply", "post", "star", "run", "visit", "execute", "append",
    "insert", "approve", "write", "mention", "respond", "follow", "fetch", "download", "send",
];

/// A text as bare words in lower case.
struct Words(Vec<String>);

impl Words {
    fn of(text: &str) -> Self {
        let plain: String =
            text.chars().filter(|c| !is_blank_mark(*c)).flat_map(char::to_lowercase).collect();
        let words = plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        Self(words.map(str::to_owned).collect())
    }

    /// The phrase that gives it away.
    fn bait(&self) -> Option<String> {
        let joined = format!(" {} ", self.0.join(" "));
        let phrase = BAIT.iter().find(|phrase| joined.contains(&format!(" {phrase} ")));
        phrase.map(|phrase| (*phrase).to_owned()).or_else(|| self.asks_for_secret())
    }

    /// `paste your … token`.
    fn asks_for_secret(&self) -> Option<String> {
        let verbs = self.0.iter().enumerate().filter(|(_, word)| HAND_OVER.contains(&word.as_str()));
        for (n, _) in verbs {
            let window = self.0.get(n..self.0.len().min(n + 10)).unwrap_or_default();
            let Some(your) = window.iter().position(|word| word == "your") else { continue };
            let thing = window.get(your..window.len().min(your + 4)).unwrap_or_default();
            let key = |two: &[String]| {
                two.first().is_some_and(|kind| KEYS.contains(&kind.as_str()))
                    && two.last().is_some_and(|key| key.starts_with("key"))
            };
            if thing.iter().any(|word| SECRETS.contains(&word.as_str())) || thing.windows(2).any(key) {
                return Some(window.get(..window.len().min(your + 4)).unwrap_or_default().join(" "));
            }
        }
        None
    }

    fn order_to_software(&self) -> Option<String> {
        let at = self.0.iter().position(|word| SOFTWARE.contains(&word.as_str()))?;
        let window = self.0.get(at.saturating_sub(6)..self.0.len().min(at + 8)).unwrap_or_default();
        window.iter().any(|word| ORDERS.contains(&word.as_str())).then(|| window.join(" "))
    }
}

fn is_blank_mark(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}
