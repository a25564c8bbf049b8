//! What is printed, for people and for programs. The only place that writes to standard output.

pub(crate) mod age;
pub(crate) mod difference;
pub(crate) mod paint;
pub(crate) mod step;
pub(crate) mod table;

use crate::{
    arguments::{ColorChoice, Common},
    failure::Failure,
};
use std::io::{IsTerminal, Write as _};

/// Whether to use colour on this stream (<https://no-color.org>).
pub(crate) fn colour(common: &Common, stream: &impl IsTerminal) -> bool {
    match common.color {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
        }
    }
}

/// Writes a text to standard output. A reader that has gone (`| head`) is no failure.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| {
        if text.ends_with('\n') {
            Ok(())
        } else {
            out.write_all(b"\n")
        }
    }));
}

/// Writes a value as JSON to standard output.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::new("no-json", error))?;
    print(&text);
    Ok(())
}

/// Writes a note to standard error: for people, beside the answer.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Writes a failure to standard error.
pub(crate) fn failure(failure: &Failure, common: &Common) {
    if common.json {
        let value = serde_json::json!({
            "error": { "code": failure.code, "message": failure.what, "help": failure.help }
        });
        note(&value.to_string());
        return;
    }
    let paint = paint::Paint {
        on: colour(common, &std::io::stderr()),
    };
    note(&format!(
        "{} {}",
        paint.bad(&format!("error[{}]:", failure.code)),
        printable(&failure.what)
    ));
    if let Some(help) = &failure.help {
        note(&format!("  {} {}", paint.quiet("help:"), printable(help)));
    }
}

/// A stranger's text made harmless for a terminal: control characters, but for line ends and tabs, are shown as `�`.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && !matches!(c, '\n' | '\t') {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// A cell of a table: on one line, with our own colours kept and a stranger's control characters not.
pub(crate) fn one_line_keeping_colour(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\x1b' { ' ' } else { c })
        .collect()
}

/// The same on one line.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_strangers_text_cannot_steer_the_terminal() {
        assert_eq!(super::printable("a\x1b[2Jb\r\n\tc"), "a\u{fffd}[2Jb\u{fffd}\n\tc");
        assert_eq!(super::one_line("a\nb"), "a b");
    }
}
