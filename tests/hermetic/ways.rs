//! Ways to a cluster that people have, against an imitated API server: accounts, credential plugins and proxies. Nothing but
//! loopback is reached.

mod accounts;
mod api;
mod plugins;
mod proxies;

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::{Value, json};
use stage::{Ended, Ground, controller, run};

pub(super) use api::Api;

/// A command that asks the API server for two lists, and succeeds if it gets them.
pub(super) const LISTS: &[&str] = &["cleanup", "--namespace", "shop", "--timeout", "20s"];

/// Each command that asks a cluster.
pub(super) fn commands(timeout: &'static str) -> [Vec<&'static str>; 5] {
    let image = ["--image", "registry.example/probe:1"];
    let words = |command: &'static str, more: &[&'static str]| {
        [&[command, "--namespace", "shop", "--timeout", timeout][..], more].concat()
    };
    [
        words("verify", &image),
        words("plan", &image),
        words("doctor", &image),
        words("cleanup", &[]),
        words("explain-policy", &[]),
    ]
}

/// A user's machine: a kubeconfig, programs on PATH, and variables.
pub(super) struct Home {
    ground: Ground,
    variables: Vec<(String, String)>,
}

impl Home {
    /// Makes a home with a kubeconfig of one cluster and one account.
    pub(super) fn new(cluster: &Value, account: &Value) -> Self {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "one",
            "clusters": [{ "name": "one", "cluster": cluster }],
            "contexts": [{ "name": "one", "context": { "cluster": "one", "user": "one" } }],
            "users": [{ "name": "one", "user": account }],
        });
        let ground = Ground::new();
        fs::write(ground.path().join("kubeconfig"), config.to_string()).unwrap();
        Self { ground, variables: Vec::new() }
    }

    pub(super) fn path(&self) -> &Path {
        self.ground.path()
    }

    /// Puts a shell script on PATH.
    pub(super) fn program(self, name: &str, script: &str) -> Self {
        let file = self.path().join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    pub(super) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn run(&self, words: &[&str]) -> Ended {
        let mut command = controller(words);
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.path().display());
        command.current_dir(self.path()).env("PATH", path).env("ENVIRONMENT", "production");
        command.env("KUBECONFIG", self.path().join("kubeconfig")).envs(self.variables.iter().cloned());
        run::ended(command.spawn().unwrap())
    }
}
