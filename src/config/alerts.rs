//! `[alerts]`: the program that tells the owner, and of what and how often it does.

use std::time::Duration;

use mm_services::alerts::{Command, TellSettings};
use mm_services::records::Sort;

use super::node::{Node, Value};
use super::values::Wrong;

/// More arguments, or longer ones, are a mistake.
const ARGUMENTS_MAX: usize = 64;
const ARGUMENT_BYTES_MAX: usize = 4096;

/// How the owner is told of alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alerts {
    /// The program and its arguments; empty: none.
    pub command: Vec<String>,
    /// The sorts that are told.
    pub send: Vec<Sort>,
    /// The program is killed then.
    pub timeout: Duration,
    /// Between two messages at least.
    pub min_interval: Duration,
    /// Messages in an hour at most.
    pub max_per_hour: u32,
}

impl Alerts {
    pub(super) fn blank() -> Alerts {
        let second = Duration::from_secs(1);
        Alerts { command: vec![], send: vec![], timeout: second, min_interval: second, max_per_hour: 1 }
    }

    /// The program, if there is one.
    pub fn program(&self) -> Option<Command> {
        let argv = self.command.clone();
        (!argv.is_empty()).then_some(Command { argv, timeout: self.timeout })
    }

    /// As the services see it.
    pub fn tell_settings(&self) -> TellSettings {
        TellSettings {
            command: self.program(),
            send: self.send.clone(),
            min_interval: self.min_interval,
            per_hour_max: self.max_per_hour,
        }
    }
}

/// A list of texts, and where each stands.
fn texts(node: &Node, right: &str) -> Result<Vec<(String, Node)>, Wrong> {
    let list = node.raw_list();
    let Value::List(items) = &list.as_ref().unwrap_or(node).value else {
        return Err(Wrong::new(format!("is {}", node.shown()), right));
    };
    let text = |item: &Node| match &item.value {
        Value::Text(text) => Ok((text.clone(), item.clone())),
        _ => Err(Wrong::new(format!("holds {}, which is no text", item.shown()), right)),
    };
    items.iter().map(text).collect()
}

/// A program and its arguments.
pub(super) fn command(node: &Node) -> Result<Vec<String>, Wrong> {
    let right = "write the program's whole path and its arguments as a list, like \
                 [\"/usr/local/bin/tell-me\", \"--urgent\"], or [] for none";
    let words = texts(node, right)?;
    if let Some((program, item)) = words.first()
        && !program.starts_with('/')
    {
        return Err(Wrong::new(format!("begins with {}, which is no whole path", item.shown()), right));
    }
    if words.len() > ARGUMENTS_MAX {
        return Err(Wrong::new(format!("has more than {ARGUMENTS_MAX} parts"), right));
    }
    for (word, item) in &words {
        if word.contains('\0') || word.len() > ARGUMENT_BYTES_MAX {
            return Err(Wrong::new(format!("holds {}, which can be no argument", item.shown()), right));
        }
        if crate::logs::looks_secret(word) {
            let wrong = "holds what looks like a credential, and everybody can see a program's arguments";
            return Err(Wrong::new(wrong, "let the program read it from a file that only it may read"));
        }
    }
    Ok(words.into_iter().map(|(word, _)| word).collect())
}

/// Sorts of alerts, each once.
pub(super) fn sorts(node: &Node) -> Result<Vec<Sort>, Wrong> {
    let words: Vec<String> = Sort::ALL.iter().map(|sort| format!("\"{}\"", sort.as_str())).collect();
    let right = format!("write a list of {}", words.join(", "));
    let mut sorts = Vec::new();
    for (word, item) in texts(node, &right)? {
        let Some(sort) = Sort::ALL.into_iter().find(|sort| sort.as_str() == word) else {
            let nearest = super::keys::nearest(&word, Sort::ALL.iter().map(|sort| sort.as_str()));
            let wrong = format!("holds {}, which is no sort of alert", item.shown());
            return Err(Wrong { nearest, ..Wrong::new(wrong, right) });
        };
        if !sorts.contains(&sort) {
            sorts.push(sort);
        }
    }
    Ok(sorts)
}
