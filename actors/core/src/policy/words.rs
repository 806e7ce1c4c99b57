//! What one sentence says: phrases, looked for in the sentence's words.
//!
//! A phrase is a row of words; `word*` is a beginning, `~` stands for up to five words of any kind. A
//! refusal counts against contributions, code and talk alike; one that can be met ("undisclosed",
//! "unreviewed") is a condition.

use super::sentences::Sentence;

/// What a sentence says. Ordered from the mildest to the gravest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Says {
    /// It allows it.
    Allows,
    /// It speaks of it and says neither yes nor no.
    Mentions,
    /// It allows it under a condition, or advises against it.
    Conditions,
    /// It says that the rules are told somewhere else.
    Elsewhere,
    /// It refuses, and there is an exception.
    RefusesBut,
    /// It refuses.
    Refuses,
}

/// The tools, and what they make.
#[rustfmt::skip]
const AI: &[&str] = &[
    "ai", "ais", "llm", "llms", "genai", "gpt*", "chatgpt", "chatbot*", "copilot*", "claude", "gemini",
    "codex", "cursor", "language model*", "machine learning ~ tool*", "artificial intelligence",
    "machine generated", "generative", "coding agent*", "coding assistant*", "code assistant*",
    "autonomous agent*", "agentic", "vibe cod*", "vibecod*", "stochastic parrot*",
    "natural language processing",
];

/// Software that acts by itself; it must stand beside a word of [`WORK`].
const AUTOMATED: &[&str] =
    &["bot", "bots", "automated", "automatically", "autonomous", "automation", "automatic", "unattended"];

/// What contributors do and hand in.
#[rustfmt::skip]
const WORK: &[&str] = &[
    "contribut*", "code", "pull request*", "pr", "prs", "patch*", "commit*", "merge request*", "mr", "mrs",
    "submi*", "issue*", "comment*", "report*", "description*", "text", "content", "generat*", "written",
    "write", "writing", "author*", "assist*", "tool*", "use", "used", "uses", "using", "usage", "slop",
    "help", "review*", "work", "change*", "produc*", "creat*", "discussion*", "documentation",
    "translation*", "bount*", "account*", "attempt*", "message*", "output*", "involv*", "post*", "open",
    "image*", "art", "artwork", "asset*", "media",
];

/// A refusal.
#[rustfmt::skip]
const REFUSAL: &[&str] = &[
    "not ~ accept*", "no longer accept*", "not ~ allow*", "not ~ permit*", "not ~ welcome*", "unwelcome",
    "disallow*", "prohibit*", "forbid*", "forbade", "ban", "bans", "banned", "banning", "must not",
    "may not", "shall not", "should not", "not ~ use", "not ~ using", "do not ~ submi*", "do not ~ send*",
    "do not ~ open*", "do not ~ post*", "do not ~ creat*", "do not ~ contribut*", "do not ~ commit*",
    "do not ~ paste*", "do not ~ upload*", "do not ~ generat*", "do not ~ write", "do not ~ let",
    "do not ~ run", "never ~ use*", "never ~ submi*", "never ~ accept*", "never ~ post*", "never ~ open*",
    "never ~ merge*", "reject*", "refus*", "declin*", "be closed", "closed without", "close ~ without",
    "close them", "close it", "close any", "close all", "zero tolerance", "no ai", "no llm*", "no genai",
    "no gpt*", "no chatgpt", "no copilot*", "no generative", "no bots", "no bot", "no automated",
    "no autonomous", "no agentic", "no machine generated", "no vibe*", "tainted", "not ~ merge*",
    "not ~ review*", "not ~ consider*", "not ~ want*", "be blocked", "be removed", "be deleted",
    "be reverted", "be locked", "be ignored", "be reported", "refrain*", "not ~ tolerat*",
    "against ~ polic*", "against ~ rules", "not ~ contribut*", "off limits", "unacceptable",
    "inappropriate", "not ~ appropriate", "ai free", "llm free", "free of ai", "free of llm*",
    "without ~ help of", "without ~ use of", "without ~ assistance of", "written by human*",
    "written by a human", "authored by human*", "authored by a human", "made by human*",
    "created by human*", "humans only", "only humans", "human only", "human written", "human authored",
    "no place", "keep ~ out", "stay away", "go away", "not ~ take", "not ~ suitable", "not ~ eligible",
    "ineligible", "excluded", "not ~ trust*", "not ~ interested", "not ~ like", "not ~ post*",
    "not ~ open*", "not ~ send*", "not ~ comment*", "not ~ claim*", "instead of",
];

