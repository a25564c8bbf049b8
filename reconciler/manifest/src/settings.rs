//! An environment's settings: when it syncs, in which batches, and which commits it accepts.

use crate::{
    diagnostic::{Finding, Report},
    node::{Content, Node},
    section::{self, Section},
};
use evenkeel_model::{
    Settings, Span,
    settings::{Accept, Batch, OnFailure, Rollout, Signer, SyncMode, SyncSettings, Track},
};

/// The fields of an environment's (or a project's `defaults`) that are settings.
pub(crate) const FIELDS: [&str; 5] = ["sync", "rollout", "onFailure", "track", "accept"];

/// Reads settings from a mapping that may have other fields besides.
pub(crate) fn read(spec: &Node, report: &mut Report) -> Settings {
    let get = |key| {
        spec.get(key)
            .filter(|node| !matches!(node.content, Content::Null | Content::Refused))
    };
    let choices = [
        ("rollback", OnFailure::Rollback),
        ("stop", OnFailure::Stop),
        ("continue", OnFailure::Continue),
    ];
    Settings {
        sync: get("sync").map(|node| sync(node, report)).unwrap_or_default(),
        rollout: get("rollout")
            .map(|node| rollout(node, report))
            .unwrap_or_default(),
        on_failure: get("onFailure")
            .and_then(|node| section::choice(node, "onFailure", &choices, report))
            .unwrap_or_default(),
        track: get("track").map(|node| track(node, report)).unwrap_or_default(),
        accept: get("accept").map(|node| accept(node, report)).unwrap_or_default(),
    }
}

fn sync(node: &Node, report: &mut Report) -> SyncSettings {
    let mut settings = SyncSettings::default();
    let known = ["mode", "selfHeal", "prune", "pruneLimit", "interval", "retry"];
    let Some(section) = Section::open(node, "sync", &known, report) else {
        return settings;
    };
    let modes = [
        ("automatic", SyncMode::Automatic),
        ("approval", SyncMode::Approval),
        ("manual", SyncMode::Manual),
    ];
    if let Some(mode) = section
        .get("mode")
        .and_then(|node| section::choice(node, "mode", &modes, report))
    {
        settings.mode = mode;
    }
    if let Some(heal) = section
        .get("selfHeal")
        .and_then(|node| section::flag(node, "selfHeal", report))
    {
        settings.self_heal = heal;
    }
    if let Some(prune) = section
        .get("prune")
        .and_then(|node| section::flag(node, "prune", report))
    {
        settings.prune = prune;
    }
    if let Some(limit) = section
        .get("pruneLimit")
        .and_then(|node| percent(node, "pruneLimit", 0, report))
    {
        settings.prune_limit_percent = limit;
    }
    if let Some(interval) = section
        .get("interval")
        .and_then(|node| pace(node, "interval", report))
    {
        settings.interval = interval;
    }
    if let Some(node) = section.get("retry")
        && let Some(retry) = Section::open(node, "retry", &["after", "atMost"], report)
    {
        if let Some(after) = retry.get("after").and_then(|node| pace(node, "after", report)) {
            settings.retry_after = after;
            settings.retry_at_most = settings.retry_at_most.max(after);
        }
        if let Some((node, most)) = retry
            .get("atMost")
            .and_then(|n| Some((n, pace(n, "atMost", report)?)))
        {
            settings.retry_at_most = most;
            if most < settings.retry_after {
                let message = format!("atMost ({most}) is shorter than after ({})", settings.retry_after);
                report.push(Finding::error("bad-value", message).at(node.place));
            }
        }
    }
    settings
}

/// A duration of at least a second: what happens over and over again.
fn pace(node: &Node, what: &str, report: &mut Report) -> Option<Span> {
    let span = section::span(node, what, report)?;
    if span < Span::from_secs(1) {
        report.push(Finding::error("bad-value", format!("{what} must be at least 1s")).at(node.place));
        return None;
    }
    Some(span)
}

/// `25%`, or the same as a number.
fn percent(node: &Node, what: &str, from: u8, report: &mut Report) -> Option<u8> {
    let written = match &node.content {
        Content::Text(text) => text.strip_suffix('%').map(str::trim_end),
        Content::Number(_, written) => Some(written.as_str()),
        _ => None,
    };
    let share = written
        .and_then(|text| text.parse().ok())
        .filter(|share| (from..=100).contains(share));
    if share.is_none() && node.content != Content::Refused {
        let message = format!("{what} must be a share from {from}% to 100%");
        report.push(Finding::error("bad-value", message).at(node.place));
    }
    share
}

