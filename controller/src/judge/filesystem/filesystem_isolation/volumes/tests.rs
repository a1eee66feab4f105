use std::sync::Arc;

use super::*;
use crate::{
    case::cluster::{CsiDriver, Origin, StorageClass},
    fixture,
    judge::filesystem::filesystem_isolation::tests::judge,
};

fn volume(name: &str, kind: VolumeKind, source: &str) -> Volume {
    Volume { name: name.into(), kind, source: source.into(), ..Volume::default() }
}

fn cluster(case: &mut Case) -> &mut Cluster {
    Arc::make_mut(&mut fixture::in_cluster(case).cluster)
}

/// Returns a case whose pod has this volume.
fn with(volume: Volume) -> Case {
    let mut case = fixture::pod();
    fixture::pod_view(&mut case).volumes.push(volume);
    case
}

fn class(name: &str, provisioner: &str, default: bool) -> StorageClass {
    StorageClass { name: name.into(), provisioner: provisioner.into(), default }
}

#[test]
fn a_claim_is_judged_by_the_volume_behind_it() {
    let csi = |driver| vec![volume("data", VolumeKind::Csi, driver)];
    for (claims, outcome) in [
        (Ok(vec![volume("data", VolumeKind::HostPath, "/srv")]), "unmet"),
        (Ok(vec![volume("data", VolumeKind::Local, "/mnt/disk")]), "unmet"),
        (Ok(vec![volume("data", VolumeKind::Network, "nfs")]), "met"),
        (Ok(csi("pd.csi.storage.gke.io")), "met"),
        (Ok(csi("hostpath.csi.k8s.io")), "unmet"),
        (Ok(csi("vendor.example")), "open"),
        (Ok(vec![volume("data", VolumeKind::Driver, "vendor/thing")]), "open"),
        (Ok(Vec::new()), "open"),
        (Err(fixture::forbidden("list persistentvolumes")), "open"),
    ] {
        let mut case = with(volume("disk", VolumeKind::Claim, "data"));
        cluster(&mut case).claims = claims;
        assert_eq!(fixture::told(&judge(&case)), outcome, "{:?}", cluster(&mut case).claims);
    }
}

#[test]
fn an_inline_volume_is_judged_by_its_driver() {
    for (driver, outcome) in [
        ("secrets-store.csi.k8s.io", "met"),
        ("csi.cert-manager.io", "met"),
        ("hostpath.csi.k8s.io", "unmet"),
        ("csi.spiffe.io", "unmet"),
        ("vendor.example", "open"),
    ] {
        assert_eq!(
            fixture::told(&judge(&with(volume("keys", VolumeKind::Csi, driver)))),
            outcome,
            "{driver}"
        );
    }
}

#[test]
fn an_unknown_drivers_volume_is_its_own_if_it_is_attached_and_tied_to_no_node() {
    for (attached, tied, outcome) in [
        (true, Some(false), "met"),
        (true, Some(true), "open"),
        (true, None, "open"),
        (false, Some(false), "open"),
    ] {
        let mut case = with(volume("disk", VolumeKind::Claim, "data"));
        let cluster = cluster(&mut case);
        cluster.claims = Ok(vec![Volume { tied, ..volume("data", VolumeKind::Csi, "vendor.example") }]);
        cluster.csi_drivers = Ok(vec![CsiDriver { name: "vendor.example".into(), attached }]);
        assert_eq!(fixture::told(&judge(&case)), outcome, "{attached} {tied:?}");
    }
}

