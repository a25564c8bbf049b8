//! What is off, field by field.

use super::{one_line, paint::Paint, printable};
use evenkeel_model::{Cause, FieldChange, FieldValue};
use similar::{ChangeTag, TextDiff};
use std::fmt::Write as _;

/// One field's line: `mode  0644 → 0640  (Drifted; was 0640)`, from what is there to what will be.
pub(crate) fn field(change: &FieldChange, paint: Paint) -> String {
    let show = |value: &Option<FieldValue>| {
        value
            .as_ref()
            .map_or_else(|| "(not set)".to_owned(), |value| one_line(&value.to_string()))
    };
    let cause = match change.cause {
        Cause::Drifted => paint.warn("Drifted"),
        Cause::Pending => paint.news("Pending"),
    };
    let was = match (&change.applied, change.cause) {
        (Some(applied), Cause::Drifted) if Some(applied) != change.desired.as_ref() => {
            format!(", deployed as {}", one_line(&applied.to_string()))
        }
        _ => String::new(),
    };
    format!(
        "{:<12} {} → {}  {}",
        change.field,
        paint.bad(&show(&change.live)),
        paint.good(&show(&change.desired)),
        paint.quiet(&format!("({cause}{was})")),
    )
}

/// The lines that differ between two texts, with two lines around; at most `limit` lines.
pub(crate) fn text(live: &str, desired: &str, paint: Paint, limit: usize) -> String {
    let diff = TextDiff::configure()
        .timeout(std::time::Duration::from_millis(500))
        .diff_lines(live, desired);
    let mut out = String::new();
    let mut lines = 0;
    for hunk in diff.unified_diff().context_radius(2).iter_hunks() {
        let _ = writeln!(out, "{}", paint.quiet(&hunk.header().to_string()));
        for change in hunk.iter_changes() {
            lines += 1;
            if lines > limit {
                let _ = writeln!(out, "{}", paint.quiet("… more lines differ"));
                return out;
            }
            let line = printable(change.value().trim_end_matches('\n'));
            let _ = match change.tag() {
                ChangeTag::Delete => writeln!(out, "{}", paint.bad(&format!("-{line}"))),
                ChangeTag::Insert => writeln!(out, "{}", paint.good(&format!("+{line}"))),
                ChangeTag::Equal => writeln!(out, " {line}"),
            };
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_shows_only_what_differs() {
        let out = text(
            "a\nb\nc\nd\ne\nf\n",
            "a\nb\nc\nd\nE\nf\n",
            Paint { on: false },
            20,
        );
        assert_eq!(out, "@@ -3,4 +3,4 @@\n c\n d\n-e\n+E\n f\n");
    }

    #[test]
    fn a_field_reads_from_what_is_to_what_will_be() {
        let change = FieldChange {
            field: "mode".into(),
            cause: Cause::Drifted,
            desired: Some("0640".into()),
            live: Some("0644".into()),
            applied: Some("0640".into()),
        };
        assert_eq!(
            field(&change, Paint { on: false }),
            "mode         0644 → 0640  (Drifted)"
        );
    }
}
