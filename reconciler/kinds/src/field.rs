//! Types of single fields that several kinds share: what people write, checked, with their JSON Schema.

use evenkeel_model::{
    AbsolutePath, Answer, FieldValue, Fields, Link, Observation, Probe,
    action::Argv,
    probe::{FileType, Stat},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{borrow::Cow, collections::BTreeMap, fmt};

/// The schema of an absolute path: `#[schemars(with = "PathShape")]`.
pub(crate) struct PathShape;
/// The schema of a duration: `#[schemars(with = "SpanShape")]`.
pub(crate) struct SpanShape;

macro_rules! shape {
    ($name:ty, $id:literal, $schema:tt) => {
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                $id.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

shape!(PathShape, "Path", {"type": "string", "pattern": "^/"});
shape!(SpanShape, "Duration", {"type": "string", "examples": ["30s", "5m", "1h 30m"]});
shape!(Mode, "Mode", {"type": "string", "pattern": "^[0-7]{3,4}$"});
shape!(Account, "Account", {"type": "string", "pattern": "^([a-z_][a-z0-9_.-]{0,30}\\$?|[0-9]{1,10})$"});
shape!(Command, "Command", {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 256});
shape!(Variables, "Variables", {
    "type": "object",
    "additionalProperties": {"type": "string"},
    "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}
});

/// Permission bits with set-id and sticky bits; written as three or four octal digits in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode(pub(crate) u32);

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}
impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A bare 0644 is a number to YAML, and not the one that was meant: only text is taken.
        let text = String::deserialize(deserializer)?;
        let octal = (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
        match u32::from_str_radix(&text, 8) {
            Ok(mode) if octal => Ok(Self(mode)),
            _ => Err(D::Error::custom(format!(
                "{text:?} is no mode: write three or four octal digits in quotes, such as \"0644\""
            ))),
        }
    }
}

/// A user's or group's name as useradd(8) takes it, or its number as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Account(pub(crate) String);

impl Account {
    /// What a stat's name and number are in this account's terms: a number is compared with the number.
    pub(crate) fn of(wanted: Option<&Self>, name: &str, number: u32) -> String {
        match wanted {
            Some(Self(text)) if *text == number.to_string() => text.clone(),
            _ => name.to_owned(),
        }
    }
    /// Whether it is a number.
    pub(crate) fn is_number(&self) -> bool {
        self.0.bytes().all(|b| b.is_ascii_digit())
    }
}
impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let stem = text.strip_suffix('$').unwrap_or(&text);
        let first = |b: u8| b.is_ascii_lowercase() || b == b'_';
        let inner = |b: u8| first(b) || b.is_ascii_digit() || matches!(b, b'-' | b'.');
        let name = stem.bytes().next().is_some_and(first) && stem.bytes().all(inner) && text.len() <= 32;
        if name || (text.len() <= 10 && text.parse::<u32>().is_ok_and(|n| n != u32::MAX)) {
            Ok(Self(text))
        } else {
            let shown: String = text.chars().take(40).collect();
            Err(D::Error::custom(format!(
                "{shown:?} is no user's or group's name: at most 32 of a-z, 0-9, '_', '-' and '.', or a number in quotes"
            )))
        }
    }
}

/// Program and arguments; never a shell line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Command(pub(crate) Argv);

impl Command {
    /// What must be there for it to start, as far as its words tell.
    pub(crate) fn needs(&self) -> Option<Link> {
        let path = AbsolutePath::new(self.0.first()?).ok()?;
        Some(Link::Path(path))
    }
}
impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        if words.len() > 256 {
            return Err(D::Error::custom("a command has at most 256 words"));
        }
        if words.first().is_none_or(String::is_empty) {
            return Err(D::Error::custom(
                "the command is empty: write [program, argument, …]",
            ));
        }
        if words
            .iter()
            .any(|word| word.contains('\0') || word.len() > 65_536)
        {
            return Err(D::Error::custom(
                "a word of a command has no NUL and at most 65536 bytes",
            ));
        }
        Ok(Self(words))
    }
}

