//! One JSON Schema (2020-12) for all documents, so that editors complete and check while people type.

use evenkeel_model::Catalog;
use serde_json::{Map, Value, json};

use crate::document::API_VERSION;

/// The schema of a document of any kind, with every resource kind of the catalog. A template is accepted wherever
/// a number, a flag or a word of a choice is asked for.
#[must_use]
pub fn schema(catalog: &dyn Catalog) -> Value {
    let mut definitions = shared();
    let names = catalog.names();
    let mut resources = Vec::new();
    for name in &names {
        if let Some(kind) = catalog.kind(name) {
            definitions.insert(format!("kind{name}"), resource(name, kind.schema()));
            resources.push(json!({
                "if": { "properties": { "kind": { "const": name } }, "required": ["kind"] },
                "then": { "$ref": format!("#/$defs/kind{name}") }
            }));
        }
    }
    definitions.insert(
        "resource".into(),
        json!({
            "type": "object",
            "required": ["kind"],
            "properties": { "kind": { "enum": names } },
            "allOf": resources
        }),
    );
    let document = |kind: &str| {
        json!({
            "if": { "properties": { "kind": { "const": kind } }, "required": ["kind"] },
            "then": { "properties": { "spec": { "$ref": format!("#/$defs/{}", kind.to_lowercase()) } } }
        })
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://evenkeel.dev/schemas/v1.json",
        "title": "Evenkeel manifest",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata"],
        "additionalProperties": false,
        "properties": {
            "apiVersion": { "const": API_VERSION },
            "kind": { "enum": ["Project", "Environment", "App"] },
            "metadata": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": false,
                "properties": { "name": { "$ref": "#/$defs/name" } }
            },
            "spec": { "type": "object" }
        },
        "allOf": [document("Project"), document("Environment"), document("App")],
        "$defs": definitions
    })
}

/// A kind's own schema with the fields that all kinds share; every typed field may be a template.
fn resource(name: &str, mut own: Value) -> Value {
    if let Some(object) = own.as_object_mut() {
        let known = object.entry("properties").or_insert_with(|| json!({}));
        if let Some(properties) = known.as_object_mut() {
            for (field, rules) in properties.iter_mut() {
                let description = rules.get("description").cloned();
                let own_rules = rules.take();
                let flag_too = if field == "keep" {
                    json!([{ "type": "boolean" }])
                } else {
                    json!([])
                };
                let mut choices = vec![own_rules, json!({ "$ref": "#/$defs/template" })];
                choices.extend(flag_too.as_array().cloned().unwrap_or_default());
                *rules = json!({ "anyOf": choices });
                if let (Some(description), Some(rules)) = (description, rules.as_object_mut()) {
                    rules.insert("description".into(), description);
                }
            }
            properties.insert("kind".into(), json!({ "const": name }));
            for (field, rules) in common() {
                properties.entry(field).or_insert(rules);
            }
        }
        object.insert("additionalProperties".into(), Value::Bool(false));
    }
    own
}

fn common() -> Vec<(&'static str, Value)> {
    let references = |description: &str| json!({ "type": "array", "items": { "$ref": "#/$defs/reference" }, "description": description });
    vec![
        ("after", references("These first, besides what is implied.")),
        ("restartOn", references("Restart this when one of these changes.")),
        ("reloadOn", references("Reload this when one of these changes.")),
        (
            "keep",
            json!({ "type": "boolean", "description": "Never removed by pruning." }),
        ),
        (
            "ignore",
            json!({ "type": "array", "items": { "type": "string" },
                "description": "Fields that are neither compared nor applied." }),
        ),
        (
            "when",
            json!({ "anyOf": [{ "type": "boolean" }, { "$ref": "#/$defs/template" }],
                "description": "Only where this is true." }),
        ),
    ]
}

fn closed(properties: &Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "required": required
    })
}

