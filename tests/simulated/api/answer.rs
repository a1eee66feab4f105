//! Answers of the API server, and the words that all of them share.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Response, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use serde_json::{Value, json};

use super::{Cut, route::Route};
use crate::store::{Key, key};

/// The version of the forms of objects and lists that have the metadata alone.
const META: &str = "meta.k8s.io/v1";

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

    /// Returns the answer of a proxy that does not reach the API server.
    pub(crate) fn of_proxy(body: &'static str) -> Self {
        Self { code: 502, body: Bytes::from(body) }
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

    /// Returns an object with the names of its kind and version.
    pub(crate) fn typed(&self, mut object: Value) -> Value {
        if self.partial {
            let metadata = object["metadata"].take();
            return json!({ "kind": "PartialObjectMetadata", "apiVersion": META, "metadata": metadata });
        }
        object["kind"] = json!(self.kind);
        object["apiVersion"] = json!(self.api_version);
        object
    }

    /// Returns a list. Kubernetes 1.35 writes the items of an empty list of metadata as null.
    pub(crate) fn list(&self, metadata: &Value, items: Vec<Value>) -> Value {
        if self.partial {
            let items: Vec<_> = items.into_iter().map(|item| self.typed(item)).collect();
            let items = if items.is_empty() { Value::Null } else { Value::from(items) };
            return json!({
                "kind": "PartialObjectMetadataList", "apiVersion": META, "metadata": metadata, "items": items,
            });
        }
        let kind = format!("{}List", self.kind);
        json!({ "kind": kind, "apiVersion": self.api_version, "metadata": metadata, "items": items })
    }
}
