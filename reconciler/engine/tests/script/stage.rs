//! One environment on a stage: commits and servers as a test sets them up, every effect carried out at once.

use evenkeel_engine::{
    Accepted, Credentials, Effect, Engine, EnvironmentStatus, Event, Fault, Kept, Options, Recall, Refusal,
    Rendering, Request, RequestId, Started, Wish, Write,
};
use evenkeel_model::{
    AppName, Connection, Deployment, DeploymentId, DeploymentOutcome, Digest, EnvironmentName, Files,
    Observation, Outcome, Resource, ResourceId, Revision, Settings, Snapshot, SnapshotId, Span, StepResult,
    Target, TargetName, TargetSnapshot, Timestamp,
};
use evenkeel_testkit::SimServer;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

#[derive(Clone, Default)]
pub(crate) struct Commit {
    pub(crate) parent: Option<String>,
    /// Path and content, on every server.
    pub(crate) files: Vec<(String, String)>,
    pub(crate) settings: Settings,
    pub(crate) signer: Option<String>,
}

pub(crate) struct Stage {
    pub(crate) engine: Engine,
    pub(crate) now: i64,
    pub(crate) refs: BTreeMap<String, String>,
    pub(crate) commits: BTreeMap<String, Commit>,
    pub(crate) servers: BTreeMap<TargetName, SimServer>,
    pub(crate) deployments: BTreeMap<DeploymentId, Deployment>,
    /// When steps were sent, and to whom.
    pub(crate) sent: Vec<(i64, String)>,
    /// Their steps fail.
    pub(crate) broken: BTreeSet<String>,
    pub(crate) fenced: bool,
    replies: BTreeMap<RequestId, Result<Accepted, Refusal>>,
    bytes: BTreeMap<Digest, Arc<[u8]>>,
    snapshots: BTreeMap<SnapshotId, Arc<Snapshot>>,
}

struct NoFiles;
impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        Err(path.to_owned())
    }
    fn fill(&self, path: &str) -> Result<String, String> {
        Err(path.to_owned())
    }
}

pub(crate) fn prod() -> EnvironmentName {
    EnvironmentName::new("prod").unwrap()
}

impl Stage {
    /// So many servers, named `s0` and on; nothing in Git yet.
    pub(crate) fn new(servers: usize) -> Self {
        let options = Options {
            branch: Some("main".to_owned()),
            poll: Span::from_secs(10),
            seed: 1,
        };
        let name = |n| TargetName::new(format!("s{n}")).unwrap();
        Self {
            engine: Engine::new(Arc::new(evenkeel_kinds::Kinds), options),
            now: 1_000_000,
            refs: BTreeMap::new(),
            commits: BTreeMap::new(),
            servers: (0..servers).map(|n| (name(n), SimServer::debian())).collect(),
            deployments: BTreeMap::new(),
            sent: Vec::new(),
            broken: BTreeSet::new(),
            fenced: false,
            replies: BTreeMap::new(),
            bytes: BTreeMap::new(),
            snapshots: BTreeMap::new(),
        }
    }

    /// A commit on `main`, on top of what is there.
    pub(crate) fn push(&mut self, id: &str, files: &[(&str, &str)], settings: &Settings) {
        self.push_signed(id, files, settings, None);
    }
    pub(crate) fn push_signed(
        &mut self,
        id: &str,
        files: &[(&str, &str)],
        settings: &Settings,
        signer: Option<&str>,
    ) {
        let commit = Commit {
            parent: self.refs.get("refs/heads/main").cloned(),
            files: files
                .iter()
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
                .collect(),
            settings: settings.clone(),
            signer: signer.map(str::to_owned),
        };
        self.commits.insert(id.to_owned(), commit);
        self.point("refs/heads/main", id);
    }
    pub(crate) fn point(&mut self, name: &str, id: &str) {
        self.refs.insert(name.to_owned(), id.to_owned());
    }

    pub(crate) fn start(&mut self) {
        let started = Started {
            epoch: 1,
            ..Started::default()
        };
        self.tell(Event::Started(Box::new(started)));
        self.run(30);
    }

