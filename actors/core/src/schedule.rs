//! When a thing is due.
mod span;
pub use span::{BadSpan, parse_span, show_span};
