//! Logs: one line an event, as text or JSON, on stderr and in a file that is put aside when large.
//!
//! Levels stand in the configuration, by module, and can be changed while running ([`Logs::set_level`]).
//! No secret gets in: secret types print nothing, whoever logs a URL strips its query, and every line
//! passes through [`mask`] as a last net. A line break inside an event is written as `\n`, so that
//! nobody's text can pretend to be a line of ours. Writing is synchronous and drops nothing; a file that
//! cannot be written leaves stderr.
//!
//! It writes below `logs/` in the data directory and nowhere else, and takes the time from its caller.

mod mask;
mod rotate;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SecondsFormat, Utc};
use tracing::Dispatch;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

pub use mask::{MASK, looks_secret, mask};
pub use rotate::{NAME as FILE_NAME, RotatingFile};

use crate::config::{Config, Format, Level, Rotation};

/// Tells the time for log lines: the machine's clock, so that a simulated machine logs simulated times.
pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// What to log, how and where.
#[derive(Clone)]
pub struct Plan {
    pub format: Format,
    pub level: Level,
    /// Levels of single modules; they win over `level`.
    pub levels: BTreeMap<String, Level>,
    /// The directory of the log file and when it is put aside; `None`: stderr alone.
    pub file: Option<(PathBuf, Rotation)>,
    /// Colours on stderr: when it is a terminal.
    pub colour: bool,
    pub now: Now,
}

impl Plan {
    /// As the configuration says. Without a data directory (a command, not the daemon) there is no file.
    pub fn of(config: &Config, data_dir: Option<&Path>, colour: bool, now: Now) -> Plan {
        let dir = data_dir.filter(|_| config.logging.file).map(|dir| dir.join("logs"));
        Plan {
            format: config.logging.format,
            level: config.monitoring.log_level,
            levels: config.logging.levels.clone(),
            file: dir.map(|dir| (dir, config.logging.rotation)),
            colour,
            now,
        }
    }
}

/// Why logging could not be set up or changed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The directory is not writable, or the disk is full.
    #[error("could not open a log file in `{}`; make it writable or set logging.file = false", dir.display())]
    Open {
        dir: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A module's name that the filter does not understand.
    #[error("`{directive}` is no level of a module")]
    Level { directive: String },
    /// A second set-up in one process.
    #[error("logging is set up already")]
    Twice,
}

/// Changes levels while running. Cloneable; the last change counts.
#[derive(Clone)]
pub struct Logs {
    handle: reload::Handle<EnvFilter, Registry>,
    levels: Arc<Mutex<(Level, BTreeMap<String, Level>)>>,
}

impl Logs {
    /// Sets the level of a module, or of everything that has no level of its own.
    ///
    /// # Errors
    /// When the module's name cannot be one; then nothing has changed.
    pub fn set_level(&self, module: Option<&str>, level: Level) -> Result<(), LogError> {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wanted = levels.clone();
        match module {
            Some(module) => {
                wanted.1.insert(module.to_owned(), level);
            }
            None => wanted.0 = level,
        }
        let filter = filter(wanted.0, &wanted.1)?;
        self.handle.reload(filter).map_err(|_| LogError::Twice)?;
        *levels = wanted;
        Ok(())
    }

    /// Whether [`Logs::set_levels`] would take these.
    ///
    /// # Errors
    /// As it would.
    pub fn check_levels(&self, level: Level, modules: &BTreeMap<String, Level>) -> Result<(), LogError> {
        filter(level, modules)?;
        self.handle.with_current(|_| ()).map_err(|_| LogError::Twice)
    }

    /// Sets the general level and those of all modules that have one of their own.
    ///
    /// # Errors
    /// When a module's name cannot be one; then nothing has changed.
    pub fn set_levels(&self, level: Level, modules: &BTreeMap<String, Level>) -> Result<(), LogError> {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        self.handle.reload(filter(level, modules)?).map_err(|_| LogError::Twice)?;
        *levels = (level, modules.clone());
        Ok(())
    }

    /// The general level and those of single modules, as they are now.
    pub fn levels(&self) -> (Level, BTreeMap<String, Level>) {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Sets up logging for this process.
///
/// # Errors
/// When the log file cannot be opened, or logging is set up already.
pub fn init(plan: &Plan) -> Result<Logs, LogError> {
    let (dispatch, logs) = build(plan, Box::new(io::stderr()))?;
    tracing::dispatcher::set_global_default(dispatch).map_err(|_| LogError::Twice)?;
    Ok(logs)
}

/// Logging that writes to `stderr` and the plan's file; tests and simulations use it without [`init`].
///
/// # Errors
/// When the log file cannot be opened.
pub fn build(plan: &Plan, stderr: Box<dyn Write + Send>) -> Result<(Dispatch, Logs), LogError> {
    let (filter, handle) = reload::Layer::new(filter(plan.level, &plan.levels)?);
    let mut outputs = vec![output(plan, Sink::new(stderr), plan.colour)];
    if let Some((dir, rotation)) = &plan.file {
        let file = RotatingFile::open(dir, rotation.max_bytes, rotation.keep)
            .map_err(|source| LogError::Open { dir: dir.clone(), source })?;
        outputs.push(output(plan, Sink::new(Box::new(file)), false));
    }
    let levels = Arc::new(Mutex::new((plan.level, plan.levels.clone())));
    let subscriber = Registry::default().with(filter).with(outputs);
    Ok((Dispatch::new(subscriber), Logs { handle, levels }))
}

type Filtered = tracing_subscriber::layer::Layered<reload::Layer<EnvFilter, Registry>, Registry>;

fn output(plan: &Plan, sink: Sink, colour: bool) -> Box<dyn Layer<Filtered> + Send + Sync> {
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(sink)
        .with_timer(Timer(plan.now.clone()))
        .with_ansi(colour);
    match plan.format {
        Format::Text => layer.boxed(),
        Format::Json => layer.json().flatten_event(true).with_span_list(false).with_ansi(false).boxed(),
    }
}

fn filter(level: Level, levels: &BTreeMap<String, Level>) -> Result<EnvFilter, LogError> {
    let mut filter = EnvFilter::new(level.as_str());
    for (module, level) in levels {
        let directive = format!("{module}={level}");
        let plain = module.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
        match directive.parse() {
            Ok(parsed) if plain && !module.is_empty() => filter = filter.add_directive(parsed),
            _ => return Err(LogError::Level { directive }),
        }
    }
    Ok(filter)
}

struct Timer(Now);

impl FormatTime for Timer {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        w.write_str(&(self.0)().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// Where lines go. The formatter hands over each event as one whole line.
#[derive(Clone)]
struct Sink(Arc<Mutex<Box<dyn Write + Send>>>);

impl Sink {
    fn new(inner: Box<dyn Write + Send>) -> Sink {
        Sink(Arc::new(Mutex::new(inner)))
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Sink;

    fn make_writer(&'a self) -> Sink {
        self.clone()
    }
}

impl Write for Sink {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = one_line(&String::from_utf8_lossy(event));
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

/// Masked, and on one line whatever the event says.
fn one_line(event: &str) -> String {
    let body = event.strip_suffix('\n').unwrap_or(event);
    let mut line = mask(body).replace('\n', "\\n").replace('\r', "\\r");
    line.push('\n');
    line
}

#[cfg(test)]
mod tests;
