//! The claim, after the work: found in the owner's own pull request's place, asked, and written there once.

use money_machine::sandbox::message::Request;

use super::*;

/// Longer ago than the search lags: the pull request is found by the next run.
const THERE_BEFORE_MS: i64 = -8 * 3_600_000;

/// A machine whose owner has said that he works on a bounty and has opened his pull request; gives the
/// question about the claim. Where the bot speaks without its app it reads no pull request, and a claim is a comment:
/// that is another test's.
fn claimed() -> (Scene, Daemon, Value) {
    let (scene, daemon, attempt) = Scene::asked_of(&[Kind::Plain, Kind::Several, Kind::Edited]);
    scene.github.sandbox.set_github_pulls_after(THERE_BEFORE_MS);
    scene.plan(&attempt);
    assert_eq!(scene.say(&format!("edit {} --body plan.json", text(&attempt, "id"))).code, 0);
    daemon.until("sends it", || scene.stage(text(&attempt, "action")) == "confirmed");
    scene.run(&daemon);
    let inbox = scene.inbox();
    assert_eq!(inbox.len(), 1, "{inbox:?}");
    assert_eq!(scene.github.posts().len(), 1, "nothing is claimed before a yes");
    let asked = inbox.into_iter().next().unwrap();
    (scene, daemon, asked)
}

/// What the sandbox shows of the issue: the bot's comment, which lists who claims it.
fn shown(scene: &Scene) -> String {
    let posted = scene.github.sandbox.github_posted();
    let url = format!(
        "https://api.github.com/repositories/{}/issues/{}/comments?per_page=100",
        posted[0].repo, posted[0].number
    );
    let request = Request::get(&url).with_header("user-agent", "a test");
    let answer = scene.github.sandbox.answer(request, now_ms());
    String::from_utf8_lossy(&answer.body.read(1 << 20).unwrap()).into_owned()
}

#[test]
fn a_claim_is_asked_approved_written_once_and_shown() {
    let (scene, daemon, asked) = claimed();
    let (id, action) = (text(&asked, "id"), text(&asked, "action"));
    let number = scene.github.sandbox.github_posted()[0].number;
    let line = format!("/claim #{number}");
    let request = &asked["request"];
    assert_eq!((text(request, "method"), text(&asked, "state")), ("PATCH", "waiting"));
    let body: Value = serde_json::from_str(text(request, "body")).unwrap();
    let (kept, added) = text(&body, "body").trim_end().rsplit_once('\n').unwrap();
    assert!(kept.starts_with(&format!("Fixes #{number}.")) && added == line, "{body}");
    let rules = asked["rules"].as_array().unwrap();
    assert!(rules.iter().any(|rule| rule["id"] == "github/claim-in-own-pull-request"), "{asked}");
    let page = scene.say(&format!("show {id}")).out;
    for part in [line.as_str(), "it replaces the text of", "claim only work that is yours and done"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!shown(&scene).contains("Solution"));

    assert_eq!(scene.say(&format!("approve {id}")).code, 0);
    daemon.until("writes it", || scene.stage(action) == "confirmed");
    let posts = scene.github.posts();
    assert_eq!((posts.len(), posts[1].body.as_deref()), (2, Some(text(request, "body"))));
    assert_eq!(scene.github.sandbox.github_edited().len(), 1);
    assert!(shown(&scene).contains("Solution"), "{}", shown(&scene));
    // Found again, it is known, and nothing is asked or sent.
    scene.run(&daemon);
    scene.run(&daemon);
    assert_eq!((scene.inbox().len(), scene.github.posts().len()), (0, 2));
    let all = scene.home.json("opportunities list --no-baseline");
    let states = all.as_array().unwrap().iter().map(|one| one["details"]["claim"]["state"].clone());
    assert_eq!(states.filter(|state| *state == "there").count(), 1, "{all}");
    assert_eq!(scene.home.run("audit verify").code, 0);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn killed_while_it_is_written_it_is_found_again_and_not_written_twice() {
    let (scene, daemon, asked) = claimed();
    let (id, action) = (text(&asked, "id"), text(&asked, "action"));
    scene.github.sandbox.set_fault("/pulls/", Fault::Stall { wait: Duration::from_secs(50) });
    assert_eq!(scene.say(&format!("approve {id}")).code, 0);
    daemon.until("writes it", || !scene.github.sandbox.github_edited().is_empty());
    daemon.kill();
    scene.github.sandbox.clear_faults();

    let daemon = scene.start();
    daemon.until("finds it again", || scene.stage(action) == "confirmed");
    scene.run(&daemon);
    scene.run(&daemon);
    assert_eq!((scene.inbox().len(), scene.github.posts().len()), (0, 2));
    assert_eq!(scene.audit("action.settled"), 1);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_no_to_a_claim_writes_nothing_and_a_kill_asks_no_second_time() {
    let (scene, daemon, asked) = claimed();
    daemon.kill();
    let daemon = scene.start();
    scene.run(&daemon);
    let inbox = scene.inbox();
    assert_eq!((inbox.len(), &inbox[0]["id"]), (1, &asked["id"]), "it is the same question");
    assert_eq!(scene.say(&format!("reject {} --reason not-yet", text(&asked, "id"))).code, 0);
    scene.run(&daemon);
    scene.run(&daemon);
    assert_eq!((scene.inbox().len(), scene.github.posts().len()), (0, 1));
    assert_eq!(scene.github.sandbox.github_edited(), []);
    assert_eq!(daemon.stop(), 0);
}
