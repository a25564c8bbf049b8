//! The runtime: carries the engine's effects out on tokio, and tells it what came of them.
//!
//! One task owns the engine; every effect is a task of its own; their ends come back through one bounded queue.

pub(crate) mod carry;
pub(crate) mod changes;
pub(crate) mod desk;
pub(crate) mod download;
pub(crate) mod folder;
pub(crate) mod forget;
pub(crate) mod health;
pub(crate) mod project;
pub(crate) mod start;
pub(crate) mod survey;
pub(crate) mod watch;
pub(crate) mod wire;

use crate::output::age::now;
use changes::Feed;
use evenkeel_engine::{
    Effect, Engine, EnvironmentStatus, Event, Refusal, Request, RequestId, SourceStatus, Wish,
    port::{
        source::{Remote, Source},
        transport::Transport,
    },
};
use evenkeel_model::Catalog;
use health::Checker;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// How many messages may wait for the engine.
const QUEUE: usize = 1024;
/// How many effects may be under way at once; more wait their turn.
const UNDER_WAY: usize = 256;
/// How long connections may take to close when we stop.
const CLOSING: Duration = Duration::from_secs(5);

/// All that effects need: the adapters, and nothing of the engine.
pub(crate) struct Ports {
    /// Git.
    pub(crate) source: Arc<dyn Source>,
    /// The repository that is followed.
    pub(crate) remote: Remote,
    /// Servers.
    pub(crate) transport: Arc<dyn Transport>,
    /// What is kept.
    pub(crate) store: Arc<evenkeel_store::Sqlite>,
    /// Kinds.
    pub(crate) catalog: Arc<dyn Catalog>,
    /// Health.
    pub(crate) checker: Checker,
    /// Trees read lately.
    pub(crate) trees: project::Shelf,
    /// Only this environment, and nothing by itself.
    pub(crate) by_hand: Option<evenkeel_model::EnvironmentName>,
    /// A folder for downloads under way.
    pub(crate) downloads: PathBuf,
    /// What happens, for whoever listens.
    pub(crate) feed: Feed,
}

/// What the engine's task is told.
pub(crate) enum Message {
    /// Something happened.
    Event(Box<Event>),
    /// Someone asks for something.
    Wish {
        /// Who.
        actor: String,
        /// What.
        wish: Wish,
        /// Where the answer goes: the request's number, the feed's position before it, and the engine's word.
        answer: oneshot::Sender<(RequestId, u64, Result<String, Refusal>)>,
    },
    /// Someone looks.
    Look(oneshot::Sender<(Vec<EnvironmentStatus>, SourceStatus)>),
}

/// The way to the engine's task.
#[derive(Clone)]
pub(crate) struct Post(mpsc::Sender<Message>);

impl Post {
    /// Tells the engine; waits while the queue is full. Without effect once the runtime has stopped.
    pub(crate) async fn tell(&self, event: Event) {
        drop(self.0.send(Message::Event(Box::new(event))).await);
    }
    /// Asks the engine for something. `None` once the runtime has stopped.
    pub(crate) async fn wish(
        &self,
        actor: String,
        wish: Wish,
    ) -> Option<(RequestId, u64, Result<String, Refusal>)> {
        let (answer, heard) = oneshot::channel();
        self.0.send(Message::Wish { actor, wish, answer }).await.ok()?;
        heard.await.ok()
    }
    /// How things are. `None` once the runtime has stopped.
    pub(crate) async fn look(&self) -> Option<(Vec<EnvironmentStatus>, SourceStatus)> {
        let (answer, heard) = oneshot::channel();
        self.0.send(Message::Look(answer)).await.ok()?;
        heard.await.ok()
    }
}

/// A queue to the engine, and its end.
pub(crate) fn post() -> (Post, mpsc::Receiver<Message>) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (Post(sender), receiver)
}

type Waiters = BTreeMap<RequestId, oneshot::Sender<(RequestId, u64, Result<String, Refusal>)>>;

