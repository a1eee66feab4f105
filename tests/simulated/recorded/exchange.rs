//! A request and what its answer is, as one line in which everything that differs from run to run has a general name. The tests
//! of the real cluster write such lines, and the simulated tests compare their own with them.

use std::fmt;

use serde_json::Value;

/// A request, and what an API server's answer to it is.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Exchange {
    /// The method, such as "GET".
    pub(crate) method: String,
    /// The path and the query.
    pub(crate) uri: String,
    /// The status of the answer, such as 200; zero for no answer.
    pub(crate) code: u64,
    /// The kind of the object in the answer, and for a list if it is empty or goes on; empty for a stream and for a path
    /// that names no object.
    pub(crate) kind: String,
}

/// The beginning of the name of every run, which eight hexadecimal digits follow.
const RUN: &str = "podproof-";
/// The word before the token by which a probe in a running pod is ended: 32 hexadecimal digits.
const RELEASE: &str = "command=release&command=";

impl Exchange {
    pub(crate) fn unanswered(method: &str, uri: &str) -> Self {
        Self { method: method.to_owned(), uri: uri.to_owned(), code: 0, kind: String::new() }
    }

    /// Adds the status and the object of the answer.
    pub(crate) fn answered(self, code: u64, answer: &Value) -> Self {
        let mut kind = String::new();
        if self.names_objects() {
            kind.push_str(answer["kind"].as_str().unwrap_or_default());
            // Warnings depend on the past of the cluster.
            if kind.ends_with("List") && !self.is_of_warnings() {
                let is_empty = answer["items"].as_array().is_none_or(Vec::is_empty);
                kind.push_str(if is_empty { ", empty" } else { "" });
            }
            let token = answer["metadata"]["continue"].as_str().unwrap_or_default();
            kind.push_str(if token.is_empty() { "" } else { ", continued" });
        }
        Self { code, kind, ..self }
    }

    /// Gives names and versions their general names; `names` has the names that a test gave, each with its general name.
    pub(crate) fn general(&self, names: &[(&str, &str)]) -> Self {
        let (path, query) = self.uri.split_once('?').unwrap_or((&self.uri, ""));
        let general = |word: &str| {
            names
                .iter()
                .find(|(name, _)| *name == word)
                .map_or_else(|| word.to_owned(), |(_, it)| (*it).to_owned())
        };
        let mut uri = path.split('/').map(general).collect::<Vec<_>>().join("/");
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| match pair.split_once('=') {
            Some(("resourceVersion", version)) if version != "0" => "resourceVersion={version}".to_owned(),
            Some(("continue", _)) => "continue={token}".to_owned(),
            // A selector of one name.
            Some((key, value)) => match value.split_once("%3D") {
                Some((field, name)) => format!("{key}={field}%3D{}", general(name)),
                None => pair.to_owned(),
            },
            None => pair.to_owned(),
        });
        let query = pairs.collect::<Vec<_>>().join("&");
        if !query.is_empty() {
            uri = format!("{uri}?{query}");
        }
        uri = replaced(&uri, RUN, 8, "{run}");
        uri = replaced(&uri, RELEASE, 32, "command=release&command={token}");
        Self { uri, ..self.clone() }
    }

    /// Reads a line.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let mut words = line.splitn(4, ' ');
        let [method, uri, code] = [words.next()?, words.next()?, words.next()?];
        let kind = words.next().unwrap_or_default().to_owned();
        Some(Self { method: method.to_owned(), uri: uri.to_owned(), code: code.parse().ok()?, kind })
    }

    /// Returns true for a request that starts a process in a pod.
    pub(crate) fn is_exec(&self) -> bool {
        self.uri.contains("/exec?")
    }

    /// Returns true for a request that changes nothing.
    pub(crate) fn only_reads(&self) -> bool {
        self.method == "GET" && !self.is_exec() || self.uri.contains("/selfsubject")
    }

    /// Returns true for a read of warnings, which only a run whose pods start late makes.
    pub(crate) fn is_of_warnings(&self) -> bool {
        self.uri.contains("/events?")
    }

    /// Returns true for a request that deletes one pod.
    pub(crate) fn deletes_a_pod(&self) -> bool {
        self.method == "DELETE" && self.uri.contains("/pods/")
    }

    /// Returns the namespace in the path; empty if there is none.
    pub(crate) fn namespace(&self) -> &str {
        let rest = self.uri.split_once("/namespaces/").map(|(_, rest)| rest).unwrap_or_default();
        rest.split(['/', '?']).next().unwrap_or_default()
    }

    /// Returns true if the answer is an object or a list of objects of a kind.
    fn names_objects(&self) -> bool {
        let path = self.uri.split('?').next().unwrap_or_default();
        let words = path.split('/').filter(|word| !word.is_empty()).count();
        let is_object = path.starts_with("/api/") && words > 2 || path.starts_with("/apis/") && words > 3;
        let is_stream = self.is_exec() || self.uri.contains("watch=true");
        is_object && !is_stream && !path.contains("/proxy/")
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, uri, code, kind } = self;
        let separator = if kind.is_empty() { "" } else { " " };
        write!(formatter, "{method} {uri} {code}{separator}{kind}")
    }
}

/// Replaces each beginning that so many hexadecimal digits follow, together with these.
fn replaced(text: &str, beginning: &str, digits: usize, general: &str) -> String {
    let mut parts = text.split(beginning);
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_meant = part.chars().take_while(char::is_ascii_hexdigit).count() == digits;
        let rest = part.get(digits..).filter(|_| is_meant);
        replaced.push_str(rest.map_or(beginning, |_| general));
        replaced.push_str(rest.unwrap_or(part));
    }
    replaced
}

#[test]
fn a_line_has_general_names() {
    let uri = "/api/v1/namespaces/shop/pods?&labelSelector=podproof.dev%2Frun%3Dpodproof-0a1b2c3d&resourceVersion=12";
    let list = serde_json::json!({ "kind": "PodList", "items": [] });
    let exchange = Exchange::unanswered("GET", uri).answered(200, &list).general(&[("shop", "{judged}")]);
    let line = "GET /api/v1/namespaces/{judged}/pods?labelSelector=podproof.dev%2Frun%3D{run}&resourceVersion={version} 200 PodList, empty";
    assert_eq!(exchange.to_string(), line);
    assert_eq!(Exchange::read(line), Some(exchange));
}
