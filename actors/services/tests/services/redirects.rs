//! Redirects: each hop is an action of its own, and leads nowhere that the rules do not allow.

use mm_core::activity::{ActionRecord, Stage};
use mm_core::run::{Outcome, RunRecord};
use mm_sdk::{Act, Method, Report, Request};
use mm_services::testing::{
    Bench, HOST, Machine, PLATFORM, Said, Script, action, head, limit, post, rule, url,
};

/// One run that reads `/a`, with what `/a` redirects to.
fn redirected(to: &'static str, check: impl AsyncFnOnce(&Machine, RunRecord)) {
    let mut bench = Bench::new(1);
    bench.install(Script::reads("reader", &["/a"]));
    bench.world.answer(move |request| match request.path() {
        "/a" => Said::redirect(302, to),
        path => Said::status(200, path),
    });
    bench.live(async |machine| {
        let run = machine.run("reader").await;
        check(machine, run).await;
    });
}

#[test]
fn a_redirect_to_where_the_rules_allow_is_an_action_of_its_own() {
    redirected("/b", async |machine, run| {
        assert_eq!(run.outcome, Some(Outcome::Succeeded), "{:?}", run.errors);
        assert_eq!(machine.world.paths(), ["GET /a", "GET /b"]);
        let records = machine.rows::<ActionRecord>();
        let [(first_id, first), (_, hop)] = records.as_slice() else { panic!("{records:?}") };
        assert_eq!((first.stage, first.answer_status), (Stage::Confirmed, Some(302)));
        assert_eq!((hop.stage, hop.answer_status), (Stage::Confirmed, Some(200)));
        assert_eq!(hop.parent.as_ref().map(|id| id.as_str()), Some(first_id.as_str()));
        assert_eq!(first.parent, None);
        let permitted = machine.audit_of("action.permitted");
        assert_eq!(permitted.len(), 2);
        assert!(permitted[1].contains("/b"));
        assert_eq!(machine.audit_of("action.confirmed").len(), 2);
    });
    // To another host of the same pack, too.
    redirected("https://other.sim.example.com/b", async |machine, run| {
        // The pack's host list has it, but no rule's URL: the rules decide, not the list of hosts.
        assert_eq!((run.outcome, machine.world.count()), (Some(Outcome::Failed), 1));
    });
}

/// Who asks for the head alone asks what is there: that it lies elsewhere is the answer, and nothing is sent there.
#[test]
fn the_redirect_of_a_head_is_its_answer() {
    let mut bench = Bench::new(1);
    let any = format!("https://{HOST}/*");
    let own = rule("sim/head", "read", "permit", "HEAD", &any);
    bench.rules.put("sim.toml", &[head(PLATFORM, &[HOST]), own, limit(9, "1d")].concat());
    bench.install(Script::new("header", |cx| {
        Box::pin(async move {
            let request = Request::new(Method::Head, url("/a"), Vec::new()).unwrap();
            let Act::Done(answer) = cx.act("head", action("read", request)).await? else {
                panic!("no answer")
            };
            assert_eq!(
                (answer.status, answer.header("location")),
                (301, Some("https://elsewhere.example.org/"))
            );
            Ok(Report::default())
        })
    }));
    bench.world.answer(|_| Said::redirect(301, "https://elsewhere.example.org/"));
    bench.live(async |machine| {
        assert_eq!(machine.run("header").await.outcome, Some(Outcome::Succeeded));
        assert_eq!(machine.world.paths(), ["HEAD /a"]);
        assert!(machine.alerts().is_empty(), "{:?}", machine.alerts());
    });
}

