//! Answers of platforms: content-addressed, compressed, one per hash, outside the hot batch.
//!
//! An answer is written without a sync of its own: redb makes it durable together with the next
//! change, and it is the change that refers to it. A crash before that loses an answer nothing
//! refers to.

use std::collections::BTreeSet;

use mm_core::digest::Digest;
use mm_core::moment::Moment;
use redb::{Database, Durability, ReadableTable};

use crate::codec;
use crate::error::{CommitError, ReadError, StorageFault};
use crate::frame::{self, GZIP};
use crate::record::Unreadable;
use crate::snapshot::{unzip, zip};
use crate::store::Store;
use crate::tables::{ANSWERS, ANSWERS_USED, own, schema};
use crate::writer::Writer;

/// The most answers removed in one transaction.
const PRUNE_CHUNK: usize = 256;

/// What pruning removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Answers.
    pub answers: u64,
    /// Their bytes, as stored.
    pub bytes: u64,
}

/// What the writer does for answers.
pub(crate) enum AnswerJob {
    Put { digest: Digest, framed: Option<Vec<u8>>, used: Moment },
    Remove(Vec<Digest>),
}

/// What it did.
#[derive(Clone, Copy)]
pub(crate) struct AnswerResult(Pruned);

fn used_frame(digest: &Digest, used: Moment) -> Vec<u8> {
    let bytes = codec::encode(&used).expect("a moment is one number");
    frame::seal("answers_used", &digest.0, own(schema::ANSWER_USED, 0), &bytes)
}

impl AnswerJob {
    /// Puts may overtake changes; what removes may not be overtaken.
    pub fn is_put(&self) -> bool {
        matches!(self, AnswerJob::Put { .. })
    }

    /// Does all of `jobs` in one transaction.
    pub fn run(jobs: Vec<AnswerJob>, db: &Database) -> Result<AnswerResult, StorageFault> {
        let mut txn = db.begin_write()?;
        txn.set_quick_repair(false);
        txn.set_durability(Durability::None)?;
        let mut pruned = Pruned::default();
        {
            let mut answers = txn.open_table(ANSWERS)?;
            let mut used = txn.open_table(ANSWERS_USED)?;
            for job in jobs {
                match job {
                    AnswerJob::Put { digest, framed, used: at } => {
                        if let Some(framed) = framed {
                            answers.insert(digest.0.as_slice(), framed.as_slice())?;
                        }
                        used.insert(digest.0.as_slice(), used_frame(&digest, at).as_slice())?;
                    }
                    AnswerJob::Remove(digests) => {
                        for digest in digests {
                            if let Some(old) = answers.remove(digest.0.as_slice())? {
                                pruned.answers += 1;
                                pruned.bytes += old.value().len() as u64;
                            }
                            used.remove(digest.0.as_slice())?;
                        }
                    }
                }
            }
        }
        txn.commit()?;
        Ok(AnswerResult(pruned))
    }
}

impl Store {
    /// Keeps `bytes` and returns their SHA-256; the same bytes are kept once. Durable together with
    /// the next change that is committed. `at` is noted as its last use. New bytes are compressed in
    /// the caller's thread (about 10 ms a MiB).
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn put_answer(&self, bytes: &[u8], at: Moment) -> Result<Digest, CommitError> {
        let (digest, job) = self.answer_job(bytes, at);
        self.answer_writer()?.answers(job).await?;
        Ok(digest)
    }

    /// As [`Store::put_answer`], blocking the thread it is called on.
    ///
    /// # Errors
    /// [`CommitError`].
    pub fn put_answer_blocking(&self, bytes: &[u8], at: Moment) -> Result<Digest, CommitError> {
        let (digest, job) = self.answer_job(bytes, at);
        self.answer_writer()?.answers_blocking(job)?;
        Ok(digest)
    }

    fn answer_writer(&self) -> Result<&Writer, CommitError> {
        self.inner.writer.as_ref().ok_or(CommitError::ReadOnly)
    }

