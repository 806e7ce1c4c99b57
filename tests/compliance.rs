//! `compliance` by the real binary: what it says of an act, a decision, a period and the rule files, with
//! which code it ends, and that asking sends, spends and records nothing.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays the outside world")]

use expect_test::expect;
use serde_json::Value;

#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "the test of the daemon uses all of it")]
mod harness;

use harness::{Home, Said};

const SCOPES: &str =
    "https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/hackerone_data.json";
const COMMENTS: &str = "https://api.github.com/repos/acme/shop/issues/7/comments";

fn github(more: &str) -> String {
    format!("compliance check --platform github --action comment --method POST --url {COMMENTS} {more}")
}

/// What was said, with the command and the code it ended with.
fn shown(line: &str, said: &Said) -> String {
    let out = if said.out.is_empty() { String::new() } else { format!("{}\n", said.out.trim_end()) };
    format!("$ {line}\n{out}{}({})\n", said.err, said.code)
}

/// The audit trail's end, which nothing that was done leaves as it was.
fn tip(home: &Home) -> Value {
    home.json("audit verify")["tip_hash"].clone()
}

#[test]
fn a_check_says_what_would_happen_and_does_nothing() {
    let home = Home::used();
    let before = (tip(&home), home.json("limits list"), home.json("actions list"));
    let permit =
        home.run(&format!("compliance check --platform bounty-targets-data --action read --url {SCOPES}"));
    assert_eq!(permit.code, 0, "{}", permit.err);
    assert!(permit.out.contains("verdict") && permit.out.contains("permit"), "{}", permit.out);

    home.write("text.md", "/attempt #7");
    let asked =
        home.run(&github("--account main --fact repository-policy=allow --text text.md --country DE"));
    assert_eq!(asked.code, 1);
    for part in ["ask", "github/comment", "github/algora-attempt", "at least 1000 ms", "clause", "source"] {
        assert!(asked.out.contains(part), "{part}: {}", asked.out);
    }
    // Anywhere else the word opens no path.
    let line = "compliance check --platform github --action comment --method POST --account main \
                --fact repository-policy=allow --url https://api.github.com/gists --text text.md";
    let elsewhere = home.run(line);
    assert_eq!(elsewhere.code, 1);
    assert!(elsewhere.out.contains("forbid engine/no-rule"), "{}", elsewhere.out);
    assert_eq!((tip(&home), home.json("limits list"), home.json("actions list")), before);
}