/// Environment variables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Variables(pub(crate) BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Variables {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let variables = BTreeMap::<String, String>::deserialize(deserializer)?;
        for (name, value) in &variables {
            let start = |b: u8| b.is_ascii_alphabetic() || b == b'_';
            let good = name.bytes().next().is_some_and(start)
                && name.bytes().all(|b| start(b) || b.is_ascii_digit())
                && name.len() <= 255;
            if !good {
                let shown: String = name.chars().take(40).collect();
                return Err(D::Error::custom(format!("{shown:?} is no name of a variable")));
            }
            if value.contains('\0') || value.len() > 65_536 {
                return Err(D::Error::custom(format!(
                    "the value of {name} must have no NUL and at most 65536 bytes"
                )));
            }
        }
        if variables.len() > 1024 {
            return Err(D::Error::custom("at most 1024 variables"));
        }
        Ok(Self(variables))
    }
}

/// Whether a resource is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// It is to be there.
    #[default]
    Present,
    /// It is to be gone.
    Absent,
}

/// The links that an owner and a group bring.
pub(crate) fn account_links(owner: Option<&Account>, group: Option<&Account>) -> Vec<Link> {
    let named = |account: &&Account| !account.is_number();
    let owner = owner.filter(named).map(|owner| Link::User(owner.0.clone()));
    let group = group.filter(named).map(|group| Link::Group(group.0.clone()));
    owner.into_iter().chain(group).collect()
}

/// What was seen at a path by [`Probe::Stat`].
///
/// # Errors
/// Why it could not be seen.
pub(crate) fn stat<'a>(
    observation: &'a Observation,
    path: &AbsolutePath,
) -> Result<Option<&'a Stat>, String> {
    match observation.answer(&Probe::Stat(path.clone())) {
        Some(Answer::Stat(stat)) => Ok(stat.as_ref()),
        other => Err(unseen(other, path)),
    }
}

/// Why an answer is not the one that was asked for.
pub(crate) fn unseen(answer: Option<&Answer>, what: &impl fmt::Display) -> String {
    match answer {
        Some(Answer::Failed(why)) => format!("{what} cannot be seen: {why}"),
        Some(_) => format!("{what} cannot be seen: the answer is of the wrong kind"),
        None => format!("{what} cannot be seen: it was not asked for"),
    }
}

/// The field `type`: what stands at a path.
pub(crate) fn type_name(file_type: FileType) -> &'static str {
    match file_type {
        FileType::File => "file",
        FileType::Directory => "directory",
        FileType::Symlink => "symlink",
        FileType::Other => "other",
    }
}

/// Whether the field `type` of what is live says this.
pub(crate) fn is_type(live: Option<&Fields>, file_type: FileType) -> bool {
    live.and_then(|live| live.get("type")) == Some(&FieldValue::from(type_name(file_type)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    fn takes<T: for<'a> Deserialize<'a>>(value: Value) -> bool {
        from_value::<T>(value).is_ok()
    }

    #[test]
    fn fields_take_what_is_meant_and_nothing_else() {
        for (mode, bits) in [("0644", 0o644), ("755", 0o755), ("4755", 0o4755)] {
            assert_eq!(from_value::<Mode>(json!(mode)).unwrap().0, bits);
        }
        for bad in [
            json!("0o644"),
            json!("+644"),
            json!("99"),
            json!(420),
            json!("00644"),
            json!(""),
        ] {
            assert!(!takes::<Mode>(bad.clone()), "{bad}");
        }
        for good in ["root", "www-data", "_apt", "host$", "0", "1000", "a.b"] {
            assert!(takes::<Account>(json!(good)), "{good}");
        }
        for bad in [
            "",
            "Root",
            "a b",
            "-x",
            "a:b",
            "../x",
            "4294967295",
            "99999999999",
            &"a".repeat(33),
        ] {
            assert!(!takes::<Account>(json!(bad)), "{bad}");
        }
        assert!(takes::<Command>(json!(["sh", "-c", "true"])));
        for bad in [json!([]), json!([""]), json!("true"), json!(["a\u{0}b"])] {
            assert!(!takes::<Command>(bad.clone()), "{bad}");
        }
        assert!(takes::<Variables>(json!({"PATH": "/bin", "_x1": ""})));
        for bad in [
            json!({"a b": ""}),
            json!({"": ""}),
            json!({"1a": ""}),
            json!({"A=B": ""}),
        ] {
            assert!(!takes::<Variables>(bad.clone()), "{bad}");
        }
    }

    #[test]
    fn a_numeric_owner_is_compared_by_number() {
        let number = Account("1000".into());
        assert_eq!(Account::of(Some(&number), "alice", 1000), "1000");
        assert_eq!(Account::of(Some(&number), "bob", 1001), "bob");
        assert_eq!(Account::of(None, "alice", 1000), "alice");
    }
}
