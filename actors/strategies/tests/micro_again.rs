//! What is looked at again, and what is not forgotten: an issue that was refused, closed or half read may be
//! another by now, and what was told must be seen to end.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

mod micro;

use micro::{API, Issue, World, base64, details};
use mm_sdk::testing::Bench;
use mm_sdk::{Act, Answer, Decided, Draft, Drafts, Moment, OpportunityId};
use mm_strategies::micro_tasks::Snapshot;
use mm_strategies::micro_tasks::draft::{BOUNTY, REFUSED};
use serde_json::{Value, json};

const SEARCH: &str = "/search/issues?q=label%3A%22%F0%9F%92%8E%20Bounty%22%20state%3Aopen%20type%3Aissue\
    &sort=created&order=desc&per_page=100";

fn accepted(draft: &Draft) -> Vec<Decided> {
    let details = draft.details.as_str().to_owned();
    vec![Decided { id: OpportunityId::new("x"), kind: draft.kind.clone(), details, at: Moment::default() }]
}

fn few_looks(looks_max: u64) -> World {
    let queries = ["label:\"💎 Bounty\" state:open type:issue"];
    World::of(json!({"account": "main", "queries": queries, "looks_max": looks_max}))
}

fn listed(world: &mut World, rows: &[Value]) {
    world.answer(SEARCH, json!({"total_count": rows.len(), "incomplete_results": false, "items": rows}));
}

/// The comments that were proposed.
fn proposed(world: &World) -> usize {
    world.bench.asked().iter().filter(|action| action.kind.as_str() == "comment").count()
}

/// Whether the newest read of `path` was conditional; `None` if there was none.
fn was_conditional(world: &World, path: &str) -> Option<bool> {
    let mut asked = world.bench.asked().iter();
    let read = asked.rfind(|action| action.request.url().as_str() == format!("{API}{path}"))?;
    Some(read.request.headers().iter().any(|(name, _)| name == "if-none-match"))
}

fn is_told(drafts: &Drafts) -> bool {
    drafts.opportunities.iter().any(|draft| draft.tell && draft.kind == BOUNTY)
}

fn snapshot(world: &World) -> Snapshot {
    mm_sdk::decode(world.bench.snapshot().unwrap()).unwrap()
}

/// With exactly 100 comments there is no second page, and the next one begins it: the first stays as it was.
#[tokio::test]
async fn a_full_page_of_comments_is_read_whole_each_time() {
    let comments = "/repos/acme/widget/issues/7/comments?per_page=100";
    let mut world = World::new();
    let mut issue = Issue::new(7).by_bot("$500");
    for n in 0..99 {
        issue = issue.said("somebody", &format!("Me too, says number {n}."));
    }
    let first = json!(issue.comments).to_string();
    world.put(issue);
    world.tag_all();
    let (_, drafts) = world.run().await;
    world.bench.decide(accepted(&drafts.opportunities[0]));
    let next = format!("{API}{comments}&page=2");
    let headers = vec![("link".to_owned(), format!("<{next}>; rel=\"next\""))];
    let answer = Answer { status: 200, headers, body: first.into(), at: Moment::default() };
    world.bench.act_is(&format!("{API}{comments}"), Act::Done(answer));
    let own = Issue::new(7).said("owner-me", "/attempt #7\n\nmy plan").comments;
    world.bench.answer(&next, 200, json!(own).to_string());
    let (_, drafts) = world.run().await;
    assert_eq!(was_conditional(&world, comments), Some(false), "or 304 would hide the second page");
    assert_eq!(details(&drafts.opportunities[0])["attempt"]["state"], "there");
    assert_eq!(proposed(&world), 0);
}

