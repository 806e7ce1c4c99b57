//! Every way to stand still and every way not to, on one actor whose figures are set by hand.

use std::sync::Arc;

use super::*;
use crate::inspect::Inspect;
use crate::meter::{Meter, Record};
use crate::supervisor::SupervisorHandle;

const SECOND: u64 = 1_000_000_000;
const LIMITS: Limits =
    Limits { poll: Duration::from_secs(30), hang: Duration::from_secs(180), times_usual: 20 };

struct Work;

impl Inspect for Work {
    fn kind(&self) -> &'static str {
        "work"
    }
}

fn node(supervises: Option<SupervisorHandle>) -> Node {
    let node = Node::new("a".into(), String::new(), Arc::new(Meter::new(8)), supervises, 0);
    node.stand(Standing::Running, 0);
    node
}

/// So long and yielding or not, if it stands still at that second.
fn still(node: &Node, second: u64) -> Option<(u64, bool)> {
    look(node, &LIMITS, second * SECOND).1.map(|(_, stuck)| (stuck.lasted.as_secs(), stuck.yields))
}

fn take_up(node: &Node, second: u64) {
    node.meter.admit(true).unwrap();
    node.meter.take_up(Work.kind(), second * SECOND);
}

fn handled(node: &Node, handle_ns: u64) {
    take_up(node, 1);
    let (seq, queue_ns) = (0, 0);
    let (sender, action, fields) = (None, None, Vec::new());
    let record = Record { seq, kind: "work", sender, action, queue_ns, handle_ns, ok: true, fields };
    node.meter.put_down(record);
}

#[test]
fn a_poll_past_its_limit() {
    let node = node(None);
    take_up(&node, 100);
    node.meter.enter_poll(100 * SECOND);
    assert_eq!(still(&node, 130), None);
    assert_eq!(still(&node, 131), Some((31, false)));
    node.meter.leave_poll();
    assert_eq!(still(&node, 131), None, "it yielded at last");
}

#[test]
fn a_message_in_hand_for_far_longer_than_usual() {
    let quick = node(None);
    handled(&quick, SECOND / 100);
    take_up(&quick, 1_000);
    assert_eq!(still(&quick, 1_180), None);
    assert_eq!(still(&quick, 1_181), Some((181, true)), "past the floor, which is above 20 times 10 ms");
    let slow = node(None);
    handled(&slow, 20 * SECOND);
    take_up(&slow, 1_000);
    assert_eq!(still(&slow, 1_400), None, "20 times 20 s is what it may take");
    let told = still(&slow, 1_700);
    assert_eq!(told, Some((700, true)), "the histogram tells at most half too much");
}

#[test]
fn one_long_handler_that_is_polled_often_is_no_less_in_hand() {
    let node = node(None);
    take_up(&node, 100);
    node.meter.enter_poll(281 * SECOND);
    assert_eq!(still(&node, 281), Some((181, true)));
}

#[test]
fn mail_that_nobody_takes_up() {
    let node = node(None);
    node.meter.enter_poll(SECOND);
    node.meter.leave_poll();
    node.meter.admit(true).unwrap();
    assert_eq!(still(&node, 500), None, "first seen now");
    assert_eq!(still(&node, 680), None);
    assert_eq!(still(&node, 681), Some((181, true)));
    node.meter.enter_poll(690 * SECOND);
    node.meter.leave_poll();
    assert_eq!(still(&node, 900), None, "it was polled in between");
    node.stand(Standing::Starting, 0);
    assert_eq!(still(&node, 2_000), None, "its start has a limit of its own");
    node.stand(Standing::Running, 0);
    node.meter.leave();
    assert_eq!(still(&node, 2_001), None, "no mail");
    node.meter.admit(true).unwrap();
    assert_eq!(still(&node, 3_000), None, "new mail, first seen now");
}

#[test]
fn idle_for_ever_is_no_stall() {
    let node = node(None);
    handled(&node, SECOND);
    assert_eq!(still(&node, 1_000_000), None);
    assert!(matches!(look(&node, &LIMITS, 1_000_000 * SECOND).0, Seen::Idle));
}

#[test]
fn a_supervisor_may_wait_for_the_starts_below_it() {
    let node = node(Some(SupervisorHandle::new()));
    take_up(&node, 0);
    assert_eq!(still(&node, 1_200), None);
    assert_eq!(
        still(&node, 1_202),
        Some((1_201, true)),
        "the reading 0 stands for none, so it began at 1 ns"
    );
}
