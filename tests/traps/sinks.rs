//! The places that a text may get to, each as its own reader reads it: a terminal, a browser, a
//! spreadsheet, a server. An oracle says what leaked, and shares no code with what it looks at.

/// Signs that a terminal obeys, or that an eye misses. Line ends are the writer's own.
pub fn terminal(text: &str) -> Result<(), String> {
    for (at, c) in text.char_indices() {
        let obeyed = (c < ' ' && c != '\n') || ('\u{7f}'..='\u{9f}').contains(&c);
        let missed = "\u{ad}\u{61c}\u{180e}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\
                      \u{202c}\u{202d}\u{202e}\u{2060}\u{2066}\u{2067}\u{2068}\u{2069}\u{206a}\u{206f}\u{feff}\
                      \u{2800}\u{3164}\u{115f}\u{ffa0}\u{34f}\u{e0041}\u{e0042}\u{e007f}"
            .contains(c);
        if obeyed || missed {
            let from = text[..at].char_indices().rev().nth(30).map_or(0, |(from, _)| from);
            return Err(format!("{c:?} at {at}, after {:?}", &text[from..at]));
        }
    }
    Ok(())
}

/// One line of it.
pub fn line(text: &str) -> Result<(), String> {
    if text.contains('\n') { Err("a line end".to_owned()) } else { terminal(text) }
}

/// Text between tags, or within an attribute of either quote.
pub fn html(text: &str) -> Result<(), String> {
    if let Some(c) = text.chars().find(|c| "<>\"'`".contains(*c)) {
        return Err(format!("{c:?} ends its place"));
    }
    terminal(text)
}

/// One cell of a file that a spreadsheet opens.
pub fn csv(cell: &str) -> Result<(), String> {
    let inner = cell.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or("it is not quoted")?;
    let mut value = String::new();
    let mut signs = inner.chars();
    while let Some(c) = signs.next() {
        if c == '"' && signs.next() != Some('"') {
            return Err("a quote ends the cell".to_owned());
        }
        value.push(c);
    }
    line(&value)?;
    let seen = value.trim_start_matches(|c: char| c.is_whitespace() || c == '"');
    match seen.chars().next() {
        Some(c) if "=+-@|＝＋－＠".contains(c) => Err(format!("{c:?} begins a formula")),
        _ => Ok(()),
    }
}

/// A block quote on GitHub: every line belongs to it, and nothing in it is more than text.
pub fn markdown(text: &str) -> Result<(), String> {
    terminal(text)?;
    for line in text.split('\n') {
        let inner = line.strip_prefix("> ").ok_or_else(|| format!("{line:?} is outside of the quote"))?;
        if inner.trim_start().starts_with('/') {
            return Err(format!("{line:?} is a command"));
        }
        let mut escaped = false;
        for c in inner.chars() {
            if c == '@' || (c.is_ascii_punctuation() && c != '\\' && !escaped) {
                return Err(format!("{c:?} is markup in {line:?}"));
            }
            escaped = c == '\\' && !escaped;
        }
    }
    Ok(())
}

/// A header's value on the wire.
pub fn header(value: &str) -> Result<(), String> {
    if value.to_lowercase().contains("{vault:") {
        return Err("a slot".to_owned());
    }
    match value.bytes().find(|byte| !(0x20..0x7f).contains(byte)) {
        Some(byte) => Err(format!("byte {byte:#x}")),
        None => Ok(()),
    }
}

/// A segment of a path: wherever it is put, nothing but that segment changes.
pub fn segment(segment: &str) -> Result<(), String> {
    let url = format!("https://api.github.com/repos/{segment}/issues");
    let parsed = mm_core::url::LogicalUrl::parse(&url).map_err(|bad| bad.to_string())?;
    let wanted = format!("/repos/{segment}/issues");
    if parsed.path_and_query() == wanted { Ok(()) } else { Err(format!("it leads to {}", parsed.as_str())) }
}

/// A value in a query.
pub fn query(value: &str) -> Result<(), String> {
    let url = format!("https://api.github.com/search?q={value}&page=1");
    let parsed = mm_core::url::LogicalUrl::parse(&url).map_err(|bad| bad.to_string())?;
    let whole = parsed.path_and_query() == format!("/search?q={value}&page=1");
    if whole && value.matches(['&', '=', '#', '{']).count() == 0 { Ok(()) } else { Err(value.to_owned()) }
}

/// JSON on a terminal: it reads as JSON, and as nothing else.
pub fn json(text: &str) -> Result<serde_json::Value, String> {
    terminal(text)?;
    serde_json::from_str(text).map_err(|error| error.to_string())
}
