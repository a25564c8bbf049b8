//! `evenkeel apply`: what `plan` shows, from a manifest folder with no service, or as the yes that a service waits for.

use super::{difference, follow};
use crate::{
    arguments::{Apply, Common},
    client::Client,
    failure::{Failure, OrFail as _},
    output::{self, paint::Paint},
    place,
    runtime::{self, desk::Desk, project, wire},
};
use evenkeel_api::{Handle as _, Problem, view::Preview};
use evenkeel_engine::{Event, Wish};
use evenkeel_model::{Digest, EnvironmentName, Span};
use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;

/// How long a folder may take to be read and rendered.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// Where a command works.
pub(crate) enum Place {
    /// Through a service.
    Service(Client),
    /// On a manifest folder, with no service.
    Folder(PathBuf),
}

/// Where to work: the folder that was named, else a service that answers, else the folder we stand in if it is a project.
pub(crate) async fn place(common: &Common) -> Result<Place, Failure> {
    if let Some(folder) = &common.project {
        return Ok(Place::Folder(folder.clone()));
    }
    let client = Client::new(&place::socket(common)?)?;
    if client.answers().await {
        return Ok(Place::Service(client));
    }
    let here = PathBuf::from(".");
    if common.socket.is_none() && super::manifest::is_project(&here) {
        return Ok(Place::Folder(here));
    }
    super::service(common).await.map(Place::Service)
}

pub(crate) async fn run(common: &Common, told: &Apply) -> Result<u8, Failure> {
    match place(common).await? {
        Place::Service(client) => {
            let wish = Wish::Approve {
                environment: told.environment.clone(),
                snapshot: None,
                prune_yes: told.prune,
                reason: told.why.reason.clone(),
            };
            let path = format!("environments/{}/preview", told.environment);
            let preview: Preview = client.get(&path).await?;
            if !agreed(common, told, &preview)? {
                return Ok(3);
            }
            follow::ask_and_wait(common, &client, wish).await
        }
        Place::Folder(folder) => on_folder(common, told, &folder).await,
    }
}

