//! Reading a user's specification as people write it.

use super::{Keys, Spec, keys};
use crate::{
    decode::Faults,
    field::{Account, PathShape, State},
};
use evenkeel_model::{AbsolutePath, Digest, FieldError, action::UserSpec};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Form {
    /// Login name.
    name: Option<Account>,
    /// Number; any if not given.
    uid: Option<u32>,
    /// Primary group's name; left alone if not given.
    group: Option<Account>,
    /// Supplementary groups, exactly these; left alone if not given.
    groups: Option<Vec<Account>>,
    /// Home directory; left alone if not given.
    #[schemars(with = "PathShape")]
    home: Option<AbsolutePath>,
    /// Whether the home directory is made when the user is; yes if not given, but for a system user without keys.
    create_home: Option<bool>,
    /// Login shell; left alone if not given.
    #[schemars(with = "PathShape")]
    shell: Option<AbsolutePath>,
    /// Comment, usually the full name; left alone if not given.
    comment: Option<String>,
    /// Whether a new user gets a number from the system range; no if not given.
    system: Option<bool>,
    /// Public keys that may log in, exactly these; left alone if not given.
    authorized_keys: Option<Vec<String>>,
    /// Whether the user is to be there; `present` if not given.
    state: Option<State>,
}

/// Checks a form; gives the specification, and the text of the keys.
pub(super) fn read(form: Form, faults: &mut Faults) -> Option<(Spec, Option<String>)> {
    let state = form.state.unwrap_or_default();
    let present = state == State::Present;
    let name = faults.require("name", form.name);
    if name.as_ref().is_some_and(Account::is_number) {
        faults.at("bad-value", "name", "a login name is no number");
    }
    let root = name.as_ref().is_some_and(|name| name.0 == "root");
    if !present && (root || form.uid == Some(0)) {
        faults.at("bad-value", "state", "root is never removed");
    } else if present && form.uid.is_some_and(|uid| (uid == 0) != root) {
        faults.at(
            "bad-value",
            "uid",
            "the number 0 is root's, and root has no other",
        );
    } else if form.uid == Some(u32::MAX) {
        faults.at("bad-value", "uid", "the number 4294967295 means \"no user\"");
    }
    let groups = form.groups.as_ref();
    let numbered = groups.is_some_and(|groups| groups.iter().any(Account::is_number));
    for (field, bad) in [
        ("group", form.group.as_ref().is_some_and(Account::is_number)),
        ("groups", numbered),
    ] {
        if bad {
            faults.at("bad-value", field, "groups are given by name");
        }
    }
    // passwd(5): a colon ends a field, a line break the line.
    let bad = |text: &str| text.contains(':') || text.chars().any(char::is_control) || text.len() > 1024;
    for (field, text) in [
        ("comment", form.comment.as_deref()),
        ("home", form.home.as_ref().map(AbsolutePath::as_str)),
        ("shell", form.shell.as_ref().map(AbsolutePath::as_str)),
    ] {
        if text.is_some_and(bad) {
            let message = format!("`{field}` has no ':' and no control characters, and at most 1024 bytes");
            faults.at("bad-value", field, message);
        }
    }
    let lines = form.authorized_keys.filter(|_| present);
    check_keys(lines.as_deref().unwrap_or_default(), faults);

    let name = name?.0;
    let system = form.system.unwrap_or_default();
    let fallback = || {
        if root {
            "/root".to_owned()
        } else {
            format!("/home/{name}")
        }
    };
    let home = form
        .home
        .clone()
        .or_else(|| AbsolutePath::new(&fallback()).ok())?;
    let text = lines.map(|lines| {
        lines
            .iter()
            .map(|line| format!("{}\n", line.trim()))
            .collect::<String>()
    });
    let keys = match &text {
        Some(text) => Some(Keys {
            digest: Digest::of(text.as_bytes()),
            directory: home.join(".ssh").ok()?,
            file: home.join(".ssh/authorized_keys").ok()?,
        }),
        None => None,
    };
    let primary = form.group.map(|group| group.0);
    let groups: Option<BTreeSet<String>> = form
        .groups
        .map(|groups| groups.into_iter().map(|g| g.0).collect());
    let groups = groups.map(|groups| {
        groups
            .into_iter()
            .filter(|group| Some(group) != primary.as_ref())
            .collect()
    });
    let user = UserSpec {
        uid: form.uid,
        group: primary,
        groups,
        home: form.home,
        create_home: form.create_home.unwrap_or(!system || keys.is_some()),
        shell: form.shell.map(|shell| shell.to_string()),
        comment: form.comment,
        system,
    };
    let spec = Spec {
        user: if present { user } else { UserSpec::default() },
        name,
        state,
        keys,
    };
    Some((spec, text))
}

fn check_keys(lines: &[String], faults: &mut Faults) {
    if lines.len() > 256 {
        faults.at("bad-value", "authorizedKeys", "a user has at most 256 keys");
    }
    for (at, line) in lines.iter().enumerate().take(256) {
        if let Err(why) = keys::check(line) {
            faults.add(FieldError::new(
                "bad-value",
                &["authorizedKeys", &at.to_string()],
                why,
            ));
        }
    }
}
