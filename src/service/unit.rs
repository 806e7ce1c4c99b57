//! The text of the unit, and whether a text that is there is the one we would write.
//!
//! `config/money-machine.service` and its sibling for users are built in and are units as they stand;
//! the lines that depend on the place are put in their stead.

use std::path::{Component, Path, PathBuf};

use super::Scope;

const SYSTEM: &str = include_str!("../../config/money-machine.service");
const USER: &str = include_str!("../../config/money-machine-user.service");
/// The first line of every unit of ours; what lacks it is somebody else's.
const MARK: &str = "# Written by `money-machine service install`, version ";
/// Where systemd keeps the state of services of the system.
pub const STATE: &str = "/var/lib";

/// What a unit is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub scope: Scope,
    /// This program's own file.
    pub binary: PathBuf,
    pub data_dir: PathBuf,
    pub config: Option<PathBuf>,
    pub sandbox: bool,
    /// Whom a service of the system runs as.
    pub user: String,
}

/// Why there can be no unit.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UnitError {
    /// A control character, or bytes that are no text.
    #[error("`{}` cannot stand in a unit: use a path of plain text", .0.display())]
    Path(PathBuf),
    /// Quotes and backslashes, which systemd takes in an argument but not in a program's name.
    #[error("systemd starts no program with quotes or backslashes in its path: put `{}` elsewhere", .0.display())]
    Binary(PathBuf),
    /// A relative one.
    #[error("`{}` cannot stand in a unit: use a path that begins with `/`", .0.display())]
    Relative(PathBuf),
    /// What the hardening hides.
    #[error(
        "a service of the system cannot see `{}`: put it below /usr/local, /opt, /etc or /srv, or install \
         with --user", .0.display()
    )]
    Hidden(PathBuf),
    /// Not where systemd makes and opens it.
    #[error(
        "a service of the system keeps its data in a directory of its own in {STATE}, like \
         {STATE}/money-machine, and `{}` is none: name one, or install with --user", .0.display()
    )]
    DataDir(PathBuf),
    /// No user's name.
    #[error("`{0}` is no user's name")]
    User(String),
}

impl Plan {
    /// The unit's text.
    ///
    /// # Errors
    /// [`UnitError`], which says what to do.
    pub fn text(&self) -> Result<String, UnitError> {
        let mut text = format!("{MARK}{}.\n", env!("CARGO_PKG_VERSION"));
        let (template, state) = match self.scope {
            Scope::System => (SYSTEM, self.state()?),
            Scope::User => (USER, String::new()),
        };
        let start = self.start()?;
        for line in template.lines() {
            match line.split_once('=').map_or(line, |(name, _)| name) {
                "ExecStart" => text.push_str(&start),
                "User" => text.push_str(&format!("User={}", self.user()?)),
                "StateDirectory" => text.push_str(&format!("StateDirectory={state}")),
                _ => text.push_str(line),
            }
            text.push('\n');
        }
        Ok(text)
    }

    /// The command. The `:` has systemd leave every `$` as it is.
    fn start(&self) -> Result<String, UnitError> {
        let binary = self.visible(&self.binary)?;
        let path = plain(binary)?;
        if path.contains(['"', '\'', '\\']) {
            return Err(UnitError::Binary(binary.to_owned()));
        }
        let mut words = vec![quoted(&format!(":{path}")), "run".to_owned()];
        if self.sandbox {
            words.push("--sandbox".to_owned());
        }
        words.extend(["--data-dir".to_owned(), quoted(plain(&self.data_dir)?)]);
        if let Some(config) = &self.config {
            words.extend(["--config".to_owned(), quoted(plain(self.visible(config)?)?)]);
        }
        Ok(format!("ExecStart={}", words.join(" ")))
    }

    /// The data directory's name below [`STATE`].
    fn state(&self) -> Result<String, UnitError> {
        let wrong = || UnitError::DataDir(self.data_dir.clone());
        let below = self.data_dir.strip_prefix(STATE).map_err(|_| wrong())?;
        let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let name = below.to_str().filter(|name| !name.is_empty() && name.chars().all(harmless));
        let plain = below.components().all(|part| matches!(part, Component::Normal(_)));
        // systemd keeps the state of services with changing users there.
        name.filter(|_| plain && !below.starts_with("private")).map(str::to_owned).ok_or_else(wrong)
    }

    fn user(&self) -> Result<&str, UnitError> {
        let harmless = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let well = !self.user.is_empty() && !self.user.starts_with('-') && self.user.chars().all(harmless);
        if well { Ok(&self.user) } else { Err(UnitError::User(self.user.clone())) }
    }

    /// A path that the service will see.
    fn visible<'a>(&self, path: &'a Path) -> Result<&'a Path, UnitError> {
        let hidden = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];
        if self.scope == Scope::System && hidden.iter().any(|dir| path.starts_with(dir)) {
            return Err(UnitError::Hidden(path.to_owned()));
        }
        Ok(path)
    }
}

fn plain(path: &Path) -> Result<&str, UnitError> {
    if !path.is_absolute() {
        return Err(UnitError::Relative(path.to_owned()));
    }
    let text = path.to_str().filter(|text| !text.chars().any(char::is_control));
    text.ok_or_else(|| UnitError::Path(path.to_owned()))
}

/// A word of a command line as systemd reads it back (`systemd.service(5)`, "Command lines", and
/// `systemd.syntax(7)`): quotes where needed, `%` doubled since it begins a specifier.
fn quoted(word: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./+,@=".contains(c);
    if !word.is_empty() && word.chars().all(harmless) {
        return word.to_owned();
    }
    let mut text = String::from('"');
    for c in word.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '%' => text.push_str("%%"),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// What stands in a unit file, compared with what this program would write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Somebody else's.
    Foreign,
    /// Ours, and as it would be written now, for the places it names.
    Current,
    /// Ours, for another binary than this one.
    OtherBinary,
    /// Ours, of another version or changed by hand.
    Differs,
}

/// Compares `text` with what would be written for `binary` now.
pub fn compare(text: &str, scope: Scope, binary: &Path) -> Found {
    let Some((first, rest)) = text.split_once('\n').filter(|(first, _)| first.starts_with(MARK)) else {
        return Found::Foreign;
    };
    let template = if scope == Scope::System { SYSTEM } else { USER };
    let placed =
        |line: &&str| !["ExecStart=", "User=", "StateDirectory="].iter().any(|name| line.starts_with(name));
    let same = first == format!("{MARK}{}.", env!("CARGO_PKG_VERSION"))
        && rest.lines().filter(placed).eq(template.lines().filter(placed));
    let ours = plain(binary).map(|path| format!("ExecStart={} ", quoted(&format!(":{path}"))));
    match (same, ours) {
        (true, Ok(start)) if rest.lines().any(|line| line.starts_with(&start)) => Found::Current,
        (true, _) => Found::OtherBinary,
        (false, _) => Found::Differs,
    }
}

#[cfg(test)]
mod tests;
