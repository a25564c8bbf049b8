//! Health checks of an app, on one target.

use crate::{
    diagnostic::{Finding, Report},
    node::{Content, Node},
    section::{self, Section},
};
use evenkeel_model::{AppName, Check, CheckKind, Span};

/// Reads checks whose templates are filled.
pub(crate) fn read(nodes: &[Node], app: &AppName, report: &mut Report) -> Vec<Check> {
    let mut checks: Vec<Check> = Vec::new();
    for node in nodes {
        let Some((check, named)) = read_one(node, app, report) else {
            continue;
        };
        let mut check = check;
        if checks.iter().any(|other| other.name == check.name) {
            if named {
                let message = format!("the check {:?} is given twice", check.name);
                let place = node.get("name").map_or(node.place, |name| name.place);
                report.push(Finding::error("duplicate-name", message).at(place));
                continue;
            }
            check.name = format!("{}-{}", check.name, checks.len() + 1);
        }
        checks.push(check);
    }
    checks
}

/// The check, and whether it has a name of its own.
fn read_one(node: &Node, app: &AppName, report: &mut Report) -> Option<(Check, bool)> {
    let known = [
        "name",
        "http",
        "tcp",
        "command",
        "unit",
        "startPeriod",
        "interval",
        "timeout",
        "threshold",
    ];
    let section = Section::open(node, "a check", &known, report)?;
    let kinds: Vec<_> = known[1..5]
        .iter()
        .filter_map(|key| section.get(key).map(|node| (*key, node)))
        .collect();
    let mut duration = |key: &str, default: u64, least: u64| {
        let span = section.get(key).and_then(|node| {
            let span = section::span(node, key, report)?;
            if span.as_millis() < least {
                let message = format!("{key} must be at least {}", Span::from_millis(least));
                report.push(Finding::error("bad-value", message).at(node.place));
            }
            Some(span)
        });
        span.unwrap_or_else(|| Span::from_secs(default))
    };
    let start_period = duration("startPeriod", 30, 0);
    let interval = duration("interval", 5, 100);
    let timeout = duration("timeout", 5, 10);
    let threshold = section
        .get("threshold")
        .and_then(|node| section::small(node, "threshold", 1, 1000, report));
    let name = section
        .get("name")
        .and_then(|node| section::text(node, "name", report));
    let [(key, asked)] = kinds.as_slice() else {
        let wrong = if kinds.is_empty() {
            "nothing"
        } else {
            "more than one thing"
        };
        let found = Finding::error("missing-field", format!("the check asks {wrong}")).at(node.place);
        report.push(found.help("a check has one of http, tcp, command and unit"));
        return None;
    };
    let kind = match *key {
        "http" => http(asked, report)?,
        "tcp" => CheckKind::Tcp {
            address: tcp(asked, report)?,
        },
        "command" => {
            let argv = section::texts(asked, "command", report);
            if argv.is_empty() {
                let found = Finding::error("bad-value", "command is empty").at(asked.place);
                report.push(found.help("write it as a list: the program, then its arguments"));
                return None;
            }
            CheckKind::Command { argv }
        }
        _ => CheckKind::Unit {
            name: section::text(asked, "unit", report)?.to_owned(),
        },
    };
    let check = Check {
        app: app.clone(),
        name: name.unwrap_or(key).to_owned(),
        kind,
        start_period,
        interval,
        timeout,
        threshold: threshold.unwrap_or(3),
    };
    Some((check, name.is_some()))
}

fn http(node: &Node, report: &mut Report) -> Option<CheckKind> {
    // `http: URL` is short for `http: {url: URL}`.
    if matches!(node.content, Content::Text(_)) {
        return Some(CheckKind::Http {
            url: url(node, report)?,
            status: Vec::new(),
            body: None,
            latency: None,
        });
    }
    let section = Section::open(node, "http", &["url", "status", "body", "latency"], report)?;
    let mut status = Vec::new();
    if let Some(node) = section.get("status") {
        let one = std::slice::from_ref(node);
        let items = if matches!(node.content, Content::Number(..)) {
            one
        } else {
            section::list(node, "status", report)
        };
        for item in items {
            let code = section::small(item, "status", 100, 599, report);
            status.extend(code.and_then(|code| u16::try_from(code).ok()));
        }
    }
    let body = section
        .get("body")
        .and_then(|node| section::text(node, "body", report))
        .map(str::to_owned);
    let latency = section
        .get("latency")
        .and_then(|node| section::span(node, "latency", report));
    Some(CheckKind::Http {
        url: url(section.need("url", report)?, report)?,
        status,
        body,
        latency,
    })
}

fn url(node: &Node, report: &mut Report) -> Option<String> {
    let text = section::text(node, "url", report)?;
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    let clean = !text.chars().any(|c| c.is_control() || c.is_whitespace());
    if rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) || !clean || text.len() > 2048 {
        let found = Finding::error(
            "bad-value",
            "url must begin with http:// or https:// and name a host",
        );
        report.push(found.at(node.place));
        return None;
    }
    Some(text.to_owned())
}

fn tcp(node: &Node, report: &mut Report) -> Option<String> {
    let text = section::text(node, "tcp", report)?;
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let port = port
        .and_then(|(_, port)| port.parse::<u16>().ok())
        .filter(|port| *port > 0);
    if port.is_none() {
        let found = Finding::error("bad-value", "tcp must be host:port").at(node.place);
        report.push(found);
        return None;
    }
    Some(text.to_owned())
}
