use super::*;
use evenkeel_model::{AbsolutePath, Action, Connection, DeploymentId, ResourceId, StepGroup, SyncStatus};
use std::{
    pin::Pin,
    sync::Mutex,
    task::{Context, Poll, Waker},
};

/// Nothing in a simulated fleet ever waits.
fn now<T>(mut future: BoxFuture<'_, T>) -> T {
    match Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

/// Always the same bytes, whatever digest is asked for.
struct Same(&'static [u8]);
impl Contents for Same {
    fn open(&self, _: &Digest) -> std::io::Result<Option<(u64, Box<dyn Read + Send>)>> {
        Ok(Some((self.0.len() as u64, Box::new(self.0))))
    }
}

/// One server, and what is asked of it.
struct Bench {
    fleet: SimFleet,
    environment: EnvironmentName,
    target: Target,
}

fn patience() -> Span {
    Span::from_secs(10)
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            fleet: SimFleet::default(),
            environment: EnvironmentName::new("prod").unwrap(),
            target: Target {
                name: TargetName::new("web-1").unwrap(),
                labels: BTreeMap::new(),
                connection: Connection::Local { root: None },
                address: "127.0.0.1".into(),
            },
        };
        bench
            .fleet
            .add(&bench.environment, &bench.target.name, SimServer::debian());
        bench
    }
    fn host<T>(&self, act: impl FnOnce(&mut Host) -> T) -> T {
        self.fleet
            .with(&self.environment, &self.target.name, act)
            .unwrap()
    }
    fn fault(&self, fault: Fault) {
        self.host(|host| host.fault = fault);
    }
    fn look(&self) -> Result<BTreeMap<Probe, Answer>, TransportError> {
        let look = Look {
            full: false,
            deadline: patience(),
        };
        now(self
            .fleet
            .observe(&self.environment, &self.target, &[Probe::Facts], look))
    }
    fn stage(&self, digest: Digest, contents: &dyn Contents) -> Result<Staged, TransportError> {
        now(self
            .fleet
            .stage(&self.environment, &self.target, &[digest], contents, patience()))
    }
    /// Four groups of one link each, `/l0` to `/l3`; what was told must be what came back.
    fn apply(&self, epoch: u64) -> Result<Vec<Outcome>, TransportError> {
        let group = |name: &str| StepGroup {
            resource: ResourceId::new("Symlink", name).unwrap(),
            status: SyncStatus::Missing,
            prune: false,
            changes: Vec::new(),
            actions: vec![Action::PutSymlink {
                path: AbsolutePath::new(name).unwrap(),
                to: "x".into(),
            }],
            needs: Vec::new(),
        };
        let groups = ["/l0", "/l1", "/l2", "/l3"].map(group);
        let deployment: DeploymentId = "prod/1".parse().unwrap();
        let work = Work {
            deployment: &deployment,
            epoch,
            groups: &groups,
            deadline: patience(),
        };
        let told = Mutex::new(Vec::new());
        let progress = |end: &StepResult| told.lock().unwrap().push(end.outcome.clone());
        let results = now(self.fleet.apply(&self.target, work, &progress));
        let told = told.into_inner().unwrap();
        let outcomes = results.map(|results| results.into_iter().map(|end| end.outcome).collect::<Vec<_>>());
        assert_eq!(told, outcomes.clone().unwrap_or_default());
        outcomes
    }
    /// Which of the four links there are.
    fn links(&self) -> Vec<bool> {
        let there =
            |host: &mut Host, name| host.server.files.get(&AbsolutePath::new(name).unwrap()).is_some();
        self.host(|host| {
            ["/l0", "/l1", "/l2", "/l3"]
                .map(|name| there(host, name))
                .to_vec()
        })
    }
}

