//! The routes, all under `/api/v1`.

use crate::{
    handle::Handle,
    problem::Problem,
    view::{Changes, Preview, Taken, Version},
};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, Query, State},
    routing::{get, post},
};
use evenkeel_engine::{EnvironmentStatus, SourceStatus, Wish, port::store::Record};
use evenkeel_model::{Deployment, DeploymentId, EnvironmentName, Snapshot};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The largest request body, in bytes.
const BODY_LIMIT: usize = 64 * 1024;
/// The longest actor's name, in characters.
const ACTOR_LIMIT: usize = 100;

type Shared = State<Arc<dyn Handle>>;
type Answer<T> = Result<Json<T>, Problem>;

/// All routes over a handle.
pub fn router(handle: Arc<dyn Handle>) -> Router {
    let routes = Router::new()
        .route("/version", get(version))
        .route("/status", get(status))
        .route("/source", get(source))
        .route("/wishes", post(wish))
        .route("/environments/{environment}/preview", get(preview))
        .route("/environments/{environment}/snapshot", get(snapshot))
        .route("/deployments", get(deployments))
        .route("/deployments/{environment}/{number}", get(deployment))
        .route("/changes", get(changes));
    Router::new()
        .nest("/api/v1", routes)
        .fallback(async || Problem::not_found("no-such-route", "there is nothing at this address"))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(handle)
}

async fn version(State(handle): Shared) -> Json<Version> {
    Json(handle.version())
}

async fn status(State(handle): Shared) -> Answer<Vec<EnvironmentStatus>> {
    handle.status().await.map(Json)
}

async fn source(State(handle): Shared) -> Answer<SourceStatus> {
    handle.source().await.map(Json)
}

/// A wish, and in whose name.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Asked {
    /// Who asks. Over the socket only the service's own user can, so it is believed.
    pub actor: String,
    /// For what.
    pub wish: Wish,
}

async fn wish(State(handle): Shared, Json(asked): Json<Asked>) -> Answer<Taken> {
    let actor: String = asked
        .actor
        .chars()
        .filter(|c| !c.is_control())
        .take(ACTOR_LIMIT)
        .collect();
    if actor.is_empty() {
        let detail = "a wish needs an actor";
        return Err(Problem {
            status: 422,
            code: "actor-missing".into(),
            detail: detail.into(),
            help: None,
        });
    }
    handle.wish(actor, asked.wish).await.map(Json)
}

async fn preview(State(handle): Shared, Path(environment): Path<EnvironmentName>) -> Answer<Preview> {
    handle.preview(&environment).await.map(Json)
}

async fn snapshot(State(handle): Shared, Path(environment): Path<EnvironmentName>) -> Answer<Snapshot> {
    handle.snapshot(&environment).await.map(Json)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Page {
    environment: Option<EnvironmentName>,
    before: Option<u64>,
    limit: Option<u32>,
}

async fn deployments(State(handle): Shared, Query(page): Query<Page>) -> Answer<Vec<Deployment>> {
    let limit = page.limit.unwrap_or(50).clamp(1, 1000);
    handle
        .deployments(page.environment.as_ref(), page.before, limit)
        .await
        .map(Json)
}

async fn deployment(
    State(handle): Shared,
    Path((environment, number)): Path<(EnvironmentName, u64)>,
) -> Answer<Record> {
    handle
        .deployment(&DeploymentId { environment, number })
        .await
        .map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct After {
    after: Option<u64>,
}

async fn changes(State(handle): Shared, Query(query): Query<After>) -> Answer<Changes> {
    handle.changes(query.after).await.map(Json)
}
