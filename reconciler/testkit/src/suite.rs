//! What every resource kind must hold, shown on a simulated server.

use crate::{
    MemoryFiles, SimServer,
    desk::{self, Wanted, carry_out, converge, diff, live, load, plan, stage},
};
use evenkeel_model::{AbsolutePath, Action, Fields, Kind, Predicted, Resource, SyncStatus};
use serde_json::Value;

/// One specification, and the server and repository that it meets.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it shows; told when it fails.
    pub name: &'static str,
    /// As in a manifest.
    pub spec: Value,
    /// The repository.
    pub files: MemoryFiles,
    /// The server before.
    pub server: SimServer,
}

impl Case {
    /// On a fresh Debian, with an empty repository.
    #[must_use]
    pub fn new(name: &'static str, spec: Value) -> Self {
        Self {
            name,
            spec,
            files: MemoryFiles::default(),
            server: SimServer::debian(),
        }
    }
    /// With this in the repository.
    #[must_use]
    pub fn file(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files = self.files.with(path, bytes);
        self
    }
    /// With this done to the server before.
    #[must_use]
    pub fn before(mut self, act: impl FnOnce(&mut SimServer)) -> Self {
        act(&mut self.server);
        self
    }
}

/// Holds a kind to its contract, case by case: from any state one plan converges, and the second is empty; every
/// step can be done twice; cut off after any step, the next run converges; pruning leaves nothing; what was predicted
/// is what is.
///
/// # Panics
/// When the kind does not hold it.
pub fn kind_suite(kind: &dyn Kind, cases: &[Case]) {
    for case in cases {
        let what = format!("{} ({})", kind.name(), case.name);
        let wanted = load(kind, &case.spec, &case.files);
        let again = load(kind, &case.spec, &case.files);
        assert_eq!(again.resource, wanted.resource, "{what}: loads the same twice");
        let steps = plan(kind, &wanted, &case.server, None, None);
        let mut server = case.server.clone();
        stage(&wanted, &steps, &mut server);
        let before = server.clone();
        assert_eq!(
            carry_out(&steps.actions, &mut server),
            Ok(()),
            "{what}: is carried out"
        );
        in_sync(kind, &wanted, &server, &what);
        predicted_is_what_is(&steps.actions, &server, &what);
        steps_can_be_done_twice(&steps.actions, &before, &server, &what);
        cut_off_anywhere(kind, &wanted, &steps.actions, &before, &what);
        pruned(kind, &wanted.resource, &server, &what);
    }
}

/// Live is what is desired, and there is nothing left to plan.
fn in_sync(kind: &dyn Kind, wanted: &Wanted, server: &SimServer, what: &str) {
    let resource = &wanted.resource;
    let desired = kind.desired(resource);
    let seen = live(kind, resource, server);
    match (&desired, &seen) {
        (None, None) => {}
        (Some(desired), Some(seen)) => {
            let of_desired: Fields = seen
                .iter()
                .filter(|(field, _)| desired.contains_key(*field))
                .map(|(field, value)| (field.clone(), value.clone()))
                .collect();
            assert_eq!(&of_desired, desired, "{what}: live is what is desired");
        }
        _ => assert_eq!(seen, desired, "{what}: it is there exactly if it should be"),
    }
    let diff = diff(kind, resource, server, desired.as_ref());
    assert_eq!(
        (diff.status, diff.changes.len()),
        (SyncStatus::InSync, 0),
        "{what}: the diff is empty"
    );
    let second = plan(kind, wanted, server, Some(resource), None);
    assert_eq!(second.actions, [], "{what}: a second plan is empty");
}

/// What the plan predicts for each path, user, group and package that it names is what is there after.
fn predicted_is_what_is(actions: &[Action], server: &SimServer, what: &str) {
    let mut predicted = Predicted::default();
    actions.iter().for_each(|action| predicted.absorb(action));
    let told = |path: &AbsolutePath| {
        if let Some(expected) = predicted.at(path) {
            let found = server.files.get(path).map(crate::Node::file_type);
            assert_eq!(found, expected, "{what}: predicted at {path}");
        }
    };
    for action in actions {
        match action {
            Action::PutFile { path, .. }
            | Action::MakeDirectory { path, .. }
            | Action::PutSymlink { path, .. }
            | Action::Remove { path, .. }
            | Action::Unpack { into: path, .. } => told(path),
            Action::PutUser { name, .. } | Action::RemoveUser { name } => {
                let found = server.system.users.contains_key(name);
                assert_eq!(predicted.user(name), Some(found), "{what}: predicted user {name}");
            }
            Action::PutGroup { name, .. } | Action::RemoveGroup { name } => {
                let found = server.system.groups.contains_key(name);
                assert_eq!(
                    predicted.group(name),
                    Some(found),
                    "{what}: predicted group {name}"
                );
            }
            Action::Package { name, .. } => {
                let found = server.system.packages.contains_key(name);
                let expected = predicted.package(name).unwrap_or(found);
                assert_eq!(expected, found, "{what}: predicted package {name}");
            }
            _ => {}
        }
    }
}

/// Each step done twice in a row leaves what it leaves when done once.
fn steps_can_be_done_twice(actions: &[Action], before: &SimServer, after: &SimServer, what: &str) {
    let twice: Vec<Action> = actions
        .iter()
        .flat_map(|action| [action.clone(), action.clone()])
        .collect();
    let mut server = before.clone();
    assert_eq!(
        carry_out(&twice, &mut server),
        Ok(()),
        "{what}: each step can be done twice"
    );
    assert_eq!(
        server.picture(),
        after.picture(),
        "{what}: each step done twice leaves the same"
    );
}

/// Cut off after any number of steps, a new plan converges.
fn cut_off_anywhere(kind: &dyn Kind, wanted: &Wanted, actions: &[Action], before: &SimServer, what: &str) {
    for done in 0..actions.len() {
        let what = format!("{what}, cut off after {done} of {} steps", actions.len());
        let mut server = before.clone();
        let first = actions.get(..done).unwrap_or_default();
        assert_eq!(carry_out(first, &mut server), Ok(()), "{what}");
        let result = converge(kind, wanted, &mut server, None);
        assert!(result.is_ok(), "{what}: {result:?}");
        in_sync(kind, wanted, &server, &what);
    }
}

/// Pruned, whole or cut off, nothing is seen any more. A kind whose pruning does nothing at all is let be.
fn pruned(kind: &dyn Kind, resource: &Resource, server: &SimServer, what: &str) {
    let Some(seen) = live(kind, resource, server) else {
        return;
    };
    let steps = kind.prune(resource, &seen);
    for done in (0..=steps.actions.len()).filter(|_| !steps.actions.is_empty()) {
        let what = format!(
            "{what}, pruning cut off after {done} of {} steps",
            steps.actions.len()
        );
        let mut server = server.clone();
        for bytes in &steps.contents {
            server.stage(bytes.clone());
        }
        let first = steps.actions.get(..done).unwrap_or_default();
        for action in first.iter().flat_map(|action| [action, action]) {
            assert_eq!(
                carry_out(std::slice::from_ref(action), &mut server),
                Ok(()),
                "{what}"
            );
        }
        if let Some(seen) = desk::live(kind, resource, &server) {
            let rest = kind.prune(resource, &seen);
            assert!(
                done < steps.actions.len() || rest.actions.is_empty(),
                "{what}: it is gone"
            );
            assert_eq!(carry_out(&rest.actions, &mut server), Ok(()), "{what}");
        }
        assert_eq!(
            desk::live(kind, resource, &server),
            None,
            "{what}: nothing is left"
        );
    }
}
