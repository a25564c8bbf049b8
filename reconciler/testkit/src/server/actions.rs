//! What a simulated server does for an action.

use super::SimServer;
use evenkeel_model::{Action, Outcome, probe::PackageManager};

impl SimServer {
    /// Carries out one action. Done twice, the server is as after once.
    pub fn carry(&mut self, action: &Action) -> Outcome {
        match self.act(action) {
            Ok(()) => Outcome::Done,
            Err(why) => Outcome::Failed(why),
        }
    }

    fn act(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::PutFile {
                path,
                content,
                mode,
                owner,
                group,
                validate,
            } => {
                let owners = (owner.as_deref(), group.as_deref());
                self.put_file(path, content, *mode, owners, validate.as_deref())
            }
            Action::SetMeta {
                path,
                mode,
                owner,
                group,
            } => self.set_meta(path, *mode, owner.as_deref(), group.as_deref()),
            Action::MakeDirectory {
                path,
                mode,
                owner,
                group,
            } => self.make_directory_at(path, *mode, owner.as_deref(), group.as_deref()),
            Action::PutSymlink { path, to } => self.put_symlink(path, to),
            Action::Remove { path, recursive } => self.remove_at(path, *recursive),
            Action::Unpack {
                archive,
                into,
                strip,
                owner,
                group,
            } => self.unpack(archive, into, *strip, owner.as_deref(), group.as_deref()),
            Action::Unit { name, verb } => self.unit(name, *verb),
            Action::DaemonReload => {
                self.daemon_reload();
                Ok(())
            }
            Action::Package { name, verb, manager } => match manager {
                Some(PackageManager::Dnf | PackageManager::Apk) => {
                    Err("there is no such package manager here".into())
                }
                Some(PackageManager::Apt) | None => self.package(name, verb),
            },
            Action::PutUser { name, user } => self.put_user(name, user),
            Action::RemoveUser { name } => {
                self.remove_user(name);
                Ok(())
            }
            Action::PutGroup { name, gid, system } => self.put_group(name, *gid, *system),
            Action::RemoveGroup { name } => self.remove_group(name),
            Action::StartProcess(start) => self.start_process(start),
            Action::StopProcess { name, .. } => {
                self.system.processes.remove(name);
                Ok(())
            }
            Action::ReloadProcess { name } => {
                self.reload_process(name);
                Ok(())
            }
            Action::Run(run) => self.run(run),
            Action::Owe { to, verb } => {
                self.owe(to, *verb);
                Ok(())
            }
            Action::Settle { to } => {
                self.debts.retain(|debt| debt.to != *to);
                Ok(())
            }
        }
    }
}
