use super::*;
use evenkeel_testkit::{Case, Hand, MemoryFiles, Ran, desk, kind_suite, moves, walk};
use proptest::prelude::*;
use serde_json::json;

fn seed() -> Value {
    json!({"name": "seed", "argv": ["touch", "/srv/seeded"], "creates": "/srv/seeded"})
}

#[test]
fn holds_the_contract() {
    let unless =
        json!({"name": "seed", "argv": ["touch", "/srv/seeded"], "unless": ["test", "-e", "/srv/seeded"]});
    let only_if = json!({"name": "off", "argv": ["clear"], "onlyIf": ["test", "-e", "/srv/seeded"], "user": "www-data"});
    kind_suite(
        &Command,
        &[
            Case::new("creates", seed()),
            Case::new("unless", unless),
            Case::new("done already", seed()).before(|server| server.edit_file("/srv/seeded", "")),
            Case::new("onlyIf, needed", only_if.clone()).before(|server| {
                server.edit_file("/srv/seeded", "");
                server.commands.register("clear", |server, _| {
                    let path = AbsolutePath::new("/srv/seeded").unwrap();
                    server.files.remove(&path);
                    Ran::status(0)
                });
            }),
            Case::new("onlyIf, not needed", only_if),
        ],
    );
}

#[test]
fn a_command_must_say_when_it_is_done() {
    let files = MemoryFiles::default();
    let told = Command
        .load(&json!({"name": "x", "argv": "make all", "timeout": 3}), &files)
        .unwrap_err();
    let line = |f: &FieldError| {
        format!(
            "{}: {} ({})",
            f.path.join("."),
            f.message,
            f.help.as_deref().unwrap_or("-")
        )
    };
    insta::assert_snapshot!(told.iter().map(line).collect::<Vec<_>>().join("\n"), @r#"
    argv: this must be a list, not string "make all" (write it as [first, second, …])
    timeout: this must be a string, not integer `3` (put it in quotes)
    : nothing says when this command is done (say creates, unless or onlyIf)
    "#);
}

#[test]
fn what_an_earlier_step_makes_counts_as_done() {
    let case = Case::new("", seed());
    let resource = desk::load(&Command, &case.spec, &case.files).resource;
    let observation = desk::look(&Command, &resource, &case.server);
    let mut predicted = Predicted::default();
    predicted.absorb(&Action::PutSymlink {
        path: AbsolutePath::new("/srv/seeded").unwrap(),
        to: "x".into(),
    });
    let live = Command
        .observe(&resource, &observation, &predicted)
        .unwrap()
        .unwrap();
    assert_eq!(live.into_values().collect::<Vec<_>>(), [true.into()]);
}

#[test]
fn a_guard_that_cannot_be_asked_is_not_taken_for_an_answer() {
    for (guard, program, seen) in [
        ("onlyIf", "no-such-program", false),
        ("unless", "no-such-program", true),
        ("onlyIf", "hangs", false),
        ("unless", "hangs", false),
    ] {
        let mut case = Case::new("", json!({"name": "x", "argv": ["true"], guard: [program]}));
        case.server.commands.register("hangs", |_, _| Ran::status(124));
        let resource = desk::load(&Command, &case.spec, &case.files).resource;
        let observation = desk::look(&Command, &resource, &case.server);
        let live = Command.observe(&resource, &observation, &Predicted::default());
        assert_eq!(live.is_ok(), seen, "{guard} {program}: {live:?}");
    }
}

#[test]
fn what_runs_is_what_was_written() {
    let spec = json!({
        "name": "x", "argv": ["touch", "/srv/$(id)"], "creates": "/srv/x", "ok": [0, 3], "env": {"A": "1"},
        "cwd": "/srv", "user": "www-data", "timeout": "10s",
    });
    let case = Case::new("", spec);
    let wanted = desk::load(&Command, &case.spec, &case.files);
    let actions = desk::plan(&Command, &wanted, &case.server, None, None).actions;
    let [Action::Run(run)] = actions.as_slice() else {
        panic!("{actions:?}")
    };
    assert_eq!(run.argv, ["touch", "/srv/$(id)"]);
    assert_eq!(
        (run.ok.as_slice(), run.timeout, run.env["A"].as_str()),
        (&[0, 3][..], Span::from_secs(10), "1")
    );
}

proptest! {
    #[test]
    fn walks(moves in moves()) {
        let cases = [
            Case::new("", seed()),
            Case::new("", json!({"name": "seed", "argv": ["touch", "/srv/other"], "creates": "/srv/other"})),
        ];
        let hands: [Hand; 2] = [
            |server| { server.edit_file("/srv/seeded", ""); server.remove("/srv/seeded"); },
            |server| server.edit_file("/srv/other", ""),
        ];
        walk(&Command, &cases, &hands, &moves);
    }
}
