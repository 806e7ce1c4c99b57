//! Every refusal of a rule file says what would be right, at its line.

use expect_test::{Expect, expect};

use super::super::*;
use super::{AGENT, LIMIT, WHOLE, mini, parse, whole};

/// What is told of one file.
fn told(name: &str, text: &str) -> String {
    let errors = parse(&[(name, text)]).expect_err(text);
    errors.iter().map(|error| format!("{error}\n")).collect()
}

/// What is told of each of these keys in a rule's conditions, where nothing else is wrong.
fn of_conditions(lines: &[&str]) -> String {
    let file = |line: &&str| mini("a", "x", &format!("{WHOLE}{line}\n{AGENT}{LIMIT}"));
    lines.iter().map(|line| told("a.toml", &file(line))).collect()
}

/// The same of keys in its obligations.
fn of_obligations(lines: &[&str]) -> String {
    let file = |line: &&str| mini("a", "x", &format!("{WHOLE}{AGENT}{line}\n{LIMIT}"));
    lines.iter().map(|line| told("a.toml", &file(line))).collect()
}

/// The same of a URL.
fn of_urls(urls: &[&str]) -> String {
    let file = |url: &&str| mini("a", "x", &format!("[rule.conditions]\nurl = \"{url}\"\n{AGENT}{LIMIT}"));
    urls.iter().map(|url| told("a.toml", &file(url))).collect()
}

/// The same of what stands below a file that is whole.
fn of_more(lines: &[&str]) -> String {
    lines.iter().map(|more| told("a.toml", &format!("{}{more}\n", whole("a", "x")))).collect()
}

fn is(told: String, expected: Expect) {
    expected.assert_eq(&told);
}

