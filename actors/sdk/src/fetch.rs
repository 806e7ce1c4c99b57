//! Reading one source politely: conditional, and never taking "unknown" for "empty".

use mm_core::action::{Action, Request};
use mm_core::answer::{Answer, Validators};
use mm_core::id::PlatformId;
use mm_core::run::Refusal;
use mm_core::url::LogicalUrl;

use crate::context::{Act, Context, Interrupt};

/// A source that is read again and again.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    /// The action's platform, with a rule pack.
    pub platform: PlatformId,
    /// Where it lies.
    pub url: LogicalUrl,
    /// What it is read for, one line.
    pub purpose: &'a str,
}

/// What reading a source gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetch {
    /// A new answer.
    Fresh(Answer),
    /// The source says that it is as it was when the validators were kept.
    Unchanged,
    /// Nothing is known: not reachable, refused, pending, or an error status. One sentence.
    Failed(String),
}

impl Source<'_> {
    /// Reads the source, conditional on `validators`.
    ///
    /// # Errors
    /// [`Interrupt`] if the run cannot go on.
    pub async fn fetch(
        &self,
        cx: &mut Context<'_>,
        step: &str,
        validators: &Validators,
    ) -> Result<Fetch, Interrupt> {
        let act =
            cx.act(step, Action::read(self.platform.clone(), self.request(validators), self.purpose)).await?;
        Ok(match act {
            Act::Done(answer) if answer.status == 200 => Fetch::Fresh(answer),
            Act::Done(answer) if answer.status == 304 => Fetch::Unchanged,
            Act::Done(answer) => {
                Fetch::Failed(format!("{} answered with status {}", self.url, answer.status))
            }
            Act::Refused(Refusal { why, .. }) => Fetch::Failed(why),
            Act::Pending(action) => Fetch::Failed(format!("the read waits as action {action}")),
        })
    }

    fn request(&self, validators: &Validators) -> Request {
        let conditions =
            [("if-none-match", &validators.etag), ("if-modified-since", &validators.last_modified)];
        conditions.into_iter().fold(Request::get(self.url.clone()), |request, (name, value)| match value {
            // A validator is a platform's text: one that is no header value is left out, and the
            // read is unconditional.
            Some(value) => request.clone().header(name, value).unwrap_or(request),
            None => request,
        })
    }
}
