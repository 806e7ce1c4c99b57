//! Faults: what outside platforms do on bad days, switched on by tests, by URL or in a seeded mix.
//!
//! Touches nothing. A fault either answers in the platform's place (the platform never saw the request)
//! or spoils the platform's own answer (it acted, and the asker may not learn so):
//! [`Fault::lets_through`] tells which. An endless feed is generated as it is read, never stored.

mod bodies;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::github::{self, Github};
use super::message::{Body, Delay, Request, Response};
use super::oracle::SECRET;
use super::scatter::{below, of_text, scatter};

/// One way in which an answer goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// This status with a short text, for example 500 or 403.
    Status(u16),
    /// 429 with `Retry-After` in seconds.
    TooManyRequests {
        /// Rounded down to whole seconds.
        retry_after: Duration,
    },
    /// GitHub's hourly budget is spent: 403 or 429 with nothing remaining until then.
    PrimaryLimit {
        /// 403 or 429.
        status: u16,
        /// Seconds since 1970.
        reset_s: i64,
    },
    /// GitHub's secondary limit: 403 or 429, with or without word of how long.
    SecondaryLimit {
        /// 403 or 429.
        status: u16,
        /// Rounded down to whole seconds.
        retry_after: Option<Duration>,
    },
    /// GitHub does not take the token: it is expired or revoked.
    BadCredentials,
    /// A redirect to this address, which may be a private one.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// The `Location` header, unchecked.
        to: String,
    },
    /// A complete HTTP answer holding only the first bytes of the document.
    Truncated {
        /// How many bytes are left of it.
        keep_bytes: usize,
    },
    /// A page of HTML in place of the JSON, with status 200.
    NotJson,
    /// JSON in which almost every field has the wrong type.
    WrongTyped,
    /// Status 200 and no byte of body.
    Empty,
    /// Any other body, with status 200.
    Document(Bytes),
    /// A well-formed list that never ends.
    Endless,
    /// A gzip stream without end that unpacks to about 150 times its size.
    GzipBomb,
    /// The right body, in pieces with a pause before each.
    Slow {
        /// Size of a piece; at least 1.
        piece_bytes: usize,
        /// The pause.
        pause: Duration,
    },
    /// The right answer, late.
    Stall {
        /// How late.
        wait: Duration,
    },
    /// The connection breaks after so many bytes of the right body.
    Reset {
        /// At 0 the head still arrives.
        after_bytes: usize,
    },
    /// The platform acts on the request, and the connection breaks before any answer.
    AnswerLost,
    /// The right answer with a `Date` that is off by so much.
    ClockOff {
        /// Positive: the platform's clock is ahead.
        by_ms: i64,
    },
}

