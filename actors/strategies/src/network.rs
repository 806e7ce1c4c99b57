//! What the connectors of affiliate networks share: windows of time, commissions and exact numbers.
//!
//! | room | what it is for |
//! |---|---|
//! | [`number`] | decimals as a network writes them, never by way of a float |
//! | [`window`] | the slices of time that a network is asked for |
//!
//! A [`Commission`] is one line of a network's report. Several lines may be of one reference: a network that
//! corrects by further records lists a part each. Pure. What cannot be understood is a sentence and never an
//! amount.

pub mod number;
pub mod window;

pub use number::Exact;
pub use window::Window;

use mm_sdk::json::Unreadable;
use mm_sdk::{Answer, Currency, Decimal, Moment, Money, Stage, Untrusted};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// A single commission above this is not believed: networks pay cents to thousands, and one wrong digit must not
/// become income. In units of its currency, so that a sale in rupiah still passes.
const BELIEVED_MAX: i64 = 100_000_000;

/// The longest name of a commission that is taken, in characters.
const NAME_CHARS_MAX: usize = 80;

/// One line of a network's report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commission {
    /// The network's own name of what was earned.
    pub reference: String,
    /// Which part of it this line is: its own id where a network corrects by further lines, else empty.
    pub part: String,
    /// Whether this line is the one that the others correct.
    pub original: bool,
    /// How far it is.
    pub stage: Stage,
    /// How much it is now. Nothing, or less, for what was taken back and in corrections.
    pub money: Money,
    /// How much it was meant to be, where that is told beside what it is now.
    pub meant: Option<Money>,
    /// Whether the network may still decide on it.
    pub open: bool,
}

/// A page of a network's report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What could be understood.
    pub commissions: Vec<Commission>,
    /// A sentence for each line that could not.
    pub bad: Vec<String>,
    /// What the next page is asked with, in the network's own words; `None` on the last.
    pub next: Option<String>,
    /// When it came: as of then it is so. The networks do not say when a line last changed.
    pub at: Moment,
}

/// Reads each of a list's elements for itself, from its own text: a number keeps its digits. A list of which
/// nothing can be read has changed its shape, and is no empty list.
///
/// # Errors
/// [`Unreadable`] if there are elements and none can be read.
pub fn each<T: DeserializeOwned>(
    list: Vec<Box<RawValue>>,
    what: &str,
    understood: impl Fn(T) -> Result<Commission, String>,
) -> Result<(Vec<Commission>, Vec<String>), Unreadable> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let mut readable = 0;
    for (nth, element) in list.iter().enumerate() {
        match serde_json::from_str::<T>(element.get()) {
            Ok(raw) => {
                readable += 1;
                match understood(raw) {
                    Ok(commission) => good.push(commission),
                    Err(why) => bad.push(Untrusted::new(why).line(200)),
                }
            }
            Err(error) => {
                let why = format!("number {} is not {what}: {error}", nth + 1);
                bad.push(Untrusted::new(why).line(200));
            }
        }
    }
    match bad.first() {
        Some(first) if readable == 0 => Err(Unreadable::new(first.clone())),
        _ => Ok((good, bad)),
    }
}

/// The answer's body as a `T`, read from its text.
///
/// # Errors
/// [`Unreadable`] says what is wrong.
pub fn whole<T: DeserializeOwned>(answer: &Answer, what: &str) -> Result<T, Unreadable> {
    mm_sdk::json::read(answer, what)
}

/// A commission's name: one line that can stand in the books.
///
/// # Errors
/// A sentence.
pub fn name(of: &str, text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_graphic();
    if text.is_empty() || text.chars().count() > NAME_CHARS_MAX || !text.chars().all(plain) {
        return Err(format!(
            "{of} `{}` is no name that could stand in the books",
            Untrusted::new(text).line(40)
        ));
    }
    Ok(text.to_owned())
}

/// An amount of a network in a currency of its choice.
///
/// # Errors
/// A sentence, for what the books do not hold and for what nobody would pay.
pub fn money(amount: Decimal, currency: &str) -> Result<Money, String> {
    let currency: Currency = currency.parse().map_err(|bad| format!("{bad}"))?;
    if amount.abs() >= Decimal::from(BELIEVED_MAX) {
        return Err(format!(
            "{amount} {currency} for one commission is not believed: look at the network yourself"
        ));
    }
    // A network that counts in fractions of a cent writes trailing zeros with it.
    Money::new(amount.normalize(), currency).map_err(|bad| bad.to_string())
}