fn shared() -> Map<String, Value> {
    let reference = |name: &str| json!({ "$ref": format!("#/$defs/{name}") });
    let list = |name: &str| json!({ "type": "array", "items": reference(name) });
    let or_template = |rules: Value| json!({ "anyOf": [rules, reference("template")] });
    let flag = or_template(json!({ "type": "boolean" }));
    let count = or_template(json!({ "type": "integer", "minimum": 0 }));
    let text = json!({ "type": "string" });
    let mut shared = Map::new();
    let mut define = |name: &str, rules: Value| drop(shared.insert(name.to_owned(), rules));
    define("template", json!({ "type": "string", "pattern": "\\{\\{|\\{%" }));
    define(
        "name",
        json!({ "type": "string", "pattern": "^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$" }),
    );
    define(
        "duration",
        json!({ "type": "string", "examples": ["30s", "5m", "1h 30m"] }),
    );
    define(
        "reference",
        json!({ "type": "string", "examples": ["File:/etc/motd", "Unit:nginx.service"] }),
    );
    define("values", json!({ "type": "object" }));
    define(
        "labels",
        json!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } }),
    );
    let retry = closed(
        &json!({ "after": reference("duration"), "atMost": reference("duration") }),
        &[],
    );
    let sync = json!({
        "mode": or_template(json!({ "enum": ["automatic", "approval", "manual"] })),
        "selfHeal": flag,
        "prune": flag,
        "pruneLimit": { "type": ["string", "integer"], "examples": ["30%"] },
        "interval": reference("duration"),
        "retry": retry
    });
    define("sync", closed(&sync, &[]));
    let rollout = json!({
        "batches": { "type": "array", "minItems": 1, "items": { "type": ["integer", "string"] },
            "examples": [[1, "25%", "100%"]] },
        "pause": reference("duration"),
        "maxFailures": count
    });
    define("rollout", closed(&rollout, &[]));
    define(
        "onFailure",
        or_template(json!({ "enum": ["rollback", "stop", "continue"] })),
    );
    define(
        "track",
        closed(&json!({ "branch": text, "tag": text, "commit": text }), &[]),
    );
    let signer = closed(
        &json!({ "principal": text, "ssh": text, "openpgp": text }),
        &["principal"],
    );
    define(
        "accept",
        closed(
            &json!({ "rewind": flag, "signers": { "type": "array", "items": signer } }),
            &[],
        ),
    );
    let settings = json!({
        "sync": reference("sync"),
        "rollout": reference("rollout"),
        "onFailure": reference("onFailure"),
        "track": reference("track"),
        "accept": reference("accept")
    });
    let ssh = json!({
        "host": text,
        "port": or_template(json!({ "type": "integer", "minimum": 1, "maximum": 65535 })),
        "user": text, "become": flag, "knownHosts": text, "identity": text,
        "connectTimeout": reference("duration")
    });
    let target = json!({
        "name": reference("name"),
        "labels": reference("labels"),
        "values": reference("values"),
        "local": { "anyOf": [closed(&json!({ "root": text }), &[]), { "type": "null" }] },
        "ssh": closed(&ssh, &["host"])
    });
    define("target", closed(&target, &["name"]));
    let overlay = json!({
        "add": list("resource"),
        "change": { "type": "array", "items": { "type": "object", "required": ["resource"],
            "properties": { "resource": reference("reference") } } },
        "drop": list("reference")
    });
    let choice = json!({
        "app": reference("name"),
        "version": { "type": ["string", "number"] },
        "on": reference("labels"),
        "values": reference("values"),
        "overlay": closed(&overlay, &[])
    });
    define("choice", closed(&choice, &["app"]));
    let http = json!({
        "url": text,
        "status": { "anyOf": [{ "type": "integer" }, { "type": "array", "items": { "type": "integer" } }] },
        "body": text,
        "latency": reference("duration")
    });
    let check = json!({
        "name": text,
        "http": { "anyOf": [text, closed(&http, &["url"])] },
        "tcp": text,
        "command": { "type": "array", "minItems": 1, "items": text },
        "unit": text,
        "startPeriod": reference("duration"),
        "interval": reference("duration"),
        "timeout": reference("duration"),
        "threshold": count
    });
    define("check", closed(&check, &[]));
    let app =
        json!({ "values": reference("values"), "resources": list("resource"), "checks": list("check") });
    define("app", closed(&app, &[]));
    define(
        "project",
        closed(
            &json!({ "values": reference("values"), "defaults": closed(&settings, &[]) }),
            &[],
        ),
    );
    let mut environment = settings;
    if let Some(object) = environment.as_object_mut() {
        object.insert("values".into(), reference("values"));
        object.insert("targets".into(), list("target"));
        object.insert("apps".into(), list("choice"));
    }
    define("environment", closed(&environment, &[]));
    shared
}
