//! What every transport must do: run against a folder of this machine here, against real servers elsewhere.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test, also where another room runs it"
)]

use evenkeel_engine::port::{
    store::Contents,
    transport::{Look, Staged, Transport, TransportError, Work},
};
use evenkeel_model::{
    AbsolutePath, Action, Answer, Digest, EnvironmentName, Outcome, Probe, ResourceId, Span, StepGroup,
    StepResult, SyncStatus, Target,
    action::{ProcessStart, RunAction, UserSpec},
    probe::{Debt, DebtVerb, FileType, Hashed, RunProbe},
};
use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Cursor, Read},
    sync::Mutex,
};

/// Contents in memory.
#[derive(Debug, Default)]
pub struct Bytes(HashMap<Digest, Vec<u8>>);

impl Bytes {
    /// Keeps bytes; their digest.
    pub fn keep(&mut self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.0.insert(digest, bytes.to_vec());
        digest
    }
    /// Keeps bytes under a digest that is not theirs.
    pub fn forge(&mut self, digest: Digest, bytes: &[u8]) {
        self.0.insert(digest, bytes.to_vec());
    }
}

impl Contents for Bytes {
    fn open(&self, digest: &Digest) -> io::Result<Option<(u64, Box<dyn Read + Send>)>> {
        Ok(self.0.get(digest).map(|bytes| {
            let reader: Box<dyn Read + Send> = Box::new(Cursor::new(bytes.clone()));
            (bytes.len() as u64, reader)
        }))
    }
}

/// A transport, and the target that it is tried on.
pub struct Bench<'a> {
    /// Under test.
    pub transport: &'a dyn Transport,
    /// Its environment.
    pub environment: EnvironmentName,
    /// The target.
    pub target: Target,
    /// A directory there that is ours; it need not exist.
    pub base: AbsolutePath,
    /// Ours; at least 2, and not lower than what the target has seen.
    pub epoch: u64,
}

/// Long enough for a busy machine; no test waits for it to pass.
#[must_use]
pub fn patience() -> Span {
    Span::from_secs(60)
}

/// A group with these actions.
#[must_use]
pub fn group(name: &str, actions: Vec<Action>, needs: &[u32]) -> StepGroup {
    StepGroup {
        resource: ResourceId::new("Test", name).unwrap(),
        status: SyncStatus::Drifted,
        prune: false,
        changes: Vec::new(),
        actions,
        needs: needs.to_vec(),
    }
}

