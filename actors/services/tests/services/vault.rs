//! The vault over lives and deaths: what it keeps opens, what does not belong opens nothing, and no
//! secret is anywhere but in the one request that needs it.

use std::sync::Arc;

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_core::run::Outcome;
use mm_core::secret::Secret;
use mm_core::vault::{Key, RecoveryKey};
use mm_sdk::{Act, Report};
use mm_services::accounts::{Hands, MasterChanged, MemoryKeys, Opened, Secrets, Swaps, Vault, open_all};
use mm_services::records::{AccountKind, AccountRow, CredentialRow, KeyRow};
use mm_services::testing::{Bench, Machine, Said, Script, Seeded, add_account, get, rows};
use mm_store::{Change, Fault, Options, Store};

const OLD: &str = "CANARY-old-1";
const NEW: &str = "CANARY-new-2";

/// A strategy that reads `/` with the account `main` and says how that ended.
fn reader() -> Script {
    Script::new("reader", |cx| {
        Box::pin(async move {
            let action = get("/").with_account("main".parse().unwrap());
            match cx.act("read", action).await? {
                Act::Done(_) => Ok(Report::default()),
                Act::Refused(refusal) => Err(mm_sdk::Fault::transient(refusal.why)),
                Act::Pending(id) => Err(mm_sdk::Fault::transient(format!("waits as {id}"))),
            }
        })
    })
}

fn bench() -> Bench {
    let mut bench = Bench::new(11);
    bench.install(reader());
    bench.live(async |machine| {
        add_account(machine, "main", AccountKind::Bearer, &[("token", OLD)]).await;
    });
    bench
}

/// What the last request carried as its authorization.
fn sent(machine: &Machine) -> Option<String> {
    let log = machine.world.log();
    let headers = log.last()?.headers.clone();
    headers.into_iter().find(|(name, _)| name == "authorization").map(|(_, value)| value)
}

/// The secret that the machine sends now.
async fn uses(machine: &Machine) -> String {
    let run = machine.run("reader").await;
    assert_eq!(run.outcome, Some(Outcome::Succeeded), "{:?}", run.errors);
    sent(machine).expect("an authorization").strip_prefix("Bearer ").expect("a token").to_owned()
}

async fn rotate(machine: &Machine, secret: &str) -> bool {
    let secrets: Secrets = [("token".to_owned(), Secret::new(secret.to_owned()))].into();
    let which = machine.account("main");
    matches!(machine.services.accounts.rotate(which, secrets).await, Ok(Ok(())))
}

/// All that the disk holds, as bytes; the store is compressed nowhere but in answers.
fn nowhere(bench: &Bench, secret: &str) {
    let bytes = bench.memory.bytes();
    let held = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    assert!(!held, "`{secret}` is on the disk");
}

#[test]
fn a_secret_goes_into_its_request_and_nowhere_else() {
    let mut bench = bench();
    // The platform echoes all it was sent.
    bench.world.answer(|request| {
        let token = request.headers.iter().find(|(name, _)| name == "authorization");
        let echo = token.map(|(_, value)| value.clone()).unwrap_or_default();
        Said::status(200, &format!("you sent {echo}")).header("x-echo", &echo)
    });
    bench.live(async |machine| {
        assert_eq!(uses(machine).await, OLD);
        let action = machine.audit_of("action.permitted").pop().unwrap();
        assert!(action.contains("{vault:sim/main/token@1}"), "{action}");
        for (kind, payload) in machine.audit() {
            assert!(!payload.contains("CANARY"), "{kind}: {payload}");
        }
        let record = machine.rows::<mm_core::activity::ActionRecord>().pop().unwrap().1;
        let body = machine.store.get_answer(&record.answer.unwrap(), 1000).unwrap().unwrap();
        assert_eq!(String::from_utf8(body).unwrap(), "you sent Bearer [masked]");
        let steps = format!("{:?}", machine.rows::<mm_core::run::StepRecord>());
        assert!(!steps.contains("CANARY"), "{steps}");
    });
    nowhere(&bench, "CANARY");
}

