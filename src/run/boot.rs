//! One start of the daemon in the book of boots: begun, come up, broken off.
//!
//! The book's times are the computer's own, also where the machine's clock was set to another time.

use mm_core::moment::Moment;
use mm_core::seams::Clock as _;
use mm_store::{BootBook, DataDir, DirError};

use crate::exit::{Exit, Failure};
use crate::machine::boots;
use crate::seams::SystemClock;

/// This start.
#[derive(Clone)]
pub(super) struct Boot {
    book: BootBook,
    /// Why it must end in safe mode, if it must.
    pub(super) hold: Option<String>,
}

fn now() -> Moment {
    SystemClock::new(None).wall()
}

impl Boot {
    /// Writes down that it begins.
    pub(super) fn begin(dir: &DataDir) -> Result<Boot, DirError> {
        let book = dir.boot_book();
        let now = now();
        let hold = boots::hold(&book.begin(now)?, now);
        Ok(Boot { book, hold })
    }

    pub(super) fn book(&self) -> BootBook {
        self.book.clone()
    }

    pub(super) fn doing(&self, step: &str) {
        self.book.step(step, None);
    }

    /// It did not come up.
    pub(super) fn failed(&self, failure: &Failure) {
        self.book.step(&self.book.doing(), Some(&failure.to_string()));
    }

    /// It is up: well, or in safe mode.
    pub(super) fn is_up(&self) -> Result<(), DirError> {
        match self.hold {
            None => self.book.well(now()).map(drop),
            Some(_) => self.book.held().map(drop),
        }
    }

    /// It was up and cannot go on.
    pub(super) fn broke_off(&self, exit: Exit) {
        if let Err(error) = self.book.broke_off(now(), exit.about()) {
            tracing::warn!(error = %crate::exit::Chain(&error), "why the process ends is not written down");
        }
    }
}
