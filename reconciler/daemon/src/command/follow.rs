//! A wish, handed in and followed to its end.

use super::history;
use crate::{
    arguments::Common,
    client::Client,
    failure::Failure,
    output::{self, paint::Paint, printable},
    place,
    runtime::desk::Desk,
};
use evenkeel_api::{
    Handle as _,
    route::Asked,
    view::{Changes, Taken},
};
use evenkeel_engine::{News, RequestId, Wish};
use evenkeel_model::{DeploymentId, DeploymentOutcome};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{io::IsTerminal as _, sync::Arc};

/// Hands a wish in.
pub(crate) async fn ask(client: &Client, wish: Wish) -> Result<Taken, Failure> {
    client
        .post(
            "wishes",
            &Asked {
                actor: place::actor(),
                wish,
            },
        )
        .await
}

/// Hands a wish in and says what was taken on.
pub(crate) async fn ask_and_tell(common: &Common, wish: Wish) -> Result<u8, Failure> {
    let client = super::service(common).await?;
    let taken = ask(&client, wish).await?;
    if common.json {
        output::json(&taken)?;
    } else {
        output::print(&printable(&taken.text));
    }
    Ok(0)
}

/// How a wish ended.
pub(crate) enum End {
    /// A deployment ended so.
    Deployment(DeploymentId, DeploymentOutcome),
    /// There was nothing to do.
    Nothing,
    /// It cannot go on.
    Stalled(String, String),
}

/// Who tells what happens.
pub(crate) enum Listener {
    /// A service.
    Service(Client),
    /// The engine in this process.
    Desk(Arc<Desk>),
}

impl Listener {
    async fn changes(&self, after: u64) -> Result<Changes, Failure> {
        match self {
            Self::Service(client) => client.get(&format!("changes?after={after}")).await,
            Self::Desk(desk) => desk
                .changes(Some(after))
                .await
                .map_err(|problem| Failure::new(problem.code, problem.detail)),
        }
    }
}

/// Hands a wish in and waits for its end; see [`to_the_end`].
pub(crate) async fn ask_and_wait(common: &Common, client: &Client, wish: Wish) -> Result<u8, Failure> {
    let taken = ask(client, wish).await?;
    if !common.json {
        output::note(&printable(&taken.text));
    }
    to_the_end(common, &Listener::Service(client.clone()), &taken).await
}

/// Waits for the end of what was taken on, and says it: 0 for a success or nothing to do, 1 for a failure, 3 when it waits.
pub(crate) async fn to_the_end(common: &Common, listener: &Listener, taken: &Taken) -> Result<u8, Failure> {
    let end = wait(common, listener, taken).await?;
    let paint = Paint {
        on: output::colour(common, &std::io::stdout()),
    };
    let (status, value, text) = match &end {
        End::Nothing => (
            0,
            serde_json::json!({ "end": "nothingToDo" }),
            paint.good("nothing to do"),
        ),
        End::Stalled(code, why) => (
            3,
            serde_json::json!({ "end": "stalled", "code": code, "why": why }),
            format!("waits ({code}): {why}"),
        ),
        End::Deployment(id, outcome) => {
            let good = *outcome == DeploymentOutcome::Succeeded;
            let why = history::why(outcome)
                .map(|why| format!(": {why}"))
                .unwrap_or_default();
            let hint = if good {
                String::new()
            } else {
                format!("\nsee: evenkeel show {id}")
            };
            (
                u8::from(!good),
                serde_json::json!({ "end": "deployment", "deployment": id, "outcome": outcome }),
                format!(
                    "{id} {}{}{hint}",
                    history::outcome(outcome, paint),
                    printable(&why)
                ),
            )
        }
    };
    if common.json {
        output::json(&value)?;
    } else {
        output::print(&text);
    }
    Ok(status)
}

/// Waits for the end of what was taken on.
async fn wait(common: &Common, listener: &Listener, taken: &Taken) -> Result<End, Failure> {
    let bar = bar(common);
    let mut after = taken.after;
    let mut ours: Option<DeploymentId> = None;
    loop {
        let batch = listener.changes(after).await?;
        after = batch.next;
        for change in batch.changes {
            if let Some(end) = heed(change.news, taken.request, &mut ours, &bar) {
                bar.finish_and_clear();
                return Ok(end);
            }
        }
        if batch.gap {
            bar.finish_and_clear();
            return Err(Failure::new("changes-lost", "too much happened to be followed")
                .help("see `evenkeel history`"));
        }
    }
}

fn heed(news: News, request: RequestId, ours: &mut Option<DeploymentId>, bar: &ProgressBar) -> Option<End> {
    match news {
        News::Begun {
            deployment,
            targets,
            requests,
            ..
        } if requests.contains(&request) => {
            bar.set_length(u64::from(targets));
            bar.set_message(deployment.to_string());
            *ours = Some(deployment);
        }
        News::Progress {
            deployment,
            target,
            phase,
            why,
            ..
        } if Some(&deployment) == ours.as_ref() => {
            let why = why
                .map(|why| format!(": {}", output::one_line(&why)))
                .unwrap_or_default();
            bar.suspend(|| output::note(&format!("{target} {phase}{why}")));
            if phase == "done" || phase == "failed" {
                bar.inc(1);
            }
        }
        News::Concluded {
            deployment,
            outcome,
            requests,
        } if outcome.is_final() && (requests.contains(&request) || Some(&deployment) == ours.as_ref()) => {
            return Some(End::Deployment(deployment, outcome));
        }
        News::NothingToDo { requests } if requests.contains(&request) => return Some(End::Nothing),
        News::Stalled { requests, code, text } if requests.contains(&request) => {
            return Some(End::Stalled(code, text));
        }
        _ => {}
    }
    None
}

fn bar(common: &Common) -> ProgressBar {
    let shown = !common.json && std::io::stderr().is_terminal();
    let target = if shown {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(1), target);
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:24} {pos}/{len} targets") {
        bar.set_style(style);
    }
    bar
}
