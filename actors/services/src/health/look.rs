//! One look at an account, and the second one where the first is bad news.

use std::time::Duration;

use mm_core::action::Action;
use mm_core::answer::Answer;
use mm_core::error::{ErrorClass, classify};
use mm_core::moment::Moment;
use mm_core::run::Refusal;

use super::{HealthService, checks};
use crate::accounts::Which;
use crate::gateway::{SystemAction, Walked};
use crate::records::{AccountRow, AccountStanding};
use crate::transport::RawAnswer;

/// One act of a look.
const WITHIN: Duration = Duration::from_secs(60);
/// Between the first look and a second one at the same place: a platform may stumble.
const PAUSE: Duration = Duration::from_secs(30);

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// How the account stands; `None` if the look led nowhere.
    pub standing: Option<AccountStanding>,
    /// Whether looking again soon would find the same.
    pub final_word: bool,
    /// In a sentence.
    pub sentence: String,
    /// When the credential ends.
    pub expires_at: Option<Moment>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// What is left of the platform's quota, and the whole of it.
    pub quota: Option<(u64, u64)>,
    /// The account's public name.
    pub handle: Option<String>,
}

impl Found {
    /// It led nowhere.
    pub(super) fn nowhere(sentence: &str) -> Self {
        Self { sentence: sentence.to_owned(), ..Self::default() }
    }

    #[cfg(test)]
    pub(super) fn healthy() -> Self {
        Self { standing: Some(AccountStanding::Healthy), ..Self::default() }
    }

    fn bad(standing: AccountStanding, sentence: String) -> Self {
        Self { standing: Some(standing), sentence, ..Self::default() }
    }
}

impl HealthService {
    /// Looks at an account.
    pub(super) async fn look(&self, which: &Which, row: &AccountRow) -> Found {
        let Some(own) = checks::own(row) else {
            if let Some(bad) = self.known_bad(which) {
                return bad;
            }
            let sentence = format!(
                "no read of {} is known that shows it; trouble is seen when the account is used",
                row.platform
            );
            return Found { final_word: true, ..Found::nowhere(&sentence) };
        };
        let first = match self.ask(which, "look", own.clone()).await {
            Ok(answer) => answer,
            Err(refusal) => return self.not_asked(which, &refusal),
        };
        match first.status {
            200..=299 => well(&first),
            401 | 403 | 404 | 410 if is_bad_news(&first) => self.second(which, row, own, first.status).await,
            status => {
                Found::nowhere(&format!("the platform answers with status {status}, which says nothing"))
            }
        }
    }

    /// What the use of an account has shown, where no look can: only new secrets end it.
    fn known_bad(&self, which: &Which) -> Option<Found> {
        let standing = self.shared.standings.of(&super::who(which));
        let told = self.shared.standings.refuses(&which.space, &which.platform, &which.account)?;
        let row = self.health(which).ok().flatten().map(|(row, _)| row);
        // What was written down is not wrapped in another sentence each time.
        let kept = row.filter(|row| row.standing == standing).map(|row| row.sentence);
        Some(Found { final_word: true, ..Found::bad(standing, kept.unwrap_or(told)) })
    }

    /// The first look was not taken. Is it the credential, or the account?
    async fn second(&self, which: &Which, row: &AccountRow, own: Action, status: u16) -> Found {
        let failed = |more: &str| {
            let what = format!("the platform does not take its credential (status {status}){more}");
            let todo = "make a new one there, then `account rotate`";
            Found::bad(AccountStanding::AuthFailed, format!("{what}; {todo}"))
        };
        let gone = |how: &str| {
            let sentence =
                format!("the account is gone at the platform ({how}); see there why, or `account remove` it");
            Found::bad(AccountStanding::Gone, sentence)
        };
        if let Some((public, says_gone)) = checks::public(row) {
            return match self.ask(which, "second-look", public).await {
                Ok(answer) if says_gone.contains(&answer.status) || matches!(answer.status, 404 | 410) => {
                    gone(&format!("nobody there has its name, status {}", answer.status))
                }
                Ok(answer) if answer.status < 300 => failed(", and the account is there"),
                _ => failed(", and whether the account is there could not be seen"),
            };
        }
        // Nobody but its owner can see it: the same again, a little later.
        tokio::time::sleep(PAUSE).await;
        match self.ask(which, "second-look", own).await.map(|answer| (answer.status, answer)) {
            Ok((200..=299, answer)) => well(&answer),
            Ok((401 | 403, answer)) if is_bad_news(&answer) => failed(", twice"),
            Ok((again @ (404 | 410), _)) => gone(&format!("status {again}, twice")),
            // The breaker of such acts has opened over the first one: nobody may ask again so soon.
            Err(_) if matches!(status, 401 | 403) => failed(", and it was not asked again so soon"),
            _ => Found::nowhere(&format!(
                "the platform answered with status {status}, and then nothing of use"
            )),
        }
    }

