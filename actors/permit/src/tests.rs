use mm_core::rule::{Inputs, RuleSet};
use mm_core::url::LogicalUrl;
use proptest::prelude::*;

use super::*;

const PACK: &str = include_str!("../../../config/rules/bounty-targets-data.toml");
const URL: &str =
    "https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/federacy_data.json";

fn now(at_ms: i64) -> Now {
    Now { wall: Moment::from_unix_ms(1_784_700_000_000 + at_ms), mono: Duration::from_millis(at_ms as u64) }
}

fn action(url: &str) -> Action {
    let platform = "bounty-targets-data".parse().unwrap();
    Action::read(platform, Request::get(LogicalUrl::parse(url).unwrap()), "test")
}

fn judge(action: &Action) -> Judgement {
    let rules = RuleSet::parse(&[("bounty-targets-data.toml".into(), PACK.into())]).unwrap();
    Inputs::of(&rules, action, Some("DE"), now(0).wall, true).judge(&rules)
}

fn permit(action: &Action) -> Result<Permit, Refused> {
    let id = ActionId::new("1-1.read");
    let terms = Terms {
        action,
        id: &id,
        request: &action.request,
        breaker_generation: 1,
        approval: None,
        now: now(0),
    };
    Mint::new(Epoch(1)).mint(&judge(action), terms)
}

#[test]
fn a_permit_sends_its_request_once() {
    let action = action(URL);
    let mut permit = permit(&action).unwrap();
    assert!(permit.clear(action.request.clone(), Vec::new(), now(1)).is_ok());
    assert_eq!(permit.clear(action.request.clone(), Vec::new(), now(1)).unwrap_err(), Refused::Used);
}

#[test]
fn a_request_that_the_rules_do_not_permit_gets_no_permit() {
    let other = action("https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/README.md");
    assert!(matches!(permit(&other), Err(Refused::Verdict(_))));
}

#[test]
fn a_permit_expires_by_either_clock_and_by_a_clock_that_steps_back() {
    let action = action(URL);
    let late_wall = Now { wall: now(31_000).wall, mono: now(1).mono };
    let late_mono = Now { wall: now(1).wall, mono: now(31_000).mono };
    for at in [late_wall, late_mono, Now { wall: now(-1).wall, mono: now(1).mono }] {
        let mut permit = permit(&action).unwrap();
        assert_eq!(permit.clear(action.request.clone(), Vec::new(), at).unwrap_err(), Refused::Expired);
    }
}

/// A permit for any request, as if compliance had minted it.
fn permit_for(request: &Request) -> Permit {
    Permit {
        number: (Epoch(1), 1),
        action: ActionId::new("a"),
        hash: request.hash(),
        answer_bytes_max: 1,
        breaker_generation: 1,
        minted: now(0),
        used: false,
    }
}

fn slotted(kind: &str, body: &str) -> Request {
    let post = Request::new(
        mm_core::action::Method::Post,
        LogicalUrl::parse(URL).unwrap(),
        body.as_bytes().to_vec(),
    );
    post.unwrap()
        .with_obligation("authorization", "Bearer {vault:p/a/token@3}")
        .and_then(|request| request.with_obligation("content-type", kind))
        .unwrap()
}

fn secret(text: &str) -> Vec<(Slot, Secret)> {
    vec![("{vault:p/a/token@3}".parse().unwrap(), Secret::new(text.to_owned()))]
}

#[test]
fn slots_are_filled_where_they_stand_and_shown_nowhere() {
    let request = slotted("application/x-www-form-urlencoded; charset=utf-8", "t={vault:p/a/token@3}&x=1");
    let cleared = permit_for(&request).clear(request.clone(), secret("CANARY&1"), now(1)).unwrap();
    let filled = cleared.fill();
    let headers: Vec<_> = filled.headers().collect();
    assert!(headers.contains(&("authorization", "Bearer CANARY&1", true)), "{headers:?}");
    assert!(headers.iter().any(|(name, _, secret)| *name == "content-type" && !secret));
    assert_eq!(filled.body(), b"t=CANARY%261&x=1");
    assert_eq!(cleared.request(), &request);
    assert!(!format!("{cleared:?} {filled:?}").contains("CANARY"));
    assert_eq!(cleared.veil().text("you are CANARY&1").as_deref(), Some("you are [masked]"));
}

#[test]
fn a_slot_that_cannot_be_filled_never_leaves() {
    let json = "application/json";
    let url = LogicalUrl::parse(&format!("{URL}?t={{vault:p/a/token@3}}")).unwrap();
    for (request, secrets) in [
        // No secret, another version's, one that would split the request.
        (slotted(json, "{}"), vec![]),
        (slotted(json, "{\"a\":\"{vault:p/a/token@4}\"}"), secret("CANARY")),
        (slotted(json, "{}"), secret("CAN\r\nhost: evil")),
        // Malformed, in a body of no known kind, in a URL.
        (slotted(json, "{vault:p/a"), secret("CANARY")),
        (slotted("text/plain", "{vault:p/a/token@3}"), secret("CANARY")),
        (Request::get(url), secret("CANARY")),
    ] {
        let cleared = permit_for(&request).clear(request.clone(), secrets, now(1));
        let refused = cleared.unwrap_err();
        assert!(matches!(refused, Refused::Unfilled(_) | Refused::BadSlot(_)), "{refused:?} {request:?}");
    }
}

proptest! {
    /// Whatever one byte of the request is changed to, the permit does not hold for it.
    #[test]
    fn one_changed_byte_is_refused(at in 0usize..64, to in 0u8..=255) {
        let url = LogicalUrl::parse(URL).unwrap();
        let body = vec![b'x'; 64];
        let mut changed = body.clone();
        changed[at] = to;
        let request = Request::new(mm_core::action::Method::Post, url.clone(), body.clone()).unwrap();
        let other = Request::new(mm_core::action::Method::Post, url, changed.clone()).unwrap();
        let mut permit = permit_for(&request);
        let cleared = permit.clear(other, Vec::new(), now(1));
        prop_assert_eq!(cleared.is_ok(), changed == body);
    }
}
