//! The connector for GitHub's GraphQL API: its queries against the public schema, and answers that came, and
//! that never came.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

mod connectors;

use std::collections::BTreeMap;

use connectors::{answer, at, data, failed, json_file};
use mm_sdk::json::Unreadable;
use mm_sdk::{Action, Answer, Decimal, ErrorClass, Method, Reconciler};
use mm_strategies::github_graphql::answer as answers;
use mm_strategies::github_graphql::ask::{API, Query, kind};
use mm_strategies::github_graphql::queries::Queries;
use mm_strategies::github_graphql::shape::{self, Cents, PaidBy, Privacy, What};
use mm_strategies::github_graphql::{Page, Pages, Sponsors};
use mm_strategies::reading::Reading;
use serde_json::{Value, json};

fn sponsors() -> Sponsors {
    Sponsors::new("main".parse().unwrap(), at("2026-07-22T12:00:00Z"))
}

type Parse<T> = fn(Value) -> Result<T, Unreadable>;

fn read<T>(answer: &Answer, parse: Parse<T>) -> Reading<T> {
    answers::read(API, answer, parse).map_or_else(Reading::Failed, Reading::Fresh)
}

fn fresh<T: std::fmt::Debug>(viewer: &Value, parse: Parse<T>) -> T {
    match read(&answer(200, json!({"data": {"viewer": viewer}}).to_string()), parse) {
        Reading::Fresh(fresh) => fresh.value,
        other => panic!("{other:?}"),
    }
}

fn sponsorship() -> Value {
    json!({"id": "S_1", "createdAt": "2026-07-01T08:00:00Z", "isOneTimePayment": false,
        "isSponsorOptedIntoEmail": true, "privacyLevel": "PUBLIC", "paymentSource": "GITHUB",
        "tier": {"id": "T_1", "name": "$5 a month", "monthlyPriceInCents": 500, "isOneTime": false, "isCustomAmount": false},
        "sponsorEntity": {"__typename": "User", "login": "monalisa"}})
}

fn activity() -> Value {
    json!({"id": "A_1", "action": "NEW_SPONSORSHIP", "timestamp": "2026-07-01T08:00:00Z",
        "currentPrivacyLevel": "PUBLIC", "paymentSource": "GITHUB", "previousSponsorsTier": null,
        "sponsorsTier": {"name": "$5 a month", "monthlyPriceInCents": 500, "isOneTime": false},
        "sponsor": {"__typename": "User", "login": "monalisa"}})
}

fn with(base: Value, key: &str, value: Value) -> Value {
    let mut base = base;
    base[key] = value;
    base
}

fn list(name: &str, nodes: &Value, next: Option<&str>) -> Value {
    json!({name: {"totalCount": nodes.as_array().unwrap().len(),
        "pageInfo": {"hasNextPage": next.is_some(), "endCursor": next}, "nodes": nodes}})
}

fn shown(nodes: &Value) -> Page<shape::Sponsorship> {
    fresh(&list("sponsorshipsAsMaintainer", nodes, None), shape::sponsorships)
}

// === The queries, against the schema ===

/// The fields of a type: name, its arguments, and what it gives.
type Fields = BTreeMap<String, (Vec<String>, String)>;

