//! The connector for feeds: every fixture as an independent reader read it, and what no board should send.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

mod connectors;

use connectors::{answer, at, data, failed, json_file, with_header};
use mm_sdk::{ErrorClass, LogicalUrl, Untrusted, Validators};
use mm_strategies::feeds::{self, Feed, Format, ITEMS_MAX, Item, When};
use mm_strategies::markup;
use mm_strategies::reading::{Reading, no_words, understood};
use proptest::prelude::*;
use serde_json::Value;

const BASE: &str = "https://board.example/feed";

/// Files that are no feed, and are refused: why.
const REFUSED: &[(&str, &str)] = &[
    (
        "rss2/rss_2.0_invalid_1.xml",
        "it is cut short; the other reader takes it for an empty feed, marked as broken",
    ),
    ("xml/xml_iso8859.xml", "its root is no feed's; the other reader takes any element called `item`"),
    ("xml/xml_sample_1.xml", "it is no feed"),
    ("xml/xml_sample_2.xml", "it is no feed"),
];

/// Times that are read otherwise: file, position of the item, why.
const TIMES: &[(&str, usize, &str)] = &[
    ("rss1/rss_1.0_example_1.xml", 1, "its zone is cut short (`+00:0`): it is no time here"),
    (
        "rss2/rss_2.0_nbcny.xml",
        0,
        "`02:02:33 PM` is no time of RFC 822; the other reader reads 02:02 at night",
    ),
    (
        "rss2/rss_2.0_ilmessaggero.xml",
        0,
        "its day and month are Italian words, which the other reader does not read",
    ),
];

/// Ids of RSS 1.0, where the link is taken: the resource that an item is about is not handed out by the parser.
const ABOUT: &[&str] = &["rss1/rss_1.0_example_2.xml"];

/// Authors that podcasts name in a vocabulary of their own, which boards do not use.
const PODCASTS: &[&str] = &[
    "rss2/rss_2.0_bbc.xml",
    "rss2/rss_2.0_nightvale.xml",
    "rss2/rss_2.0_spiegel.xml",
    "rss2/rss_2.0_spreaker.xml",
];

fn whole(text: &Option<Untrusted>) -> Option<String> {
    text.as_ref().map(|text| text.line(10_000))
}

/// As the feed's own address makes it, where it is relative, and as a URL is written.
fn resolved(link: &str) -> String {
    let base = LogicalUrl::parse(BASE).unwrap();
    match link.starts_with("http") {
        true => link.to_lowercase(),
        false => base.join(link).map_or(link.to_owned(), |url| url.as_str().to_lowercase()),
    }
}

fn compare(name: &str, n: usize, expected: &Value, item: &Item) {
    let text = |key: &str| expected[key].as_str().filter(|text| !text.is_empty());
    let title = text("title").map(markup::line).filter(|title| !title.is_empty());
    assert_eq!(whole(&item.title), title, "{name} {n}: title");
    // Where it says no id of its own, the link stands in, and where there is none, a digest.
    let own = text("id").filter(|_| !ABOUT.contains(&name)).map(resolved);
    let link =
        text("link").filter(|link| !link.starts_with("urn:") && !link.starts_with("tag:")).map(resolved);
    match own.or_else(|| link.clone()) {
        Some(id) => assert_eq!(resolved(&item.id.line(10_000)), id, "{name} {n}: id"),
        None => assert_eq!(item.id.line(100).len(), 24, "{name} {n}: a digest stands in"),
    }
    // The other reader gives the id for a link where there is none, be it a link or not.
    assert_eq!(whole(&item.link).as_deref().map(resolved), link, "{name} {n}: link");
    let time = |key: &str| expected[key].as_i64();
    let read = |at: Option<mm_sdk::Moment>| at.map(|at| at.unix_ms().div_euclid(1000));
    if TIMES.iter().all(|(file, at, _)| (*file, *at) != (name, n)) {
        // Dublin Core's `date` is the one time that an item has: when it is of. Which of the two names it gets
        // differs; the time does not.
        let first = time("published").or(time("updated"));
        assert_eq!(read(item.published.or(item.updated)), first, "{name} {n}: time");
        if time("published").is_some() {
            assert_eq!(read(item.updated), time("updated"), "{name} {n}: change");
        }
    }
    let author = whole(&item.author).map(|author| author.trim_matches(['(', ')']).to_owned());
    if !PODCASTS.contains(&name) {
        // The other reader writes name and address together.
        let said = text("author").unwrap_or_default();
        assert!(
            author.as_deref().is_none_or(|author| said.contains(author)),
            "{name} {n}: {author:?} {said}"
        );
        assert_eq!(author.is_some(), !said.is_empty(), "{name} {n}: author");
    }
}

