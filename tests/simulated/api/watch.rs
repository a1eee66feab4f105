//! Watches: the changes of a kind since a version, with the faults of a watch.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc::{self, UnboundedSender},
    time::timeout,
};
use tokio_stream::{StreamExt, wrappers::UnboundedReceiverStream};

use super::{Cut, answer::Body, route::Route, selector::Selector};
use crate::{cluster::Cluster, fault::Fault};

/// The time after which a quiet watch gets a bookmark.
const BOOKMARK: Duration = Duration::from_mins(1);

/// The way of the events to the client.
type Sender = UnboundedSender<Result<Value, Cut>>;

pub(crate) fn begin(
    cluster: &Cluster,
    route: &Route,
    query: &BTreeMap<String, Vec<String>>,
    fault: Option<Fault>,
) -> Response<Body> {
    let first =
        |name: &str| query.get(name).and_then(|it| it.first()).map(String::as_str).unwrap_or_default();
    let selector = Selector::of(first("labelSelector"), first("fieldSelector"));
    let from = first("resourceVersion").parse().unwrap_or(0);
    let (sender, events) = mpsc::unbounded_channel();
    let (cluster, route) = (cluster.clone(), route.clone());
    tokio::spawn(async move { tell(&cluster, &route, &selector, from, fault, &sender).await });
    let lines = UnboundedReceiverStream::new(events)
        .map(|event| event.map(|event| Frame::data(Bytes::from(format!("{event}\n")))));
    let mut response = Response::new(StreamBody::new(lines).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Tells every change until nobody listens, or until the watch's fault ends it. Returns `None` at the end.
async fn tell(
    cluster: &Cluster,
    route: &Route,
    selector: &Selector,
    mut from: u64,
    fault: Option<Fault>,
    sender: &Sender,
) -> Option<()> {
    let mut versions = cluster.versions();
    let mut told: u16 = 0;
    loop {
        versions.mark_unchanged();
        let changes = cluster.store().since(from, &route.resource, &route.namespace);
        for change in changes.into_iter().filter(|change| selector.selects(&change.object)) {
            from = change.version;
            let event =
                json!({ "type": change.kind, "object": route.typed(Arc::unwrap_or_clone(change.object)) });
            told += 1;
            match fault {
                Some(Fault::Expired) if told == 1 => {
                    let status = json!({
                        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                        "message": "too old resource version", "reason": "Expired", "code": 410,
                    });
                    sender.send(Ok(json!({ "type": "ERROR", "object": status }))).ok()?;
                    return None;
                }
                Some(Fault::Missed(number)) if told == number => continue,
                Some(Fault::Repeated(number)) if told == number => sender.send(Ok(event.clone())).ok()?,
                _ => (),
            }
            sender.send(Ok(event)).ok()?;
            if fault == Some(Fault::CutStream(told)) {
                sender.send(Err(Cut)).ok()?;
                return None;
            }
        }
        if timeout(BOOKMARK, versions.changed()).await.is_err() {
            let object = route.typed(json!({ "metadata": { "resourceVersion": from.to_string() } }));
            sender.send(Ok(json!({ "type": "BOOKMARK", "object": object }))).ok()?;
        }
    }
}