/// The object types, interfaces and enums of a schema; an enum's values have no type.
fn schema(text: &str) -> BTreeMap<String, Fields> {
    let mut types = BTreeMap::new();
    let mut quoted = false;
    let mut current: Option<(String, Fields)> = None;
    let mut open: Option<(String, Vec<String>)> = None;
    for line in text.lines().map(str::trim) {
        if line.matches("\"\"\"").count() == 1 {
            quoted = !quoted;
        }
        if quoted || line.is_empty() || line.starts_with('"') || line.starts_with('#') {
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match (&mut current, words.as_slice()) {
            (None, ["type" | "interface" | "enum" | "input", name, ..]) if line.ends_with('{') => {
                current = Some(((*name).to_owned(), Fields::new()));
            }
            (Some(_), ["}"]) => types.extend(current.take()),
            (Some((_, fields)), _) => match open.as_mut() {
                None if line.ends_with('(') => {
                    open = Some((line.trim_end_matches('(').to_owned(), Vec::new()))
                }
                None => {
                    let (name, of) = line.split_once(':').unwrap_or((line, ""));
                    fields.insert(name.trim().to_owned(), (Vec::new(), type_of(of)));
                }
                Some((name, arguments)) if line.starts_with(')') => {
                    fields.insert(
                        name.clone(),
                        (std::mem::take(arguments), type_of(line.trim_start_matches([')', ':']))),
                    );
                    open = None;
                }
                Some((_, arguments)) => arguments.push(line.split(':').next().unwrap().to_owned()),
            },
            _ => {}
        }
    }
    types
}

fn type_of(text: &str) -> String {
    text.split('@').next().unwrap().trim().to_owned()
}

fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || "_$.!".contains(c) {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            tokens.push(std::mem::take(&mut word));
        }
        if !c.is_whitespace() && c != ',' {
            tokens.push(c.to_string());
        }
    }
    tokens
}

/// Walks a selection on `of`; `rest` begins behind its `{`. Notes each field with what the schema gives for it.
fn walk(
    schema: &BTreeMap<String, Fields>,
    of: &str,
    rest: &mut std::vec::IntoIter<String>,
    seen: &mut Vec<(String, String)>,
) {
    let mut field: Option<(String, String)> = None;
    while let Some(token) = rest.next() {
        match token.as_str() {
            "}" => return,
            "{" => {
                let (_, gives) = field.clone().unwrap();
                let inner = gives.trim_matches(['[', ']', '!']).to_owned();
                walk(schema, &inner, rest, seen);
            }
            "(" => {
                let (name, _) = field.clone().unwrap();
                let known = schema[of][&name].0.clone();
                while let Some(argument) = rest.next().filter(|token| token != ")") {
                    assert!(known.contains(&argument), "{of}.{name} takes no {argument}");
                    assert_eq!(rest.next().as_deref(), Some(":"));
                    rest.next();
                }
            }
            "..." => {
                assert_eq!(rest.next().as_deref(), Some("on"));
                let on = rest.next().unwrap();
                assert_eq!(rest.next().as_deref(), Some("{"));
                assert!(["User", "Organization"].contains(&on.as_str()), "the union Sponsor has no {on}");
                walk(schema, &on, rest, seen);
            }
            name => {
                // Types that the subset refers to and does not hold.
                let other = match (of, name) {
                    (_, "__typename") => Some("String!"),
                    ("User" | "Organization" | "Sponsorable", "login") => Some("String!"),
                    ("PageInfo", "hasNextPage") => Some("Boolean!"),
                    ("PageInfo", "endCursor") => Some("String"),
                    _ => None,
                };
                let gives = other.map(str::to_owned).unwrap_or_else(|| {
                    let fields = schema.get(of).unwrap_or_else(|| panic!("the schema has no type {of}"));
                    fields.get(name).unwrap_or_else(|| panic!("{of} has no {name}")).1.clone()
                });
                seen.push((format!("{of}.{name}"), gives.clone()));
                field = Some((name.to_owned(), gives));
            }
        }
    }
}

