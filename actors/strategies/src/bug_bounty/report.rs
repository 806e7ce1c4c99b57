//! The skeleton of a report: drafted for an opportunity that the owner accepted, handed to him by the rules, sent by
//! nobody else. It holds blanks, since what was found only he knows, and the programme's own words on automated
//! tools as a note. One that he sent or declined is not drafted again.

use std::collections::BTreeMap;
use std::time::Duration;

use mm_sdk::{
    Act, Action, ActionId, Context, Decided, ErrorClass, Interrupt, Moment, Refusal, Untrusted, blank,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::accounts::{Head, Platform, Round, Rules};
use super::draft::of_platform;
use super::finding::Kind;
use super::scope::Source;

/// A skeleton is good for so long; whoever tests longer accepts again, and gets a new one.
const GOOD_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// What became of a skeleton is asked for so long.
const ASKED_FOR: Duration = Duration::from_secs(60 * 24 * 3600);

/// A programme that is not shown to the account is asked for again after so long,
const ASKED_AGAIN: Duration = Duration::from_secs(24 * 3600);

/// and no report on it is drafted any more once it was not for so long.
const SHOWN_WITHIN: Duration = Duration::from_secs(3 * 24 * 3600);

/// Skeletons of one run; the others wait for the next.
const DRAFTS_MAX: usize = 5;

/// Targets that are named in a skeleton.
const TARGETS_MAX: usize = 10;

/// The most skeletons that are remembered, the oldest forgotten first.
const REMEMBERED_MAX: usize = 5_000;

/// A skeleton.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skeleton {
    /// The action that it became.
    pub action: Option<ActionId>,
    /// How it stands.
    pub stage: Stage,
    /// Since when.
    pub at: Moment,
}

/// How a skeleton stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// It waits for the owner.
    Waiting,
    /// He says that he sent it.
    Sent,
    /// He did not, or it could not be drafted; why.
    Over(String),
}

/// That the programme of an opportunity is not shown to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unseen {
    /// Since when.
    pub since: Moment,
    /// When it was asked for last.
    pub asked_at: Moment,
}

/// By the opportunity that each is for.
pub type Skeletons = BTreeMap<String, Skeleton>;

/// What an accepted opportunity says that a report needs.
struct Wanted {
    id: String,
    source: Source,
    programme: String,
    targets: Vec<String>,
}

impl Wanted {
    /// `None` for what no report is written on.
    fn of(decided: &Decided) -> Option<Wanted> {
        let kinds = [Kind::ProgrammeAdded, Kind::ProgrammeReturned, Kind::TargetsAdded, Kind::RewardChanged];
        kinds.iter().find(|kind| kind.word() == decided.kind)?;
        let details: Value = serde_json::from_str(&decided.details).ok()?;
        let text = |name: &str| details.get(name).and_then(Value::as_str).map(str::to_owned);
        let page = text("programme_url")?;
        let host = page.strip_prefix("https://")?.split('/').next()?;
        let on = |source: &Source| host == source.host() || host.ends_with(&format!(".{}", source.host()));
        let source = Source::ALL.into_iter().find(on)?;
        let targets = details.get("targets").and_then(Value::as_array).cloned().unwrap_or_default();
        let named = targets.iter().filter_map(|target| target.get("identifier")?.as_str());
        let targets = named.map(|target| Untrusted::new(target).line(200)).collect();
        Some(Wanted { id: decided.id.as_str().to_owned(), source, programme: text("programme")?, targets })
    }
}

/// Asks what became of the skeletons that were drafted.
pub(super) async fn settle(cx: &mut Context<'_>, skeletons: &mut Skeletons) -> Result<(), Interrupt> {
    let now = cx.now();
    let asked: Vec<(String, ActionId)> = (skeletons.iter())
        .filter(|(_, one)| one.stage == Stage::Waiting && now.since(one.at) < ASKED_FOR)
        .filter_map(|(id, one)| Some((id.clone(), one.action.clone()?)))
        .collect();
    for (id, action) in asked {
        let stage = match cx.outcome(&action).await? {
            None | Some(Act::Pending(_)) => continue,
            // Nobody said no: its time passed, and while the opportunity is accepted it is drafted anew.
            Some(Act::Refused(Refusal { class: ErrorClass::Transient | ErrorClass::RateLimit, .. })) => {
                skeletons.remove(&id);
                continue;
            }
            Some(Act::Refused(Refusal { why, .. })) => Stage::Over(Untrusted::new(why).line(200)),
            Some(Act::Done(_)) => {
                let sentence = format!(
                    "you sent the report for {id}: mark it, so that its bounty is waited for: money-machine \
                     opportunities submitted {id}"
                );
                cx.alert(format!("report/{id}"), sentence);
                Stage::Sent
            }
        };
        if let Some(one) = skeletons.get_mut(&id) {
            one.stage = stage;
        }
    }
    Ok(())
}

