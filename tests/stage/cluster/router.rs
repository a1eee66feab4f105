//! kube-router on node two: its policy controller alone, which enforces NetworkPolicies by iptables and sets of addresses. A
//! forbidden packet is rejected, where Cilium drops it.
//!
//! The rules are in node two's place, and end with it.

use super::{Place, Service, State, network, parts};

/// Removes what kube-router left: its own way to clean up needs IPVS. The sets are free once no rule names them.
const CLEAN_UP: &str = "iptables-save -t filter | grep -v -e KUBE-ROUTER -e KUBE-NWPLCY -e KUBE-POD-FW | iptables-restore; \
                        ipset destroy";
/// Drops what a pod sends while the agent does not know it, as the AWS plugin's strict mode does. The agent marks a packet that its
/// rules let pass, and lets answers pass without a mark (`pkg/controllers/netpol/pod.go` in kube-router 2.1.0).
const STRICT: &str = "nft -f - <<'END'
table inet strict {
    chain leaving {
        ip saddr PODS ct state != { established, related } meta mark & 0x20000 == 0 drop
    }
    chain forward {
        type filter hook forward priority filter + 10;
        jump leaving
    }
    chain input {
        type filter hook input priority filter + 10;
        jump leaving
    }
}
END";
const NOT_STRICT: &str = "nft add table inet strict; nft delete table inet strict";
/// The chain that every forwarded packet passes.
const CHAIN: &str = "iptables -n -L KUBE-ROUTER-FORWARD";

/// A running kube-router. Dropping the value ends the program, and takes its rules away.
#[derive(Debug)]
pub struct Router {
    agent: Service,
    place: Place,
}

impl Router {
    pub(super) fn start(state: &State, place: Place) -> Self {
        let program = parts::part("kube-router").join("kube-router");
        let agent = Service::new(state, place, "kube-router", program)
            .option("--kubeconfig", state.kubeconfig())
            .word(format!("--hostname-override={}", network::TWO))
            .word(format!("--service-cluster-ip-range={}", network::SERVICES))
            .words(&[
                "--run-firewall=true",
                "--run-router=false",
                "--run-service-proxy=false",
                "--health-port=0",
            ]);
        let router = Self { agent, place };
        router.start_again();
        router
    }

    /// Keeps every pod from the network until the agent has made its rules. Without this a busy agent leaves a new pod open for
    /// some seconds.
    #[must_use]
    pub fn strict(self) -> Self {
        self.place.sh(&STRICT.replace("PODS", network::pods(network::TWO)));
        self
    }

    /// Returns the program, to be stopped or frozen. Its rules stay: they hold for the pods that it knew.
    pub fn agent(&self) -> &Service {
        &self.agent
    }

    /// Starts the program, also after a stop, and waits until its rules are there.
    pub fn start_again(&self) {
        self.agent.start();
        self.agent.until("its rules", || self.shell(CHAIN));
    }

    fn shell(&self, script: &str) -> bool {
        self.place.within("sh").args(["-ec", script]).output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        if self.agent.lives() {
            self.agent.kill();
        }
        let clean = self.shell(NOT_STRICT) && self.shell(CLEAN_UP);
        assert!(clean || std::thread::panicking(), "kube-router's rules are still on node two");
    }
}
