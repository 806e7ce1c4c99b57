//! What an owner tells of earnings. The services put it on record, with who said it.

use mm_core::audit::keys::unhex;
use mm_core::digest::Digest;
use mm_core::id::{OpportunityId, PlatformId, Space, StrategyId};
use mm_core::ledger::{Evidence, Money, Report, Source};
use mm_core::moment::Moment;
use mm_core::opportunity::Opportunity;
use mm_core::untrusted::Untrusted;
use mm_services::books::{NotRecorded, Told};
use serde::Deserialize;
use serde_json::Value;

use super::Ops;
use super::answer::{down, reader};
use crate::views::earning::{EarningView, EntryView, MoneyView, RecordedView};
use crate::views::{Problem, Reader, earning, limit, nearest, strategy};

/// The largest document that is kept as evidence, bytes: a statement of some pages with a scan in it.
pub const DOCUMENT_BYTES_MAX: usize = 4 << 20;

/// What is told, as it comes in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    platform: String,
    reference: String,
    strategy: String,
    stage: String,
    amount: MoneyView,
    /// In the currency of the amount.
    #[serde(default)]
    fee: Option<String>,
    #[serde(default)]
    arrived: Option<MoneyView>,
    /// RFC 3339; now, if it is not said.
    #[serde(default)]
    as_of: Option<String>,
    #[serde(default)]
    opportunity: Option<String>,
    /// What the document is called.
    document: String,
    /// Its bytes, in hex.
    bytes: String,
}

pub(super) async fn record(ops: &Ops, by: &str, body: &Value) -> Result<Value, Problem> {
    let given = Given::deserialize(body).map_err(|error| {
        Problem::Bad(format!("what is told of an earning is not understood: {}", line(&error.to_string())))
    })?;
    let bytes = document(&given.bytes)?;
    let doubt = doubt(&reader(ops).await, &given.platform);
    let told = told(ops, given, Digest::of(&bytes)).await?;
    let recorded = ops.services.books.record(&Space::default_owner(), told, bytes, by).await;
    let recorded = recorded.map_err(|error| down(ops, &error))?.map_err(|refused| wrong(&refused))?;
    let view = RecordedView {
        earning: EarningView::from(recorded.earning),
        entry: recorded.entry.map(EntryView::from),
        doubt,
    };
    serde_json::to_value(view).map_err(|error| Problem::Failed(error.to_string()))
}

/// What there is to say of a payer that no rule file speaks of and whose name is almost that of one.
fn doubt(reader: &Reader, platform: &str) -> Option<String> {
    let rules = limit::rules(reader).ok()?;
    let names = || rules.platforms().map(PlatformId::as_str);
    if names().any(|name| name == platform) {
        return None;
    }
    let near = nearest(platform, names())?;
    Some(format!(
        "no rule file speaks of `{}`; if `{near}` is meant, its payments do not come together with this one",
        line(platform)
    ))
}

/// The document's bytes.
fn document(hex: &str) -> Result<Vec<u8>, Problem> {
    let bytes = unhex(hex).ok_or_else(|| Problem::Bad("`bytes` is the document in hex".to_owned()))?;
    match bytes.len() {
        0 => {
            Err(Problem::Bad("the document is empty; evidence is what the platform or the bank wrote".into()))
        }
        n if n > DOCUMENT_BYTES_MAX => Err(Problem::Bad(format!(
            "the document has more than {} MiB; name the page that says it",
            DOCUMENT_BYTES_MAX >> 20
        ))),
        _ => Ok(bytes),
    }
}

async fn told(ops: &Ops, given: Given, digest: Digest) -> Result<Told, Problem> {
    let bad = |error: &dyn std::fmt::Display| Problem::Bad(error.to_string());
    let money = |money: &MoneyView| Money::typed(&money.amount, &money.currency).map_err(|error| bad(&error));
    let fee = given.fee.as_ref().map(|fee| Money::typed(fee, &given.amount.currency));
    let as_of = given.as_of.as_ref().map(|text| text.parse::<Moment>()).transpose();
    let as_of = as_of.map_err(|_| Problem::Bad("`as_of` is a time like 2026-11-03T09:30:00Z".to_owned()))?;
    let report = Report {
        as_of: as_of.unwrap_or_else(|| ops.services.shared.now()),
        stage: earning::stage(&given.stage)?,
        amount: money(&given.amount)?,
        fee: fee.transpose().map_err(|error| bad(&error))?,
        arrived: given.arrived.as_ref().map(money).transpose()?,
        evidence: Evidence { digest, source: Source::Owner, what: line(&given.document) },
    };
    let strategy: Option<StrategyId> = given.strategy.parse().ok();
    let installed = |id: &StrategyId| ops.services.shared.settings().strategies.contains_key(id);
    let Some(strategy) = strategy.filter(installed) else {
        return Err(strategy::unknown(&reader(ops).await, &given.strategy));
    };
    Ok(Told {
        platform: given.platform.parse().map_err(|error| bad(&error))?,
        reference: given.reference,
        strategy,
        opportunity: given.opportunity.map(|id| opportunity(ops, &id)).transpose()?,
        report,
    })
}

fn opportunity(ops: &Ops, id: &str) -> Result<OpportunityId, Problem> {
    let found = ops.services.shared.store.get::<Opportunity>(&Space::default_owner(), id);
    if matches!(found, Ok(None) | Err(mm_store::ReadError::Key(_))) {
        let id = Untrusted::new(id).line(60);
        return Err(Problem::Unknown(format!(
            "there is no opportunity `{id}`; `opportunities list` shows the ids"
        )));
    }
    Ok(OpportunityId::new(id))
}

fn line(text: &str) -> String {
    Untrusted::new(text).line(200)
}

fn wrong(refused: &NotRecorded) -> Problem {
    let sentence = refused.to_string();
    match refused {
        NotRecorded::Reference | NotRecorded::AsOf(_) | NotRecorded::NotTaken(_) => Problem::Bad(sentence),
        NotRecorded::NoEvidence(_)
        | NotRecorded::Older { .. }
        | NotRecorded::Others { .. }
        | NotRecorded::Damaged(..)
        | NotRecorded::Torn(_) => Problem::Refused(sentence),
    }
}
