//! Namespaces on platforms that change every pod, imitated object by object: each is ready when nothing is wrong, and not ready
//! for the right reason when one thing is broken.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stage::{Cluster, cluster::Shop};

use super::{PRODUCTION, lend, nothing_left, on, pod, rehearsed};
use crate::{Batch, Selection, rows, suite::AT_ONCE};

/// An annotation by which the test sees that the platform is there.
const MARK: &str = "podproof.test/platform";

/// A platform's habits.
struct World {
    name: &'static str,
    /// Changes of every pod, each a configuration that is applied or a list of patches, in CEL.
    changes: &'static [Change],
    cases: &'static [Case],
}

enum Change {
    Apply(&'static str),
    Patch(&'static str),
}

use Change::{Apply, Patch};

/// A namespace on the platform.
struct Case {
    name: &'static str,
    spoil: fn(&mut Shop),
    /// Every requirement that is not met, with its outcome.
    lacks: rows::Lacks,
    code: i32,
    /// Words of the report by which the reader recognises the fault.
    says: &'static str,
}

/// A namespace in which nothing is wrong.
const CLEAN: Case =
    Case { name: "nothing is wrong", spoil: |_| (), lacks: &[], code: 0, says: "\"ready-with-warnings\"" };

const WORLDS: &[World] = &[
    // cloud.google.com, "Resource requests in Autopilot" and "GKE Sandbox": limits are set to the raised requests.
    World {
        name: "GKE Autopilot",
        changes: &[
            Patch(
                "[JSONPatch{op: 'replace', path: '/spec/containers/0/resources', value: { \
                 'requests': {'cpu': '60m', 'memory': '96Mi'}, \
                 'limits': {'cpu': '120m', 'memory': '96Mi'}}}, \
                 JSONPatch{op: 'add', path: '/spec/nodeSelector/kubernetes.io~1arch', value: 'amd64'}, \
                 has(object.spec.tolerations) \
                 ? JSONPatch{op: 'add', path: '/spec/tolerations/-', value: \
                 {'key': 'kubernetes.io/arch', 'operator': 'Equal', 'value': 'amd64', 'effect': 'NoSchedule'}} \
                 : JSONPatch{op: 'add', path: '/spec/tolerations', value: \
                 [{'key': 'kubernetes.io/arch', 'operator': 'Equal', 'value': 'amd64', 'effect': 'NoSchedule'}]}]",
            ),
            Apply(
                "Object{metadata: Object.metadata{annotations: {\
                 'autopilot.gke.io/resource-adjustment': '{\"modified\":true}', \
                 'autopilot.gke.io/warden-version': '2.7.41'}}}",
            ),
        ],
        cases: &[
            CLEAN,
            Case {
                name: "a token is mounted",
                spoil: |shop| shop.pod()["automountServiceAccountToken"] = json!(true),
                lacks: &[("no-token", "unmet")],
                code: 1,
                says: "a service account token for the API server is mounted in deployment/web",
            },
        ],
    },
    // docs.tigera.io, "Annotations"; github.com/aws/amazon-eks-pod-identity-webhook, pods of an annotated service account.
    World {
        name: "EKS with Calico and roles for service accounts",
        changes: &[
            Apply(
                "Object{metadata: Object.metadata{annotations: {\
                 'cni.projectcalico.org/containerID': '0707070707070707', \
                 'cni.projectcalico.org/podIP': '192.168.7.7/32', \
                 'cni.projectcalico.org/podIPs': '192.168.7.7/32', \
                 'vpc.amazonaws.com/pod-ips': '192.168.7.7'}}}",
            ),
            // Lists that merge by no key are patched.
            Patch(
                "object.spec.?serviceAccountName.orValue('') != 'payer' ? [] : [\
                 JSONPatch{op: 'add', path: '/spec/volumes', value: [{'name': dyn('aws-iam-token'), \
                 'projected': dyn({'sources': [{'serviceAccountToken': {'audience': dyn('sts.amazonaws.com'), \
                 'expirationSeconds': dyn(86400), 'path': dyn('token')}}]})}]}, \
                 JSONPatch{op: 'add', path: '/spec/containers/0/env', value: [\
                 {'name': 'AWS_ROLE_ARN', 'value': 'arn:aws:iam::111122223333:role/payer'}, \
                 {'name': 'AWS_WEB_IDENTITY_TOKEN_FILE', \
                 'value': '/var/run/secrets/eks.amazonaws.com/serviceaccount/token'}]}, \
                 JSONPatch{op: 'add', path: '/spec/containers/0/volumeMounts', value: [{\
                 'name': dyn('aws-iam-token'), 'readOnly': dyn(true), \
                 'mountPath': dyn('/var/run/secrets/eks.amazonaws.com/serviceaccount')}]}]",
            ),
        ],
        cases: &[
            CLEAN,
            Case {
                name: "the workload has a role",
                spoil: |shop| {
                    shop.others.push(json!({
                        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
                            "name": "payer",
                            "annotations": { "eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/payer" },
                        },
                    }));
                    shop.pod()["serviceAccountName"] = json!("payer");
                },
                lacks: &[("secrets-absent", "unmet")],
                code: 1,
                says: "is given a token for sts.amazonaws.com in the volume aws-iam-token",
            },
        ],
    },
    // docs.openshift.com, "Managing security context constraints"; the annotations of OVN-Kubernetes and Multus on each pod.
    World {
        name: "OpenShift",
        changes: &[Apply(
            "Object{metadata: Object.metadata{annotations: {\
             'openshift.io/scc': 'restricted-v2', \
             'security.openshift.io/validated-scc-subject-type': 'serviceaccount', \
             'k8s.ovn.org/pod-networks': '{\"default\":{\"ip_addresses\":[\"10.128.2.7/23\"]}}', \
             'k8s.v1.cni.cncf.io/network-status': '[{\"name\":\"ovn-kubernetes\",\"interface\":\"eth0\",\"default\":true}]'}}, \
             spec: Object.spec{securityContext: Object.spec.securityContext{fsGroup: 1000680000, \
             seLinuxOptions: Object.spec.securityContext.seLinuxOptions{level: 's0:c26,c15'}}}}",
        )],
        cases: &[
            CLEAN,
            Case {
                name: "a second network by Multus",
                spoil: |shop| {
                    shop.template()["metadata"]["annotations"] =
                        json!({ "k8s.v1.cni.cncf.io/networks": "shop/lan" });
                },
                lacks: rows::OTHER_NETWORK,
                code: 3,
                says: "k8s.v1.cni.cncf.io/networks",
            },
            Case {
                name: "the constraint anyuid lets a container run as root",
                spoil: |shop| {
                    shop.restricted = false;
                    let context = &mut shop.pod()["securityContext"];
                    context["runAsUser"] = json!(0);
                    context["runAsNonRoot"] = json!(false);
                },
                lacks: &[("least-privilege", "unmet")],
                code: 1,
                says: "container app may run as root",
            },
        ],
    },
    // istio.io, "Installing the Sidecar" with the CNI plugin: a native sidecar, its volumes, labels and annotations.
    World {
        name: "Istio",
        changes: &[
            Apply(
                "Object{metadata: Object.metadata{\
                 labels: {'security.istio.io/tlsMode': 'istio', 'service.istio.io/canonical-name': 'web', \
                 'service.istio.io/canonical-revision': 'latest'}, \
                 annotations: {'istio.io/rev': 'default', 'kubectl.kubernetes.io/default-container': 'app', \
                 'sidecar.istio.io/interceptionMode': 'REDIRECT', 'traffic.sidecar.istio.io/includeInboundPorts': '*', \
                 'sidecar.istio.io/status': '{\"initContainers\":[\"istio-validation\",\"istio-proxy\"]}'}}, \
                 spec: Object.spec{\
                 volumes: [Object.spec.volumes{name: 'istio-envoy', emptyDir: Object.spec.volumes.emptyDir{medium: 'Memory'}}, \
                 Object.spec.volumes{name: 'istio-data', emptyDir: Object.spec.volumes.emptyDir{}}]}}",
            ),
            Patch(
                "[JSONPatch{op: 'add', path: '/spec/initContainers', value: [{\
                 'name': dyn('istio-validation'), 'image': dyn('podproof.test/busybox:1'), \
                 'imagePullPolicy': dyn('Never'), 'command': dyn(['true']), \
                 'resources': dyn({'limits': {'cpu': '100m', 'memory': '64Mi'}}), \
                 'securityContext': dyn({'allowPrivilegeEscalation': dyn(false), 'readOnlyRootFilesystem': dyn(true), \
                 'runAsNonRoot': dyn(true), 'runAsUser': dyn(1337), 'capabilities': dyn({'drop': ['ALL']})})}, {\
                 'name': dyn('istio-proxy'), 'image': dyn('podproof.test/busybox:1'), \
                 'imagePullPolicy': dyn('Never'), 'command': dyn(['sleep', '600']), 'restartPolicy': dyn('Always'), \
                 'resources': dyn({'limits': {'cpu': '100m', 'memory': '64Mi'}}), \
                 'volumeMounts': dyn([{'name': 'istio-envoy', 'mountPath': '/etc/istio/proxy'}, \
                 {'name': 'istio-data', 'mountPath': '/var/lib/istio/data'}]), \
                 'securityContext': dyn({'allowPrivilegeEscalation': dyn(false), 'readOnlyRootFilesystem': dyn(true), \
                 'runAsNonRoot': dyn(true), 'runAsUser': dyn(1337), 'capabilities': dyn({'drop': ['ALL']})})}]}]",
            ),
        ],
        cases: &[
            CLEAN,
            Case {
                name: "a container without limits",
                spoil: |shop| drop(shop.container().as_object_mut().unwrap().remove("resources")),
                lacks: &[("limits-declared", "unmet"), ("resource-limits", "unmet")],
                code: 1,
                says: "container app has no memory limit or no CPU limit",
            },
        ],
    },
    // kyverno.io, "Policies": add labels, add default resources and a default security context.
    World {
        name: "Kyverno",
        changes: &[Apply(
            "Object{metadata: Object.metadata{labels: {'team': 'red', 'policy.example/tier': 'sandbox'}, \
             annotations: {'policies.kyverno.io/last-applied-patches': 'add-labels.rule: added /metadata/labels/team'}}, \
             spec: Object.spec{automountServiceAccountToken: false, \
             securityContext: Object.spec.securityContext{fsGroup: 2000, fsGroupChangePolicy: 'OnRootMismatch'}, \
             containers: object.spec.containers.map(it, Object.spec.containers{name: it.name, \
             env: [Object.spec.containers.env{name: 'TEAM', value: 'red'}]})}}",
        )],
        cases: &[
            CLEAN,
            Case {
                name: "a NetworkPolicy opens the pods of the added label",
                spoil: |shop| {
                    shop.policy(
                        "red",
                        &json!({
                            "podSelector": { "matchLabels": { "team": "red" } },
                            "policyTypes": ["Egress"],
                            "egress": [{}],
                        }),
                    );
                },
                lacks: &[
                    ("api-server-blocked", "unmet"),
                    ("closed-from-the-start", "not-applicable"),
                    ("dns-contained", "inconclusive"),
                    ("metadata-blocked", "inconclusive"),
                    ("neighbours-blocked", "unmet"),
                    ("network-isolation", "unmet"),
                    ("policies-enforced", "not-applicable"),
                ],
                code: 1,
                says: "NetworkPolicy red, egress[0], lets it pass",
            },
            Case {
                name: "only the added label closes the pods",
                spoil: |shop| closed_by(shop, "red"),
                lacks: &[],
                code: 0,
                says: "was judged with the label team=red, which its template lacks",
            },
            Case {
                name: "a label that no pod gets closes nothing",
                spoil: |shop| closed_by(shop, "blue"),
                lacks: &[
                    ("api-server-blocked", "unmet"),
                    ("closed-from-the-start", "not-applicable"),
                    ("dns-contained", "inconclusive"),
                    ("ingress-closed", "unmet"),
                    ("metadata-blocked", "inconclusive"),
                    ("neighbours-blocked", "unmet"),
                    ("network-isolation", "unmet"),
                    ("network-policies-apply", "unmet"),
                    ("policies-enforced", "not-applicable"),
                ],
                code: 1,
                says: "no policy binds ingress and egress",
            },
        ],
    },
    // kyverno.io, "Policies": add a default security context, resources, and a RuntimeClass to pods without one.
    World {
        name: "a policy that gives pods their sandbox",
        changes: &[Patch(
            "has(object.spec.runtimeClassName) ? [] : [\
             JSONPatch{op: 'add', path: '/spec/runtimeClassName', value: 'gvisor'}, \
             JSONPatch{op: 'add', path: '/spec/securityContext', value: {\
             'runAsNonRoot': dyn(true), 'runAsUser': dyn(65534), 'seccompProfile': dyn({'type': 'RuntimeDefault'})}}, \
             JSONPatch{op: 'add', path: '/spec/containers/0/resources', value: {\
             'limits': {'cpu': '100m', 'memory': '64Mi'}}}, \
             JSONPatch{op: 'add', path: '/spec/containers/0/securityContext', value: {\
             'allowPrivilegeEscalation': dyn(false), 'readOnlyRootFilesystem': dyn(true), \
             'capabilities': dyn({'drop': ['ALL']})}}]",
        )],
        cases: &[
            Case {
                name: "a template with none of it",
                spoil: bare,
                lacks: &[],
                code: 0,
                says: "was judged with spec.runtimeClassName=gvisor",
            },
            Case {
                name: "a template that chooses another user",
                spoil: |shop| {
                    bare(shop);
                    shop.restricted = false;
                    shop.pod()["securityContext"] = json!({ "runAsUser": 0, "runAsNonRoot": false });
                    shop.pod()["runtimeClassName"] = json!("gvisor");
                },
                lacks: &[
                    ("least-privilege", "unmet"),
                    ("limits-declared", "unmet"),
                    ("resource-limits", "unmet"),
                    ("root-read-only", "unmet"),
                ],
                code: 1,
                says: "may run as root",
            },
        ],
    },
];

/// Takes from the template all that a sandbox needs.
fn bare(shop: &mut Shop) {
    for field in ["runtimeClassName", "securityContext"] {
        shop.pod().as_object_mut().unwrap().remove(field);
    }
    for field in ["securityContext", "resources"] {
        shop.container().as_object_mut().unwrap().remove(field);
    }
}

/// Closes the pods of a team by the only policy.
fn closed_by(shop: &mut Shop, team: &str) {
    shop.without_policies();
    let selector = json!({ "matchLabels": { "team": team } });
    shop.policy("closed", &json!({ "podSelector": selector, "policyTypes": ["Ingress", "Egress"] }));
}

pub(crate) fn batch() -> Batch {
    Batch { names: rows().map(|(name, _)| name).collect(), run }
}

fn rows() -> impl Iterator<Item = (String, (&'static World, &'static Case))> {
    let named = |world: &'static World| {
        move |case: &'static Case| (format!("platform {}: {}", world.name, case.name), (world, case))
    };
    WORLDS.iter().flat_map(move |world| world.cases.iter().map(named(world)))
}

