//! Where things lie: the configuration file, the data directory and the socket in it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::env::{DATA_DIR, Env};

/// The longest path a Unix socket may have on Linux: `sun_path` is 108 bytes with its final zero.
const SOCKET_PATH_BYTES_MAX: usize = 107;
const NAME: &str = "money-machine";

/// Why no place could be named.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PathError {
    /// Neither a flag, nor `MONEY_MACHINE_DATA_DIR`, nor `XDG_STATE_HOME`, nor `HOME`.
    #[error("no data directory is known: give --data-dir, or set MONEY_MACHINE_DATA_DIR or HOME")]
    NoDataDir,
    /// A relative path and a current directory that is gone.
    #[error("`{}` is relative to a directory that is not there: give a path that begins with `/`", path.display())]
    Relative { path: PathBuf },
}

/// The configuration file: what `--config` says, else `config.toml` or `config.json` in
/// `$XDG_CONFIG_HOME/money-machine` (or `~/.config/money-machine`) if there is one. What cannot be
/// looked at counts as a file: reading it then says why, where the defaults would be taken silently.
pub fn find_file(flag: Option<&Path>, env: &Env) -> Option<PathBuf> {
    if let Some(given) = flag {
        return Some(given.to_owned());
    }
    let dir = config_dir(env)?;
    // A link that leads nowhere is there as well.
    let there = |path: &PathBuf| match std::fs::symlink_metadata(path) {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    };
    ["config.toml", "config.json"].iter().map(|name| dir.join(name)).find(there)
}

/// Where `config init` puts its file. `None`: neither `XDG_CONFIG_HOME` nor `HOME` is set.
pub fn config_dir(env: &Env) -> Option<PathBuf> {
    base(env, "XDG_CONFIG_HOME", ".config").map(|base| base.join(NAME))
}

/// The data directory, as an absolute path: what `--data-dir` says, else `MONEY_MACHINE_DATA_DIR`,
/// else `money-machine` in the XDG state directory, or `sandbox` in that for a sandbox.
///
/// # Errors
/// When nothing says where.
pub fn data_dir(flag: Option<&Path>, env: &Env, sandbox: bool) -> Result<PathBuf, PathError> {
    let said = flag.map(Path::to_owned).or_else(|| env.get(DATA_DIR).map(PathBuf::from));
    let dir = match said {
        Some(said) => said,
        None => {
            let live = base(env, "XDG_STATE_HOME", ".local/state").ok_or(PathError::NoDataDir)?.join(NAME);
            if sandbox { live.join("sandbox") } else { live }
        }
    };
    std::path::absolute(&dir).map_err(|_| PathError::Relative { path: dir })
}