    /// No answer came of it. What the accounts know already stands.
    fn not_asked(&self, which: &Which, refusal: &Refusal) -> Found {
        match self.shared.standings.of(&super::who(which)) {
            // A breaker repeats what was found before, and knows no reason of its own: that which was found stays.
            AccountStanding::AuthFailed if refusal.is_by_breaker() => self
                .known_bad(which)
                .unwrap_or_else(|| Found::bad(AccountStanding::AuthFailed, refusal.why.clone())),
            // A token that cannot be refreshed any more.
            AccountStanding::AuthFailed => Found::bad(AccountStanding::AuthFailed, refusal.why.clone()),
            _ => Found::nowhere(&format!("the account could not be looked at: {}", refusal.why)),
        }
    }

    async fn ask(&self, which: &Which, step: &str, action: Action) -> Result<Answer, Refusal> {
        let step = format!("{step}-{}-{}", which.platform, which.account);
        let space = which.space.clone();
        let asked = SystemAction { space, service: "health", step, action, within: WITHIN };
        let nothing = |why: String| Refusal::new(ErrorClass::Transient, why);
        match self.gateway.system(asked).await {
            Ok(Ok(Walked::Done(answer))) => Ok(answer),
            Ok(Ok(Walked::Refused(refusal))) => Err(refusal),
            Ok(Ok(Walked::Pending(_))) => Err(nothing("the rules ask about it".to_owned())),
            Ok(Ok(Walked::Fenced)) => Err(nothing("the look was given up".to_owned())),
            Ok(Err(why)) => Err(nothing(why)),
            Err(error) => Err(nothing(error.to_string())),
        }
    }
}

/// Whether an answer is about the credential or the account. A 403 is also how platforms say "too fast",
/// and that says nothing of either.
fn is_bad_news(answer: &Answer) -> bool {
    let class = classify(RawAnswer::from(answer).signal(answer.at)).map(|found| found.class);
    class == Some(ErrorClass::Auth) || matches!(answer.status, 404 | 410)
}

/// What an answer that took the credential says of it.
fn well(answer: &Answer) -> Found {
    let number = |name: &str| answer.header(name).and_then(|text| text.trim().parse::<u64>().ok());
    let scopes = answer.header("x-oauth-scopes").unwrap_or_default();
    let scopes: Vec<String> = scopes
        .split(',')
        .map(|scope| mm_core::untrusted::Untrusted::new(scope.trim()).line(60))
        .filter(|scope| !scope.is_empty())
        .take(50)
        .collect();
    let login = serde_json::from_slice::<serde_json::Value>(&answer.body).ok();
    let login = login.as_ref().and_then(|body| body.get("login")?.as_str());
    let handle = login.map(|login| mm_core::untrusted::Untrusted::new(login).line(100));
    let ends = answer.header("github-authentication-token-expiration").and_then(ends);
    let quota = number("x-ratelimit-remaining").zip(number("x-ratelimit-limit"));
    let named = handle.as_ref().map(|handle| format!(" of `{handle}`")).unwrap_or_default();
    Found {
        standing: Some(AccountStanding::Healthy),
        final_word: false,
        sentence: format!("the platform takes its credential{named}"),
        expires_at: ends,
        scopes,
        quota,
        handle,
    }
}

/// `2026-12-01 10:00:00 UTC`, or with an offset, as GitHub writes it.
fn ends(text: &str) -> Option<Moment> {
    let (day, rest) = text.trim().split_once(' ')?;
    let (time, zone) = rest.split_once(' ').unwrap_or((rest, "UTC"));
    let zone = match zone {
        "UTC" => "Z".to_owned(),
        // +0100
        offset if offset.len() == 5 => format!("{}:{}", offset.get(..3)?, offset.get(3..)?),
        _ => return None,
    };
    format!("{day}T{time}{zone}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_reached_says_nothing_about_the_credential() {
        let answer = |status: u16, headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            Answer { status, headers, body: Vec::new(), at: Moment::default() }
        };
        let spent =
            [("x-ratelimit-limit", "60"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "600")];
        assert!(!is_bad_news(&answer(403, &[("retry-after", "600")])));
        assert!(!is_bad_news(&answer(403, &spent)));
        assert!(is_bad_news(&answer(403, &[])) && is_bad_news(&answer(401, &spent)));
        assert!(is_bad_news(&answer(404, &[])) && is_bad_news(&answer(410, &[])));
    }

    #[test]
    fn an_answer_says_scopes_quota_end_and_name() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let answer = Answer {
            status: 200,
            headers: vec![
                header("x-oauth-scopes", "repo, public_repo"),
                header("x-ratelimit-limit", "5000"),
                header("x-ratelimit-remaining", "4999"),
                header("github-authentication-token-expiration", "2026-12-01 10:00:00 UTC"),
            ],
            body: br#"{"login":"octo\u001bcat"}"#.to_vec(),
            at: Moment::default(),
        };
        let found = well(&answer);
        assert_eq!(found.scopes, ["repo", "public_repo"]);
        assert_eq!(found.quota, Some((4999, 5000)));
        assert_eq!(found.expires_at, "2026-12-01T10:00:00Z".parse().ok());
        assert!(!found.handle.unwrap().contains('\u{1b}'));
        assert_eq!(ends("2026-12-01 10:00:00 +0100"), "2026-12-01T09:00:00Z".parse().ok());
        assert_eq!(ends("soon"), None);
    }
}
