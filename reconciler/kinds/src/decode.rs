//! From a manifest's mapping to a typed form, with every fault told, and from a form's type to its JSON Schema.
//!
//! A *form* is a struct as people write it. All its fields are `Option` under `#[serde(default)]`, so that one bad
//! field does not hide the faults of the others; [`Faults::require`] says which must be there, and [`schema`] tells
//! editors the same.

use evenkeel_model::{FieldError, Resource};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// The faults found so far in one specification.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<FieldError>);

impl Faults {
    /// Adds one.
    pub(crate) fn add(&mut self, fault: FieldError) {
        self.0.push(fault);
    }
    /// Adds one at a field.
    pub(crate) fn at(&mut self, code: &'static str, field: &str, message: impl Into<String>) {
        self.add(FieldError::new(code, &[field], message));
    }
    /// A field that must be there. Missing is told once: not when the field is there and faulty.
    pub(crate) fn require<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.touches(field) {
            self.at("missing-field", field, format!("`{field}` is missing"));
        }
        value
    }
    /// Whether anything is wrong with this field.
    pub(crate) fn touches(&self, field: &str) -> bool {
        self.0
            .iter()
            .any(|fault| fault.path.first().is_some_and(|first| first == field))
    }
    /// The value, if nothing was wrong.
    pub(crate) fn or<T>(self, value: Option<T>) -> Result<T, Vec<FieldError>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            None if self.0.is_empty() => Err(vec![FieldError::new("bad-value", &[], "this cannot be read")]),
            _ => Err(self.0),
        }
    }
}

/// Reads a form: unknown fields (with the nearest known name), wrong types and bad values are all told; a faulty
/// field is absent in the form that is returned.
pub(crate) fn decode<T: DeserializeOwned + JsonSchema + Default>(spec: &Value) -> (T, Faults) {
    let mut faults = Faults::default();
    let Some(mapping) = spec.as_object() else {
        faults.add(FieldError::new(
            "wrong-type",
            &[],
            format!("this must be a mapping, not {}", noun(spec)),
        ));
        return (T::default(), faults);
    };
    let known = known_fields::<T>();
    let mut rest = Map::new();
    for (field, value) in mapping {
        if !known.contains(field) {
            let fault = FieldError::new("unknown-field", &[field], format!("there is no field `{field}`"));
            faults.add(match nearest(field, &known) {
                Some(near) => fault.help(format!("did you mean `{near}`?")),
                None => fault.help(format!("the fields are {}", known.join(", "))),
            });
        } else if value.is_null() {
            let fault = FieldError::new("wrong-type", &[field], format!("`{field}` has no value"));
            faults.add(fault.help("leave the field out, or give it a value"));
        } else {
            rest.insert(field.clone(), value.clone());
        }
    }
    // One fault a round, and the field that has it leaves; so there are at most as many rounds as fields.
    loop {
        match serde_path_to_error::deserialize::<_, T>(Value::Object(rest.clone())) {
            Ok(form) => return (form, faults),
            Err(error) => {
                let path: Vec<String> = error
                    .path()
                    .iter()
                    .map(|part| part.to_string().trim_matches(|c| c == '[' || c == ']').to_owned())
                    .filter(|part| part != "?")
                    .collect();
                let gone = path.first().and_then(|field| rest.remove(field));
                faults.add(fault(path, &error.into_inner().to_string()));
                if gone.is_none() {
                    return (T::default(), faults);
                }
            }
        }
    }
}

/// A form's JSON Schema (2020-12), self-contained, as [`evenkeel_model::Kind::schema`] gives it; `required` fields
/// must be there whatever the others say.
pub(crate) fn schema<T: JsonSchema>(required: &[&str]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(refuse_null);
    }
    if let Some(object) = schema.as_object_mut() {
        object.insert("additionalProperties".to_owned(), Value::Bool(false));
        object.insert("required".to_owned(), Value::from(required));
        object.remove("title");
    }
    schema
}

/// A specification in the form that a [`Resource`] carries.
pub(crate) fn canonical<T: Serialize>(spec: &T, faults: &mut Faults) -> Value {
    match serde_json::to_value(spec) {
        Ok(value) => value,
        Err(error) => {
            faults.add(FieldError::new("bad-value", &[], error.to_string()));
            Value::Null
        }
    }
}

/// Reads a canonical specification back.
///
/// # Errors
/// When another version of this kind wrote it in a form that this one does not know.
pub(crate) fn spec<T: DeserializeOwned>(resource: &Resource) -> Result<T, String> {
    T::deserialize(&resource.spec).map_err(|error| {
        format!(
            "the specification of {} was written by another version: {error}",
            resource.id
        )
    })
}

/// The known name that a person most likely meant.
pub(crate) fn nearest<'a>(word: &str, known: &'a [String]) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&word, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + name.len().min(word.len()) / 4)
        .min()
        .map(|(_, name)| name.as_str())
}

