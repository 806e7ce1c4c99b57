//! ractor alone: a supervisor of ten lines that starts again whoever failed, and keeps no account of it.

use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

type Ups = UnboundedSender<ActorRef<()>>;

struct Crasher;

impl Actor for Crasher {
    type Msg = ();
    type State = ();
    type Arguments = Ups;

    async fn pre_start(&self, me: ActorRef<()>, up: Ups) -> Result<(), ActorProcessingErr> {
        drop(up.send(me));
        Ok(())
    }

    async fn handle(&self, _me: ActorRef<()>, (): (), (): &mut ()) -> Result<(), ActorProcessingErr> {
        Err("as told".into())
    }
}

struct Boss(Ups);

impl Actor for Boss {
    type Msg = ();
    type State = ();
    type Arguments = usize;

    async fn pre_start(&self, me: ActorRef<()>, count: usize) -> Result<(), ActorProcessingErr> {
        for _ in 0..count {
            Actor::spawn_linked(None, Crasher, self.0.clone(), me.get_cell()).await?;
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<()>,
        event: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(..) = event {
            Actor::spawn_linked(None, Crasher, self.0.clone(), me.get_cell()).await?;
        }
        Ok(())
    }
}

/// A supervisor and its children.
pub struct Family {
    boss: ActorRef<()>,
    children: Vec<ActorRef<()>>,
    ups: UnboundedReceiver<ActorRef<()>>,
}

impl Family {
    pub async fn start(count: usize) -> Self {
        let (up, mut ups) = unbounded_channel();
        let (boss, _task) = Actor::spawn(None, Boss(up), count).await.unwrap();
        let children = all_up(&mut ups, count).await;
        Self { boss, children, ups }
    }

    pub async fn restarts(&mut self, count: usize, pause: Duration) -> Vec<f64> {
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            let began = Instant::now();
            self.children[0].cast(()).unwrap();
            self.children[0] = self.ups.recv().await.unwrap();
            times.push(began.elapsed().as_nanos() as f64);
        }
        times
    }

    pub async fn storm(&mut self) -> f64 {
        let began = Instant::now();
        for child in &self.children {
            child.cast(()).unwrap();
        }
        self.children = all_up(&mut self.ups, self.children.len()).await;
        began.elapsed().as_nanos() as f64
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        self.boss.stop(None);
    }
}

async fn all_up(ups: &mut UnboundedReceiver<ActorRef<()>>, count: usize) -> Vec<ActorRef<()>> {
    let mut children = Vec::with_capacity(count);
    for _ in 0..count {
        children.push(ups.recv().await.unwrap());
    }
    children
}
