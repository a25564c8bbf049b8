//! What every store must do, said to the port alone: another adapter joins by one more call.

use evenkeel_engine::port::{
    BoxFuture,
    store::{Store, StoreError},
};
use evenkeel_model::{
    Action, AppName, Applied, Connection, ContentRef, Deployment, DeploymentId, DeploymentOutcome, Digest,
    EnvironmentName, FieldValue, Fields, Health, Outcome, Plan, Resource, ResourceId, Revision, Snapshot,
    SnapshotId, StepGroup, StepResult, SyncStatus, Target, TargetName, TargetPlan, TargetSnapshot, Timestamp,
    Trigger,
};
use serde_json::json;
use std::{collections::BTreeMap, io::Read, sync::Arc};

/// Opens the store under test, again and again on the same ground.
pub(crate) type Open<'a> = &'a (dyn Fn() -> BoxFuture<'static, Arc<dyn Store>> + Sync);

/// All of it. `open` begins on an empty store.
pub(crate) async fn run(open: Open<'_>) {
    let store = open().await;
    nothing_is_there_at_first(&*store).await;
    contents_and_snapshots_are_kept(&*store).await;
    memories_and_epochs(&*store).await;
    numbers_are_a_compare_and_set(&*store).await;
    one_of_many_begins_wins(&store).await;
    steps_and_what_is_applied(&*store).await;
    an_end_is_an_end(&*store).await;
    let before = everything(&*store).await;
    drop(store);
    let store = open().await;
    assert_eq!(
        everything(&*store).await,
        before,
        "all is there after opening again"
    );
    assert_eq!(store.next_epoch().await, Ok(4));
}

pub(crate) fn environment(name: &str) -> EnvironmentName {
    EnvironmentName::new(name).unwrap()
}
pub(crate) fn id(text: &str) -> DeploymentId {
    text.parse().unwrap()
}
fn target() -> TargetName {
    TargetName::new("web-1").unwrap()
}
fn file(path: &str) -> ResourceId {
    ResourceId::new("File", path).unwrap()
}

fn resource(path: &str, content: &[u8]) -> Resource {
    Resource {
        id: file(path),
        app: AppName::new("shop").unwrap(),
        spec: json!({ "path": path, "mode": "0644" }),
        after: vec![file("/before")],
        restart_on: Vec::new(),
        reload_on: Vec::new(),
        contents: vec![ContentRef {
            digest: Digest::of(content),
            url: None,
            secret: true,
        }],
        keep: true,
        ignore: vec!["owner".into()],
    }
}

fn applied(path: &str, mode: Option<&str>) -> Applied {
    let fields = |mode: &str| {
        let secret = FieldValue::Secret(Digest::of(b"hunter2"));
        Fields::from([("mode".to_owned(), mode.into()), ("content".to_owned(), secret)])
    };
    Applied {
        resource: resource(path, b"x"),
        fields: mode.map(fields),
    }
}

pub(crate) fn snapshot(of: &str, content: &[u8]) -> Snapshot {
    Snapshot {
        environment: environment(of),
        targets: vec![TargetSnapshot {
            target: Target {
                name: target(),
                labels: BTreeMap::from([("role".to_owned(), "web".to_owned())]),
                connection: Connection::Local { root: None },
                address: "127.0.0.1".into(),
            },
            resources: vec![resource("/etc/motd", content)],
            checks: Vec::new(),
        }],
    }
}

pub(crate) fn revision(id: &str) -> Revision {
    Revision {
        id: id.into(),
        author: "Åsa <asa@example.org>".into(),
        subject: "tune '; DROP TABLE deployments; --".into(),
        at: Timestamp(1),
        signer: None,
    }
}

pub(crate) fn deployment(name: &str, snapshot: SnapshotId) -> (Deployment, Plan) {
    let deployment = Deployment {
        id: id(name),
        snapshot,
        revision: revision("9f3c1a2"),
        trigger: Trigger::Rollback { to: id("prod/1") },
        actor: "ops2".into(),
        reason: Some("it hurt".into()),
        started: Timestamp(1000 + i64::try_from(id(name).number).unwrap()),
        finished: None,
        outcome: DeploymentOutcome::Applying,
    };
    let group = StepGroup {
        resource: file("/etc/motd"),
        status: SyncStatus::Missing,
        prune: false,
        changes: Vec::new(),
        actions: vec![Action::DaemonReload],
        needs: Vec::new(),
    };
    let part = TargetPlan {
        target: target(),
        observed_at: Timestamp(5),
        groups: vec![group],
        prunes: 0,
        applied: 3,
        contents: vec![Digest::of(b"x")],
    };
    let plan = Plan {
        environment: id(name).environment,
        parent: None,
        snapshot,
        targets: vec![part],
    };
    (deployment, plan)
}

/// Keeps a snapshot for an environment, so that deployments can lead there.
pub(crate) async fn ground(store: &dyn Store, of: &str) -> SnapshotId {
    store.put_content(b"hello").await.unwrap();
    store
        .put_snapshot(&snapshot(of, b"hello"), &revision("9f3c1a2"), Timestamp(7))
        .await
        .unwrap()
}

async fn begin(store: &dyn Store, name: &str, to: SnapshotId) -> Result<(), StoreError> {
    let (deployment, plan) = deployment(name, to);
    store.begin(&deployment, &plan, &BTreeMap::new()).await
}

/// As text, all that can be read of the environments used here.
async fn everything(store: &dyn Store) -> String {
    let mut text = format!("{:?}", store.memories().await.unwrap());
    for of in ["prod", "race", "steps", "ends"] {
        text += &format!("{:?}", store.applied(&environment(of)).await.unwrap());
        for deployment in store
            .deployments(Some(&environment(of)), None, 100)
            .await
            .unwrap()
        {
            text += &format!("{:?}", store.deployment(&deployment.id).await.unwrap());
            text += &format!("{:?}", store.snapshot(&deployment.snapshot).await.unwrap());
        }
    }
    text
}

async fn nothing_is_there_at_first(store: &dyn Store) {
    assert_eq!(store.memories().await, Ok(BTreeMap::new()));
    assert_eq!(store.unfinished().await, Ok(Vec::new()));
    assert_eq!(store.deployments(None, None, 10).await, Ok(Vec::new()));
    assert_eq!(store.deployment(&id("prod/1")).await, Ok(None));
    assert_eq!(store.snapshot(&Digest::of(b"none")).await, Ok(None));
    assert_eq!(store.applied(&environment("prod")).await, Ok(BTreeMap::new()));
    assert!(store.contents().open(&Digest::of(b"none")).unwrap().is_none());
}

async fn contents_and_snapshots_are_kept(store: &dyn Store) {
    let wanted = snapshot("prod", b"hello");
    let early = store.put_snapshot(&wanted, &revision("a"), Timestamp(7)).await;
    assert!(
        matches!(early, Err(StoreError::Broken(_))),
        "its contents come first: {early:?}"
    );
    assert_eq!(store.put_content(b"hello").await, Ok(Digest::of(b"hello")));
    let (size, mut reader) = store
        .contents()
        .open(&Digest::of(b"hello"))
        .unwrap()
        .expect("it was put");
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    assert_eq!((size, &bytes[..]), (5, &b"hello"[..]));
    let name = wanted.id().unwrap();
    assert_eq!(
        store.put_snapshot(&wanted, &revision("a"), Timestamp(7)).await,
        Ok(name)
    );
    assert_eq!(
        store.put_snapshot(&wanted, &revision("b"), Timestamp(8)).await,
        Ok(name)
    );
    assert_eq!(
        store.snapshot(&name).await,
        Ok(Some((wanted, revision("a")))),
        "the first revision stays"
    );
}

async fn memories_and_epochs(store: &dyn Store) {
    let (dev, prod) = (environment("dev"), environment("prod"));
    store.put_memory(&dev, &json!({ "hold": null })).await.unwrap();
    store.put_memory(&prod, &json!([1])).await.unwrap();
    store
        .put_memory(&dev, &json!({ "hold": { "reason": "fair" } }))
        .await
        .unwrap();
    let all = BTreeMap::from([(dev, json!({ "hold": { "reason": "fair" } })), (prod, json!([1]))]);
    assert_eq!(store.memories().await, Ok(all));
    for epoch in 1..=3 {
        assert_eq!(store.next_epoch().await, Ok(epoch));
    }
}

async fn numbers_are_a_compare_and_set(store: &dyn Store) {
    let to = ground(store, "prod").await;
    for (name, fits) in [
        ("prod/2", false),
        ("prod/1", true),
        ("prod/1", false),
        ("prod/3", false),
        ("prod/2", true),
        ("dev/1", true),
    ] {
        let begun = begin(store, name, to).await;
        assert_eq!(begun.is_ok(), fits, "{name}: {begun:?}");
        assert!(
            fits || matches!(begun, Err(StoreError::Conflict(_))),
            "{name}: {begun:?}"
        );
    }
    let nowhere = begin(store, "prod/3", Digest::of(b"no such snapshot")).await;
    assert!(matches!(nowhere, Err(StoreError::Broken(_))), "{nowhere:?}");
    let names = |found: Vec<Deployment>| found.into_iter().map(|d| d.id.to_string()).collect::<Vec<_>>();
    let prod = environment("prod");
    assert_eq!(
        names(store.deployments(Some(&prod), None, 9).await.unwrap()),
        ["prod/2", "prod/1"]
    );
    assert_eq!(
        names(store.deployments(Some(&prod), Some(2), 9).await.unwrap()),
        ["prod/1"]
    );
    assert_eq!(
        names(store.deployments(Some(&prod), None, 1).await.unwrap()),
        ["prod/2"]
    );
    assert_eq!(
        names(store.deployments(None, None, 9).await.unwrap()),
        ["prod/2", "dev/1", "prod/1"]
    );
    assert_eq!(
        names(store.unfinished().await.unwrap()),
        ["dev/1", "prod/1", "prod/2"]
    );
    let (made, plan) = deployment("prod/2", to);
    let kept = store.deployment(&made.id).await.unwrap().expect("it was begun");
    assert_eq!(
        (kept.deployment, kept.plan, kept.steps, kept.health),
        (made, plan, BTreeMap::new(), None)
    );
}

async fn one_of_many_begins_wins(store: &Arc<dyn Store>) {
    let to = ground(&**store, "race").await;
    for number in 1..=5 {
        let mut tries = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let store = Arc::clone(store);
            tries.spawn(async move { begin(&*store, &format!("race/{number}"), to).await });
        }
        let ends = tries.join_all().await;
        assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), 1, "{ends:?}");
        assert!(
            ends.iter()
                .all(|end| matches!(end, Ok(()) | Err(StoreError::Conflict(_)))),
            "{ends:?}"
        );
    }
}

