//! The rule packs as files the owner can see, change and remove.
//!
//! The packs that come with the program are laid out in the data directory's `rules/` when they
//! are new there. What was laid out is noted beside it, in `rules-laid.json`: a pack that its owner
//! changed or removed (alone, or with the whole of `rules/`) is never put back or overwritten, and one
//! that he left alone follows the program's newer version. While the note cannot be read nothing is
//! laid out. Nothing is permitted by a pack that cannot be read or is over 4 MiB.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use mm_core::digest::Digest;
use mm_services::RuleSource;

mod parsed;

pub use parsed::{Parsed, ParsedRules, parse};

macro_rules! packs {
    ($($name:literal),* $(,)?) => {
        &[$((concat!($name, ".toml"), include_str!(concat!("../config/rules/", $name, ".toml")))),*]
    };
}

/// The packs that come with the program.
pub const BUILT_IN: &[(&str, &str)] = packs![
    "algora",
    "amazon-associates",
    "awin",
    "bounty-targets-data",
    "bountyhub",
    "bugcrowd",
    "cj",
    "feeds",
    "freelancer",
    "github-sponsors",
    "github",
    "hackernews",
    "hackerone",
    "impact",
    "intigriti",
    "law-endorsements",
    "law-outreach",
    "law-paid-links",
    "law-robots",
    "mturk",
    "opire",
    "polar",
    "prolific",
    "rakuten",
    "remoteok",
    "remotive",
    "shareasale",
    "upwork",
    "yeswehack",
];

/// The note of what was laid out, in the data directory.
const LAID: &str = "rules-laid.json";
/// Where the note stood before, in `rules/`.
const LAID_BEFORE: &str = ".laid.json";

/// The most bytes of one rule file, and of all of them: a pack has some thousand.
const BYTES_MAX: u64 = 4 << 20;

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
        match lay_out(data_dir, &dir) {
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

/// What was laid out before: name and hash of each pack.
type Laid = BTreeMap<String, String>;

/// Reads the note of what was laid out.
fn read_note(data_dir: &Path, dir: &Path) -> io::Result<Laid> {
    let (path, before) = (data_dir.join(LAID), dir.join(LAID_BEFORE));
    if !path.try_exists()? && before.try_exists()? {
        fs::rename(before, &path)?;
    }
    match fs::read(&path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Laid::new()),
        Err(error) => Err(error),
    }
}

fn lay_out(data_dir: &Path, dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let note = data_dir.join(LAID);
    // Without its word, a pack that is not there may be one that its owner removed.
    let mut laid = match read_note(data_dir, dir) {
        Ok(laid) => laid,
        Err(error) => {
            tracing::error!(
                path = %note.display(), %error,
                "the note of the rule packs that were laid out cannot be read, so none is laid out or \
                 renewed: make it readable, or remove it to have the packs that are missing laid out anew"
            );
            return Ok(());
        }
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
            // Laid out, and cut off before that was noted.
            (None, Some(there)) if *there == ours => {
                laid.insert((*name).to_owned(), ours);
                continue;
            }
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
        replace(&note, &text)?;
    }
    Ok(())
}

