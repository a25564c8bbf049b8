//! `evenkeel plan` and `evenkeel diff`: a fresh look, through a service or on a manifest folder.

use super::EXIT_CHANGES;
use crate::{
    arguments::{Common, OneEnvironment, Scope},
    client::Client,
    failure::Failure,
    output::{self, difference, paint::Paint, printable, step},
};
use evenkeel_api::view::Preview;
use evenkeel_engine::EnvironmentStatus;
use evenkeel_model::{EnvironmentName, FieldChange, ResourceId, SyncStatus, TargetName};
use std::fmt::Write as _;

pub(crate) async fn plan(common: &Common, one: &OneEnvironment) -> Result<u8, Failure> {
    let preview = preview(common, &one.environment).await?;
    let status = if preview.plan.is_empty() { 0 } else { EXIT_CHANGES };
    if common.json {
        output::json(&preview)?;
        return Ok(status);
    }
    let paint = Paint {
        on: output::colour(common, &std::io::stdout()),
    };
    output::print(&plan_text(&preview, paint));
    Ok(status)
}

/// A plan as people read it.
pub(crate) fn plan_text(preview: &Preview, paint: Paint) -> String {
    let mut out = if preview.plan.is_empty() {
        format!("{}: nothing to do\n", preview.environment)
    } else {
        let texts = |change: &FieldChange| {
            let text = preview.texts.iter().find(|text| {
                text.field == change.field
                    && preview.differences.iter().any(|difference| {
                        difference.target == text.target
                            && difference
                                .resources
                                .iter()
                                .any(|diff| diff.resource == text.resource && diff.changes.contains(change))
                    })
            });
            text.map(|text| (text.live.clone(), text.desired.clone()))
        };
        step::plan(&preview.plan, &texts, paint)
    };
    out.push_str(&unseen(preview, paint));
    out
}

pub(crate) async fn diff(common: &Common, scope: &Scope) -> Result<u8, Failure> {
    let names = match &scope.environment {
        Some(name) => vec![name.clone()],
        None => environments(common).await?,
    };
    let mut previews = Vec::new();
    for name in &names {
        previews.push(preview(common, name).await?);
    }
    let clean = previews
        .iter()
        .all(|preview| preview.status == SyncStatus::InSync);
    let status = if clean { 0 } else { EXIT_CHANGES };
    if common.json {
        output::json(&previews)?;
        return Ok(status);
    }
    let paint = Paint {
        on: output::colour(common, &std::io::stdout()),
    };
    for preview in &previews {
        output::print(&diff_text(preview, paint));
    }
    Ok(status)
}

/// What is off, as people read it.
pub(crate) fn diff_text(preview: &Preview, paint: Paint) -> String {
    let mut out = format!(
        "{}  {}\n",
        paint.strong(preview.environment.as_str()),
        paint.sync(preview.status)
    );
    for difference in &preview.differences {
        for diff in &difference.resources {
            let id = printable(&diff.resource.to_string());
            let _ = writeln!(out, "{}  {id}  {}", difference.target, paint.sync(diff.status));
            if let Some(why) = &diff.why {
                let _ = writeln!(out, "  {}", printable(why));
            }
            for change in &diff.changes {
                let _ = writeln!(out, "  {}", difference::field(change, paint));
                if let Some((live, desired)) =
                    text(preview, &difference.target, &diff.resource, &change.field)
                {
                    for line in difference::text(live, desired, paint, 100).lines() {
                        let _ = writeln!(out, "    {line}");
                    }
                }
            }
        }
    }
    if !preview.differences.is_empty() {
        let _ = writeln!(
            out,
            "  {}",
            paint.quiet(&format!("make it so: evenkeel sync {}", preview.environment))
        );
    }
    out.push_str(&unseen(preview, paint));
    out
}

fn text<'a>(
    preview: &'a Preview,
    target: &TargetName,
    resource: &ResourceId,
    field: &str,
) -> Option<(&'a str, &'a str)> {
    let found = preview
        .texts
        .iter()
        .find(|text| text.target == *target && text.resource == *resource && text.field == field);
    found.map(|text| (text.live.as_str(), text.desired.as_str()))
}

fn unseen(preview: &Preview, paint: Paint) -> String {
    preview
        .unseen
        .iter()
        .fold(String::new(), |mut out, (target, why)| {
            let _ = writeln!(
                out,
                "{target}  {}  {}",
                paint.sync(SyncStatus::Unknown),
                printable(why)
            );
            out
        })
}

async fn environments(common: &Common) -> Result<Vec<EnvironmentName>, Failure> {
    match super::apply::place(common).await? {
        super::apply::Place::Service(client) => {
            let all: Vec<EnvironmentStatus> = client.get("status").await?;
            Ok(all.into_iter().map(|one| one.name).collect())
        }
        super::apply::Place::Folder(folder) => super::manifest::names(&folder),
    }
}

async fn preview(common: &Common, name: &EnvironmentName) -> Result<Preview, Failure> {
    match super::apply::place(common).await? {
        super::apply::Place::Service(client) => remote(&client, name).await,
        super::apply::Place::Folder(folder) => super::apply::preview(common, &folder, name).await,
    }
}

async fn remote(client: &Client, name: &EnvironmentName) -> Result<Preview, Failure> {
    client.get(&format!("environments/{name}/preview")).await
}
