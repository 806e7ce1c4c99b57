//! `approvals edit`: the new body, from a file, from stdin or from an editor.
//!
//! It touches the file that the command line names, stdin, and a file of its own that only its owner reads and that
//! is gone when the editor has ended.

use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::{Id, body};
use crate::cli::ask::Asker;
use crate::cli::refuse;
use crate::exit::Failure;
use crate::views::Question;
use crate::views::approval::ApprovalView;

/// The body that its owner wants sent instead.
///
/// # Errors
/// If there is none, or it cannot stand in the place of the one that was asked about.
pub(super) fn body(asker: &Asker<'_>, id: &Id, file: Option<&Path>) -> Result<String, Failure> {
    let view: ApprovalView = asker.read(&Question::of(&["approvals", &id.id]))?.view()?;
    match (file, view.request.body) {
        (Some(path), Some(proposed)) => body::given(&proposed, &read(path)?),
        (Some(path), None) => read(path),
        (None, Some(proposed)) => edited(&proposed),
        (None, None) => {
            Err(refuse("the body is no text; write the new one to a file and name it with --body"))
        }
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed = |error| Failure::new(format!("read the body from {}", path.display()), error);
    if path != Path::new("-") {
        return std::fs::read_to_string(path).map_err(failed);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// The body as the owner's editor leaves it.
fn edited(proposed: &str) -> Result<String, Failure> {
    #[expect(clippy::disallowed_methods, reason = "an editor is named by the environment alone")]
    let editor = std::env::var("VISUAL").or_else(|_| std::env::var("EDITOR")).ok();
    let editor = editor.filter(|_| std::io::stdin().is_terminal()).ok_or_else(|| {
        refuse(
            "there is no $EDITOR, or nobody at a terminal; name the new body with --body FILE, or --body -",
        )
    })?;
    let before = body::text_of(proposed);
    let path = std::env::temp_dir().join(format!("money-machine-{}.txt", std::process::id()));
    let after = edit_at(&path, &editor, &before);
    // What was written is in the store or nowhere.
    drop(std::fs::remove_file(&path));
    let after = after?;
    if after.trim_end() == before.trim_end() {
        return Err(refuse("nothing was changed; `approvals approve` says yes to it as it is"));
    }
    Ok(body::with_text(proposed, &after))
}

/// Lets the editor change a file that only its owner reads.
fn edit_at(path: &Path, editor: &str, body: &str) -> Result<String, Failure> {
    let failed = |error| Failure::new("edit the body", error);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(body.as_bytes()).map_err(failed)?;
    let mut words = editor.split_whitespace();
    let program =
        words.next().ok_or_else(|| refuse("$EDITOR is empty; name the new body with --body FILE"))?;
    let status = std::process::Command::new(program).args(words).arg(path).status().map_err(failed)?;
    if !status.success() {
        return Err(refuse("the editor ended with an error; nothing was said"));
    }
    std::fs::read_to_string(path).map_err(failed)
}
