//! Absolute paths on a target, as text that is safe to frame.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, str::FromStr};

/// An absolute path on a target: normal form (no `.`, `..`, empty part or trailing slash), at most 4096 bytes,
/// UTF-8 without control characters, so that it fits one line of any listing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AbsolutePath(String);

/// Why a text is not an absolute path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path:?} is no usable path: {why}")]
pub struct PathError {
    /// The text, shortened.
    pub path: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl AbsolutePath {
    /// A checked path; repeated and trailing slashes are folded.
    ///
    /// # Errors
    /// [`PathError`] when it is relative, climbs with `..`, is too long or has control characters.
    pub fn new(text: &str) -> Result<Self, PathError> {
        let fail = |why| {
            Err(PathError {
                path: text.chars().take(120).collect(),
                why,
            })
        };
        if !text.starts_with('/') {
            return fail("it must be absolute (begin with '/')");
        }
        if text.len() > 4096 {
            return fail("it is longer than 4096 bytes");
        }
        if text.chars().any(char::is_control) {
            return fail("it has control characters");
        }
        let mut normal = String::with_capacity(text.len());
        for part in text.split('/').filter(|part| !part.is_empty()) {
            if part == "." || part == ".." {
                return fail("'.' and '..' are not allowed");
            }
            if part.len() > 255 {
                return fail("a part is longer than 255 bytes");
            }
            normal.push('/');
            normal.push_str(part);
        }
        if normal.is_empty() {
            normal.push('/');
        }
        Ok(Self(normal))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory that holds it; `None` for `/`.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (parent, _) = self.0.rsplit_once('/').filter(|_| self.0 != "/")?;
        Some(Self(if parent.is_empty() {
            "/".into()
        } else {
            parent.into()
        }))
    }

    /// The last part; empty for `/`.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(_, name)| name)
    }

    /// `self` and then `part` (which may have several parts).
    ///
    /// # Errors
    /// [`PathError`] when the result is not a path.
    pub fn join(&self, part: &str) -> Result<Self, PathError> {
        Self::new(&format!("{}/{part}", self.0))
    }

    /// Whether this path lies strictly beneath `other`.
    #[must_use]
    pub fn is_beneath(&self, other: &Self) -> bool {
        other.0 == "/" && self.0 != "/"
            || self
                .0
                .strip_prefix(&other.0)
                .is_some_and(|rest| rest.starts_with('/'))
    }

    /// The directories above it, nearest first, ending with `/`.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), Self::parent)
    }
}

impl fmt::Display for AbsolutePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for AbsolutePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl FromStr for AbsolutePath {
    type Err = PathError;
    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::new(text)
    }
}

impl Serialize for AbsolutePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AbsolutePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normal_and_never_climb() {
        let path = AbsolutePath::new("//etc///nginx/").unwrap();
        assert_eq!(path.as_str(), "/etc/nginx");
        assert_eq!(path.parent().unwrap().as_str(), "/etc");
        assert_eq!(path.file_name(), "nginx");
        let above: Vec<_> = path.ancestors().map(|p| p.to_string()).collect();
        assert_eq!(above, ["/etc", "/"]);
        assert!(path.is_beneath(&AbsolutePath::new("/etc").unwrap()));
        assert!(path.is_beneath(&AbsolutePath::new("/").unwrap()));
        assert!(
            !AbsolutePath::new("/etcetera")
                .unwrap()
                .is_beneath(&AbsolutePath::new("/etc").unwrap())
        );
        for bad in ["", "etc", "/../x", "/a/./b", "/a\nb", "/a\0"] {
            assert!(AbsolutePath::new(bad).is_err(), "{bad:?}");
        }
    }
}
