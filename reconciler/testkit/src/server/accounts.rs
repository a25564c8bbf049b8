//! Users and groups of a simulated server, as shadow-utils keep them.

use super::SimServer;
use crate::system::{System, User};
use evenkeel_model::{AbsolutePath, action::UserSpec};
use std::collections::BTreeSet;

impl SimServer {
    pub(super) fn put_user(&mut self, name: &str, spec: &UserSpec) -> Result<(), String> {
        for group in spec.groups.iter().flatten().chain(&spec.group) {
            self.system.gid(group)?;
        }
        let new = !self.system.users.contains_key(name);
        let free = || System::free(self.system.users.values().map(|user| user.uid), spec.system);
        let there = self.system.users.get(name).map(|user| user.uid);
        let uid = spec.uid.or(there).unwrap_or_else(free);
        if self
            .system
            .users
            .iter()
            .any(|(other, user)| other != name && user.uid == uid)
        {
            return Err(format!("user number {uid} is taken"));
        }
        let gid = match (&spec.group, self.system.users.get(name)) {
            (Some(group), _) => self.system.gid(group)?,
            (None, Some(user)) => user.gid,
            (None, None) => {
                let taken = self.system.groups.values().copied();
                let gid = match self.system.groups.get(name) {
                    Some(_) => return Err(format!("group {name} exists: name it as the user's group")),
                    None if self.system.groups.values().any(|gid| *gid == uid) => {
                        System::free(taken, spec.system)
                    }
                    None => uid,
                };
                self.system.groups.insert(name.to_owned(), gid);
                gid
            }
        };
        if let Some(old) = self
            .system
            .users
            .get(name)
            .map(|user| (user.uid, user.gid, user.home.clone()))
        {
            self.follow_account(old, (uid, gid));
        }
        let user = self.system.users.entry(name.to_owned()).or_insert_with(|| User {
            uid,
            gid,
            groups: BTreeSet::new(),
            home: format!("/home/{name}"),
            shell: "/bin/sh".into(),
            comment: String::new(),
        });
        (user.uid, user.gid) = (uid, gid);
        if let Some(groups) = &spec.groups {
            user.groups = groups.iter().cloned().collect();
        }
        if let Some(home) = &spec.home {
            user.home = home.to_string();
        }
        if let Some(shell) = &spec.shell {
            user.shell.clone_from(shell);
        }
        if let Some(comment) = &spec.comment {
            user.comment.clone_from(comment);
        }
        let home = AbsolutePath::new(&user.home);
        if let (true, true, Ok(home)) = (new, spec.create_home, home) {
            self.files.make_directories(&home);
            if let Some(node) = self.files.get_mut(&home) {
                (node.uid, node.gid) = (uid, gid);
            }
        }
        Ok(())
    }

    /// usermod(8): what a user owns in the home directory goes along with a new number.
    fn follow_account(&mut self, (uid, gid, home): (u32, u32, String), new: (u32, u32)) {
        let Ok(home) = AbsolutePath::new(&home) else {
            return;
        };
        for node in self.files.nodes_beneath(&home) {
            node.uid = if node.uid == uid { new.0 } else { node.uid };
            node.gid = if node.gid == gid { new.1 } else { node.gid };
        }
    }

    pub(super) fn remove_user(&mut self, name: &str) {
        if let Some(user) = self.system.users.remove(name) {
            // userdel(8) with USERGROUPS_ENAB: the group of the same name goes along.
            if self.system.groups.get(name) == Some(&user.gid)
                && !self.system.users.values().any(|other| other.gid == user.gid)
            {
                self.system.groups.remove(name);
            }
        }
    }

    pub(super) fn put_group(&mut self, name: &str, gid: Option<u32>, system: bool) -> Result<(), String> {
        let free = || System::free(self.system.groups.values().copied(), system);
        let wanted = gid
            .or_else(|| self.system.groups.get(name).copied())
            .unwrap_or_else(free);
        if self
            .system
            .groups
            .iter()
            .any(|(other, gid)| other != name && *gid == wanted)
        {
            return Err(format!("group number {wanted} is taken"));
        }
        let old = self.system.groups.insert(name.to_owned(), wanted);
        for user in self
            .system
            .users
            .values_mut()
            .filter(|user| Some(user.gid) == old)
        {
            user.gid = wanted;
        }
        Ok(())
    }

    pub(super) fn remove_group(&mut self, name: &str) -> Result<(), String> {
        if let Some(gid) = self.system.groups.get(name) {
            if let Some((user, _)) = self.system.users.iter().find(|(_, user)| user.gid == *gid) {
                return Err(format!("{name} is the primary group of {user}"));
            }
            self.system.groups.remove(name);
            for user in self.system.users.values_mut() {
                user.groups.remove(name);
            }
        }
        Ok(())
    }
}