#[test]
fn a_redirect_to_anywhere_else_is_refused_in_one_sentence() {
    for (to, says) in [
        ("https://evil.example.org/b", "host `evil.example.org` is not among the hosts"),
        ("http://sim.example.com/b", "the URL's scheme is `http`; only https is called"),
        ("https://127.0.0.1/b", "the URL's host is the address 127.0.0.1"),
        ("https://2130706433/b", "the URL's host is the address 127.0.0.1"),
        ("https://[::1]/b", "the URL's host is the address [::1]"),
        ("https://169.254.169.254/latest/meta-data", "the URL's host is the address 169.254.169.254"),
        ("https://localhost/b", "local name"),
        ("https://sim.example.com:8443/b", "a port"),
        ("https://user:pass@sim.example.com/b", "a user name or password"),
        ("file:///etc/passwd", "the URL's scheme is `file`"),
    ] {
        redirected(to, async |machine, run| {
            assert_eq!(run.outcome, Some(Outcome::Failed), "{to}");
            assert_eq!(run.errors.len(), 1, "{to}");
            assert!(run.errors[0].contains(says), "{to}: {:?}", run.errors);
            assert!(!run.errors[0].contains("pass@"), "{to}: {:?}", run.errors);
            assert_eq!(machine.world.count(), 1, "{to}");
            // The record of what was refused says so, and is no success.
            let refused: Vec<_> = machine.rows::<ActionRecord>().into_iter().map(|(_, row)| row).collect();
            let last = refused.last().unwrap();
            assert!(matches!(last.stage, Stage::Blocked | Stage::Failed), "{to}: {last:?}");
            assert!(last.error.as_ref().is_some_and(|error| error.contains(says)), "{to}: {last:?}");
            assert!(machine.alerts().iter().any(|(about, _)| about == "blocked/sim/read"), "{to}");
        });
    }
}

#[test]
fn a_loop_ends_after_five_redirects() {
    redirected("/a", async |machine, run| {
        assert_eq!(machine.world.count(), 6);
        assert!(run.errors[0].contains("redirects more than 5 times"), "{:?}", run.errors);
        assert_eq!(machine.audit_of("action.permitted").len(), 6, "each hop was judged");
    });
}

#[test]
fn hops_are_charged_like_any_action() {
    let mut bench = Bench::new(2);
    bench.rules.put("sim.toml", &mm_services::testing::pack(2, "1d"));
    bench.install(Script::reads("reader", &["/a"]));
    bench.world.answer(|_| Said::redirect(301, "/a"));
    bench.live(async |machine| {
        let run = machine.run("reader").await;
        assert!(run.errors[0].contains("the limit of 2"), "{:?}", run.errors);
    });
    assert_eq!(bench.world.count(), 2);
}

/// One post to `/post`, answered with a redirect; what its strategy was told.
fn posted(status: u16, to: &'static str, check: impl AsyncFnOnce(&Machine, String)) {
    let mut bench = Bench::new(3);
    bench.install(Script::new("poster", |cx| {
        Box::pin(async move {
            let said = match cx.act("p", post("/post", "x")).await? {
                Act::Done(answer) => format!("done {}", answer.status),
                Act::Refused(refusal) => refusal.why,
                Act::Pending(id) => format!("pending {id}"),
            };
            Ok(Report { errors: vec![said], ..Report::default() })
        })
    }));
    bench.world.answer(move |request| match request.path() {
        "/post" => Said::redirect(status, to),
        path => Said::status(201, path),
    });
    bench.live(async |machine| {
        let run = machine.run("poster").await;
        check(machine, run.errors[0].clone()).await;
    });
}

/// 301 and 302 do not say whether the change was made, and another host is never asked to make it.
#[test]
fn a_change_that_is_redirected_without_a_word_of_its_own_is_for_the_owner_to_look_at() {
    for (status, to) in [
        (301, "/post2"),
        (302, "/post2"),
        (307, "https://other.sim.example.com/post2"),
        (308, "https://other.sim.example.com/post2"),
        (307, "https://evil.example.org/post2"),
        (308, "http://sim.example.com/post2"),
        (307, "https://127.0.0.1/post2"),
    ] {
        posted(status, to, async |machine, said| {
            assert!(said.contains("redirects a request that changes something"), "{said}");
            assert_eq!(machine.world.paths(), ["POST /post"], "{status} to {to}");
            assert!(machine.alerts().iter().any(|(about, _)| about.starts_with("ambiguous/")), "{status}");
        });
    }
}