#[test]
fn a_claim_without_a_volume_is_judged_by_its_class() {
    let classes = || {
        vec![
            class("fast", "ebs.csi.aws.com", true),
            class("local", "rancher.io/local-path", false),
            class("static", "kubernetes.io/no-provisioner", false),
        ]
    };
    for (name, classes, outcome) in [
        (None, Ok(classes()), "met"),
        (Some("fast"), Ok(classes()), "met"),
        (Some("local"), Ok(classes()), "unmet"),
        (Some("static"), Ok(classes()), "open"),
        (Some("missing"), Ok(classes()), "open"),
        (Some(""), Ok(classes()), "open"),
        (None, Ok(Vec::new()), "open"),
        (Some("fast"), Err(fixture::forbidden("list storageclasses")), "open"),
    ] {
        let class = name.map(str::to_owned);
        // A StatefulSet without pods, and a claim that waits for its first pod.
        let of_template = Volume { class: class.clone(), ..volume("data", VolumeKind::Claim, "") };
        let waiting = Volume { class, ..volume("data-web-0", VolumeKind::Unbound, "") };
        let cases =
            [(of_template, Vec::new()), (volume("data", VolumeKind::Claim, "data-web-0"), vec![waiting])];
        for (asked_for, claims) in cases {
            let mut case = with(asked_for);
            let cluster = cluster(&mut case);
            (cluster.storage_classes, cluster.claims) = (classes.clone(), Ok(claims));
            assert_eq!(fixture::told(&judge(&case)), outcome, "{name:?}");
        }
    }
}

/// Returns a case with the template of a StatefulSet that has this claim; its pod `db-0`, with the claim `data-db-0`, is in another
/// group.
fn with_a_pod_in_another_group(claim: Volume) -> Case {
    let mut case = fixture::pod();
    let origin = Origin { kind: "statefulset".into(), name: "db".into(), pod: Some("db-0".into()) };
    let template = PodView {
        origin: Origin { pod: None, ..origin.clone() },
        volumes: vec![claim],
        ..fixture::pod_view(&mut case).clone()
    };
    let pod =
        PodView { origin, volumes: vec![volume("data", VolumeKind::Claim, "data-db-0")], ..template.clone() };
    fixture::in_cluster(&mut case).group.pod_views = vec![template.into()];
    cluster(&mut case).pod_views.push(pod.into());
    case
}

#[test]
fn a_templates_claim_is_known_by_its_pods_in_another_group() {
    for (driver, outcome) in [("ebs.csi.aws.com", "met"), ("hostpath.csi.k8s.io", "unmet")] {
        let mut case = with_a_pod_in_another_group(volume("data", VolumeKind::Claim, ""));
        cluster(&mut case).claims = Ok(vec![volume("data-db-0", VolumeKind::Csi, driver)]);
        assert_eq!(fixture::told(&judge(&case)), outcome, "{driver}");
    }
}

/// The claim of `db-0` has the class `fast`, and is bound to a disk.
#[test]
fn a_templates_next_claim_of_another_class_is_judged_by_that_class() {
    let classes = |default: &str| {
        let makers =
            [("fast", "ebs.csi.aws.com"), ("local", "rancher.io/local-path"), ("vendor", "vendor.example")];
        makers.map(|(name, maker)| class(name, maker, name == default)).to_vec()
    };
    for (next, default, outcome) in [
        (Some("fast"), "", "met"),
        (Some("local"), "", "unmet"),
        (Some("vendor"), "", "open"),
        (Some("missing"), "", "open"),
        (None, "fast", "met"),
        (None, "local", "unmet"),
        (None, "vendor", "open"),
        (None, "", "met"),
    ] {
        let next = Volume { class: next.map(str::to_owned), ..volume("data", VolumeKind::Claim, "") };
        let mut case = with_a_pod_in_another_group(next.clone());
        let cluster = cluster(&mut case);
        let bound = volume("data-db-0", VolumeKind::Csi, "ebs.csi.aws.com");
        cluster.claims = Ok(vec![Volume { class: Some("fast".into()), ..bound }]);
        cluster.storage_classes = Ok(classes(default));
        assert_eq!(fixture::told(&judge(&case)), outcome, "{next:?} {default}");
    }
}

#[test]
fn a_volume_of_its_own_is_cited_when_it_is_met() {
    let judgement = judge(&with(volume("disk", VolumeKind::Csi, "ebs.csi.aws.com")));
    let cited = "pod/web-1 mounts a volume of the driver ebs.csi.aws.com as disk";
    assert!(judgement.citations.iter().any(|it| it.text == cited), "{judgement:#?}");
}
