//! The files of a manifest repository, in memory.

use evenkeel_model::Files;
use std::{collections::BTreeMap, sync::Arc};

/// Files by path. As templates they are their own text, with each `{{ name }}` that is known filled.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    /// Bytes by path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Values by name.
    pub values: BTreeMap<String, String>,
}

impl MemoryFiles {
    /// With this file too.
    #[must_use]
    pub fn with(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.to_owned(), bytes.into());
        self
    }
    /// With this value too.
    #[must_use]
    pub fn value(mut self, name: &str, value: &str) -> Self {
        self.values.insert(name.to_owned(), value.to_owned());
        self
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        match self.files.get(path) {
            Some(bytes) => Ok(Arc::from(bytes.as_slice())),
            None => Err(format!("there is no file {path:?}")),
        }
    }
    fn fill(&self, path: &str) -> Result<String, String> {
        let bytes = self.read(path)?;
        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        for (name, value) in &self.values {
            text = text.replace(&format!("{{{{ {name} }}}}"), value);
        }
        match text.find("{{") {
            Some(at) => Err(format!("{path}: an undefined name at byte {at}")),
            None => Ok(text),
        }
    }
}
