//! What earlier steps of a plan will have made: later resources are planned against it.

use crate::{
    AbsolutePath, Action,
    action::{PackageVerb, UnitVerb},
    probe::FileType,
};
use std::collections::{BTreeMap, BTreeSet};

/// The marks that planned actions will leave on a server, over what was observed there. Empty: nothing is planned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Predicted {
    paths: BTreeMap<AbsolutePath, Option<FileType>>,
    touched: BTreeSet<AbsolutePath>,
    users: BTreeMap<String, bool>,
    groups: BTreeMap<String, bool>,
    packages: BTreeMap<String, bool>,
    started: BTreeSet<String>,
    unread: BTreeSet<AbsolutePath>,
    reloads: bool,
    reloaded: bool,
    managed: BTreeSet<AbsolutePath>,
}

impl Predicted {
    /// Takes in one planned action.
    pub fn absorb(&mut self, action: &Action) {
        match action {
            Action::PutFile { path, .. } => self.put(path, Some(FileType::File)),
            Action::MakeDirectory { path, .. } | Action::Unpack { into: path, .. } => {
                self.put(path, Some(FileType::Directory));
            }
            Action::PutSymlink { path, .. } => self.put(path, Some(FileType::Symlink)),
            Action::Remove { path, recursive } => {
                if *recursive {
                    self.paths.retain(|known, _| !known.is_beneath(path));
                }
                self.put(path, None);
            }
            Action::PutUser { name, .. } => drop(self.users.insert(name.clone(), true)),
            Action::RemoveUser { name } => drop(self.users.insert(name.clone(), false)),
            Action::PutGroup { name, .. } => drop(self.groups.insert(name.clone(), true)),
            Action::RemoveGroup { name } => drop(self.groups.insert(name.clone(), false)),
            Action::Package {
                name,
                verb: PackageVerb::Install { .. },
                ..
            } => {
                self.packages.insert(name.clone(), true);
            }
            Action::Package {
                name,
                verb: PackageVerb::Remove,
                ..
            } => {
                self.packages.insert(name.clone(), false);
            }
            Action::Unit {
                name,
                verb: UnitVerb::Start | UnitVerb::Restart,
            } => {
                self.started.insert(name.clone());
            }
            Action::DaemonReload => {
                self.unread.clear();
                (self.reloads, self.reloaded) = (true, true);
            }
            _ => {}
        }
    }

    fn put(&mut self, path: &AbsolutePath, what: Option<FileType>) {
        self.paths.insert(path.clone(), what);
        self.touched.insert(path.clone());
        self.unread.insert(path.clone());
        self.reloaded = false;
    }

    /// Says that a resource on this target gives this path ([`crate::Links::gives`]). Whoever compares or plans a
    /// target says so of *every* wanted resource before it calls [`crate::Kind::observe`], also for a mere look:
    /// an exclusive directory takes entries that nobody manages for surplus.
    pub fn manage(&mut self, path: AbsolutePath) {
        self.managed.insert(path);
    }
    /// Whether a resource gives this path or anything beneath it.
    #[must_use]
    pub fn manages(&self, path: &AbsolutePath) -> bool {
        self.managed.contains(path) || self.managed.iter().any(|managed| managed.is_beneath(path))
    }
    /// What will be at a path; `None`: no step touches it, so what was observed stands. Beneath a removed
    /// directory nothing is left.
    #[must_use]
    pub fn at(&self, path: &AbsolutePath) -> Option<Option<FileType>> {
        if let Some(what) = self.paths.get(path) {
            return Some(*what);
        }
        path.ancestors()
            .find_map(|above| self.paths.get(&above))
            .and_then(|what| match what {
                None => Some(None),
                Some(_) => None,
            })
    }
    /// Whether a step writes or removes this path.
    #[must_use]
    pub fn touches(&self, path: &AbsolutePath) -> bool {
        self.touched.contains(path)
    }
    /// Whether a step writes or removes anything beneath this path.
    #[must_use]
    pub fn touches_beneath(&self, path: &AbsolutePath) -> bool {
        self.touched.iter().any(|touched| touched.is_beneath(path))
    }
    /// The paths that will be directly in a directory because of a step, by name.
    pub fn entries<'a>(
        &'a self,
        directory: &'a AbsolutePath,
    ) -> impl Iterator<Item = (&'a str, Option<FileType>)> {
        self.paths
            .iter()
            .filter(move |(path, _)| path.parent().as_ref() == Some(directory))
            .map(|(path, what)| (path.file_name(), *what))
    }
    /// Whether a step makes (`true`) or removes (`false`) this user.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<bool> {
        self.users.get(name).copied()
    }
    /// Whether a step makes (`true`) or removes (`false`) this group.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<bool> {
        self.groups.get(name).copied()
    }
    /// Whether a step installs (`true`) or removes (`false`) this package.
    #[must_use]
    pub fn package(&self, name: &str) -> Option<bool> {
        self.packages.get(name).copied()
    }
    /// Whether a step starts or restarts this unit.
    #[must_use]
    pub fn starts(&self, unit: &str) -> bool {
        self.started.contains(unit)
    }
    /// Whether systemd will read its unit files at all: what it had not read when it was observed, it then has.
    #[must_use]
    pub fn reloads(&self) -> bool {
        self.reloads
    }
    /// Whether a step writes or removes this path or anything beneath it, and no later one has systemd read its files.
    #[must_use]
    pub fn unread(&self, path: &AbsolutePath) -> bool {
        self.unread
            .iter()
            .any(|unread| unread == path || unread.is_beneath(path))
    }
    /// Whether systemd will have read the unit files after the last step that touched any path.
    #[must_use]
    pub fn reloaded(&self) -> bool {
        self.reloaded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_steps_see_what_earlier_ones_leave() {
        let path = |text| AbsolutePath::new(text).unwrap();
        let mut predicted = Predicted::default();
        assert_eq!(predicted.at(&path("/a")), None);
        predicted.absorb(&Action::MakeDirectory {
            path: path("/a"),
            mode: 0o755,
            owner: None,
            group: None,
        });
        predicted.absorb(&Action::PutSymlink {
            path: path("/a/l"),
            to: "x".into(),
        });
        assert_eq!(predicted.at(&path("/a")), Some(Some(FileType::Directory)));
        assert_eq!(
            predicted.entries(&path("/a")).collect::<Vec<_>>(),
            [("l", Some(FileType::Symlink))]
        );
        predicted.absorb(&Action::Remove {
            path: path("/a"),
            recursive: true,
        });
        assert_eq!(predicted.at(&path("/a/l")), Some(None));
        predicted.manage(path("/etc/x/y"));
        assert!(predicted.manages(&path("/etc/x")) && predicted.manages(&path("/etc/x/y")));
        assert!(!predicted.manages(&path("/etc/x/z")) && !predicted.manages(&path("/etc/x/y/z")));
    }

    #[test]
    fn systemd_has_not_read_what_was_written_after_its_last_reload() {
        let path = |text| AbsolutePath::new(text).unwrap();
        let remove = |text| Action::Remove {
            path: path(text),
            recursive: false,
        };
        let mut predicted = Predicted::default();
        predicted.absorb(&remove("/etc/a.d/x"));
        assert!(predicted.unread(&path("/etc/a.d")) && !predicted.reloads());
        predicted.absorb(&Action::DaemonReload);
        assert!(!predicted.unread(&path("/etc/a.d")) && predicted.reloads());
        predicted.absorb(&remove("/etc/b"));
        assert!(predicted.unread(&path("/etc/b")) && !predicted.unread(&path("/etc/a.d")));
    }
}
