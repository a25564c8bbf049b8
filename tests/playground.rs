//! `make run` as its user meets it: it says ready, continues where it was, is forgotten on demand, and is small.

#![allow(clippy::print_stdout, reason = "what a test tells of itself")]

use evenkeel_tests::{
    record,
    service::{Scratch, binary},
};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

type Done = Result<(), Box<dyn std::error::Error>>;

/// The most that an idle service with three environments may have resident, in kB.
const MEMORY: u64 = 30 * 1024;
const READY: Duration = Duration::from_secs(120);

/// The release binary where there is one: its size is what users get.
fn program() -> Result<(PathBuf, bool), Box<dyn std::error::Error>> {
    match std::env::var_os("EVENKEEL_RELEASE_BIN") {
        Some(path) => Ok((path.into(), true)),
        None => Ok((binary()?, false)),
    }
}

fn shop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/shop")
}

/// Starts it and waits for its ready line.
fn start(program: &Path, state: &Path) -> Result<Child, Box<dyn std::error::Error>> {
    let mut child = Command::new(program)
        .args(["playground", "--manifests"])
        .arg(shop())
        .arg("--state")
        .arg(state)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let out = child.stdout.take().ok_or("no output")?;
    let (said, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if said.send(line).is_err() {
                return;
            }
        }
    });
    let begun = Instant::now();
    while let Some(left) = READY.checked_sub(begun.elapsed()) {
        if heard
            .recv_timeout(left)
            .is_ok_and(|line| line.starts_with("ready: 3 environments"))
        {
            return Ok(child);
        }
    }
    child.kill()?;
    Err("it never said that it is ready".into())
}

fn stop(mut child: Child) -> Done {
    let asked = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()?;
    assert!(asked.success());
    assert!(child.wait()?.success(), "stopped in good order");
    Ok(())
}

fn history(program: &Path, state: &Path) -> Result<usize, Box<dyn std::error::Error>> {
    let socket = state.join("service/evenkeel.sock");
    let out = Command::new(program)
        .arg("--socket")
        .arg(socket)
        .args(["history", "--json"])
        .output()?;
    let all: Vec<serde_json::Value> = serde_json::from_slice(&out.stdout)?;
    assert!(all.iter().all(|one| one["outcome"] == "succeeded"), "{all:#?}");
    Ok(all.len())
}

fn resident(child: &Child) -> Result<u64, Box<dyn std::error::Error>> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id()))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

#[test]
fn it_gets_ready_stays_small_continues_and_is_forgotten() -> Done {
    let (program, release) = program()?;
    let scratch = Scratch::new("playground")?;
    let state = scratch.path().join("playground");

    let child = start(&program, &state)?;
    let deployments = history(&program, &state)?;
    assert_eq!(deployments, 3, "one for each environment");
    let resident = resident(&child)?;
    println!("{resident} kB resident with 3 environments (limit {MEMORY} kB, in a release build)");
    if release {
        record::ran("release");
        assert!(resident <= MEMORY, "{resident} kB resident");
    } else {
        println!("a development build: its size is not judged (EVENKEEL_RELEASE_BIN)");
    }
    stop(child)?;

    let child = start(&program, &state)?;
    assert_eq!(
        history(&program, &state)?,
        deployments,
        "it continues, with nothing to do"
    );
    let refused = Command::new(&program)
        .args(["playground", "--reset", "--state"])
        .arg(&state)
        .output()?;
    assert!(!refused.status.success(), "not while it runs");
    stop(child)?;

    let pids: Vec<u32> = fs::read_dir(state.join("targets"))?
        .flatten()
        .filter_map(|target| fs::read_to_string(target.path().join(".evenkeel/processes/shop-web")).ok())
        .filter_map(|record| record.split_whitespace().next()?.parse().ok())
        .collect();
    assert_eq!(pids.len(), 4, "four servers' processes outlive the service");
    assert!(pids.iter().all(|pid| Path::new(&format!("/proc/{pid}")).exists()));
    let reset = Command::new(&program)
        .args(["playground", "--reset", "--state"])
        .arg(&state)
        .output()?;
    assert!(
        reset.status.success(),
        "{}",
        String::from_utf8_lossy(&reset.stderr)
    );
    assert!(!state.exists());
    for pid in pids {
        let gone = fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
        assert!(!gone, "{pid} was stopped");
    }
    Ok(())
}
