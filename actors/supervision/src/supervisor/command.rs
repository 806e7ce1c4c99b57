//! What an operator, or a child's own work, can ask of a supervisor about one child.
//!
//! What outlives the process is recorded first: a store that refuses changes nothing.

use super::child::{Child, Held};
use super::{Command, CommandError, State, purse};
use crate::event::What;
use crate::fault::{Cause, Fault};
use crate::tree::Standing;

impl State {
    pub(super) async fn command(&mut self, name: &str, command: Command) -> Result<(), CommandError> {
        let Some(index) = self.names.get(name).and_then(|&key| self.index_of(key)) else {
            let near = self.place.tree.near(&self.place.node.path_of(name));
            return Err(CommandError::Unknown { name: name.to_owned(), near });
        };
        let supervisor_pays = self.purse.is_some();
        let Some(child) = self.children.get_mut(index) else { return Ok(()) };
        match command {
            Command::Stop => child.stop().await,
            Command::Remove => {
                child.stop().await;
                if let Some(purse) = &mut child.purse {
                    purse.refund().await;
                }
                self.forget(index);
            }
            Command::Isolate { reason } => child.isolate(&reason).await?,
            Command::GiveBack => {
                // Written down later, they would undo it.
                self.history.write_of(child.key, &self.me).await;
                child.give_back(supervisor_pays).await.map_err(|why| CommandError::Budget { why })?;
            }
            Command::Release => {
                let isolated = child.held == Some(Held::Isolated);
                child.release().await?;
                if isolated && child.held.is_none() {
                    return self.start_by_hand(index).await;
                }
            }
            Command::Restart => {
                child.release().await?;
                child.stop().await;
                child.let_go();
                return self.start_by_hand(index).await;
            }
        }
        Ok(())
    }

    /// What a command on that child means for the others: those who waited for its debit, or followed it.
    pub(super) async fn after_command(&mut self, name: &str) -> Result<(), Fault> {
        let named = self.names.get(name).copied().and_then(|key| self.child(key));
        match named.filter(|child| child.purse.is_some()).map(|child| child.key) {
            Some(key) => self.settle(Some(key), false).await,
            None => self.start_left_behind().await,
        }
    }

    pub(super) async fn own_given_back(&mut self) -> Result<(), CommandError> {
        let Some(purse) = &mut self.purse else { return Ok(()) };
        purse.give_back(false).await.map_err(|why| CommandError::Budget { why })
    }

    async fn start_by_hand(&mut self, index: usize) -> Result<(), CommandError> {
        let Err(why) = self.start(index).await else { return Ok(()) };
        let Some(child) = self.children.get_mut(index) else { return Ok(()) };
        let failed = CommandError::CouldNotStart { name: child.spec.name.clone(), why };
        child.place.stand(Standing::Stopped);
        if child.spec.way_in {
            // With it down nobody could say so again.
            let (key, delay) = (child.key, child.next_delay());
            child.place.stand(Standing::Restarting);
            self.schedule(key, delay);
        }
        Err(failed)
    }
}

impl Child {
    async fn isolate(&mut self, reason: &str) -> Result<(), CommandError> {
        if self.spec.way_in {
            return Err(CommandError::WayIn { name: self.spec.name.clone() });
        }
        self.record_isolation(Some(reason)).await?;
        self.stop().await;
        self.hold(Held::Isolated, reason);
        self.place.emit(What::Isolated { reason: reason.to_owned() });
        Ok(())
    }

    /// Takes its isolation back, if it is isolated. With its budget spent it is tripped as before.
    async fn release(&mut self) -> Result<(), CommandError> {
        if self.held != Some(Held::Isolated) {
            return Ok(());
        }
        self.record_isolation(None).await?;
        self.place.emit(What::Released);
        match self.tripped.clone() {
            Some(why) => self.hold(Held::Tripped, &why),
            None => self.let_go(),
        }
        Ok(())
    }

    async fn record_isolation(&self, reason: Option<&str>) -> Result<(), CommandError> {
        let now_ms = self.place.tree.now_ms();
        let asked = purse::store(&self.place).isolate(&self.place.node.path, reason, now_ms);
        purse::ask(&self.place, asked).await.map_err(|why| CommandError::NotRecorded { why })
    }

    /// Gives its budget back; a tripped child may then be restarted.
    async fn give_back(&mut self, supervisor_pays: bool) -> Result<(), String> {
        // A trip still on its way into the store would outlive what follows.
        if let Some(tripping) = self.tripping.take() {
            drop(tripping.await);
        }
        match &mut self.purse {
            Some(purse) => purse.give_back(self.tripped.is_some()).await?,
            None if supervisor_pays && self.attempts > 0 => {
                let asked = purse::store(&self.place).give_back(&self.place.node.path);
                purse::ask(&self.place, asked).await?;
            }
            None => {}
        }
        self.attempts = 0;
        self.place.node.tell(|story| story.attempt = 0);
        self.tripped = None;
        if self.held == Some(Held::Tripped) {
            self.let_go();
        }
        Ok(())
    }
}

impl CommandError {
    /// What sort of trouble it is for a supervisor whose child it keeps from starting.
    pub(super) fn cause(&self) -> Cause {
        match self {
            Self::CouldNotStart { why, .. } => why.cause().unwrap_or(Cause::Bug),
            Self::AlreadyThere { .. }
            | Self::PermanentSignificant { .. }
            | Self::Unknown { .. }
            | Self::Budget { .. }
            | Self::WayIn { .. }
            | Self::NotRecorded { .. }
            | Self::Unreachable { .. } => Cause::Bug,
        }
    }
}
