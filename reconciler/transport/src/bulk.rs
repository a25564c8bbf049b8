//! Runs of files that go to one directory with one owner and mode: put by a few programs for all, not by five for each.
//!
//! What is done is the same: contents land in a private directory beside, get owner and mode, are synced, and renamed.
//! It is tried where nothing failed before; if anything is in its way, nothing is told, and every step of the run is
//! carried out on its own, which finds and tells the very fault (each step is idempotent).

use crate::place::Place;
use evenkeel_model::{AbsolutePath, Action, Digest, StepGroup};
use std::{collections::BTreeSet, fmt::Write};

/// Fewer are not worth it.
const FEWEST: usize = 3;
/// tar(1) tries each name's pattern on every name; and between two runs the epoch is looked at.
const MOST: usize = 100;

/// Steps that are put together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    /// How many groups.
    pub(crate) groups: usize,
    /// The directory, its owner's and group's names, the mode, and what the contents are called there.
    key: Option<Shape>,
    names: BTreeSet<String>,
    digests: Vec<Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Shape {
    folder: AbsolutePath,
    mode: u32,
    owner: Option<String>,
    group: Option<String>,
}

impl Run {
    /// The longest run that begins with the first of these groups, whose place is `first`.
    pub(crate) fn at(first: usize, groups: &[StepGroup]) -> Option<Self> {
        let mut run = Self::default();
        for group in groups.iter().take(MOST) {
            let within = |need: &u32| usize::try_from(*need).is_ok_and(|need| need >= first);
            if group.needs.iter().any(within) || !run.takes(&group.actions) {
                break;
            }
        }
        run.groups = run.digests.len();
        (run.groups >= FEWEST).then_some(run)
    }

    fn takes(&mut self, actions: &[Action]) -> bool {
        let [
            Action::PutFile {
                path,
                content,
                mode,
                owner,
                group,
                validate: None,
            },
        ] = actions
        else {
            return false;
        };
        let Some(folder) = path.parent() else { return false };
        let name = path.file_name();
        let shape = Shape {
            folder,
            mode: *mode,
            owner: owner.clone(),
            group: group.clone(),
        };
        let fits = is_plain(name)
            && self.key.as_ref().is_none_or(|key| *key == shape)
            && !self.digests.contains(content)
            && self.names.insert(name.to_owned());
        if fits {
            self.key = Some(shape);
            self.digests.push(*content);
        }
        fits
    }

    /// A call of the shell's function `many`; `None` where a name of an owner may not be spliced.
    pub(crate) fn call(&self, place: Place<'_>, groups: &[StepGroup]) -> Option<String> {
        let key = self.key.as_ref()?;
        let named = |name: &Option<String>| {
            name.as_deref()
                .is_none_or(crate::place::is_name)
                .then(|| crate::quote::word(name.as_deref().unwrap_or_default()))
        };
        let (owner, group) = (named(&key.owner)?, named(&key.group)?);
        let mut renames = String::new();
        for action in groups.iter().take(self.groups).flat_map(|group| &group.actions) {
            if let Action::PutFile { path, content, .. } = action {
                let _ = write!(renames, "s|^{content}$|{}|;", path.file_name());
            }
        }
        let digests: Vec<String> = self.digests.iter().map(Digest::to_string).collect();
        Some(format!(
            "many {} {:04o} {owner} {group} {} {}",
            crate::quote::word(&place.path(&key.folder)),
            key.mode,
            crate::quote::word(renames.trim_end_matches(';')),
            digests.join(" ")
        ))
    }
}

/// Whether a name means nothing to sed's `s|…|…|`, is no digest, and is seen by the shell's `*`.
fn is_plain(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@' | b'+');
    name.bytes().all(plain)
        && (1..=200).contains(&name.len())
        && !name.starts_with(['.', '-'])
        && name.parse::<Digest>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_model::{ResourceId, SyncStatus};

    fn put(path: &str, bytes: &[u8], needs: &[u32]) -> StepGroup {
        StepGroup {
            resource: ResourceId::new("File", path).unwrap(),
            status: SyncStatus::Missing,
            prune: false,
            changes: Vec::new(),
            actions: vec![Action::PutFile {
                path: AbsolutePath::new(path).unwrap(),
                content: Digest::of(bytes),
                mode: 0o644,
                owner: None,
                group: None,
                validate: None,
            }],
            needs: needs.to_vec(),
        }
    }

    #[test]
    fn a_run_ends_where_the_next_cannot_go_with_it() {
        let three = || {
            vec![
                put("/a/1", b"1", &[]),
                put("/a/2", b"2", &[]),
                put("/a/3", b"3", &[]),
            ]
        };
        let length = |groups: &[StepGroup]| Run::at(5, groups).map(|run| run.groups);
        assert_eq!(length(&three()), Some(3));
        assert_eq!(length(&three()[..2]), None, "too few");
        let digest = Digest::of(b"x").to_string();
        for (other, why) in [
            (put("/b/4", b"4", &[]), "another directory"),
            (put("/a/4", b"3", &[]), "the same content"),
            (put("/a/3", b"4", &[]), "the same name"),
            (put("/a/4", b"4", &[6]), "it needs one of them"),
            (put("/a/.4", b"4", &[]), "a hidden name"),
            (put("/a/4|", b"4", &[]), "a name that means something to sed"),
            (put("/a/4&", b"4", &[]), "another"),
            (put(&format!("/a/{digest}"), b"4", &[]), "a name like a content's"),
        ] {
            let mut groups = three();
            groups.push(other);
            assert_eq!(length(&groups), Some(3), "{why}");
        }
        let mut groups = three();
        groups.push(put("/a/4", b"4", &[4]));
        assert_eq!(length(&groups), Some(4), "it needs an earlier one");
        groups[1].actions.extend(put("/a/5", b"5", &[]).actions);
        assert_eq!(length(&groups), None, "two actions");
    }
}
