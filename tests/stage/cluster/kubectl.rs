//! The administrator's requests to the API server, by kubectl.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use serde_json::Value;

use super::{Cluster, control_plane};
use crate::run::{self, Ended};

impl Cluster {
    /// Returns kubectl's command with these arguments, in the network of the control plane.
    pub fn kubectl_command(&self, words: &[&str]) -> Command {
        let mut command = self.inside(self.parts.kubernetes.join("kubectl"));
        command.args(words).env("HOME", self.state.join("home"));
        command
    }

    /// Runs kubectl, and kills it after these seconds.
    pub(super) fn kubectl_within(&self, seconds: u32, words: &[&str]) -> Ended {
        let mut command = self.inside("timeout");
        command.arg("--signal=KILL").arg(seconds.to_string()).arg(self.parts.kubernetes.join("kubectl"));
        run::finished(command.args(words).env("HOME", self.state.join("home")))
    }

    /// Runs kubectl to its end.
    pub fn kubectl(&self, words: &[&str]) -> Ended {
        run::finished(&mut self.kubectl_command(words))
    }

    /// Runs shell commands in a folder, with kubectl on PATH.
    pub fn shell_in(&self, folder: &Path, commands: &str) -> Ended {
        let mut shell = self.inside("sh");
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.parts.kubernetes.display());
        shell.args(["-c", commands]).current_dir(folder).env("PATH", path);
        run::finished(shell.env("HOME", self.state.join("home")))
    }

    /// Runs kubectl, which must succeed; returns its output.
    pub fn ask(&self, words: &[&str]) -> String {
        let ended = self.kubectl(words);
        assert!(ended.status.success(), "kubectl {words:?}: {ended:#?}");
        ended.out
    }

    /// Returns an object or a list, as the API server has it.
    pub fn get(&self, words: &[&str]) -> Value {
        let words = [&["get", "--output=json"], words].concat();
        serde_json::from_str(&self.ask(&words)).unwrap()
    }

    /// Applies objects, written as YAML or JSON.
    pub fn apply(&self, objects: &str) {
        self.feed(&["apply", "--filename=-"], objects);
    }

    /// Runs kubectl with standard input; it must succeed.
    pub fn feed(&self, words: &[&str], input: &str) -> String {
        let mut command = self.kubectl_command(words);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let input = input.to_owned();
        let writer = thread::spawn(move || pipe.write_all(input.as_bytes()));
        let ended = run::ended(child);
        assert!(ended.status.success(), "kubectl {words:?}: {ended:#?}");
        writer.join().unwrap().unwrap();
        ended.out
    }

    /// Writes a kubeconfig of a service account, with a token that outlasts the tests.
    pub fn account(&self, namespace: &str, name: &str) -> PathBuf {
        let token = self.ask(&["create", "token", name, "--namespace", namespace, "--duration=24h"]);
        let configuration = control_plane::kubeconfig(&self.state, token.trim());
        self.state.write(&format!("accounts/{namespace}-{name}"), configuration.to_string())
    }

    /// Returns the audit log's requests from clients whose user agent begins with these words.
    pub fn requests(&self, agent: &str) -> Vec<Value> {
        let mut events = self.logged("");
        events.retain(|event| event["userAgent"].as_str().is_some_and(|name| name.starts_with(agent)));
        events
    }

    /// Returns the audit log's events with a word. The log has a line for each, and no other lines are parsed.
    fn logged(&self, word: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(control_plane::audit_log(&self.state)).unwrap_or_default();
        let lines = text.lines().filter(|line| line.contains(word));
        lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Returns the kubeconfig of an administrator whose requests and answers are logged whole.
    pub fn recorded_kubeconfig(&self) -> PathBuf {
        self.state.join("accounts/recorded")
    }

    /// Returns the audit log's events of the administrator whose requests and answers are logged whole.
    pub fn recorded(&self) -> Vec<Value> {
        let mut events = self.logged(control_plane::RECORDED);
        events.retain(|event| event["user"]["username"] == control_plane::RECORDED);
        events
    }

    pub(super) fn until_answers(&self) {
        let server = &self.control_plane.api_server;
        server.until("readiness", || self.kubectl(&["get", "--raw=/readyz"]).status.success());
    }

    pub(super) fn until_nodes_are_ready(&self) {
        for node in &self.nodes {
            let object = format!("node/{}", node.name());
            node.kubelet().until("a ready node", || {
                self.kubectl(&["wait", "--for=condition=Ready", "--timeout=5s", &object]).status.success()
            });
            // The controllers take the taint a moment after the condition.
            node.kubelet().until("a node without its taint", || {
                !self.ask(&["get", &object, "--output=jsonpath={.spec.taints}"]).contains("/not-ready")
            });
        }
        self.ask(&["wait", "--for=create", "--timeout=60s", "serviceaccount/default"]);
    }
}
