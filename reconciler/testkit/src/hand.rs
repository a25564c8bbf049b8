//! What people and accidents do to a server behind our back.

use crate::{
    SimServer,
    filesystem::{Node, What},
};
use evenkeel_model::{
    AbsolutePath, Action,
    action::{PackageVerb, UnitVerb},
};
use std::sync::Arc;

/// Every hand edit panics on a path or name that is none: a test that edits nothing would prove nothing.
impl SimServer {
    /// Overwrites a file's text, or makes the file.
    pub fn edit_file(&mut self, path: &str, text: &str) {
        let path = known(path);
        let bytes: Arc<[u8]> = Arc::from(text.as_bytes());
        match self.files.get_mut(&path) {
            Some(node) => node.what = What::File(bytes),
            None => {
                let made = self.files.put(&path, Node::new(What::File(bytes), 0o644));
                assert_eq!(made, Ok(()), "the test's own edit");
            }
        }
    }
    /// Changes permission bits.
    pub fn change_mode(&mut self, path: &str, mode: u32) {
        let node = self.files.get_mut(&known(path));
        assert!(node.is_some(), "{path} is not there");
        if let Some(node) = node {
            node.mode = mode;
        }
    }
    /// Makes a directory, and those above it.
    pub fn make_directory(&mut self, path: &str) {
        self.files.make_directories(&known(path));
    }
    /// Puts a link.
    pub fn link(&mut self, path: &str, to: &str) {
        let made = self
            .files
            .put(&known(path), Node::new(What::Symlink(to.to_owned()), 0o777));
        assert_eq!(made, Ok(()), "the test's own edit");
    }
    /// Removes whatever is at a path, with all below.
    pub fn remove(&mut self, path: &str) {
        assert!(self.files.remove(&known(path)), "{path} is not there");
    }
    /// A file's text.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<String> {
        let bytes = self.files.bytes(&known(path))?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }
    /// `systemctl stop`.
    pub fn stop_unit(&mut self, name: &str) {
        assert!(
            self.system.units.get(name).is_some_and(|unit| unit.active),
            "{name} does not run"
        );
        let verb = UnitVerb::Stop;
        self.carry(&Action::Unit {
            name: name.to_owned(),
            verb,
        });
    }
    /// `apt-get remove`.
    pub fn remove_package(&mut self, name: &str) {
        assert!(self.system.packages.contains_key(name), "{name} is not installed");
        let (name, verb) = (name.to_owned(), PackageVerb::Remove);
        self.carry(&Action::Package {
            manager: None,
            name,
            verb,
        });
    }
    /// `userdel`.
    pub fn delete_user(&mut self, name: &str) {
        assert!(self.system.users.contains_key(name), "there is no user {name}");
        self.carry(&Action::RemoveUser {
            name: name.to_owned(),
        });
    }
    /// `kill -9` of a process under supervision.
    pub fn kill_process(&mut self, name: &str) {
        let process = self.system.processes.get_mut(name);
        assert!(process.is_some(), "there is no process {name}");
        if let Some(process) = process {
            process.running = false;
        }
    }
    /// Every start of this unit fails from now on.
    pub fn break_unit(&mut self, name: &str) {
        self.system.broken.insert(name.to_owned());
    }
    /// Power off and on: processes are gone, enabled units run, the lock is gone; files stay.
    pub fn reboot(&mut self) {
        self.lock = None;
        for process in self.system.processes.values_mut() {
            process.running = false;
        }
        let names: Vec<String> = self.system.units.keys().cloned().collect();
        for name in names {
            self.carry(&Action::Unit {
                name: name.clone(),
                verb: UnitVerb::Stop,
            });
            let unit = self.system.units.get(&name).cloned().unwrap_or_default();
            if unit.enabled && !unit.masked {
                self.carry(&Action::Unit {
                    name,
                    verb: UnitVerb::Start,
                });
            }
        }
    }
}

#[allow(clippy::panic, reason = "the test's own mistake")]
fn known(path: &str) -> AbsolutePath {
    match AbsolutePath::new(path) {
        Ok(path) => path,
        Err(error) => panic!("{error}"),
    }
}
