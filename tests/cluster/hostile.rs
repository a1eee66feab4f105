//! Text from a cluster that would harm its reader: written wherever the API server accepts it, and looked for in all output.

use std::thread;

use serde_json::{Value, json};
use stage::{
    Cluster, Ended,
    cluster::{BUSYBOX, Namespace, Shop, deployment},
    run::FORMATS,
};

use crate::{
    Test,
    admission::{lend, on, pod, rehearsed},
};

pub(super) const TESTS: &[Test] = &[
    ("hostile text in a workload stays text in every format, in a plan and in doctor's answer", written),
    ("hostile text in a denial stays text", denied),
    ("hostile text in events and in a status that lies stays text", lied),
];

/// Text that does harm wherever it stands unescaped.
const HOSTILE: &str = "\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\u{2066}\u{200b}\u{ad}\u{2028}\u{85}\r\n::error::forged\r\n\
    ##[add-mask]x\n##vso[task.complete]\n---\n...\n%0A::error::forged\n</td></script><img src=x onerror=y>]]>&quot;\"'\n\
    | a | b |\n```\n# h\n![a](https://forged.example) **[a](b)` {{ a }} !!binary &amp;";
/// The same in one line, for fields that refuse line ends.
const HOSTILE_LINE: &str = "\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\u{2066}\u{200b}\u{ad} ::error::forged ##[add-mask]x \
    </td></script><img src=x onerror=y>]]>&quot;\"' | a | b | ``` ![a](https://forged.example)";
/// The same in printable characters of ASCII, for names of variables.
const HOSTILE_NAME: &str = "::error::forged</td><img src=x onerror=y>![a](//forged.example)_TOKEN";
/// An annotation that the probe carries.
const CARRIED: &str = "dev.gvisor.spec.mount.data.type";

/// Fields of a pod that take any text, as far as the API server lets them.
const FIELDS: &[fn(&mut Value)] = &[
    |pod| pod["metadata"]["annotations"][CARRIED] = json!(HOSTILE),
    |pod| pod["metadata"]["annotations"]["k8s.v1.cni.cncf.io/networks"] = json!(HOSTILE),
    |pod| pod["metadata"]["annotations"]["sidecar.istio.io/inject"] = json!(HOSTILE),
    |pod| pod["metadata"]["labels"]["role"] = json!(HOSTILE),
    |pod| pod["spec"]["containers"][0]["image"] = json!(HOSTILE),
    |pod| pod["spec"]["containers"][0]["command"] = json!([HOSTILE]),
    |pod| pod["spec"]["containers"][0]["args"] = json!([format!("--password={HOSTILE}"), HOSTILE]),
    |pod| pod["spec"]["containers"][0]["workingDir"] = json!(HOSTILE),
    |pod| pod["spec"]["containers"][0]["securityContext"]["capabilities"]["add"] = json!([HOSTILE]),
    |pod| add(&mut pod["spec"]["containers"][0]["env"], json!({ "name": HOSTILE_NAME, "value": HOSTILE })),
    |pod| {
        let key = json!({ "secretKeyRef": { "name": HOSTILE, "key": "k" } });
        add(&mut pod["spec"]["containers"][0]["env"], json!({ "name": "KEY", "valueFrom": key }));
    },
    |pod| {
        let key = json!({ "configMapKeyRef": { "name": HOSTILE, "key": "password" } });
        add(&mut pod["spec"]["containers"][0]["env"], json!({ "name": "MAP", "valueFrom": key }));
    },
    |pod| volume(pod, "path", json!({ "hostPath": { "path": HOSTILE } })),
    |pod| volume(pod, "flex", json!({ "flexVolume": { "driver": HOSTILE } })),
    |pod| volume(pod, "secret", json!({ "secret": { "secretName": HOSTILE } })),
    |pod| volume(pod, "claim", json!({ "persistentVolumeClaim": { "claimName": HOSTILE } })),
    |pod| volume(pod, "share", json!({ "nfs": { "server": HOSTILE, "path": "/" } })),
    |pod| volume(pod, "driver", json!({ "csi": { "driver": HOSTILE } })),
    |pod| {
        let token = json!({ "serviceAccountToken": { "audience": HOSTILE, "path": "token" } });
        volume(pod, "token", json!({ "projected": { "sources": [token] } }));
    },
    |pod| {
        let items = json!([{ "key": "password", "path": HOSTILE }]);
        volume(pod, "map", json!({ "configMap": { "name": HOSTILE, "items": items } }));
    },
    |pod| pod["spec"]["schedulerName"] = json!(HOSTILE),
    |pod| pod["spec"]["serviceAccountName"] = json!(HOSTILE),
    |pod| {
        pod["spec"]["securityContext"]["seccompProfile"] =
            json!({ "type": "Localhost", "localhostProfile": HOSTILE });
    },
    |pod| pod["spec"]["nodeSelector"]["kubernetes.io/os"] = json!(HOSTILE),
    |pod| {
        let toleration = json!({ "key": "a", "operator": "Equal", "value": HOSTILE });
        pod["spec"]["tolerations"] = json!([toleration]);
    },
];
/// The fewest fields that an API server accepts.
const ACCEPTED: usize = 12;

