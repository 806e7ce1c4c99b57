//! The text, and the words in it as systemd takes them apart.

use proptest::prelude::*;

use super::*;

fn plan(scope: Scope) -> Plan {
    Plan {
        scope,
        binary: "/usr/local/bin/money-machine".into(),
        data_dir: "/var/lib/money-machine".into(),
        config: None,
        sandbox: false,
        user: "money-machine".to_owned(),
    }
}

/// As systemd's `extract_first_word` with UNQUOTE and CUNESCAPE, then specifiers: for what we write.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut inside, mut begun) = (Vec::new(), String::new(), false, false);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => (inside, begun) = (!inside, true),
            '\\' => word.push(chars.next().expect("what is escaped")),
            '%' => {
                assert_eq!(chars.next(), Some('%'), "a specifier: {line}");
                word.push('%');
            }
            ' ' if !inside => {
                words.extend(begun.then(|| std::mem::take(&mut word)));
                begun = false;
            }
            c => (word.push(c), begun = true).0,
        }
    }
    assert!(!inside, "an open quote: {line}");
    words.extend(begun.then_some(word));
    words
}

proptest! {
    #[test]
    fn any_path_comes_back_as_it_was(names in prop::collection::vec("[^/\\x00-\\x1f\\x7f-\\x9f]{1,12}", 1..4)) {
        let path = PathBuf::from(format!("/{}", names.join("/")));
        let binary = PathBuf::from(path.to_str().unwrap().replace(['"', '\'', '\\'], "_"));
        let plan = Plan {
            binary: binary.clone(), data_dir: path.clone(), config: Some(path.clone()), sandbox: true, ..plan(Scope::User)
        };
        let text = plan.text().unwrap();
        let start = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        let path = path.to_str().unwrap();
        let program = format!(":{}", binary.display());
        prop_assert_eq!(
            words(start),
            [program.as_str(), "run", "--sandbox", "--data-dir", path, "--config", path].map(str::to_owned)
        );
        prop_assert_eq!(compare(&text, Scope::User, &binary), Found::Current);
    }
}

#[test]
fn a_plain_plan_gives_the_built_in_unit() {
    let text = plan(Scope::System).text().unwrap();
    let (mark, rest) = text.split_once('\n').unwrap();
    assert_eq!(mark, format!("{MARK}{}.", env!("CARGO_PKG_VERSION")));
    // In the file the binary is quoted for the eyes of a packager; here it need not be.
    assert_eq!(words_of(rest), words_of(SYSTEM));
}

fn words_of(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| words(line.strip_prefix("ExecStart=").unwrap_or(line))).collect()
}

#[test]
fn what_the_hardening_hides_is_refused_for_the_system_and_not_for_a_user() {
    for path in ["/home/me/money-machine", "/root/x", "/tmp/x", "/var/tmp/x", "/run/user/1000/x"] {
        let hidden = Err(UnitError::Hidden(path.into()));
        assert_eq!(Plan { binary: path.into(), ..plan(Scope::System) }.text(), hidden);
        assert_eq!(Plan { config: Some(path.into()), ..plan(Scope::System) }.text(), hidden);
        assert!(Plan { binary: path.into(), data_dir: path.into(), ..plan(Scope::User) }.text().is_ok());
    }
}

#[test]
fn the_data_of_the_system_lie_where_systemd_makes_them() {
    for wrong in ["/srv/data", "/var/lib", "/var/lib/private/x", "/var/lib/a b", "/var/lib/x/../../../etc"] {
        let plan = Plan { data_dir: wrong.into(), ..plan(Scope::System) };
        assert_eq!(plan.text(), Err(UnitError::DataDir(wrong.into())), "{wrong}");
    }
    let text = Plan { data_dir: "/var/lib/mm/two".into(), ..plan(Scope::System) }.text().unwrap();
    assert!(text.contains("\nStateDirectory=mm/two\n"), "{text}");
}

#[test]
fn what_cannot_stand_in_a_unit_is_refused() {
    let with = |path: &str| Plan { binary: path.into(), ..plan(Scope::User) }.text();
    assert_eq!(with("/a\nExecStart=/bin/sh"), Err(UnitError::Path("/a\nExecStart=/bin/sh".into())));
    for quote in ['"', '\'', '\\'] {
        let path = format!("/a{quote}b");
        assert_eq!(with(&path), Err(UnitError::Binary(path.clone().into())));
    }
    assert_eq!(with("bin/x"), Err(UnitError::Relative("bin/x".into())));
    for wrong in ["", "-x", "a b", "root\nUser=0", "%u"] {
        let plan = Plan { user: wrong.to_owned(), ..plan(Scope::System) };
        assert_eq!(plan.text(), Err(UnitError::User(wrong.to_owned())));
    }
}

#[test]
fn a_unit_is_known_again() {
    for scope in [Scope::User, Scope::System] {
        let plan = Plan { user: "me".to_owned(), data_dir: "/var/lib/other".into(), ..plan(scope) };
        let text = plan.text().unwrap();
        assert_eq!(compare(&text, scope, &plan.binary), Found::Current);
        assert_eq!(compare(&text, scope, Path::new("/opt/money-machine")), Found::OtherBinary);
        assert_eq!(compare(&text.replace("60", "90"), scope, &plan.binary), Found::Differs);
        assert_eq!(compare(&text.replace(".\n", ".9\n"), scope, &plan.binary), Found::Differs);
        assert_eq!(compare(text.split_once('\n').unwrap().1, scope, &plan.binary), Found::Foreign);
    }
    assert_eq!(compare("", Scope::User, Path::new("/x")), Found::Foreign);
}
