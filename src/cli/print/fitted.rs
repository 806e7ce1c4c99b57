//! Tables that fit the terminal: what is least needed goes first, and no line is ever wrapped.

use std::io;

/// A column of a table that must fit.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    heading: &'static str,
    /// The greatest goes first when there is no room; 0 stays.
    goes: u8,
}

impl Column {
    /// A column that stays.
    pub const fn stays(heading: &'static str) -> Column {
        Column { heading, goes: 0 }
    }

    /// A column that goes when there is no room, those with a greater number before it.
    pub const fn goes(heading: &'static str, goes: u8) -> Column {
        Column { heading, goes }
    }
}

/// Below this the last column says nothing.
const LAST_LEAST: usize = 16;
const GAP: usize = 2;

/// The columns of the terminal that stdout is; `None` where it is none, and everything fits.
pub fn terminal_width() -> Option<usize> {
    terminal_size().map(|(columns, _)| columns)
}

/// Columns and rows of the terminal that stdout is.
pub fn terminal_size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some((usize::from(size.ws_col), usize::from(size.ws_row)))
}

/// How many places a text takes at most. What lies beyond the Hangul letters may take two.
fn places(text: &str) -> usize {
    text.chars().map(|c| if c < '\u{1100}' || ('\u{2000}'..'\u{2e80}').contains(&c) { 1 } else { 2 }).sum()
}

/// The text cut to so many places.
pub fn cut(text: &str, places_max: usize) -> String {
    if places(text) <= places_max {
        return text.to_owned();
    }
    let (mut out, mut taken) = (String::new(), 1);
    for c in text.chars() {
        taken += places(c.encode_utf8(&mut [0; 4]));
        if taken > places_max {
            break;
        }
        out.push(c);
    }
    if places_max > 0 {
        out.push('…');
    }
    out
}

/// Rows under headings, no line longer than `width`. Columns without any content are left out; then
/// the last column is cut, columns go by their rank, and at last the first column is cut.
pub fn fitted(columns: &[Column], rows: &[Vec<String>], width: Option<usize>) -> String {
    let filled = |at: usize| rows.iter().any(|row| row.get(at).is_some_and(|cell| !cell.is_empty()));
    let mut kept: Vec<usize> =
        (0..columns.len()).filter(|at| columns[*at].goes == 0 || filled(*at)).collect();
    let mut widths: Vec<usize> = (0..columns.len())
        .map(|at| {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| places(cell));
            cells.max().unwrap_or(0).max(columns[at].heading.len())
        })
        .collect();
    if let Some(room) = width {
        fit(columns, &mut kept, &mut widths, room);
    }
    let headings: Vec<String> = columns.iter().map(|column| column.heading.to_uppercase()).collect();
    let mut text = String::new();
    for row in std::iter::once(&headings).chain(rows) {
        let mut line = String::new();
        for at in &kept {
            let cell = cut(row.get(*at).map_or("", String::as_str), widths[*at]);
            line.push_str(&cell);
            line.push_str(&" ".repeat(widths[*at].saturating_sub(places(&cell)) + GAP));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Lets columns go, and makes others narrower, until they take `room`.
fn fit(columns: &[Column], kept: &mut Vec<usize>, widths: &mut [usize], room: usize) {
    loop {
        let takes: usize = kept.iter().map(|at| widths[*at] + GAP).sum();
        let over = takes.saturating_sub(GAP).saturating_sub(room);
        let (Some(last), true) = (kept.last().copied(), over > 0) else { return };
        if columns[last].goes > 0 && widths[last] >= over + LAST_LEAST {
            widths[last] -= over;
            return;
        }
        let first_to_go = kept.iter().copied().filter(|at| columns[*at].goes > 0);
        match first_to_go.max_by_key(|at| columns[*at].goes) {
            Some(goes) => kept.retain(|at| *at != goes),
            None => {
                let widest = kept.iter().copied().max_by_key(|at| widths[*at]).unwrap_or(last);
                if widths[widest] <= 1 {
                    return;
                }
                widths[widest] = widths[widest].saturating_sub(over).max(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use proptest::prelude::*;

    const COLUMNS: &[Column] =
        &[Column::stays("actor"), Column::stays("state"), Column::goes("total", 2), Column::goes("why", 1)];

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 4]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        vec![
            row(["kernel/gateway", "busy", "12", "panicked: index out of bounds"]),
            row(["admin", "running", "", ""]),
        ]
    }

    #[test]
    fn what_is_least_needed_goes_first() {
        let text: String = [None, Some(50), Some(42), Some(30), Some(12)]
            .map(|width| fitted(COLUMNS, &rows(), width))
            .join("\n");
        expect![[r#"
            ACTOR           STATE    TOTAL  WHY
            kernel/gateway  busy     12     panicked: index out of bounds
            admin           running

            ACTOR           STATE    TOTAL  WHY
            kernel/gateway  busy     12     panicked: index o…
            admin           running

            ACTOR           STATE    WHY
            kernel/gateway  busy     panicked: index …
            admin           running

            ACTOR           STATE
            kernel/gateway  busy
            admin           running

            AC…  STATE
            ke…  busy
            ad…  running
        "#]]
        .assert_eq(&text);
    }

    proptest! {
        #[test]
        fn no_line_is_longer_than_the_terminal(
            cells in prop::collection::vec(prop::collection::vec("\\PC{0,30}", 4), 0..5),
            width in 8usize..120,
        ) {
            for line in fitted(COLUMNS, &cells, Some(width)).lines() {
                prop_assert!(places(line) <= width, "{line:?} is over {width}");
            }
        }
    }
}
