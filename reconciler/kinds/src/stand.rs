//! For tests: one resource of one kind before one simulated server.

use crate::catalog;
use evenkeel_model::{
    Action, AppName, Fields, Files, Kind, Observation, Outcome, Predicted, Probe, Resource, ResourceDiff,
    ResourceId, diff::compare, kind::Change, probe::DebtVerb,
};
use evenkeel_testkit::SimServer;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// A repository of two files.
pub(crate) struct Repository;

impl Files for Repository {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        match path {
            "good.service" => Ok(Arc::from(
                &b"[Service]\nExecStart=/x\n[Install]\nWantedBy=a.target\n"[..],
            )),
            "binary" => Ok(Arc::from(&[0xff, 0xfe][..])),
            _ => Err(format!("{path} is not there")),
        }
    }
    fn fill(&self, path: &str) -> Result<String, String> {
        self.read(path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

pub(crate) struct Stand {
    pub(crate) server: SimServer,
    pub(crate) predicted: Predicted,
}

pub(crate) fn kind(name: &str) -> &'static dyn Kind {
    catalog().kind(name).unwrap()
}

impl Stand {
    pub(crate) fn new() -> Self {
        Self {
            server: SimServer::debian(),
            predicted: Predicted::default(),
        }
    }
    /// Loads a specification and brings its bytes.
    pub(crate) fn load(&mut self, name: &str, spec: &Value) -> Resource {
        let loaded = kind(name).load(spec, &Repository).unwrap();
        for (digest, bytes) in &loaded.bytes {
            assert_eq!(self.server.stage(Arc::clone(bytes)), *digest);
        }
        Resource {
            id: ResourceId::new(name, loaded.name).unwrap(),
            app: AppName::new("app").unwrap(),
            spec: loaded.spec,
            after: Vec::new(),
            restart_on: Vec::new(),
            reload_on: Vec::new(),
            contents: loaded.contents,
            keep: false,
            ignore: Vec::new(),
        }
    }
    pub(crate) fn look(&self, resource: &Resource) -> Observation {
        let probes = kind(&resource.id.kind)
            .probes(resource)
            .into_iter()
            .chain([Probe::Debts]);
        let answers: BTreeMap<_, _> = probes
            .map(|probe| (probe.clone(), self.server.answer(&probe)))
            .collect();
        Observation {
            answers,
            ..Observation::default()
        }
    }
    /// What is off, and what will be done about it.
    pub(crate) fn plan(&self, resource: &Resource, then: Option<&Resource>) -> (ResourceDiff, Vec<Action>) {
        let kind = kind(&resource.id.kind);
        let observation = self.look(resource);
        let live = kind.observe(resource, &observation, &self.predicted).unwrap();
        let desired = kind.desired(resource);
        let applied = then.and_then(|then| kind.desired(then));
        let diff = compare(
            &resource.id,
            desired.as_ref(),
            live.as_ref(),
            applied.as_ref(),
            &resource.ignore,
        );
        let owed = observation
            .debts()
            .iter()
            .find(|debt| debt.to == resource.id)
            .map(|debt| debt.verb);
        if diff.changes.is_empty() && owed.is_none() {
            return (diff, Vec::new());
        }
        let change = Change {
            diff: &diff,
            live: live.as_ref(),
            applied: then,
            owed,
            observation: &observation,
            predicted: &self.predicted,
        };
        let actions = kind.steps(resource, &change).actions;
        (diff, actions)
    }
    /// The planned steps, one a line.
    pub(crate) fn steps(&self, resource: &Resource) -> String {
        let (_, actions) = self.plan(resource, None);
        actions
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    }
    pub(crate) fn carry(&mut self, actions: &[Action]) {
        for action in actions {
            assert_eq!(self.server.carry(action), Outcome::Done, "{action}");
        }
    }
    pub(crate) fn owe(&mut self, resource: &Resource, verb: DebtVerb) {
        let to = resource.id.clone();
        self.carry(&[Action::Owe { to, verb }]);
    }
    /// Does what is planned; then nothing is left to do, however often each step is done.
    pub(crate) fn converge(&mut self, resource: &Resource) {
        let (_, actions) = self.plan(resource, None);
        for action in &actions {
            self.carry(std::slice::from_ref(action));
            self.carry(std::slice::from_ref(action));
        }
        let (diff, actions) = self.plan(resource, None);
        assert_eq!(
            (diff.changes, actions),
            (vec![], vec![]),
            "a second run has something to do"
        );
    }
    pub(crate) fn live(&self, resource: &Resource) -> Option<Fields> {
        let observation = self.look(resource);
        kind(&resource.id.kind)
            .observe(resource, &observation, &self.predicted)
            .unwrap()
    }
    /// Prunes; then it is not there.
    pub(crate) fn prune(&mut self, resource: &Resource) -> String {
        let live = self.live(resource).unwrap();
        let actions = kind(&resource.id.kind).prune(resource, &live).actions;
        self.carry(&actions);
        actions
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// The faults of a specification, one a line.
pub(crate) fn faults(name: &str, spec: &Value) -> String {
    let faults = kind(name).load(spec, &Repository).expect_err(&spec.to_string());
    let told = faults
        .iter()
        .map(|f| format!("{}: {}: {}", f.path.join("."), f.code, f.message));
    told.collect::<Vec<_>>().join("\n")
}

/// A unit's text with an `[Install]`.
pub(crate) fn text(description: &str) -> Value {
    json!(format!(
        "[Unit]\nDescription={description}\n[Service]\nUser=shop\nExecStart=/srv/shop/bin/shop\n[Install]\nWantedBy=multi-user.target\n"
    ))
}
