//! Small helps for messages.

/// Implements [`Inspect`](mm_supervision::Inspect) for a message enum: one fixed word a variant,
/// and nothing of what it carries.
macro_rules! kinds {
    ($msg:ty { $($variant:ident => $kind:literal),* $(,)? }) => {
        impl mm_supervision::Inspect for $msg {
            fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $kind,)*
                }
            }
        }
    };
}

pub(crate) use kinds;
