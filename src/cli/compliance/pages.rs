//! What people read of verdicts and rules. Everything from a rule file or a request is one harmless line.

use super::super::print::{fields, line, lines as lines_of, table};
use crate::views::compliance::{
    CheckView, DutyView, ExplainView, InputsView, NoteView, ReplayView, RuleView, WordView,
};

/// The most of a text that is shown.
const TEXT_CHARS_MAX: usize = 4000;

/// The verdict, with who does it.
fn verdict(verdict: &str, by_owner: bool) -> String {
    let by = if by_owner { " (a person must do it himself, on the platform)" } else { "" };
    format!("{}{by}", line(verdict, 20))
}

fn words(rules: &[WordView]) -> String {
    let word = |rule: &WordView| {
        let mut text =
            format!("{} {}: {}\n", line(&rule.verdict, 20), line(&rule.rule, 130), line(&rule.reason, 1000));
        if !rule.clause.is_empty() {
            text.push_str(&format!("  clause  “{}”\n", line(&rule.clause, 800)));
        }
        let sure = rule.certainty.as_deref().map(|c| format!(" ({})", line(c, 20))).unwrap_or_default();
        text.push_str(&format!("  source  {}{sure}\n", line(&rule.source, 300)));
        text
    };
    rules.iter().map(word).collect()
}

fn duties(duty: &DutyView) -> String {
    let mut lines: Vec<(&str, String)> =
        duty.headers.iter().map(|(name, value)| ("header", line(&format!("{name}: {value}"), 300))).collect();
    if duty.pause_ms_min > 0 {
        lines.push(("pause", format!("at least {} ms before the next", duty.pause_ms_min)));
    }
    lines.extend(duty.text.iter().map(|text| ("text", lines_of(text, TEXT_CHARS_MAX))));
    if lines.is_empty() { String::new() } else { format!("\nit obliges to\n{}", fields(&lines)) }
}

fn judged(inputs: &InputsView) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("action", format!("{} at {}", line(&inputs.action, 70), line(&inputs.platform, 70))),
        ("request", format!("{} {}", inputs.method, line(&inputs.url, 2048))),
        ("account", line(inputs.account.as_deref().unwrap_or("none"), 70)),
        ("country", line(inputs.country.as_deref().unwrap_or("not known"), 20)),
        ("judged at", format!("{}{}", inputs.at, if inputs.strict { ", strictly" } else { "" })),
    ];
    lines.extend(inputs.facts.iter().map(|(name, value)| ("fact", line(&format!("{name}={value}"), 300))));
    match (inputs.text_kind.as_str(), &inputs.text) {
        ("nothing", _) => {}
        ("unknown", why) => {
            lines.push(("text", format!("not known: {}", line(why.as_deref().unwrap_or(""), 300))))
        }
        (kind, text) => lines
            .push(("text", format!("{kind}: {}", lines_of(text.as_deref().unwrap_or(""), TEXT_CHARS_MAX)))),
    }
    lines
}

/// What would happen to an act.
pub fn checked(view: &CheckView) -> String {
    let mut lines = vec![("verdict", verdict(&view.verdict, view.by_owner))];
    lines.extend(judged(&view.inputs));
    let mut text = format!("{}\n{}{}", fields(&lines), words(&view.rules), duties(&view.obligations));
    if !view.quotas.is_empty() {
        let rows: Vec<Vec<String>> = view
            .quotas
            .iter()
            .map(|charge| vec![line(&charge.quota, 120), charge.left.to_string()])
            .collect();
        text.push_str(&format!("\n{}", table(&["it would be charged to", "left"], &rows)));
    }
    text
}

/// The decision on an act.
pub fn explained(view: &ExplainView) -> String {
    let mut lines = vec![("id", line(&view.id, 200)), ("verdict", verdict(&view.verdict, view.by_owner))];
    lines.extend(judged(&view.inputs));
    if let Some(activity) = &view.activity {
        lines.push((
            "became",
            format!("{} ({})", line(&activity.status, 20), line(&activity.details.stage, 20)),
        ));
    }
    if let Some(approval) = &view.approval {
        lines.push(("approval", line(approval, 200)));
    }
    lines.push(("rules", line(&view.rules_version, 70)));
    format!("{}\n{}{}", fields(&lines), words(&view.rules), duties(&view.obligations))
}

/// What came of making decisions once more.
pub fn replayed(view: &ReplayView) -> String {
    let mut text = format!(
        "{} decisions made again by {} versions of the rules; {} came out otherwise, {} do not open\n",
        view.decisions,
        view.rule_sets,
        view.deviations.len() - view.damaged.min(view.deviations.len()),
        view.damaged
    );
    for found in &view.deviations {
        let now = found.now.as_ref().map(|now| format!("; now {}", line(now, 300))).unwrap_or_default();
        text.push_str(&format!(
            "{} {}: {}: stored {}{now}\n",
            found.at,
            line(&found.id, 200),
            line(&found.why, 400),
            line(&found.stored, 300)
        ));
    }
    text
}

/// Rules, one a line.
pub fn rows(rules: &[RuleView]) -> String {
    let row = |rule: &RuleView| {
        vec![
            line(&rule.id, 130),
            line(rule.action.as_deref().unwrap_or("*"), 70),
            format!("{}{}", rule.verdict, if rule.by_owner { " (by the owner)" } else { "" }),
            rule.certainty.clone(),
            format!("{}{}", rule.reviewed, if rule.stale { " (too old)" } else { "" }),
            line(&rule.reason, 160),
        ]
    };
    let rows: Vec<Vec<String>> = rules.iter().map(row).collect();
    table(&["rule", "action", "verdict", "certainty", "reviewed", "reason"], &rows)
}

/// Notes on rules, one a line.
pub fn notes(notes: &[NoteView]) -> String {
    let shown = |note: &NoteView| {
        let place = format!("{}:{}", note.file, note.line);
        format!("{}: {}: {}\n", line(&place, 140), line(&note.rule, 130), line(&note.sentence, 1000))
    };
    notes.iter().map(shown).collect()
}
