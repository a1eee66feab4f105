use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EmptyDirVolumeSource, EnvVar, HostPathVolumeSource, Lifecycle,
    LocalObjectReference, PodSecurityContext, PodSpec, ResourceRequirements, SecurityContext, Toleration,
    TopologySpreadConstraint, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::*;
use crate::{
    case::cluster::{Container as Theirs, Group, Origin, Volume as Outside},
    run::cluster::manifest,
};

type Change = fn(&mut Pod);

fn spec(pod: &mut Pod) -> &mut PodSpec {
    pod.spec.as_mut().unwrap()
}

fn own(pod: &mut Pod) -> &mut Container {
    &mut spec(pod).containers[0]
}

fn context(pod: &mut Pod) -> &mut SecurityContext {
    own(pod).security_context.as_mut().unwrap()
}

fn of_pod(pod: &mut Pod) -> &mut PodSecurityContext {
    spec(pod).security_context.as_mut().unwrap()
}

fn label(pod: &mut Pod, key: &str, value: &str) {
    drop(pod.metadata.labels.as_mut().unwrap().insert(key.into(), value.into()));
}

fn annotation(pod: &mut Pod, key: &str, value: &str) {
    drop(pod.metadata.annotations.as_mut().unwrap().insert(key.into(), value.into()));
}

fn quantities(memory: &str, cpu: &str) -> std::collections::BTreeMap<String, Quantity> {
    [("memory", memory), ("cpu", cpu)].map(|(name, amount)| (name.to_owned(), Quantity(amount.into()))).into()
}

fn limited(memory: &str, cpu: &str) -> ResourceRequirements {
    ResourceRequirements { limits: Some(quantities(memory, cpu)), ..ResourceRequirements::default() }
}

fn proxy(pod: &mut Pod) -> &mut Container {
    let proxy = Container {
        name: "istio-proxy".into(),
        resources: Some(limited("1Gi", "2")),
        ..Container::default()
    };
    spec(pod).containers.push(proxy);
    spec(pod).containers.last_mut().unwrap()
}

/// Adds an init container with capabilities.
fn init(pod: &mut Pod, capabilities: &[&str]) {
    let add = capabilities.iter().map(ToString::to_string).collect();
    let context = SecurityContext {
        capabilities: Some(Capabilities { add: Some(add), drop: None }),
        ..SecurityContext::default()
    };
    let init = Container {
        name: "istio-init".into(),
        resources: Some(limited("1Gi", "2")),
        security_context: Some(context),
        ..Container::default()
    };
    spec(pod).init_containers = Some(vec![init]);
}

fn hosts(pod: &mut Pod) {
    let path = HostPathVolumeSource { path: "/var/run/agent".into(), type_: None };
    let volume = Volume { name: "agent".into(), host_path: Some(path), ..Volume::default() };
    spec(pod).volumes = Some(vec![volume]);
}

fn mounted(pod: &mut Pod, path: &str) {
    let volume =
        Volume { name: "tmp".into(), empty_dir: Some(EmptyDirVolumeSource::default()), ..Volume::default() };
    spec(pod).volumes = Some(vec![volume]);
    let mount = VolumeMount { name: "tmp".into(), mount_path: path.into(), ..VolumeMount::default() };
    own(pod).volume_mounts = Some(vec![mount]);
}

fn pod() -> Pod {
    let common = manifest::Common {
        listens: Vec::new(),
        run: "podproof-1".into(),
        image: manifest::PodImage {
            reference: "registry.example/team/probe:1".into(),
            pull_secrets: vec!["registry".into()],
        },
        lifetime: std::time::Duration::from_secs(9),
        token: proto::Nonce([7; 16]),
        reception: proto::Nonce([7; 16]),
        marks: manifest::Marks::default(),
    };
    let labels = [("app".to_owned(), "web".to_owned())].into();
    let group =
        Group { node: Some("one".into()), runtime_class: Some("gvisor".into()), labels, ..Group::default() };
    manifest::probe(&common, "shop", &manifest::owner("podproof-1", "shop"), &group, 0)
}

fn like(containers: &[&str], volumes: &[&str]) -> PodView {
    let outside = |name: &&str| Outside { name: (*name).into(), source: "/".into(), ..Outside::default() };
    PodView {
        origin: Origin { kind: "deployment".into(), name: "web".into(), pod: Some("web-1".into()) },
        containers: containers
            .iter()
            .map(|name| Theirs { name: (*name).into(), ..Theirs::default() })
            .collect(),
        volumes: volumes.iter().map(outside).collect(),
        ..PodView::default()
    }
}

