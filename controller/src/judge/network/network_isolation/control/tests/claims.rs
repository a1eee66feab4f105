//! Claims for devices. A driver may give a pod a network interface in place of a GPU, and a probe claims no device.

use super::*;
use crate::{
    case::{
        cluster::{Device, DeviceClaim, DeviceRequest},
        environment::Environment,
    },
    judge::{
        network::network_isolation::REQUIREMENT,
        policy::{Acceptance, Accepted, Policy},
    },
};

/// Returns the judgement of a pod that asks for a device of the class `gpu.example`, under a policy that accepts this class.
fn judged(by: DeviceRequest, accepted: &str) -> Outcome {
    let mut case = fixture::pod();
    fixture::pod_view(&mut case).devices = Some(vec![Device { by, name: "device".into() }]);
    let claim = DeviceClaim { by, name: "device".into(), classes: vec!["gpu.example".into()] };
    Arc::make_mut(&mut fixture::in_cluster(&mut case).cluster).device_claims = Ok(vec![claim]);
    let mut policy = Policy::of(Environment::Production);
    policy.accepted.push(Acceptance {
        of: Accepted::Device,
        name: accepted.into(),
        owner: "team".into(),
        reason: "inference".into(),
        line: 1,
    });
    fixture::judged_under(&policy, &REQUIREMENT, &case).outcome
}

#[test]
fn a_device_claim_that_may_be_a_network_is_inconclusive() {
    for by in [DeviceRequest::Claim, DeviceRequest::ClaimTemplate] {
        let Outcome::Inconclusive(why) = judged(by, "other.example") else { panic!("decided") };
        assert!(why.contains("claims the device device of the DeviceClass gpu.example"), "{why}");
        assert!(why.contains("accepted-devices"), "{why}");
    }
}

#[test]
fn a_device_claim_that_the_policy_file_accepts_is_met() {
    assert_eq!(judged(DeviceRequest::ClaimTemplate, "gpu.example"), Outcome::Met);
}

#[test]
fn an_extended_resource_is_no_network() {
    assert_eq!(judged(DeviceRequest::Resource, "other.example"), Outcome::Met);
}
