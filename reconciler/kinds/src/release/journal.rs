//! The record of releases on a server: which folder holds what, and in which order they were activated.
//!
//! One JSON object a line, the newest activation last, one line a folder; written by us alone, as a file beside the
//! releases. "Previous" and the order of pruning come from it, never from the times of files.

use evenkeel_model::Digest;
use serde::{Deserialize, Serialize};

/// What was unpacked into one folder, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The folder's name among the releases.
    pub(super) dir: String,
    /// The version that it was activated as.
    pub(super) version: String,
    /// The archive.
    pub(super) archive: Digest,
    /// Leading path parts that were dropped.
    pub(super) strip: u32,
    /// Owner of all of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) owner: Option<String>,
    /// Group of all of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) group: Option<String>,
}

impl Entry {
    /// Whether both folders hold the same.
    pub(super) fn same_content(&self, other: &Self) -> bool {
        (&self.version, &self.archive, self.strip, &self.owner, &self.group)
            == (
                &other.version,
                &other.archive,
                other.strip,
                &other.owner,
                &other.group,
            )
    }
}

/// All entries, oldest activation first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Journal(pub(super) Vec<Entry>);

impl Journal {
    /// Reads it. A line that is none of ours counts as not there: what it spoke of is unpacked again.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut journal = Self::default();
        for line in String::from_utf8_lossy(bytes).lines() {
            if let Ok(entry) = serde_json::from_str::<Entry>(line)
                && super::is_part(&entry.dir)
            {
                journal.activate(entry);
            }
        }
        journal
    }
    /// Its bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in self.0.iter().filter_map(|entry| serde_json::to_vec(entry).ok()) {
            bytes.extend(line);
            bytes.push(b'\n');
        }
        bytes
    }
    /// What a folder holds.
    pub(super) fn of(&self, dir: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.dir == dir)
    }
    /// Notes that this folder is the active one from now on.
    pub(super) fn activate(&mut self, entry: Entry) {
        self.0.retain(|known| known.dir != entry.dir);
        self.0.push(entry);
    }
    /// Forgets folders that are not there.
    pub(super) fn keep(&mut self, there: impl Fn(&str) -> bool) {
        self.0.retain(|entry| there(&entry.dir));
    }
    /// The folders to remove so that `keep` stay: the longest not activated first, never the current one nor the one
    /// that was active before it.
    pub(super) fn surplus(&self, current: &str, keep: usize) -> Vec<String> {
        let place = self.0.iter().position(|entry| entry.dir == current);
        let previous = place
            .and_then(|place| place.checked_sub(1))
            .and_then(|place| self.0.get(place))
            .map(|entry| entry.dir.as_str());
        let others = self.0.len().saturating_sub(keep);
        self.0
            .iter()
            .take(others)
            .map(|entry| entry.dir.clone())
            .filter(|dir| dir != current && Some(dir.as_str()) != previous)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(dir: &str) -> Entry {
        Entry {
            dir: dir.into(),
            version: dir.into(),
            archive: Digest::of(dir.as_bytes()),
            strip: 0,
            owner: None,
            group: None,
        }
    }

    fn journal(dirs: &[&str]) -> Journal {
        let mut journal = Journal::default();
        dirs.iter().for_each(|dir| journal.activate(entry(dir)));
        journal
    }

    #[test]
    fn going_back_is_an_activation_like_any_other() {
        let all = journal(&["1", "2", "3", "1"]);
        assert_eq!(all.surplus("1", 2), ["2"]);
        assert_eq!(journal(&["1", "2", "3", "4"]).surplus("4", 1), ["1", "2"]);
        // Cut off between the record and the switch: 1 still runs, and what ran before it stays.
        assert_eq!(journal(&["0", "1", "2"]).surplus("1", 1), Vec::<String>::new());
    }

    #[test]
    fn a_damaged_record_is_read_as_far_as_it_goes() {
        let mut bytes = journal(&["1", "2"]).bytes();
        bytes.extend_from_slice(b"{\"dir\":\"../..\",\"version\":\"x\"}\n\xff\xfe\n{\"dir\":\"3\"");
        assert_eq!(Journal::parse(&bytes), journal(&["1", "2"]));
    }

    proptest! {
        #[test]
        fn current_and_previous_always_stay_and_never_fewer_than_asked(
            activations in proptest::collection::vec(0u8..9, 1..40), keep in 1usize..6,
        ) {
            let names: Vec<String> = activations.iter().map(ToString::to_string).collect();
            let all = journal(&names.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(&Journal::parse(&all.bytes()), &all);
            let current = &names[names.len() - 1];
            let gone = all.surplus(current, keep);
            prop_assert!(!gone.contains(current));
            if let Some(previous) = names.iter().rev().find(|name| *name != current) {
                prop_assert!(!gone.contains(previous));
            }
            let left = all.0.len() - gone.len();
            prop_assert!(left >= keep.min(all.0.len()) && left <= keep.max(2));
        }
    }
}
