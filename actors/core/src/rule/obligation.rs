//! What goes along with an act that rules allow.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What must be done along with an act that these rules allow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Obligations {
    /// The `User-Agent` to state, ready to send.
    pub user_agent: Option<String>,
    /// Headers to send, names in lower case, sorted, each once.
    pub headers: Vec<(String, String)>,
    /// The least pause before another act of the kind at the platform, in milliseconds.
    pub pause_ms_min: u64,
    /// Sentences that a published text must hold, to the letter, each near every link meant.
    pub disclosures: Vec<String>,
    /// Lists of phrases: a published text must hold one of each list near every link meant.
    pub disclosures_any: Vec<Vec<String>>,
    /// `rel` values that a published link must carry.
    pub rel: Vec<String>,
    /// Lists of `rel` values: a published link must carry one of each list.
    pub rel_any: Vec<Vec<String>>,
    /// `rel` values that a published link must not carry.
    pub rel_not: Vec<String>,
    /// Hosts of which a published text must link to one.
    pub link_to: Vec<String>,
    /// Query parameters that the links meant must carry, not empty.
    pub link_query: Vec<String>,
}

impl Obligations {
    /// All that must stand in the request's head, the `User-Agent` among it.
    pub fn all_headers(&self) -> Vec<(String, String)> {
        let agent = self.user_agent.iter().map(|agent| ("user-agent".to_owned(), agent.clone()));
        agent.chain(self.headers.iter().cloned()).collect()
    }

    /// The least pause, as a duration.
    pub fn pause_min(&self) -> Duration {
        Duration::from_millis(self.pause_ms_min)
    }

    /// Whether something of the published text is asked.
    pub fn is_of_text(&self) -> bool {
        let Self { disclosures, disclosures_any, rel, rel_any, rel_not, link_to, link_query, .. } = self;
        let lists = [disclosures, rel, rel_not, link_to, link_query];
        lists.iter().any(|list| !list.is_empty()) || !disclosures_any.is_empty() || !rel_any.is_empty()
    }

    /// What is asked of the published text, a sentence each, for people.
    pub fn text_duties(&self) -> Vec<String> {
        let one_of = |list: &Vec<String>| format!("“{}”", list.join("” or “"));
        let mut duties: Vec<String> =
            self.disclosures.iter().map(|text| format!("state “{text}” near the link")).collect();
        duties
            .extend(self.disclosures_any.iter().map(|list| format!("state {} near the link", one_of(list))));
        duties.extend(self.rel.iter().map(|rel| format!("give the link rel={rel}")));
        duties.extend(self.rel_any.iter().map(|list| format!("give the link rel={}", list.join(" or "))));
        duties.extend(self.rel_not.iter().map(|rel| format!("give the link no rel={rel}")));
        if !self.link_to.is_empty() {
            duties.push(format!("link to {}", self.link_to.join(" or ")));
        }
        duties.extend(self.link_query.iter().map(|name| format!("give the link its `{name}` parameter")));
        duties
    }
}
