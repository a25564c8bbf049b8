//! What a simulated server says to a probe.

use super::SimServer;
use crate::{command::Ran, filesystem::FileSystem};
use evenkeel_model::{
    Answer, Probe,
    probe::{GroupState, Hashed, PackageManager, ProcessState, RunAnswer, UserState},
};

impl SimServer {
    /// Answers one probe. Nothing changes, but for what a guard's command does by itself.
    #[must_use]
    pub fn answer(&self, probe: &Probe) -> Answer {
        match probe {
            Probe::Stat(path) => Answer::Stat(self.files.get(path).map(|node| self.stat(node))),
            Probe::Hash(path) => Answer::Hash(self.files.get(path).map(|node| Hashed {
                stat: self.stat(node),
                digest: FileSystem::digest(node),
            })),
            Probe::Read { path, limit } => Answer::Read(self.files.read(path, *limit)),
            Probe::List { path, limit } => Answer::List(self.files.list(path, *limit)),
            Probe::Unit(name) => Answer::Unit(self.unit_state(name)),
            Probe::Package { manager, name } => match manager {
                Some(PackageManager::Dnf | PackageManager::Apk) => {
                    Answer::Failed("there is no such package manager here".into())
                }
                Some(PackageManager::Apt) | None => {
                    Answer::Package(self.system.packages.get(name).cloned().unwrap_or_default())
                }
            },
            Probe::User(name) => Answer::User(self.system.users.get(name).map(|user| UserState {
                uid: user.uid,
                group: self.system.group_name(user.gid),
                groups: user.groups.iter().cloned().collect(),
                home: user.home.clone(),
                shell: user.shell.clone(),
                comment: user.comment.clone(),
            })),
            Probe::Group(name) => {
                Answer::Group(self.system.groups.get(name).map(|gid| GroupState { gid: *gid }))
            }
            Probe::Process(name) => {
                Answer::Process(self.system.processes.get(name).map(|process| ProcessState {
                    pid: process.pid,
                    running: process.running,
                    generation: process.generation,
                }))
            }
            Probe::Run(run) => {
                // A guard reads only: whatever its command would leave behind is dropped with the copy.
                let Ran { status, output } = self.commands.clone().run(&mut self.clone(), &run.argv);
                Answer::Run(RunAnswer { status, output })
            }
            Probe::Debts => Answer::Debts(self.debts.iter().cloned().collect()),
            Probe::Facts => Answer::Facts(self.facts.clone()),
        }
    }
}
