//! A strategy proposes; it does not reach out. The compiler keeps most of that by the list of
//! dependencies; this reads the source for the rest. It guards against mistakes, not malice.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not be")]

use std::path::Path;

const REFUSED: [&str; 8] =
    ["std::net", "std::fs", "std::process", "std::env", "std::thread", "SystemTime", "Instant", "unsafe {"];

/// Offences in a file: each line that names something refused, or a group import that could.
fn offences(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        let code = if line.starts_with("//") { "" } else { line };
        let group = ["std::{", "use std as", "use std;", "extern crate", "#[path", "include!("];
        for word in REFUSED.iter().chain(&group).filter(|word| code.contains(**word)) {
            found.push(format!("line {}: {word}", n + 1));
        }
    }
    found
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path, String)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, visit);
        } else {
            visit(&path, std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn no_strategy_names_the_network_the_disk_the_clock_or_a_process() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = 0;
    walk(&source, &mut |path, text| {
        files += 1;
        assert_eq!(offences(&text), Vec::<String>::new(), "{}", path.display());
    });
    assert!(files > 10, "the walk found the source");
    let lib = std::fs::read_to_string(source.join("lib.rs")).unwrap();
    assert!(lib.contains("#![forbid(unsafe_code)]"));
}

#[test]
fn the_reading_finds_what_it_should() {
    for bad in
        ["use std::fs::File;", "  let t = Instant::now();", "use std::{net, fmt};", "std::env::var(\"X\")"]
    {
        assert_eq!(offences(bad).len(), 1, "{bad}");
    }
    assert!(offences("// std::fs is not for us").is_empty());
}

/// Of ours it depends on the kit alone, and on nothing that opens a socket or a file.
#[test]
fn the_list_of_dependencies_is_short() {
    let manifest = include_str!("../Cargo.toml");
    let section = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let names: Vec<&str> = section
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|n| !n.is_empty())
        .collect();
    assert_eq!(names, ["mm_sdk", "serde", "serde_json", "thiserror", "feed-rs"]);
}
