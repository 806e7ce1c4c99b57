//! Somebody as a text that stands in what is stored: a name, a handle, an e-mail address, a URL.

use mm_core::digest::Digest;

/// The shortest subject, in bytes: a shorter one stands in bytes that are no text at all.
const BYTES_MIN: usize = 5;
/// The longest.
const BYTES_MAX: usize = 500;
/// What stands in the place of every byte that was taken out. It may stand in a name, a host and a number of
/// letters alike, so that whatever was a name or an address still is one.
const BLANK: u8 = b'x';
/// Bytes shown round a place where it stands.
const EXCERPT_BYTES: usize = 60;

/// Why a text is no subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a subject has {BYTES_MIN} to {BYTES_MAX} bytes on one line: a whole name, handle, e-mail address or URL"
)]
pub struct NoSubject;

/// Who is looked for.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject {
    text: String,
    /// The same as it may be written: in JSON, in an address, in other letters. Capitals of ASCII count as
    /// small ones.
    spellings: Vec<Vec<u8>>,
}

impl Subject {
    /// Reads a subject.
    ///
    /// # Errors
    /// [`NoSubject`].
    pub fn parse(text: &str) -> Result<Self, NoSubject> {
        let text = text.trim();
        let fits = (BYTES_MIN..=BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control);
        if !fits || text.bytes().all(|byte| byte.eq_ignore_ascii_case(&BLANK)) {
            return Err(NoSubject);
        }
        let json = serde_json::to_string(text).map_err(|_| NoSubject)?;
        let url: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let mut spellings: Vec<Vec<u8>> = [
            text.to_owned(),
            text.to_lowercase(),
            text.to_uppercase(),
            json.trim_matches('"').to_owned(),
            url.replace('+', "%20"),
            url,
        ]
        .map(|text| text.to_ascii_lowercase().into_bytes())
        .into();
        spellings.sort();
        spellings.dedup();
        Ok(Self { text: text.to_owned(), spellings })
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What an erasure is known by: nobody can tell the subject from it, and who knows the subject can check.
    pub fn hash(&self, salt: &[u8; 16]) -> Digest {
        Digest::of_fields("mm-privacy-subject-1", [salt.as_slice(), self.text.to_lowercase().as_bytes()])
    }

    /// Where it stands: from which byte to which, in order.
    pub fn places(&self, bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
        let mut places = Vec::new();
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let here = |spelling: &&Vec<u8>| {
                rest.get(..spelling.len()).is_some_and(|part| part.eq_ignore_ascii_case(spelling))
            };
            match self.spellings.iter().filter(here).map(Vec::len).max() {
                Some(len) => {
                    places.push(at..at + len);
                    at += len;
                }
                None => at += 1,
            }
        }
        places
    }

    /// Whether it stands there.
    pub fn stands_in(&self, bytes: &[u8]) -> bool {
        !self.places(bytes).is_empty()
    }

    /// The same bytes without it, and as many of them.
    pub fn blanked(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for place in self.places(bytes) {
            if let Some(part) = out.get_mut(place) {
                part.fill(BLANK);
            }
        }
        out
    }

    /// What stands round the first places, as text.
    pub fn excerpts(&self, bytes: &[u8]) -> Vec<String> {
        let excerpt = |place: std::ops::Range<usize>| {
            let from = place.start.saturating_sub(EXCERPT_BYTES);
            let to = (place.end + EXCERPT_BYTES).min(bytes.len());
            let text = String::from_utf8_lossy(bytes.get(from..to).unwrap_or_default()).into_owned();
            text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
        };
        self.places(bytes).into_iter().take(5).map(excerpt).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_however_it_is_spelt_and_taken_out_byte_for_byte() {
        let ada = Subject::parse("Ada.Ünal@example.org").unwrap();
        for text in [
            "from ada.Ünal@example.org,",
            "ADA.ÜNAL@EXAMPLE.ORG",
            "mail=ada.%C3%BCnal%40example.org".replace("%BCnal", "%9Cnal").as_str(),
            "\0\x14Ada.Ünal@example.org\u{1}",
        ] {
            let bytes = text.as_bytes();
            assert!(ada.stands_in(bytes), "{text}");
            let blanked = ada.blanked(bytes);
            assert_eq!(blanked.len(), bytes.len());
            assert!(!ada.stands_in(&blanked), "{text}");
        }
        assert!(!ada.stands_in(b"somebody.else@example.org"));
        assert_eq!(ada.excerpts(b"a Ada.\xc3\x9cnal@example.org b"), ["a Ada.Ünal@example.org b"]);
    }

    #[test]
    fn what_is_too_short_to_be_anybody_is_refused() {
        for text in ["", "ada", " ada ", "xxxxxxx", "two\nlines", &"a".repeat(501)] {
            assert!(Subject::parse(text).is_err(), "{text:?}");
        }
    }
}
