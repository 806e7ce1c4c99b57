//! The rule packs as files the owner can see, change and remove.
//!
//! The packs that come with the program are laid out in the data directory's `rules/` when they
//! are new there. What was laid out is noted in `rules/.laid.json`: a pack that its owner changed
//! or removed is never put back or overwritten, and one that he left alone follows the program's
//! newer version. Nothing is permitted by a pack that cannot be read.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use mm_core::digest::Digest;
use mm_services::RuleSource;

/// The packs that come with the program.
pub const BUILT_IN: &[(&str, &str)] =
    &[("bounty-targets-data.toml", include_str!("../config/rules/bounty-targets-data.toml"))];

const LAID: &str = ".laid.json";

/// Why the rule files could not be laid out.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the rules in `{}`: make it a directory this user may write, with the rule files in it", dir.display())]
pub struct RulesError {
    dir: PathBuf,
    #[source]
    source: io::Error,
}

/// The rule files of one directory.
pub struct RuleDir(PathBuf);

impl RuleDir {
    /// The rule files below a data directory, laid out where they are new.
    ///
    /// # Errors
    /// If the directory cannot be written.
    pub fn lay_out(data_dir: &Path) -> Result<Self, RulesError> {
        let dir = data_dir.join("rules");
        match lay_out(&dir) {
            Ok(()) => Ok(Self(dir)),
            Err(source) => Err(RulesError { dir, source }),
        }
    }

    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files: Vec<PathBuf> = fs::read_dir(&self.0)?
            .map(|entry| Ok(entry?.path()))
            .filter(|path: &io::Result<PathBuf>| {
                path.as_ref().map_or(true, |path| path.extension().is_some_and(|ext| ext == "toml"))
            })
            .collect::<io::Result<_>>()?;
        files.sort();
        Ok(files)
    }
}

fn lay_out(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let laid_path = dir.join(LAID);
    let mut laid: BTreeMap<String, String> = match fs::read(&laid_path) {
        // Without its word, a pack that is not there may be one that its owner removed.
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(laid) => laid,
            Err(error) => {
                let path = laid_path.display();
                tracing::warn!(%path, %error, "it is damaged, so no rule pack is laid out or renewed");
                return Ok(());
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(error),
    };
    let before = laid.clone();
    for (name, text) in BUILT_IN {
        let path = dir.join(name);
        let ours = Digest::of(text.as_bytes()).to_string();
        let there = fs::read(&path).ok().map(|bytes| Digest::of(&bytes).to_string());
        let lay = match (laid.get(*name), &there) {
            // Never laid out, and nobody has put one there.
            (None, None) => true,
            // As we laid it, and we have a newer one.
            (Some(old), Some(there)) => old == there && *old != ours,
            // Removed, or somebody's own.
            (Some(_), None) | (None, Some(_)) => false,
        };
        if lay {
            replace(&path, text.as_bytes())?;
            laid.insert((*name).to_owned(), ours);
        }
    }
    if laid != before {
        let text = serde_json::to_vec_pretty(&laid).expect("a map of texts has a JSON form");
        replace(&laid_path, &text)?;
    }
    Ok(())
}

/// Writes a file so that it is there whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let half = path.with_extension("half");
    fs::write(&half, bytes)?;
    fs::File::open(&half)?.sync_all()?;
    fs::rename(&half, path)
}

impl RuleSource for RuleDir {
    fn stamp(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        match self.files() {
            Ok(files) => {
                for path in files {
                    path.hash(&mut hasher);
                    if let Ok(meta) = fs::metadata(&path) {
                        (meta.len(), meta.modified().ok()).hash(&mut hasher);
                    }
                }
            }
            Err(error) => error.kind().hash(&mut hasher),
        }
        hasher.finish()
    }

    fn read(&self) -> Result<Vec<(String, String)>, String> {
        let files = self.files().map_err(|error| format!("could not read {}: {error}", self.0.display()))?;
        files
            .into_iter()
            .map(|path| {
                let text = fs::read_to_string(&path)
                    .map_err(|error| format!("could not read {}: {error}", path.display()))?;
                let name =
                    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                Ok((name, text))
            })
            .collect()
    }

    fn place(&self) -> String {
        self.0.display().to_string()
    }
}

/// Rule packs in memory, for simulation.
pub struct FixedRules(pub Vec<(String, String)>);

impl FixedRules {
    /// The packs that come with the program.
    pub fn built_in() -> Self {
        Self(BUILT_IN.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    }
}

impl RuleSource for FixedRules {
    fn stamp(&self) -> u64 {
        1
    }

    fn read(&self) -> Result<Vec<(String, String)>, String> {
        Ok(self.0.clone())
    }

    fn place(&self) -> String {
        mm_core::rule::RULES_FOLDER.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_is_laid_out_once_and_its_owners_word_stands() {
        let dir = tempfile::tempdir().unwrap();
        let name = BUILT_IN[0].0;
        let path = dir.path().join("rules").join(name);
        let rules = RuleDir::lay_out(dir.path()).unwrap();
        assert_eq!(rules.read().unwrap(), [(name.to_owned(), BUILT_IN[0].1.to_owned())]);
        let stamp = rules.stamp();

        fs::write(&path, "# mine").unwrap();
        assert_ne!(rules.stamp(), stamp);
        RuleDir::lay_out(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "# mine");

        fs::remove_file(&path).unwrap();
        let rules = RuleDir::lay_out(dir.path()).unwrap();
        assert_eq!(rules.read().unwrap(), []);
    }

    #[test]
    fn a_damaged_note_brings_no_removed_pack_back() {
        let dir = tempfile::tempdir().unwrap();
        RuleDir::lay_out(dir.path()).unwrap();
        let rules = dir.path().join("rules");
        fs::remove_file(rules.join(BUILT_IN[0].0)).unwrap();
        fs::write(rules.join(LAID), "{").unwrap();
        assert_eq!(RuleDir::lay_out(dir.path()).unwrap().read().unwrap(), []);
    }

    #[test]
    fn what_is_no_directory_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("rules"), "").unwrap();
        let Err(error) = RuleDir::lay_out(dir.path()) else { panic!("a file was taken for a directory") };
        assert!(error.to_string().contains(&dir.path().join("rules").display().to_string()), "{error}");
    }

    #[test]
    fn a_pack_that_was_left_alone_follows_the_program() {
        let dir = tempfile::tempdir().unwrap();
        let name = BUILT_IN[0].0;
        let rules = dir.path().join("rules");
        fs::create_dir_all(&rules).unwrap();
        fs::write(rules.join(name), "# older").unwrap();
        let laid = BTreeMap::from([(name, Digest::of(b"# older").to_string())]);
        fs::write(rules.join(LAID), serde_json::to_vec(&laid).unwrap()).unwrap();
        RuleDir::lay_out(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(rules.join(name)).unwrap(), BUILT_IN[0].1);
    }
}
