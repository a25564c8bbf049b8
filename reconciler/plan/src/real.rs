//! The real kinds through the planner and its second reader: nothing that a kind does by right is taken for a fault.

use crate::{
    Options, Which, lint, plan, probes,
    toy::{resource, target},
};
use evenkeel_kinds::Kinds;
use evenkeel_model::{
    Action, Answer, Catalog, Files, Observation, Probe, Resource, TargetPlan, Timestamp,
    probe::{DebtVerb, PackageState, UnitState},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

struct NoFiles;
impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        Err(format!("no {path}"))
    }
    fn fill(&self, path: &str) -> Result<String, String> {
        Err(format!("no {path}"))
    }
}

fn real(kind: &str, spec: &Value) -> Resource {
    let loaded = Kinds.kind(kind).unwrap().load(spec, &NoFiles).unwrap();
    Resource {
        contents: loaded.contents,
        ..resource(&format!("{kind}:{}", loaded.name), loaded.spec)
    }
}

/// A server with nothing on it but what `answer` says.
fn planned(resources: Vec<Resource>, answer: impl Fn(&Probe) -> Option<Answer>) -> TargetPlan {
    let target = target(resources);
    let nothing = |probe: &Probe| match probe {
        Probe::Stat(_) => Answer::Stat(None),
        Probe::Hash(_) => Answer::Hash(None),
        Probe::Read { .. } => Answer::Read(None),
        Probe::List { .. } => Answer::List(None),
        Probe::Unit(_) => Answer::Unit(UnitState {
            load: "not-found".into(),
            active: "inactive".into(),
            ..UnitState::default()
        }),
        Probe::Package { .. } => Answer::Package(PackageState::default()),
        Probe::User(_) => Answer::User(None),
        Probe::Group(_) => Answer::Group(None),
        Probe::Process(_) => Answer::Process(None),
        Probe::Debts => Answer::Debts(Vec::new()),
        other => Answer::Failed(format!("{other:?}")),
    };
    let asked = probes(&Kinds, &target, &BTreeMap::new());
    let answers = asked
        .into_iter()
        .map(|probe| (probe.clone(), answer(&probe).unwrap_or_else(|| nothing(&probe))));
    let observation = Observation {
        at: Timestamp(0),
        answers: answers.collect(),
    };
    let options = Options {
        prune: true,
        only: Which::All,
    };
    let (plan, _) = plan(&Kinds, &target, &BTreeMap::new(), &observation, options).unwrap();
    assert_eq!(lint(&Kinds, &target, &BTreeMap::new(), &plan), []);
    plan
}

#[test]
fn a_small_app_is_planned_in_the_order_that_works() {
    let plan = planned(
        vec![
            real(
                "Unit",
                &json!({ "name": "shop.service", "content": "[Service]\nExecStart=/srv/shop/run\nUser=shop\n", "running": true }),
            ),
            real(
                "File",
                &json!({ "path": "/srv/shop/conf", "content": "a", "owner": "shop" }),
            ),
            real("Directory", &json!({ "path": "/srv/shop" })),
            real(
                "User",
                &json!({ "name": "shop", "home": "/home/shop", "authorizedKeys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJc5V0Sh4yC1rN9rP8bXcVwzg0hTQ9e3m4Wq4u1yq3xk a@b"] }),
            ),
            real("Package", &json!({ "name": "nginx" })),
            real("Group", &json!({ "name": "ops" })),
            real("Symlink", &json!({ "path": "/etc/shop", "to": "/srv/shop" })),
        ],
        |_| None,
    );
    let order: Vec<String> = plan
        .groups
        .iter()
        .map(|group| group.resource.to_string())
        .collect();
    let place = |name: &str| {
        order
            .iter()
            .position(|id| id == name)
            .unwrap_or_else(|| panic!("{name} in {order:?}"))
    };
    assert_eq!(order.len(), 7);
    assert!(place("User:shop") < place("File:/srv/shop/conf"));
    assert!(place("Directory:/srv/shop") < place("File:/srv/shop/conf"));
}

#[test]
fn a_unit_that_owes_itself_a_restart_keeps_that_debt_until_it_restarted() {
    let running = |probe: &Probe| match probe {
        Probe::Unit(_) => Some(Answer::Unit(UnitState {
            load: "loaded".into(),
            active: "active".into(),
            sub: "running".into(),
            file_state: "enabled".into(),
            fragment: Some("/etc/systemd/system/shop.service".into()),
            need_daemon_reload: false,
        })),
        _ => None,
    };
    let unit = real(
        "Unit",
        &json!({ "name": "shop.service", "content": "[Service]\nExecStart=/bin/true\n", "running": true }),
    );
    let plan = planned(vec![unit.clone()], running);
    let actions = &plan.groups[0].actions;
    assert_eq!(
        actions.first(),
        Some(&Action::Owe {
            to: unit.id.clone(),
            verb: DebtVerb::Restart
        }),
        "{actions:?}"
    );
    assert_eq!(
        actions.last(),
        Some(&Action::Settle { to: unit.id }),
        "{actions:?}"
    );
}
