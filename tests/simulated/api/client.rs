//! A client of the simulated API server: the product's client library from its pool of connections upward.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response, StatusCode, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::{
        self,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo},
};
use kube::{Client, client::Body};
use tokio::{io::DuplexStream, time::Sleep};
use tower::{
    BoxError, ServiceBuilder,
    retry::{Policy, RetryLayer},
    service_fn,
};

use super::serve;
use crate::cluster::Cluster;

/// The size of a connection's buffers in each direction.
const BUFFER: usize = 256 << 10;

/// A connection in memory.
struct Wire(TokioIo<DuplexStream>);

/// Returns a client whose connections end in the simulated API server.
pub(crate) fn client(cluster: &Cluster) -> Client {
    let cluster = cluster.clone();
    let connector = service_fn(move |_: Uri| {
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        let cluster = cluster.clone();
        let service = hyper::service::service_fn(move |request| serve(cluster.clone(), request));
        tokio::spawn(async move {
            let served =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
            // A cut connection is an error here, and the controller's to handle.
            _ = served.with_upgrades().await;
        });
        std::future::ready(Ok::<_, Infallible>(Wire(TokioIo::new(ours))))
    });
    let client = legacy::Client::builder(TokioExecutor::new()).build::<_, Body>(connector);
    let service = ServiceBuilder::new()
        .map_request(with_server)
        .layer(RetryLayer::new(Retry::default()))
        .map_err(BoxError::from)
        .service(client);
    Client::new(service, "default")
}

fn with_server(mut request: Request<Body>) -> Request<Body> {
    *request.uri_mut() = format!("http://simulated{}", request.uri()).parse().unwrap();
    request
}

/// The client library's own policy of retries, without its random part.
#[derive(Clone, Debug, Default)]
struct Retry {
    attempts: u32,
}

/// The most retries of the client library, and its first pause.
const MOST: u32 = 15;
const FIRST: Duration = Duration::from_millis(5);

impl<T> Policy<Request<Body>, Response<T>, BoxError> for Retry {
    type Future = Sleep;

    fn retry(&mut self, _: &mut Request<Body>, result: &mut Result<Response<T>, BoxError>) -> Option<Sleep> {
        let answer = result.as_ref().ok()?;
        let again =
            [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT];
        if !again.contains(&answer.status()) || self.attempts >= MOST {
            return None;
        }
        self.attempts += 1;
        let asked = answer.headers().get(http::header::RETRY_AFTER);
        let asked = asked.and_then(|asked| asked.to_str().ok()?.parse().ok()).map(Duration::from_secs);
        Some(tokio::time::sleep(asked.unwrap_or(FIRST * 2_u32.pow(self.attempts))))
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        let mut copy = Request::new(request.body().try_clone()?);
        copy.method_mut().clone_from(request.method());
        copy.uri_mut().clone_from(request.uri());
        copy.headers_mut().clone_from(request.headers());
        Some(copy)
    }
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
