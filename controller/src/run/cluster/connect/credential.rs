//! Credentials from a plugin of the kubeconfig (kubernetes.io, "Authentication", "client-go credential plugins").
//!
//! The client library would run the plugin as a blocking call, which no timeout ends, and would print the plugin's environment
//! and output when it fails. Here a plugin cannot prompt, ends with the command that asked for it, and its environment and
//! output reach no message.

use std::{
    collections::HashMap,
    ffi::CStr,
    fs::File,
    io,
    os::{fd::AsRawFd, unix::fs::FileExt},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use kube::config::{AuthInfo, ExecConfig};
use nix::{
    sys::{
        memfd::{MFdFlags, memfd_create},
        signal::{Signal, killpg},
    },
    unistd::Pid,
};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    process::Command,
    time::{sleep, timeout},
};

/// The most time for one answer of a plugin.
const PATIENCE: Duration = Duration::from_mins(1);
/// The time before its end at which a token is renewed; the client library keeps a token for up to a minute.
const AHEAD: Duration = Duration::from_mins(2);
/// The shortest time between two questions to a plugin.
const PAUSE: Duration = Duration::from_secs(10);
/// The name of the file of a token, for those who list the files of this process.
const STORE: &CStr = c"podproof-token";

/// The reason why a plugin gave no credential. The plugin's own words are left out: they may hold secrets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialError {
    #[error("the kubeconfig names a credential plugin without a command")]
    NoCommand,
    #[error("failed to start the credential plugin {program:?}")]
    Start { program: String, source: io::Error },
    #[error(
        "the credential plugin {program:?} failed ({status}); run it by `kubectl get --raw /readyz` to see its own words"
    )]
    Failed { program: String, status: ExitStatus },
    #[error("the credential plugin {program:?} did not answer within {} s", PATIENCE.as_secs())]
    Late { program: String },
    #[error("the credential plugin {program:?} answered no ExecCredential with a token or a certificate")]
    Unreadable { program: String },
    #[error("failed to keep the token in memory")]
    Store(#[source] io::Error),
}

/// The answer of a plugin.
#[derive(Deserialize)]
struct Answer {
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<Timestamp>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

/// A token in a file that only this process has.
struct Store(File);

/// The processes of a plugin, which end when it is dropped.
struct Processes(Option<Pid>);

/// Asks the plugin of an account, if it has one, and puts the answer in its place. The token is renewed before it ends.
pub(super) async fn provide(account: &mut AuthInfo) -> Result<(), CredentialError> {
    let Some(plugin) = account.exec.take() else { return Ok(()) };
    let password = account.username.is_some() && account.password.is_some();
    if password || account.token.is_some() || account.token_file.is_some() {
        return Ok(());
    }
    let Status { expiration_timestamp, token, client_certificate_data, client_key_data } =
        ask(&plugin).await?;
    if let (Some(certificate), Some(key)) = (client_certificate_data, client_key_data) {
        account.client_certificate_data = Some(STANDARD.encode(certificate));
        account.client_key_data = Some(STANDARD.encode(key).into());
    }
    if let Some(token) = token {
        let store = Store::of(&token).map_err(CredentialError::Store)?;
        account.token_file = Some(store.path());
        tokio::spawn(renew(plugin, store, expiration_timestamp));
    }
    Ok(())
}

/// Renews a token before it ends, for as long as the plugin says when a token ends. The task ends with the command.
async fn renew(plugin: ExecConfig, store: Store, mut expires: Option<Timestamp>) {
    while let Some(end) = expires {
        let left = Duration::try_from(end.duration_since(Timestamp::now())).unwrap_or_default();
        sleep(left.saturating_sub(AHEAD).max(PAUSE)).await;
        let Ok(Status { token: Some(token), expiration_timestamp, .. }) = ask(&plugin).await else {
            continue;
        };
        if store.put(&token).is_ok() {
            expires = expiration_timestamp;
        }
    }
    // The file must stay for as long as the client reads it.
    std::future::pending::<()>().await;
    drop(store);
}

async fn ask(plugin: &ExecConfig) -> Result<Status, CredentialError> {
    let program = plugin.command.clone().ok_or(CredentialError::NoCommand)?;
    let child = command(&program, plugin).spawn();
    let child = child.map_err(|source| CredentialError::Start { program: program.clone(), source })?;
    let _processes = Processes(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw));
    let Ok(output) = timeout(PATIENCE, child.wait_with_output()).await else {
        return Err(CredentialError::Late { program });
    };
    let output = output.map_err(|source| CredentialError::Start { program: program.clone(), source })?;
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

impl Store {
    fn of(token: &str) -> io::Result<Self> {
        let store = Self(File::from(memfd_create(STORE, MFdFlags::MFD_CLOEXEC)?));
        store.put(token)?;
        Ok(store)
    }

    fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.0.as_raw_fd())
    }

    fn put(&self, token: &str) -> io::Result<()> {
        self.0.write_all_at(token.as_bytes(), 0)?;
        self.0.set_len(token.len().try_into().map_err(io::Error::other)?)
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        // A plugin that has ended has no process left.
        _ = self.0.map(|group| killpg(group, Signal::SIGKILL));
    }
}

#[cfg(test)]
mod tests {
    use std::{error::Error, time::Instant};

    use super::*;

    fn account(script: &str) -> AuthInfo {
        let exec = json!({
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "/bin/sh",
            "args": ["-c", script],
            "env": [{ "name": "PLUGIN_SECRET", "value": "hunter2" }],
            "interactiveMode": "IfAvailable",
        });
        serde_json::from_value(json!({ "exec": exec })).unwrap()
    }

    async fn refused(script: &str) -> String {
        let error = provide(&mut account(script)).await.unwrap_err();
        let source = error.source().map(ToString::to_string).unwrap_or_default();
        format!("{error}: {source}")
    }

    #[tokio::test]
    async fn a_token_is_read_from_the_plugin_and_kept_in_memory() {
        let script = r#"test -n "$KUBERNETES_EXEC_INFO" && test "$PLUGIN_SECRET" = hunter2 &&
            echo '{"kind":"ExecCredential","status":{"token":"abc","expirationTimestamp":"2030-01-01T00:00:00Z"}}'"#;
        let mut account = account(script);
        provide(&mut account).await.unwrap();
        assert_eq!(std::fs::read_to_string(account.token_file.unwrap()).unwrap(), "abc");
        assert!(account.exec.is_none());
    }

    #[tokio::test]
    async fn a_certificate_is_read_from_the_plugin() {
        let mut account = account(r#"echo '{"status":{"clientCertificateData":"c","clientKeyData":"k"}}'"#);
        provide(&mut account).await.unwrap();
        assert_eq!(account.client_certificate_data, Some(STANDARD.encode("c")));
        assert!(account.client_key_data.is_some() && account.token_file.is_none());
    }

    #[tokio::test]
    async fn neither_the_environment_nor_the_output_reaches_an_error() {
        for script in
            ["echo $PLUGIN_SECRET; echo $PLUGIN_SECRET >&2; exit 3", "echo $PLUGIN_SECRET", "echo '{}'"]
        {
            let said = refused(script).await;
            assert!(said.contains("/bin/sh") && !said.contains("hunter2"), "{said}");
        }
    }

    #[tokio::test]
    async fn a_plugin_that_prompts_reads_an_end() {
        assert!(refused("read -r answer && echo \"$answer\"").await.contains("failed"));
    }

    #[tokio::test]
    async fn a_plugin_that_hangs_ends_with_the_question() {
        let begun = Instant::now();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("alive");
        let script = format!("sleep 2 && touch {} & wait", file.display());
        assert!(timeout(Duration::from_millis(300), provide(&mut account(&script))).await.is_err());
        assert!(begun.elapsed() < Duration::from_secs(2));
        sleep(Duration::from_millis(2500)).await;
        assert!(!file.exists(), "a process of the plugin goes on");
    }

    #[test]
    fn a_shorter_token_replaces_a_longer_one() {
        let store = Store::of("a longer token").unwrap();
        store.put("short").unwrap();
        assert_eq!(std::fs::read_to_string(store.path()).unwrap(), "short");
    }
}
