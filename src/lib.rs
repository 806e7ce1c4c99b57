//! The machine: assembly, command line, admin API and sandbox.

pub mod views;
pub mod client;
pub mod cli;
pub mod admin;
pub mod config;
pub mod exit;
pub mod logs;
pub mod sandbox;
pub mod inprocess;
pub mod machine;
pub mod rules;
pub mod run;
pub mod seams;
pub mod simulation;
