//! The classes as tables: every status, every fault, every word that an answer may say of itself.

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
        100, 200, 206, 301, 304, 307, 400, 401, 402, 403, 404, 405, 407, 408, 409, 410, 413, 420, 421, 422,
        423, 425, 428, 429, 451, 500, 501, 502, 503, 504, 505, 511, 522, 600, 999,
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
        let name = format!("{fault:?}").split(" {").next().unwrap_or_default().to_owned();
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
        Wall(Login)        auth       -     breaker alert Owner
        Wall(Bot)          compliance -     -       alert Owner
        Wall(Page)         transient  retry breaker alert Owner
    "#]]
    .assert_eq(&table);
}

const FAULTS: [TransportFault; 14] = [
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
    TransportFault::Wall(Wall::Login),
    TransportFault::Wall(Wall::Bot),
    TransportFault::Wall(Wall::Page),
];

#[test]
fn over_all_statuses_only_what_may_pass_is_retried_and_limits_never_open_a_breaker() {
    for status in 0..=1000 {
        for retry_after in [None, Some(Moment::default())] {
            for quota_spent in [false, true] {
                let signal = Signal { retry_after, quota_spent, ..Signal::status(status) };
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

const ALL_SAID: [Said; 9] = [
    Said::Nothing,
    Said::TooFast,
    Said::BadCredential,
    Said::OutOfScope,
    Said::NotThere,
    Said::Shut,
    Said::Trouble,
    Said::Failed,
    Said::BotWall,
];

/// A body is another's text. It may show trouble where the status shows none; it never talks us out of
/// any, and never into knocking again with a credential that was not taken.
#[test]
fn no_body_talks_its_answer_out_of_trouble() {
    for status in 0..=1000 {
        let plain = classify(Signal::status(status));
        for said in ALL_SAID {
            let with = classify(Signal { said, ..Signal::status(status) });
            assert!(plain.is_none() || with.is_some(), "{status} {said:?}");
            if status == 401 && said != Said::BotWall {
                assert_eq!(with, plain, "{said:?}");
            }
            if let Some(c) = with {
                let passes = matches!(c.class, ErrorClass::Transient | ErrorClass::RateLimit);
                assert_eq!(c.retry, passes, "{status} {said:?}");
                assert!(c.class != ErrorClass::RateLimit || !c.breaker_counts, "{status} {said:?}");
            }
        }
    }
}

/// Every fault as the middle of a sentence: no two are told alike.
#[test]
fn every_transport_fault_is_told() {
    let told: Vec<String> = FAULTS.iter().map(TransportFault::to_string).collect();
    expect![[r#"
        the host's name did not resolve
        the host resolves to an address that is never called
        the host did not take the connection
        no secure connection could be made
        the answer did not come in time
        the connection broke off
        what came back was no HTTP
        the answer was larger than the 1 bytes allowed
        the answer ended too early
        the answer's compression was broken
        a redirect led nowhere that may be called
        a page that asks for a password came instead of data
        a page that asks whether one is a person came instead of data; it is not got round
        a page for people came instead of data
    "#]]
    .assert_eq(&(told.join("\n") + "\n"));
    for (fault, told) in FAULTS.iter().zip(&told) {
        let sized = matches!(fault, TransportFault::TooLarge { .. });
        assert_eq!(told == fault.as_str(), !sized, "{told}");
    }
    let large = TransportFault::TooLarge { max_bytes: 512 };
    assert_eq!(large.as_str(), "the answer was larger than allowed");
    assert_eq!(large.to_string(), "the answer was larger than the 512 bytes allowed");
}

#[test]
fn refused_credentials_are_not_tried_again_count_and_are_told_to_the_owner() {
    let refused = Classified::new(ErrorClass::Auth, false, true, true, WhoActs::Owner);
    assert_eq!(classify(Signal::status(401)), Some(refused));
    assert_eq!((refused.retry, refused.breaker_counts, refused.alert), (false, true, true));
}

/// Of several errors the one counts that most needs somebody to stop.
#[test]
fn what_an_answer_says_has_one_order_from_mild_to_hard() {
    let mut order = ALL_SAID;
    order.sort_by_key(|said| super::body::rank(*said));
    assert_eq!(
        order,
        [
            Said::Nothing,
            Said::NotThere,
            Said::Shut,
            Said::Trouble,
            Said::Failed,
            Said::OutOfScope,
            Said::TooFast,
            Said::BadCredential,
            Said::BotWall,
        ]
    );
}

/// Only what broke before the request could leave proves that nothing arrived. Everything else may have: a
/// change is then ambiguous, and is not sent again.
#[test]
fn a_change_is_sent_again_only_if_nothing_can_have_arrived() {
    use TransportFault::{Connect, Dns, ForbiddenAddress, Tls};
    for fault in FAULTS {
        let before = matches!(fault, Dns | ForbiddenAddress | Connect | Tls);
        assert_eq!(fault.may_have_arrived(), !before, "{fault}");
    }
}

#[test]
fn the_words_of_a_refusal_are_those_of_its_gravest_error() {
    let said = |body: &str| words(body.as_bytes()).map(|words| words.line(100));
    for (body, right) in [
        (r#"{"message":"Bad credentials","documentation_url":"x"}"#, Some("Bad credentials")),
        (
            r#"{"data":null,"errors":[{"type":"NOT_FOUND","message":"no such user"},
               {"type":"INSUFFICIENT_SCOPES","message":"Your token has not been granted the required scopes"},
               {"type":"INSUFFICIENT_SCOPES","message":"nor this"}]}"#,
            Some("Your token has not been granted the required scopes"),
        ),
        (r#"{"errors":[{"status":"403","title":"Forbidden"}]}"#, Some("Forbidden")),
        (r#"{"error":"invalid_grant","error_description":"it is over"}"#, Some("it is over")),
        (r#"{"errors":[{"message":" "}],"data":{}}"#, None),
        (r#"{"errors":[7],"message":9}"#, None),
        ("<p>No.</p>", None),
        ("", None),
    ] {
        assert_eq!(said(body).as_deref(), right, "{body}");
    }
}

/// GitHub's 403 about one repository, in its own form, is that repository's. A limit, a credential, an account, a
/// stranger's page, and what is asked of no repository stay what they are.
#[test]
fn a_no_to_one_repository_is_its_own() {
    let judged = |url: &str, headers: &[(&str, &str)], body: &str| {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let url = LogicalUrl::parse(url).unwrap();
        let answer = Answer { status: 403, headers, body: body.into(), at: Moment::from_unix_ms(0) };
        let signal = Signal::of(Some(&url), (answer.status, &answer.headers, &answer.body), answer.at);
        let found = classify(signal).unwrap();
        assert!(!found.retry || found.class == ErrorClass::RateLimit, "{found:?}");
        (found.class.as_str(), found.for_breaker() == ErrorClass::Auth, is_of_its_own(&url, &answer))
    };
    let (shut, issue) = (("fatal", false, true), "https://api.github.com/repos/acme/widget/issues/7");
    let locked = r#"{"message":"Unable to create comment because issue is locked."}"#;
    let spent = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "60")];
    for (url, headers, body, right) in [
        (issue, &[][..], locked, shut),
        ("https://api.github.com/repositories/1/issues/7", &[], locked, shut),
        (
            issue,
            &[],
            r#"{"message":"Resource not accessible by personal access token"}"#,
            ("auth", false, true),
        ),
        (issue, &[("retry-after", "60")], locked, ("rate limit", false, false)),
        (issue, &spent, locked, ("rate limit", false, false)),
        (
            issue,
            &[],
            r#"{"message":"You have exceeded a secondary rate limit."}"#,
            ("rate limit", false, false),
        ),
        (issue, &[], r#"{"message":"Sorry. Your account was suspended."}"#, ("auth", true, false)),
        (issue, &[], r#"{"message":"Maximum number of login attempts exceeded."}"#, ("auth", true, false)),
        (issue, &[], "<html>Forbidden by your proxy</html>", ("auth", true, false)),
        (issue, &[], "<html>captcha</html>", ("compliance", false, false)),
        (issue, &[], "", ("auth", true, false)),
        ("https://api.github.com/user", &[], locked, ("auth", true, false)),
        ("https://api.github.com/search/issues?q=a", &[], locked, ("auth", true, false)),
        ("https://api.github.com/graphql", &[], locked, ("auth", true, false)),
        ("https://api.example.com/repos/acme/widget", &[], locked, ("auth", true, false)),
    ] {
        assert_eq!(judged(url, headers, body), right, "{url} {body}");
    }
}

/// A programme that is not shown to the account is refused alone; a wrong token, a limit, a wall, a stranger's page and
/// the lists of all programmes stay what they are.
#[test]
fn a_no_to_one_programme_is_its_own() {
    let judged = |url: &str, status: u16, headers: &[(&str, &str)], body: &str| {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let url = LogicalUrl::parse(url).unwrap();
        let answer = Answer { status, headers, body: body.into(), at: Moment::from_unix_ms(0) };
        let signal = Signal::of(Some(&url), (answer.status, &answer.headers, &answer.body), answer.at);
        let found = classify(signal).unwrap();
        (found.class.as_str(), found.for_breaker() == ErrorClass::Auth, is_of_its_own(&url, &answer))
    };
    let (shut, auth) = (("fatal", false, true), ("auth", true, false));
    let programmes = [
        "https://api.intigriti.com/external/researcher/v1/programs/0083a5bf-e54f-4f79-a972-12a795272c8b",
        "https://api.hackerone.com/v1/hackers/programs/vault",
        "https://api.hackerone.com/v1/hackers/programs/vault/structured_scopes?page%5Bsize%5D=100",
        "https://api.yeswehack.com/programs/secret",
    ];
    for one in programmes {
        for body in [
            "",
            "{}",
            r#"{"title":"Forbidden","status":403}"#,
            r#"{"errors":[{"status":"403","title":"Forbidden"}]}"#,
        ] {
            assert_eq!(judged(one, 403, &[], body), shut, "{one} {body}");
            assert_eq!(judged(one, 401, &[], body), auth, "{one} {body}");
        }
        for (headers, body, right) in [
            (&[("retry-after", "60")][..], "", ("rate limit", false, false)),
            (
                &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "60")],
                "",
                ("rate limit", false, false),
            ),
            (&[], r#"{"message":"Rate limit exceeded"}"#, ("rate limit", false, false)),
            (&[], r#"{"error":"invalid_token"}"#, auth),
            (&[("www-authenticate", "Bearer error=\"invalid_token\"")], "", auth),
            (&[], "Request blocked", auth),
            (&[], r#"{"message":"Request blocked"}"#, auth),
            (&[], "<html>Forbidden by your proxy</html>", auth),
            (&[], "<html>captcha</html>", ("compliance", false, false)),
        ] {
            assert_eq!(judged(one, 403, headers, body), right, "{one} {body}");
        }
    }
    for other in [
        "https://api.intigriti.com/external/researcher/v1/programs?limit=500&offset=0",
        "https://api.intigriti.com/external/researcher/v1/programs/activities?limit=5",
        "https://api.hackerone.com/v1/hackers/programs?page%5Bsize%5D=100",
        "https://api.hackerone.com/v1/hackers/programs/",
        "https://api.hackerone.com/v1/hackers/payments/earnings",
        "https://api.yeswehack.com/programs?page=1",
        "https://api.example.com/programs/secret",
    ] {
        assert_eq!(judged(other, 403, &[], ""), auth, "{other}");
    }
}
