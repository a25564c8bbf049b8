//! What every transport must do: run against a folder of this machine here, against real servers elsewhere.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test, also where another room runs it"
)]

mod accounts;
mod archives;
mod bench;
mod commands;
mod contents;
mod debts;
mod files;
mod processes;

pub use accounts::root_suite;
pub use bench::{Bench, group, patience};
pub use contents::Bytes;

use evenkeel_model::{Action, Answer, Probe};

/// Everything that needs no root.
pub async fn suite(bench: &Bench<'_>) {
    let _ = bench
        .act(vec![Action::Remove {
            path: bench.base.clone(),
            recursive: true,
        }])
        .await;
    bench.done_twice(vec![bench.directory(bench.base.clone())]).await;
    files::files(bench).await;
    files::hostile_names(bench).await;
    commands::commands(bench).await;
    commands::order(bench).await;
    debts::debts(bench).await;
    processes::processes(bench).await;
    archives::archives(bench).await;
    commands::epochs(bench).await;
    match bench.ask(Probe::Facts).await {
        Answer::Facts(facts) => assert!(
            facts.kernel == "linux" && facts.cpus > 0 && facts.memory > 0,
            "{facts:?}"
        ),
        other => panic!("{other:?}"),
    }
    bench
        .done_twice(vec![Action::Remove {
            path: bench.base.clone(),
            recursive: true,
        }])
        .await;
}
