//! The proxy on the way to the API server: `proxy-url` of the kubeconfig, else the variables that kubectl reads
//! (golang.org/x/net/http/httpproxy; client-go, `transport.Config`).

mod exceptions;

use std::{fmt, net::IpAddr};

use http::{Uri, uri::InvalidUri};

/// The key of the kubeconfig.
const PROXY_URL: &str = "proxy-url";

/// A proxy, and the setting that names it. The user and the password of its URL are never displayed.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Proxy {
    url: Uri,
    named_by: &'static str,
}

/// Why the proxy of a setting cannot be used. The URL is left out: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyRefused {
    #[error("{named_by} is no URL of a proxy")]
    Malformed { named_by: &'static str, source: Option<InvalidUri> },
    #[error("{named_by} names a proxy of the scheme {scheme:?}; http, https, socks5 and socks5h are spoken")]
    Scheme { named_by: &'static str, scheme: String },
    #[error("{named_by} names a SOCKS proxy with a user and a password, which the controller cannot send")]
    Password { named_by: &'static str },
}

/// Chooses the proxy for an API server; `None` for a direct connection. `NO_PROXY` excepts servers from the variables alone.
pub(super) fn choose(
    configured: Option<&str>,
    server: &Uri,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Proxy>, ProxyRefused> {
    if let Some(url) = configured {
        return Proxy::parse(url, PROXY_URL).map(Some);
    }
    let is_plain = server.scheme_str() == Some("http");
    let names = if is_plain { ["HTTP_PROXY", "http_proxy"] } else { ["HTTPS_PROXY", "https_proxy"] };
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let Some((name, url)) = names.into_iter().find_map(|name| Some((name, set(name)?))) else {
        return Ok(None);
    };
    let host = server.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let port = server.port_u16().unwrap_or(if is_plain { 80 } else { 443 });
    let exceptions = set("NO_PROXY").or_else(|| set("no_proxy")).unwrap_or_default();
    let is_loopback = host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    if host == "localhost" || is_loopback || exceptions::hold(&exceptions, host, port) {
        return Ok(None);
    }
    Proxy::parse(&url, name).map(Some)
}

impl Proxy {
    fn parse(text: &str, named_by: &'static str) -> Result<Self, ProxyRefused> {
        let malformed = |source| ProxyRefused::Malformed { named_by, source };
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let given: Uri = text.parse().map_err(|source| malformed(Some(source)))?;
        let scheme = given.scheme_str().unwrap_or_default().to_lowercase();
        let authority = given.authority().ok_or_else(|| malformed(None))?;
        let (scheme, port) = match scheme.as_str() {
            "http" => ("http", 80),
            "https" => ("https", 443),
            // Go looks up names at the proxy for both, and so does the client.
            "socks5" | "socks5h" => ("socks5", 1080),
            _ => return Err(ProxyRefused::Scheme { named_by, scheme }),
        };
        if scheme == "socks5" && authority.as_str().contains('@') {
            return Err(ProxyRefused::Password { named_by });
        }
        let host = authority.as_str();
        let authority = if authority.port().is_some() { host.to_owned() } else { format!("{host}:{port}") };
        let url = Uri::builder().scheme(scheme).authority(authority).path_and_query("/").build();
        Ok(Self { url: url.map_err(|_| malformed(None))?, named_by })
    }

    /// Returns the URL, with its user and password.
    pub(super) const fn url(&self) -> &Uri {
        &self.url
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.url.authority().map_or("", http::uri::Authority::as_str);
        let place = authority.rsplit('@').next().unwrap_or_default();
        write!(formatter, "{}://{place} of {}", self.url.scheme_str().unwrap_or_default(), self.named_by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(configured: Option<&str>, server: &str, variables: &[(&str, &str)]) -> Option<String> {
        let variable =
            |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
        choose(configured, &server.parse().unwrap(), variable).unwrap().map(|proxy| proxy.to_string())
    }

    const SERVER: &str = "https://api.example.com:6443";

    #[test]
    fn the_kubeconfigs_own_proxy_comes_before_every_variable() {
        let variables = [("HTTPS_PROXY", "http://other"), ("NO_PROXY", "*")];
        let chosen = chosen(Some("http://proxy:3128"), SERVER, &variables);
        assert_eq!(chosen.as_deref(), Some("http://proxy:3128 of proxy-url"));
    }

    #[test]
    fn the_variable_of_the_servers_scheme_is_read() {
        let variables = [("HTTPS_PROXY", "secure:3128"), ("http_proxy", "plain")];
        assert_eq!(chosen(None, SERVER, &variables).as_deref(), Some("http://secure:3128 of HTTPS_PROXY"));
        assert_eq!(
            chosen(None, "http://api.example.com", &variables).as_deref(),
            Some("http://plain:80 of http_proxy")
        );
    }

    #[test]
    fn a_server_on_this_machine_needs_no_proxy() {
        let variables = [("HTTPS_PROXY", "http://proxy:3128")];
        for server in ["https://localhost:6443", "https://127.0.0.1:40000", "https://[::1]:6443"] {
            assert_eq!(chosen(None, server, &variables), None, "{server}");
        }
    }

    #[test]
    fn an_excepted_server_is_asked_directly() {
        let variables = [("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", ".svc, .example.com,")];
        assert_eq!(chosen(None, SERVER, &variables), None);
        assert!(chosen(None, "https://api.example.org", &variables).is_some());
    }

    #[test]
    fn socks_is_spoken_without_a_password() {
        let proxy = |url| Proxy::parse(url, PROXY_URL);
        assert_eq!(proxy("socks5h://proxy").unwrap().to_string(), "socks5://proxy:1080 of proxy-url");
        assert!(matches!(proxy("socks5://ann:hunter2@proxy"), Err(ProxyRefused::Password { .. })));
    }

    #[test]
    fn no_message_has_the_password() {
        assert_eq!(
            Proxy::parse("http://ann:hunter2@proxy:3128", PROXY_URL).unwrap().to_string(),
            "http://proxy:3128 of proxy-url"
        );
        for url in ["ftp://ann:hunter2@proxy", "socks5://ann:hunter2@proxy", "http://ann:hunter2@pro xy"] {
            let refused = Proxy::parse(url, PROXY_URL).unwrap_err();
            let source = std::error::Error::source(&refused).map(ToString::to_string).unwrap_or_default();
            assert!(!format!("{refused} {source}").contains("hunter2"), "{refused}: {source}");
        }
    }
}
