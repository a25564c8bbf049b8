//! User: a line of passwd(5), and who may log in as it.
//!
//! - `uid`, `group`, `groups`, `home`, `shell`, `comment`: only what is given is compared and set. `groups` is the whole
//!   list. A changed number leaves files outside the home directory with the old one; a changed home moves nothing.
//! - `createHome`: counts only when the user is made. `system`: likewise.
//! - `authorizedKeys`: the whole of `~/.ssh/authorized_keys` (mode 0600, the user's, in a directory of mode 0700): keys
//!   that are not listed go. The home directory is `home`, else `/home/NAME` (`/root` for root). It must be there; a
//!   user with keys gets one when it is made. If `~/.ssh` is a symbolic link, the user is Unknown: the link is its
//!   owner's to choose, and following it as root would hand out any place on the server.
//! - A user without `group` gets the group of its own name if a Group gives that, else one as useradd(8) has it.
//!
//! Pruning removes the user and keeps its home. `root` and number 0 are never removed.
//!
//! Fidelity: partial. A number, home or shell that nobody asked for is useradd(8)'s choice.

mod form;
mod keys;

use crate::{
    decode::{canonical, decode, schema, spec},
    field::{State, unseen},
};
use evenkeel_model::{
    AbsolutePath, Action, Answer, ContentRef, Digest, Fidelity, FieldError, FieldValue, Fields, Files, Kind,
    Link, Links, Loaded, Observation, Predicted, Probe, Resource, ResourceDiff,
    action::UserSpec,
    kind::{Change, Steps},
    probe::{FileType, Hashed, UserState},
};
use form::Form;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// The fields that [`Action::PutUser`] sets.
const ACCOUNT: [&str; 6] = ["uid", "group", "groups", "home", "shell", "comment"];
/// The fields that [`Action::PutFile`] sets for the keys.
const KEYS: [&str; 3] = ["authorizedKeys", "authorizedKeys.mode", "authorizedKeys.owner"];

/// The kind.
pub(crate) struct User;

#[derive(Debug, Serialize, Deserialize)]
struct Spec {
    name: String,
    #[serde(default)]
    state: State,
    user: UserSpec,
    keys: Option<Keys>,
}

/// Where the keys stand, and which they are.
#[derive(Debug, Serialize, Deserialize)]
struct Keys {
    digest: Digest,
    directory: AbsolutePath,
    file: AbsolutePath,
}

