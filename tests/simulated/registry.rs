//! A simulated registry of images (distribution-spec), behind a socket on loopback: the client of registries takes no stream in
//! memory. Each request meets its fault, if it has one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use controller::support::digest::sha256;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Notify, mpsc::UnboundedSender},
    time::advance,
};

use crate::{api::Cut, fault::Fault};

/// More time than the client waits for a silent registry.
const SILENCE: Duration = Duration::from_secs(61);
/// The size from which a part of an image is large, and the time that a slow registry takes for a large part.
const LARGE: (usize, Duration) = (1 << 20, Duration::from_secs(70));
/// The folder of the images.
const IMAGES: &str = "/v2/podproof/probe";

/// A simulated registry, shared by its connections.
#[derive(Clone, Default)]
pub(crate) struct Registry(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    killed: Notify,
}

#[derive(Default)]
struct State {
    requests: Vec<String>,
    faults: BTreeMap<usize, Fault>,
    /// True for a registry that answers only a client with a token.
    asks_for_a_token: bool,
    /// True for a slow registry that takes each part in one request alone, as Amazon's does.
    takes_no_chunks: bool,
    uploads: Vec<Vec<u8>>,
    blobs: BTreeMap<String, Vec<u8>>,
    /// The manifests by their tags.
    manifests: BTreeMap<String, Vec<u8>>,
    signals: Option<UnboundedSender<()>>,
}

type Answer = Response<Full<Bytes>>;

impl Registry {
    /// Returns an empty registry, whose requests meet these faults.
    pub(crate) fn new(asks_for_a_token: bool, faults: &[(usize, Fault)]) -> Self {
        let registry = Self::default();
        let faults = faults.iter().copied().collect();
        *registry.state() = State { faults, asks_for_a_token, ..State::default() };
        registry
    }

    /// Returns an empty registry that takes no chunks, and that takes long for a large part.
    pub(crate) fn without_chunks() -> Self {
        let registry = Self::default();
        registry.state().takes_no_chunks = true;
        registry
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the requests in the order in which they arrived.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    pub(crate) fn signal(&self, signals: UnboundedSender<()>) {
        self.state().signals = Some(signals);
    }

    pub(crate) async fn killed(&self) {
        self.0.killed.notified().await;
    }

    /// Returns the digests of the manifests by their tags.
    pub(crate) fn tags(&self) -> BTreeMap<String, String> {
        self.state().manifests.iter().map(|(tag, manifest)| (tag.clone(), digest(manifest))).collect()
    }

    /// Returns the digests that manifests name and whose bytes are not there, or have another size.
    pub(crate) fn lacking(&self) -> Vec<String> {
        let state = self.state();
        let mut lacking = Vec::new();
        for manifest in state.manifests.values() {
            let manifest: Value = serde_json::from_slice(manifest).unwrap();
            let parts = manifest["layers"].as_array().into_iter().flatten().chain([&manifest["config"]]);
            for part in parts {
                let name = part["digest"].as_str().unwrap_or_default();
                let size = state.blobs.get(name).map(Vec::len);
                if size.map(|size| json!(size)).as_ref() != Some(&part["size"]) {
                    lacking.push(name.to_owned());
                }
            }
        }
        lacking
    }

    /// Serves every connection.
    pub(crate) async fn listen(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let registry = self.clone();
            let service = hyper::service::service_fn(move |request| registry.clone().serve(request));
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A cut connection is an error here, and the client's to handle.
            tokio::spawn(async { _ = connection.await });
        }
    }

    /// Notes a request; returns its fault.
    fn asked(&self, request: &Request<Incoming>) -> Option<Fault> {
        let mut state = self.state();
        let number = state.requests.len();
        state.requests.push(format!("{} {}", request.method(), request.uri()));
        state.faults.get(&number).copied()
    }

