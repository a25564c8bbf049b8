//! The shape of the house, held by a test instead of memory: who may know whom, what stays out of the pure rooms, how
//! long a file may be, which names say nothing.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test's own verdict and output"
)]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// No IO, no clock, no heavy dependency between an edit and its test.
const PURE: [&str; 5] = ["model", "manifest", "kinds", "plan", "engine"];
/// What each room may depend on. A room that is not here is a change of the shape: change ARCHITECTURE.md with it.
const MAY_KNOW: [(&str, &[&str]); 13] = [
    ("model", &[]),
    ("manifest", &["model"]),
    ("kinds", &["model"]),
    ("plan", &["model"]),
    ("engine", &["model", "manifest", "kinds", "plan"]),
    ("git", &["model", "engine"]),
    ("transport", &["model", "engine"]),
    ("store", &["model", "engine"]),
    ("policy", &["model", "engine"]),
    ("api", &["model", "engine"]),
    ("testkit", &PURE),
    (
        "daemon",
        &[
            "model",
            "manifest",
            "kinds",
            "plan",
            "engine",
            "git",
            "transport",
            "store",
            "policy",
            "api",
        ],
    ),
    (
        "tests",
        &[
            "model",
            "manifest",
            "kinds",
            "plan",
            "engine",
            "git",
            "transport",
            "store",
            "policy",
            "api",
            "testkit",
        ],
    ),
];
/// What a test in any room may use on top.
const FOR_TESTS: [&str; 6] = ["testkit", "model", "manifest", "kinds", "plan", "engine"];
/// Minutes of building, or a world of their own.
const HEAVY: [&str; 12] = [
    "tokio",
    "sqlx",
    "sqlx-core",
    "git2",
    "libgit2-sys",
    "axum",
    "hyper",
    "reqwest",
    "openssh",
    "openssl-sys",
    "notify",
    "clap",
];
/// A clock, a disk, a network or an environment, by the way they are written.
const IMPURE: [&str; 8] = [
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::thread",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
];
/// Lines in a file of Rust beyond which it is two files.
const LONGEST: usize = 700;
/// Where to begin to think of it.
const LONG: usize = 380;
/// Names that say that something is done, and not what a thing is.
const EMPTY_NAMES: [&str; 5] = ["Manager", "Helper", "Util", "Utils", "Processor"];
/// What the field itself calls so: apt, dnf and apk are package managers.
const FIELD_NOUNS: [(&str, &str); 2] = [
    ("reconciler/model/src/probe.rs", "PackageManager"),
    ("reconciler/kinds/src/package.rs", "Manager"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the workspace")
        .to_owned()
}

/// The graph of this machine's own platform: other platforms' crates need not be here.
fn metadata() -> Value {
    let version = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("rustc names its host")
        .to_owned();
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--filter-platform",
            &host,
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

/// Package name → room: `evenkeel-model` is `model`, and `evenkeel` is `daemon`.
fn room(package: &str) -> Option<&str> {
    if package == "evenkeel" {
        Some("daemon")
    } else {
        package.strip_prefix("evenkeel-")
    }
}

/// An edge of the dependency graph: from, to, and whether it is for more than tests.
type Edge = (String, String, bool);

fn edges(metadata: &Value) -> Vec<Edge> {
    let names: BTreeMap<&str, &str> = array(&metadata["packages"])
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let mut edges = Vec::new();
    for node in array(&metadata["resolve"]["nodes"]) {
        for dependency in array(&node["deps"]) {
            let to = names[text(&dependency["pkg"])];
            for kind in array(&dependency["dep_kinds"]) {
                let normal = kind["kind"].as_str() != Some("dev");
                edges.push((names[text(&node["id"])].to_owned(), to.to_owned(), normal));
            }
        }
    }
    edges
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("an array")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// Edges between rooms that the shape does not have.
fn strangers(edges: &[Edge]) -> Vec<String> {
    let table: BTreeMap<&str, &[&str]> = MAY_KNOW.into_iter().collect();
    edges
        .iter()
        .filter_map(|(from, to, normal)| {
            let (from, to) = (room(from)?, room(to)?);
            let Some(known) = table.get(from) else {
                return Some(format!("{from} is not in the table of rooms"));
            };
            let fine = known.contains(&to) || (!normal && FOR_TESTS.contains(&to));
            (!fine).then(|| format!("{from} may not know {to}"))
        })
        .collect()
}

/// Heavy crates that a pure room, or its tests, would have to build.
fn weights(edges: &[Edge]) -> Vec<String> {
    let mut found = Vec::new();
    for pure in PURE {
        let package = format!("evenkeel-{pure}");
        let mut seen = BTreeSet::from([package.as_str()]);
        let mut open = vec![package.as_str()];
        while let Some(at) = open.pop() {
            for (_, to, _) in edges
                .iter()
                .filter(|(from, _, normal)| from == at && (*normal || at == package))
            {
                if seen.insert(to) {
                    open.push(to);
                }
            }
        }
        found.extend(
            HEAVY
                .iter()
                .filter(|heavy| seen.contains(**heavy))
                .map(|heavy| format!("{pure} pulls in {heavy}")),
        );
    }
    found
}

/// Every Rust source of the workspace: its path within it, and its text.
fn sources() -> Vec<(String, String)> {
    let root = root();
    let mut open = vec![
        root.join("reconciler"),
        root.join("tests"),
        root.join("src-tauri"),
    ];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.map(|entry| entry.expect("a readable folder").path()) {
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path
                    .strip_prefix(&root)
                    .expect("below the root")
                    .to_string_lossy()
                    .into_owned();
                found.push((name, fs::read_to_string(&path).expect("UTF-8")));
            }
        }
    }
    found.sort();
    assert!(found.len() > 30, "the sources were not found");
    found
}

/// What of a file is product: without its test module, and nothing of a file of tests.
fn product<'text>(path: &str, source: &'text str) -> &'text str {
    if path.ends_with("/tests.rs") || path.contains("/tests/") {
        return "";
    }
    source
        .split_once("#[cfg(test)]\nmod ")
        .map_or(source, |(before, _)| before)
}

