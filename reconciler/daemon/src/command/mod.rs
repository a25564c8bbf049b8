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
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
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
        .and_then(|runtime| runtime.block_on(dispatch(arguments)));
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
        Command::Init(told) => init::run(common, told),
        Command::Completions { shell } => {
            // Not straight to standard output: the generator panics when its reader has gone.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "evenkeel", &mut script);
            let script = String::from_utf8_lossy(&script);
            if common.json {
                output::json(&serde_json::json!({ "shell": shell.to_string(), "script": script }))?;
            } else {
                output::print(&script);
            }
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

/// Claims a folder of state for this process, for as long as the file is open: two engines on one state would each
/// believe that they are alone.
fn claim(state: &std::path::Path) -> Result<std::fs::File, Failure> {
    let path = state.join("lock");
    let file = std::fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .or_fail("no-lock", path.display())?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Failure::new(
            "state-in-use",
            format!("another evenkeel is at work on {}", state.display()),
        )
        .help("stop that one, or say another state folder with --state")),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(Failure::new("no-lock", format!("{}: {error}", path.display())))
        }
    }
}

/// That an environment is not there, and which are.
fn no_such_environment(name: &evenkeel_model::EnvironmentName, known: &[String]) -> Failure {
    let failure = Failure::new("no-such-environment", format!("there is no environment {name}"));
    if known.is_empty() {
        return failure.help("no environment is known");
    }
    failure.help(format!("there are: {}", known.join(", ")))
}

/// A folder's path as it is written to people.
fn shown(path: &std::path::Path) -> Result<String, Failure> {
    path.to_str()
        .map(str::to_owned)
        .ok_or("its name is no UTF-8")
        .or_fail("bad-path", path.display())
}
