//! OAuth 2 tokens: the request that gets one, and what its answer means (RFC 6749, 4.4, 5 and 6).
//!
//! The answer comes here with its body sealed: the egress did that before anybody could keep it.

use mm_core::action::{Action, ActionKind, Method, Request};
use mm_core::answer::Answer;
use mm_core::error::{ErrorClass, classify};
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_core::secret::Secret;
use mm_core::url::LogicalUrl;
use mm_core::vault::{About, Slot};
use serde::Deserialize;
use std::time::Duration;
use zeroize::Zeroizing;

use super::book::REFRESH;
use super::slots::client_slot;
use super::vault::Locked;
use crate::records::{AccountKind, AccountRow, FieldRow};
use crate::shared::Shared;
use crate::transport::RawAnswer;

/// The kind of act that gets a token, as rule packs name it.
pub const TOKEN_REFRESH: &str = "token-refresh";
/// A token that ends sooner is not used any more: the act may wait on the road for a minute.
const LEAST: Duration = Duration::from_secs(120);
/// Where the platform does not say how long a token lives.
const USUAL_LIFE: Duration = Duration::from_secs(3600);
/// No token's answer is longer.
const ANSWER_BYTES_MAX: u64 = 64 << 10;
/// What the sealed body of an answer begins with.
const SEALED: &str = "sealed:";

/// Whether a token may still be used. One that was over as soon as it counted was dropped, and a clock that
/// is set back does not bring it back.
pub(super) fn is_fresh(field: &FieldRow, now: Moment) -> bool {
    field.expires_at.is_none_or(|at| now.plus(LEAST) < at && field.since < at)
}

/// The act that gets a token for an account.
pub(super) fn action(row: &AccountRow) -> Result<Action, String> {
    let (url, client_id, mut form) = match &row.kind {
        AccountKind::OauthClient { token_url, client_id, scope } => {
            let mut form = vec![("grant_type", "client_credentials".to_owned())];
            if !scope.is_empty() {
                form.push(("scope", scope.clone()));
            }
            (token_url, client_id, form)
        }
        AccountKind::OauthRefresh { token_url, client_id, .. } => {
            (token_url, client_id, vec![("grant_type", "refresh_token".to_owned())])
        }
        _ => return Err("its kind has no tokens that are refreshed".to_owned()),
    };
    let client = client_slot(row);
    if client.is_none() {
        form.push(("client_id", client_id.clone()));
    }
    let mut encoder = url::form_urlencoded::Serializer::new(String::new());
    encoder.extend_pairs(form.iter().map(|(name, value)| (*name, value.as_str())));
    let mut body = encoder.finish();
    if matches!(row.kind, AccountKind::OauthRefresh { .. }) {
        let version = row.field(REFRESH).map(|field| field.version).ok_or("it has no refresh token")?;
        let (platform, account) = (row.platform.clone(), row.account.clone());
        // Written as it is: a slot in a form is filled with what is escaped then.
        body.push_str(&format!(
            "&refresh_token={}",
            Slot { platform, account, field: REFRESH.to_owned(), version }
        ));
    }
    let url = LogicalUrl::parse(url).map_err(|bad| bad.to_string())?;
    let mut request = Request::new(Method::Post, url, body.into_bytes())
        .and_then(|request| request.with_obligation("content-type", "application/x-www-form-urlencoded"))
        .and_then(|request| request.with_obligation("accept", "application/json"))
        .map_err(|bad| bad.to_string())?;
    if let Some(slot) = client {
        request = request
            .with_obligation("authorization", &format!("Basic {slot}"))
            .map_err(|bad| bad.to_string())?;
    }
    let purpose = format!("a token for {}/{}", row.platform, row.account);
    let action = Action::of(row.platform.clone(), ActionKind::new(TOKEN_REFRESH), request, purpose);
    let action = action.with_account(row.account.clone());
    Ok(Action { answer_bytes_max: ANSWER_BYTES_MAX, ..action })
}

/// Whose answer a sealed body is.
fn about<'a>(space: &'a Space, platform: &'a str, account: &'a str) -> About<'a> {
    About { space: space.as_str(), record: "token-answer", platform, account, field: "body", version: 1 }
}