impl Bench<'_> {
    /// A path below the base.
    #[must_use]
    pub fn at(&self, name: &str) -> AbsolutePath {
        self.base.join(name).unwrap()
    }

    /// The answers to some probes.
    pub async fn look(&self, probes: &[Probe], full: bool) -> BTreeMap<Probe, Answer> {
        let look = Look {
            full,
            deadline: patience(),
        };
        let answers = self
            .transport
            .observe(&self.environment, &self.target, probes, look)
            .await
            .unwrap();
        assert!(
            probes.iter().all(|probe| answers.contains_key(probe)),
            "every probe is answered"
        );
        answers
    }

    /// The answer to one.
    pub async fn ask(&self, probe: Probe) -> Answer {
        self.look(std::slice::from_ref(&probe), false)
            .await
            .remove(&probe)
            .unwrap()
    }

    /// What is hashed at a path.
    pub async fn hash(&self, path: &AbsolutePath) -> Option<Hashed> {
        match self.ask(Probe::Hash(path.clone())).await {
            Answer::Hash(hashed) => hashed,
            other => panic!("{path}: {other:?}"),
        }
    }

    /// Sends contents.
    pub async fn stage(&self, contents: &Bytes) -> Result<Staged, TransportError> {
        let digests: Vec<Digest> = contents.0.keys().copied().collect();
        self.transport
            .stage(&self.environment, &self.target, &digests, contents, patience())
            .await
    }

    /// Carries groups out under an epoch.
    pub async fn try_apply(
        &self,
        groups: &[StepGroup],
        epoch: u64,
        deadline: Span,
    ) -> Result<Vec<StepResult>, TransportError> {
        let deployment = format!("{}/1", self.environment).parse().unwrap();
        let work = Work {
            deployment: &deployment,
            epoch,
            groups,
            deadline,
        };
        let told = Mutex::new(Vec::new());
        let progress = |end: &StepResult| {
            told.lock()
                .unwrap()
                .push((end.group, end.action, end.outcome.clone()));
        };
        let results = self.transport.apply(&self.target, work, &progress).await?;
        let places: Vec<_> = results.iter().map(|end| (end.group, end.action)).collect();
        let wanted: Vec<_> = (0_u32..)
            .zip(groups)
            .flat_map(|(g, group)| (0_u32..).take(group.actions.len()).map(move |a| (g, a)))
            .collect();
        assert_eq!(places, wanted, "one end for every action, in order");
        let told = told.into_inner().unwrap();
        let tried = results
            .iter()
            .filter(|end| matches!(end.outcome, Outcome::Done | Outcome::Failed(_)));
        assert_eq!(
            told,
            tried
                .map(|end| (end.group, end.action, end.outcome.clone()))
                .collect::<Vec<_>>()
        );
        Ok(results)
    }

    /// Carries one group out; how its actions ended, with their output.
    pub async fn act(&self, actions: Vec<Action>) -> Vec<(Outcome, String)> {
        let results = self
            .try_apply(&[group("x", actions, &[])], self.epoch, patience())
            .await
            .unwrap();
        results.into_iter().map(|end| (end.outcome, end.output)).collect()
    }

    /// The same, where all must be done, and done again changes nothing.
    pub async fn done_twice(&self, actions: Vec<Action>) {
        for _ in 0..2 {
            for (outcome, output) in self.act(actions.clone()).await {
                assert_eq!(outcome, Outcome::Done, "{output}");
            }
        }
    }

    /// The first action fails with a reason that says this.
    pub async fn fails(&self, action: Action, says: &str) {
        match &self.act(vec![action]).await[0] {
            (Outcome::Failed(why), _) if why.contains(says) => {}
            other => panic!("expected a failure with {says:?}: {other:?}"),
        }
    }

    /// A put file.
    #[must_use]
    pub fn put(&self, name: &str, content: Digest, mode: u32) -> Action {
        Action::PutFile {
            path: self.at(name),
            content,
            mode,
            owner: None,
            group: None,
            validate: None,
        }
    }

    /// A command.
    #[must_use]
    pub fn run(&self, argv: &[&str]) -> Action {
        Action::Run(Box::new(RunAction {
            argv: argv.iter().map(|text| (*text).to_owned()).collect(),
            cwd: Some(self.base.clone()),
            env: BTreeMap::from([("GREETING".into(), "it's \"so\"".into())]),
            user: None,
            timeout: patience(),
            ok: vec![0],
        }))
    }

    fn guard(&self, argv: &[&str], timeout: Span) -> Probe {
        Probe::Run(Box::new(RunProbe {
            argv: argv.iter().map(|text| (*text).to_owned()).collect(),
            cwd: Some(self.base.clone()),
            env: BTreeMap::from([("GREETING".into(), "it's \"so\"".into())]),
            user: None,
            timeout,
        }))
    }

    fn directory(&self, path: AbsolutePath) -> Action {
        Action::MakeDirectory {
            path,
            mode: 0o755,
            owner: None,
            group: None,
        }
    }
}

/// Everything that needs no root.
pub async fn suite(bench: &Bench<'_>) {
    let _ = bench
        .act(vec![Action::Remove {
            path: bench.base.clone(),
            recursive: true,
        }])
        .await;
    bench.done_twice(vec![bench.directory(bench.base.clone())]).await;
    files(bench).await;
    hostile_names(bench).await;
    commands(bench).await;
    order(bench).await;
    debts(bench).await;
    processes(bench).await;
    archives(bench).await;
    epochs(bench).await;
    match bench.ask(Probe::Facts).await {
        Answer::Facts(facts) => assert!(
            facts.kernel == "linux" && facts.cpus > 0 && facts.memory > 0,
            "{facts:?}"
        ),
        other => panic!("{other:?}"),
    }
    bench
        .done_twice(vec![Action::Remove {
            path: bench.base.clone(),
            recursive: true,
        }])
        .await;
}