#[test]
fn a_wrong_key_is_told_in_one_sentence_and_nothing_is_overwritten() {
    let mut bench = bench();
    let right = bench.keys.key();
    let before = rows::<CredentialRow>(&bench.look());
    for wrong in [Some(Key::new([9; 32])), None] {
        bench.keys.put(wrong);
        let said = bench.try_live(async |_| ()).unwrap_err();
        assert!(said.contains("nothing was changed"), "{said}");
        assert_eq!(rows::<CredentialRow>(&bench.look()), before);
    }
    bench.keys.put(right);
    bench.live(async |machine| assert_eq!(uses(machine).await, OLD));
}

#[test]
fn values_that_were_swapped_in_the_store_open_nothing() {
    let mut bench = bench();
    bench.live(async |machine| {
        add_account(machine, "second", AccountKind::Bearer, &[("token", NEW)]).await;
    });
    bench.meddle(|store| {
        let space = Space::default_owner();
        let second = store.get::<CredentialRow>(&space, "sim/second/token@1").unwrap().unwrap().value;
        store.commit_blocking(Change::new().put(&space, "sim/main/token@1", &second).unwrap()).unwrap();
    });
    bench.live(async |machine| {
        let run = machine.run("reader").await;
        assert_eq!(run.outcome, Some(Outcome::Failed));
        assert!(run.errors.join(" ").contains("does not open"), "{:?}", run.errors);
        assert_eq!(machine.world.count(), 0);
    });
}

/// A rotation is stopped at every write to the disk, by a kill and by a power failure.
fn stopped_everywhere(rotation: impl AsyncFn(&Machine, &MemoryKeys) -> bool, check: impl Fn(&str, bool)) {
    let whole = bench();
    let operations = {
        let mut trial = whole.fork();
        let (memory, keys) = (trial.memory.clone(), trial.keys.clone());
        trial.live(async |machine| {
            let before = memory.ops();
            assert!(rotation(machine, &keys).await);
            memory.ops() - before
        })
    };
    assert!(operations > 3, "{operations}");
    let mut seen = std::collections::BTreeSet::new();
    for power in [false, true] {
        for at in 1..=operations {
            let mut bench = whole.fork();
            let (memory, keys) = (bench.memory.clone(), bench.keys.clone());
            let done = bench.live(async |machine| {
                memory.inject(Fault::DeadAt(at));
                let done = rotation(machine, &keys).await;
                if power {
                    memory.power_loss(at);
                }
                done
            });
            let (used, opened) = bench.live(async |machine| {
                (uses(machine).await, machine.services.shared.vault.verify(&machine.store).unwrap())
            });
            assert_eq!(opened.keys, 2, "stopped at {at}");
            assert_eq!(opened.values, 1, "stopped at {at}: nothing is left behind");
            check(&used, done);
            seen.insert(used);
        }
    }
    assert!(!seen.is_empty());
}

#[test]
fn a_rotation_of_a_credential_stopped_at_any_write_leaves_the_old_or_the_new_one() {
    stopped_everywhere(
        async |machine, _| rotate(machine, NEW).await,
        |used, done| {
            assert!(used == NEW || (used == OLD && !done), "{used} {done}");
        },
    );
}

#[test]
fn a_change_of_the_master_key_stopped_at_any_write_leaves_a_vault_that_opens() {
    stopped_everywhere(async |machine, _| change(machine).await, |used, _| assert_eq!(used, OLD));
}

async fn change(machine: &Machine) -> bool {
    matches!(machine.services.accounts.change_master(None).await, Ok(Ok(_)))
}

/// The first one puts its key in place and is not ended: the second one ends it, and begins its own.
#[test]
fn a_second_change_after_one_that_was_cut_off_leaves_a_vault_that_opens_wherever_it_stops() {
    let twice = async |machine: &Machine, keys: &MemoryKeys| {
        keys.swaps(Swaps::Unsure);
        let first = change(machine).await;
        keys.swaps(Swaps::Done);
        change(machine).await && !first
    };
    stopped_everywhere(twice, |used, _| assert_eq!(used, OLD));
}

