//! A plan and what became of it.

use super::{difference, one_line, paint::Paint, printable};
use evenkeel_model::{Outcome, Plan, StepResult, TargetName};
use std::{collections::BTreeMap, fmt::Write as _};

/// The texts behind two digests of a change, if they may be shown.
pub(crate) type Texts<'a> = &'a dyn Fn(&evenkeel_model::FieldChange) -> Option<(String, String)>;

/// A plan as it will be done.
pub(crate) fn plan(plan: &Plan, texts: Texts<'_>, paint: Paint) -> String {
    let mut out = String::new();
    for target in &plan.targets {
        let _ = writeln!(out, "{}", paint.strong(target.target.as_str()));
        for group in &target.groups {
            let why = if group.prune {
                paint.warn("prune")
            } else {
                paint.sync(group.status)
            };
            let _ = writeln!(out, "  {}  {why}", printable(&group.resource.to_string()));
            for change in &group.changes {
                let _ = writeln!(out, "    {}", difference::field(change, paint));
                if let Some((live, desired)) = texts(change) {
                    for line in difference::text(&live, &desired, paint, 40).lines() {
                        let _ = writeln!(out, "      {line}");
                    }
                }
            }
            for action in &group.actions {
                let _ = writeln!(out, "    {} {}", paint.quiet("•"), one_line(&action.to_string()));
            }
        }
        let steps: usize = target.groups.iter().map(|group| group.actions.len()).sum();
        let _ = writeln!(
            out,
            "  {}",
            paint.quiet(&format!(
                "{steps} steps for {} resources, {} pruned",
                target.groups.len(),
                target.prunes
            ))
        );
    }
    out
}

/// The steps of a plan and how they ended.
pub(crate) fn results(plan: &Plan, steps: &BTreeMap<TargetName, Vec<StepResult>>, paint: Paint) -> String {
    let mut out = String::new();
    for target in &plan.targets {
        let _ = writeln!(out, "{}", paint.strong(target.target.as_str()));
        let ends = steps.get(&target.target).map(Vec::as_slice).unwrap_or_default();
        for (g, group) in target.groups.iter().enumerate() {
            let _ = writeln!(out, "  {}", printable(&group.resource.to_string()));
            for (a, action) in group.actions.iter().enumerate() {
                let end = ends
                    .iter()
                    .rev()
                    .find(|end| end.group as usize == g && end.action as usize == a);
                let (mark, note) = match end.map(|end| &end.outcome) {
                    Some(Outcome::Done) => (paint.good("done   "), String::new()),
                    Some(Outcome::Failed(why)) => (paint.bad("failed "), one_line(why)),
                    Some(Outcome::Unknown(why)) => (paint.warn("unknown"), one_line(why)),
                    Some(Outcome::Skipped(why)) => (paint.quiet("skipped"), one_line(why)),
                    None => (paint.quiet("unheard"), String::new()),
                };
                let _ = writeln!(
                    out,
                    "    {mark} {}  {}",
                    one_line(&action.to_string()),
                    paint.quiet(&note)
                );
                let output = end.map_or("", |end| end.output.trim());
                for line in output.lines().take(20) {
                    let _ = writeln!(out, "            {}", paint.quiet(&printable(line)));
                }
            }
        }
    }
    out
}
