//! Exec by WebSocket: the bytes of a probe's standard input and output, each with the number of its channel.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::Incoming,
    upgrade::{OnUpgrade, Upgraded},
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

use super::{
    answer::{Body, refused},
    route::Route,
};
use crate::{
    cluster::Cluster,
    fault::Fault,
    probe::{self, Place},
    store::text,
};

/// The channels of the protocol (apimachinery, `pkg/util/remotecommand/constants.go`).
const INPUT: u8 = 0;
const OUTPUT: u8 = 1;
const STATUS: u8 = 3;
/// The name of the protocol's newest version.
const PROTOCOL: &str = "v5.channel.k8s.io";
/// The bytes between a probe and its stream.
const BUFFER: usize = 64 << 10;

/// Starts a process in a running pod.
pub(crate) fn begin(
    cluster: &Cluster,
    route: &Route,
    query: &BTreeMap<String, Vec<String>>,
    request: &mut Request<Incoming>,
    fault: Option<Fault>,
) -> Response<Body> {
    let Some(pod) = cluster.get(&route.key()) else { return route.missing().into() };
    if text(&pod, "/status/phase") != "Running" {
        return refused(500, "InternalError", "the container is not running").into();
    }
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).cloned();
    let Some(key) = key else { return refused(400, "BadRequest", "no WebSocket").into() };
    let words = query.get("command").cloned().unwrap_or_default();
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(run(cluster.clone(), route.clone(), pod, words, upgrade, fault));
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()).parse().unwrap());
    response
}

async fn run(
    cluster: Cluster,
    route: Route,
    pod: Value,
    words: Vec<String>,
    upgrade: OnUpgrade,
    fault: Option<Fault>,
) {
    let Ok(upgraded) = upgrade.await else { return };
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    let (ours, theirs) = tokio::io::duplex(BUFFER);
    if words.get(1).is_some_and(|word| word == "report") {
        let assignments = words.get(2).map_or(1, |number| number.parse().unwrap());
        tokio::spawn(probe::report(cluster.clone(), Place::of(&pod), assignments, theirs));
    } else {
        drop(theirs);
    }
    let most = match fault {
        Some(Fault::CutStream(after)) => after,
        _ => u16::MAX,
    };
    tokio::select! {
        biased;
        () = ended(&cluster, &route) => (),
        _ = bridge(socket, ours, most, |bytes| cluster.sent(&route.name, bytes)) => (),
    }
}

/// Waits until the pod's container runs no more.
async fn ended(cluster: &Cluster, route: &Route) {
    let mut versions = cluster.versions();
    while cluster.get(&route.key()).is_some_and(|pod| text(&pod, "/status/phase") == "Running") {
        if versions.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Passes bytes on in both directions until the process ends. Returns `None` at the end of either side.
async fn bridge(
    mut socket: WebSocketStream<TokioIo<Upgraded>>,
    process: DuplexStream,
    most: u16,
    sent: impl Fn(&[u8]),
) -> Option<()> {
    let (mut output, mut input) = tokio::io::split(process);
    let mut buffer = vec![0; BUFFER];
    let mut told = 0;
    while told < most {
        tokio::select! {
            biased;
            message = socket.next() => match message?.ok()? {
                Message::Binary(bytes) if bytes.first() == Some(&INPUT) => input.write_all(&bytes[1..]).await.ok()?,
                Message::Close(_) => return None,
                _ => (),
            },
            read = output.read(&mut buffer) => match read.ok()? {
                0 => {
                    let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success" });
                    socket.send(framed(STATUS, status.to_string().as_bytes())).await.ok()?;
                    return socket.close(None).await.ok();
                }
                read => {
                    socket.send(framed(OUTPUT, &buffer[..read])).await.ok()?;
                    sent(&buffer[..read]);
                    told += 1;
                }
            },
        }
    }
    None
}

fn framed(channel: u8, bytes: &[u8]) -> Message {
    Message::Binary(Bytes::from([&[channel], bytes].concat()))
}