/// A comment that cannot be read may be the owner's own `/attempt`, or the bot's word that it was paid.
#[tokio::test]
async fn what_cannot_be_read_among_the_comments_is_said_and_nothing_is_proposed() {
    let comments = "/repos/acme/widget/issues/7/comments?per_page=100";
    let half = || {
        let mut issue = Issue::new(7).by_bot("$500");
        let who = json!({"login": "owner-me", "id": 1, "type": "User"});
        issue.comments.push(json!({"id": 9, "user": who, "body": "/attempt #7", "created_at": null}));
        issue
    };
    let mut world = World::new();
    world.put(half());
    let (_, drafts) = world.run().await;
    assert_eq!(drafts.opportunities, [], "it may be anything");

    let mut world = World::new();
    world.put(Issue::new(7).by_bot("$500"));
    let (_, drafts) = world.run().await;
    world.bench.decide(accepted(&drafts.opportunities[0]));
    world.put(half());
    world.tag_all();
    let (_, drafts) = world.run().await;
    let draft = &drafts.opportunities[0];
    assert!(draft.reason.contains("1 of its comments could not be read"), "{}", draft.reason);
    assert!(draft.reward.is_none() && draft.score == 0, "{draft:?}");
    assert!(drafts.alerts[0].sentence.contains("no comment on acme/widget#7 is proposed"), "{drafts:?}");
    world.run().await;
    assert_eq!(was_conditional(&world, comments), Some(false), "the half is not confirmed");
    assert_eq!(proposed(&world), 0);
    world.put(Issue::new(7).by_bot("$500").said("owner-me", "/attempt #7"));
    let (_, drafts) = world.run().await;
    assert_eq!(details(&drafts.opportunities[0])["attempt"]["state"], "there");
    assert!(drafts.opportunities[0].reward.is_some() && proposed(&world) == 0, "{drafts:?}");
}

/// Private for an hour, or an answer that was wrong once.
#[tokio::test]
async fn what_was_gone_and_is_listed_as_open_is_looked_at_again() {
    let mut world = World::new();
    world.put(Issue::new(1).by_bot("$500"));
    world.run().await;
    world.bench.answer(&format!("{API}/repos/acme/widget/issues/1"), 404, "{}");
    let (_, drafts) = world.run().await;
    assert!(drafts.opportunities[0].reason.contains("closed or gone"), "{drafts:?}");
    world.put(Issue::new(1).by_bot("$500"));
    let (_, drafts) = world.run().await;
    assert!(is_told(&drafts) || drafts.opportunities[0].reward.is_some(), "{drafts:?}");
}

#[tokio::test]
async fn a_repository_that_was_new_is_old_one_day() {
    let mut world = World::new();
    world.put(Issue::new(1).by_bot("$500"));
    world.repository("acme/widget", 120, "2026-07-21T12:00:00Z");
    let (_, drafts) = world.run().await;
    assert_eq!(drafts.opportunities[0].kind, REFUSED);
    world.later(40 * 24);
    assert!(is_told(&world.run().await.1));
}

#[tokio::test]
async fn a_repository_that_was_archived_and_is_no_more_is_read_again() {
    let mut world = World::new();
    world.put(Issue::new(1).by_bot("$500"));
    let archived = json!({"id": 1, "full_name": "acme/widget", "owner": {"login": "acme", "type": "Organization"},
        "archived": true, "stargazers_count": 120, "created_at": "2020-01-01T00:00:00Z"});
    world.answer("/repos/acme/widget", archived);
    assert!(!is_told(&world.run().await.1));
    world.repository("acme/widget", 120, "2020-01-01T00:00:00Z");
    world.later(25);
    assert!(is_told(&world.run().await.1));
}

#[tokio::test]
async fn rules_that_refused_and_allow_now_are_read_again() {
    let mut world = World::new();
    world.put(Issue::new(1).by_bot("$500"));
    world.file("AI_POLICY.md", "# AI\n\nContributions made with AI are not accepted.\n");
    assert!(!is_told(&world.run().await.1));
    world.file("AI_POLICY.md", "# AI\n\nAI-assisted contributions are welcome.\n");
    world.later(25);
    assert!(is_told(&world.run().await.1));
}

/// The label is there before the bot has spoken.
#[tokio::test]
async fn a_bounty_that_the_bot_vouches_for_later_is_told_then() {
    let mut world = World::new();
    world.put(Issue::new(1));
    assert!(!is_told(&world.run().await.1));
    let changed = |issue: &mut Value| issue["updated_at"] = json!("2026-07-22T13:30:00Z");
    world.put(Issue::new(1).with(changed).by_bot("$500"));
    assert!(is_told(&world.run().await.1));
}

