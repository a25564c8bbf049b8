//! One file per command.

mod apply;
mod difference;
mod follow;
mod history;
mod hold;
mod init;
mod manifest;
mod playground;
mod rollback;
mod serve;
mod show;
mod status;
mod sync;
mod targets;

use crate::{
    arguments::{Arguments, Command},
    client::Client,
    failure::{Failure, OrFail as _},
    logging, output, place,
};
use clap::CommandFactory as _;
use std::process::ExitCode;

/// There is something to do.
pub(crate) const EXIT_CHANGES: u8 = 2;
/// Wrong usage (sysexits(3): `EX_USAGE`), so that 2 keeps its meaning.
pub(crate) const EXIT_USAGE: u8 = 64;

/// Runs a command to its exit status.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let least = u8::from(matches!(
        arguments.command,
        Command::Serve(_) | Command::Playground(_)
    ));
    logging::start(&arguments.common, least);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(1024 * 1024)
        .max_blocking_threads(64)
        .enable_all()
        .build();
    let done = runtime
        .map_err(|error| Failure::new("no-runtime", error))
        .and_then(|runtime| runtime.block_on(dispatch(&arguments)));
    match done {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            output::failure(&failure, &arguments.common);
            ExitCode::from(failure.exit)
        }
    }
}

async fn dispatch(arguments: &Arguments) -> Result<u8, Failure> {
    let common = &arguments.common;
    match &arguments.command {
        Command::Serve(told) => serve::run(common, told, serve::Announce::Service).await,
        Command::Playground(told) => playground::run(arguments, told).await,
        Command::Status(scope) => status::run(common, scope).await,
        Command::Targets(scope) => targets::run(common, scope).await,
        Command::Plan(one) => difference::plan(common, one).await,
        Command::Diff(scope) => difference::diff(common, scope).await,
        Command::Apply(told) => apply::run(common, told).await,
        Command::Sync(told) => sync::run(common, told).await,
        Command::History(told) => history::run(common, told).await,
        Command::Show(told) => show::run(common, told).await,
        Command::Rollback(told) => rollback::run(common, told).await,
        Command::Hold(told) => hold::hold(common, told).await,
        Command::Resume(told) => hold::resume(common, told).await,
        Command::Validate => manifest::validate(common),
        Command::Render(one) => manifest::render(common, one),
        Command::Schema => manifest::schema(),
        Command::Init(told) => init::run(told),
        Command::Completions { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(*shell, &mut command, "evenkeel", &mut std::io::stdout());
            Ok(0)
        }
    }
}

/// The service to talk to.
async fn service(common: &crate::arguments::Common) -> Result<Client, Failure> {
    let client = Client::new(&place::socket(common)?)?;
    if client.answers().await {
        return Ok(client);
    }
    client.get::<serde_json::Value>("version").await.map(|_| client)
}

/// A folder's path as it is written to people.
fn shown(path: &std::path::Path) -> Result<String, Failure> {
    path.to_str()
        .map(str::to_owned)
        .ok_or("its name is no UTF-8")
        .or_fail("bad-path", path.display())
}