/// Reads a file of at most `max` bytes, without reading more than that of a larger one.
fn read_within(path: &Path, max: u64) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(max + 1).read_to_string(&mut text)?;
    if text.len() as u64 > max {
        return Err(io::Error::other("the rule files have more than 4 MiB; remove what is no rule pack"));
    }
    Ok(text)
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
        let mut left = BYTES_MAX;
        files
            .into_iter()
            .map(|path| {
                let text = read_within(&path, left)
                    .map_err(|error| format!("could not read {}: {error}", path.display()))?;
                left = left.saturating_sub(text.len() as u64);
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
#[derive(Debug, Clone)]
pub struct FixedRules(pub Vec<(String, String)>);

impl FixedRules {
    /// The packs that come with the program.
    pub fn built_in() -> Self {
        Self(BUILT_IN.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    }
}

impl FixedRules {
    /// The packs that a daemon of this data directory would start with: the owner's own, and those that
    /// would be laid out or renewed beside them. Nothing is written; without a directory, the built-in ones.
    ///
    /// # Errors
    /// If the directory is there and cannot be read.
    pub fn of_data_dir(data_dir: &Path) -> Result<Self, RulesError> {
        let dir = data_dir.join("rules");
        if !dir.is_dir() {
            return Ok(Self::built_in());
        }
        let read = RuleDir(dir.clone()).read().map_err(io::Error::other);
        let mut packs: BTreeMap<String, String> =
            read.map_err(|source| RulesError { dir: dir.clone(), source })?.into_iter().collect();
        let note = fs::read(data_dir.join(LAID)).or_else(|_| fs::read(dir.join(LAID_BEFORE)));
        let laid: Laid = note.ok().and_then(|note| serde_json::from_slice(&note).ok()).unwrap_or_default();
        for (name, text) in BUILT_IN {
            let there = packs.get(*name).map(|there| Digest::of(there.as_bytes()).to_string());
            if there.as_ref() == laid.get(*name) {
                packs.insert((*name).to_owned(), (*text).to_owned());
            }
        }
        Ok(Self(packs.into_iter().collect()))
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
    fn a_rehearsal_reads_the_packs_that_a_daemon_would_and_writes_nothing() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path();
        let built_in = FixedRules::built_in().0.len();
        assert_eq!(FixedRules::of_data_dir(dir).unwrap().0.len(), built_in);
        assert_eq!(fs::read_dir(dir).unwrap().count(), 0);
        RuleDir::lay_out(dir).unwrap();
        let (changed, removed) = (BUILT_IN[0].0, BUILT_IN[1].0);
        fs::write(dir.join("rules").join(changed), "# mine\n").unwrap();
        fs::remove_file(dir.join("rules").join(removed)).unwrap();
        fs::write(dir.join("rules/own.toml"), "# own\n").unwrap();
        let read = FixedRules::of_data_dir(dir).unwrap().0;
        assert_eq!(read, RuleDir::lay_out(dir).unwrap().read().unwrap());
        assert_eq!(read.len(), built_in);
    }

    #[test]
    fn a_pack_is_laid_out_once_and_its_owners_word_stands() {
        let dir = tempfile::tempdir().unwrap();
        let name = BUILT_IN[0].0;
        let path = dir.path().join("rules").join(name);
        let rules = RuleDir::lay_out(dir.path()).unwrap();
        assert!(rules.read().unwrap() == FixedRules::built_in().0);
        let stamp = rules.stamp();

        fs::write(&path, "# mine").unwrap();
        assert_ne!(rules.stamp(), stamp);
        RuleDir::lay_out(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "# mine");

        fs::remove_file(&path).unwrap();
        let rules = RuleDir::lay_out(dir.path()).unwrap();
        assert!(rules.read().unwrap() == FixedRules::built_in().0[1..]);
    }

    /// A pack of the project that the program does not bring along would be one that nobody has.
    #[test]
    fn every_pack_of_the_project_comes_with_the_program() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/rules");
        let names =
            |packs: &[(String, String)]| packs.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let (there, ours) = (RuleDir(folder).read().unwrap(), FixedRules::built_in().0);
        assert_eq!(names(&there), names(&ours));
        assert!(there == ours);
    }

    /// Everything that lies in `rules/`.
    fn there(data: &Path) -> Vec<String> {
        let entries = fs::read_dir(data.join("rules")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_rules_directory_removed_whole_stays_empty() {
        let dir = tempfile::tempdir().unwrap();
        RuleDir::lay_out(dir.path()).unwrap();
        let packs: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        assert_eq!(there(dir.path()), packs, "nothing but packs");
        fs::remove_dir_all(dir.path().join("rules")).unwrap();
        for _ in 0..2 {
            RuleDir::lay_out(dir.path()).unwrap();
            assert_eq!(there(dir.path()), [""; 0]);
        }
    }

    #[test]
    fn while_the_note_cannot_be_read_nothing_is_laid_out() {
        for spoil in [
            |note: &Path| fs::write(note, "{").unwrap(),
            |note: &Path| {
                fs::remove_file(note).unwrap();
                fs::create_dir(note).unwrap();
            },
        ] {
            let dir = tempfile::tempdir().unwrap();
            RuleDir::lay_out(dir.path()).unwrap();
            let pack = dir.path().join("rules").join(BUILT_IN[0].0);
            fs::remove_file(&pack).unwrap();
            spoil(&dir.path().join(LAID));
            let read = RuleDir::lay_out(dir.path()).unwrap().read().unwrap();
            assert!(read == FixedRules::built_in().0[1..]);
            // Removed, as the message says, it is laid out anew.
            let note = dir.path().join(LAID);
            let removed = if note.is_dir() { fs::remove_dir(note) } else { fs::remove_file(note) };
            removed.unwrap();
            RuleDir::lay_out(dir.path()).unwrap();
            assert!(pack.exists());
        }
    }

    #[test]
    fn a_note_where_it_stood_before_is_taken_along() {
        let dir = tempfile::tempdir().unwrap();
        RuleDir::lay_out(dir.path()).unwrap();
        fs::remove_file(dir.path().join("rules").join(BUILT_IN[0].0)).unwrap();
        fs::rename(dir.path().join(LAID), dir.path().join("rules").join(LAID_BEFORE)).unwrap();
        RuleDir::lay_out(dir.path()).unwrap();
        assert!(!there(dir.path()).contains(&BUILT_IN[0].0.to_owned()));
    }

    #[test]
    fn a_pack_laid_out_just_before_a_kill_is_not_taken_for_its_owners() {
        let dir = tempfile::tempdir().unwrap();
        RuleDir::lay_out(dir.path()).unwrap();
        let note = fs::read(dir.path().join(LAID)).unwrap();
        fs::remove_file(dir.path().join(LAID)).unwrap();
        RuleDir::lay_out(dir.path()).unwrap();
        assert_eq!(fs::read(dir.path().join(LAID)).unwrap(), note);
    }

    #[test]
    fn what_is_far_too_large_is_not_read_and_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let rules = RuleDir::lay_out(dir.path()).unwrap();
        let huge = dir.path().join("rules").join("huge.toml");
        fs::File::create(&huge).unwrap().set_len(1 << 40).unwrap();
        let why = rules.read().unwrap_err();
        assert!(why.contains("huge.toml") && why.contains("4 MiB"), "{why}");
        fs::remove_file(huge).unwrap();
        assert_eq!(rules.read().unwrap().len(), BUILT_IN.len());
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
        fs::write(dir.path().join(LAID), serde_json::to_vec(&laid).unwrap()).unwrap();
        RuleDir::lay_out(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(rules.join(name)).unwrap(), BUILT_IN[0].1);
    }
}
