//! The one constructor of a Permit.
