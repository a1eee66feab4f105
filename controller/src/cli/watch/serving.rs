//! The HTTP server of a watch: metrics for a scraper, and answers for a kubelet's probes. It only reads, and serves few connections
//! at once.

use std::{collections::VecDeque, convert::Infallible, io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinHandle},
    time::{sleep, timeout},
};

use super::board::Board;
use crate::support::clock;

/// The connections that are served at once.
const AT_ONCE: usize = 16;
/// The usual patience: requests are small.
const PATIENCE: Patience = Patience { head: Duration::from_secs(5), whole: Duration::from_secs(30) };
/// The pause after a connection that could not be taken.
const PAUSE: Duration = Duration::from_secs(1);
/// The type of the metrics (prometheus.io, "`OpenMetrics` 1.0", "Content type").
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// The time that a client has.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// For the head of its request.
    head: Duration,
    /// For its whole connection.
    whole: Duration,
}

/// The running server; it ends when it is dropped.
#[derive(Debug)]
pub(super) struct Server(JoinHandle<()>);

impl Server {
    /// Listens on an address, and serves the board from then on.
    pub(super) async fn begin(address: SocketAddr, board: Board) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self(tokio::spawn(serve(listener, board, PATIENCE))))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn serve(listener: TcpListener, board: Board, patience: Patience) {
    let mut open = VecDeque::<AbortHandle>::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        open.retain(|connection| !connection.is_finished());
        // A kubelet that waits behind silent clients would end a healthy watch.
        if open.len() >= AT_ONCE
            && let Some(oldest) = open.pop_front()
        {
            oldest.abort();
        }
        open.push_back(tokio::spawn(connection(stream, board.clone(), patience)).abort_handle());
    }
}

async fn connection(stream: TcpStream, board: Board, patience: Patience) {
    let answered = service_fn(move |request: Request<Incoming>| {
        let answer = answer(request.method(), request.uri().path(), &board, clock::now());
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(patience.head).keep_alive(false);
    // A client that goes away is its own affair.
    _ = timeout(patience.whole, server.serve_connection(TokioIo::new(stream), answered)).await;
}

fn answer(method: &Method, path: &str, board: &Board, now: u64) -> Response<Full<Bytes>> {
    let (status, kind, text) = match path {
        _ if method != Method::GET => {
            (StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET is served\n".to_owned())
        }
        "/metrics" => (StatusCode::OK, METRICS, board.metrics(now)),
        "/healthz" => (StatusCode::OK, TEXT, "ok\n".to_owned()),
        "/readyz" => match board.lacks(now) {
            None => (StatusCode::OK, TEXT, "ok\n".to_owned()),
            Some(why) => (StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{why}\n")),
        },
        _ => (StatusCode::NOT_FOUND, TEXT, "there are /metrics, /healthz and /readyz\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn a_watch_without_a_proof_is_healthy_and_not_ready() {
        let status = |path| answer(&Method::GET, path, &Board::default(), 0).status().as_u16();
        assert_eq!(["/healthz", "/readyz", "/metrics", "/"].map(status), [200, 503, 200, 404]);
    }

    #[test]
    fn a_request_that_is_no_get_is_refused() {
        assert_eq!(answer(&Method::POST, "/metrics", &Board::default(), 0).status(), 405);
    }

    /// Begins a server with such a patience, and returns its address.
    async fn begun(patience: Patience) -> (Server, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Server(tokio::spawn(serve(listener, Board::default(), patience))), address)
    }

    /// Returns the whole answer to a request over a connection of its own.
    async fn asked(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn metrics_are_served_over_a_connection() {
        let (_server, address) = begun(PATIENCE).await;
        let text = asked(address, "/metrics").await;
        assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("# EOF\n"), "{text}");
    }

    #[tokio::test]
    async fn silent_connections_keep_no_probe_waiting() {
        let endless = Duration::from_hours(24);
        let (_server, address) = begun(Patience { head: endless, whole: endless }).await;
        let mut silent = Vec::new();
        for _ in 0..AT_ONCE {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        assert!(asked(address, "/healthz").await.starts_with("HTTP/1.1 200"));
        // The oldest one gave way.
        assert_eq!(silent[0].read(&mut [0]).await.unwrap(), 0);
    }
}