#[test]
fn a_lost_connection_tells_less_than_was_done_and_only_once() {
    for (heard, done, really) in [(0, 0, 0), (1, 3, 3), (2, 2, 2), (3, 1, 3), (4, 9, 4)] {
        let bench = Bench::new();
        bench.fault(Fault::LoseSteps { heard, done });
        let what = format!("{heard} heard, {done} done");
        let outcomes = bench.apply(1).unwrap();
        for (place, outcome) in (0..).zip(&outcomes) {
            let known = *outcome == Outcome::Done;
            assert_eq!(known, place < heard, "{what}: {outcomes:?}");
            assert!(
                known || matches!(outcome, Outcome::Unknown(_)),
                "{what}: {outcomes:?}"
            );
        }
        assert_eq!(outcomes.len(), 4, "{what}: one end for every action");
        let there = (0..4).map(|place| place < really).collect::<Vec<_>>();
        assert_eq!(bench.links(), there, "{what}");
        assert_eq!(bench.apply(1), Ok(vec![Outcome::Done; 4]), "{what}: it is over");
    }
}

#[test]
fn whoever_is_cut_off_hears_and_does_nothing() {
    let bench = Bench::new();
    bench.fault(Fault::Unreachable);
    let before = bench.host(|host| host.server.clone());
    let code = |error: TransportError| error.code();
    assert_eq!(bench.look().map_err(code), Err("target-unreachable"));
    assert_eq!(
        bench.stage(Digest::of(b"x"), &Same(b"x")).map_err(code),
        Err("target-unreachable")
    );
    assert_eq!(bench.apply(1).map_err(code), Err("target-unreachable"));
    bench.host(|host| assert_eq!((&host.server, host.count), (&before, Count::default())));
    bench.fault(Fault::None);
    assert!(bench.look().is_ok());
}

#[test]
fn a_lock_keeps_the_second_controller_out_until_it_is_let_go() {
    let bench = Bench::new();
    bench.host(|host| host.server.lock = Some("another".into()));
    let locked = TransportError::Locked {
        target: bench.target.name.clone(),
        holder: "another".into(),
    };
    assert_eq!(bench.apply(7), Err(locked));
    bench.host(|host| assert_eq!(host.server.epoch, 0, "who is kept out leaves no epoch"));
    assert_eq!(bench.links(), [false; 4]);
    assert!(bench.look().is_ok(), "looking takes no lock");
    bench.host(|host| host.server.lock = None);
    assert_eq!(bench.apply(7), Ok(vec![Outcome::Done; 4]));
}

#[test]
fn an_older_controller_is_fenced_and_an_equal_one_is_not() {
    let bench = Bench::new();
    bench.host(|host| host.server.epoch = 5);
    let fenced = TransportError::Fenced {
        target: bench.target.name.clone(),
        seen: 5,
    };
    assert_eq!(bench.apply(4), Err(fenced));
    assert_eq!(bench.links(), [false; 4]);
    assert!(bench.apply(5).is_ok());
    assert!(bench.apply(6).is_ok());
    bench.host(|host| assert_eq!(host.server.epoch, 6));
}

#[test]
fn slow_is_an_answer_up_to_the_deadline() {
    let bench = Bench::new();
    bench.fault(Fault::Slow(patience()));
    assert!(bench.look().is_ok());
    bench.fault(Fault::Slow(Span::from_secs(11)));
    assert!(matches!(bench.look(), Err(TransportError::Deadline { .. })));
    assert!(matches!(bench.apply(1), Err(TransportError::Deadline { .. })));
    assert_eq!(bench.links(), [false; 4]);
}

#[test]
fn staging_sends_what_is_lacking_and_takes_in_no_damage() {
    let bench = Bench::new();
    bench.fault(Fault::LoseAnswer);
    let digest = Digest::of(b"four");
    assert!(matches!(
        bench.stage(digest, &Same(b"four")),
        Err(TransportError::Lost { .. })
    ));
    let sent = Staged { sent: 1, bytes: 4 };
    assert_eq!(
        bench.stage(digest, &Same(b"four")),
        Ok(sent),
        "a loss is over at once"
    );
    assert_eq!(bench.stage(digest, &Same(b"four")), Ok(Staged::default()));
    let other = Digest::of(b"other");
    assert!(matches!(
        bench.stage(other, &Same(b"damaged")),
        Err(TransportError::Unable { .. })
    ));
    bench.host(|host| assert!(!host.server.staged.contains_key(&other)));
}
