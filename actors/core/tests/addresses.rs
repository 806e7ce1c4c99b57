//! Every spelling of an address, a local name and another scheme that a URL may come with.

use mm_core::untrusted::Untrusted;
use mm_core::url::LogicalUrl;

const SPELLINGS: &str = include_str!("addresses.txt");

#[test]
fn no_spelling_of_an_address_or_a_local_name_is_a_url_to_call() {
    let spellings: Vec<_> = SPELLINGS.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(spellings.len() >= 90, "{}", spellings.len());
    let base = LogicalUrl::parse("https://api.example.com/a").expect("a good one");
    for spelling in spellings {
        assert!(LogicalUrl::parse(spelling).is_err(), "{spelling}");
        assert!(Untrusted::new(spelling).as_link().is_err(), "{spelling}");
        // As a redirect it may be relative to where it came from; it never leads anywhere else.
        if let Ok(url) = base.join(spelling) {
            assert_eq!(url.host(), base.host(), "{spelling}");
        }
    }
}

#[test]
fn a_relative_redirect_stays_where_it_came_from() {
    let base = LogicalUrl::parse("https://api.example.com/a/b").expect("a good one");
    for (location, path) in [("/c", "/c"), ("c", "/a/c"), ("../../../c", "/c"), ("?d", "/a/b"), ("", "/a/b")]
    {
        assert_eq!(base.join(location).expect("on the same host").path(), path, "{location}");
    }
    for location in ["//127.0.0.1/c", "/\\127.0.0.1/c", "\\\\10.0.0.1\\c", "/\t/10.0.0.1/", "///10.0.0.1/"] {
        assert!(base.join(location).is_err(), "{location}");
    }
}
