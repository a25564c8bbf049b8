//! Each effect, carried out; what came of it, as an event.

use super::{Ports, download::download, health::causes};
use evenkeel_engine::{
    CheckResult, Credentials, Effect, Event, Fault, Kept, Recall, Rendering, Write,
    port::{
        source::SourceError,
        store::{Store as _, StoreError},
        transport::{Look, Work},
    },
};
use evenkeel_model::{
    ContentRef, DeploymentId, EnvironmentName, Observation, Revision, Span, StepResult, Target, TargetPlan,
    settings::Signer,
};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::mpsc;

/// How many ends of steps may wait to be written.
const STEPS_WAITING: usize = 256;

/// Carries an effect out. `None` for the two that the runtime answers itself.
pub(crate) async fn carry(effect: Effect, ports: &Arc<Ports>) -> Option<Event> {
    Some(match effect {
        Effect::List { ticket } => {
            let result = ports.source.list(&ports.remote).await;
            Event::Listed {
                ticket,
                result: result.map_err(|error| Fault::from(&error)),
            }
        }
        Effect::Fetch { ticket, names } => {
            let result = ports.source.fetch(&ports.remote, &names).await;
            Event::Fetched {
                ticket,
                result: result.map_err(|error| Fault::from(&error)),
            }
        }
        Effect::Load { ticket, commit } => {
            let result = super::project::environments(ports, &commit).await;
            Event::Loaded { ticket, result }
        }
        Effect::Accept {
            ticket,
            environment: _,
            commit,
            ancestor,
            signers,
        } => {
            let result = accept(ports, &commit, ancestor.as_deref(), &signers).await;
            Event::Accepted {
                ticket,
                result: result.map_err(|error| Fault::from(&error)),
            }
        }
        Effect::Render {
            ticket,
            environment,
            revision,
        } => Event::Rendered {
            ticket,
            result: render(ports, &environment, &revision).await,
        },
        Effect::Recall { ticket, what } => Event::Recalled {
            ticket,
            result: recall(ports, &what).await.map_err(|error| Fault::from(&error)),
        },
        Effect::Observe {
            ticket,
            environment,
            target,
            probes,
            full,
            deadline,
        } => {
            let at = crate::output::age::now();
            let seen = ports
                .transport
                .observe(&environment, &target, &probes, Look { full, deadline })
                .await;
            let result = seen.map(|answers| Arc::new(Observation { at, answers }));
            Event::Observed {
                ticket,
                result: result.map_err(|error| Fault::from(&error)),
            }
        }
        Effect::Apply {
            ticket,
            environment,
            target,
            deployment,
            epoch,
            plan,
            contents,
            deadline,
        } => {
            let job = Job {
                environment,
                target,
                deployment,
                epoch,
                plan,
                contents,
                deadline,
            };
            Event::Applied {
                ticket,
                result: apply(ports, &job).await,
            }
        }
        Effect::Check {
            ticket,
            environment,
            target,
            checks,
        } => {
            let outcomes = ports
                .checker
                .check(ports.transport.as_ref(), &environment, &target, &checks)
                .await;
            let results = checks
                .into_iter()
                .zip(outcomes)
                .map(|(check, outcome)| CheckResult {
                    app: check.app,
                    name: check.name,
                    outcome,
                })
                .collect();
            Event::Checked { ticket, results }
        }
        Effect::Write {
            ticket,
            environment,
            write,
        } => {
            let result = put_down(ports, &environment, write).await;
            if let Err(error) = &result {
                tracing::error!(%environment, %error, "the store does not take a record");
            }
            Event::Written {
                ticket,
                result: result.map_err(|error| Fault::from(&error)),
            }
        }
        Effect::Reply { .. } | Effect::Publish(_) => return None,
    })
}

async fn accept(
    ports: &Ports,
    commit: &str,
    ancestor: Option<&str>,
    signers: &[Signer],
) -> Result<Credentials, SourceError> {
    let mut revision = ports.source.revision(&ports.remote, commit).await?;
    let descends = match ancestor {
        Some(ancestor) => ports.source.descends(&ports.remote, commit, ancestor).await?,
        None => true,
    };
    let signer = if signers.is_empty() {
        None
    } else {
        Some(ports.source.signer(&ports.remote, commit, signers).await?)
    };
    if let Some(Ok(signer)) = &signer {
        revision.signer = Some(signer.clone());
    }
    Ok(Credentials {
        revision,
        descends,
        signer,
    })
}

async fn render(
    ports: &Ports,
    environment: &EnvironmentName,
    revision: &Revision,
) -> Result<Rendering, Fault> {
    let rendered = super::project::render(ports, &revision.id, environment).await?;
    let broken = |error: StoreError| Fault::from(&error);
    for (_, bytes) in &rendered.contents {
        ports.store.put_content(bytes).await.map_err(broken)?;
    }
    for content in &rendered.downloads {
        bring(ports, content)
            .await
            .map_err(|why| Fault::new("download-failed", why))?;
    }
    let at = crate::output::age::now();
    let id = ports
        .store
        .put_snapshot(&rendered.snapshot, revision, at)
        .await
        .map_err(broken)?;
    Ok(Rendering {
        snapshot: Arc::new(rendered.snapshot),
        id,
        settings: rendered.settings,
    })
}

