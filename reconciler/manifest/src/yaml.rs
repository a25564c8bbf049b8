//! The one entry point for YAML: bytes to [`Node`]s, bounded in size, depth and count.
//!
//! Aliases, anchors, merge keys and tags of one's own are refused, so that a document costs what it weighs: with
//! aliases, 130 KB can come to a gigabyte. Scalars follow the core schema of YAML 1.2.2, section 10.3.2: `no` is
//! text and `0644` is the number 644.

use crate::{
    diagnostic::{Finding, Report},
    node::{Content, Entry, Node},
    place::{Place, Sources, count},
    scalar::plain,
};
use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};
use std::{collections::HashSet, sync::Arc};

/// A file has at most so many bytes.
pub const MAX_BYTES: u64 = 1024 * 1024;
/// Mappings and sequences lie in each other at most so deep.
pub const MAX_DEPTH: usize = 64;
/// A file has at most so many nodes.
pub const MAX_NODES: usize = 100_000;
/// A mapping has at most so many entries.
pub const MAX_ENTRIES: usize = 4096;
/// After so many syntax errors a file is given up.
const MAX_ERRORS: usize = 20;

/// Reads every document of a file. Faults go to `report`; a document that cannot be read to its end is left out.
pub(crate) fn parse(path: &str, bytes: &[u8], sources: &mut Sources, report: &mut Report) -> Vec<Node> {
    if bytes.len() as u64 > MAX_BYTES {
        report.incomplete = true;
        report.push(too_large(path, bytes.len() as u64));
        return Vec::new();
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            report.incomplete = true;
            let line = bytes
                .iter()
                .take(error.valid_up_to())
                .filter(|byte| **byte == b'\n')
                .count()
                + 1;
            let found = Finding::error("bad-encoding", format!("line {line} is not UTF-8"))
                .file(path)
                .help("save the file as UTF-8");
            report.push(found);
            return Vec::new();
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text: Arc<str> = Arc::from(text);
    let file = sources.add(path, Arc::clone(&text));
    Builder {
        file,
        text: &text,
        report,
        stack: Vec::new(),
        documents: Vec::new(),
        nodes: 0,
    }
    .read()
}

/// The fault of a file that is too large to read.
pub(crate) fn too_large(path: &str, size: u64) -> Finding {
    Finding::error(
        "too-large",
        format!("the file has {size} bytes; at most {MAX_BYTES} are read"),
    )
    .file(path)
    .help("split it, or keep large content as a file that a resource names with `source`")
}

enum Frame {
    List {
        place: Place,
        items: Vec<Node>,
    },
    Map {
        place: Place,
        entries: Vec<Entry>,
        keys: HashSet<String>,
        key: Option<(String, Place)>,
    },
}

struct Builder<'a> {
    file: u32,
    text: &'a str,
    report: &'a mut Report,
    stack: Vec<Frame>,
    documents: Vec<Node>,
    nodes: usize,
}

