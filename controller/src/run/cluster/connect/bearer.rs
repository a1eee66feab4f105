//! Bearer tokens that change while a command runs: from files that are replaced, and from credential plugins.
//!
//! The client library reads a file once a minute and asks a plugin by a blocking call. Here each request reads the file, and a
//! plugin is asked before its token ends and once more after the API server refused the token.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderValue;
use jiff::Timestamp;
use kube::config::{AuthInfo, ExecConfig};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::Instant,
};

use super::credential::{CredentialError, Status, ask};

/// The time before its end at which a token is renewed.
const AHEAD: Duration = Duration::from_mins(1);
/// The shortest time between two questions to a plugin for the same reason.
const PAUSE: Duration = Duration::from_secs(10);

/// An account's token and where to get the next one.
pub(super) struct Bearer {
    source: Source,
    token: Mutex<Token>,
}

enum Source {
    File(String),
    Plugin(Box<ExecConfig>),
}

struct Token {
    header: HeaderValue,
    expires: Option<Timestamp>,
    /// The time of the last renewal before the token's end.
    renewed: Option<Instant>,
    /// The time of the last question after a refusal.
    refused: Option<Instant>,
}

impl Bearer {
    /// Takes the file or the plugin out of an account and gets the first token; `None` for an account without them. A plugin
    /// may answer with a certificate instead, which becomes the account's own.
    pub(super) async fn of(account: &mut AuthInfo) -> Result<Option<Self>, CredentialError> {
        let plugin = account.exec.take();
        if let Some(file) = account.token_file.take() {
            match read(&file) {
                Ok(header) => {
                    account.token = None;
                    return Ok(Some(Self::new(Source::File(file), header, None)));
                }
                Err(_) if account.token.is_some() => {}
                Err(error) => return Err(error),
            }
        }
        let has_password = account.username.is_some() && account.password.is_some();
        if has_password || account.token.is_some() {
            account.auth_provider = None;
            return Ok(None);
        }
        // Their plugins left kubectl with 1.26. The token of OpenID Connect is used as it is.
        if let Some(provider) = account.auth_provider.as_ref().filter(|provider| provider.name != "oidc") {
            return Err(CredentialError::Provider { name: provider.name.clone() });
        }
        let Some(plugin) = plugin else { return Ok(None) };
        let Status { expiration_timestamp, token, client_certificate_data, client_key_data } =
            ask(&plugin).await?;
        if let (Some(certificate), Some(key)) = (client_certificate_data, client_key_data) {
            account.client_certificate_data = Some(STANDARD.encode(certificate));
            account.client_key_data = Some(STANDARD.encode(key).into());
        }
        let Some(token) = token else { return Ok(None) };
        let header = header(&token)?;
        Ok(Some(Self::new(Source::Plugin(plugin.into()), header, expiration_timestamp)))
    }

    fn new(source: Source, header: HeaderValue, expires: Option<Timestamp>) -> Self {
        Self { source, token: Mutex::new(Token { header, expires, renewed: None, refused: None }) }
    }

    /// Returns the header of a request. The last token stays if no new one can be had: the API server decides then.
    pub(super) async fn header(&self) -> HeaderValue {
        let mut token = self.token.lock().await;
        match &self.source {
            Source::File(_) => self.renew(&mut token).await,
            Source::Plugin(_) if token.ends_soon() && is_past(token.renewed) => {
                token.renewed = Some(Instant::now());
                self.renew(&mut token).await;
            }
            Source::Plugin(_) => {}
        }
        token.header.clone()
    }

    /// Returns another header after the API server refused one; `None` if there is none.
    pub(super) async fn after_refusal(&self, refused: &HeaderValue) -> Option<HeaderValue> {
        let mut token = self.token.lock().await;
        // Several requests may be refused at once: the first of them renews for all.
        if token.header == refused && is_past(token.refused) {
            if matches!(self.source, Source::Plugin(_)) {
                token.refused = Some(Instant::now());
            }
            self.renew(&mut token).await;
        }
        (token.header != refused).then(|| token.header.clone())
    }

    async fn renew(&self, token: &mut MutexGuard<'_, Token>) {
        let renewed = match &self.source {
            Source::File(file) => read(file).map(|header| (header, None)),
            Source::Plugin(plugin) => match ask(plugin).await {
                Ok(Status { token: Some(token), expiration_timestamp, .. }) => {
                    header(&token).map(|header| (header, expiration_timestamp))
                }
                Ok(_) => return,
                Err(error) => Err(error),
            },
        };
        match renewed {
            Ok((header, expires)) => (token.header, token.expires) = (header, expires),
            Err(error) => tracing::debug!("the token stays as it is: {error}"),
        }
    }
}

