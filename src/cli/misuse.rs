//! What is said of a command line that is not understood.
//!
//! clap's own sentence repeats what was typed. A token that stands where none belongs would so come to lie in the
//! terminal, in the logs of a script and in a screenshot for a friend: what may be a secret is never printed back.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::refuse;
use crate::config::names_a_credential;
use crate::exit::{Exit, Failure};
use crate::logs::looks_secret;

/// What to do about a secret that was typed as an argument.
const TYPED: &str = "a token, password or key that was typed there stands in your shell's history, and every process \
    could read it: take it out of there, and put a new one in its place";
/// Where secrets are said.
const WHERE: &str =
    "a secret is typed at a prompt without an echo, or piped on stdin, a line each, and is never an argument";

/// Says what is wrong with a command line.
pub(super) fn tell(error: &clap::Error, args: &[OsString]) -> Exit {
    match concealed(error, args) {
        Some(failure) => failure.print(),
        None => {
            // Help and version are answers and go to stdout; if that is closed, nobody reads.
            drop(error.print());
            if error.use_stderr() { Exit::Usage } else { Exit::Done }
        }
    }
}

/// What is said instead of clap's sentence, where that may hold a secret.
fn concealed(error: &clap::Error, args: &[OsString]) -> Option<Failure> {
    if !error.use_stderr() {
        return None;
    }
    let words: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let shown = error.render().to_string();
    let repeated = words.iter().any(|word| looks_secret(word) && shown.contains(word.as_str()));
    let command = account(&words);
    if !repeated && (command.is_none() || is_harmless(error)) {
        return None;
    }
    let command = command.unwrap_or_else(|| "account".to_owned());
    let what = match error.kind() {
        ErrorKind::InvalidSubcommand => "no command has the name that was given".to_owned(),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            format!(
                "{} does not take what was given",
                text(error, ContextKind::InvalidArg).unwrap_or_default()
            )
        }
        _ => "there is an argument too many".to_owned(),
    };
    Some(
        refuse(format!(
            "{what}, and it is not shown here; {WHERE} (`money-machine {command} --help`); {TYPED}"
        ))
        .with(Exit::Usage),
    )
}

/// `account` with its verb, if the command line is one of `account`.
fn account(words: &[String]) -> Option<String> {
    let mut rest = words.iter().skip(1);
    while let Some(word) = rest.next() {
        match word.as_str() {
            // What these name is no command.
            "--data-dir" | "--config" | "--space" => drop(rest.next()),
            "account" => {
                let verbs = super::command();
                let verbs = verbs.find_subcommand("account")?;
                let verb = rest.find(|word| verbs.find_subcommand(word).is_some());
                return Some(verb.map_or("account".to_owned(), |verb| format!("account {verb}")));
            }
            flag if flag.starts_with('-') => {}
            _ => return None,
        }
    }
    None
}

/// Whether clap's sentence on a command line of `account` holds nothing that somebody keeps secret.
fn is_harmless(error: &clap::Error) -> bool {
    match error.kind() {
        // A flag's name. One that is named like a secret has one behind it.
        ErrorKind::UnknownArgument => text(error, ContextKind::InvalidArg)
            .is_some_and(|typed| is_flag(&typed) && !names_a_credential(&typed)),
        // A verb that is almost one.
        ErrorKind::InvalidSubcommand => error.get(ContextKind::SuggestedSubcommand).is_some(),
        // `--master-key` and, behind it, what was to be the new one.
        ErrorKind::ArgumentConflict => {
            let named = [ContextKind::InvalidArg, ContextKind::PriorArg].map(|kind| error.get(kind));
            named.into_iter().flatten().all(|named| !named.to_string().contains(['[', '<']))
        }
        ErrorKind::InvalidValue
        | ErrorKind::ValueValidation
        | ErrorKind::TooManyValues
        | ErrorKind::WrongNumberOfValues => false,
        _ => true,
    }
}

