//! The path of a request, taken apart.

use std::collections::BTreeMap;

/// The object, or the kind, that a path names.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Route {
    /// The plural name of the kind, such as "pods".
    pub(crate) resource: String,
    /// Group and version, as an object states them.
    pub(crate) api_version: String,
    /// The namespace; empty for every namespace and for kinds without one.
    pub(crate) namespace: String,
    /// The object's name; empty for all objects of the kind.
    pub(crate) name: String,
    /// The part of an object, such as "exec"; empty for the object itself.
    pub(crate) part: String,
    /// The name of the kind, such as "Pod", as far as the API server has the kind.
    pub(crate) kind: String,
    /// Set for an answer with the metadata of objects alone.
    pub(crate) partial: bool,
}

/// The words by which a client asks for the metadata of objects alone (kubernetes.io, "The Kubernetes API", "Metadata-only fetches").
const PARTIAL: &str = "as=PartialObjectMetadata";

impl Route {
    /// Returns the route of a path; `None` for a path that names no kind.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let mut words = path.trim_matches('/').split('/');
        let api_version = match words.next()? {
            "api" => words.next()?.to_owned(),
            "apis" => format!("{}/{}", words.next()?, words.next()?),
            _ => return None,
        };
        let words: Vec<_> = words.collect();
        let (namespace, rest) = match words.as_slice() {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let word = |index: usize| rest.get(index).map(|&word| word.to_owned()).unwrap_or_default();
        (!rest.is_empty()).then(|| Self {
            resource: word(0),
            api_version,
            namespace: namespace.to_owned(),
            name: word(1),
            part: word(2),
            kind: String::new(),
            partial: false,
        })
    }

    /// Adds the kind, and the form that the client accepts.
    pub(crate) fn answered(self, kind: String, accepted: &str) -> Self {
        Self { kind, partial: accepted.contains(PARTIAL), ..self }
    }
}

/// Returns the values of a query; of a repeated name, every value.
pub(crate) fn query(text: Option<&str>) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        found.entry(decoded(name)).or_default().push(decoded(value));
    }
    found
}

/// Decodes a percent-encoded text of ASCII.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().replace('+', " ");
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        decoded.extend(u8::from_str_radix(digits, 16).ok().map(char::from));
        decoded.push_str(&rest.replace('+', " "));
    }
    decoded
}

#[test]
fn an_objects_part_has_a_route() {
    let route = Route::of("/api/v1/namespaces/shop/pods/web-1/exec").unwrap();
    assert_eq!((route.resource.as_str(), route.namespace.as_str()), ("pods", "shop"));
    assert_eq!((route.name.as_str(), route.part.as_str()), ("web-1", "exec"));
}

#[test]
fn a_namespace_is_an_object_too() {
    let route = Route::of("/api/v1/namespaces/shop").unwrap();
    assert_eq!(
        (route.resource.as_str(), route.name.as_str(), route.namespace.as_str()),
        ("namespaces", "shop", "")
    );
}