/// Drafts a skeleton for each accepted opportunity that has none.
pub(super) async fn draft(
    cx: &mut Context<'_>,
    round: &mut Round<'_>,
    platforms: &[Platform],
    (skeletons, unseen): (&mut Skeletons, &mut BTreeMap<String, Unseen>),
    errors: &mut Vec<String>,
) -> Result<(), Interrupt> {
    let decided = cx.decisions().await?;
    unseen.retain(|id, _| decided.iter().any(|decided| decided.id.as_str() == id));
    let mut drafted = 0;
    for wanted in decided.iter().filter_map(Wanted::of) {
        let platform = platforms.iter().find(|platform| platform.source() == wanted.source);
        let Some(platform) = platform else { continue };
        if skeletons.contains_key(&wanted.id) || drafted == DRAFTS_MAX || !round.answers(wanted.source) {
            continue;
        }
        if !is_read(cx, round, &wanted, (&mut *skeletons, &mut *unseen), errors).await? {
            continue;
        }
        let Some(head) = round.head(wanted.source, &wanted.programme) else { continue };
        let private = head.private;
        let Some(action) = action(platform, &wanted, head, cx.now()) else { continue };
        let (action, stage) = match cx.act(&format!("report-{}", wanted.id), action).await? {
            Act::Pending(action) => (Some(action), Stage::Waiting),
            Act::Done(_) => (None, Stage::Sent),
            Act::Refused(Refusal { why, class, .. }) => {
                // A refusal may show where the report would go, which names the programme.
                let why = if private { class.as_str().to_owned() } else { Untrusted::new(why).line(200) };
                errors.push(format!("the draft of a report for {} was not taken: {why}", wanted.id));
                if matches!(class, ErrorClass::Transient | ErrorClass::RateLimit) {
                    continue;
                }
                (None, Stage::Over(why))
            }
        };
        drafted += 1;
        skeletons.insert(wanted.id, Skeleton { action, stage, at: cx.now() });
    }
    forget(skeletons);
    Ok(())
}

/// Whether the rules of its programme were read, which nobody is sent to test before. A programme that is not shown to
/// the account is asked for now and then, and given up in the end.
async fn is_read(
    cx: &mut Context<'_>,
    round: &mut Round<'_>,
    wanted: &Wanted,
    (skeletons, unseen): (&mut Skeletons, &mut BTreeMap<String, Unseen>),
    errors: &mut Vec<String>,
) -> Result<bool, Interrupt> {
    let (id, now) = (&wanted.id, cx.now());
    let asked = unseen.get(id).is_some_and(|one| now.since(one.asked_at) < ASKED_AGAIN);
    if asked && !round.knows(wanted.source, &wanted.programme) {
        return Ok(false);
    }
    match round.know(cx, wanted.source, &wanted.programme).await? {
        Rules::Known => {
            unseen.remove(id);
            return Ok(true);
        }
        Rules::NotNow => {}
        Rules::Failed(failed) => {
            let why = failed.in_short();
            errors.push(format!("no report is drafted for {id} yet, its rules were not read: {why}"));
            if failed.is_of_its_own() {
                let since = unseen.get(id).map_or(now, |one| one.since);
                unseen.insert(id.clone(), Unseen { since, asked_at: now });
                give_up(cx, id, unseen, skeletons);
            }
        }
    }
    Ok(false)
}

/// Ends what was not shown to the account for too long, and says so once.
fn give_up(cx: &mut Context<'_>, id: &str, unseen: &mut BTreeMap<String, Unseen>, skeletons: &mut Skeletons) {
    let Some(since) = unseen.get(id).map(|one| one.since) else { return };
    if cx.now().since(since) < SHOWN_WITHIN {
        return;
    }
    let sentence = format!(
        "no report is drafted for {id}: its programme is not shown to your account since {since}; if you will not \
         report there: money-machine opportunities dismiss {id}"
    );
    cx.alert(format!("report/{id}"), sentence);
    unseen.remove(id);
    let stage = Stage::Over("its programme is not shown to the account".to_owned());
    skeletons.insert(id.to_owned(), Skeleton { action: None, stage, at: cx.now() });
}

