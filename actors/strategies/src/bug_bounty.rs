//! The strategy `bug-bounty`: watches public scope files and tells what is new in them.
pub mod digest;
pub mod feed;
pub mod finding;
pub mod flap;
pub mod health;
pub mod memory;
pub mod observe;
pub mod scope;