/// The disk fails once, somewhere, and the owner tries again in the same life.
#[test]
fn a_change_of_the_master_key_is_tried_again_after_any_error_of_the_disk() {
    let whole = bench();
    for (at, fault) in (1..40).flat_map(|n| [(n, Fault::Write(n)), (n, Fault::Sync(n))]) {
        let mut bench = whole.fork();
        let memory = bench.memory.clone();
        bench.live(async |machine| {
            memory.inject(fault);
            for _ in 0..3 {
                change(machine).await;
            }
        });
        let key = bench.keys.key().unwrap();
        assert_eq!(open_all(&bench.look(), &key).unwrap(), Opened { keys: 2, values: 1 }, "failed at {at}");
        bench.live(async |machine| {
            assert_eq!(uses(machine).await, OLD);
            assert!(change(machine).await);
        });
    }
}

#[test]
fn after_a_change_of_the_master_key_the_old_one_opens_nothing() {
    let mut bench = bench();
    let old = bench.keys.key().unwrap();
    bench.live(async |machine| {
        let changed = machine.services.accounts.change_master(None).await.unwrap().unwrap();
        assert_eq!((changed.opened, changed.swapped), (Opened { keys: 2, values: 1 }, true));
        assert_eq!(uses(machine).await, OLD);
    });
    assert_ne!(bench.keys.key().unwrap().id(), old.id());
    assert!(open_all(&bench.look(), &old).is_err());
    for (_, row) in rows::<KeyRow>(&bench.look()) {
        assert!(row.wraps.iter().all(|wrap| wrap.by != old.id()));
    }
    bench.live(async |machine| assert_eq!(uses(machine).await, OLD));
}

#[test]
fn a_change_of_the_master_key_that_was_cut_off_is_ended_before_another_begins() {
    let mut bench = bench();
    let keys = bench.keys.clone();
    bench.live(async |machine| {
        keys.swaps(Swaps::Unsure);
        assert!(machine.services.accounts.change_master(None).await.unwrap().is_err());
        // The new key is in place by now, and the change is not ended: it opens everything before and after.
        let laid = keys.key().unwrap();
        assert!(open_all(&machine.store, &laid).is_ok());
        keys.swaps(Swaps::ByOwner);
        machine.services.accounts.change_master(None).await.unwrap().unwrap();
        assert_eq!(keys.key().unwrap().id(), laid.id());
        assert!(open_all(&machine.store, &laid).is_ok(), "the key at its source opens nothing");
    });
    bench.live(async |machine| assert_eq!(uses(machine).await, OLD));
}

#[test]
fn no_other_change_of_the_master_key_begins_while_one_waits_for_its_owner() {
    let mut bench = bench();
    let keys = bench.keys.clone();
    keys.swaps(Swaps::ByOwner);
    let wraps = |machine: &Machine| {
        let rows = rows::<KeyRow>(&machine.store);
        rows.into_iter().map(|(_, row)| row.wraps).collect::<Vec<_>>()
    };
    bench.live(async |machine| {
        assert!(!machine.services.accounts.change_master(None).await.unwrap().unwrap().swapped);
        let before = wraps(machine);
        let refused = machine.services.accounts.change_master(None).await.unwrap();
        assert!(refused.is_err_and(|error| error.to_string().contains("waits for a restart")));
        assert_eq!(wraps(machine), before, "the key that its owner was given still opens the vault");
    });
    // Started with the old key: its owner has given the change up.
    bench.live(async |machine| {
        assert!(machine.services.accounts.change_master(None).await.unwrap().is_ok());
        assert_eq!(uses(machine).await, OLD);
    });
}

