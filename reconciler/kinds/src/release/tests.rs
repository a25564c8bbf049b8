use super::*;
use evenkeel_model::{AbsolutePath, Digest};
use evenkeel_testkit::{Case, Hand, MemoryFiles, SimServer, archive, desk, kind_suite, moves, walk};
use proptest::prelude::*;
use serde_json::json;

fn tar(version: &str) -> Vec<u8> {
    archive(&[
        ("shop/bin/app", version),
        ("shop/var/uploads/README", "in the archive"),
    ])
}

fn case(version: &str, more: &Value) -> Case {
    let mut spec =
        json!({"path": "/srv/shop", "version": version, "source": "shop.tar", "strip": 1, "keep": 2});
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    Case::new("release", spec).file("shop.tar", tar(version))
}

fn shared() -> Value {
    json!({"shared": ["var/uploads", "log"], "owner": "www-data", "group": "www-data"})
}

fn deploy(server: &mut SimServer, version: &str) {
    let case = case(version, &json!({}));
    let wanted = desk::load(&Release, &case.spec, &case.files);
    desk::converge(&Release, &wanted, server, None).unwrap();
}

fn releases(server: &SimServer) -> Vec<String> {
    let listing = server
        .files
        .list(&AbsolutePath::new("/srv/shop/releases").unwrap(), 100)
        .unwrap();
    let names = listing.entries.into_iter().map(|(name, _)| name);
    names.filter(|name| name != ".history").collect()
}

#[test]
fn holds_the_contract() {
    kind_suite(
        &Release,
        &[
            case("1.0", &json!({})),
            case("1.0", &shared()),
            case("2.0", &shared()).before(|server| deploy(server, "1.0")),
            case("3.0", &json!({"keep": 1}))
                .before(|server| ["1.0", "2.0"].iter().for_each(|v| deploy(server, v))),
            case("1.0", &shared()).before(|server| deploy(server, "1.0")),
            case("1.0", &json!({})).before(|server| server.make_directory("/srv/shop/releases/1.0/half")),
            case("1.0", &json!({})).before(|server| server.make_directory("/srv/shop/current")),
            case("1.0", &shared()).before(|server| {
                server.make_directory("/srv/shop/shared");
                server.edit_file("/srv/shop/shared/log", "a file may be shared too");
            }),
        ],
    );
}

#[test]
fn the_layout_is_as_promised_and_data_outlives_releases() {
    let mut server = SimServer::debian();
    for version in ["1.0", "2.0"] {
        let case = case(version, &shared());
        let wanted = desk::load(&Release, &case.spec, &case.files);
        desk::converge(&Release, &wanted, &mut server, None).unwrap();
        assert_eq!(server.text("/srv/shop/current/bin/app").as_deref(), Some(version));
        server.edit_file(&format!("/srv/shop/current/var/uploads/{version}"), "a photo");
    }
    assert_eq!(
        server.text("/srv/shop/current/var/uploads/1.0").as_deref(),
        Some("a photo")
    );
    assert_eq!(
        server.text("/srv/shop/shared/var/uploads/2.0").as_deref(),
        Some("a photo")
    );
    assert_eq!(server.text("/srv/shop/current/var/uploads/README"), None);
}

