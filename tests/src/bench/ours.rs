//! Our side of the race: the real kinds, planner and transport, joined as the daemon joins them.

use super::{Failure, Workload};
use crate::fleet::Fleet;
use evenkeel_engine::port::{
    store::Contents,
    transport::{Look, Transport, Work},
};
use evenkeel_kinds::Kinds;
use evenkeel_model::{
    Action, AppName, Applied, Catalog, Connection, DeploymentId, Digest, EnvironmentName, Files, Observation,
    Outcome, Resource, ResourceId, Span, Target, TargetName, TargetPlan, TargetSnapshot, Timestamp,
    target::SshConnection,
};
use evenkeel_plan::{Options, Which, plan, probes};
use evenkeel_transport::{Counts, HostTransport, TransportSettings};
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Cursor, Read},
    net::Ipv4Addr,
    path::Path,
    sync::Arc,
};

/// Long enough for a busy machine; nothing waits for it to pass.
fn patience() -> Span {
    Span::from_secs(120)
}

/// How one server is reached.
#[derive(Clone, Debug)]
pub struct Way {
    /// Address.
    pub host: Ipv4Addr,
    /// Port.
    pub port: u16,
}

/// Bytes in memory: the race is about the way to the servers, not about the controller's disk.
#[derive(Debug, Default)]
struct Bytes(HashMap<Digest, Arc<[u8]>>);

impl Contents for Bytes {
    fn open(&self, digest: &Digest) -> io::Result<Option<(u64, Box<dyn Read + Send>)>> {
        Ok(self.0.get(digest).map(|bytes| {
            let reader: Box<dyn Read + Send> = Box::new(Cursor::new(Arc::clone(bytes)));
            (bytes.len() as u64, reader)
        }))
    }
}

/// A repository without files: contents are inline.
struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        Err(format!("no {path}"))
    }
    fn fill(&self, path: &str) -> Result<String, String> {
        Err(format!("no {path}"))
    }
}

/// What is to be on every server.
#[derive(Debug)]
pub struct Desired {
    snapshots: Vec<TargetSnapshot>,
    contents: Bytes,
    applied: BTreeMap<ResourceId, Applied>,
}

/// Our side.
#[derive(Debug)]
pub struct Ours {
    transport: HostTransport,
    environment: EnvironmentName,
    targets: Vec<Target>,
}

impl Ours {
    /// A side with no connection yet.
    ///
    /// # Errors
    /// When its folder for sockets cannot be used.
    pub fn new(fleet: &Fleet, ways: &[Way], sockets: &Path) -> Result<Self, Failure> {
        let settings = TransportSettings {
            sockets: sockets.to_owned(),
        };
        let target = |(index, way): (usize, &Way)| -> Result<Target, Failure> {
            Ok(Target {
                name: TargetName::new(format!("server-{}", index + 1))?,
                labels: BTreeMap::new(),
                connection: Connection::Ssh(SshConnection {
                    host: way.host.to_string(),
                    port: Some(way.port),
                    user: Some("root".to_owned()),
                    r#become: false,
                    known_hosts: Some(fleet.known_hosts.display().to_string()),
                    identity: Some(fleet.identity.display().to_string()),
                    connect_timeout: Span::from_secs(20),
                }),
                address: way.host.to_string(),
            })
        };
        Ok(Self {
            transport: HostTransport::new(settings)?,
            environment: EnvironmentName::new("bench")?,
            targets: ways.iter().enumerate().map(target).collect::<Result<_, _>>()?,
        })
    }

