//! `strategy new`: writes a crate with a strategy of one's own.
//!
//! It touches one directory, which must not be there yet, and looks for the source that the crate will be
//! built against: a folder that you name or that lies above, or a git repository, which it does not read. The
//! crate is written beside its place and renamed, so that it is there whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use mm_core::untrusted::Untrusted;

use crate::cli::{Done, examples};
use crate::exit::{Exit, Failure};
use crate::machine::Machine;

/// The crate's files: where each lies, and its text with `@NAME@` and the like in it.
const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("template/Cargo.toml.in")),
    ("README.md", include_str!("template/README.md")),
    (".gitignore", include_str!("template/gitignore")),
    ("config.toml", include_str!("template/config.toml")),
    ("rules/practice.toml", include_str!("template/rules.toml")),
    ("src/lib.rs", include_str!("template/lib.rs.in")),
    ("src/main.rs", include_str!("template/main.rs.in")),
    ("tests/kit.rs", include_str!("template/kit.rs.in")),
    ("tests/sandbox.rs", include_str!("template/sandbox.rs.in")),
];

/// Names that cargo refuses or that the crate's own parts have (Rust's keywords; cargo's reserved names; the
/// packages of this program, since a lock file holds one package of a name and version without a registry).
const TAKEN: &str = "abstract alloc as async await become box break build config const continue core crate data deps do \
    dyn else enum examples extern false final fn for gen if impl in incremental kit let loop macro match \
    mm-sdk mod money-machine money-machine-core money-machine-permit money-machine-sdk money-machine-services \
    money-machine-store money-machine-strategies money-machine-supervision move mut override priv proc-macro pub ref return sandbox \
    self serde serde-json static std struct super test tests trait true try type typeof unsafe unsized \
    use virtual where while yield";

/// The longest name, so that the file names made of it fit everywhere.
const NAME_MAX: usize = 40;

/// Writes a crate with a strategy of your own
#[derive(Debug, Args)]
#[command(
    long_about = "Writes a crate with a strategy of your own: one that works in the sandbox as it stands, its rule \
        file, its tests, and a program with it and everything that comes with this one. It is built against \
        money-machine's source: a folder on this computer, or a git repository. The guide is docs/strategies.md \
        there.",
    after_long_help = examples(
        "money-machine strategy new grant-watch\n\
         money-machine strategy new grant-watch --dir ~/grant-watch --source ~/money-machine\n\
         money-machine strategy new grant-watch --git ssh://git.example/money-machine.git"
    )
)]
pub struct Options {
    /// Its name: a-z, 0-9 and single `-`, beginning with a letter
    name: String,
    /// Where the crate is written; nothing may be there [default: NAME in the working directory]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The folder of money-machine's source [default: the nearest above the crate or the working directory]
    #[arg(long, value_name = "DIR", conflicts_with = "git")]
    source: Option<PathBuf>,
    /// The git repository of money-machine's source, which cargo will fetch
    #[arg(long, value_name = "URL")]
    git: Option<String>,
}

/// Why there is no crate.
#[derive(Debug, thiserror::Error)]
enum NotMade {
    #[error(
        "`{0}` cannot be a strategy's name: use 1 to {NAME_MAX} of a-z, 0-9 and single `-`, beginning with a letter"
    )]
    Name(String),
    #[error("`{0}` means something to Rust or to cargo; choose another name")]
    Taken(String),
    #[error("this program has a strategy `{0}` already; choose another name")]
    Known(String),
    #[error("`{}` is there already; choose another `--dir`, or move it away", .0.display())]
    Exists(PathBuf),
    #[error("`{}` is not money-machine's source: it has no actors/sdk/Cargo.toml", .0.display())]
    NotSource(PathBuf),
    #[error(
        "money-machine's source is not above this place; say where it is with `--source DIR` or `--git URL`"
    )]
    NoSource,
    #[error("`{0}` is not the URL of a git repository: it begins with https://, ssh:// or file://")]
    NotGit(String),
    #[error("the path `{}` is not UTF-8, and Cargo.toml is; use another", .0.display())]
    NotText(PathBuf),
    #[error("could not write `{}`", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

pub(super) fn execute(machine: &Machine, options: &Options, today: &str) -> Done {
    let made = make(machine, options, today);
    let dir = made.map_err(|error| Failure::new("make a strategy", error))?;
    eprintln!("`{}` is made; next: cd '{0}' && cargo test --no-default-features", dir.display());
    Ok(Exit::Done)
}

