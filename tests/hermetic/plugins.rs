//! Ways to a cluster that a kubeconfig names: credential plugins and proxies. Nothing but loopback is reached.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use stage::{Ended, Ground, controller, run};

/// Runs a command with a kubeconfig of one cluster and one account.
fn ran(words: &[&str], cluster: &Value, account: &Value) -> Ended {
    let ground = Ground::new();
    let kubeconfig = ground.path().join("kubeconfig");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "one",
        "clusters": [{ "name": "one", "cluster": cluster }],
        "contexts": [{ "name": "one", "context": { "cluster": "one", "user": "one" } }],
        "users": [{ "name": "one", "user": account }],
    });
    fs::write(&kubeconfig, config.to_string()).unwrap();
    let mut command = controller(words);
    command.current_dir(ground.path()).env("KUBECONFIG", &kubeconfig).env("ENVIRONMENT", "production");
    run::ended(command.spawn().unwrap())
}

fn plugin(script: &str) -> Value {
    json!({ "exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/sh", "args": ["-c", script],
        "env": [{ "name": "PLUGIN_SECRET", "value": "hunter2" }], "interactiveMode": "IfAvailable",
    }})
}

fn nowhere() -> Value {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    json!({ "server": format!("https://127.0.0.1:{port}") })
}

/// Each command that asks a cluster, with a time of its own.
fn commands() -> [Vec<&'static str>; 5] {
    let image = ["--image", "registry.example/probe:1"];
    let words = |command: &'static str, more: &[&'static str]| {
        [&[command, "--namespace", "shop", "--timeout", "2s"][..], more].concat()
    };
    [
        words("verify", &image),
        words("plan", &image),
        words("doctor", &image),
        words("cleanup", &[]),
        words("explain-policy", &[]),
    ]
}

#[test]
fn a_plugin_that_hangs_ends_with_the_time_of_the_command() {
    for words in commands() {
        let begun = Instant::now();
        let ended = ran(&words, &nowhere(), &plugin("sleep 60"));
        assert_eq!(ended.code(), Some(4), "{words:?}: {ended:#?}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{words:?}");
    }
}

#[test]
fn a_plugin_that_fails_is_named_without_its_environment_and_output() {
    for words in commands() {
        let ended = ran(&words, &nowhere(), &plugin("echo $PLUGIN_SECRET; echo $PLUGIN_SECRET >&2; exit 3"));
        assert_eq!(ended.code(), Some(4), "{words:?}: {ended:#?}");
        let told = format!("{}{}", ended.out, ended.err);
        assert!(told.contains("/bin/sh") && !told.contains("hunter2"), "{words:?}: {told}");
    }
}

#[test]
fn a_proxy_of_the_kubeconfig_is_asked_for_the_api_server() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = proxy.local_addr().unwrap();
    let asked = thread::spawn(move || {
        let (connection, _) = proxy.accept().unwrap();
        let mut line = String::new();
        BufReader::new(connection).read_line(&mut line).unwrap();
        line
    });
    let cluster =
        json!({ "server": "https://cluster.invalid:6443", "proxy-url": format!("http://{address}") });
    let words = ["doctor", "--namespace", "shop", "--image", "registry.example/probe:1", "--timeout", "20s"];
    let ended = ran(&words, &cluster, &json!({ "token": "abc" }));
    assert_eq!(ended.code(), Some(4), "{ended:#?}");
    assert_eq!(asked.join().unwrap().trim_end(), "CONNECT cluster.invalid:6443 HTTP/1.1");
}
