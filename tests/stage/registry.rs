//! A real registry on the loopback address: Debian's docker-registry, which ends when the value is dropped.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

/// "user", and the bcrypt hash of "secret".
const ACCOUNT: &str = "user:$2b$05$podproofpodproofpodpreLCKT5z4CTD4VifEQHNO5hjcK1dTapuO\n";

/// A running registry.
#[derive(Debug)]
pub struct Registry {
    child: Child,
    /// The registry's address and port.
    pub address: String,
    /// The registry's certificate; `None` for plain HTTP.
    pub certificate: PathBuf,
}

impl Registry {
    /// Starts a registry that speaks plain HTTP and admits everybody.
    pub fn open(folder: &Path) -> Self {
        Self::start(folder, &json!({ "http": { "addr": "127.0.0.1:0" } }))
    }

    /// Starts a registry that speaks TLS and admits only "user", by the password "secret".
    pub fn guarded(folder: &Path) -> Self {
        let file = |name: &str| folder.join(name);
        let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=stage \
             -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE";
        let mut openssl = Command::new("openssl");
        openssl.args(words.split_whitespace()).arg("-keyout").arg(file("key.pem"));
        let made = openssl.arg("-out").arg(file("certificate.pem")).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        fs::write(file("accounts"), ACCOUNT).unwrap();
        let tls = json!({ "certificate": file("certificate.pem"), "key": file("key.pem") });
        let guard = json!({ "htpasswd": { "realm": "stage", "path": file("accounts") } });
        Self::start(folder, &json!({ "http": { "addr": "127.0.0.1:0", "tls": tls }, "auth": guard }))
    }

    fn start(folder: &Path, options: &Value) -> Self {
        let mut config = json!({
            "version": "0.1",
            "log": { "level": "info" },
            "storage": { "filesystem": { "rootdirectory": folder.join("registry") } },
        });
        config.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        // JSON is also YAML.
        let path = folder.join("registry.yml");
        fs::write(&path, config.to_string()).unwrap();
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "docker-registry", "serve"])
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let address = listening(&mut log);
        // A full pipe would stop the registry.
        std::thread::spawn(move || io::copy(&mut log, &mut io::sink()));
        Self { child, address, certificate: folder.join("certificate.pem") }
    }

    /// Returns the status line and the body of a path, over plain HTTP.
    pub fn get(&self, path: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        // HTTP 1.0 has no chunks, and its answer ends with the stream.
        let accepted = "application/vnd.oci.image.manifest.v1+json";
        write!(stream, "GET {path} HTTP/1.0\r\nAccept: {accepted}\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        (head.lines().next().unwrap().to_owned(), answer[end + 4..].to_vec())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Reads the log until it names the registry's address.
fn listening(log: &mut impl BufRead) -> String {
    let mut said = String::new();
    loop {
        let before = said.len();
        assert!(log.read_line(&mut said).unwrap() > 0, "the registry ended:\n{said}");
        if let Some((_, rest)) = said[before..].split_once("listening on ") {
            return rest.split(['"', ',']).next().unwrap().to_owned();
        }
    }
}