#[test]
fn mistakes_are_told_in_a_sentence_that_says_what_to_do() {
    let home = Home::used();
    let url = "https://api.example.com/";
    let lines = [
        format!("compliance check --platform nobody --action read --url {url}"),
        format!("compliance check --platform opire --action read --url {url}"),
        "compliance check --platform github --action read --url http://api.github.com/user".to_owned(),
        "compliance check --platform github --action read --url https://127.0.0.1/".to_owned(),
        format!("compliance check --platform github --action read --url {url} --method LOOK"),
        format!("compliance check --platform github --action read --url {url} --fact policy"),
        format!("compliance check --platform github --action read --url {url} --text none.md"),
        "compliance explain nothing".to_owned(),
        "compliance rules list --platform gitub".to_owned(),
        "compliance report --from 2026-07-02T00:00:00Z --to 2026-07-01T00:00:00Z".to_owned(),
    ];
    let told: String = lines.iter().map(|line| shown(line, &home.run(line))).collect();
    expect![[r#"
        $ compliance check --platform nobody --action read --url https://api.example.com/
        verdict    forbid
        action     read at nobody
        request    GET https://api.example.com/
        account    none
        country    not known
        judged at  TIME, strictly

        forbid engine/unknown-platform: no rule file speaks of platform `nobody`; a rule such as `nobody/read` in `HOME/data/rules/nobody.toml` would have to permit this
          source  the engine's own: what no rule permits is not permitted

        IT WOULD BE CHARGED TO  LEFT
        1000 in 1d per machine  995
        (sandbox)
        (1)
        $ compliance check --platform opire --action read --url https://api.example.com/
        verdict    forbid
        action     read at opire
        request    GET https://api.example.com/
        account    none
        country    not known
        judged at  TIME, strictly

        forbid engine/host: host `api.example.com` is not among the hosts of `HOME/data/rules/opire.toml`, which are api.opire.dev
          source  the engine's own: what no rule permits is not permitted
        forbid engine/no-rule: no rule of `HOME/data/rules/opire.toml` speaks of `read` by GET at https://api.example.com/; add a rule such as `opire/read` there if it is allowed
          source  the engine's own: what no rule permits is not permitted

        IT WOULD BE CHARGED TO    LEFT
        10 in 1m per ip at opire  10
        1000 in 1d per machine    995
        (sandbox)
        (1)
        $ compliance check --platform github --action read --url http://api.github.com/user
        (sandbox)
        the URL's scheme is `http`; only https is called
        (1)
        $ compliance check --platform github --action read --url https://127.0.0.1/
        (sandbox)
        the URL's host is the address 127.0.0.1; only public host names are called
        (1)
        $ compliance check --platform github --action read --url https://api.example.com/ --method LOOK
        (sandbox)
        the method is GET, HEAD, POST, PUT, PATCH or DELETE
        (1)
        $ compliance check --platform github --action read --url https://api.example.com/ --fact policy
        (sandbox)
        a fact is written NAME=VALUE
        (1)
        $ compliance check --platform github --action read --url https://api.example.com/ --text none.md
        could not read the text in `none.md`: No such file or directory (os error 2)
        (1)
        $ compliance explain nothing
        (sandbox)
        there is no action `nothing`; `actions list` shows the ids
        (1)
        $ compliance rules list --platform gitub
        (sandbox)
        no rule file in HOME/data/rules speaks of a platform `gitub`; did you mean `github`?
        (1)
        $ compliance report --from 2026-07-02T00:00:00Z --to 2026-07-01T00:00:00Z
        (sandbox)
        the period ends before it begins; `from` is the earlier time
        (1)
    "#]].assert_eq(&told);
    for line in [
        "compliance check --platform github --action read",
        "compliance report --from yesterday",
        "compliance report --format yaml",
        "compliance report --json --format html",
        "compliance replay --to never",
        "compliance rules",
    ] {
        let said = home.run(line);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{line}: {}", said.err);
        assert!(!said.err.is_empty());
    }
}

#[test]
fn every_decision_is_explained_reported_and_made_again() {
    let home = Home::used();
    let acts = home.json("actions list");
    let id = acts[0]["id"].as_str().unwrap();
    let explained = home.run(&format!("compliance explain {id}"));
    assert_eq!(explained.code, 0, "{}", explained.err);
    for part in [
        id,
        "permit",
        "bounty-targets-data/read-scope-files",
        "clause",
        "source",
        SCOPES.split("data/").next().unwrap(),
    ] {
        assert!(explained.out.contains(part), "{part}: {}", explained.out);
    }
    let replayed = home.run("compliance replay");
    assert_eq!(
        (replayed.code, replayed.out.as_str()),
        (0, "5 decisions made again by 1 versions of the rules; 0 came out otherwise, 0 do not open\n")
    );
    assert_eq!(home.json("compliance replay --from 2100-01-01T00:00:00Z")["decisions"], 0);

    let report = home.json("compliance report");
    assert_eq!(report["actions"], 5, "{report}");
    assert_eq!(report["by_verdict"], serde_json::json!([{ "name": "permit", "count": 5 }]), "{report}");
    assert_eq!(report["committed"], Value::Array(Vec::new()));
    assert_eq!(home.run("compliance report --format json").out, home.run("compliance report --json").out);
    let nothing = home.json("compliance report --from 2000-01-01T00:00:00Z --to 2000-02-01T00:00:00Z");
    assert_eq!(nothing["actions"], 0);
    let text = home.run("compliance report --format text");
    assert_eq!((text.code, &text.out), (0, &home.run("compliance report").out));
    assert!(text.out.contains("permit") && text.out.contains("bug-bounty"), "{}", text.out);
    let html = home.run("compliance report --format html").out;
    assert!(html.starts_with("<!DOCTYPE html>") && html.trim_end().ends_with("</html>"), "{html}");
    for outside in ["http://", "https://", "src=", "href=", "<script"] {
        assert!(!html.contains(outside), "a page of its own holds no {outside}");
    }
}

/// After the rules have changed, what was decided before is made again by the rules of its day.
#[test]
fn rules_are_listed_linted_tested_and_kept() {
    let home = Home::used();
    let all = home.json("compliance rules list");
    let all = all.as_array().unwrap();
    assert!(all.len() > 50 && all.iter().all(|rule| rule["source"].is_string()), "{}", all.len());
    let own = home.json("compliance rules list --platform github");
    assert!(own.as_array().unwrap().iter().all(|rule| rule["id"].as_str().unwrap().starts_with("github/")));
    for verb in ["lint", "test"] {
        let said = home.run(&format!("compliance rules {verb}"));
        assert_eq!((said.code, said.out.as_str()), (0, ""), "{}", said.err);
    }

    let path = "data/rules/bounty-targets-data.toml";
    let pack = std::fs::read_to_string(home.path(path)).unwrap();
    home.write(path, pack.replacen("verdict = \"permit\"", "verdict = \"ask\"", 1));
    let failed = home.run("compliance rules test");
    assert_eq!(failed.code, 1);
    assert!(
        failed.out.contains("bounty-targets-data.toml") && failed.out.contains("expected permit and got ask"),
        "{}",
        failed.out
    );
    let old =
        |line: &str| if line.starts_with("reviewed = ") { "reviewed = 2020-01-01" } else { line }.to_owned();
    home.write(path, pack.lines().map(old).collect::<Vec<_>>().join("\n"));
    let old = home.run("compliance rules lint");
    assert_eq!(old.code, 1);
    assert!(old.out.contains("after 180 it no longer permits"), "{}", old.out);
    assert_eq!(home.json("compliance replay")["deviations"], Value::Array(Vec::new()));
    home.write(path, "[pack\n");
    let broken = home.run("compliance rules list");
    assert_eq!((broken.code, broken.out.as_str()), (1, ""));
    assert!(broken.err.contains("bounty-targets-data.toml:1"), "{}", broken.err);
    assert_eq!(home.run("compliance replay").code, 0, "the rules of that day are kept");
}
