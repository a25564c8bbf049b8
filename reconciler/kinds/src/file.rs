//! File: a regular file's content, mode, owner and group.
//!
//! Fidelity: full. A change of mode or owner alone does not send the content again. What stands at the path and is
//! no file is replaced, but for a directory with entries: that fails when the plan is carried out, and says so.

use crate::{
    decode::{Faults, canonical, decode, schema, spec},
    field::{Account, Command, Mode, PathShape, State, account_links, is_type, type_name, unseen},
};
use evenkeel_model::{
    AbsolutePath, Action, Answer, ContentRef, Digest, Fidelity, FieldError, FieldValue, Fields, Files, Kind,
    Link, Links, Loaded, Observation, Predicted, Probe, Resource, ResourceDiff,
    kind::{Change, Steps},
    probe::FileType,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// The kind.
pub(crate) struct File;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Form {
    /// Where the file stands.
    #[schemars(with = "PathShape")]
    path: Option<AbsolutePath>,
    /// Its text, as it is.
    content: Option<String>,
    /// A file of the repository that has its bytes, by its path from the project's root.
    source: Option<String>,
    /// A file of the repository that has its text as a template, by its path from the project's root.
    template: Option<String>,
    /// Permission bits in quotes; `"0644"` if not given.
    mode: Option<Mode>,
    /// Owner's name, or number in quotes; left as it is if not given.
    owner: Option<Account>,
    /// Group's name, or number in quotes; left as it is if not given.
    group: Option<Account>,
    /// A command that must accept the new file before it takes its place; `%` stands for its path.
    validate: Option<Command>,
    /// Whether its content is a secret: compared, never shown.
    sensitive: Option<bool>,
    /// Whether it is to be there; `present` if not given.
    state: Option<State>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Spec {
    path: AbsolutePath,
    /// `None`: to be gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Body>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Body {
    content: Digest,
    mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<Account>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<Account>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validate: Option<Command>,
    sensitive: bool,
}

impl Body {
    fn content_value(&self, digest: Digest) -> FieldValue {
        if self.sensitive {
            FieldValue::Secret(digest)
        } else {
            FieldValue::Content(digest)
        }
    }
}

impl Form {
    /// The bytes, from the one place that is given.
    fn bytes(&self, files: &dyn Files, faults: &mut Faults) -> Option<Arc<[u8]>> {
        let given = [
            ("content", self.content.is_some()),
            ("source", self.source.is_some()),
            ("template", self.template.is_some()),
        ];
        let mut given = given.iter().filter(|(_, there)| *there).map(|(field, _)| *field);
        let Some(first) = given.next() else {
            if !["content", "source", "template"]
                .iter()
                .any(|field| faults.touches(field))
            {
                let fault = FieldError::new("missing-field", &[], "the file has no content");
                faults.add(fault.help("give one of content, source, template; or `state: absent`"));
            }
            return None;
        };
        if let Some(second) = given.next() {
            let fault = FieldError::new(
                "bad-value",
                &[second],
                format!("`{first}` and `{second}` exclude each other"),
            );
            faults.add(fault.help("keep one of content, source, template"));
            return None;
        }
        let bytes = match (&self.content, &self.source, &self.template) {
            (Some(text), ..) => Ok(Arc::from(text.as_bytes())),
            (_, Some(path), _) => files.read(path).map_err(|why| ("no-such-file", why)),
            (.., Some(path)) => files
                .fill(path)
                .map(|text| Arc::from(text.as_bytes()))
                .map_err(|why| ("bad-template", why)),
            (None, None, None) => return None,
        };
        match bytes {
            Ok(bytes) => Some(bytes),
            Err((code, why)) => {
                faults.at(code, first, why);
                None
            }
        }
    }
}

impl Kind for File {
    fn name(&self) -> &'static str {
        "File"
    }

    fn fidelity(&self) -> Fidelity {
        Fidelity::Full
    }

    fn schema(&self) -> Value {
        schema::<Form>(&["path"])
    }

    fn load(&self, spec: &Value, files: &dyn Files) -> Result<Loaded, Vec<FieldError>> {
        let (form, mut faults) = decode::<Form>(spec);
        let mut loaded = Loaded::default();
        let mut body = None;
        let wanted = form.state.unwrap_or_default() == State::Present;
        if let Some(bytes) = wanted.then(|| form.bytes(files, &mut faults)).flatten() {
            let content = Digest::of(&bytes);
            let sensitive = form.sensitive.unwrap_or(false);
            loaded.contents.push(ContentRef {
                digest: content,
                url: None,
                secret: sensitive,
            });
            loaded.bytes.push((content, bytes));
            body = Some(Body {
                content,
                mode: form.mode.unwrap_or(Mode(0o644)),
                owner: form.owner,
                group: form.group,
                validate: form.validate,
                sensitive,
            });
        }
        let loaded = faults.require("path", form.path).map(|path| {
            loaded.name = path.to_string();
            loaded.spec = canonical(&Spec { path, body }, &mut faults);
            loaded
        });
        faults.or(loaded)
    }

    fn links(&self, resource: &Resource) -> Links {
        let Ok(Spec { path, body }) = spec(resource) else {
            return Links::default();
        };
        let mut links = Links {
            needs: path.parent().map(Link::Path).into_iter().collect(),
            gives: Vec::new(),
        };
        if let Some(body) = body {
            links.gives.push(Link::Path(path));
            links
                .needs
                .extend(account_links(body.owner.as_ref(), body.group.as_ref()));
            links
                .needs
                .extend(body.validate.and_then(|command| command.needs()));
        }
        links
    }

    fn probes(&self, resource: &Resource) -> Vec<Probe> {
        spec::<Spec>(resource)
            .map(|spec| vec![Probe::Hash(spec.path)])
            .unwrap_or_default()
    }

    fn desired(&self, resource: &Resource) -> Option<Fields> {
        let body = spec::<Spec>(resource).ok()?.body?;
        let mut fields = Fields::from([
            ("type".into(), "file".into()),
            ("content".into(), body.content_value(body.content)),
            ("mode".into(), body.mode.to_string().into()),
        ]);
        fields.extend(body.owner.map(|owner| ("owner".to_owned(), owner.0.into())));
        fields.extend(body.group.map(|group| ("group".to_owned(), group.0.into())));
        Some(fields)
    }

    fn observe(
        &self,
        resource: &Resource,
        observation: &Observation,
        predicted: &Predicted,
    ) -> Result<Option<Fields>, String> {
        let Spec { path, body } = spec(resource)?;
        if predicted.at(&path) == Some(None) {
            return Ok(None);
        }
        let hashed = match observation.answer(&Probe::Hash(path.clone())) {
            Some(Answer::Hash(Some(hashed))) => hashed,
            Some(Answer::Hash(None)) => return Ok(None),
            other => return Err(unseen(other, &path)),
        };
        let stat = &hashed.stat;
        let mut live = Fields::from([("type".into(), type_name(stat.file_type).into())]);
        if stat.file_type != FileType::Symlink {
            live.insert("mode".into(), Mode(stat.mode).to_string().into());
        }
        let wanted = body.as_ref();
        let owner = Account::of(wanted.and_then(|b| b.owner.as_ref()), &stat.owner, stat.uid);
        let group = Account::of(wanted.and_then(|b| b.group.as_ref()), &stat.group, stat.gid);
        live.insert("owner".into(), owner.into());
        live.insert("group".into(), group.into());
        if let Some(digest) = hashed.digest {
            let value = wanted.map_or(FieldValue::Content(digest), |body| body.content_value(digest));
            live.insert("content".into(), value);
        }
        Ok(Some(live))
    }

    fn steps(&self, resource: &Resource, change: &Change<'_>) -> Steps {
        let Ok(Spec { path, body }) = spec(resource) else {
            return Steps::default();
        };
        let diff = change.diff;
        let recursive = false;
        match body {
            _ if diff.changes.is_empty() => Steps::default(),
            None => vec![Action::Remove { path, recursive }].into(),
            Some(body) => {
                let mut actions = Vec::new();
                let resend = diff.is_absent() || diff.changes_field("type") || diff.changes_field("content");
                let owner = body.owner.map(|owner| owner.0);
                let group = body.group.map(|group| group.0);
                if resend {
                    // rename(2) does not put a file over a directory: an empty one goes first, a full one fails.
                    if is_type(change.live, FileType::Directory) {
                        let path = path.clone();
                        actions.push(Action::Remove { path, recursive });
                    }
                    let kept = change
                        .live
                        .filter(|_| ignores(resource, "mode"))
                        .and_then(mode_of);
                    actions.push(Action::PutFile {
                        path,
                        content: body.content,
                        mode: kept.unwrap_or(body.mode.0),
                        owner: owner.filter(|_| !ignores(resource, "owner")),
                        group: group.filter(|_| !ignores(resource, "group")),
                        validate: body.validate.map(|command| command.0),
                    });
                } else {
                    // chown(2) clears set-id bits: when the owner changes, the mode is set along.
                    let owned = diff.changes_field("owner") || diff.changes_field("group");
                    let mode = diff.changes_field("mode") || (owned && !ignores(resource, "mode"));
                    actions.push(Action::SetMeta {
                        path,
                        mode: mode.then_some(body.mode.0),
                        owner: owner.filter(|_| diff.changes_field("owner")),
                        group: group.filter(|_| diff.changes_field("group")),
                    });
                }
                actions.into()
            }
        }
    }

    fn prune(&self, applied: &Resource, live: &Fields) -> Steps {
        match spec::<Spec>(applied) {
            // Someone put a directory there: it is not ours to remove.
            Ok(spec) if !is_type(Some(live), FileType::Directory) => Steps::from(vec![Action::Remove {
                path: spec.path,
                recursive: false,
            }]),
            _ => Steps::default(),
        }
    }

    fn reveal(&self, resource: &Resource, diff: &ResourceDiff) -> Vec<Probe> {
        match spec::<Spec>(resource) {
            Ok(Spec {
                path,
                body: Some(body),
            }) if !body.sensitive && diff.changes_field("content") => vec![Probe::Read {
                path,
                limit: 64 * 1024,
            }],
            _ => Vec::new(),
        }
    }
}

fn mode_of(live: &Fields) -> Option<u32> {
    match live.get("mode") {
        Some(FieldValue::Text(mode)) => u32::from_str_radix(mode, 8).ok(),
        _ => None,
    }
}

fn ignores(resource: &Resource, field: &str) -> bool {
    resource.ignore.iter().any(|ignored| ignored == field)
}

#[cfg(test)]
mod tests;