#[test]
fn the_recovery_key_opens_a_copy_and_another_does_not() {
    let mut bench = Bench::new(12);
    let shown = bench.live(async |machine| {
        add_account(machine, "main", AccountKind::Bearer, &[("token", OLD)]).await.expect("shown once")
    });
    bench.live(async |machine| {
        let again = add_account(machine, "second", AccountKind::Bearer, &[("token", NEW)]).await;
        assert!(again.is_none());
        machine.services.accounts.change_master(None).await.unwrap().unwrap();
    });
    let copy = bench.look();
    let key = RecoveryKey::parse(&shown).unwrap();
    assert_eq!(open_all(&copy, key.key()).unwrap(), Opened { keys: 2, values: 2 });
    assert!(open_all(&copy, RecoveryKey::random(|bytes| bytes.fill(3)).key()).is_err());
    nowhere(&bench, "CANARY");
    nowhere(&bench, shown.as_str());
    bench.live(async |machine| {
        let other = machine.services.accounts.new_recovery().await.unwrap().unwrap();
        assert!(open_all(&machine.store, key.key()).is_err(), "the one before it opens nothing any more");
        assert!(open_all(&machine.store, RecoveryKey::parse(&other).unwrap().key()).is_ok());
    });
}

/// A bench whose vault's master key is lost, the recovery key, and the key that was lost.
fn lost() -> (Bench, RecoveryKey, Key) {
    let mut bench = Bench::new(14);
    bench.install(reader());
    let shown = bench.live(async |machine| {
        add_account(machine, "main", AccountKind::Bearer, &[("token", OLD)]).await.expect("shown once")
    });
    let key = bench.keys.key().unwrap();
    bench.keys.put(None);
    (bench, RecoveryKey::parse(&shown).unwrap(), key)
}

/// Makes a new master key as the command does, on a store that is opened for it, and cuts that off after it.
fn recover(bench: &Bench, recovery: &RecoveryKey) -> Result<MasterChanged, String> {
    let done = recovering(bench, recovery);
    bench.memory.restart();
    done
}

fn recovering(bench: &Bench, recovery: &RecoveryKey) -> Result<MasterChanged, String> {
    let (entropy, vault) = (Seeded::new(21), Vault::new(Arc::new(bench.keys.clone())));
    let options = Options::in_memory(bench.memory.clone(), Arc::new(Seeded::new(22)));
    let store = Store::open(options).map_err(|error| error.to_string())?;
    let hands = Hands { store: &store, entropy: &entropy, now: Moment::from_unix_ms(1_782_900_000_000) };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(vault.recover(hands, recovery, None)).map_err(|error| error.to_string())
}

#[test]
fn a_lost_master_key_is_made_anew_with_the_recovery_key() {
    let (mut bench, recovery, old) = lost();
    assert!(bench.try_live(async |_| ()).unwrap_err().contains("account recover"));
    let before = rows::<KeyRow>(&bench.look());
    let said = recover(&bench, &RecoveryKey::random(|bytes| bytes.fill(3))).unwrap_err();
    assert!(said.contains("not this vault's recovery key") && said.contains("nothing was changed"), "{said}");
    assert!(bench.keys.key().is_none() && rows::<KeyRow>(&bench.look()) == before);
    for wrong in [old.clone(), Key::new([9; 32])] {
        bench.keys.put(Some(wrong.clone()));
        let said = recover(&bench, &recovery).unwrap_err();
        assert!(said.contains("nothing was changed"), "{said}");
        assert_eq!(bench.keys.key().unwrap().id(), wrong.id());
    }
    bench.keys.put(None);
    let made = recover(&bench, &recovery).unwrap();
    assert_eq!((made.opened, made.swapped), (Opened { keys: 2, values: 1 }, true));
    assert!(open_all(&bench.look(), &old).is_err(), "who finds the lost key opens nothing with it");
    assert!(open_all(&bench.look(), recovery.key()).is_ok());
    bench.live(async |machine| {
        assert_eq!(uses(machine).await, OLD);
        let laid = machine.audit_of("vault.master-key-laid").pop().unwrap();
        assert!(laid.contains("recovery"), "{laid}");
        assert_eq!(machine.audit_of("vault.master-key-changed").len(), 1);
        assert!(change(machine).await);
    });
    assert!(open_all(&bench.look(), recovery.key()).is_ok());
}

