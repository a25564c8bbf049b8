//! `evenkeel serve`: keep environments on what a repository says, until stopped.

use crate::{
    arguments::{Common, Serve},
    failure::{Failure, OrFail as _},
    output, place,
    runtime::{self, desk::Desk, wire},
};
use evenkeel_api::{route::router, socket::Socket};
use std::{sync::Arc, time::Duration};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// How long work under way is given to end when the service is stopped.
const GRACE: Duration = Duration::from_secs(60);

/// How to say that we are ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announce {
    /// As soon as the socket answers.
    Service,
    /// Once every environment was brought to what Git says.
    Playground,
}

pub(crate) async fn run(common: &Common, told: &Serve, announce: Announce) -> Result<u8, Failure> {
    let state = place::state(common)?;
    wire::private(&state)?;
    let _alone = super::claim(&state)?;
    let path = place::socket(common)?;
    let socket = Socket::bind(&path).await.or_fail("no-socket", path.display())?;
    let (source, remote) = runtime::project::source(&told.repository, &told.root, &state)?;
    let plan = wire::Plan {
        source,
        remote,
        branch: told.branch.clone(),
        poll: told.poll,
        by_hand: None,
    };
    let wired = wire::wire(&state, plan).await?;
    let (stop, stopped) = watch::channel(false);
    let desk = Arc::new(Desk {
        ports: Arc::clone(&wired.ports),
        post: wired.post.clone(),
    });
    let api = tokio::spawn(socket.serve(router(desk), until(stopped.clone())));
    let _watching = runtime::watch::start(&wired.ports.remote, wired.post.clone());
    tracing::info!(socket = %path.display(), state = %state.display(), "serving");
    if announce == Announce::Playground {
        tokio::spawn(ready_when_true(wired.post.clone(), stopped.clone()));
    } else {
        output::note(&format!(
            "ready: serving {} at {}",
            runtime::project::shown(&wired.ports.remote),
            path.display()
        ));
    }
    tokio::spawn(stop_on_signal(stop));
    runtime::run(
        wired.engine,
        wired.ports,
        wired.first,
        wired.post,
        wired.inbox,
        until(stopped),
        GRACE,
    )
    .await;
    api.await
        .or_fail("api-stopped", "the API")?
        .or_fail("api-stopped", "the API")?;
    Ok(0)
}

async fn until(mut stopped: watch::Receiver<bool>) {
    drop(stopped.wait_for(|stopped| *stopped).await);
}

/// The first INT or TERM stops in good order; the second at once.
async fn stop_on_signal(stop: watch::Sender<bool>) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    for round in 0.. {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if round > 0 {
            std::process::exit(1);
        }
        output::note("stopping: what is under way is brought to its end (once more: at once)");
        stop.send_replace(true);
    }
}

/// Says `ready` once every environment is in sync and healthy.
async fn ready_when_true(post: runtime::Post, stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(200));
    while !*stopped.borrow() {
        ticks.tick().await;
        let Some((all, _)) = post.look().await else { return };
        // What waits for a person stays as it is: that is what Git says, too.
        let good = |one: &evenkeel_engine::EnvironmentStatus| {
            let done = one.sync == evenkeel_model::SyncStatus::InSync;
            (done && one.health == evenkeel_model::Health::Healthy)
                || one.waiting.is_some()
                || one.hold.is_some()
        };
        if !all.is_empty() && all.iter().all(good) {
            output::print(&format!(
                "ready: {} environments are kept on what Git says\n",
                all.len()
            ));
            return;
        }
    }
}
