use super::*;
use evenkeel_testkit::{Case, Hand, MemoryFiles, SimServer, desk, kind_suite, moves, walk};
use proptest::prelude::*;
use serde_json::json;

fn case(name: &'static str, spec: Value) -> Case {
    Case::new(name, spec)
        .file("files/a.conf", "port = 80\n")
        .file("files/a.j2", "port = {{ port }}\n")
}

fn faults(spec: &Value) -> String {
    let files = MemoryFiles::default().with("files/bad.j2", "{{ nope }}");
    let told = File.load(spec, &files).unwrap_err();
    let line = |f: &FieldError| {
        let help = f.help.as_ref().map(|h| format!(" ({h})")).unwrap_or_default();
        format!("{}: {}: {}{help}", f.path.join("."), f.code, f.message)
    };
    told.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn busy(server: &mut SimServer) {
    server.edit_file("/etc/a.conf", "old");
    server.change_mode("/etc/a.conf", 0o600);
}

#[test]
fn holds_the_contract() {
    kind_suite(
        &File,
        &[
            case("inline", json!({"path": "/etc/a.conf", "content": "x"})),
            case("empty", json!({"path": "/etc/a.conf", "content": ""})),
            case(
                "source",
                json!({"path": "/etc/a.conf", "source": "files/a.conf", "mode": "0600"}),
            ),
            Case {
                files: MemoryFiles::default()
                    .with("t.j2", "{{ port }}")
                    .value("port", "80"),
                ..case("template", json!({"path": "/etc/a.conf", "template": "t.j2"}))
            },
            case(
                "secret",
                json!({"path": "/etc/a.conf", "content": "hunter2", "sensitive": true}),
            ),
            case(
                "owned",
                json!({"path": "/etc/a.conf", "content": "x", "owner": "www-data", "group": "adm"}),
            ),
            case(
                "by number",
                json!({"path": "/etc/a.conf", "content": "x", "owner": "33", "group": "4"}),
            ),
            case(
                "over another",
                json!({"path": "/etc/a.conf", "content": "x", "owner": "33"}),
            )
            .before(busy),
            case("over a link", json!({"path": "/etc/a.conf", "content": "x"}))
                .before(|server| server.link("/etc/a.conf", "/nowhere")),
            case(
                "over an empty directory",
                json!({"path": "/etc/a.conf", "content": "x"}),
            )
            .before(|server| server.make_directory("/etc/a.conf")),
            case(
                "validated",
                json!({"path": "/etc/a.conf", "content": "x", "validate": ["test", "-f", "%"]}),
            ),
            case("absent", json!({"path": "/etc/a.conf", "state": "absent"})).before(busy),
            case(
                "absent already",
                json!({"path": "/etc/a.conf", "state": "absent", "content": "kept by an overlay"}),
            ),
        ],
    );
}

#[test]
fn a_change_of_meta_sends_no_content() {
    let case = case(
        "",
        json!({"path": "/etc/a.conf", "content": "old", "owner": "www-data", "mode": "4755"}),
    )
    .before(busy);
    let wanted = desk::load(&File, &case.spec, &case.files);
    let actions = desk::plan(&File, &wanted, &case.server, None, None).actions;
    assert_eq!(
        actions.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["set mode 4755 owner www-data on /etc/a.conf"]
    );
}

#[test]
fn a_directory_with_entries_is_not_replaced() {
    let case = case("", json!({"path": "/etc/a.conf", "content": "x"})).before(|server| {
        server.make_directory("/etc/a.conf");
        server.edit_file("/etc/a.conf/mine", "precious");
    });
    let wanted = desk::load(&File, &case.spec, &case.files);
    let mut server = case.server;
    let failed = desk::converge(&File, &wanted, &mut server, None).unwrap_err();
    assert!(failed.contains("not empty"), "{failed}");
    assert_eq!(server.text("/etc/a.conf/mine").as_deref(), Some("precious"));
}

#[test]
fn a_refused_file_leaves_the_old_one() {
    let case = case(
        "",
        json!({"path": "/etc/a.conf", "content": "x", "validate": ["false", "%"]}),
    )
    .before(busy);
    let wanted = desk::load(&File, &case.spec, &case.files);
    let mut server = case.server.clone();
    assert!(desk::converge(&File, &wanted, &mut server, None).is_err());
    assert_eq!(server.picture(), case.server.picture());
}

#[test]
fn ignored_fields_are_not_touched() {
    let case = case(
        "",
        json!({"path": "/etc/a.conf", "content": "new", "mode": "0644"}),
    )
    .before(busy);
    let mut wanted = desk::load(&File, &case.spec, &case.files);
    wanted.resource.ignore = vec!["mode".into()];
    let mut server = case.server;
    desk::converge(&File, &wanted, &mut server, None).unwrap();
    let path = AbsolutePath::new("/etc/a.conf").unwrap();
    assert_eq!(server.files.get(&path).unwrap().mode, 0o600);
}

#[test]
fn only_what_is_no_secret_is_revealed() {
    for (sensitive, probes) in [(false, 1), (true, 0)] {
        let case = case(
            "",
            json!({"path": "/etc/a.conf", "content": "x", "sensitive": sensitive}),
        )
        .before(busy);
        let wanted = desk::load(&File, &case.spec, &case.files);
        let diff = desk::diff(&File, &wanted.resource, &case.server, None);
        assert_eq!(File.reveal(&wanted.resource, &diff).len(), probes);
        let shown = serde_json::to_string(&diff).unwrap();
        assert_eq!(shown.contains(&Digest::of(b"x").to_string()), !sensitive);
    }
}

#[test]
fn faults_say_what_to_do() {
    insta::assert_snapshot!(faults(&json!({"path": "etc/x", "contnet": "a", "mode": "644x", "owner": "Bad Name"})), @r#"
    contnet: unknown-field: there is no field `contnet` (did you mean `content`?)
    mode: bad-value: "644x" is no mode: write three or four octal digits in quotes, such as "0644"
    owner: bad-value: "Bad Name" is no user's or group's name: at most 32 of a-z, 0-9, '_', '-' and '.', or a number in quotes
    path: bad-value: "etc/x" is no usable path: it must be absolute (begin with '/')
    : missing-field: the file has no content (give one of content, source, template; or `state: absent`)
    "#);
    insta::assert_snapshot!(faults(&json!({"path": "/x", "content": "a", "source": "b"})), @r#"source: bad-value: `content` and `source` exclude each other (keep one of content, source, template)"#);
    insta::assert_snapshot!(faults(&json!({"source": "missing"})), @r#"
    source: no-such-file: there is no file "missing"
    path: missing-field: `path` is missing
    "#);
    insta::assert_snapshot!(faults(&json!({"path": "/x", "template": "files/bad.j2", "validate": "nginx -t"})), @r#"
    validate: wrong-type: this must be a list, not string "nginx -t" (write it as [first, second, …])
    template: bad-template: files/bad.j2: an undefined name at byte 0
    "#);
}

#[test]
fn it_needs_its_accounts_and_its_directory() {
    let case = case(
        "",
        json!({"path": "/srv/a/b", "content": "", "owner": "shop", "group": "4", "validate": ["/usr/sbin/visudo", "%"]}),
    );
    let links = File.links(&desk::load(&File, &case.spec, &case.files).resource);
    let path = |text| Link::Path(AbsolutePath::new(text).unwrap());
    assert_eq!(links.gives, [path("/srv/a/b")]);
    assert_eq!(
        links.needs,
        [
            path("/srv/a"),
            Link::User("shop".into()),
            path("/usr/sbin/visudo")
        ]
    );
}

proptest! {
    #[test]
    fn walks(moves in moves()) {
        let cases = [
            case("", json!({"path": "/etc/a", "content": "1"})),
            case("", json!({"path": "/etc/a", "content": "2", "mode": "0600", "owner": "www-data"})),
            case("", json!({"path": "/etc/a", "content": "2", "group": "adm"})),
            case("", json!({"path": "/etc/a", "state": "absent"})),
        ];
        let hands: [Hand; 4] = [
            |server| server.edit_file("/etc/a", "by hand"),
            |server| { server.edit_file("/etc/a", "1"); server.change_mode("/etc/a", 0o777); },
            |server| { server.edit_file("/etc/a", "2"); server.remove("/etc/a"); },
            |server| { server.edit_file("/etc/a", "2"); server.remove("/etc/a"); server.link("/etc/a", "b"); },
        ];
        walk(&File, &cases, &hands, &moves);
    }
}
