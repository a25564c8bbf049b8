//! Release: an archive unpacked into `releases/<version>`, made current by one atomic switch of a link.
//!
//! ```text
//! PATH/current -> releases/1.4.2
//! PATH/releases/1.4.2, 1.4.1 …     the last `keep`; the current one and the one before it always
//! PATH/releases/.history           what each holds, and in which order they were activated
//! PATH/shared/…                    what outlives a release, linked into each
//! ```
//!
//! A version that is there already is switched to, not unpacked again: going back is a switch. Another archive under
//! a version that is there lands beside it (`1.4.2+0a1b2c3d`), so that nothing that runs is taken away under it.
//!
//! Fidelity: full. Owner and group are compared with what was recorded, not file by file; nothing watches the files
//! in a release. Pruning removes the releases and the link; `shared` is data, and stays.

mod journal;
mod layout;
mod spec;

use crate::decode::{decode, schema, spec};
use evenkeel_model::{
    Action, Fidelity, FieldError, FieldValue, Fields, Files, Kind, Link, Links, Loaded, Observation,
    Predicted, Probe, Resource,
    kind::{Change, Steps},
};
use layout::Layout;
use serde_json::Value;
use spec::{Form, Spec};

/// The kind.
pub(crate) struct Release;

/// Whether a text can stand as one part of a path below the releases: no `/`, not hidden, not climbing.
fn is_part(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+' | b'~');
    !text.is_empty() && text.len() <= 128 && !text.starts_with('.') && text.bytes().all(inner)
}

impl Kind for Release {
    fn name(&self) -> &'static str {
        "Release"
    }

    fn fidelity(&self) -> Fidelity {
        Fidelity::Full
    }

    fn schema(&self) -> Value {
        schema::<Form>(&["path", "version", "source"])
    }

    fn load(&self, spec: &Value, files: &dyn Files) -> Result<Loaded, Vec<FieldError>> {
        let (form, faults) = decode::<Form>(spec);
        form.load(files, faults)
    }

    fn links(&self, resource: &Resource) -> Links {
        let Ok(spec) = spec::<Spec>(resource) else {
            return Links::default();
        };
        let mut needs = crate::field::account_links(spec.owner.as_ref(), spec.group.as_ref());
        needs.extend(spec.path.parent().map(Link::Path));
        Links {
            gives: vec![Link::Path(spec.path)],
            needs,
        }
    }

    fn probes(&self, resource: &Resource) -> Vec<Probe> {
        spec::<Spec>(resource)
            .ok()
            .and_then(|spec| spec.probes())
            .unwrap_or_default()
    }

    fn desired(&self, resource: &Resource) -> Option<Fields> {
        let spec = spec::<Spec>(resource).ok()?;
        let mut fields = Fields::from([
            ("version".into(), spec.version.clone().into()),
            ("archive".into(), FieldValue::Content(spec.archive)),
            ("strip".into(), FieldValue::Number(i64::from(spec.strip))),
            ("surplus".into(), FieldValue::List(Vec::new())),
        ]);
        // A field each: a path that was not shared before was not applied, so it is Pending and not Drifted.
        fields.extend(
            spec.shared
                .iter()
                .map(|shared| (format!("shared.{shared}"), true.into())),
        );
        fields.extend(spec.owner.map(|owner| ("owner".to_owned(), owner.0.into())));
        fields.extend(spec.group.map(|group| ("group".to_owned(), group.0.into())));
        Some(fields)
    }

    fn observe(
        &self,
        resource: &Resource,
        observation: &Observation,
        predicted: &Predicted,
    ) -> Result<Option<Fields>, String> {
        let spec = spec::<Spec>(resource)?;
        let layout = Layout::of(&spec, observation)?;
        let Some(current) = layout.current.as_ref() else {
            return Ok(None);
        };
        if predicted.at(&spec.current()?) == Some(None) {
            return Ok(None);
        }
        let mut live = Fields::from([("surplus".into(), FieldValue::List(layout.surplus(spec.keep)))]);
        for shared in &spec.shared {
            live.insert(format!("shared.{shared}"), layout.linked.contains(shared).into());
        }
        // Only what is there and on record counts; a link to nothing shows as a release with no archive.
        match layout.journal.of(current).filter(|_| layout.is_there(current)) {
            Some(entry) => {
                live.insert("version".into(), entry.version.clone().into());
                live.insert("archive".into(), FieldValue::Content(entry.archive));
                live.insert("strip".into(), FieldValue::Number(i64::from(entry.strip)));
                live.extend(
                    entry
                        .owner
                        .clone()
                        .map(|owner| ("owner".to_owned(), owner.into())),
                );
                live.extend(
                    entry
                        .group
                        .clone()
                        .map(|group| ("group".to_owned(), group.into())),
                );
            }
            None => {
                live.insert("version".into(), current.clone().into());
            }
        }
        Ok(Some(live))
    }

    fn steps(&self, resource: &Resource, change: &Change<'_>) -> Steps {
        let Ok(spec) = spec::<Spec>(resource) else {
            return Steps::default();
        };
        match Layout::of(&spec, change.observation) {
            Ok(layout) if !change.diff.changes.is_empty() => {
                layout.steps(&spec, change.predicted).unwrap_or_default()
            }
            _ => Steps::default(),
        }
    }

    fn prune(&self, applied: &Resource, _live: &Fields) -> Steps {
        let Ok(spec) = spec::<Spec>(applied) else {
            return Steps::default();
        };
        let (Ok(current), Ok(releases)) = (spec.current(), spec.releases()) else {
            return Steps::default();
        };
        Steps::from(vec![
            Action::Remove {
                path: current,
                recursive: false,
            },
            Action::Remove {
                path: releases,
                recursive: true,
            },
        ])
    }
}

#[cfg(test)]
mod tests;
