//! What people read when something is wrong.

use super::*;

#[test]
fn all_faults_are_told_at_once_with_their_lines() {
    let tree = Memory::text(
        "=== environments/dev.yaml
apiVersion: evenkeel.dev/v1
kind: Environment
metadata: { name: dev }
spec:
  sync: { mode: automatc, intervall: 30, pruneLimit: 300% }
  rollout: { batches: [1, 25%, 0] }
  targets:
    - name: Web_1
      local: {}
    - name: web-2
      labels: { role: web }
      ssh: { port: 99999, host: -oProxyCommand=x }
    - { name: web-3, labels: { role: web }, local: {} }
  apps:
    - app: wbe
    - app: web
      on: { role: wbe }
    - app: web
      on: { role: web }
      overlay:
        drop: [\"File:/etc/wbe\"]
=== apps/web.yaml
apiVersion: evenkeel.dev/v1
kind: App
metadata: { name: web }
spec:
  values: { port: 8080 }
  resources:
    - kind: File
      path: /etc/web
      modee: \"0644\"
      content: \"port = {{ values.prot }}\"
    - kind: File
      path: /etc/web2
      mode: 0644
      ownr: root
    - kind: Fiel
    - kind: File
      path: /etc/t
      template: files/t.j2
  checks:
    - http: { url: \"127.0.0.1:{{ values.port }}\" }
    - { tcp: x, unit: y }
=== files/t.j2
first
port = {{ values.prt }}
",
    );
    insta::assert_snapshot!(told(&tree));
}

#[test]
fn references_and_rings_are_told() {
    let tree = with_resources(
        "    - { kind: File, path: /a, after: ['Unit:web'] }
    - { kind: Unit, name: web, restartOn: ['File:/b'] }
    - { kind: File, path: /b, after: ['File:/a', 'File:/b'] }
    - { kind: Unit, name: x, after: ['File:/aa', 'web'] }
    - { kind: File, path: //a }
",
    );
    insta::assert_snapshot!(told(&tree));
}

#[test]
fn yaml_that_is_refused() {
    for (text, code) in [
        ("a: &x 1", "anchor"),
        ("a: *x", "alias"),
        ("a: 1\na: 2", "duplicate-key"),
        ("<<: {a: 1}", "merge-key"),
        ("a: !!python/object x", "tag"),
        ("a: !x y", "tag"),
        ("[1]: 2", "bad-key"),
        ("a: .inf", "bad-value"),
        ("a: 99999999999999999999", "bad-value"),
        ("a: [", "syntax"),
        ("a: 'x", "syntax"),
        ("a:\n\t- b", "syntax"),
        ("%YAML 1.1\n---\na: 1", "syntax"),
        ("a: b: c", "syntax"),
        ("hello", "wrong-type"),
        ("a: 1", "unknown-field"),
        ("kind: Project\nmetadata: { name: x }", "missing-field"),
        (
            "apiVersion: v1\nkind: Project\nmetadata: { name: x }",
            "bad-value",
        ),
    ] {
        let codes: Vec<_> = load(&Memory::new([("x.yaml", text)]), &Toys)
            .1
            .iter()
            .map(|found| found.code)
            .collect();
        assert!(codes.contains(&code), "{text:?}: {codes:?}");
    }
}

#[test]
fn one_environment_with_a_fault_does_not_stop_another() {
    let tree = Memory::text(
        "=== m.yaml
apiVersion: evenkeel.dev/v1
kind: Project
metadata: { name: p }
---
apiVersion: evenkeel.dev/v1
kind: Environment
metadata: { name: good }
---
apiVersion: evenkeel.dev/v1
kind: Environment
metadata: { name: bad }
spec: { sync: { mode: never } }
",
    );
    let (project, _) = load(&tree, &Toys);
    assert!(render(&project, "good").is_ok());
    assert_eq!(render(&project, "bad").unwrap_err()[0].code, "bad-value");
    assert_eq!(
        render(&project, "goood").unwrap_err()[0].help.as_deref(),
        Some("did you mean \"good\"?")
    );
}

#[test]
fn a_hostile_line_cannot_paint_the_terminal() {
    let tree = Memory::new([("x.yaml", "kind: \"\\e[31mred\u{202e}\"\nmetadata: {name: x}\n")]);
    let told = told(&tree);
    assert!(!told.contains(['\u{1b}', '\u{202e}']), "{told}");
}
