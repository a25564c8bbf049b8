//! Contents in memory, true and forged.

use evenkeel_engine::port::store::Contents;
use evenkeel_model::Digest;
use std::{
    collections::HashMap,
    io::{self, Cursor, Read},
};

/// Contents in memory.
#[derive(Debug, Default)]
pub struct Bytes(HashMap<Digest, Vec<u8>>);

impl Bytes {
    /// Keeps bytes; their digest.
    pub fn keep(&mut self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.0.insert(digest, bytes.to_vec());
        digest
    }
    /// Keeps bytes under a digest that is not theirs.
    pub fn forge(&mut self, digest: Digest, bytes: &[u8]) {
        self.0.insert(digest, bytes.to_vec());
    }
    /// All of them.
    pub(super) fn digests(&self) -> Vec<Digest> {
        self.0.keys().copied().collect()
    }
}

impl Contents for Bytes {
    fn open(&self, digest: &Digest) -> io::Result<Option<(u64, Box<dyn Read + Send>)>> {
        Ok(self.0.get(digest).map(|bytes| {
            let reader: Box<dyn Read + Send> = Box::new(Cursor::new(bytes.clone()));
            (bytes.len() as u64, reader)
        }))
    }
}
