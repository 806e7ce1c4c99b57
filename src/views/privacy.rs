//! What is stored about somebody.

use mm_services::privacy::{Found, NOT_SEEN, Subject, find};
use serde::Serialize;

use super::{Problem, Question, Reader};

/// Everything that was found about one subject.
#[derive(Debug, Clone, Serialize)]
pub struct PrivacyView {
    pub subject: String,
    pub at: String,
    pub found: Vec<Found>,
    /// What no search here sees.
    pub not_seen: Vec<&'static str>,
}

/// `subject`.
pub(super) fn read(reader: &Reader, question: &Question) -> Result<PrivacyView, Problem> {
    question.only(&["subject"])?;
    let text = question.text("subject").unwrap_or_default();
    let subject = Subject::parse(text).map_err(|bad| Problem::Bad(bad.to_string()))?;
    let found = find(&reader.store, &subject).map_err(|fault| Problem::Failed(fault.reason))?;
    Ok(PrivacyView {
        subject: subject.text().to_owned(),
        at: reader.now.to_string(),
        found,
        not_seen: NOT_SEEN.to_vec(),
    })
}
