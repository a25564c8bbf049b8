//! What repositories come to.

use super::*;
use crate::RenderInput;
use evenkeel_model::{Connection, Facts, TargetName};

#[test]
fn a_lone_expression_keeps_its_type_and_text_stays_text() {
    for (written, wanted) in [
        ("\"{{ values.port }}\"", json!(8080)),
        ("\"{{ values.port + 1 }}\"", json!(8081)),
        ("\"{{ values.words }}\"", json!(["x", "y"])),
        ("\"{{ values.port == 8080 }}\"", json!(true)),
        ("\":{{ values.port }}\"", json!(":8080")),
        ("\"{{ values.name }}{{ values.port }}\"", json!("web8080")),
        ("\"{% if values.port > 1 %}big{% endif %}\"", json!("big")),
        ("\"{{ app.version }}\"", json!("1.10")),
        (
            "\"{{ app.name }}/{{ environment.name }}/{{ project.name }}/{{ target.name }}/{{ target.address }}\"",
            json!("a/dev/p/t/127.0.0.1"),
        ),
        ("no", json!("no")),
        ("~", json!(null)),
        ("0644", json!(644)),
        ("0x1f", json!(31)),
        ("1.10", json!(1.1)),
        ("'1.10'", json!("1.10")),
        ("!!str 12", json!("12")),
    ] {
        let spec = first_spec(&with_resources(&format!(
            "    - {{ kind: File, path: /f, content: {written} }}\n"
        )));
        assert_eq!(spec["content"], wanted, "{written}");
    }
}

#[test]
fn the_nearest_value_wins_and_mappings_are_merged() {
    let tree = Memory::text(
        "=== p.yaml
apiVersion: evenkeel.dev/v1
kind: Project
metadata: { name: p }
spec:
  values: { a: project, b: project, c: project, d: project, e: project, deep: { x: 1, y: 1 } }
  defaults: { sync: { interval: 5m, prune: false }, onFailure: rollback }
---
apiVersion: evenkeel.dev/v1
kind: App
metadata: { name: web }
spec:
  values: { b: app, c: app, d: app, e: app, deep: { y: 2 } }
  resources:
    - { kind: File, path: /f, content: '{{ values.a }} {{ values.b }} {{ values.c }} {{ values.d }} {{ values.e }} {{ values.deep.x }}{{ values.deep.y }}' }
---
apiVersion: evenkeel.dev/v1
kind: Environment
metadata: { name: dev }
spec:
  sync: { interval: 10s }
  values: { c: environment, d: environment, e: environment, root: /srv/dev }
  targets:
    - { name: t1, labels: { n: 1 }, values: { e: target }, local: { root: '{{ values.root }}/{{ target.name }}' } }
    - { name: t2, labels: { n: 2 }, ssh: { host: t2.example.org, become: true, connectTimeout: 3s } }
  apps:
    - { app: web, on: { n: 1 }, values: { d: entry, e: entry } }
",
    );
    let (project, found) = load(&tree, &Toys);
    assert!(found.is_empty(), "{}", listing(&found, false));
    let rendered = render(&project, "dev").unwrap();
    let target = &rendered.snapshot.targets[0];
    assert_eq!(
        target.resources[0].spec["content"],
        "project app environment entry target 12"
    );
    assert_eq!(
        target.target.connection,
        Connection::Local {
            root: Some("/srv/dev/t1".parse().unwrap())
        }
    );
    assert!(rendered.snapshot.targets[1].resources.is_empty());
    let sync = &rendered.settings.sync;
    assert_eq!(
        (sync.interval.as_millis(), sync.prune, sync.self_heal),
        (10_000, false, true)
    );
    assert_eq!(
        rendered.settings.on_failure,
        evenkeel_model::settings::OnFailure::Rollback
    );
}

#[test]
fn overlays_add_change_and_drop() {
    let tree = Memory::text(
        "=== m.yaml
apiVersion: evenkeel.dev/v1
kind: Project
metadata: { name: p }
---
apiVersion: evenkeel.dev/v1
kind: App
metadata: { name: a }
spec:
  values: { where: /srv, on: false }
  resources:
    - { kind: File, path: '{{ values.where }}/one', content: one, mode: \"0644\" }
    - { kind: File, path: /srv/two, content: two }
    - { kind: Unit, name: off, when: '{{ values.on }}' }
    - { kind: Unit, name: web, keep: 5, restartOn: ['File:/srv//one', 'File:/srv/two', 'Unit:off'], after: ['File:/new'] }
---
apiVersion: evenkeel.dev/v1
kind: Environment
metadata: { name: dev }
spec:
  targets: [{ name: t, local: }]
  apps:
    - app: a
      overlay:
        add: [{ kind: File, path: /new, content: new }]
        change: [{ resource: 'File:/srv/one', content: changed, mode: null }]
        drop: ['File:/srv/two']
",
    );
    let (project, found) = load(&tree, &Toys);
    assert!(found.is_empty(), "{}", listing(&found, false));
    let rendered = render(&project, "dev").unwrap();
    let resources = &rendered.snapshot.targets[0].resources;
    let ids: Vec<_> = resources.iter().map(|resource| resource.id.to_string()).collect();
    assert_eq!(ids, ["File:/new", "File:/srv/one", "Unit:web"]);
    assert_eq!(
        resources[1].spec,
        json!({ "path": "/srv/one", "content": "changed" })
    );
    assert_eq!(resources[2].restart_on, ["File:/srv/one".parse().unwrap()]);
    assert_eq!(resources[2].after, ["File:/new".parse().unwrap()]);
    assert_eq!(
        (resources[2].keep, &resources[2].spec["keep"]),
        (false, &json!(5))
    );
}

#[test]
fn rendering_is_deterministic_and_a_changed_value_gives_another_snapshot() {
    let resources =
        "    - { kind: File, path: /f, content: '{{ values.port }}' }\n    - { kind: Unit, name: b }\n";
    let id = |tree: &Memory| {
        let (project, _) = load(tree, &Toys);
        render(&project, "dev").unwrap().snapshot.id().unwrap()
    };
    assert_eq!(id(&with_resources(resources)), id(&with_resources(resources)));
    let other = resources.replace("port", "name");
    assert_ne!(id(&with_resources(resources)), id(&with_resources(&other)));
}

#[test]
fn facts_are_used_where_they_are_known_and_named_where_they_are_not() {
    let tree = with_resources("    - { kind: File, path: /f, content: '{{ target.facts.os }}' }\n");
    let (project, _) = load(&tree, &Toys);
    let unknown = render(&project, "dev").unwrap_err();
    assert_eq!(unknown[0].code, "facts-unknown");
    let facts = Facts {
        os: "debian".into(),
        ..Facts::default()
    };
    let input = RenderInput {
        facts: [(TargetName::new("t").unwrap(), facts)].into(),
    };
    let rendered = project
        .render(&EnvironmentName::new("dev").unwrap(), &input)
        .unwrap();
    assert_eq!(
        rendered.snapshot.targets[0].resources[0].spec["content"],
        "debian"
    );
}

#[test]
fn contents_and_downloads_are_listed_once() {
    let tree = with_resources(
        "    - { kind: File, path: /a, content: same }\n    - { kind: File, path: /b, content: same, url: 'https://x/y' }\n",
    );
    let (project, _) = load(&tree, &Toys);
    let rendered = render(&project, "dev").unwrap();
    assert_eq!(rendered.contents.len(), 1);
    assert_eq!(rendered.downloads.len(), 1);
    assert!(rendered.to_yaml().unwrap().contains("environment: dev"));
}
