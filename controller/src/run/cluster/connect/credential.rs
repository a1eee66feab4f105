//! Credentials from a plugin of the kubeconfig (kubernetes.io, "Authentication", "client-go credential plugins").
//!
//! The client library would run the plugin as a blocking call, which no timeout ends, and would print the plugin's environment
//! and output when it fails. Here a plugin cannot prompt, ends with the command that asked for it, and its environment and
//! output reach no message.

use std::{
    collections::HashMap,
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use jiff::Timestamp;
use kube::config::{ExecConfig, ExecInteractiveMode};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde::Deserialize;
use serde_json::json;
use tokio::{process::Command, time::timeout};

/// The most time for one answer of a plugin.
const PATIENCE: Duration = Duration::from_mins(1);
/// The most characters of an installation hint.
const HINT: usize = 300;

/// The reason why there is no credential. The plugin's own words are left out: they may hold secrets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialError {
    #[error("the kubeconfig names a credential plugin without a command")]
    NoCommand,
    #[error("failed to start the credential plugin {program:?}{}", hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default())]
    Start { program: String, hint: Option<String>, source: io::Error },
    #[error("the credential plugin {program:?} asks for a terminal (interactiveMode Always), and gets none")]
    Interactive { program: String },
    #[error(
        "the credential plugin {program:?} failed ({status}); run it by `kubectl get --raw /readyz` to see its own words"
    )]
    Failed { program: String, status: ExitStatus },
    #[error("the credential plugin {program:?} did not answer within {} s", PATIENCE.as_secs())]
    Late { program: String },
    #[error("the credential plugin {program:?} answered no ExecCredential with a token or a certificate")]
    Unreadable { program: String },
    #[error("failed to read the token file {file:?}")]
    TokenFile { file: String, source: io::Error },
    #[error("the token has characters that no request can carry")]
    Malformed,
    #[error(
        "the auth-provider {name:?} of the kubeconfig left kubectl with 1.26; a credential plugin (`exec`) takes its place"
    )]
    Provider { name: String },
}

/// The answer of a plugin.
#[derive(Deserialize)]
struct Answer {
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) expiration_timestamp: Option<Timestamp>,
    pub(super) token: Option<String>,
    pub(super) client_certificate_data: Option<String>,
    pub(super) client_key_data: Option<String>,
}

/// The processes of a plugin, which end when it is dropped.
struct Processes(Option<Pid>);

/// Asks a plugin for a token or a certificate.
pub(super) async fn ask(plugin: &ExecConfig) -> Result<Status, CredentialError> {
    let program = plugin.command.clone().ok_or(CredentialError::NoCommand)?;
    if plugin.interactive_mode == Some(ExecInteractiveMode::Always) {
        return Err(CredentialError::Interactive { program });
    }
    let not_started = |source| CredentialError::Start {
        program: program.clone(),
        hint: plugin.install_hint.as_ref().filter(|hint| !hint.is_empty()).map(|hint| shortened(hint)),
        source,
    };
    let child = command(&program, plugin).spawn().map_err(not_started)?;
    let _processes = Processes(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw));
    let Ok(output) = timeout(PATIENCE, child.wait_with_output()).await else {
        return Err(CredentialError::Late { program });
    };
    let output = output.map_err(not_started)?;
    if !output.status.success() {
        return Err(CredentialError::Failed { program, status: output.status });
    }
    // Some plugins write YAML, of which JSON is a part.
    let answer =
        std::str::from_utf8(&output.stdout).ok().and_then(|text| serde_saphyr::from_str::<Answer>(text).ok());
    let is_useful = |status: &Status| {
        status.token.is_some()
            || (status.client_certificate_data.is_some() && status.client_key_data.is_some())
    };
    let status = answer.map(|answer| answer.status).filter(is_useful);
    status.ok_or(CredentialError::Unreadable { program })
}

