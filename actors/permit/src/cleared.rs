//! What a transport is handed, and how its credential slots are filled.

use std::fmt;

use mm_core::action::Request;
use mm_core::id::ActionId;
use mm_core::secret::Secret;
use mm_core::vault::{BadSlot, Slot, Veil, fill_field, form_encoded, has_slot, json_escaped};
use zeroize::Zeroizing;

use super::{Now, is_over};

/// A request that passed every check and may now be dialled, once: sending consumes it.
///
/// It shows its request with slots; the secrets beside it are shown by nothing.
#[derive(Debug)]
pub struct Cleared {
    pub(super) request: Request,
    pub(super) secrets: Vec<(Slot, Secret)>,
    pub(super) action: ActionId,
    pub(super) answer_bytes_max: u64,
    pub(super) minted: Now,
}

/// The parts of a request that may hold credentials, filled. Wiped when dropped, which must be as soon as
/// it is written; no copy of it may be kept.
pub struct Filled {
    headers: Vec<(String, Zeroizing<String>, bool)>,
    body: Zeroizing<Vec<u8>>,
}

impl Filled {
    /// Name, value, and whether the value holds a credential (then it must be marked as sensitive).
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str, bool)> {
        self.headers.iter().map(|(name, value, secret)| (name.as_str(), value.as_str(), *secret))
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

impl fmt::Debug for Filled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filled(***)")
    }
}

impl Cleared {
    /// What is sent, with its credential slots.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The headers and the body as they go over the wire. For transports alone.
    pub fn fill(&self) -> Filled {
        // It was filled once when it was cleared; nothing of it has changed.
        self.filled().unwrap_or_else(|BadSlot| Filled { headers: Vec::new(), body: Zeroizing::default() })
    }

    /// Takes the credentials of this request out of its answer.
    pub fn veil(&self) -> Veil {
        Veil::over(self.secrets.iter().map(|(_, secret)| secret))
    }

    /// The action it belongs to.
    pub fn action(&self) -> &ActionId {
        &self.action
    }

    /// Whether its permit is over by now: a process can stand still between clearing and dialling.
    pub fn is_over(&self, now: Now) -> bool {
        is_over(self.minted, now)
    }

    /// The most bytes of answer to take, after decompression.
    pub fn answer_bytes_max(&self) -> u64 {
        self.answer_bytes_max
    }

    /// In a header a secret stands as it is, in a form escaped, in JSON escaped. It never stands in a URL,
    /// which servers log, nor in a body of another kind, where nobody could say how it must be written.
    pub(super) fn filled(&self) -> Result<Filled, BadSlot> {
        if has_slot(self.request.url().as_str().as_bytes()) {
            return Err(BadSlot);
        }
        let secret = |slot: &Slot| self.secrets.iter().find(|(own, _)| own == slot).map(|(_, secret)| secret);
        let as_it_is = |text: &str| Zeroizing::new(text.to_owned());
        let mut headers = Vec::with_capacity(self.request.headers().len());
        for (name, value) in self.request.headers() {
            let filled = fill_field(value.as_bytes(), secret, as_it_is)?;
            let text = std::str::from_utf8(&filled).map_err(|_| BadSlot)?;
            // A secret with a line end in it would split the request.
            if !text.bytes().all(|c| (0x20..0x7f).contains(&c)) {
                return Err(BadSlot);
            }
            headers.push((name.clone(), Zeroizing::new(text.to_owned()), has_slot(value.as_bytes())));
        }
        let kind = self.request.headers().iter().find(|(name, _)| name == "content-type");
        let kind = kind.map(|(_, kind)| kind.split(';').next().unwrap_or_default().trim());
        let body = self.request.body();
        let body = match kind {
            _ if !has_slot(body) => Zeroizing::new(body.to_vec()),
            Some("application/x-www-form-urlencoded") => fill_field(body, secret, form_encoded)?,
            Some("application/json") => fill_field(body, secret, json_escaped)?,
            _ => return Err(BadSlot),
        };
        Ok(Filled { headers, body })
    }
}
