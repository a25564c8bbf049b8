use crate::stand::{Stand, faults, kind};
use evenkeel_model::{Action, Predicted, SyncStatus, action::UserSpec, kind::Steps};
use evenkeel_testkit::{Case, kind_suite};
use proptest::prelude::*;
use serde_json::{Value, json};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f ops";
const FILE: &str = "/home/shop/.ssh/authorized_keys";

fn full() -> Value {
    json!({
        "name": "shop", "uid": 1500, "group": "www-data", "groups": ["sudo", "adm", "www-data", "adm"],
        "home": "/home/shop", "shell": "/bin/bash", "comment": "the shop", "authorizedKeys": [KEY],
    })
}

#[test]
fn from_nothing_to_a_user_with_keys_and_away_again() {
    let mut stand = Stand::new();
    let user = stand.load("User", &full());
    insta::assert_snapshot!(stand.steps(&user), @r#"
    make user shop so
    make directory /home/shop/.ssh
    write /home/shop/.ssh/authorized_keys (sha256:ffa8bff7f1f2)
    "#);
    stand.converge(&user);
    assert_eq!(stand.server.text(FILE), Some(format!("{KEY}\n")));
    assert_eq!(stand.prune(&user), "remove user shop");
    assert_eq!(stand.live(&user), None);
    assert!(stand.server.text(FILE).is_some(), "the home stays");
    stand.converge(&user);
    let absent = stand.load("User", &json!({"name": "shop", "state": "absent"}));
    stand.converge(&absent);
}

#[test]
fn each_field_by_hand_and_healed() {
    type Hand = fn(&mut evenkeel_testkit::User);
    let table: [(&str, Hand); 6] = [
        ("uid", |user| user.uid = 1999),
        ("group", |user| user.gid = 4),
        ("groups", |user| {
            user.groups.remove("adm");
        }),
        ("home", |user| user.home = "/srv/shop".into()),
        ("shell", |user| user.shell = "/bin/sh".into()),
        ("comment", |user| user.comment.clear()),
    ];
    for (field, hand) in table {
        let mut stand = Stand::new();
        let user = stand.load("User", &full());
        stand.converge(&user);
        hand(stand.server.system.users.get_mut("shop").unwrap());
        let (diff, actions) = stand.plan(&user, Some(&user));
        let fields: Vec<_> = diff
            .changes
            .iter()
            .map(|change| change.field.as_str())
            .filter(|f| !f.contains('.'))
            .collect();
        assert_eq!((fields, diff.status), (vec![field], SyncStatus::Drifted));
        assert!(matches!(
            &actions[0],
            Action::PutUser {
                user: UserSpec { uid: Some(1500), .. },
                ..
            }
        ));
        stand.converge(&user);
    }
}

#[test]
fn keys_by_hand_and_healed() {
    let mut stand = Stand::new();
    let user = stand.load("User", &full());
    stand.converge(&user);
    stand.server.edit_file(FILE, "ssh-ed25519 intruder\n");
    stand.server.change_mode(FILE, 0o666);
    let (diff, actions) = stand.plan(&user, Some(&user));
    let fields: Vec<_> = diff.changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(fields, ["authorizedKeys", "authorizedKeys.mode"]);
    assert_eq!(actions.len(), 2);
    assert_eq!(kind("User").reveal(&user, &diff).len(), 1);
    stand.converge(&user);
    stand.server.remove(FILE);
    stand.converge(&user);
    // A link in place of the file is replaced, one in place of its directory is not followed.
    stand.server.remove(FILE);
    stand.server.link(FILE, "/etc/shadow");
    stand.converge(&user);
    stand.server.remove("/home/shop/.ssh");
    stand.server.link("/home/shop/.ssh", "/etc");
    let seen = kind("User").observe(&user, &stand.look(&user), &Predicted::default());
    assert!(seen.unwrap_err().contains("not followed"));
}

#[test]
fn no_keys_is_an_empty_file_and_keys_not_given_are_left_alone() {
    let mut stand = Stand::new();
    let user = stand.load("User", &full());
    stand.converge(&user);
    let silent = stand.load("User", &json!({"name": "shop"}));
    assert_eq!(stand.steps(&silent), "");
    let none = stand.load("User", &json!({"name": "shop", "authorizedKeys": []}));
    stand.converge(&none);
    assert_eq!(stand.server.text(FILE).as_deref(), Some(""));
}

#[test]
fn a_group_of_its_own_name_becomes_its_group() {
    let mut stand = Stand::new();
    let user = stand.load("User", &json!({"name": "shop", "system": true}));
    let group = stand.load("Group", &json!({"name": "shop", "gid": 900}));
    let own = |stand: &Stand| match stand.plan(&user, None).1.as_slice() {
        [Action::PutUser { user, .. }] => (user.group.clone(), user.create_home),
        other => panic!("{other:?}"),
    };
    assert_eq!(own(&stand), (None, false));
    let (_, actions) = stand.plan(&group, None);
    stand.predicted.absorb(&actions[0]);
    assert_eq!(own(&stand), (Some("shop".into()), false));
    stand.predicted = Predicted::default();
    stand.converge(&group);
    stand.converge(&user);
    assert_eq!(stand.server.system.users["shop"].gid, 900);
}

#[test]
fn root_stays() {
    let mut stand = Stand::new();
    let root = stand.load("User", &json!({"name": "root", "authorizedKeys": [KEY]}));
    stand.converge(&root);
    assert!(stand.server.text("/root/.ssh/authorized_keys").is_some());
    let live = stand.live(&root).unwrap();
    assert_eq!(kind("User").prune(&root, &live), Steps::default());
    // Also under another name.
    let toor = stand.load("User", &json!({"name": "www-data"}));
    stand.server.system.users.get_mut("www-data").unwrap().uid = 0;
    let live = stand.live(&toor).unwrap();
    assert_eq!(kind("User").prune(&toor, &live), Steps::default());
}

#[test]
fn what_is_no_user() {
    let told = [
        faults("User", &json!({"name": "root", "state": "absent"})),
        faults(
            "User",
            &json!({"name": "toor", "uid": 0, "comment": "a:b", "home": "/home/x:y", "shell": "bash"}),
        ),
        faults(
            "User",
            &json!({"name": "1000", "group": "100", "groups": ["a", "7"], "createhome": true}),
        ),
        faults(
            "User",
            &json!({"name": "x", "authorizedKeys": [KEY, "ssh-rsa nonsense", format!("{KEY}\n{KEY}")]}),
        ),
        faults("User", &json!({"name": "Bad Name"})),
    ];
    insta::assert_snapshot!(told.join("\n--\n"), @r#"
    state: bad-value: root is never removed
    --
    shell: bad-value: "bash" is no usable path: it must be absolute (begin with '/')
    uid: bad-value: the number 0 is root's, and root has no other
    comment: bad-value: `comment` has no ':' and no control characters, and at most 1024 bytes
    home: bad-value: `home` has no ':' and no control characters, and at most 1024 bytes
    --
    createhome: unknown-field: there is no field `createhome`
    name: bad-value: a login name is no number
    group: bad-value: groups are given by name
    groups: bad-value: groups are given by name
    --
    authorizedKeys.1: bad-value: this is no key of type ssh-rsa, or it is cut off
    authorizedKeys.2: bad-value: a key is one line without control characters
    --
    name: bad-value: "Bad Name" is no user's or group's name: at most 32 of a-z, 0-9, '_', '-' and '.', or a number in quotes
    "#);
}

#[test]
fn conforms() {
    let cases = [
        Case::new("by name", json!({"name": "shop"})),
        Case::new("everything", full()),
        Case::new(
            "keys of a system user",
            json!({"name": "shop", "system": true, "authorizedKeys": [KEY]}),
        ),
        Case::new("another number", json!({"name": "www-data", "uid": 1500})),
        Case::new("gone", json!({"name": "www-data", "state": "absent"})),
    ];
    kind_suite(kind("User"), &cases);
}

proptest! {
    #[test]
    fn every_state_leads_to_every_other(from in spec(), to in spec(), hand in 0..4_u8) {
        let mut stand = Stand::new();
        let from = stand.load("User", &from);
        stand.converge(&from);
        match hand {
            1 if stand.server.system.users.contains_key("shop") => stand.server.delete_user("shop"),
            2 if stand.server.text(FILE).is_some() => stand.server.edit_file(FILE, "x"),
            3 if stand.server.text(FILE).is_some() => stand.server.remove("/home/shop/.ssh"),
            _ => {}
        }
        let to = stand.load("User", &to);
        stand.converge(&to);
    }
}

/// Any specification that can be read.
fn spec() -> impl Strategy<Value = Value> {
    (any::<[bool; 7]>(), 0..3_u8).prop_map(|(given, keys)| {
        let full = full();
        let mut spec = json!({"name": "shop"});
        if given[0] {
            spec["state"] = json!("absent");
            return spec;
        }
        for (given, field) in given
            .iter()
            .skip(1)
            .zip(["uid", "group", "groups", "home", "shell", "comment"])
        {
            if *given {
                spec[field] = full[field].clone();
            }
        }
        if keys > 0 {
            spec["authorizedKeys"] = json!(vec![KEY; usize::from(keys) - 1]);
        }
        spec
    })
}
