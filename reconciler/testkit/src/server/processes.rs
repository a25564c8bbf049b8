//! Supervised processes and commands of a simulated server.

use super::SimServer;
use crate::{
    command::Ran,
    filesystem::{Node, What},
    system::Process,
};
use evenkeel_model::action::{ProcessStart, RunAction};
use std::sync::Arc;

impl SimServer {
    pub(super) fn start_process(&mut self, start: &ProcessStart) -> Result<(), String> {
        if let Some(user) = &start.user {
            self.system.uid(user)?;
        }
        if let Some(cwd) = &start.cwd {
            let node = self
                .files
                .get(cwd)
                .ok_or_else(|| format!("{cwd}: no such directory"))?;
            if !matches!(node.what, What::Directory | What::Symlink(_)) {
                return Err(format!("{cwd}: not a directory"));
            }
        }
        let running = self.system.processes.get(&start.name);
        if running.is_some_and(|process| process.running && process.generation == start.generation) {
            return Ok(());
        }
        if self.files.get(&start.log).is_none() {
            self.files
                .put(&start.log, Node::new(What::File(Arc::from(&[][..])), 0o644))?;
        }
        let pid = self.system.pid();
        let process = Process {
            pid,
            running: true,
            generation: start.generation,
            reloads: 0,
        };
        self.system.processes.insert(start.name.clone(), process);
        Ok(())
    }

    pub(super) fn reload_process(&mut self, name: &str) {
        if let Some(process) = self
            .system
            .processes
            .get_mut(name)
            .filter(|process| process.running)
        {
            process.reloads = process.reloads.saturating_add(1);
        }
    }

    pub(super) fn run(&mut self, run: &RunAction) -> Result<(), String> {
        self.ran.push(run.argv.clone());
        let Ran { status, output } = self.commands.clone().run(self, &run.argv);
        if run.ok.contains(&status) || (run.ok.is_empty() && status == 0) {
            Ok(())
        } else {
            Err(format!("{} exited with {status}: {output}", run.argv.join(" ")))
        }
    }
}
