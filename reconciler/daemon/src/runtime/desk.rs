//! The API's one handle: questions to the engine's task and to the store.

use super::{Ports, Post, survey::Survey};
use evenkeel_api::{
    Handle, Problem,
    view::{Changes, Preview, Taken, Version},
};
use evenkeel_engine::{
    EnvironmentStatus, SourceStatus, Wish,
    port::{
        BoxFuture,
        store::{Record, Store as _, StoreError},
    },
};
use evenkeel_model::{Deployment, DeploymentId, EnvironmentName, Snapshot};
use std::{sync::Arc, time::Duration};

/// How long a question about changes waits for the first.
const PATIENCE: Duration = Duration::from_secs(30);

/// The handle.
pub(crate) struct Desk {
    /// The adapters.
    pub(crate) ports: Arc<Ports>,
    /// The way to the engine.
    pub(crate) post: Post,
}

fn stopped() -> Problem {
    Problem {
        status: 503,
        code: "stopping".into(),
        detail: "the service is stopping".into(),
        help: None,
    }
}

fn broken(error: &StoreError) -> Problem {
    Problem::internal(error.code(), error.to_string())
}

impl Desk {
    async fn environment(&self, name: &EnvironmentName) -> Result<EnvironmentStatus, Problem> {
        let (all, _) = self.post.look().await.ok_or_else(stopped)?;
        let names: Vec<_> = all.iter().map(|one| one.name.to_string()).collect();
        all.into_iter().find(|one| one.name == *name).ok_or_else(|| {
            let problem =
                Problem::not_found("no-such-environment", format!("there is no environment {name}"));
            problem.help(if names.is_empty() {
                "none is known yet: see `evenkeel status` for what Git says".to_owned()
            } else {
                format!("there are: {}", names.join(", "))
            })
        })
    }

    async fn desired(&self, name: &EnvironmentName) -> Result<(EnvironmentStatus, Snapshot), Problem> {
        let status = self.environment(name).await?;
        let version = status.desired.as_ref().ok_or_else(|| {
            Problem::conflict("not-ready", format!("nothing was rendered for {name} yet"))
                .help("see `evenkeel status` for what is wrong with Git or the manifests")
        })?;
        let kept = self
            .ports
            .store
            .snapshot(&version.snapshot)
            .await
            .map_err(|error| broken(&error))?;
        let (snapshot, _) =
            kept.ok_or_else(|| Problem::internal("no-such-snapshot", "the snapshot is not kept"))?;
        Ok((status, snapshot))
    }
}

impl Handle for Desk {
    fn version(&self) -> Version {
        Version {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            repository: super::project::shown(&self.ports.remote),
            pid: std::process::id(),
        }
    }

    fn status(&self) -> BoxFuture<'_, Result<Vec<EnvironmentStatus>, Problem>> {
        Box::pin(async { self.post.look().await.map(|(all, _)| all).ok_or_else(stopped) })
    }

    fn source(&self) -> BoxFuture<'_, Result<SourceStatus, Problem>> {
        Box::pin(async {
            self.post
                .look()
                .await
                .map(|(_, source)| source)
                .ok_or_else(stopped)
        })
    }

    fn wish(&self, actor: String, wish: Wish) -> BoxFuture<'_, Result<Taken, Problem>> {
        Box::pin(async {
            let (request, after, result) = self.post.wish(actor, wish).await.ok_or_else(stopped)?;
            match result {
                Ok(text) => Ok(Taken { request, text, after }),
                Err(refusal) if refusal.code == "no-such-environment" => {
                    Err(Problem::not_found(&refusal.code, refusal.text))
                }
                Err(refusal) => Err(Problem::conflict(&refusal.code, refusal.text)),
            }
        })
    }

    fn preview<'a>(&'a self, environment: &'a EnvironmentName) -> BoxFuture<'a, Result<Preview, Problem>> {
        Box::pin(async {
            let (status, snapshot) = self.desired(environment).await?;
            let applied = self
                .ports
                .store
                .applied(environment)
                .await
                .map_err(|error| broken(&error))?;
            let id = snapshot
                .id()
                .map_err(|error| Problem::internal("no-snapshot", error.to_string()))?;
            let survey = Survey {
                catalog: self.ports.catalog.as_ref(),
                transport: self.ports.transport.as_ref(),
                contents: self.ports.store.contents(),
                applied: &applied,
            };
            let parent = status.last_deployment.map(|deployment| deployment.id);
            let preview = survey.preview(&snapshot, id, &status.settings, parent).await;
            preview.map_err(|why| Problem::conflict("no-plan", why))
        })
    }

    fn snapshot<'a>(&'a self, environment: &'a EnvironmentName) -> BoxFuture<'a, Result<Snapshot, Problem>> {
        Box::pin(async { self.desired(environment).await.map(|(_, snapshot)| snapshot) })
    }

    fn deployments<'a>(
        &'a self,
        environment: Option<&'a EnvironmentName>,
        before: Option<u64>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Deployment>, Problem>> {
        Box::pin(async move {
            if let Some(name) = environment {
                self.environment(name).await?;
            }
            self.ports
                .store
                .deployments(environment, before, limit)
                .await
                .map_err(|error| broken(&error))
        })
    }

    fn deployment<'a>(&'a self, id: &'a DeploymentId) -> BoxFuture<'a, Result<Record, Problem>> {
        Box::pin(async move {
            let record = self
                .ports
                .store
                .deployment(id)
                .await
                .map_err(|error| broken(&error))?;
            record.ok_or_else(|| {
                Problem::not_found("no-such-deployment", format!("there is no deployment {id}"))
                    .help(format!("see `evenkeel history {}`", id.environment))
            })
        })
    }

    fn changes(&self, after: Option<u64>) -> BoxFuture<'_, Result<Changes, Problem>> {
        Box::pin(async move {
            let after = after.unwrap_or_else(|| self.ports.feed.position());
            let batch = self.ports.feed.after(after, PATIENCE).await;
            Ok(Changes {
                changes: batch.changes,
                next: batch.next,
                gap: batch.gap,
            })
        })
    }
}
