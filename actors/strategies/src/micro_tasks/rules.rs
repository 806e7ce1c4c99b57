//! A repository's own rules for contributions in which software had a hand.
//!
//! Which files there are is taken from the listing of its folders, so that a file that is missing is known
//! to be missing. The topmost folder's version covers all below it: while GitHub says that it is as it
//! was, no file is read again.

use std::time::Duration;

use mm_sdk::policy::{self, File, Policy, Stance, is_policy_file};
use mm_sdk::{Context, Digest, Interrupt, Validators};

use super::look::{Looked, kept, short};
use super::memory::Kept;
use super::round::Round;
use crate::github::answer::{Fresh, ask, list};
use crate::github::shape::{self, Entry, Prose};
use crate::github::{RepositoryName, Seen};

/// Folders that may hold such files, beside the topmost.
const FOLDERS: [&str; 2] = [".github", "docs"];

/// The most of them that are read of one repository: they are the same to a person however they are written, and a
/// repository may hold each in all ways.
const FOLDERS_MAX: usize = 4;

/// The most files that are read of one repository.
const FILES_MAX: usize = 12;

/// A policy is asked for again after a day; before something is done, always.
const AGE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Paths of files, and what could not be listed.
#[derive(Default)]
struct Listed {
    files: Vec<String>,
    folders: Vec<String>,
    unlisted: Vec<String>,
}

impl Round<'_> {
    /// Reads a repository's rules, if they are not known or may have changed.
    pub(super) async fn look_at_rules(
        &mut self,
        cx: &mut Context<'_>,
        name: &RepositoryName,
        again: bool,
    ) -> Result<Option<Looked>, Interrupt> {
        let known = self.snapshot.repository(name.as_str()).and_then(|known| known.policy.clone());
        let recent = known.as_ref().is_some_and(|kept| cx.now().since(kept.at) < AGE_MAX);
        if (recent && !again) || !self.read_rules.insert(name.as_str().to_ascii_lowercase()) {
            return Ok(None);
        }
        let validators = known.as_ref().map(|kept| kept.validators.clone()).unwrap_or_default();
        let Some(action) = self.github.folder(name, "", &validators) else { return Ok(None) };
        let top = match ask(cx, &format!("folder-{}", short(name)), action, list::<Entry>("an entry")).await?
        {
            Seen::Fresh(fresh) => fresh,
            Seen::Unchanged => {
                if let Some(kept) = &mut self.snapshot.repository_mut(name.as_str()).policy {
                    kept.at = cx.now();
                }
                return Ok(None);
            }
            // A repository without a file has no folder either.
            Seen::Missing(_) => {
                self.keep_policy(cx, name, policy::read(&[]), Validators::default(), Default::default());
                return Ok(None);
            }
            Seen::Failed(failed) => return Ok(Some(failed.into())),
        };
        let policy = match self.read_files(cx, name, &top).await? {
            Ok(policy) => policy,
            Err(ended) => return Ok(Some(ended)),
        };
        self.keep_policy(cx, name, policy, top.validators, top.evidence);
        Ok(None)
    }

    fn keep_policy(
        &mut self,
        cx: &Context<'_>,
        name: &RepositoryName,
        policy: Policy,
        validators: Validators,
        evidence: Digest,
    ) {
        // What could not be read is asked for again, whole.
        let whole = !policy.checklist.iter().any(|check| check.contains("could not be read"));
        let validators = if whole { validators } else { Validators::default() };
        let kept: Kept<Policy> = kept(cx, policy, validators, evidence);
        self.snapshot.repository_mut(name.as_str()).policy = Some(kept);
    }

    /// Reads the files that matter.
    async fn read_files(
        &mut self,
        cx: &mut Context<'_>,
        name: &RepositoryName,
        top: &Fresh<(Vec<Entry>, Vec<mm_sdk::json::Unreadable>)>,
    ) -> Result<Result<Policy, Looked>, Interrupt> {
        let mut listed = Listed::default();
        listed.take("", &top.value.0);
        if top.next.is_some() || !top.value.1.is_empty() {
            listed.unlisted.push("the rest of the topmost folder".to_owned());
        }
        for (n, folder) in std::mem::take(&mut listed.folders).into_iter().enumerate() {
            let action = self.github.folder(name, &folder, &Validators::default());
            let Some(action) = action.filter(|_| n < FOLDERS_MAX) else {
                listed.unlisted.push(folder);
                continue;
            };
            let step = format!("folder-{}-{n}", short(name));
            match ask(cx, &step, action, list::<Entry>("an entry")).await? {
                Seen::Fresh(fresh) => {
                    listed.take(&folder, &fresh.value.0);
                    if fresh.next.is_some() || !fresh.value.1.is_empty() {
                        listed.unlisted.push(folder);
                    }
                }
                Seen::Missing(_) => {}
                Seen::Failed(failed) if failed.for_all => return Ok(Err(failed.into())),
                Seen::Unchanged | Seen::Failed(_) => listed.unlisted.push(folder),
            }
        }
        let texts = match self.read_texts(cx, name, &listed.files).await? {
            Ok(texts) => texts,
            Err(ended) => return Ok(Err(ended)),
        };
        let read = texts.iter().map(|(path, text)| File { path, text: text.as_ref().map(Prose::read) });
        let unlisted = listed.unlisted.iter().map(|path| File { path, text: None });
        let rest = listed.files.iter().skip(FILES_MAX).map(|path| File { path, text: None });
        let mut policy = policy::read(&read.chain(unlisted).chain(rest).collect::<Vec<_>>());
        if matches!(policy.stance, Stance::Warn | Stance::Unclear) {
            let owner = name.owner();
            policy.checklist.push(format!(
                "look into github.com/{owner}/.github: its default files hold here as well, and are not read"
            ));
        }
        Ok(Ok(policy))
    }

    async fn read_texts(
        &mut self,
        cx: &mut Context<'_>,
        name: &RepositoryName,
        files: &[String],
    ) -> Result<Result<Vec<(String, Option<Prose>)>, Looked>, Interrupt> {
        let mut texts = Vec::new();
        for (n, path) in files.iter().take(FILES_MAX).enumerate() {
            let Some(action) = self.github.file(name, path) else {
                texts.push((path.clone(), None));
                continue;
            };
            let text = match ask(cx, &format!("file-{}-{n}", short(name)), action, shape::file_text).await? {
                Seen::Fresh(fresh) => fresh.value,
                // It was there a moment ago: it has moved, and where to is not known.
                Seen::Missing(_) | Seen::Unchanged => None,
                Seen::Failed(failed) if failed.for_all => return Ok(Err(failed.into())),
                Seen::Failed(_) => None,
            };
            texts.push((path.clone(), text));
        }
        Ok(Ok(texts))
    }
}

impl Listed {
    /// Takes the entries of a folder; "" is the topmost.
    fn take(&mut self, folder: &str, entries: &[Entry]) {
        for entry in entries {
            let name = entry.name.line(120);
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            if entry.kind.is("dir") {
                if folder.is_empty() && FOLDERS.iter().any(|other| other.eq_ignore_ascii_case(&name)) {
                    self.folders.push(path);
                }
            } else if is_policy_file(&name) {
                self.files.push(path);
            }
        }
    }
}