    /// So many seconds go by.
    pub(crate) fn run(&mut self, seconds: i64) {
        let end = self.now + seconds * 1000;
        while let Some(wake) = self.engine.next_wakeup().filter(|wake| wake.0 < end) {
            self.now = wake.0.max(self.now) + 1;
            self.tell(Event::Tick);
        }
        self.now = self.now.max(end);
    }

    pub(crate) fn ask(&mut self, wish: Wish) -> Result<String, String> {
        let id = RequestId(u64::try_from(self.now).unwrap());
        let actor = "ada".to_owned();
        self.tell(Event::Request(Request { id, actor, wish }));
        let reply = self.replies.remove(&id).expect("an answer");
        self.run(20);
        reply
            .map(|accepted| accepted.text)
            .map_err(|refusal| refusal.code)
    }
    pub(crate) fn approve(
        &mut self,
        snapshot: Option<SnapshotId>,
        prune_yes: bool,
    ) -> Result<String, String> {
        let (environment, reason) = (prod(), None);
        self.ask(Wish::Approve {
            environment,
            snapshot,
            prune_yes,
            reason,
        })
    }
    pub(crate) fn sync(&mut self) -> Result<String, String> {
        let (environment, reason) = (prod(), None);
        let (full, prune_yes) = (false, false);
        self.ask(Wish::Sync {
            environment,
            reason,
            full,
            prune_yes,
        })
    }

    pub(crate) fn status(&self) -> EnvironmentStatus {
        self.engine.status().remove(0)
    }
    pub(crate) fn faults(&self) -> Vec<String> {
        self.status().faults.into_iter().map(|fault| fault.code).collect()
    }
    pub(crate) fn deployed(&self) -> String {
        self.status()
            .deployed
            .map_or_else(String::new, |version| version.revision.id)
    }
    pub(crate) fn server(&mut self, name: &str) -> &mut SimServer {
        self.servers.get_mut(&TargetName::new(name).unwrap()).unwrap()
    }
    /// A file's text on the first server; empty: it is not there.
    pub(crate) fn text(&mut self, path: &str) -> String {
        self.server("s0").text(path).unwrap_or_default()
    }
    pub(crate) fn outcomes(&self) -> Vec<&DeploymentOutcome> {
        self.deployments.values().map(|known| &known.outcome).collect()
    }

