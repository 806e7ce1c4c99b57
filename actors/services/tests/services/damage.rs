//! Rows that do not open: closed to all that need them, and nothing else falls.

use std::time::Duration;

use mm_core::action::{Method, Request};
use mm_core::activity::{ActionRecord, Stage};
use mm_core::id::Space;
use mm_core::run::{Outcome, Trigger};
use mm_sdk::{Act, Report};
use mm_services::records::{
    AccountKind, AlertRow, ApprovalRow, ChangeRow, CredentialRow, HealthRow, LookUpRow, OpenRow,
};
use mm_services::testing::{Bench, HOST, PLATFORM, Script, action, add_account, get, post, url};
use mm_store::{Change, Key, Kind, Record};
use serde::{Deserialize, Serialize};

/// Puts what is no such row in the place of row `id` of kind `$kind`.
macro_rules! spoil {
    ($bench:expr, $kind:literal, $id:expr) => {
        spoil!($bench, $kind, Space::machine(), $id)
    };
    ($bench:expr, $kind:literal, $space:expr, $id:expr) => {{
        #[derive(Debug, Clone, Serialize, Deserialize)]
        struct Other(String);
        impl Record for Other {
            const KIND: Kind = Kind::new($kind, 9_900, 1);
        }
        $bench.meddle(|store| {
            let other = Other("something else".to_owned());
            store.commit_blocking(Change::new().put(&$space, $id, &other).unwrap()).unwrap();
        });
    }};
}

/// Reads `/a` and says in its errors why it was not done.
fn reporter() -> Script {
    Script::new("reader", |cx| {
        Box::pin(async move {
            let errors = match cx.act("s1", get("/a")).await? {
                Act::Done(_) => Vec::new(),
                other => vec![format!("{other:?}")],
            };
            Ok(Report { errors, ..Report::default() })
        })
    })
}

/// Proposes what a person is asked about.
fn asker() -> Script {
    Script::new("asker", |cx| {
        Box::pin(async move {
            let request = Request::new(Method::Post, url("/ask"), b"hello".to_vec()).unwrap();
            cx.act("ask", action("ask", request.header("content-type", "text/plain").unwrap())).await?;
            Ok(Report::default())
        })
    })
}

/// Whatever row of those an act is decided by is damaged: nothing leaves, the row is named, no service
/// falls, and all is well when the row is.
#[test]
fn a_damaged_row_that_decides_stops_the_acts_and_no_service() {
    for which in 0..4 {
        let mut bench = Bench::new(which);
        bench.install(reporter());
        bench.live(async |machine| machine.run("reader").await);
        let (kind, id) = match which {
            0 => ("quota", format!("platform/{PLATFORM}/*/1d")),
            1 => ("cool-down", PLATFORM.to_owned()),
            2 => ("last-act", PLATFORM.to_owned()),
            _ => ("breaker", format!("{PLATFORM}/@{HOST}/read")),
        };
        match which {
            0 => spoil!(bench, "quota", &id),
            1 => spoil!(bench, "cool-down", &id),
            2 => spoil!(bench, "last-act", &id),
            _ => spoil!(bench, "breaker", &id),
        }
        bench.live(async |machine| {
            // More often than any service may fall before the kernel does.
            for _ in 0..25 {
                let run = machine.run("reader").await;
                let named = format!("the row _/{kind}/{id}");
                assert!(
                    run.errors[0].contains(&named) && run.errors[0].contains("damaged"),
                    "{:?}",
                    run.errors
                );
            }
            assert_eq!(machine.world.count(), 1, "nothing leaves by a damaged {kind}");
            assert!(machine.services.kernel_is_up());
        });
        bench.meddle(|store| {
            let kind = match which {
                0 => Kind::new("quota", 9_900, 1),
                1 => Kind::new("cool-down", 9_900, 1),
                2 => Kind::new("last-act", 9_900, 1),
                _ => Kind::new("breaker", 9_900, 1),
            };
            let key = Key::new(&Space::machine(), kind, &id).unwrap();
            store.commit_blocking(Change::new().delete(key)).unwrap();
        });
        bench.live(async |machine| {
            assert_eq!(machine.run("reader").await.errors, [""; 0], "{kind}");
        });
    }
}

#[test]
fn a_damaged_alert_is_begun_anew_and_the_service_goes_on() {
    let mut bench = Bench::new(9);
    spoil!(bench, "alert", "disk");
    bench.live(async |machine| {
        let alerts = &machine.services.alerts;
        alerts.raise(&Space::machine(), "disk", "one");
        alerts.raise(&Space::machine(), "other", "two");
        let there = |about: &str| machine.store.get::<AlertRow>(&Space::machine(), about);
        machine.until("both are there", || there("disk").is_ok() && there("other").unwrap().is_some()).await;
        assert_eq!(there("disk").unwrap().unwrap().value.sentence, "one");
    });
}

