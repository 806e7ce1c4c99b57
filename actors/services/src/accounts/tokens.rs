//! Tokens that have grown too old: one act gets a new one, and who needs it meanwhile waits for that one.
//!
//! A token that could not be got is not asked for again for a while, longer each time; who asks meanwhile is
//! told why. Who waits gets his answer in a minute whatever happens: a restart forgets who waited, and they
//! learn that the answer was lost. An answer is about the secrets that its act sent: where they were replaced
//! meanwhile it is thrown away. It reads and writes the store, and tells how an account stands.

use std::time::Duration;

use mm_core::answer::Answer;
use mm_core::vault::Slot;
use mm_supervision::{Fault, Handle, Reply, inherit};

use super::message::{Msg, Presented, Which};
use super::{AccountsService, NotSealed, State, book, oauth, slots};
use crate::gateway::{ANSWER_AFTER, REFRESH_WITHIN};
use crate::records::{AccountRow, AccountStanding};

/// Who waits for a token gets his answer by then: well before he gives up waiting for this actor.
const TOKEN_WAIT: Duration = Duration::from_secs(60);
/// By then the act that gets a token is over, whatever became of it. Until then there is no second one: a
/// refresh token that comes twice costs the whole grant (RFC 9700, 4.14.2).
const GOT_WITHIN: Duration = REFRESH_WITHIN.saturating_add(ANSWER_AFTER);

/// What they are told who have waited so long.
const TOO_LONG: &str = "nobody has got it in a minute";

/// One token that is being got, and those who wait for it.
pub(super) struct Waiting {
    /// Since when, by the clock that nobody sets.
    since: Duration,
    /// What the act that gets it sends.
    sent: Vec<Slot>,
    replies: Vec<Reply<Result<Presented, NotSealed>>>,
}

impl AccountsService {
    /// Answers with the headers of an account, or has a token got first, or lets who asks wait for the one
    /// that is being got.
    pub(super) fn present(
        &self,
        me: &Handle<Msg>,
        state: &mut State,
        which: Which,
        reply: Reply<Result<Presented, NotSealed>>,
    ) -> Result<(), Fault> {
        let now = self.shared.now();
        let row = match self.row(&which)? {
            Ok(Some((row, _))) => row,
            Ok(None) => {
                let Which { platform, account, .. } = which;
                reply.send(Err(NotSealed::NoAccount { platform, account }));
                return Ok(());
            }
            Err(damaged) => {
                reply.send(Err(damaged));
                return Ok(());
            }
        };
        match slots::headers(&row, now) {
            Err(missing) => drop(reply.send(Err(missing))),
            Ok(Some(headers)) => drop(reply.send(Ok(Presented::Headers(headers)))),
            Ok(None) => {
                if let Some((_, _, why)) = state.failed.get(&which).filter(|(until, ..)| now < *until) {
                    reply.send(Err(no_token(&which, why)));
                } else if let Some(waiting) = state.refreshing.get_mut(&which) {
                    if self.shared.clock.mono().saturating_sub(waiting.since) < TOKEN_WAIT {
                        waiting.replies.push(reply);
                    } else {
                        reply.send(Err(no_token(&which, TOO_LONG)));
                    }
                } else {
                    reply.send(self.begin(me, state, which, &row));
                }
            }
        }
        Ok(())
    }

    /// Has a token got by an act of its own; the next to ask waits for it.
    fn begin(
        &self,
        me: &Handle<Msg>,
        state: &mut State,
        which: Which,
        row: &AccountRow,
    ) -> Result<Presented, NotSealed> {
        let action = oauth::action(row).map_err(|why| no_token(&which, &why))?;
        let sent = mm_permit::slots(&action.request).map_err(|bad| no_token(&which, &bad.to_string()))?;
        let waiting = Waiting { since: self.shared.clock.mono(), sent: sent.clone(), replies: Vec::new() };
        state.refreshing.insert(which.clone(), waiting);
        remind(me, which);
        Ok(Presented::NeedsRefresh { action: Box::new(action), sent })
    }

    /// Those who have waited for a token long enough are told so; what cannot come any more is given up.
    pub(super) fn overdue(&self, state: &mut State, which: &Which) {
        let Some(waiting) = state.refreshing.get_mut(which) else { return };
        let waited = self.shared.clock.mono().saturating_sub(waiting.since);
        if waited >= TOKEN_WAIT {
            for reply in std::mem::take(&mut waiting.replies) {
                reply.send(Err(no_token(which, TOO_LONG)));
            }
        }
        if waited >= GOT_WITHIN {
            state.refreshing.remove(which);
        }
    }

