//! What a strategy author sees: the Strategy trait, its context, a test kit.
