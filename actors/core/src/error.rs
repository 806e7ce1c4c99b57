//! The five classes of error, decided in one place.
//!
//! [`classify`] looks at a [`Signal`] (a status, a transport fault, and what the answer says of
//! itself, which [`said`] reads from headers and body) and says what it is, whether another try
//! may help, whether the breaker counts it, whether the owner is told, and who can act. Every
//! connector and every service asks here; nobody else compares a status code with a number.
//!
//! | class | retry? | breaker? | alert? | who acts? |
//! |---|---|---|---|---|
//! | transient | yes | counts | only where a person can help (a certificate, a portal) | the machine |
//! | rate limit | after the reset | no: the platform is well | no | the machine |
//! | auth | never | counts; for an account until a person acts | yes | the owner |
//! | auth, by scope alone | never | no: the credential is good, for something else | yes | the owner |
//! | compliance | never | no | yes | the owner |
//! | fatal | never | no: the platform answered | yes, but for *not there* | the author |
//! | fatal, one place that is shut | never | no: all else is open | no: who asked tells of it | the owner |

use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::limit::{learn, parse_retry_after};
use crate::moment::Moment;
use crate::url::LogicalUrl;

mod body;

pub use body::{Said, has_marks_of_a_wall, said, said_of, wall, words};

/// What an error is, and so what may be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// It may pass: retried with exponential backoff and full jitter.
    Transient,
    /// A limit is reached: queued, and tried after the reset.
    RateLimit,
    /// The credentials were not taken: never hammered.
    Auth,
    /// A rule forbids it: blocked, and the owner is told.
    Compliance,
    /// It will not pass: the strategy stops.
    Fatal,
}

impl ErrorClass {
    /// The class in words.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorClass::Transient => "transient",
            ErrorClass::RateLimit => "rate limit",
            ErrorClass::Auth => "auth",
            ErrorClass::Compliance => "compliance",
            ErrorClass::Fatal => "fatal",
        }
    }
}

/// What went wrong between us and the platform before there was a whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransportFault {
    /// The host's name did not resolve.
    Dns,
    /// The host resolved to an address that is never dialled (private, loopback, link-local …).
    ForbiddenAddress,
    /// Nobody took the connection.
    Connect,
    /// The TLS handshake failed, or the certificate is not the host's.
    Tls,
    /// The time limit of the request passed.
    Timeout,
    /// The connection broke off.
    Reset,
    /// What came was no HTTP.
    Protocol,
    /// The answer was longer than allowed, after decompression.
    TooLarge {
        /// The limit, in bytes.
        max_bytes: u64,
    },
    /// The answer ended before it was whole.
    Truncated,
    /// The answer's compression was broken.
    BadEncoding,
    /// A redirect led nowhere that may be called, or there were too many.
    BadRedirect,
    /// A page for people came where data was asked for.
    Wall(Wall),
}

/// A page for people that stands where data was asked for. It is never read as data: an answer that
/// is not understood is unknown, not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wall {
    /// It asks for a password.
    Login,
    /// It asks for proof of being a person. It is not got round: the platform wants no software here.
    Bot,
    /// It says neither: a captive portal, a page of maintenance, somebody else's server.
    Page,
}

impl TransportFault {
    /// Whether the request may have reached the platform all the same. A mutating action with
    /// such a fault is ambiguous and never retried blindly.
    pub fn may_have_arrived(self) -> bool {
        !matches!(
            self,
            TransportFault::Dns
                | TransportFault::ForbiddenAddress
                | TransportFault::Connect
                | TransportFault::Tls
        )
    }

    /// The fault as the middle of a sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            TransportFault::Dns => "the host's name did not resolve",
            TransportFault::ForbiddenAddress => "the host resolves to an address that is never called",
            TransportFault::Connect => "the host did not take the connection",
            TransportFault::Tls => "no secure connection could be made",
            TransportFault::Timeout => "the answer did not come in time",
            TransportFault::Reset => "the connection broke off",
            TransportFault::Protocol => "what came back was no HTTP",
            TransportFault::TooLarge { .. } => "the answer was larger than allowed",
            TransportFault::Truncated => "the answer ended too early",
            TransportFault::BadEncoding => "the answer's compression was broken",
            TransportFault::BadRedirect => "a redirect led nowhere that may be called",
            TransportFault::Wall(Wall::Login) => "a page that asks for a password came instead of data",
            TransportFault::Wall(Wall::Bot) => {
                "a page that asks whether one is a person came instead of data; it is not got round"
            }
            TransportFault::Wall(Wall::Page) => "a page for people came instead of data",
        }
    }
}

