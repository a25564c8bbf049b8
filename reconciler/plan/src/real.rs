//! The real kinds through the planner and its second reader: nothing that a kind does by right is taken for a fault.

use crate::{
    Options, Which, diff, forgotten, lint, plan, probes,
    toy::{resource, target},
};
use evenkeel_kinds::Kinds;
use evenkeel_model::{
    AbsolutePath, Action, Answer, Applied, Catalog, Files, Observation, Probe, Resource, ResourceId,
    TargetPlan, TargetSnapshot, Timestamp,
    probe::{DebtVerb, FileType, Listing, PackageState, Stat, UnitState, UserState},
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

/// What is seen of a server with nothing on it but what `answer` says.
fn seen(
    target: &TargetSnapshot,
    applied: &BTreeMap<ResourceId, Applied>,
    answer: impl Fn(&Probe) -> Option<Answer>,
) -> Observation {
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
    let asked = probes(&Kinds, target, applied);
    let answers = asked
        .into_iter()
        .map(|probe| (probe.clone(), answer(&probe).unwrap_or_else(|| nothing(&probe))));
    Observation {
        at: Timestamp(0),
        answers: answers.collect(),
    }
}

/// The plan for a first deployment there.
fn planned(resources: Vec<Resource>, answer: impl Fn(&Probe) -> Option<Answer>) -> TargetPlan {
    let target = target(resources);
    let observation = seen(&target, &BTreeMap::new(), answer);
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

#[test]
fn an_exclusive_directory_lets_be_what_is_managed_in_it_or_beneath_also_for_a_mere_look() {
    let stat = Stat {
        file_type: FileType::Directory,
        mode: 0o755,
        uid: 0,
        owner: "root".into(),
        gid: 0,
        group: "root".into(),
        size: 0,
        mtime: Timestamp(0),
        link: None,
    };
    let names = ["managed", "beneath", "left", "surplus"];
    let exclusive = |probe: &Probe| match probe {
        Probe::Stat(path) if path.as_str() == "/etc/shop" => Some(Answer::Stat(Some(stat.clone()))),
        Probe::List { path, .. } if path.as_str() == "/etc/shop" => Some(Answer::List(Some(Listing {
            entries: names.map(|name| (name.to_owned(), FileType::File)).to_vec(),
            truncated: false,
        }))),
        _ => None,
    };
    let kept = Resource {
        keep: true,
        ..real("File", &json!({ "path": "/etc/shop/left", "content": "c" }))
    };
    let applied = BTreeMap::from([(
        kept.id.clone(),
        Applied {
            fields: Kinds.kind("File").and_then(|kind| kind.desired(&kept)),
            resource: kept,
        },
    )]);
    let directory = real("Directory", &json!({ "path": "/etc/shop", "exclusive": true }));
    let target = target(vec![
        directory.clone(),
        real("File", &json!({ "path": "/etc/shop/managed", "content": "a" })),
        real("File", &json!({ "path": "/etc/shop/beneath/f", "content": "b" })),
    ]);
    let observation = seen(&target, &applied, exclusive);
    let looked = diff(&Kinds, &target, &applied, &observation);
    let found = looked
        .resources
        .iter()
        .find(|diff| diff.resource == directory.id)
        .unwrap();
    let live: Vec<String> = found
        .changes
        .iter()
        .map(|change| format!("{:?}", change.live))
        .collect();
    assert!(live.concat().contains("surplus"), "{live:?}");
    for name in ["managed", "beneath", "left"] {
        assert!(!live.concat().contains(name), "{name} is somebody's: {live:?}");
    }
    let options = Options {
        prune: true,
        only: Which::All,
    };
    let (plan, _) = plan(&Kinds, &target, &applied, &observation, options).unwrap();
    let removed: Vec<&AbsolutePath> = plan
        .groups
        .iter()
        .flat_map(|group| &group.actions)
        .filter_map(|action| match action {
            Action::Remove { path, .. } => Some(path),
            _ => None,
        })
        .collect();
    assert_eq!(removed, [&AbsolutePath::new("/etc/shop/surplus").unwrap()]);
    assert_eq!(lint(&Kinds, &target, &applied, &plan), []);
}

#[test]
fn a_unit_of_the_system_and_root_are_forgotten_when_they_leave_git() {
    let there = |probe: &Probe| match probe {
        Probe::Unit(_) => Some(Answer::Unit(UnitState {
            load: "loaded".into(),
            active: "active".into(),
            sub: "running".into(),
            file_state: "enabled".into(),
            fragment: Some("/usr/lib/systemd/system/cron.service".into()),
            need_daemon_reload: false,
        })),
        Probe::User(_) => Some(Answer::User(Some(UserState {
            uid: 0,
            group: "root".into(),
            groups: Vec::new(),
            home: "/root".into(),
            shell: "/bin/sh".into(),
            comment: String::new(),
        }))),
        _ => None,
    };
    let gone = [
        real("Unit", &json!({ "name": "cron.service", "running": true })),
        real("User", &json!({ "name": "root", "shell": "/bin/sh" })),
    ];
    let applied: BTreeMap<ResourceId, Applied> = gone
        .into_iter()
        .map(|resource| {
            let fields = Kinds
                .kind(&resource.id.kind)
                .and_then(|kind| kind.desired(&resource));
            (resource.id.clone(), Applied { resource, fields })
        })
        .collect();
    let empty = target(Vec::new());
    let observation = seen(&empty, &applied, there);
    assert_eq!(diff(&Kinds, &empty, &applied, &observation).resources, []);
    let ids: Vec<ResourceId> = applied.keys().cloned().collect();
    assert_eq!(forgotten(&Kinds, &empty, &applied, &observation), ids);
}
