//! A transport on trial: its target, and what every area of the suite does with it.

use super::contents::Bytes;
use evenkeel_engine::port::transport::{Look, Staged, Transport, TransportError, Work};
use evenkeel_model::{
    AbsolutePath, Action, Answer, Digest, EnvironmentName, Outcome, Probe, ResourceId, Span, StepGroup,
    StepResult, SyncStatus, Target,
    action::RunAction,
    probe::{Hashed, RunProbe},
};
use std::{collections::BTreeMap, sync::Mutex};

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
        let digests: Vec<Digest> = contents.digests();
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

    pub(super) fn guard(&self, argv: &[&str], timeout: Span) -> Probe {
        Probe::Run(Box::new(RunProbe {
            argv: argv.iter().map(|text| (*text).to_owned()).collect(),
            cwd: Some(self.base.clone()),
            env: BTreeMap::from([("GREETING".into(), "it's \"so\"".into())]),
            user: None,
            timeout,
        }))
    }

    pub(super) fn directory(&self, path: AbsolutePath) -> Action {
        Action::MakeDirectory {
            path,
            mode: 0o755,
            owner: None,
            group: None,
        }
    }
}
