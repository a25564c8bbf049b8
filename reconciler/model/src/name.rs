//! Names that people give and that end up in file names, argument lists and URLs: so few characters are allowed.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, str::FromStr};

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a name: 1 to 63 of a-z, 0-9, '-' and '.', beginning and ending with a letter or digit")]
pub struct NameError(pub String);

fn check(text: &str) -> Result<(), NameError> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = bytes.first().is_some_and(|b| inner(*b)) && bytes.last().is_some_and(|b| inner(*b));
    if ends && bytes.len() <= 63 && bytes.iter().all(|b| inner(*b) || matches!(b, b'-' | b'.')) {
        Ok(())
    } else {
        Err(NameError(text.chars().take(80).collect()))
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// A checked name.
            ///
            /// # Errors
            /// [`NameError`] when the text is not one.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                check(&text)?;
                Ok(Self(text))
            }
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }
    };
}

name!(
    /// A manifest repository's name for itself.
    ProjectName
);
name!(
    /// dev, staging, prod …
    EnvironmentName
);
name!(
    /// One server within its environment.
    TargetName
);
name!(
    /// A named set of resources.
    AppName
);

/// A managed thing on one target: its kind and its name, written `File:/etc/motd`.
///
/// Unique on a target. The name of a path-like kind is its path; it has 1 to 4096 characters, none a control
/// character.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId {
    /// The kind's name, as in the manifest: `File`, `Unit` …
    pub kind: String,
    /// The name within the kind.
    pub name: String,
}

/// Why a text is not a resource's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a resource: write KIND:NAME, such as File:/etc/motd")]
pub struct ResourceIdError(pub String);

impl ResourceId {
    /// A checked id.
    ///
    /// # Errors
    /// [`ResourceIdError`] when the kind is not a word or the name is empty, too long or has control characters.
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Result<Self, ResourceIdError> {
        let (kind, name) = (kind.into(), name.into());
        let kind_ok = (1..=63).contains(&kind.len()) && kind.bytes().all(|b| b.is_ascii_alphanumeric());
        let name_ok = (1..=4096).contains(&name.len()) && !name.chars().any(char::is_control);
        if kind_ok && name_ok {
            Ok(Self { kind, name })
        } else {
            Err(ResourceIdError(
                format!("{kind}:{name}").chars().take(120).collect(),
            ))
        }
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}:{}", self.kind, self.name))
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for ResourceId {
    type Err = ResourceIdError;
    fn from_str(text: &str) -> Result<Self, ResourceIdError> {
        let (kind, name) = text
            .split_once(':')
            .ok_or_else(|| ResourceIdError(text.chars().take(120).collect()))?;
        Self::new(kind, name)
    }
}

impl Serialize for ResourceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ResourceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_harmless() {
        for good in ["prod", "web-1", "a", "web-1.example.org", "9"] {
            assert!(EnvironmentName::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "Prod",
            "-x",
            "x-",
            "a/b",
            "a b",
            "..",
            "ü",
            "a\n",
            &"a".repeat(64),
        ] {
            assert!(EnvironmentName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn resource_ids_split_at_the_first_colon() {
        let id: ResourceId = "File:/srv/a:b".parse().unwrap();
        assert_eq!((id.kind.as_str(), id.name.as_str()), ("File", "/srv/a:b"));
        assert_eq!(id.to_string(), "File:/srv/a:b");
        assert!("File".parse::<ResourceId>().is_err());
        assert!("File:".parse::<ResourceId>().is_err());
        assert!("File:/a\nb".parse::<ResourceId>().is_err());
    }
}
