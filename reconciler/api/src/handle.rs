//! The one way from the API to the engine and what it keeps.

use crate::{
    problem::Problem,
    view::{Changes, Preview, Taken, Version},
};
use evenkeel_engine::{
    EnvironmentStatus, SourceStatus, Wish,
    port::{BoxFuture, store::Record},
};
use evenkeel_model::{Deployment, DeploymentId, EnvironmentName, Snapshot};

/// What the API asks for and says.
pub trait Handle: Send + Sync + 'static {
    /// Which service this is.
    fn version(&self) -> Version;
    /// How environments stand.
    fn status(&self) -> BoxFuture<'_, Result<Vec<EnvironmentStatus>, Problem>>;
    /// How Git stands.
    fn source(&self) -> BoxFuture<'_, Result<SourceStatus, Problem>>;
    /// Asks the engine for something, in an actor's name.
    fn wish(&self, actor: String, wish: Wish) -> BoxFuture<'_, Result<Taken, Problem>>;
    /// What a deployment would do now, from a fresh look.
    fn preview<'a>(&'a self, environment: &'a EnvironmentName) -> BoxFuture<'a, Result<Preview, Problem>>;
    /// What an environment comes to, as last accepted from Git.
    fn snapshot<'a>(&'a self, environment: &'a EnvironmentName) -> BoxFuture<'a, Result<Snapshot, Problem>>;
    /// Deployments, newest first.
    fn deployments<'a>(
        &'a self,
        environment: Option<&'a EnvironmentName>,
        before: Option<u64>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Deployment>, Problem>>;
    /// One deployment.
    fn deployment<'a>(&'a self, id: &'a DeploymentId) -> BoxFuture<'a, Result<Record, Problem>>;
    /// What changed after `after` (`None`: from now on); waits up to half a minute for the first.
    fn changes(&self, after: Option<u64>) -> BoxFuture<'_, Result<Changes, Problem>>;
}