    /// Keeps the tokens that an answer holds, or remembers that there are none.
    pub(super) async fn refreshed(
        &self,
        state: &mut State,
        which: &Which,
        sent: &[Slot],
        answer: Result<Answer, String>,
    ) -> Result<Result<(), String>, Fault> {
        let shared = &self.shared;
        let row = match self.row(which)? {
            Ok(Some((row, _))) => row,
            Ok(None) => return Ok(Err("the account was removed meanwhile".to_owned())),
            Err(damaged) => return Ok(Err(damaged.to_string())),
        };
        if !slots::are_in_use(&row, sent, shared.now()) {
            return Ok(Err("its secrets were replaced while the token was on its way".to_owned()));
        }
        let meant = match &answer {
            Ok(answer) => oauth::meant(shared, &which.space, &row, answer),
            Err(why) => oauth::Meant::Later(why.clone()),
        };
        let tokens = match meant {
            oauth::Meant::Tokens(tokens) => tokens,
            oauth::Meant::Invalid(why) => {
                let why =
                    format!("{}/{}: {why}; `account rotate` takes a new one", which.platform, which.account);
                let who = (which.space.clone(), which.platform.clone(), which.account.clone());
                // What is refused is refused: only new secrets, or a look of the health service, end it.
                shared.standings.set(&who, AccountStanding::AuthFailed, &why);
                shared.standings.doubt(&who);
                self.put_off(state, which, 8, &why);
                return Ok(Err(why));
            }
            oauth::Meant::Later(why) => {
                let failures = state.failed.get(which).map_or(0, |(_, failures, _)| *failures);
                self.put_off(state, which, failures, &why);
                return Ok(Err(why));
            }
        };
        let mut values = vec![(book::ACCESS, &tokens.access, Some(tokens.expires_at))];
        values.extend(tokens.refresh.as_ref().map(|refresh| (book::REFRESH, refresh, None)));
        let whose = (&which.platform, &which.account);
        match book::keep_tokens(shared, &which.space, whose, &values).await {
            Ok(()) => {
                state.failed.remove(which);
                self.renewed(which).await;
                Ok(Ok(()))
            }
            Err(error) => {
                // The refresh token that is left may be spent: sending it again and again is how a grant
                // is lost altogether.
                let why = format!("the token that the platform gave could not be kept: {error}");
                self.put_off(state, which, 8, &why);
                Ok(Err(why))
            }
        }
    }

    /// Nobody asks for a token again for a while, longer each time: a platform is never hammered.
    fn put_off(&self, state: &mut State, which: &Which, failures: u32, why: &str) {
        // From half a minute up to an hour.
        let ceiling = Duration::from_secs(3600).min(Duration::from_secs(60) * (1 << failures.min(6)));
        let wait = ceiling.mul_f64(0.5 + self.shared.rng.unit() / 2.0);
        state
            .failed
            .insert(which.clone(), (self.shared.now().plus(wait), failures.min(16) + 1, why.to_owned()));
    }

    /// Who waited for the answer to what was sent is told how it stands now.
    pub(super) fn answered(&self, state: &mut State, which: &Which, sent: &[Slot]) {
        if state.refreshing.get(which).is_some_and(|waiting| waiting.sent == sent) {
            self.tell_waiting(state, which);
        }
    }

    /// Nobody waits for this token any more; who did is told how it stands now.
    pub(super) fn tell_waiting(&self, state: &mut State, which: &Which) {
        let Some(waiting) = state.refreshing.remove(which) else { return };
        let now = self.shared.now();
        for reply in waiting.replies {
            let row = self.row(which).ok().and_then(Result::ok).flatten();
            let headers = row.and_then(|(row, _)| slots::headers(&row, now).ok().flatten());
            let why = state.failed.get(which).map_or("it was not refreshed", |(_, _, why)| why.as_str());
            reply.send(headers.map(Presented::Headers).ok_or_else(|| no_token(which, why)));
        }
    }
}

/// Wakes the actor when those who wait for a token have waited long enough, and when it cannot come any more.
fn remind(me: &Handle<Msg>, which: Which) {
    let me = me.clone();
    tokio::spawn(inherit(async move {
        // An actor that is gone has answered all who waited by its end.
        tokio::time::sleep(TOKEN_WAIT).await;
        drop(me.cast(Msg::Overdue { which: which.clone() }));
        tokio::time::sleep(GOT_WITHIN - TOKEN_WAIT).await;
        drop(me.cast(Msg::Overdue { which }));
    }));
}

fn no_token(which: &Which, why: &str) -> NotSealed {
    NotSealed::NoToken {
        platform: which.platform.clone(),
        account: which.account.clone(),
        why: why.to_owned(),
    }
}
