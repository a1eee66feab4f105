//! kube-router on node two: its policy controller alone, which enforces NetworkPolicies by iptables and sets of addresses. A
//! forbidden packet is rejected, where Cilium drops it.
//!
//! The rules are in node two's place, and end with it.

use super::{Place, Service, State, network, parts};

/// Removes what kube-router left: its own way to clean up needs IPVS. The sets are free once no rule names them.
const CLEAN_UP: &str = "iptables-save -t filter | grep -v -e KUBE-ROUTER -e KUBE-NWPLCY -e KUBE-POD-FW | iptables-restore; \
                        ipset destroy";
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
        let clean = self.shell(CLEAN_UP);
        assert!(clean || std::thread::panicking(), "kube-router's rules are still on node two");
    }
}
