//! What each check makes of what. The corpus of traps goes through all of them in `tests/traps.rs`.

use proptest::prelude::*;

use super::*;

#[test]
fn what_is_shown_is_one_harmless_line() {
    let trap = Untrusted::new(" a\x1b[31m\r\nb\u{202e}c\u{200b} ");
    assert_eq!(trap.to_string(), "a\u{fffd}[31m\u{fffd}\u{fffd}b\u{fffd}c\u{fffd}");
    assert!(!format!("{trap:?}").contains('\x1b'));
    assert_eq!(Untrusted::new("äbc").line(2), "äb…");
}

#[test]
fn each_check_says_what_it_makes_of_a_text() {
    let of = |text: &str| Untrusted::new(text);
    let url = "https://api.example.com/a?b=c";
    assert_eq!(of(url).as_url_on(&["api.example.com"]).unwrap().as_str(), url);
    assert_eq!(of(url).as_url_on(&["example.com"]), Err(Unfit::Host));
    assert_eq!(of("https://exаmple.com/").as_link().unwrap().host(), "xn--exmple-4nf.com");
    assert_eq!(of("octocat").as_path_segment().unwrap().as_str(), "octocat");
    assert_eq!(of("a b&c=ü").as_query_value().unwrap().as_str(), "a%20b%26c%3D%C3%BC");
    assert_eq!(of("W/\"1\"").as_header_value().unwrap().as_str(), "W/\"1\"");
    assert_eq!(of("a\r\nb\x1b[m").as_plain_text(9).as_str(), "a\nb\u{fffd}[m");
    assert_eq!(of("<a href='x'>").as_html(99).as_str(), "&lt;a href=&#39;x&#39;&gt;");
    assert_eq!(of("=1+1").as_csv_cell(99).as_str(), "\"'=1+1\"");
    assert_eq!(of("a;=1+1; @b;c").as_csv_cell(99).as_str(), "\"a;'=1+1;' @b;c\"");
    assert_eq!(of("a\"b").as_csv_cell(99).as_str(), "\"a\"\"b\"");
    assert_eq!(of("abc").as_plain_text(2).as_str(), "ab…");
    assert_eq!(of("500").as_number(), Ok(500));
    let quote = of("[x](http://e.vil) @all\n/attempt #1");
    assert_eq!(
        quote.as_markdown_quote(99).as_str(),
        "> \\[x\\]\\(http\\:\\/\\/e\\.vil\\) \u{ff20}all\n> \u{2044}attempt \\#1"
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let of = |text: &str| Untrusted::new(text);
    for bad in ["", ".", "..", ".git", "a/b", "a%2fb", "a\\b", "a b", "a\n", "ä", "a?b", "a#b", "{vault:x}"]
    {
        assert_eq!(of(bad).as_path_segment(), Err(Unfit::Segment), "{bad:?}");
    }
    for bad in ["a\r\nb", "a\0", "ä", " a", "{vault:github/main/token@3}", "x {VAULT:a/b/c@1}"] {
        assert_eq!(of(bad).as_header_value(), Err(Unfit::HeaderValue), "{bad:?}");
    }
    assert!(of(&"a".repeat(1024)).as_query_value().is_ok());
    assert_eq!(of(&"a".repeat(1025)).as_query_value(), Err(Unfit::TooLong(1024)));
    for bad in ["", "-1", "+1", " 1", "1 ", "1e9", "٣", "１", "0x1", "99999999999999999999"] {
        assert_eq!(of(bad).as_number(), Err(Unfit::Number), "{bad:?}");
    }
    for bad in [
        "https://a.com\t/",
        " https://a.com/",
        "https://a.com\\@b.com/",
        "java\nscript:x",
        "https://a.com/{vault:a/b/c@1}",
    ] {
        assert!(of(bad).as_link().is_err(), "{bad:?}");
    }
}

#[test]
fn an_impostor_reads_like_the_name_and_is_not_it() {
    for fake in [
        "аlgora-pbc[bot]",
        "a1gora-pbc[bot]",
        "algora\u{2011}pbc[bot]",
        "algora-pbc\u{200b}[bot]",
        "ａｌｇｏｒａ-pbc[bot]",
        "𝐚𝐥𝐠𝐨𝐫𝐚-pbc[bot]",
        "ⓐⓛⓖⓞⓡⓐ-pbc[bot]",
        "Algora-PBC[bot]",
        "aIgora-pbc[bot]",
        "algоra-рbс[bot]",
    ] {
        assert!(Untrusted::new(fake).impersonates("algora-pbc[bot]"), "{fake}");
        assert!(!Untrusted::new(fake).is("algora-pbc[bot]"), "{fake}");
    }
    assert!(!Untrusted::new("algora-pbc[bot]").impersonates("algora-pbc[bot]"));
    assert!(!Untrusted::new("octocat").impersonates("algora-pbc[bot]"));
}

proptest! {
    #[test]
    fn whatever_comes_no_check_lets_it_out_of_its_place(text in "\\PC{0,40}|[\\x00-\\x7f]{0,40}|.{0,40}") {
        let of = Untrusted::new(text.clone());
        let line = of.line(30);
        prop_assert!(line.chars().count() <= 31 && !line.contains(is_deceptive));
        let html = of.as_html(60);
        prop_assert!(!html.as_str().contains(['<', '>', '"', '\'', '`']));
        let cell = of.as_csv_cell(60);
        let inner = &cell.as_str()[1..cell.as_str().len() - 1];
        prop_assert!(!inner.contains('\n') && !inner.replace("\"\"", "").contains('"'));
        prop_assert!(!inner.starts_with(['=', '+', '-', '@', '\t', '\r']));
        for line in of.as_markdown_quote(60).as_str().split('\n') {
            prop_assert!(line.starts_with("> ") && !line.contains('@') && !line.starts_with("> /"));
        }
        if let Ok(header) = of.as_header_value() {
            prop_assert!(header.as_str().bytes().all(|c| (0x20..0x7f).contains(&c)));
        }
        if let Ok(url) = of.as_link() {
            prop_assert!(url.as_str().starts_with("https://"));
        }
        let json = json_safe(&serde_json::to_string(&text).expect("a string"));
        prop_assert!(!json.contains(is_deceptive));
        prop_assert_eq!(serde_json::from_str::<String>(&json).expect("JSON still"), text);
    }
}
