//! The list of `NO_PROXY`, by the rules of Go's `httpproxy.Config`.

use std::net::IpAddr;

use crate::case::policy::Block;

/// Returns true if a list excepts a host. An entry that has no meaning excepts nothing.
pub(super) fn hold(list: &str, host: &str, port: u16) -> bool {
    let host = host.trim().trim_end_matches('.').to_lowercase();
    list.split(',').map(|entry| entry.trim().to_lowercase()).any(|entry| holds(&entry, &host, port))
}

fn holds(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    let address: Option<IpAddr> = host.parse().ok();
    if let Some(block) = Block::parse(entry) {
        return address.is_some_and(|address| block.contains(address));
    }
    let (name, wanted) = with_port(entry);
    if wanted.is_some_and(|wanted| wanted != port.to_string()) || name.is_empty() {
        return false;
    }
    if let Ok(excepted) = name.parse::<IpAddr>() {
        return address == Some(excepted);
    }
    let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
    match name.strip_prefix('.') {
        Some(_) => host.ends_with(name),
        None => host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')),
    }
}

/// Splits an entry into its host and its port. The colons of an IPv6 address without brackets are no port's.
fn with_port(entry: &str) -> (&str, Option<&str>) {
    if let Some((address, rest)) = entry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (address, rest.strip_prefix(':'));
    }
    match entry.split_once(':') {
        Some((name, port)) if !port.contains(':') => (name, Some(port)),
        _ => (entry, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_an_entry_excepts_its_hosts() {
        for (list, host, port, is_held) in [
            ("*", "a.example", 443, true),
            ("b.example,*", "a.example", 443, true),
            ("example.com", "example.com", 443, true),
            ("example.com", "api.example.com", 443, true),
            ("example.com", "notexample.com", 443, false),
            (".example.com", "api.example.com", 443, true),
            (".example.com", "example.com", 443, false),
            ("*.example.com", "api.example.com", 443, true),
            ("*.example.com", "example.com", 443, false),
            ("EXAMPLE.com", "Api.Example.COM", 443, true),
            ("example.com:6443", "example.com", 6443, true),
            ("example.com:443", "example.com", 6443, false),
            ("10.0.0.1", "10.0.0.1", 6443, true),
            ("10.0.0.1:443", "10.0.0.1", 6443, false),
            ("10.0.0.0/8", "10.1.2.3", 6443, true),
            ("10.0.0.0/8", "11.1.2.3", 6443, false),
            ("fd00::/8", "fd00::1", 6443, true),
            ("fd00::1", "fd00::1", 6443, true),
            ("[fd00::1]:6443", "fd00::1", 6443, true),
            ("[fd00::1]:443", "fd00::1", 6443, false),
            (" a.example , .svc,", "kubernetes.default.svc", 443, true),
            (",,", "a.example", 443, false),
            ("", "a.example", 443, false),
            (":443", "a.example", 443, false),
            ("no/host", "a.example", 443, false),
        ] {
            assert_eq!(hold(list, host, port), is_held, "{list:?} and {host}:{port}");
        }
    }
}
