//! The conformance suite on this machine, and what only a local target can show.

use crate::{HostTransport, TransportSettings, connection::Way, sshd::Sshd, suite::*};
use evenkeel_engine::port::transport::{Look, Transport as _, TransportError};
use evenkeel_model::{AbsolutePath, Action, Answer, Connection, Digest, Outcome, Probe, Span, Target};
use std::{fs, io::Write as _, path::Path};
use tempfile::TempDir;

fn bench<'a>(transport: &'a HostTransport, root: &Path) -> Bench<'a> {
    let root = AbsolutePath::new(root.to_str().unwrap()).unwrap();
    Bench {
        transport,
        environment: "dev".parse().unwrap(),
        target: Target {
            name: "here".parse().unwrap(),
            labels: Default::default(),
            connection: Connection::Local { root: Some(root) },
            address: "127.0.0.1".into(),
        },
        base: AbsolutePath::new("/base").unwrap(),
        epoch: 2,
    }
}

fn transport(folder: &TempDir) -> HostTransport {
    HostTransport::new(TransportSettings {
        sockets: folder.path().join("s"),
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_this_machine_passes_the_suite() {
    let folder = tempfile::tempdir().unwrap();
    let transport = transport(&folder);
    suite(&bench(&transport, &folder.path().join("root"))).await;
}

fn over_ssh<'a>(transport: &'a HostTransport, sshd: &Sshd) -> Bench<'a> {
    Bench {
        transport,
        environment: "prod".parse().unwrap(),
        target: sshd.target(),
        base: AbsolutePath::new(sshd.folder.path().join("base").to_str().unwrap()).unwrap(),
        epoch: 2,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_sshd_passes_the_suite() {
    let Some(sshd) = Sshd::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let transport = transport(&folder);
    let bench = over_ssh(&transport, &sshd);
    suite(&bench).await;
    root_suite(&bench).await;
    transport.close(&bench.environment, &bench.target.name).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_host_key_is_refused() {
    let Some(sshd) = Sshd::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let transport = transport(&folder);
    let bench = over_ssh(&transport, &sshd);
    fs::write(sshd.folder.path().join("known"), "").unwrap();
    let look = Look {
        full: false,
        deadline: patience(),
    };
    match transport
        .observe(&bench.environment, &bench.target, &[Probe::Facts], look)
        .await
    {
        Err(TransportError::Unreachable { why, .. }) => {
            assert!(why.to_lowercase().contains("host key"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        fs::read_to_string(sshd.folder.path().join("known")).unwrap(),
        "",
        "nothing is learnt by heart"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_dead_host_is_late_and_a_dead_connection_is_replaced() {
    let Some(sshd) = Sshd::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let transport = transport(&folder);
    let bench = over_ssh(&transport, &sshd);
    bench.ask(Probe::Facts).await;
    sshd.signal("-STOP");
    let look = Look {
        full: false,
        deadline: Span::from_millis(300),
    };
    let late = transport
        .observe(&bench.environment, &bench.target, &[Probe::Facts], look)
        .await;
    assert!(matches!(late, Err(TransportError::Deadline { .. })), "{late:?}");
    sshd.signal("-CONT");
    bench.ask(Probe::Facts).await;
    assert_eq!(transport.counters().read().connects, 2);
}

async fn no_op_is_one_round_trip(bench: &Bench<'_>, transport: &HostTransport) {
    bench
        .act(vec![Action::MakeDirectory {
            path: bench.base.clone(),
            mode: 0o755,
            owner: None,
            group: None,
        }])
        .await;
    let make = "for i in $(seq 100); do echo $i > f$i; done; touch -d '1 hour ago' f*";
    let done = bench.act(vec![bench.run(&["sh", "-c", make])]).await;
    assert_eq!(done[0].0, Outcome::Done, "{}", done[0].1);
    let probes: Vec<Probe> = (1..=100)
        .map(|i| Probe::Hash(bench.at(&format!("f{i}"))))
        .collect();
    let first = bench.look(&probes, false).await;
    for full in [false, true] {
        let before = transport.counters().read();
        assert_eq!(bench.look(&probes, full).await, first);
        let after = transport.counters().read();
        assert_eq!(after.round_trips - before.round_trips, 1);
        assert_eq!((after.execs, after.connects), (before.execs, before.connects));
    }
    assert!(
        first
            .values()
            .all(|answer| matches!(answer, Answer::Hash(Some(hashed)) if hashed.digest.is_some()))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looking_at_a_hundred_files_is_one_round_trip() {
    let folder = tempfile::tempdir().unwrap();
    let transport = transport(&folder);
    no_op_is_one_round_trip(&bench(&transport, &folder.path().join("root")), &transport).await;
    if let Some(sshd) = Sshd::start() {
        no_op_is_one_round_trip(&over_ssh(&transport, &sshd), &transport).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_file_is_hashed_again_also_when_its_mtime_was_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let transport = transport(&folder);
    let root = folder.path().join("root");
    let bench = bench(&transport, &root);
    fs::create_dir_all(root.join("base")).unwrap();
    for (content, mtime) in [("one", 1000), ("two", 1000), ("six", 2000)] {
        fs::write(root.join("base/f"), content).unwrap();
        let file = fs::File::options()
            .append(true)
            .open(root.join("base/f"))
            .unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(mtime))
            .unwrap();
        let seen = bench.hash(&bench.at("f")).await.unwrap();
        assert_eq!(seen.digest, Some(Digest::of(content.as_bytes())));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_do_not_lead_out_of_the_root() {
    let folder = tempfile::tempdir().unwrap();
    let transport = transport(&folder);
    let root = folder.path().join("root");
    let bench = bench(&transport, &root);
    fs::create_dir_all(root.join("base")).unwrap();
    fs::create_dir(folder.path().join("out")).unwrap();
    fs::write(folder.path().join("out/secret"), "x").unwrap();
    std::os::unix::fs::symlink(folder.path().join("out"), root.join("base/door")).unwrap();
    for probe in [
        Probe::Hash(bench.at("door/secret")),
        Probe::Read {
            path: bench.at("door/secret"),
            limit: 9,
        },
        Probe::Stat(bench.at("door/none")),
    ] {
        let answer = bench.ask(probe).await;
        assert!(
            matches!(&answer, Answer::Failed(why) if why.contains("outside")),
            "{answer:?}"
        );
    }
    bench
        .fails(
            Action::Remove {
                path: bench.at("door/secret"),
                recursive: true,
            },
            "leads out",
        )
        .await;
    bench
        .fails(
            Action::PutSymlink {
                path: bench.at("door/l"),
                to: "x".into(),
            },
            "leads out",
        )
        .await;
    assert_eq!(fs::read(folder.path().join("out/secret")).unwrap(), b"x");
    for probe in [Probe::Unit("a.service".into()), Probe::User("root".into())] {
        assert!(matches!(bench.ask(probe).await, Answer::Failed(why) if why.contains("rooted")));
    }
    // An absolute link means the same inside as it would on a machine of its own.
    bench
        .done_twice(vec![Action::PutSymlink {
            path: bench.at("in"),
            to: "/base".into(),
        }])
        .await;
    let answer = bench.ask(Probe::Stat(bench.at("in"))).await;
    assert!(matches!(answer, Answer::Stat(Some(stat)) if stat.link.as_deref() == Some("/base")));
    assert_eq!(fs::read_link(root.join("base/in")).unwrap(), root.join("base"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_controller_waits_and_a_late_end_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (transport(&folder), transport(&folder));
    let root = folder.path().join("root");
    let (bench, other) = (bench(&ours, &root), bench(&theirs, &root));
    fs::create_dir_all(root.join("base")).unwrap();
    // It goes on until the test says so.
    let wait = group(
        "wait",
        vec![
            bench.run(&["sh", "-c", "mkfifo go; read x <go; touch went"]),
            bench.run(&["touch", "after"]),
        ],
        &[],
    );
    let ends = bench.try_apply(&[wait], 2, Span::from_millis(500)).await.unwrap();
    assert!(
        ends.iter()
            .all(|end| matches!(&end.outcome, Outcome::Unknown(why) if why.contains("500ms"))),
        "{ends:?}"
    );
    let quick = [group("x", vec![other.run(&["true"])], &[])];
    match other.try_apply(&quick, 2, patience()).await {
        Err(TransportError::Locked { holder, .. }) => assert_eq!(holder, "dev/1 (epoch 2)"),
        end => panic!("{end:?}"),
    }
    // The look goes on meanwhile, on both.
    bench.ask(Probe::Facts).await;
    fs::write(root.join("base/go"), "now\n").unwrap();
    let freed = async {
        loop {
            if other.try_apply(&quick, 2, patience()).await.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), freed)
        .await
        .unwrap();
    assert!(root.join("base/went").exists(), "the step under way was not cut");
    assert!(!root.join("base/after").exists(), "no further one was begun");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_shell_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let transport = transport(&folder);
    let root = folder.path().join("root");
    let bench = bench(&transport, &root);
    fs::create_dir_all(root.join("base")).unwrap();
    bench.ask(Probe::Facts).await;
    // The step ends its own shell: nothing more is heard.
    let killer = [group(
        "k",
        vec![bench.run(&["sh", "-c", "kill -9 $(cut -d' ' -f4 /proc/$PPID/stat) $PPID"])],
        &[],
    )];
    let ends = bench.try_apply(&killer, 2, patience()).await.unwrap();
    assert!(!matches!(ends[0].outcome, Outcome::Done), "{ends:?}");
    bench.ask(Probe::Facts).await;
    assert_eq!(bench.act(vec![bench.run(&["true"])]).await[0].0, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packages_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let transport = transport(&folder);
    let mut bench = bench(&transport, &folder.path().join("root"));
    bench.target.connection = Connection::Local { root: None };
    let package = |name: &str| Probe::Package {
        manager: None,
        name: name.into(),
    };
    let probes = [
        package("coreutils"),
        package("no-such-package"),
        package("tar"),
        package("-x"),
    ];
    let answers = bench.look(&probes, false).await;
    let version = |name: &str| match &answers[&package(name)] {
        Answer::Package(state) => state.version.clone(),
        other => panic!("{other:?}"),
    };
    assert!(version("coreutils").is_some() && version("tar").is_some());
    assert_eq!(version("no-such-package"), None);
    assert!(matches!(answers[&package("-x")], Answer::Failed(_)));
}

/// Prints what a look costs beside its floor; `cargo test -- --ignored --nocapture cost`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures"]
async fn cost_of_a_hundred_files() {
    let Some(sshd) = Sshd::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let transport = transport(&folder);
    let bench = over_ssh(&transport, &sshd);
    no_op_is_one_round_trip(&bench, &transport).await;
    let probes: Vec<Probe> = (1..=100)
        .map(|i| Probe::Hash(bench.at(&format!("f{i}"))))
        .collect();
    let way = Way::new(
        bench.target.connection.clone(),
        folder.path().join("s"),
        Default::default(),
    );
    let mut bare = way.shell().await.unwrap();
    let files = (1..=100)
        .map(|i| bench.at(&format!("f{i}")).to_string())
        .collect::<Vec<_>>()
        .join(" ");
    let floor = format!("stat -c '%n %s %Y %Z %i %f' -- {files}; sha256sum -- {files}");
    for what in ["floor", "full", "unmoved"] {
        let mut times = Vec::new();
        for _ in 0..50 {
            let start = std::time::Instant::now();
            if what == "floor" {
                bare.ask(&floor, &mut |_| {}).await.unwrap();
            } else {
                bench.look(&probes, what == "full").await;
            }
            times.push(start.elapsed());
        }
        times.sort();
        let _ = writeln!(
            std::io::stderr(),
            "cost: {what}: median {:?}, least {:?}",
            times[25],
            times[0]
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sudo_carries_the_suite_too() {
    let Some(sshd) = Sshd::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let transport = transport(&folder);
    let mut bench = over_ssh(&transport, &sshd);
    if let Connection::Ssh(ssh) = &mut bench.target.connection {
        ssh.r#become = true;
    }
    suite(&bench).await;
}
