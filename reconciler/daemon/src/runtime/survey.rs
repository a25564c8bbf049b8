//! A fresh look at an environment: what is off, and what a deployment would do. Changes nothing.

use evenkeel_api::view::{Difference, Preview, Text};
use evenkeel_engine::port::{
    store::Contents,
    transport::{Look, Transport},
};
use evenkeel_model::{
    Answer, Applied, Catalog, DeploymentId, Digest, FieldValue, Observation, Plan, Probe, ResourceDiff,
    ResourceId, Settings, Snapshot, Span, SyncStatus, TargetName, TargetPlan, TargetSnapshot,
};
use evenkeel_plan::{Options, Which};
use std::{collections::BTreeMap, io::Read as _, sync::Arc};

/// The most of a text that is shown.
const TEXT_LIMIT: u64 = 64 * 1024;
/// To be answered within this.
const DEADLINE_SECS: u64 = 60;

/// What a look needs.
pub(crate) struct Survey<'a> {
    /// Kinds.
    pub(crate) catalog: &'a dyn Catalog,
    /// Servers.
    pub(crate) transport: &'a dyn Transport,
    /// Bytes of desired contents.
    pub(crate) contents: Arc<dyn Contents>,
    /// What each target got last.
    pub(crate) applied: &'a BTreeMap<TargetName, BTreeMap<ResourceId, Applied>>,
}

/// What was found on one target.
struct Found {
    plan: Option<TargetPlan>,
    difference: Difference,
    status: SyncStatus,
    texts: Vec<Text>,
}

impl Survey<'_> {
    /// Looks at all targets at once.
    pub(crate) async fn preview(
        &self,
        snapshot: &Snapshot,
        id: Digest,
        settings: &Settings,
        parent: Option<DeploymentId>,
    ) -> Result<Preview, String> {
        let at = crate::output::age::now();
        let looks = snapshot
            .targets
            .iter()
            .map(|target| self.look(snapshot, target, settings));
        let found = futures_util::future::join_all(looks).await;
        let mut preview = Preview {
            environment: snapshot.environment.clone(),
            status: SyncStatus::InSync,
            at,
            plan: Plan {
                environment: snapshot.environment.clone(),
                parent,
                snapshot: id,
                targets: Vec::new(),
            },
            differences: Vec::new(),
            texts: Vec::new(),
            unseen: Vec::new(),
        };
        let mut statuses = Vec::new();
        for (target, found) in snapshot.targets.iter().zip(found) {
            match found {
                Ok(found) => {
                    statuses.push(found.status);
                    preview
                        .plan
                        .targets
                        .extend(found.plan.filter(|plan| !plan.groups.is_empty()));
                    if !found.difference.resources.is_empty() {
                        preview.differences.push(found.difference);
                    }
                    preview.texts.extend(found.texts);
                }
                Err(why) => {
                    statuses.push(SyncStatus::Unknown);
                    preview.unseen.push((target.target.name.clone(), why));
                }
            }
        }
        preview.status = evenkeel_plan::roll_up(statuses);
        Ok(preview)
    }

    async fn look(
        &self,
        snapshot: &Snapshot,
        target: &TargetSnapshot,
        settings: &Settings,
    ) -> Result<Found, String> {
        let nothing = BTreeMap::new();
        let name = &target.target.name;
        let applied = self.applied.get(name).unwrap_or(&nothing);
        let probes = evenkeel_plan::probes(self.catalog, target, applied);
        let look = Look {
            full: false,
            deadline: Span::from_secs(DEADLINE_SECS),
        };
        let at = crate::output::age::now();
        let seen = self
            .transport
            .observe(&snapshot.environment, &target.target, &probes, look)
            .await;
        let observation = Observation {
            at,
            answers: seen.map_err(|error| error.to_string())?,
        };
        let diff = evenkeel_plan::diff(self.catalog, target, applied, &observation);
        let options = Options {
            prune: settings.sync.prune,
            only: Which::All,
        };
        let (plan, _) = evenkeel_plan::plan(self.catalog, target, applied, &observation, options)
            .map_err(|error| error.to_string())?;
        let off: Vec<ResourceDiff> = diff
            .resources
            .into_iter()
            .filter(|diff| diff.status != SyncStatus::InSync)
            .collect();
        let texts = self.texts(snapshot, target, &off).await;
        Ok(Found {
            plan: Some(plan),
            status: diff.status,
            difference: Difference {
                target: name.clone(),
                resources: off,
            },
            texts,
        })
    }

    /// Reads what is there, where a kind lets it be seen.
    async fn texts(&self, snapshot: &Snapshot, target: &TargetSnapshot, off: &[ResourceDiff]) -> Vec<Text> {
        let mut asked: Vec<(Probe, &ResourceDiff)> = Vec::new();
        for diff in off {
            let Some(resource) = target
                .resources
                .iter()
                .find(|resource| resource.id == diff.resource)
            else {
                continue;
            };
            let Some(kind) = self.catalog.kind(&resource.id.kind) else {
                continue;
            };
            asked.extend(kind.reveal(resource, diff).into_iter().map(|probe| (probe, diff)));
        }
        if asked.is_empty() {
            return Vec::new();
        }
        let probes: Vec<Probe> = asked.iter().map(|(probe, _)| probe.clone()).collect();
        let look = Look {
            full: false,
            deadline: Span::from_secs(DEADLINE_SECS),
        };
        let seen = self
            .transport
            .observe(&snapshot.environment, &target.target, &probes, look)
            .await;
        let Ok(answers) = seen else { return Vec::new() };
        let mut texts = Vec::new();
        for (probe, diff) in asked {
            let Some(Answer::Read(Some(excerpt))) = answers.get(&probe) else {
                continue;
            };
            for change in &diff.changes {
                let Some(FieldValue::Content(desired)) = &change.desired else {
                    continue;
                };
                let live = std::str::from_utf8(&excerpt.bytes)
                    .ok()
                    .filter(|_| !excerpt.truncated);
                if let (Some(live), Some(desired)) = (live, self.text(desired)) {
                    texts.push(Text {
                        target: target.target.name.clone(),
                        resource: diff.resource.clone(),
                        field: change.field.clone(),
                        live: live.to_owned(),
                        desired,
                    });
                }
            }
        }
        texts
    }

    fn text(&self, digest: &Digest) -> Option<String> {
        let (size, reader) = self.contents.open(digest).ok()??;
        if size > TEXT_LIMIT {
            return None;
        }
        let mut text = String::new();
        reader.take(TEXT_LIMIT).read_to_string(&mut text).ok()?;
        Some(text)
    }
}