async fn steps_and_what_is_applied(store: &dyn Store) {
    let to = ground(store, "steps").await;
    let here = environment("steps");
    let (first, plan) = deployment("steps/1", to);
    let meant = |mode| BTreeMap::from([(target(), BTreeMap::from([(file("/a"), applied("/a", mode))]))]);
    // Whatever is meant is kept without fields, until a step says that it is so.
    store.begin(&first, &plan, &meant(Some("0644"))).await.unwrap();
    assert_eq!(store.applied(&here).await, Ok(meant(None)));
    let step = |action, outcome| StepResult {
        group: 0,
        action,
        outcome,
        output: "öut\n".into(),
        at: Timestamp(9),
    };
    let unknown = step(0, Outcome::Unknown("lost".into()));
    store
        .record(
            &first.id,
            &target(),
            &[unknown, step(1, Outcome::Done)],
            &BTreeMap::new(),
        )
        .await
        .unwrap();
    let done = BTreeMap::from([
        (file("/a"), Some(applied("/a", Some("0644")))),
        (file("/b"), Some(applied("/b", None))),
    ]);
    store
        .record(&first.id, &target(), &[step(0, Outcome::Done)], &done)
        .await
        .unwrap();
    let kept = store.deployment(&first.id).await.unwrap().expect("it was begun");
    assert_eq!(
        kept.steps,
        BTreeMap::from([(target(), vec![step(0, Outcome::Done), step(1, Outcome::Done)])])
    );
    // A later deployment does not forget what is applied by meaning to apply it again.
    let (second, plan) = deployment("steps/2", to);
    store.begin(&second, &plan, &meant(None)).await.unwrap();
    let gone = BTreeMap::from([(file("/b"), None), (file("/never"), None)]);
    store.record(&second.id, &target(), &[], &gone).await.unwrap();
    assert_eq!(store.applied(&here).await, Ok(meant(Some("0644"))));
    let stranger = store
        .record(&id("steps/9"), &target(), &[step(0, Outcome::Done)], &done)
        .await;
    assert!(matches!(stranger, Err(StoreError::Broken(_))), "{stranger:?}");
    assert_eq!(
        store.applied(&here).await,
        Ok(meant(Some("0644"))),
        "a refused record leaves nothing"
    );
}

