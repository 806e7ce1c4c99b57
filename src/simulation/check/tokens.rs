//! The credential of a played account stands nowhere but in what the platforms received: in no line of the trace,
//! in no row, in no answer that was kept, and in none that the admin gave. And a platform received its own alone.

use mm_services::records::AccountRow;

use super::evidence::Evidence;
use crate::sandbox::oracle::Received;
use crate::simulation::accounts::{shows_token, tokens_in};

/// Rows looked at in one go.
const PAGE: usize = 1000;
/// No answer that is kept is larger.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Where each platform takes a credential, and no other's.
const TAKEN_AT: [(&str, &str); 9] = [
    ("awin", "api.awin.com"),
    ("cj", "commissions.api.cj.com"),
    ("freelancer", "www.freelancer.com"),
    ("github", "api.github.com"),
    ("github-sponsors", "api.github.com"),
    ("hackerone", "api.hackerone.com"),
    ("impact", "api.impact.com"),
    ("intigriti", "api.intigriti.com"),
    ("yeswehack", "api.yeswehack.com"),
];

/// A token that went elsewhere, or stood where no credential is to stand: in an address or a body.
fn astray(request: &Received) -> Option<String> {
    let host = request.url.strip_prefix("https://").unwrap_or(&request.url).split('/').next().unwrap_or("");
    let said = |of: &str| Some(format!("the token of {of} was sent to {host}"));
    let body = request.body.as_deref().unwrap_or_default();
    if shows_token(request.url.as_bytes()) || shows_token(body.as_bytes()) {
        return said("an account, in the address or the body,");
    }
    let sent = request.headers.iter().flat_map(|(_, value)| tokens_in(value));
    let is_own = |platform: &String| TAKEN_AT.contains(&(platform.as_str(), host));
    sent.filter(|platform| !is_own(platform)).find_map(|platform| said(&platform))
}

/// Where it stands. Rows and answers are looked at when all is judged, and there is an account.
pub fn tokens(e: &Evidence) -> Vec<String> {
    let said = |what: &str| format!("{what} shows the token of a played account");
    let mut wrong: Vec<String> =
        e.leaks.iter().map(|line| said(&format!("`{line} …` of the trace"))).collect();
    wrong.extend(e.recent_requests().iter().filter_map(astray));
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
