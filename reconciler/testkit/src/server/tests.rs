use super::*;
use evenkeel_model::{
    AbsolutePath, Action, Answer, Outcome, Probe, ResourceId, Span,
    action::{PackageVerb, UnitVerb},
    probe::{DebtVerb, UnitState},
};

fn path(text: &str) -> AbsolutePath {
    AbsolutePath::new(text).unwrap()
}

fn unit(server: &SimServer, name: &str) -> UnitState {
    let Answer::Unit(state) = server.answer(&Probe::Unit(name.into())) else {
        panic!()
    };
    state
}

fn verb(server: &mut SimServer, name: &str, verb: UnitVerb) -> Outcome {
    server.carry(&Action::Unit {
        name: name.into(),
        verb,
    })
}

#[test]
fn a_unit_goes_through_its_life() {
    let mut server = SimServer::debian();
    let file = "/etc/systemd/system/shop.service";
    assert!(matches!(
        verb(&mut server, "shop.service", UnitVerb::Start),
        Outcome::Failed(_)
    ));
    server.edit_file(file, "[Service]\nExecStart=/bin/shop\n[Install]\n");
    assert_eq!(verb(&mut server, "shop.service", UnitVerb::Enable), Outcome::Done);
    assert_eq!(verb(&mut server, "shop.service", UnitVerb::Start), Outcome::Done);
    let state = unit(&server, "shop.service");
    assert_eq!(
        (state.active.as_str(), state.file_state.as_str()),
        ("active", "enabled")
    );
    assert!(!state.need_daemon_reload);
    server.edit_file(file, "[Service]\nExecStart=/bin/shop2\n[Install]\n");
    assert!(unit(&server, "shop.service").need_daemon_reload);
    server.carry(&Action::DaemonReload);
    assert!(!unit(&server, "shop.service").need_daemon_reload);
    server.edit_file("/tmp/x", "");
    server.stop_unit("shop.service");
    assert_eq!(
        verb(&mut server, "shop.service", UnitVerb::Restart),
        Outcome::Done
    );
    assert_eq!(
        unit(&server, "shop.service").active,
        "inactive",
        "what does not run is not restarted"
    );
    server.reboot();
    assert_eq!(
        unit(&server, "shop.service").active,
        "active",
        "what is enabled starts at boot"
    );
    verb(&mut server, "shop.service", UnitVerb::Mask);
    assert_eq!(unit(&server, "shop.service").load, "masked");
}

#[test]
fn packages_bring_files_and_units_and_take_them_along() {
    let mut server = SimServer::debian();
    let package = |version: Option<&str>, name: &str| Action::Package {
        manager: None,
        name: name.into(),
        verb: PackageVerb::Install {
            version: version.map(Into::into),
            refresh_after: Span::default(),
        },
    };
    assert!(matches!(
        server.carry(&package(None, "nonsense")),
        Outcome::Failed(_)
    ));
    assert!(matches!(
        server.carry(&package(Some("9"), "nginx")),
        Outcome::Failed(_)
    ));
    assert_eq!(server.carry(&package(None, "nginx")), Outcome::Done);
    assert_eq!(unit(&server, "nginx.service").active, "active");
    assert_eq!(server.carry(&package(Some("1.22.1-9"), "nginx")), Outcome::Done);
    assert_eq!(
        server.system.packages["nginx"].version.as_deref(),
        Some("1.22.1-9")
    );
    server.remove_package("nginx");
    assert_eq!(unit(&server, "nginx.service").load, "not-found");
    assert!(server.text("/usr/sbin/nginx").is_none());
}

#[test]
fn a_restart_that_is_owed_outweighs_a_reload() {
    let mut server = SimServer::debian();
    let to = ResourceId::new("Unit", "a.service").unwrap();
    for verb in [DebtVerb::Reload, DebtVerb::Restart, DebtVerb::Reload] {
        server.carry(&Action::Owe { to: to.clone(), verb });
    }
    assert_eq!(server.owed(), [("Unit:a.service".to_owned(), DebtVerb::Restart)]);
    server.carry(&Action::Settle { to });
    assert!(server.owed().is_empty());
}

#[test]
fn a_file_needs_its_bytes_its_owner_and_its_directory() {
    let mut server = SimServer::debian();
    let content = server.stage(*b"x");
    let put = |content, at: &str, owner: &str| Action::PutFile {
        path: path(at),
        content,
        mode: 0o600,
        owner: Some(owner.into()),
        group: None,
        validate: None,
    };
    for (bad, why) in [
        (put(Digest::of(b"never staged"), "/etc/x", "root"), "staged"),
        (put(content, "/etc/x", "nobody-here"), "no user"),
        (put(content, "/no/x", "root"), "no such"),
        (put(content, "/etc", "root"), "directory"),
    ] {
        let Outcome::Failed(told) = server.carry(&bad) else {
            panic!("{bad}")
        };
        assert!(told.contains(why), "{told}");
    }
    assert_eq!(server.carry(&put(content, "/etc/x", "www-data")), Outcome::Done);
    let Answer::Stat(Some(stat)) = server.answer(&Probe::Stat(path("/etc/x"))) else {
        panic!()
    };
    assert_eq!(
        (stat.mode, stat.owner.as_str(), stat.size),
        (0o600, "www-data", 1)
    );
}

#[test]
fn a_failure_skips_those_who_need_it_and_no_others() {
    use evenkeel_model::{StepGroup, SyncStatus};
    let mut server = SimServer::debian();
    let group = |name: &str, path_text: &str, needs: &[u32]| StepGroup {
        resource: ResourceId::new("File", name).unwrap(),
        status: SyncStatus::Missing,
        prune: false,
        changes: Vec::new(),
        actions: vec![Action::PutSymlink {
            path: path(path_text),
            to: "x".into(),
        }],
        needs: needs.to_vec(),
    };
    let groups = [
        group("/a", "/no/a", &[]),
        group("/b", "/b", &[0]),
        group("/c", "/c", &[]),
        group("/d", "/d", &[1]),
    ];
    let told = |results: Vec<evenkeel_model::StepResult>| -> Vec<&'static str> {
        let word = |outcome: &Outcome| match outcome {
            Outcome::Done => "done",
            Outcome::Failed(_) => "failed",
            Outcome::Unknown(_) => "unknown",
            Outcome::Skipped(_) => "skipped",
        };
        results.iter().map(|result| word(&result.outcome)).collect()
    };
    assert_eq!(
        told(server.clone().execute(&groups, u32::MAX)),
        ["failed", "skipped", "done", "skipped"]
    );
    assert_eq!(
        told(server.execute(&groups, 1)),
        ["failed", "unknown", "unknown", "unknown"]
    );
}