/// What the shapes take each leaf for. Who reads a field that may be null has an `Option` for it.
const LEAVES: [(&str, &str); 33] = [
    ("PageInfo.endCursor", "String"),
    ("PageInfo.hasNextPage", "Boolean!"),
    ("SponsorAndLifetimeValue.amountInCents", "Int!"),
    ("SponsorAndLifetimeValueConnection.totalCount", "Int!"),
    ("Sponsorable.estimatedNextSponsorsPayoutInCents", "Int!"),
    ("Sponsorable.hasSponsorsListing", "Boolean!"),
    ("Sponsorable.monthlyEstimatedSponsorsIncomeInCents", "Int!"),
    ("SponsorsActivity.action", "SponsorsActivityAction!"),
    ("SponsorsActivity.currentPrivacyLevel", "SponsorshipPrivacy"),
    ("SponsorsActivity.id", "ID!"),
    ("SponsorsActivity.paymentSource", "SponsorshipPaymentSource"),
    ("SponsorsActivity.timestamp", "DateTime"),
    ("SponsorsActivityConnection.totalCount", "Int!"),
    ("SponsorsListing.dashboardUrl", "URI!"),
    ("SponsorsListing.isPublic", "Boolean!"),
    ("SponsorsListing.nextPayoutDate", "Date"),
    ("SponsorsTier.id", "ID!"),
    ("SponsorsTier.isCustomAmount", "Boolean!"),
    ("SponsorsTier.isOneTime", "Boolean!"),
    ("SponsorsTier.monthlyPriceInCents", "Int!"),
    ("SponsorsTier.name", "String!"),
    ("SponsorsTierAdminInfo.isDraft", "Boolean!"),
    ("SponsorsTierAdminInfo.isPublished", "Boolean!"),
    ("SponsorsTierAdminInfo.isRetired", "Boolean!"),
    ("SponsorsTierConnection.totalCount", "Int!"),
    ("Sponsorship.createdAt", "DateTime!"),
    ("Sponsorship.id", "ID!"),
    ("Sponsorship.isOneTimePayment", "Boolean!"),
    ("Sponsorship.isSponsorOptedIntoEmail", "Boolean"),
    ("Sponsorship.paymentSource", "SponsorshipPaymentSource"),
    ("Sponsorship.privacyLevel", "SponsorshipPrivacy!"),
    ("SponsorshipConnection.totalCount", "Int!"),
    ("Sponsorship.tier", "SponsorsTier"),
];

#[test]
fn every_field_that_is_asked_for_is_in_the_schema_with_that_type() {
    let Some(folder) = data("github-graphql") else { return };
    let text = std::fs::read_to_string(folder.join("sponsors-subset.graphql")).unwrap();
    let schema = schema(&text);
    let mut seen = Vec::new();
    for query in Query::ALL {
        let text = query.text().split_once("{ viewer {").unwrap().1;
        walk(&schema, "Sponsorable", &mut tokens(text).into_iter(), &mut seen);
    }
    for (field, gives) in LEAVES {
        let found = seen.iter().find(|(name, _)| name == field);
        assert_eq!(found.map(|(_, gives)| gives.as_str()), Some(gives), "{field}");
    }
    let scalars = ["Int", "String", "Boolean", "ID", "DateTime", "Date", "URI", "SponsorshipPrivacy"];
    for (field, gives) in &seen {
        let leaf = scalars.contains(&gives.trim_matches('!'));
        let told = LEAVES.iter().any(|(name, _)| name == field)
            || field.ends_with(".login")
            || field.ends_with("__typename");
        assert!(!leaf || told, "{field}: {gives} is read and not held against the schema");
    }
}

#[test]
fn every_value_of_the_schemas_enums_is_known_and_no_other_is_made_up() {
    let known = |word: &str| {
        !matches!(
            fresh(
                &list("sponsorsActivities", &json!([with(activity(), "action", json!(word))]), None),
                shape::activities
            )
            .items[0]
                .what,
            What::Unknown(_)
        )
    };
    assert!(!known("SPONSOR_BECAME_A_CAT") && !known("new_sponsorship"));
    let Some(folder) = data("github-graphql") else { return };
    let text = std::fs::read_to_string(folder.join("sponsors-subset.graphql")).unwrap();
    let schema = schema(&text);
    let values: Vec<&String> = schema["SponsorsActivityAction"].keys().collect();
    assert_eq!(values.len(), 6);
    for value in values {
        assert!(known(value), "{value}");
    }
    assert_eq!(schema["SponsorshipPrivacy"].keys().collect::<Vec<_>>(), ["PRIVATE", "PUBLIC"]);
    assert_eq!(schema["SponsorshipPaymentSource"].keys().collect::<Vec<_>>(), ["GITHUB", "PATREON"]);
}

