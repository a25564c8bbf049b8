//! Which tests ran on real servers and which had to be skipped. A skipped test passes as far as cargo is concerned, so it
//! says so aloud and is written down where `scripts/test` counts it.

use std::fs::OpenOptions;
use std::io::Write;

/// The file that gets one line per test: `ran fleet NAME` or `skipped fleet NAME: WHY`.
const RECORD: &str = "EVENKEEL_TEST_RECORD";
/// Set to `1` where a skipped test is a failed one.
const REQUIRE: &str = "EVENKEEL_REQUIRE_FLEET";

/// Notes that the current test runs on real servers.
pub fn ran(area: &str) {
    append(&format!("ran {area} {}", test_name()));
}

/// Says aloud that the current test is skipped, and why.
///
/// # Panics
///
/// Where `EVENKEEL_REQUIRE_FLEET=1` demands that it runs.
#[allow(
    clippy::panic,
    clippy::print_stderr,
    reason = "a test's own verdict and output"
)]
pub fn skipped(area: &str, why: &str) {
    let name = test_name();
    append(&format!("skipped {area} {name}: {why}"));
    eprintln!("SKIPPED {area}: {why}");
    if std::env::var(REQUIRE).is_ok_and(|value| value == "1") {
        panic!("{name} may not be skipped here ({REQUIRE}=1): {why}");
    }
}

/// libtest names each test's thread after the test.
fn test_name() -> String {
    std::thread::current().name().unwrap_or("unnamed").to_owned()
}

/// Best effort: a record that cannot be written must not fail a test that ran; who counts sees that it is missing.
fn append(line: &str) {
    let Some(path) = std::env::var_os(RECORD) else {
        return;
    };
    if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path) {
        let _ = file.write_all(format!("{line}\n").as_bytes());
    }
}