async fn files(bench: &Bench<'_>) {
    let mut contents = Bytes::default();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let (binary, empty) = (contents.keep(&bytes), contents.keep(b""));
    let staged = bench.stage(&contents).await.unwrap();
    assert_eq!(
        staged,
        Staged {
            sent: 2,
            bytes: 100_000
        }
    );
    assert_eq!(
        bench.stage(&contents).await.unwrap(),
        Staged::default(),
        "what is there is not sent"
    );
    let results = bench
        .act(vec![bench.put("a", binary, 0o640), bench.put("e", empty, 0o600)])
        .await;
    assert!(
        results.iter().all(|(outcome, _)| *outcome == Outcome::Done),
        "{results:?}"
    );
    let hashed = bench.hash(&bench.at("a")).await.unwrap();
    assert_eq!(
        (hashed.digest, hashed.stat.mode, hashed.stat.size),
        (Some(binary), 0o640, 100_000)
    );
    assert_eq!(hashed.stat.file_type, FileType::File);
    assert_eq!(bench.hash(&bench.at("e")).await.unwrap().digest, Some(empty));
    assert_eq!(bench.hash(&bench.at("none")).await, None);
    assert_eq!(bench.hash(&bench.at("a/below")).await, None);
    bench
        .fails(bench.put("b", Digest::of(b"never sent"), 0o644), "not staged")
        .await;

    match bench
        .ask(Probe::Read {
            path: bench.at("a"),
            limit: 300,
        })
        .await
    {
        Answer::Read(Some(excerpt)) => {
            assert_eq!((&excerpt.bytes[..], excerpt.truncated), (&bytes[..300], true));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        bench
            .ask(Probe::Read {
                path: bench.at("none"),
                limit: 9
            })
            .await,
        Answer::Read(None)
    );

    bench
        .done_twice(vec![
            bench.directory(bench.at("d")),
            Action::PutSymlink {
                path: bench.at("l"),
                to: "d/x y".into(),
            },
            Action::SetMeta {
                path: bench.at("a"),
                mode: Some(0o604),
                owner: None,
                group: None,
            },
        ])
        .await;
    assert_eq!(bench.hash(&bench.at("a")).await.unwrap().stat.mode, 0o604);
    match bench.ask(Probe::Stat(bench.at("l"))).await {
        Answer::Stat(Some(stat)) => assert_eq!(
            (stat.file_type, stat.link),
            (FileType::Symlink, Some("d/x y".into()))
        ),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        bench.hash(&bench.at("l")).await.unwrap().digest,
        None,
        "a link is not followed"
    );
    match bench
        .ask(Probe::List {
            path: bench.base.clone(),
            limit: 10,
        })
        .await
    {
        Answer::List(Some(listing)) => {
            let entry = |name: &str, kind| (name.to_owned(), kind);
            let wanted = [
                entry("a", FileType::File),
                entry("d", FileType::Directory),
                entry("e", FileType::File),
                entry("l", FileType::Symlink),
            ];
            assert_eq!((&listing.entries[..], listing.truncated), (&wanted[..], false));
        }
        other => panic!("{other:?}"),
    }
    match bench
        .ask(Probe::List {
            path: bench.base.clone(),
            limit: 2,
        })
        .await
    {
        Answer::List(Some(listing)) => assert!(listing.truncated && listing.entries.len() == 2),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        bench
            .ask(Probe::List {
                path: bench.at("a"),
                limit: 2
            })
            .await,
        Answer::List(None)
    );

    // A link at the destination is replaced, not followed; a validation sees the new file, and can refuse it.
    contents = Bytes::default();
    let new = contents.keep(b"good\n");
    bench.stage(&contents).await.unwrap();
    let vetted = |argv: &[&str]| Action::PutFile {
        path: bench.at("l"),
        content: new,
        mode: 0o644,
        owner: None,
        group: None,
        validate: Some(argv.iter().map(|text| (*text).to_owned()).collect()),
    };
    let refused = bench.act(vec![vetted(&["false", "%"])]).await;
    assert!(
        matches!(&refused[0].0, Outcome::Failed(why) if why.contains("refuses")),
        "{refused:?}"
    );
    bench.stage(&contents).await.unwrap();
    let accepted = bench.act(vec![vetted(&["grep", "-qx", "good", "%"])]).await;
    assert_eq!(accepted[0].0, Outcome::Done, "{}", accepted[0].1);
    assert_eq!(bench.hash(&bench.at("l")).await.unwrap().digest, Some(new));
    bench
        .fails(
            Action::Remove {
                path: bench.base.clone(),
                recursive: false,
            },
            "not empty",
        )
        .await;
    let root = AbsolutePath::new("/").unwrap();
    bench
        .fails(
            Action::Remove {
                path: root,
                recursive: true,
            },
            "never removed",
        )
        .await;

    // What does not have its digest never comes in, nor anything that came with it.
    contents.forge(Digest::of(b"other"), b"not other");
    let fine = contents.keep(b"fine");
    assert!(matches!(
        bench.stage(&contents).await,
        Err(TransportError::Unable { .. })
    ));
    bench.fails(bench.put("f", fine, 0o644), "not staged").await;
    let names: Vec<Action> = ["a", "e", "l", "d"]
        .iter()
        .map(|name| Action::Remove {
            path: bench.at(name),
            recursive: false,
        })
        .collect();
    bench.done_twice(names).await;
}

async fn hostile_names(bench: &Bench<'_>) {
    let names = [
        "it's",
        "a b",
        "-rf",
        "$(touch pwned)",
        "\\n",
        "é",
        "*",
        "%s",
        "\"",
        "@ end",
    ];
    let mut contents = Bytes::default();
    let digest = contents.keep(b"x");
    bench.stage(&contents).await.unwrap();
    let results = bench
        .act(names.iter().map(|name| bench.put(name, digest, 0o644)).collect())
        .await;
    assert!(
        results.iter().all(|(outcome, _)| *outcome == Outcome::Done),
        "{results:?}"
    );
    let mut probes: Vec<Probe> = names.iter().map(|name| Probe::Hash(bench.at(name))).collect();
    probes.push(Probe::Hash(bench.at("missing")));
    for (probe, answer) in bench.look(&probes, true).await {
        let found = matches!(&answer, Answer::Hash(Some(hashed)) if hashed.digest == Some(digest));
        let missing = probe == Probe::Hash(bench.at("missing")) && answer == Answer::Hash(None);
        assert!(found || missing, "{probe:?} {answer:?}");
    }
    assert_eq!(
        bench.ask(Probe::Stat(bench.at("pwned"))).await,
        Answer::Stat(None)
    );
    bench
        .done_twice(
            names
                .iter()
                .map(|name| Action::Remove {
                    path: bench.at(name),
                    recursive: false,
                })
                .collect(),
        )
        .await;
}

async fn commands(bench: &Bench<'_>) {
    let status = async |argv: &[&str], timeout| match bench.ask(bench.guard(argv, timeout)).await {
        Answer::Run(run) => (run.status, run.output),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        status(&["sh", "-c", "printf %s \"$GREETING\"; exit 3"], patience()).await,
        (3, "it's \"so\"".into())
    );
    assert_eq!(status(&["no-such-program"], patience()).await.0, 127);
    assert_eq!(status(&["sleep", "60"], Span::from_millis(50)).await.0, 124);
    assert_eq!(
        status(&["cat"], patience()).await,
        (0, String::new()),
        "standard input is empty"
    );
    assert_eq!(
        status(&["head", "-c", "9999", "/dev/zero"], patience())
            .await
            .1
            .len(),
        4096
    );
    let done = bench
        .act(vec![bench.run(&["sh", "-c", "echo $GREETING; pwd"])])
        .await;
    assert!(
        done[0].0 == Outcome::Done && done[0].1.starts_with("it's \"so\"\n"),
        "{done:?}"
    );
    bench
        .fails(
            bench.run(&["sh", "-c", "echo first; echo because >&2; exit 7"]),
            "exited with 7",
        )
        .await;
    bench.fails(bench.run(&["exit"]), "exited with 127").await;
}

async fn order(bench: &Bench<'_>) {
    let ok = || bench.run(&["true"]);
    let groups = [
        group("a", vec![ok(), bench.run(&["false"]), ok()], &[]),
        group("b", vec![ok()], &[0]),
        group("c", vec![ok()], &[]),
        group("d", vec![ok()], &[1]),
    ];
    let ends = bench.try_apply(&groups, bench.epoch, patience()).await.unwrap();
    let ends: Vec<String> = ends.into_iter().map(|end| format!("{:?}", end.outcome)).collect();
    assert_eq!(
        ends,
        [
            "Done",
            "Failed(\"it exited with 1\")",
            "Skipped(\"an earlier step of Test:a failed\")",
            "Skipped(\"it needs Test:a, which did not succeed\")",
            "Done",
            "Skipped(\"it needs Test:b, which did not succeed\")",
        ]
    );
}

async fn debts(bench: &Bench<'_>) {
    let to = |name: &str| ResourceId::new("Unit", name).unwrap();
    bench
        .done_twice(vec![
            Action::Owe {
                to: to("it's.service"),
                verb: DebtVerb::Restart,
            },
            Action::Owe {
                to: to("b"),
                verb: DebtVerb::Reload,
            },
        ])
        .await;
    let Answer::Debts(mut owed) = bench.ask(Probe::Debts).await else {
        panic!("no debts")
    };
    owed.sort();
    let debt = |name: &str, verb| Debt { to: to(name), verb };
    assert_eq!(
        owed,
        [
            debt("b", DebtVerb::Reload),
            debt("it's.service", DebtVerb::Restart)
        ]
    );
    bench
        .done_twice(vec![
            Action::Settle {
                to: to("it's.service"),
            },
            Action::Settle { to: to("b") },
        ])
        .await;
    assert_eq!(bench.ask(Probe::Debts).await, Answer::Debts(Vec::new()));
}

async fn processes(bench: &Bench<'_>) {
    let start = |generation: &[u8], argv: &[&str]| {
        Action::StartProcess(Box::new(ProcessStart {
            name: "worker".into(),
            argv: argv.iter().map(|text| (*text).to_owned()).collect(),
            cwd: Some(bench.base.clone()),
            env: BTreeMap::from([("A".into(), "b c".into())]),
            user: None,
            log: bench.at("worker.log"),
            generation: Digest::of(generation),
            grace: Span::from_secs(5),
        }))
    };
    let state = async || match bench.ask(Probe::Process("worker".into())).await {
        Answer::Process(state) => state,
        other => panic!("{other:?}"),
    };
    let stop = || Action::StopProcess {
        name: "worker".into(),
        grace: Span::from_secs(5),
    };
    bench.done_twice(vec![stop()]).await;
    assert_eq!(state().await, None);
    let forever = ["sh", "-c", "echo \"$A\"; exec sleep 1000"];
    bench.done_twice(vec![start(b"1", &forever)]).await;
    let first = state().await.unwrap();
    assert!(first.running && first.generation == Digest::of(b"1"), "{first:?}");
    bench.done_twice(vec![start(b"1", &forever)]).await;
    assert_eq!(
        state().await.unwrap(),
        first,
        "one of this generation is left alone"
    );
    bench.done_twice(vec![start(b"2", &forever)]).await;
    let second = state().await.unwrap();
    assert!(second.running && second.pid != first.pid && second.generation == Digest::of(b"2"));
    eventually(bench, "worker.log", b"b c\nb c\n").await;
    bench.fails(start(b"3", &["no-such-program"]), "no program").await;
    assert_eq!(state().await, None, "the one before was stopped");
    bench.done_twice(vec![start(b"4", &forever), stop()]).await;
    assert_eq!(state().await, None);
    bench
        .fails(
            Action::ReloadProcess {
                name: "worker".into(),
            },
            "never started",
        )
        .await;
    // One that does not heed TERM is killed after its grace.
    bench
        .act(vec![start(
            b"5",
            &["sh", "-c", "trap '' TERM; while :; do sleep 1; done"],
        )])
        .await;
    let ends = bench
        .act(vec![Action::StopProcess {
            name: "worker".into(),
            grace: Span::from_millis(200),
        }])
        .await;
    assert_eq!(ends[0].0, Outcome::Done, "{}", ends[0].1);
    bench
        .act(vec![Action::Remove {
            path: bench.at("worker.log"),
            recursive: false,
        }])
        .await;
}

/// Asks until a file says so, within a bound.
async fn eventually(bench: &Bench<'_>, name: &str, bytes: &[u8]) {
    let mut said = None;
    for _ in 0..500 {
        said = bench.hash(&bench.at(name)).await.and_then(|hashed| hashed.digest);
        if said == Some(Digest::of(bytes)) {
            return;
        }
    }
    panic!("{name} never said {:?}: {said:?}", String::from_utf8_lossy(bytes));
}

async fn archives(bench: &Bench<'_>) {
    let make = async |script: &str| {
        let full = format!("set -e; rm -rf pack; mkdir pack; cd pack; {script}; base64 -w0 <out");
        let Answer::Run(run) = bench.ask(bench.guard(&["sh", "-c", &full], patience())).await else {
            panic!()
        };
        assert_eq!(run.status, 0, "{}", run.output);
        let mut contents = Bytes::default();
        let digest = contents.keep(&base64(&run.output));
        bench.stage(&contents).await.unwrap();
        digest
    };
    let unpack = |archive, into: &str, strip| Action::Unpack {
        archive,
        into: bench.at(into),
        strip,
        owner: None,
        group: None,
    };
    let good = make("mkdir -p top/bin; echo hi >top/bin/run; chmod 755 top/bin/run; ln -s bin/run top/l; tar -czf out top").await;
    bench.done_twice(vec![unpack(good, "r1", 1)]).await;
    let hashed = bench.hash(&bench.at("r1/bin/run")).await.unwrap();
    assert_eq!(
        (hashed.digest, hashed.stat.mode),
        (Some(Digest::of(b"hi\n")), 0o755)
    );
    for (what, script, says) in [
        (
            "climb",
            "echo x >f; tar -cPf out --transform 's,^f,../f,' f",
            "leads out",
        ),
        (
            "absolute",
            "echo x >f; tar -cPf out --transform 's,^f,/tmp/f,' f",
            "leads out",
        ),
        ("link", "ln -s ../../x l; tar -cf out l", "leads out"),
        ("absolute link", "ln -s /etc l; tar -cf out l", "leads out"),
        ("fifo", "mkfifo p; tar -cf out p", "something other"),
        ("junk", "echo junk >out", "no archive"),
    ] {
        let archive = make(script).await;
        bench.fails(unpack(archive, "r2", 0), says).await;
        assert_eq!(bench.hash(&bench.at("r2")).await, None, "{what}");
    }
    let listing = bench
        .ask(Probe::List {
            path: bench.base.clone(),
            limit: 99,
        })
        .await;
    let Answer::List(Some(listing)) = listing else {
        panic!("{listing:?}")
    };
    assert!(
        !listing
            .entries
            .iter()
            .any(|(name, _)| name.starts_with(".evenkeel")),
        "nothing is left over: {listing:?}"
    );
    bench
        .done_twice(vec![
            Action::Remove {
                path: bench.at("r1"),
                recursive: true,
            },
            Action::Remove {
                path: bench.at("pack"),
                recursive: true,
            },
        ])
        .await;
}

fn base64(text: &str) -> Vec<u8> {
    let value = |c: u8| {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
            .iter()
            .position(|x| *x == c)
    };
    let bits: Vec<usize> = text.bytes().filter_map(value).collect();
    let mut bytes = Vec::new();
    for four in bits.chunks(4) {
        let all = four.iter().fold(0, |all, six| all << 6 | six) << (6 * (4 - four.len()));
        bytes.extend_from_slice(&u32::try_from(all).unwrap().to_be_bytes()[1..four.len()]);
    }
    bytes
}

async fn epochs(bench: &Bench<'_>) {
    let groups = [group("x", vec![bench.run(&["true"])], &[])];
    assert!(bench.try_apply(&groups, bench.epoch, patience()).await.is_ok());
    match bench.try_apply(&groups, bench.epoch - 1, patience()).await {
        Err(TransportError::Fenced { seen, .. }) if seen == bench.epoch => {}
        other => panic!("{other:?}"),
    }
}

/// What takes root, and leaves users and groups as they were.
pub async fn root_suite(bench: &Bench<'_>) {
    let name = "evenkeel-t1".to_owned();
    let user = |shell: &str| Action::PutUser {
        name: name.clone(),
        user: UserSpec {
            groups: Some(vec!["evenkeel-g1".into()]),
            home: Some(bench.at("home")),
            shell: Some(shell.into()),
            comment: Some("it's ours".into()),
            system: true,
            ..UserSpec::default()
        },
    };
    let group = || Action::PutGroup {
        name: "evenkeel-g1".into(),
        gid: Some(64_123),
        system: false,
    };
    bench
        .done_twice(vec![
            bench.directory(bench.base.clone()),
            group(),
            user("/bin/sh"),
        ])
        .await;
    bench.done_twice(vec![user("/bin/false")]).await;
    match bench.ask(Probe::User(name.clone())).await {
        Answer::User(Some(state)) => {
            assert_eq!(state.groups, ["evenkeel-g1"]);
            assert_eq!(
                (&state.shell[..], &state.comment[..], &state.group),
                ("/bin/false", "it's ours", &name)
            );
        }
        other => panic!("{other:?}"),
    }
    match bench.ask(Probe::Group("evenkeel-g1".into())).await {
        Answer::Group(Some(state)) => assert_eq!(state.gid, 64_123),
        other => panic!("{other:?}"),
    }
    let mut contents = Bytes::default();
    let digest = contents.keep(b"owned");
    for owner in [Some(name.clone()), None] {
        bench.stage(&contents).await.unwrap();
        let put = Action::PutFile {
            path: bench.at("owned"),
            content: digest,
            mode: 0o4750,
            owner,
            group: None,
            validate: None,
        };
        let ends = bench.act(vec![put]).await;
        assert_eq!(ends[0].0, Outcome::Done, "{}", ends[0].1);
        let stat = bench.hash(&bench.at("owned")).await.unwrap().stat;
        assert_eq!(
            (&stat.owner, stat.mode),
            (&name, 0o4750),
            "an owner that is not named stays"
        );
    }
    let as_user = Probe::Run(Box::new(RunProbe {
        argv: vec!["sh".into(), "-c".into(), "id -un; echo $HOME".into()],
        cwd: None,
        env: BTreeMap::new(),
        user: Some(name.clone()),
        timeout: patience(),
    }));
    match bench.ask(as_user).await {
        Answer::Run(run) => assert_eq!(run.output, format!("{name}\n{}\n", bench.at("home"))),
        other => panic!("{other:?}"),
    }
    bench
        .done_twice(vec![
            Action::RemoveUser { name: name.clone() },
            Action::RemoveGroup {
                name: "evenkeel-g1".into(),
            },
            Action::Remove {
                path: bench.base.clone(),
                recursive: true,
            },
        ])
        .await;
    assert_eq!(bench.ask(Probe::User(name)).await, Answer::User(None));
    assert_eq!(
        bench.ask(Probe::Group("evenkeel-g1".into())).await,
        Answer::Group(None)
    );
    for hostile in ["-x", "a b", "*"] {
        assert!(matches!(
            bench.ask(Probe::User(hostile.into())).await,
            Answer::Failed(_)
        ));
        assert!(matches!(
            bench.ask(Probe::Unit(hostile.into())).await,
            Answer::Failed(_)
        ));
    }
}