async fn an_end_is_an_end(store: &dyn Store) {
    use DeploymentOutcome::{Applying, CutOff, Failed, RolledBack, Succeeded, Superseded, Verifying};
    let why = || "503".to_owned();
    let back = || RolledBack {
        why: why(),
        by: id("ends/99"),
    };
    let to = ground(store, "ends").await;
    let table = [
        (
            vec![Verifying, Succeeded],
            vec![Failed { why: why() }, back(), CutOff, Applying, Succeeded],
        ),
        (
            vec![Failed { why: why() }],
            vec![Succeeded, Verifying, Superseded { why: why() }],
        ),
        (
            vec![Verifying, Failed { why: why() }, back()],
            vec![Succeeded, Failed { why: why() }, back()],
        ),
        (vec![CutOff], vec![Succeeded, back()]),
    ];
    for (number, (steps, refused)) in (1..).zip(table) {
        let name = format!("ends/{number}");
        begin(store, &name, to).await.unwrap();
        let (mut at, mut ended) = (2000, None);
        for step in &steps {
            at += 1;
            store
                .conclude(&id(&name), step, Some(Health::Degraded), Timestamp(at))
                .await
                .unwrap();
            ended = ended.or(step.is_final().then_some(Timestamp(at)));
            let kept = store.deployment(&id(&name)).await.unwrap().expect("it was begun");
            assert_eq!(
                (&kept.deployment.outcome, kept.deployment.finished),
                (step, ended),
                "{name}"
            );
        }
        for step in refused {
            let end = store.conclude(&id(&name), &step, None, Timestamp(9999)).await;
            assert!(
                matches!(end, Err(StoreError::Conflict(_))),
                "{name} {step:?}: {end:?}"
            );
        }
        let kept = store.deployment(&id(&name)).await.unwrap().expect("it was begun");
        assert_eq!(kept.deployment.outcome, steps[steps.len() - 1], "{name}");
        assert_eq!(
            (kept.deployment.finished, kept.health),
            (ended, Some(Health::Degraded)),
            "{name}"
        );
    }
    let left = store.unfinished().await.unwrap();
    assert!(
        left.iter()
            .all(|deployment| deployment.id.environment.as_str() != "ends"),
        "{left:?}"
    );
    let never = store.conclude(&id("ends/77"), &CutOff, None, Timestamp(1)).await;
    assert!(matches!(never, Err(StoreError::Broken(_))), "{never:?}");
}
