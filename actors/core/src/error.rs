//! The five classes of error, decided in one place.
//!
//! [`classify`] looks at a status or a transport fault and says what it is, whether another try
//! may help, whether the breaker counts it, whether the owner is told, and who can act. Every
//! connector and every service asks here; nobody else compares a status code with a number.

use serde::{Deserialize, Serialize};

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
    pub retry_after: Option<crate::moment::Moment>,
    /// Whether the platform's headers say that nothing is left of a quota
    /// (`X-RateLimit-Remaining: 0`): GitHub answers 403 for that.
    pub quota_spent: bool,
}

impl Signal {
    /// A signal that is a status and nothing else.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
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
}

/// It may pass by itself.
const TRANSIENT: Classified = Classified::new(ErrorClass::Transient, true, true, false, WhoActs::Machine);
/// It may pass, but the owner should look: a certificate, a captive portal.
const TRANSIENT_SEEN: Classified = Classified::new(ErrorClass::Transient, true, true, true, WhoActs::Owner);
/// Too fast. The platform is well, so its breaker does not count it.
const RATE_LIMIT: Classified = Classified::new(ErrorClass::RateLimit, true, false, false, WhoActs::Machine);
/// The credentials were not taken.
const AUTH: Classified = Classified::new(ErrorClass::Auth, false, true, true, WhoActs::Owner);
/// A rule, or a law, stands against it.
const COMPLIANCE: Classified = Classified::new(ErrorClass::Compliance, false, false, true, WhoActs::Owner);
/// The request is wrong and will stay wrong.
const FATAL: Classified = Classified::new(ErrorClass::Fatal, false, false, true, WhoActs::Author);
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
        });
    }
    let Some(status) = signal.status else { return Some(FATAL) };
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
mod tests {
    use super::*;
    use crate::moment::Moment;
    use expect_test::expect;

    fn line(name: String, classified: Option<Classified>) -> String {
        let Some(c) = classified else { return format!("{name:18} fine\n") };
        let yes = |b: bool, word: &'static str| if b { word } else { "-" };
        format!(
            "{name:18} {:10} {:5} {:7} {:5} {:?}\n",
            c.class.as_str(),
            yes(c.retry, "retry"),
            yes(c.breaker_counts, "breaker"),
            yes(c.alert, "alert"),
            c.who_acts,
        )
    }

    #[test]
    fn every_status_that_platforms_send_has_its_class() {
        let mut table = String::new();
        for status in [
            100, 200, 206, 301, 304, 307, 400, 401, 402, 403, 404, 405, 407, 408, 409, 410, 413, 420, 421,
            422, 423, 425, 428, 429, 451, 500, 501, 502, 503, 504, 505, 511, 522, 600, 999,
        ] {
            table += &line(status.to_string(), classify(Signal::status(status)));
        }
        let wait = Signal { retry_after: Some(Moment::default()), ..Signal::status(403) };
        table += &line("403 retry-after".into(), classify(wait));
        let spent = Signal { quota_spent: true, ..Signal::status(403) };
        table += &line("403 quota spent".into(), classify(spent));
        let wait = Signal { retry_after: Some(Moment::default()), ..Signal::status(503) };
        table += &line("503 retry-after".into(), classify(wait));
        table += &line("nothing at all".into(), classify(Signal::default()));
        expect![[r#"
            100                fatal      -     -       alert Author
            200                fine
            206                fine
            301                fatal      -     -       alert Author
            304                fine
            307                fatal      -     -       alert Author
            400                fatal      -     -       alert Author
            401                auth       -     breaker alert Owner
            402                fatal      -     -       alert Author
            403                auth       -     breaker alert Owner
            404                fatal      -     -       -     Author
            405                fatal      -     -       alert Author
            407                auth       -     breaker alert Owner
            408                transient  retry breaker -     Machine
            409                fatal      -     -       alert Author
            410                fatal      -     -       -     Author
            413                fatal      -     -       alert Author
            420                rate limit retry -       -     Machine
            421                transient  retry breaker -     Machine
            422                fatal      -     -       alert Author
            423                transient  retry breaker -     Machine
            425                transient  retry breaker -     Machine
            428                fatal      -     -       alert Author
            429                rate limit retry -       -     Machine
            451                compliance -     -       alert Owner
            500                transient  retry breaker -     Machine
            501                fatal      -     -       alert Author
            502                transient  retry breaker -     Machine
            503                transient  retry breaker -     Machine
            504                transient  retry breaker -     Machine
            505                fatal      -     -       alert Author
            511                transient  retry breaker alert Owner
            522                transient  retry breaker -     Machine
            600                fatal      -     -       alert Author
            999                fatal      -     -       alert Author
            403 retry-after    rate limit retry -       -     Machine
            403 quota spent    rate limit retry -       -     Machine
            503 retry-after    transient  retry breaker -     Machine
            nothing at all     fatal      -     -       alert Author
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn every_transport_fault_has_its_class() {
        let mut table = String::new();
        for fault in FAULTS {
            let name = format!("{fault:?}").split(' ').next().unwrap_or_default().to_owned();
            table += &line(name, classify(Signal::transport(fault)));
        }
        expect![[r#"
            Dns                transient  retry breaker -     Machine
            ForbiddenAddress   compliance -     -       alert Owner
            Connect            transient  retry breaker -     Machine
            Tls                transient  retry breaker alert Owner
            Timeout            transient  retry breaker -     Machine
            Reset              transient  retry breaker -     Machine
            Protocol           transient  retry breaker -     Machine
            TooLarge           fatal      -     -       alert Author
            Truncated          transient  retry breaker -     Machine
            BadEncoding        transient  retry breaker -     Machine
            BadRedirect        fatal      -     -       alert Author
        "#]]
        .assert_eq(&table);
    }

    const FAULTS: [TransportFault; 11] = [
        TransportFault::Dns,
        TransportFault::ForbiddenAddress,
        TransportFault::Connect,
        TransportFault::Tls,
        TransportFault::Timeout,
        TransportFault::Reset,
        TransportFault::Protocol,
        TransportFault::TooLarge { max_bytes: 1 },
        TransportFault::Truncated,
        TransportFault::BadEncoding,
        TransportFault::BadRedirect,
    ];

    #[test]
    fn over_all_statuses_only_what_may_pass_is_retried_and_limits_never_open_a_breaker() {
        for status in 0..=1000 {
            for retry_after in [None, Some(Moment::default())] {
                for quota_spent in [false, true] {
                    let signal = Signal { status: Some(status), transport: None, retry_after, quota_spent };
                    let Some(c) = classify(signal) else {
                        assert!(status / 100 == 2 || status == 304, "{status}");
                        continue;
                    };
                    let passes = matches!(c.class, ErrorClass::Transient | ErrorClass::RateLimit);
                    assert_eq!(c.retry, passes, "{status}");
                    let counted = matches!(c.class, ErrorClass::Transient | ErrorClass::Auth);
                    assert_eq!(c.breaker_counts, counted, "{status}");
                    if c.class == ErrorClass::Auth {
                        assert!(c.alert && c.who_acts == WhoActs::Owner, "{status}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_transport_fault_outweighs_the_status_that_came_before_it() {
        for fault in FAULTS {
            let both = Signal { status: Some(200), ..Signal::transport(fault) };
            assert_eq!(classify(both), classify(Signal::transport(fault)));
            assert!(classify(both).is_some());
        }
    }
}