/// `--emial`: two dashes, small letters, and no more of them than a flag has.
fn is_flag(typed: &str) -> bool {
    typed.strip_prefix("--").is_some_and(|name| {
        name.len() <= 20
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|c| c.is_ascii_lowercase() || c == b'-')
    })
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// Refuses names that are secrets, most likely: a name is on record for ever, and is shown.
///
/// # Errors
/// Names the first by what it should have been.
pub(super) fn refuse_secrets(given: &[(&str, Option<&str>)]) -> Result<(), Failure> {
    let secret =
        given.iter().find(|(_, text)| text.is_some_and(|text| looks_secret(text) || is_random(text)));
    match secret {
        None => Ok(()),
        Some((what, _)) => Err(refuse(format!(
            "what stands in the place of {what} looks like a secret, so nothing was done with it and it is not shown \
             here; {WHERE}; {TYPED}"
        ))
        .with(Exit::Usage)),
    }
}

/// Letters and digits mixed without a break, more than a person would call anything.
fn is_random(text: &str) -> bool {
    text.len() >= 24
        && text.bytes().all(|c| c.is_ascii_alphanumeric())
        && text.bytes().any(|c| c.is_ascii_digit())
        && text.bytes().any(|c| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    /// What is said instead of clap's sentence of `line`, if anything.
    fn said(line: &str) -> Option<String> {
        let args: Vec<OsString> =
            std::iter::once("money-machine").chain(line.split(' ')).map(OsString::from).collect();
        let error = Cli::try_parse_from(&args).expect_err(line);
        concealed(&error, &args).map(|failure| failure.to_string())
    }

    #[test]
    fn what_may_be_a_secret_is_not_printed_back() {
        for line in [
            "account add github main SECRET",
            "account add github main -- SECRET",
            "account add github main -SECRET",
            "account add github main --token SECRET",
            "account add github main --password=SECRET",
            "account add github main --kind SECRET",
            "account add github main --public=SECRET",
            "--sandbox --data-dir d account rotate github main SECRET",
            "account rotate --master-key SECRET",
            "account rotate --master-key=SECRET",
            "account recover SECRET",
            "account drill SECRET",
            "account SECRET",
            "account --SECRET",
            "ghp_SECRET0123456789abcdef",
            "status ghp_SECRET0123456789abcdef",
            "run --log-level ghp_SECRET0123456789abcdef",
            "actions list --status ghp_SECRET0123456789abcdef",
            "completions ghp_SECRET0123456789abcdef",
        ] {
            let said = said(line).unwrap_or_else(|| panic!("{line} is left to clap"));
            assert!(!said.contains("SECRET"), "{line}: {said}");
            assert!(said.contains("piped on stdin") && said.contains("history"), "{line}: {said}");
        }
        assert!(
            said("account rotate github main SECRET")
                .unwrap()
                .contains("`money-machine account rotate --help`")
        );
    }

    #[test]
    fn a_slip_is_told_as_ever() {
        for line in [
            "account",
            "account ad github main",
            "account add github",
            "account add github main --emial me@example.org",
            "account rotate --master-key --recovery-key",
            "actions list --status wrong",
            "status extra",
            "nonsense",
        ] {
            assert_eq!(said(line), None, "{line}");
        }
    }

    #[test]
    fn a_name_that_is_a_secret_is_none() {
        let refused = |text: &str| refuse_secrets(&[("its name", Some(text))]).is_err();
        for secret in [
            "ghp_0123456789abcdef0123",
            "0123456789abcdef0123456789abcdef01234567",
            "Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3",
        ] {
            assert!(refused(secret), "{secret}");
        }
        for name in
            ["main", "my-second-account-of-2026-at-work", "someverylongnamewithoutanydigit", "me@example.org"]
        {
            assert!(!refused(name), "{name}");
        }
        assert!(refuse_secrets(&[("its name", None)]).is_ok());
    }
}
