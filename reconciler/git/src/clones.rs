//! The port's adapter: bare clones under one folder, each remote's work in turn, every call within its deadline.

use crate::{
    access::Access,
    address::{Address, clean},
    bare,
    deadline::Deadline,
    limits::{self, Limits},
    signature::{self, Signed},
    tree::{self, GitTree},
    wire::Wire,
};
use evenkeel_engine::port::{
    BoxFuture,
    source::{Remote, Source, SourceError},
};
use evenkeel_model::{Revision, Timestamp, Tree, settings::Signer};
use git2::{ErrorCode, Oid, Repository};
use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout_at};

/// Bare clones of the remotes that were asked about, in a folder of their own.
///
/// Cheap to clone; all share the same clones. One process per folder. A remote's network work is done by one thread at
/// a time, of its own, so that a remote which never answers holds up no other and no runtime: its callers hear
/// [`SourceError::Deadline`].
#[derive(Clone, Debug)]
pub struct Clones {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    access: Access,
    limits: Limits,
    sites: Mutex<BTreeMap<String, Arc<Site>>>,
}

/// One remote.
#[derive(Debug)]
struct Site {
    address: Address,
    dir: PathBuf,
    access: Access,
    limits: Limits,
    turn: Arc<tokio::sync::Mutex<()>>,
    branch: Mutex<Option<String>>,
}

/// Why a commit could not be read here.
enum Reading {
    Damage(String),
    Source(SourceError),
}

impl Clones {
    /// Clones under `dir` (made, closed to others), with the user's usual credentials and known hosts.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
        Self::with(dir, Access::of_home(&home), Limits::default())
    }

    /// The same with credentials and limits of one's own.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn with(dir: impl Into<PathBuf>, access: Access, limits: Limits) -> io::Result<Self> {
        limits::set_process_wide().map_err(io::Error::other)?;
        let dir = dir.into();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        Ok(Self {
            shared: Arc::new(Shared {
                dir,
                access,
                limits,
                sites: Mutex::default(),
            }),
        })
    }

    /// The branch that the remote's `HEAD` was, as `refs/heads/…`, when it was last listed.
    #[must_use]
    pub fn default_branch(&self, remote: &Remote) -> Option<String> {
        let site = self.site(remote);
        let branch = site.branch.lock().unwrap_or_else(PoisonError::into_inner);
        branch.clone()
    }

    fn site(&self, remote: &Remote) -> Arc<Site> {
        let mut sites = self.shared.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let site = sites.entry(remote.url.clone()).or_insert_with(|| {
            let address = Address::new(&remote.url);
            Arc::new(Site {
                dir: self.shared.dir.join(format!("{}.git", address.digest())),
                address,
                access: self.shared.access.clone(),
                limits: self.shared.limits,
                turn: Arc::default(),
                branch: Mutex::default(),
            })
        });
        Arc::clone(site)
    }

    /// Reads from a remote's clone; when that is damaged, makes it anew with `id` in it and reads once more.
    async fn read<T: Send + 'static>(
        &self,
        remote: &Remote,
        id: &str,
        work: impl Fn(&Repository, Oid, Deadline) -> Result<T, Reading> + Send + Sync + 'static,
    ) -> Result<T, SourceError> {
        let site = self.site(remote);
        let oid = bare::full_id(id).ok_or_else(|| site.no_such(id))?;
        let work = Arc::new(work);
        let once = Arc::clone(&work);
        let first = site
            .run(site.limits.read, false, move |site, deadline| {
                match site.open(oid) {
                    Ok(repo) => Ok(once(&repo, oid, deadline)),
                    Err(reading) => Ok(Err(reading)),
                }
            })
            .await?;
        let why = match first {
            Ok(read) => return Ok(read),
            Err(Reading::Source(error)) => return Err(error),
            Err(Reading::Damage(why)) => why,
        };
        let found = why.clone();
        let healed = site
            .run(site.limits.fetch, true, move |site, deadline| {
                // Someone else may have mended it while we waited for our turn.
                if let Ok(Ok(read)) = site.open(oid).map(|repo| work(&repo, oid, deadline)) {
                    return Ok(Ok(read));
                }
                bare::heal(&site.dir, &site.wire(deadline), &[oid.to_string()], &found)?;
                Ok(site.open(oid).and_then(|repo| work(&repo, oid, deadline)))
            })
            .await;
        match healed {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(Reading::Source(error))) => Err(error),
            Ok(Err(Reading::Damage(why))) => Err(site.damaged(why)),
            Err(error) => Err(site.damaged(format!("{why}; {error}"))),
        }
    }
}

