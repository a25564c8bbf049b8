//! What a server says of a unit, and will say once the planned steps are done.

use super::{Spec, name};
use crate::field::unseen;
use evenkeel_model::{
    Answer, Digest, FieldValue, Fields, Observation, Predicted, Probe, Resource,
    probe::{FileType, UnitState},
};

/// A unit as it is, or will be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Whether systemd knows it, or a step will write its file.
    pub(super) found: bool,
    /// A step installs what may bring it and may start it: nothing below is certain.
    pub(super) unsure: bool,
    /// What stands at the place of our own text.
    pub(super) stands: Option<FileType>,
    /// The digest of our own text, if a regular file stands there and no step writes it.
    pub(super) content: Option<Digest>,
    /// Whether it starts at boot; as wanted, where systemctl(1) can neither enable nor disable it.
    pub(super) enabled: bool,
    /// Whether it runs.
    pub(super) running: bool,
    /// Whether nobody can start it.
    pub(super) masked: bool,
    /// Whether systemd must read its files again.
    pub(super) stale: bool,
}

/// Reads the answers to [`Spec::probes`].
///
/// # Errors
/// Why the unit cannot be seen.
pub(super) fn see(
    spec: &Spec,
    resource: &Resource,
    observation: &Observation,
    predicted: &Predicted,
) -> Result<Seen, String> {
    let probe = Probe::Unit(spec.name.clone());
    let state = match observation.answer(&probe) {
        Some(Answer::Unit(state)) => state,
        other => return Err(unseen(other, &spec.name)),
    };
    let (stands, content) = text(spec, observation, predicted)?;
    let written = predicted.at(&name::fragment(&spec.name)?) == Some(Some(FileType::File));
    let known = !matches!(state.load.as_str(), "" | "not-found");
    Ok(Seen {
        found: known || stands.is_some() || written,
        unsure: !known && !written && stands.is_none() && brought(spec, resource, predicted),
        stands,
        content,
        enabled: enabled(spec, content, &state.file_state),
        running: runs(&state.active),
        masked: state.file_state == "masked"
            || (state.load == "masked" && state.file_state != "masked-runtime"),
        stale: stale(spec, state, predicted) || (!known && content.is_some() && !predicted.reloads()),
    })
}

impl Seen {
    /// As fields.
    pub(super) fn fields(&self) -> Fields {
        let mut fields = Fields::from([
            ("enabled".to_owned(), self.enabled.into()),
            ("running".to_owned(), self.running.into()),
            ("masked".to_owned(), self.masked.into()),
            ("needDaemonReload".to_owned(), self.stale.into()),
        ]);
        if let Some(digest) = self.content {
            fields.insert("content".to_owned(), FieldValue::Content(digest));
        }
        fields
    }
}

/// What stands at the place of our own text, and its digest.
fn text(
    spec: &Spec,
    observation: &Observation,
    predicted: &Predicted,
) -> Result<(Option<FileType>, Option<Digest>), String> {
    let Some(probe) = spec.text_probe() else {
        return Ok((None, None));
    };
    let path = name::fragment(&spec.name)?;
    if let Some(planned) = predicted.at(&path) {
        return Ok((planned, None));
    }
    match observation.answer(&probe) {
        Some(Answer::Hash(hashed)) => Ok(hashed.as_ref().map_or((None, None), |hashed| {
            (Some(hashed.stat.file_type), hashed.digest)
        })),
        other => Err(unseen(other, &path)),
    }
}

/// Whether a step installs the package that is called like the unit, or one that the unit is declared to follow.
fn brought(spec: &Spec, resource: &Resource, predicted: &Predicted) -> bool {
    let after = resource.after.iter().filter(|id| id.kind == "Package");
    after
        .map(|id| id.name.as_str())
        .chain([name::base(&spec.name)])
        .any(|package| predicted.package(package) == Some(true))
}

/// `active`, and on the way there or between two attempts; not `deactivating`, `inactive` and `failed`.
fn runs(active: &str) -> bool {
    matches!(active, "active" | "reloading" | "refreshing" | "activating")
}

fn enabled(spec: &Spec, content: Option<Digest>, file_state: &str) -> bool {
    match file_state {
        "enabled" => true,
        // What cannot be changed is taken as it should be; but a text that is about to change may bring [Install].
        "static" => spec.content.is_none() && spec.enabled == Some(true),
        "indirect" | "generated" | "alias" => {
            spec.enabled == Some(true) && (spec.content.is_none() || spec.content == content)
        }
        _ => false,
    }
}

fn stale(spec: &Spec, state: &UnitState, predicted: &Predicted) -> bool {
    let loaded = state.fragment.as_deref().and_then(|path| path.parse().ok());
    let mut sources = name::sources(&spec.name).into_iter().chain(loaded);
    (state.need_daemon_reload && !predicted.reloads()) || sources.any(|path| predicted.unread(&path))
}