/// A run that is cut off by all this is none that must not be.
#[test]
fn a_damaged_quota_is_no_reason_not_to_start_a_run() {
    let mut bench = Bench::new(10);
    bench.install(Script::new("idle", |_| Box::pin(async { Ok(Report::default()) })));
    spoil!(bench, "quota", "machine/*/*/1d");
    bench.live(async |machine| {
        let started = machine.services.strategies.start("idle", Trigger::Operator).await.unwrap();
        assert!(started.is_ok(), "{started:?}");
        assert_eq!(machine.idle("idle").await.unwrap().outcome, Some(Outcome::Succeeded));
    });
}

/// What was approved and cannot be read is told, and holds up nothing else.
#[test]
fn a_damaged_change_or_question_is_told_and_the_inbox_goes_on() {
    for which in 0..2 {
        let (mut bench, space) = (Bench::new(20 + which), Space::default_owner());
        bench.install(asker());
        let (action, question) = bench.live(async |machine| {
            machine.run("asker").await;
            (machine.rows::<ChangeRow>().remove(0).0, machine.rows::<ApprovalRow>().remove(0).0)
        });
        match which {
            0 => spoil!(bench, "change", space, &action),
            _ => spoil!(bench, "approval", space, &question),
        }
        bench.live(async |machine| {
            let about = format!("damaged/{action}");
            machine.until("it is told", || machine.alerts().iter().any(|(own, _)| *own == about)).await;
            for _ in 0..25 {
                machine.services.approvals.wake();
                machine.pass(Duration::from_secs(60)).await;
            }
            assert!(machine.services.kernel_is_up());
        });
    }
}

/// Of a row that said "this is open" the name is enough: what may have happened is not forgotten.
#[test]
fn what_a_damaged_row_left_open_is_settled_or_told() {
    for which in 0..2 {
        let (mut bench, space) = (Bench::new(30 + which), Space::default_owner());
        bench.install(Script::new("poster", |cx| {
            Box::pin(async move {
                cx.act("p", post("/post", "once")).await?;
                Ok(Report::default())
            })
        }));
        let mut record = bench.live(async |machine| {
            machine.run("poster").await;
            machine.rows::<ActionRecord>().remove(0).1
        });
        // As a crash between the intent and the answer leaves it.
        record.stage = Stage::Sending;
        let id = record.id.to_string();
        bench.meddle(|store| {
            let open = OpenRow { mutating: true, since: record.at };
            let change = Change::new().put(&space, &id, &record).unwrap().put(&space, &id, &open).unwrap();
            store.commit_blocking(change).unwrap();
        });
        match which {
            0 => spoil!(bench, "open", space, &id),
            _ => spoil!(bench, "action", space, &id),
        }
        bench.live(async |machine| {
            let about = ["ambiguous", "damaged"].map(|sort| format!("{sort}/{id}"))[which as usize].clone();
            machine.until("it is told", || machine.alerts().iter().any(|(own, _)| *own == about)).await;
            if which == 0 {
                assert_eq!(machine.rows::<ActionRecord>()[0].1.stage, Stage::Ambiguous);
                assert_eq!((machine.rows::<OpenRow>().len(), machine.rows::<LookUpRow>().len()), (0, 1));
            }
            assert!(machine.services.kernel_is_up());
        });
    }
}

/// What is kept of one account is damaged: its own acts find that out, and no service falls.
#[test]
fn a_damaged_account_costs_its_own_acts_and_a_damaged_look_is_begun_anew() {
    for kind in ["account", "health"] {
        let (mut bench, owner) = (Bench::new(40), Space::default_owner());
        bench.install(reporter());
        bench.install(Script::new("with", |cx| {
            Box::pin(async move {
                let errors = match cx.act("s1", get("/a").with_account("main".parse().unwrap())).await? {
                    Act::Done(_) => Vec::new(),
                    other => vec![format!("{other:?}")],
                };
                Ok(Report { errors, ..Report::default() })
            })
        }));
        let id = format!("{PLATFORM}/main");
        bench.live(async |machine| {
            add_account(machine, "main", AccountKind::Bearer, &[("token", "CANARY1")]).await;
            machine.until("it is looked at", || !machine.rows::<HealthRow>().is_empty()).await;
        });
        match kind {
            "account" => spoil!(bench, "account", owner, &id),
            _ => spoil!(bench, "health", owner, &id),
        }
        bench.live(async |machine| {
            let mut told = Vec::new();
            for _ in 0..25 {
                assert_eq!(machine.run("reader").await.errors, [""; 0], "{kind}");
                told = machine.run("with").await.errors;
                machine.services.health.look(machine.account("main")).await.unwrap().ok();
            }
            assert!(machine.services.kernel_is_up(), "{kind}");
            // What it was is not swept away with a row that does not open.
            assert_eq!(machine.rows::<CredentialRow>().len(), 1, "{kind}");
            if kind == "account" {
                let named = told[0].contains(&format!("the row {owner}/account/{id} is damaged"));
                assert!(named, "{told:?}");
            } else {
                assert_eq!(told, [""; 0]);
                let raised = machine.rows::<AlertRow>();
                let alert = raised.iter().find(|(about, _)| *about == format!("account/{id}"));
                assert!(alert.is_some_and(|(_, row)| row.sentence.contains("is damaged")), "{raised:?}");
                assert!(!machine.rows::<HealthRow>().is_empty());
            }
        });
    }
}
