//! A parsed document in which every part knows where it is written, also after merging and filling.

use crate::place::Place;
use serde_json::Value;

/// A part of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub content: Content,
    /// Where it is written.
    pub place: Place,
}

/// What a node is; scalars are typed by YAML 1.2's core schema.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number, and how it was written: `1.10` is a version as often as a number.
    Number(serde_json::Number, String),
    /// Text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in its order, with unique keys.
    Map(Vec<Entry>),
    /// Something refused, and reported already: readers pass over it.
    Refused,
}

/// One entry of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// Where the key is written.
    pub key_place: Place,
    /// The value.
    pub value: Node,
}

impl Entry {
    /// The entry with nothing in it yet.
    pub(crate) fn clone_key(&self) -> Self {
        Self {
            key: self.key.clone(),
            key_place: self.key_place,
            value: Node {
                content: Content::Null,
                place: self.value.place,
            },
        }
    }
}

impl Node {
    /// A mapping without entries.
    #[must_use]
    pub fn empty(place: Place) -> Self {
        Self {
            content: Content::Map(Vec::new()),
            place,
        }
    }

    /// A node with all its parts at one place, from a computed value.
    #[must_use]
    pub fn from_json(value: &Value, place: Place) -> Self {
        let content = match value {
            Value::Null => Content::Null,
            Value::Bool(flag) => Content::Flag(*flag),
            Value::Number(number) => Content::Number(number.clone(), number.to_string()),
            Value::String(text) => Content::Text(text.clone()),
            Value::Array(items) => {
                Content::List(items.iter().map(|item| Self::from_json(item, place)).collect())
            }
            Value::Object(map) => Content::Map(
                map.iter()
                    .map(|(key, value)| Entry {
                        key: key.clone(),
                        key_place: place,
                        value: Self::from_json(value, place),
                    })
                    .collect(),
            ),
        };
        Self { content, place }
    }

    /// The value without places; entries that were refused are left out.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Null | Content::Refused => Value::Null,
            Content::Flag(flag) => Value::Bool(*flag),
            Content::Number(number, _) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Content::Map(entries) => Value::Object(
                entries
                    .iter()
                    .filter(|entry| entry.value.content != Content::Refused)
                    .map(|entry| (entry.key.clone(), entry.value.to_json()))
                    .collect(),
            ),
        }
    }

    /// The entries, if it is a mapping.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The entry of a mapping.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value of a mapping's entry.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The text, if it is text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Where the part at `path` is written, or the nearest part above it that is there. With `key`, the key of the
    /// last part rather than its value.
    #[must_use]
    pub fn place_of(&self, path: &[String], key: bool) -> Place {
        let mut node = self;
        let mut place = self.place;
        for part in path {
            match &node.content {
                Content::Map(_) => match node.entry(part) {
                    Some(entry) => {
                        place = if key { entry.key_place } else { entry.value.place };
                        node = &entry.value;
                    }
                    None => return place,
                },
                Content::List(items) => match part.parse::<usize>().ok().and_then(|at| items.get(at)) {
                    Some(item) => (place, node) = (item.place, item),
                    None => return place,
                },
                _ => return place,
            }
        }
        place
    }

    /// What it is, in words.
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match &self.content {
            Content::Null => "nothing",
            Content::Flag(_) => "true or false",
            Content::Number(..) => "a number",
            Content::Text(_) => "text",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
            Content::Refused => "something refused",
        }
    }

    /// Lays `nearer` over this: mappings are merged, all else is replaced.
    pub fn overlay(&mut self, nearer: &Self) {
        self.merge(nearer, false);
    }

    /// Lays a change over this: mappings are merged, `null` takes a field away, all else is replaced.
    pub fn change(&mut self, change: &Self) {
        self.merge(change, true);
    }

    fn merge(&mut self, nearer: &Self, null_removes: bool) {
        let (Content::Map(mine), Content::Map(theirs)) = (&mut self.content, &nearer.content) else {
            *self = nearer.clone();
            return;
        };
        for entry in theirs {
            let known = mine.iter().position(|candidate| candidate.key == entry.key);
            match known.and_then(|at| mine.get_mut(at).map(|old| (at, old))) {
                Some((at, _)) if null_removes && entry.value.content == Content::Null => {
                    mine.remove(at);
                }
                Some((_, old)) => {
                    old.value.merge(&entry.value, null_removes);
                    old.key_place = entry.key_place;
                }
                None if null_removes && entry.value.content == Content::Null => {}
                None => mine.push(entry.clone()),
            }
        }
    }
}
