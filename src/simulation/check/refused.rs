//! What the platforms would not give to whoever asked, as the trace tells it: 401, 403, 404 and 410.
//!
//! It reads lines, and touches nothing else.

use std::collections::BTreeMap;

use mm_core::moment::Moment;

/// How a platform says that a credential is not taken, or that nobody there has that name.
const STATUSES: [&str; 4] = ["401", "403", "404", "410"];

/// Every such answer.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// The URLs of requests without an answer yet, by their numbers in the trace.
    sent: BTreeMap<String, String>,
    /// When, and whence.
    answers: Vec<(Moment, String)>,
}

impl Refused {
    /// Takes in a line `send N METHOD URL` or `got N STATUS …`. `at`: when the last entry before it was written, as
    /// such lines tell no time.
    pub fn take(&mut self, line: &str, at: Option<Moment>) {
        let words: Vec<&str> = line.splitn(5, ' ').collect();
        match words[..] {
            ["send", number, _, url, ..] => {
                self.sent.insert(number.to_owned(), url.to_owned());
            }
            ["got", number, status, ..] => {
                let url = self.sent.remove(number).filter(|_| STATUSES.contains(&status));
                self.answers.extend(at.zip(url));
            }
            _ => {}
        }
    }

    /// Whether anything at one of these hosts was refused up to `until`.
    pub fn by(&self, until: Moment, is_there: impl Fn(&str) -> bool) -> bool {
        let mut answers = self.answers.iter().take_while(|(at, _)| *at <= until);
        answers.any(|(_, url)| is_there(url))
    }
}

/// `https://api.example` of `https://api.example/a?b`.
pub(super) fn origin(url: &str) -> &str {
    let from = url.find("://").map_or(0, |at| at + 3);
    url[from..].find(['/', '?', '#']).map_or(url, |at| &url[..from + at])
}
