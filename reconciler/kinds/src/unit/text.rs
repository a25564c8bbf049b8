//! What a unit's text tells: only as much of systemd.syntax(7) as ordering and plain mistakes need.

use super::name;
use evenkeel_model::{AbsolutePath, Link};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// At most so many links are taken from one text; the order of what is beyond them can be declared.
const LINKS: usize = 256;

/// What a unit's text refers to: it must be there before the unit starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct References {
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    paths: BTreeSet<AbsolutePath>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    users: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    groups: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    units: BTreeSet<String>,
}

impl References {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
    /// As links, in a fixed order.
    pub(super) fn links(&self) -> impl Iterator<Item = Link> {
        let paths = self.paths.iter().cloned().map(Link::Path);
        let users = self.users.iter().cloned().map(Link::User);
        let groups = self.groups.iter().cloned().map(Link::Group);
        let units = self.units.iter().cloned().map(Link::Unit);
        paths.chain(users).chain(groups).chain(units)
    }
}

/// What was read from a unit's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// What it refers to.
    pub(super) references: References,
    /// Whether it has any section.
    pub(super) sections: bool,
    /// Whether `[Install]` says anything: without it there is nothing to enable.
    pub(super) installs: bool,
    /// Whether it is a oneshot that is inactive again once it is done.
    pub(super) ends: bool,
}

/// Reads a unit's text.
pub(super) fn read(unit: &str, text: &str) -> Reading {
    let mut reading = Reading::default();
    let references = &mut reading.references;
    let (mut section, mut oneshot, mut remains, mut activates) = (String::new(), false, false, None);
    for line in logical_lines(text) {
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = header.to_owned();
            reading.sections = true;
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let (key, value) = (key.trim(), value.trim());
        match (section.as_str(), key) {
            ("Install", _) => reading.installs |= !value.is_empty(),
            ("Service", "Type") => oneshot = value == "oneshot",
            ("Service", "RemainAfterExit") => remains = matches!(value, "yes" | "true" | "on" | "1"),
            ("Timer" | "Path", "Unit") | ("Socket", "Service") => activates = plain(value),
            ("Unit", _) => {}
            (_, "User" | "SocketUser") => references.users.extend(account(value)),
            (_, "Group" | "SocketGroup") => references.groups.extend(account(value)),
            (_, "SupplementaryGroups") => {
                references
                    .groups
                    .extend(value.split_whitespace().filter_map(account));
            }
            (_, "WorkingDirectory" | "EnvironmentFile" | "RootDirectory") => {
                references.paths.extend(path(value.trim_start_matches('-')));
            }
            (_, key) if key.starts_with("Exec") => references.paths.extend(command(value).take(LINKS)),
            _ => {}
        }
        let found = references.paths.len() + references.users.len() + references.groups.len();
        if found >= LINKS {
            break;
        }
    }
    if matches!(name::suffix(unit), "timer" | "socket" | "path") {
        let same = format!("{}.service", name::stem(unit));
        references.units.insert(activates.unwrap_or(same));
    }
    reading.ends = oneshot && !remains;
    reading
}

/// Lines without comments, continued ones (a backslash at the end) joined.
fn logical_lines(text: &str) -> Vec<String> {
    let (mut lines, mut open) = (Vec::new(), String::new());
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', ';']) || (line.is_empty() && open.is_empty()) {
            continue;
        }
        if let Some(line) = line.strip_suffix('\\') {
            open.push_str(line);
            open.push(' ');
        } else {
            lines.push(std::mem::take(&mut open) + line);
        }
    }
    lines.push(open);
    lines
}

/// The absolute paths in a command line: the program behind its prefixes, and words such as `/x` and `--config=/x`.
fn command(value: &str) -> impl Iterator<Item = AbsolutePath> {
    let prefixes = ['-', '@', ':', '+', '!', '|'];
    let words = words(value);
    let program = words
        .first()
        .map(|word| word.trim_start_matches(prefixes).to_owned());
    let arguments = words.into_iter().skip(1);
    program
        .into_iter()
        .chain(arguments)
        .filter_map(|word| path(&word).or_else(|| path(word.split_once('=')?.1)))
}

