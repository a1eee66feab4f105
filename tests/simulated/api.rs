//! The API server: HTTP/1.1 over streams in memory. Each request meets its fault, if it has one.

mod answer;
mod client;
mod collection;
mod create;
mod discovery;
mod exec;
mod kinds;
mod list;
mod patch;
mod route;
mod selector;
mod watch;
mod write;

use std::time::Duration;

use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{cluster::Cluster, fault::Fault, history::Event, recorded::Exchange, services, store::text};
use answer::{Answer, Body, refused};
pub(crate) use client::server;
use route::Route;

/// The time from a request to its effect.
const LATENCY: Duration = Duration::from_millis(2);

/// The time that a late request takes besides.
const LATE: Duration = Duration::from_secs(4);

/// A connection that is cut in the place of an answer.
#[derive(Debug)]
pub(crate) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the connection is cut")
    }
}

impl std::error::Error for Cut {}

/// Answers one request.
pub(crate) async fn serve(cluster: Cluster, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
    let exchange = Exchange::unanswered(request.method().as_str(), &request.uri().to_string());
    let fault = cluster.asked(&exchange.method, &exchange.uri);
    let place = cluster.arrived(exchange.clone());
    sleep(LATENCY).await;
    match fault {
        Some(Fault::CutBefore) => return Err(Cut),
        Some(Fault::Late) => sleep(LATE).await,
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Evicted) => cluster.evict(),
        Some(Fault::NodeGone) => cluster.lose_a_node(),
        Some(Fault::ServiceCame) => services::add(&cluster, services::LATE, true),
        Some(Fault::Interrupt) => cluster.interrupt(),
        Some(Fault::Kill) => {
            cluster.kill();
            std::future::pending::<()>().await;
        }
        _ => (),
    }
    let mut answer = match fault {
        Some(Fault::Status(code)) => refused(code, reason(code), "a fault of the simulation").into(),
        Some(Fault::Forbidden) => refused(403, "Forbidden", "a fault of the simulation").into(),
        Some(Fault::Proxy(body)) => Answer::of_proxy(body).into(),
        _ => answered(&cluster, request, fault).await,
    };
    if let Some(place) = place {
        answer = kept(&cluster, place, exchange, answer).await;
    }
    answer.headers_mut().insert(header::DATE, cluster.date());
    match fault {
        Some(Fault::CutAfter) => Err(Cut),
        Some(Fault::HangAfter) => std::future::pending().await,
        _ => Ok(answer),
    }
}

/// Keeps what an answer is. A stream has no end that could be awaited, and tells no kind.
async fn kept(cluster: &Cluster, place: usize, exchange: Exchange, answer: Response<Body>) -> Response<Body> {
    let (parts, body) = answer.into_parts();
    let code = parts.status.as_u16().into();
    if body.size_hint().exact().is_none() {
        cluster.answered(place, exchange.answered(code, &Value::Null));
        return Response::from_parts(parts, body);
    }
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    cluster.answered(place, exchange.answered(code, &serde_json::from_slice(&body).unwrap_or_default()));
    Response::from_parts(parts, Full::new(body).map_err(|never| match never {}).boxed_unsync())
}

const fn reason(code: u16) -> &'static str {
    match code {
        409 => "Conflict",
        429 => "TooManyRequests",
        500 => "InternalError",
        _ => "ServiceUnavailable",
    }
}

async fn answered(cluster: &Cluster, mut request: Request<Incoming>, fault: Option<Fault>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let query = route::query(request.uri().query());
    let first = |name: &str| query.get(name).and_then(|values| values.first()).cloned().unwrap_or_default();
    if let Some(answer) = discovery::answer(cluster, &path) {
        return answer.into();
    }
    let route = Route::of(&path).and_then(|route| {
        let kind = kinds::kind(cluster, &route)?;
        let accepted = request.headers().get(header::ACCEPT).and_then(|it| it.to_str().ok());
        Some(route.answered(kind, accepted.unwrap_or_default()))
    });
    let Some(route) = route else {
        return refused(404, "NotFound", "the server could not find the requested resource").into();
    };
    if route.part == "exec" {
        return exec::begin(cluster, &route, &query, &mut request, fault);
    }
    if route.part == "proxy" {
        return discovery::statistics(cluster, &route.name).into();
    }
    let method = request.method().clone();
    let verb = verb(&method, route.name.is_empty(), first("watch") == "true");
    if cluster.refuses(verb, &route.resource) {
        let message = format!("{} is forbidden: the account cannot {verb} them", route.resource);
        return refused(403, "Forbidden", &message).into();
    }
    let body =
        request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    match (method, route.name.is_empty()) {
        (Method::GET, true) if first("watch") == "true" => watch::begin(cluster, &route, &query, fault),
        (Method::GET, true) => list::list(cluster, &route, &query, fault).into(),
        (Method::GET, false) => list::get(cluster, &route).into(),
        (Method::POST, true) => create::create(cluster, &route, body, first("dryRun") == "All").into(),
        (Method::PUT, false) => write::replace(cluster, &route, &body).into(),
        (Method::PATCH, false) => patch::patch(cluster, &route, &body, first("dryRun") == "All").into(),
        (Method::DELETE, false) => delete(cluster, &route, &body).into(),
        (Method::DELETE, true) => collection::delete(cluster, &route, &query).into(),
        (method, _) => refused(405, "MethodNotAllowed", &format!("{method} {path}")).into(),
    }
}

/// Returns the verb of a request for one object, or for all of a kind (kubernetes.io, "Authorization", "Determine the request verb").
fn verb(method: &Method, is_for_all: bool, is_watch: bool) -> &'static str {
    match (method.as_str(), is_for_all) {
        ("GET", true) if is_watch => "watch",
        ("GET", true) => "list",
        ("GET", false) => "get",
        ("POST", _) => "create",
        ("PATCH", _) => "patch",
        ("PUT", _) => "update",
        ("DELETE", true) => "deletecollection",
        ("DELETE", false) => "delete",
        _ => "",
    }
}

fn delete(cluster: &Cluster, route: &Route, options: &Value) -> Answer {
    let key = route.key();
    let Some(object) = cluster.get(&key) else { return route.missing() };
    let uid = text(&object, "/metadata/uid");
    let wanted = text(options, "/preconditions/uid");
    if !wanted.is_empty() && wanted != uid {
        return refused(409, "Conflict", "the uid in the precondition is of another object");
    }
    cluster.note(Event::Deleted { uid, key: key.clone() });
    cluster.delete(&key, options["gracePeriodSeconds"] == json!(0));
    // A pod is told even if nothing of it is left.
    match cluster.get(&key).or_else(|| (key.0 == "pods").then_some(object)) {
        Some(object) => Answer::of(200, &route.typed(object)),
        None => Answer::of(
            200,
            &json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success" }),
        ),
    }
}
