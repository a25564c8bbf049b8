//! A small world in memory, and kinds that live in it: enough to plan for, with every rule that order must respect.

use evenkeel_model::{
    AbsolutePath, Action, Answer, AppName, Applied, Catalog, Connection, Digest, Fidelity, FieldError,
    FieldValue, Fields, Files, Kind, Link, Links, Loaded, Observation, Predicted, Probe, Resource,
    ResourceId, StepGroup, Target, TargetName, TargetSnapshot, Timestamp,
    action::{UnitVerb, UserSpec},
    kind::{Change, Steps},
    probe::{Debt, DebtVerb, FileType, GroupState, Hashed, Stat, UnitState, UserState},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) fn path(text: &str) -> AbsolutePath {
    AbsolutePath::new(text).unwrap()
}
pub(crate) fn id(text: &str) -> ResourceId {
    text.parse().unwrap()
}

/// A resource: `"File:/d/f"` and its spec.
pub(crate) fn resource(name: &str, spec: Value) -> Resource {
    Resource {
        id: id(name),
        app: AppName::new("toy").unwrap(),
        spec,
        after: Vec::new(),
        restart_on: Vec::new(),
        reload_on: Vec::new(),
        contents: Vec::new(),
        keep: false,
        ignore: Vec::new(),
    }
}

pub(crate) fn target(mut resources: Vec<Resource>) -> TargetSnapshot {
    resources.sort_by(|a, b| a.id.cmp(&b.id));
    TargetSnapshot {
        target: Target {
            name: TargetName::new("web-1").unwrap(),
            labels: BTreeMap::new(),
            connection: Connection::Local { root: None },
            address: "127.0.0.1".into(),
        },
        resources,
        checks: Vec::new(),
    }
}

/// File, Dir, Link, User and Svc, all by one type.
pub(crate) struct Toys;
struct Toy(&'static str);
static TOYS: [Toy; 5] = [Toy("Dir"), Toy("File"), Toy("Link"), Toy("Svc"), Toy("User")];

impl Catalog for Toys {
    fn kind(&self, name: &str) -> Option<&dyn Kind> {
        TOYS.iter().find(|toy| toy.0 == name).map(|toy| toy as &dyn Kind)
    }
    fn names(&self) -> Vec<&'static str> {
        TOYS.iter().map(|toy| toy.0).collect()
    }
}

fn text<'a>(resource: &'a Resource, field: &str) -> Option<&'a str> {
    resource.spec.get(field).and_then(Value::as_str)
}

