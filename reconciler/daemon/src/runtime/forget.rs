//! Stops what the playground started, so that its folder can go.

use crate::{
    failure::{Failure, OrFail as _},
    output,
};
use evenkeel_engine::port::transport::{Transport as _, Work};
use evenkeel_model::{
    AbsolutePath, Action, Connection, DeploymentId, EnvironmentName, ResourceId, Span, StepGroup, SyncStatus,
    Target, TargetName,
};
use std::{collections::BTreeMap, path::Path};

/// Stops every process of every rooted target directly below `targets`.
pub(crate) async fn processes(targets: &Path) -> Result<(), Failure> {
    let scratch = targets.join(".reset");
    super::wire::private(&scratch)?;
    let transport = super::wire::transport(&scratch)?;
    let nobody = EnvironmentName::new("reset").or_fail("no-name", "reset")?;
    let deployment = DeploymentId {
        environment: nobody.clone(),
        number: 1,
    };
    for root in folders(targets) {
        let Some(root) = root.to_str().and_then(|text| AbsolutePath::new(text).ok()) else {
            continue;
        };
        let groups = stops(&root);
        if groups.is_empty() {
            continue;
        }
        let target = Target {
            name: TargetName::new("reset").or_fail("no-name", "reset")?,
            labels: BTreeMap::new(),
            connection: Connection::Local {
                root: Some(root.clone()),
            },
            address: "127.0.0.1".to_owned(),
        };
        let work = Work {
            deployment: &deployment,
            epoch: u64::MAX >> 1,
            groups: &groups,
            deadline: Span::from_secs(60),
        };
        transport
            .apply(&target, work, &|_| {})
            .await
            .or_fail("no-reset", root.as_str())?;
        transport.close(&nobody, &target.name).await;
        output::note(&format!("stopped what ran in {root}"));
    }
    Ok(())
}

fn folders(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

fn stops(root: &AbsolutePath) -> Vec<StepGroup> {
    let records = Path::new(root.as_str()).join(".evenkeel/processes");
    let Ok(entries) = std::fs::read_dir(records) else {
        return Vec::new();
    };
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter_map(|name| {
            Some(StepGroup {
                resource: ResourceId::new("Process", name.clone()).ok()?,
                status: SyncStatus::Extra,
                prune: true,
                changes: Vec::new(),
                actions: vec![Action::StopProcess {
                    name,
                    grace: Span::from_secs(5),
                }],
                needs: Vec::new(),
            })
        })
        .collect()
}
