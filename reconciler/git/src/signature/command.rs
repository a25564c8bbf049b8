//! A verifier run to its end: bounded in time and output, with nothing of our environment but its path.

use crate::{address::clean, deadline::Deadline};
use std::{ffi::OsStr, fs::File, path::Path, process::Stdio};
use tokio::{io::AsyncReadExt as _, process::Command, time::timeout_at};

/// Most that is read of a verifier's output, in bytes; one that says more stands still until the deadline ends it.
const OUTPUT: u64 = 256 << 10;

/// What a verifier said.
pub(super) struct Said {
    pub(super) success: bool,
    pub(super) output: String,
    /// Its complaints, for people.
    pub(super) error: String,
}

/// Runs a program in `dir`, with a file of it as standard input.
pub(super) async fn run<A: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = A>,
    dir: &Path,
    input: Option<&str>,
    deadline: Deadline,
) -> Result<Said, String> {
    let fail = |error: std::io::Error| format!("{program} cannot be run to verify signatures: {error}");
    let stdin = match input {
        Some(name) => File::open(dir.join(name)).map_err(fail)?.into(),
        None => Stdio::null(),
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(dir)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
        .env_clear()
        .env("LC_ALL", "C")
        .env("HOME", dir)
        .kill_on_drop(true);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    let mut child = command.spawn().map_err(fail)?;
    let (mut output, mut error) = (Vec::new(), Vec::new());
    let both = (child.stdout.take(), child.stderr.take());
    let (Some(out), Some(err)) = both else {
        return Err(format!("{program} has no output"));
    };
    let (mut out, mut err) = (out.take(OUTPUT), err.take(OUTPUT));
    let whole = async {
        tokio::try_join!(out.read_to_end(&mut output), err.read_to_end(&mut error))?;
        child.wait().await
    };
    let status = timeout_at(deadline.instant(), whole)
        .await
        .map_err(|_| format!("{program} did not end in time"))?
        .map_err(fail)?;
    Ok(Said {
        success: status.success(),
        output: String::from_utf8_lossy(&output).into_owned(),
        error: clean(&String::from_utf8_lossy(&error)),
    })
}
