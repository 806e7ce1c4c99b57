//! What a panic leaves behind: its text, where it was, and how the thread had come there.
//!
//! The backtrace can only be taken while the panic runs, so a hook takes it: one for the process, in
//! front of whatever hook was there. It looks only at panics inside [`caught`], which the host puts round
//! every poll of a component. Turning addresses into names takes milliseconds; that is done by whoever
//! reads the text first, not by the actor that died. Without the hook there is text and nothing else.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, LazyLock, Once};
use std::task::Poll;

use serde::{Serialize, Serializer};

/// How much of a backtrace is kept, in bytes.
const BACKTRACE_BYTES_MAX: usize = 16 * 1024;

/// A panic that was caught.
#[derive(Clone, Debug)]
pub struct Panic {
    /// What it said.
    pub text: String,
    /// `file:line` of the panic itself; `None` without the hook.
    pub location: Option<String>,
    /// How the thread had come there; `None` without the hook.
    pub backtrace: Option<Backtrace>,
}

/// The frames of a panic as text: at most 16 KiB, without the frames of the panic itself and of the host,
/// without the machine's paths. Made when it is first read.
#[derive(Clone)]
pub struct Backtrace(Arc<LazyLock<String, Box<dyn FnOnce() -> String + Send>>>);

thread_local! {
    /// How many [`caught`] this thread is inside of.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static LAST: RefCell<Option<(Option<String>, Backtrace)>> = const { RefCell::new(None) };
}

/// Installs the hook that takes backtraces, in front of the one that is there. Once for the process;
/// more calls do nothing. For `main` and for tests.
pub fn catch_backtraces() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            note(info);
            usual(info);
        }));
    });
}

/// Runs `work` and catches its panic, with its backtrace if [`catch_backtraces`] was called. For threads
/// that run what is not theirs; components are looked after by the host.
///
/// # Errors
/// The panic.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    let depth = DEPTH.get();
    DEPTH.set(depth + 1);
    let done = catch_unwind(AssertUnwindSafe(|| caught_from_here(work)));
    DEPTH.set(depth);
    done.map_err(|payload| {
        let (location, backtrace) = match LAST.take() {
            Some((location, backtrace)) => (location, Some(backtrace)),
            None => (None, None),
        };
        Panic { text: text_of(&*payload), location, backtrace }
    })
}

/// The same for a future: each of its polls is looked after. Once it has panicked it is not polled again.
///
/// # Errors
/// The panic.
pub async fn caught_in<F: Future>(work: F) -> Result<F::Output, Panic> {
    let mut work = pin!(work);
    poll_fn(|cx| match caught(|| work.as_mut().poll(cx)) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// Its name marks in a backtrace where what is below begins to be the machinery's.
#[inline(never)]
fn caught_from_here<T>(work: impl FnOnce() -> T) -> T {
    let done = work();
    // Or the call becomes a jump, and the frame is gone.
    std::hint::black_box(());
    done
}

/// The backtrace of the last panic on this thread that nobody has asked about. For a panic that was
/// caught by other means inside [`caught`].
#[must_use]
pub fn take_last_backtrace() -> Option<Backtrace> {
    LAST.take().map(|(_, backtrace)| backtrace)
}

fn note(info: &PanicHookInfo<'_>) {
    // A thread that is being taken down has no locals left, and a panic there is nobody's.
    if DEPTH.try_with(Cell::get).unwrap_or(0) == 0 {
        return;
    }
    let location = info.location().map(|at| format!("{}:{}", short_path(at.file()), at.line()));
    let frames = std::backtrace::Backtrace::force_capture();
    let text: Box<dyn FnOnce() -> String + Send> = Box::new(move || tidy(&frames.to_string()));
    LAST.set(Some((location, Backtrace(Arc::new(LazyLock::new(text))))));
}

/// What a panic said, if it said it in text.
fn text_of(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "panicked with a value that is no text".to_owned()
    }
}

/// A path as a reader elsewhere can use it: of a crate its directory and what is below, of the standard
/// library what is below `library`. Relative paths stay.
pub(crate) fn short_path(path: &str) -> &str {
    if !path.starts_with('/') {
        return path.strip_prefix("./").unwrap_or(path);
    }
    if let Some((_, below)) = path.split_once("/registry/src/") {
        return below.split_once('/').map_or(below, |(_, in_crate)| in_crate);
    }
    if let Some(at) = path.find("/library/") {
        return path.get(at + 1..).unwrap_or(path);
    }
    let inner = ["/src/", "/tests/", "/benches/", "/examples/"];
    let at = inner.iter().filter_map(|inner| path.rfind(inner)).max();
    let from = at.or_else(|| path.rfind('/')).and_then(|at| path.get(..at)?.rfind('/'));
    path.get(from.map_or(0, |at| at + 1)..).unwrap_or(path)
}

/// Leaves out the frames of the panic and of the machinery, shortens paths, keeps to the bound.
fn tidy(frames: &str) -> String {
    let lines: Vec<&str> = frames.lines().map(str::trim_start).collect();
    let is_frame = |line: &&str| line.starts_with(|first: char| first.is_ascii_digit());
    let panics = |line: &&str| line.contains("rust_begin_unwind") || line.contains("core::panicking::");
    let after_panic = lines.iter().rposition(panics).map_or(0, |at| at + 1);
    let first = lines.iter().skip(after_panic).position(is_frame).map_or(0, |at| after_panic + at);
    let last = lines.iter().position(|line| line.contains("caught_from_here")).unwrap_or(lines.len());
    let mut text = String::new();
    for line in lines.get(first..last).unwrap_or(&lines) {
        let line = match line.strip_prefix("at ") {
            Some(path) => format!("    at {}\n", short_path(path)),
            None => format!("{}\n", line.split_once(": ").map_or(*line, |(_, name)| name)),
        };
        if text.len() + line.len() + '…'.len_utf8() > BACKTRACE_BYTES_MAX {
            text.push('…');
            break;
        }
        text.push_str(&line);
    }
    text
}

impl Deref for Backtrace {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Backtrace")
    }
}

impl PartialEq for Backtrace {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Serialize for Backtrace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}
