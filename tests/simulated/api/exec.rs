//! Exec by WebSocket: the bytes of a probe's standard input and output, each with the number of its channel.

use std::{collections::BTreeMap, time::Duration};

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
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::sleep,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};

use super::{
    answer::{Body, refused},
    route::Route,
};
use crate::{
    cluster::{Cluster, SLOW, runs},
    fault::Fault,
    probe::{self, Place},
};

/// The channels of the protocol (apimachinery, `pkg/util/remotecommand/constants.go`).
const INPUT: u8 = 0;
const OUTPUT: u8 = 1;
const STATUS: u8 = 3;
/// The name of the protocol's newest version.
const PROTOCOL: &str = "v5.channel.k8s.io";
/// The bytes between a probe and its stream.
const BUFFER: usize = 64 << 10;
/// The bytes that are read from the controller at once, which writes few. Each connection clears its buffer.
const RECEIVED: usize = 4 << 10;

/// Starts a process in a running pod.
pub(crate) fn begin(
    cluster: &Cluster,
    route: &Route,
    query: &BTreeMap<String, Vec<String>>,
    request: &mut Request<Incoming>,
    fault: Option<Fault>,
) -> Response<Body> {
    let Some(pod) = cluster.get(&route.key()) else { return route.missing().into() };
    let first = |name: &str| query.get(name).and_then(|values| values.first()).cloned();
    let container = first("container").unwrap_or_default();
    if !runs(&pod, &container) {
        return refused(500, "InternalError", "the container is not running").into();
    }
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).cloned();
    let Some(key) = key else { return refused(400, "BadRequest", "no WebSocket").into() };
    let words = query.get("command").cloned().unwrap_or_default();
    let upgrade = hyper::upgrade::on(request);
    let process = Process { route: route.clone(), pod, container, words };
    tokio::spawn(run(cluster.clone(), process, upgrade, fault));
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()).parse().unwrap());
    response
}

/// A process that an exec starts.
struct Process {
    route: Route,
    pod: Value,
    container: String,
    words: Vec<String>,
}

async fn run(cluster: Cluster, process: Process, upgrade: OnUpgrade, fault: Option<Fault>) {
    let Ok(upgraded) = upgrade.await else { return };
    let config = WebSocketConfig::default().read_buffer_size(RECEIVED);
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let (ours, theirs) = tokio::io::duplex(BUFFER);
    let Process { route, pod, container, words } = &process;
    if let Some(seconds) = cluster.annotation(&route.namespace, SLOW) {
        sleep(Duration::from_secs(seconds.parse().unwrap())).await;
    }
    let most = match fault {
        Some(Fault::CutStream(after) | Fault::Stall(after)) => after,
        _ => u16::MAX,
    };
    match words.get(1).map(String::as_str) {
        Some("report") => {
            let assignments = words.get(2).map_or(1, |number| number.parse().unwrap());
            tokio::spawn(probe::report(
                cluster.clone(),
                Place::of(&cluster, pod, container),
                assignments,
                theirs,
            ));
        }
        Some("release") => {
            // The process that ends the container's own has succeeded by then.
            drop(theirs);
            cluster.end_visit(&route.key(), container);
            let (mut socket, mut ours) = (socket, ours);
            _ = bridge(&mut socket, &mut ours, most, |_| ()).await;
            return;
        }
        _ => drop(theirs),
    }
    let bridged = async {
        let (mut socket, mut process) = (socket, ours);
        _ = bridge(&mut socket, &mut process, most, |bytes| cluster.sent(&route.name, bytes)).await;
        if matches!(fault, Some(Fault::Stall(_))) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        () = ended(&cluster, route, container) => (),
        () = bridged => (),
    }
}

/// Waits until the container of a process runs no more.
async fn ended(cluster: &Cluster, route: &Route, container: &str) {
    let mut versions = cluster.versions();
    while cluster.get(&route.key()).is_some_and(|pod| runs(&pod, container)) {
        if versions.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Passes bytes on in both directions until the process ends. Returns `None` at the end of either side.
async fn bridge(
    socket: &mut WebSocketStream<TokioIo<Upgraded>>,
    process: &mut DuplexStream,
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
