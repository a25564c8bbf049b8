//! Programs run for the fleet: argv lists, always with a deadline.

use super::Trouble;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code; 255 from ssh itself, 124 or 137 when the deadline ended it, −1 for another signal.
    pub code: i32,
    /// Standard output, lossily decoded.
    pub stdout: String,
    /// Standard error, lossily decoded.
    pub stderr: String,
}

impl Outcome {
    /// Whether it exited with 0.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.code == 0
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs argv for at most `limit`; `timeout` from coreutils ends it and all it started.
pub(super) fn run<S: AsRef<str>>(argv: &[S], limit: Duration) -> Result<Outcome, Trouble> {
    let words: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
    Command::new("timeout")
        .args(["--kill-after=2", &format!("{:.3}", limit.as_secs_f64())])
        .args(&words)
        .stdin(Stdio::null())
        .output()
        .map(Outcome::from)
        .map_err(|source| Trouble::Io {
            what: words.join(" "),
            source,
        })
}

/// Runs argv, which must succeed; what it printed comes back.
pub(super) fn must<S: AsRef<str>>(argv: &[S]) -> Result<String, Trouble> {
    let outcome = run(argv, Duration::from_secs(30))?;
    if outcome.ok() {
        return Ok(outcome.stdout);
    }
    let words: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
    Err(Trouble::Failed {
        what: words.join(" "),
        code: outcome.code,
        output: outcome.stderr.trim().to_owned(),
    })
}

/// Asks `fact` until it holds, every 20 ms, for at most `limit`; whether it came to hold.
pub(super) fn until(limit: Duration, mut fact: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if fact() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Whether a program is somewhere on `PATH`.
pub(super) fn on_path(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else {
        return false;
    };
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// A path as an argv word. The fleet makes all its paths itself, from plain ASCII.
pub(super) fn word(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_past_its_deadline_is_ended() {
        let begun = Instant::now();
        let outcome = run(&["sleep", "60"], Duration::from_millis(50)).unwrap();
        assert_eq!(outcome.code, 124);
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_failure_says_what_was_run_and_what_it_said() {
        let trouble = must(&["sh", "-c", "echo no such luck >&2; exit 3"])
            .unwrap_err()
            .to_string();
        assert!(
            trouble.contains("no such luck") && trouble.contains('3'),
            "{trouble}"
        );
    }

    #[test]
    fn a_fact_that_never_holds_is_given_up() {
        assert!(!until(Duration::from_millis(30), || false));
        assert!(until(Duration::ZERO, || true), "asked at least once");
    }
}
