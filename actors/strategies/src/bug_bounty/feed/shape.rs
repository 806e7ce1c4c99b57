//! What the five parsers share: keys, the two sides of a scope, and elements that may be unreadable.
//!
//! Every source wraps the same things in other words. What cannot be read is passed on as such
//! (`None`, or the flag that says "in part"), never as empty.

use crate::bug_bounty::scope::{NO_KIND, Target};
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// A programme's key: a string, or a number where a source should go over to numbers.
pub(super) struct Key(String);

impl Key {
    /// The trimmed key, if anything is left of it.
    pub(super) fn checked<E: serde::de::Error>(&self) -> Result<Box<str>, E> {
        match self.0.trim() {
            "" => Err(E::custom("the programme's key is empty")),
            key => Ok(key.into()),
        }
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a programme's key")
            }
            fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Key, E> {
                Ok(Key(key.to_owned()))
            }
            fn visit_u64<E: serde::de::Error>(self, key: u64) -> Result<Key, E> {
                Ok(Key(key.to_string()))
            }
        }
        deserializer.deserialize_any(KeyVisitor)
    }
}

/// Both sides of a programme's scope. A side that is not there is unknown, not empty.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
pub(super) struct Sides<T> {
    pub(super) in_scope: Option<Vec<T>>,
    pub(super) out_of_scope: Option<Vec<T>>,
}

/// An element that may be unreadable. Parsers read `T` first and this only when that failed, so
/// that the good case is read once.
pub(super) struct Lenient<T>(Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Lenient<T>, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Ok(Lenient(serde_json::from_str(raw.get()).ok()))
    }
}

/// `T` itself, or a `T` that may have been unreadable.
pub(super) trait Entry<T> {
    fn open(self) -> Option<T>;
}

impl<T> Entry<T> for T {
    fn open(self) -> Option<T> {
        Some(self)
    }
}

impl<T> Entry<T> for Lenient<T> {
    fn open(self) -> Option<T> {
        self.0
    }
}

/// Turns the raw sides into targets; the second value says that some could not be read.
/// `make` answers `None` for an element without any identifier: there is nothing to watch in it.
pub(super) fn targets_of<T, E: Entry<T>>(
    sides: Option<Sides<E>>,
    make: impl Fn(T, bool) -> Option<Target>,
) -> (Vec<Target>, bool) {
    let Some(sides) = sides else {
        return (Vec::new(), true);
    };
    let mut partial = sides.in_scope.is_none();
    let mut targets = Vec::new();
    for (side, in_scope) in [(sides.in_scope, true), (sides.out_of_scope, false)] {
        for entry in side.into_iter().flatten() {
            match entry.open() {
                Some(raw) => targets.extend(make(raw, in_scope)),
                None => partial = true,
            }
        }
    }
    (targets, partial)
}

/// The first of the candidates that is more than spaces, trimmed.
pub(super) fn first_text(candidates: [Option<&str>; 3]) -> Option<Box<str>> {
    let mut texts = candidates.into_iter().flatten().map(str::trim);
    texts.find(|text| !text.is_empty()).map(Into::into)
}

/// A source's word for a target's kind.
pub(super) fn kind_of(word: Option<&str>) -> Box<str> {
    first_text([word, None, None]).unwrap_or_else(|| NO_KIND.into())
}

/// A programme's name; its key where the source gives none.
pub(super) fn name_of(name: Option<&str>, key: &str) -> Box<str> {
    first_text([name, Some(key), None]).unwrap_or_default()
}
