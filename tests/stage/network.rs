//! A small network around a sandbox: hosts in network namespaces of their own, joined by a bridge, behind a router
//! with real packet filters. Nothing leads out of the network. The kernel removes the network with its last
//! descriptor.
//!
//! ```text
//!   sandbox 10.77.1.2 ──── router ──── bridge ─┬─ node       10.77.0.2   where the controller runs
//!           fd77:1::2      (filters)           ├─ api        10.77.0.6
//!                                              ├─ neighbour  10.77.0.7
//!                                              ├─ resolver   10.77.0.53
//!                                              ├─ public     1.1.1.1, 8.8.8.8, 198.51.100.10
//!                                              └─ metadata   169.254.169.254
//! ```

mod host;
mod service;

use std::{
    io::{self, Write},
    net::{IpAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
};

pub use host::Host;
use serde_json::Value;
pub use service::{Answer, Service};

use crate::{
    Ended, Ground, bundle,
    run::{self, controller_program},
};

/// Each host beside the router: its name, its number on the bridge, and its addresses in the world.
const HOSTS: [(&str, u8, &[&str]); 6] = [
    ("node", 2, &[]),
    ("api", 6, &[]),
    ("neighbour", 7, &[]),
    ("resolver", 53, &[]),
    ("public", 10, &["1.1.1.1", "8.8.8.8", "198.51.100.10", "2606:4700:4700::1111", "2001:4860:4860::8888"]),
    ("metadata", 254, &["169.254.169.254"]),
];

/// A script that hides `/proc/sys/net`. By a file below that folder, runsc of 2024 tells the machine's own network
/// from others (`runsc/sandbox/network.go`, `isRootNS`). Newer kernels show the file in every network, and runsc
/// would then refuse to have one.
const HIDING: &str = "mount -t tmpfs none /proc/sys/net; exec \"$@\"";

/// The metadata service's answer to every request.
pub const CREDENTIALS: &str = "AccessKeyId of the small network: xk29-vqh7-metadata";

/// A port without a listener.
const UNUSED: u16 = 9;

/// The small network.
#[derive(Debug)]
pub struct Network {
    router: Host,
    sandbox: Host,
    hosts: Vec<(&'static str, Host)>,
    /// Services of the hosts, which answer until they are dropped.
    _services: Vec<Service>,
}

impl Network {
    /// Builds the network and starts its services. The resolver and the public name servers give this answer.
    pub fn new(names: Answer) -> Self {
        let router = Host::new();
        router.sh("ip link set lo up; ip link add wire type bridge; ip link set wire up; \
             ip address add 10.77.0.1/24 dev wire; ip address add fd77::1/64 dev wire nodad; \
             echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding; \
             echo 0 >/proc/sys/net/ipv4/icmp_ratelimit; echo 0 >/proc/sys/net/ipv6/icmp/ratelimit");
        let hosts: Vec<_> = HOSTS
            .iter()
            .map(|&(name, number, others)| (name, joined(&router, name, number, others)))
            .collect();
        let sandbox = Host::new();
        router.connect("sandbox", &sandbox);
        router.sh("ip address add 10.77.1.1/24 dev sandbox; ip address add fd77:1::1/64 dev sandbox nodad; \
             ip link set sandbox up");
        sandbox.sh(
            "ip address add 10.77.1.2/24 dev eth0; ip address add fd77:1::2/64 dev eth0 nodad; ip link set eth0 up; \
             ip link set lo up; ip route add default via 10.77.1.1; ip route add default via fd77:1::1",
        );
        let beyond = HOSTS.iter().flat_map(|(_, number, others)| addresses(*number, others));
        sandbox.within(|| beyond.for_each(answers));
        let services =
            HOSTS.iter().zip(&hosts).flat_map(|(row, (_, host))| services(row, host, names)).collect();
        Self { router, sandbox, hosts, _services: services }
    }

    /// Returns a host by its name.
    pub fn host(&self, name: &str) -> &Host {
        let found = self.hosts.iter().find(|(known, _)| *known == name);
        &found.unwrap_or_else(|| panic!("there is no host {name}")).1
    }

    /// Returns the router, which every packet passes.
    pub fn router(&self) -> &Host {
        &self.router
    }

    /// Returns the host that becomes the sandbox's network. gVisor takes the addresses away when it starts.
    pub fn sandbox(&self) -> &Host {
        &self.sandbox
    }

    /// Filters the packets that the router forwards, by rules of an nftables chain.
    pub fn cut(&self, rules: &str) {
        self.router.sh(&cutting("forward", rules));
    }

    /// Prepares the same filter as a function for another thread. Its call takes no time: nft already runs and waits
    /// for the rules.
    pub fn cutter(&self, rules: &str) -> impl FnOnce() + Send + 'static {
        let mut nft = self.router.within(|| {
            let mut command = Command::new("nft");
            command.args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap()
        });
        let rules = table("forward", rules);
        move || {
            nft.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
            assert!(nft.wait().unwrap().success());
        }
    }

    /// Returns true if a rule with a counter has met a packet.
    pub fn has_counted(&self) -> bool {
        let listed = self
            .router
            .within(|| Command::new("nft").args(["list", "table", "inet", "cut"]).output().unwrap().stdout);
        let listed = String::from_utf8(listed).unwrap();
        listed.contains("counter packets") && !listed.contains("counter packets 0 ")
    }

    /// Removes the router's filter.
    pub fn lift(&self) {
        self.router.sh("nft delete table inet cut");
    }

    /// Filters the packets that a host receives.
    pub fn shut(&self, host: &str, rules: &str) {
        self.host(host).sh(&cutting("input", rules));
    }

    /// Runs the controller on the node, with a bundle whose sandbox is in this network.
    pub fn verify(&self, ground: &Ground, runtime: &str, name_server: Option<&str>, words: &[&str]) -> Ended {
        let mut command = self.command(ground, runtime, |folder, _| {
            if let Some(server) = name_server {
                std::fs::write(folder.join("rootfs/etc/resolv.conf"), format!("nameserver {server}\n"))
                    .unwrap();
            }
        });
        run::ended(command.args(["--output", "json"]).args(words).spawn().unwrap())
    }

    /// Returns the controller's command for that run, with a bundle that the test may change.
    pub fn command(&self, ground: &Ground, runtime: &str, change: impl FnOnce(&Path, &mut Value)) -> Command {
        let folder = ground.path().join("mine");
        std::fs::create_dir_all(&folder).unwrap();
        bundle::write(&folder, |config| {
            let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
            let network = namespaces.iter_mut().find(|namespace| namespace["type"] == "network").unwrap();
            network["path"] = self.sandbox.path().into();
            change(&folder, config);
        });
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.host("node").path()));
        command.args(["unshare", "--mount", "--propagation=private", "sh", "-ec", HIDING, "sh"]);
        command.arg(controller_program());
        command.args(["verify", "--local", "--quiet", "--runtime", runtime, "--bundle"]);
        let mut command = run::clean(command);
        command.arg(&folder).env("TMPDIR", ground.path());
        command
    }
}

