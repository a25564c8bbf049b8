//! `evenkeel playground`: three environments on this machine, kept by a real service from a real Git repository.

use super::serve;
use crate::{
    arguments::{Arguments, Common, Playground, Serve},
    failure::{Failure, OrFail as _},
    output, place,
};
use evenkeel_model::Span;
use git2::{IndexEntry, IndexTime, Repository, Signature};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The file by which a playground's folder is known: nothing else is ever deleted by a reset.
const MARKER: &str = ".evenkeel-playground";
/// What the example's manifests say where the playground's folder goes.
const PLACE: &str = "/tmp/evenkeel-playground";

pub(crate) fn folder(common: &Common) -> Result<PathBuf, Failure> {
    match &common.state {
        Some(state) => std::path::absolute(state).or_fail("bad-state-folder", "the state folder"),
        None => {
            let home = std::env::var_os("HOME").ok_or_else(|| {
                Failure::new("no-home", "HOME is not set").help("say where with --state FOLDER")
            })?;
            Ok(PathBuf::from(home).join(".local/state/evenkeel-playground"))
        }
    }
}

/// Sets the playground up where it is not yet, and serves it until stopped.
pub(crate) async fn run(arguments: &Arguments, playground: &Playground) -> Result<u8, Failure> {
    let folder = folder(&arguments.common)?;
    if playground.reset {
        return reset(&folder).await;
    }
    let fresh = !folder.join(MARKER).exists();
    if fresh {
        plant(&folder, &playground.manifests)?;
    }
    output::print(&tour(&folder, fresh));
    let mut common = arguments.common.clone();
    common.state = Some(folder.join("service"));
    let told = Serve {
        repository: folder.join("repository.git").display().to_string(),
        root: String::new(),
        branch: None,
        poll: Span::from_secs(5),
    };
    serve::run(&common, &told, serve::Announce::Playground).await
}

/// Makes the folder: a bare repository with the example's manifests as its first commit, and a clone to work in.
fn plant(folder: &Path, manifests: &Path) -> Result<(), Failure> {
    if folder.exists() && fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::new(
            "folder-in-use",
            format!("{} is not empty and is no playground", folder.display()),
        )
        .help("say another folder with --state"));
    }
    fs::create_dir_all(folder).or_fail("no-folder", folder.display())?;
    let tried = "making the playground's repository";
    let bare = folder.join("repository.git");
    first_commit(&bare, manifests, folder).or_fail("no-repository", tried)?;
    Repository::clone(&bare.display().to_string(), folder.join("work")).or_fail("no-repository", tried)?;
    fs::create_dir_all(folder.join("targets")).or_fail("no-folder", folder.display())?;
    fs::write(
        folder.join(MARKER),
        "This folder is a playground of evenkeel; `make reset` deletes it.\n",
    )
    .or_fail("no-folder", folder.display())
}

fn first_commit(bare: &Path, manifests: &Path, folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut options = git2::RepositoryInitOptions::new();
    options.bare(true).initial_head("main");
    let repository = Repository::init_opts(bare, &options)?;
    let mut index = git2::Index::new()?;
    let mut tree = repository.index()?;
    index.clear()?;
    for path in files(manifests, 0)? {
        let name = path
            .strip_prefix(manifests)?
            .to_str()
            .ok_or("a file name is no UTF-8")?
            .to_owned();
        let mut bytes = fs::read(&path)?;
        if let (true, Ok(text)) = (is_yaml(&path), std::str::from_utf8(&bytes)) {
            bytes = text
                .replace(PLACE, &folder.join("targets").display().to_string())
                .into_bytes();
        }
        let entry = IndexEntry {
            ctime: IndexTime::new(0, 0),
            mtime: IndexTime::new(0, 0),
            dev: 0,
            ino: 0,
            mode: 0o100_644,
            uid: 0,
            gid: 0,
            file_size: 0,
            id: repository.blob(&bytes)?,
            flags: 0,
            flags_extended: 0,
            path: name.into_bytes(),
        };
        tree.add(&entry)?;
    }
    let id = tree.write_tree_to(&repository)?;
    let who = Signature::now("Evenkeel playground", "playground@localhost")?;
    repository.commit(
        Some("refs/heads/main"),
        &who,
        &who,
        "The shop, in three environments",
        &repository.find_tree(id)?,
        &[],
    )?;
    Ok(())
}

fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// The files below a folder, hidden ones left out; links are not followed.
fn files(folder: &Path, depth: usize) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if depth > 16 {
        return Ok(found);
    }
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            found.extend(files(&entry.path(), depth + 1)?);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Stops the playground's processes and deletes its folder.
async fn reset(folder: &Path) -> Result<u8, Failure> {
    if !folder.exists() {
        output::print(&format!("there is no playground at {}", folder.display()));
        return Ok(0);
    }
    if !folder.join(MARKER).exists() {
        return Err(
            Failure::new("no-playground", format!("{} is no playground", folder.display()))
                .help("nothing was deleted"),
        );
    }
    let socket = folder.join("service/evenkeel.sock");
    if tokio::net::UnixStream::connect(&socket).await.is_ok() {
        return Err(
            Failure::new("service-runs", "the playground's service is running")
                .help("stop it first (Ctrl-C where `make run` runs)"),
        );
    }
    crate::runtime::forget::processes(&folder.join("targets")).await?;
    fs::remove_dir_all(folder).or_fail("no-reset", folder.display())?;
    output::print(&format!("forgot {}", folder.display()));
    Ok(0)
}

fn tour(folder: &Path, fresh: bool) -> String {
    let what = if fresh {
        "A new playground"
    } else {
        "The playground, as it was left"
    };
    let folder = folder.display();
    let socket = format!("--socket {folder}/service/evenkeel.sock");
    let as_root = if place::is_root() { "" } else { " (no root needed)" };
    format!(
        "{what}{as_root}
  repository   {folder}/repository.git
  your clone   {folder}/work
  servers      {folder}/targets
  service      {folder}/service

Try, in another terminal:
  export EVENKEEL_SOCKET={folder}/service/evenkeel.sock
  evenkeel status                         # or: evenkeel {socket} status
  evenkeel diff prod
  cd {folder}/work                        # change apps/ or environments/, then:
  git commit -am 'more workers' && git push
  evenkeel history
"
    )
}
