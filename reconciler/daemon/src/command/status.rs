//! `evenkeel status`: how environments stand.

use crate::{
    arguments::{Common, Scope},
    failure::Failure,
    output::{self, age, one_line, paint::Paint, table},
};
use evenkeel_engine::{EnvironmentStatus, SourceStatus, Waiting};
use evenkeel_model::{ResourceDiff, SyncStatus, Timestamp, diff::PRESENCE};
use std::fmt::Write as _;

/// How many lines a single cell may have.
const OFF_SHOWN: usize = 6;

pub(crate) async fn run(common: &Common, scope: &Scope) -> Result<u8, Failure> {
    let client = super::service(common).await?;
    let all: Vec<EnvironmentStatus> = client.get("status").await?;
    let chosen = choose(all, scope)?;
    if common.json {
        output::json(&chosen)?;
        return Ok(0);
    }
    let source: SourceStatus = client.get("source").await?;
    let paint = Paint {
        on: output::colour(common, &std::io::stdout()),
    };
    output::print(&text(&chosen, &source, age::now(), paint));
    if scope.environment.is_some() {
        for fault in chosen.iter().flat_map(|one| &one.faults) {
            output::print(&format!(
                "\n{} {}",
                paint.bad(&format!("{}:", fault.code)),
                output::printable(&fault.text)
            ));
        }
    }
    Ok(0)
}

/// Those that are asked for.
pub(crate) fn choose(all: Vec<EnvironmentStatus>, scope: &Scope) -> Result<Vec<EnvironmentStatus>, Failure> {
    let Some(name) = &scope.environment else {
        return Ok(all);
    };
    let names: Vec<_> = all.iter().map(|one| one.name.to_string()).collect();
    let chosen: Vec<_> = all.into_iter().filter(|one| one.name == *name).collect();
    if chosen.is_empty() {
        return Err(
            Failure::new("no-such-environment", format!("there is no environment {name}"))
                .help(format!("there are: {}", names.join(", "))),
        );
    }
    Ok(chosen)
}

/// The table, and below it what is wrong with Git.
pub(crate) fn text(all: &[EnvironmentStatus], source: &SourceStatus, now: Timestamp, paint: Paint) -> String {
    let mut rows = Vec::new();
    for one in all {
        let mut notes = notes(one, now, paint).into_iter();
        rows.push(vec![
            one.name.to_string(),
            paint.sync(one.sync),
            paint.health(one.health),
            revision(one, now),
            notes.next().unwrap_or_default(),
        ]);
        rows.extend(notes.map(|note| vec![String::new(), String::new(), String::new(), String::new(), note]));
    }
    let mut out = table::table(
        &["ENVIRONMENT", "SYNC", "HEALTH", "REVISION", "WHAT IS OFF"],
        &rows,
    );
    if let Some(fault) = &source.fault {
        let _ = writeln!(
            out,
            "\n{} {}",
            paint.bad(&format!("git[{}]:", fault.code)),
            output::printable(&fault.text)
        );
    } else if all.is_empty() {
        out.push_str("\nno environment is known yet\n");
    }
    out
}

fn revision(one: &EnvironmentStatus, now: Timestamp) -> String {
    let name = |version: &evenkeel_engine::status::Version| version.revision.short().to_owned();
    match (&one.deployed, &one.desired) {
        (Some(deployed), Some(desired)) if deployed.snapshot != desired.snapshot => {
            format!(
                "{} => {} {}",
                name(deployed),
                name(desired),
                one_line(&desired.revision.subject)
            )
        }
        (_, Some(version)) | (Some(version), None) => {
            let subject: String = one_line(&version.revision.subject).chars().take(40).collect();
            format!(
                "{} {subject} ({})",
                name(version),
                age::age(now, version.revision.at)
            )
        }
        (None, None) => "-".to_owned(),
    }
}

fn notes(one: &EnvironmentStatus, now: Timestamp, paint: Paint) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(hold) = &one.hold {
        notes.push(format!(
            "held by {}: {}",
            one_line(&hold.actor),
            one_line(&hold.reason)
        ));
    }
    for fault in &one.faults {
        let first = fault.text.lines().next().unwrap_or_default();
        notes.push(format!("{}: {}", paint.bad(&fault.code), one_line(first)));
    }
    match &one.waiting {
        Some(Waiting::Approval { snapshot }) => notes.push(format!(
            "snapshot {} waits for a yes: evenkeel apply {}",
            snapshot.short(),
            one.name
        )),
        Some(Waiting::PruneYes { target, prunes, of }) => notes.push(format!(
            "would remove {prunes} of {of} resources on {target}: evenkeel apply --prune {}",
            one.name
        )),
        Some(Waiting::Retry { at, attempts }) => {
            notes.push(format!(
                "failed {attempts} times, again in {}",
                age::age(*at, now)
            ));
        }
        Some(Waiting::SelfHealOff) => notes.push(format!("self-heal is off: evenkeel sync {}", one.name)),
        Some(Waiting::Fenced) => notes.push("a newer service is at work; this one has stopped".to_owned()),
        Some(Waiting::Held) | None => {}
    }
    let mut left = 0;
    for target in &one.targets {
        if let Some(fault) = &target.fault {
            notes.push(format!("{}: {}", target.name, one_line(&fault.text)));
        }
        for diff in &target.off {
            if notes.len() < OFF_SHOWN {
                notes.push(format!("{}: {}", target.name, off(diff)));
            } else {
                left += 1;
            }
        }
        for check in &target.failing {
            notes.push(format!(
                "{}: check {} of {}: {}",
                target.name,
                check.name,
                check.app,
                one_line(&check.why)
            ));
        }
    }
    if left > 0 {
        notes.push(format!("… and {left} more: evenkeel diff {}", one.name));
    }
    notes
}

/// One resource that is off, in one line.
pub(crate) fn off(diff: &ResourceDiff) -> String {
    let id = one_line(&diff.resource.to_string());
    let fields: Vec<_> = diff.changes.iter().map(|change| change.field.as_str()).collect();
    match diff.status {
        SyncStatus::Unknown => format!(
            "{id} cannot be seen: {}",
            one_line(diff.why.as_deref().unwrap_or_default())
        ),
        SyncStatus::Missing => format!("{id} is not there yet"),
        SyncStatus::Extra => format!("{id} is no longer in Git"),
        SyncStatus::Drifted if fields == [PRESENCE] => format!("{id} Drifted: it is gone"),
        status => format!("{id} {status}: {}", fields.join(", ")),
    }
}
