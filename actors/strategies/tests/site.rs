//! The owner's site: what is wrong on a page, what a sitemap may name, and what a run makes of both.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

use std::time::Duration;

use mm_sdk::testing::Bench;
use mm_sdk::{
    Act, Answer, Draft, ErrorClass, LogicalUrl, Method, Moment, Money, Refusal, Report, Stage, Strategy,
    decode, encode,
};
use mm_strategies::affiliate::{Affiliate, First, SITE_BYTES_MAX, Snapshot};
use mm_strategies::network::Commission;
use mm_strategies::site::hosts::{AMAZON_SENTENCE, DISCLOSURES, EARNING, SHORTENERS};
use mm_strategies::site::page::{Kind, Own, examine};
use mm_strategies::site::sitemap;
use proptest::prelude::*;
use serde_json::json;

const SITE: &str = "https://blog.example.org";
const SHOP: &str = "https://www.amazon.com/dp/B000000000";

fn url(text: &str) -> LogicalUrl {
    LogicalUrl::parse(text).unwrap()
}

fn own() -> Own {
    Own { amazon_tags: vec!["acme-20".to_owned()], awin: Some(7) }
}

fn kinds(html: &str) -> Vec<(u32, Kind)> {
    let found = examine(&url(&format!("{SITE}/a")), html, &own());
    found.defects.into_iter().map(|one| (one.line, one.kind)).collect()
}

#[test]
fn each_defect_is_found_in_its_line_and_a_good_page_has_none() {
    let good = format!(
        "<p>{AMAZON_SENTENCE}</p>\n<a rel=\"sponsored nofollow\" href=\"{SHOP}?tag=acme-20&amp;x=1\">It</a>"
    );
    assert_eq!(kinds(&good), []);
    let with = |from: &str, to: &str| good.replace(from, to);
    for (html, kind) in [
        (with("?tag=acme-20&amp;x=1", ""), Kind::TagMissing),
        (with("acme-20", "other-21"), Kind::TagForeign),
        (with("acme-20", ""), Kind::TagMissing),
        (with("sponsored nofollow", "noopener"), Kind::RelMissing),
        (with("rel=\"sponsored nofollow\"", ""), Kind::RelMissing),
        (with("</a>", "</a> only $9.99"), Kind::PriceCopied),
        (with("As an Amazon", "As An Amazon"), Kind::SentenceMissing),
        (with("</p>", &format!("</p>{}", "word ".repeat(200))), Kind::DisclosureFar),
        (with(SHOP, "https://amzn.to/x"), Kind::Shortened),
        (
            with(&format!("{SHOP}?tag=acme-20&amp;x=1"), "https://www.awin1.com/c?awinmid=1&awinaffid=8"),
            Kind::TagForeign,
        ),
        (with(&format!("{SHOP}?tag=acme-20&amp;x=1"), "https://www.awin1.com/c?awinmid=1"), Kind::TagMissing),
    ] {
        assert_eq!(kinds(&html), [(2, kind)], "{html}");
    }
    assert_eq!([kinds(&with("sponsored ", "")), kinds(&with(" nofollow", ""))], [[], []], "either is enough");
    let hidden = with("<p>", "<p hidden>");
    assert_eq!(
        kinds(&hidden),
        [(2, Kind::NoDisclosure), (2, Kind::SentenceMissing)],
        "what nobody sees is not said"
    );
    assert_eq!(
        kinds(&good.replace(SHOP, "https://amazon.com.evil.example/dp/1")),
        [],
        "that is no shop of Amazon's"
    );
}

/// The same target, or one that another's begins with, may stand in a good link before.
#[test]
fn each_link_has_its_own_line() {
    let said = format!("<p>{AMAZON_SENTENCE} <!-- {SHOP} --></p>");
    let tagged = format!("{SHOP}?tag=acme-20");
    let html = format!(
        "{said}\n<a rel=sponsored href=\"{tagged}\">a</a>\n<a href=\"{tagged}\">b</a>\n<a\n href=\"{tagged}\">c</a>\r\n\
         <a rel=sponsored href={SHOP}>d</a>\n<a rel=sponsored href=\"&#104;ttps://www.amazon.com/dp/B000000000\">e</a>"
    );
    let rel = [(3, Kind::RelMissing), (4, Kind::RelMissing)];
    let tag = [(6, Kind::TagMissing), (7, Kind::TagMissing)];
    assert_eq!(kinds(&html), [rel, tag].concat());
    let links = examine(&url(SITE), &html, &own()).links;
    assert_eq!(links.iter().map(|link| link.line).collect::<Vec<_>>(), [2, 6]);
}

#[test]
fn what_stands_in_a_pages_place_is_not_the_page() {
    let instead = |html: &str| examine(&url(SITE), html, &own()).instead;
    for (html, why) in [
        ("<input type=password>", "it asks for a password"),
        ("<title>Just a moment...</title><p>Checking your browser</p>", "it asks for proof"),
        ("<h1>Are you a robot?</h1><a href=/>Home</a>", "it asks for proof"),
        ("<h1>We will be back soon</h1>", "the site is closed"),
        ("<p>Down for Maintenance.</p>", "the site is closed"),
    ] {
        assert!(instead(html).unwrap().contains(why), "{html}");
    }
    // Its own pages have captchas beside their comments, and write of robots.
    let long = format!("<p>{}</p><p>Are you a robot? Be back soon.</p>", "word ".repeat(500));
    let earns =
        "<a rel=sponsored href=https://acme.pxf.io/c/1>b</a><script src=/cdn-cgi/challenge-platform/x>";
    for own in ["<p>Fine.</p>", &long, earns, "<p hidden>be back soon</p>"] {
        assert_eq!(instead(own), None, "{own}");
    }
}