#[tokio::test]
async fn what_was_told_is_seen_to_end_behind_a_backlog() {
    let mut world = few_looks(3);
    world.put(Issue::new(1).by_bot("$500"));
    assert!(is_told(&world.run().await.1));
    for n in 2..=20 {
        world.put(Issue::new(n).by_bot("$100"));
    }
    let closed = Issue::new(1).with(|issue| issue["state"] = json!("closed")).json;
    world.answer("/repos/acme/widget/issues/1", closed);
    let (_, drafts) = world.run().await;
    let ended = drafts.opportunities.iter().find(|draft| draft.about == ["1001"]);
    assert!(ended.is_some_and(|draft| draft.reason.contains("closed")), "{drafts:?}");
    assert_eq!(drafts.opportunities.len(), 3, "and the new ones have their turn: {drafts:?}");
}

/// A search told of the change in a run that had no look left for it.
#[tokio::test]
async fn a_change_that_had_no_turn_has_it_later() {
    let mut world = few_looks(2);
    world.put(Issue::new(1));
    world.run().await;
    let changed = |issue: &mut Value| issue["updated_at"] = json!("2026-07-22T13:30:00Z");
    world.put(Issue::new(1).with(changed).by_bot("$500"));
    world.put(Issue::new(2).by_bot("$100"));
    world.put(Issue::new(3).by_bot("$100"));
    world.run().await;
    assert!(is_told(&world.run().await.1));
}

#[tokio::test]
async fn what_was_told_is_not_pushed_out_by_what_was_never_looked_at() {
    let mut world = few_looks(3);
    world.put(Issue::new(1).by_bot("$500"));
    world.run().await;
    let mut kept = snapshot(&world);
    let known = kept.issues[&1001].clone();
    for id in 5000..7100 {
        let mut other = known.clone();
        other.seen_update = "2026-12-01T00:00:00Z".parse().unwrap();
        (other.tried_at, other.looked, other.issue, other.comments) = (None, false, None, None);
        (other.told, other.told_digest) = (mm_strategies::micro_tasks::memory::Told::Nothing, None);
        other.place.number = id;
        kept.issues.insert(id, other);
    }
    world.bench.set_snapshot(Some(mm_sdk::encode(&kept).unwrap()));
    world.run().await;
    let kept = snapshot(&world);
    assert_eq!(kept.issues.len(), 2000);
    assert!(kept.issues.contains_key(&1001), "its end would never be told");
}

/// More than two thousand told ones cannot all be watched: the one not looked at for longest ends with a word.
#[tokio::test]
async fn a_told_bounty_that_is_too_many_ends_with_a_word() {
    let mut world = few_looks(1);
    world.put(Issue::new(1).by_bot("$500"));
    world.run().await;
    let mut kept = snapshot(&world);
    let known = kept.issues[&1001].clone();
    for id in 5000..7000 {
        let mut other = known.clone();
        other.tried_at = Some("2026-07-01T00:00:00Z".parse().unwrap());
        other.place.number = id;
        kept.issues.insert(id, other);
    }
    listed(&mut world, &[]);
    world.bench.set_snapshot(Some(mm_sdk::encode(&kept).unwrap()));
    let (_, drafts) = world.run().await;
    let ended: Vec<&Draft> =
        drafts.opportunities.iter().filter(|draft| draft.reason.contains("not watched any more")).collect();
    let [ended] = ended.as_slice() else { panic!("{drafts:?}") };
    assert_eq!((ended.kind.as_str(), ended.facts.open), (BOUNTY, Some(false)));
    assert_eq!(snapshot(&world).issues.len(), 2000);
}

/// What the owner has said yes to is known from what he said yes to.
#[tokio::test]
async fn what_was_accepted_and_forgotten_is_taken_up_again() {
    let mut world = World::new();
    world.put(Issue::new(7).by_bot("$500"));
    let (_, drafts) = world.run().await;
    world.bench.decide(accepted(&drafts.opportunities[0]));
    listed(&mut world, &[]);
    world.bench.set_snapshot(None);
    world.run().await;
    assert_eq!(proposed(&world), 1);
}

