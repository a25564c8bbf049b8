//! Strict reading of a document's parts: a known set of fields, and a type for each.

use crate::{
    diagnostic::{Finding, Report},
    node::{Content, Node},
};
use evenkeel_model::Span;
use std::str::FromStr;

/// A mapping of which only known fields may be there.
pub(crate) struct Section<'n> {
    node: &'n Node,
    what: String,
}

impl<'n> Section<'n> {
    /// Opens a mapping and reports its unknown fields; `None` if it is none.
    pub(crate) fn open(node: &'n Node, what: &str, known: &[&str], report: &mut Report) -> Option<Self> {
        if !is_map(node, what, report) {
            return None;
        }
        for entry in node.entries() {
            if !known.contains(&entry.key.as_str()) {
                let found = Finding::error("unknown-field", format!("{what} has no field {:?}", entry.key))
                    .at(entry.key_place)
                    .help(format!("its fields are {}", known.join(", ")))
                    .suggest(&entry.key, known.iter().copied());
                report.push(found);
            }
        }
        let what = what.to_owned();
        Some(Self { node, what })
    }

    /// A field that may be missing or empty.
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.node
            .get(key)
            .filter(|node| !matches!(node.content, Content::Null | Content::Refused))
    }

    /// A field that must be there.
    pub(crate) fn need(&self, key: &str, report: &mut Report) -> Option<&'n Node> {
        let found = self.get(key);
        if found.is_none()
            && self
                .node
                .get(key)
                .is_none_or(|node| node.content != Content::Refused)
        {
            let place = self
                .node
                .entry(key)
                .map_or(self.node.place, |entry| entry.key_place);
            let found = Finding::error("missing-field", format!("{} needs the field {key:?}", self.what));
            report.push(found.at(place));
        }
        found
    }
}

fn wrong(node: &Node, what: &str, expected: &str, report: &mut Report) {
    if node.content != Content::Refused {
        let message = format!("{what} must be {expected}, not {}", node.describe());
        report.push(Finding::error("wrong-type", message).at(node.place));
    }
}

pub(crate) fn is_map(node: &Node, what: &str, report: &mut Report) -> bool {
    let is = matches!(node.content, Content::Map(_));
    if !is {
        wrong(node, what, "a mapping", report);
    }
    is
}

pub(crate) fn text<'n>(node: &'n Node, what: &str, report: &mut Report) -> Option<&'n str> {
    match &node.content {
        Content::Text(text) => Some(text),
        Content::Number(..) | Content::Flag(_) => {
            let message = format!("{what} must be text, not {}", node.describe());
            report.push(
                Finding::error("wrong-type", message)
                    .at(node.place)
                    .help("put it in quotes"),
            );
            None
        }
        _ => {
            wrong(node, what, "text", report);
            None
        }
    }
}

/// Text, or a number or flag taken as it was written: for versions and labels.
pub(crate) fn word(node: &Node, what: &str, report: &mut Report) -> Option<String> {
    match &node.content {
        Content::Text(text) | Content::Number(_, text) => Some(text.clone()),
        Content::Flag(flag) => Some(flag.to_string()),
        _ => {
            wrong(node, what, "text", report);
            None
        }
    }
}

pub(crate) fn flag(node: &Node, what: &str, report: &mut Report) -> Option<bool> {
    match node.content {
        Content::Flag(flag) => Some(flag),
        _ => {
            wrong(node, what, "true or false", report);
            None
        }
    }
}

/// A whole number from `from` to `to`.
pub(crate) fn number(node: &Node, what: &str, from: u64, to: u64, report: &mut Report) -> Option<u64> {
    let number = match &node.content {
        Content::Number(number, _) => number.as_u64(),
        _ => None,
    };
    let number = number.filter(|number| (from..=to).contains(number));
    if number.is_none() {
        let code = if matches!(node.content, Content::Number(..)) {
            "bad-value"
        } else {
            "wrong-type"
        };
        if node.content != Content::Refused {
            let message = format!("{what} must be a whole number from {from} to {to}");
            report.push(Finding::error(code, message).at(node.place));
        }
    }
    number
}

/// The same, as a 32-bit number.
pub(crate) fn small(node: &Node, what: &str, from: u32, to: u32, report: &mut Report) -> Option<u32> {
    number(node, what, u64::from(from), u64::from(to), report).and_then(|number| u32::try_from(number).ok())
}

/// `30s`, `5m`, `1h 30m`, `250ms`.
pub(crate) fn span(node: &Node, what: &str, report: &mut Report) -> Option<Span> {
    if let Content::Number(_, written) = &node.content {
        let found = Finding::error("wrong-type", format!("{what} must be a duration with its unit"));
        report.push(
            found
                .at(node.place)
                .help(format!("write {written}s, {written}m or {written}ms")),
        );
        return None;
    }
    parsed(node, what, report)
}

/// Text that has a form of its own.
pub(crate) fn parsed<T: FromStr>(node: &Node, what: &str, report: &mut Report) -> Option<T>
where
    T::Err: std::fmt::Display,
{
    let text = text(node, what, report)?;
    match text.parse() {
        Ok(value) => Some(value),
        Err(error) => {
            report.push(Finding::error("bad-value", format!("{what}: {error}")).at(node.place));
            None
        }
    }
}

/// One of a few words.
pub(crate) fn choice<T: Copy>(
    node: &Node,
    what: &str,
    choices: &[(&'static str, T)],
    report: &mut Report,
) -> Option<T> {
    let text = text(node, what, report)?;
    let found = choices
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, value)| *value);
    if found.is_none() {
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        let found = Finding::error("bad-value", format!("{what} cannot be {text:?}"))
            .at(node.place)
            .help(format!("it is one of {}", words.join(", ")))
            .suggest(text, words);
        report.push(found);
    }
    found
}

pub(crate) fn list<'n>(node: &'n Node, what: &str, report: &mut Report) -> &'n [Node] {
    match &node.content {
        Content::List(items) => items,
        _ => {
            wrong(node, what, "a list", report);
            &[]
        }
    }
}

/// A list of texts.
pub(crate) fn texts(node: &Node, what: &str, report: &mut Report) -> Vec<String> {
    let mut found = Vec::new();
    for item in list(node, what, report) {
        found.extend(text(item, &format!("each of {what}"), report).map(str::to_owned));
    }
    found
}