    /// Whether the answer is there and its bytes are whole.
    ///
    /// # Errors
    /// [`ReadError`] if the database fails.
    pub fn has_answer(&self, digest: &Digest) -> Result<bool, ReadError> {
        let txn = self.begin_read()?;
        let table = txn.open_table(ANSWERS).map_err(StorageFault::from)?;
        let guard = table.get(digest.0.as_slice()).map_err(StorageFault::from)?;
        Ok(guard.is_some_and(|guard| frame::open("answers", &digest.0, guard.value()).is_ok()))
    }

    /// Compresses in the caller's thread, and only what is not there yet.
    fn answer_job(&self, bytes: &[u8], used: Moment) -> (Digest, AnswerJob) {
        let digest = Digest::of(bytes);
        let there = self.has_answer(&digest).unwrap_or(false);
        let framed =
            (!there).then(|| frame::seal("answers", &digest.0, own(schema::ANSWER, GZIP), &zip(bytes)));
        (digest, AnswerJob::Put { digest, framed, used })
    }

    /// The answer with this SHA-256, if it is at most `max_bytes`; `None` where there is none.
    ///
    /// # Errors
    /// [`ReadError::Answer`] for one that is damaged or larger.
    pub fn get_answer(&self, digest: &Digest, max_bytes: usize) -> Result<Option<Vec<u8>>, ReadError> {
        let txn = self.begin_read()?;
        let table = txn.open_table(ANSWERS).map_err(StorageFault::from)?;
        let Some(guard) = table.get(digest.0.as_slice()).map_err(StorageFault::from)? else {
            return Ok(None);
        };
        let bad = |what| ReadError::Answer { digest: *digest, what };
        let (_, payload) = frame::open("answers", &digest.0, guard.value())
            .map_err(|error| bad(Unreadable::Frame(error)))?;
        let bytes = unzip(payload, max_bytes).map_err(|error| bad(Unreadable::Compressed(error)))?;
        if Digest::of(&bytes) != *digest {
            return Err(bad(Unreadable::Frame(frame::FrameError::Checksum)));
        }
        Ok(Some(bytes))
    }

    /// Removes the answers that are not in `keep` and were last used before `unused_since`. (One that
    /// was just put may not be referred to yet.)
    ///
    /// # Errors
    /// [`CommitError`]; what was removed before the error stays removed.
    pub fn prune_answers(
        &self,
        keep: &BTreeSet<Digest>,
        unused_since: Moment,
    ) -> Result<Pruned, CommitError> {
        let writer = self.answer_writer()?;
        let old = self.old_answers(keep, unused_since).map_err(|_| CommitError::Stopped)?;
        let mut all = Pruned::default();
        for chunk in old.chunks(PRUNE_CHUNK) {
            let AnswerResult(pruned) = writer.answers_blocking(AnswerJob::Remove(chunk.to_vec()))?;
            all.answers += pruned.answers;
            all.bytes += pruned.bytes;
        }
        Ok(all)
    }

    /// Removes answers, whatever refers to them.
    ///
    /// # Errors
    /// [`CommitError`]; what was removed before the error stays removed.
    pub fn remove_answers(&self, digests: &[Digest]) -> Result<Pruned, CommitError> {
        let writer = self.answer_writer()?;
        let mut all = Pruned::default();
        for chunk in digests.chunks(PRUNE_CHUNK) {
            let AnswerResult(pruned) = writer.answers_blocking(AnswerJob::Remove(chunk.to_vec()))?;
            all.answers += pruned.answers;
            all.bytes += pruned.bytes;
        }
        Ok(all)
    }

    fn old_answers(&self, keep: &BTreeSet<Digest>, before: Moment) -> Result<Vec<Digest>, ReadError> {
        let txn = self.begin_read()?;
        let table = txn.open_table(ANSWERS_USED).map_err(StorageFault::from)?;
        let mut old = Vec::new();
        for row in table.iter().map_err(StorageFault::from)? {
            let (key, value) = row.map_err(StorageFault::from)?;
            let Ok(digest) = key.value().try_into().map(Digest) else { continue };
            // A damaged mark counts as old: only `keep` protects its answer.
            let used = frame::open("answers_used", key.value(), value.value()).ok();
            let used = used.and_then(|(_, bytes)| codec::decode::<Moment>(bytes).ok());
            if !keep.contains(&digest) && used.is_none_or(|used| used < before) {
                old.push(digest);
            }
        }
        Ok(old)
    }
}
