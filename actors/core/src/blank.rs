//! Blanks: places in a draft that its owner has to fill in before it may leave.
//!
//! A strategy can prepare a text and not know all of it: what the owner plans to do, say. It then writes
//! `[[fill in: what is wanted]]` there. Such a draft may wait for its owner; it must never be sent. The
//! mark has no character that JSON, a form or a URL path would write in another way, so that it is found
//! in the bytes of a body as they will leave.

/// How a blank begins.
pub const MARK: &str = "[[fill in:";

/// The most characters of a blank that are shown.
const SHOWN_MAX: usize = 80;

/// A blank that asks for `what`.
pub fn of(what: &str) -> String {
    format!("{MARK} {what}]]")
}

/// What the first blank in `text` asks for; `None` if there is none. An opened one that is never closed is
/// a blank too, and so is one in other letters: whoever typed over half of it has not filled it in.
pub fn in_text(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let at = lower.find(MARK)?;
    // ASCII lower case keeps every byte's place.
    let rest = text.get(at + MARK.len()..)?;
    let what = rest.split("]]").next().unwrap_or(rest);
    Some(crate::untrusted::Untrusted::new(what).line(SHOWN_MAX))
}

/// As [`in_text`], for the body of a request. Bytes that are no text hold no blank that a person would see.
pub fn in_body(body: &[u8]) -> Option<String> {
    in_text(&String::from_utf8_lossy(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_is_found_however_it_is_carried() {
        let blank = of("your plan");
        assert_eq!(in_text(&format!("a\n{blank}\nb")).as_deref(), Some("your plan"));
        let body = serde_json::json!({ "body": format!("ä \"{blank}\"") }).to_string();
        assert_eq!(in_body(body.as_bytes()).as_deref(), Some("your plan"));
        assert_eq!(in_text("[[Fill In: half").as_deref(), Some("half"));
        assert_eq!(in_text(MARK).as_deref(), Some(""));
        assert_eq!(in_text("[[done]] fill in: nothing"), None);
        assert_eq!(in_body(b"\xff\xfe"), None);
    }
}