impl<'a> Builder<'a> {
    fn read(mut self) -> Vec<Node> {
        let options = granit_parser::options! {
            emit_comments: false,
            emit_unresolved_aliases: true,
            disallow_directives: true,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        let mut parser = Parser::new_from_str_with_options(self.text, options);
        let mut errors = 0;
        loop {
            match parser.next_event() {
                None | Some(Ok((Event::StreamEnd, _))) => break,
                Some(Ok((event, span))) => {
                    if !self.take(event, span) {
                        self.report.incomplete = true;
                        break;
                    }
                }
                Some(Err(error)) => {
                    self.report.incomplete = true;
                    let at = error.marker().byte_offset().unwrap_or(self.text.len());
                    let place = self.place(at, at + 1);
                    self.report.push(syntax_error(&error.info()).at(place));
                    self.stack.clear();
                    errors += 1;
                    if errors >= MAX_ERRORS || !parser.proceed_next_document().unwrap_or(false) {
                        break;
                    }
                }
            }
        }
        self.documents
    }

    fn place(&self, start: usize, end: usize) -> Place {
        let start = start.min(self.text.len());
        Place {
            file: self.file,
            start: count(start),
            end: count(end.clamp(start, self.text.len().max(start))),
        }
    }

    fn span(&self, span: &Span) -> Place {
        let range = span.byte_range().unwrap_or(0..0);
        self.place(range.start, range.end)
    }

    /// Whether to go on.
    fn take(&mut self, event: Event<'a>, span: Span) -> bool {
        let place = self.span(&span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_anchor(anchor, place);
                let tag = tag.as_deref();
                let place = if style == ScalarStyle::Plain || !text.is_empty() || place.end > place.start {
                    place
                } else {
                    self.place(place.start as usize, place.start as usize + 1)
                };
                let content = self.scalar(&text, style, tag, place);
                let key = (!text.is_empty() || style != ScalarStyle::Plain).then(|| text.into_owned());
                let merge = style == ScalarStyle::Plain && key.as_deref() == Some("<<");
                self.node(Node { content, place }, key, merge)
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let found = Finding::error("alias", "aliases are not allowed")
                    .at(place)
                    .help("write the value again, or put it under `values` and use a template");
                self.report.push(found);
                let content = Content::Refused;
                self.node(Node { content, place }, Some(String::new()), false)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_anchor(anchor, place);
                self.refuse_tag(tag.as_deref(), &["seq"], place);
                self.open(Frame::List {
                    place,
                    items: Vec::new(),
                })
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_anchor(anchor, place);
                self.refuse_tag(tag.as_deref(), &["map"], place);
                self.open(Frame::Map {
                    place,
                    entries: Vec::new(),
                    keys: HashSet::new(),
                    key: None,
                })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            _ => true,
        }
    }

    fn open(&mut self, frame: Frame) -> bool {
        if self.stack.len() >= MAX_DEPTH {
            let (Frame::List { place, .. } | Frame::Map { place, .. }) = &frame;
            let message = format!("the document is nested deeper than {MAX_DEPTH} levels");
            self.report.push(Finding::error("too-deep", message).at(*place));
            return false;
        }
        self.stack.push(frame);
        true
    }

    fn close(&mut self) -> bool {
        let node = match self.stack.pop() {
            Some(Frame::List { place, items }) => Node {
                content: Content::List(items),
                place,
            },
            Some(Frame::Map { place, entries, .. }) => Node {
                place: entries.first().map_or(place, |entry| entry.key_place),
                content: Content::Map(entries),
            },
            None => return true,
        };
        self.node(node, None, false)
    }

    /// Puts a finished node where it belongs. `key` is its text, should it stand where a key must.
    fn node(&mut self, node: Node, text: Option<String>, merge: bool) -> bool {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message = format!("the file has more than {MAX_NODES} values");
            self.report
                .push(Finding::error("too-many", message).at(node.place));
            return false;
        }
        match self.stack.last_mut() {
            None => self.documents.push(node),
            Some(Frame::List { items, .. }) => items.push(node),
            Some(Frame::Map {
                entries, keys, key, ..
            }) => match key.take() {
                Some((name, key_place)) => {
                    if name != "\u{0}" {
                        entries.push(Entry {
                            key: name,
                            key_place,
                            value: node,
                        });
                    }
                    if entries.len() > MAX_ENTRIES {
                        let message = format!("the mapping has more than {MAX_ENTRIES} entries");
                        self.report
                            .push(Finding::error("too-many", message).at(key_place));
                        return false;
                    }
                }
                None => {
                    let place = node.place;
                    let refused = node.content == Content::Refused;
                    let found = match &text {
                        _ if refused => None,
                        None => Some(Finding::error(
                            "bad-key",
                            "a key must be one word or a quoted text",
                        )),
                        Some(_) if merge => Some(
                            Finding::error("merge-key", "merge keys are not allowed")
                                .help("values are merged on their way from project to target"),
                        ),
                        Some(name) if keys.contains(name) => {
                            let first = entries.iter().find(|entry| &entry.key == name);
                            let found = Finding::error("duplicate-key", format!("{name:?} is given twice"));
                            Some(match first {
                                Some(first) => found.related("first given here", first.key_place),
                                None => found,
                            })
                        }
                        Some(_) => None,
                    };
                    let dropped = refused || found.is_some();
                    if let Some(found) = found {
                        self.report.push(found.at(place));
                    }
                    // A NUL can stand in no YAML key: it marks an entry that is dropped.
                    let name = text.filter(|_| !dropped).unwrap_or_else(|| "\u{0}".to_owned());
                    keys.insert(name.clone());
                    *key = Some((name, place));
                }
            },
        }
        true
    }

    fn refuse_anchor(&mut self, anchor: usize, place: Place) {
        if anchor != 0 {
            let found = Finding::error("anchor", "anchors are not allowed")
                .at(place)
                .help("put what is shared under `values` and use a template");
            self.report.push(found);
        }
    }

    /// Whether the tag is one of those.
    fn refuse_tag(&mut self, tag: Option<&Tag>, allowed: &[&str], place: Place) -> bool {
        let Some(tag) = tag else { return true };
        if tag.core_suffix().is_some_and(|suffix| allowed.contains(&suffix)) {
            return true;
        }
        let shown: String = tag.original().chars().take(60).collect();
        self.report
            .push(Finding::error("tag", format!("the tag {shown:?} is not allowed here")).at(place));
        false
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, place: Place) -> Content {
        if !self.refuse_tag(tag, &["str", "int", "float", "bool", "null"], place) {
            return Content::Refused;
        }
        let is_text = match tag.and_then(Tag::core_suffix) {
            Some("str") => true,
            Some(_) => false,
            None => style != ScalarStyle::Plain,
        };
        if is_text {
            return Content::Text(text.to_owned());
        }
        match plain(text) {
            Some(content) => content,
            None => {
                let message = format!("{text} is not a number that can be used");
                self.report.push(
                    Finding::error("bad-value", message)
                        .at(place)
                        .help("quote it if it is text"),
                );
                Content::Refused
            }
        }
    }
}

fn syntax_error(info: &str) -> Finding {
    let info: String = info.chars().take(200).collect();
    let lower = info.to_lowercase();
    if lower.contains("recursion limit")
        || lower.contains("nest") && (lower.contains("limit") || lower.contains("deep"))
    {
        return Finding::error(
            "too-deep",
            format!("the document is nested deeper than {MAX_DEPTH} levels"),
        );
    }
    let found = Finding::error("syntax", format!("this is no YAML: {info}"));
    if lower.contains("tab") {
        return found.help("indent with spaces");
    }
    found
}
