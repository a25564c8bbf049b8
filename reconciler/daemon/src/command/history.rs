//! `evenkeel history`: deployments, newest first.

use crate::{
    arguments::{Common, History},
    failure::Failure,
    output::{self, age, one_line, paint::Paint, table},
};
use evenkeel_model::{Deployment, DeploymentOutcome, Trigger};

pub(crate) async fn run(common: &Common, told: &History) -> Result<u8, Failure> {
    let client = super::service(common).await?;
    let environment = told
        .environment
        .as_ref()
        .map(|name| format!("&environment={name}"))
        .unwrap_or_default();
    let deployments: Vec<Deployment> = client
        .get(&format!("deployments?limit={}{environment}", told.limit))
        .await?;
    if common.json {
        output::json(&deployments)?;
        return Ok(0);
    }
    if deployments.is_empty() {
        output::note("nothing was deployed yet");
        return Ok(0);
    }
    let paint = Paint {
        on: output::colour(common, &std::io::stdout()),
    };
    let now = age::now();
    let rows: Vec<_> = deployments
        .iter()
        .map(|deployment| row(deployment, now, paint))
        .collect();
    output::print(&table::table(
        &["DEPLOYMENT", "WHEN", "OUTCOME", "TRIGGER", "BY", "REVISION"],
        &rows,
    ));
    Ok(0)
}

fn row(deployment: &Deployment, now: evenkeel_model::Timestamp, paint: Paint) -> Vec<String> {
    vec![
        deployment.id.to_string(),
        age::age(now, deployment.started),
        outcome(&deployment.outcome, paint),
        trigger(&deployment.trigger),
        one_line(&deployment.actor),
        format!(
            "{} {}",
            deployment.revision.short(),
            one_line(&deployment.revision.subject)
        ),
    ]
}

/// An outcome in its colour.
pub(crate) fn outcome(outcome: &DeploymentOutcome, paint: Paint) -> String {
    match outcome {
        DeploymentOutcome::Applying => paint.news("applying"),
        DeploymentOutcome::Verifying => paint.news("verifying"),
        DeploymentOutcome::Succeeded => paint.good("succeeded"),
        DeploymentOutcome::Failed { .. } => paint.bad("failed"),
        DeploymentOutcome::RolledBack { by, .. } => paint.bad(&format!("failed, rolled back by {by}")),
        DeploymentOutcome::CutOff => paint.warn("cut off"),
        DeploymentOutcome::Superseded { .. } => paint.quiet("superseded"),
    }
}

/// Why an outcome is not a success.
pub(crate) fn why(outcome: &DeploymentOutcome) -> Option<&str> {
    match outcome {
        DeploymentOutcome::Failed { why }
        | DeploymentOutcome::RolledBack { why, .. }
        | DeploymentOutcome::Superseded { why } => Some(why),
        DeploymentOutcome::CutOff => Some("the service went away in the middle"),
        _ => None,
    }
}

/// A trigger in words.
pub(crate) fn trigger(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Commit => "commit".into(),
        Trigger::Drift => "drift".into(),
        Trigger::Request => "request".into(),
        Trigger::Retry => "retry".into(),
        Trigger::Rollback { to } => format!("rollback to {to}"),
        Trigger::AutomaticRollback { failed, to } => format!("rollback of {failed} to {to}"),
    }
}
