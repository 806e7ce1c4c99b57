//! What is said of a question, and what a yes is good for.

use super::*;

fn at(s: i64) -> Moment {
    Moment::from_unix_ms(1_700_000_000_000 + s * 1000)
}

fn asked(by_owner: bool) -> Approval {
    Approval::ask(Digest::of(b"request"), Digest::of(b"rules"), by_owner, at(0), None)
}

fn events() -> Vec<Event> {
    let edit = Event::Edit { request: Digest::of(b"other"), ruling: Digest::of(b"rules") };
    vec![
        Event::Approve,
        edit,
        Event::Reject,
        Event::Done,
        Event::NotDone,
        Event::Send,
        Event::Expire,
        Event::Supersede,
        Event::NotSent,
    ]
}

/// Every state and event, against the table written out again.
#[test]
fn every_word_leads_where_the_table_says() {
    use State::*;
    for by_owner in [false, true] {
        for state in State::ALL {
            for (place, event) in events().into_iter().enumerate() {
                let item = Approval { state, ..asked(by_owner) };
                let wanted = match (state, by_owner, place) {
                    (Waiting, false, 0 | 1) => Some(Approved),
                    (Waiting, true, 0) => Some(Handed),
                    (Waiting | Approved, _, 2) => Some(Rejected),
                    (Waiting | Handed, true, 3) => Some(Done),
                    (Waiting | Handed, true, 4) => Some(NotDone),
                    (Approved, _, 5) => Some(Sent),
                    (Waiting | Approved, _, 6) => Some(Expired),
                    (Waiting | Approved, _, 7) => Some(Superseded),
                    (Handed, true, 7) => Some(Superseded),
                    (Sent, _, 8) => Some(Approved),
                    _ => None,
                };
                let after = item.after(&event, "me", None, at(1)).ok().map(|item| item.state);
                assert_eq!(after, wanted, "{state:?} {event:?} by owner {by_owner}");
            }
        }
    }
}

/// All ways of five events: no yes is ever given out while it is used, and none after a no.
#[test]
fn whatever_is_said_in_whatever_order_a_yes_is_used_once() {
    fn walk(item: &Approval, depth: u32, used: bool, over: bool) {
        assert!(!((used || over) && item.answer(&ActionId::new("a")).is_some()));
        if depth == 0 {
            return;
        }
        for event in events() {
            let Ok(after) = item.after(&event, "me", None, at(1)) else { continue };
            assert!(!(used && event == Event::Send), "it is sent twice");
            let used = event != Event::NotSent && (used || event == Event::Send);
            let over = over || !(after.state.is_open() || after.state == State::Sent);
            walk(&after, depth - 1, used, over);
        }
    }
    for by_owner in [false, true] {
        walk(&asked(by_owner), 5, false, false);
    }
}

/// What could not leave keeps its yes: the person's, of the moment at which he gave it.
#[test]
fn a_yes_that_comes_back_is_the_one_that_was_given() {
    let id = ActionId::new("1-1.a");
    let yes = asked(false).after(&Event::Approve, "me", None, at(1)).unwrap();
    let sent = yes.after(&Event::Send, "the machine", None, at(2)).unwrap();
    assert_eq!(sent.answer(&id), None);
    let back = sent.after(&Event::NotSent, "the machine", Some("no network"), at(3)).unwrap();
    assert_eq!((back.answer(&id), back.ends_at()), (yes.answer(&id), yes.ends_at()));
    assert_eq!(back.said.last().unwrap().reason.as_deref(), Some("no network"));
}

#[test]
fn a_yes_comes_in_time_or_not_at_all() {
    let soon = Approval::ask(Digest::of(b""), Digest::of(b""), false, at(0), Some(at(60)));
    assert_eq!(soon.expires, at(60));
    assert_eq!(soon.after(&Event::Approve, "me", None, at(60)), Err(NotTaken::Expired(at(60))));
    let yes = soon.after(&Event::Approve, "me", None, at(59)).unwrap();
    assert_eq!((soon.ends_at(), yes.ends_at()), (Some(at(60)), Some(at(60))));
    let sent = yes.after(&Event::Send, "the machine", None, at(59)).unwrap();
    assert_eq!(sent.ends_at(), None, "what has left does not end by itself");
    assert_eq!(asked(false).expires, at(72 * 3600));
}

#[test]
fn a_yes_is_good_for_one_request_of_one_action_under_the_rules_that_asked() {
    let id = ActionId::new("1-1.a");
    let item = asked(false);
    assert_eq!(item.answer(&id), None);
    let yes = item.after(&Event::Approve, "me", None, at(1)).unwrap().answer(&id).unwrap();
    assert_eq!((yes.action(), yes.by(), yes.at()), (&id, "me", at(1)), "who said it of what, and when");
    let (request, rules) = (Digest::of(b"request"), Digest::of(b"rules"));
    assert_eq!(yes.request(), request);
    assert_eq!(yes.covers(&id, request, rules, at(2)), Ok(()));
    let other = ActionId::new("1-2.a");
    assert_eq!(yes.covers(&other, request, rules, at(2)), Err(NotApproved::Action(id.clone())));
    assert_eq!(yes.covers(&id, rules, rules, at(2)), Err(NotApproved::Request));
    assert_eq!(yes.covers(&id, request, request, at(2)), Err(NotApproved::Rules));
    let late = at(1 + 72 * 3600);
    assert_eq!(yes.covers(&id, request, rules, late), Err(NotApproved::Old(late)));
}

/// What is over takes no word, and says where it stands.
#[test]
fn what_is_over_names_its_state_and_takes_no_word() {
    let open = [State::Waiting, State::Approved, State::Handed];
    let mut told = Vec::new();
    for state in State::ALL {
        assert_eq!(state.is_open(), open.contains(&state), "{state:?}");
        let item = Approval { state, ..asked(false) };
        if !state.is_open() {
            told.push(item.after(&Event::Approve, "me", None, at(1)).unwrap_err().to_string());
        }
    }
    let names = ["sent", "done", "not-done", "rejected", "expired", "superseded"];
    assert_eq!(told, names.map(|name| format!("it is {name}, and takes no such word")));
}

#[test]
fn every_state_has_a_name_of_its_own() {
    let names = State::ALL.map(State::as_str);
    let known =
        ["waiting", "approved", "handed", "sent", "done", "not-done", "rejected", "expired", "superseded"];
    assert_eq!(names, known);
}
