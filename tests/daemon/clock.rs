//! The clock of the machine under test, where somebody has moved it.
//!
//! Programs are started with an empty environment. `.ci/dates` moves the clock of a test by libfaketime, which is said
//! in the environment: what it says is passed on, so that test and program agree on the time.

/// What moves the clock of this process, if anything does.
pub fn moved() -> impl Iterator<Item = (String, String)> {
    std::env::vars().filter(|(name, _)| {
        ["LD_PRELOAD", "NO_FAKE_STAT"].contains(&name.as_str()) || name.starts_with("FAKETIME")
    })
}
