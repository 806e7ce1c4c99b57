//! Takes the secrets of one request out of what came back, before anybody keeps it.
//!
//! A platform may echo a credential: in an error, a header, a debug page. What is masked are exactly the
//! values that were sent, in the forms an echo takes: as they are, escaped as in a URL or in JSON, and in
//! base 64. A value that is taken apart or coded otherwise is not found.

use zeroize::Zeroizing;

use super::slot::{base64, form_encoded, json_escaped};
use crate::secret::Secret;

/// What stands where a secret was.
pub const MASKED: &str = "[masked]";
/// What is shorter stands in too many texts by chance.
const BYTES_MIN: usize = 6;

/// The forms of some secrets, the longest first.
#[derive(Default)]
pub struct Veil(Vec<Zeroizing<Vec<u8>>>);

impl Veil {
    /// A veil over these secrets.
    pub fn over<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut forms: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        for secret in secrets {
            let text = secret.expose();
            let coded = base64(text.as_bytes());
            let bare = Zeroizing::new(coded.trim_end_matches('=').to_owned());
            let in_urls = Zeroizing::new(bare.replace('+', "-").replace('/', "_"));
            let raw = Zeroizing::new(text.to_owned());
            for form in [raw, form_encoded(text), json_escaped(text), bare, in_urls] {
                let form = Zeroizing::new(form.as_bytes().to_vec());
                if form.len() >= BYTES_MIN && !forms.contains(&form) {
                    forms.push(form);
                }
            }
        }
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        Self(forms)
    }

    /// The bytes without the secrets; `None` if there is none in them.
    pub fn bytes(&self, text: &[u8]) -> Option<Vec<u8>> {
        let held = self.0.iter().any(|form| text.windows(form.len()).any(|window| window == form.as_slice()));
        if !held {
            return None;
        }
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((first, after)) = rest.split_first() {
            match self.0.iter().find_map(|form| rest.strip_prefix(form.as_slice())) {
                Some(behind) => {
                    out.extend_from_slice(MASKED.as_bytes());
                    rest = behind;
                }
                None => {
                    out.push(*first);
                    rest = after;
                }
            }
        }
        Some(out)
    }

    /// The same for text.
    pub fn text(&self, text: &str) -> Option<String> {
        self.bytes(text.as_bytes()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_is_masked_in_every_form_and_the_rest_stays() {
        let secret = Secret::new("hun/ter \"2\"+?".to_owned());
        let veil = Veil::over([&secret]);
        let forms = [
            secret.expose().to_owned(),
            form_encoded(secret.expose()).to_string(),
            serde_json::json!({ "echo": secret.expose() }).to_string(),
            base64(secret.expose().as_bytes()).to_string(),
        ];
        for form in forms {
            let masked = veil.text(&format!("you sent {form} to us")).unwrap();
            assert!(masked.starts_with("you sent ") && masked.ends_with(" to us"), "{masked}");
            assert!(masked.contains(MASKED) && !masked.contains("ter"), "{masked}");
        }
        assert_eq!(veil.text("nothing of it"), None);
        assert_eq!(Veil::over([&Secret::new("abc".into())]).text("abc"), None);
    }
}
