//! One resource and one server: planned and carried out as the engine would, with nothing in between.

use crate::{MemoryFiles, SimServer};
use evenkeel_model::{
    Action, AppName, Digest, Fields, Kind, Link, Observation, Outcome, Predicted, Resource, ResourceDiff,
    ResourceId,
    diff::compare,
    kind::{Change, Steps},
    probe::DebtVerb,
};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// A loaded resource with the bytes that it names.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The resource.
    pub resource: Resource,
    /// Bytes by digest.
    pub bytes: BTreeMap<Digest, Arc<[u8]>>,
}

/// Loads a specification.
///
/// # Panics
/// When it has faults: the test's own specification should not.
#[allow(clippy::panic, reason = "the test's own mistake")]
#[must_use]
pub fn load(kind: &dyn Kind, spec: &Value, files: &MemoryFiles) -> Wanted {
    let loaded = match kind.load(spec, files) {
        Ok(loaded) => loaded,
        Err(faults) => panic!("{} {spec} has faults: {faults:#?}", kind.name()),
    };
    let (id, app) = (ResourceId::new(kind.name(), &loaded.name), AppName::new("shop"));
    let (Ok(id), Ok(app)) = (id, app) else {
        panic!("{:?} is no resource's name", loaded.name);
    };
    Wanted {
        resource: Resource {
            id,
            app,
            spec: loaded.spec,
            after: Vec::new(),
            restart_on: Vec::new(),
            reload_on: Vec::new(),
            contents: loaded.contents,
            keep: false,
            ignore: Vec::new(),
        },
        bytes: loaded.bytes.into_iter().collect(),
    }
}

/// Everything that this resource asks for, answered.
#[must_use]
pub fn look(kind: &dyn Kind, resource: &Resource, server: &SimServer) -> Observation {
    let probes = kind.probes(resource).into_iter();
    Observation {
        at: server.now,
        answers: probes
            .map(|probe| (probe.clone(), server.answer(&probe)))
            .collect(),
    }
}

/// What is predicted before any step: only what is managed.
#[must_use]
pub fn managed(kind: &dyn Kind, resource: &Resource) -> Predicted {
    let mut predicted = Predicted::default();
    for link in kind.links(resource).gives {
        if let Link::Path(path) = link {
            predicted.manage(path);
        }
    }
    predicted
}

/// What is live.
///
/// # Panics
/// When it cannot be seen: a simulated server hides nothing.
#[allow(clippy::panic, reason = "the kind's fault, to be told at once")]
#[must_use]
pub fn live(kind: &dyn Kind, resource: &Resource, server: &SimServer) -> Option<Fields> {
    let observation = look(kind, resource, server);
    match kind.observe(resource, &observation, &managed(kind, resource)) {
        Ok(live) => live,
        Err(why) => panic!("{} cannot be seen: {why}", resource.id),
    }
}

/// How it stands, three-way.
#[must_use]
pub fn diff(
    kind: &dyn Kind,
    resource: &Resource,
    server: &SimServer,
    applied: Option<&Fields>,
) -> ResourceDiff {
    let desired = kind.desired(resource);
    let live = live(kind, resource, server);
    compare(
        &resource.id,
        desired.as_ref(),
        live.as_ref(),
        applied,
        &resource.ignore,
    )
}

/// The steps from live to desired.
#[must_use]
pub fn plan(
    kind: &dyn Kind,
    wanted: &Wanted,
    server: &SimServer,
    applied: Option<&Resource>,
    owed: Option<DebtVerb>,
) -> Steps {
    let resource = &wanted.resource;
    let fields = applied.and_then(|applied| kind.desired(applied));
    let diff = diff(kind, resource, server, fields.as_ref());
    if diff.changes.is_empty() && owed.is_none() {
        return Steps::default();
    }
    kind.steps(
        resource,
        &Change {
            diff: &diff,
            live: live(kind, resource, server).as_ref(),
            applied,
            owed,
            observation: &look(kind, resource, server),
            predicted: &managed(kind, resource),
        },
    )
}

/// Brings what the steps name.
pub fn stage(wanted: &Wanted, steps: &Steps, server: &mut SimServer) {
    for bytes in wanted.bytes.values() {
        server.stage(bytes.clone());
    }
    for bytes in &steps.contents {
        server.stage(bytes.clone());
    }
}

/// Carries actions out.
///
/// # Errors
/// The first action that fails, and why.
pub fn carry_out(actions: &[Action], server: &mut SimServer) -> Result<(), String> {
    actions.iter().try_for_each(|action| match server.carry(action) {
        Outcome::Done => Ok(()),
        other => Err(format!("{action}: {other:?}")),
    })
}

/// Plans and carries out.
///
/// # Errors
/// The first action that fails, and why.
pub fn converge(
    kind: &dyn Kind,
    wanted: &Wanted,
    server: &mut SimServer,
    applied: Option<&Resource>,
) -> Result<Vec<Action>, String> {
    let steps = plan(kind, wanted, server, applied, None);
    stage(wanted, &steps, server);
    carry_out(&steps.actions, server)?;
    Ok(steps.actions)
}
