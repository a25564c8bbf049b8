//! The project at a commit: read, and rendered.

use super::{Ports, folder::Folder};
use crate::failure::{Failure, OrFail as _};
use evenkeel_engine::{
    Fault,
    port::{
        source::{Remote, Source},
        transport::Look,
    },
};
use evenkeel_manifest::{Diagnostic, RenderInput, Rendered, listing, load};
use evenkeel_model::{
    Answer, EnvironmentName, Facts, Probe, Settings, Span, TargetName, Tree, settings::SyncMode,
};
use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// How many trees are remembered: the project's own branch, and the few that environments track.
const REMEMBERED: usize = 4;
/// A target tells its facts within this many seconds.
const FACTS_SECS: u64 = 30;

/// Trees by commit, the latest last.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<VecDeque<(String, Arc<dyn Tree>)>>);

async fn tree(ports: &Ports, commit: &str) -> Result<Arc<dyn Tree>, Fault> {
    let known = {
        let shelf = ports.trees.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf
            .iter()
            .find(|(id, _)| id == commit)
            .map(|(_, tree)| Arc::clone(tree))
    };
    if let Some(tree) = known {
        return Ok(tree);
    }
    let tree = ports
        .source
        .tree(&ports.remote, commit)
        .await
        .map_err(|error| Fault::from(&error))?;
    let mut shelf = ports.trees.0.lock().unwrap_or_else(PoisonError::into_inner);
    if shelf.len() == REMEMBERED {
        shelf.pop_front();
    }
    shelf.push_back((commit.to_owned(), Arc::clone(&tree)));
    Ok(tree)
}

/// The environments of the project at a commit. A project with errors outside an environment still names the others.
pub(crate) async fn environments(
    ports: &Ports,
    commit: &str,
) -> Result<Vec<(EnvironmentName, Settings)>, Fault> {
    let tree = tree(ports, commit).await?;
    let (catalog, by_hand) = (Arc::clone(&ports.catalog), ports.by_hand.clone());
    let read = tokio::task::spawn_blocking(move || {
        let (project, found) = load(tree.as_ref(), catalog.as_ref());
        let all: Vec<_> = project
            .environments()
            .filter(|one| by_hand.as_ref().is_none_or(|name| *name == one.name))
            .map(|one| {
                (
                    one.name.clone(),
                    settings(one.settings.clone(), by_hand.is_some()),
                )
            })
            .collect();
        if found.iter().any(Diagnostic::is_error) {
            Err(invalid(&found))
        } else {
            Ok(all)
        }
    });
    read.await
        .map_err(|error| Fault::new("render-failed", error.to_string()))?
}

/// An environment at a commit; what templates ask of targets is asked of them.
pub(crate) async fn render(ports: &Ports, commit: &str, name: &EnvironmentName) -> Result<Rendered, Fault> {
    let tree = tree(ports, commit).await?;
    let mut input = RenderInput::default();
    for round in 0..2 {
        let (tree, catalog, name_again) = (Arc::clone(&tree), Arc::clone(&ports.catalog), name.clone());
        let given = input.clone();
        let work = tokio::task::spawn_blocking(move || {
            let (project, _) = load(tree.as_ref(), catalog.as_ref());
            let targets: Vec<_> = project
                .environment(&name_again)
                .map(|one| one.targets.clone())
                .unwrap_or_default();
            (project.render(&name_again, &given), targets)
        });
        let (rendered, targets) = work
            .await
            .map_err(|error| Fault::new("render-failed", error.to_string()))?;
        match rendered {
            Ok(mut rendered) => {
                rendered.settings = settings(rendered.settings, ports.by_hand.is_some());
                return Ok(rendered);
            }
            Err(found) if round == 0 && found.iter().any(|one| one.code == "facts-unknown") => {
                input.facts = facts(ports, name, &targets).await;
            }
            Err(found) => return Err(invalid(&found)),
        }
    }
    Err(Fault::new("render-failed", "the targets' facts were not enough"))
}

/// What targets say of themselves, asked of all at once; those that do not answer are left out.
async fn facts(
    ports: &Ports,
    name: &EnvironmentName,
    targets: &[evenkeel_model::Target],
) -> BTreeMap<TargetName, Facts> {
    let probes = [Probe::Facts];
    let look = Look {
        full: false,
        deadline: Span::from_secs(FACTS_SECS),
    };
    let asked = targets
        .iter()
        .map(|target| ports.transport.observe(name, target, &probes, look));
    let answers = futures_util::future::join_all(asked).await;
    let mut all = BTreeMap::new();
    for (target, answer) in targets.iter().zip(answers) {
        if let Ok(answers) = answer
            && let Some(Answer::Facts(facts)) = answers.get(&Probe::Facts)
        {
            all.insert(target.name.clone(), facts.clone());
        }
    }
    all
}

fn invalid(found: &[Diagnostic]) -> Fault {
    Fault::new("manifest-invalid", listing(found, false))
}

/// An environment that someone carries out by hand does nothing by itself.
fn settings(mut settings: Settings, by_hand: bool) -> Settings {
    if by_hand {
        settings.sync.mode = SyncMode::Manual;
        settings.sync.self_heal = false;
    }
    settings
}

/// The source for what was told: a bare repository or an address by Git, any other folder as it lies there.
pub(crate) fn source(
    repository: &str,
    root: &str,
    state: &Path,
) -> Result<(Arc<dyn Source>, Remote), Failure> {
    let folder = Path::new(repository);
    if folder.is_dir() && !is_bare(folder) {
        let shown = folder.join(root);
        let folder = shown.canonicalize().or_fail("no-folder", shown.display())?;
        let remote = Remote {
            url: folder.display().to_string(),
            root: String::new(),
        };
        return Ok((Arc::new(Folder::new(folder)), remote));
    }
    // What is neither an address nor `host:path` can only be meant as a folder.
    if !repository.contains(':') && !folder.exists() {
        return Err(
            Failure::new("no-such-folder", format!("there is no folder {repository}"))
                .help("say a manifest folder, a bare repository, or an address such as https://…"),
        );
    }
    let clones = evenkeel_git::Clones::new(state.join("clones")).or_fail("no-clones", state.display())?;
    Ok((
        Arc::new(clones),
        Remote {
            url: repository.to_owned(),
            root: root.to_owned(),
        },
    ))
}

fn is_bare(folder: &Path) -> bool {
    git2::Repository::open_bare(folder).is_ok_and(|repository| repository.is_bare())
}

/// The repository's address without what a person may not see.
pub(crate) fn shown(remote: &Remote) -> String {
    match remote.url.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let host = rest[..end]
                .rsplit_once('@')
                .map_or(&rest[..end], |(_, host)| host);
            format!("{scheme}://{host}{}", &rest[end..])
        }
        None => remote.url.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let shown = |url: &str| {
            super::shown(&Remote {
                url: url.to_owned(),
                root: String::new(),
            })
        };
        assert_eq!(
            shown("https://me:hunter2@example.org/a@b.git"),
            "https://example.org/a@b.git"
        );
        assert_eq!(shown("git@example.org:a.git"), "git@example.org:a.git");
    }
}
