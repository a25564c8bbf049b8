//! The resource kinds: one file per kind, each pure (specification, probes, reading answers, steps).
//!
//! **Architecture Invariant:** no IO, no clock, no randomness, and no kind knows another. A kind asks and acts only
//! through the narrow waist, [`evenkeel_model::Probe`] and [`evenkeel_model::Action`].
//!
//! A new kind is one file, its `mod` line, and its line in `ALL`.

mod command;
mod decode;
mod directory;
mod field;
mod file;
mod group;
mod package;
mod process;
mod release;
#[cfg(test)]
mod stand;
mod symlink;
mod unit;
mod user;

use evenkeel_model::{Catalog, Kind};

/// Every kind, in any order.
const ALL: &[&dyn Kind] = &[
    &command::Command,
    &directory::Directory,
    &file::File,
    &release::Release,
    &symlink::Symlink,
    &group::Group,
    &package::Package,
    &process::Process,
    &user::User,
    &unit::Unit,
];

/// All kinds that are built in.
#[must_use]
pub fn catalog() -> &'static dyn Catalog {
    &Kinds
}

/// The built-in kinds, by name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kinds;

impl Catalog for Kinds {
    fn kind(&self, name: &str) -> Option<&dyn Kind> {
        ALL.iter().copied().find(|kind| kind.name() == name)
    }
    fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = ALL.iter().map(|kind| kind.name()).collect();
        names.sort_unstable();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_words_and_found_again() {
        let names = catalog().names();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
        for name in names {
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric()));
            assert_eq!(catalog().kind(name).map(evenkeel_model::Kind::name), Some(name));
        }
        assert!(catalog().kind("Nonsense").is_none());
    }

    #[test]
    fn every_field_of_every_schema_says_what_it_is() {
        for name in catalog().names() {
            let schema = catalog().kind(name).unwrap().schema();
            let properties = schema["properties"].as_object().unwrap();
            assert!(!properties.is_empty(), "{name}");
            assert_eq!(schema["additionalProperties"], false, "{name}");
            for (field, rules) in properties {
                assert!(
                    rules["description"].is_string(),
                    "{name}.{field} has no description"
                );
            }
        }
    }
}
