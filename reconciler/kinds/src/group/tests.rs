use crate::stand::{Stand, faults, kind};
use evenkeel_model::{SyncStatus, kind::Steps};
use evenkeel_testkit::{Case, kind_suite};
use proptest::prelude::*;
use serde_json::json;

#[test]
fn a_group_is_made_renumbered_and_removed() {
    let mut stand = Stand::new();
    let any = stand.load("Group", &json!({"name": "shop", "system": true}));
    assert_eq!(stand.plan(&any, None).0.status, SyncStatus::Missing);
    assert_eq!(stand.steps(&any), "make group shop so");
    stand.converge(&any);
    let numbered = stand.load("Group", &json!({"name": "shop", "gid": 900}));
    let (diff, _) = stand.plan(&numbered, Some(&any));
    assert!(diff.changes_field("gid") && diff.status == SyncStatus::Pending);
    stand.converge(&numbered);
    assert_eq!(stand.server.system.groups["shop"], 900);
    assert_eq!(stand.prune(&numbered), "remove group shop");
    assert_eq!(stand.live(&numbered), None);
    let absent = stand.load("Group", &json!({"name": "shop", "state": "absent"}));
    stand.converge(&numbered);
    stand.converge(&absent);
}

#[test]
fn the_group_of_root_stays() {
    let told = [
        faults("Group", &json!({"name": "root", "state": "absent"})),
        faults("Group", &json!({"name": "wheel", "gid": 0})),
        faults("Group", &json!({"name": "0", "gid": 4_294_967_295_u32, "gdi": 1})),
    ];
    insta::assert_snapshot!(told.join("\n--\n"), @r#"
    state: bad-value: the group of root is never removed
    --
    gid: bad-value: the number 0 is root's, and root has no other
    --
    gdi: unknown-field: there is no field `gdi`
    name: bad-value: a group's name is no number
    gid: bad-value: the number 4294967295 means "no group"
    "#);
    let mut stand = Stand::new();
    let root = stand.load("Group", &json!({"name": "root"}));
    let live = stand.live(&root).unwrap();
    assert_eq!(kind("Group").prune(&root, &live), Steps::default());
}

#[test]
fn conforms() {
    let cases = [
        Case::new("any number", json!({"name": "shop"})),
        Case::new("a number", json!({"name": "shop", "gid": 900, "system": true})),
        Case::new("another number", json!({"name": "adm", "gid": 900})),
        Case::new("gone", json!({"name": "adm", "state": "absent"})),
    ];
    kind_suite(kind("Group"), &cases);
}

proptest! {
    #[test]
    fn every_state_leads_to_every_other(there in proptest::option::of(1..900_u32), gid in proptest::option::of(1000..2000_u32), absent: bool) {
        let mut stand = Stand::new();
        if let Some(gid) = there.filter(|gid| ![4, 27, 33].contains(gid)) {
            stand.server.system.groups.insert("shop".into(), gid);
        }
        let mut spec = json!({"name": "shop"});
        if let Some(gid) = gid {
            spec["gid"] = json!(gid);
        }
        if absent {
            spec["state"] = json!("absent");
        }
        let group = stand.load("Group", &spec);
        stand.converge(&group);
    }
}
