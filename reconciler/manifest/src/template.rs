//! Templates: strict, with a budget of work and of bytes, and with no way to load anything.
//!
//! They fill the string scalars of parsed documents; YAML text is never a template. A string that is exactly one
//! `{{ expression }}` becomes the expression's value with its type.

use crate::{
    diagnostic::{Finding, Report},
    node::{Content, Node},
    place::{Place, Sources},
    suggestion::did_you_mean,
};
use minijinja::{AutoEscape, ErrorKind, UndefinedBehavior, syntax::SyntaxConfig, value::ValueKind};
use serde_json::Value;
use std::{cell::Cell, collections::BTreeMap};

/// What a template may use up: instructions, and 64 bytes of data each.
const SCALAR_FUEL: u64 = 20_000;
const FILE_FUEL: u64 = 1_000_000;
/// The largest output of one template, in bytes.
pub const MAX_OUTPUT: usize = 1024 * 1024;
/// All that one rendering may produce, in bytes.
const BUDGET: usize = 64 * 1024 * 1024;
/// What a node costs besides its text.
const NODE_COST: usize = 64;

/// The names that a template can use.
pub(crate) struct Scope {
    context: minijinja::Value,
    names: Vec<String>,
    facts_missing_for: Option<String>,
}

impl Scope {
    /// `names` is a mapping of top-level names. `facts_missing_for` names a target of which no facts are known.
    pub(crate) fn new(names: &Value, facts_missing_for: Option<String>) -> Self {
        let mut known = Vec::new();
        collect(names, "", 0, &mut known);
        Self {
            context: value(names),
            names: known,
            facts_missing_for,
        }
    }
}

fn collect(value: &Value, prefix: &str, depth: usize, known: &mut Vec<String>) {
    let Value::Object(map) = value else { return };
    for (key, value) in map {
        if known.len() >= 500 || depth >= 6 {
            return;
        }
        let name = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        collect(value, &name, depth + 1, known);
        known.push(name);
    }
}

/// Why a template could not be filled.
pub(crate) struct Fault {
    code: &'static str,
    message: String,
    help: Option<String>,
    /// The part of the template that it is about.
    part: Option<String>,
    /// The line in the template, from 1.
    line: Option<usize>,
}

impl Fault {
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
    pub(crate) fn line(&self) -> Option<usize> {
        self.line
    }
    /// As a finding at that place, or the part of it that it is about.
    pub(crate) fn finding(self, place: Place, sources: &Sources) -> Finding {
        let place = self
            .part
            .as_deref()
            .map_or(place, |part| sources.narrow(place, part));
        Finding::error(self.code, self.message)
            .at(place)
            .maybe_help(self.help)
    }
}

/// Fills templates, all within one budget.
pub(crate) struct Filler {
    scalars: minijinja::Environment<'static>,
    files: minijinja::Environment<'static>,
    left: Cell<usize>,
}

impl Filler {
    pub(crate) fn new() -> Self {
        Self {
            scalars: environment(SCALAR_FUEL),
            files: environment(FILE_FUEL),
            left: Cell::new(BUDGET),
        }
    }

    /// The node with its strings filled; what cannot be filled is reported and refused.
    pub(crate) fn fill(&self, node: &Node, scope: &Scope, sources: &Sources, report: &mut Report) -> Node {
        let content = match &node.content {
            Content::Text(text) => match self.value(text, scope) {
                Ok(Some(value)) => return Node::from_json(&value, node.place),
                Ok(None) => Content::Text(text.clone()),
                Err(fault) => {
                    report.push(fault.finding(node.place, sources));
                    Content::Refused
                }
            },
            Content::List(items) => Content::List(
                items
                    .iter()
                    .map(|item| self.fill(item, scope, sources, report))
                    .collect(),
            ),
            Content::Map(entries) => Content::Map(
                entries
                    .iter()
                    .map(|entry| crate::node::Entry {
                        value: self.fill(&entry.value, scope, sources, report),
                        ..entry.clone_key()
                    })
                    .collect(),
            ),
            other => other.clone(),
        };
        let weight = NODE_COST
            + if let Content::Text(text) = &content {
                text.len()
            } else {
                0
            };
        if let Err(fault) = self.charge(weight) {
            report.push(fault.finding(node.place, sources));
            return Node {
                content: Content::Refused,
                place: node.place,
            };
        }
        Node {
            content,
            place: node.place,
        }
    }

    /// A text file filled.
    pub(crate) fn file(&self, text: &str, scope: &Scope) -> Result<String, Fault> {
        self.charge(text.len())?;
        self.text(&self.files, text, scope)
    }