    /// What was said so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.transport.counters().read()
    }

    /// The workload's files as resources on every server, as loading a manifest makes them.
    ///
    /// # Errors
    /// When the kind refuses them.
    pub fn desire(&self, work: &Workload, folder: &str) -> Result<Desired, Failure> {
        let kind = Kinds.kind("File").ok_or("there is no kind File")?;
        let mut contents = Bytes::default();
        let (mut resources, mut applied) = (Vec::new(), BTreeMap::new());
        for (name, bytes) in work.files() {
            let text = String::from_utf8_lossy(&bytes);
            let spec = json!({
                "path": format!("{folder}/{name}"), "content": text, "mode": "0644", "owner": "root", "group": "root"
            });
            let loaded = kind
                .load(&spec, &NoFiles)
                .map_err(|faults| format!("{faults:?}"))?;
            contents.0.extend(loaded.bytes);
            let resource = Resource {
                id: ResourceId::new("File", &loaded.name)?,
                app: AppName::new("bench")?,
                spec: loaded.spec,
                after: Vec::new(),
                restart_on: Vec::new(),
                reload_on: Vec::new(),
                contents: loaded.contents,
                keep: false,
                ignore: Vec::new(),
            };
            let fields = kind.desired(&resource);
            applied.insert(
                resource.id.clone(),
                Applied {
                    resource: resource.clone(),
                    fields,
                },
            );
            resources.push(resource);
        }
        resources.sort_by(|a, b| a.id.cmp(&b.id));
        let snapshot = |target: &Target| TargetSnapshot {
            target: target.clone(),
            resources: resources.clone(),
            checks: Vec::new(),
        };
        Ok(Desired {
            snapshots: self.targets.iter().map(snapshot).collect(),
            contents,
            applied,
        })
    }

    /// Looks at all servers at once and plans.
    ///
    /// # Errors
    /// When a server cannot be looked at.
    pub async fn check(&self, desired: &Desired, full: bool) -> Result<Vec<TargetPlan>, Failure> {
        let looks = desired
            .snapshots
            .iter()
            .map(|snapshot| self.look(snapshot, &desired.applied, full));
        futures_util::future::try_join_all(looks).await
    }

    async fn look(
        &self,
        snapshot: &TargetSnapshot,
        applied: &BTreeMap<ResourceId, Applied>,
        full: bool,
    ) -> Result<TargetPlan, Failure> {
        let asked = probes(&Kinds, snapshot, applied);
        let look = Look {
            full,
            deadline: patience(),
        };
        let answers = self
            .transport
            .observe(&self.environment, &snapshot.target, &asked, look)
            .await?;
        let observation = Observation {
            at: Timestamp(0),
            answers,
        };
        let options = Options {
            prune: true,
            only: Which::All,
        };
        Ok(plan(&Kinds, snapshot, applied, &observation, options)?.0)
    }

    /// Looks, plans, stages and applies on all servers at once: a first deployment.
    ///
    /// # Errors
    /// When a server cannot be reached, or a step is not done.
    pub async fn converge(&self, desired: &Desired, number: u64) -> Result<(), Failure> {
        let deployment = DeploymentId {
            environment: self.environment.clone(),
            number,
        };
        let nothing = BTreeMap::new();
        let deployed = desired.snapshots.iter().map(|snapshot| async {
            let plan = self.look(snapshot, &nothing, false).await?;
            self.transport
                .stage(
                    &self.environment,
                    &snapshot.target,
                    &plan.contents,
                    &desired.contents,
                    patience(),
                )
                .await?;
            let work = Work {
                deployment: &deployment,
                epoch: 1,
                groups: &plan.groups,
                deadline: patience(),
            };
            let results = self.transport.apply(&snapshot.target, work, &|_| {}).await?;
            let meant: usize = plan.groups.iter().map(|group| group.actions.len()).sum();
            let puts = plan.groups.iter().flat_map(|group| &group.actions);
            let puts = puts
                .filter(|action| matches!(action, Action::PutFile { .. }))
                .count();
            match results.iter().find(|result| result.outcome != Outcome::Done) {
                Some(result) => Err(Failure::from(format!("a step was not done: {result:?}"))),
                None if (results.len(), puts) != (meant, snapshot.resources.len()) => {
                    Err(Failure::from("the plan has not one step for each file"))
                }
                None => Ok(()),
            }
        });
        futures_util::future::try_join_all(deployed).await.map(drop)
    }

    /// Lets go of all connections.
    pub async fn close(&self) {
        for target in &self.targets {
            self.transport.close(&self.environment, &target.name).await;
        }
    }
}