impl Fault {
    /// A short name for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::TooManyRequests { .. } => "too-many-requests",
            Self::PrimaryLimit { .. } => "primary-limit",
            Self::SecondaryLimit { .. } => "secondary-limit",
            Self::BadCredentials => "bad-credentials",
            Self::Redirect { .. } => "redirect",
            Self::Truncated { .. } => "truncated",
            Self::NotJson => "not-json",
            Self::WrongTyped => "wrong-typed",
            Self::Empty => "empty",
            Self::Document(_) => "document",
            Self::Endless => "endless",
            Self::GzipBomb => "gzip-bomb",
            Self::Slow { .. } => "slow",
            Self::Stall { .. } => "stall",
            Self::Reset { .. } => "reset",
            Self::AnswerLost => "answer-lost",
            Self::ClockOff { .. } => "clock-off",
        }
    }

    /// Does the platform still see the request and act on it?
    pub fn lets_through(&self) -> bool {
        matches!(
            self,
            Self::Truncated { .. }
                | Self::Slow { .. }
                | Self::Stall { .. }
                | Self::Reset { .. }
                | Self::AnswerLost
                | Self::ClockOff { .. }
        )
    }

    /// How far the `Date` header is off.
    pub(super) fn clock_off_ms(&self) -> i64 {
        match self {
            Self::ClockOff { by_ms } => *by_ms,
            _ => 0,
        }
    }

    /// The answer in the platform's place.
    pub(super) fn instead(&self, request: &Request) -> Response {
        match self {
            Self::Status(status) => Response::text(*status, format!("{status}: made to fail\n")),
            Self::TooManyRequests { retry_after } => Response::text(429, "429: too many requests\n")
                .with_header("retry-after", &retry_after.as_secs().to_string()),
            Self::PrimaryLimit { status, reset_s } => github::spent(*status, *reset_s),
            Self::SecondaryLimit { status, retry_after } => github::too_fast(*status, *retry_after),
            Self::BadCredentials => github::bad_credentials(),
            Self::Redirect { status, to } => Response::text(*status, "").with_header("location", to),
            Self::NotJson => Response::new(200, "text/html; charset=utf-8", bodies::PAGE),
            Self::WrongTyped => Response::text(200, bodies::WRONG_TYPED),
            Self::Empty => Response::text(200, ""),
            Self::Document(document) => Response::text(200, document.clone()),
            Self::Endless => streamed(Response::text(200, ""), bodies::endless(&request.url)),
            Self::GzipBomb => {
                streamed(Response::text(200, ""), bodies::gzip_bomb()).with_header("content-encoding", "gzip")
            }
            // These spoil an answer and never stand in for one.
            _ => Response::text(500, "500: this fault needs an answer to spoil\n"),
        }
    }

    /// The platform's own answer, spoilt. The entity tag goes where the document is not whole, so that
    /// nobody can be told later that half a document is still current.
    pub(super) fn spoil(&self, mut answer: Response) -> Response {
        match self {
            Self::Truncated { keep_bytes } => {
                if let Body::Bytes(bytes) = &mut answer.body {
                    bytes.truncate(*keep_bytes);
                }
                answer.without_header("etag").without_header("last-modified")
            }
            Self::Slow { piece_bytes, pause } => {
                answer.delay.before_piece = *pause;
                match std::mem::replace(&mut answer.body, Body::NoAnswer) {
                    Body::Bytes(whole) => streamed(answer, bodies::pieces(whole, *piece_bytes)),
                    other => Response { body: other, ..answer },
                }
            }
            Self::Stall { wait } => {
                Response { delay: Delay { before_head: *wait, ..answer.delay }, ..answer }
            }
            Self::Reset { after_bytes } => {
                if let Body::Bytes(whole) = &answer.body {
                    let announced = whole.len().max(after_bytes.saturating_add(1));
                    let first = whole.slice(..whole.len().min(*after_bytes));
                    answer = answer.with_header("content-length", &announced.to_string());
                    answer.body = Body::Broken(first);
                }
                answer
            }
            Self::AnswerLost => Response { body: Body::NoAnswer, ..answer },
            _ => answer,
        }
    }
}

fn streamed(mut answer: Response, pieces: impl Iterator<Item = Bytes> + Send + 'static) -> Response {
    answer.body = Body::Stream(Box::new(pieces));
    answer
}

/// What a platform as a whole does for an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spell {
    /// Every request is one too many.
    TooManyRequests,
    /// GitHub's secondary limit holds, without word of how long; of another platform, [`Spell::TooManyRequests`].
    SecondaryLimit,
    /// No token is taken. What carries none is answered as ever.
    BadCredentials,
    /// The platform is down.
    Down,
    /// Answers come late, and in pieces.
    Slow,
}

impl Spell {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::TooManyRequests, Self::SecondaryLimit, Self::BadCredentials, Self::Down, Self::Slow];

    /// What a request meets in it.
    fn fault(self, request: &Request) -> Option<Fault> {
        let is_github = Github::is_at(&request.url);
        Some(match self {
            Self::SecondaryLimit if is_github => Fault::SecondaryLimit { status: 403, retry_after: None },
            Self::TooManyRequests | Self::SecondaryLimit => {
                Fault::TooManyRequests { retry_after: Duration::from_secs(20 * 60) }
            }
            Self::BadCredentials => {
                SECRET.iter().find_map(|name| request.header(name))?;
                if is_github { Fault::BadCredentials } else { Fault::Status(401) }
            }
            Self::Down => Fault::Status(503),
            Self::Slow => Fault::Slow { piece_bytes: 16 << 10, pause: Duration::from_millis(400) },
        })
    }
}

