//! The rooms put together: adapters, engine, and the queue between.

use super::{Message, Ports, Post, changes::Feed, health::Checker, post, project::Shelf, start};
use crate::failure::{Failure, OrFail as _};
use evenkeel_engine::{
    Engine, Event, Options,
    port::{
        source::{Remote, Source},
        transport::Transport,
    },
};
use evenkeel_model::{EnvironmentName, Span};
use std::{fs, os::unix::fs::DirBuilderExt as _, path::Path, sync::Arc};
use tokio::sync::mpsc;

/// Everything, ready to run.
pub(crate) struct Wired {
    /// The adapters.
    pub(crate) ports: Arc<Ports>,
    /// The engine.
    pub(crate) engine: Engine,
    /// Its first event.
    pub(crate) first: Event,
    /// The way to it.
    pub(crate) post: Post,
    /// Its queue.
    pub(crate) inbox: mpsc::Receiver<Message>,
}

/// What is to be kept how.
pub(crate) struct Plan {
    /// Git.
    pub(crate) source: Arc<dyn Source>,
    /// The repository.
    pub(crate) remote: Remote,
    /// The branch; `None`: the repository's own.
    pub(crate) branch: Option<String>,
    /// From one look at it to the next.
    pub(crate) poll: Span,
    /// Only this environment, and nothing by itself: whoever started this says what is done.
    pub(crate) by_hand: Option<EnvironmentName>,
}

/// Opens what is kept in `state` and puts the rooms together.
pub(crate) async fn wire(state: &Path, plan: Plan) -> Result<Wired, Failure> {
    private(state)?;
    let downloads = state.join("downloads");
    drop(fs::remove_dir_all(&downloads));
    private(&downloads)?;
    let store = evenkeel_store::Sqlite::open(state)
        .await
        .or_fail("store-broken", state.display())?;
    let transport: Arc<dyn Transport> = Arc::new(transport(state)?);
    let checker = Checker::new().or_fail("no-checker", "the health checker")?;
    let ports = Arc::new(Ports {
        source: plan.source,
        remote: plan.remote,
        transport,
        store: Arc::new(store),
        catalog: Arc::new(evenkeel_kinds::Kinds),
        checker,
        trees: Shelf::default(),
        downloads,
        feed: Feed::new(),
        by_hand: plan.by_hand,
    });
    let first = start::started(ports.store.as_ref())
        .await
        .or_fail("store-broken", state.display())?;
    let engine = Engine::new(
        Arc::clone(&ports.catalog),
        Options {
            branch: plan.branch,
            poll: plan.poll,
            seed: u64::from(std::process::id()),
        },
    );
    let (post, inbox) = post();
    Ok(Wired {
        ports,
        engine,
        first,
        post,
        inbox,
    })
}

/// A folder that only we can enter.
pub(crate) fn private(folder: &Path) -> Result<(), Failure> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .or_fail("no-state-folder", folder.display())
        .map_err(|failure| failure.help("say another one with --state FOLDER"))
}

/// The transport, with a folder for ssh's sockets. Their paths have at most 107 bytes (unix(7)), so a deep state folder
/// gets one in the system's folder for temporary files.
pub(crate) fn transport(state: &Path) -> Result<evenkeel_transport::HostTransport, Failure> {
    const LONGEST: usize = 60;
    let beside = state.join("ssh");
    let sockets = if beside.as_os_str().len() <= LONGEST {
        beside
    } else {
        let name = evenkeel_model::Digest::of(state.as_os_str().as_encoded_bytes()).short();
        std::env::temp_dir().join(format!("evenkeel-{name}"))
    };
    let settings = evenkeel_transport::TransportSettings { sockets };
    evenkeel_transport::HostTransport::new(settings).or_fail("no-transport", state.display())
}
