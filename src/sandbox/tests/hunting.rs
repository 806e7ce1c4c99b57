//! The made platforms for bug hunters as a client meets them, and next to the documents.

use std::path::Path;

use serde_json::{Value, json};

use super::super::Sandbox;
use super::super::hunting::Turn;
use super::super::message::{Request, Response};
use super::super::oracle::read_oracle;
use super::NOW_MS;
use super::github::value;

const DAY_MS: i64 = 86_400_000;
const H1: &str = "https://api.hackerone.com/v1/hackers";
const INTIGRITI: &str = "https://api.intigriti.com/external/researcher/v1";
const YWH: &str = "https://api.yeswehack.com";
/// `me:sandbox-me` and `me:sandbox-me.expired` in base 64.
const GOOD: &str = "Basic bWU6c2FuZGJveC1tZQ==";
const EXPIRED: &str = "Basic bWU6c2FuZGJveC1tZS5leHBpcmVk";

fn ask(sandbox: &Sandbox, url: &str, authorization: &str, now_ms: i64) -> Response {
    let request = Request::get(url);
    let request =
        if authorization.is_empty() { request } else { request.with_header("authorization", authorization) };
    sandbox.answer(request, now_ms)
}

fn h1(sandbox: &Sandbox, path: &str, now_ms: i64) -> Value {
    value(ask(sandbox, &format!("{H1}/{path}"), GOOD, now_ms))
}

fn rows(answer: &Value) -> &Vec<Value> {
    answer["data"].as_array().unwrap_or_else(|| panic!("no list: {answer}"))
}

/// Every field of `documented` is in `made`, with a value of the same type where neither is null.
fn holds(made: &Value, documented: &Value, at: &str) {
    match (made, documented) {
        (Value::Object(made), Value::Object(fields)) => {
            for (name, value) in fields {
                let own = made.get(name).unwrap_or_else(|| panic!("{at} has no `{name}`"));
                holds(own, value, &format!("{at}.{name}"));
            }
        }
        (Value::Array(made), Value::Array(rows)) => {
            for row in made {
                rows.first().into_iter().for_each(|first| holds(row, first, at));
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (made, documented) => {
            let same = std::mem::discriminant(made) == std::mem::discriminant(documented);
            assert!(same, "{at}: {made} is not like {documented}");
        }
    }
}

#[test]
fn hackerone_answers_in_the_documented_shapes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/documented-shapes");
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is not there; the sandbox's shapes are not compared", folder.display());
        return;
    }
    let sandbox = Sandbox::new(1);
    let bounties = |mut answer: Value| {
        answer["data"].as_array_mut().unwrap().retain(|row| row["type"] == "earning-bounty-earned");
        answer
    };
    let over = {
        let mut last = json!(null);
        for _ in 0..51 {
            last = h1(&sandbox, "programs/hidden/structured_scopes", NOW_MS + DAY_MS);
        }
        last
    };
    for (file, made) in [
        ("hackerone-programs.json", h1(&sandbox, "programs?page[size]=5", NOW_MS)),
        ("hackerone-structured-scopes.json", h1(&sandbox, &hidden_scopes(&sandbox), NOW_MS)),
        ("hackerone-earnings.json", bounties(h1(&sandbox, "payments/earnings", NOW_MS))),
        ("hackerone-balance.json", h1(&sandbox, "payments/balance", NOW_MS)),
        ("hackerone-error-429.json", over),
    ] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        holds(&made, &serde_json::from_str(&text).unwrap(), file);
    }
}

fn hidden_scopes(sandbox: &Sandbox) -> String {
    let programmes = h1(sandbox, "programs?page[size]=100", NOW_MS);
    let hidden = rows(&programmes).iter().find(|row| row["attributes"]["state"] == "soft_launched").unwrap();
    format!("programs/{}/structured_scopes", hidden["attributes"]["handle"].as_str().unwrap())
}

#[test]
fn pages_end_scopes_grow_and_a_long_list_goes_on_by_number() {
    let sandbox = Sandbox::new(1);
    let whole = h1(&sandbox, "programs?page[size]=100", NOW_MS);
    let (mut next, mut seen) = (format!("{H1}/programs?page%5Bsize%5D=10"), Vec::new());
    loop {
        let page = value(ask(&sandbox, &next, GOOD, NOW_MS));
        seen.extend(rows(&page).iter().cloned());
        match page["links"]["next"].as_str() {
            Some(url) => url.clone_into(&mut next),
            None => break,
        }
    }
    assert_eq!(&seen, rows(&whole));
    let path = hidden_scopes(&sandbox);
    let all = h1(&sandbox, &format!("{path}?page[size]=100"), NOW_MS);
    let later = h1(&sandbox, &format!("{path}?page[size]=100"), NOW_MS + 7 * DAY_MS);
    assert!(rows(&later).len() > rows(&all).len() && rows(&later).starts_with(rows(&all)));
    let after = h1(&sandbox, &format!("{path}?page[size]=100&filter%5Bid__gt%5D=2"), NOW_MS);
    assert_eq!(rows(&after), &rows(&all)[2..]);
    for bad in ["programs?page[size]=101", "programs?page[number]=0"] {
        assert_eq!(ask(&sandbox, &format!("{H1}/{bad}"), GOOD, NOW_MS).status, 400);
    }
}

