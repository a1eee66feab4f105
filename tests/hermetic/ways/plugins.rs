//! Credential plugins: the programs of the large providers, each imitated, and plugins in trouble.

use std::net::TcpListener;

use serde_json::{Value, json};

use super::{Api, Home, LISTS, commands};

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

/// An API server that admits one token.
fn admitting(token: &'static str) -> (Api, Value) {
    let api = Api::plain(move |asked| asked.all("authorization") == [format!("Bearer {token}")]);
    let cluster = json!({ "server": format!("http://{}", api.address()) });
    (api, cluster)
}

const V1BETA1: &str = "client.authentication.k8s.io/v1beta1";

#[test]
fn the_program_of_eks_gives_its_token() {
    let (_api, cluster) = admitting("k8s-aws-v1.abc");
    let account = json!({ "exec": {
        "apiVersion": V1BETA1, "command": "aws",
        "args": ["--region", "eu-west-1", "eks", "get-token", "--cluster-name", "shop", "--output", "json"],
        "env": [{ "name": "AWS_PROFILE", "value": "shop" }], "interactiveMode": "IfAvailable",
        "provideClusterInfo": false,
    }});
    let script = r#"test "$*" = '--region eu-west-1 eks get-token --cluster-name shop --output json' || exit 9
test "$AWS_PROFILE" = shop || exit 9
case "$KUBERNETES_EXEC_INFO" in *client.authentication.k8s.io/v1beta1*) ;; *) exit 9;; esac
end=$(date -u -d '14 minutes' +%Y-%m-%dT%H:%M:%SZ)
echo '{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1beta1", "spec": {},
 "status": {"expirationTimestamp": "'$end'", "token": "k8s-aws-v1.abc"}}'"#;
    let ended = Home::new(&cluster, &account).program("aws", script).run(LISTS);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
}

#[test]
fn the_program_of_gke_is_told_the_cluster() {
    let (_api, cluster) = admitting("ya29.abc");
    let account = json!({ "exec": {
        "apiVersion": V1BETA1, "command": "gke-gcloud-auth-plugin", "args": null, "env": null,
        "installHint": "Install the plugin, see https://cloud.example/docs", "provideClusterInfo": true,
    }});
    let server = cluster["server"].as_str().unwrap();
    let script = format!(
        r#"case "$KUBERNETES_EXEC_INFO" in *'"server":"{server}"'*) ;; *) exit 9;; esac
echo '{{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","spec":{{"interactive":false}},
"status":{{"expirationTimestamp":"2999-01-01T00:00:00Z","token":"ya29.abc"}}}}'"#
    );
    let ended = Home::new(&cluster, &account).program("gke-gcloud-auth-plugin", &script).run(LISTS);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let missing = Home::new(&cluster, &account).variable("PATH", "/nowhere").run(LISTS);
    assert_eq!(missing.code(), Some(4), "{missing:#?}");
    assert!(
        missing.err.contains("gke-gcloud-auth-plugin") && missing.err.contains("Install the plugin"),
        "{missing:#?}"
    );
}

#[test]
fn the_program_of_aks_gives_its_token() {
    let (_api, cluster) = admitting("eyJ.abc");
    let account = json!({ "exec": {
        "apiVersion": V1BETA1, "command": "kubelogin",
        "args": ["get-token", "--login", "azurecli", "--server-id", "6dae42f8-4368-4678-94ff-3960e28e3630"],
        "provideClusterInfo": false,
    }});
    let script = r#"test "$1 $3 $5" = 'get-token azurecli 6dae42f8-4368-4678-94ff-3960e28e3630' || exit 9
echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","spec":{"interactive":false},"status":{"expirationTimestamp":"2999-01-01T00:00:00+00:00","token":"eyJ.abc"}}'"#;
    let ended = Home::new(&cluster, &account).program("kubelogin", script).run(LISTS);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
}

/// Gives the tokens token-1, token-2 and so on, which end at a time.
fn counting(end: &str) -> String {
    format!(
        r#"echo >> count; echo '{{"status":{{"expirationTimestamp":"{end}","token":"token-'$(wc -l < count)'"}}}}'"#
    )
}

#[test]
fn a_token_that_ends_is_renewed_before_it_is_shown() {
    let (api, cluster) = admitting("token-2");
    let ended = Home::new(&cluster, &plugin(&counting("2020-01-01T00:00:00Z"))).run(LISTS);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    assert!(api.asked().iter().all(|asked| asked.all("authorization") == ["Bearer token-2"]));
}

#[test]
fn a_token_that_the_api_server_refuses_is_renewed_once() {
    let (_api, cluster) = admitting("token-2");
    let ended = Home::new(&cluster, &plugin(&counting("2999-01-01T00:00:00Z"))).run(LISTS);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let (api, cluster) = admitting("no token of this plugin");
    let home = Home::new(&cluster, &plugin(&counting("2999-01-01T00:00:00Z")));
    let ended = home.run(LISTS);
    assert_eq!(ended.code(), Some(4), "{ended:#?}");
    assert_eq!(std::fs::read_to_string(home.path().join("count")).unwrap().lines().count(), 2);
    assert!(api.asked().iter().all(|asked| asked.path.starts_with("/api")));
}

#[test]
fn a_plugin_that_hangs_ends_with_the_time_of_the_command() {
    for words in commands("2s") {
        let ended = Home::new(&nowhere(), &plugin("sleep 600")).run(&words);
        assert_eq!(ended.code(), Some(4), "{words:?}: {ended:#?}");
        assert!(ended.err.contains("in time"), "{words:?}: {ended:#?}");
    }
}

/// The plugin sends the signal itself: its parent is the controller.
#[test]
fn a_signal_ends_a_watch_whose_plugin_hangs() {
    let words = ["watch", "--namespace", "shop", "--control-namespace", "podproof", "--publish", "podproof"];
    let others = ["--image", "registry.example/probe:1", "--environment", "production"];
    let home = Home::new(&nowhere(), &plugin("kill -TERM $PPID; sleep 600"));
    let ended = home.run(&[&words[..], &others].concat());
    assert_eq!(ended.code(), Some(130), "{ended:#?}");
}

#[test]
fn a_plugin_that_fails_is_named_without_its_environment_and_output() {
    for words in commands("2s") {
        let script = "echo $PLUGIN_SECRET; echo $PLUGIN_SECRET >&2; exit 3";
        let ended = Home::new(&nowhere(), &plugin(script)).run(&words);
        assert_eq!(ended.code(), Some(4), "{words:?}: {ended:#?}");
        let told = format!("{}{}", ended.out, ended.err);
        assert!(told.contains("/bin/sh") && !told.contains("hunter2"), "{words:?}: {told}");
    }
}
