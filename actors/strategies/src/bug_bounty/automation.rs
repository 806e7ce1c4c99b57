//! Whether automated tools are allowed in a programme: quoted from its own words, never guessed.
//!
//! The quote is what counts; the stance beside it says how the words were taken, for whoever reads many. Where they
//! can be read in two ways the stricter reading is taken. A programme whose words say nothing of it is "not
//! stated", which is no leave: its page may say more. Pure; it reads English, and finds the word for automation in
//! most languages of the platforms, whose sentences are then "unclear".

use mm_sdk::Untrusted;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The most sentences that are quoted, the gravest first.
const QUOTES_MAX: usize = 3;

/// The most characters of a quoted sentence.
const QUOTE_CHARS_MAX: usize = 300;

/// The most bytes of a policy that are read.
const POLICY_BYTES_MAX: usize = 256 << 10;

/// How the words were taken. Ordered from the mildest to the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stance {
    /// Nothing is said.
    NotStated,
    /// They are allowed.
    Yes,
    /// They are mentioned, without a yes or a no.
    Unclear,
    /// They are allowed under conditions, or refused with an exception.
    Conditions,
    /// They are refused.
    No,
}

impl Stance {
    /// The stance as it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Stance::NotStated => "not stated",
            Stance::Yes => "yes",
            Stance::Unclear => "unclear",
            Stance::Conditions => "under conditions",
            Stance::No => "no",
        }
    }
}

/// What a programme says of automated tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Automation {
    /// How it was taken.
    pub stance: Stance,
    /// Its own words, each one harmless line, the gravest first.
    pub quotes: Vec<String>,
}

impl Automation {
    /// As it stands in the details of an opportunity.
    pub fn shown(&self) -> Value {
        let quote = match self.quotes.as_slice() {
            [] => "not stated".to_owned(),
            quotes => quotes.join(" … "),
        };
        json!({ "allowed": self.stance.as_str(), "quote": quote })
    }

    /// As it stands in a note to the owner.
    pub fn note(&self) -> String {
        match self.quotes.as_slice() {
            [] => "automated tools: not stated in what was read of the programme's rules, which is no leave"
                .to_owned(),
            quotes => format!("automated tools: {} (“{}”)", self.stance.as_str(), quotes.join("” “")),
        }
    }

    /// With a field of the platform's own that speaks of it, as it is written, which goes before all sentences.
    /// Where the field refuses what the words allow, neither is taken for the programme's will: it is unclear.
    #[must_use]
    pub fn with_field(mut self, name: &str, value: &str) -> Self {
        let refused = ["false", "no", "0"].contains(&value) || value.to_ascii_lowercase().contains("not");
        self.stance = match (refused, self.stance) {
            (true, Stance::Yes | Stance::Conditions) => Stance::Unclear,
            (true, _) => Stance::No,
            (false, stance) => stance.max(Stance::Conditions),
        };
        self.quotes.insert(0, Untrusted::new(format!("{name}: {value}")).line(QUOTE_CHARS_MAX));
        self.quotes.truncate(QUOTES_MAX);
        self
    }
}

/// What is not known to have been read.
pub fn not_read() -> Value {
    json!({ "allowed": "not read", "quote": "not read: see the programme's own page" })
}

/// Reads a programme's policy.
pub fn read(policy: &str) -> Automation {
    let mut end = policy.len().min(POLICY_BYTES_MAX);
    while !policy.is_char_boundary(end) {
        end -= 1;
    }
    let mut found: Vec<(Stance, String)> = Vec::new();
    for sentence in policy.get(..end).unwrap_or_default().lines().flat_map(sentences) {
        if let Some(stance) = stance(sentence) {
            let quote = Untrusted::new(sentence).line(QUOTE_CHARS_MAX);
            if !found.iter().any(|(_, other)| *other == quote) {
                found.push((stance, quote));
            }
        }
    }
    // A stable sort: within the same stance as the policy has them.
    found.sort_by_key(|(stance, _)| std::cmp::Reverse(*stance));
    let stance = found.first().map_or(Stance::NotStated, |(stance, _)| *stance);
    Automation { stance, quotes: found.into_iter().map(|(_, quote)| quote).take(QUOTES_MAX).collect() }
}

/// The sentences of a line, without the marks of a list in front.
fn sentences(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line.trim().trim_start_matches(['-', '*', '#', '>', '•', ' ', '\t']).trim_end_matches('*');
    std::iter::from_fn(move || {
        // A mark may close what the sentence stands in: `**Do not.** `.
        let ends = |(at, c): (usize, char)| {
            let after = rest.get(at + c.len_utf8()..)?;
            let closed = after.trim_start_matches(['*', '_', '"', '\'', ')', '”', '’', '`']);
            let end = rest.len() - closed.len();
            // What is asked stands with what is answered.
            (matches!(c, '.' | '!') && closed.starts_with(char::is_whitespace)).then_some(end)
        };
        let end = rest.char_indices().find_map(ends).unwrap_or(rest.len());
        let (sentence, after) = rest.split_at_checked(end)?;
        rest = after.trim_start();
        (!sentence.is_empty()).then(|| sentence.trim().trim_matches(['*', '_']))
    })
}

