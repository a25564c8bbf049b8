//! The three-way comparison, field by field: desired, live, last applied.

use crate::{FieldValue, Fields, ResourceId, SyncStatus};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Why a field is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// Git moved on.
    Pending,
    /// The server changed.
    Drifted,
}

/// One field that is not as desired. `None` says that the field, or the resource, is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// Which.
    pub field: String,
    /// Why it is off.
    pub cause: Cause,
    /// What Git says.
    pub desired: Option<FieldValue>,
    /// What the server says.
    pub live: Option<FieldValue>,
    /// What it was when last deployed.
    pub applied: Option<FieldValue>,
}

/// How one resource stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceDiff {
    /// Which.
    pub resource: ResourceId,
    /// In one word. [`SyncStatus::InSync`] exactly when `changes` is empty and it can be seen.
    pub status: SyncStatus,
    /// Field by field, sorted by field; secrets redacted.
    pub changes: Vec<FieldChange>,
    /// For [`SyncStatus::Unknown`]: why it cannot be seen.
    pub why: Option<String>,
}

/// The field that stands for a resource's being there at all.
pub const PRESENCE: &str = "present";

/// Compares. `None` for `desired` means that Git wants it gone, for `live` that it is not there, for `applied` that
/// it was never deployed (or that nobody knows). Only fields that `desired` names are compared, less those in
/// `ignore`.
///
/// A field is [`Cause::Drifted`] when it was applied and the server has another value since; else it is
/// [`Cause::Pending`]. A resource is Drifted if one of its fields is.
#[must_use]
pub fn compare(
    resource: &ResourceId,
    desired: Option<&Fields>,
    live: Option<&Fields>,
    applied: Option<&Fields>,
    ignore: &[String],
) -> ResourceDiff {
    let mut changes = Vec::new();
    let presence = |cause, desired: bool, live: bool| FieldChange {
        field: PRESENCE.to_owned(),
        cause,
        desired: Some(desired.into()),
        live: Some(live.into()),
        applied: applied.map(|_| true.into()),
    };
    let status = match (desired, live) {
        (None, None) => SyncStatus::InSync,
        (None, Some(_)) => {
            // Wanted gone and there: if we had deployed it, Git moved on; else it came by another hand.
            changes.push(presence(Cause::Pending, false, true));
            if applied.is_some() {
                SyncStatus::Extra
            } else {
                SyncStatus::Pending
            }
        }
        (Some(_), None) => {
            let cause = if applied.is_some() {
                Cause::Drifted
            } else {
                Cause::Pending
            };
            changes.push(presence(cause, true, false));
            if applied.is_some() {
                SyncStatus::Drifted
            } else {
                SyncStatus::Missing
            }
        }
        (Some(desired), Some(live)) => {
            let ignored: BTreeSet<&str> = ignore.iter().map(String::as_str).collect();
            for (field, want) in desired
                .iter()
                .filter(|(field, _)| !ignored.contains(field.as_str()))
            {
                let have = live.get(field);
                if have == Some(want) {
                    continue;
                }
                let then = applied.and_then(|applied| applied.get(field));
                let drifted = then.is_some() && then != have;
                changes.push(FieldChange {
                    field: field.clone(),
                    cause: if drifted { Cause::Drifted } else { Cause::Pending },
                    desired: Some(want.redacted()),
                    live: have.map(FieldValue::redacted),
                    applied: then.map(FieldValue::redacted),
                });
            }
            if changes.is_empty() {
                SyncStatus::InSync
            } else if changes.iter().any(|change| change.cause == Cause::Drifted) {
                SyncStatus::Drifted
            } else {
                SyncStatus::Pending
            }
        }
    };
    ResourceDiff {
        resource: resource.clone(),
        status,
        changes,
        why: None,
    }
}

impl ResourceDiff {
    /// A resource that cannot be seen, and why.
    #[must_use]
    pub fn unknown(resource: ResourceId, why: impl Into<String>) -> Self {
        Self {
            resource,
            status: SyncStatus::Unknown,
            changes: Vec::new(),
            why: Some(why.into()),
        }
    }
    /// Whether this field is off.
    #[must_use]
    pub fn changes_field(&self, field: &str) -> bool {
        self.changes.iter().any(|change| change.field == field)
    }
    /// Whether the resource is wanted and not there.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.changes
            .iter()
            .any(|c| c.field == PRESENCE && c.live == Some(false.into()) && c.desired == Some(true.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), FieldValue::from(*v)))
            .collect()
    }

    fn status(desired: Option<&str>, live: Option<&str>, applied: Option<&str>) -> SyncStatus {
        let id = ResourceId::new("File", "/x").unwrap();
        let of = |v: Option<&str>| v.map(|v| fields(&[("mode", v)]));
        compare(
            &id,
            of(desired).as_ref(),
            of(live).as_ref(),
            of(applied).as_ref(),
            &[],
        )
        .status
    }

    #[test]
    fn every_corner_of_the_three_way_comparison() {
        use SyncStatus::{Drifted, Extra, InSync, Missing, Pending};
        let (a, b, c) = (Some("a"), Some("b"), Some("c"));
        let table = [
            (a, a, a, InSync),
            (a, a, b, InSync),
            (a, a, None, InSync),
            (a, b, b, Pending),
            (a, b, None, Pending),
            (a, b, a, Drifted),
            (a, b, c, Drifted),
            (a, None, None, Missing),
            (a, None, a, Drifted),
            (a, None, b, Drifted),
            (None, a, a, Extra),
            (None, a, None, Pending),
            (None, None, None, InSync),
            (None, None, a, InSync),
        ];
        for (desired, live, applied, expected) in table {
            assert_eq!(
                status(desired, live, applied),
                expected,
                "{desired:?} {live:?} {applied:?}"
            );
        }
    }

    #[test]
    fn unmanaged_and_ignored_fields_are_not_compared() {
        let id = ResourceId::new("File", "/x").unwrap();
        let desired = fields(&[("mode", "0644"), ("owner", "root")]);
        let live = fields(&[("mode", "0644"), ("owner", "ops"), ("size", "7")]);
        let diff = compare(&id, Some(&desired), Some(&live), None, &["owner".to_owned()]);
        assert_eq!(diff.status, SyncStatus::InSync);
        assert!(diff.changes.is_empty());
    }

    #[test]
    fn a_secret_leaves_no_trace_in_a_diff() {
        let id = ResourceId::new("File", "/x").unwrap();
        let of = |bytes: &[u8]| {
            Fields::from([("content".to_owned(), FieldValue::Secret(crate::Digest::of(bytes)))])
        };
        let diff = compare(&id, Some(&of(b"hunter2")), Some(&of(b"x")), Some(&of(b"y")), &[]);
        let text = serde_json::to_string(&diff).unwrap();
        assert!(!text.contains(&crate::Digest::of(b"hunter2").to_string()));
        assert!(text.contains("redacted"));
    }
}
