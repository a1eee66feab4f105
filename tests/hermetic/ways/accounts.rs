//! Who asks: certificates, token files, and users to act as.

use std::fs;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    Api, Home, LISTS,
    api::{AUTHORITY, CLIENT},
    commands,
};

fn plain(api: &Api) -> Value {
    json!({ "server": format!("http://{}", api.address()) })
}

#[test]
fn a_client_certificate_of_the_kubeconfig_is_shown() {
    let api = Api::of_certificates();
    let cluster = json!({
        "server": format!("https://{}", api.address()), "certificate-authority-data": STANDARD.encode(AUTHORITY),
    });
    let data = json!({
        "client-certificate-data": STANDARD.encode(CLIENT.0), "client-key-data": STANDARD.encode(CLIENT.1),
    });
    let ended = Home::new(&cluster, &data).run(LISTS);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    // Files are named beside the kubeconfig.
    let files =
        Home::new(&cluster, &json!({ "client-certificate": "client.pem", "client-key": "client-key.pem" }));
    fs::write(files.path().join("client.pem"), CLIENT.0).unwrap();
    fs::write(files.path().join("client-key.pem"), CLIENT.1).unwrap();
    let ended = files.run(LISTS);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let ended = Home::new(&cluster, &json!({})).run(LISTS);
    assert_eq!(ended.code(), Some(4), "{ended:#?}");
}

/// The cluster of the controller's own pod is not the one that the variable names.
#[test]
fn every_command_refuses_a_variable_that_names_missing_files_alone() {
    for words in commands("5s") {
        let api = Api::plain(|_| true);
        let home = Home::new(&plain(&api), &json!({})).variable("KUBECONFIG", "/no/such/one:/no/such/two");
        let ended = home.run(&words);
        assert_eq!(ended.code(), Some(4), "{words:?}: {ended:#?}");
        assert!(ended.err.contains("/no/such/one, /no/such/two"), "{words:?}: {}", ended.err);
        assert!(ended.err.contains("correct KUBECONFIG"), "{words:?}: {}", ended.err);
    }
}

/// The content of a secret in the place of its path is a common mistake in pipelines.
#[test]
fn the_content_of_a_kubeconfig_in_the_place_of_its_path_is_never_shown() {
    let content = "apiVersion: v1\nusers:\n- name: ci\n  user:\n    token: a-secret\n";
    let encoded = STANDARD.encode(content.repeat(20));
    for content in [content, encoded.as_str()] {
        let home = || Home::new(&json!({}), &json!({}));
        let of_flag = home().run(&[LISTS, &["--kubeconfig", content]].concat());
        let of_variable = home().variable("KUBECONFIG", content).run(LISTS);
        for ended in [of_flag, of_variable] {
            assert_eq!(ended.code(), Some(4), "{ended:#?}");
            assert!(ended.err.contains("no path"), "{}", ended.err);
            assert!(!ended.err.contains("a-secret") && !ended.err.contains(&encoded[..40]), "{}", ended.err);
        }
    }
}

#[test]
fn a_token_file_that_is_replaced_after_a_refusal_is_read_again() {
    let home = Home::new(&json!({}), &json!({}));
    let token = home.path().join("token");
    fs::write(&token, "first\n").unwrap();
    let replaced = token.clone();
    let api = Api::plain(move |asked| {
        let is_second = asked.all("authorization") == ["Bearer second"];
        if !is_second {
            fs::write(&replaced, "second\n").unwrap();
        }
        is_second
    });
    let ended = Home::new(&plain(&api), &json!({ "tokenFile": token })).run(LISTS);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
}

#[test]
fn a_refused_token_ends_the_command() {
    let api = Api::plain(|_| false);
    let ended = Home::new(&plain(&api), &json!({ "token": "abc" })).run(LISTS);
    assert_eq!(ended.code(), Some(4), "{ended:#?}");
    assert!(api.asked().iter().all(|asked| asked.all("authorization") == ["Bearer abc"]));
}

#[test]
fn every_command_acts_as_the_user_and_the_groups_of_its_flags() {
    for words in commands("5s") {
        let api = Api::plain(|_| true);
        let account = json!({ "token": "abc", "as": "somebody-else" });
        let act = ["--as", "bob", "--as-group", "ops", "--as-group", "all"];
        let ended = Home::new(&plain(&api), &account).run(&[&words[..], &act].concat());
        let asked = api.asked();
        assert!(!asked.is_empty(), "{words:?}: {ended:#?}");
        for request in asked {
            assert_eq!(request.all("impersonate-user"), ["bob"], "{words:?}: {request:?}");
            assert_eq!(request.all("impersonate-group"), ["ops", "all"], "{words:?}: {request:?}");
        }
    }
}

#[test]
fn the_user_of_the_kubeconfig_is_obeyed() {
    let api = Api::plain(|_| true);
    let account = json!({
        "token": "abc", "as": "ann", "as-groups": ["dev"], "as-uid": "7", "as-user-extra": { "scopes": ["view"] },
    });
    assert_eq!(Home::new(&plain(&api), &account).run(LISTS).code(), Some(0));
    let asked = api.asked();
    let first = asked.first().unwrap();
    assert_eq!(first.all("impersonate-user"), ["ann"]);
    assert_eq!(first.all("impersonate-group"), ["dev"]);
    assert_eq!(first.all("impersonate-uid"), ["7"]);
    assert_eq!(first.all("impersonate-extra-scopes"), ["view"]);
}

#[test]
fn a_group_without_a_user_is_refused() {
    let api = Api::plain(|_| true);
    let ended =
        Home::new(&plain(&api), &json!({ "token": "abc" })).run(&[LISTS, &["--as-group", "ops"]].concat());
    assert_eq!(ended.code(), Some(4), "{ended:#?}");
    assert!(ended.err.contains("--as-group") && ended.err.contains("--as USER"), "{}", ended.err);
    assert!(api.asked().is_empty());
}