#[test]
fn every_feed_reads_as_an_independent_reader_read_it() {
    let Some(folder) = data("feed-rs-fixtures") else { return };
    let expected = json_file(&folder.join("expected.json"));
    let (mut read, mut refused) = (0, 0);
    for file in expected["files"].as_array().unwrap() {
        let name = file["file"].as_str().unwrap();
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let parsed = feeds::parse(BASE, &bytes);
        if REFUSED.iter().any(|(file, _)| *file == name) {
            let why = parsed.unwrap_err().to_string();
            assert!(why.starts_with("this is not a feed: "), "{name}: {why}");
            refused += 1;
            continue;
        }
        let feed = parsed.unwrap_or_else(|why| panic!("{name}: {why}"));
        read += 1;
        if name.starts_with("jsonfeed/") {
            as_the_file_itself(name, &bytes, &feed);
            continue;
        }
        let items = file["entries"].as_array().unwrap();
        assert_eq!(feed.items.len(), items.len(), "{name}: items");
        let title = file["feed"]["title"].as_str().map(markup::line);
        assert_eq!(whole(&feed.title), title, "{name}: title");
        let version = file["version"].as_str().unwrap();
        let format = match feed.format {
            Format::Atom => "atom",
            Format::Rss0 => "rss09",
            Format::Rss1 => "rss10",
            Format::Rss2 => "rss20",
            Format::Json => "json",
        };
        // One feed has the namespace of Atom on the root of RSS 2.0: the root counts here.
        assert!(version.starts_with(format) || name.ends_with("rss_2.0_reddit.xml"), "{name}: {version}");
        for (n, (expected, item)) in items.iter().zip(&feed.items).enumerate() {
            compare(name, n, expected, item);
        }
    }
    assert_eq!((read, refused), (expected["files"].as_array().unwrap().len() - REFUSED.len(), REFUSED.len()));
}

/// The other reader does not read JSON Feed at all, so the file is held against itself.
fn as_the_file_itself(name: &str, bytes: &[u8], feed: &Feed) {
    let file: Value = serde_json::from_slice(bytes).unwrap();
    assert_eq!(feed.format, Format::Json, "{name}");
    assert_eq!(whole(&feed.title), file["title"].as_str().map(markup::line), "{name}");
    let items = file["items"].as_array().unwrap();
    assert_eq!(feed.items.len(), items.len(), "{name}");
    for (expected, item) in items.iter().zip(&feed.items) {
        // Without an id of its own the link stands in, as a URL is written.
        let id = expected["id"].as_str().or(expected["url"].as_str()).unwrap();
        assert_eq!(item.id.line(10_000).trim_end_matches('/'), id.trim_end_matches('/'), "{name}");
        assert_eq!(whole(&item.title), expected["title"].as_str().map(markup::line), "{name}");
        let link = expected["url"].as_str().map(|url| url.trim_end_matches('/').to_owned());
        let read = whole(&item.link).map(|url| url.trim_end_matches('/').to_owned());
        assert_eq!(read, link, "{name}");
        let said = expected["date_published"].as_str().unwrap_or_default();
        // One file writes its times as mail does.
        let mail = [
            ("Fri, 31 May 2019 12:17:58 -0700", "2019-05-31T19:17:58Z"),
            ("Tue, 06 Feb 2018 06:34:12 -0700", "2018-02-06T13:34:12Z"),
        ];
        let mail = mail.into_iter().find(|(mail, _)| *mail == said).map(|(_, at)| at);
        let at = mail.unwrap_or(said).parse().ok();
        assert_eq!(item.published, at, "{name}");
    }
}

const ONE: &str = "<rss version=\"2.0\"><channel><title>Board</title><link>https://board.example/</link>\
    <item><guid>1</guid><title>T</title><link>/jobs/1</link><pubDate>DATE</pubDate><description>D</description></item>\
    </channel></rss>";

fn dated(date: &str) -> Item {
    feeds::parse(BASE, ONE.replace("DATE", date).as_bytes()).unwrap().items.remove(0)
}

