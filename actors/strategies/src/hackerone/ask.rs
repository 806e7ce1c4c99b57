//! The actions: what is asked of HackerOne, and how.
//!
//! The first page of a list is built here, every other one is taken from the answer before it.

use mm_sdk::{AccountId, Action, LogicalUrl, Method, Request};
use serde_json::json;

use crate::asker::{Asker, checked};

/// The platform, as its rule pack names it.
pub const PLATFORM: &str = "hackerone";

/// Where the interface is.
pub const API: &str = "https://api.hackerone.com/v1/hackers";

/// The most elements of a page.
pub const PAGE: usize = 100;

/// The most rows that pages reach (`structured_scopes`); what lies beyond is asked for by number.
pub const ROWS_MAX: usize = 10_000;

/// The most bytes of an answer that are wanted: a page of a hundred programmes, each with its policy.
const ANSWER_BYTES_MAX: u64 = 8 << 20;

/// The kinds of act, as the rule pack names them.
pub mod kind {
    /// Programmes, earnings, payouts, the balance.
    pub const READ: &str = "read";
    /// Structured scopes, which have a limit of their own.
    pub const SCOPES: &str = "read-scopes";
    /// The own reports.
    pub const REPORTS: &str = "read-reports";
    /// A report. The rules hand it to the owner.
    pub const REPORT: &str = "submit-report";
}

/// HackerOne, asked with the owner's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HackerOne {
    asker: Asker,
}

impl HackerOne {
    /// With the account of that name.
    pub fn new(account: AccountId) -> Self {
        Self { asker: Asker::new(PLATFORM, account, ANSWER_BYTES_MAX) }
    }

    /// Every programme that the account sees, its private ones too.
    pub fn programmes(&self) -> Action {
        let url = checked(&format!("{API}/programs?page%5Bsize%5D={PAGE}"));
        self.asker.read(kind::READ, url, "see which programmes the account takes part in at HackerOne")
    }

    /// One programme with its policy; `None` if its handle is none.
    pub fn programme(&self, handle: &str) -> Option<Action> {
        let url = checked(&format!("{API}/programs/{}", plain(handle)?));
        Some(self.asker.read(kind::READ, url, "read the policy of a programme at HackerOne"))
    }

    /// The scopes of a programme; those with a number above `after`, if that is given.
    pub fn scopes(&self, handle: &str, after: Option<u64>) -> Option<Action> {
        let from = after.map(|after| format!("&filter%5Bid__gt%5D={after}")).unwrap_or_default();
        let handle = plain(handle)?;
        let url = checked(&format!("{API}/programs/{handle}/structured_scopes?page%5Bsize%5D={PAGE}{from}"));
        Some(self.asker.read(kind::SCOPES, url, "read what is in scope of a programme at HackerOne"))
    }

    /// The own reports.
    pub fn reports(&self) -> Action {
        let url = checked(&format!("{API}/me/reports?page%5Bsize%5D={PAGE}"));
        self.asker.read(kind::REPORTS, url, "see what became of your own reports at HackerOne")
    }

    /// What was earned.
    pub fn earnings(&self) -> Action {
        let url = checked(&format!("{API}/payments/earnings?page%5Bsize%5D={PAGE}"));
        self.asker.read(kind::READ, url, "see what you earned at HackerOne")
    }

    /// What was paid out.
    pub fn payouts(&self) -> Action {
        let url = checked(&format!("{API}/payments/payouts?page%5Bsize%5D={PAGE}"));
        self.asker.read(kind::READ, url, "see what HackerOne paid out to you")
    }

    /// What HackerOne holds.
    pub fn balance(&self) -> Action {
        let url = checked(&format!("{API}/payments/balance"));
        self.asker.read(kind::READ, url, "see what HackerOne holds for you")
    }

    /// The next page of a list whose first page was read as `kind`.
    pub fn page(&self, kind: &str, url: LogicalUrl) -> Action {
        self.asker.read(kind, url, "read the next page of a list at HackerOne")
    }

    /// The draft of a report; `None` if the programme's handle is none. Nothing here sends it.
    pub fn report(
        &self,
        handle: &str,
        title: &str,
        text: &str,
        impact: &str,
        purpose: &str,
    ) -> Option<Action> {
        let body = json!({ "data": { "type": "report", "attributes": {
            "team_handle": plain(handle)?,
            "title": title,
            "vulnerability_information": text,
            "impact": impact,
        } } });
        let url = checked(&format!("{API}/reports"));
        let request =
            Request::new(Method::Post, url, body.to_string().into_bytes()).expect("a POST has a body");
        let request = request.header("content-type", "application/json").expect("it is a header");
        Some(self.asker.draft(kind::REPORT, request, purpose))
    }
}

/// A handle as it may stand in a path. Anything else would ask for something else.
pub fn plain(handle: &str) -> Option<&str> {
    let sound = handle.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c));
    (sound && (1..=100).contains(&handle.len()) && !handle.starts_with('.')).then_some(handle)
}