#[test]
fn a_query_only_reads_whatever_is_put_into_its_variables() {
    let nasty = json!({"after": "x\"} mutation { createSponsorsTier { clientMutationId } }"});
    let cursor = nasty["after"].as_str().unwrap();
    let page =
        fresh(&list("sponsorshipsAsMaintainer", &json!([sponsorship()]), Some(cursor)), shape::sponsorships);
    for query in Query::ALL {
        let action = sponsors().query(query, page.next.as_ref(), Some(at("2026-07-01T00:00:00Z")));
        assert_eq!((action.request.method(), action.kind.as_str()), (Method::Post, kind::READ));
        let body: Value = serde_json::from_slice(action.request.body()).unwrap();
        let text = body["query"].as_str().unwrap();
        assert!(
            text.starts_with("query ") && !text.contains("mutation") && !text.contains("createSponsorsTier")
        );
        assert_eq!(body["variables"]["after"], nasty["after"]);
        assert_eq!(body["variables"].get("since").is_some(), query == Query::Activities);
        assert!(Queries.only_reads(&action), "{query:?}");
        let opens = text.matches(['{', '(']).count();
        assert_eq!(opens, text.matches(['}', ')']).count(), "{text}");
    }
}

#[test]
fn what_is_no_plain_query_is_taken_for_a_change() {
    let read = sponsors().query(Query::Profile, None, None);
    let of = |body: Value| {
        Action { request: read.request.clone(), ..read.clone() }
            .with_body(body.to_string().into_bytes())
            .unwrap()
    };
    assert!(Queries.only_reads(&of(json!({"query": "query a { viewer { login } }"}))));
    for body in [
        json!({"query": "mutation a { createSponsorsTier { clientMutationId } }"}),
        json!({"query": "query a { viewer { login } } mutation b { x }", "operationName": "b"}),
        json!({"query": "query a { viewer { login } } MUTATION"}),
        json!({"query": "{ viewer { login } }"}),
        json!({"query": "query a { x }", "id": "a persisted document"}),
        json!([{"query": "query a { x }"}]),
        json!({}),
    ] {
        assert!(!Queries.only_reads(&of(body.clone())), "{body}");
    }
    let note = sponsors().thank(
        mm_sdk::LogicalUrl::parse("https://github.com/sponsors/me/dashboard").unwrap(),
        "monalisa",
        "Thank you.",
        "thank",
    );
    assert!(!Queries.only_reads(&note));
}

/// The machine makes the very same POST only once: the queries of two runs must differ, those of one resumed
/// run must not.
#[test]
fn each_run_asks_anew_and_a_resumed_one_asks_the_same() {
    let later = Sponsors::new("main".parse().unwrap(), at("2026-07-22T12:00:00.001Z"));
    for query in Query::ALL {
        let first = sponsors().query(query, None, None);
        assert_eq!(first.hash(), sponsors().query(query, None, None).hash());
        assert_ne!(first.hash(), later.query(query, None, None).hash());
    }
}

// === The answers ===

#[test]
fn a_sponsorship_is_read_whole_and_sums_are_exact() {
    let page = shown(&json!([
        sponsorship(),
        with(sponsorship(), "sponsorEntity", json!({"__typename": "Organization", "login": "acme"}))
    ]));
    let one = &page.items[0];
    assert_eq!((one.since, one.is_one_time, one.takes_mail), (at("2026-07-01T08:00:00Z"), false, Some(true)));
    assert_eq!((&one.privacy, &one.paid_by), (&Privacy::Public, &PaidBy::GitHub));
    let tier = one.tier.as_ref().unwrap();
    assert_eq!(tier.price.dollars(), "5.00".parse::<Decimal>().unwrap());
    assert_eq!(tier.price.to_string(), "5.00 USD");
    assert!(one.sponsor.as_ref().unwrap().login.as_ref().unwrap().is("monalisa"));
    assert_eq!((page.total, page.next, page.hidden, page.bad), (2, None, 0, vec![]));
    for (cents, text) in
        [(0, "0.00"), (1, "0.01"), (1_234_567, "12345.67"), (i64::from(i32::MAX), "21474836.47")]
    {
        assert_eq!(Cents::try_from(cents).unwrap().dollars().to_string(), text);
    }
    for bad in [-1, i64::from(i32::MAX) + 1, 99_999_999_900] {
        assert!(Cents::try_from(bad).is_err(), "{bad}");
    }
}

