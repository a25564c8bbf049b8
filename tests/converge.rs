//! The main job on real servers: a push converges eight of them; what is changed by hand is told exactly, and healed.

use evenkeel_tests::{
    fleet::Fleet,
    service::{Manifests, Scratch, Service},
};
use serde_json::Value;
use std::{fmt::Write as _, time::Duration};

type Done = Result<(), Box<dyn std::error::Error>>;

const MINUTE: Duration = Duration::from_secs(60);

fn environment(fleet: &Fleet, sync: &str) -> String {
    let mut text = format!(
        "apiVersion: evenkeel.dev/v1\nkind: Environment\nmetadata: {{ name: prod }}\nspec:\n  sync: {sync}\n  apps:\n    - app: beacon\n  targets:\n"
    );
    for server in &fleet.servers {
        let _ = write!(
            text,
            "    - name: {}\n      ssh: {{ host: {}, user: root, knownHosts: {}, identity: {} }}\n",
            server.name,
            server.address,
            server.known_hosts.display(),
            server.identity.display()
        );
    }
    text
}

const PROJECT: &str = "apiVersion: evenkeel.dev/v1\nkind: Project\nmetadata: { name: fleet }\nspec: {}\n";

fn app(motd: &str, extra: &str) -> String {
    format!(
        "apiVersion: evenkeel.dev/v1
kind: App
metadata: {{ name: beacon }}
spec:
  resources:
    - {{ kind: Package, name: beacon }}
    - {{ kind: Package, name: greet, version: '1.0' }}
    - {{ kind: Group, name: shop }}
    - {{ kind: User, name: shop, group: shop, system: true, home: /srv/shop, shell: /usr/sbin/nologin }}
    - {{ kind: Directory, path: /srv/shop, owner: shop, group: shop, mode: '0750' }}
    - {{ kind: File, path: /srv/shop/config.toml, owner: shop, mode: '0640', content: 'motd = \"{motd}\"' }}
    - {{ kind: Symlink, path: /srv/shop/current, to: config.toml }}
    - {{ kind: Unit, name: beacon.service, enabled: true, running: true, restartOn: ['File:/srv/shop/config.toml'] }}
{extra}"
    )
}

const CRUMB: &str = "    - { kind: File, path: /etc/crumb, content: 'here' }\n";

fn in_sync(status: &Value) -> bool {
    status["sync"] == "InSync" && status["health"] == "Healthy"
}

/// The changes of one resource on one target, as `diff --json` gives them.
fn changes<'a>(preview: &'a Value, target: &str, resource: &str) -> Option<(&'a Value, &'a Value)> {
    let difference = preview["differences"]
        .as_array()?
        .iter()
        .find(|one| one["target"] == target)?;
    let found = difference["resources"]
        .as_array()?
        .iter()
        .find(|one| one["resource"] == resource)?;
    Some((&found["status"], &found["changes"]))
}