/// A random share of requests meets one of these faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultMix {
    /// Same seed, same requests in the same order per URL: same faults.
    pub seed: u64,
    /// Out of 1,000 requests, how many meet a fault.
    pub per_mille: u16,
    /// Which faults, each as likely as the others.
    pub kinds: Vec<Fault>,
    /// Out of 1,000 hours of a platform, how many are spent in a [`Spell`], each kind as likely as the others.
    pub spells_per_mille: u16,
}

impl FaultMix {
    /// The faults a reader of feeds must live with, without the ones that take long or never end, and no
    /// spells.
    pub fn common(seed: u64, per_mille: u16) -> Self {
        Self {
            seed,
            per_mille,
            kinds: vec![
                Fault::Status(500),
                Fault::Status(403),
                Fault::TooManyRequests { retry_after: Duration::from_secs(90) },
                Fault::Truncated { keep_bytes: 1_000 },
                Fault::NotJson,
                Fault::WrongTyped,
                Fault::Empty,
                Fault::Reset { after_bytes: 700 },
                Fault::AnswerLost,
            ],
            spells_per_mille: 0,
        }
    }

    /// The same with spells in a share of the hours.
    #[must_use]
    pub fn with_spells(self, per_mille: u16) -> Self {
        Self { spells_per_mille: per_mille, ..self }
    }

    /// The spell that the platform of this URL is in.
    pub fn spell(&self, url: &str, now_ms: i64) -> Option<Spell> {
        let host = url.strip_prefix("https://").unwrap_or(url).split('/').next()?;
        let hour = now_ms.div_euclid(3_600_000).cast_unsigned();
        let dice = scatter(&[self.seed, of_text(host), of_text("spell"), hour]);
        let is_in = dice % 1_000 < u64::from(self.spells_per_mille);
        is_in.then(|| Spell::ALL[below(dice / 1_000, Spell::ALL.len())])
    }

    fn pick(&self, url: &str, nth: u64) -> Option<Fault> {
        let dice = scatter(&[self.seed, of_text(url), nth]);
        if dice % 1_000 >= u64::from(self.per_mille) {
            return None;
        }
        self.kinds.get(below(dice / 1_000, self.kinds.len())).cloned()
    }
}

/// The faults switched on at present.
#[derive(Debug, Default)]
pub(super) struct Faults {
    rules: Vec<Rule>,
    mix: Option<FaultMix>,
    /// How often each URL was asked for since the mix was set.
    asked: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Rule {
    url_contains: String,
    fault: Fault,
    left: Option<u32>,
}

impl Faults {
    pub(super) fn add(&mut self, url_contains: &str, fault: Fault, left: Option<u32>) {
        self.rules.push(Rule { url_contains: url_contains.to_owned(), fault, left });
    }

    pub(super) fn set_mix(&mut self, mix: Option<FaultMix>) {
        self.mix = mix;
        self.asked.clear();
    }

    /// The fault this request meets: the newest rule that fits, else what the mix says, a spell before a
    /// single fault.
    pub(super) fn pick(&mut self, request: &Request, now_ms: i64) -> Option<Fault> {
        self.rules.retain(|rule| rule.left != Some(0));
        let fits = |rule: &&mut Rule| request.url.contains(&rule.url_contains);
        if let Some(rule) = self.rules.iter_mut().rev().find(fits) {
            rule.left = rule.left.map(|left| left.saturating_sub(1));
            return Some(rule.fault.clone());
        }
        let mix = self.mix.as_ref()?;
        let nth = self.asked.entry(request.url.clone()).or_default();
        *nth += 1;
        let of_spell = mix.spell(&request.url, now_ms).and_then(|spell| spell.fault(request));
        of_spell.or_else(|| mix.pick(&request.url, *nth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_refused_in_whatever_header_it_comes() {
        let url = "https://www.freelancer.com/api/users/0.1/self";
        let met = |header: &str| {
            Spell::BadCredentials.fault(&Request::get(url).with_header(header, "sandbox-octo.1"))
        };
        assert_eq!(met("authorization"), Some(Fault::Status(401)));
        assert_eq!(met("Freelancer-OAuth-V1"), Some(Fault::Status(401)));
        assert_eq!(met("accept"), None);
    }
}
