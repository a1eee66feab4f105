//! The kinds of an `OpenAPI` document whose objects may hold a pod template.

use std::collections::BTreeSet;

use serde_json::Value;

/// The place of the schemas in a document.
const SCHEMAS: &str = "/components/schemas";
/// The end of a list's path, before the plural.
const IN_A_NAMESPACE: &str = "/namespaces/{namespace}/";

/// Returns the plural and the name of each kind of a namespace whose schema may hold a pod template, or that is wanted
/// whatever its schema.
pub(super) fn kinds(document: &Value, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let listed = paths.filter_map(|(path, methods)| {
        let plural = path.rsplit_once(IN_A_NAMESPACE).map(|(_, plural)| plural)?;
        let list = &methods["get"];
        let kind = list.pointer("/x-kubernetes-group-version-kind/kind").and_then(Value::as_str)?;
        (list["x-kubernetes-action"] == "list" && !plural.contains('/'))
            .then(|| (plural.to_owned(), kind.to_owned()))
    });
    listed.filter(|(_, kind)| wanted(kind) || may_hold_a_template(document, kind)).collect()
}

fn may_hold_a_template(document: &Value, kind: &str) -> bool {
    let schemas = document.pointer(SCHEMAS).and_then(Value::as_object).into_iter().flatten();
    let is_of = |schema: &&Value| {
        let kinds = schema["x-kubernetes-group-version-kind"].as_array().into_iter().flatten();
        kinds.into_iter().any(|it| it["kind"] == kind)
    };
    let Some(schema) = schemas.map(|(_, schema)| schema).find(is_of) else { return true };
    if is_opaque(schema) || schema.get("properties").is_none() {
        return true;
    }
    let fields = schema["properties"].as_object().into_iter().flatten();
    let described = |name: &str| !["apiVersion", "kind", "metadata", "status"].contains(&name);
    let fields = fields.into_iter().filter(|(name, _)| described(name));
    leads_to_containers(document, fields.map(|(name, field)| (name.as_str(), field)).collect())
}

/// Returns true if some schema, each with the name of its field, leads to a list of containers or may hold a template. A
/// reference is followed once for each meaning of a field's name. The search keeps a list: a server may chain any number of
/// schemas.
fn leads_to_containers<'a>(document: &'a Value, mut waiting: Vec<(&'a str, &'a Value)>) -> bool {
    let schemas = document.pointer(SCHEMAS);
    let mut followed = BTreeSet::new();
    while let Some((name, schema)) = waiting.pop() {
        if (name == "containers" && schema["type"] == "array")
            || (is_opaque(schema) && may_be_a_template(name))
        {
            return true;
        }
        if let Some(reference) = schema["$ref"].as_str() {
            if ["PodSpec", "PodTemplateSpec"].iter().any(|end| reference.ends_with(end)) {
                return true;
            }
            if followed.insert((reference, name == "containers", may_be_a_template(name))) {
                let target = reference.rsplit('/').next().unwrap_or_default();
                waiting.extend(schemas.and_then(|schemas| schemas.get(target)).map(|schema| (name, schema)));
            }
        }
        let fields = schema["properties"].as_object().into_iter().flatten();
        waiting.extend(fields.map(|(name, field)| (name.as_str(), field)));
        let parts = ["allOf", "anyOf", "oneOf"].map(|key| schema[key].as_array().into_iter().flatten());
        let inner =
            [&schema["items"], &schema["additionalProperties"]].into_iter().filter(|it| it.is_object());
        waiting.extend(parts.into_iter().flatten().chain(inner).map(|part| (name, part)));
    }
    false
}

/// True for a schema that lets fields pass which it does not describe.
fn is_opaque(schema: &Value) -> bool {
    schema["x-kubernetes-preserve-unknown-fields"] == true
}

