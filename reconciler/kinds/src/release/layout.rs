//! What is at a release's path on a server, and the way from there to what is wanted.

use super::{
    journal::Journal,
    spec::{JOURNAL_BYTES, RELEASES, Spec},
};
use crate::field::{stat, unseen};
use evenkeel_model::{Action, Answer, Digest, Observation, Predicted, Probe, kind::Steps, probe::FileType};
use std::collections::BTreeSet;

/// What was seen.
pub(super) struct Layout {
    /// The folder that `current` names, if it names one of the releases.
    pub(super) current: Option<String>,
    /// The record of releases.
    pub(super) journal: Journal,
    /// The shared paths that the active release links as it should; sorted.
    pub(super) linked: Vec<String>,
    /// Folders among the releases.
    there: BTreeSet<String>,
    /// Whether the folder of it all is there.
    rooted: bool,
    /// Whether the folder of releases is there.
    housed: bool,
    /// What stands where the link should: something else, that must go.
    blocked: bool,
    /// Shared paths whose data is there.
    data: BTreeSet<String>,
}

impl Layout {
    /// Reads the answers.
    pub(super) fn of(spec: &Spec, observation: &Observation) -> Result<Self, String> {
        let link = stat(observation, &spec.current()?)?;
        let current = link
            .and_then(|stat| stat.link.as_deref())
            .and_then(|to| to.strip_prefix("releases/"))
            .filter(|dir| super::is_part(dir))
            .map(str::to_owned);
        let journal = Probe::Read {
            path: spec.journal()?,
            limit: JOURNAL_BYTES,
        };
        let journal = match observation.answer(&journal) {
            Some(Answer::Read(Some(excerpt))) => Journal::parse(&excerpt.bytes),
            Some(Answer::Read(None)) => Journal::default(),
            other => return Err(unseen(other, &spec.path)),
        };
        let releases = Probe::List {
            path: spec.releases()?,
            limit: RELEASES,
        };
        let housed = matches!(observation.answer(&releases), Some(Answer::List(Some(_))));
        let there = match observation.answer(&releases) {
            Some(Answer::List(Some(listing))) => listing
                .entries
                .iter()
                .filter(|(_, what)| *what == FileType::Directory)
                .map(|(name, _)| name.clone())
                .collect(),
            Some(Answer::List(None)) => BTreeSet::new(),
            other => return Err(unseen(other, &spec.path)),
        };
        let mut linked = Vec::new();
        let mut data = BTreeSet::new();
        for shared in &spec.shared {
            let link = stat(observation, &spec.link(shared)?)?;
            if link.is_some_and(|stat| stat.link.as_deref() == Some(&Spec::link_text(shared))) {
                linked.push(shared.clone());
            }
            if stat(observation, &spec.data(shared)?)?.is_some() {
                data.insert(shared.clone());
            }
        }
        Ok(Self {
            blocked: link.is_some_and(|stat| stat.file_type != FileType::Symlink),
            rooted: stat(observation, &spec.path)?.is_some(),
            housed,
            current,
            journal,
            linked,
            there,
            data,
        })
    }

    /// Whether a release's folder is there.
    pub(super) fn is_there(&self, dir: &str) -> bool {
        self.there.contains(dir)
    }

    /// The releases beyond those that stay, as the record has it.
    pub(super) fn surplus(&self, keep: u32) -> Vec<String> {
        let mut journal = self.journal.clone();
        journal.keep(|dir| self.is_there(dir));
        let current = self.current.as_deref().unwrap_or_default();
        journal.surplus(current, usize::try_from(keep).unwrap_or(usize::MAX))
    }

    /// The folder that holds what is wanted, or should, and whether it is there and on record.
    fn folder(&self, spec: &Spec) -> (String, bool) {
        let wanted = spec.entry(&spec.version);
        let beside = {
            let key = serde_json::to_vec(&wanted).unwrap_or_default();
            let key: String = Digest::of(&key).short().chars().take(8).collect();
            format!("{}+{key}", spec.version)
        };
        for dir in [&spec.version, &beside] {
            let known = self.journal.of(dir).filter(|_| self.is_there(dir));
            if known.is_some_and(|entry| entry.same_content(&wanted)) {
                return (dir.clone(), true);
            }
        }
        // The version's own folder, unless another archive has it or it is in use.
        let taken = self.journal.of(&spec.version).is_some() && self.is_there(&spec.version);
        let used = self.current.as_deref() == Some(&spec.version) && self.is_there(&spec.version);
        (
            if taken || used {
                beside
            } else {
                spec.version.clone()
            },
            false,
        )
    }

