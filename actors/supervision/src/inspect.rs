//! What a message lets others see of itself.
//!
//! By allow-list only: what [`Inspect::fields`] does not name stays inside. It is called on a crash dump
//! or while a trace matches, never on the usual way of a message.

/// A message that can say what it is.
pub trait Inspect: Send + 'static {
    /// The message's kind: one fixed word per variant.
    fn kind(&self) -> &'static str;

    /// Named values that may be shown: owned, short, and nothing secret.
    fn fields(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The id of the action that caused it, if it carries one. Without one, the message inherits the
    /// action of the message its sender is handling.
    fn action(&self) -> Option<String> {
        None
    }
}