#[test]
fn a_time_that_cannot_be_meant_is_told_apart() {
    let now = at("2026-11-22T12:00:00Z");
    assert_eq!(dated("Sun, 22 Nov 26 10:00:00 EST").when(now), When::At(at("2026-11-22T15:00:00Z")));
    assert_eq!(dated("Thu, 01 Jan 1970 00:00:00 GMT").when(now), When::Odd(at("1970-01-01T00:00:00Z")));
    assert_eq!(dated("Thu, 01 Jan 2099 00:00:00 GMT").when(now), When::Odd(at("2099-01-01T00:00:00Z")));
    assert_eq!(dated("soon").when(now), When::Unsaid);
}

#[test]
fn what_is_no_feed_is_refused_in_one_sentence() {
    let url = LogicalUrl::parse(BASE).unwrap();
    let read =
        |body: &[u8]| understood(BASE, &answer(200, body), no_words, |answer| feeds::read(&url, answer));
    let cut = ONE.get(..ONE.len() - 40).unwrap();
    for bad in
        ["", "null", "<html><body>Log in</body></html>", "{\"version\": 7}", "[]", "{\"items\": []}", cut]
    {
        let (class, why) = failed(read(bad.as_bytes()));
        assert_eq!(class, ErrorClass::Transient, "{bad}");
        assert!(why.starts_with(&format!("{BASE}: this is not a feed: ")), "{why}");
    }
    // A field of the wrong type costs the feed, and says where.
    let wrong = "{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"a\",\"items\":[{\"id\":{}}]}";
    failed(read(wrong.as_bytes()));
    for (status, class) in [
        (401, ErrorClass::Auth),
        (403, ErrorClass::Auth),
        (404, ErrorClass::Fatal),
        (429, ErrorClass::RateLimit),
        (500, ErrorClass::Transient),
        (503, ErrorClass::Transient),
    ] {
        let said = understood(BASE, &answer(status, "x"), no_words, |answer| feeds::read(&url, answer));
        assert_eq!(failed(said), (class, format!("{BASE} answered with status {status}")));
    }
}

#[test]
fn a_read_is_conditional_and_is_judged_by_robots_txt() {
    let url = LogicalUrl::parse(BASE).unwrap();
    let first = with_header(
        with_header(answer(200, ONE), "etag", "\"v1\""),
        "last-modified",
        "Sun, 22 Nov 2026 10:00:00 GMT",
    );
    let Reading::Fresh(fresh) = understood(BASE, &first, no_words, |answer| feeds::read(&url, answer)) else {
        panic!("it is a feed")
    };
    let action = feeds::fetch(&url, &fresh.validators);
    assert_eq!((action.platform.as_str(), action.kind.as_str()), ("feeds", "fetch-page"));
    let headers = action.request.headers();
    assert!(headers.contains(&("if-none-match".to_owned(), "\"v1\"".to_owned())), "{headers:?}");
    assert!(headers.iter().any(|(name, _)| name == "if-modified-since"), "{headers:?}");
    let again = understood(BASE, &answer(304, ""), no_words, |answer| feeds::read(&url, answer));
    assert_eq!(again, Reading::Unchanged);
    // A validator that is no header value makes the read a whole one.
    let bad = Validators { etag: Some("a\r\nx: y".to_owned()), last_modified: None };
    assert!(feeds::fetch(&url, &bad).request.headers().is_empty());
}

#[test]
fn a_feed_without_end_is_bounded_and_its_words_are_harmless() {
    let item = "<item><title>&#27;[31mred &lt;b&gt;x&lt;/b&gt;</title><description>y</description></item>";
    // A control character is not allowed in XML; a parser that lets it through must not pass it on to a screen.
    let many = format!("<rss version=\"2.0\"><channel><title>t</title>{}</channel></rss>", item.repeat(2000));
    match feeds::parse(BASE, many.as_bytes()) {
        Ok(feed) => {
            assert_eq!((feed.items.len(), feed.left_out), (ITEMS_MAX, 2000 - ITEMS_MAX));
            assert!(!whole(&feed.items[0].title).unwrap().contains('\x1b'));
        }
        Err(why) => assert!(!why.to_string().contains('\x1b')),
    }
}

proptest! {
    /// Nothing that comes makes the parser stop, or gives more than is wanted.
    #[test]
    fn a_feed_with_a_byte_changed_is_read_or_refused(at in 0usize..300, byte in any::<u8>()) {
        let mut bytes = ONE.replace("DATE", "Sun, 22 Nov 2026 10:00:00 GMT").into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(feed) = feeds::parse(BASE, &bytes) {
            prop_assert!(feed.items.len() <= 1);
        }
    }
}
