//! `completions`.

use clap::Args;
use clap_complete::Shell;

use super::{Done, print};
use crate::exit::Exit;

/// Writes completions for your shell
#[derive(Debug, Args)]
#[command(
    long_about = "Writes completions for your shell to stdout.",
    after_long_help = super::examples(
        "money-machine completions bash > ~/.local/share/bash-completion/completions/money-machine\n\
         money-machine completions zsh > ~/.zfunc/_money-machine\n\
         money-machine completions fish > ~/.config/fish/completions/money-machine.fish"
    )
)]
pub struct Options {
    /// Which shell
    shell: Shell,
}

pub(super) fn execute(options: &Options) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut super::command(), "money-machine", &mut script);
    print::out(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
