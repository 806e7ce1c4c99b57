//! What a boot is doing, written beside the store at every step: a process that dies in the middle
//! leaves behind what it was at.

use std::sync::Mutex;
use std::sync::PoisonError;

use mm_services::kernel::KERNEL;
use mm_services::tree::next_in_kernel;
use mm_store::BootBook;
use mm_supervision::{Event, Exit, What};

/// The steps of one boot.
pub(super) struct Steps {
    book: BootBook,
    /// What it is doing; `None` once the boot is over.
    doing: Mutex<Option<String>>,
}

/// What is done once `path` stands: the next of the kernel is started.
pub(super) fn starting(path: &str) -> String {
    next_in_kernel(path).map_or_else(|| "finishing the start".to_owned(), |next| format!("starting {next}"))
}

impl Steps {
    pub(super) fn new(book: BootBook) -> Self {
        Self { book, doing: Mutex::new(Some(String::new())) }
    }

    pub(super) fn doing(&self, step: &str) {
        let mut doing = self.doing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(doing) = doing.as_mut() {
            step.clone_into(doing);
            self.book.step(step, None);
        }
    }

    /// The kernel stands, or will not.
    pub(super) fn over(&self) {
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Follows the kernel's children as they start, and fail to.
    pub(super) fn watch(&self, event: &Event) {
        let Some(child) = event.path.strip_prefix(KERNEL).and_then(|rest| rest.strip_prefix('/')) else {
            return;
        };
        match &event.what {
            What::Started { .. } if !child.contains('/') => self.doing(&starting(&event.path)),
            What::Exited { exit: exit @ (Exit::Failed(_) | Exit::Panicked(_) | Exit::Killed) } => {
                let doing = self.doing.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(doing) = doing.as_ref() {
                    self.book.step(doing, Some(&format!("{}: {exit}", event.path)));
                }
            }
            _ => {}
        }
    }
}