    fn tell(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for effect in self.engine.step(Timestamp(self.now), event) {
                events.extend(self.perform(effect));
            }
        }
    }

    fn perform(&mut self, effect: Effect) -> Option<Event> {
        Some(match effect {
            Effect::List { ticket } => {
                let result = Ok(self.refs.clone());
                Event::Listed { ticket, result }
            }
            Effect::Fetch { ticket, .. } => Event::Fetched {
                ticket,
                result: Ok(()),
            },
            Effect::Load { ticket, commit } => {
                let result = Ok(vec![(prod(), self.commits[&commit].settings.clone())]);
                Event::Loaded { ticket, result }
            }
            Effect::Accept {
                ticket,
                commit,
                ancestor,
                signers,
                ..
            } => {
                let known = self.commits[&commit].signer.clone();
                let signed = known.filter(|who| format!("{signers:?}").contains(&format!("{who:?}")));
                let result = Ok(Credentials {
                    revision: revision(&commit),
                    descends: ancestor.is_none_or(|ancestor| self.descends(&commit, &ancestor)),
                    signer: (!signers.is_empty()).then(|| signed.ok_or_else(|| "no signature".to_owned())),
                });
                Event::Accepted { ticket, result }
            }
            Effect::Render { ticket, revision, .. } => {
                let snapshot = Arc::new(self.render(&revision.id));
                let id = snapshot.id().unwrap();
                self.snapshots.insert(id, snapshot.clone());
                let settings = self.commits[&revision.id].settings.clone();
                let result = Ok(Rendering {
                    snapshot,
                    id,
                    settings,
                });
                Event::Rendered { ticket, result }
            }
            Effect::Recall { ticket, what } => {
                let id = match what {
                    Recall::Snapshot(id) => id,
                    Recall::Deployment(id) => self.deployments[&id].snapshot,
                };
                let kept = self.snapshots.get(&id).map(|snapshot| Kept {
                    snapshot: snapshot.clone(),
                    id,
                    revision: revision("kept"),
                });
                Event::Recalled {
                    ticket,
                    result: Ok(kept),
                }
            }
            Effect::Observe {
                ticket,
                target,
                probes,
                ..
            } => {
                let server = &self.servers[&target.name];
                let answers = probes.iter().map(|p| (p.clone(), server.answer(p))).collect();
                let at = Timestamp(self.now);
                let result = Ok(Arc::new(Observation { at, answers }));
                Event::Observed { ticket, result }
            }
            Effect::Apply {
                ticket, target, plan, ..
            } => {
                self.sent.push((self.now, target.name.to_string()));
                let result = if self.fenced {
                    Err(Fault::new("target-fenced", "it has seen epoch 2"))
                } else if self.broken.contains(target.name.as_str()) {
                    let failed = |(group, action): (u32, u32)| StepResult {
                        group,
                        action,
                        outcome: Outcome::Failed("no space left on device".to_owned()),
                        output: String::new(),
                        at: Timestamp(self.now),
                    };
                    Ok(vec![failed((0, 0))])
                } else {
                    let server = self.servers.get_mut(&target.name).unwrap();
                    for (digest, bytes) in &self.bytes {
                        server.staged.insert(*digest, bytes.clone());
                    }
                    Ok(server.execute(&plan.groups, u32::MAX))
                };
                Event::Applied { ticket, result }
            }
            Effect::Check { ticket, .. } => Event::Checked {
                ticket,
                results: Vec::new(),
            },
            Effect::Write { ticket, write, .. } => {
                self.keep(write);
                let result = Ok(());
                Event::Written { ticket, result }
            }
            Effect::Reply { request, result } => {
                self.replies.insert(request, result);
                return None;
            }
            Effect::Publish(_) => return None,
        })
    }

    fn keep(&mut self, write: Write) {
        match write {
            Write::Begin {
                deployment, contents, ..
            } => {
                let new = contents.into_iter().map(|bytes| (Digest::of(&bytes), bytes));
                self.bytes.extend(new);
                self.deployments.insert(deployment.id.clone(), *deployment);
            }
            Write::Conclude {
                deployment, outcome, ..
            } => self.deployments.get_mut(&deployment).unwrap().outcome = outcome,
            Write::Record { .. } | Write::Remember { .. } => {}
        }
    }

    fn descends(&self, id: &str, ancestor: &str) -> bool {
        let mut at = Some(id.to_owned());
        while let Some(id) = at {
            if id == ancestor {
                return true;
            }
            at = self.commits.get(&id).and_then(|commit| commit.parent.clone());
        }
        false
    }

    fn render(&mut self, commit: &str) -> Snapshot {
        let catalog = evenkeel_kinds::catalog();
        let mut resources = Vec::new();
        for (path, content) in self.commits[commit].files.clone() {
            let spec = serde_json::json!({"path": path, "content": content});
            let loaded = catalog.kind("File").unwrap().load(&spec, &NoFiles).unwrap();
            self.bytes.extend(loaded.bytes);
            resources.push(Resource {
                id: ResourceId::new("File", loaded.name).unwrap(),
                app: AppName::new("shop").unwrap(),
                spec: loaded.spec,
                after: Vec::new(),
                restart_on: Vec::new(),
                reload_on: Vec::new(),
                contents: loaded.contents,
                keep: false,
                ignore: Vec::new(),
            });
        }
        resources.sort_by(|a, b| a.id.cmp(&b.id));
        let target = |name: &TargetName| TargetSnapshot {
            target: Target {
                name: name.clone(),
                labels: BTreeMap::new(),
                connection: Connection::Local { root: None },
                address: "127.0.0.1".to_owned(),
            },
            resources: resources.clone(),
            checks: Vec::new(),
        };
        Snapshot {
            environment: prod(),
            targets: self.servers.keys().map(target).collect(),
        }
    }
}

fn revision(id: &str) -> Revision {
    Revision {
        id: id.to_owned(),
        author: "Ada <ada@example.org>".to_owned(),
        subject: "a change".to_owned(),
        at: Timestamp(0),
        signer: None,
    }
}