    async fn serve(self, request: Request<Incoming>) -> Result<Answer, Cut> {
        let fault = self.asked(&request);
        match fault {
            Some(Fault::CutBefore) => return Err(Cut),
            Some(Fault::Status(code)) => return Ok(answer(StatusCode::from_u16(code).unwrap())),
            Some(Fault::Hang) => never().await,
            Some(Fault::Interrupt) => {
                if let Some(signals) = &self.state().signals {
                    _ = signals.send(());
                }
            }
            Some(Fault::Kill) => {
                self.0.killed.notify_one();
                std::future::pending::<()>().await;
            }
            _ => (),
        }
        let answer = self.answered(request).await;
        match fault {
            Some(Fault::CutAfter) => Err(Cut),
            Some(Fault::HangAfter) => never().await,
            _ => Ok(answer),
        }
    }

    async fn answered(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let (large, time) = LARGE;
        let is_slow = self.state().takes_no_chunks && head.method == Method::PUT && body.len() >= large;
        if is_slow {
            advance(time).await;
        }
        let mut state = self.state();
        let is_known = head.headers.contains_key(header::AUTHORIZATION) || !state.asks_for_a_token;
        let path = head.uri.path();
        if path == "/token" {
            return Response::new(Full::new(json!({ "token": "simulated" }).to_string().into()));
        }
        if !is_known {
            let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
            let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"simulated\"");
            return with(answer(StatusCode::UNAUTHORIZED), header::WWW_AUTHENTICATE, &challenge);
        }
        let Some(place) = path.strip_prefix(IMAGES) else { return answer(StatusCode::OK) };
        let words: Vec<_> = place.trim_matches('/').split('/').collect();
        match (head.method, words.as_slice()) {
            (Method::HEAD, ["blobs", digest]) if state.blobs.contains_key(*digest) => answer(StatusCode::OK),
            (Method::POST, ["blobs", "uploads"]) => {
                let number = state.uploads.len();
                state.uploads.push(Vec::new());
                located(StatusCode::ACCEPTED, &format!("{IMAGES}/blobs/uploads/{number}"))
            }
            (Method::PATCH, ["blobs", "uploads", _]) if state.takes_no_chunks => {
                located(StatusCode::CREATED, path)
            }
            (Method::PATCH, ["blobs", "uploads", number]) => match state.upload(number) {
                Some(upload) => {
                    upload.extend(body);
                    located(StatusCode::ACCEPTED, path)
                }
                None => answer(StatusCode::NOT_FOUND),
            },
            (Method::PUT, ["blobs", "uploads", number]) => {
                let mut bytes = state.upload(number).cloned().unwrap_or_default();
                bytes.extend(body);
                let named = head.uri.query().unwrap_or_default().replace("%3A", ":");
                if named != format!("digest={}", digest(&bytes)) {
                    return answer(StatusCode::BAD_REQUEST);
                }
                state.blobs.insert(digest(&bytes), bytes);
                located(StatusCode::CREATED, path)
            }
            // A manifest without its parts is taken: its order is the client's to keep.
            (Method::PUT, ["manifests", tag]) => {
                state.manifests.insert((*tag).to_owned(), body.to_vec());
                located(StatusCode::CREATED, path)
            }
            _ => answer(StatusCode::NOT_FOUND),
        }
    }
}

impl State {
    fn upload(&mut self, number: &str) -> Option<&mut Vec<u8>> {
        self.uploads.get_mut(number.parse::<usize>().ok()?)
    }
}

/// Lets so much time pass that the client gives up. The answer never comes.
async fn never() -> ! {
    advance(SILENCE).await;
    std::future::pending().await
}

fn answer(code: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = code;
    answer
}

fn with(mut answer: Answer, name: header::HeaderName, value: &str) -> Answer {
    answer.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    answer
}

fn located(code: StatusCode, path: &str) -> Answer {
    with(answer(code), header::LOCATION, path)
}

/// Returns the digest of bytes: `sha256:…`.
fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256(bytes))
}