/// GitHub's own recording of a transfer (octokit/webhooks, `issues/transferred`): the number of it changes too.
#[tokio::test]
async fn a_moved_issue_ends_and_says_where_it_is() {
    let mut world = World::new();
    world.put(Issue::new(1).by_bot("$500"));
    world.run().await;
    let moved = Issue::new(1).with(|issue| {
        issue["id"] = json!(444_500_041);
        issue["url"] = json!(format!("{API}/repos/Codertocat/Hello-World/issues/1"));
        issue["repository_url"] = json!(format!("{API}/repos/Codertocat/Hello-World"));
    });
    world.answer("/repos/acme/widget/issues/1", moved.json);
    listed(&mut world, &[]);
    let (report, drafts) = world.run().await;
    let [draft] = drafts.opportunities.as_slice() else { panic!("{drafts:?} {report:?}") };
    assert_eq!((draft.about.as_slice(), draft.tell), (["1001".to_owned()].as_slice(), false));
    assert!(draft.reason.contains("it was moved to Codertocat/Hello-World#1"), "{}", draft.reason);
    assert!(draft.reward.is_none() && draft.facts.open == Some(false), "{draft:?}");
    let asked = world.bench.asked().len();
    world.run().await;
    let again = &world.bench.asked()[asked..];
    assert!(again.iter().all(|action| !action.request.url().as_str().contains("/issues/1")), "{again:?}");
}

/// The repository was renamed, and another was made under its old name: the search tells the two apart.
#[tokio::test]
async fn a_search_says_where_an_issue_is_now() {
    let mut world = World::new();
    let issue = Issue::new(1).by_bot("$500");
    let mut row = issue.json.clone();
    world.put(issue);
    world.run().await;
    world.rename("acme/gadget", 1);
    let other = Issue::new(1).with(|issue| issue["id"] = json!(77)).json;
    world.answer("/repos/acme/widget/issues/1", other);
    row["url"] = json!(format!("{API}/repos/acme/gadget/issues/1"));
    row["repository_url"] = json!(format!("{API}/repos/acme/gadget"));
    listed(&mut world, &[row]);
    let (report, drafts) = world.run().await;
    let [draft] = drafts.opportunities.as_slice() else { panic!("{drafts:?} {report:?}") };
    assert_eq!(draft.url, "https://github.com/acme/gadget/issues/1");
    assert!(draft.reward.is_some(), "{draft:?}");
}

/// A folder is the same to a person however it is written.
#[tokio::test]
async fn rules_are_found_in_folders_written_otherwise() {
    let rules = include_str!("../../../config/rules/github.toml");
    for folder in ["Docs", ".GitHub", "DOCS", ".github"] {
        let mut world = World::new();
        world.bench = std::mem::replace(&mut world.bench, Bench::at("2026-07-22T12:00:00Z"))
            .with_rules("github.toml", rules);
        world.put(Issue::new(1).by_bot("$500"));
        let path = "/repos/acme/widget/contents/";
        world.answer(path, json!([{"name": folder, "type": "dir"}]));
        world.answer(&format!("{path}{folder}"), json!([{"name": "AI_POLICY.md", "type": "file"}]));
        let text = base64(b"# AI\n\nContributions made with AI are not accepted.\n");
        let file = json!({"type": "file", "encoding": "base64", "content": text, "name": "AI_POLICY.md"});
        world.answer(&format!("{path}{folder}/AI_POLICY.md"), file);
        let (report, drafts) = world.run().await;
        assert_eq!(drafts.opportunities, [], "{folder}: {report:?}");
        for ruled in world.bench.ruled() {
            let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
            assert!(ruled.step.bytes().all(fits) && ruled.step.len() <= 64, "{folder}: {}", ruled.step);
        }
    }
}

/// An organisation's default files are not read: somebody should know.
#[tokio::test]
async fn the_checklist_names_the_default_files_that_are_not_read() {
    let mut world = World::new();
    world.put(Issue::new(1).by_bot("$500"));
    let (_, drafts) = world.run().await;
    let checklist = details(&drafts.opportunities[0])["policy"]["checklist"].to_string();
    assert!(checklist.contains("github.com/acme/.github"), "{checklist}");
}
