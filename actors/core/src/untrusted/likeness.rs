//! What a text looks like: its letters folded to the plain ones that they are mistaken for.
//!
//! Far from all of Unicode's confusables (UTS #39): the letters that names of bots, hosts and
//! platforms are forged with. It finds impostors; that nothing was found proves nothing.

use super::is_deceptive;

/// Letters that are taken for another, and for which.
const CONFUSED: &[(&str, char)] = &[
    ("аɑα", 'a'),
    ("Ьƅ", 'b'),
    ("сϲⅽ", 'c'),
    ("ԁⅾ", 'd'),
    ("еҽ℮", 'e'),
    ("ɡց", 'g'),
    ("һհ", 'h'),
    ("іıɩιӏ1|ⅼǀ!Il", 'l'),
    ("ј", 'j'),
    ("кκ", 'k'),
    ("м", 'm'),
    ("пո", 'n'),
    ("оοσօ0", 'o'),
    ("рρ", 'p'),
    ("ԛզ", 'q'),
    ("г", 'r'),
    ("ѕ5$", 's'),
    ("тτ", 't'),
    ("υսʋ", 'u'),
    ("νѵⅴ", 'v'),
    ("ѡԝ", 'w'),
    ("хχⅹ", 'x'),
    ("уγү", 'y'),
    ("‐‑‒–—−﹣", '-'),
    ("․。", '.'),
    ("⁄∕", '/'),
];

/// The text as a person sees it at a glance: small plain letters, nothing invisible.
pub(super) fn skeleton(text: &str) -> String {
    let seen = text.chars().filter(|c| !is_deceptive(*c) && !is_mark(*c));
    let folded: String = seen.flat_map(wide_to_plain).flat_map(char::to_lowercase).map(plain).collect();
    // `rn` is read as `m`, `vv` as `w`.
    folded.replace("rn", "m").replace("vv", "w").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Combining marks, which sit on the letter before them.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{20d0}'..='\u{20ff}')
}

/// Full-width and mathematical letters are plain ones in other clothes.
fn wide_to_plain(c: char) -> Option<char> {
    let code = u32::from(c);
    match code {
        0xff01..=0xff5e => char::from_u32(code - 0xfee0),
        0x1d400..=0x1d6a3 => char::from_u32(u32::from('a') + (code - 0x1d400) % 26),
        0x24d0..=0x24e9 => char::from_u32(code - 0x24d0 + u32::from('a')),
        _ => Some(c),
    }
}

fn plain(c: char) -> char {
    if c == 'i' {
        return 'l';
    }
    CONFUSED.iter().find(|(like, _)| like.contains(c)).map_or(c, |(_, plain)| *plain)
}
