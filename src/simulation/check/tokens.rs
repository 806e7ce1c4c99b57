//! The credential of a played account stands nowhere but in what the platforms received: in no line of the trace,
//! in no row, and in no answer that was kept.

use mm_services::records::AccountRow;

use super::evidence::Evidence;
use crate::simulation::accounts::shows_token;

/// Rows looked at in one go.
const PAGE: usize = 1000;
/// No answer that is kept is larger.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Where it stands. Rows and answers are looked at when all is judged, and there is an account.
pub fn tokens(e: &Evidence) -> Vec<String> {
    let said = |what: &str| format!("{what} shows the token of a played account");
    let mut wrong: Vec<String> =
        e.leaks.iter().map(|line| said(&format!("`{line} …` of the trace"))).collect();
    if e.since().is_some() || e.rows::<AccountRow>().is_empty() {
        return wrong;
    }
    let mut after: Option<Vec<u8>> = None;
    loop {
        match e.store.raw_rows(after.as_deref(), PAGE, |row| shows_token(&row.bytes)) {
            Ok(page) => {
                wrong.extend(page.rows.iter().map(|row| said(&format!("the row {}", row.key))));
                after = page.next;
            }
            Err(error) => {
                wrong.push(error.to_string());
                after = None;
            }
        }
        if after.is_none() {
            break;
        }
    }
    match e.store.answers_with(ANSWER_BYTES_MAX, |_, bytes| shows_token(bytes)) {
        Ok(answers) => wrong.extend(answers.iter().map(|digest| said(&format!("the answer {digest}")))),
        Err(error) => wrong.push(error.to_string()),
    }
    wrong
}
