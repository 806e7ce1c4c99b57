//! What nobody should write into an issue: sums in odd forms, marks that move a terminal, times that cannot be.

mod micro;

use micro::{API, Issue, World, details};
use mm_sdk::{Act, Answer, Moment};
use mm_strategies::micro_tasks::draft::REFUSED;
use serde_json::json;

/// Sums as people write them, by the bot: what can be read is told exactly, what cannot is told as that.
#[tokio::test]
async fn odd_sums_are_told_exactly_or_told_to_be_unreadable_and_never_made_up() {
    for (sum, told) in [
        ("1.234,56 €", Some(("1234.56", "EUR"))),
        ("USD 5k", Some(("5000", "USD"))),
        ("$0.01", Some(("0.01", "USD"))),
        ("₿0.01", None),
        ("$1.2.3", None),
        ("five hundred dollars", None),
        ("$99999999999999999999999999999999999999", None),
    ] {
        let mut world = World::new();
        world.put(Issue::new(1).by_bot(sum));
        let (_, drafts) = world.run().await;
        let [draft] = drafts.opportunities.as_slice() else { panic!("{sum}: {drafts:?}") };
        let reward =
            draft.reward.as_ref().map(|reward| (reward.max.unwrap().to_string(), reward.currency.clone()));
        assert_eq!(reward, told.map(|(sum, currency)| (sum.to_owned(), currency.to_owned())), "{sum}");
        assert_eq!(draft.tell, told.is_some(), "{sum}");
        if told.is_none() {
            assert_eq!((draft.kind.as_str(), draft.score), (REFUSED, 0));
            assert!(
                draft.reason.contains("the sum in the bot's comment 100 cannot be read"),
                "{}",
                draft.reason
            );
        }
        assert_eq!(drafts.earnings, [], "a bounty is a promise and no income");
    }
}

/// An issue on which thousands speak costs its pages once, and again when somebody has spoken.
#[tokio::test]
async fn an_issue_with_more_comments_than_are_read_is_set_aside_until_it_changes() {
    let comments = format!("{API}/repos/acme/widget/issues/1/comments?per_page=100");
    let page = |n: usize| if n == 1 { comments.clone() } else { format!("{comments}&page={n}") };
    let mut world = World::new();
    world.put(Issue::new(1).by_bot("$500"));
    for n in 1..=12 {
        let headers = vec![("link".to_owned(), format!("<{}>; rel=\"next\"", page(n + 1)))];
        let answer = Answer { status: 200, headers, body: b"[]".to_vec(), at: Moment::default() };
        world.bench.act_is(&page(n), Act::Done(answer));
    }
    let asked = |world: &World| {
        let urls = world.bench.asked().iter().map(|action| action.request.url().as_str());
        urls.filter(|url| url.contains("/comments")).count()
    };
    let (report, drafts) = world.run().await;
    assert_eq!((asked(&world), drafts.opportunities), (10, Vec::new()));
    assert!(report.errors[0].contains("acme/widget#1: it has over a thousand comments"), "{report:?}");
    for _ in 0..3 {
        let (report, _) = world.run().await;
        assert_eq!((asked(&world), report.errors), (10, Vec::new()));
    }
    world.put(Issue::new(1).with(|issue| issue["updated_at"] = json!("2026-07-23T12:00:00Z")).by_bot("$500"));
    world.later(24);
    let (report, drafts) = world.run().await;
    let told = drafts.opportunities.first().is_some_and(|draft| draft.tell);
    assert_eq!((asked(&world), told), (11, true), "{report:?}");
}

/// Everything of an issue that its author, or the bot's sponsor, writes and that is shown.
#[tokio::test]
async fn what_would_move_a_terminal_stays_in_the_issue() {
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}Fix\r\nit";
    let mut world = World::new();
    let bot = format!("## 💎 $500 bounty [• Ac\u{1b}[31mme](https://algora.io/acme)\n{evil}");
    world.put(Issue::new(1).titled(evil).said("algora-pbc[bot]", &bot).said("so\u{1b}[0mme", "/attempt #1"));
    let (report, drafts) = world.run().await;
    let [draft] = drafts.opportunities.as_slice() else { panic!("{drafts:?}") };
    let bounties = details(draft)["bounties"].to_string();
    let shown = [&draft.title, &draft.reason, &draft.url, &bounties, &report.errors.join(" ")];
    for text in shown {
        assert!(
            !text.chars().any(|c| c.is_control() || c == '\u{202e}') && !text.contains("\\u001b"),
            "{text:?}"
        );
    }
    assert!(draft.title.contains("Fix"), "{}", draft.title);
}

/// An issue that says it is from the beginning or from the future is as old as it says at most.
#[tokio::test]
async fn an_issue_dated_1970_or_2099_is_bounded() {
    for (dated, word) in [
        ("1970-01-01T00:00:00Z", "days ago"),
        ("2099-01-01T00:00:00Z", "it says that it was opened at 2099-01-01T00:00:00Z"),
    ] {
        let mut world = World::new();
        world.put(Issue::new(1).by_bot("$500").with(|issue| issue["created_at"] = json!(dated)));
        let (report, drafts) = world.run().await;
        let [draft] = drafts.opportunities.as_slice() else { panic!("{drafts:?}") };
        assert!(draft.score <= 100 && draft.reason.contains(word), "{dated}: {}", draft.reason);
        assert!(report.errors.is_empty() && draft.deadline.is_none(), "{report:?}");
    }
}