impl Kind for Toy {
    fn name(&self) -> &'static str {
        self.0
    }
    fn fidelity(&self) -> Fidelity {
        Fidelity::Full
    }
    fn schema(&self) -> Value {
        json!({})
    }
    fn load(&self, _: &Value, _: &dyn Files) -> Result<Loaded, Vec<FieldError>> {
        Ok(Loaded::default())
    }
    fn links(&self, resource: &Resource) -> Links {
        let name = &resource.id.name;
        let mut links = Links::default();
        match self.0 {
            "User" => links.gives.push(Link::User(name.clone())),
            "Svc" => links.gives.push(Link::Unit(name.clone())),
            _ => {
                links.gives.push(Link::Path(path(name)));
                links.needs.extend(path(name).parent().map(Link::Path));
                links
                    .needs
                    .extend(text(resource, "owner").map(|owner| Link::User(owner.into())));
            }
        }
        links
            .needs
            .extend(text(resource, "needs").map(|needs| Link::Path(path(needs))));
        links
    }
    fn probes(&self, resource: &Resource) -> Vec<Probe> {
        let name = &resource.id.name;
        vec![match self.0 {
            "User" => Probe::User(name.clone()),
            "Svc" => Probe::Unit(name.clone()),
            _ => Probe::Hash(path(name)),
        }]
    }
    fn desired(&self, resource: &Resource) -> Option<Fields> {
        if resource.spec.get("absent").is_some() {
            return None;
        }
        let field = match self.0 {
            "File" => (
                "content",
                FieldValue::Content(Digest::of(text(resource, "content")?.as_bytes())),
            ),
            "Link" => ("to", text(resource, "to")?.into()),
            "Svc" => ("running", true.into()),
            _ => ("there", true.into()),
        };
        let mut fields = Fields::from([(field.0.to_owned(), field.1)]);
        if self.0 == "File" {
            fields.insert("owner".into(), text(resource, "owner").unwrap_or_default().into());
        }
        Some(fields)
    }
    fn observe(
        &self,
        resource: &Resource,
        seen: &Observation,
        _: &Predicted,
    ) -> Result<Option<Fields>, String> {
        let one = |name: &str, value: FieldValue| Ok(Some(Fields::from([(name.to_owned(), value)])));
        match seen.answer(&self.probes(resource)[0]) {
            Some(Answer::Failed(why)) => Err(why.clone()),
            Some(Answer::Hash(Some(Hashed {
                stat,
                digest: Some(digest),
            }))) => Ok(Some(Fields::from([
                ("content".to_owned(), FieldValue::Content(*digest)),
                ("owner".to_owned(), stat.owner.clone().into()),
            ]))),
            Some(Answer::Hash(Some(Hashed { stat, .. }))) => match &stat.link {
                Some(to) => one("to", to.clone().into()),
                None => one("there", true.into()),
            },
            Some(Answer::User(Some(_))) => one("there", true.into()),
            Some(Answer::Unit(unit)) => one("running", (unit.active == "active").into()),
            Some(_) => Ok(None),
            None => Err("not asked".into()),
        }
    }
    fn steps(&self, resource: &Resource, change: &Change<'_>) -> Steps {
        let name = resource.id.name.clone();
        let unit = |verb| Action::Unit {
            name: name.clone(),
            verb,
        };
        let owner = text(resource, "owner").map(str::to_owned);
        let action = match self.0 {
            _ if resource.spec.get("absent").is_some() => Action::Remove {
                path: path(&name),
                recursive: false,
            },
            "User" => Action::PutUser {
                name,
                user: UserSpec::default(),
            },
            "Dir" => Action::MakeDirectory {
                path: path(&name),
                mode: 0o755,
                owner,
                group: None,
            },
            "Link" => Action::PutSymlink {
                path: path(&name),
                to: text(resource, "to").unwrap().into(),
            },
            "Svc" if change.diff.changes_field("running") => unit(UnitVerb::Start),
            "Svc" if change.owed == Some(DebtVerb::Reload) => unit(UnitVerb::Reload),
            "Svc" => unit(UnitVerb::Restart),
            _ => {
                let bytes = text(resource, "content").unwrap().as_bytes().to_vec();
                let content = Digest::of(&bytes);
                let put = Action::PutFile {
                    path: path(&name),
                    content,
                    mode: 0o644,
                    owner,
                    group: None,
                    validate: None,
                };
                return Steps {
                    actions: vec![put],
                    contents: vec![bytes],
                };
            }
        };
        // A kind that settles by itself, and one debt more than it should: the planner knows better.
        let settle = Action::Settle {
            to: resource.id.clone(),
        };
        vec![action, settle].into()
    }
    fn prune(&self, applied: &Resource, _: &Fields) -> Steps {
        if applied.spec.get("lasts").is_some() {
            return Steps::default();
        }
        let name = applied.id.name.clone();
        let action = match self.0 {
            "User" => Action::RemoveUser { name },
            "Svc" => Action::Unit {
                name,
                verb: UnitVerb::Stop,
            },
            _ => Action::Remove {
                path: path(&name),
                recursive: false,
            },
        };
        vec![action].into()
    }
    fn owes(&self) -> &'static [DebtVerb] {
        if self.0 == "Svc" {
            &[DebtVerb::Reload, DebtVerb::Restart]
        } else {
            &[]
        }
    }
}

/// What stands at a path of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    File(Digest, Option<String>),
    Dir(Option<String>),
    Link(String),
}

/// A server in memory. It refuses what a real one would: a file without its directory or owner, removing a
/// directory that is not empty or a user that owns something.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) clock: u64,
    pub(crate) nodes: BTreeMap<AbsolutePath, Node>,
    pub(crate) users: BTreeSet<String>,
    /// When each running service last read its configuration.
    pub(crate) running: BTreeMap<String, u64>,
    /// Who watches which path, and since when each has to have read it.
    pub(crate) watchers: BTreeMap<AbsolutePath, BTreeSet<String>>,
    pub(crate) due: BTreeMap<String, u64>,
    pub(crate) debts: BTreeSet<Debt>,
    /// Probes that cannot be answered.
    pub(crate) hidden: BTreeSet<Probe>,
}

impl World {
    pub(crate) fn observe(&self, probes: &[Probe]) -> Observation {
        let stat = |file_type, link| Stat {
            file_type,
            mode: 0,
            uid: 0,
            owner: String::new(),
            gid: 0,
            group: String::new(),
            size: 0,
            mtime: Timestamp(0),
            link,
        };
        let answer = |probe: &Probe| match probe {
            probe if self.hidden.contains(probe) => Answer::Failed("hidden".into()),
            Probe::Hash(path) => Answer::Hash(self.nodes.get(path).map(|node| match node {
                Node::File(digest, owner) => Hashed {
                    stat: Stat {
                        owner: owner.clone().unwrap_or_default(),
                        ..stat(FileType::File, None)
                    },
                    digest: Some(*digest),
                },
                Node::Dir(_) => Hashed {
                    stat: stat(FileType::Directory, None),
                    digest: None,
                },
                Node::Link(to) => Hashed {
                    stat: stat(FileType::Symlink, Some(to.clone())),
                    digest: None,
                },
            })),
            Probe::User(name) => Answer::User(self.users.contains(name).then(|| UserState {
                uid: 1,
                group: String::new(),
                groups: Vec::new(),
                home: String::new(),
                shell: String::new(),
                comment: String::new(),
            })),
            Probe::Unit(name) => {
                let active = if self.running.contains_key(name) {
                    "active"
                } else {
                    "inactive"
                };
                Answer::Unit(UnitState {
                    active: active.into(),
                    ..UnitState::default()
                })
            }
            Probe::Debts => Answer::Debts(self.debts.iter().cloned().collect()),
            _ => Answer::Group(Some(GroupState { gid: 0 })),
        };
        let answers = probes
            .iter()
            .map(|probe| (probe.clone(), answer(probe)))
            .collect();
        Observation {
            at: Timestamp(0),
            answers,
        }
    }