/// A refusal that can be met: it names what it is that is refused.
#[rustfmt::skip]
const MEETABLE: &[&str] = &[
    "without ~ disclos*", "undisclosed", "not ~ disclos*", "fail* ~ disclos*", "not ~ declar*",
    "not ~ mention*", "unreviewed", "without ~ review*", "not ~ reviewed", "without ~ human",
    "not ~ understand", "not ~ understood", "without ~ understanding", "not ~ explain", "unable ~ explain",
    "not ~ tested", "untested", "without ~ testing", "not ~ test", "low effort", "low quality", "slop",
    "spam*", "entirely ai", "entirely generated", "entirely by", "entirely written", "solely by",
    "solely generated", "purely ai", "purely generated", "purely by", "fully ai", "fully generated",
    "fully automated", "fully autonomous", "wholly generated", "wholly ai", "wholly by",
    "completely generated", "completely by", "completely ai", "blindly", "unverified", "not ~ verif*",
    "mass", "bulk", "drive by", "not ~ accepted issue", "without ~ accepted issue", "without ~ issue",
    "copy paste*", "copy and paste*", "verbatim", "not ~ comply", "not ~ meet", "not ~ follow*",
    "hallucinat*", "careless*", "unsupervised", "unless ~ disclos*", "unless ~ review*",
    "unless ~ understand*", "unless ~ you", "not ~ checked", "unchecked", "unedited",
];

/// A refusal that is none: the very opposite is said.
#[rustfmt::skip]
const REVERSED: &[&str] = &[
    "not prohibit*", "not forbid*", "not forbidden", "not banned", "not ban", "not disallow*",
    "not reject*", "not refuse", "no ban", "no prohibition", "no restriction*", "no rule*", "no objection*",
    "not ~ against", "not unwelcome", "not be rejected", "not be closed", "no problem", "nothing against",
    "not mind", "not ~ hesitate", "not discourag*",
];

/// What makes an exception of a refusal, in its sentence or at the head of the next one.
#[rustfmt::skip]
const EXCEPTION: &[&str] = &[
    "except*", "exempt*", "with the exception", "unless", "apart from", "other than", "case by case",
    "prior ~ approval", "prior ~ permission", "explicit ~ permission", "explicit ~ approval",
];

/// Approval that only the maintainers give is no exception that a contributor can count on.
#[rustfmt::skip]
const BY_LEAVE: &[&str] = &[
    "approval", "permission", "permitted by", "approved by", "authori*", "invited", "consent",
    "agreed with",
];

/// A condition, or advice against it.
#[rustfmt::skip]
const CONDITION: &[&str] = &[
    "disclos*", "must", "should", "have to", "need to", "required", "require*", "ensure", "state ~ used",
    "mention*", "declar*", "label*", "mark*", "acknowledg*", "assisted by", "co authored by", "understand*",
    "responsib*", "accountab*", "review*", "human in the loop", "explain*", "verif*", "discourag*",
    "careful*", "cautio*", "as long as", "provided", "if you", "avoid*", "with care", "transparen*",
    "supervis*", "oversight", "only if", "only when", "prefer*", "at your own", "sparingly", "be aware",
    "expect*", "own every", "vet*", "subject to", "same standard*", "same quality", "same bar",
    "limited to", "not rely", "slop", "scrutin*", "tell us", "let us know",
];

/// What sounds like a condition and sets none.
const NO_CONDITION: &[&str] =
    &["reviewed like", "treated like", "judged like", "reviewed as any", "same as any"];