impl std::fmt::Display for TransportFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TransportFault::TooLarge { max_bytes } => {
                write!(f, "the answer was larger than the {max_bytes} bytes allowed")
            }
            other => f.write_str(other.as_str()),
        }
    }
}

/// What there is to judge an error by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Signal {
    /// The HTTP status, if a head came.
    pub status: Option<u16>,
    /// What the transport met; it outweighs the status.
    pub transport: Option<TransportFault>,
    /// Until when the platform asks to be left alone (`Retry-After`), if it does.
    pub retry_after: Option<Moment>,
    /// Whether the platform's headers say that nothing is left of a quota
    /// (`X-RateLimit-Remaining: 0`): GitHub answers 403 for that.
    pub quota_spent: bool,
    /// What the answer says of itself beyond its status.
    pub said: Said,
}

impl Signal {
    /// A signal that is a status and nothing else.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// All that an answer which came at `now` is judged by: a 403 that names a wait is another thing than one that
    /// does not. `url` is what was asked for, where that is known to matter; header names are in lower case.
    pub fn of(
        url: Option<&LogicalUrl>,
        (status, headers, body): (u16, &[(String, String)], &[u8]),
        now: Moment,
    ) -> Self {
        let retry = headers.iter().find(|(name, _)| name == "retry-after");
        Self {
            status: Some(status),
            transport: None,
            retry_after: retry
                .and_then(|(_, value)| parse_retry_after(value, now))
                .map(|wait| now.plus(wait)),
            quota_spent: learn(headers, now).is_some_and(|learned| learned.remaining == 0),
            said: url.map_or_else(|| said(status, headers, body), |url| said_of(url, status, headers, body)),
        }
    }

    /// A signal that is a transport fault and nothing else.
    pub fn transport(fault: TransportFault) -> Self {
        Self { transport: Some(fault), ..Self::default() }
    }
}

/// Who can make it better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhoActs {
    /// The machine, by waiting and trying again.
    Machine,
    /// The owner: a credential, a decision, a network.
    Owner,
    /// Whoever wrote the strategy or its connector: the request itself is wrong.
    Author,
}

/// An error, judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Classified {
    /// What it is.
    pub class: ErrorClass,
    /// Whether the same *read* may be tried again by itself. A mutating action also needs
    /// [`TransportFault::may_have_arrived`] to be false, or a status that proves it was not done.
    pub retry: bool,
    /// Whether the breaker of the platform counts it as a failure.
    pub breaker_counts: bool,
    /// Whether the owner is told at once.
    pub alert: bool,
    /// Who can make it better.
    pub who_acts: WhoActs,
}

impl Classified {
    const fn new(class: ErrorClass, retry: bool, counts: bool, alert: bool, who: WhoActs) -> Self {
        Self { class, retry, breaker_counts: counts, alert, who_acts: who }
    }

    /// The class as a breaker is told it: a refusal that it does not count shows that the platform is well.
    pub fn for_breaker(&self) -> ErrorClass {
        match self.class {
            ErrorClass::Auth if !self.breaker_counts => ErrorClass::Fatal,
            class => class,
        }
    }
}

/// It may pass by itself.
const TRANSIENT: Classified = Classified::new(ErrorClass::Transient, true, true, false, WhoActs::Machine);
/// It may pass, but the owner should look: a certificate, a captive portal.
const TRANSIENT_SEEN: Classified = Classified::new(ErrorClass::Transient, true, true, true, WhoActs::Owner);
/// Too fast. The platform is well, so its breaker does not count it.
const RATE_LIMIT: Classified = Classified::new(ErrorClass::RateLimit, true, false, false, WhoActs::Machine);
/// The credentials were not taken.
const AUTH: Classified = Classified::new(ErrorClass::Auth, false, true, true, WhoActs::Owner);
/// The credential is good and may not do this: it needs another scope, and everything else goes on.
const SCOPE: Classified = Classified::new(ErrorClass::Auth, false, false, true, WhoActs::Owner);
/// A rule, or a law, stands against it.
const COMPLIANCE: Classified = Classified::new(ErrorClass::Compliance, false, false, true, WhoActs::Owner);
/// The request is wrong and will stay wrong.
const FATAL: Classified = Classified::new(ErrorClass::Fatal, false, false, true, WhoActs::Author);
/// This one place is shut, to the account or to everybody; the credential is good, and all else is open.
const SHUT: Classified = Classified::new(ErrorClass::Fatal, false, false, false, WhoActs::Owner);
/// There is nothing here: the read failed, the platform is well, and nothing is on fire.
const NOT_THERE: Classified = Classified::new(ErrorClass::Fatal, false, false, false, WhoActs::Author);

