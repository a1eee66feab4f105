//! The rules of GKE's policy for sandboxed pods, each with a change that breaks it.

use serde_json::{Value, json};

/// A rule for pods.
pub(super) struct Rule {
    /// The message for a pod that breaks the rule.
    pub(super) message: &'static str,
    /// The rule in CEL.
    pub(super) expression: &'static str,
    /// The change that makes a pod's specification break the rule.
    pub(super) breaks: fn(&mut Value),
}

/// Definition of `containers` in the expressions below.
pub(super) const CONTAINERS: &str = "object.spec.containers + object.spec.?initContainers.orValue([])";

pub(super) const RULES: &[Rule] = &[
    Rule {
        message: "the RuntimeClass must be gvisor",
        expression: "object.spec.?runtimeClassName.orValue('') == 'gvisor'",
        breaks: |pod| pod["runtimeClassName"] = json!("runc"),
    },
    Rule {
        message: "no network of the node",
        expression: "!object.spec.?hostNetwork.orValue(false)",
        breaks: |pod| pod["hostNetwork"] = json!(true),
    },
    Rule {
        message: "no processes of the node",
        expression: "!object.spec.?hostPID.orValue(false)",
        breaks: |pod| pod["hostPID"] = json!(true),
    },
    Rule {
        message: "no IPC of the node",
        expression: "!object.spec.?hostIPC.orValue(false)",
        breaks: |pod| pod["hostIPC"] = json!(true),
    },
    Rule {
        message: "no token may be mounted",
        expression: "!object.spec.?automountServiceAccountToken.orValue(true)",
        breaks: |pod| pod["automountServiceAccountToken"] = json!(true),
    },
    Rule {
        message: "no projected token",
        expression: "object.spec.?volumes.orValue([]).all(volume, \
                     volume.?projected.?sources.orValue([]).all(source, !has(source.serviceAccountToken)))",
        breaks: |pod| {
            let token = json!({ "serviceAccountToken": { "path": "token" } });
            pod["volumes"] = json!([{ "name": "token", "projected": { "sources": [token] } }]);
        },
    },
    Rule {
        message: "no path of the node",
        expression: "object.spec.?volumes.orValue([]).all(volume, !has(volume.hostPath))",
        breaks: |pod| pod["volumes"] = json!([{ "name": "etc", "hostPath": { "path": "/etc" } }]),
    },
    Rule {
        message: "no sysctls",
        expression: "object.spec.?securityContext.?sysctls.orValue([]).size() == 0",
        breaks: |pod| {
            pod["securityContext"]["sysctls"] = json!([{ "name": "kernel.shm_rmid_forced", "value": "1" }]);
        },
    },
    Rule {
        message: "not privileged",
        expression: "variables.containers.all(one, !one.?securityContext.?privileged.orValue(false))",
        breaks: |pod| {
            pod["containers"][0]["securityContext"] =
                json!({ "privileged": true, "capabilities": { "drop": ["ALL"] } });
        },
    },
    Rule {
        message: "all capabilities must be dropped",
        expression: "variables.containers.all(one, \
                     'ALL' in one.?securityContext.?capabilities.?drop.orValue([]))",
        breaks: |pod| pod["containers"][0]["securityContext"]["capabilities"]["drop"] = json!(["NET_RAW"]),
    },
    Rule {
        message: "no capability may be added",
        expression: "variables.containers.all(one, \
                     one.?securityContext.?capabilities.?add.orValue([]).size() == 0)",
        breaks: |pod| pod["containers"][0]["securityContext"]["capabilities"]["add"] = json!(["NET_RAW"]),
    },
    Rule {
        message: "processor and memory must be limited",
        expression: "variables.containers.all(one, ['cpu', 'memory'].all(what, \
                     what in one.?resources.?limits.orValue({})))",
        breaks: |pod| pod["containers"][0]["resources"] = json!({ "limits": { "memory": "64Mi" } }),
    },
    Rule {
        message: "not as root",
        expression: "object.spec.?securityContext.?runAsNonRoot.orValue(false) || \
                     variables.containers.all(one, one.?securityContext.?runAsNonRoot.orValue(false))",
        breaks: |pod| pod["securityContext"]["runAsNonRoot"] = json!(false),
    },
    Rule {
        message: "no port of the node",
        expression: "variables.containers.all(one, \
                     one.?ports.orValue([]).all(port, port.?hostPort.orValue(0) == 0))",
        breaks: |pod| {
            pod["containers"][0]["ports"] = json!([{ "containerPort": 8080, "hostPort": 18_080 }]);
        },
    },
    Rule {
        message: "no unmasked /proc",
        expression: "variables.containers.all(one, \
                     one.?securityContext.?procMount.orValue('Default') == 'Default')",
        breaks: |pod| {
            pod["hostUsers"] = json!(false);
            pod["containers"][0]["securityContext"]["procMount"] = json!("Unmasked");
        },
    },
];
