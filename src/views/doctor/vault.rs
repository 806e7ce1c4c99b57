//! What `doctor` says of the vault: where its key comes from, whether everything opens, how accounts stand.

use mm_services::accounts::{Locked, made_with_passphrase};
use mm_services::records::{AccountRow, HealthRow};
use mm_store::Span;

use super::super::{Reader, counted};
use super::{CheckView, RESTORE, failed};

/// Which source of the master key is used, and what was found at the others, in the order of the search.
pub(super) fn keys(reader: &Reader) -> Vec<CheckView> {
    const NAME: &str = "keys";
    let sources = reader.vault.sources();
    let one = |source: &mm_services::accounts::KeySource| {
        let used = if source.used { ", and is used" } else { "" };
        let sentence = format!("{}: {}{used}", source.name, source.found);
        match &source.refused {
            None => CheckView::ok(NAME, sentence),
            Some(why) => CheckView::fail(NAME, why.clone(), "do what it says, then start the daemon again"),
        }
    };
    sources.iter().map(one).collect()
}

/// Whether all that is sealed opens with the key in use.
pub(super) fn contents(reader: &Reader) -> CheckView {
    const NAME: &str = "vault";
    let store = &reader.store;
    // A daemon has it open. Another process looks for itself, and changes nothing by it.
    let unlocked = match &reader.daemon {
        Some(daemon) if daemon.kernel_up => Ok(true),
        _ => reader.vault.unlock(store),
    };
    match unlocked.and_then(|there| if there { reader.vault.verify(store).map(Some) } else { Ok(None) }) {
        Ok(None) | Err(Locked::NoVault) => {
            CheckView::ok(NAME, "there is no vault yet; `account add` makes it")
        }
        Ok(Some(opened)) => {
            let waits = reader.vault.master_waits(store).unwrap_or(false);
            let sentence = {
                let keys = counted(opened.keys, "key", "keys");
                format!("the vault opens: {keys}, {}", counted(opened.values, "value", "values"))
            };
            if waits {
                let todo = "put the new master key in place and start the daemon, or rotate it once more";
                CheckView::warn(NAME, format!("{sentence}; a change of its master key is not finished"), todo)
            } else if reader.vault.has_recovery(store).unwrap_or(true) {
                CheckView::ok(NAME, sentence)
            } else {
                let todo = "`account rotate --recovery-key` makes one";
                CheckView::warn(NAME, format!("{sentence}; it has no recovery key"), todo)
            }
        }
        // A command that reads asks for no passphrase.
        Err(Locked::NoKey)
            if reader.daemon.is_none() && made_with_passphrase(store).is_ok_and(|it| it == Some(true)) =>
        {
            CheckView::ok(NAME, "the vault is opened with a passphrase, which this command does not ask for")
        }
        Err(locked) => CheckView::fail(NAME, locked.to_string(), "do what it says; until then nothing acts"),
    }
}

/// Accounts that are not well.
pub(super) fn accounts(reader: &Reader) -> Vec<CheckView> {
    const NAME: &str = "accounts";
    let scanned = reader.store.scan::<AccountRow>(&reader.space, Span::all(), usize::MAX);
    let rows = match scanned {
        Ok(scanned) => scanned.rows,
        Err(error) => {
            return vec![CheckView::fail(NAME, failed("the accounts cannot be read", &error), RESTORE)];
        }
    };
    let mut checks = Vec::new();
    for (id, _) in &rows {
        match reader.store.get::<HealthRow>(&reader.space, id) {
            Ok(Some(row)) if row.value.standing.is_bad() => {
                let todo = format!("see to what it says, then `account check {}`", id.replace('/', " "));
                checks.push(CheckView::fail(NAME, format!("{id}: {}", row.value.sentence), todo));
            }
            Ok(_) => {}
            Err(error) => {
                checks.push(CheckView::fail(
                    NAME,
                    failed("a look at an account cannot be read", &error),
                    RESTORE,
                ));
            }
        }
    }
    if checks.is_empty() {
        checks.push(CheckView::ok(NAME, format!("none of {} accounts is known to be unwell", rows.len())));
    }
    checks
}
