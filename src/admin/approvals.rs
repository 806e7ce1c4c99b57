//! What an owner says of questions to him. The services put it on record, with who said it.

use mm_core::id::Space;
use mm_services::approvals::{Undecided, Word};
use mm_services::books::{self, NotAnswered};
use serde_json::Value;

use super::Ops;
use super::answer::{down, reason};
use crate::exit::chain;
use crate::views::Problem;
use crate::views::approval::{self, ApprovalView};

/// `{"reason": TEXT}`, and for `edit` `{"body": TEXT}`: what is sent instead.
pub(super) async fn say(ops: &Ops, by: &str, id: &str, verb: &str, body: &Value) -> Result<Value, Problem> {
    let reason = reason(body);
    let word = match verb {
        "approve" => Word::Approve,
        "edit" => {
            let text = body.get("body").and_then(Value::as_str);
            let text = text.ok_or_else(|| Problem::Bad("`body` says what is sent instead".to_owned()))?;
            Word::Edit(text.as_bytes().to_vec())
        }
        "reject" if reason.is_none() => {
            let why = "to reject needs a reason; its strategy, and you in a month, will ask";
            return Err(Problem::Bad(why.to_owned()));
        }
        "reject" => Word::Reject,
        "done" => Word::Done,
        "not-done" => Word::NotDone,
        _ => {
            let why = "an approval takes approve, edit, reject, done and not-done";
            return Err(Problem::Unknown(why.to_owned()));
        }
    };
    let space = Space::default_owner();
    if id.starts_with("late-") {
        return answer(ops, by, id, &word, reason.as_deref()).await;
    }
    let said = ops.services.approvals.say(&space, id, word, by, reason.as_deref()).await;
    let row = said.map_err(|error| down(ops, &error))?.map_err(|undecided| wrong(&undecided))?;
    serde_json::to_value(ApprovalView::new(id.to_owned(), row))
        .map_err(|error| Problem::Failed(error.to_string()))
}

/// A word on a draft to a payer who is late: its owner writes to him himself.
async fn answer(ops: &Ops, by: &str, id: &str, word: &Word, reason: Option<&str>) -> Result<Value, Problem> {
    let word = match word {
        Word::Approve => books::Word::Approve,
        Word::Reject => books::Word::Reject,
        Word::Done => books::Word::Done,
        Word::NotDone => books::Word::NotDone,
        Word::Edit(_) => {
            let why = "you write to the payer yourself, so there is nothing to edit here; `done` says that you have";
            return Err(Problem::Refused(why.to_owned()));
        }
    };
    let space = Space::default_owner();
    let said = ops.services.books.answer(&space, id, word, by, reason).await;
    let chase = said.map_err(|error| down(ops, &error))?.map_err(|error| match error {
        NotAnswered::Unknown(_) => Problem::Unknown(error.to_string()),
        NotAnswered::NotTaken(..) => Problem::Refused(error.to_string()),
    })?;
    let payer = approval::payer_of(&ops.services.shared.store, &space, id);
    serde_json::to_value(ApprovalView::of_late(chase, payer))
        .map_err(|error| Problem::Failed(error.to_string()))
}

fn wrong(undecided: &Undecided) -> Problem {
    let sentence = chain(undecided);
    match undecided {
        Undecided::Unknown(_) => Problem::Unknown(sentence),
        Undecided::Bad(_) => Problem::Bad(sentence),
        Undecided::Unjudged(_) => Problem::Down(sentence),
        Undecided::NotTaken(..)
        | Undecided::Gone(_)
        | Undecided::Refused(_)
        | Undecided::Taken(_)
        | Undecided::Several(..)
        | Undecided::Blank(..) => Problem::Refused(sentence),
    }
}