fn rollout(node: &Node, report: &mut Report) -> Rollout {
    let mut rollout = Rollout::default();
    let known = ["batches", "pause", "maxFailures"];
    let Some(section) = Section::open(node, "rollout", &known, report) else {
        return rollout;
    };
    if let Some(node) = section.get("batches") {
        let batches: Vec<_> = section::list(node, "batches", report)
            .iter()
            .filter_map(|item| match item.content {
                Content::Number(..) => section::small(item, "a batch", 1, 100_000, report).map(Batch::Count),
                _ => percent(item, "a batch", 1, report).map(Batch::Percent),
            })
            .collect();
        match batches.is_empty() {
            false => rollout.batches = batches,
            true if matches!(&node.content, Content::List(items) if items.is_empty()) => {
                let found = Finding::error("bad-value", "batches is empty").at(node.place);
                report.push(found.help("leave it out to deploy to all targets at once"));
            }
            true => {}
        }
    }
    if let Some(pause) = section
        .get("pause")
        .and_then(|node| section::span(node, "pause", report))
    {
        rollout.pause = pause;
    }
    let failures = section.get("maxFailures");
    if let Some(most) = failures.and_then(|node| section::small(node, "maxFailures", 0, 100_000, report)) {
        rollout.max_failures = most;
    }
    rollout
}

fn track(node: &Node, report: &mut Report) -> Track {
    let known = ["branch", "tag", "commit"];
    let Some(section) = Section::open(node, "track", &known, report) else {
        return Track::Default;
    };
    let given: Vec<_> = known
        .iter()
        .filter_map(|key| section.get(key).map(|node| (*key, node)))
        .collect();
    if given.len() > 1 {
        let found = Finding::error("conflict", "track names more than one of branch, tag and commit");
        report.push(found.at(node.place));
    }
    let Some((key, node)) = given.first() else {
        return Track::Default;
    };
    let Some(name) = section::word(node, key, report) else {
        return Track::Default;
    };
    let mut refuse = |message: &str| {
        report.push(Finding::error("bad-value", message).at(node.place));
        Track::Default
    };
    let hexadecimal = || matches!(name.len(), 40 | 64) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    match *key {
        "commit" if hexadecimal() => Track::Commit(name.to_lowercase()),
        "commit" => refuse("commit must be a full id of 40 or 64 hexadecimal digits"),
        _ if !is_reference(&name) => refuse(&format!("{key} is no name that Git takes")),
        "branch" => Track::Branch(name),
        _ => Track::Tag(name),
    }
}

/// The rules of git-check-ref-format(1) that matter: no climbing, no options, no patterns.
fn is_reference(name: &str) -> bool {
    let bad = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    !name.is_empty()
        && name.len() <= 200
        && !name.starts_with(['-', '/', '.'])
        && !name.ends_with(['/', '.'])
        && !name.ends_with(".lock")
        && !name.contains("..")
        && !name.contains("//")
        && !name.contains("@{")
        && !name.chars().any(bad)
}

fn accept(node: &Node, report: &mut Report) -> Accept {
    let mut accept = Accept::default();
    let Some(section) = Section::open(node, "accept", &["rewind", "signers"], report) else {
        return accept;
    };
    if let Some(rewind) = section
        .get("rewind")
        .and_then(|node| section::flag(node, "rewind", report))
    {
        accept.rewind = rewind;
    }
    if let Some(node) = section.get("signers") {
        for item in section::list(node, "signers", report) {
            accept.signers.extend(signer(item, report));
        }
    }
    accept
}

fn signer(node: &Node, report: &mut Report) -> Option<Signer> {
    let section = Section::open(node, "a signer", &["principal", "ssh", "openpgp"], report)?;
    let principal = section.need("principal", report)?;
    let principal = section::text(principal, "principal", report)?.to_owned();
    match (section.get("ssh"), section.get("openpgp")) {
        (Some(key), None) => {
            let text = section::text(key, "ssh", report)?.trim().to_owned();
            if text.lines().count() != 1 || text.split_whitespace().count() < 2 {
                let found = Finding::error("bad-value", "ssh must be a public key").at(key.place);
                report.push(found.help("as in a .pub file: its type, and the key"));
                return None;
            }
            Some(Signer::Ssh { principal, key: text })
        }
        (None, Some(key)) => {
            let text = section::text(key, "openpgp", report)?;
            if !text.contains("-----BEGIN PGP PUBLIC KEY BLOCK-----") {
                let found = Finding::error("bad-value", "openpgp must be an armoured public key");
                report.push(found.at(key.place).help("gpg --armor --export KEY"));
                return None;
            }
            Some(Signer::OpenPgp {
                principal,
                key: text.to_owned(),
            })
        }
        _ => {
            let found = Finding::error("missing-field", "a signer has either ssh or openpgp").at(node.place);
            report.push(found);
            None
        }
    }
}
