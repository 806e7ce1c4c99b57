use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// Bytes that anybody could guess.
struct Counting(std::sync::atomic::AtomicU8);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        for byte in buffer {
            *byte = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

fn entropy() -> Counting {
    Counting(Default::default())
}

struct Home {
    dir: tempfile::TempDir,
    env: Vec<(String, String)>,
    prompt: bool,
}

impl Home {
    fn new() -> Home {
        Home { dir: tempfile::tempdir().unwrap(), env: Vec::new(), prompt: false }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn set(&mut self, name: &str, path: &Path) {
        self.env.push((name.to_owned(), path.display().to_string()));
    }

    fn keys(&self) -> SystemKeys {
        let config = Vault { key_file: None, prompt: self.prompt };
        SystemKeys::new(&Env::new(self.env.clone()), &config, self.dir.path())
    }
}

fn id(found: Result<Option<Found>, String>) -> Option<String> {
    found.unwrap().map(|found| found.keys[0].id().to_string())
}

#[test]
fn the_first_source_that_is_there_is_used() {
    let mut home = Home::new();
    let hex = |digit: &str| digit.repeat(64);
    let (one, two) = (Key::parse(hex("1").as_bytes()).unwrap(), Key::parse(hex("2").as_bytes()).unwrap());
    assert!(home.keys().find(&[]).unwrap().is_none());
    let passphrase = home.write("passphrase", "correct horse battery\nrest", 0o600);
    home.set(PASSPHRASE_FILE, &passphrase);
    let keys = home.keys();
    keys.read_passphrase().unwrap();
    let way = Derivation::fresh([7; 16]);
    let typed = id(keys.find(std::slice::from_ref(&way)));
    assert_eq!(typed, Some(way.key("correct horse battery").unwrap().id().to_string()));
    home.write(KEY_FILE, &hex("1"), 0o600);
    assert_eq!(id(home.keys().find(&[])), Some(one.id().to_string()));
    home.write(&format!("credentials/{CREDENTIAL}"), &format!("{}\n", hex("2")), 0o400);
    home.set(CREDENTIALS_DIRECTORY, &home.path("credentials"));
    assert_eq!(id(home.keys().find(&[])), Some(two.id().to_string()));
    let used: Vec<_> = home.keys().sources().into_iter().filter(|source| source.used).collect();
    assert_eq!((used.len(), used[0].name), (1, "systemd credential"));
    let names: Vec<_> = home.keys().sources().iter().map(|source| source.name).collect();
    assert_eq!(names, ["systemd credential", "key file", "passphrase", "keyring"]);
}

#[test]
fn a_key_file_that_others_may_read_is_refused_and_no_other_source_is_tried() {
    let mut home = Home::new();
    let passphrase = home.write("passphrase", "correct horse battery", 0o600);
    home.set(PASSPHRASE_FILE, &passphrase);
    for mode in [0o640, 0o604, 0o644, 0o660] {
        home.write(KEY_FILE, &"1".repeat(64), mode);
        let keys = home.keys();
        keys.read_passphrase().unwrap();
        let refused = keys.find(&[Derivation::fresh([1; 16])]).unwrap_err();
        assert!(refused.contains("chmod 600"), "{refused}");
        assert!(keys.make(&entropy()).is_err());
        assert!(keys.sources()[1].refused.is_some());
    }
    home.write(KEY_FILE, "no key", 0o600);
    assert!(home.keys().find(&[]).unwrap_err().contains("64 hex digits"));
    std::fs::remove_file(home.path(KEY_FILE)).unwrap();
    let elsewhere = home.write("elsewhere", &"1".repeat(64), 0o600);
    std::os::unix::fs::symlink(elsewhere, home.path(KEY_FILE)).unwrap();
    assert!(home.keys().find(&[]).is_err(), "no link is followed");
}

#[test]
fn a_key_file_is_made_for_its_owner_alone_and_changed_beside_itself() {
    let home = Home::new();
    let keys = home.keys();
    let made = keys.make(&entropy()).unwrap();
    let mode = std::fs::metadata(home.path(KEY_FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(id(keys.find(&[])), Some(made.key.id().to_string()));
    // What an earlier change has left is overwritten, with its own rights.
    home.write("master.key.new", "left over", 0o644);
    let new = keys.next(None, &Counting(9.into())).unwrap();
    assert_ne!(new.key.id(), made.key.id());
    assert_eq!(id(keys.find(&[])), Some(made.key.id().to_string()), "not yet");
    assert!(keys.swap(&made).is_err(), "another key lies beside it");
    assert_eq!(keys.swap(&new), Ok(true));
    assert_eq!(id(keys.find(&[])), Some(new.key.id().to_string()));
    assert!(!home.path("master.key.new").exists());
    let mode = std::fs::metadata(home.path(KEY_FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn a_passphrase_is_long_and_comes_from_a_file_of_ones_own() {
    let mut home = Home::new();
    home.prompt = true;
    assert!(home.keys().make(&entropy()).unwrap_err().contains(PASSPHRASE_FILE));
    assert!(home.keys().wants_passphrase(None) && home.keys().wants_passphrase(Some(true)));
    assert!(!home.keys().wants_passphrase(Some(false)));
    let path = home.write("passphrase", "short", 0o600);
    home.set(PASSPHRASE_FILE, &path);
    let keys = home.keys();
    keys.read_passphrase().unwrap();
    assert!(keys.make(&entropy()).unwrap_err().contains("at least 12"));
    home.write("passphrase", "correct horse battery", 0o644);
    assert!(home.keys().read_passphrase().unwrap_err().contains("chmod 600"));
    home.write("passphrase", "correct horse battery", 0o600);
    let keys = home.keys();
    keys.read_passphrase().unwrap();
    let made = keys.make(&entropy()).unwrap();
    let found = keys.find(&[made.derivation.clone().unwrap()]);
    assert_eq!(id(found), Some(made.key.id().to_string()));
    // Another one is laid beside it, and its owner puts it in place.
    let next = keys.next(Some(&Secret::new("another horse battery".into())), &entropy()).unwrap();
    assert_eq!(keys.swap(&next), Ok(false));
    assert!(!home.path(KEY_FILE).exists());
}
