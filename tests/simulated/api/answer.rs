//! Answers of the API server, and the words that all of them share.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Response, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use serde_json::{Value, json};

use super::{Cut, route::Route};
use crate::store::{Key, key};

pub(crate) type Body = UnsyncBoxBody<Bytes, Cut>;

/// A whole answer in JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    code: u16,
    body: Bytes,
}

impl Answer {
    pub(crate) fn of(code: u16, body: &Value) -> Self {
        Self { code, body: Bytes::from(body.to_string()) }
    }
}

impl From<Answer> for Response<Body> {
    fn from(Answer { code, body }: Answer) -> Self {
        let mut response =
            Self::new(Full::new(body).map_err(|never: Infallible| match never {}).boxed_unsync());
        *response.status_mut() = http::StatusCode::from_u16(code).unwrap();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        if code == 429 {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        }
        response
    }
}

/// Returns a refusal, as the API server words it.
pub(crate) fn refused(code: u16, reason: &str, message: &str) -> Answer {
    Answer::of(
        code,
        &json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code,
        }),
    )
}

impl Route {
    pub(crate) fn key(&self) -> Key {
        key(&self.resource, &self.namespace, &self.name)
    }

    pub(crate) fn missing(&self) -> Answer {
        refused(404, "NotFound", &format!("{} \"{}\" not found", self.resource, self.name))
    }

    /// Returns the name of the kind, which only custom kinds need not share with their plural.
    pub(crate) fn kind(&self) -> String {
        let known = [
            ("configmaps", "ConfigMap"),
            ("events", "Event"),
            ("networkpolicies", "NetworkPolicy"),
            ("pods", "Pod"),
            ("nodes", "Node"),
            ("namespaces", "Namespace"),
            ("services", "Service"),
            ("deployments", "Deployment"),
            ("leases", "Lease"),
        ];
        let kind = known.iter().find(|(plural, _)| *plural == self.resource);
        kind.map_or_else(|| self.resource.clone(), |&(_, kind)| kind.to_owned())
    }

    /// Returns an object with the names of its kind and version.
    pub(crate) fn typed(&self, mut object: Value) -> Value {
        object["kind"] = json!(self.kind());
        object["apiVersion"] = json!(self.api_version);
        object
    }
}
