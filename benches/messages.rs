//! What the envelope costs: a call and a cast through a handle, against ractor alone.
//!
//! Both sides do the same to the same state. A handle's call always has a time limit, so it stands
//! next to a ractor call with one and next to one without. The ratios are what to look at; the times
//! depend on the machine and on what else it does.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench measures real time and may stop"
)]

#[path = "support/figures.rs"]
mod figures;
#[path = "support/rounds.rs"]
mod rounds;

use std::sync::Arc;
use std::time::{Duration, Instant};

use figures::{heading, line, median};
use mm_supervision::{
    Component, Fault, Handle, Inspect, Intensity, MemoryBudgets, Reply, Restart, Root, Seams, Strategy,
    SupervisorSpec, child,
};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use rounds::{order, ratio};

const ROUNDS: usize = 41;
/// The first rounds warm up.
const WARM: usize = 3;
const CASTS: u64 = 50_000;
const CALLS: u64 = 5_000;
const WITHIN: Duration = Duration::from_secs(5);

enum Plain {
    Add(u64),
    Total(RpcReplyPort<u64>),
}

struct PlainAdder;

impl Actor for PlainAdder {
    type Msg = Plain;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _me: ActorRef<Plain>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        _me: ActorRef<Plain>,
        msg: Plain,
        total: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        match msg {
            Plain::Add(more) => *total += more,
            Plain::Total(reply) => drop(reply.send(*total)),
        }
        Ok(())
    }
}

enum Ours {
    Add(u64),
    Total(Reply<u64>),
}

impl Inspect for Ours {
    fn kind(&self) -> &'static str {
        match self {
            Ours::Add(_) => "add",
            Ours::Total(_) => "total",
        }
    }
}

struct Adder;

impl Component for Adder {
    type Msg = Ours;
    type State = u64;

    async fn init(&self, _me: Handle<Ours>) -> Result<u64, Fault> {
        Ok(0)
    }

    async fn handle(&self, _me: &Handle<Ours>, msg: Ours, total: &mut u64) -> Result<(), Fault> {
        match msg {
            Ours::Add(more) => *total += more,
            Ours::Total(reply) => drop(reply.send(*total)),
        }
        Ok(())
    }
}

/// Who is asked, and how.
enum Side {
    Ractor(ActorRef<Plain>, Option<Duration>),
    Handle(Handle<Ours>),
}

impl Side {
    fn cast(&self, more: u64) {
        match self {
            Side::Ractor(actor, _) => actor.cast(Plain::Add(more)).unwrap(),
            Side::Handle(handle) => handle.cast(Ours::Add(more)).unwrap(),
        }
    }

    async fn call(&self) -> u64 {
        match self {
            Side::Ractor(actor, within) => actor.call(Plain::Total, *within).await.unwrap().unwrap(),
            Side::Handle(handle) => handle.call(Ours::Total, WITHIN).await.unwrap(),
        }
    }

    /// Nanoseconds for a cast, handled; the last is waited for.
    async fn casts_ns(&self) -> f64 {
        let began = Instant::now();
        for nth in 0..CASTS {
            self.cast(nth);
            if nth % 128 == 0 {
                tokio::task::consume_budget().await;
            }
        }
        self.call().await;
        began.elapsed().as_nanos() as f64 / CASTS as f64
    }

    /// Nanoseconds for a call, there and back.
    async fn calls_ns(&self) -> f64 {
        let began = Instant::now();
        for _ in 0..CALLS {
            self.call().await;
        }
        began.elapsed().as_nanos() as f64 / CALLS as f64
    }
}

/// A tree with one actor, as the machine would run it: real clocks, a log that nobody reads.
async fn tree(handle: &Handle<Ours>) -> Root {
    let spec = SupervisorSpec::new(Strategy::OneForOne, Intensity { max: 3, within: Duration::from_secs(5) })
        .with(child("adder", "adds up", Restart::Permanent, Duration::from_secs(1), handle, || Adder));
    let budgets = Arc::new(MemoryBudgets::default());
    let seams = Seams::new(Arc::new(|| 0), Arc::new(|| 0.5), budgets, Arc::new(|_| {}));
    Root::start(spec, seams).await.unwrap()
}

async fn measure(runtime: &'static str) {
    let (plain, _task) = Actor::spawn(None, PlainAdder, ()).await.unwrap();
    let handle = Handle::bounded(u32::MAX);
    let _root = tree(&handle).await;
    let sides = [Side::Handle(handle), Side::Ractor(plain.clone(), None), Side::Ractor(plain, Some(WITHIN))];
    let mut casts: [Vec<f64>; 3] = Default::default();
    let mut calls: [Vec<f64>; 3] = Default::default();
    for round in 0..ROUNDS {
        for place in order(sides.len(), round) {
            let (cast_ns, call_ns) = (sides[place].casts_ns().await, sides[place].calls_ns().await);
            if round >= WARM {
                casts[place].push(cast_ns);
                calls[place].push(call_ns);
            }
        }
    }
    let [ours, bare, limited] = &calls;
    heading(&format!("messages, {runtime}"));
    line("call through a handle", median(ours), "ns");
    line("call through ractor, with a time limit", median(limited), "ns");
    line("call through ractor, without one", median(bare), "ns");
    line("call, ratio to ractor with a time limit", ratio(ours, limited), "x");
    line("call, ratio to ractor without one", ratio(ours, bare), "x");
    let [ours, bare, _] = &casts;
    line("cast through a handle", median(ours), "ns");
    line("cast through ractor", median(bare), "ns");
    line("cast, ratio to ractor", ratio(ours, bare), "x");
}

fn main() {
    let two = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    two.block_on(async { tokio::spawn(measure("2 workers")).await.unwrap() });
    drop(two);
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    one.block_on(measure("current thread"));
}