#[test]
fn eight_servers_are_what_git_says_and_come_back_to_it() -> Done {
    let Some(mut fleet) = Fleet::boot_or_skip(8) else {
        return Ok(());
    };
    let scratch = Scratch::new("converge")?;
    let manifests = Manifests::new(scratch.path())?;
    let automatic = "{ mode: automatic, interval: 2s, pruneLimit: 100 }";
    manifests.push(
        &[
            ("project.yaml", PROJECT),
            ("prod.yaml", &environment(&fleet, automatic)),
            ("beacon.yaml", &app("one", CRUMB)),
        ],
        "the beacon",
    )?;
    let service = Service::start(&scratch.path().join("state"), &manifests.url())?;

    // A push converges all of them, and a second look plans nothing.
    service.until("prod", "eight servers converge", 3 * MINUTE, in_sync)?;
    for server in &fleet.servers {
        assert_eq!(server.must(&["cat", "/srv/shop/current"])?, "motd = \"one\"");
        assert_eq!(
            server.must(&["systemctl", "is-active", "beacon.service"])?.trim(),
            "active"
        );
        assert_eq!(server.must(&["greet"])?.trim(), "greet 1.0");
        assert_eq!(
            server.must(&["stat", "-c", "%U %G %a", "/srv/shop"])?.trim(),
            "shop shop 750"
        );
    }
    let (code, plan) = service.json(&["plan", "prod"])?;
    assert_eq!(
        (code, plan["plan"]["targets"].as_array().map(Vec::len)),
        (0, Some(0)),
        "{plan:#}"
    );
    let history: Vec<Value> = serde_json::from_str(&service.must(&["history", "prod", "--json"])?)?;
    assert_eq!(history.len(), 1, "one deployment did it: {history:#?}");

    // Four hands on four servers, while automation is held: each is told exactly.
    service.must(&["hold", "prod", "--reason", "watching drift"])?;
    fleet.servers[0].must(&[
        "sh",
        "-c",
        "echo hacked >/srv/shop/config.toml; chmod 644 /srv/shop/config.toml",
    ])?;
    fleet.servers[1].must(&["systemctl", "stop", "beacon.service"])?;
    fleet.servers[2].must(&["apt-get", "remove", "-y", "-q", "greet"])?;
    fleet.servers[3].must(&["userdel", "shop"])?;
    let drifted = |status: &Value| {
        let targets = status["targets"].as_array().cloned().unwrap_or_default();
        targets.iter().take(4).all(|target| target["sync"] == "Drifted")
    };
    let status = service.until("prod", "the drift is seen", MINUTE, drifted)?;
    assert_eq!(status["sync"], "Drifted");
    let (code, previews) = service.json(&["diff", "prod"])?;
    assert_eq!(code, 2);
    let preview = &previews[0];
    let (status, file) = changes(preview, "server-1", "File:/srv/shop/config.toml").ok_or("file")?;
    assert_eq!(status, "Drifted");
    let fields: Vec<_> = file
        .as_array()
        .into_iter()
        .flatten()
        .map(|change| &change["field"])
        .collect();
    assert_eq!(fields, ["content", "mode"], "{file:#}");
    assert!(
        file.as_array()
            .into_iter()
            .flatten()
            .all(|change| change["cause"] == "Drifted"),
        "{file:#}"
    );
    let text = preview["texts"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|text| text["target"] == "server-1");
    assert_eq!(text.ok_or("text")?["live"], "hacked\n");
    let (status, unit) = changes(preview, "server-2", "Unit:beacon.service").ok_or("unit")?;
    assert_eq!(status, "Drifted");
    assert_eq!(unit.as_array().map(Vec::len), Some(1), "{unit:#}");
    assert_eq!(unit[0]["field"], "running");
    assert_eq!(
        (&unit[0]["desired"]["flag"], &unit[0]["live"]["flag"]),
        (&true.into(), &false.into())
    );
    // What is gone is told as one change: it should be there, it is not, and it was when last deployed.
    let gone = |changes: &Value| {
        let expected = serde_json::json!([{
            "field": "present",
            "cause": "Drifted",
            "desired": { "flag": true },
            "live": { "flag": false },
            "applied": { "flag": true },
        }]);
        assert_eq!(*changes, expected);
    };
    let (status, package) = changes(preview, "server-3", "Package:greet").ok_or("package")?;
    assert_eq!(status, "Drifted");
    gone(package);
    let (status, user) = changes(preview, "server-4", "User:shop").ok_or("user")?;
    assert_eq!(status, "Drifted");
    gone(user);

    // Let go, it is healed.
    service.must(&["resume", "prod"])?;
    service.until("prod", "the drift is healed", 2 * MINUTE, in_sync)?;
    assert_eq!(
        fleet.servers[0]
            .must(&["stat", "-c", "%a", "/srv/shop/config.toml"])?
            .trim(),
        "640"
    );
    assert_eq!(
        fleet.servers[0].must(&["cat", "/srv/shop/config.toml"])?,
        "motd = \"one\""
    );
    assert_eq!(
        fleet.servers[1]
            .must(&["systemctl", "is-active", "beacon.service"])?
            .trim(),
        "active"
    );
    assert_eq!(fleet.servers[2].must(&["greet"])?.trim(), "greet 1.0");
    assert_eq!(
        fleet.servers[3].must(&["stat", "-c", "%U", "/srv/shop"])?.trim(),
        "shop"
    );

    // What left Git is pruned; a change restarts what watches it, everywhere.
    let before = fleet.servers[4].must(&["systemctl", "show", "-P", "MainPID", "beacon.service"])?;
    let commit = manifests.push(&[("beacon.yaml", &app("two", ""))], "two, and no crumb")?;
    let deployed =
        |status: &Value| in_sync(status) && status["deployed"]["revision"]["id"] == commit.as_str();
    service.until("prod", "the second commit is deployed", 2 * MINUTE, deployed)?;
    for server in &fleet.servers {
        assert!(!server.exec(&["test", "-e", "/etc/crumb"])?.ok(), "pruned");
        assert_eq!(server.must(&["cat", "/srv/shop/config.toml"])?, "motd = \"two\"");
    }
    let after = fleet.servers[4].must(&["systemctl", "show", "-P", "MainPID", "beacon.service"])?;
    assert_ne!(before, after, "restarted");

    // A server without power is Unknown; the others go on; it converges when it is back.
    fleet.servers[7].power_off();
    manifests.push(&[("beacon.yaml", &app("three", ""))], "three")?;
    let going_on = |status: &Value| {
        let targets = status["targets"].as_array().cloned().unwrap_or_default();
        targets.len() == 8
            && targets[7]["sync"] == "Unknown"
            && targets.iter().take(7).all(|target| target["sync"] == "InSync")
            && status["desired"]["revision"]["subject"] == "three"
    };
    service.until("prod", "seven go on without the eighth", 2 * MINUTE, going_on)?;
    assert_eq!(
        fleet.servers[6].must(&["cat", "/srv/shop/config.toml"])?,
        "motd = \"three\""
    );
    fleet.servers[7].reboot()?;
    service.until("prod", "the eighth is back", 2 * MINUTE, in_sync)?;
    assert_eq!(
        fleet.servers[7].must(&["cat", "/srv/shop/config.toml"])?,
        "motd = \"three\""
    );
    let (code, _) = service.json(&["plan", "prod"])?;
    assert_eq!(code, 0, "nothing is left to do");
    Ok(())
}

