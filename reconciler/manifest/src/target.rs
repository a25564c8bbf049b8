//! An environment's targets.

use crate::{
    diagnostic::{Finding, Report},
    node::Node,
    section::{self, Section},
};
use evenkeel_model::{AbsolutePath, Connection, Span, Target, TargetName, target::SshConnection};
use std::collections::BTreeMap;

/// The fields of a target.
pub(crate) const FIELDS: [&str; 5] = ["name", "labels", "values", "local", "ssh"];

/// A target's name, which is needed to fill the rest of it.
pub(crate) fn name(node: &Node, report: &mut Report) -> Option<TargetName> {
    let section = Section::open(node, "a target", &FIELDS, report)?;
    let name = section.need("name", report)?;
    section::parsed(name, "name", report)
}

/// Reads a target whose templates are filled.
pub(crate) fn read(node: &Node, name: TargetName, report: &mut Report) -> Option<Target> {
    let labels = node
        .get("labels")
        .map(|node| labels(node, "labels", report))
        .unwrap_or_default();
    let (connection, address) = match (node.get("local"), node.get("ssh")) {
        (Some(local), None) => (local_connection(local, report)?, "127.0.0.1".to_owned()),
        (None, Some(ssh)) => {
            let ssh = ssh_connection(ssh, report)?;
            let address = ssh.host.clone();
            (Connection::Ssh(ssh), address)
        }
        _ => {
            let message = format!("target {name} must have either local or ssh");
            let place = node.entry("name").map_or(node.place, |entry| entry.value.place);
            report.push(Finding::error("missing-field", message).at(place));
            return None;
        }
    };
    Some(Target {
        name,
        labels,
        connection,
        address,
    })
}

/// Labels: words by words.
pub(crate) fn labels(node: &Node, what: &str, report: &mut Report) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    if section::is_map(node, what, report) {
        for entry in node.entries() {
            if let Some(word) = section::word(&entry.value, &format!("label {}", entry.key), report) {
                labels.insert(entry.key.clone(), word);
            }
        }
    }
    labels
}

fn local_connection(node: &Node, report: &mut Report) -> Option<Connection> {
    // `local: {}` and `local:` both mean this machine as it is.
    if node.content == crate::node::Content::Null {
        return Some(Connection::Local { root: None });
    }
    let section = Section::open(node, "local", &["root"], report)?;
    let root = match section.get("root") {
        Some(root) => Some(section::parsed::<AbsolutePath>(root, "root", report)?),
        None => None,
    };
    Some(Connection::Local { root })
}

fn ssh_connection(node: &Node, report: &mut Report) -> Option<SshConnection> {
    let known = [
        "host",
        "port",
        "user",
        "become",
        "knownHosts",
        "identity",
        "connectTimeout",
    ];
    let section = Section::open(node, "ssh", &known, report)?;
    let argument = |key: &str, report: &mut Report| -> Option<String> {
        let node = section.get(key)?;
        let text = section::text(node, key, report)?;
        let harmless = !text.is_empty()
            && text.len() <= 1024
            && !text.starts_with('-')
            && !text
                .chars()
                .any(|c| c.is_control() || (key == "host" || key == "user") && c.is_whitespace());
        if !harmless {
            let message = format!("{key} cannot be {:?}", text.chars().take(60).collect::<String>());
            let found = Finding::error("bad-value", message).at(node.place);
            report.push(
                found.help("it must not be empty or begin with '-', nor have spaces or control characters"),
            );
            return None;
        }
        Some(text.to_owned())
    };
    let host = argument("host", report);
    if host.is_none() {
        section.need("host", report)?;
    }
    let port = section
        .get("port")
        .and_then(|node| section::small(node, "port", 1, 65_535, report));
    let timeout = section.get("connectTimeout");
    Some(SshConnection {
        host: host?,
        port: port.and_then(|port| u16::try_from(port).ok()),
        user: argument("user", report),
        r#become: section
            .get("become")
            .and_then(|node| section::flag(node, "become", report))
            .unwrap_or(false),
        known_hosts: argument("knownHosts", report),
        identity: argument("identity", report),
        connect_timeout: timeout
            .and_then(|node| section::span(node, "connectTimeout", report))
            .unwrap_or_else(|| Span::from_secs(10)),
    })
}
