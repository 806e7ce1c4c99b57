//! The elements of a list in an answer, each read for itself: a bad one costs itself alone.
//!
//! Pure. A list that has elements, of which none can be read, has changed its shape: that is a failure, and no
//! empty list.

use mm_sdk::json::{self, Unreadable};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What could be read, and a sentence for each element that could not.
pub(crate) type Elements<T> = (Vec<T>, Vec<Unreadable>);

/// The elements as an `R` each, which `what` names, and then as `take` takes it.
///
/// # Errors
/// [`Unreadable`] if there are elements and none can be read.
pub(crate) fn each<R: DeserializeOwned, T>(
    list: Vec<Value>,
    what: &str,
    take: impl Fn(R) -> Result<T, Unreadable>,
) -> Result<Elements<T>, Unreadable> {
    readable(tried(list, what, take))
}

/// As [`each`], of a part of a list: that none of it can be read may be the part's bad luck.
pub(crate) fn tried<R: DeserializeOwned, T>(
    list: Vec<Value>,
    what: &str,
    take: impl Fn(R) -> Result<T, Unreadable>,
) -> Elements<T> {
    let (raw, mut bad) = json::each::<R>(list, what);
    let mut good = Vec::with_capacity(raw.len());
    for raw in raw {
        match take(raw) {
            Ok(one) => good.push(one),
            Err(error) => bad.push(error),
        }
    }
    (good, bad)
}

/// The elements, if any could be read or there are none.
///
/// # Errors
/// The first [`Unreadable`] if there are elements and none can be read.
pub(crate) fn readable<T>((good, bad): Elements<T>) -> Result<Elements<T>, Unreadable> {
    match bad.first() {
        Some(first) if good.is_empty() => Err(first.clone()),
        _ => Ok((good, bad)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn even(number: u8) -> Result<u8, Unreadable> {
        if number.is_multiple_of(2) { Ok(number) } else { Err(Unreadable::new(format!("{number} is odd"))) }
    }

    #[test]
    fn a_bad_element_costs_itself_alone_and_a_list_of_bad_ones_is_no_empty_list() {
        let of = |list: Value| each::<u8, u8>(serde_json::from_value(list).unwrap(), "a number", even);
        let (good, bad) = of(json!([1, 2, "a", 4])).unwrap();
        assert_eq!(good, [2, 4]);
        let bad: Vec<String> = bad.iter().map(ToString::to_string).collect();
        assert!(bad.len() == 2 && bad[0].starts_with("number 3 is not a number:"), "{bad:?}");
        assert_eq!(bad[1], "1 is odd", "elements of another shape come first");
        assert_eq!(of(json!([1, 3])), Err(Unreadable::new("1 is odd")));
        assert!(of(json!(["a"])).is_err());
        assert_eq!(of(json!([])), Ok((vec![], vec![])));
    }
}