impl Kind for User {
    fn name(&self) -> &'static str {
        "User"
    }

    fn fidelity(&self) -> Fidelity {
        Fidelity::Partial("the number, home and shell of a new user, where none is given")
    }

    fn schema(&self) -> Value {
        schema::<Form>(&["name"])
    }

    fn load(&self, spec: &Value, _files: &dyn Files) -> Result<Loaded, Vec<FieldError>> {
        let (form, mut faults) = decode::<Form>(spec);
        let loaded = form::read(form, &mut faults).map(|(spec, text)| {
            let bytes = text.map(|text| (Digest::of(text.as_bytes()), Arc::from(text.into_bytes())));
            Loaded {
                spec: canonical(&spec, &mut faults),
                name: spec.name,
                contents: bytes
                    .iter()
                    .map(|(digest, _)| ContentRef {
                        digest: *digest,
                        url: None,
                        secret: false,
                    })
                    .collect(),
                bytes: bytes.into_iter().collect(),
            }
        });
        faults.or(loaded)
    }

    fn links(&self, resource: &Resource) -> Links {
        let Ok(spec) = spec::<Spec>(resource) else {
            return Links::default();
        };
        let group = spec.user.group.unwrap_or_else(|| spec.name.clone());
        let groups = spec.user.groups.unwrap_or_default().into_iter().chain([group]);
        let shell = spec.user.shell.and_then(|shell| AbsolutePath::new(&shell).ok());
        // Not the paths of the keys: the home directory, which needs its owner, would have to come before them.
        Links {
            gives: vec![Link::User(spec.name)],
            needs: groups.map(Link::Group).chain(shell.map(Link::Path)).collect(),
        }
    }

    fn probes(&self, resource: &Resource) -> Vec<Probe> {
        let Ok(spec) = spec::<Spec>(resource) else {
            return Vec::new();
        };
        let mut probes = vec![Probe::User(spec.name.clone())];
        if spec.state == State::Present && spec.user.group.is_none() {
            probes.push(Probe::Group(spec.name));
        }
        if let Some(keys) = spec.keys {
            probes.extend([Probe::Stat(keys.directory), Probe::Hash(keys.file)]);
        }
        probes
    }

    fn desired(&self, resource: &Resource) -> Option<Fields> {
        let spec = spec::<Spec>(resource)
            .ok()
            .filter(|spec| spec.state == State::Present)?;
        let user = spec.user;
        let fields = [
            ("uid", user.uid.map(|uid| FieldValue::Number(uid.into()))),
            ("group", user.group.map(FieldValue::Text)),
            ("groups", user.groups.map(FieldValue::List)),
            ("home", user.home.map(|home| home.as_str().into())),
            ("shell", user.shell.map(FieldValue::Text)),
            ("comment", user.comment.map(FieldValue::Text)),
            (
                KEYS[0],
                spec.keys.as_ref().map(|keys| FieldValue::Content(keys.digest)),
            ),
            (KEYS[1], spec.keys.as_ref().map(|_| "0600".into())),
            (KEYS[2], spec.keys.as_ref().map(|_| spec.name.as_str().into())),
        ];
        Some(
            fields
                .into_iter()
                .filter_map(|(field, value)| Some((field.to_owned(), value?)))
                .collect(),
        )
    }

    fn observe(
        &self,
        resource: &Resource,
        observation: &Observation,
        predicted: &Predicted,
    ) -> Result<Option<Fields>, String> {
        let spec = spec::<Spec>(resource)?;
        let seen = match observation.answer(&Probe::User(spec.name.clone())) {
            Some(Answer::User(user)) => user.as_ref(),
            other => return Err(unseen(other, &spec.name)),
        };
        let mut fields = match (predicted.user(&spec.name), seen) {
            (Some(false), _) | (None, None) => return Ok(None),
            (_, seen) => seen
                .map(|seen| account(seen, spec.user.groups.as_deref()))
                .unwrap_or_default(),
        };
        if let Some(hashed) = spec
            .keys
            .as_ref()
            .map(|keys| keys.see(observation))
            .transpose()?
            .flatten()
        {
            fields.insert(KEYS[1].to_owned(), format!("{:04o}", hashed.stat.mode).into());
            fields.insert(KEYS[2].to_owned(), hashed.stat.owner.as_str().into());
            if let Some(digest) = hashed.digest {
                fields.insert(KEYS[0].to_owned(), FieldValue::Content(digest));
            }
        }
        Ok(Some(fields))
    }

    fn steps(&self, resource: &Resource, change: &Change<'_>) -> Steps {
        let Ok(spec) = spec::<Spec>(resource) else {
            return Steps::default();
        };
        if spec.state == State::Absent {
            return change
                .live
                .map(|live| self.prune(resource, live))
                .unwrap_or_default();
        }
        let absent = change.diff.is_absent();
        let off = |fields: &[&str]| fields.iter().any(|field| change.diff.changes_field(field));
        let mut actions = Vec::new();
        if absent || off(&ACCOUNT) {
            let mut user = spec.user.clone();
            forget_ignored(&mut user, &resource.ignore);
            if absent && user.group.is_none() && has_own_group(&spec.name, change) {
                user.group = Some(spec.name.clone());
            }
            actions.push(Action::PutUser {
                name: spec.name.clone(),
                user,
            });
        }
        // A changed number may leave the file with the old one.
        let managed = !resource.ignore.iter().any(|ignored| ignored == KEYS[0]);
        if let Some(keys) = spec.keys.filter(|_| {
            (absent && managed) || off(&KEYS) || (managed && off(&["uid"])) || (managed && off(&["uid"]))
        }) {
            let group = spec.user.group.or_else(|| match change.live?.get("group")? {
                FieldValue::Text(group) => Some(group.clone()),
                _ => None,
            });
            actions.push(Action::MakeDirectory {
                path: keys.directory,
                mode: 0o700,
                owner: Some(spec.name.clone()),
                group: group.clone(),
            });
            actions.push(Action::PutFile {
                path: keys.file,
                content: keys.digest,
                mode: 0o600,
                owner: Some(spec.name),
                group,
                validate: None,
            });
        }
        actions.into()
    }

    fn prune(&self, applied: &Resource, live: &Fields) -> Steps {
        let name = applied.id.name.clone();
        if name == "root" || live.get("uid") == Some(&FieldValue::Number(0)) {
            return Steps::default();
        }
        vec![Action::RemoveUser { name }].into()
    }

    fn reveal(&self, resource: &Resource, diff: &ResourceDiff) -> Vec<Probe> {
        let keys = spec::<Spec>(resource).ok().and_then(|spec| spec.keys);
        let shown = keys.filter(|_| diff.changes_field(KEYS[0]));
        let limit = 64 * 1024;
        shown
            .map(|keys| Probe::Read {
                path: keys.file,
                limit,
            })
            .into_iter()
            .collect()
    }
}

