//! Sandboxes with more than one way out: a second network interface, or IPv4 by an address that the node translates.

use proto::Observation;

use super::*;

fn translated() -> Case {
    let mut case = fixture::pod();
    fixture::translated(&mut case);
    case
}

fn with(name: &str, address: &str) -> Case {
    let mut case = fixture::pod();
    fixture::also_by(&mut case, name, address);
    case
}

fn why(case: &Case) -> String {
    let Outcome::Inconclusive(why) = judge(case).outcome else { panic!("decided") };
    why
}

/// Adds a forbidden target, which answers the control and not the sandbox.
fn answering(case: &mut Case, address: &str, named: bool) {
    fixture::also(case, Purpose::Requested, address, (Reach::TimedOut, Reach::Reached));
    case.surroundings.destinations.last_mut().unwrap().named = named;
}

#[test]
fn a_link_local_ipv4_address_with_a_default_route_needs_a_listener() {
    let why = why(&translated());
    assert!(why.contains("IPv4 hosts by its interface v4if0"), "{why}");
    assert!(why.contains("--egress-target"), "{why}");
}

#[test]
fn a_target_of_the_user_shows_a_translated_family_that_no_listener_has() {
    for (address, named, expected) in [
        ("203.0.113.9", true, "met"),
        ("203.0.113.9", false, "open"),
        ("169.254.169.254", true, "open"),
        ("2001:db8::5", true, "open"),
    ] {
        let mut case = translated();
        answering(&mut case, address, named);
        assert_eq!(fixture::told(&judge(&case)), expected, "{address} {named}");
    }
}

#[test]
fn a_target_of_the_user_shows_no_family_that_the_node_does_not_translate() {
    let mut case = fixture::pod();
    fixture::interfaces(&mut case).last_mut().unwrap().addresses.push("2001:db8::7".parse().unwrap());
    answering(&mut case, "2001:db8::5", true);
    assert!(why(&case).contains("no tcp listener on IPv6"), "{}", why(&case));
}

#[test]
fn routes_that_could_not_be_read_are_inconclusive_beside_a_link_local_ipv4_address() {
    let mut case = translated();
    case.collected.evidence.routes = Observation::TimedOut;
    assert!(why(&case).contains("the routes could not be read"), "{}", why(&case));
}

#[test]
fn a_route_to_its_own_link_alone_needs_no_listener() {
    let mut case = translated();
    fixture::interfaces(&mut case).retain(|interface| interface.name != "v4if0");
    let eth0 = fixture::interfaces(&mut case).last_mut().unwrap();
    eth0.addresses.push("169.254.9.9".parse().unwrap());
    for (route, expected) in [("169.254.0.0/16", "met"), ("169.0.0.0/8", "open")] {
        fixture::routes(&mut case, &[("::/0", "eth0"), (route, "eth0")]);
        assert_eq!(fixture::told(&judge(&case)), expected, "{route}");
    }
    answering(&mut case, "203.0.113.9", true);
    assert_eq!(fixture::told(&judge(&case)), "met", "a target of the user shows the family");
}

#[test]
fn a_second_interface_of_the_probe_is_inconclusive() {
    let why = why(&with("net1", "192.0.2.5"));
    assert!(why.contains("(eth0, net1), and nothing shows that net1 is closed"), "{why}");
    assert!(why.contains("defaultNetworks"), "{why}");
}

#[test]
fn a_second_interface_that_is_down_or_without_an_address_is_met() {
    let mut case = with("tunl0", "192.0.2.5");
    fixture::interfaces(&mut case).last_mut().unwrap().up = false;
    assert_eq!(judge(&case).outcome, Outcome::Met);
    let mut case = with("tunl0", "192.0.2.5");
    fixture::interfaces(&mut case).last_mut().unwrap().addresses.clear();
    assert_eq!(judge(&case).outcome, Outcome::Met);
}

#[test]
fn a_translated_interface_beside_an_ipv4_address_of_the_cluster_is_inconclusive() {
    let why = why(&with("v4if0", "169.254.172.5"));
    assert!(why.contains("nothing shows that v4if0 is closed"), "{why}");
}

#[test]
fn the_longest_prefix_tells_the_interface_of_the_listener() {
    let mut case = with("net1", "192.0.2.5");
    fixture::routes(&mut case, &[("0.0.0.0/0", "net1"), ("10.244.0.0/16", "eth0")]);
    assert!(why(&case).contains("nothing shows that net1 is closed"), "{}", why(&case));
    fixture::routes(&mut case, &[("0.0.0.0/0", "net1"), ("10.0.0.0/8", "eth0"), ("10.244.0.0/16", "net1")]);
    assert!(why(&case).contains("nothing shows that eth0 is closed"), "{}", why(&case));
}

#[test]
fn on_this_machine_each_interface_needs_a_target_beyond() {
    let mut case = local();
    fixture::also_by(&mut case, "eth1", "192.0.2.5");
    fixture::routes(&mut case, &[("0.0.0.0/0", "eth0"), ("192.0.2.0/24", "eth1")]);
    assert!(why(&case).contains("nothing shows that eth1 is closed"), "{}", why(&case));
    answering(&mut case, "192.0.2.9", true);
    assert_eq!(judge(&case).outcome, Outcome::Met);
}

#[test]
fn a_second_network_that_the_probe_has_too_is_told_so() {
    let mut case = with("net1", "192.0.2.5");
    let annotations = &mut fixture::pod_view(&mut case).network_annotations;
    annotations.insert("k8s.v1.cni.cncf.io/network-status".into(), "kube-system/lan".into());
    let why = why(&case);
    assert!(why.contains("the probe has several network interfaces, too (eth0, net1)"), "{why}");
    assert!(why.contains("defaultNetworks"), "{why}");
}
