//! The connector for Remote OK's feed: the recorded elements, and what it never sent.

mod connectors;

use connectors::{answer, at, data, failed, with_header};
use mm_sdk::{ErrorClass, Validators};
use mm_strategies::reading::{Reading, no_words, understood};
use mm_strategies::remoteok::{self, JOBS_MAX, Jobs};
use serde_json::{Value, json};

fn read(body: impl Into<Vec<u8>>) -> Reading<Jobs> {
    understood("feed", &answer(200, body), no_words, remoteok::read)
}

fn jobs(elements: Value) -> Jobs {
    match read(elements.to_string()) {
        Reading::Fresh(fresh) => fresh.value,
        other => panic!("{other:?}"),
    }
}

fn notice() -> Value {
    json!({"last_updated": 1, "legal": "API Terms of Service: Please link back"})
}

fn job() -> Value {
    json!({
        "slug": "remote-x-7", "id": "7", "epoch": 1_785_719_389, "date": "2026-08-03T01:09:49+00:00",
        "company": "Acme", "company_logo": "", "position": "Rust developer", "tags": ["rust"],
        "description": "a<br>b", "location": "Cambridge, ", "apply_url": "https://elsewhere.example/7",
        "salary_min": 0, "salary_max": 0, "logo": "", "url": "https://remoteOK.com/remote-jobs/7", "new_field": {},
    })
}

fn with(key: &str, value: Value) -> Value {
    let mut job = job();
    job[key] = value;
    job
}

#[test]
fn the_recorded_feed_goes_through() {
    let Some(folder) = data("remoteok") else { return };
    let Reading::Fresh(fresh) = read(std::fs::read(folder.join("sample.json")).unwrap()) else {
        panic!("it is the feed")
    };
    let feed = fresh.value;
    assert!(feed.legal.line(2000).contains("link back (with follow"), "the notice is kept");
    assert_eq!((feed.jobs.len(), feed.bad.len()), (1, 0), "the notice is no job");
    let job = &feed.jobs[0];
    assert!(job.id.is("1136069") && job.position.is("General Production"));
    assert_eq!(job.at, at("2026-08-03T01:09:49Z"));
    assert_eq!(job.salary, (None, None), "0 means none");
    assert_eq!(
        job.page.as_str(),
        "https://remoteok.com/remote-jobs/remote-general-production-dana-solutions-llc-1136069"
    );
    assert!(job.text.starts_with("Cambridge, ON, CA"), "{}", job.text);
}

#[test]
fn one_bad_job_costs_itself_alone() {
    let feed = jobs(json!([
        notice(),
        job(),
        with("position", json!(["a"])),
        with("url", json!("https://remoteok.com.evil.example/remote-jobs/7")),
        with("url", json!("javascript:alert(1)")),
        with("epoch", json!(i64::MAX)),
        with("id", json!(7)),
        with("salary_min", json!("a lot")),
        with("position", json!("\u{1b}[2Jboo\u{202e}")),
        7,
    ]));
    assert_eq!((feed.jobs.len(), feed.bad.len()), (2, 7));
    for bad in &feed.bad {
        assert!(!bad.to_string().chars().any(char::is_control), "{bad}");
    }
    assert_eq!(feed.jobs[1].position.line(40), "\u{fffd}[2Jboo\u{fffd}");
    assert_eq!(
        jobs(json!([notice(), with("salary_max", json!(90000))])).jobs[0].salary,
        (None, Some(90_000))
    );
}

#[test]
fn without_its_notice_it_is_not_the_feed() {
    for bad in [
        json!([]),
        json!([job()]),
        json!({}),
        json!(null),
        json!([notice(), {}]),
        json!([{"legal": 7}, job()]),
    ] {
        let (class, _) = failed(read(bad.to_string()));
        assert_eq!(class, ErrorClass::Transient, "{bad}");
    }
    failed(read("[{\"legal\": \"x\"}, {\"id\": \"7\", "));
    failed(read("<html>Forbidden</html>"));
    assert_eq!(jobs(json!([notice()])).jobs, [], "a notice alone is an empty feed");
    let many: Vec<Value> =
        std::iter::once(notice()).chain(std::iter::repeat_n(job(), JOBS_MAX + 50)).collect();
    assert_eq!(jobs(json!(many)).jobs.len(), JOBS_MAX);
}

#[test]
fn each_status_has_its_class_and_a_read_is_conditional() {
    for (status, class) in [
        (403, ErrorClass::Auth),
        (404, ErrorClass::Fatal),
        (429, ErrorClass::RateLimit),
        (526, ErrorClass::Transient),
    ] {
        let said = understood("feed", &answer(status, "<html>"), no_words, remoteok::read);
        assert_eq!(failed(said).0, class, "{status}");
    }
    let first = with_header(
        answer(200, json!([notice()]).to_string()),
        "last-modified",
        "Sun, 22 Nov 2026 10:00:00 GMT",
    );
    let Reading::Fresh(fresh) = understood("feed", &first, no_words, remoteok::read) else {
        panic!("a feed")
    };
    let action = remoteok::feed(&fresh.validators);
    assert_eq!(action.request.url().as_str(), "https://remoteok.com/api");
    assert_eq!(action.request.headers()[0].0, "if-modified-since");
    assert_eq!(remoteok::feed(&Validators::default()).request.headers(), []);
    assert_eq!(understood("feed", &answer(304, ""), no_words, remoteok::read), Reading::Unchanged);
}