/// The directory for short-lived files: `XDG_RUNTIME_DIR`, else `/tmp`.
pub fn runtime_dir(env: &Env) -> PathBuf {
    let given = env.get("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    given.unwrap_or_else(|| PathBuf::from("/tmp"))
}

/// The admin socket of a data directory: `admin.sock` in it, or, when that is longer than a socket's
/// path may be, `money-machine-HASH.sock` under the runtime directory (or `/tmp`). Who connects or
/// listens outside the data directory must check the peer's user.
pub fn socket_path(data_dir: &Path, runtime_dir: &Path) -> PathBuf {
    let inside = data_dir.join("admin.sock");
    let name = format!("{NAME}-{:016x}.sock", fnv1a(data_dir.as_os_str().as_encoded_bytes()));
    let candidates = [inside, runtime_dir.join(&name)];
    let fits = |path: &PathBuf| path.as_os_str().as_encoded_bytes().len() <= SOCKET_PATH_BYTES_MAX;
    candidates.into_iter().find(fits).unwrap_or_else(|| Path::new("/tmp").join(&name))
}

/// FNV-1a of 64 bits: the name must only differ between data directories and stay the same for one.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// An XDG base directory. A relative one is ignored, as their specification says.
fn base(env: &Env, variable: &str, below_home: &str) -> Option<PathBuf> {
    let given = env.get(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    given.or_else(|| Some(Path::new(env.get("HOME")?).join(below_home)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(vars: &[(&str, &str)]) -> Env {
        Env::new(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn the_data_directory_is_the_first_that_is_said() {
        let all = env(&[("MONEY_MACHINE_DATA_DIR", "/d"), ("XDG_STATE_HOME", "/s"), ("HOME", "/h")]);
        let home = env(&[("HOME", "/h"), ("XDG_STATE_HOME", "relative/is/ignored")]);
        let dir = |flag: Option<&str>, env: &Env, sandbox| data_dir(flag.map(Path::new), env, sandbox);
        assert_eq!(dir(Some("/f"), &all, true), Ok("/f".into()));
        assert_eq!(dir(None, &all, true), Ok("/d".into()));
        assert_eq!(dir(None, &env(&[("XDG_STATE_HOME", "/s")]), false), Ok("/s/money-machine".into()));
        assert_eq!(dir(None, &home, false), Ok("/h/.local/state/money-machine".into()));
        assert_eq!(dir(None, &home, true), Ok("/h/.local/state/money-machine/sandbox".into()));
        assert_eq!(dir(None, &env(&[("MONEY_MACHINE_DATA_DIR", "")]), false), Err(PathError::NoDataDir));
        assert!(dir(Some("rel"), &all, false).is_ok_and(|path| path.is_absolute()));
    }

    #[test]
    fn a_socket_path_always_fits() {
        let run = Path::new("/run/user/1000");
        for length in 1..300 {
            let dir = PathBuf::from(format!("/{}", "x".repeat(length)));
            let path = socket_path(&dir, run);
            assert!(path.as_os_str().len() <= 107, "{}", path.display());
            assert_eq!(path.starts_with(&dir), 1 + length + "/admin.sock".len() <= 107);
        }
        let long = |c: &str| PathBuf::from(format!("/{}", c.repeat(200)));
        assert_ne!(socket_path(&long("x"), run), socket_path(&long("y"), run));
        assert!(socket_path(&long("x"), &long("r")).starts_with("/tmp"));
    }

    #[test]
    fn the_file_is_found_in_its_place() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let env = env(&[("XDG_CONFIG_HOME", &home.path().to_string_lossy())]);
        assert_eq!(find_file(None, &env), None);
        let dir = home.path().join("money-machine");
        std::fs::create_dir_all(&dir).expect("to make it");
        std::fs::write(dir.join("config.json"), "{}").expect("to write");
        assert_eq!(find_file(None, &env), Some(dir.join("config.json")));
        std::fs::write(dir.join("config.toml"), "").expect("to write");
        assert_eq!(find_file(None, &env), Some(dir.join("config.toml")));
        assert_eq!(find_file(Some(Path::new("mine")), &env), Some("mine".into()));
    }

    /// Else the daemon would run with the defaults where its owner wrote something else.
    #[test]
    fn a_file_that_cannot_be_looked_at_is_no_missing_file() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let dir = home.path().join("money-machine");
        let env = env(&[("XDG_CONFIG_HOME", &home.path().to_string_lossy())]);
        std::fs::write(&dir, "no directory").expect("to write");
        assert_eq!(find_file(None, &env), None);
        std::fs::remove_file(&dir).expect("to remove");
        std::os::unix::fs::symlink(&dir, &dir).expect("to link");
        assert_eq!(find_file(None, &env), Some(dir.join("config.toml")), "the directory leads to itself");
        std::fs::remove_file(&dir).expect("to remove");
        std::fs::create_dir(&dir).expect("to make it");
        std::os::unix::fs::symlink("nowhere", dir.join("config.toml")).expect("to link");
        assert_eq!(find_file(None, &env), Some(dir.join("config.toml")), "the file leads nowhere");
    }
}
