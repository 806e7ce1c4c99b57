//! The way of one action through the actors, in order, with what is in hand.

use mm_supervision::*;

use crate::kit::*;

/// Hands on to the next, if there is one.
enum Pass {
    /// Begins the action with that id.
    Begin(u64, Vec<Handle<Pass>>),
    Go(Vec<Handle<Pass>>, Option<Reply<()>>),
    Hang,
    Idle,
}

impl Inspect for Pass {
    fn kind(&self) -> &'static str {
        match self {
            Self::Begin(..) => "begin",
            Self::Go(..) => "go",
            Self::Hang => "hang",
            Self::Idle => "idle",
        }
    }

    fn action(&self) -> Option<String> {
        match self {
            Self::Begin(id, _) => Some(format!("act-{id}")),
            _ => None,
        }
    }
}

struct Passer;

impl Component for Passer {
    type Msg = Pass;
    type State = ();

    async fn init(&self, _: Handle<Pass>) -> Result<(), Fault> {
        Ok(())
    }

    async fn handle(&self, _: &Handle<Pass>, msg: Pass, (): &mut ()) -> Result<(), Fault> {
        let (mut way, reply) = match msg {
            Pass::Begin(_, way) => (way, None),
            Pass::Go(way, reply) => (way, reply),
            Pass::Hang => return std::future::pending().await,
            Pass::Idle => return Ok(()),
        };
        if !way.is_empty() {
            let next = way.remove(0);
            tokio::time::sleep(SECOND).await;
            let _ = next.call(|reply| Pass::Go(way, Some(reply)), 60 * SECOND).await;
        }
        if let Some(reply) = reply {
            reply.send(());
        }
        Ok(())
    }
}

async fn three() -> (Root, Vec<Handle<Pass>>) {
    let handles: Vec<Handle<Pass>> = (0..3).map(|_| Handle::bounded(10_000)).collect();
    let mut spec = lenient(Strategy::OneForOne);
    for (name, handle) in ["a", "b", "c"].iter().zip(&handles) {
        spec = spec.with(child(*name, "", Restart::Permanent, SECOND, handle, || Passer));
    }
    (Root::start(spec, Seams::simulated()).await.unwrap(), handles)
}

/// Who, what, from whom, when, and how it ended.
type Said<'a> = (&'a str, &'a str, Option<&'a str>, i64, Option<bool>);

fn said(hops: &[Hop]) -> Vec<Said<'_>> {
    hops.iter().map(|hop| (&*hop.path, &*hop.kind, hop.sender.as_deref(), hop.at_ms, hop.ok)).collect()
}

#[test]
fn the_way_through_three_actors_is_in_order_also_while_it_goes_on() {
    paused(async {
        let (root, handles) = three().await;
        let [a, b, c] = &handles[..] else { panic!("three") };
        let tree = root.tree();
        a.cast(Pass::Begin(1, vec![b.clone(), c.clone()])).unwrap();
        a.cast(Pass::Idle).unwrap();
        tokio::time::sleep(SECOND + MS).await;
        let way = tree.hops("act-1");
        let on_the_way = [("a", "begin", None, 0, None), ("b", "go", Some("a"), 1_000, None)];
        assert_eq!(said(&way), on_the_way, "in hand at both");
        assert_eq!(said(&tree.take_hops("act-1")), on_the_way);
        tokio::time::sleep(2 * SECOND).await;
        let whole = [
            ("a", "begin", None, 0, Some(true)),
            ("b", "go", Some("a"), 1_000, Some(true)),
            ("c", "go", Some("b"), 2_000, Some(true)),
        ];
        let way = tree.hops("act-1");
        assert_eq!(said(&way), whole, "what was in hand is told again");
        assert_eq!(way[0].handle_ns, Some(2_000_000_000));
        let json = serde_json::to_string(&way).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Hop>>(&json).unwrap(), way);
        assert_eq!(said(&tree.take_hops("act-1")), whole);
        assert_eq!(tree.hops("act-1"), [], "taken");
        assert_eq!(tree.hops("act-2"), []);
        root.stop(SECOND).await;
    });
}

#[test]
fn a_hop_that_did_not_end_well_says_so() {
    paused(async {
        let (root, handles) = three().await;
        let [a, b, _] = &handles[..] else { panic!("three") };
        b.cast(Pass::Hang).unwrap();
        a.cast(Pass::Begin(1, vec![b.clone()])).unwrap();
        tokio::time::sleep(2 * SECOND).await;
        assert!(root.tree().kill("a"));
        settle().await;
        assert_eq!(said(&root.tree().hops("act-1")), [("a", "begin", None, 0, Some(false))]);
        root.stop(5 * SECOND).await;
    });
}

#[test]
fn what_is_kept_is_bounded_for_one_action_and_for_all() {
    paused(async {
        let (root, handles) = three().await;
        let (a, tree) = (&handles[0], root.tree());
        (0..200).for_each(|_| a.cast(Pass::Begin(1, Vec::new())).unwrap());
        settle().await;
        assert_eq!(tree.hops("act-1").len(), 128, "one action cannot push out the others");
        (2..=4_000).for_each(|id| a.cast(Pass::Begin(id, Vec::new())).unwrap());
        settle().await;
        let kept = (1..=4_000).map(|id| tree.hops(&format!("act-{id}")).len()).sum::<usize>();
        assert_eq!(kept, 4_096);
        assert_eq!(tree.hops("act-1").len(), 97, "the oldest went first");
        assert_eq!(tree.hops("act-4000").len(), 1);
        root.stop(SECOND).await;
    });
}