/// What a sentence says of automated tools; `None` if it does not speak of them.
fn stance(sentence: &str) -> Option<Stance> {
    let plain_text = sentence.to_lowercase().replace('’', "'").replace(['.', ',', '!', '?', ';', ':'], " ");
    let lower = format!(" {plain_text} ");
    // What is asked, or said of nobody, is no leave, whichever words it has.
    let grants_nothing = sentence.contains('?')
        || [" neither ", " nobody ", " no one ", " none "].iter().any(|word| lower.contains(word));
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let tools = has(&["scan", "tool", "outil", "werkzeug", "test", "report", "attack", "crawl", "request"]);
    let speaks = has(&["scanner", "automated", "automation", "automatis", "automatiz"])
        || (lower.contains("automat") && tools)
        || lower.contains(" scanning ");
    if !speaks {
        return None;
    }
    let refusals = [
        "cannot be allowed",
        "cannot be permitted",
        "not allowed",
        "not permitted",
        "not authori",
        "not accept",
        "not welcome",
        "disallow",
        "n't allow",
    ];
    let refuses = has(&refusals)
        || has(&[
            " no ",
            " not ",
            "n't ",
            " never ",
            " cannot ",
            " neither ",
            " nor ",
            " none ",
            " nobody ",
            "prohibit",
            "forbid",
            "avoid",
            "refrain",
            " ban",
            "ineligible",
            "out of scope",
            "out-of-scope",
            "exclude",
            "without",
            "unauthori",
            "will be rejected",
            "strictly against",
        ]);
    let mut plain = lower.clone();
    refusals.iter().for_each(|refusal| plain = plain.replace(refusal, " "));
    plain = plain.replace("unauthori", " ");
    let grants = ["allow", "permit", "may use", "can use", "welcome", "authori", " fine ", " ok "]
        .iter()
        .any(|word| plain.contains(word));
    let allows = grants && !grants_nothing;
    let limits = has(&[
        "unless",
        "without prior",
        "without permission",
        "without explicit",
        "excessive",
        "aggressive",
        "at most",
        "per second",
        "per minute",
        "/s",
        "rate",
        "limit",
        " only ",
        "provided",
        "must ",
        "please ",
        "heavy",
    ]);
    Some(match (refuses, allows, limits) {
        (true, false, false) => Stance::No,
        (true, true, _) | (_, _, true) => Stance::Conditions,
        (false, true, false) => Stance::Yes,
        (false, false, false) => Stance::Unclear,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(policy: &str) -> (Stance, Vec<String>) {
        let read = read(policy);
        (read.stance, read.quotes)
    }

    #[test]
    fn the_sentence_is_quoted_as_it_stands_and_the_gravest_counts() {
        let policy = "# Rules\n\nBe kind. We use automated systems to sort reports.\n\
                      - **Do not use automated scanners.** They cost us sleep.\n- Automated tools are allowed in staging.";
        let (stance, quotes) = one(policy);
        assert_eq!(stance, Stance::No);
        assert_eq!(quotes[0], "Do not use automated scanners.");
        assert!(quotes.contains(&"Automated tools are allowed in staging.".to_owned()), "{quotes:?}");
    }

    #[test]
    fn words_are_taken_strictly() {
        for (sentence, stance) in [
            ("The use of automated scanners is strictly prohibited.", Stance::No),
            ("Automated testing is not permitted!", Stance::No),
            ("Reports from automated tools will be rejected.", Stance::No),
            ("Automated scanning is allowed, at most 5 requests per second.", Stance::Conditions),
            ("No automated scanning unless we agreed to it.", Stance::Conditions),
            ("Please keep scanners below 10 requests per second.", Stance::Conditions),
            ("You may use automated tools.", Stance::Yes),
            ("Unauthorized automated testing happens.", Stance::No),
            ("Automated scanning cannot be permitted.", Stance::No),
            ("Neither automated scanners nor fuzzers are allowed.", Stance::No),
            ("Nobody may use automated tools.", Stance::No),
            ("You can’t use automated tools.", Stance::No),
            ("Are automated scanners allowed? No.", Stance::No),
            ("Are automated scanners allowed? Yes!", Stance::Unclear),
            ("Are automated scanners allowed?", Stance::Unclear),
            ("May I use automated tools? At most 5 requests per second.", Stance::Conditions),
            ("Automated tools exist.", Stance::Unclear),
            ("Les outils automatisés sont interdits.", Stance::Unclear),
            ("Be kind to each other.", Stance::NotStated),
            ("Scandinavian hosts are in scope.", Stance::NotStated),
            ("", Stance::NotStated),
        ] {
            assert_eq!(one(sentence).0, stance, "{sentence}");
        }
    }

    #[test]
    fn a_quote_is_harmless_and_bounded_and_a_field_goes_first() {
        let policy = format!("no automated \u{1b}[31m scanners {}", "x".repeat(1000));
        let read = read(&policy).with_field("automatedTooling", "5");
        assert_eq!((read.stance, read.quotes.len()), (Stance::No, 2));
        assert_eq!(read.quotes[0], "automatedTooling: 5");
        assert!(
            read.quotes
                .iter()
                .all(|quote| quote.chars().count() <= 301 && !quote.chars().any(char::is_control))
        );
        let none = super::read("Be kind.");
        assert_eq!(none.shown(), json!({ "allowed": "not stated", "quote": "not stated" }));
        assert_eq!(none.with_field("automatedTooling", "not_allowed").stance, Stance::No);
        let torn = super::read("You may use automated tools.").with_field("automatedTooling", "0");
        assert_eq!(
            torn.note(),
            "automated tools: unclear (“automatedTooling: 0” “You may use automated tools.”)"
        );
    }
}