    fn charge(&self, bytes: usize) -> Result<(), Fault> {
        match self.left.get().checked_sub(bytes) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(Fault {
                code: "too-large",
                message: format!("the environment comes to more than {} MiB", BUDGET / 1024 / 1024),
                help: None,
                part: None,
                line: None,
            }),
        }
    }

    /// What a string comes to; `None` if it is no template.
    fn value(&self, text: &str, scope: &Scope) -> Result<Option<Value>, Fault> {
        if !["{{", "{%", "{#"].iter().any(|open| text.contains(open)) {
            return Ok(None);
        }
        if let Some(expression) = sole_expression(text)
            && let Ok(compiled) = self.scalars.compile_expression_owned(expression.to_owned())
        {
            let value = compiled
                .eval(scope.context.clone())
                .map_err(|error| fault(&error, expression, scope))?;
            if value.is_undefined() {
                return Err(undefined(expression.trim(), expression, None, scope));
            }
            let value = json(&value).ok_or_else(|| Fault {
                code: "template",
                message: format!(
                    "{:?} gives {}, which is no value",
                    expression.trim(),
                    value.kind()
                ),
                help: None,
                part: Some(expression.trim().to_owned()),
                line: None,
            })?;
            self.charge(weight(&value))?;
            return Ok(Some(value));
        }
        let filled = self.text(&self.scalars, text, scope)?;
        self.charge(filled.len() + NODE_COST)?;
        Ok(Some(Value::String(filled)))
    }

    fn text(
        &self,
        environment: &minijinja::Environment<'static>,
        text: &str,
        scope: &Scope,
    ) -> Result<String, Fault> {
        // Fuel bounds the output as well: 64 bytes each.
        let filled = environment
            .template_from_str(text)
            .and_then(|template| template.render(scope.context.clone()))
            .map_err(|error| fault(&error, text, scope))?;
        if filled.len() > MAX_OUTPUT {
            return Err(Fault {
                code: "too-large",
                message: format!("the template gives more than {} MiB", MAX_OUTPUT / 1024 / 1024),
                help: None,
                part: None,
                line: None,
            });
        }
        self.charge(filled.len())?;
        Ok(filled)
    }
}

fn environment(fuel: u64) -> minijinja::Environment<'static> {
    let mut environment = minijinja::Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(fuel));
    environment.set_recursion_limit(64);
    environment.set_debug(true);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    let mut syntax = SyntaxConfig::builder();
    syntax
        .keep_trailing_newline(true)
        .trim_blocks(true)
        .lstrip_blocks(true);
    // It fails for odd delimiters only, and these are the usual ones.
    environment.set_syntax(syntax.build().unwrap_or_default());
    environment
}

/// By hand rather than through serde, which has a way to smuggle in other values.
fn value(json: &Value) -> minijinja::Value {
    match json {
        Value::Null => minijinja::Value::from(()),
        Value::Bool(flag) => minijinja::Value::from(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), ..) => minijinja::Value::from(whole),
            (_, Some(whole), _) => minijinja::Value::from(whole),
            (.., float) => minijinja::Value::from(float.unwrap_or_default()),
        },
        Value::String(text) => minijinja::Value::from(text.as_str()),
        Value::Array(items) => items.iter().map(value).collect::<Vec<_>>().into(),
        Value::Object(map) => map
            .iter()
            .map(|(key, item)| (key.clone(), value(item)))
            .collect::<BTreeMap<_, _>>()
            .into(),
    }
}

/// The inside of a string that is exactly one `{{ … }}`.
fn sole_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let plain = !inner.starts_with(['-', '+']) && !inner.ends_with(['-', '+']);
    (plain && !inner.contains("{{") && !inner.contains("}}")).then_some(inner)
}

/// A template's value as JSON; `None` for what has no such form.
fn json(value: &minijinja::Value) -> Option<Value> {
    match value.kind() {
        ValueKind::None => Some(Value::Null),
        ValueKind::Bool | ValueKind::Number | ValueKind::String | ValueKind::Seq | ValueKind::Map => {
            serde_json::to_value(value).ok()
        }
        ValueKind::Iterable => {
            let items = value.try_iter().ok()?.take(10_000).map(|item| json(&item));
            items.collect::<Option<Vec<_>>>().map(Value::Array)
        }
        _ => None,
    }
}

fn weight(value: &Value) -> usize {
    NODE_COST
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(weight).sum(),
            Value::Object(map) => map.iter().map(|(key, value)| key.len() + weight(value)).sum(),
            _ => 0,
        }
}

fn undefined(name: &str, text: &str, line: Option<usize>, scope: &Scope) -> Fault {
    let part = text.contains(name).then(|| name.to_owned());
    if let Some(target) = scope
        .facts_missing_for
        .as_ref()
        .filter(|_| name.contains("facts") || name.is_empty())
    {
        return Fault {
            code: "facts-unknown",
            message: format!("the facts of target {target} are not known"),
            help: Some("they are known once the target was reached".into()),
            part,
            line,
        };
    }
    let guess = did_you_mean(name, scope.names.iter().map(String::as_str));
    Fault {
        code: "undefined",
        message: format!("{name:?} is not defined here"),
        help: guess.map(|guess| format!("did you mean {guess:?}?")),
        part,
        line,
    }
}

fn fault(error: &minijinja::Error, text: &str, scope: &Scope) -> Fault {
    let part = error
        .range()
        .and_then(|range| text.get(range))
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let line = error.line();
    let detail: String = error.detail().unwrap_or("").chars().take(300).collect();
    let (code, message) = match error.kind() {
        ErrorKind::UndefinedError => {
            let name = part
                .unwrap_or("")
                .trim_start_matches("{{")
                .trim_end_matches("}}")
                .trim();
            if !name.is_empty() || scope.facts_missing_for.is_some() {
                return undefined(name, text, line, scope);
            }
            (
                "undefined",
                "the template uses a name that is not defined here".to_owned(),
            )
        }
        ErrorKind::SyntaxError => ("template", format!("this is no template: {detail}")),
        ErrorKind::OutOfFuel => ("template", "the template does too much work".to_owned()),
        ErrorKind::UnknownFilter => ("template", format!("unknown filter: {detail}")),
        ErrorKind::UnknownFunction => ("template", format!("unknown function: {detail}")),
        kind if detail.is_empty() => ("template", format!("the template fails: {kind}")),
        kind => ("template", format!("the template fails: {kind}: {detail}")),
    };
    Fault {
        code,
        message,
        help: None,
        part: part.map(str::to_owned),
        line,
    }
}