fn command(program: &str, plugin: &ExecConfig) -> Command {
    let spec = match &plugin.cluster {
        Some(cluster) if plugin.provide_cluster_info => json!({ "interactive": false, "cluster": cluster }),
        _ => json!({ "interactive": false }),
    };
    let info = json!({ "apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec });
    let variable = |variable: &HashMap<String, String>| {
        variable.get("name").cloned().zip(variable.get("value").cloned())
    };
    let mut command = Command::new(program);
    command
        .args(plugin.args.iter().flatten())
        .envs(plugin.env.iter().flatten().filter_map(variable))
        .env("KUBERNETES_EXEC_INFO", info.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .process_group(0);
    for name in plugin.drop_env.iter().flatten() {
        command.env_remove(name);
    }
    command
}

/// Returns the first words of a hint for people.
fn shortened(hint: &str) -> String {
    hint.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(HINT).collect()
}

impl Drop for Processes {
    fn drop(&mut self) {
        // A plugin that has ended has no process left.
        _ = self.0.map(|group| killpg(group, Signal::SIGKILL));
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use tokio::time::sleep;

    use super::*;

    fn plugin(script: &str) -> ExecConfig {
        let plugin = json!({
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "/bin/sh",
            "args": ["-c", script],
            "env": [{ "name": "PLUGIN_SECRET", "value": "hunter2" }],
            "interactiveMode": "IfAvailable",
        });
        serde_json::from_value(plugin).unwrap()
    }

    async fn refused(plugin: &ExecConfig) -> String {
        let error = ask(plugin).await.err().unwrap();
        let source = error.source().map(ToString::to_string).unwrap_or_default();
        format!("{error}: {source}")
    }

    #[tokio::test]
    async fn a_token_is_read_from_the_plugin() {
        let script = r#"test -n "$KUBERNETES_EXEC_INFO" && test "$PLUGIN_SECRET" = hunter2 &&
            echo '{"kind":"ExecCredential","status":{"token":"abc","expirationTimestamp":"2030-01-01T00:00:00Z"}}'"#;
        let status = ask(&plugin(script)).await.unwrap();
        assert_eq!(status.token.as_deref(), Some("abc"));
        assert!(status.expiration_timestamp.is_some());
    }

    #[tokio::test]
    async fn a_certificate_is_read_from_the_plugin() {
        let script = r#"echo '{"status":{"clientCertificateData":"c","clientKeyData":"k"}}'"#;
        let status = ask(&plugin(script)).await.unwrap();
        assert_eq!((status.client_certificate_data.as_deref(), status.token), (Some("c"), None));
    }

    #[tokio::test]
    async fn neither_the_environment_nor_the_output_reaches_an_error() {
        for script in
            ["echo $PLUGIN_SECRET; echo $PLUGIN_SECRET >&2; exit 3", "echo $PLUGIN_SECRET", "echo '{}'"]
        {
            let said = refused(&plugin(script)).await;
            assert!(said.contains("/bin/sh") && !said.contains("hunter2"), "{said}");
        }
    }

    #[tokio::test]
    async fn a_plugin_that_prompts_reads_an_end() {
        assert!(refused(&plugin("read -r answer && echo \"$answer\"")).await.contains("failed"));
    }

    #[tokio::test]
    async fn a_missing_plugin_is_named_with_its_installation_hint() {
        let hint = Some("Install the plugin:\n  apt-get install it".to_owned());
        let missing = ExecConfig { command: Some("no-such-plugin".into()), install_hint: hint, ..plugin("") };
        let said = refused(&missing).await;
        assert!(said.contains("no-such-plugin\" (Install the plugin: apt-get install it)"), "{said}");
    }

    #[tokio::test]
    async fn a_plugin_that_demands_a_terminal_is_not_started() {
        let always = ExecConfig { interactive_mode: Some(ExecInteractiveMode::Always), ..plugin("exit 3") };
        assert!(refused(&always).await.contains("terminal"));
    }

    #[tokio::test]
    async fn a_plugin_that_hangs_ends_with_the_question() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("alive");
        let script = format!("sleep 2 && touch {} & wait", file.display());
        assert!(timeout(Duration::from_millis(300), ask(&plugin(&script))).await.is_err());
        sleep(Duration::from_millis(2500)).await;
        assert!(!file.exists(), "a process of the plugin goes on");
    }
}
