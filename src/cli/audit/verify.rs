//! `audit verify`: the chain as the machine sees it, held against anchors that lie elsewhere.
//!
//! The anchors are read and judged here, so that a machine is not asked to speak for itself: of it only the
//! hashes of the entries are taken that they name.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use mm_core::audit::Tip;
use mm_core::audit::anchor::{Chain, Doubt, Line};
use mm_core::audit::checkpoint::{PublicKey, Signed};
use mm_core::digest::Digest;
use serde::Serialize;
use serde_json::Value;

use super::super::ask::Asker;
use super::super::print::{self, line};
use super::super::{Done, Json, refuse};
use crate::exit::{Exit, Failure};
use crate::views::audit::{BrokenView, HASHES_MAX, HashesView, VerifyView};
use crate::views::{Question, counted};

/// A larger file is none of anchors: a line an hour for a century is less.
const ANCHORS_BYTES_MAX: u64 = 600 << 20;

/// Against what.
#[derive(Debug, Args)]
pub struct Options {
    /// Hold it against the anchors in this file; `-` reads them from stdin [default: the file of [audit.anchor] in
    /// the configuration, if there is one]
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
    /// Only signatures of this key count, or of one that it is tied to: the key that you noted
    #[arg(long, value_name = "PUB", value_parser = key)]
    key: Option<PublicKey>,
    #[command(flatten)]
    json: Json,
}

fn key(text: &str) -> Result<PublicKey, String> {
    PublicKey::from_hex(text)
        .ok_or_else(|| "a public key has 64 hex digits, as `audit verify` prints it".to_owned())
}

/// What the anchors show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in super::super) struct Anchored {
    /// Where they were read from.
    pub from: String,
    /// How many there are.
    pub anchors: u64,
    /// The newest entry that one names; 0 for none.
    pub last_seq: u64,
    /// What they show against the chain.
    pub broken: Vec<BrokenView>,
    /// How many speak against it and were given up by the owner.
    pub given_up: u64,
}

pub(super) fn verify(asker: &Asker<'_>, options: &Options) -> Done {
    let question = Question::of(&["audit", "verify"]).with("key", options.key);
    // First: what is anchored meanwhile is ahead of what is verified.
    let source = options.anchor.clone().or_else(|| configured(asker));
    let text = source.as_deref().map(read).transpose()?;
    let told = asker.read(&question)?;
    let found: VerifyView = told.view()?;
    let anchored = match (source, text) {
        (Some(source), Some(text)) => Some(judge(asker, &found, &source, &text, options.key.is_some())?),
        _ => None,
    };
    let whole = found.whole && anchored.as_ref().is_none_or(|anchored| anchored.broken.is_empty());
    if options.json.json {
        let mut body = told.body;
        body["whole"] = whole.into();
        body["anchored"] =
            serde_json::to_value(&anchored).map_err(|error| Failure::new("write JSON", error))?;
        body["not_proved"] = Value::from(not_proved(&found, anchored.as_ref(), options.key.is_some()));
        print::json(&body)?;
    } else {
        print::out(&verdict(&found, anchored.as_ref(), options.key.is_some()))?;
    }
    Ok(if whole { Exit::Done } else { Exit::Refused })
}

/// The file of the configuration, if there is such a file.
fn configured(asker: &Asker<'_>) -> Option<PathBuf> {
    asker.load().ok().and_then(|loaded| loaded.config.audit.anchor_file).filter(|path| path.exists())
}

