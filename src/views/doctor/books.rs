//! What `doctor` says of the ledger: whether it opens, balances, and rests on evidence.

use mm_core::ledger::{Earning, Entry, check_books};

use super::super::{Problem, Reader, counted, earning};
use super::{CheckView, RESTORE, failed};

pub(super) fn check(reader: &Reader) -> CheckView {
    const NAME: &str = "books";
    let read =
        || Ok::<_, Problem>((earning::whole::<Earning>(reader, "earning")?, earning::entries(reader)?));
    let (earnings, entries): (Vec<Earning>, Vec<Entry>) = match read() {
        Ok(rows) => rows,
        Err(problem) => return CheckView::fail(NAME, problem.to_string(), RESTORE),
    };
    if let Err(bad) = check_books(&earnings, &entries) {
        return CheckView::fail(NAME, bad.to_string(), RESTORE);
    }
    for entry in &entries {
        match reader.store.has_answer(&entry.evidence.digest) {
            Ok(true) => {}
            Ok(false) => {
                let sentence = format!("the evidence of entry `{}` is gone or damaged", entry.id);
                return CheckView::fail(NAME, sentence, RESTORE);
            }
            Err(error) => {
                return CheckView::fail(NAME, failed("the evidence cannot be read", &error), RESTORE);
            }
        }
    }
    let payments = counted(earnings.len(), "payment", "payments");
    let entries = counted(entries.len(), "entry", "entries");
    CheckView::ok(NAME, format!("the books balance: {payments}, {entries} with their evidence"))
}
