//! The measured user's requests, from the API server's audit log.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
};

use serde_json::Value;

use super::{SimulatedNodes, control_plane};

/// Requests of a time.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    /// Their numbers, by verb and resource.
    pub kinds: BTreeMap<String, usize>,
    /// The number of requests that the API server refused with 429, for a later attempt.
    pub too_many: usize,
}

impl Requests {
    /// Returns the number of all requests.
    pub fn count(&self) -> usize {
        self.kinds.values().sum()
    }
}

impl SimulatedNodes {
    /// Returns the present end of the audit log.
    pub fn mark(&self) -> u64 {
        control_plane::audit_log(&self.state).metadata().map_or(0, |metadata| metadata.len())
    }

    /// Returns the requests since a mark. A stream has several events of one id.
    pub fn requests_since(&self, mark: u64) -> Requests {
        let mut requests = Requests::default();
        let mut ids = BTreeSet::new();
        let Ok(mut log) = File::open(control_plane::audit_log(&self.state)) else { return requests };
        log.seek(SeekFrom::Start(mark)).unwrap();
        for line in BufReader::new(log).lines() {
            let Ok(event) = serde_json::from_str::<Value>(&line.unwrap()) else { continue };
            if ids.insert(event["auditID"].to_string()) {
                *requests.kinds.entry(kind(&event)).or_default() += 1;
            }
            requests.too_many += usize::from(event["responseStatus"]["code"] == 429);
        }
        requests
    }
}

fn kind(event: &Value) -> String {
    let of = |path: &str| event.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty());
    let path = of("/requestURI").unwrap_or_default().split('?').next().unwrap_or_default();
    let resource = of("/objectRef/resource").unwrap_or(path);
    let subresource = of("/objectRef/subresource").map(|name| format!("/{name}")).unwrap_or_default();
    let rehearsed = of("/requestURI").is_some_and(|uri| uri.contains("dryRun=All"));
    let dry_run = if rehearsed { " (dry run)" } else { "" };
    format!("{} {resource}{subresource}{dry_run}", of("/verb").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_named_by_its_verb_and_its_resource() {
        let event = |uri: &str, resource: &str, subresource: &str| {
            let object = json!({ "resource": resource, "subresource": subresource });
            kind(&json!({ "verb": "create", "requestURI": uri, "objectRef": object }))
        };
        assert_eq!(event("/api/v1/namespaces/shop/pods?dryRun=All", "pods", ""), "create pods (dry run)");
        assert_eq!(event("/api/v1/namespaces/shop/pods/a/exec", "pods", "exec"), "create pods/exec");
        assert_eq!(kind(&json!({ "verb": "get", "requestURI": "/version?timeout=3s" })), "get /version");
    }
}
