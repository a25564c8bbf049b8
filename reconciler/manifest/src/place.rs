//! Where in the repository something is written.

use serde::Serialize;
use std::sync::Arc;

/// A stretch of bytes in one of the [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file, by its number in [`Sources`].
    pub file: u32,
    /// The first byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// A place as people and editors name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// Path from the project's root.
    pub file: String,
    /// From 1; 0 means the file as a whole.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// In characters, within the line; at least 1.
    pub length: u32,
    /// What stands in the line, at most [`Location::SOURCE_LIMIT`] characters around the place.
    pub source: String,
    /// The column at which `source` begins; 1 unless the line is long.
    pub source_column: u32,
}

impl Location {
    /// How many characters of a line are shown.
    pub const SOURCE_LIMIT: usize = 160;

    /// A file as a whole.
    #[must_use]
    pub fn whole(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
            column: 0,
            length: 1,
            source: String::new(),
            source_column: 1,
        }
    }
}

/// The texts that places point into.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<(String, Arc<str>)>,
}

impl Sources {
    /// Takes a text in; its number.
    pub fn add(&mut self, path: &str, text: Arc<str>) -> u32 {
        self.files.push((path.to_owned(), text));
        count(self.files.len() - 1)
    }

    /// The path of a file.
    #[must_use]
    pub fn path(&self, file: u32) -> &str {
        self.files.get(file as usize).map_or("", |(path, _)| path)
    }

    /// The text at a place; empty if there is none.
    #[must_use]
    pub fn text(&self, place: Place) -> &str {
        let text = self.files.get(place.file as usize).map(|(_, text)| text.as_ref());
        text.and_then(|text| text.get(place.start as usize..place.end as usize))
            .unwrap_or("")
    }

    /// The part of `place` in which `needle` first stands, or all of it.
    #[must_use]
    pub fn narrow(&self, place: Place, needle: &str) -> Place {
        match self.text(place).find(needle).filter(|_| !needle.is_empty()) {
            Some(at) => Place {
                file: place.file,
                start: place.start + count(at),
                end: place.start + count(at + needle.len()),
            },
            None => place,
        }
    }

    /// The place of a line, counted from 1, without its indentation.
    #[must_use]
    pub fn line(&self, file: u32, line: usize) -> Place {
        let text = self
            .files
            .get(file as usize)
            .map_or("", |(_, text)| text.as_ref());
        let mut start = 0;
        for (number, content) in text.split_inclusive('\n').enumerate() {
            if number + 1 == line {
                let indent = content.len() - content.trim_start().len();
                let end = start + content.trim_end().len();
                return Place {
                    file,
                    start: count((start + indent).min(end)),
                    end: count(end),
                };
            }
            start += content.len();
        }
        Place {
            file,
            start: count(text.len()),
            end: count(text.len()),
        }
    }

    /// Line, column and the line itself.
    #[must_use]
    pub fn locate(&self, place: Place) -> Location {
        let Some((path, text)) = self.files.get(place.file as usize) else {
            return Location::whole("");
        };
        let mut start = (place.start as usize).min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = text.get(..start).unwrap_or("");
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = text.get(line_start..).unwrap_or("");
        let content = rest.split(['\n', '\r']).next().unwrap_or("");
        let column = text.get(line_start..start).unwrap_or("").chars().count();
        let marked = text.get(start..(place.end as usize).max(start)).unwrap_or("");
        let length = marked
            .split(['\n', '\r'])
            .next()
            .unwrap_or("")
            .trim_end()
            .chars()
            .count()
            .max(1);
        let width = content.chars().count();
        let from = if width <= Location::SOURCE_LIMIT {
            0
        } else {
            column.saturating_sub(Location::SOURCE_LIMIT / 2)
        };
        Location {
            file: path.clone(),
            line: count(line),
            column: count(column + 1),
            length: count(length),
            source: content.chars().skip(from).take(Location::SOURCE_LIMIT).collect(),
            source_column: count(from + 1),
        }
    }
}

/// Files are at most 1 MiB, so counts in them fit.
pub(crate) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
