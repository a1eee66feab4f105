//! Proxies on the way to the API server, imitated on loopback.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    Api, Home, LISTS,
    api::{AUTHORITY, CLIENT},
};

/// A proxy that leads every tunnel to one address, and remembers what it was asked for.
struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Speaks CONNECT (RFC 9110, section 9.3.6), and remembers the first line and the credential.
    fn http(end: SocketAddr) -> Self {
        Self::leading(end, |connection| {
            let mut head = Vec::new();
            let mut lines = BufReader::new(connection.try_clone()?);
            loop {
                let mut line = String::new();
                lines.read_line(&mut line)?;
                match line.trim_end() {
                    "" => break,
                    line => head.push(line.to_lowercase()),
                }
            }
            (&*connection).write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            head.retain(|line| line.starts_with("connect ") || line.starts_with("proxy-authorization"));
            Ok(head.join("; "))
        })
    }

    /// Speaks SOCKS 5 for names without a password (RFC 1928), and remembers name and port.
    fn socks(end: SocketAddr) -> Self {
        Self::leading(end, |mut connection| {
            let mut hello = [0; 2];
            connection.read_exact(&mut hello)?;
            connection.read_exact(&mut vec![0; hello[1].into()])?;
            connection.write_all(&[5, 0])?;
            let mut head = [0; 5];
            connection.read_exact(&mut head)?;
            assert_eq!(head[..4], [5, 1, 0, 3], "a name is asked for");
            let (mut name, mut port) = (vec![0; head[4].into()], [0; 2]);
            connection.read_exact(&mut name)?;
            connection.read_exact(&mut port)?;
            connection.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
            Ok(format!("{}:{}", String::from_utf8_lossy(&name), u16::from_be_bytes(port)))
        })
    }

    fn leading(
        end: SocketAddr,
        greet: impl Fn(&TcpStream) -> io::Result<String> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let (asked, greet) = (proxy.asked.clone(), Arc::new(greet));
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (asked, greet) = (asked.clone(), greet.clone());
                thread::spawn(move || {
                    let what = greet(&connection).unwrap();
                    asked.lock().unwrap().push(what);
                    tunnel(&connection, &TcpStream::connect(end).unwrap());
                });
            }
        });
        proxy
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn tunnel(one: &TcpStream, other: &TcpStream) {
    let pump = |mut from: &TcpStream, mut to: &TcpStream| {
        _ = io::copy(&mut from, &mut to);
        _ = to.shutdown(std::net::Shutdown::Write);
    };
    thread::scope(|scope| {
        scope.spawn(|| pump(one, other));
        pump(other, one);
    });
}

fn plain(server: &str) -> Value {
    json!({ "server": server })
}

fn token() -> Value {
    json!({ "token": "abc" })
}

#[test]
fn the_proxy_of_https_proxy_leads_to_the_api_server() {
    let api = Api::of_certificates();
    let proxy = Proxy::http(api.address());
    let cluster = json!({
        "server": "https://cluster.invalid:6443", "certificate-authority-data": STANDARD.encode(AUTHORITY),
    });
    let account = json!({
        "client-certificate-data": STANDARD.encode(CLIENT.0), "client-key-data": STANDARD.encode(CLIENT.1),
    });
    let home = Home::new(&cluster, &account).variable("NO_PROXY", "localhost,.svc,10.0.0.0/8,");
    let ended = home.variable("HTTPS_PROXY", &format!("http://ann:hunter2@{}", proxy.address)).run(LISTS);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let credential = STANDARD.encode("ann:hunter2").to_lowercase();
    for asked in proxy.asked() {
        assert!(asked.starts_with("connect cluster.invalid:6443 "), "{asked}");
        assert!(asked.ends_with(&format!("proxy-authorization: basic {credential}")), "{asked}");
    }
    assert!(!proxy.asked().is_empty());
}

#[test]
fn the_proxy_of_http_proxy_is_for_a_server_without_encryption() {
    let api = Api::plain(|_| true);
    let proxy = Proxy::http(api.address());
    let home =
        Home::new(&plain("http://cluster.invalid"), &token()).variable("HTTPS_PROXY", "http://127.0.0.1:1");
    let ended = home.variable("http_proxy", &proxy.address.to_string()).run(LISTS);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    assert!(!proxy.asked().is_empty());
}

#[test]
fn a_socks_proxy_of_the_kubeconfig_looks_up_the_name_of_the_server() {
    let api = Api::plain(|_| true);
    let proxy = Proxy::socks(api.address());
    let cluster = json!({ "server": "http://cluster.invalid:8080", "proxy-url": format!("socks5://{}", proxy.address) });
    let ended = Home::new(&cluster, &token()).run(LISTS);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    assert_eq!(proxy.asked().first().map(String::as_str), Some("cluster.invalid:8080"));
}

#[test]
fn a_server_that_no_proxy_excepts_is_asked_directly() {
    let api = Api::plain(|_| true);
    let proxy = Proxy::http(api.address());
    // Linux takes this address for the machine itself, and nobody else does.
    let home = |exceptions: &str| {
        let server = format!("http://0.0.0.0:{}", api.address().port());
        let home = Home::new(&plain(&server), &token()).variable("NO_PROXY", exceptions);
        home.variable("HTTP_PROXY", &format!("http://{}", proxy.address)).run(LISTS)
    };
    for exceptions in ["*", "0.0.0.0", "0.0.0.0/8", "cluster.example, 0.0.0.0,"] {
        assert_eq!(home(exceptions).code(), Some(0), "{exceptions}");
        assert!(proxy.asked().is_empty(), "{exceptions}");
    }
    assert_eq!(home("127.0.0.0/8").code(), Some(0));
    assert!(!proxy.asked().is_empty(), "an exception of the proxy's own address excepts no server");
}

#[test]
fn a_cluster_on_this_machine_needs_no_exception() {
    let api = Api::plain(|_| true);
    let home = Home::new(&plain(&format!("http://{}", api.address())), &token());
    let ended = home.variable("HTTP_PROXY", "http://127.0.0.1:1").run(LISTS);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
}

#[test]
fn an_error_names_the_setting_of_the_proxy_and_no_password() {
    let dead = "http://ann:hunter2@127.0.0.1:1";
    let cluster = "https://cluster.invalid:6443";
    let by_variable = Home::new(&plain(cluster), &token()).variable("https_proxy", dead);
    let by_file = Home::new(&json!({ "server": cluster, "proxy-url": dead }), &token());
    let malformed =
        Home::new(&plain(cluster), &token()).variable("HTTPS_PROXY", "ftp://ann:hunter2@127.0.0.1");
    let told = |home: &Home, words: &[&str], named: &str| {
        let ended = home.run(words);
        let told = format!("{}{}", ended.out, ended.err);
        assert_eq!(ended.code(), Some(4), "{words:?}: {ended:#?}");
        assert!(told.contains(named) && !told.contains("hunter2"), "{words:?}: {told}");
    };
    // A broken connection is tried again for a while.
    thread::scope(|scope| {
        for (home, named) in
            [(by_variable, "https_proxy"), (by_file, "proxy-url"), (malformed, "HTTPS_PROXY")]
        {
            let home = Arc::new(home);
            for words in super::commands("30s") {
                let (home, told) = (home.clone(), &told);
                scope.spawn(move || told(&home, &words, named));
            }
        }
    });
}
