//! Speaking to a remote: its references, and its commits brought into a repository.

use crate::{
    access::{Access, Tries},
    address::{Address, clean},
    deadline::Deadline,
    fault::{self, Fault},
    limits::{Limits, REFERENCES},
};
use evenkeel_engine::port::source::SourceError;
use git2::{
    AutotagOption, CertificateCheckStatus as Check, Direction, ErrorClass, ErrorCode, FetchOptions, Oid,
    ProxyOptions, Remote, RemoteCallbacks, RemoteHead, Repository,
};
use std::{cell::RefCell, collections::BTreeMap};

/// What a remote says it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heads {
    /// References and the objects they point to, as they are.
    pub(crate) exact: BTreeMap<String, Oid>,
    /// The same with annotated tags followed to what they tag.
    pub(crate) peeled: BTreeMap<String, Oid>,
    /// The branch that `HEAD` is, if it is one.
    pub(crate) branch: Option<String>,
}

/// One conversation with a remote, to end by the deadline.
pub(crate) struct Wire<'a> {
    pub(crate) address: &'a Address,
    pub(crate) access: &'a Access,
    pub(crate) limits: &'a Limits,
    pub(crate) deadline: Deadline,
    /// What a callback found, which libgit2 may put into other words.
    verdict: RefCell<Option<SourceError>>,
}

impl<'a> Wire<'a> {
    /// Nothing said yet.
    pub(crate) fn new(
        address: &'a Address,
        access: &'a Access,
        limits: &'a Limits,
        deadline: Deadline,
    ) -> Self {
        Self {
            address,
            access,
            limits,
            deadline,
            verdict: RefCell::new(None),
        }
    }

    /// The references of the remote; nothing is fetched and no clone is needed.
    pub(crate) fn list(&self) -> Result<Heads, SourceError> {
        let mut remote =
            Remote::create_detached(self.address.secret_url()).map_err(|error| self.fault(&error))?;
        let connection = remote.connect_auth(Direction::Fetch, Some(self.callbacks()), Some(proxy()));
        let connection = connection.map_err(|error| self.fault(&error))?;
        self.heads(connection.list().map_err(|error| self.fault(&error))?)
    }

    /// On one connection: hears which references there are, and brings the objects of those that are chosen (or of full
    /// ids, where the remote serves these), with their history.
    pub(crate) fn bring(
        &self,
        into: &Repository,
        choose: impl FnOnce(&Heads) -> Result<Vec<String>, SourceError>,
    ) -> Result<Heads, Fault> {
        let faulty = |error: git2::Error| Fault::Source(self.fault(&error));
        let mut remote = into.remote_anonymous(self.address.secret_url()).map_err(faulty)?;
        let connection = remote.connect_auth(Direction::Fetch, Some(self.callbacks()), Some(proxy()));
        let mut connection = connection.map_err(faulty)?;
        let heads = self.heads(connection.list().map_err(faulty)?)?;
        let wanted = choose(&heads)?;
        if wanted.is_empty() {
            return Ok(heads);
        }
        let mut options = FetchOptions::new();
        options
            .remote_callbacks(self.callbacks())
            .proxy_options(proxy())
            .download_tags(AutotagOption::None)
            .update_fetchhead(false);
        let brought = connection.remote().download(&wanted, Some(&mut options));
        brought.map(|()| heads).map_err(|error| {
            if self.verdict.borrow().is_none() && !self.deadline.passed() && fault::is_local(&error) {
                Fault::Damage(self.address.scrub(error.message()))
            } else {
                Fault::Source(self.fault(&error))
            }
        })
    }

    fn heads(&self, list: &[RemoteHead<'_>]) -> Result<Heads, SourceError> {
        let mut heads = Heads::default();
        if list.len() > REFERENCES {
            return Err(SourceError::Unusable {
                url: self.address.shown().to_owned(),
                why: format!("it has {} references; at most {REFERENCES} are taken", list.len()),
            });
        }
        for head in list {
            let name = head.name();
            if name.chars().any(char::is_control) {
                continue;
            }
            if name == "HEAD" {
                heads.branch = head.symref_target().map(clean);
            }
            if let Some(tag) = name.strip_suffix("^{}") {
                heads.peeled.insert(tag.to_owned(), head.oid());
            } else {
                heads.exact.insert(name.to_owned(), head.oid());
                heads.peeled.entry(name.to_owned()).or_insert_with(|| head.oid());
            }
        }
        Ok(heads)
    }

    fn fault(&self, error: &git2::Error) -> SourceError {
        let verdict = self.verdict.borrow_mut().take();
        verdict.unwrap_or_else(|| fault::of_remote(error, self.address, self.deadline))
    }

    fn callbacks(&self) -> RemoteCallbacks<'_> {
        let url = || self.address.shown().to_owned();
        let mut tries = Tries::new(self.access);
        let mut callbacks = RemoteCallbacks::new();
        callbacks
            .credentials(move |at, user, allowed| {
                tries.next(at, user, allowed).inspect_err(|error| {
                    *self.verdict.borrow_mut() = Some(SourceError::Denied {
                        url: url(),
                        why: fault::message(error),
                    });
                })
            })
            .certificate_check(
                move |cert, host| match self.access.check(self.address, cert, host) {
                    Ok(true) => Ok(Check::CertificateOk),
                    Ok(false) => Ok(Check::CertificatePassthrough),
                    Err(why) => {
                        let error = git2::Error::new(ErrorCode::Certificate, ErrorClass::Ssh, &why);
                        *self.verdict.borrow_mut() = Some(SourceError::Impostor { url: url(), why });
                        Err(error)
                    }
                },
            )
            .sideband_progress(|_| !self.deadline.passed())
            .transfer_progress(move |progress| {
                if progress.received_bytes() > self.limits.received {
                    *self.verdict.borrow_mut() = Some(SourceError::Unusable {
                        url: url(),
                        why: format!("it sends more than {} bytes", self.limits.received),
                    });
                    return false;
                }
                !self.deadline.passed()
            });
        callbacks
    }
}

/// As the environment (`https_proxy`, `no_proxy`) says.
fn proxy() -> ProxyOptions<'static> {
    let mut options = ProxyOptions::new();
    options.auto();
    options
}
