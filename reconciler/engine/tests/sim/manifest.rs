//! What commits come to: a few snapshots of the real kinds, made once.

use evenkeel_model::{
    AppName, Check, CheckKind, Connection, Digest, EnvironmentName, Files, Resource, ResourceId, Snapshot,
    Span, Target, TargetName, TargetSnapshot,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

pub(crate) const TARGETS: [&str; 3] = ["one", "two", "three"];
pub(crate) const ENVIRONMENTS: [&str; 2] = ["dev", "prod"];
/// Snapshots 0 to 4 are good; this one's check fails wherever it is deployed.
pub(crate) const SICK: usize = 5;
pub(crate) const VARIANTS: usize = 6;

struct NoFiles;
impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        Err(format!("there is no {path}"))
    }
    fn fill(&self, path: &str) -> Result<String, String> {
        Err(format!("there is no {path}"))
    }
}

pub(crate) struct Manifests {
    /// By environment and variant.
    pub(crate) snapshots: BTreeMap<(EnvironmentName, usize), (Digest, Arc<Snapshot>)>,
    pub(crate) bytes: BTreeMap<Digest, Arc<[u8]>>,
}

pub(crate) fn manifests() -> &'static Manifests {
    static ALL: OnceLock<Manifests> = OnceLock::new();
    ALL.get_or_init(build)
}

pub(crate) fn text(variant: usize) -> String {
    if variant == SICK {
        "sick".to_owned()
    } else {
        format!("healthy {}", variant % 3)
    }
}

fn build() -> Manifests {
    let mut all = Manifests {
        snapshots: BTreeMap::new(),
        bytes: BTreeMap::new(),
    };
    for environment in ENVIRONMENTS {
        for variant in 0..VARIANTS {
            let environment = EnvironmentName::new(environment).unwrap();
            let targets = TARGETS
                .iter()
                .map(|name| target(name, variant, &mut all.bytes))
                .collect();
            let snapshot = Snapshot {
                environment: environment.clone(),
                targets,
            };
            let entry = (snapshot.id().unwrap(), Arc::new(snapshot));
            all.snapshots.insert((environment, variant), entry);
        }
    }
    all
}

fn target(name: &str, variant: usize, bytes: &mut BTreeMap<Digest, Arc<[u8]>>) -> TargetSnapshot {
    let mut resources = vec![
        resource("Directory", &json!({"path": "/srv/app"}), bytes),
        resource(
            "File",
            &json!({"path": "/srv/app/config", "content": text(variant)}),
            bytes,
        ),
        resource(
            "File",
            &json!({"path": format!("/srv/app/extra-{}", variant % 2), "content": "x"}),
            bytes,
        ),
        resource(
            "Process",
            &json!({"name": "web", "argv": ["/usr/bin/web"]}),
            bytes,
        ),
    ];
    resources[3].restart_on = vec![resources[1].id.clone()];
    resources.sort_by(|a, b| a.id.cmp(&b.id));
    TargetSnapshot {
        target: Target {
            name: TargetName::new(name).unwrap(),
            labels: BTreeMap::new(),
            connection: Connection::Local { root: None },
            address: "127.0.0.1".to_owned(),
        },
        resources,
        checks: vec![Check {
            app: AppName::new("shop").unwrap(),
            name: "healthz".to_owned(),
            kind: CheckKind::Tcp {
                address: "127.0.0.1:80".to_owned(),
            },
            start_period: Span::from_secs(2),
            interval: Span::from_secs(1),
            timeout: Span::from_secs(1),
            threshold: 2,
        }],
    }
}

fn resource(kind: &str, spec: &Value, bytes: &mut BTreeMap<Digest, Arc<[u8]>>) -> Resource {
    let catalog = evenkeel_kinds::catalog();
    let loaded = catalog.kind(kind).unwrap().load(spec, &NoFiles).unwrap();
    bytes.extend(loaded.bytes);
    Resource {
        id: ResourceId::new(kind, loaded.name).unwrap(),
        app: AppName::new("shop").unwrap(),
        spec: loaded.spec,
        after: Vec::new(),
        restart_on: Vec::new(),
        reload_on: Vec::new(),
        contents: loaded.contents,
        keep: false,
        ignore: Vec::new(),
    }
}
