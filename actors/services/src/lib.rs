//! Runs: one actor a file, each a thin shell over core.