fn admitted(change: impl FnOnce(&mut Pod), like: &[PodView]) -> Result<Admission, Alteration> {
    let mut admitted = pod();
    change(&mut admitted);
    let like: Vec<_> = like.iter().cloned().map(Shared::from).collect();
    admission(&pod(), &admitted, &like)
}

#[test]
fn fields_that_every_pod_gets_are_no_remark() {
    let admission = admitted(
        |pod| {
            pod.metadata.uid = Some("7".into());
            annotation(pod, "kubernetes.io/limit-ranger", "set");
            spec(pod).scheduler_name = Some("default-scheduler".into());
            spec(pod).service_account_name = Some("default".into());
            spec(pod).host_network = Some(false);
            spec(pod).tolerations = Some(vec![Toleration::default()]);
            own(pod).image_pull_policy = Some("Always".into());
            let another = LocalObjectReference { name: "another".into() };
            spec(pod).image_pull_secrets.as_mut().unwrap().push(another);
        },
        &[],
    );
    let admission = admission.unwrap();
    assert_eq!(admission.told(), [""; 0]);
    assert_eq!((admission.of_container, admission.of_sandbox), (manifest::LIMITS, manifest::LIMITS));
}

#[test]
fn a_difference_without_effect_is_a_remark() {
    let changes: [(&str, Change); 24] = [
        ("metadata.labels.team was added", |pod| label(pod, "team", "red")),
        ("metadata.annotations.openshift.io/scc was added", |pod| {
            annotation(pod, "openshift.io/scc", "restricted");
        }),
        ("spec.containers.env was added: HELLO", |pod| {
            let value = Some("a secret".into());
            own(pod).env = Some(vec![EnvVar { name: "HELLO".into(), value, value_from: None }]);
        }),
        ("resources.requests.cpu was changed", |pod| {
            own(pod).resources.as_mut().unwrap().requests = Some(quantities("512Mi", "250m"));
        }),
        ("resources.limits.memory was changed", |pod| own(pod).resources = Some(limited("512Mi", "250m"))),
        ("terminationGracePeriodSeconds was changed", |pod| {
            spec(pod).termination_grace_period_seconds = Some(25);
        }),
        ("topologySpreadConstraints was added", |pod| {
            spec(pod).topology_spread_constraints = Some(vec![TopologySpreadConstraint::default()]);
        }),
        ("dnsPolicy was added", |pod| spec(pod).dns_policy = Some("None".into())),
        ("spec.affinity", |pod| spec(pod).affinity = None),
        ("nodeName was added", |pod| spec(pod).node_name = Some("two".into())),
        ("priorityClassName was added", |pod| spec(pod).priority_class_name = Some("low".into())),
        ("schedulerName was added", |pod| spec(pod).scheduler_name = Some("bin-packing".into())),
        ("fsGroup was added", |pod| of_pod(pod).fs_group = Some(1_000_680_000)),
        ("runAsUser was changed", |pod| of_pod(pod).run_as_user = Some(1_000_680_000)),
        ("seLinuxOptions.level was added", |pod| {
            of_pod(pod).se_linux_options.get_or_insert_default().level = Some("s0:c26,c15".into());
        }),
        ("capabilities.drop was changed", |pod| {
            context(pod).capabilities.as_mut().unwrap().drop = Some(vec!["ALL".into(), "KILL".into()]);
        }),
        ("lifecycle.preStop", |pod| {
            let lifecycle = serde_json::json!({ "preStop": { "sleep": { "seconds": 5 } } });
            own(pod).lifecycle = Some(serde_json::from_value::<Lifecycle>(lifecycle).unwrap());
        }),
        ("spec.containers was added: istio-proxy", |pod| drop(proxy(pod).name.clone())),
        ("spec.initContainers was added: istio-init", |pod| {
            let init = Container { name: "istio-init".into(), ..proxy(pod).clone() };
            spec(pod).containers.pop();
            spec(pod).init_containers = Some(vec![init]);
        }),
        ("spec.containers.volumeMounts was added: tmp", |pod| mounted(pod, "/tmp")),
        ("spec.containers.image was changed", |pod| {
            own(pod).image = Some("mirror.example/registry.example/probe:1".into());
        }),
        ("spec.containers.image was changed", |pod| {
            own(pod).image = Some(format!("registry.example/probe:1@sha256:{}", "a".repeat(64)));
        }),
        ("spec.containers.image was changed", |pod| {
            own(pod).image = Some(format!("registry.example/probe@sha256:{}", "a".repeat(64)));
        }),
        ("spec.containers.ports was added", |pod| {
            own(pod).ports = Some(vec![ContainerPort { container_port: 80, ..ContainerPort::default() }]);
        }),
    ];
    for (words, change) in changes {
        let admission = admitted(change, &[]);
        let remark = admission.unwrap_or_else(|alteration| panic!("{words}: {alteration}")).told().concat();
        assert!(remark.contains(words), "{words}: {remark}");
        assert!(!remark.contains("a secret"), "{remark}");
    }
}

