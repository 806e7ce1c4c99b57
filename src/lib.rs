//! The machine: assembly, command line, admin API and sandbox.

pub mod admin;
pub mod channel;
pub mod cli;
pub mod client;
pub mod config;
pub mod evidence;
pub mod exit;
pub mod guardian;
pub mod inprocess;
pub mod keys;
pub mod logs;
pub mod machine;
pub mod notify;
pub mod platforms;
pub mod reload;
pub mod rules;
pub mod run;
pub mod sandbox;
pub mod seams;
pub mod service;
pub mod simulation;
pub mod views;
