//! The clone of one remote: bare, made and mended as needed, with every commit kept that was ever fetched.
//!
//! It has no references but `refs/evenkeel/kept/<id>`, one for each fetched commit that no other of them descends
//! from: a branch that is forced away keeps its old history here, and nothing has to be pruned.

use crate::{
    address::clean,
    fault::Fault,
    wire::{Heads, Wire},
};
use evenkeel_engine::port::source::SourceError;
use git2::{ErrorCode, ObjectType, Oid, Repository, RepositoryInitOptions};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

const KEPT: &str = "refs/evenkeel/kept/";
/// More packs than this are made one.
const PACKS: usize = 32;

/// Opens the clone; `None` when there is none yet.
pub(crate) fn open(dir: &Path) -> Result<Option<Repository>, git2::Error> {
    if dir.exists() {
        Repository::open_bare(dir).map(Some)
    } else {
        Ok(None)
    }
}

/// Brings what `names` (references or full ids) name, with history, and keeps it. Goes nowhere when all are ids that
/// are here. A damaged clone is made anew beside the old one, and takes its place only once it has everything.
pub(crate) fn fetch(dir: &Path, wire: &Wire<'_>, names: &[String]) -> Result<(), SourceError> {
    let why = match open(dir) {
        Ok(Some(repo)) => match fill(&repo, wire, names) {
            Ok(()) => return Ok(()),
            Err(Fault::Source(error)) => return Err(error),
            Err(Fault::Damage(why)) => why,
        },
        Ok(None) => return remake(dir, wire, names),
        Err(error) => clean(error.message()),
    };
    heal(dir, wire, names, &why)
}

/// Makes a damaged clone anew and says so.
pub(crate) fn heal(dir: &Path, wire: &Wire<'_>, names: &[String], why: &str) -> Result<(), SourceError> {
    let url = wire.address.shown();
    tracing::warn!(remote = url, why, "the local clone is damaged; it is made anew");
    remake(dir, wire, names).inspect(|()| tracing::warn!(remote = url, "the local clone is whole again"))
}

/// A new clone with `names` in it, in place of whatever is at `dir`, which is set aside.
fn remake(dir: &Path, wire: &Wire<'_>, names: &[String]) -> Result<(), SourceError> {
    let damaged = |why: String| SourceError::Damaged {
        url: wire.address.shown().to_owned(),
        why,
    };
    let failed = |error: io::Error| damaged(error.to_string());
    let fresh = dir.with_extension("new");
    remove(&fresh).map_err(failed)?;
    let mut options = RepositoryInitOptions::new();
    options
        .bare(true)
        .mkpath(true)
        .external_template(false)
        .description(wire.address.shown());
    let repo = Repository::init_opts(&fresh, &options).map_err(|error| damaged(clean(error.message())))?;
    fill(&repo, wire, names).map_err(|fault| match fault {
        Fault::Damage(why) => damaged(why),
        Fault::Source(error) => error,
    })?;
    drop(repo);
    let aside = dir.with_extension("damaged");
    if dir.exists() {
        remove(&aside).map_err(failed)?;
        fs::rename(dir, &aside).map_err(failed)?;
    }
    fs::rename(&fresh, dir).map_err(failed)
}

fn remove(dir: &PathBuf) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn fill(repo: &Repository, wire: &Wire<'_>, names: &[String]) -> Result<(), Fault> {
    let here = |id: Oid| repo.find_commit(id).is_ok();
    let ids: Vec<Option<Oid>> = names.iter().map(|name| full_id(name)).collect();
    if !names.is_empty() && ids.iter().all(|id| id.is_some_and(here)) {
        return ids.into_iter().flatten().try_for_each(|id| keep(repo, id, wire));
    }
    let mut tips = Vec::new();
    let mut unnamed = Vec::new();
    let heads = wire.bring(repo, |heads| {
        let mut wanted = Vec::new();
        for (name, id) in names.iter().zip(&ids) {
            match id {
                Some(id) if here(*id) => tips.push(*id),
                Some(id) => match named(heads, *id) {
                    Some(name) => {
                        wanted.push(name.to_owned());
                        tips.push(*id);
                    }
                    None => unnamed.push(*id),
                },
                None => {
                    let id = heads.exact.get(name).ok_or_else(|| no_such(wire, name))?;
                    wanted.push(name.clone());
                    tips.push(*id);
                }
            }
        }
        Ok(wanted)
    })?;
    for id in unnamed {
        if !here(id) {
            bring_unnamed(repo, wire, &heads, id)?;
        }
        tips.push(id);
    }
    tips.into_iter().try_for_each(|id| keep(repo, id, wire))?;
    compact(repo).map_err(|error| Fault::Damage(clean(error.message())))
}

