//! What the owner is shown of a question before he says anything, and of what was said.

use expect_test::expect;

use crate::cli::approvals::{page, rows};
use crate::views::approval::{ApprovalView, RequestView, RuleView, SaidView};

/// A question with everything in it that a page can show, some of it hostile.
fn asked() -> ApprovalView {
    let rule = |id: &str, clause: &str| RuleView {
        id: id.to_owned(),
        verdict: "ask".to_owned(),
        reason: "a comment is published in your name".to_owned(),
        source: "https://docs.github.com/terms (4)".to_owned(),
        clause: clause.to_owned(),
    };
    let body = "{\"body\":\"/attempt #7\\n\"}\n  a second line \u{1b}[2J".to_owned();
    ApprovalView {
        id: "5f0c8a31d2b9".to_owned(),
        state: "waiting".to_owned(),
        action: "00001-000002-micro-tasks.attempt-7".to_owned(),
        strategy: "micro-tasks".to_owned(),
        platform: "github".to_owned(),
        account: Some("main".to_owned()),
        kind: "comment".to_owned(),
        purpose: "claim the bounty of acme/shop#7".to_owned(),
        by_owner: false,
        asked_at: "2026-07-22T12:00:00Z".to_owned(),
        ends_at: Some("2026-07-25T12:00:00Z".to_owned()),
        deadline: Some("2026-07-24T09:30:00Z".to_owned()),
        request: RequestView {
            method: "POST".to_owned(),
            url: "https://api.github.com/repos/acme/shop/issues/7/comments".to_owned(),
            headers: vec![("authorization".to_owned(), "Bearer {vault:github/main/token@1}".to_owned())],
            body_bytes: body.len() as u64,
            body: Some(body),
            hash: "ab".repeat(32),
        },
        rules: vec![
            rule("github/comment", "AUP 4 automated excessive bulk activity"),
            rule("engine/no-rule", ""),
        ],
        notes: vec!["CONTRIBUTING.md:3 \u{201c}say what you used\u{201d}".to_owned()],
        said: Vec::new(),
    }
}

fn said(at: &str, state: &str, reason: Option<&str>) -> SaidView {
    let (at, by) = (format!("2026-07-2{at}:00Z"), "uid 1000 (ada)".to_owned());
    SaidView { at, by, state: state.to_owned(), reason: reason.map(str::to_owned) }
}

#[test]
fn a_page_shows_what_would_be_sent_why_a_person_is_asked_and_until_when() {
    // An expectation keeps no blanks that end a line.
    let shown = page(&asked()).replace("\n  \n", "\n\n");
    expect![[r#"
        for       claim the bounty of acme/shop#7
        id        5f0c8a31d2b9
        state     waiting
        action    00001-000002-micro-tasks.attempt-7 by micro-tasks
        platform  github, comment
        account   main
        asked     2026-07-22 12:00Z
        ends      2026-07-25 12:00Z
        deadline  2026-07-24 09:30Z

        Why you are asked:
          github/comment: a comment is published in your name
            "AUP 4 automated excessive bulk activity"
            https://docs.github.com/terms (4)
          engine/no-rule: a comment is published in your name

        To read first:
          - CONTRIBUTING.md:3 “say what you used”

        What would be sent (abababababababab…):
          POST https://api.github.com/repos/acme/shop/issues/7/comments
          authorization: Bearer {vault:github/main/token@1}

          {"body":"/attempt #7\n"}
            a second line �[2J
    "#]]
    .assert_eq(&shown);
}

#[test]
fn what_was_said_is_shown_with_who_and_when_in_every_state() {
    let all = [
        ApprovalView {
            said: vec![said("2T13:00", "approved", None), said("2T13:01", "sent", None)],
            state: "sent".into(),
            ..asked()
        },
        ApprovalView {
            said: vec![said("2T13:00", "rejected", Some("un\nwanted"))],
            state: "rejected".into(),
            ..asked()
        },
        ApprovalView { said: vec![said("5T12:00", "expired", None)], state: "expired".into(), ..asked() },
        ApprovalView {
            by_owner: true,
            said: vec![said("2T13:00", "handed", None), said("2T14:00", "done", Some("by hand"))],
            state: "done".into(),
            ..asked()
        },
    ];
    let mut text = String::new();
    for view in all {
        let view = ApprovalView { ends_at: None, deadline: None, ..view };
        let page = page(&view);
        assert_eq!(page.contains("by        you yourself, on the platform\n"), view.by_owner, "{page}");
        let (_, words) = page.split_once("\nWhat was said:\n").expect("it was said");
        text += &format!("{}{words}", rows(&[view]));
    }
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "a terminal would obey this");
    expect![[r#"
        ID            STATE  ENDS AT  PLATFORM  KIND     FOR
        5f0c8a31d2b9  sent   -        github    comment  claim the bounty of acme/shop#7
          2026-07-22 13:00Z  approved by uid 1000 (ada)
          2026-07-22 13:01Z  sent by uid 1000 (ada)
        ID            STATE     ENDS AT  PLATFORM  KIND     FOR
        5f0c8a31d2b9  rejected  -        github    comment  claim the bounty of acme/shop#7
          2026-07-22 13:00Z  rejected by uid 1000 (ada): un�wanted
        ID            STATE    ENDS AT  PLATFORM  KIND     FOR
        5f0c8a31d2b9  expired  -        github    comment  claim the bounty of acme/shop#7
          2026-07-25 12:00Z  expired by uid 1000 (ada)
        ID            STATE  ENDS AT  PLATFORM  KIND     FOR
        5f0c8a31d2b9  done   -        github    comment  claim the bounty of acme/shop#7
          2026-07-22 13:00Z  handed by uid 1000 (ada)
          2026-07-22 14:00Z  done by uid 1000 (ada): by hand
    "#]]
    .assert_eq(&text);
}

#[test]
fn what_a_person_does_himself_is_a_link_and_a_letter_and_no_request() {
    let letter = |url: &str, body: &str| {
        let view = asked();
        let request = RequestView { url: url.to_owned(), body: Some(body.to_owned()), ..view.request };
        let page = page(&ApprovalView { by_owner: true, request, ..view });
        assert!(
            !page.contains("POST") && !page.contains("vault") && !page.contains("would be sent"),
            "{page}"
        );
        page.split_once("\nDo it yourself ").unwrap().1.to_owned()
    };
    let note = r#"{"to":"octo","body":"Thank you.\n\nYours"}"#;
    expect![[r#"
        at https://github.com/sponsors/me/dashboard

        Draft:

          to  octo

          Thank you.

          Yours
    "#]]
    .assert_eq(&letter("https://github.com/sponsors/me/dashboard", note));
    // What programs call is no page for people.
    let report = letter("https://api.hackerone.com/v1/hackers/reports", r#"{"title":"a"}"#);
    assert_eq!(report, "on the platform itself, github\n\nDraft:\n\n  title  a\n");
    let late = letter("to the payer, by the platform's own way", "Dear payer");
    assert_eq!(late, "to the payer, by the platform's own way\n\nDraft:\n\n  Dear payer\n");
}
