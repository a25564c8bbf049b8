//! What a shell prints, cut into frames.
//!
//! A script prints a marker line, `@NONCE TAG`, on standard output and on standard error before each section. The nonce
//! is 128 random bits, known to the shell alone (it is no exported variable and no argument), so that nothing that a
//! server's files or programs print can pass for a marker.

use std::collections::VecDeque;

/// A section: its tag, and what was printed in it on both streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Words that say what it is.
    pub(crate) tag: String,
    /// Standard output.
    pub(crate) out: Vec<u8>,
    /// Standard error.
    pub(crate) err: Vec<u8>,
}

impl Frame {
    /// Standard error as text, its first line, bounded; what `otherwise` says if it is empty.
    pub(crate) fn complaint(&self, otherwise: &str) -> String {
        let text = String::from_utf8_lossy(&self.err);
        let line = text
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .unwrap_or(otherwise);
        plain(line, 300)
    }
}

/// A stranger's text, for people: no control characters, bounded.
pub(crate) fn plain(text: &str, limit: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(limit).collect()
}

/// Cuts one stream at its markers.
#[derive(Debug)]
pub(crate) struct Cutter {
    marker: Vec<u8>,
    buffer: Vec<u8>,
    seen: usize,
    open: Option<String>,
    done: VecDeque<(String, Vec<u8>)>,
}

impl Cutter {
    /// One that knows the nonce.
    pub(crate) fn new(nonce: &str) -> Self {
        Self {
            marker: format!("\n@{nonce} ").into_bytes(),
            buffer: Vec::new(),
            seen: 0,
            open: None,
            done: VecDeque::new(),
        }
    }

    /// Takes bytes as they come.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        loop {
            let found = self.buffer[self.seen..]
                .windows(self.marker.len())
                .position(|window| window == self.marker)
                .map(|at| at + self.seen);
            let Some(at) = found else {
                self.seen = self.buffer.len().saturating_sub(self.marker.len() - 1);
                if self.open.is_none() {
                    // Before the first marker: a login's greeting, worth nothing.
                    self.buffer.drain(..self.seen);
                    self.seen = 0;
                }
                return;
            };
            let start = at + self.marker.len();
            let Some(end) = self.buffer[start..]
                .iter()
                .position(|byte| *byte == b'\n')
                .map(|n| n + start)
            else {
                self.seen = at;
                return;
            };
            let tag = String::from_utf8_lossy(&self.buffer[start..end]).into_owned();
            if let Some(before) = self.open.replace(tag) {
                self.done.push_back((before, self.buffer[..at].to_vec()));
            }
            // The marker's own newline may be the next marker's first byte only if a section is empty: it is printed anew.
            self.buffer.drain(..=end);
            self.seen = 0;
        }
    }

    /// The next section that is complete.
    pub(crate) fn next(&mut self) -> Option<(String, Vec<u8>)> {
        self.done.pop_front()
    }

    /// The tag of the section that is being printed.
    pub(crate) fn open(&self) -> Option<&str> {
        self.open.as_deref()
    }

    /// Forgets the open section: the answer is over.
    pub(crate) fn close(&mut self) {
        self.open = None;
        self.buffer.clear();
        self.seen = 0;
    }

    /// Bytes held.
    pub(crate) fn held(&self) -> usize {
        self.buffer.len() + self.done.iter().map(|(_, body)| body.len()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_greeting_and_a_forged_marker_are_no_frames() {
        let mut cutter = Cutter::new("ff00");
        cutter.feed(b"Welcome!\n@ffff end\n\n@ff00 a\nx\n@ff01 end\ny\n@ff00 end\n");
        assert_eq!(cutter.next(), Some(("a".into(), b"x\n@ff01 end\ny".to_vec())));
        assert_eq!(cutter.next(), None);
        assert_eq!(cutter.open(), Some("end"));
    }

    proptest! {
        #[test]
        fn however_it_arrives_the_frames_are_the_same(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
            sizes in prop::collection::vec(1_usize..9, 1..20),
        ) {
            let mut stream = Vec::new();
            for (index, body) in bodies.iter().enumerate() {
                stream.extend_from_slice(format!("\n@beef s {index}\n").as_bytes());
                stream.extend_from_slice(body);
            }
            stream.extend_from_slice(b"\n@beef end\n");
            let mut cutter = Cutter::new("beef");
            let (mut rest, mut sizes) = (&stream[..], sizes.iter().cycle());
            while !rest.is_empty() {
                let n = (*sizes.next().unwrap()).min(rest.len());
                cutter.feed(&rest[..n]);
                rest = &rest[n..];
            }
            for (index, body) in bodies.into_iter().enumerate() {
                prop_assert_eq!(cutter.next(), Some((format!("s {index}"), body)));
            }
            prop_assert_eq!(cutter.open(), Some("end"));
        }
    }
}
