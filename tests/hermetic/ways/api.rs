//! An imitated API server, which answers every question with an empty list and remembers what it was asked.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

/// The certificate and the key of the server, for `cluster.invalid` and 127.0.0.1.
const SERVER: (&[u8], &[u8]) = (include_bytes!("pki/server.pem"), include_bytes!("pki/server-key.pem"));
/// The authority of the server's certificate and of the client's.
pub(super) const AUTHORITY: &[u8] = include_bytes!("pki/ca.pem");
/// The certificate and the key of a client.
pub(super) const CLIENT: (&[u8], &[u8]) =
    (include_bytes!("pki/client.pem"), include_bytes!("pki/client-key.pem"));

/// A request: the path, and the headers with names in lower case.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    headers: Vec<(String, String)>,
}

impl Asked {
    /// Returns all values of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(it, _)| it == name).map(|(_, value)| value.as_str()).collect()
    }
}

type Admits = Arc<dyn Fn(&Asked) -> bool + Send + Sync>;

/// The server, which listens until the test's process ends.
pub(crate) struct Api {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Api {
    /// Serves requests without encryption; a request that is not admitted gets the status 401.
    pub(crate) fn plain(admits: impl Fn(&Asked) -> bool + Send + Sync + 'static) -> Self {
        Self::serving(admits, |connection, asked, admits| serve(connection, asked, admits))
    }

    /// Serves requests of clients that show a certificate of the authority.
    pub(crate) fn of_certificates() -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(AUTHORITY).unwrap()).unwrap();
        let provider = Arc::new(default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone()).build();
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let certificate = CertificateDer::from_pem_slice(SERVER.0).unwrap();
        let key = PrivateKeyDer::from_pem_slice(SERVER.1).unwrap();
        let config = config.unwrap().with_client_cert_verifier(verifier.unwrap());
        let config = Arc::new(config.with_single_cert(vec![certificate], key).unwrap());
        Self::serving(
            |_| true,
            move |connection, asked, admits| {
                let session = ServerConnection::new(config.clone()).unwrap();
                serve(StreamOwned::new(session, connection), asked, admits);
            },
        )
    }

    fn serving(
        admits: impl Fn(&Asked) -> bool + Send + Sync + 'static,
        serve: impl Fn(TcpStream, &Mutex<Vec<Asked>>, &Admits) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let api = Self { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let (serve, asked, admits): (_, _, Admits) = (Arc::new(serve), api.asked.clone(), Arc::new(admits));
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (serve, asked, admits) = (serve.clone(), asked.clone(), admits.clone());
                thread::spawn(move || serve(connection, &asked, &admits));
            }
        });
        api
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the requests that came so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(connection: impl Read + Write, asked: &Mutex<Vec<Asked>>, admits: &Admits) {
    let mut connection = BufReader::new(connection);
    while let Some(request) = request(&mut connection) {
        let status = if admits(&request) { "200 OK" } else { "401 Unauthorized" };
        asked.lock().unwrap().push(request);
        let body = r#"{"kind":"List","apiVersion":"v1","metadata":{},"items":[]}"#;
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let sent = connection.get_mut().write_all(answer.as_bytes());
        if sent.and_then(|()| connection.get_mut().flush()).is_err() {
            return;
        }
    }
}

/// Reads a request with its body; `None` at the end of the connection.
fn request(connection: &mut impl BufRead) -> Option<Asked> {
    let mut line = String::new();
    connection.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let asked = Asked { path, headers };
    let length = asked.all("content-length").first().map_or(0, |length| length.parse().unwrap());
    connection.read_exact(&mut vec![0; length]).ok()?;
    Some(asked)
}