#[test]
fn a_difference_that_matters_refuses_the_pod_with_both_values() {
    const BINDS: &str = "other policies may bind it";
    const SEES: &str = "it may see another sandbox";
    const ESCAPES: &str = "the run does not control it";
    let changes: [(&str, &str, Change); 29] = [
        (BINDS, "metadata.labels.app was changed from \"web\" to \"api\"", |pod| label(pod, "app", "api")),
        (BINDS, "metadata.labels.app was removed: \"web\"", |pod| {
            drop(pod.metadata.labels.as_mut().unwrap().remove("app"));
        }),
        (BINDS, "hostNetwork was added: true", |pod| spec(pod).host_network = Some(true)),
        (BINDS, "serviceAccountName was added: \"builder\"", |pod| {
            spec(pod).service_account_name = Some("builder".into());
        }),
        (BINDS, "networks was added: \"other\"", |pod| {
            annotation(pod, "k8s.v1.cni.cncf.io/networks", "other");
        }),
        (BINDS, "spec.initContainers was added: istio-init", |pod| init(pod, &["NET_ADMIN"])),
        (BINDS, "spec.initContainers was added: istio-init", |pod| init(pod, &["CAP_NET_RAW"])),
        (BINDS, "spec.initContainers was added: istio-init", |pod| init(pod, &["KILL", "all"])),
        (BINDS, "spec.containers was added: istio-proxy", |pod| {
            proxy(pod).security_context =
                Some(SecurityContext { privileged: Some(true), ..SecurityContext::default() });
        }),
        (SEES, "dev.gvisor.flag.net-raw was added", |pod| annotation(pod, "dev.gvisor.flag.net-raw", "true")),
        (SEES, "runtimeClassName was changed from \"gvisor\" to \"runc\"", |pod| {
            spec(pod).runtime_class_name = Some("runc".into());
        }),
        (SEES, "image was changed from", |pod| own(pod).image = Some("registry.example/team/other:1".into())),
        (SEES, "image was changed from", |pod| {
            own(pod).image = Some(format!("registry.example/probe:2@sha256:{}", "a".repeat(64)));
        }),
        (SEES, "args was added", |pod| own(pod).args = Some(vec!["--help".into()])),
        (SEES, "hostPID was added: true", |pod| spec(pod).host_pid = Some(true)),
        (SEES, "shareProcessNamespace was added", |pod| spec(pod).share_process_namespace = Some(true)),
        (SEES, "automountServiceAccountToken was changed", |pod| {
            spec(pod).automount_service_account_token = Some(true);
        }),
        (SEES, "privileged was changed from false to true", |pod| context(pod).privileged = Some(true)),
        (SEES, "capabilities.add was added", |pod| {
            context(pod).capabilities.as_mut().unwrap().add = Some(vec!["NET_RAW".into()]);
        }),
        (SEES, "capabilities.drop was changed", |pod| {
            context(pod).capabilities.as_mut().unwrap().drop = Some(vec!["KILL".into()]);
        }),
        (SEES, "runAsUser was changed from 65534 to 0", |pod| of_pod(pod).run_as_user = Some(0)),
        (SEES, "resources.limits.cpu was removed", |pod| {
            drop(own(pod).resources.as_mut().unwrap().limits.as_mut().unwrap().remove("cpu"));
        }),
        (SEES, "spec.volumes was added: agent", hosts),
        (SEES, "volumeMounts was added: tmp", |pod| mounted(pod, "/probe")),
        (SEES, "spec.containers was added: istio-proxy", |pod| proxy(pod).resources = None),
        (SEES, "hostAliases was added", |pod| {
            let aliases = serde_json::json!([{ "ip": "10.0.0.1", "hostnames": ["db"] }]);
            spec(pod).host_aliases = Some(serde_json::from_value(aliases).unwrap());
        }),
        (ESCAPES, "ownerReferences was removed", |pod| pod.metadata.owner_references = None),
        (ESCAPES, "podproof.dev/run was changed", |pod| label(pod, names::RUN_LABEL, "podproof-2")),
        (ESCAPES, "readinessGates was removed", |pod| spec(pod).readiness_gates = None),
    ];
    for (effect, words, change) in changes {
        let told = admitted(change, &[]).expect_err(words).to_string();
        assert!(told.contains(effect) && told.contains(words), "{words}: {told}");
    }
}