/// Judges what came back. `None` means that nothing is wrong: 2xx, or 304 to a conditional read.
///
/// Redirects are followed above this, each hop as an action of its own; a 3xx that arrives here is
/// one that could not be followed. A signal with neither status nor fault is a bug and is fatal.
pub fn classify(signal: Signal) -> Option<Classified> {
    if let Some(fault) = signal.transport {
        return Some(match fault {
            TransportFault::Dns
            | TransportFault::Connect
            | TransportFault::Timeout
            | TransportFault::Reset
            | TransportFault::Protocol
            | TransportFault::Truncated
            | TransportFault::BadEncoding => TRANSIENT,
            TransportFault::Tls => TRANSIENT_SEEN,
            TransportFault::ForbiddenAddress => COMPLIANCE,
            TransportFault::TooLarge { .. } | TransportFault::BadRedirect => FATAL,
            TransportFault::Wall(Wall::Login) => AUTH,
            TransportFault::Wall(Wall::Bot) => COMPLIANCE,
            TransportFault::Wall(Wall::Page) => TRANSIENT_SEEN,
        });
    }
    let Some(status) = signal.status else { return Some(FATAL) };
    by_what_it_says(status, signal).or_else(|| by_status(status, signal))
}

/// Whether an answer is a no about the one place that was asked for, and says nothing of any other.
pub fn is_of_its_own(url: &LogicalUrl, answer: &Answer) -> bool {
    let signal = Signal::of(Some(url), (answer.status, &answer.headers, &answer.body), answer.at);
    let refused = classify(signal).filter(|found| !found.breaker_counts);
    body::is_of_one_thing(url)
        && answer.status == 403
        && refused.is_some_and(|found| matches!(found.class, ErrorClass::Auth | ErrorClass::Fatal))
}

/// What an answer says of itself outweighs its status: GraphQL says "too fast" with a 200, OAuth
/// "this refresh token is over" with a 400. Server errors keep their own class, but for walls.
fn by_what_it_says(status: u16, signal: Signal) -> Option<Classified> {
    match signal.said {
        Said::Nothing => None,
        Said::BotWall => Some(COMPLIANCE),
        _ if status == 401 => Some(AUTH),
        _ if status == 304 || status >= 500 => None,
        Said::TooFast => Some(RATE_LIMIT),
        // 404 and 410 say more than a complaint in their body does.
        _ if matches!(status, 404 | 410 | 429 | 420 | 451) => None,
        Said::BadCredential => Some(AUTH),
        Said::OutOfScope if signal.retry_after.is_some() || signal.quota_spent => None,
        Said::OutOfScope => Some(SCOPE),
        Said::Shut if signal.retry_after.is_some() || signal.quota_spent => None,
        Said::Shut => Some(SHUT),
        Said::NotThere => Some(NOT_THERE),
        Said::Trouble => Some(TRANSIENT),
        Said::Failed if (200..300).contains(&status) => Some(FATAL),
        Said::Failed => None,
    }
}

fn by_status(status: u16, signal: Signal) -> Option<Classified> {
    match status {
        200..=299 | 304 => None,
        // 403 and 429 are how platforms say "too fast"; 420 is an old spelling of 429.
        420 | 429 => Some(RATE_LIMIT),
        403 if signal.retry_after.is_some() || signal.quota_spent => Some(RATE_LIMIT),
        401 | 403 | 407 => Some(AUTH),
        404 | 410 => Some(NOT_THERE),
        // RFC 9110, 15.5.9 and RFC 8470, 5.2: the same request may be sent again. 421: on
        // another connection (RFC 9110, 15.5.20). 423 is a lock that somebody will give back.
        408 | 421 | 423 | 425 => Some(TRANSIENT),
        // RFC 7725: unavailable for legal reasons.
        451 => Some(COMPLIANCE),
        // A captive portal stands between us and the platform (RFC 6585, 6).
        511 => Some(TRANSIENT_SEEN),
        // Not implemented, no such version: asking again changes nothing.
        501 | 505 | 506 | 510 => Some(FATAL),
        500..=599 => Some(TRANSIENT),
        _ => Some(FATAL),
    }
}

#[cfg(test)]
mod tests;
