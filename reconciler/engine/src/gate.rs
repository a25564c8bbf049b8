//! Settings that let more happen wait until the version that brought them is deployed.
//!
//! **Architecture Invariant:** a commit is judged by the settings in force before it. What tightens them takes effect
//! at once; what loosens them takes effect once its version is deployed, which in the modes `approval` and `manual`
//! takes a person's yes. So no commit lets itself in.

use crate::environment::Environment;
use evenkeel_model::{
    DeploymentOutcome, Settings, Trigger,
    settings::{Signer, SyncMode},
};
use serde::{Deserialize, Serialize};

/// Settings that Git says, and that are not all in force yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Looser {
    pub(crate) settings: Settings,
    /// Someone said yes to them.
    pub(crate) approved: bool,
}

/// What of `new` may take effect at once: all that is no gate, and of each gate the tighter side.
pub(crate) fn at_once(old: &Settings, new: &Settings) -> Settings {
    let mut settings = new.clone();
    let (sync, was) = (&mut settings.sync, &old.sync);
    sync.mode = stricter(was.mode, sync.mode);
    sync.self_heal &= was.self_heal;
    sync.prune &= was.prune;
    sync.prune_limit_percent = sync.prune_limit_percent.min(was.prune_limit_percent);
    settings.accept.rewind &= old.accept.rewind;
    settings.accept.signers = fewer(&old.accept.signers, &new.accept.signers);
    settings
}

fn stricter(one: SyncMode, other: SyncMode) -> SyncMode {
    let rank = |mode| match mode {
        SyncMode::Automatic => 0,
        SyncMode::Approval => 1,
        SyncMode::Manual => 2,
    };
    if rank(one) < rank(other) { other } else { one }
}

/// A key that is taken back no longer counts; one that is new does not count yet. Nobody named: anybody may.
fn fewer(old: &[Signer], new: &[Signer]) -> Vec<Signer> {
    if old.is_empty() {
        return new.to_vec();
    }
    let both: Vec<Signer> = old.iter().filter(|key| new.contains(key)).cloned().collect();
    if both.is_empty() { old.to_vec() } else { both }
}

impl Environment {
    /// Takes in the settings of an accepted commit; `moved`: it came to another snapshot than the one before.
    pub(crate) fn set_settings(&mut self, settings: Settings, moved: bool) {
        let now = at_once(&self.memory.settings, &settings);
        let known = self.memory.looser.take();
        let approved = known.is_some_and(|known| known.approved && !moved && known.settings == settings);
        self.memory.looser = (now != settings).then_some(Looser { settings, approved });
        if self.memory.settings != now {
            self.memory.settings = now;
            self.look_now.get_or_insert_default();
        }
    }

    /// Someone said yes to what Git says, settings and all.
    pub(crate) fn approve_settings(&mut self) {
        if let Some(looser) = &mut self.memory.looser {
            looser.approved = true;
        }
    }

    /// Whether looser settings wait for a person.
    pub(crate) fn settings_wait(&self) -> bool {
        let asks = self.memory.settings.sync.mode != SyncMode::Automatic;
        asks && self.memory.looser.as_ref().is_some_and(|looser| !looser.approved)
    }

    /// Looser settings take effect, if it is time.
    pub(crate) fn loosen(&mut self) {
        let waits = self.memory.looser.is_none() || self.settings_wait();
        if waits || self.memory.kept || !self.memory.at_head() || !self.goal_deployed() {
            return;
        }
        if let Some(looser) = self.memory.looser.take() {
            self.memory.settings = looser.settings;
            self.look_now.get_or_insert_default();
        }
    }

    /// Whether the goal was deployed: everywhere, or as far as there are servers to be reached. Healing drift, which
    /// may be done in part, proves nothing.
    fn goal_deployed(&self) -> bool {
        let (Some(goal), Some(snapshot)) = (&self.memory.goal, &self.goal) else {
            return false;
        };
        let there = |name| self.memory.converged.get(name) == Some(&goal.snapshot);
        let latest = self.history.iter().find(|known| known.trigger != Trigger::Drift);
        snapshot.targets.iter().all(|part| there(&part.target.name))
            || latest.is_some_and(|latest| {
                latest.snapshot == goal.snapshot && latest.outcome == DeploymentOutcome::Succeeded
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Signer {
        Signer::Ssh {
            principal: name.to_owned(),
            key: format!("ssh-ed25519 {name}"),
        }
    }

    #[test]
    fn of_each_gate_the_tighter_side() {
        let mut tight = Settings::default();
        tight.sync.mode = SyncMode::Manual;
        tight.sync.self_heal = false;
        tight.sync.prune = false;
        tight.sync.prune_limit_percent = 5;
        tight.accept.signers = vec![key("ada")];
        let mut loose = Settings::default();
        loose.accept.rewind = true;
        assert_eq!(at_once(&tight, &loose), tight);
        assert_eq!(at_once(&loose, &tight), tight);
        loose.sync.mode = SyncMode::Approval;
        assert_eq!(at_once(&tight, &loose).sync.mode, SyncMode::Manual);
        // What is no gate is as Git says.
        loose.sync.interval = evenkeel_model::Span::from_secs(7);
        assert_eq!(at_once(&tight, &loose).sync.interval, loose.sync.interval);
    }

    #[test]
    fn a_key_goes_at_once_and_comes_later() {
        let (ada, bob) = (key("ada"), key("bob"));
        let cases: [(&[&Signer], &[&Signer], &[&Signer]); 5] = [
            (&[], &[&ada], &[&ada]),
            (&[&ada], &[], &[&ada]),
            (&[&ada, &bob], &[&bob], &[&bob]),
            (&[&ada], &[&ada, &bob], &[&ada]),
            (&[&ada], &[&bob], &[&ada]),
        ];
        let own = |keys: &[&Signer]| -> Vec<Signer> { keys.iter().map(|key| (*key).clone()).collect() };
        for (old, new, now) in cases {
            assert_eq!(fewer(&own(old), &own(new)), own(now));
        }
    }
}