impl Site {
    /// Does blocking work on a thread of its own and waits for it no longer than `span`. With `alone`, it waits for its
    /// turn first and keeps it until the thread is done, even when nobody waits any more.
    async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        span: Duration,
        alone: bool,
        work: impl FnOnce(&Self, Deadline) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let deadline = Deadline::after(span);
        let late = |_| SourceError::Deadline {
            url: self.address.shown().to_owned(),
        };
        let turn = if alone {
            let turn = Arc::clone(&self.turn).lock_owned();
            Some(timeout_at(deadline.instant(), turn).await.map_err(late)?)
        } else {
            None
        };
        let (tell, told) = oneshot::channel();
        let site = Arc::clone(self);
        let thread = std::thread::Builder::new().name("git".into());
        thread
            .spawn(move || {
                let done = work(&site, deadline);
                drop(turn);
                let _ = tell.send(done); // nobody may be waiting any more
            })
            .map_err(|error| self.damaged(format!("no thread to read it with: {error}")))?;
        match timeout_at(deadline.instant(), told).await.map_err(late)? {
            Ok(done) => done,
            Err(_) => Err(self.damaged("reading it ended abruptly".into())),
        }
    }

    fn wire(&self, deadline: Deadline) -> Wire<'_> {
        Wire::new(&self.address, &self.access, &self.limits, deadline)
    }

    /// The clone, with a commit in it.
    fn open(&self, id: Oid) -> Result<Repository, Reading> {
        let damage = |error: git2::Error| Reading::Damage(clean(error.message()));
        let none = || Reading::Source(self.no_such(&id.to_string()));
        let repo = bare::open(&self.dir).map_err(damage)?.ok_or_else(none)?;
        let found = repo.find_commit(id).map(|_| ());
        match found {
            Ok(()) => Ok(repo),
            Err(error) if error.code() == ErrorCode::NotFound && !bare::is_kept(&repo, id) => Err(none()),
            Err(error) => Err(damage(error)),
        }
    }

    fn no_such(&self, name: &str) -> SourceError {
        SourceError::NoSuch {
            url: self.address.shown().to_owned(),
            name: clean(name),
        }
    }

    fn damaged(&self, why: String) -> SourceError {
        SourceError::Damaged {
            url: self.address.shown().to_owned(),
            why,
        }
    }
}