impl Token {
    fn ends_soon(&self) -> bool {
        self.expires.is_some_and(|end| {
            Duration::try_from(end.duration_since(Timestamp::now())).unwrap_or_default() < AHEAD
        })
    }
}

fn is_past(asked: Option<Instant>) -> bool {
    asked.is_none_or(|asked| asked.elapsed() >= PAUSE)
}

fn read(file: &str) -> Result<HeaderValue, CredentialError> {
    let token = std::fs::read_to_string(file)
        .map_err(|source| CredentialError::TokenFile { file: file.to_owned(), source })?;
    header(&token)
}

/// Returns the header of a token, which never reaches a log.
fn header(token: &str) -> Result<HeaderValue, CredentialError> {
    let header = HeaderValue::try_from(format!("Bearer {}", token.trim()));
    let mut header = header.map_err(|_| CredentialError::Malformed)?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plugin(script: &str) -> AuthInfo {
        let exec = json!({ "apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/sh", "args": ["-c", script] });
        serde_json::from_value(json!({ "exec": exec })).unwrap()
    }

    /// A plugin that gives the tokens 1, 2, 3 and so on, each until a time.
    fn counting(folder: &std::path::Path, end: &str) -> AuthInfo {
        let count = folder.join("count").display().to_string();
        plugin(&format!(
            r#"echo >> {count}; printf '{{"status":{{"token":"%s","expirationTimestamp":"{end}"}}}}' $(wc -l < {count})"#
        ))
    }

    #[tokio::test]
    async fn a_replaced_file_is_read_by_the_next_request() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "first\n").unwrap();
        let mut account = AuthInfo { token_file: Some(file.display().to_string()), ..AuthInfo::default() };
        let bearer = Bearer::of(&mut account).await.unwrap().unwrap();
        assert_eq!(bearer.header().await, "Bearer first");
        std::fs::write(&file, "second").unwrap();
        assert_eq!(bearer.header().await, "Bearer second");
        std::fs::remove_file(&file).unwrap();
        assert_eq!(bearer.header().await, "Bearer second");
    }

    #[tokio::test]
    async fn a_file_comes_before_a_fixed_token_if_it_can_be_read() {
        let account = json!({ "token": "fixed", "tokenFile": "/nowhere/token" });
        let mut account: AuthInfo = serde_json::from_value(account).unwrap();
        assert!(Bearer::of(&mut account).await.unwrap().is_none());
        assert!(account.token.is_some());
        let mut account = AuthInfo { token_file: Some("/nowhere/token".into()), ..AuthInfo::default() };
        assert!(matches!(Bearer::of(&mut account).await, Err(CredentialError::TokenFile { .. })));
    }

    #[tokio::test]
    async fn a_plugin_is_asked_again_before_its_token_ends() {
        let folder = tempfile::tempdir().unwrap();
        let bearer = Bearer::of(&mut counting(folder.path(), "2020-01-01T00:00:00Z")).await.unwrap().unwrap();
        assert_eq!(bearer.header().await, "Bearer 2");
        assert_eq!(bearer.header().await, "Bearer 2", "without a pause");
    }

    #[tokio::test]
    async fn a_token_that_lasts_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let bearer = Bearer::of(&mut counting(folder.path(), "2999-01-01T00:00:00Z")).await.unwrap().unwrap();
        assert_eq!(bearer.header().await, "Bearer 1");
    }

    #[tokio::test]
    async fn a_refused_token_is_renewed_once() {
        let folder = tempfile::tempdir().unwrap();
        let bearer = Bearer::of(&mut counting(folder.path(), "2999-01-01T00:00:00Z")).await.unwrap().unwrap();
        let first = bearer.header().await;
        assert_eq!(bearer.after_refusal(&first).await.unwrap(), "Bearer 2");
        assert_eq!(bearer.after_refusal(&first).await.unwrap(), "Bearer 2", "another request's refusal");
        assert_eq!(bearer.after_refusal(&bearer.header().await).await, None);
    }

    #[tokio::test]
    async fn a_provider_of_old_kubeconfigs_is_refused_by_name() {
        let account = json!({ "auth-provider": { "name": "gcp", "config": { "cmd-path": "/bin/echo" } } });
        let refused = Bearer::of(&mut serde_json::from_value(account).unwrap()).await;
        assert!(matches!(refused, Err(CredentialError::Provider { name }) if name == "gcp"));
    }
}
