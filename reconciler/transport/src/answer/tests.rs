//! What package managers, systemd and files say, as tables.

use super::*;

#[test]
fn packages_of_every_manager_are_read() {
    let apt = b"installed install tar 1.34+dfsg-1\ndpkg-query: no packages found matching x\nconfig-files deinstall gone 1\ninstalled hold held 2:3-1\n";
    let dnf = b"installed install bash 5.2-1.fc40\npackage x is not installed\nlocked bash-0:5.2-1.fc40.*\n";
    let apk = b"apk busybox busybox-1.36.1-r2 x86_64 {busybox} (GPL-2.0-only) [installed]\n";
    for (manager, out, name, version, held) in [
        (PackageManager::Apt, &apt[..], "tar", Some("1.34+dfsg-1"), false),
        (
            PackageManager::Apt,
            &apt[..],
            "tar:amd64",
            Some("1.34+dfsg-1"),
            false,
        ),
        (PackageManager::Apt, &apt[..], "x", None, false),
        (PackageManager::Apt, &apt[..], "gone", None, false),
        (PackageManager::Apt, &apt[..], "held", Some("2:3-1"), true),
        (PackageManager::Dnf, &dnf[..], "bash", Some("5.2-1.fc40"), true),
        (PackageManager::Dnf, &dnf[..], "x", None, false),
        (PackageManager::Apk, &apk[..], "busybox", Some("1.36.1-r2"), false),
    ] {
        let state = package(Some(manager), name, out);
        assert_eq!(
            (state.version.as_deref(), state.held),
            (version, held),
            "{manager:?} {name}"
        );
    }
}

#[test]
fn units_are_read_in_the_order_asked() {
    let query = Query {
        units: vec!["a.service".into(), "b".into()],
        ..Query::default()
    };
    let out = b"Id=a.service\nLoadState=loaded\nActiveState=active\nNeedDaemonReload=yes\nFragmentPath=/e/a\n\nId=b.service\nLoadState=not-found\n";
    let frame = |out: &[u8], err: &[u8]| Frame {
        tag: "units".into(),
        out: out.to_vec(),
        err: err.to_vec(),
    };
    let mut heard = Heard::default();
    heard.units(&query, &frame(out, b""));
    let a = &heard.units["a.service"];
    assert!(a.active == "active" && a.need_daemon_reload && a.fragment.as_deref() == Some("/e/a"));
    assert_eq!(heard.units["b"].load, "not-found");
    let mut heard = Heard::default();
    heard.units(
        &query,
        &frame(b"", b"System has not been booted with systemd\nmore"),
    );
    assert_eq!(
        heard.unit_complaint.as_deref(),
        Some("System has not been booted with systemd")
    );
}

#[test]
fn times_keep_their_nanoseconds() {
    for (text, wanted) in [
        ("1.5", Some(1_500_000_000)),
        ("0.000000001", Some(1)),
        ("-1.000000000", Some(-1_000_000_000)),
        ("x", None),
    ] {
        assert_eq!(nanoseconds(text), wanted, "{text}");
    }
}