/// The most that a downloaded content may have, in bytes.
const CONTENT_LIMIT: u64 = 2 * 1024 * 1024 * 1024;

/// Makes sure that the store has these bytes.
async fn bring(ports: &Ports, content: &ContentRef) -> Result<(), String> {
    let folder = ports.store.folder();
    if folder
        .has(&content.digest)
        .map_err(|error| error.to_string())?
        .is_some()
    {
        return Ok(());
    }
    let path = download(content, &ports.downloads).await?;
    let store = Arc::clone(&ports.store);
    let kept = tokio::task::spawn_blocking(move || {
        let kept = std::fs::File::open(&path)
            .and_then(|mut file| store.folder().put_reader(&mut file, CONTENT_LIMIT))
            .map_err(|error| error.to_string());
        drop(std::fs::remove_file(&path));
        kept
    });
    kept.await.map_err(|error| error.to_string())?.map(drop)
}

async fn recall(ports: &Ports, what: &Recall) -> Result<Option<Kept>, StoreError> {
    let (id, of_deployment) = match what {
        Recall::Snapshot(id) => (*id, None),
        Recall::Deployment(id) => match ports.store.deployment(id).await? {
            Some(record) => (record.deployment.snapshot, Some(record.deployment.revision)),
            None => return Ok(None),
        },
    };
    let kept = ports.store.snapshot(&id).await?;
    Ok(kept.map(|(snapshot, revision)| Kept {
        snapshot: Arc::new(snapshot),
        id,
        revision: of_deployment.unwrap_or(revision),
    }))
}

/// What [`Effect::Apply`] asks for.
struct Job {
    environment: EnvironmentName,
    target: Arc<Target>,
    deployment: DeploymentId,
    epoch: u64,
    plan: Arc<TargetPlan>,
    contents: Vec<ContentRef>,
    deadline: Span,
}

async fn apply(ports: &Arc<Ports>, job: &Job) -> Result<Vec<StepResult>, Fault> {
    for content in job.contents.iter().filter(|content| content.url.is_some()) {
        bring(ports, content)
            .await
            .map_err(|why| Fault::new("download-failed", why))?;
    }
    let (environment, target) = (&job.environment, job.target.as_ref());
    let digests: Vec<_> = job.contents.iter().map(|content| content.digest).collect();
    if !digests.is_empty() {
        let contents = ports.store.contents();
        let staged = ports
            .transport
            .stage(environment, target, &digests, contents.as_ref(), job.deadline)
            .await
            .map_err(|error| Fault::from(&error))?;
        tracing::debug!(%environment, target = %target.name, sent = staged.sent, bytes = staged.bytes, "staged");
    }
    let (heard, mut ends) = mpsc::channel::<StepResult>(STEPS_WAITING);
    let scribe = {
        let (ports, deployment, target) = (Arc::clone(ports), job.deployment.clone(), target.name.clone());
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while ends.recv_many(&mut batch, STEPS_WAITING).await > 0 {
                // The whole is recorded once more at the end; this is so that a crash tells how far it came.
                let written = ports
                    .store
                    .record(&deployment, &target, &batch, &BTreeMap::new())
                    .await;
                if let Err(error) = written {
                    tracing::warn!(%deployment, %error, "a step's end could not be recorded as it came");
                }
                batch.clear();
            }
        })
    };
    let work = Work {
        deployment: &job.deployment,
        epoch: job.epoch,
        groups: &job.plan.groups,
        deadline: job.deadline,
    };
    let tell = move |end: &StepResult| drop(heard.try_send(end.clone()));
    let applied = ports.transport.apply(target, work, &tell).await;
    drop(tell);
    if let Err(error) = scribe.await {
        tracing::warn!(error = causes(&error), "the record of single steps was cut short");
    }
    applied.map_err(|error| Fault::from(&error))
}

async fn put_down(ports: &Ports, environment: &EnvironmentName, write: Write) -> Result<(), StoreError> {
    match write {
        Write::Begin {
            deployment,
            plan,
            meant,
            contents,
        } => {
            for bytes in contents {
                ports.store.put_content(&bytes).await?;
            }
            ports.store.begin(&deployment, &plan, &meant).await
        }
        Write::Record {
            deployment,
            target,
            results,
            applied,
        } => ports.store.record(&deployment, &target, &results, &applied).await,
        Write::Conclude {
            deployment,
            outcome,
            health,
            at,
        } => ports.store.conclude(&deployment, &outcome, health, at).await,
        Write::Remember { memory } => ports.store.put_memory(environment, &memory).await,
    }
}