fn make(machine: &Machine, options: &Options, today: &str) -> Result<PathBuf, NotMade> {
    let name = options.name.as_str();
    check(machine, name)?;
    let dir = options.dir.clone().unwrap_or_else(|| PathBuf::from(name));
    if dir.symlink_metadata().is_ok() {
        return Err(NotMade::Exists(dir));
    }
    let source = Source::of(options, &dir)?;
    let half = half_of(&dir);
    let written = write(&half, name, &source, today).and_then(|()| {
        // Onto an empty directory a rename would succeed: whoever made one meanwhile keeps it.
        if dir.symlink_metadata().is_ok() {
            return Err(NotMade::Exists(dir.clone()));
        }
        fs::rename(&half, &dir).map_err(at(&dir))
    });
    if written.is_err() {
        // What it was, the error says already.
        drop(fs::remove_dir_all(&half));
    }
    written.map(|()| dir)
}

fn check(machine: &Machine, name: &str) -> Result<(), NotMade> {
    let part =
        |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let begins = name.bytes().next().is_some_and(|c| c.is_ascii_lowercase());
    if !begins || name.len() > NAME_MAX || !name.split('-').all(part) {
        return Err(NotMade::Name(Untrusted::new(name).line(80)));
    }
    if TAKEN.split(' ').any(|taken| taken == name) {
        return Err(NotMade::Taken(name.to_owned()));
    }
    if machine.names().contains(&name) {
        return Err(NotMade::Known(name.to_owned()));
    }
    Ok(())
}

/// What the crate is built against.
enum Source {
    Folder(PathBuf),
    Git(String),
}

impl Source {
    /// The one that is named, or the folder that is nearest above the crate or the working directory.
    fn of(options: &Options, dir: &Path) -> Result<Self, NotMade> {
        if let Some(url) = &options.git {
            let known = ["https://", "ssh://", "file://"].iter().any(|scheme| url.starts_with(scheme));
            let plain = !url.chars().any(|c| c.is_control() || c.is_whitespace());
            return if known && plain {
                Ok(Self::Git(url.clone()))
            } else {
                Err(NotMade::NotGit(Untrusted::new(url.as_str()).line(80)))
            };
        }
        if let Some(named) = &options.source {
            return whole(named).map(Self::Folder).ok_or_else(|| NotMade::NotSource(named.clone()));
        }
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        nearest(&[parent, Path::new(".")]).map(Self::Folder).ok_or(NotMade::NoSource)
    }

    /// As a dependency in `Cargo.toml`: of the program, which lies at the top, or of a part `below` it.
    fn dependency(&self, below: &str) -> Result<String, NotMade> {
        let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
        match self {
            Self::Git(url) => Ok(format!("git = {}", text(url))),
            Self::Folder(top) => {
                let path = if below.is_empty() { top.clone() } else { top.join(below) };
                path.to_str()
                    .map(|path| format!("path = {}", text(path)))
                    .ok_or_else(|| NotMade::NotText(path.clone()))
            }
        }
    }
}

/// The folder by its full name, if money-machine's source is there.
fn whole(dir: &Path) -> Option<PathBuf> {
    fs::canonicalize(dir).ok().filter(|dir| dir.join("actors/sdk/Cargo.toml").is_file())
}

/// The first source at or above one of the folders.
fn nearest(folders: &[impl AsRef<Path>]) -> Option<PathBuf> {
    let above = |dir: &PathBuf| dir.ancestors().find_map(whole);
    folders.iter().filter_map(|dir| fs::canonicalize(dir).ok()).find_map(|dir| above(&dir))
}

