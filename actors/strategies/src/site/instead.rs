//! What answers with status 200 and is not the page: a login, a wall against programs, a sign that the site is closed.
//!
//! Nothing is wrong on such a page, and none of the site's pages is mended by it. A page whose links earn is the
//! site's own, and so is a long one: many have a captcha beside their comments, or write of maintenance.

use mm_sdk::{Shown, has_marks_of_a_wall};

/// Walls and signs have fewer characters than this that a reader sees.
const SIGN_CHARS_MAX: usize = 2_000;

/// What stands on a sign that the site is closed for now, in small letters.
const CLOSED: [&str; 8] = [
    "under maintenance",
    "down for maintenance",
    "scheduled maintenance",
    "maintenance mode",
    "be back soon",
    "be back shortly",
    "be right back",
    "temporarily unavailable",
];

/// Why what came is not the page that readers see, if so. `earns`: whether it has a link that earns.
pub(super) fn of_the_page(html: &str, shown: &Shown, earns: bool) -> Option<&'static str> {
    let folded = html.to_ascii_lowercase();
    if ["type=\"password\"", "type='password'", "type=password"].iter().any(|field| folded.contains(field)) {
        return Some("it asks for a password, so what readers see is not known");
    }
    if earns || shown.text.chars().nth(SIGN_CHARS_MAX).is_some() {
        return None;
    }
    if has_marks_of_a_wall(html.as_bytes()) {
        return Some("it asks for proof that a person is reading, so what readers see is not known");
    }
    let seen = shown.text.to_ascii_lowercase();
    let closed = CLOSED.iter().any(|sign| seen.contains(sign));
    closed.then_some("it says that the site is closed for now, so what stands on it otherwise is not known")
}