#[test]
fn who_is_private_or_not_shown_stays_so_and_nothing_is_made_up() {
    let page = shown(&json!([
        with(sponsorship(), "privacyLevel", json!("PRIVATE")),
        with(sponsorship(), "sponsorEntity", Value::Null),
        with(sponsorship(), "privacyLevel", json!("FRIENDS_ONLY")),
        with(sponsorship(), "paymentSource", json!("PATREON")),
        with(sponsorship(), "paymentSource", Value::Null),
        with(sponsorship(), "paymentSource", json!("SEASHELLS")),
        with(sponsorship(), "tier", Value::Null),
        Value::Null,
    ]));
    assert_eq!((page.items.len(), page.hidden), (7, 1));
    let items = &page.items;
    assert!(items[0].privacy.is_private() && items[2].privacy.is_private() && !items[3].privacy.is_private());
    assert_eq!((&items[1].sponsor, &items[6].tier), (&None, &None));
    assert_eq!((&items[3].paid_by, &items[4].paid_by), (&PaidBy::Patreon, &PaidBy::Unsaid));
    assert!(matches!(&items[5].paid_by, PaidBy::Unknown(word) if word.is("SEASHELLS")));
}

#[test]
fn one_bad_sponsorship_costs_itself_alone() {
    let price = |cents: Value| {
        with(
            sponsorship(),
            "tier",
            json!({"id": "T", "name": "x", "monthlyPriceInCents": cents, "isOneTime": false, "isCustomAmount": true}),
        )
    };
    let page = shown(&json!([
        sponsorship(),
        with(sponsorship(), "id", json!(7)),
        with(sponsorship(), "createdAt", json!("yesterday")),
        price(json!("500")),
        price(json!(5.5)),
        price(json!(-500)),
        price(json!(99_999_999_900_u64)),
        with(sponsorship(), "privacyLevel", Value::Null),
        with(sponsorship(), "sponsorEntity", json!({"__typename": "User", "login": "\u{1b}]0;owned\u{7}"})),
        {},
    ]));
    assert_eq!((page.items.len(), page.bad.len()), (2, 8));
    let name = page.items[1].sponsor.as_ref().unwrap().login.as_ref().unwrap().line(60);
    assert!(!name.chars().any(char::is_control));
    for bad in &page.bad {
        assert!(!bad.to_string().chars().any(char::is_control), "{bad}");
    }
}

#[test]
fn activities_tiers_sums_and_the_profile_are_read() {
    let page = fresh(
        &list(
            "sponsorsActivities",
            &json!([
                activity(),
                with(activity(), "action", json!("SPONSOR_BECAME_A_CAT")),
                with(activity(), "timestamp", Value::Null),
                with(activity(), "sponsor", Value::Null),
                with(activity(), "timestamp", json!(5)),
            ]),
            None,
        ),
        shape::activities,
    );
    assert_eq!((page.items.len(), page.bad.len()), (4, 1));
    assert!(matches!(&page.items[1].what, What::Unknown(word) if word.is("SPONSOR_BECAME_A_CAT")));
    assert_eq!((page.items[2].at, &page.items[3].sponsor), (None, &None));

    let tier = json!({"id": "T", "name": "$5 a month", "monthlyPriceInCents": 500, "isOneTime": false,
        "isCustomAmount": false, "adminInfo": {"isDraft": false, "isPublished": true, "isRetired": false}});
    let tiers = fresh(&json!({"sponsorsListing": list("tiers", &json!([tier]), None)}), shape::tiers);
    assert!(tiers.items[0].admin_info.as_ref().unwrap().is_published);
    assert_eq!(fresh(&json!({"sponsorsListing": null}), shape::tiers).items, []);

    let sums = fresh(
        &list(
            "lifetimeReceivedSponsorshipValues",
            &json!([{"amountInCents": 123_456, "sponsor": {"__typename": "User", "login": "monalisa"}}]),
            None,
        ),
        shape::lifetime,
    );
    assert_eq!(sums.items[0].amount.to_string(), "1234.56 USD");

    let profile = json!({"login": "me", "hasSponsorsListing": true, "monthlyEstimatedSponsorsIncomeInCents": 1500,
        "estimatedNextSponsorsPayoutInCents": 1425, "sponsorsListing": {"isPublic": true,
        "nextPayoutDate": "2026-08-22", "dashboardUrl": "https://github.com/sponsors/me/dashboard"}});
    let read = fresh(&profile, shape::profile);
    assert_eq!((read.monthly_estimate.whole(), read.next_payout.whole()), (1500, 1425));
    let listing = read.listing.unwrap();
    assert!(listing.next_payout_date.unwrap().is("2026-08-22") && listing.is_public);
    assert_eq!(fresh(&with(profile, "sponsorsListing", Value::Null), shape::profile).listing, None);
}