/// A place beside `dir` for a crate that is not whole yet.
fn half_of(dir: &Path) -> PathBuf {
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push(format!(".half-{}", std::process::id()));
    dir.with_file_name(name)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> NotMade {
    let path = path.to_owned();
    move |source| NotMade::Write { path, source }
}

fn write(half: &Path, name: &str, source: &Source, today: &str) -> Result<(), NotMade> {
    let words = [
        ("@SOURCE@", source.dependency("")?),
        ("@SDK@", source.dependency("actors/sdk")?),
        ("@NAME@", name.to_owned()),
        ("@CRATE@", name.replace('-', "_")),
        ("@TYPE@", type_name(name)),
        ("@TODAY@", today.to_owned()),
    ];
    for (place, template) in FILES {
        let path = half.join(place);
        let filled = words.iter().fold((*template).to_owned(), |text, (word, is)| text.replace(word, is));
        let folder = path.parent().unwrap_or(half);
        fs::create_dir_all(folder).and_then(|()| fs::write(&path, filled)).map_err(at(&path))?;
    }
    // The versions that the program's own tests ran with; cargo takes out what is not needed.
    if let Source::Folder(top) = source {
        let lock = top.join("Cargo.lock");
        if lock.is_file() {
            fs::copy(&lock, half.join("Cargo.lock")).map_err(at(&lock))?;
        }
    }
    Ok(())
}

/// `grant-watch` as `GrantWatchStrategy`: with that word behind it no name makes a type that the template brings in,
/// such as `Source`, or that is Rust's own, such as `Option`.
fn type_name(name: &str) -> String {
    let part = |part: &str| {
        let (first, rest) = part.split_at(1);
        first.to_ascii_uppercase() + rest
    };
    name.split('-').map(part).collect::<String>() + "Strategy"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn machine() -> Machine {
        Machine::new().with_builtins()
    }

    fn options(name: &str, dir: &Path) -> Options {
        let source = Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        Options { name: name.to_owned(), dir: Some(dir.to_owned()), source, git: None }
    }

    #[test]
    fn a_bad_name_is_refused_with_a_sentence_and_nothing_is_made() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("made");
        let bad = [
            "",
            "Upper",
            "a_b",
            "a--b",
            "-a",
            "a-",
            "1a",
            "a/b",
            "../a",
            "a b",
            "ä",
            "a.b",
            "\u{1b}[31ma",
            "а",
            &"a".repeat(41),
        ];
        for name in bad {
            let said = make(&machine(), &options(name, &dir), "2026-11-23").unwrap_err().to_string();
            assert!(said.contains("cannot be a strategy's name"), "{name}: {said}");
            assert!(!said.contains('\u{1b}'), "{said:?}");
        }
        let taken = ["self", "serde", "core", "test"].map(|name| (name, "means something"));
        let machine = machine();
        let known = machine.names().into_iter().map(|name| (name, "already"));
        for (name, why) in taken.into_iter().chain(known) {
            let said = make(&machine, &options(name, &dir), "2026-11-23").unwrap_err().to_string();
            assert!(said.contains(why), "{name}: {said}");
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }

    /// Whatever the name: the type that is made of it stands beside what the templates and the prelude name.
    #[test]
    fn no_name_makes_a_type_that_is_there_already() {
        let prelude = "Option Some None Result Ok Err String Vec Box Default Clone Copy Send Sync Sized Drop Fn FnMut \
            FnOnce From Into Iterator Extend ToOwned ToString Eq Ord PartialEq PartialOrd Strategy Duration";
        let sources = FILES.iter().filter(|(place, _)| place.ends_with(".rs")).map(|(_, text)| *text);
        let there: BTreeSet<&str> = sources
            .chain([prelude])
            .flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric()))
            .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
            .collect();
        assert!(["Source", "Memory", "Posts", "Option"].iter().all(|word| there.contains(word)), "{there:?}");
        for word in &there {
            let dash = |c: char| {
                let dash = if c.is_ascii_uppercase() { "-" } else { "" };
                format!("{dash}{}", c.to_ascii_lowercase())
            };
            let stem = word.strip_suffix("Strategy").unwrap_or(word);
            for whole in [word, stem] {
                let name: String =
                    whole.chars().map(dash).collect::<String>().trim_start_matches('-').to_owned();
                let made = if name.is_empty() { String::new() } else { type_name(&name) };
                assert!(!there.contains(made.as_str()), "`{name}` makes a second {made}");
            }
        }
    }

    /// Two packages of one name, version and kind of source are no lock file.
    #[test]
    fn the_programs_own_packages_are_no_names() {
        let home = tempfile::tempdir().unwrap();
        let actors = Path::new(env!("CARGO_MANIFEST_DIR")).join("actors");
        let mut packages = 0;
        for part in fs::read_dir(actors).unwrap() {
            let Ok(text) = fs::read_to_string(part.unwrap().path().join("Cargo.toml")) else { continue };
            let manifest: toml::Table = text.parse().unwrap();
            let name = manifest["package"]["name"].as_str().unwrap();
            let refused =
                make(&machine(), &options(name, &home.path().join("made")), "2026-11-23").unwrap_err();
            assert!(matches!(refused, NotMade::Taken(_)), "{name}: {refused}");
            packages += 1;
        }
        assert!(packages > 4);
    }

    #[test]
    fn what_is_there_already_is_never_touched() {
        let home = tempfile::tempdir().unwrap();
        let (empty, file) = (home.path().join("empty"), home.path().join("file"));
        fs::create_dir(&empty).unwrap();
        fs::write(&file, "mine").unwrap();
        let lost = home.path().join("lost");
        std::os::unix::fs::symlink("nowhere", &lost).unwrap();
        for dir in [&empty, &file, &lost] {
            let refused = make(&machine(), &options("a-watch", dir), "2026-11-23").unwrap_err();
            assert!(matches!(refused, NotMade::Exists(_)), "{refused}");
        }
        assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_crate_is_written_whole_or_not_at_all() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("made");
        let elsewhere = Options { source: Some(home.path().to_owned()), ..options("a-watch", &dir) };
        let refused = make(&machine(), &elsewhere, "2026-11-23").unwrap_err();
        assert!(matches!(refused, NotMade::NotSource(_)), "{refused}");
        let nowhere = options("a-watch", &home.path().join("none\u{0}"));
        assert!(matches!(make(&machine(), &nowhere, "2026-11-23"), Err(NotMade::Write { .. })));
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);

        make(&machine(), &options("a-watch", &dir), "2026-11-23").unwrap();
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
        for (place, _) in FILES {
            let text = fs::read_to_string(dir.join(place)).unwrap();
            for word in ["@NAME@", "@TYPE@", "@CRATE@", "@SOURCE@", "@SDK@", "@TODAY@"] {
                assert!(!text.contains(word), "{place} holds {word}");
            }
        }
        // Nobody has read terms for it: a date alone would say that somebody has.
        let rules = fs::read_to_string(dir.join("rules/practice.toml")).unwrap();
        let dated: Vec<&str> = rules.split("\nreviewed = ").collect();
        assert!(
            dated.len() == 2 && dated[0].contains("# NOT REVIEWED") && dated[1].starts_with("2026-11-23"),
            "{rules}"
        );
        let manifest: toml::Table = fs::read_to_string(dir.join("Cargo.toml")).unwrap().parse().unwrap();
        let sdk = manifest["dependencies"]["money-machine-sdk"]["path"].as_str().unwrap();
        assert!(Path::new(sdk).join("Cargo.toml").is_file(), "{sdk}");
        assert!(fs::read_to_string(dir.join("src/lib.rs")).unwrap().contains("pub struct AWatchStrategy {"));
    }
    /// Where the source is, its owner says; nothing of the computer that built this program gets in.
    #[test]
    fn a_git_repository_is_named_as_it_was_given() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("made");
        let from =
            |git: &str| Options { source: None, git: Some(git.to_owned()), ..options("a-watch", &dir) };
        for bad in ["", "money-machine", "git@example:a.git", "https://a b", "https://a\u{1b}[2J", "http://a"]
        {
            let refused = make(&machine(), &from(bad), "2026-11-23").unwrap_err();
            assert!(matches!(refused, NotMade::NotGit(_)), "{bad}: {refused}");
        }
        let url = "https://git.example/\"money\".git";
        make(&machine(), &from(url), "2026-11-23").unwrap();
        let manifest: toml::Table = fs::read_to_string(dir.join("Cargo.toml")).unwrap().parse().unwrap();
        for package in ["money-machine", "money-machine-sdk"] {
            assert_eq!(manifest["dependencies"][package]["git"].as_str(), Some(url));
        }
        for (place, _) in FILES {
            let text = fs::read_to_string(dir.join(place)).unwrap();
            assert!(!text.contains(env!("CARGO_MANIFEST_DIR")), "{place} names a place of this computer");
        }
        assert!(!dir.join("Cargo.lock").exists());
    }

    #[test]
    fn a_source_above_is_found_and_none_is_made_up() {
        let home = tempfile::tempdir().unwrap();
        let top = fs::canonicalize(home.path()).unwrap();
        let beside = Options { source: None, ..options("a-watch", &top.join("src/own/a-watch")) };
        fs::create_dir_all(top.join("src/own")).unwrap();
        fs::create_dir_all(top.join("src/actors/sdk")).unwrap();
        fs::write(top.join("src/actors/sdk/Cargo.toml"), "").unwrap();
        let Ok(Source::Folder(found)) = Source::of(&beside, &top.join("src/own/a-watch")) else { panic!() };
        assert_eq!(found, top.join("src"));
        assert!(nearest(&[top.join("elsewhere"), top.clone()]).is_none());
    }
}