fn read(source: &Path) -> Result<String, Failure> {
    let failed = |error| Failure::new(format!("read the anchors in {}", source.display()), error);
    let mut text = Vec::new();
    if source == Path::new("-") {
        std::io::stdin().take(ANCHORS_BYTES_MAX).read_to_end(&mut text).map_err(failed)?;
    } else {
        let file = std::fs::File::open(source).map_err(failed)?;
        file.take(ANCHORS_BYTES_MAX).read_to_end(&mut text).map_err(failed)?;
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn judge(
    asker: &Asker<'_>,
    found: &VerifyView,
    source: &Path,
    text: &str,
    by_key: bool,
) -> Result<Anchored, Failure> {
    let numbered = (1u64..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let (mut broken, mut anchors) = (Vec::new(), Vec::new());
    for (number, line) in numbered {
        match Line::parse(line).and_then(|line| line.signed()) {
            Some(signed) => anchors.push(signed),
            None => broken.push(Doubt::Unreadable(number)),
        }
    }
    let hashes = hashes(asker, &anchors)?;
    let digest = |text: &str| Digest::from_hex(text).unwrap_or_default();
    let tip = Tip { seq: found.tip_seq, hash: digest(&found.tip_hash) };
    let chain = Chain { tip, store: digest(&found.store) };
    let tied: BTreeSet<PublicKey> = found.tied.iter().filter_map(|key| PublicKey::from_hex(key)).collect();
    let mut given_up = 0;
    for (signed, hash) in anchors.iter().zip(hashes) {
        let (seq, key) = (signed.checkpoint.seq, signed.key);
        let foreign = by_key && !tied.contains(&key);
        let doubt = chain.doubts("anchor", signed, hash);
        let doubt = doubt.or_else(|| foreign.then_some(Doubt::Key { what: "anchor", seq, key }));
        if doubt.is_some() && found.given_up.contains(&signed.checkpoint.digest().to_string()) {
            given_up += 1;
        } else {
            broken.extend(doubt);
        }
    }
    Ok(Anchored {
        from: source.display().to_string(),
        anchors: anchors.len() as u64,
        last_seq: anchors.iter().map(|signed| signed.checkpoint.seq).max().unwrap_or(0),
        broken: broken
            .iter()
            .map(|doubt| BrokenView { seq: doubt.seq(), sentence: doubt.to_string() })
            .collect(),
        given_up,
    })
}

/// What the chain has where the anchors look.
fn hashes(asker: &Asker<'_>, anchors: &[Signed]) -> Result<Vec<Option<Digest>>, Failure> {
    let mut hashes = Vec::new();
    for some in anchors.chunks(HASHES_MAX) {
        let seqs: Vec<String> = some.iter().map(|signed| signed.checkpoint.seq.to_string()).collect();
        let told = asker.read(&Question::of(&["audit", "hashes"]).with("at", Some(seqs.join(","))))?;
        let view: HashesView = told.view()?;
        if view.hashes.len() != some.len() {
            return Err(refuse("the daemon answers for other entries than it was asked for"));
        }
        hashes.extend(view.hashes.iter().map(|hash| hash.as_deref().and_then(Digest::from_hex)));
    }
    Ok(hashes)
}

pub(in super::super) fn verdict(found: &VerifyView, anchored: Option<&Anchored>, by_key: bool) -> String {
    let faults: Vec<&BrokenView> =
        found.broken.iter().chain(anchored.iter().flat_map(|anchored| &anchored.broken)).collect();
    let mut text = if faults.is_empty() {
        format!("whole: {}\n", counted(found.entries, "entry", "entries"))
    } else {
        let listed = faults.iter().map(|broken| match broken.seq {
            0 => format!("{}\n", line(&broken.sentence, 400)),
            seq => format!("entry {seq}: {}\n", line(&broken.sentence, 400)),
        });
        format!(
            "BROKEN: {} findings in {} entries\n{}",
            faults.len(),
            found.entries,
            listed.collect::<String>()
        )
    };
    let mut rows = vec![
        ("tip", format!("{} {}", found.tip_seq, found.tip_hash)),
        ("store", found.store.clone()),
        ("checkpoints", found.checkpoints.to_string()),
    ];
    if let Some(last) = &found.last_checkpoint {
        rows.push(("last", format!("on entry {}, {}", last.seq, line(&last.at, 40))));
    }
    rows.extend(found.keys.iter().map(|key| ("key", key.clone())));
    if found.erased > 0 {
        rows.push(("erased", format!("{} payloads, each on record", found.erased)));
    }
    if let Some(anchored) = anchored {
        rows.push(("anchors", format!("{} in {}", anchored.anchors, line(&anchored.from, 200))));
    }
    text.push_str(&print::fields(&rows));
    let notes = found.notes.iter().map(|note| format!("note: {}\n", line(note, 600)));
    text.push_str(&notes.collect::<String>());
    text.push_str("\nThis does not prove:\n");
    let limits = not_proved(found, anchored, by_key);
    text.push_str(&limits.iter().map(|limit| format!("- {limit}\n")).collect::<String>());
    text
}

/// What a verification leaves open, a sentence each.
pub(in super::super) fn not_proved(
    found: &VerifyView,
    anchored: Option<&Anchored>,
    by_key: bool,
) -> Vec<String> {
    let mut limits =
        vec!["that everything that happened was written: it shows changes to what was".to_owned()];
    match anchored.map(|anchored| anchored.last_seq).filter(|seq| *seq > 0) {
        None => limits.push(
            "that the whole store was not put back to an older state, or made anew by somebody who has its key: \
             only an anchor outside of this machine shows that (--anchor FILE)"
                .to_owned(),
        ),
        Some(seq) => limits.push(format!(
            "anything about the {} entries after entry {seq}, the last that was anchored: who can write to the store \
             and has its key can still change or cut off those",
            found.tip_seq.saturating_sub(seq)
        )),
    }
    if anchored.is_some() {
        limits.push(
            "that the anchors themselves are all there: who can write to them as well can shorten both"
                .to_owned(),
        );
    }
    let signed = found.last_checkpoint.as_ref().map_or(0, |last| last.seq);
    if signed < found.tip_seq {
        limits.push(format!(
            "anything about the last {} entries to somebody who can write to the store, even without its key: no \
             checkpoint covers them yet",
            found.tip_seq - signed
        ));
    }
    if !by_key && found.checkpoints > 0 {
        limits.push(
            "whose keys these are: note the key now, somewhere else, and give it with --key PUB next time"
                .to_owned(),
        );
    }
    if found.erased > 0 {
        limits.push(format!("what stood in the {} payloads that were erased", found.erased));
    }
    limits
}
