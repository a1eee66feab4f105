//! The way to the simulated API server: the product's client library from its pool of connections upward, to which the product
//! adds its own door.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use controller::support::world::Server;
use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::{
    body::Incoming,
    rt::{Read, ReadBufCursor, Write},
};
use hyper_util::{
    client::legacy::{
        self,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo},
};
use kube::client::Body;
use tokio::io::DuplexStream;
use tower::{BoxError, ServiceBuilder, service_fn};

use super::serve;
use crate::cluster::Cluster;

/// The size of a connection's buffers in each direction.
const BUFFER: usize = 256 << 10;

/// A connection in memory.
struct Wire(TokioIo<DuplexStream>);

/// Returns a pool of connections that end in the simulated API server.
pub(crate) fn server(cluster: &Cluster) -> Server {
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
        .map_response(|answer: Response<Incoming>| {
            answer.map(|body| body.map_err(BoxError::from).boxed_unsync())
        })
        .map_err(BoxError::from)
        .service(client);
    Server::new(service)
}

fn with_server(mut request: Request<Body>) -> Request<Body> {
    *request.uri_mut() = format!("http://simulated{}", request.uri()).parse().unwrap();
    request
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