impl Keys {
    /// The file of keys, if anything stands there.
    fn see<'a>(&self, observation: &'a Observation) -> Result<Option<&'a Hashed>, String> {
        match observation.answer(&Probe::Stat(self.directory.clone())) {
            Some(Answer::Stat(Some(stat))) if stat.file_type != FileType::Directory => {
                return Err(format!(
                    "{} is no directory of its own: it is not followed",
                    self.directory
                ));
            }
            Some(Answer::Stat(_)) => {}
            other => return Err(unseen(other, &self.directory)),
        }
        match observation.answer(&Probe::Hash(self.file.clone())) {
            Some(Answer::Hash(hashed)) => Ok(hashed.as_ref()),
            other => Err(unseen(other, &self.file)),
        }
    }
}

/// The account as it is. Whoever lists the primary group among the others has it there; else it is left out.
fn account(user: &UserState, wanted: Option<&[String]>) -> Fields {
    let listed = wanted.is_some_and(|groups| groups.contains(&user.group));
    let mut groups: Vec<_> = user
        .groups
        .iter()
        .filter(|group| **group != user.group)
        .cloned()
        .collect();
    if listed {
        groups.push(user.group.clone());
    }
    groups.sort_unstable();
    Fields::from([
        ("uid".to_owned(), FieldValue::Number(user.uid.into())),
        ("group".to_owned(), user.group.as_str().into()),
        ("groups".to_owned(), FieldValue::List(groups)),
        ("home".to_owned(), user.home.as_str().into()),
        ("shell".to_owned(), user.shell.as_str().into()),
        ("comment".to_owned(), user.comment.as_str().into()),
    ])
}

/// Whether a group of the user's name is or will be there before the user is: useradd(8) would stumble over it.
fn has_own_group(name: &str, change: &Change<'_>) -> bool {
    let seen = change.observation.answer(&Probe::Group(name.to_owned()));
    change
        .predicted
        .group(name)
        .unwrap_or(matches!(seen, Some(Answer::Group(Some(_)))))
}

fn forget_ignored(user: &mut UserSpec, ignore: &[String]) {
    for field in ignore {
        match field.as_str() {
            "uid" => user.uid = None,
            "group" => user.group = None,
            "groups" => user.groups = None,
            "home" => user.home = None,
            "shell" => user.shell = None,
            "comment" => user.comment = None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