fn known_fields<T: JsonSchema>() -> Vec<String> {
    schema::<T>(&[])
        .get("properties")
        .and_then(Value::as_object)
        .map(|properties| properties.keys().cloned().collect())
        .unwrap_or_default()
}

/// Editors should say what [`decode`] says: a field without a value is a fault.
fn refuse_null(rules: &mut Value) {
    if let Some(Value::Array(types)) = rules.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            rules["type"] = only.clone();
        }
    }
    if let Some(Value::Array(values)) = rules.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(object) = rules.as_object_mut() {
        object.remove("default");
        if let Some(Value::Array(mut choices)) = object.remove("anyOf") {
            choices.retain(|choice| choice.get("type") != Some(&Value::from("null")));
            if let ([Value::Object(only)], false) = (choices.as_slice(), choices.is_empty()) {
                for (key, value) in only {
                    object.entry(key.clone()).or_insert_with(|| value.clone());
                }
            } else {
                object.insert("anyOf".to_owned(), Value::Array(choices));
            }
        }
    }
}

/// Serde's words for a fault, in ours.
fn fault(path: Vec<String>, message: &str) -> FieldError {
    let code = match message {
        m if m.starts_with("unknown field") => "unknown-field",
        m if m.starts_with("missing field") => "missing-field",
        m if m.starts_with("invalid type") => "wrong-type",
        _ => "bad-value",
    };
    let mut help = None;
    let message = match message
        .strip_prefix("invalid type: ")
        .and_then(|m| m.split_once(", expected "))
    {
        Some((found, "a sequence")) => {
            help = Some("write it as [first, second, …]".to_owned());
            format!("this must be a list, not {found}")
        }
        Some((found, expected)) => {
            if expected.contains("string") && !found.starts_with("sequence") && !found.starts_with("map") {
                help = Some("put it in quotes".to_owned());
            }
            format!("this must be {expected}, not {found}")
        }
        None => message.to_owned(),
    };
    FieldError {
        path,
        message,
        help,
        code,
    }
}

fn noun(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "yes or no",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::{Command, Mode};
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Default, Deserialize, JsonSchema)]
    #[serde(default, rename_all = "camelCase")]
    struct Form {
        /// Where.
        place: Option<String>,
        /// Bits.
        mode: Option<Mode>,
        /// A command.
        only_if: Option<Command>,
        /// How many.
        count: Option<u8>,
    }

    fn told(spec: &Value) -> Vec<String> {
        let (form, mut faults) = decode::<Form>(spec);
        faults.require("place", form.place);
        faults
            .0
            .iter()
            .map(|f| {
                let help = f.help.as_ref().map(|h| format!(" ({h})")).unwrap_or_default();
                format!("{}: {}: {}{help}", f.path.join("."), f.code, f.message)
            })
            .collect()
    }

    #[test]
    fn all_faults_are_told_at_once() {
        insta::assert_snapshot!(
            told(&json!({
                "mod": "0644", "mode": 644, "onlyIf": ["test", 3], "count": 300, "colour": "red", "place": null,
            }))
            .join("\n"),
            @r#"
            colour: unknown-field: there is no field `colour` (the fields are count, mode, onlyIf, place)
            mod: unknown-field: there is no field `mod` (did you mean `mode`?)
            place: wrong-type: `place` has no value (leave the field out, or give it a value)
            count: bad-value: invalid value: integer `300`, expected u8
            mode: wrong-type: this must be a string, not integer `644` (put it in quotes)
            onlyIf.1: wrong-type: this must be a string, not integer `3` (put it in quotes)
            "#
        );
        assert_eq!(told(&json!({"place": "x", "mode": "0644"})), Vec::<String>::new());
        assert_eq!(told(&json!([])).len(), 2);
    }

    #[test]
    fn the_schema_says_what_decoding_says() {
        insta::assert_snapshot!(serde_json::to_string(&schema::<Form>(&["place"])).unwrap(), @r#"{"additionalProperties":false,"properties":{"count":{"description":"How many.","format":"uint8","maximum":255,"minimum":0,"type":"integer"},"mode":{"description":"Bits.","pattern":"^[0-7]{3,4}$","type":"string"},"onlyIf":{"description":"A command.","items":{"type":"string"},"maxItems":256,"minItems":1,"type":"array"},"place":{"description":"Where.","type":"string"}},"required":["place"],"type":"object"}"#);
    }

    #[test]
    fn a_near_miss_is_recognised_and_a_far_one_is_not() {
        let known = ["path", "owner", "content", "onlyIf"].map(String::from);
        assert_eq!(nearest("ownr", &known), Some("owner"));
        assert_eq!(nearest("onlyif", &known), Some("onlyIf"));
        assert_eq!(nearest("contents", &known), Some("content"));
        assert_eq!(nearest("colour", &known), None);
    }
}
