//! From what is seen of a unit to what is wanted.

use super::{Spec, name, seen::Seen};
use evenkeel_model::{Action, Resource, action::UnitVerb, kind::Change, probe::DebtVerb};

/// All steps of a unit that is wanted, in order: unmask, text, daemon-reload, boot, run, mask, settle.
pub(super) fn steps(spec: &Spec, resource: &Resource, change: &Change<'_>, seen: &Seen) -> Vec<Action> {
    let wants = spec.wants().unwrap_or_default();
    let live = seen.fields();
    let absent = change.diff.is_absent();
    let managed = |field: &str| !resource.ignore.iter().any(|ignored| ignored == field);
    let off = |field: &str| {
        let differs = || (seen.unsure && field != "masked") || wants.get(field) != live.get(field);
        change.diff.changes_field(field)
            || (absent && wants.contains_key(field) && managed(field) && differs())
    };
    let content = spec
        .content
        .filter(|_| off("content") || (absent && seen.content != spec.content));
    let running = spec.running.filter(|_| managed("running"));
    let enabled = spec.enabled.filter(|_| managed("enabled"));
    let may_run = seen.running || seen.unsure;
    let again = may_run && running != Some(false) && (content.is_some() || change.owed.is_some());
    let verb = if content.is_some() {
        Some(DebtVerb::Restart)
    } else {
        change.owed
    };
    let to = || resource.id.clone();

    let mut actions = Vec::new();
    let owes_itself = again && content.is_some() && change.owed != Some(DebtVerb::Restart);
    if owes_itself {
        actions.push(Action::Owe {
            to: to(),
            verb: DebtVerb::Restart,
        });
    }
    // A mask hides whether the unit is enabled beneath it.
    let unmasks = off("masked") && spec.masked == Some(false);
    if unmasks {
        actions.push(spec.verb(UnitVerb::Unmask));
    }
    if let (Some(digest), Ok(path)) = (content, name::fragment(&spec.name)) {
        actions.push(Action::PutFile {
            path,
            content: digest,
            mode: 0o644,
            owner: None,
            group: None,
            validate: None,
        });
    }
    if content.is_some() || (seen.stale && managed("needDaemonReload")) {
        actions.push(Action::DaemonReload);
    }
    match enabled {
        Some(true) if off("enabled") || unmasks || content.is_some() => {
            actions.push(spec.verb(UnitVerb::Enable));
        }
        Some(false) if off("enabled") || unmasks => actions.push(spec.verb(UnitVerb::Disable)),
        _ => {}
    }
    if again {
        let reload = verb == Some(DebtVerb::Reload);
        actions.push(spec.verb(if reload {
            UnitVerb::Reload
        } else {
            UnitVerb::Restart
        }));
    }
    match running {
        Some(true) if !seen.running => actions.push(spec.verb(UnitVerb::Start)),
        Some(false) if may_run => actions.push(spec.verb(UnitVerb::Stop)),
        _ => {}
    }
    if off("masked") && spec.masked == Some(true) {
        actions.push(spec.verb(UnitVerb::Mask));
    }
    if owes_itself || change.owed.is_some() {
        actions.push(Action::Settle { to: to() });
    }
    actions
}
