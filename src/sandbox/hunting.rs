//! Platforms for bug hunters with an account: HackerOne, Intigriti, YesWeHack.
//!
//! Public programmes are those of the made world's scope files; beside them each platform has a few private ones,
//! whose scope grows. At HackerOne a hunter's reports, bounties, earnings and payouts are a function of seed, login
//! and time; a test may add to them ([`Turn`]). A token is any that begins with `sandbox-`; the login follows up to
//! a dot, and after it `expired` and `revoked` are turned away. It uses no type of the connectors. What it serves is
//! in `docs/sandbox.md`; anything else is 404, and nobody takes a report. Touches nothing.

mod hackerone;
mod intigriti;
mod purse;
mod yeswehack;

use std::collections::BTreeMap;

use super::github::query;
use super::message::{Request, Response};
use super::scatter::{of_text, pick, scatter};
use super::world::{Feed, Programme, World};
use purse::Purse;
pub use purse::{Awarded, Turn};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
/// The beginning of 2026: before it nobody hunted here.
const EPOCH_MS: i64 = 1_767_225_600_000;
/// Private programmes of each platform.
const PRIVATE: usize = 3;
/// A private programme has one more target after so long.
const GROWS_MS: i64 = 3 * DAY_MS;
/// The most targets of a private programme.
const TARGETS_MAX: i64 = 300;

/// The platforms, and what was done there.
#[derive(Debug, Default)]
pub(super) struct Hunting {
    purse: Purse,
    /// How often each login asked HackerOne for each kind of page, in which minute.
    asked: BTreeMap<(String, &'static str), (i64, u32)>,
}

impl Hunting {
    pub(super) fn is_at(url: &str) -> bool {
        [hackerone::API, intigriti::API, yeswehack::API].iter().any(|api| url.starts_with(api))
    }

    /// The login a request is made with, for the oracle: the token itself is not written down.
    pub(super) fn account_of(request: &Request) -> Option<String> {
        match Asker::of(request) {
            Asker::Login(login) if Self::is_at(&request.url) => Some(login),
            _ => None,
        }
    }

    /// What a hunter was awarded at HackerOne.
    pub(super) fn awarded(&self, seed: u64, login: &str, now_ms: i64) -> Vec<Awarded> {
        self.purse.standing(seed, login, now_ms).awarded()
    }

    /// Something happens to every hunter at HackerOne.
    pub(super) fn turn(&mut self, turn: Turn, now_ms: i64) {
        self.purse.turn(turn, now_ms);
    }

    pub(super) fn answer(&mut self, world: &World, request: &Request, now_ms: i64) -> Response {
        match &request.url {
            url if url.starts_with(hackerone::API) => self.hackerone(world, request, now_ms),
            url if url.starts_with(intigriti::API) => intigriti::answer(world, request, now_ms),
            _ => yeswehack::answer(world, request, now_ms),
        }
    }

    /// Whether the login has asked more often in this minute than `max` times.
    fn is_over(&mut self, login: &str, what: &'static str, max: u32, now_ms: i64) -> bool {
        let minute = now_ms.div_euclid(MINUTE_MS);
        let count = self.asked.entry((login.to_owned(), what)).or_insert((minute, 0));
        if count.0 != minute {
            *count = (minute, 0);
        }
        count.1 += 1;
        count.1 > max
    }
}

/// Who asks, as far as the token says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asker {
    Nobody,
    /// A token that is not, or no longer, one of ours.
    Bad,
    Login(String),
}

impl Asker {
    fn of(request: &Request) -> Self {
        let Some(header) = request.header("authorization") else { return Self::Nobody };
        let token = match header.split_once(' ') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => {
                unbase64(rest.trim()).and_then(|pair| pair.split_once(':').map(|(_, token)| token.to_owned()))
            }
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => Some(rest.trim().to_owned()),
            _ => None,
        };
        let Some(token) = token else { return Self::Bad };
        let Some(rest) = token.strip_prefix("sandbox-") else { return Self::Bad };
        let (login, tail) = rest.split_once('.').unwrap_or((rest, ""));
        let bad = login.is_empty() || matches!(tail, "expired" | "revoked");
        if bad { Self::Bad } else { Self::Login(login.to_owned()) }
    }
}

/// Base 64 with padding (RFC 4648, 4), of a text.
pub(crate) fn unbase64(text: &str) -> Option<String> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for c in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | u32::from(value(c)?);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}

/// A private programme.
struct Private {
    /// What tells it from the others, as its platform writes it.
    slug: String,
    name: String,
    salt: u64,
    targets: Vec<String>,
}

/// The private programmes of a platform at this moment.
fn private(seed: u64, platform: &str, now_ms: i64) -> Vec<Private> {
    let age = ((now_ms - EPOCH_MS).max(0) / GROWS_MS).min(TARGETS_MAX);
    let one = |nth: usize| {
        let salt = scatter(&[seed, of_text(platform), of_text("private"), nth as u64]);
        let word = pick(salt, &["amber", "basalt", "cedar", "dune", "ember", "fjord"]);
        // Handles as platforms have them: with an underscore, and long.
        let slug = match nth {
            1 => format!("hidden-{word}_{nth}"),
            2 => format!("hidden-{word}-{nth}-{}", "of-a-house-with-a-long-name-".repeat(2)),
            _ => format!("hidden-{word}-{nth}"),
        };
        let host = format!("hidden-{word}-{nth}");
        let targets = (0..=age + 2).map(|n| format!("t{n}.{host}.example")).collect();
        Private { name: format!("Hidden {word} {nth}"), slug, salt, targets }
    };
    (0..PRIVATE).map(one).collect()
}

/// What a programme says of automated tools, among other things.
fn policy(salt: u64) -> String {
    let said = pick(
        salt / 17,
        &[
            "**Do not use automated scanners.** They cost us sleep.",
            "Automated tools are allowed, at most 5 requests per second.",
            "You may use automated tools.",
            "We use automated systems to sort what comes in.",
            "",
        ],
    );
    format!(
        "# Rules\n\nTest with accounts of your own.\n\n- {said}\n- Tell nobody before we have mended it.\n"
    )
}

/// The public programmes of a platform, as its scope file has them.
fn public(world: &World, feed: Feed, now_ms: i64) -> Vec<Programme> {
    world.at(feed, now_ms)
}

/// A number of the query, by either spelling of its brackets.
fn number(url: &str, name: &str) -> Option<usize> {
    let encoded = name.replace('[', "%5B").replace(']', "%5D");
    query(url, &encoded).or_else(|| query(url, name))?.parse().ok()
}
