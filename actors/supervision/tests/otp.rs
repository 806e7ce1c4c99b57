//! OTP's rules, twice: against a table written from its documentation, and against a real OTP supervisor
//! where `erl` is installed. Both run small scripts of crashes and commands and look at what the children
//! saw: who was started, who was stopped or killed, in which order, and whether the supervisor ended.

#![allow(clippy::unwrap_used, reason = "what helps a test is a test")]

#[path = "otp/compare.rs"]
mod compare;
#[path = "otp/generate.rs"]
mod generate;
#[path = "otp/ours.rs"]
mod ours;
#[path = "otp/script.rs"]
mod script;
#[path = "otp/table.rs"]
mod table;
#[path = "otp/theirs.rs"]
mod theirs;