#[test]
fn the_lists_are_those_of_the_rules() {
    let rules = |name: &str| {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/rules").join(name);
        std::fs::read_to_string(file).unwrap()
    };
    let (law, paid, amazon) =
        (rules("law-endorsements.toml"), rules("law-paid-links.toml"), rules("amazon-associates.toml"));
    for host in EARNING {
        assert!(law.contains(&format!("\"{host}\"")) && paid.contains(&format!("\"{host}\"")), "{host}");
    }
    for phrase in DISCLOSURES {
        assert!(law.contains(&format!("\"{phrase}\"")), "{phrase}");
    }
    for host in SHORTENERS.iter().filter(|host| !["amzn.to", "a.co"].contains(host)) {
        assert!(amazon.contains(&format!("\"{host}\"")), "{host}");
    }
    assert!(paid.contains("rel_any = [\"sponsored\", \"nofollow\"]"));
    assert!(amazon.contains(&format!("disclosure = [\"{AMAZON_SENTENCE}\"]")));
}

fn answer(body: &str) -> Answer {
    Answer { status: 200, headers: Vec::new(), body: body.into(), at: Moment::default() }
}

#[test]
fn a_sitemap_names_its_own_hosts_pages_and_no_others() {
    let asked = url(&format!("{SITE}/sitemap.xml"));
    let body = format!(
        "<urlset><url><loc> {SITE}/a?b=1&amp;c=2 </loc></url><url><loc><![CDATA[{SITE}/b#x]]></loc></url>\
         <url><loc>https://evil.example/</loc></url><url><loc>http://blog.example.org/</loc></url><loc>x</loc></urlset>"
    );
    let named = sitemap::read(&asked, &answer(&body)).unwrap();
    let pages: Vec<&str> = named.pages.iter().map(LogicalUrl::as_str).collect();
    assert_eq!(pages, ["https://blog.example.org/a?b=1&c=2", "https://blog.example.org/b"]);
    assert_eq!((named.refused, named.sitemaps.len()), (3, 0));
    let index = format!("<sitemapindex><sitemap><loc>{SITE}/s</loc></sitemap></sitemapindex>");
    assert_eq!(sitemap::read(&asked, &answer(&index)).unwrap().sitemaps.len(), 1);
    for bad in ["", "<html></html>", "<urlset><url>", "{}"] {
        assert!(sitemap::read(&asked, &answer(bad)).is_err(), "{bad}");
    }
}

fn strategy(more: serde_json::Value) -> Affiliate {
    let mut site = json!({"sitemap": format!("{SITE}/sitemap.xml"), "amazon_tags": ["acme-20"]});
    site.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut strategy = Affiliate::default();
    strategy.initialise(&json!({ "site": site })).unwrap();
    strategy
}

fn map(pages: impl Iterator<Item = String>) -> String {
    format!("<urlset>{}</urlset>", pages.map(|page| format!("<loc>{page}</loc>")).collect::<String>())
}

fn bench(pages: &[(&str, &str)]) -> Bench {
    let mut bench = Bench::at("2026-11-23T06:00:00Z");
    let names = pages.iter().map(|(name, _)| format!("{SITE}/{name}"));
    bench.answer(&format!("{SITE}/sitemap.xml"), 200, map(names));
    for (name, html) in pages {
        bench.answer(&format!("{SITE}/{name}"), 200, *html);
    }
    bench
}

async fn run(bench: &mut Bench, strategy: &mut Affiliate) -> (Report, Vec<Draft>) {
    let (report, drafts) = bench.run(strategy).await.unwrap();
    (report, drafts.opportunities)
}

fn redirect(status: u16, to: &str) -> Act {
    let headers = vec![("location".to_owned(), to.to_owned())];
    Act::Done(Answer { status, headers, body: Vec::new(), at: Moment::default() })
}

