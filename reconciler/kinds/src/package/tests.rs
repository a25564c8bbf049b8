use crate::stand::{Stand, faults, kind};
use evenkeel_model::SyncStatus;
use evenkeel_testkit::{Case, kind_suite};
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn what_is_installed_and_held_to_what_is_done() {
    let install = |version: &str| format!("install curl={version}\n");
    let (old, new) = ("7.88.1-10", "8.14.1-2");
    // (installed version, held) and what is asked to the steps
    let table: [(Option<&str>, bool, Value, String); 10] = [
        (None, false, json!({}), "install curl\n".into()),
        (
            None,
            false,
            json!({"version": old, "hold": true}),
            install(old) + "hold package curl\n",
        ),
        (Some(old), false, json!({}), String::new()),
        (Some(old), false, json!({"version": new}), install(new)),
        (
            Some(old),
            true,
            json!({"version": new}),
            format!("unhold package curl\n{}hold package curl\n", install(new)),
        ),
        (
            Some(old),
            true,
            json!({"version": new, "hold": false}),
            format!("unhold package curl\n{}", install(new)),
        ),
        (
            Some(old),
            true,
            json!({"hold": false}),
            "unhold package curl\n".into(),
        ),
        (
            Some(old),
            false,
            json!({"hold": true}),
            "hold package curl\n".into(),
        ),
        (
            Some(old),
            true,
            json!({"state": "absent"}),
            "unhold package curl\nremove package curl\n".into(),
        ),
        (None, false, json!({"state": "absent"}), String::new()),
    ];
    for (version, held, more, steps) in table {
        let mut stand = Stand::new();
        if let Some(version) = version {
            let there = stand.load(
                "Package",
                &json!({"name": "curl", "version": version, "hold": held}),
            );
            stand.converge(&there);
        }
        let mut spec = json!({"name": "curl"});
        for (key, value) in more.as_object().unwrap() {
            spec[key] = value.clone();
        }
        let package = stand.load("Package", &spec);
        assert_eq!(
            stand.steps(&package),
            steps.trim_end(),
            "{version:?} {held} {spec}"
        );
        stand.converge(&package);
    }
}

#[test]
fn removed_by_hand_is_drift_and_healed() {
    let mut stand = Stand::new();
    let package = stand.load("Package", &json!({"name": "curl", "hold": true}));
    stand.converge(&package);
    stand.server.remove_package("curl");
    let (diff, _) = stand.plan(&package, Some(&package));
    assert_eq!(diff.status, SyncStatus::Drifted);
    let shown: Vec<_> = diff
        .changes
        .iter()
        .map(|c| format!("{}: {:?} to {:?}", c.field, c.applied, c.live))
        .collect();
    assert_eq!(shown, ["present: Some(Flag(true)) to Some(Flag(false))"]);
    stand.converge(&package);
    assert_eq!(stand.prune(&package), "unhold package curl\nremove package curl");
    assert_eq!(stand.live(&package), None);
}

#[test]
fn what_is_no_package() {
    let told = [
        faults(
            "Package",
            &json!({"name": "-y", "version": "1.*", "refreshAfter": "soon", "manager": "yum"}),
        ),
        faults("Package", &json!({"name": "a b:c:d", "hold": "yes"})),
    ];
    insta::assert_snapshot!(told.join("\n--\n"), @r#"
    manager: bad-value: unknown variant `yum`, expected one of `apt`, `dnf`, `apk`
    refreshAfter: bad-value: "soon" is not a duration: write 30s, 5m, 1h 30m or 250ms; at most a year, not negative
    name: bad-value: a package's name has letters, digits and '+', '-', '.', '_', then perhaps ':' and an architecture; at most 128 in all
    version: bad-value: a version has letters, digits and '.', '+', '-', ':', '~', '^', '_', at most 128 in all
    --
    hold: wrong-type: this must be a boolean, not string "yes"
    name: bad-value: a package's name has letters, digits and '+', '-', '.', '_', then perhaps ':' and an architecture; at most 128 in all
    "#);
    for good in [
        "libstdc++6",
        "libc6:i386",
        "python3.13",
        "g++",
        "xorg-x11_y",
        "0ad",
    ] {
        assert!(super::is_name(good), "{good}");
    }
    for bad in ["", "a=1", "a/b", "a:", ":b", "a b", "ü", "../x"] {
        assert!(!super::is_name(bad), "{bad}");
    }
}

#[test]
fn conforms() {
    let cases = [
        Case::new("any version", json!({"name": "curl"})),
        Case::new(
            "a version, held",
            json!({"name": "curl", "version": "7.88.1-10", "hold": true}),
        ),
        Case::new("gone", json!({"name": "curl", "state": "absent"})),
    ];
    kind_suite(kind("Package"), &cases);
}

proptest! {
    #[test]
    fn every_state_leads_to_every_other(
        there in proptest::option::of((0..2_usize, any::<bool>())),
        version in proptest::option::of(0..2_usize),
        hold in proptest::option::of(any::<bool>()),
        absent: bool,
    ) {
        let versions = ["7.88.1-10", "8.14.1-2"];
        let mut stand = Stand::new();
        if let Some((version, held)) = there {
            let there = stand.load("Package", &json!({"name": "curl", "version": versions[version], "hold": held}));
            stand.converge(&there);
        }
        let mut spec = json!({"name": "curl", "state": if absent { "absent" } else { "present" }});
        if let Some(version) = version {
            spec["version"] = json!(versions[version]);
        }
        if let Some(hold) = hold {
            spec["hold"] = json!(hold);
        }
        let package = stand.load("Package", &spec);
        stand.converge(&package);
        // What nobody asked for stays as it was.
        if let (Some((before, held)), false) = (there, absent) {
            let now = &stand.server.system.packages["curl"];
            prop_assert_eq!(now.version.as_deref(), Some(versions[version.unwrap_or(before)]));
            prop_assert_eq!(now.held, hold.unwrap_or(held));
        }
    }
}
