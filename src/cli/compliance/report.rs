//! A report, for a terminal and as a page. Nothing of it is written as it came: a line for a terminal holds
//! no control character, and in the page every text is escaped.

use mm_core::untrusted::Untrusted;

use super::super::print::{fields, line, table};
use crate::views::compliance::{CountView, ReportView};

/// From when to when, in words.
fn period(view: &ReportView) -> String {
    let or = |time: &Option<String>, none: &str| time.clone().unwrap_or_else(|| none.to_owned());
    format!("{} to {}", or(&view.from, "the beginning"), or(&view.to, &view.made))
}

/// A list of the report: its heading, what it says where it is empty, column names, rows.
struct List {
    heading: &'static str,
    none: &'static str,
    columns: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

fn counts(heading: &'static str, counts: &[CountView]) -> List {
    let rows = counts.iter().map(|count| vec![count.name.clone(), count.count.to_string()]).collect();
    List { heading, none: "none", columns: &["name", "acts"], rows }
}

fn lists(view: &ReportView) -> Vec<List> {
    let committed = view.committed.iter().map(|act| {
        vec![act.at.clone(), act.id.clone(), act.platform.clone(), act.action.clone(), act.why.clone()]
    });
    let damaged = view.damaged.iter().map(|row| vec![row.kind.clone(), row.id.clone(), row.why.clone()]);
    let attempted = view.attempted.iter().map(|act| {
        let (at, id) = (act.at.clone(), act.id.clone());
        vec![
            at,
            id,
            act.strategy.clone(),
            act.platform.clone(),
            act.action.clone(),
            act.rules.join(", "),
            act.why.clone(),
        ]
    });
    let stale =
        view.stale.iter().map(|rule| vec![rule.id.clone(), rule.reviewed.clone(), rule.place.clone()]);
    vec![
        List {
            heading: "Violations committed",
            none: "none",
            columns: &["when", "act", "platform", "action", "why"],
            rows: committed.collect(),
        },
        List {
            heading: "Records that do not open",
            none: "none",
            columns: &["record", "act", "why"],
            rows: damaged.collect(),
        },
        List {
            heading: "Violations attempted, and blocked",
            none: "none",
            columns: &["when", "act", "strategy", "platform", "action", "rules", "why"],
            rows: attempted.collect(),
        },
        counts("By verdict", &view.by_verdict),
        counts("By status", &view.by_status),
        counts("By platform", &view.by_platform),
        counts("By strategy", &view.by_strategy),
        List {
            heading: "Rules that permit no more until they are reviewed",
            none: "none",
            columns: &["rule", "reviewed", "place"],
            rows: stale.collect(),
        },
    ]
}

fn head(view: &ReportView) -> Vec<(&'static str, String)> {
    let mut head = vec![
        ("period", period(view)),
        ("made", format!("{} by version {}", view.made, view.version)),
        ("acts", view.actions.to_string()),
        ("violations", format!("{} committed, {} attempted", view.committed.len(), view.attempted.len())),
        ("without", format!("{} acts left without a decision on record", view.without_decision)),
    ];
    if let Some(why) = &view.rules_error {
        head.push(("rules", format!("could not be read: {why}")));
    }
    head
}

/// For a terminal.
pub fn text(view: &ReportView) -> String {
    let head: Vec<(&str, String)> =
        head(view).into_iter().map(|(name, value)| (name, line(&value, 600))).collect();
    let mut text = format!("Compliance report\n\n{}", fields(&head));
    for list in lists(view) {
        text.push_str(&format!("\n{}\n", list.heading));
        if list.rows.is_empty() {
            text.push_str(&format!("{}\n", list.none));
            continue;
        }
        let rows: Vec<Vec<String>> =
            list.rows.iter().map(|row| row.iter().map(|cell| line(cell, 300)).collect()).collect();
        text.push_str(&table(list.columns, &rows));
    }
    text.push_str(&format!("\nHow violations are looked for\n{}\n", line(&view.method, 1000)));
    text
}

/// No script runs, nothing is fetched, and the styles are its own.
const PAGE: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Compliance report</title>\n\
    <style>body{font-family:sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}\
    table{border-collapse:collapse;width:100%}th,td{border:1px solid #bbb;padding:.3rem;text-align:left;\
    vertical-align:top;overflow-wrap:anywhere}</style>\n</head>\n<body>\n";

/// The most characters of one text in the page.
const CELL_CHARS_MAX: usize = 2000;

fn escaped(text: &str) -> String {
    Untrusted::new(text).as_html(CELL_CHARS_MAX).as_str().to_owned()
}

/// As a page of its own.
pub fn html(view: &ReportView) -> String {
    let mut page = format!("{PAGE}<h1>Compliance report</h1>\n<table>\n");
    for (name, value) in head(view) {
        page.push_str(&format!("<tr><th>{}</th><td>{}</td></tr>\n", escaped(name), escaped(&value)));
    }
    page.push_str("</table>\n");
    for list in lists(view) {
        page.push_str(&format!("<h2>{}</h2>\n", escaped(list.heading)));
        if list.rows.is_empty() {
            page.push_str(&format!("<p>{}</p>\n", escaped(list.none)));
            continue;
        }
        let row = |cells: Vec<String>| format!("<tr>{}</tr>\n", cells.concat());
        let names = list.columns.iter().map(|name| format!("<th>{}</th>", escaped(name))).collect();
        page.push_str(&format!("<table>\n{}", row(names)));
        for cells in &list.rows {
            page.push_str(&row(cells.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect()));
        }
        page.push_str("</table>\n");
    }
    page.push_str("<h2>How violations are looked for</h2>\n");
    page.push_str(&format!("<p>{}</p>\n</body>\n</html>\n", escaped(&view.method)));
    page
}