#[test]
fn a_deployment_whose_checks_fail_is_rolled_back_and_says_so() -> Done {
    let Some(fleet) = Fleet::boot_or_skip(1) else {
        return Ok(());
    };
    let scratch = Scratch::new("rollback")?;
    let manifests = Manifests::new(scratch.path())?;
    let settings = "{ mode: automatic, interval: 2s, pruneLimit: 100 }\n  onFailure: rollback";
    let checked = |word: &str| {
        format!(
            "apiVersion: evenkeel.dev/v1
kind: App
metadata: {{ name: beacon }}
spec:
  resources:
    - {{ kind: File, path: /etc/word, content: {word} }}
  checks:
    - {{ name: word, command: [grep, -qx, good, /etc/word], startPeriod: 0s, interval: 250ms, timeout: 5s, threshold: 2 }}
"
        )
    };
    manifests.push(
        &[
            ("project.yaml", PROJECT),
            ("prod.yaml", &environment(&fleet, settings)),
            ("beacon.yaml", &checked("good")),
        ],
        "a good word",
    )?;
    let service = Service::start(&scratch.path().join("state"), &manifests.url())?;
    service.until("prod", "the good word is deployed", 2 * MINUTE, in_sync)?;
    manifests.push(&[("beacon.yaml", &checked("bad"))], "a bad word")?;
    let rolled_back =
        |status: &Value| status["hold"].is_object() && status["lastDeployment"]["outcome"] == "succeeded";
    let status = service.until("prod", "the bad word is rolled back", 2 * MINUTE, rolled_back)?;
    assert_eq!(fleet.servers[0].must(&["cat", "/etc/word"])?, "good");
    let history: Vec<Value> = serde_json::from_str(&service.must(&["history", "prod", "--json"])?)?;
    let outcomes: Vec<_> = history.iter().map(|one| one["outcome"].to_string()).collect();
    assert_eq!(history.len(), 3, "{history:#?}");
    assert_eq!(
        history[1]["outcome"]["rolledBack"]["by"], "prod/3",
        "{outcomes:?}"
    );
    assert_eq!(history[0]["trigger"]["automaticRollback"]["failed"], "prod/2");
    assert_eq!(history[0]["trigger"]["automaticRollback"]["to"], "prod/1");
    assert!(
        status["hold"]["reason"]
            .as_str()
            .is_some_and(|reason| !reason.is_empty())
    );
    assert!(
        service
            .must(&["show", "prod/2"])?
            .contains("failed, rolled back by prod/3")
    );

    // Git moves on to something good: the hold ends by itself.
    manifests.push(
        &[("beacon.yaml", &checked("good").replace("/etc/word", "/etc/words"))],
        "a better word",
    )?;
    let moved_on = |status: &Value| in_sync(status) && status["hold"].is_null();
    service.until("prod", "the hold ends when Git moves on", 2 * MINUTE, moved_on)?;
    assert!(!fleet.servers[0].exec(&["test", "-e", "/etc/word"])?.ok());
    Ok(())
}