/// 307 and 308 on the same host: the same change elsewhere, judged, permitted and recorded by itself.
#[test]
fn a_change_that_is_sent_on_within_its_host_is_judged_again() {
    for status in [307, 308] {
        posted(status, "/post2", async |machine, said| {
            assert_eq!(said, "done 201");
            assert_eq!(machine.world.paths(), ["POST /post", "POST /post2"]);
            let log = machine.world.log();
            assert_eq!(log[0].body, log[1].body);
            assert_eq!(machine.audit_of("action.permitted").len(), 2);
            assert_eq!(machine.alerts(), []);
            // It was not made where it was sent first, and no record says so.
            let records = machine.rows::<ActionRecord>();
            let [(_, first), (_, hop)] = records.as_slice() else { panic!("{records:?}") };
            assert_eq!((first.stage, first.answer_status), (Stage::Failed, Some(status)));
            assert!(first.error.as_ref().is_some_and(|error| error.contains("redirects to")), "{first:?}");
            assert_eq!((hop.stage, hop.answer_status), (Stage::Confirmed, Some(201)));
            assert_eq!(machine.audit_of("action.confirmed").len(), 1);
        });
        // The rules permit no such post.
        posted(status, "/elsewhere", async |machine, said| {
            assert!(said.contains("no rule"), "{said}");
            assert_eq!(machine.world.paths(), ["POST /post"]);
        });
    }
}

/// An answer of the kind that leads nowhere does not say that the change was made.
#[test]
fn a_change_that_is_redirected_to_nowhere_may_have_happened() {
    for status in [300, 301, 302, 304, 305, 306, 307, 308] {
        let mut bench = Bench::new(5);
        bench.install(Script::new("poster", |cx| {
            Box::pin(async move {
                let act = cx.act("p", post("/post", "x")).await?;
                let Act::Refused(refusal) = act else { panic!("{act:?}") };
                Ok(Report { errors: vec![refusal.why], ..Report::default() })
            })
        }));
        bench.world.answer(move |_| Said::status(status, ""));
        bench.live(async |machine| {
            let said = machine.run("poster").await.errors.remove(0);
            assert!(said.contains("which leads nowhere"), "{status}: {said}");
            let (_, record) = machine.rows::<ActionRecord>().remove(0);
            assert_eq!((record.stage, record.answer_status), (Stage::Ambiguous, Some(status)));
            assert!(machine.audit_of("action.confirmed").is_empty(), "{status}");
        });
    }
}

#[test]
fn a_303_after_a_change_is_its_answer() {
    let mut bench = Bench::new(4);
    bench.install(Script::new("poster", |cx| {
        Box::pin(async move {
            let act = cx.act("p", post("/post", "x")).await?;
            let Act::Done(answer) = act else { panic!("{act:?}") };
            Ok(Report { errors: vec![answer.status.to_string()], ..Report::default() })
        })
    }));
    bench.world.answer(|_| Said::redirect(303, "/done"));
    bench.live(async |machine| {
        assert_eq!(machine.run("poster").await.errors, ["303"]);
        assert_eq!(machine.world.paths(), ["POST /post"]);
        assert_eq!(machine.alerts(), []);
    });
}

/// A 303 after a change says "done, see there" (RFC 9110, 15.4.4): an answer, in the journal as such.
#[test]
fn a_303_after_a_change_is_its_answer_also_for_a_run_that_resumes() {
    let mut bench = Bench::new(4);
    bench.install(Script::new("poster", |cx| {
        Box::pin(async move {
            let act = cx.act("p", post("/post", "x")).await?;
            mm_services::testing::read(cx, "s2", "/slow").await?;
            let said = match act {
                Act::Done(answer) => format!("done {}", answer.status),
                other => format!("{other:?}"),
            };
            Ok(Report { errors: vec![said], ..Report::default() })
        })
    }));
    bench.world.answer(|request| match request.path() {
        "/post" => Said::redirect(303, "/see"),
        _ => Said::status(200, "").after(std::time::Duration::from_secs(30)),
    });
    bench.live(async |machine| {
        let trigger = mm_core::run::Trigger::Operator;
        machine.services.strategies.start("poster", trigger).await.unwrap().unwrap();
        machine.until("the second step is on its way", || machine.world.count() == 2).await;
    });
    bench.live(async |machine| {
        let run = machine.idle("poster").await.unwrap();
        assert_eq!((run.attempt, run.errors), (2, vec!["done 303".to_owned()]));
        assert_eq!(machine.world.paths(), ["POST /post", "GET /slow", "GET /slow"]);
    });
}
