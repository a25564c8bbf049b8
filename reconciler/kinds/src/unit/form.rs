//! Reading a unit's specification as people write it.

use super::{name, text};
use crate::{decode::Faults, field::State};
use evenkeel_model::{FieldError, Files};
use schemars::JsonSchema;
use serde::Deserialize;

/// Longer texts are refused, in bytes.
const TEXT_LIMIT: usize = 256 * 1024;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Form {
    /// The unit's name; `.service` is added to one without a type.
    pub(super) name: Option<String>,
    /// Its text, in place.
    pub(super) content: Option<String>,
    /// Its text, as a file of the repository.
    pub(super) source: Option<String>,
    /// Its text, as a template of the repository.
    pub(super) template: Option<String>,
    /// Whether it starts at boot; left alone if not given.
    pub(super) enabled: Option<bool>,
    /// Whether it runs; left alone if not given.
    pub(super) running: Option<bool>,
    /// Whether nobody can start it; left alone if not given.
    pub(super) masked: Option<bool>,
    /// Whether it is to be there; `present` if not given.
    pub(super) state: Option<State>,
}

/// The text, from the one place that has it.
pub(super) fn own_text(form: &Form, files: &dyn Files, faults: &mut Faults) -> Option<String> {
    let places = [
        ("content", form.content.as_ref()),
        ("source", form.source.as_ref()),
        ("template", form.template.as_ref()),
    ];
    let mut given = places
        .into_iter()
        .filter_map(|(field, value)| Some((field, value?)));
    let (field, value) = given.next()?;
    for (other, _) in given {
        faults.at(
            "bad-value",
            other,
            format!("`{other}` and `{field}` cannot both be given"),
        );
    }
    let text = match field {
        "content" => Ok(value.clone()),
        "source" => files.read(value).and_then(|bytes| {
            String::from_utf8(bytes.to_vec())
                .map_err(|_| "a unit's text is UTF-8, and this is not".to_owned())
        }),
        _ => files.fill(value),
    };
    let text = text.map_err(|why| faults.at("no-such-file", field, why)).ok()?;
    if text.len() > TEXT_LIMIT || text.contains('\0') {
        faults.at(
            "bad-value",
            field,
            format!("a unit's text has at most {TEXT_LIMIT} bytes and no NUL"),
        );
        return None;
    }
    Some(text)
}

/// What cannot be had together.
pub(super) fn contradictions(form: &Form, name: &str, text: Option<&text::Reading>, faults: &mut Faults) {
    let mut refuse = |field: &str, message: &str, help: &str| {
        faults.add(FieldError::new("bad-value", &[field], message).help(help));
    };
    if let Some(reading) = text {
        if !reading.sections {
            let field = [("content", &form.content), ("source", &form.source)];
            let field = field
                .into_iter()
                .find(|(_, v)| v.is_some())
                .map_or("template", |(field, _)| field);
            refuse(
                field,
                "this is no unit's text: it has no section",
                "begin with [Unit]; see systemd.unit(5)",
            );
        }
        if form.enabled == Some(true) && !reading.installs {
            refuse(
                "enabled",
                "the text has no [Install] section, so there is nothing to enable",
                "add [Install] with WantedBy=multi-user.target, or leave `enabled` out",
            );
        }
        if form.running == Some(true) && reading.ends {
            refuse(
                "running",
                "a oneshot does not stay running once it is done",
                "add RemainAfterExit=yes, or start it by a timer and leave `running` out",
            );
        }
    }
    if form.running == Some(true) && name::is_template(name) {
        refuse(
            "running",
            "a template cannot run, only its instances",
            "name the instance: name@instance",
        );
    }
    let other = [
        ("text", text.is_some()),
        ("`enabled: true`", form.enabled == Some(true)),
        ("`running: true`", form.running == Some(true)),
    ];
    if let (Some(true), Some((other, _))) = (form.masked, other.into_iter().find(|(_, given)| *given)) {
        refuse(
            "masked",
            &format!("a masked unit cannot have {other}"),
            "leave one of them out",
        );
    }
}