/// Seals the body of an answer that holds tokens, before anybody can keep it.
///
/// # Errors
/// [`Locked`]: then the body must be thrown away.
pub(crate) fn seal_answer(
    shared: &Shared,
    space: &Space,
    platform: &str,
    account: &str,
    mut answer: RawAnswer,
) -> Result<RawAnswer, Locked> {
    let plain = Zeroizing::new(std::mem::take(&mut answer.body));
    let (_, sealed) = shared.vault.seal(&about(space, platform, account), &plain, shared.entropy.as_ref())?;
    let hex: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
    answer.body = format!("{SEALED}{hex}").into_bytes();
    Ok(answer)
}

fn opened(
    shared: &Shared,
    space: &Space,
    row: &AccountRow,
    body: &[u8],
) -> Result<Zeroizing<Vec<u8>>, String> {
    let text = std::str::from_utf8(body).ok().and_then(|text| text.strip_prefix(SEALED));
    let hex = text.ok_or("its answer was not sealed on the way, so it is not used")?;
    let bytes: Option<Vec<u8>> =
        (0..hex.len() / 2).map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()).collect();
    let bytes = bytes.ok_or("its sealed answer is damaged")?;
    let about = about(space, row.platform.as_str(), row.account.as_str());
    shared.vault.open(&about, &bytes).map_err(|locked| locked.to_string())
}

/// Tokens as a platform gave them.
pub(super) struct Tokens {
    pub access: Secret,
    pub expires_at: Moment,
    /// A new refresh token, where the platform changes it each time.
    pub refresh: Option<Secret>,
}

/// What the answer to a token request means.
pub(super) enum Meant {
    Tokens(Box<Tokens>),
    /// The platform does not take the credential: asking again cannot help.
    Invalid(String),
    /// It may go well another time.
    Later(String),
}

#[derive(Deserialize)]
struct Body {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<serde_json::Value>,
    refresh_token: Option<String>,
    error: Option<String>,
}

pub(super) fn meant(shared: &Shared, space: &Space, row: &AccountRow, answer: &Answer) -> Meant {
    // An error names no secret: it is read whether it was sealed or not.
    let body = opened(shared, space, row, &answer.body);
    let bytes = match (&body, answer.status) {
        (Ok(bytes), _) => bytes.as_slice(),
        (Err(why), 200) => return Meant::Later(why.clone()),
        (Err(_), _) => &answer.body,
    };
    let read: Option<Body> = serde_json::from_slice(bytes).ok();
    let error = read.as_ref().and_then(|body| body.error.as_deref()).unwrap_or_default();
    let error = mm_core::untrusted::Untrusted::new(error).line(60);
    match (answer.status, error.as_str()) {
        // RFC 6749, 5.2; GitHub answers errors with 200.
        (
            _,
            "invalid_grant"
            | "invalid_client"
            | "unauthorized_client"
            | "bad_refresh_token"
            | "incorrect_client_credentials",
        ) => Meant::Invalid(format!("the platform says {error}")),
        (401 | 403, _) if is_refusal(answer, bytes) => {
            Meant::Invalid(format!("the platform answers with status {}", answer.status))
        }
        (200, "") => tokens(read, answer.at),
        (status, _) => {
            Meant::Later(format!("the platform answers with status {status} {error}").trim().to_owned())
        }
    }
}

/// Whether a 401 or 403 is about the credential: a 403 may also say "too fast".
fn is_refusal(answer: &Answer, body: &[u8]) -> bool {
    let (at, answer) = (answer.at, RawAnswer { body: body.to_vec(), ..RawAnswer::from(answer) });
    classify(answer.signal(at)).is_some_and(|found| found.class == ErrorClass::Auth)
}

fn tokens(read: Option<Body>, at: Moment) -> Meant {
    let Some(Body { access_token: Some(access), token_type, expires_in, refresh_token, .. }) = read else {
        return Meant::Later("the platform's answer holds no token".to_owned());
    };
    if token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Meant::Later("the platform gave a token of a kind that is not known here".to_owned());
    }
    let seconds = match &expires_in {
        Some(serde_json::Value::Number(number)) => number.as_u64(),
        Some(serde_json::Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let life = seconds.map_or(USUAL_LIFE, Duration::from_secs);
    Meant::Tokens(Box::new(Tokens {
        access: Secret::new(access),
        expires_at: at.plus(life),
        refresh: refresh_token.map(Secret::new),
    }))
}
