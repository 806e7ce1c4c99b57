//! What a child went through, on its way into the store.
//!
//! Written beside the restart: nobody waits for it, and at most one write of a child is under way. What
//! comes meanwhile waits its turn, of it the last [`RESTARTS_KEPT`], as the store keeps no more. A write
//! that fails is told to the supervisor and not tried again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::SupMsg;
use super::purse::{in_bounds, store};
use crate::budget::{RESTARTS_KEPT, Restarted, WHY_MAX};
use crate::fault::Exit;
use crate::handle::Handle;
use crate::sync::lock;
use crate::tree::Place;

#[derive(Default)]
pub(crate) struct History {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    writing: bool,
    waiting: VecDeque<Restarted>,
}

impl Queue {
    /// The next to write; with none left, nobody is writing any more.
    fn next(&mut self) -> Option<Restarted> {
        let next = self.waiting.pop_front();
        self.writing = next.is_some();
        next
    }
}

impl History {
    pub(crate) fn write(&self, restarted: Restarted, key: u64, place: &Place, supervisor: &Handle<SupMsg>) {
        let mut queue = lock(&self.queue);
        if queue.waiting.len() == RESTARTS_KEPT {
            queue.waiting.pop_front();
        }
        queue.waiting.push_back(restarted);
        if std::mem::replace(&mut queue.writing, true) {
            return;
        }
        let (queue, place, supervisor) = (self.queue.clone(), place.clone(), supervisor.clone());
        tokio::spawn(async move {
            loop {
                let next = lock(&queue).next();
                let Some(restarted) = next else { return };
                if let Err(why) = in_bounds(store(&place).note(&place.node.path, restarted)).await {
                    supervisor.push(SupMsg::NotNoted { key, why });
                }
            }
        });
    }
}

/// A failure as it is written down.
pub(crate) fn restarted(exit: &Exit, at_ms: i64, attempt: u32, next_try_ms: Option<i64>) -> Restarted {
    let why = exit.to_string().chars().take(WHY_MAX).collect();
    Restarted { at_ms, cause: exit.word().to_owned(), why, attempt, next_try_ms }
}
