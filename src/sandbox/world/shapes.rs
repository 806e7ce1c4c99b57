//! How each platform's file writes programmes and targets. The shapes are the documented ones; the
//! order of the fields is theirs too.
//!
//! Touches nothing and cannot fail.

mod bugcrowd;
mod hackerone;
mod others;

use serde::Serialize;

pub(in crate::sandbox) use hackerone::asset_type;

use super::{Feed, Programme, Target};

/// Both lists of a programme's targets.
#[derive(Serialize)]
struct Sides<T> {
    in_scope: Vec<T>,
    out_of_scope: Vec<T>,
}

impl<T> Sides<T> {
    fn of<'a>(programme: &'a Programme, write: impl Fn(&'a Target) -> T) -> Self {
        let side = |inside| {
            let of_side = programme.targets.iter().filter(|target| target.inside == inside);
            of_side.map(&write).collect()
        };
        Self { in_scope: side(true), out_of_scope: side(false) }
    }
}

/// The file of this feed with these programmes.
pub(super) fn write(feed: Feed, programmes: &[Programme]) -> String {
    match feed {
        Feed::HackerOne => pretty(programmes, hackerone::write),
        Feed::Bugcrowd => pretty(programmes, bugcrowd::write),
        Feed::Intigriti => pretty(programmes, others::intigriti),
        Feed::YesWeHack => pretty(programmes, others::yeswehack),
        Feed::Federacy => pretty(programmes, others::federacy),
    }
}

fn pretty<'a, T: Serialize>(programmes: &'a [Programme], write: impl Fn(&'a Programme) -> T) -> String {
    let rows: Vec<_> = programmes.iter().map(write).collect();
    serde_json::to_string_pretty(&rows).expect("only strings, numbers and lists")
}