fn cents(value: &Value) -> i64 {
    let text =
        value.as_f64().map_or_else(|| value.as_str().unwrap_or_default().to_owned(), |n| format!("{n:.2}"));
    text.replace('.', "").parse().unwrap_or_else(|_| panic!("{value} is no sum"))
}

#[test]
fn a_bounty_is_awarded_earned_and_paid_and_the_balance_is_what_is_left() {
    let sandbox = Sandbox::new(1);
    let count = |path: &str, at: i64| rows(&h1(&sandbox, &format!("{path}?page[size]=100"), at)).len();
    assert_eq!(count("me/reports", 0), 0, "nobody hunted before");
    let (earned, paid) = (count("payments/earnings", NOW_MS), count("payments/payouts", NOW_MS));
    assert!(earned > 20 && paid > 5);
    let balance = |at: i64| cents(&h1(&sandbox, "payments/balance", at)["data"]["balance"]);
    let before = balance(NOW_MS);
    sandbox.hackerone(Turn::Award(12_345), NOW_MS);
    let newest = h1(&sandbox, "me/reports?page[size]=100", NOW_MS);
    let newest = rows(&newest)[0].clone();
    assert_eq!(newest["relationships"]["bounties"]["data"][0]["attributes"]["awarded_amount"], "123.45");
    assert_eq!(
        (count("payments/earnings", NOW_MS), balance(NOW_MS)),
        (earned, before),
        "it is no earning yet"
    );
    sandbox.hackerone(Turn::Credit, NOW_MS + 1);
    assert_eq!(count("payments/earnings", NOW_MS + 1), earned + 1);
    assert_eq!(balance(NOW_MS + 1), before + 12_345);
    sandbox.hackerone(Turn::PayOut, NOW_MS + 2);
    assert_eq!((count("payments/payouts", NOW_MS + 2), balance(NOW_MS + 2)), (paid + 1, 0));
    let sent = h1(&sandbox, "payments/payouts", NOW_MS + 2);
    assert_eq!(cents(&rows(&sent)[0]["amount"]), before + 12_345);
    assert_eq!(
        h1(&Sandbox::new(1), "payments/earnings", NOW_MS),
        h1(&Sandbox::new(1), "payments/earnings", NOW_MS)
    );
}

#[test]
fn tokens_limits_and_writes_are_refused_as_documented() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("oracle.jsonl");
    let sandbox = Sandbox::new(1).with_oracle(&file).unwrap();
    let balance = format!("{H1}/payments/balance");
    for bad in ["", EXPIRED, "Basic !!", "Basic bWU=", "Bearer real", "Basic bWU6cmVhbA=="] {
        let said = ask(&sandbox, &balance, bad, NOW_MS);
        assert_eq!(said.status, 401, "{bad}");
        assert_eq!(value(said)["errors"][0]["status"], "401");
    }
    for bad in ["", "Bearer sandbox-me.revoked", "Bearer sandbox-"] {
        assert_eq!(ask(&sandbox, &format!("{INTIGRITI}/programs"), bad, NOW_MS).status, 401, "{bad}");
    }
    assert_eq!(ask(&sandbox, &format!("{YWH}/programs"), "Bearer sandbox-me.expired", NOW_MS).status, 401);
    let scopes = format!("{H1}/programs/none/structured_scopes");
    for _ in 0..50 {
        assert_eq!(ask(&sandbox, &scopes, GOOD, NOW_MS).status, 404);
    }
    assert_eq!(ask(&sandbox, &scopes, GOOD, NOW_MS).status, 429);
    assert_eq!(ask(&sandbox, &balance, GOOD, NOW_MS).status, 200, "each has a limit of its own");
    assert_eq!(ask(&sandbox, &scopes, GOOD, NOW_MS + 60_000).status, 404);
    let mut report = Request::get(&format!("{H1}/reports")).with_header("authorization", GOOD);
    "POST".clone_into(&mut report.method);
    assert_eq!(sandbox.answer(report, NOW_MS).status, 403, "nobody takes a report");
    let log = std::fs::read_to_string(&file).unwrap();
    assert!(!log.contains("bWU6c2FuZGJveC1tZQ"), "no token is written down");
    assert!(read_oracle(&file).unwrap().iter().any(|received| received.account.as_deref() == Some("me")));
}