/// Lines of a pure room that reach outside.
fn impurities(path: &str, source: &str) -> Vec<String> {
    if !PURE
        .iter()
        .any(|room| path.starts_with(&format!("reconciler/{room}/")))
    {
        return Vec::new();
    }
    product(path, source)
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .flat_map(|(number, line)| {
            IMPURE
                .iter()
                .filter(move |word| line.contains(**word))
                .map(move |word| format!("{path}:{}: {word}", number + 1))
        })
        .collect()
}

/// Types and files whose names say nothing.
fn empty_names(path: &str, source: &str) -> Vec<String> {
    let stem = Path::new(path)
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let file = EMPTY_NAMES
        .iter()
        .any(|word| stem == word.to_lowercase() || stem.ends_with(&format!("_{}", word.to_lowercase())))
        .then(|| format!("{path}: a file name that says nothing"));
    let types = source.lines().enumerate().filter_map(|(number, line)| {
        let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
        let declares = matches!(words.next()?, "struct" | "enum" | "trait" | "type");
        let name: String = words
            .next()?
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        let empty = EMPTY_NAMES
            .iter()
            .any(|word| name.len() > word.len() && name.ends_with(word) || name == **word);
        let known = FIELD_NOUNS.contains(&(path, name.as_str()));
        (declares && empty && !known).then(|| format!("{path}:{}: {name}", number + 1))
    });
    types.chain(file).collect()
}

#[test]
fn rooms_know_only_whom_they_may() {
    assert_eq!(strangers(&edges(&metadata())), Vec::<String>::new());
    let edge = |from: &str, to: &str, normal| (from.to_owned(), to.to_owned(), normal);
    let bad = [
        edge("evenkeel-git", "evenkeel-store", true),
        edge("evenkeel-plan", "evenkeel-testkit", true),
        edge("evenkeel-cellar", "evenkeel-model", true),
        edge("evenkeel", "evenkeel-testkit", true),
        edge("evenkeel-store", "evenkeel-git", false),
    ];
    assert_eq!(strangers(&bad).len(), bad.len());
    let good = [
        edge("evenkeel", "evenkeel-git", true),
        edge("evenkeel-plan", "evenkeel-testkit", false),
    ];
    assert_eq!(strangers(&good), Vec::<String>::new());
}

#[test]
fn pure_rooms_build_in_seconds() {
    let edges = edges(&metadata());
    assert_eq!(weights(&edges), Vec::<String>::new());
    let mut heavier = edges;
    heavier.push(("serde".to_owned(), "tokio".to_owned(), true));
    assert!(
        weights(&heavier).contains(&"model pulls in tokio".to_owned()),
        "it sees what is far down"
    );
}

#[test]
fn pure_rooms_reach_for_nothing_outside() {
    let found: Vec<String> = sources()
        .iter()
        .flat_map(|(path, source)| impurities(path, source))
        .collect();
    assert_eq!(found, Vec::<String>::new());
    let source = "use std::fs;\n// std::net\n#[cfg(test)]\nmod tests { use std::env; }\n";
    assert_eq!(
        impurities("reconciler/plan/src/lib.rs", source),
        ["reconciler/plan/src/lib.rs:1: std::fs"]
    );
    assert_eq!(
        impurities("reconciler/git/src/lib.rs", source),
        Vec::<String>::new()
    );
}

#[test]
fn files_stay_short() {
    let lengths: Vec<(usize, String)> = sources()
        .into_iter()
        .map(|(path, source)| (source.lines().count(), path))
        .collect();
    for (length, path) in lengths.iter().filter(|(length, _)| *length > LONG) {
        println!("{length} lines: {path}");
    }
    let longest: Vec<_> = lengths.iter().filter(|(length, _)| *length > LONGEST).collect();
    assert!(longest.is_empty(), "over {LONGEST} lines: {longest:?}");
}

#[test]
fn names_say_what_a_thing_is() {
    let found: Vec<String> = sources()
        .iter()
        .flat_map(|(path, source)| empty_names(path, source))
        .collect();
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(empty_names("a/utils.rs", "").len(), 1);
    assert_eq!(
        empty_names("a/b.rs", "pub(crate) struct TargetManager<T> {\n").len(),
        1
    );
    assert_eq!(
        empty_names(
            "a/b.rs",
            "pub struct Managers;\nenum Utility {}\nlet type_ = Helper;\n"
        )
        .len(),
        0
    );
}

#[test]
fn every_room_has_the_houses_lints() {
    let metadata = metadata();
    let members: BTreeSet<&str> = array(&metadata["workspace_members"]).iter().map(text).collect();
    for package in array(&metadata["packages"])
        .iter()
        .filter(|package| members.contains(text(&package["id"])))
    {
        let path = text(&package["manifest_path"]);
        let manifest = fs::read_to_string(path).expect("a manifest");
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{path} lacks [lints] workspace = true"
        );
    }
}
