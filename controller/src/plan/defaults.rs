//! Targets that a probe attempts by default if its sandbox has a network of its own. The probe only checks that these
//! hosts answer.

use std::net::IpAddr;

use proto::{Protocol, Target};

use crate::case::destination::{Destination, Purpose};

/// A public name that every working resolver knows (RFC 2606, section 3).
pub const NAME: &str = "example.com";

/// One default target.
#[derive(Clone, Copy, Debug)]
pub struct Default {
    /// The class of the target.
    pub purpose: Purpose,
    /// The target's owner.
    pub of: &'static str,
    /// The target's address.
    pub address: &'static str,
    /// The target's port; 0 for an ICMP echo.
    pub port: u16,
    /// The protocol of the attempt.
    pub protocol: Protocol,
    /// The documentation of the address.
    pub source: &'static str,
}

/// Every target that is attempted by default.
pub const DEFAULTS: &[Default] = &[
    internet("1.1.1.1", 443, Protocol::Tcp),
    internet("1.1.1.1", 80, Protocol::Tcp),
    internet("1.1.1.1", 0, Protocol::Echo),
    internet("2606:4700:4700::1111", 443, Protocol::Tcp),
    internet("2606:4700:4700::1111", 0, Protocol::Echo),
    name_server("Cloudflare", "1.1.1.1", Protocol::Dns, "developers.cloudflare.com/1.1.1.1/ip-addresses"),
    name_server("Cloudflare", "1.1.1.1", Protocol::Tcp, "developers.cloudflare.com/1.1.1.1/ip-addresses"),
    name_server(
        "Cloudflare",
        "2606:4700:4700::1111",
        Protocol::Dns,
        "developers.cloudflare.com/1.1.1.1/ip-addresses",
    ),
    name_server("Google", "8.8.8.8", Protocol::Dns, "developers.google.com/speed/public-dns"),
    name_server("Google", "2001:4860:4860::8888", Protocol::Dns, "developers.google.com/speed/public-dns"),
    metadata(
        "AWS, GCP, Azure, Oracle, DigitalOcean, Hetzner, IBM, Vultr, Akamai, Yandex, OpenStack",
        "169.254.169.254",
        80,
        "docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html",
    ),
    metadata(
        "AWS",
        "fd00:ec2::254",
        80,
        "docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html",
    ),
    metadata(
        "AWS ECS",
        "169.254.170.2",
        80,
        "docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html",
    ),
    metadata(
        "AWS EKS Pod Identity",
        "169.254.170.23",
        80,
        "docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html",
    ),
    metadata(
        "AWS EKS Pod Identity",
        "fd00:ec2::23",
        80,
        "docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html",
    ),
    metadata("GCP", "fd20:ce::254", 80, "cloud.google.com/compute/docs/metadata/querying-metadata"),
    metadata(
        "GKE",
        "169.254.169.252",
        988,
        "cloud.google.com/kubernetes-engine/docs/how-to/workload-identity",
    ),
    metadata(
        "Azure's wire server",
        "168.63.129.16",
        80,
        "learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16",
    ),
    metadata(
        "Azure's wire server",
        "168.63.129.16",
        32_526,
        "learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16",
    ),
    metadata(
        "Alibaba",
        "100.100.100.200",
        80,
        "www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata",
    ),
    metadata(
        "Oracle",
        "fd00:c1::a9fe:a9fe",
        80,
        "docs.oracle.com/iaas/Content/Compute/Tasks/gettingmetadata.htm",
    ),
    metadata(
        "Akamai",
        "fd00:a9fe:a9fe::1",
        80,
        "docs.cloud-init.io/en/latest/reference/datasources/akamai.html",
    ),
    metadata("Scaleway", "169.254.42.42", 80, SCALEWAY),
    metadata("Scaleway", "fd00:42::42", 80, SCALEWAY),
    metadata("Tencent", "169.254.0.23", 80, "www.tencentcloud.com/document/product/213/4934"),
    local_name_server(
        "NodeLocal DNSCache",
        "169.254.20.10",
        "kubernetes.io/docs/tasks/administer-cluster/nodelocaldns",
    ),
    local_name_server(
        "AWS",
        "169.254.169.253",
        "docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html",
    ),
    local_name_server(
        "AWS",
        "fd00:ec2::253",
        "docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html",
    ),
    local_name_server("GCP, Oracle", "169.254.169.254", "cloud.google.com/compute/docs/internal-dns"),
    local_name_server(
        "Azure",
        "168.63.129.16",
        "learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16",
    ),
    local_name_server("Alibaba", "100.100.2.136", ALIBABA_DNS),
    local_name_server("Alibaba", "100.100.2.138", ALIBABA_DNS),
];