/// Makes a host on the bridge. The router has the routes to its addresses in the world.
fn joined(router: &Host, name: &str, number: u8, others: &[&str]) -> Host {
    let host = Host::new();
    router.connect(name, &host);
    router.sh(&format!("ip link set {name} master wire up"));
    host.sh(&format!(
        "ip link set lo up; ip address add 10.77.0.{number}/24 dev eth0; ip address add fd77::{number}/64 dev eth0 nodad; \
         ip link set eth0 up; ip route add default via 10.77.0.1; ip route add default via fd77::1"
    ));
    for other in others {
        let (bits, via) = if other.contains(':') {
            (128, format!("fd77::{number}"))
        } else {
            (32, format!("10.77.0.{number}"))
        };
        let nodad = if bits == 128 { "nodad" } else { "" };
        host.sh(&format!("ip address add {other}/{bits} dev eth0 {nodad}"));
        router.sh(&format!("ip route add {other}/{bits} via {via}"));
    }
    host
}

/// Returns all addresses of a host.
fn addresses(number: u8, others: &[&str]) -> impl Iterator<Item = IpAddr> {
    let own = [format!("10.77.0.{number}"), format!("fd77::{number}")];
    let all = own.into_iter().chain(others.iter().map(|&other| other.to_owned()));
    all.map(|address| address.parse().unwrap())
}

/// Waits until an address answers "connection refused", which takes a new link a while.
fn answers(address: IpAddr) {
    let refused = TcpStream::connect((address, UNUSED)).map_err(|error| error.kind());
    assert_eq!(refused.map(drop), Err(io::ErrorKind::ConnectionRefused), "{address}");
}

/// On a host with several addresses, each address answers for itself: a client discards an answer from another
/// address.
fn services(&(name, number, others): &(&str, u8, &[&str]), host: &Host, names: Answer) -> Vec<Service> {
    let (tcp, udp): (&[u16], &[(u16, Answer)]) = match name {
        "node" => (&[10_250], &[]),
        "api" => (&[443], &[]),
        "neighbour" => (&[8080], &[(8080, Answer::Echo)]),
        "resolver" => (&[53], &[(53, names)]),
        "public" => (&[53, 80, 443], &[(53, names), (443, Answer::Echo)]),
        _ => return vec![Service::http(host, 80, CREDENTIALS)],
    };
    let addresses: Vec<_> = addresses(number, others).collect();
    let tcp = tcp.iter().map(|&port| Service::tcp(host, port));
    let udp = udp.iter().flat_map(|&(port, answer)| {
        addresses.iter().map(move |&address| Service::udp(host, (address, port).into(), answer))
    });
    tcp.chain(udp).collect()
}

fn cutting(hook: &str, rules: &str) -> String {
    format!("nft -f - <<'END'\n{}\nEND", table(hook, rules))
}

fn table(hook: &str, rules: &str) -> String {
    format!("table inet cut {{\n chain {hook} {{\n type filter hook {hook} priority 0;\n{rules}\n }}\n}}\n")
}
