//! The `evenkeel` binary: arguments, output, wiring, and the runtime that carries the engine's effects out.
//!
//! **Architecture Invariant:** the only room that sees every adapter, and the only one that prints.

mod arguments;
mod client;
mod command;
mod failure;
mod logging;
mod output;
mod place;
mod runtime;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match arguments::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let usage = error.use_stderr();
            drop(error.print());
            return ExitCode::from(if usage { command::EXIT_USAGE } else { 0 });
        }
    };
    command::run(&arguments)
}
