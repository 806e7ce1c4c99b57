//! `earnings export`: the books as a file that other programs read.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::ask::Asker;
use crate::cli::print;
use crate::cli::refuse;
use crate::exit::Failure;
use crate::views::Question;
use crate::views::earning::{ExportView, FORMATS};

/// What is written where.
#[derive(Debug, Args)]
pub struct Options {
    /// What reads it
    #[arg(long, value_name = "FORMAT", value_parser = clap::builder::PossibleValuesParser::new(FORMATS))]
    format: String,
    /// A new file, for you alone [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn execute(asker: &Asker<'_>, options: &Options) -> Result<(), Failure> {
    let question = Question::of(&["earnings", "export"]).with("format", Some(&options.format));
    let told = asker.read(&question)?;
    let view: ExportView = told.view()?;
    let text = match view.text {
        Some(text) => text,
        None => {
            let text = serde_json::to_string_pretty(&told.body);
            let text = text.map_err(|error| Failure::new("write JSON", error))?;
            mm_core::untrusted::json_safe(&text) + "\n"
        }
    };
    match &options.output {
        None => print::out(&text),
        Some(path) => write(path, &text),
    }
}

/// Writes a new file: an export never takes the place of anything.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let shown = path.display();
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            refuse(format!("`{shown}` is there already; name another file, or remove it first"))
        }
        _ => Failure::new(format!("write `{shown}`"), error),
    })
}