fn add(list: &mut Value, entry: Value) {
    let mut entries = list.as_array().cloned().unwrap_or_default();
    entries.push(entry);
    *list = entries.into();
}

fn volume(pod: &mut Value, name: &str, mut source: Value) {
    source["name"] = json!(name);
    add(&mut pod["spec"]["volumes"], source);
}

/// Asserts that a text has nothing which moves or reorders other text, and that no line is a command to a runner.
fn stays_text(text: &str, what: &str) {
    let harmful = |it: &char| {
        it.is_control() && !['\n', '\t'].contains(it)
            || "\u{202e}\u{2066}\u{200b}\u{ad}\u{2028}".contains(*it)
    };
    assert_eq!(text.chars().find(harmful), None, "{what}: {text}");
    let forged = |line: &&str| {
        ["::error::", "##[add-mask]", "##vso["].iter().any(|it| line.trim_start().starts_with(it))
    };
    assert_eq!(text.lines().find(forged), None, "{what}");
}

fn both_stay_text(ended: &Ended, what: &str) {
    stays_text(&ended.out, what);
    stays_text(&ended.err, what);
}

/// Returns a deployment without pods, with hostile text in each field that the API server accepts.
fn hostile(shop: &Namespace<'_>) -> Value {
    let mut deployment = deployment("hostile");
    deployment["spec"]["replicas"] = json!(0);
    let mut accepted = 0;
    for field in FIELDS {
        let mut tried = pod();
        field(&mut tried);
        if rehearsed(shop, &tried).status.success() {
            field(&mut deployment["spec"]["template"]);
            accepted += 1;
        }
    }
    assert!(accepted >= ACCEPTED, "{accepted} fields");
    deployment
}

fn written(cluster: &Cluster) {
    let (shop, control) = (cluster.namespace("hostile"), cluster.namespace("control"));
    let hostile = hostile(&shop);
    let mut world = Shop { restricted: false, ..Shop::default() };
    world.deployments.push(hostile);
    for object in &mut world.others {
        object["metadata"]["annotations"]["note"] = json!(HOSTILE);
    }
    world.open(&shop);

    let file = cluster.state().join("hostile.json");
    let path = file.display().to_string();
    let image = cluster.probe_image();
    let place = ["--namespace", shop.name(), "--control-namespace", control.name(), "--image", &image];
    let words = ["--environment", "production", "--timeout", "2m", "--save-evidence", &path];
    let ended = cluster.controller(&[&["verify"][..], &place, &words].concat());
    both_stay_text(&ended, "verify");
    assert!(ended.out.contains("forged"), "{}", ended.out);
    for format in FORMATS {
        let score = ["score", &path, "--environment", "production", "--verbose", "--output", format];
        let told = cluster.controller(&score);
        assert_eq!(told.code(), ended.code(), "{format}: {}", told.err);
        both_stay_text(&told, format);
        if ["junit", "markdown", "html"].contains(&format) {
            assert!(!told.out.replace("\\<", "").contains("<img src=x"), "{format}: {}", told.out);
        }
        if ["json", "sarif", "gitlab", "openreports", "policyreport"].contains(&format) {
            drop(serde_json::from_str::<Value>(&told.out).unwrap());
        }
    }
    both_stay_text(&cluster.controller(&[&["doctor"][..], &place].concat()), "doctor");

    let plan = cluster.controller(&["plan", "--namespace", shop.name(), "--image", &image]);
    both_stay_text(&plan, "plan");
    let documents = plan.out.split("\n---\n").map(|it| serde_saphyr::from_str::<Value>(it).unwrap());
    let objects: Vec<_> = documents.filter(|object| !object.is_null()).collect();
    let kinds: Vec<_> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["ConfigMap", "Pod", "Pod"], "{}", plan.out);
    assert!(objects.iter().any(|it| it["metadata"]["annotations"][CARRIED] == HOSTILE), "{}", plan.out);
}