/// Shows the plan and asks, unless `--yes`.
fn agreed(common: &Common, told: &Apply, preview: &Preview) -> Result<bool, Failure> {
    if !common.json {
        let paint = Paint {
            on: output::colour(common, &std::io::stdout()),
        };
        output::print(&difference::plan_text(preview, paint));
    }
    if told.yes || preview.plan.is_empty() {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() || common.json {
        return Err(Failure::new("yes-missing", "nobody is here to say yes")
            .help("say --yes")
            .exit(3));
    }
    output::note(&format!("Do this in {}? Type yes to go on:", told.environment));
    drop(std::io::stderr().flush());
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .or_fail("no-answer", "reading your answer")?;
    if answer.trim() == "yes" {
        return Ok(true);
    }
    output::note("nothing was done");
    Ok(false)
}

/// What a deployment from this folder would do.
pub(crate) async fn preview(
    common: &Common,
    folder: &Path,
    name: &EnvironmentName,
) -> Result<Preview, Failure> {
    let session = Session::open(common, folder, name).await?;
    let preview = session.desk.preview(name).await.map_err(told_by);
    session.close().await;
    preview
}

async fn on_folder(common: &Common, told: &Apply, folder: &Path) -> Result<u8, Failure> {
    let session = Session::open(common, folder, &told.environment).await?;
    let done = session.apply(common, told).await;
    session.close().await;
    done
}

fn told_by(problem: Problem) -> Failure {
    let failure = Failure::new(problem.code, problem.detail);
    match problem.help {
        Some(help) => failure.help(help),
        None => failure,
    }
}

/// What was asked of an earlier command must not be done by a later one that only looks: a wish stands until it is
/// carried out, and a goal is tried again until a look confirms it. What was applied and what happened stay known.
fn forget_goals(first: &mut Event) {
    let Event::Started(started) = first else { return };
    for memory in started.memories.values_mut() {
        if let Some(memory) = memory.as_object_mut() {
            memory.retain(|name, _| !matches!(name.as_str(), "goal" | "order" | "approved" | "pruneYes"));
        }
    }
}

/// The engine on a manifest folder, for as long as one command takes; it does nothing by itself.
struct Session {
    desk: Arc<Desk>,
    stop: watch::Sender<bool>,
    run: tokio::task::JoinHandle<()>,
    _alone: std::fs::File,
}

impl Session {
    async fn open(common: &Common, folder: &Path, name: &EnvironmentName) -> Result<Self, Failure> {
        let names = super::manifest::names(folder)?;
        if !names.contains(name) {
            let known: Vec<_> = names.iter().map(ToString::to_string).collect();
            return Err(super::no_such_environment(name, &known));
        }
        let folder = folder.canonicalize().or_fail("no-folder", folder.display())?;
        let shown = super::shown(&folder)?;
        let digest = Digest::of(shown.as_bytes()).short();
        let state = place::state(common)?.join("folders").join(digest);
        wire::private(&state)?;
        let alone = super::claim(&state)?;
        let (source, remote) = project::source(&shown, "", &state)?;
        let plan = wire::Plan {
            source,
            remote,
            branch: None,
            poll: Span::from_secs(3600),
            by_hand: Some(name.clone()),
        };
        let mut wired = wire::wire(&state, plan).await?;
        forget_goals(&mut wired.first);
        let desk = Arc::new(Desk {
            ports: Arc::clone(&wired.ports),
            post: wired.post.clone(),
        });
        let (stop, mut stopped) = watch::channel(false);
        let until = async move { drop(stopped.wait_for(|stopped| *stopped).await) };
        let run = tokio::spawn(runtime::run(
            wired.engine,
            wired.ports,
            wired.first,
            wired.post,
            wired.inbox,
            until,
            Duration::from_secs(60),
        ));
        let session = Self {
            desk,
            stop,
            run,
            _alone: alone,
        };
        match session.ready(name).await {
            Ok(()) => Ok(session),
            Err(failure) => {
                session.close().await;
                Err(failure)
            }
        }
    }

    /// Waits until the environment was rendered from the folder as it is now, or cannot be.
    async fn ready(&self, name: &EnvironmentName) -> Result<(), Failure> {
        let wait = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            loop {
                ticks.tick().await;
                let (all, source) = self
                    .desk
                    .post
                    .look()
                    .await
                    .ok_or_else(|| Failure::new("stopped", "the engine stopped"))?;
                if let Some(fault) = source.fault {
                    return Err(Failure::new(fault.code, fault.text));
                }
                // Until the folder is loaded, all that is known is from the time before.
                let Some(commit) = source.commit else { continue };
                if let Some(one) = all.into_iter().find(|one| one.name == *name) {
                    if let Some(fault) = one.faults.into_iter().next() {
                        return Err(Failure::new(fault.code, fault.text));
                    }
                    if one.desired.is_some_and(|desired| desired.revision.id == commit) {
                        return Ok(());
                    }
                }
            }
        };
        tokio::time::timeout(READY_WITHIN, wait)
            .await
            .unwrap_or_else(|_| {
                Err(Failure::new(
                    "not-ready",
                    format!("{name} was not rendered in time"),
                ))
            })
    }

    async fn apply(&self, common: &Common, told: &Apply) -> Result<u8, Failure> {
        let preview = self.desk.preview(&told.environment).await.map_err(told_by)?;
        if !agreed(common, told, &preview)? {
            return Ok(3);
        }
        let wish = Wish::Sync {
            environment: told.environment.clone(),
            reason: told.why.reason.clone(),
            full: false,
            prune_yes: told.prune,
        };
        let taken = self.desk.wish(place::actor(), wish).await.map_err(told_by)?;
        follow::to_the_end(common, &follow::Listener::Desk(Arc::clone(&self.desk)), &taken).await
    }

    async fn close(self) {
        self.stop.send_replace(true);
        drop(self.run.await);
    }
}
