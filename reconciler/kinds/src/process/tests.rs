use crate::stand::{Stand, faults, kind};
use evenkeel_model::{SyncStatus, probe::DebtVerb};
use evenkeel_testkit::{Case, kind_suite};
use proptest::prelude::*;
use serde_json::{Value, json};

fn web(more: &Value) -> Value {
    let mut spec = json!({"name": "web", "argv": ["/srv/web/bin", "--config=/etc/web.toml"], "cwd": "/srv"});
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

#[test]
fn from_now_and_wanted_and_owed_to_steps() {
    let settle = "note that Process:web got what it was owed";
    let (start, stop, reload) = (
        "start process web\n",
        "stop process web\n",
        "reload process web\n",
    );
    let other = json!({"argv": ["/srv/web/bin2"]});
    // (runs now, asked, owed) to the steps
    let table: [(bool, Value, Option<DebtVerb>, Vec<&str>); 12] = [
        (false, json!({}), None, vec![start]),
        (false, json!({}), Some(DebtVerb::Restart), vec![start, settle]),
        (false, json!({"running": false}), None, vec![]),
        (
            false,
            json!({"running": false}),
            Some(DebtVerb::Restart),
            vec![settle],
        ),
        (true, json!({}), None, vec![]),
        (
            true,
            json!({}),
            Some(DebtVerb::Restart),
            vec![stop, start, settle],
        ),
        (true, json!({}), Some(DebtVerb::Reload), vec![reload, settle]),
        (true, other.clone(), None, vec![start]),
        (true, other, Some(DebtVerb::Reload), vec![start, settle]),
        (
            true,
            json!({"running": false}),
            Some(DebtVerb::Reload),
            vec![stop, settle],
        ),
        (true, json!({"state": "absent"}), None, vec![stop]),
        (true, json!({"grace": "1m"}), None, vec![]),
    ];
    for (runs, more, owed, steps) in table {
        let mut stand = Stand::new();
        let before = stand.load("Process", &web(&json!({})));
        if runs {
            stand.converge(&before);
        }
        if let Some(owed) = owed {
            stand.owe(&before, owed);
        }
        let after = stand.load("Process", &web(&more));
        assert_eq!(
            stand.steps(&after),
            steps.concat().trim_end(),
            "{runs} {more} {owed:?}"
        );
        stand.converge(&after);
        assert!(stand.server.debts.is_empty());
    }
}

#[test]
fn killed_by_hand_is_drift_and_healed() {
    let mut stand = Stand::new();
    let process = stand.load("Process", &web(&json!({})));
    stand.converge(&process);
    stand.server.kill_process("web");
    let (diff, _) = stand.plan(&process, Some(&process));
    assert_eq!(diff.status, SyncStatus::Drifted);
    assert!(diff.changes.len() == 1 && diff.changes_field("running"));
    stand.converge(&process);
    assert_eq!(stand.prune(&process), "stop process web");
    assert_eq!(stand.live(&process), None);
}

#[test]
fn links_and_faults() {
    let mut stand = Stand::new();
    let process = stand.load(
        "Process",
        &web(&json!({"user": "shop", "env": {"A": "/not/a/link"}})),
    );
    insta::assert_snapshot!(
        format!("{:?}", kind("Process").links(&process).needs),
        @r#"[Path("/srv/web/bin"), Path("/etc/web.toml"), Path("/srv"), Path("/var/log/web.log"), User("shop")]"#
    );
    let told = [
        faults(
            "Process",
            &json!({"name": "../x", "argv": [], "cwd": "srv", "grace": 10}),
        ),
        faults(
            "Process",
            &json!({"name": "x", "env": {"A=B": "1"}, "log": "x.log"}),
        ),
    ];
    insta::assert_snapshot!(told.join("\n--\n"), @r#"
    argv: bad-value: the command is empty: write [program, argument, …]
    cwd: bad-value: "srv" is no usable path: it must be absolute (begin with '/')
    grace: wrong-type: this must be a string, not integer `10`
    name: bad-value: a process's name has letters, digits and '-', '_', '.', at most 63, and begins with a letter or digit
    --
    env: bad-value: "A=B" is no name of a variable
    log: bad-value: "x.log" is no usable path: it must be absolute (begin with '/')
    argv: missing-field: `argv` is missing
    "#);
}

#[test]
fn conforms() {
    let cases = [
        Case::new("runs", web(&json!({}))),
        Case::new("does not run", web(&json!({"running": false}))),
        Case::new("gone", json!({"name": "web", "state": "absent"})),
    ];
    kind_suite(kind("Process"), &cases);
}

proptest! {
    #[test]
    fn every_state_leads_to_every_other(
        from in 0..4_u8, to in 0..4_u8, killed: bool, owed in proptest::option::of(any::<bool>()), cut in 0..5_usize,
    ) {
        let spec = |state: u8| match state {
            0 => json!({}),
            1 => json!({"argv": ["other"]}),
            2 => json!({"running": false}),
            _ => json!({"state": "absent"}),
        };
        let mut stand = Stand::new();
        let from = stand.load("Process", &web(&spec(from)));
        stand.converge(&from);
        if killed && stand.server.system.processes.contains_key("web") {
            stand.server.kill_process("web");
        }
        let to = stand.load("Process", &web(&spec(to)));
        if let Some(restart) = owed {
            stand.owe(&to, if restart { DebtVerb::Restart } else { DebtVerb::Reload });
        }
        let (_, actions) = stand.plan(&to, None);
        stand.carry(&actions[..cut.min(actions.len())]);
        stand.converge(&to);
        prop_assert!(stand.server.debts.is_empty());
    }
}