/// Puts everything that is kept into one pack, once there are many: every fetch that brought something left one.
fn compact(repo: &Repository) -> Result<(), git2::Error> {
    let dir = repo.path().join("objects/pack");
    let failed = |error: io::Error| git2::Error::from_str(&error.to_string());
    let mut files = Vec::new();
    for entry in fs::read_dir(&dir).map_err(failed)? {
        files.push(entry.map_err(failed)?.path());
    }
    let packs = files
        .iter()
        .filter(|path| path.extension().is_some_and(|kind| kind == "pack"));
    if packs.count() <= PACKS {
        return Ok(());
    }
    let mut walk = repo.revwalk()?;
    walk.push_glob(&format!("{KEPT}*"))?;
    let mut builder = repo.packbuilder()?;
    builder.insert_walk(&mut walk)?;
    // The new pack is whole on disk before an old one goes; who reads meanwhile finds each object in one of them.
    builder.write(&dir, 0)?;
    let Some(name) = builder.name().ok().flatten() else {
        return Ok(());
    };
    let name = format!("pack-{name}");
    let old = |path: &&PathBuf| path.file_stem().is_none_or(|stem| stem != name.as_str());
    files
        .iter()
        .filter(old)
        .try_for_each(fs::remove_file)
        .map_err(failed)
}

/// A commit that no reference points to: asked for by id, which many servers refuse; else among everything they have.
fn bring_unnamed(repo: &Repository, wire: &Wire<'_>, heads: &Heads, id: Oid) -> Result<(), Fault> {
    match wire.bring(repo, |_| Ok(vec![id.to_string()])) {
        Ok(_) if repo.find_commit(id).is_ok() => return Ok(()),
        Err(Fault::Source(error @ SourceError::Deadline { .. })) => return Err(error.into()),
        Ok(_) | Err(_) => {}
    }
    let all = |name: &&String| name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
    let all: Vec<_> = heads.exact.keys().filter(all).cloned().collect();
    if !all.is_empty() {
        wire.bring(repo, |_| Ok(all))?;
    }
    if repo.find_commit(id).is_ok() {
        Ok(())
    } else {
        Err(no_such(wire, &id.to_string()).into())
    }
}

fn named(heads: &Heads, id: Oid) -> Option<&str> {
    let mut of = heads
        .peeled
        .iter()
        .filter(|(name, at)| **at == id && heads.exact.contains_key(*name));
    of.next().map(|(name, _)| name.as_str())
}

fn no_such(wire: &Wire<'_>, name: &str) -> SourceError {
    SourceError::NoSuch {
        url: wire.address.shown().to_owned(),
        name: clean(name),
    }
}

/// Keeps a commit for good, and lets go of the references that it makes needless.
fn keep(repo: &Repository, id: Oid, wire: &Wire<'_>) -> Result<(), Fault> {
    let damage = |error: git2::Error| Fault::Damage(clean(error.message()));
    let object = repo.find_object(id, None).map_err(damage)?;
    let commit = match object.peel(ObjectType::Commit) {
        Ok(commit) => commit.id(),
        Err(error) if matches!(error.code(), ErrorCode::Peel | ErrorCode::InvalidSpec) => {
            return Err(no_such(wire, &format!("{id} as a commit")).into());
        }
        Err(error) => return Err(damage(error)),
    };
    let name = format!("{KEPT}{commit}");
    if repo.find_reference(&name).is_ok() {
        return Ok(());
    }
    let mut needless = Vec::new();
    for kept in repo.references_glob(&format!("{KEPT}*")).map_err(damage)? {
        let kept = kept.map_err(damage)?;
        let Some(old) = kept.target() else { continue };
        if repo.graph_descendant_of(old, commit).map_err(damage)? {
            return Ok(());
        }
        if repo.graph_descendant_of(commit, old).map_err(damage)? {
            needless.push(kept);
        }
    }
    repo.reference(&name, commit, true, "fetched").map_err(damage)?;
    needless
        .iter_mut()
        .try_for_each(git2::Reference::delete)
        .map_err(damage)
}

/// A full object id in hexadecimal.
pub(crate) fn full_id(text: &str) -> Option<Oid> {
    (text.len() == 40).then(|| Oid::from_str(text).ok()).flatten()
}

/// Whether the clone says that it has this commit: then its absence is damage.
pub(crate) fn is_kept(repo: &Repository, id: Oid) -> bool {
    repo.find_reference(&format!("{KEPT}{id}")).is_ok()
}