#[test]
fn errors_come_with_status_200_and_data_beside_them_is_not_believed() {
    let data = json!({"viewer": list("sponsorshipsAsMaintainer", &json!([sponsorship()]), None)});
    for (kind, message, class) in [
        (json!("RATE_LIMITED"), "API rate limit exceeded for user ID 1.", ErrorClass::RateLimit),
        (json!("FORBIDDEN"), "Resource not accessible by personal access token", ErrorClass::Auth),
        (
            json!("INSUFFICIENT_SCOPES"),
            "Your token has not been granted the required scopes to execute this query. \
            The 'sponsorsActivities' field requires one of the following scopes: ['read:user'].",
            ErrorClass::Auth,
        ),
        (json!("NOT_FOUND"), "Could not resolve to a User.", ErrorClass::Fatal),
        (json!("A_NEW_KIND"), "words", ErrorClass::Fatal),
        (Value::Null, "Something went wrong while executing your query.", ErrorClass::Transient),
        (Value::Null, "Field 'x' doesn't exist on type 'User'", ErrorClass::Fatal),
        (Value::Null, "\u{1b}[2J evil", ErrorClass::Fatal),
    ] {
        for data in [data.clone(), Value::Null] {
            let problem = json!({"type": kind, "message": message, "path": ["viewer"], "locations": [{"line": 1, "column": 1}]});
            let body = json!({"data": data, "errors": [problem]});
            let (is, why) = failed(read(&answer(200, body.to_string()), shape::sponsorships));
            assert_eq!(is, class, "{why}");
            assert!(why.starts_with("https://api.github.com/graphql: GitHub refuses the query"), "{why}");
        }
    }
    let many = json!({"errors": [{"message": "x"}, {"type": "FORBIDDEN", "message": "no"}, {"type": "RATE_LIMITED", "message": "slow"}]});
    let (class, why) = failed(read(&answer(200, many.to_string()), shape::profile));
    assert_eq!(class, ErrorClass::Auth);
    assert!(why.ends_with("FORBIDDEN: no (and 2 more)"), "{why}");
}