/// The draft, with what the owner should read before he writes.
fn action(platform: &Platform, wanted: &Wanted, head: &Head, now: Moment) -> Option<Action> {
    let title = blank::of("what is wrong, and where, in one line");
    let (text, impact) = (text(&wanted.targets), blank::of("what somebody could do with it, and to whom"));
    // It is read after "asks to". A key may be a bare number of the platform's; people know the name.
    let of = if head.private { "a private programme" } else { &head.name };
    let purpose = format!(
        "report to {} at {} what you have tested yourself",
        Untrusted::new(of).line(60),
        wanted.source
    );
    let mut action = match platform {
        Platform::HackerOne(api) => api.report(&wanted.programme, &title, &text, &impact, &purpose)?,
        Platform::Intigriti(api) => {
            api.report(&format!("# {title}\n\n{text}\n## Impact\n\n{impact}\n"), &purpose)
        }
        Platform::YesWeHack(api) => {
            api.report(&wanted.programme, &title, &format!("{text}\n## Impact\n\n{impact}\n"), &purpose)?
        }
    };
    // Blanks are the same for two programmes, or for one twice: each opportunity has a report of its own.
    action.occasion = Some(wanted.id.clone());
    action.until = Some(now.plus(GOOD_FOR));
    action.notes = notes(wanted, head);
    Some(action)
}

fn notes(wanted: &Wanted, head: &Head) -> Vec<String> {
    let automation = head.automation.as_ref().map(|automation| automation.note());
    let page = head.url.as_deref().and_then(|url| of_platform(wanted.source, url));
    let page = page.map(|url| Untrusted::new(url).line(200));
    let mut notes = vec![automation.unwrap_or_else(|| "automated tools: the rules were not read".to_owned())];
    notes.push(format!(
        "read the rules and the scope first: {}",
        page.unwrap_or("the programme's page".to_owned())
    ));
    notes.extend(
        head.closed.as_deref().map(|state| format!("it is {}, not open", Untrusted::new(state).line(40))),
    );
    if head.private {
        notes.push("it is private: name, scope and rewards are told to nobody".to_owned());
    }
    notes.push(match wanted.source {
        Source::HackerOne => {
            "HackerOne's terms of 2026-05-11 punish reports that nobody validated, and want automation \
                              named: say what a program did"
                .to_owned()
        }
        _ => "say what a program did, and send nothing that you have not seen yourself".to_owned(),
    });
    notes
}

/// The body: blanks, and the targets as lines that nothing can break out of.
fn text(targets: &[String]) -> String {
    let fenced = targets.iter().take(TARGETS_MAX).map(|target| format!("- `{}`\n", target.replace('`', "'")));
    let mut places: String = fenced.collect();
    if targets.len() != 1 {
        places.push_str(&format!("\n{}\n", blank::of("which of these, and the exact address")));
    }
    format!(
        "## Summary\n\n{}\n\n## Where\n\n{places}\n## Steps to reproduce\n\n{}\n\n## Evidence\n\n{}\n\n\
         (Skeleton by money-machine, a program; a person tested, wrote and sent this.)\n",
        blank::of("what is wrong, in two sentences"),
        blank::of("each step, so that somebody else sees the same"),
        blank::of("requests, answers or pictures, without anybody's data"),
    )
}

fn forget(skeletons: &mut Skeletons) {
    let over = skeletons.len().saturating_sub(REMEMBERED_MAX);
    let mut oldest: Vec<(Moment, String)> = skeletons.iter().map(|(id, one)| (one.at, id.clone())).collect();
    oldest.sort_unstable();
    for (_, id) in oldest.into_iter().take(over) {
        skeletons.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intigriti::Intigriti;

    #[test]
    fn the_purpose_names_the_programme_by_its_name_unless_it_is_private() {
        let platform = Platform::Intigriti(Intigriti::new("main".parse().unwrap()));
        let wanted = Wanted {
            id: "opp-1".to_owned(),
            source: Source::Intigriti,
            programme: "64711737-2b41-4c5e-8a55-000000000000".to_owned(),
            targets: Vec::new(),
        };
        let head = |private| Head {
            name: "Open Sea".into(),
            url: None,
            closed: None,
            offers_bounty: None,
            payout: None,
            private,
            automation: None,
            looked_at: None,
        };
        let purpose =
            |private| action(&platform, &wanted, &head(private), Moment::default()).unwrap().purpose;
        assert_eq!(purpose(false), "report to Open Sea at intigriti what you have tested yourself");
        assert_eq!(purpose(true), "report to a private programme at intigriti what you have tested yourself");
    }
}