    /// The way from here to what is wanted. What runs is not touched before the switch, and the record is written
    /// before it: cut off anywhere, the next run finds what is lacking.
    pub(super) fn steps(&self, spec: &Spec, predicted: &Predicted) -> Result<Steps, String> {
        let mut steps = Steps::default();
        let (dir, known) = self.folder(spec);
        let release = spec.release(&dir)?;
        let (owner, group) = (
            spec.owner.as_ref().map(|owner| owner.0.clone()),
            spec.group.as_ref().map(|group| group.0.clone()),
        );
        let directory = |path| Action::MakeDirectory {
            path,
            mode: 0o755,
            owner: None,
            group: None,
        };
        // Another resource may have made the folder in this plan, with an owner and a mode of its own.
        if !self.rooted && predicted.at(&spec.path) != Some(Some(FileType::Directory)) {
            steps.actions.push(directory(spec.path.clone()));
        }
        if !self.housed {
            steps.actions.push(directory(spec.releases()?));
        }
        if !known {
            if self.is_there(&dir) {
                steps.actions.push(Action::Remove {
                    path: release.clone(),
                    recursive: true,
                });
            }
            steps.actions.push(Action::Unpack {
                archive: spec.archive,
                into: release.clone(),
                strip: spec.strip,
                owner: owner.clone(),
                group: group.clone(),
            });
        }
        let active = self.current.as_deref() == Some(&dir);
        for shared in &spec.shared {
            self.share(spec, shared, &mut steps)?;
            if !(known && active && self.linked.contains(shared)) {
                let link = release.join(shared).map_err(|error| error.to_string())?;
                let mut above: Vec<_> = link
                    .ancestors()
                    .take_while(|path| path.is_beneath(&release))
                    .collect();
                above.reverse();
                steps.actions.extend(above.into_iter().map(directory));
                // The archive may bring something of that name.
                steps.actions.push(Action::Remove {
                    path: link.clone(),
                    recursive: true,
                });
                steps.actions.push(Action::PutSymlink {
                    path: link,
                    to: Spec::link_text(shared),
                });
            }
        }
        self.activate(spec, &dir, known && active, &mut steps)?;
        Ok(steps)
    }

    /// Makes room for shared data that is not there yet; what is there, file or directory, is left alone.
    fn share(&self, spec: &Spec, shared: &str, steps: &mut Steps) -> Result<(), String> {
        if self.data.contains(shared) {
            return Ok(());
        }
        let data = spec.data(shared)?;
        let mut all: Vec<_> = data
            .ancestors()
            .take_while(|path| path.is_beneath(&spec.path))
            .collect();
        all.reverse();
        let last = all.len();
        for (place, path) in all.into_iter().chain([data]).enumerate() {
            let own = place == last;
            let action = Action::MakeDirectory {
                path,
                mode: 0o755,
                owner: spec.owner.as_ref().filter(|_| own).map(|owner| owner.0.clone()),
                group: spec.group.as_ref().filter(|_| own).map(|group| group.0.clone()),
            };
            if !steps.actions.contains(&action) {
                steps.actions.push(action);
            }
        }
        Ok(())
    }

    /// Record, switch, prune.
    fn activate(&self, spec: &Spec, dir: &str, active: bool, steps: &mut Steps) -> Result<(), String> {
        let mut journal = self.journal.clone();
        journal.keep(|known| self.is_there(known));
        journal.activate(spec.entry(dir));
        let gone = journal.surplus(dir, usize::try_from(spec.keep).unwrap_or(usize::MAX));
        let bytes = journal.bytes();
        if journal != self.journal {
            steps.actions.push(Action::PutFile {
                path: spec.journal()?,
                content: Digest::of(&bytes),
                mode: 0o644,
                owner: None,
                group: None,
                validate: None,
            });
            steps.contents.push(bytes);
        }
        if !active {
            if self.blocked {
                steps.actions.push(Action::Remove {
                    path: spec.current()?,
                    recursive: false,
                });
            }
            steps.actions.push(Action::PutSymlink {
                path: spec.current()?,
                to: format!("releases/{dir}"),
            });
        }
        for gone in gone {
            steps.actions.push(Action::Remove {
                path: spec.release(&gone)?,
                recursive: true,
            });
        }
        Ok(())
    }
}
