//! Directory: mode, owner and group; exclusive, if asked: what nobody manages in it is surplus and goes.
//!
//! Fidelity: full. Directories above it are not made: they are resources of their own. Pruning removes it only when
//! it is empty; what others put there is theirs.

use crate::{
    decode::{canonical, decode, schema, spec},
    field::{Account, Mode, PathShape, State, account_links, is_type, stat, type_name, unseen},
};
use evenkeel_model::{
    AbsolutePath, Action, Answer, Fidelity, FieldError, FieldValue, Fields, Files, Kind, Link, Links, Loaded,
    Observation, Predicted, Probe, Resource,
    kind::{Change, Steps},
    probe::FileType,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// The kind.
pub(crate) struct Directory;

/// More entries than these are not looked at; an exclusive directory that has more cannot be judged.
const ENTRIES: u32 = 10_000;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Form {
    /// Where it stands.
    #[schemars(with = "PathShape")]
    path: Option<AbsolutePath>,
    /// Permission bits in quotes; `"0755"` if not given.
    mode: Option<Mode>,
    /// Owner's name, or number in quotes; left as it is if not given.
    owner: Option<Account>,
    /// Group's name, or number in quotes; left as it is if not given.
    group: Option<Account>,
    /// Whether entries that no resource manages are removed, with all below them.
    exclusive: Option<bool>,
    /// Whether it is to be there; `present` if not given. `absent` removes it only when it is empty.
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
    mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<Account>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<Account>,
    exclusive: bool,
}

impl Spec {
    fn list(&self) -> Option<Probe> {
        let exclusive = self.body.as_ref().is_some_and(|body| body.exclusive);
        exclusive.then(|| Probe::List {
            path: self.path.clone(),
            limit: ENTRIES,
        })
    }

    /// The entries that nobody manages, as they will be once the predicted steps are done.
    fn surplus(
        &self,
        observation: &Observation,
        predicted: &Predicted,
    ) -> Result<Option<Vec<String>>, String> {
        let Some(probe) = self.list() else {
            return Ok(None);
        };
        let listing = match observation.answer(&probe) {
            Some(Answer::List(Some(listing))) => listing,
            // No directory is there: nothing is in it.
            Some(Answer::List(None)) => return Ok(Some(Vec::new())),
            other => return Err(unseen(other, &self.path)),
        };
        if listing.truncated {
            return Err(format!(
                "{} is exclusive and has more than {ENTRIES} entries, or some whose names are no text",
                self.path
            ));
        }
        let there = listing.entries.iter().map(|(name, _)| name.as_str());
        let made = predicted.entries(&self.path).filter(|(_, what)| what.is_some());
        let names: BTreeSet<&str> = there.chain(made.map(|(name, _)| name)).collect();
        let mut surplus = Vec::new();
        for name in names {
            let entry = self.path.join(name).map_err(|error| error.to_string())?;
            if predicted.at(&entry) != Some(None) && !predicted.manages(&entry) {
                surplus.push(name.to_owned());
            }
        }
        Ok(Some(surplus))
    }
}

impl Kind for Directory {
    fn name(&self) -> &'static str {
        "Directory"
    }

    fn fidelity(&self) -> Fidelity {
        Fidelity::Full
    }

    fn schema(&self) -> Value {
        schema::<Form>(&["path"])
    }

    fn load(&self, spec: &Value, _files: &dyn Files) -> Result<Loaded, Vec<FieldError>> {
        let (form, mut faults) = decode::<Form>(spec);
        let body = (form.state.unwrap_or_default() == State::Present).then(|| Body {
            mode: form.mode.unwrap_or(Mode(0o755)),
            owner: form.owner,
            group: form.group,
            exclusive: form.exclusive.unwrap_or(false),
        });
        let exclusive = body.as_ref().is_some_and(|body| body.exclusive);
        let path = faults.require("path", form.path);
        if exclusive
            && path
                .as_ref()
                .is_some_and(|path| path.parent().is_none_or(|p| p.as_str() == "/"))
        {
            let fault = FieldError::new(
                "bad-value",
                &["exclusive"],
                "this would remove most of the server",
            );
            faults.add(fault.help("an exclusive directory lies at least two levels deep"));
        }
        let loaded = path.map(|path| Loaded {
            name: path.to_string(),
            spec: canonical(&Spec { path, body }, &mut faults),
            ..Loaded::default()
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
        }
        links
    }

    fn probes(&self, resource: &Resource) -> Vec<Probe> {
        let Ok(spec) = spec::<Spec>(resource) else {
            return Vec::new();
        };
        let list = spec.list();
        [Probe::Stat(spec.path)].into_iter().chain(list).collect()
    }

    fn desired(&self, resource: &Resource) -> Option<Fields> {
        let body = spec::<Spec>(resource).ok()?.body?;
        let mut fields = Fields::from([
            ("type".into(), "directory".into()),
            ("mode".into(), body.mode.to_string().into()),
        ]);
        fields.extend(body.owner.map(|owner| ("owner".to_owned(), owner.0.into())));
        fields.extend(body.group.map(|group| ("group".to_owned(), group.0.into())));
        if body.exclusive {
            fields.insert("extra".into(), FieldValue::List(Vec::new()));
        }
        Some(fields)
    }

    fn observe(
        &self,
        resource: &Resource,
        observation: &Observation,
        predicted: &Predicted,
    ) -> Result<Option<Fields>, String> {
        let spec = spec::<Spec>(resource)?;
        if predicted.at(&spec.path) == Some(None) {
            return Ok(None);
        }
        let Some(stat) = stat(observation, &spec.path)? else {
            return Ok(None);
        };
        let wanted = spec.body.as_ref();
        let owner = Account::of(wanted.and_then(|b| b.owner.as_ref()), &stat.owner, stat.uid);
        let group = Account::of(wanted.and_then(|b| b.group.as_ref()), &stat.group, stat.gid);
        let mut live = Fields::from([
            ("type".into(), type_name(stat.file_type).into()),
            ("owner".into(), owner.into()),
            ("group".into(), group.into()),
        ]);
        if stat.file_type != FileType::Symlink {
            live.insert("mode".into(), Mode(stat.mode).to_string().into());
        }
        if let Some(surplus) = spec.surplus(observation, predicted)? {
            live.insert("extra".into(), FieldValue::List(surplus));
        }
        Ok(Some(live))
    }

    fn steps(&self, resource: &Resource, change: &Change<'_>) -> Steps {
        let Ok(Spec { path, body }) = spec(resource) else {
            return Steps::default();
        };
        let diff = change.diff;
        let recursive = false;
        let body = match body {
            _ if diff.changes.is_empty() => return Steps::default(),
            None => return vec![Action::Remove { path, recursive }].into(),
            Some(body) => body,
        };
        let mut actions = Vec::new();
        let owner = body.owner.map(|owner| owner.0);
        let group = body.group.map(|group| group.0);
        if diff.is_absent() || diff.changes_field("type") {
            if change.live.is_some() {
                let path = path.clone();
                actions.push(Action::Remove { path, recursive });
            }
            actions.push(Action::MakeDirectory {
                path: path.clone(),
                mode: body.mode.0,
                owner,
                group,
            });
        } else if ["mode", "owner", "group"]
            .iter()
            .any(|field| diff.changes_field(field))
        {
            // chown(2) clears set-id bits: when the owner changes, the mode is set along.
            let owned = diff.changes_field("owner") || diff.changes_field("group");
            let ignored = resource.ignore.iter().any(|field| field == "mode");
            let mode = diff.changes_field("mode") || (owned && !ignored);
            actions.push(Action::SetMeta {
                path: path.clone(),
                mode: mode.then_some(body.mode.0),
                owner: owner.filter(|_| diff.changes_field("owner")),
                group: group.filter(|_| diff.changes_field("group")),
            });
        }
        if let (true, Some(FieldValue::List(extra))) = (
            diff.changes_field("extra"),
            change.live.and_then(|live| live.get("extra")),
        ) {
            actions.extend(extra.iter().filter_map(|name| {
                Some(Action::Remove {
                    path: path.join(name).ok()?,
                    recursive: true,
                })
            }));
        }
        actions.into()
    }

    fn prune(&self, applied: &Resource, live: &Fields) -> Steps {
        match spec::<Spec>(applied) {
            Ok(spec) if is_type(Some(live), FileType::Directory) => Steps::from(vec![Action::Remove {
                path: spec.path,
                recursive: false,
            }]),
            _ => Steps::default(),
        }
    }
}

#[cfg(test)]
mod tests;