impl Source for Clones {
    fn list<'a>(
        &'a self,
        remote: &'a Remote,
    ) -> BoxFuture<'a, Result<BTreeMap<String, String>, SourceError>> {
        Box::pin(async move {
            let site = self.site(remote);
            let work = |site: &Site, deadline| site.wire(deadline).list();
            let heads = site.run(site.limits.list, true, work).await?;
            *site.branch.lock().unwrap_or_else(PoisonError::into_inner) = heads.branch;
            let text = |(name, id): (String, Oid)| (name, id.to_string());
            Ok(heads.peeled.into_iter().map(text).collect())
        })
    }

    fn fetch<'a>(
        &'a self,
        remote: &'a Remote,
        names: &'a [String],
    ) -> BoxFuture<'a, Result<(), SourceError>> {
        Box::pin(async move {
            let site = self.site(remote);
            let names = names.to_vec();
            let work = move |site: &Site, deadline| bare::fetch(&site.dir, &site.wire(deadline), &names);
            site.run(site.limits.fetch, true, work).await
        })
    }

    fn revision<'a>(
        &'a self,
        remote: &'a Remote,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Revision, SourceError>> {
        Box::pin(self.read(remote, id, |repo, id, _| {
            let commit = repo.find_commit(id);
            let commit = commit.map_err(|error| Reading::Damage(clean(error.message())))?;
            Ok(describe(&commit))
        }))
    }

    fn tree<'a>(
        &'a self,
        remote: &'a Remote,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Tree>, SourceError>> {
        let (root, dir) = (remote.root.clone(), self.site(remote).dir.clone());
        let url = self.site(remote).address.shown().to_owned();
        Box::pin(self.read(remote, id, move |_, id, deadline| {
            // The tree keeps a handle of its own, for contents that are read later.
            let repo =
                Repository::open_bare(&dir).map_err(|error| Reading::Damage(clean(error.message())))?;
            match GitTree::new(repo, id, &root, &|| !deadline.passed()) {
                Ok(tree) => Ok(Arc::new(tree) as Arc<dyn Tree>),
                Err(tree::Fault::Damage(why)) => Err(Reading::Damage(why)),
                Err(tree::Fault::NoRoot) => Err(Reading::Source(SourceError::NoSuch {
                    url: url.clone(),
                    name: clean(&root),
                })),
                Err(tree::Fault::Bounds(why)) => Err(Reading::Source(SourceError::Unusable {
                    url: url.clone(),
                    why,
                })),
            }
        }))
    }

    fn descends<'a>(
        &'a self,
        remote: &'a Remote,
        id: &'a str,
        ancestor: &'a str,
    ) -> BoxFuture<'a, Result<bool, SourceError>> {
        let ancestor = bare::full_id(ancestor);
        Box::pin(self.read(remote, id, move |repo, id, _| {
            let Some(ancestor) = ancestor.filter(|ancestor| repo.find_commit(*ancestor).is_ok()) else {
                return Ok(false);
            };
            let descends = id == ancestor
                || repo
                    .graph_descendant_of(id, ancestor)
                    .map_err(|error| Reading::Damage(clean(error.message())))?;
            Ok(descends)
        }))
    }

    fn signer<'a>(
        &'a self,
        remote: &'a Remote,
        id: &'a str,
        signers: &'a [Signer],
    ) -> BoxFuture<'a, Result<Result<String, String>, SourceError>> {
        Box::pin(async move {
            let signed = self.read(remote, id, |repo, id, _| signed(repo, id)).await?;
            let deadline = Deadline::after(self.shared.limits.read);
            Ok(match signed {
                Ok(signed) => signature::verify(&signed, signers, deadline).await,
                Err(why) => Err(why.into()),
            })
        })
    }
}

/// A commit's signature and what it signs, or why there is none.
fn signed(repo: &Repository, id: Oid) -> Result<Result<Signed, &'static str>, Reading> {
    let damage = |error: git2::Error| Reading::Damage(clean(error.message()));
    let odb = repo.odb().map_err(damage)?;
    if odb.read_header(id).map_err(damage)?.0 > signature::COMMIT {
        return Ok(Err("its commit is too large to be verified"));
    }
    match repo.extract_signature(&id, None) {
        Ok((signature, payload)) => Ok(Ok(Signed {
            signature: signature.to_vec(),
            payload: payload.to_vec(),
        })),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(Err("it is not signed")),
        Err(error) => Err(damage(error)),
    }
}

/// A commit as Evenkeel shows it; a stranger's text, cut to its bounds.
fn describe(commit: &git2::Commit<'_>) -> Revision {
    let cut = |bytes: &[u8]| -> String {
        let text = String::from_utf8_lossy(bytes);
        text.chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(200)
            .collect()
    };
    let author = commit.author();
    let message = commit.message_bytes();
    let subject = message
        .split(|byte| *byte == b'\n')
        .find(|line| !line.trim_ascii().is_empty());
    Revision {
        id: commit.id().to_string(),
        author: cut(&[author.name_bytes(), b" <", author.email_bytes(), b">"].concat()),
        subject: cut(subject.unwrap_or_default().trim_ascii()),
        at: Timestamp(commit.time().seconds().saturating_mul(1000)),
        signer: None,
    }
}