#[test]
fn intigriti_and_yeswehack_show_private_programmes_to_a_token() {
    let sandbox = Sandbox::new(1);
    let get = |url: &str| value(ask(&sandbox, url, "Bearer sandbox-me", NOW_MS));
    let all = get(&format!("{INTIGRITI}/programs?limit=500&offset=0"));
    let records = all["records"].as_array().unwrap();
    assert_eq!(all["maxCount"].as_u64(), Some(records.len() as u64));
    let hidden: Vec<&Value> =
        records.iter().filter(|one| one["confidentialityLevel"]["value"] == "Invite only").collect();
    assert_eq!(hidden.len(), 3);
    let detail = get(&format!("{INTIGRITI}/programs/{}", hidden[0]["id"].as_str().unwrap()));
    assert!(detail["domains"]["content"].as_array().unwrap().len() > 2);
    assert!(detail["rulesOfEngagement"]["content"]["testingRequirements"].get("automatedTooling").is_some());
    let page = get(&format!("{INTIGRITI}/programs?limit=2&offset=1"));
    assert_eq!(page["records"].as_array().unwrap(), &records[1..3]);
    assert_eq!(
        ask(&sandbox, &format!("{INTIGRITI}/programs?limit=501"), "Bearer sandbox-me", NOW_MS).status,
        400
    );

    let list = |authorization: &str| {
        let (mut all, mut page) = (Vec::new(), 1);
        loop {
            let said = value(ask(&sandbox, &format!("{YWH}/programs?page={page}"), authorization, NOW_MS));
            all.extend(said["items"].as_array().unwrap().iter().cloned());
            if said["pagination"]["nb_pages"].as_u64() <= Some(page) {
                return all;
            }
            page += 1;
        }
    };
    let (own, everybody) = (list("Bearer sandbox-me"), list(""));
    assert_eq!(own.len(), everybody.len() + 3);
    let secret = own.iter().find(|one| one["public"] == false).unwrap()["slug"].as_str().unwrap().to_owned();
    let url = format!("{YWH}/programs/{secret}");
    assert_eq!(ask(&sandbox, &url, "", NOW_MS).status, 404, "nobody else sees it");
    assert!(get(&url)["scopes"].as_array().unwrap().len() > 2 && get(&url)["rules"].is_string());
}

#[test]
fn intigriti_and_yeswehack_answer_as_records_of_theirs_do() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/bugbounty-targets-raw-api");
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is not there; the sandbox's shapes are not compared", folder.display());
        return;
    }
    let read = |file: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(folder.join(file)).unwrap()).unwrap()
    };
    let sandbox = Sandbox::new(1);
    let get = |url: &str| value(ask(&sandbox, url, "Bearer sandbox-me", NOW_MS));
    let mut record = read("intigriti.json")[0].clone();
    let domain = record["domains"][0].clone();
    record.as_object_mut().unwrap().remove("domains");
    for made in get(&format!("{INTIGRITI}/programs"))["records"].as_array().unwrap() {
        holds(made, &record, "intigriti");
        let detail = get(&format!("{INTIGRITI}/programs/{}", made["id"].as_str().unwrap()));
        detail["domains"]["content"]
            .as_array()
            .unwrap()
            .iter()
            .for_each(|one| holds(one, &domain, "intigriti domain"));
    }
    let item = read("yeswehack.json")[0].clone();
    let shown = [
        "title",
        "slug",
        "type",
        "status",
        "demo",
        "public",
        "bounty",
        "gift",
        "hall_of_fame",
        "disabled",
        "vdp",
        "archived",
        "reports_count",
        "bounty_reward_min",
        "bounty_reward_max",
    ];
    let wanted: serde_json::Map<String, Value> =
        shown.iter().map(|name| ((*name).to_owned(), item[*name].clone())).collect();
    for made in get(&format!("{YWH}/programs?page=1"))["items"].as_array().unwrap() {
        holds(made, &Value::Object(wanted.clone()), "yeswehack");
        holds(&made["business_unit"]["currency"], &item["business_unit"]["currency"], "currency");
    }
    let first = get(&format!("{YWH}/programs?page=1"))["items"][0]["slug"].as_str().unwrap().to_owned();
    for made in get(&format!("{YWH}/programs/{first}"))["scopes"].as_array().unwrap() {
        holds(made, &item["scopes"][0], "yeswehack scope");
    }
}
