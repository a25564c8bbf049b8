//! Log lines, to standard error.

use crate::arguments::{Common, LogFormat};
use tracing_subscriber::{EnvFilter, fmt};

/// Starts logging. `RUST_LOG`, where set, says what; else the number of `-v`, above `least`.
pub(crate) fn start(common: &Common, least: u8) {
    let level = match common.verbose.max(least) {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        EnvFilter::new(format!(
            "warn,evenkeel={level},evenkeel_git={level},evenkeel_transport={level},evenkeel_store={level}"
        ))
    });
    let lines = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    // A second start (in one process, as tests do) keeps the first.
    drop(match common.log_format {
        LogFormat::Human => lines
            .with_ansi(crate::output::colour(common, &std::io::stderr()))
            .try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    });
}