#[test]
fn a_recovery_that_is_stopped_at_any_write_leaves_a_vault_that_opens() {
    let (whole, recovery, _) = lost();
    let operations = {
        let trial = whole.fork();
        let before = trial.memory.ops();
        recover(&trial, &recovery).unwrap();
        trial.memory.ops() - before
    };
    assert!(operations > 3, "{operations}");
    let mut placed = std::collections::BTreeSet::new();
    for (power, at) in [false, true].into_iter().flat_map(|power| (1..=operations).map(move |at| (power, at)))
    {
        let mut bench = whole.fork();
        bench.memory.inject(Fault::DeadAt(at));
        let done = recovering(&bench, &recovery);
        if power {
            bench.memory.power_loss(at);
        } else {
            bench.memory.restart();
        }
        let name = format!("stopped at {at}, power {power}");
        assert_eq!(open_all(&bench.look(), recovery.key()).unwrap(), Opened { keys: 2, values: 1 }, "{name}");
        placed.insert(bench.keys.key().is_some());
        match bench.keys.key() {
            // What was put in place opens everything, so it is not done again.
            Some(key) => assert_eq!(open_all(&bench.look(), &key).unwrap().values, 1, "{name}"),
            None => {
                assert!(done.is_err(), "{name}");
                recover(&bench, &recovery).unwrap();
            }
        }
        bench.live(async |machine| assert_eq!(uses(machine).await, OLD, "{name}"));
    }
    assert_eq!(placed.len(), 2, "it was stopped before and after the key was put in place");
}

#[test]
fn every_kind_shows_itself_its_own_way() {
    let kinds = [
        (
            AccountKind::Basic { user: "me".into() },
            "authorization",
            "Basic bWU6Q0FOQVJZMQ==",
            ("password", "CANARY1"),
        ),
        (AccountKind::Bearer, "authorization", "Bearer CANARY1", ("token", "CANARY1")),
        (
            AccountKind::ApiKey { header: "x-api-key".into(), scheme: None },
            "x-api-key",
            "CANARY1",
            ("key", "CANARY1"),
        ),
        (
            AccountKind::ApiKey { header: "authorization".into(), scheme: Some("Token".into()) },
            "authorization",
            "Token CANARY1",
            ("key", "CANARY1"),
        ),
    ];
    for (kind, header, value, secret) in kinds {
        let mut bench = Bench::new(13);
        bench.install(reader());
        bench.world.answer(|request| Said::status(200, &format!("{:?}", request.headers)));
        bench.live(async |machine| {
            add_account(machine, "main", kind, &[secret]).await;
            let run = machine.run("reader").await;
            assert_eq!(run.outcome, Some(Outcome::Succeeded), "{:?}", run.errors);
            let log = machine.world.log();
            let headers = &log.last().unwrap().headers;
            assert!(headers.contains(&(header.to_owned(), value.to_owned())), "{headers:?}");
        });
        for secret in ["CANARY1", "bWU6Q0FOQVJZMQ"] {
            nowhere(&bench, secret);
        }
    }
}

#[test]
fn an_account_that_is_removed_leaves_nothing() {
    let mut bench = bench();
    bench.live(async |machine| {
        machine.services.accounts.remove(machine.account("main")).await.unwrap().unwrap();
        assert!(
            rows::<AccountRow>(&machine.store).is_empty() && rows::<CredentialRow>(&machine.store).is_empty()
        );
        let run = machine.run("reader").await;
        assert!(run.errors.join(" ").contains("account add sim main"), "{:?}", run.errors);
        assert_eq!(machine.world.count(), 0);
        assert!(machine.services.accounts.remove(machine.account("main")).await.unwrap().is_err());
    });
}