#[tokio::test]
async fn a_dead_link_is_told_with_its_line_and_what_cannot_be_told_is_not_dead() {
    let links = ["dead", "gone", "moved", "busy", "wall", "lost", "unruled", "same"];
    let html = links.map(|name| format!("<a href=https://{name}.example/x>a</a>\n")).concat();
    let mut bench = bench(&[("a", &html)]);
    bench.answer("https://dead.example/x", 404, "");
    bench.answer("https://gone.example/x", 410, "");
    bench.act_is("https://moved.example/x", redirect(301, "https://parked.example/"));
    bench.answer("https://busy.example/x", 429, "");
    bench.answer("https://wall.example/x", 403, "");
    bench.act_is("https://same.example/x", redirect(301, "https://www.same.example/y"));
    bench.answer("https://www.same.example/y", 200, "");
    let no_rule = Refusal::new(ErrorClass::Compliance, "no rule speaks of it");
    bench.act_is("https://unruled.example/x", Act::Refused(no_rule));
    let mut strategy = strategy(json!({}));
    let (report, drafts) = run(&mut bench, &mut strategy).await;
    assert_eq!(report.errors, Vec::<String>::new());
    let details = drafts[0].details.value();
    let defects: Vec<(u64, &str)> = details["defects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["line"].as_u64().unwrap(), one["what"].as_str().unwrap()))
        .collect();
    assert_eq!(defects, [(1, "dead"), (2, "dead"), (3, "redirected")]);
    assert!(details["defects"][0]["mend"].as_str().unwrap().starts_with("take the link out"));
    let open: Vec<&str> =
        details["open"].as_array().unwrap().iter().map(|one| one["is"].as_str().unwrap()).collect();
    assert_eq!(open, ["cannot tell", "cannot tell", "cannot tell", "not checked"]);
    assert_eq!(
        (drafts.len(), drafts[0].tell, drafts[0].url.as_str()),
        (1, true, "https://blog.example.org/a")
    );
    let asked: Vec<String> = bench
        .asked()
        .iter()
        .map(|action| format!("{} {}", action.platform, action.request.method()))
        .collect();
    assert_eq!(asked[..3], ["owner-site GET", "owner-site GET", "owner-links HEAD"]);
    // The same again is no news, and what was mended is told once.
    let (_, again) = run(&mut bench, &mut strategy).await;
    assert_eq!(again, []);
    bench.answer(&format!("{SITE}/a"), 200, "<p>No links.</p>");
    let (_, mended) = run(&mut bench, &mut strategy).await;
    assert_eq!((mended.len(), mended[0].tell, mended[0].score), (1, false, 0));
    assert!(mended[0].title.starts_with("Mended: "));
    assert_eq!(run(&mut bench, &mut strategy).await.1, []);
}

/// A redirect on the same host says nothing of what lies there.
#[tokio::test]
async fn a_redirect_on_the_same_host_is_followed_and_what_lies_there_counts() {
    let names = ["dead", "parked", "fine", "circle", "long", "shy"];
    let html = names.map(|name| format!("<a href=https://{name}.example/x>a</a>\n")).concat();
    let mut bench = bench(&[("a", &html)]);
    bench.act_is("https://dead.example/x", redirect(301, "/x/"));
    bench.answer("https://dead.example/x/", 404, "");
    bench.act_is("https://parked.example/x", redirect(308, "https://www.parked.example/x"));
    bench.act_is("https://www.parked.example/x", redirect(301, "https://ads.example/"));
    bench.act_is("https://fine.example/x", redirect(302, "/y"));
    bench.act_is("https://fine.example/y", redirect(302, "https://www.fine.example/y"));
    bench.answer("https://www.fine.example/y", 200, "");
    bench.act_is("https://circle.example/x", redirect(302, "/y"));
    bench.act_is("https://circle.example/y", redirect(302, "/x"));
    bench.act_is("https://long.example/x", redirect(302, "/0"));
    (0..9).for_each(|n| {
        bench.act_is(&format!("https://long.example/{n}"), redirect(302, &format!("/{}", n + 1)))
    });
    bench.act_is("https://shy.example/x", redirect(301, "/y"));
    let robots = Refusal {
        rules: vec!["law/robots-disallow".to_owned()],
        ..Refusal::new(ErrorClass::Compliance, "no")
    };
    bench.act_is("https://shy.example/y", Act::Refused(robots));
    let mut strategy = strategy(json!({}));
    let (_, drafts) = run(&mut bench, &mut strategy).await;
    let details = drafts[0].details.value();
    let of = |list: &str, word: &str| -> Vec<(u64, String)> {
        let all = details[list].as_array().unwrap().iter();
        all.map(|one| (one["line"].as_u64().unwrap(), one[word].as_str().unwrap().to_owned())).collect()
    };
    assert_eq!(of("defects", "what"), [(1, "dead".to_owned()), (2, "redirected".to_owned())]);
    let open = ["it redirects in a circle", "it redirects again and again", "not checked: no"];
    assert_eq!(of("open", "why"), [4, 5, 6].map(|line: u64| (line, open[line as usize - 4].to_owned())));
    let to = |host: &str| bench.asked().iter().filter(|one| one.request.url().host() == host).count();
    assert_eq!([to("circle.example"), to("long.example"), to("ads.example")], [2, 6, 0]);
    assert!(
        bench
            .asked()
            .iter()
            .all(|one| one.platform.as_str() == "owner-site" || one.request.method() == Method::Head)
    );
    // What was dead and redirects to nothing else is not mended by that.
    bench.act_is("https://dead.example/x", redirect(301, "/z"));
    bench.answer("https://dead.example/z", 503, "");
    assert_eq!(run(&mut bench, &mut strategy).await.1, []);
}

/// Each redirect that is followed is one of the acts that a run may do, and no link keeps the others from their turn.
#[tokio::test]
async fn redirects_that_are_followed_count_and_starve_no_other_link() {
    let html = ["a", "b", "c"].map(|name| format!("<a href=https://{name}.example/x>a</a>")).concat();
    let mut bench = bench(&[("a", &html)]);
    bench.act_is("https://a.example/x", redirect(301, "/y"));
    let busy = Refusal::new(ErrorClass::RateLimit, "its patience is used up");
    bench.act_is("https://a.example/y", Act::Refused(busy));
    let mut strategy = strategy(json!({"links_max": 2}));
    let asked = async |bench: &mut Bench, strategy: &mut Affiliate| -> Vec<String> {
        let before = bench.asked().len();
        run(bench, strategy).await;
        bench.pass(Duration::from_secs(60));
        let links = bench.asked()[before..].iter().filter(|one| one.request.method() == Method::Head);
        links.map(|one| one.request.url().as_str().replace("https://", "")).collect()
    };
    assert_eq!(asked(&mut bench, &mut strategy).await, ["a.example/x", "a.example/y"]);
    assert_eq!(asked(&mut bench, &mut strategy).await, ["b.example/x", "c.example/x"]);
    bench.answer("https://a.example/y", 200, "");
    assert_eq!(asked(&mut bench, &mut strategy).await, ["a.example/x", "a.example/y"], "and no third");
}

/// What robots.txt says of one page it says of no other, of the site's own as of a shop's.
#[tokio::test]
async fn what_robots_txt_forbids_closes_nothing_else() {
    let links = ["a", "b"].map(|name| format!("<a href=https://shop.example/{name}>a</a>")).concat();
    let closed: Vec<String> = (0..6).map(|n| format!("closed-{n}")).collect();
    let mut pages: Vec<(&str, &str)> = closed.iter().map(|name| (name.as_str(), "fine")).collect();
    pages.push(("open", &links));
    let mut bench = bench(&pages);
    let robots = || {
        let rules = vec!["law/robots-disallow".to_owned()];
        Act::Refused(Refusal { rules, ..Refusal::new(ErrorClass::Compliance, "robots.txt asks not") })
    };
    let index = ["0", "1"].map(|name| format!("<loc>{SITE}/{name}.xml</loc>")).concat();
    bench.answer(&format!("{SITE}/sitemap.xml"), 200, format!("<sitemapindex>{index}</sitemapindex>"));
    bench.act_is(&format!("{SITE}/0.xml"), robots());
    bench.answer(&format!("{SITE}/1.xml"), 200, map(pages.iter().map(|(name, _)| format!("{SITE}/{name}"))));
    closed.iter().for_each(|name| bench.act_is(&format!("{SITE}/{name}"), robots()));
    bench.act_is("https://shop.example/a", robots());
    bench.answer("https://shop.example/b", 404, "");
    let (report, drafts) = run(&mut bench, &mut strategy(json!({}))).await;
    assert!(report.sources[0].sentence.contains("1 of 7 pages looked at"), "{report:?}");
    let details = drafts[0].details.value();
    let link = |of: &str| details[of][0]["link"].clone();
    assert_eq!(link("defects"), "https://shop.example/b");
    assert_eq!(
        (link("open"), details["open"][0]["is"].clone()),
        (json!("https://shop.example/a"), json!("not checked"))
    );
}

/// A click that no reader made is fraud to a network, and Amazon lets no program read its pages.
#[tokio::test]
async fn what_counts_visits_is_never_asked_for() {
    let clicks =
        "<a rel=sponsored href=https://acme.pxf.io/c/1>b</a> <a rel=sponsored href=https://bit.ly/x>c</a>";
    let html = format!("{AMAZON_SENTENCE} <a rel=sponsored href=\"{SHOP}?tag=acme-20\">a</a> {clicks}");
    let mut bench = bench(&[("a", &html)]);
    let (_, drafts) = run(&mut bench, &mut strategy(json!({}))).await;
    let details = drafts[0].details.value();
    assert_eq!(details["defects"].as_array().unwrap().len(), 1, "the shortened one: {details}");
    assert!(details["open"].as_array().unwrap().iter().all(|one| one["is"] == "not checked"));
    assert_eq!(details["open"].as_array().unwrap().len(), 3);
    assert!(bench.asked().iter().all(|action| action.request.url().host() == "blog.example.org"));
}

/// Old pages have many of them, and readers follow them all the same.
#[tokio::test]
async fn a_link_for_plain_http_is_judged_as_any_other_and_never_asked_for() {
    let amazon = "http://www.amazon.com/dp/B000000000";
    let html = format!(
        "{AMAZON_SENTENCE}\n<a rel=sponsored href=\"{amazon}?tag=other-20\">a</a>\n<a rel=sponsored href=\"HTTP://amzn.to/x\">b</a>\n\
         <a href=\"{amazon}?tag=acme-20\">c</a> $9.99\n<a href=http://shop.example/x>d</a> <a href=mailto:me@x.example>e</a>"
    );
    assert_eq!(
        kinds(&html),
        [
            (2, Kind::TagForeign),
            (2, Kind::PriceCopied),
            (3, Kind::Shortened),
            (4, Kind::RelMissing),
            (4, Kind::PriceCopied),
        ]
    );
    let mut bench = bench(&[("a", &html)]);
    let mut strategy = strategy(json!({"links_max": 1}));
    let (report, drafts) = run(&mut bench, &mut strategy).await;
    let details = drafts[0].details.value();
    let open = details["open"].as_array().unwrap();
    assert_eq!(open.len(), 4, "{details}");
    assert!(
        open.iter()
            .all(|one| one["is"] == "not checked" && one["link"].as_str().unwrap().starts_with("http:"))
    );
    let counted = report.metrics.iter().find(|(name, _)| name == "site.not-checked").unwrap();
    assert_eq!(counted.1, 4);
    assert!(bench.asked().iter().all(|action| action.request.url().host() == "blog.example.org"));
    // They take no other link's turn.
    bench.answer(&format!("{SITE}/a"), 200, format!("{html}<a href=https://shop.example/y>f</a>"));
    run(&mut bench, &mut strategy).await;
    assert_eq!(bench.asked().last().unwrap().request.url().as_str(), "https://shop.example/y");
}

#[tokio::test]
async fn a_site_of_100_000_pages_and_a_sitemap_that_loops_are_bounded_and_told() {
    let mut bench = Bench::at("2026-11-23T06:00:00Z");
    let index = ["0", "1", "sitemap"].map(|name| format!("<loc>{SITE}/{name}.xml</loc>")).concat();
    bench.answer(&format!("{SITE}/sitemap.xml"), 200, format!("<sitemapindex>{index}</sitemapindex>"));
    for half in 0..2 {
        let pages = (0..50_000).map(|n| format!("{SITE}/{half}/{n}"));
        bench.answer(&format!("{SITE}/{half}.xml"), 200, map(pages));
    }
    (0..3_000).for_each(|n| bench.answer(&format!("{SITE}/0/{n}"), 200, "fine"));
    let mut strategy = strategy(json!({"pages_max": 5}));
    let (report, _) = run(&mut bench, &mut strategy).await;
    let said = &report.sources[0].sentence;
    assert!(said.contains("5 of 3000 pages looked at, 2995 were never; 97000 more are named"), "{said}");
    assert!(said.contains("the sitemap names itself again 1 times"), "{said}");
    assert_eq!(bench.asked().len(), 3 + 5);
    assert!(bench.snapshot().unwrap().len() < 1 << 20);
    let (report, _) = run(&mut bench, &mut strategy).await;
    assert!(
        report.sources[0].sentence.contains("2990 were never"),
        "the next run goes on: {:?}",
        report.sources
    );
}

/// A sitemap that came cut off, or with a page for people in its place, says nothing of which pages there are.
#[tokio::test]
async fn a_sitemap_that_cannot_be_read_lets_no_page_be_forgotten() {
    let html = "<a rel=sponsored href=https://acme.pxf.io/c/1>b</a>";
    for spoilt in ["<urlset><url><loc>", "<html>We are back soon.</html>", ""] {
        let mut bench = bench(&[("a", html), ("b", "fine")]);
        let mut strategy = strategy(json!({}));
        assert_eq!(run(&mut bench, &mut strategy).await.1.len(), 1);
        bench.pass(Duration::from_secs(86_400));
        bench.answer(&format!("{SITE}/sitemap.xml"), 200, spoilt);
        bench.answer(&format!("{SITE}/a"), 200, "<p>No links.</p>");
        let (report, mended) = run(&mut bench, &mut strategy).await;
        assert!(report.sources[0].sentence.contains("2 of 2 pages looked at"), "{report:?}");
        assert!(report.errors[0].contains("this is not a"), "{report:?}");
        assert!(mended[0].title.starts_with("Mended: "), "{spoilt}: {mended:?}");
    }
}

/// The way to the site's own pages stands on each of them, and first: what is sold stands behind it.
#[tokio::test]
async fn of_many_links_those_to_others_are_looked_at_and_the_rest_is_counted() {
    let menu: String = (0..60).map(|n| format!("<a href=/menu/{n}>m</a>")).collect();
    let html = format!("{menu}<a href=https://shop.example/x>a</a>");
    let mut bench = bench(&[("a", &html)]);
    bench.answer("https://shop.example/x", 404, "");
    let (report, drafts) = run(&mut bench, &mut strategy(json!({"links_max": 60}))).await;
    assert_eq!(drafts[0].details.value()["defects"][0]["link"], "https://shop.example/x");
    assert_eq!(
        report.errors,
        ["https://blog.example.org/a: 21 of its links and defects are more than are remembered"]
    );
    assert!(report.metrics.contains(&("site.left-out".to_owned(), 21)), "{report:?}");
    let bad: String = (0..50).map(|n| format!("<a rel=sponsored href=https://bit.ly/{n}>b</a>\n")).collect();
    let found = examine(&url(SITE), &bad, &own());
    assert_eq!((found.defects.len(), found.links.len(), found.left_out), (40, 40, 100 - 40 + 10));
}

/// A snapshot over the codec's limit would stop the strategy and lose what the run learnt.
#[tokio::test]
async fn what_is_remembered_at_most_fits_into_a_snapshot_and_what_is_cut_is_told() {
    let page = |n: usize| -> String {
        let link = |m: usize| format!("<a href=\"https://bit.ly/{n}/{m}/{}\">b</a>\n", "x".repeat(1_900));
        (0..45).map(link).collect()
    };
    let pages: Vec<(String, String)> = (0..50).map(|n| (format!("p{n:02}"), page(n))).collect();
    let named: Vec<(&str, &str)> = pages.iter().map(|(name, html)| (name.as_str(), html.as_str())).collect();
    let mut bench = bench(&named);
    let long = |n: usize| format!("{SITE}/z{n}{}", "y".repeat(1_900));
    let all = named.iter().map(|(name, _)| format!("{SITE}/{name}")).chain((0..1_000).map(long));
    bench.answer(&format!("{SITE}/sitemap.xml"), 200, map(all));
    let mut strategy = strategy(json!({"pages_max": 50}));
    let mut cut = 0;
    for _ in 0..2 {
        let (report, _) = run(&mut bench, &mut strategy).await;
        cut += report.metrics.iter().find(|(name, _)| name == "site.left-out").unwrap().1;
    }
    let mut snapshot: Snapshot = decode(bench.snapshot().unwrap()).unwrap();
    let held = encode(&snapshot.site).unwrap().len();
    assert!(cut > 0 && held > SITE_BYTES_MAX / 2 && held <= SITE_BYTES_MAX, "{cut} {held}");
    // And three networks with all that one may say.
    for platform in ["impact", "awin", "cj"] {
        let network = snapshot.networks.entry(platform.to_owned()).or_default();
        for n in 0..12_000 {
            let mut line = commission(format!("{n:0>64}"));
            let known = network.commissions.entry(line.reference.clone()).or_default();
            for part in 0..4 {
                (line.part, line.original) = (format!("{part:0>64}"), part == 0);
                known.take(&line, Moment::default()).unwrap();
            }
        }
    }
    assert!(encode(&snapshot).is_err(), "there is something to be cut");
    let forgotten: usize = ["impact", "awin", "cj"].iter().map(|platform| snapshot.forget(platform, 0)).sum();
    let left: usize = snapshot.networks.values().map(|network| network.commissions.len()).sum();
    assert_eq!(forgotten + left, 3 * 12_000);
    assert!(encode(&snapshot).unwrap().len() < 15 << 20 && left > 15_000, "{left}");
}

fn commission(reference: String) -> Commission {
    let money = Money::new("1234.56".parse().unwrap(), "EUR".parse().unwrap()).unwrap();
    let (part, stage) = (String::new(), Stage::Claimed);
    Commission { reference, part, original: true, stage, money, meant: None, open: true }
}

/// What was told of a page that the site does not name any more has an end, and it is not told to be mended.
#[tokio::test]
async fn a_page_that_is_not_named_any_more_is_told_to_be_gone() {
    let html = "<a rel=sponsored href=https://acme.pxf.io/c/1>b</a>";
    let mut bench = bench(&[("a", html), ("b", "fine"), ("c", html), ("d", "fine")]);
    let mut strategy = strategy(json!({}));
    assert_eq!(run(&mut bench, &mut strategy).await.1.len(), 2);
    bench.answer(&format!("{SITE}/c"), 200, "<p>No links.</p>");
    assert_eq!(run(&mut bench, &mut strategy).await.1.len(), 1);
    bench.pass(Duration::from_secs(86_400));
    bench.answer(&format!("{SITE}/sitemap.xml"), 200, map([format!("{SITE}/d")].into_iter()));
    let (_, drafts) = run(&mut bench, &mut strategy).await;
    assert_eq!(drafts.len(), 1, "neither the one that was fine nor the one that was mended: {drafts:?}");
    assert_eq!((drafts[0].url.clone(), drafts[0].tell, drafts[0].score), (format!("{SITE}/a"), false, 0));
    assert!(drafts[0].title.starts_with("No longer looked at: "), "{drafts:?}");
    assert_eq!(run(&mut bench, &mut strategy).await.1, []);
}

#[tokio::test]
async fn a_login_wall_an_endless_page_and_a_robots_txt_are_told_and_nothing_is_made_of_them() {
    let mut bench =
        bench(&[("login", "<input type=\"password\">"), ("endless", ""), ("closed", ""), ("x", "fine")]);
    let refused = |class, why: &str, rule: &str| {
        Act::Refused(Refusal { rules: vec![rule.to_owned()], ..Refusal::new(class, why) })
    };
    bench.act_is(
        &format!("{SITE}/endless"),
        refused(ErrorClass::Fatal, "the answer is longer than is read", ""),
    );
    bench.act_is(
        &format!("{SITE}/closed"),
        refused(ErrorClass::Compliance, "robots.txt asks not", "law/robots-disallow"),
    );
    let (report, drafts) = run(&mut bench, &mut strategy(json!({}))).await;
    assert_eq!(drafts, []);
    let told = report.errors.join("\n");
    for why in ["robots.txt asks not", "longer than is read", "it asks for a password"] {
        assert!(told.contains(why), "{told}");
    }
    assert_eq!(bench.asked().len(), 5, "each of them was tried, and the last one too");
}

#[tokio::test]
async fn a_wall_with_status_200_mends_nothing() {
    let html = "<a rel=sponsored href=https://acme.pxf.io/c/1>b</a><a href=https://shop.example/x>c</a>";
    let mut bench = bench(&[("a", html)]);
    bench.answer("https://shop.example/x", 200, "");
    let mut strategy = strategy(json!({}));
    assert_eq!(run(&mut bench, &mut strategy).await.1.len(), 1);
    for wall in ["<title>Just a moment...</title>", "<h1>Down for maintenance</h1>"] {
        bench.answer(&format!("{SITE}/a"), 200, wall);
        let (report, drafts) = run(&mut bench, &mut strategy).await;
        assert_eq!(drafts, [], "{wall}");
        assert!(report.errors[0].ends_with("is not known"), "{report:?}");
    }
    bench.answer(&format!("{SITE}/a"), 200, "<p>No links.</p>");
    assert!(run(&mut bench, &mut strategy).await.1[0].title.starts_with("Mended: "));
}

/// What a wall's entity tag answers to is the wall.
#[tokio::test]
async fn a_page_that_was_not_looked_at_is_not_asked_for_by_its_tag() {
    let mut bench = bench(&[("a", "")]);
    let page = |etag: &str, html: &str| {
        let headers = vec![("etag".to_owned(), etag.to_owned())];
        Act::Done(Answer { status: 200, headers, body: html.into(), at: Moment::default() })
    };
    let mut strategy = strategy(json!({}));
    let asked_by = |bench: &Bench| {
        let headers = bench.asked().last().unwrap().request.headers().to_vec();
        headers.into_iter().find(|(name, _)| name == "if-none-match").map(|(_, value)| value)
    };
    let steps = [("1", "fine"), ("2", "<input type=\"password\">"), ("3", "fine"), ("4", "fine")];
    let mut seen = Vec::new();
    for (etag, html) in steps {
        bench.act_is(&format!("{SITE}/a"), page(etag, html));
        let (report, _) = run(&mut bench, &mut strategy).await;
        seen.push((asked_by(&bench), report.errors.len()));
    }
    let by = |etag: &str| Some(etag.to_owned());
    assert_eq!(seen, [(None, 0), (by("1"), 1), (by("1"), 0), (by("3"), 0)]);
}

/// "Not modified" speaks of what was judged; by other tags, or by what a newer program knows, it is judged anew.
#[tokio::test]
async fn other_settings_judge_each_page_anew_and_so_does_a_memory_that_does_not_say_by_which() {
    let html = format!("{AMAZON_SENTENCE} <a rel=sponsored href=\"{SHOP}?tag=acme-20\">a</a>");
    let mut bench = bench(&[("a", &html)]);
    let headers = vec![("etag".to_owned(), "1".to_owned())];
    let page = Answer { status: 200, headers, body: html.into(), at: Moment::default() };
    bench.act_is(&format!("{SITE}/a"), Act::Done(page));
    let is_whole = |bench: &Bench| {
        let asked = bench.asked();
        let asked = asked.iter().rfind(|one| one.request.url().as_str().ends_with("/a")).unwrap();
        !asked.request.headers().iter().any(|(name, _)| name == "if-none-match")
    };
    let told = |drafts: &[Draft]| {
        let of = |draft: &Draft| draft.details.value()["defects"][0]["what"].as_str().map(str::to_owned);
        drafts.iter().map(of).collect::<Vec<_>>()
    };
    let foreign = || vec![Some("tag-foreign".to_owned())];
    let steps = [("acme-20", true, vec![]), ("acme-20", false, vec![]), ("acme-21", true, foreign())];
    for (tag, whole, says) in steps.into_iter().chain([("acme-20", true, vec![None])]) {
        let (_, drafts) = run(&mut bench, &mut strategy(json!({"amazon_tags": [tag]}))).await;
        assert_eq!((is_whole(&bench), told(&drafts)), (whole, says), "{tag}");
    }
    let Snapshot { site, .. } = decode(bench.snapshot().unwrap()).unwrap();
    bench.set_snapshot(Some(encode(&First { site, ..First::default() }).unwrap()));
    for whole in [true, false] {
        let (report, drafts) = run(&mut bench, &mut strategy(json!({}))).await;
        assert!(report.sources[0].sentence.contains("1 of 1 pages looked at"), "{report:?}");
        assert_eq!((is_whole(&bench), drafts), (whole, vec![]));
    }
}

#[tokio::test]
async fn what_cannot_be_told_now_mends_nothing_that_was_told_before() {
    let html = "<a href=https://dead.example/x>a</a><a href=https://dead.example/y>b</a>";
    let mut bench = bench(&[("a", html)]);
    bench.answer("https://dead.example/x", 404, "");
    bench.answer("https://dead.example/y", 200, "");
    let mut strategy = strategy(json!({}));
    assert_eq!(run(&mut bench, &mut strategy).await.1.len(), 1);
    let busy = Refusal::new(ErrorClass::RateLimit, "its patience is used up");
    bench.act_is("https://dead.example/x", Act::Refused(busy));
    assert_eq!(run(&mut bench, &mut strategy).await.1, []);
    let asked = bench.asked().iter().filter(|action| action.request.url().host() == "dead.example").count();
    assert_eq!(asked, 3, "the other link of that kind was not asked for");
    for status in [403, 429, 503] {
        bench.answer("https://dead.example/x", status, "");
        assert_eq!(run(&mut bench, &mut strategy).await.1, [], "{status}");
    }
    bench.answer("https://dead.example/x", 200, "");
    let (_, mended) = run(&mut bench, &mut strategy).await;
    assert!(mended[0].title.starts_with("Mended: "), "{mended:?}");
}

#[tokio::test]
async fn a_site_that_asks_to_be_left_alone_is_and_the_other_pages_keep_their_turn() {
    let mut bench = bench(&[("a", "fine"), ("b", "fine"), ("c", "fine")]);
    let busy = || Act::Refused(Refusal::new(ErrorClass::RateLimit, "its patience is used up"));
    bench.act_is(&format!("{SITE}/a"), busy());
    let mut strategy = strategy(json!({}));
    let (report, _) = run(&mut bench, &mut strategy).await;
    let said = &report.sources[0].sentence;
    assert!(said.contains("0 of 3 pages looked at, 3 were never") && said.contains("its patience"), "{said}");
    assert_eq!((bench.asked().len(), report.errors.len()), (2, 0), "one question is enough");
    // What is refused first may be what ends every run, so the next one goes before it the next time.
    bench.act_is(&format!("{SITE}/b"), busy());
    for _ in 0..3 {
        run(&mut bench, &mut strategy).await;
    }
    bench.answer(&format!("{SITE}/b"), 200, "fine");
    let (report, _) = run(&mut bench, &mut strategy).await;
    assert!(report.sources[0].sentence.contains("1 of 3 pages looked at, 1 were never"), "{report:?}");
    let asked = bench.asked();
    let asked = asked.iter().filter_map(|one| one.request.url().as_str().strip_prefix(SITE));
    let runs = ["/sitemap.xml", "/a", "/b", "/c", "/b", "/a", "/b", "/a"];
    assert_eq!(asked.collect::<Vec<_>>(), runs);
}

/// One page that lets no program in shuts the platform for hours: what the breaker held was not looked at, and goes
/// first when it opens.
#[tokio::test]
async fn what_an_open_breaker_held_has_its_turn_when_it_opens() {
    let held = || {
        let rules = vec!["breaker".to_owned()];
        Act::Refused(Refusal { rules, ..Refusal::new(ErrorClass::Transient, "blog is not asked") })
    };
    let links = ["a", "b", "c"].map(|name| format!("<a href=https://shop.example/{name}>a</a>")).concat();
    let mut bench = bench(&[("a", &links), ("b", "fine"), ("c", "fine"), ("d", "fine")]);
    for name in ["b", "c", "d"] {
        bench.act_is(&format!("{SITE}/{name}"), held());
    }
    bench.answer("https://shop.example/a", 403, "");
    bench.act_is("https://shop.example/b", held());
    bench.act_is("https://shop.example/c", held());
    let mut strategy = strategy(json!({}));
    let (report, _) = run(&mut bench, &mut strategy).await;
    let said = &report.sources[0].sentence;
    assert!(said.contains("1 of 4 pages looked at, 3 were never") && said.contains("is not asked"), "{said}");
    let asked = |bench: &Bench, from: usize| -> Vec<String> {
        bench.asked()[from..].iter().map(|one| one.request.url().as_str().replace(SITE, "")).collect()
    };
    let shop = |name: &str| format!("https://shop.example/{name}");
    assert_eq!(asked(&bench, 0), ["/sitemap.xml", "/a", "/b", &shop("a"), &shop("b")]);
    bench.pass(Duration::from_secs(6 * 3_600));
    for name in ["b", "c", "d"] {
        bench.answer(&format!("{SITE}/{name}"), 200, "fine");
    }
    bench.answer(&shop("b"), 404, "");
    bench.answer(&shop("c"), 200, "");
    let (_, drafts) = run(&mut bench, &mut strategy).await;
    assert_eq!(
        asked(&bench, 5),
        ["/b", "/c", "/d", "/a", &shop("b"), &shop("c"), &shop("a")],
        "the held ones first"
    );
    assert_eq!(drafts[0].details.value()["defects"][0]["link"], shop("b"));
    // A sitemap that was held is still to be read.
    bench.pass(Duration::from_secs(86_400));
    bench.act_is(&format!("{SITE}/sitemap.xml"), held());
    run(&mut bench, &mut strategy).await;
    bench.answer(&format!("{SITE}/sitemap.xml"), 200, map([format!("{SITE}/e")].into_iter()));
    bench.answer(&format!("{SITE}/e"), 200, "fine");
    let (report, _) = run(&mut bench, &mut strategy).await;
    assert!(report.sources[0].sentence.contains("1 of 1 pages looked at"), "{report:?}");
}

#[tokio::test]
async fn without_a_rule_nothing_is_taken_for_dead_and_one_question_is_enough() {
    let mut bench = bench(&[("a", ""), ("b", "")]);
    let no_rule = Refusal::new(ErrorClass::Compliance, "no rule speaks of owner-site");
    bench.act_is(&format!("{SITE}/sitemap.xml"), Act::Refused(no_rule));
    let (report, drafts) = run(&mut bench, &mut strategy(json!({}))).await;
    assert_eq!((drafts.len(), bench.asked().len()), (0, 1));
    assert!(report.sources[0].sentence.contains("not checked: no rule speaks"), "{:?}", report.sources);
}

#[test]
fn a_mistake_in_the_settings_is_one_sentence() {
    for (settings, said) in [
        (json!([]), "its settings are a table"),
        (json!({"imapct": {}}), "does not know `imapct`"),
        (json!({"impact": {"account": "main"}}), "`impact.sid` is the AccountSID"),
        (
            json!({"awin": {"account": "main", "publisher": "7"}}),
            "`awin.publisher` is your publisher's number",
        ),
        (json!({"cj": {"account": "main", "publisher": 7, "currency": "EURO"}}), "`cj.currency`"),
        (json!({"cj": {"publisher": 7}}), "`cj.account` is the name of a cj account"),
        (json!({"days_back": 0}), "`days_back` is a whole number"),
        (json!({"site": {"sitemap": "http://x.example"}}), "`site.sitemap`"),
        (json!({"site": {"sitemap": SITE, "pages_max": 0}}), "`site.pages_max`"),
    ] {
        let why = Affiliate::default().initialise(&settings).unwrap_err();
        assert!(why.contains(said) && why.lines().count() == 1, "{settings}: {why}");
    }
}

proptest! {
    #[test]
    fn no_page_and_no_sitemap_end_a_reading(text in "[<>a-z \"'=/&;é$0-9\u{202e}]{0,300}") {
        drop(examine(&url(SITE), &text, &own()));
        drop(sitemap::read(&url(SITE), &answer(&format!("<urlset>{text}</urlset>"))));
    }
}
