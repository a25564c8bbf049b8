//! Diagnostics as a person reads them.

use crate::{
    diagnostic::{Diagnostic, Severity},
    place::Location,
};
use std::fmt::Write as _;

/// All of them as text, with a line of the source and a caret each, and a last line that counts. With `colour`,
/// ANSI escapes are used; what comes from the repository has none, whatever its files hold.
#[must_use]
pub fn listing(diagnostics: &[Diagnostic], colour: bool) -> String {
    let mut text = String::new();
    let paint = Paint(colour);
    for diagnostic in diagnostics {
        one(&mut text, diagnostic, &paint);
        text.push('\n');
    }
    let errors = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .count();
    let warnings = diagnostics.len() - errors;
    let plural = |count: usize, word: &str| match count {
        0 => None,
        1 => Some(format!("1 {word}")),
        _ => Some(format!("{count} {word}s")),
    };
    let counts: Vec<_> = [plural(errors, "error"), plural(warnings, "warning")]
        .into_iter()
        .flatten()
        .collect();
    if !counts.is_empty() {
        let _ = writeln!(text, "{}", counts.join(", "));
    }
    text
}

struct Paint(bool);

impl Paint {
    fn with(&self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
    fn blue(&self, text: &str) -> String {
        self.with("1;34", text)
    }
}

fn one(out: &mut String, diagnostic: &Diagnostic, paint: &Paint) {
    let (word, code) = match diagnostic.severity {
        Severity::Error => ("error", "1;31"),
        Severity::Warning => ("warning", "1;33"),
    };
    let head = paint.with(code, &format!("{word}[{}]", diagnostic.code));
    let _ = writeln!(out, "{head}: {}", paint.with("1", &harmless(&diagnostic.message)));
    let locations = diagnostic
        .location
        .iter()
        .chain(diagnostic.related.iter().map(|related| &related.location));
    let width = locations
        .map(|location| location.line.to_string().len())
        .max()
        .unwrap_or(1);
    if let Some(location) = &diagnostic.location {
        let _ = writeln!(out, "{}{} {}", " ".repeat(width), paint.blue("-->"), at(location));
        snippet(out, location, width, ("^", code), paint);
    }
    for related in &diagnostic.related {
        let note = format!("{}: {}", at(&related.location), harmless(&related.message));
        let _ = writeln!(out, "{}{} {note}", " ".repeat(width), paint.blue(":::"));
        snippet(out, &related.location, width, ("-", "1;34"), paint);
    }
    if let Some(help) = &diagnostic.help {
        let _ = writeln!(
            out,
            "{} {} help: {}",
            " ".repeat(width),
            paint.blue("="),
            harmless(help)
        );
    }
    let concerns: Vec<_> = [
        diagnostic.environment.as_ref().map(ToString::to_string),
        diagnostic.target.as_ref().map(ToString::to_string),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !concerns.is_empty() {
        let _ = writeln!(
            out,
            "{} {} in {}",
            " ".repeat(width),
            paint.blue("="),
            concerns.join(", target ")
        );
    }
}

fn at(location: &Location) -> String {
    let file = harmless(&location.file);
    match location.line {
        0 => file,
        line => format!("{file}:{line}:{}", location.column),
    }
}

fn snippet(out: &mut String, location: &Location, width: usize, mark: (&str, &str), paint: &Paint) {
    if location.line == 0 {
        return;
    }
    let bar = paint.blue("|");
    let cut = if location.source_column > 1 { "…" } else { "" };
    let _ = writeln!(out, "{} {bar}", " ".repeat(width));
    let number = paint.blue(&format!("{:>width$}", location.line));
    let _ = writeln!(out, "{number} {bar} {cut}{}", harmless(&location.source));
    let skipped = location.column.saturating_sub(location.source_column) as usize + cut.chars().count();
    let shown = location.source.chars().count().saturating_sub(skipped).max(1);
    let carets = paint.with(mark.1, &mark.0.repeat((location.length as usize).min(shown)));
    let _ = writeln!(out, "{} {bar} {}{carets}", " ".repeat(width), " ".repeat(skipped));
}

/// Text of a stranger's without control characters and without what turns the direction of writing.
fn harmless(text: &str) -> String {
    let hidden =
        |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let plain = |c: char| match c {
        '\t' => ' ',
        c if c.is_control() || hidden(c) => '\u{fffd}',
        c => c,
    };
    text.chars().map(plain).collect()
}
