//! The API server's host as the controller asks it. Managed clusters have private addresses behind their Service, and a public
//! one that only a kubeconfig names: a sandbox with a way to the public internet reaches the server there.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use http::Uri;

/// The host and the port of an API server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Outside {
    host: String,
    port: u16,
    /// True if a proxy on the way looks the host's name up.
    by_proxy: bool,
}

/// Why the addresses of a host are not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum OutsideError {
    #[error("a proxy looks the name up")]
    ByProxy,
    #[error("the name could not be looked up here: {0}")]
    LookUp(#[from] io::Error),
}

impl Outside {
    /// Returns the host of an API server's URL; `None` if the URL has none, or names this machine.
    pub(super) fn of(server: &Uri, by_proxy: bool) -> Option<Self> {
        let host = server.host()?.trim_start_matches('[').trim_end_matches(']');
        let port = server.port_u16().unwrap_or(if server.scheme_str() == Some("http") { 80 } else { 443 });
        let is_here = host == "localhost" || host.parse().is_ok_and(|address| !leads_beyond(address));
        (!host.is_empty() && !is_here).then(|| Self { host: host.to_owned(), port, by_proxy })
    }

    /// Returns the host's addresses with the port, without those of this machine. Only a name is looked up.
    pub(super) async fn addresses(&self) -> Result<Vec<SocketAddr>, OutsideError> {
        if let Ok(address) = self.host.parse() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        if self.by_proxy {
            return Err(OutsideError::ByProxy);
        }
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await?;
        let mut addresses: Vec<_> = found.filter(|found| leads_beyond(found.ip())).collect();
        addresses.sort_unstable();
        addresses.dedup();
        Ok(addresses)
    }

    /// Returns the remark on a host whose addresses are not known.
    pub(super) fn untried(&self, error: &OutsideError) -> String {
        format!("{} was not tried as an address of the API server: {error}", self.host)
    }
}

fn leads_beyond(address: IpAddr) -> bool {
    !address.to_canonical().is_loopback() && !address.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(server: &str, by_proxy: bool) -> Option<Outside> {
        Outside::of(&server.parse().unwrap(), by_proxy)
    }

    #[test]
    fn a_server_on_this_machine_has_no_address_outside() {
        for server in
            ["https://localhost:6443", "https://127.0.0.1:40000", "https://[::1]:6443", "https://0.0.0.0"]
        {
            assert_eq!(of(server, false), None, "{server}");
        }
    }

    #[tokio::test]
    async fn an_address_is_taken_as_it_is_written() {
        for (server, expected) in [
            ("https://192.0.2.1", "192.0.2.1:443"),
            ("http://192.0.2.1", "192.0.2.1:80"),
            ("https://192.0.2.1:6443/clusters/one", "192.0.2.1:6443"),
            ("https://[2001:db8::1]:6443", "[2001:db8::1]:6443"),
        ] {
            let found = of(server, true).unwrap().addresses().await.unwrap();
            assert_eq!(found, [expected.parse().unwrap()], "{server}");
        }
    }

    #[tokio::test]
    async fn a_name_behind_a_proxy_is_told_and_not_looked_up() {
        let outside = of("https://api.example:6443", true).unwrap();
        let error = outside.addresses().await.unwrap_err();
        let remark = outside.untried(&error);
        assert_eq!(
            remark,
            "api.example was not tried as an address of the API server: a proxy looks the name up"
        );
    }
}
