//! The references that people read and editors load are what the binary and the kinds say, to the letter.
//! `EVENKEEL_BLESS=1` writes them anew.

use evenkeel_kinds::catalog;
use evenkeel_model::{Fidelity, Files};
use evenkeel_tests::service::binary;
use serde_json::Value;
use std::{
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

type Done = Result<(), Box<dyn Error>>;

/// Exit statuses, as `evenkeel --help` names them too.
const STATUSES: [(&str, &str); 5] = [
    ("0", "Well done; also: there was nothing to do."),
    (
        "1",
        "Failed. The reason is on standard error, with a stable code: `error[no-service]: …`.",
    ),
    ("2", "`plan`, `diff`: there is something to do."),
    (
        "3",
        "Refused, or waiting for a yes: a prune beyond its limit, a deployment that was not agreed to, an environment that is held.",
    ),
    (
        "64",
        "Wrong usage: an unknown flag, a name that cannot be one, a hold without a reason.",
    ),
];

/// One example a kind; each is read by its kind below.
const EXAMPLES: [(&str, &str); 10] = [
    (
        "Command",
        "kind: Command\nname: migrate\nargv: [/srv/shop/current/bin/migrate, up]\nunless: [/srv/shop/current/bin/migrate, check]\nuser: shop\ntimeout: 2m\n",
    ),
    (
        "Directory",
        "kind: Directory\npath: /etc/shop\nowner: root\ngroup: shop\nmode: \"0750\"\nexclusive: true # what no resource manages is removed\n",
    ),
    (
        "File",
        "kind: File\npath: /etc/shop/config.json\ngroup: shop\nmode: \"0640\" # in quotes: a bare 0640 is a number to YAML\ntemplate: files/config.json.j2\nvalidate: [python3, -m, json.tool, \"%\"]\n",
    ),
    ("Group", "kind: Group\nname: shop\nsystem: true\n"),
    (
        "Package",
        "kind: Package\nname: nginx\nversion: 1.22.1-9+deb12u1\nhold: true\n",
    ),
    (
        "Process",
        "kind: Process\nname: shop\nargv: [python3, server.py]\ncwd: /srv/shop\nenv: { SHOP_PORT: \"8080\" }\nrestartOn: [\"File:/srv/shop/server.py\"]\n",
    ),
    (
        "Release",
        "kind: Release\npath: /srv/shop\nversion: 1.4.2\nsource: https://example.org/shop-1.4.2.tar.gz\nsha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\nkeep: 5\n",
    ),
    (
        "Symlink",
        "kind: Symlink\npath: /etc/shop/current\nto: config.json\n",
    ),
    (
        "Unit",
        "kind: Unit\nname: shop.service\nsource: files/shop.service\nenabled: true\nrunning: true\nrestartOn: [\"File:/etc/shop/config.json\"]\n",
    ),
    (
        "User",
        "kind: User\nname: shop\ngroup: shop\nsystem: true\nhome: /srv/shop\nshell: /usr/sbin/nologin\n",
    ),
];

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Holds a file to what it must say, or writes it.
fn held(path: &str, wanted: &str) -> Done {
    let file = project().join(path);
    if std::env::var_os("EVENKEEL_BLESS").is_some() {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        return Ok(fs::write(file, wanted)?);
    }
    let there = fs::read_to_string(&file).unwrap_or_default();
    let Some(at) = first_difference(&there, wanted) else {
        return Ok(());
    };
    let line = |text: &str| text.lines().nth(at).unwrap_or("(the end)").to_owned();
    Err(format!(
        "{path} is behind at line {}\n  there:  {}\n  wanted: {}\nwrite it anew with EVENKEEL_BLESS=1",
        at + 1,
        line(&there),
        line(wanted)
    )
    .into())
}

fn first_difference(left: &str, right: &str) -> Option<usize> {
    if left == right {
        return None;
    }
    let same = left.lines().zip(right.lines()).take_while(|(l, r)| l == r);
    Some(same.count())
}

/// What a command prints, at a width and in an environment that do not depend on this machine.
fn says(args: &[&str]) -> Result<String, Box<dyn Error>> {
    let output = Command::new(binary()?)
        .args(args)
        .env_clear()
        .env("COLUMNS", "100")
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        return Err(format!("{args:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    Ok(lines.join("\n").trim_end().to_owned() + "\n")
}

/// The commands that a help lists, `help` itself left out.
fn commands(help: &str) -> Vec<&str> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    listed
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect()
}

#[test]
fn the_command_lines_reference_is_its_help() -> Done {
    const COMMON: &str = "\nCommon options:\n";
    let help = says(&["--help"])?;
    let names = commands(&help);
    assert!(names.len() > 10, "{help}");
    let mut out = String::from(
        "# The command line\n\nMade from the binary's own help; a test holds it to that.\n\n## Exit status\n\n| status | means |\n| --- | --- |\n",
    );
    let told = help
        .split("Exit status:")
        .nth(1)
        .ok_or("the help names no status")?;
    for (status, meaning) in STATUSES {
        assert!(
            told.contains(&format!("{status} ")),
            "{status} is not in the help"
        );
        let _ = writeln!(out, "| {status} | {meaning} |");
    }
    out.push_str(
        "\nWith `--json` an answer goes to standard output as one JSON document; a failure goes to standard error as\n`{\"error\": {\"code\", \"message\", \"help\"}}`. Colour is used on a terminal only, and not where `NO_COLOR` is set.\n",
    );
    let _ = write!(out, "\n## evenkeel\n\n```text\n{help}```\n");
    for name in names {
        let help = says(&[name, "--help"])?;
        let (own, common) = help
            .split_once(COMMON)
            .ok_or_else(|| format!("{name} lacks the common options"))?;
        assert!(common.contains("--json"), "{help}");
        let _ = write!(out, "\n## evenkeel {name}\n\n```text\n{own}```\n");
    }
    held("docs/cli.md", &out)
}

#[test]
fn the_schema_for_editors_is_the_binarys() -> Done {
    held("manifests/schema.json", &says(&["schema"])?)
}

/// A text that every kind takes for its own.
const TEXT: &str = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n";

/// A repository in which every file is there.
struct Everything;

impl Files for Everything {
    fn read(&self, _: &str) -> Result<Arc<[u8]>, String> {
        Ok(Arc::from(TEXT.as_bytes()))
    }
    fn fill(&self, _: &str) -> Result<String, String> {
        Ok(TEXT.to_owned())
    }
}

/// What stands in a field, in words.
fn shape(rules: &Value) -> String {
    let words = |rules: &Value| -> Vec<String> {
        let list = |key: &str| rules[key].as_array().cloned().unwrap_or_default();
        let consts = list("oneOf").into_iter().chain(list("anyOf"));
        list("enum")
            .into_iter()
            .chain(consts.map(|one| one["const"].clone()))
            .filter_map(|one| one.as_str().map(|word| format!("`{word}`")))
            .collect()
    };
    let choices = words(rules);
    if !choices.is_empty() {
        return choices.join(" or ");
    }
    if let Some(name) = rules["$ref"].as_str().and_then(|to| to.strip_prefix("#/$defs/")) {
        return match name {
            "reference" => "references such as `File:/etc/motd`".to_owned(),
            name => name.to_owned(),
        };
    }
    if let Some(text) = rules["examples"][0].as_str() {
        return format!("text such as `{text}`");
    }
    match rules["type"].as_str() {
        Some("array") => format!("list of {}", shape(&rules["items"]).replace("number", "numbers")),
        Some("object") if rules["additionalProperties"].is_object() => {
            format!("mapping to {}", shape(&rules["additionalProperties"]))
        }
        Some("object") => "mapping".to_owned(),
        Some("boolean") => "true or false".to_owned(),
        Some("integer" | "number") => "number".to_owned(),
        Some("string") if rules["pattern"] == "^/" => "absolute path".to_owned(),
        Some("string") => "text".to_owned(),
        _ => match rules["anyOf"].as_array().or_else(|| rules["oneOf"].as_array()) {
            Some(any) => any.iter().map(shape).collect::<Vec<_>>().join(" or "),
            None => "anything".to_owned(),
        },
    }
}

/// A row of a table of fields.
fn row(name: &str, rules: &Value, required: bool) -> Result<String, Box<dyn Error>> {
    let told = rules["description"]
        .as_str()
        .ok_or_else(|| format!("{name} has no description"))?;
    let told = told
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|");
    let required = if required { "yes" } else { "" };
    Ok(format!("| `{name}` | {} | {required} | {told} |\n", shape(rules)))
}

/// Fields that all kinds share, as the schema for editors has them.
fn shared(own: &Value) -> Result<Vec<(String, Value)>, Box<dyn Error>> {
    let schema: Value = serde_json::from_str(&says(&["schema"])?)?;
    let all = schema["$defs"]["kindSymlink"]["properties"].as_object();
    let mut fields = all.cloned().unwrap_or_default();
    fields.remove("kind");
    fields.retain(|name, _| own["properties"].get(name).is_none());
    Ok(fields.into_iter().collect())
}

#[test]
fn the_kinds_reference_is_what_the_kinds_say() -> Done {
    let heading = "| field | is | needed | meaning |\n| --- | --- | --- | --- |\n";
    let mut out = String::from(
        "# Kinds of resources\n\nMade from the kinds themselves; a test holds it to them, and reads every example.\n\nA resource stands in an app's `resources`, as `kind` and the kind's fields. Each field can be text with a template\n(`{{ values.port }}`). A resource is known as `Kind:name`, by its `name` or, where it has none, its `path`:\n`Unit:nginx.service`, `File:/etc/motd`.\n",
    );
    out.push_str("\n## Fields of every kind\n\n");
    out.push_str(heading);
    let symlink = catalog().kind("Symlink").ok_or("Symlink")?.schema();
    let common = shared(&symlink)?;
    assert!(common.len() > 4, "{common:?}");
    for (name, rules) in &common {
        out.push_str(&row(name, rules, false)?);
    }
    let names = catalog().names();
    let examples: Vec<_> = EXAMPLES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, examples, "one example a kind");
    for (name, example) in EXAMPLES {
        let kind = catalog().kind(name).ok_or(name)?;
        let mut spec: Value = serde_yaml::from_str(example)?;
        let fields = spec.as_object_mut().ok_or(name)?;
        assert_eq!(fields.remove("kind"), Some(name.into()));
        fields.retain(|field, _| kind.schema()["properties"].get(field).is_some());
        let loaded = kind
            .load(&spec, &Everything)
            .map_err(|faults| format!("{name}: {faults:?}"))?;
        assert!(!loaded.name.is_empty(), "{name}");

        let plan = match kind.fidelity() {
            Fidelity::Full => "exact: what is shown is what is done, and what comes out".to_owned(),
            Fidelity::Partial(but) => format!("exact, but for this: {but}"),
        };
        let _ = write!(
            out,
            "\n## {name}\n\nIts plan is {plan}.\n\n```yaml\n{example}```\n\n{heading}"
        );
        let schema = kind.schema();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let properties = schema["properties"].as_object().ok_or(name)?;
        let is_needed = |field: &str| required.iter().any(|one| one == field);
        let (needed, others): (Vec<_>, Vec<_>) = properties.iter().partition(|(field, _)| is_needed(field));
        for (field, rules) in needed.into_iter().chain(others) {
            out.push_str(&row(field, rules, is_needed(field))?);
        }
    }
    held("docs/kinds.md", &out)
}