#[test]
fn a_value_of_another_kind_is_named_with_the_kind_that_is_wanted() {
    is(
        told("a.toml", "pack = 1"),
        expect![[r#"
        a.toml:1: pack: the file needs a [pack] with platform, version, hosts and about
        a.toml:1: pack: this is a whole number, and a table is wanted
    "#]],
    );
    let file = "rule = 3\nlimit = [1]\n[pack]\nplatform = 1.5\nversion = \"one\"\nhosts = true\n\
                about = 2026-11-22\n[[content]]\naction = []\njson = [7, \"/a\"]\n[[example]]\n\
                action = [\"read\"]\nmethod = {}\nurl = \"https://x.example/\"\nfacts = \"x\"\nverdict = 1\n";
    is(
        told("a.toml", file),
        expect![[r#"
            a.toml:1: rule: this is a whole number, and a list of tables headed [[rule]] is wanted
            a.toml:2: limit: this is a whole number, and a table is wanted
            a.toml:4: pack.platform: this is a fraction, and a text in quotes is wanted
            a.toml:5: pack.version: this is a text, and a whole number from 1 up is wanted
            a.toml:6: pack.hosts: this is true or false, and a list of texts is wanted
            a.toml:7: pack.about: this is a date, and a text in quotes is wanted
            a.toml:8: content: a law does not know where texts stand; the platform's file does
            a.toml:8: content.action: name the kinds of act one by one
            a.toml:9: content.action: an empty list says nothing; leave the key out
            a.toml:10: content.json: this is a whole number, and a text in quotes is wanted
            a.toml:11: example.platform: an example needs the name of a platform
            a.toml:12: example.action: this is a list, and a text in quotes is wanted
            a.toml:13: example.method: this is a table, and a text in quotes is wanted
            a.toml:15: example.facts: this is a text, and a table of texts is wanted
            a.toml:16: example.verdict: this is a whole number, and a text in quotes is wanted
        "#]],
    );
    let conditions = ["method = []", "method = [1]", "facts = { a = 1, b = [], c = [2, \"y\"] }"];
    is(
        of_conditions(&conditions),
        expect![[r#"
            a.toml:17: rule.conditions.method: an empty list says nothing; leave the key out
            a.toml:17: rule.conditions.method: this is a whole number, and a text in quotes is wanted
            a.toml:17: rule.conditions.facts.a: this is a whole number, and a text in quotes is wanted
            a.toml:17: rule.conditions.facts.b: an empty list says nothing; leave the key out
            a.toml:17: rule.conditions.facts.c: this is a whole number, and a text in quotes is wanted
        "#]],
    );
    is(
        of_obligations(&["headers = { from = 1 }", "pause_ms_min = 1.5"]),
        expect![[r#"
        a.toml:19: rule.obligations.headers: this is a whole number, and a text in quotes is wanted
        a.toml:19: rule.obligations.pause_ms_min: this is a fraction, and a whole number from 0 up is wanted
    "#]],
    );
    is(
        of_more(&["[example]\naction = \"read\""]),
        expect![[r#"
            a.toml:25: example: this is a table, and a list of tables headed [[example]] is wanted
        "#]],
    );
}

#[test]
fn the_head_says_whose_rules_they_are_and_where_they_go() {
    let with = |platform: &str, hosts: &str| {
        format!("[pack]\nplatform = \"{platform}\"\nversion = 1\n{hosts}\nabout = \"a\"\n")
    };
    is(
        told("law-x.toml", &with("a", ""))
            + &told("law-x.toml", &with("*", "hosts = [\"api.example.com\"]"))
            + &told("A b.toml", &with("A b", "hosts = [\"api.example.com\"]"))
            + &told("a.toml", &" ".repeat(MAX_FILE_BYTES + 1)),
        expect![[r#"
            law-x.toml:2: pack.platform: a law-….toml holds for every platform: `*`
            law-x.toml:1: pack.hosts: a law names no hosts
            A b.toml:2: pack.platform: `A b` is no platform: use 1 to 64 of a-z, 0-9, `-`, `_` and `.`, beginning with a letter or digit
            a.toml:1: pack: the file is longer than 262144 bytes
        "#]],
    );
}

#[test]
fn a_rule_is_of_its_file_and_only_what_is_asked_is_left_to_the_owner() {
    let with = |line: &str| {
        let file = whole("a", "x");
        told("a.toml", &file.replace("verdict =", &format!("{line}\nverdict =")))
    };
    is(
        with("platform = \"b\"") + &with("by = \"me\"") + &with("by = \"owner\""),
        expect![[r#"
        a.toml:9: rule.platform: the rules of this file are those of `a`
        a.toml:9: rule.by: the one word there is is `owner`: he does it himself, on the platform
        a.toml:9: rule.by: only what is asked can be left to the owner: verdict = "ask"
    "#]],
    );
    let law = mini("*", "x", "").replace("verdict =", "platform = \"b\"\nverdict =");
    is(
        told("law-x.toml", &law),
        expect![[r#"
        law-x.toml:9: rule.platform: the rules of this file are those of `*`
    "#]],
    );
    let kinds = ["Read", "read it", "", &"a".repeat(65)];
    let kinds = kinds.map(|kind| {
        told("a.toml", &whole("a", "x").replace("action = \"read\"", &format!("action = \"{kind}\"")))
    });
    is(
        kinds.concat(),
        expect![[r#"
        a.toml:8: rule.action: a kind of act is 1 to 64 of a-z, 0-9, `-`, `_` and `.`, or `*` for every kind
        a.toml:8: rule.action: a kind of act is 1 to 64 of a-z, 0-9, `-`, `_` and `.`, or `*` for every kind
        a.toml:8: rule.action: `action` says nothing
        a.toml:8: rule.action: a kind of act is 1 to 64 of a-z, 0-9, `-`, `_` and `.`, or `*` for every kind
    "#]],
    );
}

#[test]
fn a_condition_that_could_never_hold_or_always_would_is_a_mistake() {
    let lines = [
        "host = \"other.example\"",
        "automation = \"some\"",
        "facts = { automation = \"full\" }",
        "text = { contains = \" \\u200b \" }",
        "text = { links_to = [\"X.example\", \"x.example/a\", \"localhost\"] }",
        "text = { format = \"pdf\" }",
    ];
    is(
        of_conditions(&lines),
        expect![[r#"
        a.toml:17: rule.conditions.host: `other.example` is not among the pack's hosts
        a.toml:17: rule.conditions.automation: automation is none, assisted or full
        a.toml:17: rule.conditions.facts.automation: this fact has a condition of its own, `automation`
        a.toml:17: rule.conditions.text.contains: a phrase of nothing stands in every text
        a.toml:17: rule.conditions.text.links_to: the URL's host `localhost` is a local name; only public host names are called
        a.toml:17: rule.conditions.text.links_to: write the host alone, in lower case
        a.toml:17: rule.conditions.text.format: a text is written in markdown, html or plain
    "#]],
    );
}

#[test]
fn a_url_with_free_segments_names_its_host_and_whole_segments() {
    let urls = [
        "https://api.example.com/{}/b",
        "https://api.example.com/{a b}/c",
        "https://api.example.com/x{a}/c",
        "https://api.example.com/{a}x",
        "https://api.example.com/{a",
        "https://api.example.com/{a}*",
        "https://api.example.com/{a}/../b",
        "https://{a}/b",
        "http://api.example.com/{a}/b",
        "https://other.example/{a}/b",
        "https://other.example/b",
    ];
    is(
        of_urls(&urls),
        expect![[r#"
        a.toml:16: rule.conditions.url: `{name}` stands for one whole segment of the path: https://host/a/{name}/b
        a.toml:16: rule.conditions.url: `{name}` stands for one whole segment of the path: https://host/a/{name}/b
        a.toml:16: rule.conditions.url: `{name}` stands for one whole segment of the path: https://host/a/{name}/b
        a.toml:16: rule.conditions.url: `{name}` stands for one whole segment of the path: https://host/a/{name}/b
        a.toml:16: rule.conditions.url: `{name}` stands for one whole segment of the path: https://host/a/{name}/b
        a.toml:16: rule.conditions.url: what follows a `{name}` is written out: `{name}/*` or `{name}?*`
        a.toml:16: rule.conditions.url: write this URL in its plain form, with the host whole
        a.toml:16: rule.conditions.url: the URL's host `x` is a local name; only public host names are called
        a.toml:16: rule.conditions.url: the URL's scheme is `http`; only https is called
        a.toml:16: rule.conditions.url: `other.example` is not among the pack's hosts
        a.toml:16: rule.conditions.url: `other.example` is not among the pack's hosts
    "#]],
    );
}

#[test]
fn an_obligation_is_one_that_can_be_kept() {
    let lines = [
        "headers = { User-Agent = \"m\" }",
        "rel = [\"Sponsored\", \"no follow\", \"\"]",
        "disclosure_any = [\"An ad.\", \" \"]",
        "link_to = \"HTTPS://x.example\"",
    ];
    is(
        of_obligations(&lines),
        expect![[r#"
        a.toml:19: rule.obligations.headers: the User-Agent has a key of its own, `user_agent`
        a.toml:19: rule.obligations.rel: a rel value is one word in lower case
        a.toml:19: rule.obligations.disclosure_any: a phrase of nothing stands in every text
        a.toml:19: rule.obligations.link_to: the URL's host `https` is a local name; only public host names are called
    "#]],
    );
    let agent = whole("a", "x").replace("{version}", "{name}");
    is(
        told("a.toml", &agent),
        expect![[r#"
        a.toml:18: rule.obligations.user_agent: the one placeholder there is is {version}
    "#]],
    );
}

#[test]
fn limits_texts_and_examples_say_what_they_are_about() {
    let content = "[[content]]\naction = \"post\"\nbody = true\n";
    let lines = [
        "[[limit]]\nkind = [\"read\", \"*\"]\nscope = \"ip\"\nmax = 1\nper = \"1h\"\nsource = \"s\"",
        "[[content]]\naction = \"*\"\nbody = true",
        &format!("{content}{content}"),
        "[[content]]\naction = \"post\"\njson = \"body\"",
        "[[content]]\naction = \"post\"\nbody = true\nform = \"a\"",
        "[[content]]\naction = \"post\"\nbody = true\nformat = \"pdf\"",
        "[[example]]\naction = \"read\"\nmethod = \"GET\"\nurl = \"https://10.0.0.1/\"\nverdict = \"ask\"\n\
         by = \"anybody\"",
    ];
    is(
        of_more(&lines),
        expect![[r#"
        a.toml:26: limit.kind: `*` is every kind, so it stands alone
        a.toml:25: content.action: name the kinds of act one by one
        a.toml:28: content.action: another [[content]] speaks of `post` already
        a.toml:25: content.json: a JSON pointer begins with `/`: `/body`
        a.toml:25: content: say one of json = ["/pointer"], form = ["field"], body = true and nothing = true
        a.toml:28: content.format: a text is written in markdown, html or plain
        a.toml:28: example.url: the URL's host is the address 10.0.0.1; only public host names are called
        a.toml:30: example.by: it is done by the owner or by the machine
    "#]],
    );
    let example =
        "[[example]]\naction = \"read\"\nmethod = \"GET\"\nurl = \"https://x.example/\"\nverdict = \"ask\"\n";
    let law = format!("{}{content}{example}", mini("*", "x", ""));
    is(
        told("law-x.toml", &law),
        expect![[r#"
        law-x.toml:15: content: a law does not know where texts stand; the platform's file does
        law-x.toml:18: example.platform: an example needs the name of a platform
    "#]],
    );
}