/// A yes.
#[rustfmt::skip]
const CONSENT: &[&str] = &[
    "welcome*", "allow*", "permit*", "accept*", "feel free", "may use", "can use", "free to use", "fine",
    "ok", "okay", "encourag*", "happy to", "embrac*", "we use", "we ~ use", "acceptable", "support*",
    "go ahead", "good to go", "you may", "may comment", "may open", "may submit", "may contribute",
    "may post", "you can",
];

/// A pointer to rules that lie elsewhere.
const POINTER: &[&str] =
    &["see", "read", "refer to", "follow*", "described in", "found in", "found at", "outlined in", "polic*"];

/// Words that point back at what a heading or an earlier sentence named.
const BACK: &[&str] =
    &["these", "such", "this", "they", "it", "them", "those", "any", "generated", "tool", "tools", "assist*"];

/// What is not a contribution in itself: a refusal that names only these leaves the rest open.
#[rustfmt::skip]
const MEDIA: &[&str] = &[
    "image*", "art", "artwork", "icon*", "logo*", "audio", "music", "sound*", "voice*", "video*",
    "texture*", "translation*",
];

/// What a refusal of [`MEDIA`] must not also name.
#[rustfmt::skip]
const BEYOND_MEDIA: &[&str] = &[
    "code", "contribut*", "pull request*", "pr", "prs", "patch*", "commit*", "issue*", "comment*", "text",
    "content", "documentation", "report*",
];

/// Words of a sentence, bare and in lower case.
struct Words(Vec<String>);

impl Words {
    fn of(text: &str) -> Self {
        let mut plain = String::with_capacity(text.len());
        for c in text.chars().filter(|c| !is_invisible(*c)) {
            match c {
                '’' | '‘' | 'ʼ' => plain.push('\''),
                c => plain.extend(c.to_lowercase()),
            }
        }
        let words = plain.split(|c: char| !c.is_alphanumeric() && c != '\'');
        let mut out = Vec::new();
        for word in words.map(|word| word.trim_matches('\'')).filter(|word| !word.is_empty()) {
            push_plain(&mut out, word);
        }
        Self(out)
    }

    fn has(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.at(phrase))
    }

    fn at(&self, phrase: &str) -> bool {
        let pattern: Vec<&str> = phrase.split(' ').collect();
        (0..self.0.len()).any(|from| follows(self.0.get(from..).unwrap_or_default(), &pattern))
    }

    /// Without the phrases, so that what they hold is not found again.
    fn without(&self, phrases: &[&str]) -> Self {
        let mut words = self.0.clone();
        for phrase in phrases {
            let pattern: Vec<&str> = phrase.split(' ').collect();
            let found =
                (0..words.len()).find(|from| follows(words.get(*from..).unwrap_or_default(), &pattern));
            if let Some(from) = found {
                let many = pattern.len().min(words.len() - from);
                words.drain(from..from + many);
            }
        }
        Self(words)
    }
}

/// Spells out what is drawn together: `don't` is `do not`.
fn push_plain(out: &mut Vec<String>, word: &str) {
    let (stem, negated) = match word {
        "cannot" | "can't" | "cant" => ("can", true),
        "won't" | "wont" => ("will", true),
        "dont" => ("do", true),
        word => match word.strip_suffix("n't") {
            Some(stem) => (stem, true),
            None => (word.split('\'').next().unwrap_or(word), false),
        },
    };
    out.push(stem.to_owned());
    if negated {
        out.push("not".to_owned());
    }
}

/// Characters that hide within a word.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Whether `words` begins with `pattern`.
fn follows(words: &[String], pattern: &[&str]) -> bool {
    let Some((head, rest)) = pattern.split_first() else { return true };
    if *head == "~" {
        return (0..=5).any(|skip| words.get(skip..).is_some_and(|words| follows(words, rest)));
    }
    let Some((word, more)) = words.split_first() else { return false };
    let fits = match head.strip_suffix('*') {
        Some(beginning) => word.starts_with(beginning),
        None => word == head,
    };
    fits && follows(more, rest)
}