fn run(cluster: &Cluster, selection: &Selection) {
    cluster.probe_image();
    selection.run(AT_ONCE, &selection.of(rows()), |(world, case)| world.judge(cluster, case));
}

impl World {
    fn judge(&self, cluster: &Cluster, case: &Case) {
        let (shop, control) = (cluster.namespace("platform"), cluster.namespace("control"));
        let mark = format!("Object{{metadata: Object.metadata{{annotations: {{'{MARK}': 'yes'}}}}}}");
        let changes = self.changes.iter().map(Change::mutation);
        let _loans = lend(
            cluster,
            &shop,
            "Mutating",
            &json!({
                "matchConstraints": on("CREATE", "pods"),
                "reinvocationPolicy": "Never",
                "mutations": changes.chain([applied(&mark)]).collect::<Vec<_>>(),
            }),
        );
        cluster.until("the platform", || {
            let ended = rehearsed(&shop, &pod());
            assert!(ended.status.success(), "{ended:#?}");
            ended.out.contains(MARK)
        });
        let mut content = Shop::default();
        (case.spoil)(&mut content);
        content.open(&shop);
        let ended = cluster.verify(&shop, &control, PRODUCTION);
        // A template is judged with the labels that its pods get, so it shares their probe.
        let [judged] = &ended.judged()[..] else { panic!("not one probe: {}", ended.out) };
        let lacks: BTreeMap<_, _> = judged.outcomes.iter().filter(|(_, outcome)| *outcome != "met").collect();
        let expected: BTreeMap<_, _> = case.lacks.iter().copied().collect();
        let same = lacks.iter().map(|(id, outcome)| (id.as_str(), outcome.as_str())).eq(expected.clone());
        assert!(same, "{lacks:?} are not met, expected {expected:?}: {}", ended.out);
        assert_eq!(ended.code(), Some(case.code), "{}", ended.err);
        assert!(ended.out.contains(case.says), "{:?} is not in {}", case.says, ended.out);
        nothing_left(&[&shop, &control]);
    }
}

impl Change {
    fn mutation(&self) -> Value {
        match self {
            Apply(expression) => applied(expression),
            Patch(expression) => {
                json!({ "patchType": "JSONPatch", "jsonPatch": { "expression": expression } })
            }
        }
    }
}

fn applied(expression: &str) -> Value {
    json!({ "patchType": "ApplyConfiguration", "applyConfiguration": { "expression": expression } })
}
