//! What a resource kind is: pure functions between a specification, a server's answers, and actions.

use crate::{
    AbsolutePath, Action, ContentRef, Digest, Fields, Observation, Predicted, Probe, Resource, ResourceDiff,
    probe::DebtVerb,
};
use serde_json::Value;
use std::sync::Arc;

/// A resource kind. It never touches a server: it asks probes, reads answers, and gives actions.
///
/// **Architecture Invariant:** no IO, no clock; the same input gives the same output, always.
pub trait Kind: Send + Sync {
    /// As in the manifest's `kind:`; letters and digits.
    fn name(&self) -> &'static str;

    /// How exact a plan of this kind is.
    fn fidelity(&self) -> Fidelity;

    /// JSON Schema (2020-12) of its fields, without those that all kinds share.
    fn schema(&self) -> Value;

    /// Reads a specification from a manifest, templates filled: checks every field, sets defaults, and brings it to
    /// the canonical form that a [`Resource`] carries. All faults are told, not the first.
    ///
    /// # Errors
    /// Every fault found, each with the path of its field.
    fn load(&self, spec: &Value, files: &dyn Files) -> Result<Loaded, Vec<FieldError>>;

    /// What it gives and what it needs, for the order that nobody has to declare.
    fn links(&self, resource: &Resource) -> Links;

    /// What must be asked to see it.
    fn probes(&self, resource: &Resource) -> Vec<Probe>;

    /// What Git says it should be; `None`: it should not be there.
    fn desired(&self, resource: &Resource) -> Option<Fields>;

    /// What the server says it is, as it will be once the `predicted` steps are done (none, for a mere look);
    /// `None`: it is not there.
    ///
    /// # Errors
    /// Why it cannot be seen.
    fn observe(
        &self,
        resource: &Resource,
        observation: &Observation,
        predicted: &Predicted,
    ) -> Result<Option<Fields>, String>;

    /// How to get from live to desired. Called when the diff has changes or something is owed to it. Done in order;
    /// a failed one ends them.
    fn steps(&self, resource: &Resource, change: &Change<'_>) -> Steps;

    /// How to take away what was applied and is no longer in Git. `live` is never `None`.
    fn prune(&self, applied: &Resource, live: &Fields) -> Steps;

    /// What to read so that a person can see the difference (a drifted file's text). Never for a secret.
    fn reveal(&self, resource: &Resource, diff: &ResourceDiff) -> Vec<Probe> {
        let _ = (resource, diff);
        Vec::new()
    }

    /// Which verbs can be owed to it.
    fn owes(&self) -> &'static [DebtVerb] {
        &[]
    }
}

/// What [`Kind::steps`] goes by.
pub struct Change<'a> {
    /// What is off; no changes if only something is owed.
    pub diff: &'a ResourceDiff,
    /// What the server says.
    pub live: Option<&'a Fields>,
    /// What was last applied, if anything was.
    pub applied: Option<&'a Resource>,
    /// A restart or reload that is due: owed since before, or by an earlier step of this plan.
    pub owed: Option<DebtVerb>,
    /// All answers.
    pub observation: &'a Observation,
    /// What earlier steps will have made.
    pub predicted: &'a Predicted,
}

/// Actions, and bytes that they need and no snapshot holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// In order.
    pub actions: Vec<Action>,
    /// Small contents made while planning (a log of releases), named in `actions` by their digests.
    pub contents: Vec<Vec<u8>>,
}

impl From<Vec<Action>> for Steps {
    fn from(actions: Vec<Action>) -> Self {
        Self {
            actions,
            contents: Vec::new(),
        }
    }
}

/// A specification that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The resource's name.
    pub name: String,
    /// The canonical specification.
    pub spec: Value,
    /// The bytes it needs on the server.
    pub contents: Vec<ContentRef>,
    /// Those of them that reading produced.
    pub bytes: Vec<(Digest, Arc<[u8]>)>,
}

/// A fault in a specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The way to the field from the resource's own mapping, as keys and indexes: `["restartOn", "0"]`.
    pub path: Vec<String>,
    /// What is wrong, in lower case, with no full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// A stable code: `unknown-field`, `wrong-type`, `missing-field`, `bad-value`, `no-such-file` …
    pub code: &'static str,
}

impl FieldError {
    /// A fault at one field.
    pub fn new(code: &'static str, path: &[&str], message: impl Into<String>) -> Self {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        Self {
            path,
            message: message.into(),
            help: None,
            code,
        }
    }
    /// The same, with what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The files of the manifest repository, and the values to fill them with.
pub trait Files {
    /// A file's bytes, by its path from the project's root.
    ///
    /// # Errors
    /// Why not: not there, a symbolic link, too large, outside the root.
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String>;
    /// A file's text as a template, filled with the values in force here.
    ///
    /// # Errors
    /// The fault, with the line in that file.
    fn fill(&self, path: &str) -> Result<String, String>;
}

/// How exact a kind's plan is: what is planned is what will be done, and the state predicted is what will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fidelity {
    /// Always.
    Full,
    /// But for this.
    Partial(&'static str),
}

/// What a resource gives to others and needs of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// These are there once it is applied.
    pub gives: Vec<Link>,
    /// These first, if any resource on the target gives them. A path is also given by its nearest managed directory.
    pub needs: Vec<Link>,
}

/// Something that one resource gives and another needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    /// What stands at a path.
    Path(AbsolutePath),
    /// A user.
    User(String),
    /// A group.
    Group(String),
    /// A package.
    Package(String),
    /// A systemd unit.
    Unit(String),
}

/// All kinds that are known.
pub trait Catalog: Send + Sync {
    /// The kind of this name.
    fn kind(&self, name: &str) -> Option<&dyn Kind>;
    /// All names, sorted.
    fn names(&self) -> Vec<&'static str>;
}