/// Where a sentence stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The sentence before it, unless a heading parts them.
    pub(super) before: Option<&'a Sentence>,
    /// The sentence after it.
    pub(super) after: Option<&'a Sentence>,
    /// The whole file is about nothing else.
    pub(super) about_ai: bool,
}

/// What `sentence` says, if it speaks of software that contributes.
pub(super) fn says(sentence: &Sentence, place: Place<'_>) -> Option<Says> {
    let words = Words::of(&sentence.text);
    let topic = topic(&words, sentence, place)?;
    let says = meaning(&words, topic, place.after);
    // What a reader does not see allows nothing.
    (!(sentence.hidden && says == Says::Allows)).then_some(says)
}

/// How surely a sentence is about software that contributes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Topic {
    /// It names the tools and the work.
    Named,
    /// It names the tools alone.
    Tools,
    /// It points back at a heading, or a file, that names them.
    Implied,
    /// It goes on from a sentence that names them.
    GoesOn,
}

fn topic(words: &Words, sentence: &Sentence, place: Place<'_>) -> Option<Topic> {
    let work = words.has(WORK);
    if words.has(AI) {
        return Some(if work || sentence.is_heading { Topic::Named } else { Topic::Tools });
    }
    if work && words.has(AUTOMATED) && (words.has(REFUSAL) || words.has(CONSENT)) {
        return Some(Topic::Named);
    }
    let above = sentence.headings.last().is_some_and(|heading| Words::of(heading).has(AI));
    if sentence.is_heading || !words.has(BACK) {
        return None;
    }
    if above || place.about_ai {
        return Some(Topic::Implied);
    }
    place.before.is_some_and(|before| Words::of(&before.text).has(AI)).then_some(Topic::GoesOn)
}

fn meaning(words: &Words, topic: Topic, next: Option<&Sentence>) -> Says {
    let reversed = words.has(REVERSED);
    let plain = words.without(REVERSED);
    let words = &words.without(NO_CONDITION);
    if plain.has(REFUSAL) {
        return refusal(&plain, topic, next);
    }
    if words.has(POINTER) && names_a_place(words) && !words.has(CONDITION) {
        return Says::Elsewhere;
    }
    if matches!(topic, Topic::Implied | Topic::GoesOn)
        && !reversed
        && !words.has(CONSENT)
        && !words.has(CONDITION)
    {
        return Says::Mentions;
    }
    match (words.has(CONDITION), reversed || words.has(CONSENT)) {
        (true, _) => Says::Conditions,
        (false, true) => Says::Allows,
        (false, false) => Says::Mentions,
    }
}

fn refusal(words: &Words, topic: Topic, next: Option<&Sentence>) -> Says {
    let only_media = words.has(MEDIA) && !words.has(BEYOND_MEDIA);
    if words.has(MEETABLE) || only_media {
        return Says::Conditions;
    }
    let excepted = words.has(EXCEPTION) && !words.has(BY_LEAVE);
    if excepted || next.is_some_and(|next| begins_an_exception(&next.text)) {
        return Says::RefusesBut;
    }
    match topic {
        Topic::Named | Topic::Implied => Says::Refuses,
        // "Do not paste the AI key here": about the tools, and perhaps not about contributions.
        Topic::Tools | Topic::GoesOn => Says::Mentions,
    }
}

/// "However, you may use it for …".
fn begins_an_exception(text: &str) -> bool {
    let words = Words::of(text);
    let heads = ["however", "exception", "exceptions", "except", "that said"];
    let begins = heads.iter().any(|head| follows(&words.0, &head.split(' ').collect::<Vec<_>>()));
    begins && !words.has(BY_LEAVE)
}

/// `docs/ai.md`, `https://…`: a file or a page.
fn names_a_place(words: &Words) -> bool {
    words.has(&["http", "https", "md", "rst", "adoc", "wiki", "here"])
}