    pub(crate) fn act(&mut self, action: &Action) -> Result<(), String> {
        self.clock += 1;
        let ready = |world: &Self, at: &AbsolutePath, owner: &Option<String>| {
            let parent = at.parent().filter(|parent| parent.as_str() != "/");
            if parent.is_some_and(|parent| !matches!(world.nodes.get(&parent), Some(Node::Dir(_)))) {
                return Err(format!("no directory for {at}"));
            }
            if owner.as_ref().is_some_and(|owner| !world.users.contains(owner)) {
                return Err(format!("no owner for {at}"));
            }
            Ok(())
        };
        match action {
            Action::PutFile {
                path, content, owner, ..
            } => {
                ready(self, path, owner)?;
                for watcher in self.watchers.get(path).into_iter().flatten() {
                    self.due.insert(watcher.clone(), self.clock);
                }
                self.nodes
                    .insert(path.clone(), Node::File(*content, owner.clone()));
            }
            Action::MakeDirectory { path, owner, .. } => {
                ready(self, path, owner)?;
                self.nodes.insert(path.clone(), Node::Dir(owner.clone()));
            }
            Action::PutSymlink { path, to } => {
                ready(self, path, &None)?;
                self.nodes.insert(path.clone(), Node::Link(to.clone()));
            }
            Action::Remove { path, .. } => {
                if self.nodes.keys().any(|other| other.is_beneath(path)) {
                    return Err(format!("{path} is not empty"));
                }
                self.nodes.remove(path);
            }
            Action::PutUser { name, .. } => drop(self.users.insert(name.clone())),
            Action::RemoveUser { name } => {
                let owns = |node: &Node| matches!(node, Node::File(_, Some(owner)) | Node::Dir(Some(owner)) if owner == name);
                if self.nodes.values().any(owns) {
                    return Err(format!("{name} owns something"));
                }
                self.users.remove(name);
            }
            Action::Unit {
                name,
                verb: UnitVerb::Stop,
            } => drop(self.running.remove(name)),
            Action::Unit {
                name,
                verb: UnitVerb::Start,
            } => drop(self.running.insert(name.clone(), self.clock)),
            Action::Unit { name, .. } => {
                if let Some(read) = self.running.get_mut(name) {
                    *read = self.clock;
                }
            }
            Action::Owe { to, verb } => drop(self.debts.insert(Debt {
                to: to.clone(),
                verb: *verb,
            })),
            Action::Settle { to } => self.debts.retain(|debt| debt.to != *to),
            other => return Err(format!("the toy world cannot {other}")),
        }
        Ok(())
    }

    /// Carries groups out, but no more than `most` actions, as a crash would have it; the groups that were done.
    pub(crate) fn apply(&mut self, groups: &[StepGroup], most: usize) -> (Vec<ResourceId>, Vec<String>) {
        let (mut done, mut ids, mut errors) = (BTreeSet::new(), Vec::new(), Vec::new());
        let mut left = most;
        for (place, group) in groups.iter().enumerate() {
            if !group.needs.iter().all(|need| done.contains(&(*need as usize))) {
                continue;
            }
            let mut whole = true;
            for action in &group.actions {
                if left == 0 {
                    return (ids, errors);
                }
                left -= 1;
                if let Err(why) = self.act(action) {
                    errors.push(why);
                    whole = false;
                    break;
                }
            }
            if whole {
                done.insert(place);
                ids.push(group.resource.clone());
            }
        }
        (ids, errors)
    }
}

/// What the store would say after everything of `target` was applied.
pub(crate) fn all_applied(target: &TargetSnapshot) -> BTreeMap<ResourceId, Applied> {
    target
        .resources
        .iter()
        .map(|r| (r.id.clone(), as_applied(r)))
        .collect()
}

pub(crate) fn as_applied(resource: &Resource) -> Applied {
    let fields = Toys
        .kind(&resource.id.kind)
        .and_then(|kind| kind.desired(resource));
    Applied {
        resource: resource.clone(),
        fields,
    }
}
