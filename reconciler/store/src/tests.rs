//! What is SQLite's own: its files, and what becomes of them.

use crate::{
    Sqlite,
    suite::{self, deployment, environment, ground, id},
};
use evenkeel_engine::port::{
    BoxFuture,
    store::{Store, StoreError},
};
use serde_json::json;
use sqlx::Row;
use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

fn broken<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Broken(why)) => why,
        other => panic!("it should not work: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_does_what_every_store_must() {
    let state = tempfile::tempdir().unwrap();
    let path = state.path().to_owned();
    suite::run(&move || -> BoxFuture<'static, Arc<dyn Store>> {
        let path = path.clone();
        Box::pin(async move { Arc::new(Sqlite::open(&path).await.unwrap()) as Arc<dyn Store> })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_folder_never_take_the_same_number() {
    let state = tempfile::tempdir().unwrap();
    let (one, two) = tokio::join!(Sqlite::open(state.path()), Sqlite::open(state.path()));
    let stores = [Arc::new(one.unwrap()), Arc::new(two.unwrap())];
    let to = ground(&*stores[0], "prod").await;
    for number in 1..=10 {
        let mut tries = tokio::task::JoinSet::new();
        for store in &stores {
            let store = Arc::clone(store);
            let (deployment, plan) = deployment(&format!("prod/{number}"), to);
            tries.spawn(async move { store.begin(&deployment, &plan, &BTreeMap::new()).await });
        }
        let ends = tries.join_all().await;
        assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), 1, "{ends:?}");
    }
    assert_eq!(
        stores[1]
            .deployments(Some(&environment("prod")), None, 20)
            .await
            .unwrap()
            .len(),
        10
    );
}

#[tokio::test]
async fn the_files_are_for_their_owner_alone_and_power_may_fail() {
    let parent = tempfile::tempdir().unwrap();
    let state = parent.path().join("a/b");
    let store = Sqlite::open(&state).await.unwrap();
    store.put_memory(&environment("prod"), &json!(1)).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    for file in ["evenkeel.db", "evenkeel.db-wal", "evenkeel.db-shm"] {
        assert_eq!(mode(&state.join(file)), 0o600, "{file}");
    }
    for (pragma, wanted) in [
        ("PRAGMA journal_mode", "wal"),
        ("PRAGMA synchronous", "2"),
        ("PRAGMA foreign_keys", "1"),
    ] {
        let row = sqlx::query(pragma).fetch_one(&store.writer).await.unwrap();
        let found = row
            .try_get::<String, _>(0)
            .or_else(|_| row.try_get::<i64, _>(0).map(|n| n.to_string()));
        assert_eq!(found.unwrap(), wanted, "{pragma}");
    }
    store.close().await;
    assert!(
        !state.join("evenkeel.db-wal").exists(),
        "a closed store is one file"
    );
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let state = tempfile::tempdir().unwrap();
    let store = Sqlite::open(state.path()).await.unwrap();
    sqlx::query("INSERT INTO migrations (version) VALUES (7)")
        .execute(&store.writer)
        .await
        .unwrap();
    store.close().await;
    let why = broken(Sqlite::open(state.path()).await);
    assert!(
        why.contains("evenkeel.db") && why.contains("newer Evenkeel") && why.contains('7'),
        "{why}"
    );
}

#[tokio::test]
async fn what_is_no_store_is_said_to_be_none() {
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join("file"), "").unwrap();
    assert!(broken(Sqlite::open(&state.path().join("file")).await).contains("file"));
    fs::write(
        state.path().join("evenkeel.db"),
        "not a database, but long enough to be asked. ".repeat(99),
    )
    .unwrap();
    let why = broken(Sqlite::open(state.path()).await);
    assert!(
        why.contains("evenkeel.db") && why.contains("not a database"),
        "{why}"
    );
}

#[tokio::test]
async fn a_full_disk_is_said_leaves_no_half_and_heals() {
    let state = tempfile::tempdir().unwrap();
    let store = Sqlite::open(state.path()).await.unwrap();
    let to = ground(&store, "prod").await;
    // SQLite's own way of running out of space: no page more than there are.
    sqlx::raw_sql("PRAGMA max_page_count = 1")
        .execute(&store.writer)
        .await
        .unwrap();
    let (mut first, plan) = deployment("prod/1", to);
    first.reason = Some("x".repeat(100_000));
    let why = broken(store.begin(&first, &plan, &BTreeMap::new()).await);
    assert!(why.contains("full"), "{why}");
    assert_eq!(store.deployment(&id("prod/1")).await, Ok(None));
    sqlx::raw_sql("PRAGMA max_page_count = 100000")
        .execute(&store.writer)
        .await
        .unwrap();
    store.begin(&first, &plan, &BTreeMap::new()).await.unwrap();
    // And for contents: no folder to write them to.
    let drafts = state.path().join("contents/drafts");
    fs::remove_dir(&drafts).unwrap();
    assert!(broken(store.put_content(b"new").await).contains("cannot be kept"));
    fs::create_dir(&drafts).unwrap();
    store.put_content(b"new").await.unwrap();
}

#[tokio::test]
async fn a_damaged_row_is_an_error_and_no_other_snapshot() {
    let state = tempfile::tempdir().unwrap();
    let store = Sqlite::open(state.path()).await.unwrap();
    let name = ground(&store, "prod").await;
    sqlx::query("UPDATE snapshots SET body_json = replace(body_json, '0644', '0666')")
        .execute(&store.writer)
        .await
        .unwrap();
    assert!(broken(store.snapshot(&name).await).contains("damaged"));
    sqlx::query("UPDATE snapshots SET body_json = 'x'")
        .execute(&store.writer)
        .await
        .unwrap();
    assert!(broken(store.snapshot(&name).await).contains("damaged"));
}
