use super::*;
use evenkeel_testkit::{Case, Hand, MemoryFiles, desk, kind_suite, moves, walk};
use proptest::prelude::*;
use serde_json::json;

#[test]
fn holds_the_contract() {
    let spec = json!({"path": "/etc/l", "to": "../srv/x"});
    kind_suite(
        &Symlink,
        &[
            Case::new("new", spec.clone()),
            Case::new("dangling", json!({"path": "/etc/l", "to": "/nowhere"})),
            Case::new("elsewhere", spec.clone()).before(|server| server.link("/etc/l", "/old")),
            Case::new("over a file", spec.clone()).before(|server| server.edit_file("/etc/l", "x")),
            Case::new("over an empty directory", spec).before(|server| server.make_directory("/etc/l")),
            Case::new("absent", json!({"path": "/etc/l", "state": "absent"}))
                .before(|s| s.link("/etc/l", "x")),
        ],
    );
}

#[test]
fn it_needs_what_it_points_to() {
    for (to, needs) in [
        ("../srv/x", Some("/srv/x")),
        ("/a//b", Some("/a/b")),
        ("l", None),
        ("../../..", None),
    ] {
        let wanted = desk::load(
            &Symlink,
            &json!({"path": "/etc/l", "to": to}),
            &MemoryFiles::default(),
        );
        let path = |text: &str| Link::Path(AbsolutePath::new(text).unwrap());
        let expected: Vec<_> = [path("/etc")].into_iter().chain(needs.map(path)).collect();
        assert_eq!(Symlink.links(&wanted.resource).needs, expected, "{to}");
    }
}

#[test]
fn what_came_in_its_place_is_not_pruned() {
    let wanted = desk::load(
        &Symlink,
        &json!({"path": "/etc/l", "to": "x"}),
        &MemoryFiles::default(),
    );
    let case = Case::new("", Value::Null).before(|server| server.edit_file("/etc/l", "by hand"));
    let live = desk::live(&Symlink, &wanted.resource, &case.server).unwrap();
    assert_eq!(Symlink.prune(&wanted.resource, &live), Steps::default());
}

#[test]
fn an_impossible_link_is_refused() {
    for to in ["", "a\nb", &"a".repeat(5000)] {
        let told = Symlink
            .load(&json!({"path": "/etc/l", "to": to}), &MemoryFiles::default())
            .unwrap_err();
        assert_eq!((told.len(), told[0].path[0].as_str()), (1, "to"));
    }
}

proptest! {
    #[test]
    fn walks(moves in moves()) {
        let cases = [
            Case::new("", json!({"path": "/etc/l", "to": "a"})),
            Case::new("", json!({"path": "/etc/l", "to": "/b"})),
            Case::new("", json!({"path": "/etc/l", "state": "absent"})),
        ];
        let hands: [Hand; 3] = [
            |server| server.link("/etc/l", "c"),
            |server| { server.link("/etc/l", "c"); server.remove("/etc/l"); },
            |server| { server.link("/etc/l", "c"); server.edit_file("/etc/l", "x"); },
        ];
        walk(&Symlink, &cases, &hands, &moves);
    }
}
