use super::*;
use evenkeel_testkit::{Case, Hand, SimServer, desk, kind_suite, moves, walk};
use proptest::prelude::*;
use serde_json::json;

fn full(server: &mut SimServer) {
    server.make_directory("/etc/a.d/old");
    server.edit_file("/etc/a.d/old/x", "x");
    server.edit_file("/etc/a.d/y", "y");
}

#[test]
fn holds_the_contract() {
    let spec = json!({"path": "/etc/a.d", "mode": "2750", "owner": "www-data", "group": "33"});
    kind_suite(
        &Directory,
        &[
            Case::new("new", json!({"path": "/etc/a.d"})),
            Case::new("owned", spec.clone()),
            Case::new("there", spec).before(|server| server.make_directory("/etc/a.d")),
            Case::new("exclusive", json!({"path": "/etc/a.d", "exclusive": true})).before(full),
            Case::new("over a file", json!({"path": "/etc/a.d"}))
                .before(|server| server.edit_file("/etc/a.d", "x")),
            Case::new("over a link", json!({"path": "/etc/a.d", "exclusive": true}))
                .before(|server| server.link("/etc/a.d", "/etc/systemd")),
            Case::new("absent", json!({"path": "/etc/a.d", "state": "absent"}))
                .before(|server| server.make_directory("/etc/a.d")),
        ],
    );
}

#[test]
fn an_exclusive_directory_spares_what_is_managed() {
    let case = Case::new("", json!({"path": "/etc/a.d", "exclusive": true})).before(full);
    let resource = desk::load(&Directory, &case.spec, &case.files).resource;
    let observation = desk::look(&Directory, &resource, &case.server);
    let path = |text| AbsolutePath::new(text).unwrap();
    let extra = |predicted: &Predicted| {
        let live = Directory
            .observe(&resource, &observation, predicted)
            .unwrap()
            .unwrap();
        live["extra"].to_string()
    };
    let mut predicted = Predicted::default();
    assert_eq!(extra(&predicted), "old, y");
    // What is managed beneath an entry spares the entry; a file that will be gone is no longer surplus.
    predicted.manage(path("/etc/a.d/old/x"));
    assert_eq!(extra(&predicted), "y");
    predicted.absorb(&Action::Remove {
        path: path("/etc/a.d/y"),
        recursive: false,
    });
    assert_eq!(extra(&predicted), "");
    // What an earlier step makes and nobody manages is surplus as well.
    predicted.absorb(&Action::PutSymlink {
        path: path("/etc/a.d/z"),
        to: "x".into(),
    });
    assert_eq!(extra(&predicted), "z");
}

#[test]
fn what_others_put_there_survives_pruning() {
    let case = Case::new("", json!({"path": "/etc/a.d"})).before(full);
    let resource = desk::load(&Directory, &case.spec, &case.files).resource;
    let live = desk::live(&Directory, &resource, &case.server).unwrap();
    let mut server = case.server;
    let failed = desk::carry_out(&Directory.prune(&resource, &live).actions, &mut server).unwrap_err();
    assert!(failed.contains("not empty"), "{failed}");
    assert_eq!(server.text("/etc/a.d/y").as_deref(), Some("y"));
}

#[test]
fn nothing_near_the_root_can_be_exclusive() {
    let files = evenkeel_testkit::MemoryFiles::default();
    for path in ["/", "/etc"] {
        let told = Directory
            .load(&json!({"path": path, "exclusive": true}), &files)
            .unwrap_err();
        assert_eq!((told.len(), told[0].path[0].as_str()), (1, "exclusive"));
    }
    assert!(
        Directory
            .load(&json!({"path": "/etc/a.d", "exclusive": true}), &files)
            .is_ok()
    );
}

proptest! {
    #[test]
    fn walks(moves in moves()) {
        let cases = [
            Case::new("", json!({"path": "/etc/a.d"})),
            Case::new("", json!({"path": "/etc/a.d", "exclusive": true, "mode": "0700"})),
            Case::new("", json!({"path": "/etc/a.d", "owner": "www-data"})),
        ];
        let hands: [Hand; 3] = [
            |server| { server.make_directory("/etc/a.d"); server.change_mode("/etc/a.d", 0o777); },
            |server| { server.make_directory("/etc/a.d"); server.remove("/etc/a.d"); },
            |server| { server.make_directory("/etc/a.d/x"); },
        ];
        walk(&Directory, &cases, &hands, &moves);
    }
}