/// Runs until `stop`. Effects under way are given `grace` to end, so that a deployment is not cut for nothing.
pub(crate) async fn run(
    mut engine: Engine,
    ports: Arc<Ports>,
    first: Event,
    post: Post,
    mut inbox: mpsc::Receiver<Message>,
    stop: impl Future<Output = ()> + Send,
    grace: Duration,
) {
    let mut waiters = Waiters::new();
    let mut requests = 0_u64;
    let mut tasks = tokio::task::JoinSet::new();
    let turns = Arc::new(Semaphore::new(UNDER_WAY));
    let mut stop = std::pin::pin!(stop);
    let mut effects = engine.step(now(), first);
    loop {
        for effect in effects.drain(..) {
            begin(effect, &ports, &post, &turns, &mut tasks, &mut waiters);
        }
        let wake = engine.next_wakeup().map(|at| Duration::from(at.since(now())));
        let message = tokio::select! {
            () = &mut stop => break,
            message = inbox.recv() => message,
            () = sleep(wake) => Some(Message::Event(Box::new(Event::Tick))),
            Some(ended) = tasks.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "an effect ended in a fault of ours; the engine will count it as lost");
                }
                continue;
            }
        };
        match message {
            None => break,
            Some(Message::Event(event)) => effects = engine.step(now(), *event),
            Some(Message::Wish { actor, wish, answer }) => {
                requests += 1;
                let id = RequestId(requests);
                waiters.insert(id, answer);
                effects = engine.step(now(), Event::Request(Request { id, actor, wish }));
            }
            Some(Message::Look(answer)) => drop(answer.send((engine.status(), engine.source_status()))),
        }
    }
    // What is under way is heard to its end and written down; nothing new is begun.
    let draining = async {
        loop {
            let event = tokio::select! {
                Some(message) = inbox.recv() => message,
                ended = tasks.join_next() => {
                    // A task tells its end before it ends, so an empty queue is the last word.
                    if ended.is_none() && inbox.is_empty() {
                        break;
                    }
                    continue;
                }
            };
            let Message::Event(event) = event else { continue };
            for effect in engine.step(now(), *event) {
                if matches!(
                    effect,
                    Effect::Write { .. } | Effect::Reply { .. } | Effect::Publish(_)
                ) {
                    begin(effect, &ports, &post, &turns, &mut tasks, &mut waiters);
                }
            }
        }
    };
    if tokio::time::timeout(grace, draining).await.is_err() {
        tracing::warn!("stopped with work under way; the next start looks at it again");
    }
    // Connections are let go of one by one, so that no multiplexer outlives us.
    let all = engine.status();
    let each = all
        .iter()
        .flat_map(|one| one.targets.iter().map(|target| (&one.name, &target.name)));
    let closing = each.map(|(environment, target)| ports.transport.close(environment, target));
    if tokio::time::timeout(CLOSING, futures_util::future::join_all(closing))
        .await
        .is_err()
    {
        tracing::warn!("some connections did not close in time");
    }
}

async fn sleep(wake: Option<Duration>) {
    match wake {
        Some(wake) => tokio::time::sleep(wake).await,
        None => std::future::pending().await,
    }
}

fn begin(
    effect: Effect,
    ports: &Arc<Ports>,
    post: &Post,
    turns: &Arc<Semaphore>,
    tasks: &mut tokio::task::JoinSet<()>,
    waiters: &mut Waiters,
) {
    match effect {
        Effect::Reply { request, result } => {
            if let Some(waiter) = waiters.remove(&request) {
                let before = ports.feed.position();
                drop(waiter.send((request, before, result.map(|accepted| accepted.text))));
            }
        }
        Effect::Publish(change) => {
            tracing::info!(
                environment = change.environment.as_ref().map_or("-", |name| name.as_str()),
                "{}",
                changes::line(&change.news)
            );
            ports.feed.publish(change);
        }
        effect => {
            let (ports, post, turns) = (Arc::clone(ports), post.clone(), Arc::clone(turns));
            tasks.spawn(async move {
                let _turn = turns.acquire_owned().await;
                if let Some(event) = carry::carry(effect, &ports).await {
                    post.tell(event).await;
                }
            });
        }
    }
}
