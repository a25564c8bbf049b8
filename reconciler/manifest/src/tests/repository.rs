//! The starter, the schema, and which files are read.

use super::*;
use crate::document::is_document;

#[test]
fn documents_are_yaml_outside_hidden_directories_and_files() {
    for (path, is) in [
        ("a.yaml", true),
        ("a/b/c.yml", true),
        ("a.json", false),
        (".ci/a.yaml", false),
        ("a/.b/c.yaml", false),
        ("apps/files/c.yaml", false),
        ("files.yaml", true),
        (".hidden.yaml", false),
    ] {
        assert_eq!(is_document(path), is, "{path}");
    }
}

#[test]
fn the_schema_knows_every_kind_and_document() {
    let schema = crate::schema(&Toys);
    for pointer in [
        "/$defs/kindFile/properties/path",
        "/$defs/kindFile/properties/restartOn",
        "/$defs/kindUnit/properties/keep/anyOf/2",
        "/$defs/environment/properties/rollout",
        "/$defs/project/properties/defaults",
        "/$defs/app/properties/checks",
    ] {
        assert!(schema.pointer(pointer).is_some(), "{pointer}");
    }
    // Every reference leads somewhere.
    let text = schema.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(schema.pointer(pointer).is_some(), "{pointer}");
    }
}

fn on_disk(root: &std::path::Path) -> Memory {
    let mut files = Vec::new();
    let mut rest = vec![root.to_owned()];
    while let Some(directory) = rest.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                rest.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    Memory::new(files)
}

#[test]
fn the_starter_validates_without_a_word() {
    let tree = Memory::new(crate::starter());
    let found = validate(&tree, evenkeel_kinds::catalog());
    assert!(found.is_empty(), "{}", listing(&found, false));
}

#[test]
fn the_worked_examples_validate_without_a_word() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests");
    for (project, targets) in [
        ("shop", [("dev", 1), ("staging", 1), ("prod", 2)].as_slice()),
        ("servers", &[("staging", 1), ("prod", 3)]),
    ] {
        let tree = on_disk(&root.join(project));
        let found = validate(&tree, evenkeel_kinds::catalog());
        assert!(found.is_empty(), "{}", listing(&found, false));
        let (project, _) = load(&tree, evenkeel_kinds::catalog());
        for (environment, count) in targets {
            let rendered = render(&project, environment)
                .map_err(|found| listing(&found, false))
                .unwrap();
            assert_eq!(rendered.snapshot.targets.len(), *count);
            assert!(
                rendered
                    .snapshot
                    .targets
                    .iter()
                    .all(|target| target.resources.len() > 9 && !target.checks.is_empty())
            );
        }
    }
}

#[test]
fn a_configuration_that_templates_make_is_json() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests/shop");
    let tree = on_disk(&root);
    let (project, _) = load(&tree, evenkeel_kinds::catalog());
    let rendered = render(&project, "prod").unwrap();
    let configurations = rendered
        .contents
        .iter()
        .filter(|(_, bytes)| bytes.starts_with(b"{"));
    let ports: Vec<_> = configurations
        .map(|(_, bytes)| serde_json::from_slice::<Value>(bytes).unwrap()["port"].clone())
        .collect();
    assert_eq!(ports.len(), 2);
    assert!(
        ports.contains(&json!(18101)) && ports.contains(&json!(18102)),
        "{ports:?}"
    );
}
