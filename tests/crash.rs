//! `kill -9` of the service at 200 random instants of a deployment: it always converges, and history tells the truth.

#![allow(clippy::print_stdout, reason = "what a test tells of itself")]

use evenkeel_tests::service::{Manifests, Scratch, Service};
use serde_json::Value;
use std::{fmt::Write as _, fs, path::Path, time::Duration};

type Done = Result<(), Box<dyn std::error::Error>>;

/// How many instants, as the issue asks; `EVENKEEL_CRASHES` changes it.
const CRASHES: u32 = 200;
const FILES: u32 = 20;
const MINUTE: Duration = Duration::from_secs(60);

/// xorshift64*: instants that a seed gives again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % below
    }
}

fn app(round: u32) -> String {
    let mut text = "apiVersion: evenkeel.dev/v1\nkind: App\nmetadata: { name: web }\nspec:\n  resources:\n    - { kind: Directory, path: /srv }\n".to_owned();
    for file in 0..FILES {
        let _ = writeln!(
            text,
            "    - {{ kind: File, path: /srv/f{file}, content: 'round {round} file {file}' }}"
        );
    }
    // Every third round has a file that the next has not: something to prune.
    if round.is_multiple_of(3) {
        text.push_str("    - { kind: File, path: /srv/third, content: third }\n");
    }
    text.push_str("    - { kind: Process, name: web, argv: [tail, -f, /dev/null], log: /srv/log, restartOn: ['File:/srv/f0'] }\n");
    text
}

fn files(root: &Path, round: u32) -> Done {
    for file in 0..FILES {
        let text = fs::read_to_string(root.join(format!("srv/f{file}")))?;
        assert_eq!(text, format!("round {round} file {file}"));
    }
    assert_eq!(
        root.join("srv/third").exists(),
        round.is_multiple_of(3),
        "pruned when it left Git"
    );
    Ok(())
}

/// What every history must say, whenever it is read.
fn truthful(service: &Service) -> Done {
    let (_, history) = service.json(&["history", "dev", "-n", "1000"])?;
    let history = history.as_array().cloned().unwrap_or_default();
    for (index, one) in history.iter().rev().enumerate() {
        assert_eq!(one["id"], format!("dev/{}", index + 1), "numbers have no gap");
    }
    for (age, one) in history.iter().enumerate().take(4) {
        let id = one["id"].as_str().unwrap_or_default();
        let record: Value = serde_json::from_str(&service.must(&["show", id, "--json"])?)?;
        let outcome = record["deployment"]["outcome"].clone();
        let running = outcome == "applying" || outcome == "verifying";
        assert!(
            age == 0 || !running,
            "only the newest may be under way: {record:#}"
        );
        if outcome == "succeeded" {
            for target in record["plan"]["targets"].as_array().into_iter().flatten() {
                let name = target["target"].as_str().unwrap_or_default();
                let ends = record["steps"][name].as_array().cloned().unwrap_or_default();
                let groups = target["groups"].as_array().cloned().unwrap_or_default();
                let steps: usize = groups
                    .iter()
                    .map(|group| group["actions"].as_array().map_or(0, Vec::len))
                    .sum();
                assert_eq!(ends.len(), steps, "a success has every end: {record:#}");
                assert!(ends.iter().all(|end| end["outcome"] == "done"), "{record:#}");
            }
        }
    }
    Ok(())
}

#[test]
fn two_hundred_kills_lose_nothing_and_hide_nothing() -> Done {
    let crashes = std::env::var("EVENKEEL_CRASHES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(CRASHES);
    let seed = std::env::var("EVENKEEL_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0x5eed_u64);
    println!("seed {seed} (EVENKEEL_SEED), {crashes} kills (EVENKEEL_CRASHES)");
    let mut dice = Dice(seed | 1);
    let scratch = Scratch::new("crash")?;
    let root = scratch.path().join("server");
    fs::create_dir_all(&root)?;
    let manifests = Manifests::new(scratch.path())?;
    let environment = format!(
        "apiVersion: evenkeel.dev/v1\nkind: Environment\nmetadata: {{ name: dev }}\nspec:\n  sync: {{ mode: automatic, interval: 2s, pruneLimit: 100 }}\n  apps: [{{ app: web }}]\n  targets: [{{ name: here, local: {{ root: {} }} }}]\n",
        root.display()
    );
    manifests.push(
        &[
            (
                "project.yaml",
                "apiVersion: evenkeel.dev/v1\nkind: Project\nmetadata: { name: crash }\nspec: {}\n",
            ),
            ("dev.yaml", &environment),
            ("web.yaml", &app(0)),
        ],
        "round 0",
    )?;
    let state = scratch.path().join("state");
    let in_sync = |commit: String| {
        move |status: &Value| {
            status["sync"] == "InSync" && status["desired"]["revision"]["id"] == commit.as_str()
        }
    };
    let mut cut_off = 0;
    for round in 1..=crashes {
        let commit = manifests.push(&[("web.yaml", &app(round))], &format!("round {round}"))?;
        let mut service = Service::start(&state, &manifests.url())?;
        std::thread::park_timeout(Duration::from_millis(dice.roll(500)));
        service.kill();
        drop(service);
        if round % 10 == 0 {
            let service = Service::start(&state, &manifests.url())?;
            service.until("dev", "it converges after kills", MINUTE, in_sync(commit))?;
            files(&root, round)?;
            truthful(&service)?;
            let (code, plan) = service.json(&["plan", "dev"])?;
            assert_eq!(code, 0, "a second run has nothing to do: {plan:#}");
            let (_, history) = service.json(&["history", "dev", "-n", "1000"])?;
            let all = history.as_array().cloned().unwrap_or_default();
            cut_off = all.iter().filter(|one| one["outcome"] == "cutOff").count();
        }
    }
    println!("{cut_off} deployments were cut off, and say so");
    assert!(
        crashes < 50 || cut_off > 0,
        "no kill met a deployment: the instants are wrong"
    );
    Ok(())
}
