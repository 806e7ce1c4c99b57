//! Golden files: the bytes of every stored schema, kept for ever under `actors/store/golden`.
//!
//! For tests of this crate and of every crate that stores records. A file that is missing is written
//! and fails the test once, so that it is looked at and committed; one that differs means that the
//! schema changed without a new version.

use std::path::PathBuf;

use crate::codec;
use crate::frame::Head;
use crate::key::Kind;
use crate::record::{Record, read_value};

fn path(kind: Kind, version: u16) -> PathBuf {
    let room = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"));
    room.join(kind.name).join(format!("v{version}.bin"))
}

/// Checks `bytes` against the golden file of `kind` at `version`.
///
/// # Panics
/// If they differ, or if there was no file (it is written then).
pub fn check(kind: Kind, version: u16, bytes: &[u8]) {
    let path = path(kind, version);
    match std::fs::read(&path) {
        Ok(golden) => assert!(
            golden == bytes,
            "`{}` is stored differently than before: raise its schema version, write its upgrade, and \
             keep {} as it is",
            kind.name,
            path.display()
        ),
        Err(_) => {
            let made = path.parent().map(std::fs::create_dir_all);
            made.and_then(Result::ok).expect("the folder for golden files can be made");
            std::fs::write(&path, bytes).expect("a golden file can be written");
            panic!("{} was missing and is written: look at it, commit it, run again", path.display());
        }
    }
}

/// Checks that `record` is stored as its golden file says, and that every older version's golden file
/// still opens. Returns what the files of older versions became, oldest first.
///
/// # Panics
/// If the bytes differ, or a file does not open.
pub fn check_record<R: Record>(record: &R) -> Vec<R> {
    let bytes = codec::encode(record).expect("a golden record encodes");
    let again = codec::decode::<R>(&bytes).and_then(|record| codec::encode(&record));
    assert!(
        again.is_ok_and(|again| again == bytes),
        "`{}` does not survive the codec: see what must not be derived on a record",
        R::KIND.name
    );
    check(R::KIND, R::KIND.version, &bytes);
    let head = |schema_version| Head { schema: R::KIND.schema, schema_version, row_version: 1, flags: 0 };
    let older = (0..R::KIND.version)
        .filter_map(|version| Some((version, std::fs::read(path(R::KIND, version)).ok()?)));
    older
        .map(|(version, bytes)| match read_value::<R>(head(version), &bytes) {
            Ok(row) => row.value,
            Err(error) => panic!("`{}` of version {version} does not open: {error}", R::KIND.name),
        })
        .collect()
}