#[test]
fn what_is_no_answer_is_refused_in_one_sentence_with_its_class() {
    let whole = json!({"data": {"viewer": list("sponsorshipsAsMaintainer", &json!([sponsorship()]), None)}})
        .to_string();
    for cut in 0..whole.len() {
        let (class, _) = failed(read(&answer(200, &whole.as_bytes()[..cut]), shape::sponsorships));
        assert_eq!(class, ErrorClass::Transient, "cut at {cut}");
    }
    for bad in [
        json!([]),
        json!({}),
        json!({"data": null}),
        json!({"data": {}}),
        json!({"data": {"viewer": null}}),
        json!({"data": {"viewer": {}}}),
        json!({"data": {"viewer": list("sponsorshipsAsMaintainer", &json!([7]), None)}}),
        json!({"data": {"viewer": {"sponsorshipsAsMaintainer": null}}}),
        json!({"data": {"viewer": {"sponsorshipsAsMaintainer": {"totalCount": "1", "nodes": []}}}}),
    ] {
        failed(read(&answer(200, bad.to_string()), shape::sponsorships));
    }
    failed(read(&answer(200, "<html>please sign in</html>"), shape::sponsorships));
    let said = json!({"message": "Bad credentials", "documentation_url": "https://docs.github.com/graphql"})
        .to_string();
    for (status, class) in [
        (401, ErrorClass::Auth),
        (403, ErrorClass::Auth),
        (429, ErrorClass::RateLimit),
        (404, ErrorClass::Fatal),
        (502, ErrorClass::Transient),
        (304, ErrorClass::Transient),
    ] {
        let (is, why) = failed(read(&answer(status, said.as_str()), shape::sponsorships));
        assert_eq!(is, class, "{why}");
        assert!(why.contains(&status.to_string()), "{why}");
    }
}

#[test]
fn pages_are_followed_and_never_in_a_circle() {
    let page = |next: Option<&str>| {
        fresh(&list("sponsorshipsAsMaintainer", &json!([sponsorship()]), next), shape::sponsorships)
    };
    let mut pages = Pages::default();
    for cursor in ["a", "b", "c"] {
        let next = page(Some(cursor)).next.unwrap();
        assert_eq!(pages.follow(next).unwrap().as_str(), cursor);
    }
    let circle = pages.follow(page(Some("a")).next.unwrap()).unwrap_err().to_string();
    assert_eq!(circle, "the list goes in a circle: the cursor a came twice");
    assert_eq!(page(None).next, None);
    let mut endless = Pages::default();
    let ends = (0..1000).find(|n| endless.follow(page(Some(&format!("c{n}"))).next.unwrap()).is_err());
    assert_eq!(ends, Some(99));
    for cursor in [Value::Null, json!(""), json!("x".repeat(600))] {
        let mut open = list("sponsorshipsAsMaintainer", &json!([sponsorship()]), Some("a"));
        open["sponsorshipsAsMaintainer"]["pageInfo"]["endCursor"] = cursor;
        let body = json!({"data": {"viewer": open}}).to_string();
        let (_, why) = failed(read(&answer(200, body), shape::sponsorships));
        assert!(why.ends_with("there are more sponsorships, and no cursor says where"), "{why}");
    }
}

/// The webhook speaks of the same things in other words; what both say is read by the same shapes.
#[test]
fn the_payloads_of_sponsorships_say_the_same() {
    let Some(folder) = data("octokit-webhooks/sponsorship") else { return };
    let mut read = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let payload = json_file(&file.unwrap().path());
        let event = &payload["sponsorship"];
        let tier = |tier: &Value| {
            json!({"name": tier["name"], "id": tier["node_id"],
            "monthlyPriceInCents": tier["monthly_price_in_cents"], "isOneTime": tier["is_one_time"].as_bool().unwrap_or(false)})
        };
        let node = json!({"id": event["node_id"], "createdAt": event["created_at"], "isOneTimePayment": false,
            "privacyLevel": event["privacy_level"].as_str().unwrap().to_uppercase(), "tier": tier(&event["tier"]),
            "sponsorEntity": {"__typename": event["sponsor"]["type"], "login": event["sponsor"]["login"]}});
        let page = shown(&json!([node]));
        let one = &page.items[0];
        assert_eq!(one.since, at(event["created_at"].as_str().unwrap()));
        assert!(matches!(one.privacy, Privacy::Public | Privacy::Private));
        assert_eq!(
            one.tier.as_ref().unwrap().price.whole(),
            event["tier"]["monthly_price_in_cents"].as_i64().unwrap()
        );
        assert!(one.sponsor.as_ref().unwrap().login.as_ref().unwrap().is("monalisa"));
        read += 1;
    }
    assert!(read >= 2, "{read}");
}
