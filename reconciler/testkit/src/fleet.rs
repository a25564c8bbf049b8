//! Many simulated servers behind the engine's transport port, with the faults that networks have.

use crate::SimServer;
use evenkeel_engine::port::{
    BoxFuture,
    store::Contents,
    transport::{Look, Staged, Transport, TransportError, Work},
};
use evenkeel_model::{Answer, Digest, EnvironmentName, Outcome, Probe, Span, StepResult, Target, TargetName};
use std::{
    collections::BTreeMap,
    future::ready,
    io::Read,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Servers by environment and target. Shared by reference; a test may lay hands on a server at any time.
#[derive(Debug, Default)]
pub struct SimFleet {
    hosts: Mutex<BTreeMap<(EnvironmentName, TargetName), Host>>,
}

/// One server on its network.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// The server.
    pub server: SimServer,
    /// What is wrong with it or its network, until a test says otherwise.
    pub fault: Fault,
    /// How often it was talked to.
    pub count: Count,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Powered off or cut off: nothing gets through.
    Unreachable,
    /// Each answer takes this long: beyond the caller's deadline it is none. No time really passes.
    Slow(Span),
    /// The next deployment loses its connection: `heard` steps are told, `done` (at least as many) are really done,
    /// the rest is not. Then the fault is over.
    LoseSteps {
        /// Steps whose end is heard.
        heard: u32,
        /// Steps that are tried.
        done: u32,
    },
    /// The next look or staging loses its connection. Then the fault is over.
    LoseAnswer,
}

/// Round trips.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Looks.
    pub observed: u32,
    /// Stagings.
    pub staged: u32,
    /// Deployments.
    pub applied: u32,
}

impl SimFleet {
    /// Adds a server, or puts another in its place.
    pub fn add(&self, environment: &EnvironmentName, target: &TargetName, server: SimServer) {
        let host = Host {
            server,
            ..Host::default()
        };
        self.lock().insert((environment.clone(), target.clone()), host);
    }
    /// Lays hands on a server; `None`: there is none of that name.
    pub fn with<T>(
        &self,
        environment: &EnvironmentName,
        target: &TargetName,
        act: impl FnOnce(&mut Host) -> T,
    ) -> Option<T> {
        self.lock()
            .get_mut(&(environment.clone(), target.clone()))
            .map(act)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(EnvironmentName, TargetName), Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reaches a server, if nothing stands in the way.
    fn reach<T>(
        &self,
        environment: &EnvironmentName,
        target: &TargetName,
        deadline: Span,
        act: impl FnOnce(&mut Host) -> Result<T, TransportError>,
    ) -> Result<T, TransportError> {
        let mut hosts = self.lock();
        let unreachable = |why: &str| TransportError::Unreachable {
            target: target.clone(),
            why: why.to_owned(),
        };
        let host = hosts.get_mut(&(environment.clone(), target.clone()));
        let host = host.ok_or_else(|| unreachable("no such host"))?;
        match host.fault {
            Fault::Unreachable => Err(unreachable("no route to host")),
            Fault::Slow(takes) if takes > deadline => Err(TransportError::Deadline {
                target: target.clone(),
                deadline,
            }),
            _ => act(host),
        }
    }

    fn lose(host: &mut Host, target: &TargetName) -> Result<(), TransportError> {
        if host.fault != Fault::LoseAnswer {
            return Ok(());
        }
        host.fault = Fault::None;
        Err(TransportError::Lost {
            target: target.clone(),
            why: "connection reset by peer".into(),
        })
    }

    fn carry_out(
        target: &TargetName,
        host: &mut Host,
        work: &Work<'_>,
    ) -> Result<Vec<StepResult>, TransportError> {
        if let Some(holder) = host.server.lock.clone() {
            let target = target.clone();
            return Err(TransportError::Locked { target, holder });
        }
        if work.epoch < host.server.epoch {
            return Err(TransportError::Fenced {
                target: target.clone(),
                seen: host.server.epoch,
            });
        }
        host.server.epoch = work.epoch;
        host.count.applied += 1;
        let (heard, done) = match host.fault {
            Fault::LoseSteps { heard, done } => (heard, done.max(heard)),
            _ => (u32::MAX, u32::MAX),
        };
        let mut results = host.server.execute(work.groups, done);
        if heard != u32::MAX {
            host.fault = Fault::None;
            let heard = usize::try_from(heard).unwrap_or(usize::MAX);
            for result in results.iter_mut().skip(heard) {
                result.outcome = Outcome::Unknown("the connection was lost".into());
            }
        }
        Ok(results)
    }
}

impl Transport for SimFleet {
    fn observe<'a>(
        &'a self,
        environment: &'a EnvironmentName,
        target: &'a Target,
        probes: &'a [Probe],
        look: Look,
    ) -> BoxFuture<'a, Result<BTreeMap<Probe, Answer>, TransportError>> {
        let answers = self.reach(environment, &target.name, look.deadline, |host| {
            host.count.observed += 1;
            Self::lose(host, &target.name)?;
            let answer = |probe: &Probe| (probe.clone(), host.server.answer(probe));
            Ok(probes.iter().map(answer).collect())
        });
        Box::pin(ready(answers))
    }

    fn stage<'a>(
        &'a self,
        environment: &'a EnvironmentName,
        target: &'a Target,
        digests: &'a [Digest],
        contents: &'a dyn Contents,
        deadline: Span,
    ) -> BoxFuture<'a, Result<Staged, TransportError>> {
        let staged = self.reach(environment, &target.name, deadline, |host| {
            host.count.staged += 1;
            Self::lose(host, &target.name)?;
            let unable = |why: String| TransportError::Unable {
                target: target.name.clone(),
                why,
            };
            let mut moved = Staged::default();
            for digest in digests {
                if host.server.staged.contains_key(digest) {
                    continue;
                }
                let found = contents.open(digest).map_err(|error| unable(error.to_string()))?;
                let (_, mut reader) =
                    found.ok_or_else(|| unable(format!("sha256:{} is not kept", digest.short())))?;
                let mut bytes = Vec::new();
                reader
                    .read_to_end(&mut bytes)
                    .map_err(|error| unable(error.to_string()))?;
                moved.sent += 1;
                moved.bytes += bytes.len() as u64;
                if host.server.stage(bytes) != *digest {
                    return Err(unable(format!(
                        "the bytes of sha256:{} are damaged",
                        digest.short()
                    )));
                }
            }
            Ok(moved)
        });
        Box::pin(ready(staged))
    }

    fn apply<'a>(
        &'a self,
        target: &'a Target,
        work: Work<'a>,
        progress: &'a (dyn Fn(&StepResult) + Send + Sync),
    ) -> BoxFuture<'a, Result<Vec<StepResult>, TransportError>> {
        let environment = &work.deployment.environment;
        let results = self.reach(environment, &target.name, work.deadline, |host| {
            Self::carry_out(&target.name, host, &work)
        });
        if let Ok(results) = &results {
            results.iter().for_each(progress);
        }
        Box::pin(ready(results))
    }

    fn close<'a>(&'a self, _: &'a EnvironmentName, _: &'a TargetName) -> BoxFuture<'a, ()> {
        Box::pin(ready(()))
    }
}

#[cfg(test)]
mod tests;