#[test]
fn going_back_only_switches_and_the_one_before_stays() {
    let mut server = SimServer::debian();
    ["1.0", "2.0", "3.0"]
        .iter()
        .for_each(|version| deploy(&mut server, version));
    assert_eq!(releases(&server), ["2.0", "3.0"]);
    let back = case("2.0", &json!({}));
    let wanted = desk::load(&Release, &back.spec, &back.files);
    let actions = desk::converge(&Release, &wanted, &mut server, None).unwrap();
    insta::assert_snapshot!(actions.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"), @r#"
    write /srv/shop/releases/.history (sha256:e80bbaa8dfcc)
    link /srv/shop/current -> releases/2.0
    "#);
    deploy(&mut server, "4.0");
    assert_eq!(
        releases(&server),
        ["2.0", "4.0"],
        "3.0 was the longest not active"
    );
}

#[test]
fn another_archive_under_the_same_version_lands_beside() {
    let mut server = SimServer::debian();
    deploy(&mut server, "1.0");
    let mut other = case("1.0", &json!({}));
    other.files = MemoryFiles::default().with("shop.tar", tar("1.0, built again"));
    let wanted = desk::load(&Release, &other.spec, &other.files);
    let actions = desk::converge(&Release, &wanted, &mut server, None).unwrap();
    assert!(
        !actions
            .iter()
            .any(|action| matches!(action, Action::Remove { .. })),
        "{actions:?}"
    );
    assert_eq!(
        server.text("/srv/shop/current/bin/app").as_deref(),
        Some("1.0, built again")
    );
    assert_eq!(
        server.text("/srv/shop/releases/1.0/bin/app").as_deref(),
        Some("1.0")
    );
    assert_eq!(desk::diff(&Release, &wanted.resource, &server, None).changes, []);
}

#[test]
fn a_bad_archive_changes_nothing_that_runs() {
    let mut server = SimServer::debian();
    deploy(&mut server, "1.0");
    let mut bad = case("2.0", &json!({}));
    bad.files = MemoryFiles::default().with("shop.tar", archive(&[("../../etc/passwd", "x")]));
    let wanted = desk::load(&Release, &bad.spec, &bad.files);
    assert!(desk::converge(&Release, &wanted, &mut server, None).is_err());
    assert_eq!(server.text("/srv/shop/current/bin/app").as_deref(), Some("1.0"));
}

#[test]
fn an_address_needs_its_digest_and_is_left_to_be_fetched() {
    let digest = Digest::of(b"x").to_string();
    let spec = |more: Value| {
        let mut spec = json!({"path": "/srv/shop", "version": "1", "source": "https://example.org/a.tgz"});
        more.as_object()
            .unwrap()
            .iter()
            .for_each(|(key, value)| spec[key] = value.clone());
        Release.load(&spec, &MemoryFiles::default())
    };
    let loaded = spec(json!({"sha256": digest})).unwrap();
    assert_eq!(
        loaded.contents[0].url.as_deref(),
        Some("https://example.org/a.tgz")
    );
    assert!(loaded.bytes.is_empty());
    let told = |more| {
        let faults: Vec<FieldError> = spec(more).unwrap_err();
        faults
            .iter()
            .map(|f| format!("{}: {}", f.path.join("."), f.message))
            .collect::<Vec<_>>()
            .join("\n")
    };
    insta::assert_snapshot!(told(json!({"version": "../1", "keep": 0, "shared": ["/x", "a/../b", "var", "var-x", "var/x"]})), @r#"
    version: this cannot be a folder's name
    keep: 1 to 100 releases can stay
    shared.0: this is no path within a release
    shared.1: this is no path within a release
    shared: "var/x" lies in "var", which is shared as a whole
    sha256: `sha256` is missing
    "#);
    insta::assert_snapshot!(told(json!({"source": "ftp://x/y", "sha256": "abc", "version": 1.4})), @r#"
    version: this must be a string, not floating point `1.4`
    sha256: a SHA-256 digest is 64 hexadecimal digits
    source: only http and https addresses can be fetched
    "#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn walks(moves in moves()) {
        let cases = [
            case("1.0", &json!({})),
            case("2.0", &shared()),
            case("3.0", &json!({"keep": 1, "owner": "www-data"})),
            case("2.0", &json!({})),
            case("2.0", &json!({"shared": ["other"]})),
        ];
        let hands: [Hand; 4] = [
            |server| { server.make_directory("/srv/shop/current"); server.remove("/srv/shop/current"); },
            |server| { server.make_directory("/srv/shop/releases/1.0"); server.remove("/srv/shop/releases/1.0"); },
            |server| { server.make_directory("/srv/shop/releases"); server.edit_file("/srv/shop/releases/.history", "?"); },
            |server| { server.make_directory("/srv/shop"); server.remove("/srv/shop"); },
        ];
        walk(&Release, &cases, &hands, &moves);
    }
}