const SCALEWAY: &str = "github.com/canonical/cloud-init/blob/main/cloudinit/sources/DataSourceScaleway.py";
const ALIBABA_DNS: &str = "www.alibabacloud.com/help/en/dns/pvtz-what-is-private-dns";

const fn internet(address: &'static str, port: u16, protocol: Protocol) -> Default {
    let source = "developers.cloudflare.com/1.1.1.1/ip-addresses";
    Default { purpose: Purpose::PublicInternet, of: "Cloudflare", address, port, protocol, source }
}

const fn name_server(
    of: &'static str,
    address: &'static str,
    protocol: Protocol,
    source: &'static str,
) -> Default {
    Default { purpose: Purpose::PublicDns, of, address, port: 53, protocol, source }
}

const fn local_name_server(of: &'static str, address: &'static str, source: &'static str) -> Default {
    let (purpose, protocol) = (Purpose::LocalDns, Protocol::Dns);
    Default { purpose, of, address, port: 53, protocol, source }
}

const fn metadata(of: &'static str, address: &'static str, port: u16, source: &'static str) -> Default {
    Default { purpose: Purpose::Metadata, of, address, port, protocol: Protocol::Tcp, source }
}

impl Default {
    /// Returns true if a target equals this row's target.
    pub fn is(&self, target: &Target) -> bool {
        self.address.parse() == Ok(target.address)
            && (self.port, self.protocol) == (target.port, target.protocol)
    }
}

/// Returns all default destinations and the sandbox's own name servers.
pub fn destinations() -> impl Iterator<Item = Destination> {
    let rows = DEFAULTS.iter().filter_map(|row| {
        let target = Target::at(0, row.address.parse().ok()?, row.port, row.protocol);
        Some(Destination { target: asking(target), purpose: row.purpose, named: false })
    });
    rows.chain([own_resolver()])
}

/// Returns the destination for the sandbox's own name servers.
fn own_resolver() -> Destination {
    let target = Target::at(0, std::net::Ipv4Addr::UNSPECIFIED.into(), 0, Protocol::Resolver);
    Destination { target: asking(target), purpose: Purpose::OwnResolver, named: false }
}

/// Adds a public name to look up if the target is a name server.
pub(super) fn asking(mut target: Target) -> Target {
    if matches!(target.protocol, Protocol::Dns | Protocol::Resolver) {
        NAME.clone_into(&mut target.name);
    }
    target
}

/// Returns the class of an address that the user named.
pub(super) fn purpose(address: IpAddr, otherwise: Purpose) -> Purpose {
    let known = DEFAULTS.iter().find(|row| row.address.parse().is_ok_and(|known: IpAddr| known == address));
    known.filter(|row| row.purpose == Purpose::Metadata).map_or(otherwise, |row| row.purpose)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_target_is_attempted_once() {
        let all: Vec<_> = destinations().map(|destination| destination.name()).collect();
        assert_eq!(all.len(), DEFAULTS.len() + 1);
        let mut sorted = all.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), all.len(), "{all:?}");
    }

    #[test]
    fn only_targets_of_name_servers_carry_a_name() {
        for destination in destinations() {
            let asks = matches!(destination.target.protocol, Protocol::Dns | Protocol::Resolver);
            assert_eq!(!destination.target.name.is_empty(), asks, "{}", destination.name());
        }
    }

    #[test]
    fn a_named_metadata_service_keeps_its_class() {
        let class = |address: &str| purpose(address.parse().unwrap(), Purpose::Requested);
        assert_eq!(class("169.254.169.254"), Purpose::Metadata);
        assert_eq!(class("1.1.1.1"), Purpose::Requested);
    }
}