fn denied(cluster: &Cluster) {
    let (shop, control) = (cluster.namespace("denied"), cluster.namespace("control"));
    Shop::default().open(&shop);
    let expression = "!('podproof.dev/run' in object.metadata.?labels.orValue({}))";
    let validation = json!({ "expression": expression, "message": HOSTILE_LINE });
    let _loans = lend(
        cluster,
        &shop,
        "Validating",
        &json!({ "matchConstraints": on("CREATE", "pods"), "validations": [validation] }),
    );
    let mut ours = pod();
    ours["metadata"]["labels"]["podproof.dev/run"] = json!("podproof-1");
    cluster.until("the policy", || rehearsed(&shop, &ours).err.contains("forged"));
    let image = cluster.probe_image();
    let place = ["--namespace", shop.name(), "--control-namespace", control.name(), "--image", &image];
    for command in ["verify", "doctor", "plan"] {
        let ended = cluster.controller(&[&[command][..], &place].concat());
        assert!((ended.out.clone() + &ended.err).contains("forged"), "{command}: {ended:#?}");
        both_stay_text(&ended, command);
    }
}

/// Returns a pod that no kubelet has, so that its status stays as it is written.
fn gated() -> Value {
    let mut gated = pod();
    gated["metadata"]["name"] = json!("gated");
    gated["spec"]["schedulingGates"] = json!([{ "name": "podproof.test/never" }]);
    gated
}

/// Writes a status as a kubelet does that lies. The probe of a run may be gone.
fn lie(shop: &Namespace<'_>, name: &str) -> Ended {
    let condition =
        |kind: &str| json!({ "type": kind, "status": "False", "reason": "Forged", "message": HOSTILE });
    let conditions = ["PodScheduled", "Ready", "ContainersReady"].map(condition);
    let waiting = json!({ "waiting": { "reason": HOSTILE, "message": HOSTILE } });
    let container = json!({ "name": "app", "image": BUSYBOX, "imageID": HOSTILE, "ready": false, "restartCount": 0, "state": waiting });
    let status = json!({ "status": {
        "message": HOSTILE,
        "reason": HOSTILE,
        "conditions": conditions,
        "containerStatuses": [container],
    } });
    let words =
        ["patch", "pod", name, "--subresource=status", "--type=merge", "--patch", &status.to_string()];
    shop.kubectl(&words)
}

/// Writes a warning about a pod, as a kubelet does.
fn warn(shop: &Namespace<'_>, pod: &Value) {
    let metadata = &pod["metadata"];
    shop.apply(&json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": { "name": format!("{}.forged", metadata["name"].as_str().unwrap()) },
        "type": "Warning",
        "reason": "Failed",
        "message": HOSTILE,
        "count": 1,
        "source": { "component": "kubelet" },
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": metadata["name"],
            "namespace": shop.name(),
            "uid": metadata["uid"],
        },
    }));
}

fn lied(cluster: &Cluster) {
    let shop = cluster.namespace("lied");
    Shop::default().open(&shop);
    shop.apply(&gated());
    let told = lie(&shop, "gated");
    assert!(told.status.success(), "{told:#?}");
    let words =
        ["verify", "--namespace", shop.name(), "--image", "podproof.test/missing:1", "--timeout", "25s"];
    let ended = thread::scope(|scope| {
        let run = scope.spawn(|| cluster.controller(&words));
        while !run.is_finished() {
            for pod in shop.get(&["pods", "--selector", "podproof.dev/run"])["items"].as_array().unwrap() {
                warn(&shop, pod);
                _ = lie(&shop, pod["metadata"]["name"].as_str().unwrap());
            }
        }
        run.join().unwrap()
    });
    assert!((ended.out.clone() + &ended.err).contains("forged"), "{ended:#?}");
    both_stay_text(&ended, "verify");
}
