//! A call there and back while its actor is traced, or not.

use std::time::{Duration, Instant};

use mm_supervision::{TRACE_LIMIT_MAX, Trace, TraceAsk, Tree};

use crate::figures::{heading, line, median};
use crate::ours::{Family, Msg, Pays};
use crate::rounds::{order, ratio};

const ROUNDS: usize = 41;
const WARM: usize = 3;
const CALLS: u32 = 5_000;
const LONG: Duration = Duration::from_secs(600);

/// What is traced meanwhile.
#[derive(Clone, Copy)]
enum Traced {
    Nothing,
    /// Somebody else.
    Another,
    /// The actor that is called, each message of it.
    Matching,
    /// The same, but the trace has had all it may show, and is still there.
    AtItsLimit,
}

const SIDES: [(&str, Traced); 4] = [
    ("no trace", Traced::Nothing),
    ("a trace of another actor", Traced::Another),
    ("traced", Traced::Matching),
    ("a trace at its limit", Traced::AtItsLimit),
];

fn begin(tree: &Tree, traced: Traced) -> Option<Trace> {
    let (pattern, limit) = match traced {
        Traced::Nothing => return None,
        Traced::Another => ("child-1", TRACE_LIMIT_MAX),
        Traced::Matching => ("child-0", TRACE_LIMIT_MAX),
        Traced::AtItsLimit => ("child-0", 1),
    };
    let ask = TraceAsk { pattern: pattern.to_owned(), limit, rate_max: u32::MAX, within: LONG };
    Some(tree.trace(ask).unwrap())
}

/// Nanoseconds for a call, there and back.
async fn calls_ns(family: &Family, traced: Traced) -> f64 {
    let trace = begin(&family.root.tree(), traced);
    let reader = trace.map(|mut trace| {
        tokio::spawn(async move {
            let mut read = 0_u32;
            while trace.next().await.is_some() {
                read += 1;
            }
            // Held, so that the actor keeps its tap.
            std::future::pending::<()>().await;
            read
        })
    });
    let call = || family.handles[0].call(Msg::Total, LONG);
    call().await.unwrap();
    let began = Instant::now();
    for _ in 0..CALLS {
        call().await.unwrap();
    }
    let took = began.elapsed().as_nanos() as f64 / f64::from(CALLS);
    if let Some(reader) = reader {
        reader.abort();
        drop(reader.await);
    }
    took
}

/// What a trace costs.
pub async fn measure() {
    heading("a call, there and back");
    let family = Family::start(2, Pays::Nobody).await;
    let mut rounds: [Vec<f64>; SIDES.len()] = Default::default();
    for round in 0..ROUNDS {
        for place in order(SIDES.len(), round) {
            let took = calls_ns(&family, SIDES[place].1).await;
            if round >= WARM {
                rounds[place].push(took);
            }
        }
    }
    for (place, (name, _)) in SIDES.iter().enumerate() {
        line(name, median(&rounds[place]), "ns");
    }
    for (place, (name, _)) in SIDES.iter().enumerate().skip(1) {
        line(&format!("{name}, ratio to no trace"), ratio(&rounds[place], &rounds[0]), "x");
    }
}
