use crate::stand::{Stand, faults, kind, text};
use evenkeel_model::{Action, Predicted, SyncStatus, action::PackageVerb, probe::DebtVerb};
use evenkeel_testkit::{Case, SimServer, kind_suite};
use proptest::prelude::*;
use serde_json::{Value, json};

fn shop(more: &Value) -> Value {
    let mut spec = json!({"name": "shop", "content": text("one")});
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

#[test]
fn from_nothing_to_a_running_unit_and_away_again() {
    let mut stand = Stand::new();
    let unit = stand.load("Unit", &shop(&json!({"enabled": true, "running": true})));
    assert_eq!(unit.id.to_string(), "Unit:shop.service");
    insta::assert_snapshot!(stand.steps(&unit), @"
    write /etc/systemd/system/shop.service (sha256:21d54f5a119b)
    reload systemd's unit files
    enable shop.service
    start shop.service
    ");
    stand.converge(&unit);
    insta::assert_snapshot!(stand.prune(&unit), @"
    stop shop.service
    disable shop.service
    remove /etc/systemd/system/shop.service
    reload systemd's unit files
    ");
    assert_eq!(stand.live(&unit), None);
}

#[test]
fn a_changed_text_restarts_what_runs_and_only_that() {
    let mut stand = Stand::new();
    let one = stand.load("Unit", &shop(&json!({"running": true})));
    stand.converge(&one);
    let two = stand.load("Unit", &shop(&json!({"content": text("two")})));
    insta::assert_snapshot!(stand.steps(&two), @"
    note that Unit:shop.service needs a restart
    write /etc/systemd/system/shop.service (sha256:0a7c846ebee6)
    reload systemd's unit files
    restart shop.service
    note that Unit:shop.service got what it was owed
    ");
    let starts = stand.server.system.units["shop.service"].starts;
    stand.converge(&two);
    assert!(stand.server.system.units["shop.service"].starts > starts);
    stand.server.stop_unit("shop.service");
    insta::assert_snapshot!(stand.steps(&one), @"
    write /etc/systemd/system/shop.service (sha256:21d54f5a119b)
    reload systemd's unit files
    start shop.service
    ");
}

#[test]
fn a_restart_that_is_cut_off_is_still_owed() {
    let mut stand = Stand::new();
    let one = stand.load("Unit", &shop(&json!({"running": true})));
    stand.converge(&one);
    let two = stand.load("Unit", &shop(&json!({"running": true, "content": text("two")})));
    let (_, actions) = stand.plan(&two, None);
    for cut in 0..actions.len() {
        let mut stand = Stand {
            server: stand.server.clone(),
            predicted: Predicted::default(),
        };
        let starts = stand.server.system.units["shop.service"].starts;
        stand.carry(&actions[..cut]);
        stand.converge(&two);
        assert!(
            stand.server.system.units["shop.service"].starts > starts,
            "cut at {cut}"
        );
    }
}

#[test]
fn what_is_owed_to_which_unit() {
    let unit = "note that Unit:shop.service got what it was owed";
    // (runs now, `running` asked, owed) to the verbs
    let table = [
        (true, None, DebtVerb::Restart, "restart shop.service\n"),
        (true, Some(true), DebtVerb::Restart, "restart shop.service\n"),
        (true, Some(true), DebtVerb::Reload, "reload shop.service\n"),
        (true, Some(false), DebtVerb::Restart, "stop shop.service\n"),
        (false, None, DebtVerb::Restart, ""),
        (false, Some(false), DebtVerb::Reload, ""),
        (false, Some(true), DebtVerb::Restart, "start shop.service\n"),
        (false, Some(true), DebtVerb::Reload, "start shop.service\n"),
    ];
    for (runs, running, owed, verbs) in table {
        let mut stand = Stand::new();
        let before = stand.load("Unit", &shop(&json!({"running": runs})));
        stand.converge(&before);
        let after = match running {
            Some(running) => stand.load("Unit", &shop(&json!({"running": running}))),
            None => stand.load("Unit", &shop(&json!({}))),
        };
        stand.owe(&after, owed);
        assert_eq!(
            stand.steps(&after),
            format!("{verbs}{unit}"),
            "{runs} {running:?} {owed:?}"
        );
        stand.converge(&after);
        assert!(stand.server.debts.is_empty());
    }
    // A reload is owed and the text changes: a restart does both.
    let mut stand = Stand::new();
    let one = stand.load("Unit", &shop(&json!({"running": true})));
    stand.converge(&one);
    let two = stand.load("Unit", &shop(&json!({"running": true, "content": text("two")})));
    stand.owe(&two, DebtVerb::Reload);
    let steps = stand.steps(&two);
    assert!(
        steps.contains("restart shop") && !steps.contains("reload shop"),
        "{steps}"
    );
    stand.converge(&two);
}

#[test]
fn systemd_reads_its_files_again_when_and_only_when_it_must() {
    let reload = "reload systemd's unit files";
    let write = |path: &str| Action::Remove {
        path: path.parse().unwrap(),
        recursive: false,
    };
    let unit = "/etc/systemd/system/shop.service";
    let drop_in = "/etc/systemd/system/shop.service.d/limits.conf";
    let table: [(&str, bool, Vec<Action>, bool); 7] = [
        ("nothing happened", false, vec![], false),
        ("a drop-in changed before we looked", true, vec![], true),
        (
            "and an earlier step reads it",
            true,
            vec![Action::DaemonReload],
            false,
        ),
        (
            "an earlier step writes a drop-in",
            false,
            vec![write(drop_in)],
            true,
        ),
        (
            "and another one has it read",
            false,
            vec![write(drop_in), Action::DaemonReload],
            false,
        ),
        (
            "and one more writes again",
            false,
            vec![Action::DaemonReload, write(drop_in)],
            true,
        ),
        (
            "another file is written",
            false,
            vec![write("/etc/systemd/system/other.service")],
            false,
        ),
    ];
    for (what, edited, earlier, due) in table {
        let mut stand = Stand::new();
        let spec = json!({"name": "nginx", "running": true});
        stand.carry(&[Action::Package {
            manager: None,
            name: "nginx".into(),
            verb: PackageVerb::Install {
                version: None,
                refresh_after: evenkeel_model::Span::default(),
            },
        }]);
        let earlier: Vec<_> = earlier
            .into_iter()
            .map(|action| match action {
                Action::Remove { path, .. } => write(&path.as_str().replace("shop", "nginx")),
                other => other,
            })
            .collect();
        let resource = stand.load("Unit", &spec);
        stand.converge(&resource);
        if edited {
            stand.server.make_directory("/etc/systemd/system/nginx.service.d");
            stand
                .server
                .edit_file("/etc/systemd/system/nginx.service.d/x.conf", "[Service]");
        }
        earlier.iter().for_each(|action| stand.predicted.absorb(action));
        assert_eq!(stand.steps(&resource), if due { reload } else { "" }, "{what}");
    }
    // A text of ours: once for the change.
    let mut stand = Stand::new();
    let resource = stand.load("Unit", &shop(&json!({})));
    stand.predicted.absorb(&write("/etc/hosts"));
    assert_eq!(stand.steps(&resource).matches(reload).count(), 1);
    stand.converge(&resource);
    stand.predicted.absorb(&write(unit));
    assert!(stand.steps(&resource).contains(reload));
}

#[test]
fn a_unit_that_a_package_will_bring() {
    let mut stand = Stand::new();
    let install = Action::Package {
        manager: None,
        name: "nginx".into(),
        verb: PackageVerb::Install {
            version: None,
            refresh_after: evenkeel_model::Span::default(),
        },
    };
    let nginx = stand.load(
        "Unit",
        &json!({"name": "nginx", "enabled": true, "running": true}),
    );
    let off = stand.load(
        "Unit",
        &json!({"name": "nginx", "enabled": false, "running": false}),
    );
    // Not there, and nobody brings it: what asks for nothing has it.
    assert_eq!(stand.plan(&nginx, None).0.status, SyncStatus::Missing);
    assert_eq!(stand.plan(&off, None).0.status, SyncStatus::InSync);
    stand.owe(&nginx, DebtVerb::Restart);
    stand.predicted.absorb(&install);
    // Its package may start it with a configuration that was changed since.
    insta::assert_snapshot!(stand.steps(&nginx), @"
    enable nginx.service
    restart nginx.service
    start nginx.service
    note that Unit:nginx.service got what it was owed
    ");
    for unit in [nginx, off] {
        let mut stand = Stand {
            server: stand.server.clone(),
            predicted: stand.predicted.clone(),
        };
        let (_, actions) = stand.plan(&unit, None);
        stand.carry(std::slice::from_ref(&install));
        stand.carry(&actions);
        stand.predicted = Predicted::default();
        assert_eq!(stand.plan(&unit, None).1, vec![], "the plan was not enough");
    }
}

#[test]
fn a_mask_is_put_on_last_and_taken_off_first() {
    let mut stand = Stand::new();
    let install = stand.load("Package", &json!({"name": "nginx"}));
    stand.converge(&install);
    let masked = json!({"name": "nginx", "enabled": false, "running": false, "masked": true});
    let masked = stand.load("Unit", &masked);
    insta::assert_snapshot!(stand.steps(&masked), @"
    disable nginx.service
    stop nginx.service
    mask nginx.service
    ");
    stand.converge(&masked);
    let running = stand.load(
        "Unit",
        &json!({"name": "nginx", "enabled": true, "running": true}),
    );
    insta::assert_snapshot!(stand.steps(&running), @"
    unmask nginx.service
    enable nginx.service
    start nginx.service
    ");
    stand.converge(&masked);
    assert_eq!(stand.prune(&masked), "unmask nginx.service");
    // Without a text or a mask of ours there is nothing that is ours.
    stand.converge(&running);
    assert_eq!(stand.prune(&running), "");
}

#[test]
fn by_hand() {
    let mut stand = Stand::new();
    let unit = stand.load("Unit", &shop(&json!({"enabled": true, "running": true})));
    stand.converge(&unit);
    stand.server.stop_unit("shop.service");
    let (diff, _) = stand.plan(&unit, Some(&unit));
    assert_eq!(diff.status, SyncStatus::Drifted);
    assert_eq!(diff.changes.len(), 1);
    assert_eq!(diff.changes[0].field, "running");
    stand.converge(&unit);
    stand.server.remove("/etc/systemd/system/shop.service");
    assert!(stand.plan(&unit, Some(&unit)).0.is_absent());
    stand.converge(&unit);
    stand
        .server
        .edit_file("/etc/systemd/system/shop.service", "[Service]\n");
    let (diff, _) = stand.plan(&unit, Some(&unit));
    assert!(diff.changes_field("content") && diff.status == SyncStatus::Drifted);
    assert_eq!(kind("Unit").reveal(&unit, &diff).len(), 1);
    stand.converge(&unit);
    let absent = stand.load("Unit", &json!({"name": "shop", "state": "absent"}));
    stand.converge(&absent);
    assert_eq!(stand.server.text("/etc/systemd/system/shop.service"), None);
    assert!(!stand.server.system.units["shop.service"].active);
}

#[test]
fn what_is_no_unit() {
    let oneshot = "[Service]\nType=oneshot\nExecStart=/x\n";
    let told = [
        faults("Unit", &json!({})),
        faults("Unit", &json!({"name": "x.slice", "enabld": true})),
        faults(
            "Unit",
            &json!({"name": "x", "content": oneshot, "enabled": true, "running": true}),
        ),
        faults(
            "Unit",
            &json!({"name": "x", "content": "", "source": "nowhere", "masked": true}),
        ),
        faults("Unit", &json!({"name": "x", "source": "binary"})),
        faults("Unit", &json!({"name": "x@", "running": true, "masked": true})),
    ];
    insta::assert_snapshot!(told.join("\n--\n"), @r#"
    name: missing-field: `name` is missing
    --
    enabld: unknown-field: there is no field `enabld`
    name: bad-value: units of type .slice are not kept, only .service, .timer, .socket, .target, .path, .mount
    --
    enabled: bad-value: the text has no [Install] section, so there is nothing to enable
    running: bad-value: a oneshot does not stay running once it is done
    --
    source: bad-value: `source` and `content` cannot both be given
    content: bad-value: this is no unit's text: it has no section
    masked: bad-value: a masked unit cannot have text
    --
    source: no-such-file: a unit's text is UTF-8, and this is not
    --
    running: bad-value: a template cannot run, only its instances
    masked: bad-value: a masked unit cannot have `running: true`
    "#);
}

#[test]
fn links_of_an_instance_and_of_a_unit_without_text() {
    let mut stand = Stand::new();
    let links = |resource| {
        let links = kind("Unit").links(&resource);
        format!("gives {:?}\nneeds {:?}", links.gives, links.needs)
    };
    let ours = stand.load("Unit", &shop(&json!({})));
    let theirs = stand.load("Unit", &json!({"name": "getty@tty1"}));
    insta::assert_snapshot!([links(ours), links(theirs)].join("\n"), @r#"
    gives [Unit("shop.service"), Path("/etc/systemd/system/shop.service")]
    needs [Path("/srv/shop/bin/shop"), User("shop"), Package("shop")]
    gives [Unit("getty@tty1.service")]
    needs [Path("/etc/systemd/system/getty@tty1.service"), Path("/etc/systemd/system/getty@.service"), Unit("getty@.service"), Package("getty")]
    "#);
}

#[test]
fn conforms() {
    let nginx = |more: Value| {
        let mut spec = json!({"name": "nginx"});
        for (key, value) in more.as_object().unwrap() {
            spec[key] = value.clone();
        }
        spec
    };
    let installed = |server: &mut SimServer| {
        let verb = PackageVerb::Install {
            version: None,
            refresh_after: evenkeel_model::Span::default(),
        };
        let (manager, name) = (None, "nginx".to_owned());
        server.carry(&Action::Package { manager, name, verb });
    };
    let texts = [
        Case::new("text only", shop(&json!({}))),
        Case::new(
            "enabled and running",
            shop(&json!({"enabled": true, "running": true})),
        ),
        Case::new("neither", shop(&json!({"enabled": false, "running": false}))),
        Case::new("gone", json!({"name": "shop", "state": "absent"})),
        Case::new(
            "over a package's",
            nginx(json!({"content": text("mine"), "running": true})),
        )
        .before(installed),
    ];
    kind_suite(kind("Unit"), &texts);
}

proptest! {
    #[test]
    fn every_state_leads_to_every_other(
        from in spec(), to in spec(), by_hand in 0..4_u8, owed in proptest::option::of(any::<bool>()), cut in 0..6_usize,
    ) {
        let mut stand = Stand::new();
        let package = stand.load("Package", &json!({"name": "nginx"}));
        stand.converge(&package);
        let from = stand.load("Unit", &from);
        stand.converge(&from);
        let text = "/etc/systemd/system/nginx.service";
        match by_hand {
            1 if stand.server.text(text).is_some() => stand.server.remove(text),
            2 if stand.server.text(text).is_some() => stand.server.edit_file(text, "[Service]\n"),
            3 if stand.server.system.units["nginx.service"].active => stand.server.stop_unit("nginx.service"),
            _ => {}
        }
        let to = stand.load("Unit", &to);
        if let Some(restart) = owed {
            stand.owe(&to, if restart { DebtVerb::Restart } else { DebtVerb::Reload });
        }
        let (_, actions) = stand.plan(&to, None);
        stand.carry(&actions[..cut.min(actions.len())]);
        stand.converge(&to);
        prop_assert!(stand.server.debts.is_empty());
    }
}

/// Any specification that can be read.
fn spec() -> impl Strategy<Value = Value> {
    let flag = || proptest::option::of(any::<bool>());
    (flag(), flag(), flag(), 0..3_u8, any::<bool>()).prop_map(
        |(enabled, running, masked, content, absent)| {
            let mut spec = json!({"name": "nginx"});
            if absent {
                spec["state"] = json!("absent");
                return spec;
            }
            let masks = masked == Some(true);
            if content > 0 && !masks {
                spec["content"] = text(&content.to_string());
            }
            for (field, flag) in [("enabled", enabled), ("running", running), ("masked", masked)] {
                if let Some(flag) = flag.filter(|flag| !flag || !masks || field == "masked") {
                    spec[field] = json!(flag);
                }
            }
            spec
        },
    )
}