#[test]
fn an_addition_that_the_workloads_pods_have_is_a_remark() {
    let unlimited = |pod: &mut Pod| proxy(pod).resources = None;
    let theirs = [like(&["app", "istio-proxy"], &["agent"])];
    assert!(admitted(unlimited, &theirs).is_ok() && admitted(hosts, &theirs).is_ok());
    let one_lacks_it = [theirs[0].clone(), like(&["app"], &[])];
    assert!(admitted(unlimited, &one_lacks_it).is_err() && admitted(hosts, &one_lacks_it).is_err());
    let template = Origin { pod: None, ..theirs[0].origin.clone() };
    let template = [PodView { origin: template, ..theirs[0].clone() }];
    assert!(admitted(unlimited, &template).is_err());
}

/// Returns a pod of the workload with this init container.
fn meshed(change: fn(&mut Theirs)) -> PodView {
    let mut pod_view = like(&["app", "istio-init"], &[]);
    change(&mut pod_view.containers[1]);
    pod_view
}

#[test]
fn a_container_that_changes_the_network_of_the_workloads_pods_too_is_a_remark() {
    let changes = |pod: &mut Pod| init(pod, &["NET_ADMIN", "NET_RAW"]);
    let rows: [fn(&mut Theirs); 3] = [
        |it| it.added_capabilities = vec!["NET_RAW".into(), "CAP_NET_ADMIN".into(), "KILL".into()],
        |it| it.added_capabilities = vec!["ALL".into()],
        |it| it.privileged = true,
    ];
    for theirs in rows {
        let admission = admitted(changes, &[meshed(theirs)]);
        assert_eq!(
            admission.unwrap().changes().as_deref(),
            Some("spec.initContainers was added: istio-init")
        );
    }
}

#[test]
fn a_container_that_may_do_more_than_the_workloads_of_its_name_refuses_the_pod() {
    let refused = |change: Change, theirs: fn(&mut Theirs)| {
        let alteration = admitted(change, &[meshed(|it| it.privileged = true), meshed(theirs)]);
        alteration.expect_err("the workload's container may do less").to_string()
    };
    let binds = "other policies may bind it";
    assert!(refused(|pod| init(pod, &["NET_ADMIN"]), |_| ()).contains(binds));
    let half: fn(&mut Theirs) = |it| it.added_capabilities = vec!["NET_RAW".into()];
    assert!(refused(|pod| init(pod, &["NET_ADMIN", "NET_RAW"]), half).contains(binds));
    let unlimited: Change = |pod| {
        init(pod, &[]);
        spec(pod).init_containers.as_mut().unwrap()[0].resources = None;
    };
    let bounded: fn(&mut Theirs) = |it| it.memory = Some(1);
    assert!(refused(unlimited, bounded).contains("it may see another sandbox"));
}

#[test]
fn the_admitted_limits_count() {
    let admission = admitted(
        |pod| {
            own(pod).resources = Some(limited("256Mi", "250m"));
            proxy(pod);
        },
        &[],
    );
    let admission = admission.unwrap();
    assert_eq!(
        (admission.of_container.memory, admission.of_container.cpu_millis),
        (Some(256 << 20), Some(250))
    );
    assert_eq!(
        (admission.of_sandbox.memory, admission.of_sandbox.cpu_millis),
        (Some(1280 << 20), Some(2250))
    );
}

#[test]
fn a_mount_that_admission_adds_is_known_to_the_run() {
    assert_eq!(admitted(|pod| mounted(pod, "/tmp"), &[]).unwrap().mounts, ["/tmp"]);
    for covering in ["/", "/probe", "/proc/1", "/etc", "/tmp/../probe"] {
        let change = |pod: &mut Pod| mounted(pod, covering);
        assert!(admitted(change, &[]).is_err(), "{covering}");
    }
    assert!(admitted(|pod| mounted(pod, "/etc/ssl/certs"), &[]).is_ok());
}