/// True for the names under which kinds keep pod templates. Opaque fields of other names hold values of other programs.
fn may_be_a_template(name: &str) -> bool {
    let name = name.to_lowercase();
    name == "spec" || name.contains("template") || name.contains("podspec")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns true if a kind of this schema is read.
    fn is_read(schema: &Value) -> bool {
        let kind = json!({ "group": "example.com", "version": "v1", "kind": "Thing" });
        let mut schema = schema.clone();
        schema["x-kubernetes-group-version-kind"] = json!([kind]);
        let list = json!({ "x-kubernetes-action": "list", "x-kubernetes-group-version-kind": kind });
        let document = json!({
            "paths": {
                "/apis/example.com/v1/things": { "get": list },
                "/apis/example.com/v1/namespaces/{namespace}/things": { "get": list },
                "/apis/example.com/v1/namespaces/{namespace}/things/{name}": { "get": { "x-kubernetes-action": "get" } },
            },
            "components": { "schemas": { "com.example.v1.Thing": schema, "Opaque": { "x-kubernetes-preserve-unknown-fields": true }, "Pool": { "properties": {
                "again": { "$ref": "#/components/schemas/Pool" },
                "template": { "$ref": "#/components/schemas/io.k8s.api.core.v1.PodTemplateSpec" },
            } } } },
        });
        let found = kinds(&document, |_| false);
        assert!(found.is_empty() || found == [("things".to_owned(), "Thing".to_owned())], "{found:?}");
        !found.is_empty()
    }

    fn with_spec(spec: &Value) -> Value {
        json!({ "type": "object", "properties": { "metadata": {}, "spec": spec } })
    }

    #[test]
    fn a_kind_with_containers_is_read_wherever_they_lie() {
        let containers = json!({ "type": "array", "items": { "type": "object" } });
        let spec = json!({ "properties": { "containers": containers } });
        for schema in [
            with_spec(&spec),
            with_spec(&json!({ "properties": { "podTemplate": { "properties": { "spec": spec } } } })),
            with_spec(&json!({ "properties": { "groups": { "type": "array", "items": spec } } })),
            with_spec(&json!({ "properties": { "roles": { "additionalProperties": spec } } })),
            with_spec(
                &json!({ "properties": { "pool": { "allOf": [{ "$ref": "#/components/schemas/Pool" }] } } }),
            ),
        ] {
            assert!(is_read(&schema), "{schema}");
        }
    }

    #[test]
    fn a_kind_that_does_not_tell_its_fields_is_read() {
        let opaque = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        assert!(is_read(&json!({})) && is_read(&opaque) && is_read(&with_spec(&opaque)));
        assert!(is_read(&with_spec(&json!({ "properties": { "podTemplate": opaque } }))));
        assert!(!is_read(&with_spec(&json!({ "properties": { "values": opaque } }))));
    }

    #[test]
    fn a_shared_schema_is_read_under_each_name() {
        let shared = json!({ "$ref": "#/components/schemas/Opaque" });
        for names in [["aValues", "podTemplate"], ["podTemplate", "values"], ["aTemplate", "values"]] {
            let fields: serde_json::Map<_, _> =
                names.map(|name| (name.to_owned(), shared.clone())).into_iter().collect();
            assert!(is_read(&with_spec(&json!({ "properties": fields }))), "{names:?}");
        }
        assert!(!is_read(&with_spec(&json!({ "properties": { "values": shared } }))));
    }

    #[test]
    fn a_long_chain_of_schemas_ends() {
        let schemas: serde_json::Map<_, _> = (0..100_000)
            .map(|index| {
                let next = json!({ "$ref": format!("#/components/schemas/{}", index + 1) });
                (index.to_string(), json!({ "properties": { "next": next } }))
            })
            .collect();
        let document = json!({ "components": { "schemas": schemas } });
        assert!(!leads_to_containers(
            &document,
            vec![("next", &json!({ "$ref": "#/components/schemas/0" }))]
        ));
    }

    #[test]
    fn a_kind_without_containers_is_not_read() {
        let containers = json!({ "type": "array", "items": { "type": "object" } });
        let status = json!({ "properties": { "status": { "properties": { "containers": containers } } } });
        assert!(!is_read(&status));
        assert!(!is_read(&with_spec(&json!({ "properties": { "host": { "type": "string" } } }))));
    }
}