/// Words as systemd.service(5) splits command lines: at blanks, but for those in quotes.
fn words(value: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    for c in value.chars() {
        match quote {
            Some(end) if c == end => quote = None,
            None if c == '"' || c == '\'' => (quote, begun) = (Some(c), true),
            None if c.is_whitespace() => {
                if begun || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            _ => word.push(c),
        }
    }
    if begun || !word.is_empty() {
        words.push(word);
    }
    words
}

/// A path that a resource may give: no specifier, variable or pattern in it.
fn path(text: &str) -> Option<AbsolutePath> {
    let text = plain(text)?;
    AbsolutePath::new(&text).ok().filter(|path| path.as_str() != "/")
}

/// A user or group by name.
fn account(text: &str) -> Option<String> {
    plain(text).filter(|name| !name.bytes().all(|b| b.is_ascii_digit()))
}

fn plain(text: &str) -> Option<String> {
    (!text.is_empty() && !text.contains(['%', '$', '*', '?'])).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_must_be_there_before_the_unit_starts() {
        let text = "\
            # comment\n[Unit]\nDescription=x /not/a/path\nRequires=b.service\n\
            [Service]\nType=simple\nUser=shop\nGroup=1000\nSupplementaryGroups=www-data %i adm\n\
            WorkingDirectory=-/srv/shop\nEnvironmentFile=-/etc/default/shop\n\
            ExecStartPre=-+/usr/bin/install -d \"/run/my shop\"\n\
            ExecStart=@!/srv/shop/bin/shop shop --config=/etc/shop.toml \\\n# inside\n  --data $DATA /var/%p \\\n /x\n\
            [Install]\nWantedBy=multi-user.target\n";
        let reading = read("shop.service", text);
        let shown: Vec<String> = reading
            .references
            .links()
            .map(|link| format!("{link:?}"))
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        Path("/etc/default/shop")
        Path("/etc/shop.toml")
        Path("/run/my shop")
        Path("/srv/shop")
        Path("/srv/shop/bin/shop")
        Path("/usr/bin/install")
        Path("/x")
        User("shop")
        Group("adm")
        Group("www-data")
        "#);
        assert!(reading.sections && reading.installs && !reading.ends);
    }

    #[test]
    fn what_a_unit_activates_comes_first() {
        let units = |unit, text| {
            let links = read(unit, text).references.links().collect::<Vec<_>>();
            links
                .into_iter()
                .map(|link| format!("{link:?}"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(
            units("a.timer", "[Timer]\nOnCalendar=daily\n"),
            "Unit(\"a.service\")"
        );
        assert_eq!(units("a.timer", "[Timer]\nUnit=b.target\n"), "Unit(\"b.target\")");
        assert_eq!(
            units("a.socket", "[Socket]\nService=c.service"),
            "Unit(\"c.service\")"
        );
        assert_eq!(units("a.service", "[Service]\nExecStart=x"), "");
    }

    #[test]
    fn a_oneshot_ends_unless_it_remains() {
        for (text, ends) in [
            ("[Service]\nType=oneshot\n", true),
            ("[Service]\nType=oneshot\nRemainAfterExit=yes\n", false),
            ("[Service]\nType=oneshot\nType=simple\n", false),
            ("[Service]\nExecStart=/x\n", false),
        ] {
            assert_eq!(read("a.service", text).ends, ends, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_read_and_gives_few_links(text in "[\\[\\]A-Za-z=/ \\\\\"'\n%-]{0,400}", more in any::<String>()) {
            for text in [text, more] {
                prop_assert!(read("a.timer", &text).references.links().count() <= 2 * LINKS);
            }
        }
    }
}
