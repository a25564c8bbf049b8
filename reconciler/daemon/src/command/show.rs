//! `evenkeel show`: one deployment, from its trigger to its health.

use super::history::{outcome, trigger, why};
use crate::{
    arguments::{Common, Show},
    failure::Failure,
    output::{self, age, one_line, paint::Paint, step},
};
use evenkeel_engine::port::store::Record;
use std::fmt::Write as _;

pub(crate) async fn run(common: &Common, told: &Show) -> Result<u8, Failure> {
    let client = super::service(common).await?;
    let id = &told.deployment;
    let record: Record = client
        .get(&format!("deployments/{}/{}", id.environment, id.number))
        .await?;
    if common.json {
        output::json(&record)?;
        return Ok(0);
    }
    let paint = Paint {
        on: output::colour(common, &std::io::stdout()),
    };
    output::print(&text(&record, paint));
    Ok(0)
}

/// The record as people read it.
pub(crate) fn text(record: &Record, paint: Paint) -> String {
    let deployment = &record.deployment;
    let mut out = format!(
        "{}  {}\n",
        paint.strong(&deployment.id.to_string()),
        outcome(&deployment.outcome, paint)
    );
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "  {name:<10} {value}");
    };
    if let Some(why) = why(&deployment.outcome) {
        line("why", one_line(why));
    }
    line(
        "trigger",
        format!(
            "{} by {}",
            trigger(&deployment.trigger),
            one_line(&deployment.actor)
        ),
    );
    if let Some(reason) = &deployment.reason {
        line("reason", one_line(reason));
    }
    let revision = &deployment.revision;
    line(
        "revision",
        format!("{} {}", revision.short(), one_line(&revision.subject)),
    );
    line("author", one_line(&revision.author));
    line("snapshot", deployment.snapshot.short());
    let took = deployment
        .finished
        .map(|end| format!(", took {}", end.since(deployment.started)));
    line(
        "started",
        format!(
            "{} ({} ago{})",
            deployment.started,
            age::age(age::now(), deployment.started),
            took.unwrap_or_default()
        ),
    );
    if let Some(health) = record.health {
        line("health", paint.health(health));
    }
    out.push('\n');
    out.push_str(&step::results(&record.plan, &record.steps, paint));
    out
}
